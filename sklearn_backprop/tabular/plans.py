"""Which groups of networks are trained, and on which rows."""

from itertools import product
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

# Of the rows that are held out.
MIN_PART = 10


class Data(NamedTuple):
    """Rows for training or validation: encoded inputs, targets and weights."""

    inputs: np.ndarray
    targets: np.ndarray
    sample_weight: np.ndarray | None

    def take(self, rows):
        """Return some of the rows."""
        return Data(*(None if array is None else array[rows] for array in self))


class Plan(NamedTuple):
    """What a group of networks is to be, and to train on."""

    n_networks: int
    view: str
    """'components' or 'numbers': what the networks see of a column of numbers."""
    rows: np.ndarray
    """Numbers of the rows to train on."""
    held_out: Data | None
    """What to validate with."""


def plan_groups(n_networks, data, strata, validation, settings, rng):
    """Divide networks among groups, of each view one for each split of the rows.

    Parameters
    ----------
    n_networks : int
        If they are fewer than groups, there is one for each of the first ones; if they
        are many, there are more splits.
    data : Data
    strata : ndarray of shape (n_samples,) or None
        Labels, of which a part that is held out has its share.
    validation : Data or None
        Validation data; then nothing is held out.
    settings : Settings
    rng : numpy.random.RandomState

    Returns
    -------
    plans : list of Plan
        The views of the first split, then those of the second, ...
    """
    n_views = len(settings.views)
    n_splits = max(settings.n_splits, n_networks // (n_views * settings.group_size))
    splits = _splits(data, strata, validation, settings, n_splits, rng)
    groups = list(product(splits, settings.views))[:n_networks]
    sizes = [len(part) for part in np.array_split(range(n_networks), len(groups))]
    return [
        Plan(size, view, *split)
        for size, (split, view) in zip(sizes, groups, strict=True)
    ]


def _splits(data, strata, validation, settings, n_splits, rng):
    """Return rows to train on and validation data, for each split."""
    rows = np.arange(len(data.inputs))
    if data.sample_weight is not None:
        rows = np.flatnonzero(data.sample_weight)
    # A part of fewer rows would say little.
    n_folds = max(settings.n_splits, 2, min(settings.n_folds, len(rows) // MIN_PART))
    n_splits = min(n_splits, n_folds)
    frequent = rows
    if strata is not None:
        strata = strata[rows]
        labels, counts = np.unique(strata, return_counts=True)
        # What is rare is held out by nobody.
        common = np.isin(strata, labels[counts >= n_folds])
        frequent, strata = rows[common], strata[common]
    if validation is not None or len(frequent) < settings.min_rows:
        return [(rows, validation)] * n_splits
    make = KFold if strata is None else StratifiedKFold
    folds = make(n_folds, shuffle=True, random_state=rng).split(frequent, strata)
    held_out = [frequent[fold] for _, fold in folds][:n_splits]
    return [(np.setdiff1d(rows, part), data.take(part)) for part in held_out]
