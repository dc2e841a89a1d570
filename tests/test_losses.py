"""The contract of every loss in the module."""

import numpy as np
import pytest
from _tools import (
    DTYPES,
    ORDERS,
    PROPERTY,
    assert_derivative,
    frozen,
    laid_out,
    tolerance,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_expit, log_softmax

from sklearn_backprop import losses
from sklearn_backprop.losses import CategoricalCrossentropy, SquaredError

N_SAMPLES, N_OUTPUTS = 7, 3
WEIGHTS = np.array([1.0, 0.0, 2.0, 3.0, 1.0, 0.0, 4.0])


def logits(rng):
    return rng.normal(scale=3, size=(N_SAMPLES, N_OUTPUTS))


def probabilities(rng):
    return np.exp(log_softmax(logits(rng), axis=1))


def labels(rng):
    return rng.integers(N_OUTPUTS, size=N_SAMPLES)


def one_hot(rng):
    return np.eye(N_OUTPUTS)[labels(rng)]


def bits(rng):
    return rng.integers(2, size=(N_SAMPLES, N_OUTPUTS)).astype(float)


def counts(rng):
    return rng.poisson(2.0, size=(N_SAMPLES, N_OUTPUTS)).astype(float)


def sizes(rng):
    return rng.gamma(2.0, size=(N_SAMPLES, N_OUTPUTS)) + 0.1


# Every loss with each form of targets that it takes: what draws its two arguments.
ARGUMENTS = {
    ("AbsoluteError", "reals"): (logits, logits),
    ("BinaryCrossentropy", "bits"): (logits, bits),
    ("BinaryCrossentropy", "shares"): (logits, probabilities),
    ("CategoricalCrossentropy", "labels"): (probabilities, labels),
    ("CategoricalCrossentropy", "one-hot"): (probabilities, one_hot),
    ("Focal", "bits"): (logits, bits),
    ("Focal", "labels"): (logits, labels),
    ("Gamma", "sizes"): (logits, sizes),
    ("Huber", "reals"): (logits, logits),
    ("LogLoss", "bits"): (logits, bits),
    ("LogLoss", "labels"): (logits, labels),
    ("Poisson", "counts"): (logits, counts),
    ("Quantile", "reals"): (logits, logits),
    ("SoftmaxCategoricalCrossentropy", "labels"): (logits, labels),
    ("SoftmaxCategoricalCrossentropy", "one-hot"): (logits, one_hot),
    ("SoftmaxCategoricalCrossentropy", "shares"): (logits, probabilities),
    ("SquaredError", "reals"): (logits, logits),
}

# Outputs and targets of one sample at the ends of the range, with loss and gradient.
BIG = 1e4
EXTREMES = [
    ("AbsoluteError", [BIG, -BIG], [0.0, 0.0], BIG, [0.5, -0.5]),
    ("BinaryCrossentropy", [BIG], [0.0], BIG, [1]),
    ("BinaryCrossentropy", [BIG], [1.0], 0, [0]),
    ("BinaryCrossentropy", [-BIG], [0.0], 0, [0]),
    ("BinaryCrossentropy", [-BIG], [1.0], BIG, [-1]),
    ("BinaryCrossentropy", [BIG, -BIG], [0.0, 1.0], 2 * BIG, [1, -1]),
    ("Focal", [BIG, -BIG], [0.0, 1.0], 2 * BIG, [1, -1]),
    ("Focal", [-BIG, BIG], [0.0, 1.0], 0, [0, 0]),
    ("Focal", [BIG, -BIG, 0], 1, 2 * BIG, [1, -1, 0]),
    ("Focal", [BIG, -BIG, 0], 0, 0, [0, 0, 0]),
    ("Gamma", [BIG], [3.0], BIG - np.log(3) - 1, [1]),
    ("Huber", [BIG], [0.0], BIG - 0.5, [1]),
    ("LogLoss", [BIG, -BIG], [0.0, 1.0], 2 * BIG, [1, -1]),
    ("LogLoss", [BIG, -BIG, 0], 1, 2 * BIG, [1, -1, 0]),
    ("Poisson", [-BIG], [3.0], 3 * BIG + 3 * np.log(3) - 3, [-3]),
    ("Poisson", [-BIG], [0.0], 0, [0]),
    ("Quantile", [BIG, -BIG], [0.0, 0.0], BIG / 2, [0.25, -0.25]),
    ("SoftmaxCategoricalCrossentropy", [BIG, -BIG, 0], 0, 0, [0, 0, 0]),
    ("SoftmaxCategoricalCrossentropy", [BIG, -BIG, 0], 1, 2 * BIG, [1, -1, 0]),
    ("SoftmaxCategoricalCrossentropy", [BIG, -BIG, 0], 2, BIG, [1, 0, -1]),
    ("SoftmaxCategoricalCrossentropy", [-BIG, 0], [0.25, 0.75], BIG / 4, [-0.25, 0.25]),
    ("SquaredError", [BIG], [-BIG], 2 * BIG**2, [2 * BIG]),
    ("SquaredError", [-BIG, BIG], [0.0, 0.0], BIG**2 / 2, [-BIG / 2, BIG / 2]),
]
# The one loss of probabilities; at zero it is as large as the smallest normal number
# allows, so it is held apart.
NOT_OF_LOGITS = {"CategoricalCrossentropy"}

# Of rows these make something else, labels that do not exclude one another.
BY_TARGETS = ("Focal", "LogLoss")
OF_LABELS = [
    case for case in ARGUMENTS if case[1] == "labels" and case[0] not in BY_TARGETS
]


def problem(case, dtype=np.float64):
    """A loss, output and targets; float targets get the dtype too."""
    name, _ = case
    rng = np.random.default_rng(11)
    output, y_true = (draw(rng) for draw in ARGUMENTS[case])
    if y_true.dtype == float:
        y_true = y_true.astype(dtype)
    return getattr(losses, name)(), output.astype(dtype), y_true


every_loss = pytest.mark.parametrize("case", ARGUMENTS, ids="-".join)
every_dtype = pytest.mark.parametrize("dtype", DTYPES)
with_and_without_weights = pytest.mark.parametrize(
    "weights", [None, WEIGHTS], ids=["unweighted", "weighted"]
)


def test_every_loss_is_in_the_tables():
    names = set(losses.__all__) - {"Loss"}
    assert {name for name, _ in ARGUMENTS} == names
    assert {row[0] for row in EXTREMES} == names - NOT_OF_LOGITS


@every_loss
@with_and_without_weights
def test_gradient_is_the_derivative_of_the_loss(case, weights):
    loss, output, y_true = problem(case)
    gradient = np.empty_like(output)
    value = loss.loss_gradient(output, y_true, weights, out=gradient)
    assert type(value) is float
    assert value == loss.calculate(output, y_true, weights)
    assert_derivative(
        lambda z: loss.calculate(z, y_true, weights), output, gradient, rtol=1e-7
    )


@every_loss
@every_dtype
@pytest.mark.parametrize("order", "CF")
def test_the_function_for_given_memory_serves_again_and_again(case, dtype, order):
    loss, first, y_true = problem(case, dtype)
    output, out = np.empty_like(first, order=order), np.empty_like(first, order=order)
    loss_gradient = loss._loss_gradient_function(output, out)
    for shift, weights in ((0, None), (1, WEIGHTS.astype(dtype)), (2, None)):
        output[...] = np.roll(first, shift, axis=0)
        expected = np.empty_like(first)
        value = loss.loss_gradient(output.copy(), y_true, weights, out=expected)
        assert_allclose(loss_gradient(y_true, weights), value, **tolerance(dtype))
        assert_allclose(out, expected, **tolerance(dtype))
    with pytest.raises(ValueError, match="y_true"):
        loss_gradient(y_true[:-1], None)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_a_confident_logistic_loses_no_digits(y, dtype):
    output = np.linspace(-30, 30, 601).astype(dtype)[:, np.newaxis]
    expected = -log_expit(output.astype(np.float64) * (2 * y - 1))[:, 0]
    found = losses.BinaryCrossentropy().forward(output, np.full_like(output, y))
    assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps)


