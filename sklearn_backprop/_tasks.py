"""What the logits of a network mean: labels, or numbers.

A task is made of an estimator's public attributes. It turns logits into predictions,
and the targets that a network is trained on into those that the user gave.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.metrics import r2_score

from ._links import apply_link, is_logistic, is_softmax
from .layers import Logistic


class Classification(NamedTuple):
    """Logits of shape (n_samples, n_outputs) as labels.

    One output is the second of two classes; several are a class each, or, with the
    link 'logistic', labels that do not exclude one another.
    """

    classes: np.ndarray
    link: object
    n_outputs: int

    @property
    def is_multilabel(self):
        """Whether a row may have several labels."""
        return self.n_outputs > 1 and is_logistic(self.link)

    @property
    def logit_scores(self):
        """The scores that need no more than logits, by name.

        Of each what is kept of the logits of some rows, and what it is of all kept.
        """
        return {"accuracy": (self._found, self.accuracy)}

    def labels(self, logits):
        """Return the most probable label of each row, or an indicator matrix."""
        if self.is_multilabel:
            return (logits > 0.0).astype(int)
        return self.classes[self._indices(logits)]

    def _indices(self, logits):
        if self.n_outputs > 1:
            scores = logits if is_softmax(self.link) else apply_link(self.link, logits)
            return scores.argmax(axis=1)
        if len(self.classes) == 1:
            return np.zeros(len(logits), np.intp)
        if is_logistic(self.link):
            return (logits[:, 0] > 0.0).astype(np.intp)
        return (apply_link(self.link, logits)[:, 0] > 0.5).astype(np.intp)

    def decisions(self, logits):
        """Return the logits; of two classes, how much the second's is larger."""
        if self.n_outputs == 1:
            return logits[:, 0]
        if len(self.classes) == 2 and not self.is_multilabel:
            return logits[:, 1] - logits[:, 0]
        return logits

    def probabilities(self, logits):
        """Return the probability of each class, of shape (n_samples, n_classes)."""
        if self.n_outputs > 1:
            return apply_link(self.link, logits)
        if len(self.classes) == 1:
            return np.ones_like(logits)
        if is_logistic(self.link):
            # Not 1 - p, which is zero long before the probability is.
            return Logistic().forward(np.hstack([-logits, logits]))
        positive = apply_link(self.link, logits)
        return np.hstack([1.0 - positive, positive])

    def log_probabilities(self, logits):
        """Return the logarithms of `probabilities`, from the logits."""
        if len(self.classes) == self.n_outputs == 1:
            return np.zeros_like(logits)
        if is_softmax(self.link):
            return log_softmax(logits, axis=1)
        if is_logistic(self.link):
            one_column = self.n_outputs == 1
            return log_expit(np.hstack([-logits, logits]) if one_column else logits)
        smallest = np.finfo(logits.dtype).tiny
        return np.log(np.maximum(self.probabilities(logits), smallest))

    def _found(self, logits):
        """Return logits as targets: indices of classes, or columns of booleans."""
        return logits > 0.0 if self.is_multilabel else self._indices(logits)

    def accuracy(self, found, targets, sample_weight=None):
        """Return the share of rows whose labels are all right."""
        correct = found == targets.reshape(found.shape)
        if self.is_multilabel:
            correct = correct.all(axis=1)
        return np.average(correct, weights=sample_weight)

    def given(self, targets):
        """Return targets as the user gave them."""
        if self.is_multilabel:
            return targets
        return self.classes[targets.reshape(len(targets))]

    def strata(self, targets):
        """Return what a split keeps the shares of, or None.

        scikit-learn stratifies two classes alone, and the same seed is to give the same
        split.
        """
        is_binary = len(self.classes) <= 2 and not self.is_multilabel
        return self.given(targets) if is_binary else None


class Regression(NamedTuple):
    """Logits of shape (n_samples, n_outputs) as numbers."""

    link: object
    n_outputs: int

    @property
    def logit_scores(self):
        """The scores that need no more than logits, by name.

        Of each what is kept of the logits of some rows, and what it is of all kept.
        """
        return {"r2": (self.predictions, self.r2)}

    def predictions(self, logits):
        """Return what the link makes of the logits."""
        return apply_link(self.link, logits)

    def r2(self, predictions, targets, sample_weight=None):
        """Return R^2, averaged over the outputs."""
        return r2_score(targets, predictions, sample_weight=sample_weight)

    def given(self, targets):
        """Return targets in the shape in which the user gave them."""
        return targets[:, 0] if self.n_outputs == 1 else targets

    def strata(self, targets):
        """Return None: numbers are not stratified."""
