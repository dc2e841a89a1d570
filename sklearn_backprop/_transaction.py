"""Fits that happen wholly or not at all."""

from contextlib import contextmanager

import numpy as np
from sklearn.utils import check_random_state


def copy_of_estimator(estimator):
    """Return a copy of an estimator that shares all attributes."""
    copy = object.__new__(type(estimator))
    copy.__dict__.update(estimator.__dict__)
    return copy


@contextmanager
def all_or_nothing(estimator):
    """Make a context with a copy to work on, which an error in it leaves no trace of.

    Only a generator of the user's is shared with the copy, and put back.

    Parameters
    ----------
    estimator : estimator
        At the end it gets all attributes of the copy.

    Yields
    ------
    trial : estimator
    """
    generator = estimator.random_state
    if not isinstance(generator, np.random.RandomState) or (
        generator is check_random_state(None)
    ):
        generator = None  # NumPy's own is everybody's: nobody may turn it back.
    state = None if generator is None else generator.get_state(legacy=False)
    trial = copy_of_estimator(estimator)
    try:
        yield trial
    except BaseException:
        if generator is not None:
            generator.set_state(state)
        raise
    estimator.__dict__ = vars(trial)
