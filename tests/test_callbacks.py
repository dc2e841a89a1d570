"""scikit-learn's callbacks, what is printed, and what other threads see."""

import re
import subprocess
import sys
import threading

import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, differences, snapshot, table
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
try:
    import sklearn.callback as callback
except ImportError:
    callback = None
# scikit-learn has callbacks from version 1.9 on.
KINDS_WITH_CALLBACKS = KINDS if callback is not None else []


def new(kind, **settings):
    defaults = {"max_iter": 6, "random_state": 0, "learning_rate_init": 0.02}
    return OURS[kind]((6,), **defaults | settings)


class Recorder:
    """Writes down the tasks, and may ask to stop or fail."""

    def __init__(self, stop_at=None, fail_at=None):
        self.events, self.models = [], []
        self.stop_at, self.fail_at = stop_at, fail_at

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.events.append(f"begin {context.task_name} {context.task_id}")
        self.max_subtasks = context.max_subtasks if context.parent is None else None
        self.told = X, y, metadata

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.events.append(f"end {context.task_name} {context.task_id}")
        self.models.append(fitted_estimator)
        if context.task_name == "epoch":
            if context.task_id == self.fail_at:
                raise RuntimeError("The callback fails.")
            return context.task_id == self.stop_at
        return None


SETTINGS = {
    "adam": {},
    "lbfgs": {"solver": "lbfgs"},
    "early_stopping": {"early_stopping": True},
    "averaged": {"solver": "adamw", "dropout": 0.2, "learning_rate": "cosine"},
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", KINDS_WITH_CALLBACKS)
def test_an_epoch_is_a_task_with_a_copy_of_the_model(kind, name):
    X, y = table(DEFAULT_TABLE[kind])
    weights = np.ones(len(X))
    expected = new(kind, **SETTINGS[name]).fit(X, y, sample_weight=weights)
    recorder = Recorder()
    model = new(kind, **SETTINGS[name]).set_callbacks(recorder)
    model.fit(X, y, sample_weight=weights)
    assert differences(model.coefs_, expected.coefs_) == []
    epochs = [
        f"{what} epoch {i}" for i in range(model.n_iter_) for what in ("begin", "end")
    ]
    assert recorder.events == [
        *("setup", "begin fit 0"),
        *epochs,
        *("end fit 0", "teardown"),
    ]
    assert recorder.told[0] is X and recorder.told[1] is y
    assert recorder.told[2]["sample_weight"] is weights
    for i, copy in enumerate(recorder.models[:-1], start=1):
        assert copy.n_iter_ == i and copy.loss_curve_ == model.loss_curve_[:i]
        assert np.isfinite(copy.score(X, y))
        assert not np.shares_memory(copy.coefs_[0], model.coefs_[0])
        if name == "early_stopping":
            assert copy.validation_scores_ == model.validation_scores_[:i]
            assert copy.best_validation_score_ == max(copy.validation_scores_)
    assert differences(recorder.models[-2].coefs_, model.coefs_) == []
    np.testing.assert_array_equal(recorder.models[-1].predict(X), model.predict(X))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS_WITH_CALLBACKS)
def test_a_callback_may_ask_to_stop(kind, solver):
    X, y = table(DEFAULT_TABLE[kind])
    recorder = Recorder(stop_at=2)
    model = new(kind, solver=solver).set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 3
    expected = new(kind, solver=solver, max_iter=3).fit(X, y)
    assert differences(model.coefs_, expected.coefs_) == []


@pytest.mark.parametrize("kind", KINDS_WITH_CALLBACKS)
def test_a_callback_that_fails_leaves_what_was_fitted(kind):
    X, y = table(DEFAULT_TABLE[kind])
    recorder = Recorder(fail_at=1)
    model = new(kind).fit(X, y).set_callbacks(recorder)
    before = snapshot(model)
    before.pop("_skl_callbacks")
    with pytest.raises(RuntimeError, match="The callback fails"):
        model.fit(X, y)
    after = {k: v for k, v in vars(model).items() if k != "_skl_callbacks"}
    assert differences(after, before) == []
    assert recorder.events[-1] == "teardown"


@pytest.mark.parametrize("kind", KINDS_WITH_CALLBACKS)
def test_partial_fit_calls_no_callbacks(kind):
    X, y = table(DEFAULT_TABLE[kind])
    recorder = Recorder()
    model = new(kind).fit(X, y).set_callbacks(recorder).partial_fit(X, y)
    assert recorder.events == [] and model.n_iter_ == 7


METRICS = {"classifier": "accuracy", "regressor": "r2"}