@every_loss
@with_and_without_weights
def test_calculate_is_the_mean_of_forward(case, weights):
    loss, output, y_true = problem(case)
    sample_losses = loss.forward(output, y_true)
    assert sample_losses.shape == (N_SAMPLES,)
    mean = np.average(sample_losses, weights=weights)
    value = loss.calculate(output, y_true, weights)
    assert_allclose(value, mean, **tolerance(np.float64))


@every_loss
def test_loss_gradient_is_calculate_and_backward(case):
    loss, output, y_true = problem(case)
    gradient = np.full_like(output, np.nan)
    value = loss.loss_gradient(output, y_true, out=gradient)
    assert value == loss.calculate(output, y_true)
    assert loss.backward(output, y_true) is loss.dinputs
    assert_array_equal(loss.dinputs, gradient)
    assert loss.loss_gradient(output, y_true) == value


@every_loss
def test_sample_losses_do_not_depend_on_each_other(case):
    loss, output, y_true = problem(case)
    batch = loss.forward(output, y_true)
    rows = [loss.forward(output[[i]], y_true[[i]])[0] for i in range(N_SAMPLES)]
    assert_allclose(rows, batch, **tolerance(np.float64))


@every_loss
def test_weighted_equals_repeated(case):
    loss, output, y_true = problem(case)
    repeats = WEIGHTS.astype(int)
    more_output, more_y_true = output.repeat(repeats, 0), y_true.repeat(repeats, 0)
    weighted, repeated = np.empty_like(output), np.empty_like(more_output)
    expected = loss.loss_gradient(more_output, more_y_true, out=repeated)
    value = loss.loss_gradient(output, y_true, WEIGHTS, out=weighted)
    assert_allclose(value, expected, **tolerance(np.float64))
    kept = repeats > 0
    sums = np.add.reduceat(repeated, repeats[kept].cumsum() - repeats[kept])
    assert_allclose(weighted[kept], sums, **tolerance(np.float64))
    assert not weighted[~kept].any()


