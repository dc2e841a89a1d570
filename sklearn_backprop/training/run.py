"""What a training run needs, besides parameters and data, to be taken up again."""

import math
from dataclasses import dataclass, field

import numpy as np


class Diverged(ValueError):
    """A loss, parameters, moments or validation scores have become infinite or NaN."""


@dataclass
class Run:
    """Where a training run stands.

    All but the generator is an array, a number, or a list or dict of them.
    """

    rng: np.random.RandomState
    n_iter: int = 0
    n_samples_seen: int = 0
    n_reductions: int = 0
    n_without_improvement: int = 0
    best_loss: float = math.inf
    best_score: float = -math.inf
    best_iter: int | None = None
    """The epoch of the best score."""
    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    validation_losses: list = field(default_factory=list)
    optimizer: str | None = None
    """Class of the optimizer that `moments` belong to."""
    moments: dict | None = None
    """State of the optimizer."""
    rows: np.ndarray | None = None
    """Order of the training rows in the last epoch; None for all as they stand."""
    validation_rows: np.ndarray | None = None
    scoring: str | None = None
    """What tells the best score from scores of other kinds."""
    data: tuple | None = None
    """Fingerprint of the data that rows, split and best parameters belong to."""
    best_parameters: np.ndarray | None = None
    last_parameters: np.ndarray | None = None
    """Where training stands, if the model was given other parameters: the best, or an
    average."""
    mask_seed: int | None = None
    """Of the numbers that layers draw, which each epoch draws from a generator of its
    own; None where none do."""

    # What `state` holds: the rest is public on the estimator, or a generator.
    STATE = (
        "n_reductions",
        "n_without_improvement",
        "optimizer",
        "moments",
        "rows",
        "validation_rows",
        "scoring",
        "data",
        "best_parameters",
        "last_parameters",
        "mask_seed",
    )

    @property
    def curves(self):
        """Training losses, validation scores and validation losses: lists that grow."""
        return self.loss_curve, self.validation_scores, self.validation_losses

    def state(self):
        """Return what nothing but training needs, as a dict of plain values."""
        return {name: getattr(self, name) for name in self.STATE}

    def load(self, state):
        """Take over what `state` has returned.

        Arrays are shared: training replaces them before it writes to them.
        """
        vars(self).update({k: v for k, v in state.items() if k in self.STATE})
        if self.rows is not None:
            self.rows = np.array(self.rows)

    def score_by(self, scoring):
        """Take up a score; those of another do not compare with it."""
        if self.scoring != scoring:
            self.scoring = scoring
            self.forget_best()

    def forget_best(self):
        """Let patience and the best score begin anew."""
        self.n_without_improvement, self.best_score = 0, -math.inf
        self.best_parameters = self.best_iter = None

    def start_on(self, data, rows, validation_rows):
        """Take up other data: order of the rows, split, best and patience begin anew.

        Parameters
        ----------
        data : tuple or None
        rows, validation_rows : ndarray of int, or None if nothing is held out
        """
        self.data = data
        self.rows, self.validation_rows = rows, validation_rows
        self.n_without_improvement = 0
        self.best_loss, self.best_score = math.inf, -math.inf
        self.best_parameters = self.best_iter = None
        if "average" not in (self.moments or {}):
            self.last_parameters = None
