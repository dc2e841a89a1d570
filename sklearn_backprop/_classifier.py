"""MLPClassifier: labels in, probabilities out."""

import numpy as np
import scipy.sparse as sp
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ._base import BaseMLP, is_stochastic
from .layers import Logistic
from .losses import BinaryCrossentropy, SoftmaxCategoricalCrossentropy


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multilayer perceptron classifier."""

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train for one epoch over the given data, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, among `classes`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples: not negative, and not all zero.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call will bring. Needed at the first call on an
            unfitted model; may be left out, or repeated, afterwards.

        Returns
        -------
        self : object
            The estimator, trained further.

        Raises
        ------
        ValueError
            As for `fit`; if `classes` is missing at the first call or differs later; if
            `y` has labels outside `classes`; with ``early_stopping=True``.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The most probable class of each sample; for multilabel targets an
            indicator matrix.
        """
        return self._labels(self._logits(X))

    def decision_function(self, X):
        """Return the logits, the inputs of the output activation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes one column, positive for ``classes_[1]``.
        """
        logits = self._logits(X)
        return logits[:, 0] if self.n_outputs_ == 1 else logits

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. For multilabel targets, each column is the
            probability of its label.
        """
        check_is_fitted(self)
        if self.n_outputs_ > 1:
            return self._outputs(X)
        logits = self._logits(X)
        if len(self.classes_) == 1:
            return np.ones_like(logits)
        # Not 1 - p, which is zero long before the probability is.
        return Logistic().forward(np.hstack([-logits, logits]))

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities, computed from the logits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Finite also where a probability is too small to represent.
        """
        logits = self._logits(X)
        if self.out_activation_ == "softmax":
            return log_softmax(logits, axis=1)
        if self._is_multilabel:
            return log_expit(logits)
        if len(self.classes_) == 1:
            return np.zeros_like(logits)
        return log_expit(np.hstack([-logits, logits]))

    @property
    def _is_multilabel(self):
        return self.out_activation_ == "logistic" and self.n_outputs_ > 1

    def _labels(self, logits):
        if self._is_multilabel:
            return (logits > 0.0).astype(int)
        return self.classes_[self._class_indices(logits)]

    def _class_indices(self, logits):
        if self.n_outputs_ > 1:
            return logits.argmax(axis=1)
        return ((logits[:, 0] > 0.0) & (len(self.classes_) > 1)).astype(np.intp)

    def _read_targets(self, y, dtype, continuing, incremental, classes):
        """Set what the labels determine; return class indices, or 0/1 columns."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "Multioutput target data is not supported: y must be one column of "
                "labels, or a multilabel indicator matrix of 0 and 1."
            )
        multilabel = kind == "multilabel-indicator"
        labels = unique_labels(y)
        if incremental:
            classes = self._read_classes(classes)
        else:
            classes = self.classes_ if continuing else labels
        self._check_labels(labels, classes, complete=not incremental)
        n_outputs = len(classes) if multilabel or len(classes) > 2 else 1
        activation = "logistic" if multilabel or n_outputs == 1 else "softmax"
        if continuing and activation != self.out_activation_:
            raise ValueError(
                f"y is {kind} now, and was of another kind when training began."
            )
        self.classes_, self.n_outputs_ = classes, n_outputs
        self.out_activation_ = activation
        if multilabel:
            return (y.toarray() if sp.issparse(y) else y).astype(np.int8)
        indices = np.searchsorted(classes, y)
        return indices if n_outputs > 1 else indices.astype(np.int8)[:, np.newaxis]

    def _read_classes(self, classes):
        """Return the classes of a `partial_fit`, sorted."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit."
                )
            return known
        given = unique_labels(classes)
        if known is not None and not np.array_equal(known, given):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to "
                f"partial_fit, was: {known!r}"
            )
        return given

    @staticmethod
    def _check_labels(labels, classes, complete):
        if complete and set(labels) != set(classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {classes}, `y` has {labels}"
            )
        if not np.isin(labels, classes).all():
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {classes}. 'y' has {labels}."
            )

    def _loss(self):
        if self.out_activation_ == "softmax":
            return SoftmaxCategoricalCrossentropy()
        return BinaryCrossentropy()

    def _stratification(self, targets):
        # scikit-learn stratifies two classes alone, and the same seed is to give the
        # same split.
        return targets[:, 0] if self.n_outputs_ == 1 else None

    def _score_logits(self, logits, y_true, sample_weight):
        """Return the accuracy."""
        if self._is_multilabel:
            correct = ((logits > 0.0) == y_true).all(axis=1)
        else:
            correct = self._class_indices(logits) == y_true.reshape(len(y_true))
        return np.average(correct, weights=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