@every_loss
def test_scaling_all_weights_changes_nothing(case):
    loss, output, y_true = problem(case)
    expected, gradient = np.empty_like(output), np.empty_like(output)
    value = loss.loss_gradient(output, y_true, np.ones(N_SAMPLES), out=expected)
    within = tolerance(np.float64)
    assert_allclose(value, loss.calculate(output, y_true), **within)
    assert_allclose(expected, loss.backward(output, y_true), **within)
    fives = np.full(N_SAMPLES, 5.0)
    fivefold = loss.loss_gradient(output, y_true, fives, out=gradient)
    assert_allclose(fivefold, value, **within)
    assert_allclose(gradient, expected, **within)


@every_loss
@every_dtype
@with_and_without_weights
def test_out_may_be_the_output_itself(case, weights, dtype):
    loss, output, y_true = problem(case, dtype)
    gradient = np.empty_like(output)
    value = loss.loss_gradient(output, y_true, weights, out=gradient)
    assert loss.loss_gradient(output, y_true, weights, out=output) == value
    assert_array_equal(output, gradient)


@every_loss
@with_and_without_weights
def test_float32_stays_float32(case, weights):
    loss, output, y_true = problem(case)
    expected = np.empty_like(output)
    value = loss.loss_gradient(output, y_true, weights, out=expected)

    loss, output, y_true = problem(case, np.float32)
    if weights is not None:
        weights = weights.astype(np.float32)
    gradient = np.empty_like(output)
    assert loss.forward(output, y_true).dtype == np.float32
    assert loss.backward(output, y_true).dtype == np.float32
    assert_allclose(
        loss.loss_gradient(output, y_true, weights, out=gradient), value, rtol=1e-5
    )
    assert_allclose(gradient, expected, **tolerance(np.float32))