@pytest.mark.parametrize("kind", KINDS_WITH_CALLBACKS)
def test_the_scoring_monitor_works_alone_in_a_pipeline_and_in_a_search(kind):
    X, y = table(DEFAULT_TABLE[kind])

    def monitored():
        monitor = callback.ScoringMonitor(scoring=METRICS[kind])
        return monitor, new(kind).set_callbacks(monitor)

    monitor, model = monitored()
    model.fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 6
    assert rows[-1][METRICS[kind]] == pytest.approx(model.score(X, y))
    monitor, model = monitored()
    make_pipeline(StandardScaler(), model).fit(X, y)
    names = [row["task_name"] for row in monitor.get_logs().data]
    assert names.count("epoch") == 6
    monitor, model = monitored()
    GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2, n_jobs=2).fit(X, y)
    names = [row["task_name"] for row in monitor.get_logs().data]
    assert names.count("epoch") == (2 * 2 + 1) * 6


@pytest.mark.parametrize("kind", KINDS_WITH_CALLBACKS)
def test_the_progress_bar_works_alone_in_a_pipeline_and_in_a_search(kind, capsys):
    X, y = table(DEFAULT_TABLE[kind])
    new(kind).set_callbacks(callback.ProgressBar()).fit(X, y)
    assert f"{OURS[kind].__name__} - fit" in capsys.readouterr().out
    pipeline = make_pipeline(StandardScaler(), new(kind))
    pipeline.set_callbacks(callback.ProgressBar()).fit(X, y)
    assert OURS[kind].__name__ in capsys.readouterr().out
    pipeline = make_pipeline(StandardScaler(), new(kind))
    search = GridSearchCV(pipeline, {"standardscaler__with_mean": [True]}, cv=2)
    search.set_params(n_jobs=2).set_callbacks(callback.ProgressBar()).fit(X, y)
    assert "100%" in capsys.readouterr().out


# With an empty module in its place, as on older versions, where there is none.
WITHOUT = """
import sys, types
# These have callbacks of their own.
import sklearn.linear_model, sklearn.model_selection
sys.modules["sklearn.callback"] = types.ModuleType("sklearn.callback")
from sklearn.datasets import load_iris
from sklearn_backprop import MLPClassifier
X, y = load_iris(return_X_y=True)
model = MLPClassifier(max_iter=300, tol=0.1).fit(X, y)
traces = [name for name in dir(model) if "callback" in name]
print(model.n_iter_ > 0, traces)
"""


def test_without_the_protocol_there_is_no_trace_of_it():
    command = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True []\n", 0), done.stderr


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_verbose_2_prints_a_table(kind, validated, capsys):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, verbose=2, early_stopping=validated).fit(X, y)
    header, *rows = capsys.readouterr().out.splitlines()
    titles = ["epoch", "loss", "validation loss", "score", "learning rate", "seconds"]
    if not validated:
        del titles[2:4]
    assert re.split(r"\s{2,}", header.strip()) == titles
    values = np.array([row.split() for row in rows], float)
    assert values.shape == (6, len(titles))
    columns = dict(zip(titles, values.T, strict=True))
    np.testing.assert_array_equal(columns["epoch"], range(1, 7))
    np.testing.assert_allclose(columns["loss"], model.loss_curve_, rtol=1e-5)
    if validated:
        losses = model.validation_loss_curve_
        np.testing.assert_allclose(columns["validation loss"], losses, rtol=1e-5)
        np.testing.assert_allclose(
            columns["score"], model.validation_scores_, rtol=1e-5
        )
    np.testing.assert_array_equal(columns["learning rate"], 0.02)
    model.set_params(learning_rate="cosine").fit(X, y)
    rates = [row.split()[-2] for row in capsys.readouterr().out.splitlines()[1:]]
    middles = 0.01 * (1 + np.cos(np.pi * (np.arange(6) + 0.5) / 6))
    np.testing.assert_allclose(np.array(rates, float), middles, rtol=1e-3)
    assert (np.diff(columns["seconds"]) >= 0).all()


def test_the_table_of_lbfgs_has_no_learning_rate(capsys):
    X, y = table("iris")
    new("classifier", verbose=2, solver="lbfgs").fit(X, y)
    header = capsys.readouterr().out.splitlines()[0]
    assert re.split(r"\s{2,}", header.strip()) == ["epoch", "loss", "seconds"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_curves_are_seen_from_another_thread(kind):
    X, y = table(DEFAULT_TABLE[kind])
    model, seen = new(kind, early_stopping=True, max_iter=5).fit(X, y), []
    before = model.predict(X)
    watching, going_on = threading.Event(), threading.Event()

    def pause(estimator, X, y):
        watching.set()
        going_on.wait(10)
        return 1.0

    model.set_params(scoring=pause)
    thread = threading.Thread(target=model.fit, args=(X, y))
    thread.start()
    watching.wait(10)
    seen.append(len(model.loss_curve_))
    np.testing.assert_array_equal(model.predict(X), before)  # Still the fitted model.
    going_on.set()
    thread.join()
    assert seen == [0]
    assert len(model.loss_curve_) == model.n_iter_ == 5
