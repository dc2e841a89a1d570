"""The flat vectors, and the stack of layers under every loss and activation."""

import pickle
import tracemalloc
from copy import copy, deepcopy
from itertools import product

import numpy as np
import pytest
from _tools import (
    ACTIVATIONS,
    DTYPES,
    NumbersOfColumns,
    assert_derivative,
    frozen,
    tolerance,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array, csr_matrix

from sklearn_backprop import layers, losses
from sklearn_backprop.layers import Dense, ReLU, Softmax, Tanh
from sklearn_backprop.network import Network, dense_stack, flatten

N_FEATURES, N_SAMPLES = 5, 9


def reals(rng, n_outputs):
    return rng.normal(size=(N_SAMPLES, n_outputs))


def labels(rng, n_outputs):
    return rng.integers(n_outputs, size=N_SAMPLES)


def bits(rng, n_outputs):
    return rng.integers(2, size=(N_SAMPLES, n_outputs)).astype(float)


def counts(rng, n_outputs):
    return rng.poisson(2.0, size=(N_SAMPLES, n_outputs)).astype(float)


def sizes(rng, n_outputs):
    return rng.gamma(2.0, size=(N_SAMPLES, n_outputs)) + 0.1


# The targets of every loss, and the layers that have to end a network for it.
LOSSES = {
    "AbsoluteError": (reals, []),
    "BinaryCrossentropy": (bits, []),
    "CategoricalCrossentropy": (labels, [Softmax]),
    "Focal": (labels, []),
    "Gamma": (sizes, []),
    "Huber": (reals, []),
    "LogLoss": (labels, []),
    "Poisson": (counts, []),
    "Quantile": (reals, []),
    "SoftmaxCategoricalCrossentropy": (labels, []),
    "SquaredError": (reals, []),
}


def make(
    hidden=(7, 4),
    activation=Tanh,
    loss="SquaredError",
    n_outputs=3,
    *,
    dtype=np.float64,
    alpha=0.1,
    l1=0.0,
):
    """A flat network with random parameters, the same ones for the same arguments."""
    rng = np.random.RandomState(1)
    sizes = [N_FEATURES, *hidden, n_outputs]
    stack = []
    for fan_in, fan_out in zip(sizes, sizes[1:], strict=False):
        stack += [Dense(fan_in, fan_out, random_state=rng, dtype=dtype), activation()]
    stack[-1:] = [layer() for layer in LOSSES[loss][1]]
    network = Network(stack, getattr(losses, loss)(), alpha, l1).flatten()
    network.parameters *= 0.5  # Exponentials of exponentials stay in range.
    network.draw_from(NumbersOfColumns())
    return network


def data(loss="SquaredError", n_outputs=3, dtype=np.float64):
    """Inputs, targets and sample weights."""
    rng = np.random.default_rng(8)
    inputs = rng.normal(size=(N_SAMPLES, N_FEATURES)).astype(dtype)
    targets = LOSSES[loss][0](rng, n_outputs)
    if targets.dtype == float:
        targets = targets.astype(dtype)
    return inputs, targets, rng.uniform(0.5, 3, size=N_SAMPLES).astype(dtype)


def evaluate(network, *arguments):
    """Loss and a copy of the gradients."""
    return network.loss_gradient(*arguments), network.gradients.copy()


def test_every_loss_is_in_the_table():
    assert set(LOSSES) == set(losses.__all__) - {"Loss"}


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("activation", "hidden"),
    [("Identity", ()), *product(ACTIVATIONS, [(7,), (6, 5)])],
    ids=str,
)
def test_gradients_are_derivatives(activation, hidden, loss, n_outputs, weighted):
    network = make(hidden, getattr(layers, activation), loss, n_outputs)
    inputs, targets, sample_weight = data(loss, n_outputs)
    arguments = inputs, targets, sample_weight if weighted else None
    value, gradients = evaluate(network, *arguments)
    assert type(value) is float

    def function(parameters):
        network.parameters[...] = parameters
        return network.loss_gradient(*arguments)

    assert_derivative(function, network.parameters.copy(), gradients)


