"""State that travels through files: a stamp of its origin, and a check on arrival.

scikit-learn stamps the version into states of its own modules alone.
"""

import inspect
import warnings
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from sklearn.exceptions import InconsistentVersionWarning

from . import __version__

VERSION, FORMAT = "_sklearn_backprop_version", "_state_format"


def _stamped(state):
    """Return a state of the first format, which had no stamp, as of the second."""
    return state


def _with_group_weights(state):
    """Return a state of the second format, in which all networks of tables counted."""
    if "networks_" not in state:
        return state
    sizes = [float(len(group["scales"])) for group in state["networks_"]]
    return state | {"group_weights_": np.divide(sizes, sum(sizes))}


# The function at place k makes a state of format k + 1 of one of format k. What a
# state of some format is like, and what it predicts, is kept in tests/golden.
MIGRATIONS = [_stamped, _with_group_weights]


class StoredByAnotherVersionWarning(InconsistentVersionWarning):
    """An estimator was stored by another version of this package.

    Parameters
    ----------
    estimator_name : str
    version : str or None
        That it was stored by; None if that is unknown, before states had stamps.
    """

    def __init__(self, estimator_name, version):
        self.estimator_name = estimator_name
        self.version = version

    def __str__(self):
        version = "of unknown version" if self.version is None else self.version
        return (
            f"{self.estimator_name} was stored by sklearn_backprop {version} and is "
            f"loaded by {__version__}. What it predicts may differ: compare, or store "
            "it again by this version."
        )


class PersistenceMixin:
    """Stamps the state of an estimator, and checks one that is loaded.

    Every copy goes this way: pickle, joblib, skops and deepcopy. A subclass says in
    `_check_state` what its fitted attributes must be.
    """

    def __getstate__(self):
        stamp = {VERSION: __version__, FORMAT: len(MIGRATIONS)}
        return {**super().__getstate__(), **stamp}

    def __setstate__(self, state):
        name = type(self).__name__
        state, version = _read(state, name)
        if version != __version__:
            warnings.warn(StoredByAnotherVersionWarning(name, version), stacklevel=2)
            state = _defaults(type(self)) | state
        super().__setstate__(state)
        missing = [n for n in self._get_param_names() if not hasattr(self, n)]
        if missing:
            raise ValueError(f"A stored {name} lacks {', '.join(missing)}.")
        with _making_a_model(name):
            self._check_state()

    def _check_state(self):
        """Raise an error if fitted attributes do not fit together."""


def _read(state, name):
    """Return a state in the format of today without its stamp, and its version."""
    if not isinstance(state, dict):
        kind = type(state).__name__
        raise ValueError(f"The state of {name} must be a dict, got {kind}.")
    state = dict(state)
    version, number = state.pop(VERSION, None), state.pop(FORMAT, 0)
    newest = len(MIGRATIONS)
    if not isinstance(number, Integral) or number < 0:
        raise ValueError(
            f"The format of a stored {name} must be a number up to {newest}, got "
            f"{number!r}."
        )
    if number > newest:
        raise ValueError(
            f"{name} was stored by sklearn_backprop {version} in format {number}, but "
            f"version {__version__} reads formats up to {newest}: upgrade it."
        )
    with _making_a_model(name):
        for migrate in MIGRATIONS[number:]:
            state = migrate(state)
    return state, version


@contextmanager
def _making_a_model(name):
    """Make a context in which any error says that a state makes no model."""
    try:
        yield
    except Exception as error:  # Whatever strange contents lead to.
        reason = error if isinstance(error, ValueError) else repr(error)
        raise ValueError(f"A stored {name} does not make a model: {reason}") from error


def _defaults(cls):
    """Return the constructor's defaults by name."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}
