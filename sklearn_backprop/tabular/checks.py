"""What fitted attributes must be, whoever has set them: a fit, a file or a user."""

from numbers import Integral

import numpy as np

from ..finite import is_finite

FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}


def check_numbers(name, array, shape, dtype=None):
    """Raise ValueError unless something is an array of finite floats.

    Parameters
    ----------
    name : str
        What to call it.
    array : object
    shape : tuple of int
    dtype : dtype, default=None
        By default float32 or float64.
    """
    found = getattr(array, "dtype", None)
    accepted = FLOATS if dtype is None else {np.dtype(dtype)}
    if not isinstance(array, np.ndarray) or found not in accepted:
        names = " or ".join(sorted(map(str, accepted)))
        raise ValueError(f"{name} must be an array of {names}, got {array!r}.")
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}.")
    if not is_finite(array):
        raise ValueError(f"{name} must be finite, got {array!r}.")


def check_positive(name, array, shape):
    """Raise ValueError unless something is an array of positive floats.

    Parameters
    ----------
    name : str
    array : object
    shape : tuple of int
    """
    check_numbers(name, array, shape)
    if not (array > 0.0).all():
        raise ValueError(f"{name} must be positive, got {array!r}.")


def check_shares(name, array, shape):
    """Raise ValueError unless something is an array of shares that sum to 1.

    Parameters
    ----------
    name : str
    array : object
    shape : tuple of int
    """
    check_numbers(name, array, shape)
    if (array < 0.0).any() or not np.isclose(array.sum(), 1.0):
        raise ValueError(f"{name} must not be negative and sum to 1, got {array!r}.")


def check_places(name, places, among):
    """Raise ValueError unless something is a list of ascending positions.

    Parameters
    ----------
    name : str
    places : object
    among : collection of int
        What they may be.
    """
    is_list = isinstance(places, list) and all(isinstance(p, Integral) for p in places)
    if not is_list or sorted(set(places)) != places or not set(places) <= set(among):
        raise ValueError(
            f"{name} must be a list of ascending positions of columns, got {places!r}."
        )


def check_edges(name, edges):
    """Raise ValueError unless something is the ascending edges of the bins of a column.

    Parameters
    ----------
    name : str
    edges : object
        None at all for a constant column.
    """
    check_numbers(name, edges, (np.size(edges),))
    if len(edges) == 1 or not (np.diff(edges) > 0.0).all():
        raise ValueError(f"{name} must be ascending, two or none, got {edges!r}.")