@every_loss
def test_arguments_are_never_written(case):
    loss, output, y_true = problem(case)
    expected = loss.loss_gradient(output, y_true, WEIGHTS)
    arguments = frozen(output), frozen(y_true)
    loss.forward(*arguments)
    loss.backward(*arguments)
    assert loss.loss_gradient(*arguments, frozen(WEIGHTS)) == expected
    assert loss.calculate(*arguments, frozen(WEIGHTS)) == expected


@every_loss
@pytest.mark.parametrize("order", ORDERS)
def test_memory_order_changes_nothing(case, order):
    loss, output, y_true = problem(case)
    expected = loss.backward(output, y_true).copy()
    value = loss.calculate(output, y_true)
    output = laid_out(output, order)
    if y_true.ndim == 2:
        y_true = laid_out(y_true, order)
    out = laid_out(np.zeros_like(output), order)
    found = loss.loss_gradient(output, y_true, out=out)
    assert_allclose(found, value, **tolerance(np.float64))
    assert_allclose(out, expected, **tolerance(np.float64))


@every_loss
def test_a_used_loss_equals_a_fresh_one(case):
    loss, output, y_true = problem(case)
    for n_samples in (5, 2, 7, 1):
        pair = output[:n_samples], y_true[:n_samples]
        fresh = problem(case)[0]
        assert loss.calculate(*pair) == fresh.calculate(*pair)
        assert_array_equal(loss.backward(*pair), fresh.backward(*pair))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
@pytest.mark.parametrize("case", OF_LABELS)
def test_labels_of_any_integer_dtype_equal_one_hot_rows(case, dtype, order):
    loss, output, y_true = problem(case)
    output, y_true = np.tile(output, (60, 1)), np.tile(y_true, 60)
    assert len(y_true) > np.iinfo(np.uint8).max
    rows = np.eye(N_OUTPUTS)[y_true]
    y_true = y_true.astype(dtype)
    within = tolerance(np.float64)
    losses_of_rows = loss.forward(output, rows)
    assert_allclose(loss.forward(output, y_true), losses_of_rows, **within)
    expected = loss.backward(output, rows).copy()
    out = laid_out(np.zeros_like(output), order)
    loss.loss_gradient(output, y_true, out=out)
    assert_allclose(out, expected, **within)


@pytest.mark.parametrize(
    "row", EXTREMES, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}".replace(" ", "")
)
@every_dtype
def test_loss_and_gradient_agree_at_extreme_logits(row, dtype):
    name, output, y_true, value, gradient = row
    loss = getattr(losses, name)()
    output, y_true = np.array([output], dtype), np.array([y_true])
    if y_true.dtype == float:
        y_true = y_true.astype(dtype)
    assert_allclose(loss.calculate(output, y_true), value, rtol=1e-6)
    assert_allclose(loss.backward(output, y_true), [gradient], rtol=1e-6)

    # Between +-1e4 and its neighbours a loss is a straight line, or a parabola, whose
    # central differences are exact; only the rounding of the loss remains.
    step = 64.0
    rounding = 8 * float(np.finfo(dtype).eps) * (abs(value) + BIG) / step
    for j, slope in enumerate(gradient):
        ahead, behind = output.copy(), output.copy()
        ahead[0, j] += step
        behind[0, j] -= step
        rise = loss.calculate(ahead, y_true) - loss.calculate(behind, y_true)
        assert_allclose(rise / (2 * step), slope, rtol=1e-6, atol=rounding)


