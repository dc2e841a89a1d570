"""`check_gradient`: it passes what is right, and finds what is wrong."""

import copy
import re

import numpy as np
import pytest
from _tools import frozen, make, tolerance
from conftest import differences
from numpy.testing import assert_allclose

from sklearn_backprop import check_gradient, layers, losses
from sklearn_backprop.layers import Dense, ReLU, Tanh
from sklearn_backprop.losses import Loss, SquaredError
from sklearn_backprop.network import Network, stack_networks

LOSSES = [name for name in losses.__all__ if name != "Loss"]


@pytest.mark.parametrize("shape", [(1, 4), (6, 4)])
@pytest.mark.parametrize("name", layers.__all__)
def test_every_layer_passes(name, shape):
    assert check_gradient(make(name)) < 1e-8
    inputs = np.random.default_rng(0).normal(size=shape)
    assert check_gradient(make(name), inputs) < 1e-8


@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.0, 3.0]])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_passes(name, weights):
    loss = getattr(losses, name)()
    if name != "Gamma":  # It takes no zeros.
        assert check_gradient(loss) < 1e-7
    y_true = np.eye(3)[[0, 2, 1, 1]]
    if name == "Gamma":
        y_true += 0.5
    assert check_gradient(loss, y_true=y_true, sample_weight=weights) < 1e-7
    if loss.default_score == "accuracy" and name != "BinaryCrossentropy":
        labels = [0, 2, 1, 1]
        assert check_gradient(loss, y_true=labels, sample_weight=weights) < 1e-7


class Scaled:
    """A layer of the user's own with a parameter of its own."""

    penalized, free = ("scale",), ()

    def __init__(self, factor=1.0):
        self.scale, self.factor = np.full((1, 4), 2.0), factor

    def forward(self, inputs):
        self.inputs = inputs
        return inputs * self.scale

    def backward(self, dvalues):
        self.dscale = np.sum(dvalues * self.inputs, axis=0, keepdims=True) * self.factor
        return dvalues * self.scale


class TooSteep(Tanh):
    def backward(self, dvalues, out=None, scratch=None):
        return 1.5 * super().backward(dvalues)


class WrongInOnePlace(Dense):
    """One entry of one gradient deviates most, and another one less."""

    def __init__(self, name):
        super().__init__(4, 3, random_state=0)
        self.name = name

    def backward(self, dvalues, out=None):
        super().backward(dvalues)
        gradient = getattr(self, self.name)
        gradient[0, 0] += 0.25
        gradient[-1, 2] += 64.0
        return self.dinputs


class OfAnotherShape(Scaled):
    def backward(self, dvalues):
        return super().backward(dvalues)[:1]


class WrongWithWeights(SquaredError):
    def loss_gradient(self, output, y_true, sample_weight=None, out=None):
        return super().loss_gradient(output, y_true, None, out)


class NotANumber(Tanh):
    def backward(self, dvalues, out=None, scratch=None):
        return np.full_like(dvalues, np.nan)


