"""Which groups of networks are trained, and on which rows."""

from itertools import islice, product
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
    places, folds = np.arange(len(rows)), KFold(n_folds, shuffle=True, random_state=rng)
    labels = None
    if strata is not None:
        strata = strata[rows]
        labels, is_drawn = _pooled(strata, n_folds)
        places, labels = places[is_drawn], labels[is_drawn]
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=rng)
    if validation is not None or len(places) < settings.min_rows:
        return [(rows, validation)] * n_splits
    splits = []
    for _, fold in islice(folds.split(places, labels), n_splits):
        part = places[fold]
        if strata is not None:
            part = _leaving_one_of_each(part, strata)
        splits.append((np.delete(rows, part), data.take(rows[part])))
    return splits


def _pooled(strata, n_folds):
    """Return strata of which the rare ones are one, -1, and which rows to draw from.

    All of them, unless what is rare is too little even together.
    """
    _, labels, counts = np.unique(strata, return_inverse=True, return_counts=True)
    labels = np.where(counts[labels] < n_folds, -1, labels)
    return labels, (labels >= 0) | (np.sum(labels < 0) >= n_folds)


def _leaving_one_of_each(part, strata):
    """Return a part without a row of each stratum that is in it whole."""
    names, totals = np.unique(strata, return_counts=True)
    found, first, counts = np.unique(
        strata[part], return_index=True, return_counts=True
    )
    return np.delete(part, first[counts == totals[np.searchsorted(names, found)]])
