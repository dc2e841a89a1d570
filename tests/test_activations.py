"""What each activation computes, at the ends of its range too; initial weights."""

import numpy as np
import pytest
from _tools import DTYPES, FUNCTIONS, ORDERS, PROPERTY, laid_out
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose
from scipy.special import expit, ndtr

from sklearn_backprop import layers
from sklearn_backprop.layers.initialization import draw_parameters


def make(name):
    return getattr(layers, name)()


def softmax(z):
    powers = np.exp(z - z.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def exponential(z):
    with np.errstate(over="ignore"):
        return np.exp(z)


def elu(z, alpha=1.0):
    return np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0)))


# Klambauer et al. (2017), appendix A3.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
# What each activation computes, in float64; and what comes out for the row
# (-1e4, 0, 1e4), forward, and backward for dvalues (1, 2, 4).
REFERENCES = {
    "ELU": (elu, [-1, 0, 1e4], [0, 2, 4]),
    "Exponential": (exponential, [0, 1, np.inf], [0, 2, np.inf]),
    "GELU": (lambda z: z * ndtr(z), [0, 0, 1e4], [0, 1, 4]),
    "HardSigmoid": (lambda z: np.clip((z + 3) / 6, 0, 1), [0, 0.5, 1], [0, 1 / 3, 0]),
    "Identity": (lambda z: z, [-1e4, 0, 1e4], [1, 2, 4]),
    "LeakyReLU": (
        lambda z: np.where(z > 0, z, 0.01 * z),
        [-100, 0, 1e4],
        [0.01, 0.02, 4],
    ),
    "Logistic": (expit, [0, 0.5, 1], [0, 0.5, 0]),
    "Mish": (lambda z: z * np.tanh(np.logaddexp(0, z)), [0, 0, 1e4], [0, 1.2, 4]),
    "ReLU": (lambda z: np.where(z > 0, z, 0), [0, 0, 1e4], [0, 0, 4]),
    "SELU": (
        lambda z: SELU_SCALE * elu(z, SELU_ALPHA),
        [-SELU_SCALE * SELU_ALPHA, 0, SELU_SCALE * 1e4],
        [0, 2 * SELU_SCALE * SELU_ALPHA, 4 * SELU_SCALE],
    ),
    "SiLU": (lambda z: z * expit(z), [0, 0, 1e4], [0, 1, 4]),
    "Softplus": (lambda z: np.logaddexp(0, z), [0, np.log(2), 1e4], [0, 1, 4]),
    "Softmax": (softmax, [0, 0, 1], [0, 0, 0]),
    "Tanh": (np.tanh, [-1, 0, 1], [0, 2, 0]),
}

values = st.floats(-20, 20, width=32) | st.sampled_from([-1e4, 0.0, 1e4])


def test_every_activation_has_a_reference():
    assert set(REFERENCES) == set(FUNCTIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_extreme_inputs(name, dtype):
    _, output, dinputs = REFERENCES[name]
    layer, ends = make(name), np.array([[-1e4, 0, 1e4]], dtype)
    assert_allclose(layer.forward(ends), [output], rtol=1e-6)
    dvalues = np.array([[1, 2, 4]], dtype)
    assert_allclose(layer.backward(dvalues), [dinputs], rtol=1e-6)


@PROPERTY
@given(data=st.data())
@pytest.mark.parametrize("name", FUNCTIONS)
def test_any_activation_of_any_array(name, data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    array = data.draw(arrays(dtype, shape, elements=values))
    inputs = laid_out(array, data.draw(st.sampled_from(ORDERS)))
    inputs.flags.writeable = False

    layer = make(name)
    with np.errstate(under="ignore"):
        expected = REFERENCES[name][0](array.astype(np.float64))
    with np.errstate(over="ignore"):
        expected = expected.astype(dtype)
    output = layer.forward(inputs).copy()
    assert output.dtype == dtype
    assert_allclose(output, expected, rtol=128 * np.finfo(dtype).eps, atol=1e-30)
    # `output` lies in the order of the inputs, and sums over it may too.
    again = layer.forward(inputs, out=np.empty(shape, dtype))
    assert_allclose(again, output, rtol=64 * np.finfo(dtype).eps, atol=1e-30)

    dinputs = layer.backward(np.ones(shape, dtype))
    assert dinputs.shape == shape
    assert dinputs.dtype == dtype
    assert np.isfinite(dinputs[np.isfinite(output)]).all()


SCHEMES = {
    "ELU": "he",
    "Exponential": "glorot",
    "GELU": "he",
    "HardSigmoid": "glorot",
    "Identity": "glorot",
    "LeakyReLU": "he",
    "Logistic": "glorot",
    "Mish": "he",
    "ReLU": "glorot",
    "SELU": "lecun",
    "SiLU": "he",
    "Softmax": "glorot",
    "Softplus": "he",
    "Tanh": "glorot",
}
BOUNDS = {"glorot": (6 / 100) ** 0.5, "he": (6 / 30) ** 0.5, "lecun": (3 / 30) ** 0.5}


@pytest.mark.parametrize("asked", [None, "glorot", "he", "lecun"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_initial_weights_suit_the_activation(name, asked):
    assert set(SCHEMES) == set(FUNCTIONS)
    layer = getattr(layers, name)(init=asked)
    weights, biases = draw_parameters(np.random.default_rng(0), 30, 70, layer)
    scheme = asked or SCHEMES[name]
    bound = BOUNDS[scheme]
    if name == "Logistic" and scheme == "glorot":
        bound = (2 / 100) ** 0.5
    assert 0.99 * bound < np.abs(weights).max() <= bound
    assert bool(biases.any()) == (scheme == "glorot")
    single = draw_parameters(np.random.default_rng(0), 30, 70, layer, np.float32)
    assert {array.dtype for array in single} == {np.dtype(np.float32)}
