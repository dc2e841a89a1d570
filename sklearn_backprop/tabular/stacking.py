"""Stacking: how much the groups of networks count, by rows that none has trained on."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from .networks import sees_components

# Of the logarithm of the odds: between which it is looked for, and the standard
# deviation of its normal prior, since a few rows must not decide.
LOG_ODDS = (-6.0, 6.0)
PRIOR = 2.0


def stacking_weights(groups, outputs, held_out, surprise):
    """Return how much each group counts in the mean of all.

    What all that see components count together, and what the others do, makes the rows
    held out most probable, nearly; within them a group counts by its networks.

    Parameters
    ----------
    groups : list of dict
        The first, the second, ... that sees components has held out the same rows as
        the first, the second, ... of the others.
    outputs : list of ndarray or None
        What each group says of these rows, which may be averaged.
    held_out : list of Data or None
        These rows; None where there are none.
    surprise : callable
        From averaged outputs and the data they are of to minus the logarithm of the
        likelihood.

    Returns
    -------
    weights : ndarray of shape (n_groups,)
        They sum to 1.

    Notes
    -----
    The prior is centred on equal shares of the two kinds, however many networks each
    has.

    References
    ----------
    Wolpert (1992), "Stacked generalization"; Breiman (1996), "Stacked regressions", for
    weights that are not negative.
    """
    sees = np.array([sees_components(group) for group in groups])
    weights = np.array([float(len(group["scales"])) for group in groups])
    pairs = zip(np.flatnonzero(sees), np.flatnonzero(~sees), strict=False)
    pairs = [pair for pair in pairs if held_out[pair[0]] is not None]
    # Validation data that all of them share are seen once.
    n_distinct = len({id(held_out[i]) for i, _ in pairs})

    def total(log_odds):
        share = expit(log_odds)
        surprises = [
            surprise(share * outputs[i] + (1.0 - share) * outputs[j], held_out[i])
            for i, j in pairs
        ]
        likelihood = sum(surprises) * n_distinct / len(pairs)
        return likelihood + 0.5 * (log_odds / PRIOR) ** 2

    if pairs:
        found = minimize_scalar(total, bounds=LOG_ODDS, method="bounded")
        share = expit(found.x)
        weights[sees] *= share / weights[sees].sum()
        weights[~sees] *= (1.0 - share) / weights[~sees].sum()
    return weights / weights.sum()
