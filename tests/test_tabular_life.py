"""The estimators for tables: bad input, interruptions, copies, threads and memory."""

import itertools
import pickle
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import skops.io
from _frames import KINDS, N_ROWS, TABULAR, mixed, new, targets
from conftest import differences, outputs, peak_of, snapshot
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, cross_val_score

import sklearn_backprop.tabular.training
from sklearn_backprop import Checkpoint
from sklearn_backprop.network import Network
from sklearn_backprop.tabular import base
from sklearn_backprop.tabular.defaults import DEFAULTS


@pytest.fixture(scope="module", params=KINDS)
def fitted(request):
    frame = mixed()
    kind = request.param
    return kind, new(kind).fit(frame, targets(kind, frame)), frame


# What is wrong, and what the error says. A function of X and y gives `fit` arguments.
REFUSED = {
    "rows": (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    "no_y": (lambda X, y: (X, None), "requires y to be passed"),
    "nan_in_y": (lambda X, y: (X, pd.Series(y).where(X.index > 3)), "missing values"),
    "none_in_y": (
        lambda X, y: (X, np.where(np.arange(len(y)) == 3, None, y)),
        "Input y contains N",
    ),
    "words_as_weights": (
        lambda X, y: (X, y, ["heavy"] * len(y)),
        "sample_weight must hold numbers: .*'heavy'",
    ),
    "empty": (lambda X, y: (X[:0], y[:0]), "0 sample"),
    "infinity": (lambda X, y: (X.assign(new=np.inf), y), "'new' contains infinity"),
    "names": (lambda X, y: (pd.concat([X, X], axis=1), y), "two columns of the name"),
    "weights": (lambda X, y: (X, y, -np.ones(len(y))), "[Nn]egative values"),
    "zeros": (
        lambda X, y: (X, y, np.zeros(len(y))),
        "zero for all samples|non-zero number",
    ),
    "X_val": (lambda X, y: (X, y, None, {"X_val": X}), "y_val was not"),
    "y_val": (lambda X, y: (X, y, None, {"y_val": y}), "X_val was not"),
    "weights_val": (
        lambda X, y: (X, y, None, {"sample_weight_val": y}),
        "X_val was not",
    ),
    "short_val": (
        lambda X, y: (X, y, None, {"X_val": X[:3], "y_val": y[:2]}),
        "validation data, X_val and y_val: Found input",
    ),
    "columns_val": (
        lambda X, y: (X, y, None, {"X_val": X[["word"]], "y_val": y}),
        "validation data, X_val and y_val: The feature names",
    ),
}
REFUSED_SETTINGS = {
    "n_estimators": 0,
    "hidden_layer_sizes": (16, 0),
    "max_iter": 2.5,
    "batch_size": "all",
    "learning_rate_init": 0.0,
    "dropout": 1.0,
    "categorical_features": ["colour"],
    "max_time": -1.0,
    "random_state": "seed",
}


def _fit(model, X, y, sample_weight=None, validation=None):
    return model.fit(X, y, sample_weight, **validation or {})


@pytest.mark.parametrize("name", REFUSED)
def test_bad_data_is_refused_and_nothing_fitted_is_lost(fitted, name):
    kind, model, frame = fitted
    make, message = REFUSED[name]
    model = clone(model).fit(frame, targets(kind, frame))
    before = snapshot(model)
    with pytest.raises((ValueError, TypeError), match=message):
        _fit(model, *make(frame, targets(kind, frame)))
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("name", REFUSED_SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_settings_are_refused_by_name(kind, name):
    frame = mixed(20)
    with pytest.raises(ValueError, match=name):
        new(kind, **{name: REFUSED_SETTINGS[name]}).fit(frame, targets(kind, frame))


def test_what_does_not_go_with_the_task_is_refused():
    frame = mixed(20)
    y = targets("regressor", frame)
    for quantiles in ([], [0.0], [0.5, 1.5], ["half"]):
        with pytest.raises(ValueError, match="quantiles="):
            new("regressor", quantiles=quantiles).fit(frame, y)
    with pytest.raises(ValueError, match="y must hold numbers: .*'low'"):
        new("regressor").fit(frame, pd.Categorical(["low", "high"] * 10))
    with pytest.raises(ValueError, match="MultiOutputClassifier"):
        new("classifier").fit(frame, np.ones((20, 2), int))
    with pytest.raises(ValueError, match="class_weight"):
        new("classifier", class_weight={"no": -1.0}).fit(
            frame, targets("classifier", frame)
        )
    model = new("regressor", quantiles=[0.5]).fit(frame, y)
    with pytest.raises(ValueError, match="no R\\^2"):
        model.score(frame, y)


BAD_AT_PREDICTION = {
    "order": (lambda X: X[X.columns[::-1]], "feature names"),
    "fewer": (lambda X: X[["word"]], "feature names"),
    "renamed": (lambda X: X.rename(columns={"word": "colour"}), "feature names"),
    "words": (lambda X: X.assign(number="many"), "'number' held numbers"),
    "array": (lambda X: X.to_numpy(dtype=object)[:, :2], "2 features"),
    "empty": (lambda X: X[:0], "0 sample"),
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("name", BAD_AT_PREDICTION)
def test_columns_are_matched_at_prediction(fitted, name):
    _, model, frame = fitted
    make, message = BAD_AT_PREDICTION[name]
    with pytest.raises(ValueError, match=message):
        model.predict(make(frame))


def test_the_same_seed_makes_the_same_model(fitted):
    kind, model, frame = fitted
    again = clone(model).fit(frame, targets(kind, frame))
    assert differences(vars(again), vars(model)) == []
    generator = np.random.RandomState(0)
    drawn = new(kind, random_state=generator).fit(frame, targets(kind, frame))
    assert differences(drawn.networks_, model.networks_) == []
    other = new(kind, random_state=1).fit(frame, targets(kind, frame))
    assert differences(other.networks_, model.networks_)


def test_a_model_travels(fitted):
    _, model, frame = fitted
    expected = outputs(model, frame)
    copies = [pickle.loads(pickle.dumps(model))]
    dumped = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=dumped)
    assert all(name.startswith("sklearn_backprop.") for name in unknown)
    copies.append(skops.io.loads(dumped, trusted=unknown))
    for copy in copies:
        assert_array_equal(outputs(copy, frame), expected)
        assert differences(vars(copy), vars(model)) == []


def test_a_pickle_is_hardly_larger_than_the_parameters():
    X, y = load_breast_cancer(return_X_y=True)
    for kind in KINDS:
        model = TABULAR[kind](max_iter=1, random_state=0).fit(X, y)
        arrays = [
            array
            for group in model.networks_
            for value in group.values()
            for array in (value if isinstance(value, list) else [value])
        ]
        size = sum(array.nbytes for array in arrays)
        assert len(pickle.dumps(model)) < 1.1 * size + 50_000


def test_public_arrays_are_the_model(fitted):
    kind, model, frame = fitted
    model = pickle.loads(pickle.dumps(model))
    for group in model.networks_:
        group["coefs"] = [np.zeros_like(weights) for weights in group["coefs"]]
    found = outputs(model, frame)
    assert_allclose(found, found[[0] * len(found)])


def _shorter(group):
    group["coefs"][0] = group["coefs"][0][:-1]


def _missing(group):
    del group["scales"]


def _uneven(group):
    group["intercepts"].pop()


@pytest.mark.parametrize("spoil", [_shorter, _missing, _uneven])
def test_arrays_that_do_not_fit_are_refused(fitted, spoil):
    _, model, frame = fitted
    model = pickle.loads(pickle.dumps(model))
    spoil(model.networks_[1])
    with pytest.raises(ValueError, match=re.escape("networks_[1]")):
        model.predict(frame)


def test_training_goes_on_within_the_time_and_ends_whole():
    X = np.random.default_rng(0).normal(size=(4000, 4))
    y = X[:, 0]
    model = new("regressor", max_iter=100_000, max_time=0.5)
    start = time.perf_counter()
    model.fit(X, y)
    assert model.n_iter_ < 100_000
    assert time.perf_counter() - start < 30.0
    assert model.score(X, y) > 0.5


@pytest.mark.parametrize("n", [1, 2, 7, 12])
def test_ctrl_c_keeps_the_best_so_far(monkeypatch, n):
    frame = mixed()
    untouched, calls = Network.loss_gradient, []

    def interrupted(self, *args):
        calls.append(None)
        if len(calls) == n:
            raise KeyboardInterrupt
        return untouched(self, *args)

    monkeypatch.setattr(Network, "loss_gradient", interrupted)
    for kind in KINDS:
        calls.clear()
        model = new(kind, max_iter=100)
        with pytest.warns(UserWarning, match="interrupted by user"):
            model.fit(frame, targets(kind, frame))
        assert model.n_iter_ < 100
        assert np.isfinite(outputs(model, frame)).all()


def test_divergence_is_an_error_that_says_what_helps():
    frame = mixed()
    for kind in KINDS:
        with pytest.raises(ValueError, match="lower learning_rate_init than 1e"):
            new(kind, learning_rate_init=1e30).fit(frame, targets(kind, frame))


@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_verbose_prints_a_line_for_each_epoch(capsys, verbose):
    frame = mixed()
    new("regressor", verbose=verbose).fit(frame, targets("regressor", frame))
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == {0: 0, 1: 8, 2: 5}[verbose]


def test_epochs_are_tasks_for_callbacks():
    pytest.importorskip("sklearn.callback")
    events = []

    class Recorder:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context, **told):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            events.append((context.task_name, fitted_estimator))
            return context.task_name == "epoch" and context.task_id == 2

    frame = mixed()
    for kind in KINDS:
        events.clear()
        y = targets(kind, frame)
        model = new(kind, max_iter=6).set_callbacks(Recorder()).fit(frame, y)
        assert model.n_iter_ == 3
        assert [name for name, _ in events] == ["epoch"] * 3 + ["fit"]
        for i, (_, copy) in enumerate(events[:3], start=1):
            assert copy.n_iter_ == i
            assert np.isfinite(copy.score(frame, y))
        assert_array_equal(outputs(events[2][1], frame), outputs(model, frame))


def test_searches_and_cross_validation(fitted):
    kind, model, frame = fitted
    y = targets(kind, frame)
    grid = {"n_estimators": [1, 2], "learning_rate_init": [0.001, 0.01]}
    search = GridSearchCV(clone(model), grid, cv=2).fit(frame, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(cross_val_score(clone(model), frame, y, cv=3)).all()


def test_many_threads_predict_the_same(fitted):
    _, model, frame = fitted
    before, expected = snapshot(model), outputs(model, frame)
    barrier = threading.Barrier(8)

    def predict(_):
        barrier.wait()
        return outputs(model, frame)

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(predict, range(8)):
            assert_array_equal(found, expected)
    assert differences(vars(model), before) == []


def test_prediction_is_bounded_in_memory(fitted):
    _, model, frame = fitted
    many = pd.concat([frame] * 200, ignore_index=True)
    few = pd.concat([frame] * 50, ignore_index=True)
    first = peak_of(lambda: outputs(model, few))
    growth = peak_of(lambda: outputs(model, many)) - first
    assert growth < 64 * (len(many) - len(few))
    # Parts of many rows are what they are alone.
    assert_allclose(outputs(model, many)[:N_ROWS], outputs(model, frame), rtol=1e-5)


def test_categories_take_little_memory_in_training():
    """A number each, where indicators would take 1,200 bytes of a row here."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.integers(0, 30, (25_000, 10))).astype("category")
    y = rng.normal(size=len(frame))
    model = new("regressor", max_iter=1)
    few, many = (
        peak_of(lambda n=n: model.fit(frame[:n], y[:n])) for n in (17_000, 25_000)
    )
    assert many - few < 600 * 8_000


@pytest.mark.parametrize("max_time", [3.0, 30.0])
def test_groups_share_the_time_there_is(monkeypatch, max_time):
    """A clock that goes a tick at each look makes time the same everywhere."""
    ticks, steps = itertools.count(0.0, 0.01), Counter()
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr(sklearn_backprop.tabular.training, "time", clock)
    untouched = Network.loss_gradient

    def counted(self, *args):
        steps[id(self)] += 1
        return untouched(self, *args)

    monkeypatch.setattr(Network, "loss_gradient", counted)
    X = np.random.default_rng(0).normal(size=(4000, 3))
    model = new("regressor", batch_size=8, max_time=max_time).fit(X, X[:, 0])
    assert len(model.networks_) == len(steps) == 3
    assert min(steps.values()) > 0.8 * max(steps.values())
    assert model.score(X, X[:, 0]) > 0.5


def test_to_wait_for_another_fit_takes_no_time_of_training(monkeypatch, tmp_path):
    seconds, untouched = [0.0], base.saving
    clock = SimpleNamespace(perf_counter=lambda: seconds[0])
    monkeypatch.setattr(sklearn_backprop.tabular.training, "time", clock)

    def waiting(*args):
        seconds[0] += 1000.0
        return untouched(*args)

    monkeypatch.setattr(base, "saving", waiting)
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = new("regressor", max_time=5.0)
    model.fit(X, X[:, 0], checkpoint=Checkpoint(tmp_path))
    assert model.n_iter_ == model.max_iter


def test_other_defaults_are_another_job(monkeypatch, tmp_path):
    X = np.random.default_rng(0).normal(size=(60, 2))
    found = []
    for n_bins in (4, 5, 4):
        row = DEFAULTS["regression"][0]._replace(n_bins=n_bins, max_iter=3)
        monkeypatch.setitem(DEFAULTS, "regression", [row])
        model = new("regressor", max_iter="auto")
        found.append(model.fit(X, X[:, 0], checkpoint=Checkpoint(tmp_path)))
    assert len(list(tmp_path.glob("*.npz"))) == 2
    assert differences(found[0].networks_, found[2].networks_) == []


def test_ctrl_c_at_the_very_end_keeps_the_model(fitted, monkeypatch):
    kind, model, frame = fitted
    untouched, calls = base.group_of, []

    def interrupted(network):
        calls.append(None)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return untouched(network)

    monkeypatch.setattr(base, "group_of", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        again = new(kind).fit(frame, targets(kind, frame))
    assert differences(again.networks_, model.networks_) == []


MASKS = {"short": [True, False], "wide": [[True, False, True, True]]}


@pytest.mark.parametrize("name", MASKS)
def test_masks_have_a_value_for_each_column(fitted, name):
    kind, _, frame = fitted
    with pytest.raises(ValueError, match="categorical_features must be one list"):
        new(kind, categorical_features=MASKS[name]).fit(frame, targets(kind, frame))


def test_rows_that_do_not_count_decide_nothing():
    """Nor the precision and the size of batches that go with their number."""
    frame = mixed()
    y = targets("regressor", frame)
    weights = (np.arange(N_ROWS) < 100).astype(float)
    model = new("regressor").fit(frame, y, sample_weight=weights)
    expected = new("regressor").fit(frame[:100], y[:100])
    assert model.networks_[0]["scales"].dtype == expected.networks_[0]["scales"].dtype
    with pytest.raises(ValueError, match="leaves no row that counts"):
        new("classifier", class_weight={"yes": 0.0, "no": 0.0}).fit(
            frame, targets("classifier", frame)
        )
