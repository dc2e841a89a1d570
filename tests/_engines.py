"""Searches that every joblib backend is to give the same scores of."""

import numpy as np
from _frames import mixed, targets
from _frames import new as new_tabular
from conftest import DEFAULT_TABLE, KINDS, OURS, differences, table
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

# One model whose batches are shared between BLAS threads, if there are any, and others.
GRID = {
    "hidden_layer_sizes": [(6,), (256, 256)],
    "solver": ["adam", "lbfgs"],
}
TABULAR_GRID = {"n_estimators": [2, 5], "dropout": [0.0, 0.2]}
SEARCHES = [*KINDS, *(f"tabular_{kind}" for kind in KINDS)]


def _search(name):
    """Return a pipeline, the grid of its last step, features and targets."""
    kind = name.removeprefix("tabular_")
    if name == kind:
        model = make_pipeline(StandardScaler(), OURS[kind](max_iter=3, random_state=0))
        return model, GRID, *table(DEFAULT_TABLE[kind])
    frame = mixed()
    model = make_pipeline("passthrough", new_tabular(kind))
    return model, TABULAR_GRID, frame, targets(kind, frame)


def searched(name, backend=None, **settings):
    """Return a search in two workers of a backend, or in this process alone."""
    pipeline, grid, X, y = _search(name)
    step, _ = pipeline.steps[-1]
    grid = {f"{step}__{key}": values for key, values in grid.items()}
    search = GridSearchCV(
        pipeline, grid, cv=3, error_score="raise", return_train_score=True
    )
    with threadpool_limits(1, user_api="blas"):
        if backend is None:
            return search.fit(X, y)
        with parallel_config(backend, n_jobs=2, **settings):
            return search.fit(X, y)


def assert_same_search(found, expected):
    """Compare all scores, and the model of the best settings, to the last bit."""
    scores = [name for name in expected.cv_results_ if "score" in name]
    scores = [name for name in scores if not name.endswith("time")]
    assert any(name.startswith("split2_test") for name in scores)
    for name in scores:
        if "score_time" not in name:
            np.testing.assert_array_equal(
                found.cv_results_[name], expected.cv_results_[name], err_msg=name
            )
    found, expected = (search.best_estimator_[-1] for search in (found, expected))
    for name in {"coefs_", "networks_"} & vars(expected).keys():
        assert differences(getattr(found, name), getattr(expected, name)) == []
