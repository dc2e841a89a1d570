"""A fit that is cut off and run again equals one that was not, bit for bit."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
from conftest import (
    DEFAULT_TABLE,
    KINDS,
    OURS,
    Killed,
    differences,
    random_weights,
    table,
)
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_backprop import Checkpoint, TabularMLPClassifier, TabularMLPRegressor
from sklearn_backprop.checkpoint.files import Store
from sklearn_backprop.optimizers import AdamW
from sklearn_backprop.schedules import Cosine, OneCycle
from sklearn_backprop.tabular.training import GroupTraining

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("no_waiting_for_the_disk"),
]
TABULAR = {"classifier": TabularMLPClassifier, "regressor": TabularMLPRegressor}


def resumed(fit, kill_after, n_writes):
    """The model of a fit that is cut off after so many checkpoints, again and again."""
    for n_fits in range(1, 100):
        kill_after(n_writes)
        try:
            model = fit()
        except Killed:
            continue
        kill_after(None)
        assert n_fits > 2
        return model
    raise AssertionError("The fit does not come to an end.")


def negative_error(model, X, y):
    return -float(np.mean(model.predict(X) != y))


SETTINGS = {
    "adam": {},
    "adamw": {"solver": AdamW(averaging=0.9, clip_norm=1.0), "l1_ratio": 0.5},
    "nadam": {"solver": "nadam", "dtype": "float32", "learning_rate": "step"},
    "schedule_free": {"solver": "schedule_free", "early_stopping": True},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive", "n_iter_no_change": 1},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "shuffle": False},
    "cosine": {"learning_rate": "cosine", "dropout": 0.2},
    "one_cycle": {"learning_rate": OneCycle(), "solver": "sgd"},
    "plateau": {"learning_rate": "plateau", "n_iter_no_change": 2, "tol": 0.1},
    "function": {"learning_rate": lambda progress: 1.0 - 0.5 * progress},
    "averaged": {"solver": AdamW(averaging=0.8), "dropout": 0.3, "warm_start": True},
    "early_stopping": {"early_stopping": True, "n_iter_no_change": 3, "tol": 0.01},
    "scored": {"early_stopping": True, "scoring": negative_error},
    "converged": {"tol": 0.5, "n_iter_no_change": 2},
}


def new(kind, **settings):
    defaults = {"max_iter": 8, "random_state": 0, "learning_rate_init": 0.02}
    return OURS[kind]((6, 5), batch_size=60, **{**defaults, **settings})


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_that_is_cut_off_ends_as_if_it_had_not_been(
    kind, name, kill_after, tmp_path
):
    X, y = table(DEFAULT_TABLE[kind])
    expected = new(kind, **SETTINGS[name]).fit(X, y)
    checkpoint = Checkpoint(tmp_path / "new" / "folder")

    def fit():
        return new(kind, **SETTINGS[name]).fit(X, y, checkpoint=checkpoint)

    model = resumed(fit, kill_after, 1 if name != "adam" else 2)
    assert differences(vars(model), vars(expected)) == []
    # The last checkpoint is the end: another fit has nothing to do.
    (path,) = (tmp_path / "new" / "folder").iterdir()
    before = path.stat().st_mtime_ns
    assert differences(vars(fit()), vars(expected)) == []
    assert path.stat().st_mtime_ns == before


def with_validation(X, y):
    return {"X_val": X[::3], "y_val": y[::3], "sample_weight_val": None}


def weighted(X, y):
    return {"sample_weight": random_weights(len(y), zeros=0.2)}


@pytest.mark.parametrize("arguments", [with_validation, weighted])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_all_that_fit_takes_goes_on(kind, sparse, arguments, kill_after, tmp_path):
    X, y = table(DEFAULT_TABLE[kind])
    X = sp.csr_array(X) if sparse else X
    given = arguments(X, y)
    expected = new(kind).fit(X, y, **given)
    model = resumed(
        lambda: new(kind).fit(X, y, checkpoint=Checkpoint(tmp_path), **given),
        kill_after,
        1,
    )
    assert differences(vars(model), vars(expected)) == []


SEEDS = {
    "int": lambda: 5,
    "instance": lambda: np.random.RandomState(5),
    "generator": lambda: np.random.RandomState(np.random.PCG64(5)),
    "none": lambda: None,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", ["plain", "tabular"])
def test_every_kind_of_random_state_goes_on(family, seed, kill_after, tmp_path):
    X, y = table("iris")
    settings = {"max_iter": 5, "learning_rate_init": 0.02}

    def unfitted():
        random_state = SEEDS[seed]()
        if family == "tabular":
            return TabularMLPClassifier(3, random_state=random_state, **settings)
        return new(
            "classifier", early_stopping=True, random_state=random_state, **settings
        )

    # What None stands for is NumPy's own generator, which the processes that follow
    # find in other states.
    np.random.seed(3)  # noqa: NPY002
    expected = unfitted().fit(X, y)
    np.random.seed(3)  # noqa: NPY002
    model = resumed(
        lambda: unfitted().fit(X, y, checkpoint=Checkpoint(tmp_path)), kill_after, 1
    )
    assert differences(vars(model), vars(expected)) == []
    if seed != "none":
        assert len(list(tmp_path.iterdir())) == 1
        return
    assert list(tmp_path.iterdir()) == []  # The next fit is to be another one.
    again = unfitted().fit(X, y, checkpoint=Checkpoint(tmp_path))
    assert again.loss_curve_ != model.loss_curve_


@pytest.mark.parametrize("kind", KINDS)
def test_a_loop_of_warm_starts_goes_on_in_the_fit_that_was_cut_off(
    kind, kill_after, tmp_path
):
    X, y = table(DEFAULT_TABLE[kind])
    settings = {"max_iter": 3, "warm_start": True, "early_stopping": True}
    settings |= {"solver": AdamW(averaging=0.9), "learning_rate": Cosine(horizon=12)}

    def loop(**given):
        model = new(kind, **settings)
        for _ in range(3):
            model.fit(X, y, **given)
        return model

    expected = loop()
    model = resumed(
        lambda: loop(checkpoint=Checkpoint(tmp_path)), kill_after, n_writes=1
    )
    assert differences(vars(model), vars(expected)) == []
    assert model.n_iter_ == 9
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_groups_of_networks_go_on(kind, validated, kill_after, tmp_path):
    X, y = table(DEFAULT_TABLE[kind])
    given = with_validation(X, y) if validated else {}
    settings = {"max_iter": 5, "dropout": 0.1, "random_state": 0}

    def fit(**checkpoint):
        return TABULAR[kind](4, **settings).fit(X, y, **given, **checkpoint)

    expected = fit()
    model = resumed(lambda: fit(checkpoint=Checkpoint(tmp_path)), kill_after, 1)
    assert differences(vars(model), vars(expected)) == []
    again = fit(checkpoint=Checkpoint(tmp_path))
    assert differences(vars(again), vars(expected)) == []


def test_of_the_time_what_has_passed_has_passed(kill_after, tmp_path, monkeypatch):
    X, y = table("iris")
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def scored(kill_at):
        model = TabularMLPClassifier(2, max_time=100.0, max_iter=50, random_state=0)
        kill_after(kill_at)
        return model.fit(X, y, checkpoint=Checkpoint(tmp_path))

    epoch = GroupTraining.epoch

    def slow_epoch(self):
        now[0] += 15.0  # There are two groups.
        return epoch(self)

    monkeypatch.setattr(GroupTraining, "epoch", slow_epoch)
    with pytest.raises(Killed):
        scored(2)
    now[0] = 1e6
    # 60 seconds have passed: in the 40 that are left two epochs begin.
    assert scored(None).n_iter_ == 4


def test_ctrl_c_keeps_the_best_and_the_same_call_goes_on(tmp_path):
    X, y = table("iris")
    n_scores = [0]

    def scoring(model, X, y):
        n_scores[0] += 1
        if n_scores[0] == 4:
            raise KeyboardInterrupt
        return model.score(X, y)

    expected = new("classifier", scoring=None, early_stopping=True).fit(X, y)
    model = new("classifier", early_stopping=True, scoring=scoring)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y, checkpoint=Checkpoint(tmp_path))
    assert model.n_iter_ == 3
    assert model.best_validation_score_ == max(model.validation_scores_)
    model.fit(X, y, checkpoint=Checkpoint(tmp_path))
    assert model.n_iter_ == expected.n_iter_
    assert differences(model.coefs_, expected.coefs_) == []
    assert model.validation_scores_ == expected.validation_scores_


@pytest.mark.parametrize("family", ["plain", "tabular"])
def test_ctrl_c_while_the_end_is_written_keeps_what_was_trained(
    family, tmp_path, monkeypatch
):
    X, y = table("iris")
    write = Store.write

    def fit(**given):
        if family == "plain":
            return new("classifier", early_stopping=True).fit(X, y, **given)
        model = TabularMLPClassifier(2, max_iter=4, random_state=0)
        return model.fit(X, y, **given)

    def interrupted(self, number, header, tree):
        if tree["outcome"] is not None:
            raise KeyboardInterrupt
        write(self, number, header, tree)

    expected = fit()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", interrupted)
        with pytest.warns(UserWarning, match="interrupted by user"):
            model = fit(checkpoint=Checkpoint(tmp_path))
    assert differences(vars(model), vars(expected)) == []
    again = fit(checkpoint=Checkpoint(tmp_path))
    assert differences(vars(again), vars(expected)) == []


@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("keep", [1, 3])
def test_checkpoints_are_written_every_so_often_and_so_many_kept(every, keep, tmp_path):
    X, y = table("iris")
    checkpoint = Checkpoint(tmp_path, every=every, keep=keep)
    new("classifier").fit(X, y, checkpoint=checkpoint)
    names = sorted(path.name for path in tmp_path.iterdir())
    numbers = [int(name.removesuffix(".npz").rpartition("-")[2]) for name in names]
    written = [n for n in range(1, 8) if n % every == 0] + [8]
    assert numbers == written[-keep:]


def test_what_is_said_at_the_end_is_said_again(tmp_path):
    X, y = table("iris")
    for _ in range(2):
        with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
            new("classifier").fit(X, y, checkpoint=Checkpoint(tmp_path))


@pytest.mark.parametrize(("backend", "piped"), [("threading", False), ("loky", True)])
def test_the_fits_of_a_search_have_files_of_their_own(piped, backend, tmp_path):
    X, y = table("iris")
    model, prefix = new("classifier"), ""
    if piped:
        model, prefix = make_pipeline(StandardScaler(), model), "mlpclassifier__"
    # The first of them twice, at the same time.
    grids = [{f"{prefix}alpha": [0.1]}, {f"{prefix}alpha": [0.1, 1.0, 10.0]}]
    search = GridSearchCV(model, grids, cv=2, n_jobs=2)
    expected = clone(search).fit(X, y)
    with joblib.parallel_config(backend), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search.fit(X, y, **{f"{prefix}checkpoint": Checkpoint(tmp_path)})
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 3 * 2 + 1
    np.testing.assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    predicted = search.predict(X)
    np.testing.assert_array_equal(predicted, expected.predict(X))


def test_clones_in_threads_are_independent_of_one_another(tmp_path):
    X, y = table("iris")
    checkpoint = Checkpoint(tmp_path)
    models = [new("classifier", random_state=i, max_iter=15) for i in range(8)]
    expected = [clone(model).fit(X, y) for model in models]
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = list(
            pool.map(lambda m: clone(m).fit(X, y, checkpoint=checkpoint), models)
        )
    for model, other in zip(fitted, expected, strict=True):
        assert differences(vars(model), vars(other)) == []
    assert len(list(tmp_path.iterdir())) == 8
