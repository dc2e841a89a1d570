"""What a checkpoint must hold to be of some job: everything is checked, then used."""

import math
from numbers import Integral

import numpy as np

from ..finite import is_finite

COUNTS = ("n_iter", "n_samples_seen", "n_reductions", "n_without_improvement")
CURVES = ("loss_curve", "validation_scores", "validation_losses")
# What a run has before its first epoch, and keeps.
KEPT = ("scoring", "data")


def require(is_right, what):
    """Raise ValueError, which names what is wrong, unless it is right."""
    if not is_right:
        raise ValueError(f"{what} is not what it must be")


def check_part(part, saved):
    """Check that what was saved of a run goes with a run that is about to begin.

    Parameters
    ----------
    part : Part
    saved : dict
        Its ``parameters``, and what the ``run`` held.

    Raises
    ------
    ValueError
        With the name of what does not fit.
    """
    require(saved.keys() == {"parameters", "run"}, "what there is of a network")
    _check_numbers("parameters", saved["parameters"], part.network.parameters)
    run = saved["run"]
    require(run.keys() == vars(part.run).keys() - {"rng"}, "what there is of a run")
    _check_progress(part, run)
    _check_rows(part, run)
    for name in KEPT:
        require(run[name] == getattr(part.run, name), name)
    for name in ("best_parameters", "last_parameters"):
        if run[name] is not None:
            _check_numbers(name, run[name], part.network.parameters)
    if run["moments"] is not None or run["optimizer"] is not None:
        require(run["optimizer"] == type(part.optimizer).__name__, "optimizer")
        _check_moments(part, run["moments"])


def _check_progress(part, run):
    for name in COUNTS:
        require(_is_count(run[name]), name)
    for name in ("best_iter", "mask_seed"):
        require(run[name] is None or _is_count(run[name]), name)
    for name in ("best_loss", "best_score"):
        require(not math.isnan(run[name]), name)
    n_epochs = run["n_iter"] - part.run.n_iter
    require(n_epochs >= 0, "n_iter")
    for name in CURVES:
        n_before = len(getattr(part.run, name))
        lengths = {n_before + n_epochs}
        if name != "loss_curve" and run["scoring"] is None:
            lengths.add(n_before)  # Where nothing is validated.
        curve = run[name]
        is_curve = isinstance(curve, list) and len(curve) in lengths
        require(is_curve and np.isfinite(curve).all(), name)


def _check_rows(part, run):
    expected = part.run.validation_rows
    found = run["validation_rows"]
    require(np.array_equal(found, expected) or found is expected, "validation_rows")
    rows, expected = run["rows"], part.run.rows
    if rows is None:
        require(expected is None, "rows")
        return
    if expected is None:
        expected = np.arange(part.n_rows)
    require(rows.dtype == expected.dtype, "rows")
    require(np.array_equal(np.sort(rows), np.sort(expected)), "rows")


def _check_moments(part, moments):
    expected = part.optimizer.new_state(part.network.parameters)
    require(moments.keys() == expected.keys(), "moments")
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            _check_numbers(name, moments[name], value)
        else:
            require(math.isfinite(moments[name]), name)


def _check_numbers(name, array, like):
    """Check that something is an array of finite numbers like another one."""
    is_array = isinstance(array, np.ndarray)
    require(is_array and (array.shape, array.dtype) == (like.shape, like.dtype), name)
    require(is_finite(array), name)


def _is_count(value):
    return isinstance(value, Integral) and value >= 0
