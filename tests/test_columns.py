"""The layers for tables, with several networks side by side."""

import copy

import numpy as np
import pytest
from _tools import assert_derivative, make, tolerance
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_backprop import layers, losses
from sklearn_backprop.layers import Dense, PiecewiseLinear, PlainColumns, ReLU, Tanh
from sklearn_backprop.layers.base import parameter_names
from sklearn_backprop.network import Network
from sklearn_backprop.optimizers import AdamW

K, N_ROWS, N_FEATURES = 3, 8, 4
WITHIN = tolerance(np.float64)


@pytest.mark.parametrize("rows", ["shared", "own"])
@pytest.mark.parametrize("parameters", ["shared", "own"])
@pytest.mark.parametrize("name", ["ColumnEmbedding", "Scale"])
def test_layers_of_tables_serve_several_networks(name, parameters, rows):
    if name == "ColumnEmbedding" and parameters == "own":
        parameters = "shared"  # Its networks share it.
    layer, rng = make(name, N_FEATURES), np.random.default_rng(3)
    if parameters == "own":
        layer.scales = rng.normal(size=(K, 1, N_FEATURES))
    front = (K,) if rows == "own" else ()
    inputs = rng.normal(size=(*front, N_ROWS, N_FEATURES))
    output = layer.forward(inputs)
    assert output.shape == layer.output_shape(inputs.shape)
    dvalues = rng.normal(size=output.shape)
    dinputs = layer.backward(dvalues)
    found = {p: getattr(layer, f"d{p}").copy() for p in parameter_names(layer)}
    sums = dict.fromkeys(found, 0.0) | {"inputs": 0.0}
    for i in range(K if output.ndim == 3 else 1):
        alone = copy.copy(layer)
        if parameters == "own":
            alone.scales = layer.scales[i]
        alone.move_to(
            **{p: getattr(alone, p) for p in found}
            | dict.fromkeys([f"d{p}" for p in found])
        )
        at = i if output.ndim == 3 else slice(None)
        one = inputs[i] if rows == "own" else inputs
        assert_allclose(output[at], alone.forward(one), **WITHIN)
        its_dinputs = alone.backward(dvalues[at])
        sums["inputs"] = sums["inputs"] + its_dinputs
        if dinputs.ndim == 3:
            assert_allclose(dinputs[i], its_dinputs, **WITHIN)
        for p in found:
            gradient = getattr(alone, f"d{p}")
            sums[p] = sums[p] + gradient
            if parameters == "own":
                assert_allclose(found[p][i], gradient, **WITHIN)
    if parameters == "shared":
        for p in found:
            assert_allclose(found[p], sums[p], **WITHIN)
    if dinputs.ndim == 2:
        assert_allclose(dinputs, sums["inputs"], **WITHIN)


def test_networks_that_share_all_but_scales_train_as_one():
    """As TabM has them: scales, biases and last layers are each network's own."""
    rng = np.random.default_rng(0)
    embedding = layers.ColumnEmbedding(2, N_FEATURES // 2, 3, random_state=0)
    scales = layers.Scale(rng.choice([-1.0, 1.0], size=(K, 1, 6)))
    hidden = Dense.from_arrays(rng.normal(size=(6, 5)), rng.normal(size=(K, 1, 5)))
    last = Dense.from_arrays(rng.normal(size=(K, 5, 3)), np.zeros((K, 1, 3)))
    stack = [embedding, ReLU(), scales, hidden, Tanh(), last]
    network = Network(stack, losses.SquaredError(), alpha=0.1).flatten()
    assert network.n_networks == K
    inputs = rng.normal(size=(N_ROWS, N_FEATURES))
    arguments = inputs, rng.normal(size=(N_ROWS, 3)), None
    before = network.loss_gradient(*arguments)
    assert before.shape == (K,)
    gradients, start = network.gradients.copy(), network.parameters.copy()

    def function(parameters):
        network.parameters[...] = parameters
        return network.loss_gradient(*arguments).sum()

    assert_derivative(function, start, gradients)
    network.parameters[...] = start
    optimizer = AdamW()
    state = optimizer.new_state(network.parameters)
    vectors = network.parameters, network.gradients
    update = optimizer._update_function(*vectors, state)
    for _ in range(50):
        network.loss_gradient(*arguments)
        update(0.01)
    assert (network.loss_gradient(*arguments) < before).all()
    taken = network.take(1)
    logits = network.forward(arguments[0])[1].copy()
    assert_allclose(taken.forward(arguments[0]), logits, **WITHIN)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_category_is_an_indicator_of_its_level(dtype):
    layer = PiecewiseLinear([[-1.0, 0.0, 2.0, 4.0]], n_levels=[2, 4])
    levels = np.array([[0, 3], [1, 0], [-1, 4], [2, 0.5]], dtype)
    inputs = np.hstack([np.zeros((4, 1), dtype), levels])
    out = np.full((4, 12), np.nan, dtype)
    groups = layer.forward(inputs, out).reshape(4, 3, 4)
    assert groups.dtype == dtype and np.shares_memory(groups, out)
    first, second = np.eye(4)[[0, 1]], np.eye(4)[[3, 0]]
    nothing = np.zeros((2, 4))
    assert_array_equal(groups[:, 1], [*first, *nothing])
    assert_array_equal(groups[:, 2], [*second, *nothing])
    assert not layer.backward(np.ones_like(out))[:, 1:].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_columns_lie_side_by_side(dtype):
    layer = PlainColumns(2, n_levels=[1, 3], limit=2.0)
    inputs = np.array([[-2.0, 1e18, 0.0, 2.0], [0.0, 4.0, -1.0, 3.0]], dtype)
    out = np.full((2, 6), np.nan, dtype)
    assert layer.forward(inputs, out) is out
    assert_allclose(out[:, :2], [[-(2**0.5), 2], [0, 4 / 5**0.5]], rtol=1e-6)
    assert_array_equal(out[:, 2:], [[1, 0, 0, 1], [0, 0, 0, 0]])
    slopes = layer.backward(np.ones_like(out))
    assert_allclose(slopes, [[0.5**1.5, 0, 0, 0], [1, 5**-1.5, 0, 0]], atol=1e-9)


@pytest.mark.parametrize("layer", [PlainColumns(1), PiecewiseLinear([[]], limit=3.0)])
def test_numbers_of_any_size_are_drawn_in(layer):
    inputs = np.array([[-np.inf], [-1e308], [0.0], [1e308]])
    assert_allclose(layer.forward(inputs), [[-3.0], [-3.0], [0.0], [3.0]])
    assert_allclose(layer.backward(np.ones((4, 1))), [[0], [0], [1], [0]], atol=1e-9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PlainColumns(0), "must be a column"),
        (lambda: PlainColumns(1, limit=0.0), "limit must be positive"),
        (lambda: PiecewiseLinear([]), "must be a column"),
        (lambda: PiecewiseLinear([[0, 1]], limit=np.nan), "limit must be positive"),
        (lambda: PlainColumns(1, [2]).forward(np.zeros((3, 5))), "must have 2 columns"),
        (lambda: PiecewiseLinear([[0, 1]]).forward(np.zeros((3, 2))), "have 1 columns"),
    ],
)
def test_columns_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
