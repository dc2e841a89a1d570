"""What an estimator keeps so that training can go on, and how a run is taken up again.

Most of a run is public: the model, the loss curve, the scores, the numbers of epochs
and of rows. The rest is one dict of arrays and numbers, `_training_state`. It belongs
to the parameters that the last fit left; where others have been put in their place, a
new run begins from those.
"""

import math
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from . import optimizers
from ._arrays import FLOATS, checksum
from .finite import is_finite
from .training import Run


def training_state(run, random_state, arrays=None):
    """Return the private part of a run, as plain values.

    Parameters
    ----------
    run : Run
    random_state : int, RandomState instance or None
        The estimator's.
    arrays : sequence of ndarray, default=None
        The model that the run has led to. Without it nothing but the generator is
        kept, so that no order of the rows is drawn twice.

    Returns
    -------
    state : dict
    """
    state = {}
    if isinstance(random_state, Integral):
        # Any other generator is not ours to keep: it goes on by itself.
        state["rng"] = run.rng.get_state(legacy=False)
    if arrays is not None:
        state |= {"checksum": checksum(arrays), **run.state()}
    return state


def new_run(random_state):
    """Return a run that begins.

    Parameters
    ----------
    random_state : int, RandomState instance or None
    """
    return Run(rng=check_random_state(random_state))


def resumed_run(estimator):
    """Return the run of a fitted estimator, to go on.

    Parameters
    ----------
    estimator : BaseMLP
        With all its public attributes.
    """
    state = getattr(estimator, "_training_state", {})
    run = Run(
        rng=_generator(estimator.random_state, state.get("rng")),
        n_iter=estimator.n_iter_,
        n_samples_seen=estimator.t_,
        loss_curve=list(estimator.loss_curve_ or ()),
        validation_scores=list(estimator.validation_scores_ or ()),
        validation_losses=list(estimator.validation_loss_curve_ or ()),
    )
    arrays = [*estimator.coefs_, *estimator.intercepts_]
    if "checksum" not in state or state["checksum"] != checksum(arrays):
        return run
    _check_state(state, sum(np.size(array) for array in arrays))
    run.load(state)
    best_loss, best_score = estimator.best_loss_, estimator.best_validation_score_
    run.best_loss = math.inf if best_loss is None else best_loss
    run.best_iter = estimator.best_iter_
    run.best_score = -math.inf if best_score is None else best_score
    return run


def check_kept(state):
    """Raise an error unless something is a state whose generator can be used.

    The rest is checked where training goes on: only there it has to fit the model.

    Parameters
    ----------
    state : dict
        What `training_state` has returned, or what a file says that it has.
    """
    if not isinstance(state, dict):
        raise ValueError(f"The state of training must be a dict, got {state!r}.")
    if "rng" in state:
        _check_generator(state["rng"])


def _check_state(state, n_parameters):
    """Raise an error unless training of so many parameters can go on from a state."""
    names = "best_parameters", "last_parameters"
    vectors = {k: state[k] for k in names if state.get(k) is not None}
    vectors |= _checked_moments(state.get("optimizer"), state.get("moments"))
    for name, value in vectors.items():
        _check_vector(name, value, n_parameters)
    for name in ("n_reductions", "n_without_improvement", "mask_seed"):
        value = state.get(name)
        if value is not None and not (isinstance(value, Integral) and value >= 0):
            raise ValueError(f"{name} must be a number of at least 0, got {value!r}.")
    data = state.get("data")
    if data is None:
        return  # Rows that belong to no data are drawn anew.
    is_tuple = isinstance(data, tuple) and len(data) > 0
    if not is_tuple or not all(isinstance(part, Integral) for part in data):
        raise ValueError(f"data must be a tuple of numbers or None, got {data!r}.")
    for name in ("rows", "validation_rows"):
        rows = state.get(name)
        if rows is not None and not _are_positions(rows, data[0]):
            raise ValueError(f"{name} must be positions of rows, got {rows!r}.")


def _checked_moments(name, moments):
    """Return the moments that must be vectors of all parameters.

    One of our optimizers must find what it has left. What others keep is theirs.
    """
    if moments is not None and not isinstance(moments, dict):
        raise ValueError(f"moments must be a dict or None, got {moments!r}.")
    if moments is None or name not in optimizers.__all__:
        return {}
    optimizer = getattr(optimizers, name)()
    expected = optimizer.new_state(np.zeros(1)) if optimizer.is_stochastic else {}
    missing = expected.keys() - moments.keys()
    if missing:
        raise ValueError(f"moments of {name} lack {', '.join(sorted(missing))}.")
    numbers = {k: v for k, v in expected.items() if not isinstance(v, np.ndarray)}
    for key in numbers:
        if not isinstance(moments[key], Real):
            raise ValueError(f"{key} must be a number, got {moments[key]!r}.")
    return {k: v for k, v in moments.items() if k not in numbers}


def _check_generator(state):
    """Check the state of a generator."""
    try:
        np.random.RandomState(0).set_state(state)
        is_inside = 0 <= state["state"]["pos"] <= len(state["state"]["key"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"rng is no state of a generator: {error!r}.") from error
    if not is_inside:  # NumPy would read memory that is not its own.
        raise ValueError(f"rng is at {state['state']['pos']}, beyond its numbers.")


def _check_vector(name, vector, n_parameters):
    """Check what has a number for each parameter."""
    if not (isinstance(vector, np.ndarray) and vector.dtype in FLOATS):
        raise ValueError(f"{name} must be an array of floats, got {vector!r}.")
    if vector.shape != (n_parameters,) or not is_finite(vector):
        raise ValueError(
            f"{name} must hold {n_parameters} finite numbers, one for each parameter, "
            f"got shape {vector.shape}."
        )


def _are_positions(rows, n_rows):
    """Return whether something holds distinct positions of so many rows."""
    if not (isinstance(rows, np.ndarray) and rows.dtype.kind == "i" and rows.size):
        return False
    if rows.ndim != 1 or rows.min() < 0 or rows.max() >= n_rows:
        return False
    return rows.size <= n_rows and bool(np.bincount(rows).max() == 1)


def _generator(random_state, state):
    """Return a generator in a kept state, or the one that a parameter stands for."""
    if state is None or not isinstance(random_state, Integral):
        return check_random_state(random_state)
    generator = np.random.RandomState()
    generator.set_state(state)
    return generator