class Cubic(Loss):
    """A loss by `forward` and `backward` alone."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def forward(self, output, y_true):
        return np.sum((output - y_true) ** 3, axis=-1)

    def backward(self, output, y_true):
        return self.factor * 3.0 * (output - y_true) ** 2 / len(output)


class Plain:
    """A loss with no base class."""

    def __init__(self, factor=2.0):
        self.factor = factor

    def forward(self, output, y_true):
        return np.sum((output - y_true) ** 2, axis=-1)

    def backward(self, output, y_true):
        return self.factor * (output - y_true) / len(output)


def test_parts_of_the_users_own_pass():
    check_gradient(Scaled())
    check_gradient(Cubic())
    check_gradient(Plain(), y_true=np.ones((4, 2)))


def test_networks_side_by_side_pass():
    rng = np.random.default_rng(0)
    check_gradient(Dense.from_arrays(rng.normal(size=(2, 4, 3)), np.ones((2, 3))))
    check_gradient(Dense.from_arrays(rng.normal(size=(4, 3)), np.ones((2, 3))))


WRONG = {
    "too_steep": (TooSteep(), {}, r"up to 0\.\d+ from .*dinputs\[\d, \d\] is "),
    "not_a_number": (NotANumber(), {}, r"up to inf .*dinputs\[\d, \d\] is nan"),
    "parameter": (Scaled(1.1), {}, r"dscale\[0, \d\] is "),
    "inputs": (WrongInOnePlace("dinputs"), {}, r"dinputs\[4, 2\] is 6\d\."),
    "weights": (WrongInOnePlace("dweights"), {}, r"dweights\[3, 2\] is 6\d\."),
    "biases": (WrongInOnePlace("dbiases"), {}, r"dbiases\[0, 2\] is 6\d\."),
    "shape": (OfAnotherShape(), {}, r"dinputs has shape \(1, 4\), not \(5, 4\)"),
    "loss": (
        Cubic(2.0),
        {},
        r"Cubic\(factor=2.0\) deviates .* dinputs\[\d, \d\]",
    ),
    "nan_loss": (Cubic(np.nan), {}, r"up to inf .*dinputs\[\d, \d\] is nan"),
    "weighted_loss": (WrongWithWeights(), {}, r"weighted dinputs\[\d, \d\] is "),
    "plain_loss": (Plain(1.0), {"y_true": np.ones((4, 2))}, "Plain object .*deviates"),
    "scaled_gradient": (SquaredError(gradient_scale=3.0), {}, "deviates"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_gradient_raises_with_the_largest_deviation(name):
    thing, arguments, message = WRONG[name]
    with pytest.raises(AssertionError) as caught:
        check_gradient(thing, **arguments)
    assert re.search(message, str(caught.value))


def test_the_tolerance_decides():
    almost = Scaled(1.0 + 1e-5)
    with pytest.raises(AssertionError, match="more than 1e-06"):
        check_gradient(almost)
    assert 1e-6 < check_gradient(almost, tolerance=1e-3) < 1e-3


@pytest.mark.parametrize("thing", [make("Dense"), ReLU(), Scaled(), Cubic()])
def test_nothing_that_is_given_is_changed(thing):
    before = copy.deepcopy(thing)
    rng = np.random.default_rng(0)
    inputs, y_true = frozen(rng.normal(size=(3, 4))), None
    if isinstance(thing, Loss):
        y_true = frozen(np.ones((3, 4)))
    check_gradient(thing, inputs, y_true, frozen(np.arange(3.0)))
    assert differences(vars(thing), vars(before)) == []


def dense_network(loss, seed):
    rng = np.random.RandomState(seed)
    stack = [Dense(4, 5, random_state=rng), ReLU(), Dense(5, 3, random_state=rng)]
    return Network(stack, loss, alpha=0.1).flatten()


class HandWrittenSquaredError(Loss):
    def forward(self, output, y_true):
        return np.mean((output - y_true) ** 2, axis=-1) / 2

    def backward(self, output, y_true):
        return (output - y_true) / output.size


@pytest.mark.parametrize("weighted", [None, "all", "each"])
@pytest.mark.parametrize("rows", ["one", "shared", "own"])
def test_a_loss_by_two_methods_trains_like_the_packages_own(rows, weighted):
    rng = np.random.default_rng(0)
    front = (2,) if rows == "own" else ()
    inputs, targets = rng.normal(size=(*front, 6, 4)), rng.normal(size=(*front, 6, 3))
    weights = None
    if weighted is not None:
        shape = (2, 6) if weighted == "each" and rows != "one" else 6
        weights = rng.uniform(0.5, 2.0, shape)
    pair = []
    for loss in (HandWrittenSquaredError(), SquaredError()):
        alone = [dense_network(loss, seed) for seed in range(2)]
        network = alone[0] if rows == "one" else stack_networks(alone)
        for _ in range(3):
            value = network.loss_gradient(inputs, targets, weights)
            network.parameters -= 0.1 * network.gradients
        pair.append((value, network))
    (found, own), (expected, usual) = pair
    assert_allclose(found, expected, **tolerance(np.float64))
    assert_allclose(own.parameters, usual.parameters, **tolerance(np.float64))
