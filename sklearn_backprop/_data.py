"""What users pass to `fit`, as arrays."""

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_regressor
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from ._arrays import check_sparse, checksum, within_floats

# Rows whose features tell whether the data is that of the fit before.
N_SAMPLED_ROWS = 64


def read_data(estimator, X, y, reset):
    """Return X, its rows one after another in memory, and y as arrays.

    Parameters
    ----------
    estimator : estimator
        Takes note of the number and the names of the features, or compares them.
    X, y : array-like
    reset : bool
        Whether to take note.

    Returns
    -------
    X : {ndarray, CSR matrix or array} of shape (n_samples, n_features)
    y : ndarray
    """
    check_targets_known(y)
    dtypes = [np.float64, np.float32]
    if estimator.dtype == "float32":
        dtypes.reverse()
    try:
        with within_floats(X=X, y=y):
            X, y = validate_data(
                estimator,
                X,
                y,
                accept_sparse=["csr", "csc"],
                multi_output=True,
                y_numeric=is_regressor(estimator),
                dtype=dtypes,
                reset=reset,
            )
    except ValueError as error:
        if str(error) != "Input contains NaN":
            raise
        # scikit-learn does not say that it means labels that are objects.
        raise ValueError("Input y contains NaN: a label is missing.") from None
    # Batches are gathered row by row, in random order.
    if sp.issparse(X):
        check_sparse(X)
        return X.tocsr(), y
    return np.ascontiguousarray(X), y


def check_targets_known(y):
    """Raise ValueError if targets of a frame or series have gaps.

    They have more ways to lack a value than scikit-learn looks for.
    """
    is_missing = getattr(y, "isna", None)
    if is_missing is not None and np.any(is_missing()):
        raise ValueError("Input y contains missing values (NaN, NA or None).")


def squeeze_column(y):
    """Return a y of one column as one-dimensional, with a warning."""
    if y.ndim == 2 and y.shape[1] == 1:
        return column_or_1d(y, warn=True)
    return y


def read_sample_weight(sample_weight, X, dtype, factors=None):
    """Return the weights as an array, or None.

    Parameters
    ----------
    sample_weight : array-like of shape (n_samples,) or None
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    dtype : dtype
    factors : ndarray of shape (n_samples,), default=None
        What they are multiplied with: the weights of the classes.

    Raises
    ------
    ValueError
        If one is negative or not finite, if all are zero or their sum is infinite.
    """
    if sample_weight is None and factors is None:
        return None
    with within_floats(sample_weight=sample_weight):
        sample_weight = _check_sample_weight(
            sample_weight, X, dtype=dtype, ensure_non_negative=True
        )
    if factors is not None:
        sample_weight = sample_weight * factors.astype(dtype)
    if not sample_weight.any():
        raise ValueError("sample_weight is zero for all samples.")
    if not np.isfinite(sample_weight.sum()):
        raise ValueError(f"The sum of sample_weight is too large for {dtype}.")
    return sample_weight


def is_validation_given(X_val, y_val, sample_weight_val):
    """Return whether `fit` was given validation data.

    Raises
    ------
    ValueError
        If only a part of it was given.
    """
    given = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
    passed = [name for name, value in given.items() if value is not None]
    for name in ("X_val", "y_val"):
        if passed and given[name] is None:
            raise ValueError(f"{passed[0]} is provided, but {name} was not.")
    return bool(passed)


def read_numbers(y, dtype):
    """Return a regressor's targets as columns.

    Raises
    ------
    ValueError
        If `y` is sparse, does not hold numbers, or holds some beyond `dtype`.
    """
    y = squeeze_column(y)
    if sp.issparse(y):
        raise ValueError("y is a sparse matrix; pass y.toarray().")
    if y.dtype.kind in "USmM":
        raise ValueError(f"y must hold numbers, got {y.dtype}.")
    targets = np.ascontiguousarray(y.reshape(len(y), -1), dtype)
    if np.isnan(targets).any():  # None, among objects, which scikit-learn overlooks.
        raise ValueError("Input y contains NaN.")
    if targets.dtype != y.dtype and not np.isfinite(targets).all():
        raise ValueError(f"y contains values too large for {np.dtype(dtype)}.")
    return targets


def fingerprint(X, targets):
    """Return what tells data from other data: its length and two checksums.

    Of the targets all are looked at, of the features those of some rows.
    """
    n_samples = X.shape[0]
    sample = np.linspace(0, n_samples - 1, min(n_samples, N_SAMPLED_ROWS)).astype(int)
    rows = X[sample]
    if sp.issparse(rows):
        features = checksum([rows.data, rows.indices, rows.indptr])
    else:
        features = checksum([rows])
    return n_samples, checksum([targets]), features