@every_dtype
def test_crossentropy_of_a_probability_of_zero_is_finite(dtype):
    loss = CategoricalCrossentropy()
    output, y_true = np.array([[1, 0], [1, 0]], dtype), np.array([0, 1])
    tiny = float(np.finfo(dtype).tiny)
    assert_allclose(loss.forward(output, y_true), [0, -np.log(tiny)], rtol=1e-6)
    gradient = loss.backward(output, y_true)
    assert_allclose(gradient, [[-0.5, 0], [0, -0.5 / tiny]], rtol=1e-6)


def test_poisson_of_its_own_mean_is_zero():
    means = np.array([[1e-3, 1.0, 1e6]])
    loss = losses.Poisson()
    # Differences of numbers of up to 1e6 times their logarithm, 14.
    within = tolerance(np.float64, size=14e6)
    assert_allclose(loss.forward(np.log(means), means), 0, **within)
    assert_allclose(loss.backward(np.log(means), means), 0, **within)


def test_squared_error_scales_the_gradient_alone():
    plain, output, y_true = problem(("SquaredError", "reals"))
    scaled = SquaredError(gradient_scale=N_OUTPUTS)
    assert scaled.calculate(output, y_true) == plain.calculate(output, y_true)
    expected = (output - y_true) / N_SAMPLES
    found = scaled.backward(output, y_true)
    assert_allclose(found, expected, **tolerance(np.float64))


def test_squared_error_refuses_targets_of_another_shape():
    with pytest.raises(ValueError, match="shape"):
        SquaredError().calculate(np.zeros((3, 1)), np.zeros(3))


numbers = st.floats(-BIG, BIG, width=32) | st.sampled_from([-BIG, 0.0, BIG])


@PROPERTY
@given(data=st.data())
def test_crossentropies_of_any_logits(data):
    """Against the log-probabilities of SciPy, in float64."""
    dtype = data.draw(st.sampled_from(DTYPES))
    shape = data.draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    output = data.draw(arrays(dtype, shape, elements=numbers))
    output = frozen(laid_out(output, data.draw(st.sampled_from(ORDERS))))
    rows = data.draw(arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))
    hot = np.eye(shape[1])[rows]
    exact = output.astype(np.float64)
    eps = float(np.finfo(dtype).eps)
    close = {"rtol": 64 * eps, "atol": 4 * BIG * eps}

    loss = losses.SoftmaxCategoricalCrossentropy()
    log_p = log_softmax(exact, axis=1)
    assert_allclose(loss.forward(output, rows), -log_p[hot == 1], **close)
    gradient = loss.backward(output, rows)
    assert_allclose(gradient * shape[0], np.exp(log_p) - hot, **close)

    loss = losses.BinaryCrossentropy()
    expected = -np.where(hot == 1, log_expit(exact), log_expit(-exact)).sum(axis=1)
    assert_allclose(loss.forward(output, hot), expected, **close)
    gradient = loss.backward(output, hot)
    assert_allclose(gradient * shape[0], np.exp(log_expit(exact)) - hot, **close)


@pytest.mark.parametrize(
    "name", ["CategoricalCrossentropy", "SoftmaxCategoricalCrossentropy"]
)
@pytest.mark.parametrize("labels", [[3, 0], [-1, 0], [True, False], [0.0, 1.0], [0]])
def test_labels_that_are_no_class_indices_are_named(name, labels):
    loss = getattr(losses, name)()
    with pytest.raises(ValueError, match="y_true must hold"):
        loss.calculate(np.full((2, 3), 1 / 3), np.array(labels))


@pytest.mark.parametrize("name", sorted({name for name, _ in ARGUMENTS}))
def test_outputs_and_targets_of_other_shapes_are_named(name):
    loss = getattr(losses, name)()
    with pytest.raises(ValueError, match="y_true has shape"):
        loss.loss_gradient(np.full((4, 3), 0.5), np.ones((4, 1)))
    with pytest.raises(ValueError, match="output must have shape"):
        loss.calculate(np.full(4, 0.5), np.ones(4))
