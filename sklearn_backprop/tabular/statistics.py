"""Quantiles of columns whose rows have weights."""

import numpy as np


def quantiles_of(values, shares, sample_weight=None):
    """Return quantiles, in which a row of weight w counts as w rows.

    Between two values that are as good as each other the result is their mean.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        At least one, and no NaN.
    shares : sequence of float
        Of the weights, from 0 to 1.
    sample_weight : ndarray of shape (n_samples,), default=None

    Returns
    -------
    quantiles : ndarray of float64

    References
    ----------
    Hyndman and Fan (1996), "Sample quantiles in statistical packages", definition 2.
    """
    order = np.argsort(values, kind="stable")
    values = values[order].astype(np.float64)
    if sample_weight is None:
        sums = np.arange(1.0, len(values) + 1.0)
    else:
        weights = sample_weight[order]
        values, weights = values[weights > 0.0], weights[weights > 0.0]
        sums = np.cumsum(weights)
    places = np.asarray(shares) * sums[-1]
    last = len(values) - 1
    lower = values[np.minimum(np.searchsorted(sums, places, "left"), last)]
    upper = values[np.minimum(np.searchsorted(sums, places, "right"), last)]
    return 0.5 * lower + 0.5 * upper  # The sum may be too large, or the difference.


def ranks_of(quantiles):
    """Return which of the sorted quantiles each of them is."""
    order = np.argsort(np.ravel(quantiles), kind="stable")
    return np.argsort(order, kind="stable")
