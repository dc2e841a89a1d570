"""Real tables and small helpers that the test modules share."""

import os

# Read by SciPy when it is imported; without it scikit-learn skips a check.
os.environ["SCIPY_ARRAY_API"] = "1"
os.environ["MPLBACKEND"] = "agg"  # Which needs no screen.

import copy
import functools
import importlib.util
import tracemalloc
import unittest
import warnings

import numpy as np
import pytest
import sklearn.neural_network
from sklearn import datasets

import sklearn_backprop
from sklearn_backprop.checkpoint.files import Store


def pytest_collection_modifyitems(items):
    """Leave out the page on callbacks where scikit-learn has none, before 1.9."""
    if importlib.util.find_spec("sklearn.callback") is None:
        items[:] = [item for item in items if item.path.name != "callbacks.md"]


OURS = {
    "classifier": sklearn_backprop.MLPClassifier,
    "regressor": sklearn_backprop.MLPRegressor,
}
THEIRS = {
    "classifier": sklearn.neural_network.MLPClassifier,
    "regressor": sklearn.neural_network.MLPRegressor,
}
KINDS = list(OURS)


def _standardized(X):
    """Columns of mean 0 and standard deviation 1; constant ones become zero."""
    spread = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _breast_cancer():
    X, y = datasets.load_breast_cancer(return_X_y=True)
    return X, y.astype(bool)


def _digits():
    X, y = datasets.load_digits(return_X_y=True)
    return X[:400], y[:400]


def _wine():
    X, y = datasets.load_wine(return_X_y=True)
    return X, y - 1


def _iris():
    data = datasets.load_iris()
    return data.data, data.target_names[data.target]


def _multilabel():
    X, y = _digits()
    return X, np.stack([y % 2, y > 4, y % 3 == 0], axis=1).astype(int)


def _diabetes():
    X, y = datasets.load_diabetes(return_X_y=True)
    return X, _standardized(y)


def _counts():
    X, y = datasets.load_diabetes(return_X_y=True)
    return X, np.round(y / 50)


def _two_targets():
    X, y = _diabetes()
    return np.delete(X, 2, axis=1), _standardized(np.stack([y, X[:, 2]], axis=1))


def _two_counts():
    X, y = _two_targets()
    return X, np.round(y - y.min(axis=0))


def _linnerud():
    X, y = datasets.load_linnerud(return_X_y=True)
    return X, _standardized(y)


_TABLES = {
    "breast_cancer": _breast_cancer,
    "digits": _digits,
    "wine": _wine,
    "iris": _iris,
    "multilabel": _multilabel,
    "diabetes": _diabetes,
    "counts": _counts,
    "two_targets": _two_targets,
    "two_counts": _two_counts,
    "linnerud": _linnerud,
}
_LABELLED = {"breast_cancer", "digits", "wine", "iris", "multilabel"}
KIND_OF = {name: "classifier" if name in _LABELLED else "regressor" for name in _TABLES}
DEFAULT_TABLE = {"classifier": "iris", "regressor": "diabetes"}


def read_only(array):
    """Return a copy that cannot be written to."""
    array = array.copy()
    array.flags.writeable = False
    return array


@functools.cache
def table(name):
    """Features, standardized in float64, and targets, in a fixed random order.

    Nobody can write to them, so every test that uses them shows that nobody does.
    """
    X, y = _TABLES[name]()
    order = np.random.RandomState(0).permutation(len(X))
    return read_only(_standardized(X)[order]), read_only(y[order])


def random_weights(n_samples, zeros=0.0):
    """Positive sample weights, of which about a share `zeros` is zero."""
    rng = np.random.RandomState(1)
    weights = rng.uniform(0.2, 3.0, n_samples)
    weights[rng.uniform(size=n_samples) < zeros] = 0.0
    return read_only(weights)


def passes(estimator, check):
    """Run one of scikit-learn's checks; one that is skipped has not passed."""
    try:
        check(estimator)
    except (unittest.SkipTest, pytest.skip.Exception) as skipped:
        pytest.fail(f"skipped: {skipped}")


def fit_silently(model, *args, **kwargs):
    """Fit and let no warning through: for scikit-learn's own estimators."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*args, **kwargs)


def peak_of(call):
    """Return the memory, in bytes, that a call took beyond what there was."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def outputs(model, X):
    """Return probabilities, or the predictions of a regressor: floats in any case."""
    return getattr(model, "predict_proba", model.predict)(X)


def snapshot(model):
    """Everything that an estimator holds, as a copy of its own."""
    return copy.deepcopy(vars(model))


def differences(a, b, path=""):
    """Return where two nested objects are not the same, bit for bit.

    Paths of attributes, keys and indices, separated by dots; none if all is the same.
    """
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        same = a.dtype == b.dtype and a.shape == b.shape
        if same and a.dtype != object:
            same = a.tobytes() == b.tobytes()
        return [] if same and (a.dtype != object or (a == b).all()) else [path]
    if type(a) is not type(b):
        return [path]
    if isinstance(a, np.random.RandomState):
        a, b = a.get_state(legacy=False), b.get_state(legacy=False)
    elif isinstance(a, list | tuple):
        a, b = dict(enumerate(a)), dict(enumerate(b))
    elif hasattr(a, "__dict__") and not isinstance(a, type) and not callable(a):
        a, b = a.__getstate__(), b.__getstate__()
    if isinstance(a, dict):
        if a.keys() != b.keys():
            return [f"{path}.{key}" for key in a.keys() ^ b.keys()]
        return [d for key in a for d in differences(a[key], b[key], f"{path}.{key}")]
    return [] if a is b or a == b or (a != a and b != b) else [path]


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch):
    """What is written outlives a process without it, if not a power cut."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


class Killed(BaseException):
    """What no handler expects, as little as a signal that kills."""


@pytest.fixture
def kill_after(monkeypatch):
    """Cut fits off after so many checkpoints from now on; None for never."""
    write, left = Store.write, [None]

    def writing(self, *args):
        write(self, *args)
        if left[0] is not None:
            left[0] -= 1
            if left[0] == 0:
                raise Killed

    monkeypatch.setattr(Store, "write", writing)
    return lambda n: left.__setitem__(0, n)
