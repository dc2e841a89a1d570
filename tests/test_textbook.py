"""The worked example of backpropagation by hand, digit for digit."""

import numpy as np
import pytest
from _tools import tolerance
from numpy.testing import assert_allclose

from sklearn_backprop.layers import Dense, ReLU, Softmax
from sklearn_backprop.losses import (
    CategoricalCrossentropy,
    SoftmaxCategoricalCrossentropy,
)
from sklearn_backprop.network import flatten
from sklearn_backprop.optimizers import SGD

WEIGHTS = np.array([[0.2, 0.8, -0.5, 1], [0.5, -0.91, 0.26, -0.5]]).T
WEIGHTS = np.column_stack([WEIGHTS, [-0.26, -0.27, 0.17, 0.87]])
BIASES = np.array([[2, 3, 0.5]])
INPUTS = np.array([[1, 2, 3, 2.5], [2, 5, -1, 2], [-1.5, 2.7, 3.3, -0.8]])

DRELU = [[4.8, 1.21, 2.385], [8.9, 0, 0.2], [1.41, 1.051, 0.026]]
DBIASES = [[15.11, 2.261, 2.611]]
STEPPED_WEIGHTS = [
    [0.179515, 0.5003665, -0.262746],
    [0.742093, -0.9152577, -0.2758402],
    [-0.510153, 0.2529017, 0.1629592],
    [0.971328, -0.5021842, 0.8636583],
]
STEPPED_BIASES = [[1.98489, 2.997739, 0.497389]]

PROBABILITIES = np.array([[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]])
LABELS = np.array([0, 1, 1])
ONE_HOT = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]])


def dense():
    return Dense.from_arrays(WEIGHTS.copy(), BIASES.copy())


def assert_digits(actual, expected):
    """Equal in every digit that is written down, of which none is the 13th."""
    assert np.shape(actual) == np.shape(expected)
    assert_allclose(actual, expected, **tolerance(np.float64))


def test_gradient_of_the_inputs_from_one_vector():
    layer = dense()
    layer.forward(INPUTS[:1])
    returned = layer.backward(np.array([[1.0, 1.0, 1.0]]))
    assert returned is layer.dinputs
    assert_digits(layer.dinputs, [[0.44, -0.38, -0.07, 1.37]])


def test_gradient_of_the_inputs_from_a_batch():
    layer = dense()
    layer.forward(INPUTS)
    layer.backward(np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 3]]))
    expected = [
        [0.44, -0.38, -0.07, 1.37],
        [0.88, -0.76, -0.14, 2.74],
        [1.32, -1.14, -0.21, 4.11],
    ]
    assert_digits(layer.dinputs, expected)


def test_gradients_of_the_parameters_from_a_batch():
    layer = dense()
    layer.forward(np.array([[1, 2, 3, 2.5], [2, 5, -1, 2], [-1.5, 2.7, 3.3, -0.8]]))
    layer.backward(np.array([[1.0, 1, 1], [2, 2, 2], [3, 3, 3]]))
    expected = [[0.5] * 3, [20.1] * 3, [10.9] * 3, [4.1] * 3]
    assert_digits(layer.dweights, expected)
    assert_digits(layer.dbiases, [[6, 6, 6]])


def test_relu_is_zero_at_zero_and_below():
    layer = ReLU()
    output = layer.forward(np.array([[1.0, 2, -3, -4], [2, -7, 0, 3]]))
    assert output is layer.output
    assert_digits(output, [[1, 2, 0, 0], [2, 0, 0, 3]])
    layer.backward(np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]))
    assert_digits(layer.dinputs, [[1, 2, 0, 0], [5, 0, 0, 8]])


def test_layer_with_relu_backward():
    layer, relu = dense(), ReLU()
    output = relu.forward(layer.forward(INPUTS))
    drelu = relu.backward(output)
    dinputs = layer.backward(drelu)
    assert_digits(drelu, DRELU)
    assert_digits(layer.dbiases, DBIASES)
    assert_digits(layer.dweights, INPUTS.T @ np.array(DRELU))
    assert_digits(dinputs, np.array(DRELU) @ WEIGHTS.T)


def test_one_step_with_an_optimizer_for_each_array():
    layer, relu = dense(), ReLU()
    layer.backward(relu.backward(relu.forward(layer.forward(INPUTS))))
    SGD(learning_rate=0.001).update(layer.weights, layer.dweights)
    SGD(learning_rate=0.001).update(layer.biases, layer.dbiases)
    assert_digits(layer.weights, STEPPED_WEIGHTS)
    assert_digits(layer.biases, STEPPED_BIASES)


def test_one_step_on_one_vector():
    layer, relu = dense(), ReLU()
    parameters, gradients = flatten([layer, relu])
    layer.backward(relu.backward(relu.forward(layer.forward(INPUTS))))
    SGD(learning_rate=0.001).update(parameters, gradients)
    assert_digits(layer.weights, STEPPED_WEIGHTS)
    assert_digits(layer.biases, STEPPED_BIASES)


def test_softmax_rows_sum_to_one():
    output = Softmax().forward(np.array([[1.0, 2, 3], [-2, 0, 2], [1000, 1000, 1000]]))
    assert_digits(output.sum(axis=1), [1, 1, 1])
    assert_digits(output[2], [1 / 3] * 3)
    assert_digits(output[1], np.exp([-2, 0, 2]) / np.exp([-2, 0, 2]).sum())


def test_softmax_backward_is_the_product_with_each_samples_jacobian():
    rng = np.random.default_rng(0)
    layer = Softmax()
    output = layer.forward(rng.normal(size=(6, 5)))
    dvalues = rng.normal(size=(6, 5))
    jacobians = [np.diag(s) - np.outer(s, s) for s in output]
    expected = [J @ d for J, d in zip(jacobians, dvalues, strict=True)]
    assert_digits(layer.backward(dvalues), expected)


@pytest.mark.parametrize("y_true", [LABELS, ONE_HOT], ids=["labels", "one-hot"])
def test_categorical_crossentropy(y_true):
    loss = CategoricalCrossentropy()
    sample_losses = -np.log([0.7, 0.5, 0.9])
    assert_digits(loss.forward(PROBABILITIES, y_true), sample_losses)
    assert_digits(loss.calculate(PROBABILITIES, y_true), sample_losses.mean())
    assert_allclose(loss.calculate(PROBABILITIES, y_true), 0.385061, atol=5e-7)

    returned = loss.backward(PROBABILITIES, y_true)
    assert returned is loss.dinputs
    assert_digits(loss.dinputs, -ONE_HOT / PROBABILITIES / 3)


@pytest.mark.parametrize("y_true", [LABELS, ONE_HOT], ids=["labels", "one-hot"])
def test_softmax_then_crossentropy_equals_the_fused_class(y_true):
    logits = np.random.default_rng(1).normal(scale=3, size=(3, 3))
    softmax, loss = Softmax(), CategoricalCrossentropy()
    fused = SoftmaxCategoricalCrossentropy()

    probabilities = softmax.forward(logits)
    chained = softmax.backward(loss.backward(probabilities, y_true))

    assert_digits(fused.forward(logits, y_true), loss.forward(probabilities, y_true))
    assert_digits(
        fused.calculate(logits, y_true), loss.calculate(probabilities, y_true)
    )
    assert_digits(fused.backward(logits, y_true), chained)
    assert_digits(chained, (probabilities - ONE_HOT) / 3)
