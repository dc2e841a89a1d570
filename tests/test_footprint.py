"""Memory of fit and predict, interruption, and many threads at one model."""

import gc
import pickle
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
from _tools import tolerance
from conftest import DEFAULT_TABLE, KINDS, OURS, fit_silently, outputs, peak_of, table
from scipy.optimize import minimize

import sklearn_backprop._prediction
from sklearn_backprop._validation import Validation
from sklearn_backprop.network import Network

MEGABYTE = 1 << 20


def allowance(model, n_features, batch_size, itemsize):
    """Return what a mini-batch fit may take: 10 MB, or parameters and activations."""
    widths = [len(intercept) for intercept in model.intercepts_]
    parameters = sum(coef.size for coef in model.coefs_) + sum(widths)
    activations = batch_size * (n_features + sum(widths))
    return max(10 * MEGABYTE, itemsize * (8 * parameters + 4 * activations))


def scipy_keeps_its_function():
    """Whether this SciPy leaves the function it has minimized in a reference cycle."""

    def function(x):
        return float(x @ x), 2.0 * x

    reference = weakref.ref(function)
    minimize(function, np.ones(2), method="L-BFGS-B", jac=True)
    del function
    return reference() is not None


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_data_is_let_go_without_the_garbage_collector(kind, solver):
    model = OURS[kind]((5,), solver=solver, max_iter=2, random_state=0)
    X, y = np.random.default_rng(0).normal(size=(300, 4)), np.arange(300) % 2
    reference = weakref.ref(X)
    gc.disable()
    try:
        fit_silently(model, X, y).predict(X)
        del X
        is_kept = solver == "lbfgs" and scipy_keeps_its_function()
        assert (reference() is not None) == is_kept
    finally:
        gc.enable()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_fit_makes_its_functions_once(early_stopping, monkeypatch):
    X, y = np.random.default_rng(0).normal(size=(1700, 4)), np.arange(1700) % 2
    lengths, untouched = [], Network._arrays

    def arrays(network, purpose, shape):
        lengths.append((purpose, shape[0]))
        return untouched(network, purpose, shape)

    monkeypatch.setattr(Network, "_arrays", arrays)
    model = OURS["classifier"]((5,), max_iter=5, early_stopping=early_stopping)
    fit_silently(model, X, y)
    validation = {("outputs", 170)} if early_stopping else set()
    short = 1530 % 200 if early_stopping else 1700 % 200
    training = {(kind, n) for kind in ("outputs", "gradients") for n in (200, short)}
    assert sorted(lengths) == sorted(training | validation)


@pytest.mark.parametrize("hidden", [(100,), (512, 512)])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("kind", KINDS)
def test_fit_does_not_copy_a_memory_map(kind, solver, early_stopping, hidden, tmp_path):
    shape = (20_000, 200)
    data = np.memmap(tmp_path / "X", np.float32, "w+", shape=shape)
    data[:] = np.random.default_rng(0).standard_normal(shape, np.float32)
    data.flush()
    X = np.memmap(tmp_path / "X", np.float32, "r", shape=shape)
    y = np.arange(len(X)) % 2
    model = OURS[kind](hidden, solver=solver, max_iter=1, random_state=0)
    model.set_params(early_stopping=early_stopping)
    peak = peak_of(lambda: model.fit(X, y))
    assert model.coefs_[0].dtype == np.float32
    assert peak <= allowance(model, X.shape[1], 200, itemsize=4)
    assert peak < X.nbytes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("dtype", "given"), [("float32", np.float64), ("float64", np.float32)]
)
def test_another_dtype_makes_no_second_copy_of_the_data(kind, dtype, given):
    X = np.random.default_rng(0).standard_normal((40_000, 100)).astype(given)
    X.flags.writeable = False
    y = np.arange(len(X)) % 2
    model = OURS[kind](dtype=dtype, max_iter=1, random_state=0)
    assert peak_of(lambda: model.fit(X, y)) < 10 * MEGABYTE < X.nbytes
    assert model.coefs_[0].dtype == dtype


def test_predicting_a_million_rows_takes_little_memory():
    X = np.ones((1_000_000, 20), np.float32)
    model = OURS["classifier"]((256,), max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X[:300], np.arange(300) % 2)
    assert peak_of(lambda: model.predict_proba(X)) < 64 * MEGABYTE


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_predictions_do_not_depend_on_the_batches(kind, dtype, monkeypatch):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind]((30, 20), dtype=dtype, max_iter=400, random_state=0)
    model.set_params(n_iter_no_change=5, learning_rate_init=0.01).fit(X, y)
    whole = outputs(model, X)
    within = tolerance(dtype, size=np.abs(whole).max())
    for n_values in (1, 700, 5000):
        monkeypatch.setattr(sklearn_backprop._prediction, "BLOCK_VALUES", n_values)
        np.testing.assert_allclose(outputs(model, X), whole, **within)


def interrupt_after(n_calls, monkeypatch):
    """Make the call after `n_calls` loss gradients act as Ctrl-C."""
    untouched, calls = Network.loss_gradient, []

    def loss_gradient(self, *args):
        calls.append(None)
        if len(calls) > n_calls:
            raise KeyboardInterrupt
        return untouched(self, *args)

    monkeypatch.setattr(Network, "loss_gradient", loss_gradient)