@pytest.mark.parametrize("l1", [0.0, 0.5])
@pytest.mark.parametrize("alpha", [0.0, 2.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_is_the_mean_loss_plus_the_penalty_on_weights(alpha, l1, weighted):
    inputs, targets, sample_weight = data()
    sample_weight = sample_weight if weighted else None
    network = make(alpha=alpha, l1=l1)
    n_samples = sample_weight.sum() if weighted else N_SAMPLES
    penalty = alpha / (2 * n_samples) * sum(np.sum(w**2) for w in network.coefs)
    penalty += l1 / n_samples * sum(np.sum(np.abs(w)) for w in network.coefs)
    mean = network.loss.calculate(network.forward(inputs), targets, sample_weight)
    arguments = inputs, targets, sample_weight
    value, gradients = evaluate(network, *arguments)
    assert_allclose(value, mean + penalty, **tolerance(np.float64))

    def function(parameters):
        network.parameters[...] = parameters
        return network.loss_gradient(*arguments)

    assert_derivative(function, network.parameters.copy(), gradients)


def test_the_gradient_of_sizes_at_zero_is_the_smallest():
    inputs, targets, _ = data()
    strength = 0.5 / N_SAMPLES
    network, plain = make(l1=0.5), make()
    for each in (network, plain):
        for weights in each.coefs:
            weights[::2] = 0.0
    _, slopes = evaluate(plain, inputs, targets)
    _, gradients = evaluate(network, inputs, targets)
    n_weights = sum(weights.size for weights in plain.coefs)
    at_zero = plain.parameters[:n_weights] == 0.0
    slopes, gradients = slopes[:n_weights], gradients[:n_weights]
    smallest = np.sign(slopes) * np.maximum(np.abs(slopes) - strength, 0.0)
    assert_allclose(gradients[at_zero], smallest[at_zero], atol=1e-15)
    assert (smallest[at_zero] == 0.0).any() and smallest[at_zero].any()


def test_a_projected_step_sets_to_zero_what_would_change_its_sign():
    network = make(l1=0.5)
    n_weights = sum(weights.size for weights in network.coefs)
    rng = np.random.default_rng(0)
    start = rng.integers(-1, 2, network.parameters.size).astype(float)
    slopes = rng.integers(-1, 2, start.size).astype(float)
    step = rng.choice([-3.0, -0.5, 0.5, 3.0], start.size)

    def update(rate):
        network.parameters += rate * step

    network.parameters[...], network.gradients[...] = start, slopes
    network.projected(update)(1.0)
    moved = start + step
    side = np.where(start == 0.0, -np.sign(slopes), np.sign(start))
    expected = np.where(np.sign(moved) == side, moved, 0.0)
    assert_array_equal(network.parameters[:n_weights], expected[:n_weights])
    assert_array_equal(network.parameters[n_weights:], moved[n_weights:])
    assert make().projected(update) is update


def test_flatten_makes_views_of_two_vectors():
    stack = [Dense(2, 3, random_state=0), ReLU(), Dense(3, 4, random_state=1)]
    first, _, second = stack
    arrays = [first.weights, second.weights, first.biases, second.biases]
    expected = np.concatenate([array.ravel() for array in arrays])
    parameters, gradients = flatten(stack)
    assert_array_equal(parameters, expected)
    assert_array_equal(gradients, np.zeros_like(parameters))
    assert first.biases.shape == (1, 3)

    parameters[...] = np.arange(len(parameters))
    assert_array_equal(first.weights, [[0, 1, 2], [3, 4, 5]])
    assert_array_equal(second.weights.ravel(), np.arange(6, 18))
    assert_array_equal(first.biases, [[18, 19, 20]])
    assert_array_equal(second.biases, [[21, 22, 23, 24]])

    first.forward(np.ones((1, 2)))
    second.forward(first.output)
    first.backward(second.backward(np.ones((1, 4))))
    assert_array_equal(gradients[6:18].reshape(3, 4), second.dweights)
    assert_array_equal(gradients[:6].reshape(2, 3), first.dweights)
    assert_array_equal(gradients[18:], [*first.dbiases[0], *second.dbiases[0]])
    assert all(
        np.shares_memory(array, vector)
        for layer in (first, second)
        for array, vector in [
            (layer.weights, parameters),
            (layer.biases, parameters),
            (layer.dweights, gradients),
            (layer.dbiases, gradients),
        ]
    )


def test_coefs_and_intercepts_are_the_shapes_of_the_estimators():
    network = make((7, 4))
    assert [w.shape for w in network.coefs] == [(5, 7), (7, 4), (4, 3)]
    assert [b.shape for b in network.intercepts] == [(7,), (4,), (3,)]
    network.parameters[...] = 5.0
    assert all((array == 5.0).all() for array in network.coefs + network.intercepts)


def test_dense_stack_views_the_arrays():
    network = make((7, 4))
    stack = dense_stack(network.coefs, network.intercepts, Tanh)
    assert [type(layer) for layer in stack] == [Dense, Tanh, Dense, Tanh, Dense]
    inputs = data()[0]
    assert_array_equal(Network(stack).forward(inputs), network.forward(inputs))
    network.parameters[...] = 0.0
    assert not Network(stack).forward(inputs).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_forward_and_backward_equal_layers_chained_by_hand(activation, dtype):
    network = make(activation=getattr(layers, activation), alpha=0.0, dtype=dtype)
    inputs, targets, _ = data(dtype=dtype)
    logits = network.forward(inputs).copy()
    _, gradients = evaluate(network, inputs, targets)
    assert gradients.dtype == dtype

    chain = make(activation=getattr(layers, activation), dtype=dtype)
    values = inputs
    for layer in chain.layers:
        values = layer.forward(values)
    dvalues = chain.loss.backward(values, targets)
    for layer in reversed(chain.layers):
        dvalues = layer.backward(dvalues)
    assert_allclose(logits, values, **tolerance(dtype))
    assert_allclose(gradients, chain.gradients, **tolerance(dtype))


def test_activations_may_follow_one_another():
    inputs, targets, _ = data()
    dense = make((5,)).dense
    loss = make().loss

    def stack():
        return [dense[0], layers.Logistic(), layers.Tanh(), layers.ReLU(), dense[1]]

    network = Network(stack(), loss).flatten()
    _, gradients = evaluate(network, inputs, targets)
    values, chain = inputs, stack()
    for layer in chain:
        values = layer.forward(values)
    dvalues = loss.backward(values, targets)
    network.gradients[...] = 0.0
    for layer in reversed(chain):
        dvalues = layer.backward(dvalues)
    assert_allclose(gradients, network.gradients, **tolerance(np.float64))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [csr_matrix, csr_array])
@pytest.mark.parametrize("hidden", [(), (7, 4)])
def test_sparse_inputs_equal_dense_ones(sparse, hidden, dtype):
    inputs, targets, sample_weight = data(dtype=dtype)
    inputs[np.abs(inputs) < 0.7] = 0.0
    value, gradients = evaluate(make(hidden, dtype=dtype), inputs, targets)
    network = make(hidden, dtype=dtype)
    found = evaluate(network, sparse(inputs), targets)
    assert_allclose(found[0], value, **tolerance(dtype))
    assert_allclose(found[1], gradients, **tolerance(dtype))
    assert found[1].dtype == dtype


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_batches_of_changing_size_equal_fresh_networks(activation, loss):
    activation = getattr(layers, activation)
    network = make(activation=activation, loss=loss)
    arguments = data(loss)
    for n_samples in (6, 2, 9, 1, 6):
        batch = [array[:n_samples] for array in arguments]
        value, gradients = evaluate(network, *batch)
        fresh = evaluate(make(activation=activation, loss=loss), *batch)
        assert_allclose(value, fresh[0], **tolerance(np.float64))
        assert_allclose(gradients, fresh[1], **tolerance(np.float64))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_arguments_are_never_written(activation, loss):
    arguments = data(loss)
    activation = getattr(layers, activation)
    expected = evaluate(make(activation=activation, loss=loss), *arguments)
    network = make(activation=activation, loss=loss)
    before = network.parameters.copy()
    found = evaluate(network, *map(frozen, arguments))
    assert found[0] == expected[0]
    assert_array_equal(found[1], expected[1])
    assert_array_equal(network.parameters, before)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_later_batches_allocate_next_to_nothing(activation, loss):
    """Some arrays of the size of the targets, and the buffers of NumPy's casts."""
    n_samples, hidden = 500, (300, 200)
    network = make(hidden, getattr(layers, activation), loss, n_outputs=2)
    inputs, targets, sample_weight = data(loss, 2)
    rows = np.arange(n_samples) % N_SAMPLES
    batch = inputs[rows], targets[rows], sample_weight[rows]
    network.loss_gradient(*batch)
    tracemalloc.start()
    for n_rows in (n_samples, n_samples // 2, n_samples):
        network.loss_gradient(*[array[:n_rows] for array in batch])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    activations = n_samples * sum(hidden) * inputs.itemsize
    assert peak < activations / 10


@pytest.mark.parametrize(
    "copied", [deepcopy, lambda network: pickle.loads(pickle.dumps(network))]
)
def test_a_copy_lives_in_vectors_of_its_own(copied):
    network, arguments = make(), data()
    expected = evaluate(network, *arguments)
    twin = copied(network)
    assert_array_equal(twin.gradients, network.gradients)
    found = evaluate(twin, *arguments)
    assert found[0] == expected[0]
    assert_array_equal(found[1], expected[1])
    twin.parameters[...] = 0.0
    assert not twin.forward(arguments[0]).any()
    assert evaluate(network, *arguments)[0] == expected[0]


def test_another_loss_takes_effect():
    network, (inputs, targets, _) = make(), data()
    network.loss_gradient(inputs, targets)
    network.loss = losses.SquaredError(gradient_scale=3.0)
    _, found = evaluate(network, inputs, targets)
    fresh = make()
    fresh.loss = network.loss
    assert_array_equal(found, evaluate(fresh, inputs, targets)[1])


def test_other_arrays_of_a_layer_take_effect():
    network, (inputs, *_) = make(), data()
    network.forward(inputs)
    layer = network.dense[1]
    layer.weights, layer.biases = layer.weights + 1.0, layer.biases - 1.0
    # Logits are in columns in the one and in rows in the other: two ways to add.
    expected = network.forward_once(inputs)
    assert_allclose(network.forward(inputs), expected, **tolerance(np.float64))


def test_a_shallow_copy_shares_the_layers():
    network, arguments = make(), data()
    expected = evaluate(network, *arguments)
    twin = copy(network)
    assert evaluate(twin, *arguments)[0] == expected[0]
    twin.parameters[...] = 0.0
    assert not network.forward(arguments[0]).any()


def test_the_first_layers_dinputs_is_never_computed():
    network = make()
    network.loss_gradient(*data())
    assert not hasattr(network.layers[0], "dinputs")
    assert hasattr(network.layers[2], "dinputs")


@pytest.mark.parametrize("stack", [[], [ReLU()]])
def test_a_network_has_a_dense_layer(stack):
    with pytest.raises(ValueError, match="must have a Dense layer"):
        Network(stack)


@pytest.mark.parametrize(
    "leading",
    [ReLU(), layers.PiecewiseLinear([[-1, 0, 1]] * 2), layers.PlainColumns(1, [3])],
)
def test_layers_before_the_first_with_parameters_prepare_the_inputs(leading):
    rng = np.random.default_rng(0)
    inputs, targets = rng.normal(size=(7, 2)), rng.normal(size=(7, 1))
    prepared = leading.forward(inputs).copy()
    stack = [Dense(prepared.shape[1], 3, random_state=0), ReLU(), Dense(3, 1)]
    whole = Network([leading, *stack], losses.SquaredError(), alpha=0.1).flatten()
    loss = whole.loss_gradient(inputs, targets)
    gradients = whole.gradients.copy()
    assert not hasattr(leading, "dinputs")
    rest = Network(stack, losses.SquaredError(), alpha=0.1).flatten()
    assert loss == rest.loss_gradient(prepared, targets)
    assert_array_equal(gradients, rest.gradients)


@pytest.mark.parametrize("loss", [None, losses.SquaredError()])
def test_a_gradient_needs_a_loss_and_flat_vectors(loss):
    network = Network([layers.Dense(2, 1)], loss)
    if loss is None:
        network.flatten()
    with pytest.raises(ValueError, match="loss_gradient needs a loss"):
        network.loss_gradient(np.ones((3, 2)), np.ones((3, 1)))
