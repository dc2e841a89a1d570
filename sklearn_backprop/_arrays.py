"""The public arrays of a fitted estimator: what they must be, and their precision.

`coefs_` and `intercepts_` are the model, whoever put them there: a fit, a pickle, or a
user with weights from elsewhere.
"""

import zlib
from contextlib import contextmanager

import numpy as np
from sklearn.utils import check_array

from .finite import is_finite

FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}


def common_dtype(arrays):
    """Return the floating-point type of some arrays: float32 or float64.

    Integers count as what NumPy makes of them beside float32; what is more precise
    than float64 is rounded to it.
    """
    dtype = np.result_type(np.float32, *(np.asarray(array).dtype for array in arrays))
    return dtype if dtype in FLOATS else np.dtype(np.float64)


def read_model(coefs, intercepts):
    """Return weights and biases as arrays of one floating-point type.

    Parameters
    ----------
    coefs, intercepts : sequence of array-like
        Returned as they are where all is in order.

    Returns
    -------
    coefs, intercepts : list of ndarray
    """
    arrays = [*coefs, *intercepts]
    dtypes = {getattr(array, "dtype", None) for array in arrays}
    if len(dtypes) == 1 and dtypes <= FLOATS:
        return coefs, intercepts
    dtype = common_dtype(arrays)
    return tuple(
        [np.asarray(array, dtype=dtype) for array in part]
        for part in (coefs, intercepts)
    )


def check_model(coefs, intercepts, coefs_name="coefs_", intercepts_name="intercepts_"):
    """Check that weights and biases make a network.

    Parameters
    ----------
    coefs : sequence of array-like of shape (n_inputs, n_neurons)
    intercepts : sequence of array-like of shape (n_neurons,)
    coefs_name, intercepts_name : str
        What to call them.

    Returns
    -------
    coefs, intercepts : list of ndarray

    Raises
    ------
    ValueError
        If a shape does not fit its neighbours, or a value is not a finite number.
    """
    for name, part in ((coefs_name, coefs), (intercepts_name, intercepts)):
        if not hasattr(part, "__len__"):
            raise TypeError(
                f"{name} must be a sequence of arrays, one for each layer, got "
                f"{part!r}."
            )
    if len(coefs) == 0 or len(coefs) != len(intercepts):
        raise ValueError(
            f"{coefs_name} and {intercepts_name} must have one array for each layer, "
            f"got {len(coefs)} and {len(intercepts)}."
        )
    for name, part, n_axes in (
        (coefs_name, coefs, 2),
        (intercepts_name, intercepts, 1),
    ):
        for i, array in enumerate(part):
            _check_array(f"{name}[{i}]", array, n_axes)
    coefs, intercepts = read_model(coefs, intercepts)
    n_inputs = coefs[0].shape[0]
    for i, (weights, biases) in enumerate(zip(coefs, intercepts, strict=True)):
        if weights.shape[0] != n_inputs:
            raise ValueError(
                f"{coefs_name}[{i}] must have shape ({n_inputs}, n_neurons), since "
                f"{coefs_name}[{i - 1}] has {n_inputs} columns, got {weights.shape}."
            )
        n_inputs = weights.shape[1]
        if biases.shape != (n_inputs,):
            raise ValueError(
                f"{intercepts_name}[{i}] must have shape ({n_inputs},), since "
                f"{coefs_name}[{i}] has {n_inputs} columns, got {biases.shape}."
            )
    return list(coefs), list(intercepts)


def _check_array(name, array, n_axes):
    """Raise ValueError unless something is an array of finite numbers."""
    dtype = getattr(array, "dtype", None)
    if isinstance(array, np.ma.MaskedArray):
        raise ValueError(f"{name} must hold numbers, got a masked array: fill it.")
    if dtype in FLOATS and array.ndim == n_axes and array.size and is_finite(array):
        return  # The full check takes far longer than an epoch of a small network.
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{name} must hold numbers: {error}.") from error
    if array.dtype.kind in "bcmM" or _has_text(array):
        raise ValueError(f"{name} must hold numbers, got {array.dtype}.")
    try:
        numbers = array.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must hold numbers: {error}.") from error
    if array.ndim != n_axes or array.size == 0:
        raise ValueError(
            f"{name} must have {n_axes} axes and not be empty, got {array.shape}."
        )
    check_array(numbers, ensure_2d=False, ensure_min_features=0, input_name=name)


def _has_text(array):
    """Return whether an array holds strings, which NumPy would read as numbers."""
    if array.dtype.kind == "O":
        return any(isinstance(value, str | bytes) for value in array.flat)
    return array.dtype.kind in "SU"


@contextmanager
def within_floats(**given):
    """Make a context in which what is no float is an error that names where it is.

    NumPy's error for an integer beyond all floats, among objects, is no ValueError, and
    neither this nor its error for a string says where it found it.

    Parameters
    ----------
    **given : array-like
        What is read in the context, by the names to call it.

    Raises
    ------
    ValueError
        If an integer is too large, or a string is no number.
    """
    try:
        yield
    except OverflowError as error:
        raise ValueError(
            f"{_names_of(error, given)} holds an integer that is too large for "
            "any floating-point number: scale the data."
        ) from None
    except ValueError as error:
        if not str(error).startswith("could not convert string to float"):
            raise
        raise ValueError(
            f"{_names_of(error, given)} must hold numbers: {error}"
        ) from None


def _names_of(error, given):
    """Return the names of what raises an error when it is made floats."""
    names = []
    for name, values in given.items():
        try:
            np.asarray(values, np.float64)
        except (TypeError, ValueError, OverflowError) as found:
            if str(found) == str(error):
                names.append(name)
    return " and ".join(names or given)


def check_sparse(X, name="X"):
    """Raise ValueError unless the indices of a sparse matrix lie within its shape.

    SciPy takes them on trust, and a product would read memory that is not the data's.

    Parameters
    ----------
    X : {CSR, CSC} matrix or array
    name : str
        What to call it.
    """
    n_major, n_minor = X.shape if X.format == "csr" else X.shape[::-1]
    starts, indices = X.indptr, X.indices
    in_order = len(starts) == n_major + 1 and starts[0] == 0
    in_order = in_order and bool((starts[1:] >= starts[:-1]).all())
    if not in_order or starts[-1] > min(len(indices), len(X.data)):
        raise ValueError(
            f"{name} is no valid sparse matrix: its indptr must rise from 0 to at most "
            f"the {min(len(indices), len(X.data))} values there are, in "
            f"{n_major + 1} steps."
        )
    indices = indices[: starts[-1]]
    if len(indices) and not 0 <= indices.min() <= indices.max() < n_minor:
        raise ValueError(
            f"{name} is no valid sparse matrix: its indices must lie from 0 to "
            f"{n_minor - 1}, got {indices.min()} to {indices.max()}."
        )


def checksum(arrays):
    """Return a number that differs, all but surely, where arrays differ."""
    value = 0
    for array in arrays:
        array = np.ascontiguousarray(array)
        value = zlib.crc32(f"{array.dtype}{array.shape}".encode(), value)
        value = zlib.crc32(array.reshape(-1).view(np.uint8), value)
    return value