@pytest.mark.parametrize("n_calls", [0, 1, 25])
@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "sgd"},
        {"solver": "adam"},
        {"solver": "adam", "early_stopping": True},
        {"solver": "lbfgs"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_fit_keeps_what_it_has(kind, settings, n_calls, monkeypatch):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind]((10,), random_state=0, batch_size=50, warm_start=True)
    model.set_params(**settings)
    with monkeypatch.context() as patch:
        interrupt_after(n_calls, patch)
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(X, y)
    assert all(np.isfinite(array).all() for array in model.coefs_)
    assert model.predict(X).shape == y.shape
    if settings["solver"] == "lbfgs" and n_calls == 25:
        # The best point so far: the last entry of a curve that only falls.
        assert model.loss_ == model.loss_curve_[-1] == min(model.loss_curve_)
    n_epochs = model.n_iter_
    model.set_params(max_iter=2)
    with pytest.warns(UserWarning, match=r"Maximum iterations|failed to converge"):
        model.fit(X, y)
    assert model.n_iter_ == n_epochs + 2 == len(model.loss_curve_)


@pytest.mark.parametrize("kind", KINDS)
def test_many_threads_predict_from_one_model(kind):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind](max_iter=500, n_iter_no_change=3, tol=1e-2, random_state=0)
    model.fit(X, y)
    before = dict(vars(model))
    expected = model.predict(X)
    with ThreadPoolExecutor(4) as pool:
        for predicted in pool.map(lambda _: model.predict(X), range(40)):
            np.testing.assert_array_equal(predicted, expected)
    assert vars(model) == before


def test_fits_in_many_threads_give_what_one_gives():
    X, y = table("iris")
    models = [
        OURS["classifier"](max_iter=500, tol=1e-2, n_iter_no_change=2, random_state=i)
        for i in range(8)
    ]
    with ThreadPoolExecutor(4) as pool:
        fitted = list(pool.map(lambda model: model.fit(X, y), models))
    for i, model in enumerate(fitted):
        again = OURS["classifier"](**model.get_params()).fit(X, y)
        np.testing.assert_array_equal(model.coefs_[0], again.coefs_[0], err_msg=str(i))


METHODS = ["predict", "predict_proba", "predict_log_proba", "decision_function"]


@pytest.mark.parametrize("method", METHODS)
def test_predicting_ten_named_classes_takes_little_memory(method):
    X = np.ones((500_000, 20), np.float32)
    names = np.array([f"class {i}" for i in range(10)])
    model = OURS["classifier"]((256,), max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X[:300], names[np.arange(300) % 10])
    assert peak_of(lambda: getattr(model, method)(X)) < 32 * MEGABYTE


@pytest.mark.parametrize("kind", KINDS)
def test_targets_are_read_row_by_row_in_any_layout(kind):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 10))
    Y = rng.integers(0, 2, (20_000, 40)).astype(float)
    model = OURS[kind]((5,), max_iter=1, random_state=0)
    peaks, coefs = [], []
    for layout in (np.ascontiguousarray, np.asfortranarray):
        targets = layout(Y)
        peaks.append(peak_of(lambda targets=targets: model.fit(X, targets)))
        coefs.append(model.coefs_[0])
    np.testing.assert_array_equal(*coefs)
    assert peaks[1] < peaks[0] + 2 * Y.nbytes


def test_wide_sparse_rows_are_predicted_in_few_batches(monkeypatch):
    X = sp.random(400, 1 << 18, density=1e-5, format="csr", random_state=0)
    model = OURS["classifier"]((2,), max_iter=1, random_state=0)
    with pytest.warns(UserWarning, match="Maximum iterations"):
        model.fit(X, np.arange(400) % 2)
    calls, untouched = [], Network.forward
    monkeypatch.setattr(
        Network, "forward", lambda self, X: calls.append(None) or untouched(self, X)
    )
    model.predict(X)
    assert len(calls) == 1


@pytest.mark.parametrize("n_scores", [0, 1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_an_interruption_while_scoring_counts_no_epoch(kind, n_scores, monkeypatch):
    X, y = table(DEFAULT_TABLE[kind])
    untouched, calls = Validation.__call__, []

    def score(self, network):
        calls.append(None)
        if len(calls) > n_scores:
            raise KeyboardInterrupt
        return untouched(self, network)

    monkeypatch.setattr(Validation, "__call__", score)
    model = OURS[kind]((5,), random_state=0, early_stopping=True)
    with pytest.warns(UserWarning, match="interrupted"):
        model.fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == n_scores
    assert len(model.validation_scores_) == n_scores


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("hidden", [(100,), (10, 10, 10)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pickle_is_the_parameters_and_little_more(kind, hidden):
    """Also after as many epochs as there are by default."""
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind](hidden, random_state=0, n_iter_no_change=np.inf)
    model.fit(X, y)
    assert model.n_iter_ == 200
    n_bytes = sum(array.nbytes for array in model.coefs_ + model.intercepts_)
    assert len(pickle.dumps(model)) <= 1.15 * n_bytes + 8192
