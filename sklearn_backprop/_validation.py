"""Validation while training: rows held out, or data given, and how they are scored.

What the training loop gets is a function of the network that returns score and loss.
"""

import math
from numbers import Real
from typing import NamedTuple

import numpy as np
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split

from .finite import is_finite
from .training import Diverged


def split_rows(n_samples, validation_fraction, rng, labels, sample_weight):
    """Draw the rows to train on and those to hold out.

    Parameters
    ----------
    n_samples : int
    validation_fraction : float
        Share of the rows to hold out.
    rng : numpy.random.RandomState
    labels : ndarray of shape (n_samples,) or None
        What to stratify by, in the user's terms.
    sample_weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    rows, validation_rows : ndarray of int

    Raises
    ------
    ValueError
        If there is no such split.
    """
    fraction = f"validation_fraction={validation_fraction}"
    if validation_fraction == 0:
        raise ValueError(
            f"{fraction} holds out no rows, and early_stopping=True needs some: it "
            "must be greater than 0."
        )
    try:
        rows, validation_rows = train_test_split(
            np.arange(n_samples),
            test_size=validation_fraction,
            random_state=rng,
            stratify=labels,
        )
    except ValueError as error:
        raise ValueError(
            f"{fraction} makes no split of {n_samples} rows for early stopping: "
            f"{_in_terms_of(labels, error)}"
        ) from error
    if len(validation_rows) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or "
            "the size of your dataset."
        )
    for part in (rows, validation_rows):
        if sample_weight is not None and not sample_weight[part].any():
            raise ValueError(
                "sample_weight is zero for all training or all validation rows of "
                "the split that early_stopping=True makes."
            )
    return rows, validation_rows


def _in_terms_of(labels, error):
    """Return why a split failed: the labels with too few members, if there are any."""
    if labels is not None:
        values, counts = np.unique(labels, return_counts=True)
        rare = values[counts < 2].tolist()
        if rare:
            return (
                f"the class {', '.join(map(repr, rare))} has only one member, and the "
                "split needs two of each class."
            )
    return error


def scoring_name(scoring, loss):
    """Return what tells a score from others, the same before and after a pickle.

    Parameters
    ----------
    scoring : str, callable or None
    loss : Loss
    """
    if scoring is None:
        return loss.default_score
    if isinstance(scoring, str):
        return scoring
    function = getattr(scoring, "_score_func", scoring)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{name} {getattr(scoring, '_sign', '')}"


class Validated(NamedTuple):
    """What validation data say of a network."""

    score: float
    """Larger is better."""
    loss: float
    """The mean loss, without penalty."""


class Validation:
    """Score and loss of a network on validation data.

    Parameters
    ----------
    estimator : BaseMLP
        With the attributes that the targets decide.
    batches : Batches
        The data that the rows are of.
    rows : ndarray of int or None
        Which rows of it; None for all.
    data : tuple of (X, targets, sample_weight)
        The same data whole: X for a scorer that predicts by itself, targets in the form
        that the loss takes, and the weights, which may be None.
    loss : Loss
    scoring : str, callable or None, default=None
        'accuracy', 'r2' or 'loss', computed from the logits; any other scorer of
        scikit-learn, which gets a fitted view of the network; None for the loss's
        default.
    """

    def __init__(self, estimator, batches, rows, data, loss, scoring=None):
        X, targets, sample_weight = data
        part = slice(None) if rows is None else rows
        self.estimator = estimator
        self.batches, self.rows = batches, rows
        self.targets = targets[part]
        self.sample_weight = None if sample_weight is None else sample_weight[part]
        self.loss, self.scoring = loss, scoring
        task = estimator._task
        of_logits = {"loss": (_nothing, None), **task.logit_scores}
        if scoring is None:
            known = loss.default_score in of_logits
            scoring = loss.default_score if known else "loss"
        self.keep, self.score, self.scorer = _nothing, None, None
        if scoring == "r2" and len(self.targets) < 2:
            raise ValueError(
                "R^2 of the validation data needs at least two rows, and there is one: "
                "scoring='loss' does with it."
            )
        if isinstance(scoring, str) and scoring in of_logits:
            self.keep, self.score = of_logits[scoring]
        else:
            self.scorer = check_scoring(estimator, scoring)
            self.X, self.y = X[part], task.given(self.targets)

    def __call__(self, network):
        """Return score and loss.

        Parameters
        ----------
        network : Network

        Returns
        -------
        validated : Validated

        Raises
        ------
        Diverged
            If the logits, or the loss, are not finite.
        ValueError
            If a scorer returns no finite number.
        """
        losses, kept = [], []
        # Of many classes the logits of all rows would be larger than the data.
        for inputs, targets, _ in self.batches(self.rows):
            logits = network.forward(inputs)
            if not is_finite(logits):
                raise Diverged
            losses.append(self.loss.forward(logits, targets))
            kept.append(np.array(self.keep(logits)))
        loss = self._mean(np.concatenate(losses))
        if not math.isfinite(loss):
            raise Diverged
        if self.scorer is not None:
            return Validated(self._scored(network), loss)
        if self.score is None:
            return Validated(-loss, loss)
        score = self.score(np.concatenate(kept), self.targets, self.sample_weight)
        return Validated(float(score), loss)

    def _mean(self, losses):
        """Return the mean of the losses of all rows, as `Loss.calculate` has it."""
        if self.sample_weight is None:
            return float(np.add.reduce(losses, dtype=np.float64)) / len(losses)
        return float(np.dot(losses, self.sample_weight / self.sample_weight.sum()))

    def _scored(self, network):
        """Return what the scorer says of a view of the network."""
        view = self.estimator._view_of(network)
        weights = {}
        if self.sample_weight is not None:
            weights["sample_weight"] = self.sample_weight
        try:
            score = self.scorer(view, self.X, self.y, **weights)
        except (TypeError, ValueError) as error:
            also = " with sample_weight" if weights else ""
            raise ValueError(
                f"scoring={self.scoring!r} cannot score the validation data{also}: "
                f"{error}"
            ) from error
        if not (isinstance(score, Real) and math.isfinite(score)):
            raise ValueError(
                f"scoring={self.scoring!r} must return a finite number for the "
                f"validation data, got {score!r}."
            )
        return float(score)


def _nothing(logits):
    """Return what the loss needs of some logits besides itself."""
    return logits[:0]
