"""The contract of every layer in the module."""

from itertools import product

import numpy as np
import pytest
from _tools import (
    ACTIVATIONS,
    DTYPES,
    ORDERS,
    PARAMETRIC,
    PROPERTY,
    assert_derivative,
    frozen,
    laid_out,
    make,
    tolerance,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import block_diag
from scipy.sparse import csc_matrix, csr_array, csr_matrix

from sklearn_backprop import layers
from sklearn_backprop.layers import (
    ColumnEmbedding,
    Dense,
    Dropout,
    glorot_uniform,
)
from sklearn_backprop.layers.base import (
    backward_function,
    forward_function,
    output_shape,
    parameter_names,
    parameters_function,
)
from sklearn_backprop.network import Network

NAMES = layers.__all__
N_INPUTS, N_NEURONS = 4, 3


values = st.floats(-20, 20, width=32) | st.sampled_from([-1e4, 0.0, 1e4])


def problem(name, dtype=np.float64, n_samples=6):
    """A layer, inputs and the gradient with respect to its output."""
    rng = np.random.default_rng(3)
    layer = make(name, N_INPUTS, N_NEURONS, dtype)
    n_outputs = output_shape(layer, (n_samples, N_INPUTS))[-1]
    inputs = rng.normal(scale=2, size=(n_samples, N_INPUTS)).astype(dtype)
    dvalues = rng.normal(size=(n_samples, n_outputs)).astype(dtype)
    return layer, inputs, dvalues


def results(layer, inputs, dvalues):
    """Everything one pass forward and backward computes, by name."""
    layer.forward(inputs)
    layer.backward(dvalues)
    found = {"output": layer.output, "dinputs": layer.dinputs}
    found |= {f"d{p}": getattr(layer, f"d{p}") for p in parameter_names(layer)}
    return {name: array.copy() for name, array in found.items()}


def assert_same(actual, expected, **within):
    assert actual.keys() == expected.keys()
    for name, array in actual.items():
        assert_allclose(array, expected[name], err_msg=name, **within)


@pytest.mark.parametrize("name", NAMES)
def test_dinputs_is_the_derivative(name):
    layer, inputs, dvalues = problem(name)
    dinputs = results(layer, inputs, dvalues)["dinputs"]
    assert_derivative(lambda x: np.sum(layer.forward(x) * dvalues), inputs, dinputs)


@pytest.mark.parametrize("name", PARAMETRIC)
def test_parameter_gradients_are_derivatives(name):
    layer, inputs, dvalues = problem(name)
    found = results(layer, inputs, dvalues)
    for parameter in parameter_names(layer):
        start = getattr(layer, parameter).copy()
        assert found[f"d{parameter}"].shape == start.shape

        def function(point, parameter=parameter):
            setattr(layer, parameter, point)
            return np.sum(layer.forward(inputs) * dvalues)

        assert_derivative(function, start, found[f"d{parameter}"])
        setattr(layer, parameter, start)


@pytest.mark.parametrize("name", NAMES)
def test_out_equals_allocated(name):
    layer, inputs, dvalues = problem(name)
    expected = results(make(name), inputs, dvalues)
    output, dinputs = np.full_like(dvalues, np.nan), np.full_like(inputs, np.nan)
    assert layer.forward(inputs, out=output) is layer.output is output
    assert_array_equal(output, expected["output"])
    assert layer.backward(dvalues, out=dinputs) is layer.dinputs is dinputs
    assert_array_equal(dinputs, expected["dinputs"])


@pytest.mark.parametrize("name", NAMES)
def test_functions_for_given_memory_serve_again_and_again(name):
    layer, inputs, dvalues = problem(name)
    output, dinputs = np.empty_like(dvalues), np.empty_like(inputs)
    forward = forward_function(layer, output)
    backward = backward_function(layer, dinputs, output)
    for factor in (1.0, -2.0, 0.5):
        expected = results(make(name), factor * inputs, factor * dvalues)
        assert forward(factor * inputs) is layer.output is output
        assert_array_equal(output, expected.pop("output"))
        assert backward(factor * dvalues) is layer.dinputs is dinputs
        assert_same({key: getattr(layer, key) for key in expected}, expected, rtol=0)


@pytest.mark.parametrize("name", PARAMETRIC)
def test_the_function_of_a_first_layer_serves_batches_of_any_length(name):
    layer, inputs, dvalues = problem(name)
    backward_parameters = parameters_function(layer)
    for n_rows in (6, 2, 6):
        expected = results(make(name), inputs[:n_rows], dvalues[:n_rows])
        layer.forward(inputs[:n_rows])
        backward_parameters(dvalues[:n_rows])
        found = {f"d{p}": getattr(layer, f"d{p}") for p in parameter_names(layer)}
        assert_same(found, {key: expected[key] for key in found}, rtol=0)


@pytest.mark.parametrize("order", [None, *ORDERS])
@pytest.mark.parametrize("dtypes", list(product(DTYPES, repeat=3)))
def test_dinputs_of_one_neuron_go_wherever_they_shall(dtypes, order):
    of_weights, of_dvalues, of_out = dtypes
    layer = Dense(N_INPUTS, 1, random_state=0, dtype=of_weights)
    dvalues = np.arange(5.0)[:, np.newaxis].astype(of_dvalues)
    expected = dvalues * layer.weights.T
    out = None
    if order is not None:
        out = laid_out(np.zeros(expected.shape, of_out), order)
    dinputs = layer.backward_inputs(dvalues, out)
    assert out is None or dinputs is out
    assert_allclose(dinputs, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "out",
    [
        np.frombuffer(bytearray(161), np.float64, 20, offset=1).reshape(5, 4),
        np.empty((5, 4), np.dtype(np.float64).newbyteorder()),
    ],
    ids=["unaligned", "foreign"],
)
def test_dinputs_of_one_neuron_go_where_np_dot_would_not_write(out):
    layer = Dense(N_INPUTS, 1, random_state=0)
    assert layer.backward_inputs(np.ones((5, 1)), out) is out
    assert_array_equal(out, np.tile(layer.weights.T, (5, 1)))


@pytest.mark.parametrize("n_columns", [2, 3])
def test_one_neuron_takes_one_column_of_dvalues(n_columns):
    layer = Dense(N_INPUTS, 1, random_state=0)
    layer.forward(np.ones((5, N_INPUTS)))
    with pytest.raises(ValueError, match="matmul"):
        layer.backward_inputs(np.ones((5, n_columns)))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_scratch_may_be_the_output(name):
    layer, inputs, dvalues = problem(name)
    expected = results(make(name), inputs, dvalues)["dinputs"]
    layer.forward(inputs)
    assert_array_equal(layer.backward(dvalues, scratch=layer.output), expected)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_twice_is_backward_once(name):
    layer, inputs, dvalues = problem(name)
    Network([Dense(N_INPUTS, N_INPUTS), layer])  # Has no bearing on use by hand.
    output = layer.forward(inputs).copy()
    first = layer.backward(dvalues).copy()
    assert_array_equal(layer.output, output)
    assert_array_equal(layer.backward(dvalues), first)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_in_place_equals_allocated(name, dtype):
    layer, inputs, dvalues = problem(name, dtype)
    expected = results(make(name), inputs, dvalues)
    assert layer.forward(inputs, out=inputs) is inputs
    assert_array_equal(inputs, expected["output"])
    assert layer.backward(dvalues, out=dvalues) is dvalues
    assert_array_equal(dvalues, expected["dinputs"])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_its_rows(name):
    layer, inputs, dvalues = problem(name)
    batch = results(layer, inputs, dvalues)
    pairs = zip(inputs[:, np.newaxis], dvalues[:, np.newaxis], strict=True)
    rows = [results(layer, *pair) for pair in pairs]
    stacked = {
        key: sum(row[key] for row in rows)
        if key.removeprefix("d") in parameter_names(layer)
        else np.vstack([row[key] for row in rows])
        for key in batch
    }
    assert_same(stacked, batch, **tolerance(np.float64))


@pytest.mark.parametrize("name", NAMES)
def test_a_used_layer_equals_a_fresh_one(name):
    layer, inputs, dvalues = problem(name)
    for n_samples in (6, 2, 5, 1, 6):
        pair = inputs[:n_samples], dvalues[:n_samples]
        assert_same(results(layer, *pair), results(make(name), *pair), rtol=0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_used_layer_takes_another_width_and_dtype(name):
    layer, inputs, dvalues = problem(name)
    single, double = DTYPES
    for width, dtype in [(4, single), (4, double), (2, double), (3, double)]:
        pair = [array[:, :width].astype(dtype) for array in (inputs, dvalues)]
        found = results(layer, *pair)
        assert_same(found, results(make(name), *pair), rtol=0)
        assert {array.dtype for array in found.values()} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", NAMES)
def test_float32_stays_float32(name):
    single = results(*problem(name, np.float32))
    assert {array.dtype for array in single.values()} == {np.dtype(np.float32)}
    assert_same(single, results(*problem(name)), **tolerance(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_never_written(name):
    layer, inputs, dvalues = problem(name)
    expected = results(make(name), inputs, dvalues)
    for parameter in parameter_names(layer):
        setattr(layer, parameter, frozen(getattr(layer, parameter)))
    assert_same(results(layer, frozen(inputs), frozen(dvalues)), expected, rtol=0)
    layer.forward(frozen(inputs), out=np.empty_like(dvalues))
    layer.backward(frozen(dvalues), out=np.empty_like(inputs))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", NAMES)
def test_memory_order_changes_nothing(name, order):
    layer, inputs, dvalues = problem(name)
    expected = results(layer, inputs, dvalues)
    laid = laid_out(inputs, order), laid_out(dvalues, order)
    assert_same(results(layer, *laid), expected, **tolerance(np.float64))
    output, dinputs = np.empty_like(laid[1]), np.empty_like(laid[0])
    layer.forward(laid[0], out=output)
    layer.backward(laid[1], out=dinputs)
    assert_allclose(output, expected["output"], **tolerance(np.float64))
    assert_allclose(dinputs, expected["dinputs"], **tolerance(np.float64))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_side_by_side_on_a_leading_axis(name):
    rng = np.random.default_rng(5)
    inputs, dvalues = rng.normal(size=(2, 3, 6, 4))
    found = results(make(name), inputs, dvalues)
    for i, pair in enumerate(zip(inputs, dvalues, strict=True)):
        single = results(make(name), *pair)
        side = {key: found[key][i] for key in found}
        assert_same(side, single, **tolerance(np.float64))


@PROPERTY
@given(data=st.data())
def test_dense_of_any_arrays(data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    n_samples, n_inputs, n_neurons = data.draw(st.tuples(*[st.integers(1, 5)] * 3))

    def draw(*shape):
        array = data.draw(arrays(dtype, shape, elements=values))
        return laid_out(array, data.draw(st.sampled_from(ORDERS)))

    inputs, dvalues = draw(n_samples, n_inputs), draw(n_samples, n_neurons)
    weights, biases = draw(n_inputs, n_neurons), draw(1, n_neurons)
    found = results(Dense.from_arrays(weights, biases), inputs, dvalues)
    expected = {
        "output": np.einsum("si,in->sn", inputs, weights, dtype=float) + biases,
        "dinputs": np.einsum("sn,in->si", dvalues, weights, dtype=float),
        "dweights": np.einsum("si,sn->in", inputs, dvalues, dtype=float),
        "dbiases": dvalues.sum(axis=0, keepdims=True, dtype=float),
    }
    assert {array.dtype for array in found.values()} == {dtype}
    # A sum of up to five products of numbers up to 1e4 is exact to so much.
    assert_same(found, expected, rtol=0, atol=5e8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sparse", [csr_matrix, csr_array, csc_matrix])
def test_dense_takes_sparse_inputs(sparse, dtype):
    layer, inputs, dvalues = problem("Dense", dtype)
    inputs[np.abs(inputs) < 1.5] = 0.0
    expected = results(layer, inputs, dvalues)
    found = results(layer, sparse(inputs), dvalues)
    assert_same(found, expected, **tolerance(dtype))
    assert {array.dtype for array in found.values()} == {np.dtype(dtype)}
    assert {type(array) for array in found.values()} == {np.ndarray}

    output = np.full_like(dvalues, np.nan)
    assert layer.forward(sparse(inputs), out=output) is output
    assert_allclose(output, expected["output"], **tolerance(dtype))


@pytest.mark.parametrize("name", PARAMETRIC)
def test_a_layer_moved_to_given_memory_lives_there(name):
    layer, inputs, dvalues = problem(name)
    expected = results(layer, inputs, dvalues)
    arrays = {p: getattr(layer, p).copy() for p in parameter_names(layer)}
    arrays |= {f"d{p}": np.full_like(a, np.nan) for p, a in arrays.items()}
    layer.move_to(**arrays)
    assert_same(results(layer, inputs, dvalues), expected, rtol=0)
    for key, array in arrays.items():
        assert getattr(layer, key) is array
    arrays[parameter_names(layer)[0]] += 1.0
    assert not np.allclose(layer.forward(inputs), expected["output"])


@pytest.mark.parametrize("name", ["ColumnEmbedding", "Scale"])
def test_columns_and_scales_are_dense_layers_with_many_zeros(name):
    layer, inputs, dvalues = problem(name)
    if name == "Scale":
        weights, biases = np.diag(layer.scales[0]), np.zeros(N_INPUTS)
    else:
        weights = block_diag(*layer.weights.reshape(2, 2, 3))
        biases = layer.biases
    expected = results(Dense.from_arrays(weights, biases), inputs, dvalues)
    found = results(layer, inputs, dvalues)
    for key in ("output", "dinputs"):
        assert_allclose(found[key], expected[key], **tolerance(np.float64))
    full = expected["dweights"]
    if name == "Scale":
        assert_allclose(found["dscales"][0], np.diag(full), **tolerance(np.float64))
    else:
        blocks = np.concatenate([full[:2, :3], full[2:, 3:]])
        assert_allclose(found["dweights"], blocks, **tolerance(np.float64))


@pytest.mark.parametrize("sizes", [(0, 2, 2), (2, 0, 2), (2, 2, 0)])
def test_an_embedding_needs_columns_components_and_outputs(sizes):
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        ColumnEmbedding(*sizes)


def test_dense_layers_side_by_side_on_a_leading_axis():
    rng = np.random.default_rng(5)
    parameters = [rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 1, 3))]
    inputs, dvalues = rng.normal(size=(2, 6, 4)), rng.normal(size=(2, 6, 3))
    layer = make("Dense")
    layer.move_to(*parameters, *map(np.empty_like, parameters))
    found = results(layer, inputs, dvalues)
    for i in range(2):
        single = Dense.from_arrays(*[array[i] for array in parameters])
        expected = results(single, inputs[i], dvalues[i])
        side = {key: found[key][i] for key in found}
        assert_same(side, expected, **tolerance(np.float64))


def test_dense_from_arrays_is_a_view():
    weights, biases = np.zeros((2, 3)), np.zeros(3)
    layer = Dense.from_arrays(weights, biases)
    weights += 1.0
    biases += 2.0
    assert_array_equal(layer.forward(np.ones((1, 2))), [[4, 4, 4]])
    assert layer.biases.shape == (1, 3)


def test_dense_backward_in_two_halves():
    layer, inputs, dvalues = problem("Dense")
    expected = results(layer, inputs, dvalues)
    fresh = make("Dense")
    fresh.forward(inputs)
    fresh.backward_parameters(dvalues)
    assert_array_equal(fresh.dweights, expected["dweights"])
    assert_array_equal(fresh.dbiases, expected["dbiases"])
    assert_array_equal(fresh.backward_inputs(dvalues), expected["dinputs"])


def test_dense_of_one_neuron():
    layer = Dense(4, 1, random_state=0)
    inputs, dvalues = np.random.default_rng(0).normal(size=(2, 6, 4))
    dvalues = dvalues[:, :1]
    found = results(layer, inputs, dvalues)
    expected = {"dinputs": dvalues @ layer.weights.T, "dweights": inputs.T @ dvalues}
    found = {name: found[name] for name in expected}
    assert_same(found, expected, **tolerance(np.float64))


@pytest.mark.parametrize("as_inputs", [np.asarray, csr_matrix])
def test_dense_refuses_another_number_of_columns(as_inputs):
    with pytest.raises(ValueError, match="mismatch"):
        make("Dense").forward(as_inputs(np.ones((2, N_INPUTS + 1))))


@pytest.mark.parametrize("factor", [2.0, 6.0])
def test_glorot_uniform_fills_its_range(factor):
    weights, biases = glorot_uniform(np.random.default_rng(0), 30, 70, factor)
    bound = (factor / 100) ** 0.5
    assert weights.shape == (30, 70)
    assert biases.shape == (70,)
    assert 0.99 * bound < np.abs(weights).max() <= bound
    assert 0.9 * bound < np.abs(biases).max() <= bound
    assert abs(weights.mean()) < 0.05 * bound


@pytest.mark.parametrize("dtype", DTYPES)
def test_dense_draws_weights_then_biases(dtype):
    rng = np.random.RandomState(4)
    bound = (6 / (N_INPUTS + N_NEURONS)) ** 0.5
    weights = rng.uniform(-bound, bound, (N_INPUTS, N_NEURONS)).astype(dtype)
    biases = rng.uniform(-bound, bound, N_NEURONS).astype(dtype)
    for seed in (4, np.random.RandomState(4)):
        layer = Dense(N_INPUTS, N_NEURONS, random_state=seed, dtype=dtype)
        assert_array_equal(layer.weights, weights, strict=True)
        assert_array_equal(layer.biases, biases[np.newaxis], strict=True)


@pytest.mark.parametrize("sizes", [(0, 2), (2, 0), (-1, 2)])
def test_dense_needs_inputs_and_neurons(sizes):
    with pytest.raises(ValueError, match="must be at least 1, got"):
        layers.Dense(*sizes)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_leaves_out_a_share_and_keeps_the_mean(rate):
    inputs = np.random.default_rng(0).normal(size=(2000, 50)) + 3.0
    layer = Dropout(rate, random_state=1)
    first = layer.forward(inputs).copy()
    assert abs((first == 0.0).mean() - rate) < 0.005
    assert_allclose(first[first != 0.0], inputs[first != 0.0] / (1.0 - rate))
    assert abs(first.mean() / inputs.mean() - 1.0) < 0.02
    assert_array_equal(layer.backward(inputs), first)
    assert (layer.forward(inputs) != first).any() == (rate > 0.0)
    assert_array_equal(Dropout(rate, random_state=1).forward(inputs), first)


def test_an_impossible_rate_is_named_at_the_first_pass():
    with pytest.raises(ValueError, match=r"rate must be in \[0, 1\), got 1.0"):
        Dropout(1.0).forward(np.ones((2, 2)))
