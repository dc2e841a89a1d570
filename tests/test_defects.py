"""What is wrong in scikit-learn's multilayer perceptrons, and is right here.

Each test is named after a defect. Where it is cheap and the same in all supported
versions, a test also shows that scikit-learn still has it.
"""

import pickle

import joblib
import numpy as np
import pytest
import scipy.optimize
from conftest import (
    DEFAULT_TABLE,
    KINDS,
    OURS,
    THEIRS,
    differences,
    fit_silently,
    peak_of,
    random_weights,
    table,
)
from scipy.special import expit, log_expit, softmax
from sklearn.metrics import log_loss, mean_squared_error

import sklearn_backprop.training
from sklearn_backprop.losses import BinaryCrossentropy, SoftmaxCategoricalCrossentropy

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BOTH = pytest.mark.parametrize("package", ["ours", "theirs"])
SMALL = {"hidden_layer_sizes": (8,), "random_state": 0}
# So small that the parameters stay as they were drawn.
STILL = {"solver": "sgd", "learning_rate_init": 1e-30, "momentum": 0.0}


def new(package, kind, **settings):
    return {"ours": OURS, "theirs": THEIRS}[package][kind](**{**SMALL, **settings})


def n_bytes(model):
    return sum(array.nbytes for array in model.coefs_ + model.intercepts_)


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_repeated_partial_fit_replays_a_permutation_and_is_not_fit(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    classes = {"classes": np.unique(y)} if kind == "classifier" else {}
    fitted = fit_silently(new(package, kind, batch_size=20, max_iter=4), X, y)
    model = new(package, kind, batch_size=20)
    for _ in range(4):
        model.partial_fit(X, y, **classes)
    same = differences(model.coefs_, fitted.coefs_) == []
    assert bool(same) is (package == "ours")


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_warm_start_forgets_moments(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    settings = {"warm_start": True, "shuffle": False}
    whole = fit_silently(new(package, kind, max_iter=6, **settings), X, y)
    halves = new(package, kind, max_iter=3, **settings)
    for _ in range(2):
        fit_silently(halves, X, y)
    same = differences(halves.coefs_, whole.coefs_) == []
    assert bool(same) is (package == "ours")


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_warm_start_ignores_changed_hidden_layer_sizes(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    model = fit_silently(new(package, kind, max_iter=2, warm_start=True), X, y)
    model.set_params(hidden_layer_sizes=(5,))
    if package == "theirs":
        assert fit_silently(model, X, y).coefs_[0].shape[1] == 8
    else:
        with pytest.raises(ValueError, match=r"hidden_layer_sizes is \[5\], but"):
            model.fit(X, y)


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_n_iter_is_1_after_many_partial_fits(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    classes = {"classes": np.unique(y)} if kind == "classifier" else {}
    model = new(package, kind)
    for _ in range(3):
        model.partial_fit(X, y, **classes)
    assert (model.n_iter_, model.t_) == (3 if package == "ours" else 1, 3 * len(X))


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_pickles_are_four_times_the_parameters(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(package, kind, hidden_layer_sizes=(200, 200), max_iter=2)
    size = len(pickle.dumps(fit_silently(model, X, y))) / n_bytes(model)
    assert size < 1.05 if package == "ours" else size > 3.9


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_a_memory_mapped_model_cannot_partial_fit(kind, package, tmp_path):
    X, y = table(DEFAULT_TABLE[kind])
    model = fit_silently(new(package, kind, max_iter=2), X, y)
    joblib.dump(model, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    if package == "theirs":
        with pytest.raises(ValueError, match="read-only"):
            mapped.partial_fit(X, y)
    else:
        coefs = mapped.partial_fit(X, y).coefs_
        assert differences(coefs, model.partial_fit(X, y).coefs_) == []


@BOTH
@pytest.mark.parametrize("name", ["diabetes", "two_targets", "linnerud"])
def test_gradient_of_multi_output_lbfgs_is_too_large(name, package, monkeypatch):
    X, y = table(name)
    problem = []

    def capture(function, start, args=(), **options):
        problem.append((lambda parameters: function(parameters, *args), start.copy()))
        raise KeyboardInterrupt

    monkeypatch.setattr(scipy.optimize, "minimize", capture)
    monkeypatch.setattr(sklearn_backprop.training.lbfgs, "minimize", capture)
    model = new(package, "regressor", solver="lbfgs", activation="tanh", alpha=0.1)
    with pytest.raises((KeyboardInterrupt, UserWarning)):
        model.fit(X, y)
    function, start = problem[0]
    gradient = function(start)[1].copy()
    direction = np.random.RandomState(0).normal(size=start.shape)
    step = 1e-5 * direction
    slope = (function(start + step)[0] - function(start - step)[0]) / 2e-5
    n_outputs = 1 if y.ndim == 1 else y.shape[1]
    ratio = gradient @ direction / slope
    if package == "ours":
        assert ratio == pytest.approx(1.0, rel=1e-7)
    elif n_outputs > 1:
        assert abs(ratio - 1.0) > 0.3


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_zero_weight_divides_by_zero(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    weights = np.ones(len(X))
    weights[40:80] = 0.0
    settings = {"batch_size": 20, "shuffle": False, "max_iter": 3}
    model = new(package, kind, **settings)
    if package == "theirs":
        with pytest.raises(ZeroDivisionError):
            fit_silently(model, X, y, sample_weight=weights)
    else:
        model.fit(X, y, sample_weight=weights)
        kept = weights > 0
        expected = new(package, kind, **settings).fit(X[kept], y[kept])
        assert differences(model.coefs_, expected.coefs_) == []
        np.testing.assert_allclose(model.loss_curve_, expected.loss_curve_)


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_negative_weights_pass(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    weights = np.ones(len(X))
    weights[3] = -1.0
    model = new(package, kind, max_iter=2)
    if package == "theirs":
        fit_silently(model, X, y, sample_weight=weights)
    else:
        with pytest.raises(ValueError, match="Negative values in data passed to"):
            model.fit(X, y, sample_weight=weights)
        assert not hasattr(model, "coefs_")


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_epoch_loss_weights_batches_by_rows(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    weights = random_weights(len(X), zeros=0.3)
    model = new(package, kind, batch_size=7, alpha=0.0, max_iter=1, **STILL)
    fit_silently(model, X, y, sample_weight=weights)
    if kind == "classifier":
        expected = log_loss(y, model.predict_proba(X), sample_weight=weights)
    else:
        expected = mean_squared_error(y, model.predict(X), sample_weight=weights) / 2
    right = model.loss_ == pytest.approx(expected, rel=1e-9)
    assert bool(right) is (package == "ours")


@pytest.mark.parametrize(
    ("kind", "package"),
    [("classifier", "ours"), ("regressor", "ours"), ("regressor", "theirs")],
)
def test_early_stopping_goes_on_when_a_run_diverges(kind, package):
    X, y = table({"classifier": "wine", "regressor": "diabetes"}[kind])
    settings = {"learning_rate_init": 1e200, "early_stopping": True, "max_iter": 3}
    model = new(package, kind, **settings)
    if package == "theirs":
        assert not np.isfinite(fit_silently(model, X, y).loss_curve_).all()
    else:
        with pytest.raises(ValueError, match="Solver produced non-finite parameter"):
            model.fit(X, y)
        assert not hasattr(model, "coefs_")


@BOTH
@pytest.mark.parametrize("values", [(-1, 1), (1, 2)])
def test_indicators_without_zero_are_all_true(values, package):
    X, y = table("multilabel")
    model = new(package, "classifier")
    y = np.asarray(values)[y]
    if package == "theirs":
        assert fit_silently(model, X, y).predict(X).mean() > 0.9
    else:
        with pytest.raises(ValueError, match="must hold 0 where a label does not"):
            model.fit(X, y)
        assert not hasattr(model, "coefs_")


@BOTH
@pytest.mark.parametrize("settings", [{}, {"loss": "poisson"}])
def test_lbfgs_and_poisson_return_non_finite_losses(settings, package):
    X, y = table("counts")
    model = new(package, "regressor", solver="lbfgs", **settings)
    if package == "theirs":
        assert not np.isfinite(fit_silently(model, X * 1e300, y).loss_)
    else:
        with pytest.raises(ValueError, match="non-finite parameter weights"):
            model.fit(X * 1e300, y)


@BOTH
@pytest.mark.parametrize("n_classes", [2, 3])
def test_log_loss_is_clipped(n_classes, package):
    X, _ = table("iris")
    model = new(package, "classifier", hidden_layer_sizes=(), max_iter=1, **STILL)
    # Logits of plus and minus 1e4, and labels of which half are wrong.
    model.set_params(alpha=0.0, shuffle=False)
    X = np.where(X > 0, 1.0, -1.0) * 1e4
    y = np.arange(len(X)) % n_classes
    fit_silently(model, X, y)
    logits = X @ model.coefs_[0] + model.intercepts_[0]
    assert np.abs(logits).max() > 5e3
    if n_classes == 2:
        losses = -log_expit(np.where(y == 1, logits[:, 0], -logits[:, 0]))
    else:
        peaks = logits.max(axis=1)
        losses = np.log(np.exp(logits - peaks[:, None]).sum(axis=1)) + peaks
        losses -= logits[np.arange(len(y)), y]
    right = model.loss_ == pytest.approx(losses.mean(), rel=1e-9)
    assert bool(right) is (package == "ours")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1.0, 30.0, 1e2, 1e4])
def test_loss_and_gradient_agree_at_extreme_logits(size, dtype):
    signs = np.array([[1, -1, 1], [-1, 1, -1], [1, 1, -1], [-1, -1, 1]], dtype)
    logits = signs * np.array([[size], [size], [size / 3], [size]], dtype)
    step = dtype(size / 64)
    direction = np.array([[1, -2, 0], [0, 1, 1], [2, 0, -1], [1, 1, 1]], dtype)
    for loss, y, probabilities in [
        (BinaryCrossentropy(), (signs < 0).astype(np.int8), expit),
        (SoftmaxCategoricalCrossentropy(), np.array([1, 0, 2, 2]), softmax_rows),
    ]:
        one_hot = y if y.ndim == 2 else np.eye(3)[y]
        gradient = np.empty_like(logits)
        value = loss.loss_gradient(logits, y, None, out=gradient)
        assert np.isfinite(value) and gradient.dtype == dtype
        expected = (probabilities(logits.astype(float)) - one_hot) / len(logits)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
        # The loss is convex, so a slope lies between the gradients at both ends.
        ends = [logits, logits + step * direction]
        slopes = []
        for end in ends:
            loss.loss_gradient(end, y, None, out=gradient)
            slopes.append(float((gradient * direction).sum()))
        rise = loss.calculate(ends[1], y) - value
        tolerance = 8 * np.finfo(dtype).eps * max(abs(value), 1.0) / step
        assert slopes[0] - tolerance <= rise / step <= slopes[1] + tolerance


def softmax_rows(logits):
    return softmax(logits, axis=1)


@BOTH
@pytest.mark.parametrize("name", ["breast_cancer", "iris", "multilabel"])
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_predict_log_proba_can_be_infinite(name, package):
    X, y = table(name)
    model = fit_silently(new(package, "classifier", max_iter=60), X, y)
    infinite = np.isneginf(model.predict_log_proba(X * 1e4)).any()
    assert infinite == (package == "theirs")
    if package == "ours":
        likely = model.predict_proba(X) > 1e-300
        np.testing.assert_allclose(
            model.predict_log_proba(X)[likely],
            np.log(model.predict_proba(X)[likely]),
            rtol=1e-9,
            atol=1e-12,
        )


@BOTH
@pytest.mark.parametrize("name", ["breast_cancer", "iris", "multilabel"])
def test_there_is_no_decision_function(name, package):
    X, y = table(name)
    model = fit_silently(new(package, "classifier", max_iter=10), X, y)
    assert hasattr(model, "decision_function") == (package == "ours")
    if package == "ours":
        logits = model.decision_function(X)
        hidden = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
        expected = hidden @ model.coefs_[1] + model.intercepts_[1]
        np.testing.assert_allclose(logits, np.squeeze(expected), rtol=1e-9, atol=1e-12)
        activation = softmax_rows if name == "iris" else expit
        probabilities = model.predict_proba(X)
        if name == "breast_cancer":
            probabilities = probabilities[:, 1]
        np.testing.assert_allclose(activation(logits), probabilities, rtol=1e-9)


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_early_stopping_copies_the_data(kind, package):
    X = np.random.RandomState(0).uniform(size=(20_000, 100))
    y = (X[:, 0] > 0.5).astype(int)
    model = new(package, kind, early_stopping=True, max_iter=1)
    copied = peak_of(lambda: model.fit(X, y)) / X.nbytes
    assert copied < 0.25 if package == "ours" else copied > 0.9


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_predict_evaluates_all_rows_at_once(kind, package):
    X, y = table(DEFAULT_TABLE[kind])
    model = fit_silently(
        new(package, kind, hidden_layer_sizes=(200,), max_iter=2), X, y
    )
    X = np.tile(X, (20_000 // len(X), 1))
    activations = len(X) * 200 * 8
    extra = peak_of(lambda: model.predict(X))
    assert extra < 0.5 * activations if package == "ours" else extra > activations


@BOTH
def test_the_first_argument_of_the_regressor_is_the_loss(package):
    cls = {"ours": OURS, "theirs": THEIRS}[package]["regressor"]
    model = cls((64,), random_state=0, max_iter=2)
    if package == "theirs":
        with pytest.raises(ValueError, match="The 'loss' parameter of MLPRegressor"):
            fit_silently(model, *table("diabetes"))
    else:
        assert model.fit(*table("diabetes")).coefs_[0].shape[1] == 64
