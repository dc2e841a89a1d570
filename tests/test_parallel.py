"""The same models in other processes and threads, to the last bit."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from _engines import SEARCHES, assert_same_search, searched
from _frames import new as new_tabular
from conftest import (
    DEFAULT_TABLE,
    KINDS,
    OURS,
    differences,
    outputs,
    read_only,
    snapshot,
    table,
)
from joblib import parallel_config
from sklearn.base import clone
from sklearn.model_selection import cross_validate
from test_blas import two_blas_threads  # noqa: F401
from test_callbacks import KINDS_WITH_CALLBACKS, Recorder
from threadpoolctl import threadpool_limits

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # Of Python, that to fork a process with threads may lock it up.
    pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning"),
    # Of loky, when a worker that was idle for long ends as work comes.
    pytest.mark.filterwarnings("ignore:A worker stopped while some jobs:UserWarning"),
]
# What is documented: one BLAS thread in every worker. Arrays come as memory maps.
BACKENDS = {
    "threading": {},
    "loky": {"inner_max_num_threads": 1, "max_nbytes": 1},
    "multiprocessing": {"max_nbytes": 1},
}


@pytest.fixture(scope="module", params=SEARCHES)
def in_one_process(request):
    return request.param, searched(request.param)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_search_has_the_scores_of_one_process(in_one_process, backend):
    kind, expected = in_one_process
    assert_same_search(searched(kind, backend, **BACKENDS[backend]), expected)


MODELS = {
    "small": OURS["classifier"]((6,), random_state=0, max_iter=3),
    "dropout": OURS["classifier"](
        (6,), solver="adamw", dropout=0.3, random_state=0, max_iter=5
    ),
    "shared_products": OURS["classifier"]((512, 256), random_state=0, max_iter=1),
    "float32": OURS["classifier"]((300, 300), dtype="float32", max_iter=1),
    "lbfgs": OURS["classifier"]((20,), solver="lbfgs", random_state=0, max_iter=5),
    "tabular": new_tabular("classifier", n_estimators=2, max_iter=2),
}
MODELS["float32"].set_params(random_state=0)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_models_have_the_same_bits_for_any_n_jobs(backend):
    X, y = table("iris")
    for name, model in MODELS.items():
        runs = []
        for n_jobs in (1, 2):
            config = {"n_jobs": n_jobs, **BACKENDS[backend]}
            with (
                threadpool_limits(1, user_api="blas"),
                parallel_config(backend, **config),
            ):
                run = cross_validate(model, X, y, cv=3, return_estimator=True)
            runs.append([vars(each) for each in run["estimator"]])
        assert differences(runs[1], runs[0]) == [], name


@pytest.mark.parametrize("name", ["small", "dropout", "lbfgs", "tabular"])
def test_small_models_do_not_hang_on_the_threads_of_blas(name, two_blas_threads):  # noqa: F811
    X, y = table("iris")
    many = clone(MODELS[name]).fit(X, y)
    with threadpool_limits(1, user_api="blas"):
        one = clone(MODELS[name]).fit(X, y)
    assert differences(vars(many), vars(one)) == []


def methods_of(model):
    """What a model can be asked of rows, by name."""
    names = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    asked = {name: getattr(model, name) for name in names if hasattr(model, name)}
    if hasattr(model, "hidden_activations"):
        asked["hidden_activations"] = lambda X: model.hidden_activations(X, 0)
    return asked


@pytest.mark.parametrize("kind", [*KINDS, "tabular_classifier", "tabular_regressor"])
def test_eight_threads_ask_one_model(kind):
    task = kind.removeprefix("tabular_")
    X, y = table(DEFAULT_TABLE[task])
    model = OURS[task]((40, 20), max_iter=3, random_state=0)
    if kind != task:
        model = new_tabular(task)
    model.fit(X, y)
    before = snapshot(model)
    for array in getattr(model, "coefs_", []):
        array.flags.writeable = False
    # Rows alone, some and many, all at once, and each of them from several threads.
    parts = [X[:1], X[:7], read_only(X), np.tile(X, (5, 1))]
    asked = [(name, part) for name in methods_of(model) for part in parts] * 8
    with threadpool_limits(1, user_api="blas"):
        expected = [methods_of(model)[name](part) for name, part in asked]
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(lambda pair: methods_of(model)[pair[0]](pair[1]), asked)
            for (name, _), mine, other in zip(asked, found, expected, strict=True):
                np.testing.assert_array_equal(mine, other, err_msg=name)
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_rows_in_eight_threads_as_blas_is_set(kind, two_blas_threads):  # noqa: F811
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind]((200,), max_iter=2, dtype="float32", random_state=0).fit(X, y)
    for rows in (X, np.tile(X, (40, 1))):
        expected = outputs(model, rows)
        with ThreadPoolExecutor(8) as pool:
            for found in pool.map(lambda _, rows=rows: outputs(model, rows), range(8)):
                np.testing.assert_array_equal(found, expected)


def clones(model, n=4):
    """Unfitted copies with seeds of their own."""
    return [clone(model).set_params(random_state=i) for i in range(n)]


def with_recorder(model):
    return model.set_callbacks(Recorder())


WATCHED = {"alone": lambda model: model}
if KINDS_WITH_CALLBACKS:
    WATCHED["callbacks"] = with_recorder


@pytest.mark.parametrize("watched", WATCHED)
@pytest.mark.parametrize("name", MODELS)
def test_fits_of_clones_in_a_pool_do_not_meet(name, watched):
    X, y = table("iris")
    models = [WATCHED[watched](model) for model in clones(MODELS[name])]
    with threadpool_limits(1, user_api="blas"):
        expected = [model.fit(X, y) for model in clones(MODELS[name])]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda model: model.fit(X, y), models))
    for mine, other in zip(found, expected, strict=True):
        names = [attribute for attribute in vars(other) if attribute.endswith("_")]
        for attribute in names:
            pair = getattr(mine, attribute), getattr(other, attribute)
            assert differences(*pair) == [], attribute
        if watched == "callbacks":
            recorder = mine._skl_callbacks[0]
            n_epochs = len([e for e in recorder.events if e.startswith("end epoch")])
            assert n_epochs == other.n_iter_


def test_large_and_small_fits_side_by_side_share_one_blas_thread():
    """A small fit holds BLAS to one thread, which is what the large one has anyway."""
    X, y = table("iris")
    models = [MODELS["shared_products"], *clones(MODELS["small"], 3)] * 2
    with threadpool_limits(1, user_api="blas"):
        expected = [clone(model).fit(X, y) for model in models]
        with ThreadPoolExecutor(4) as pool:
            found = pool.map(lambda model: clone(model).fit(X, y), models)
            for mine, other in zip(found, expected, strict=True):
                assert differences(vars(mine), vars(other)) == []
