"""Losses over labels."""

import numpy as np
from scipy.special import log_expit, log_softmax, xlogy

from ..settings import check_number
from .base import Loss


class _Categorical(Loss):
    """What the losses over classes share: labels are indices or rows."""

    default_score = "accuracy"

    def _read(self, output, y_true):
        output, y_true = super()._read(output, y_true)
        n_classes = output.shape[-1]
        if y_true.ndim < output.ndim and not np.all(
            (y_true >= 0) & (y_true < n_classes)
        ):
            raise ValueError(
                f"y_true must hold class indices from 0 to {n_classes - 1}."
            )
        return output, y_true

    def _check_shapes(self, output, y_true):
        if y_true.ndim == output.ndim:
            super()._check_shapes(output, y_true)
        elif y_true.shape != output.shape[:-1] or y_true.dtype.kind not in "iu":
            raise ValueError(
                "y_true must hold one class index (an integer) per row of output, "
                f"{output.shape[:-1]} in all, or rows of shape {output.shape}; got "
                f"shape {y_true.shape} of {y_true.dtype}."
            )


class CategoricalCrossentropy(_Categorical):
    """Cross-entropy of class probabilities, ``-sum_j y_j log(p_j)``.

    `output` holds probabilities, ``y_true`` class indices of shape (n_samples,) or
    one-hot rows. The gradient of the mean is ``-y_true / output / n_samples``.
    Probabilities are kept off zero, where the loss is infinite, by the smallest
    normal number; `SoftmaxCategoricalCrossentropy` needs no such care.

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", equation 4.108.
    """

    out_activation = "identity"
    takes_probabilities = True

    def _evaluate(self, output, y_true, out):
        probabilities = np.maximum(output, np.finfo(output.dtype).tiny)
        one_hot = y_true
        if y_true.ndim == 1:
            one_hot = np.equal(y_true[:, np.newaxis], np.arange(output.shape[-1]))
        one_hot = one_hot.astype(output.dtype, copy=False)
        np.negative(np.divide(one_hot, probabilities, out=out), out=out)
        return -xlogy(one_hot, probabilities).sum(axis=-1)


class SoftmaxCategoricalCrossentropy(_Categorical):
    """Softmax and cross-entropy in one, from the logits by log-sum-exp.

    ``loss = log(sum_k exp(z_k)) - sum_j y_j z_j``; the gradient of the mean is
    ``(probabilities - one_hot) / n_samples``. ``y_true`` holds class indices of shape
    (n_samples,) or rows that sum to one.

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", equations 4.104, 4.108
    and 4.109.
    """

    out_activation = "softmax"

    def _evaluate_function(self, output, out):
        entries, locate = _entries(out)
        # Rows of classes: in a network that is how the memory lies.
        logits, by_class = output.T, out.T
        ones, one = np.ones(len(by_class), out.dtype), np.ones((), out.dtype)

        def evaluate(y_true):
            np.subtract(logits, np.maximum.reduce(logits), by_class)
            if y_true.ndim == 1:
                chosen = locate(y_true)
                target_logits = entries[chosen]
            else:
                target_logits = np.add.reduce(out * y_true, axis=-1)
            np.exp(by_class, by_class)
            totals = np.dot(ones, by_class)  # In half the time of np.add.reduce.
            np.divide(by_class, totals, by_class)
            if y_true.ndim == 1:
                entries[chosen] -= one
            else:
                np.subtract(out, y_true, out)
            return np.log(totals) - target_logits

        return evaluate


def _entries(matrix):
    """Return a view of `matrix`, and what maps a column per row to its indices there.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_columns)

    Returns
    -------
    entries : ndarray
    locate : callable
        From integers of shape (n_rows,) to an index of `entries`: one of each row.
    """
    rows = np.arange(len(matrix))
    if not matrix.flags.f_contiguous:
        return matrix, lambda columns: (rows, columns)
    # One index into the columns end to end takes half the time of two.
    stride, index = np.array(len(matrix)), np.empty_like(rows)

    def locate(columns):
        # Labels of a narrow dtype would overflow in a product of it.
        np.multiply(columns, stride, index, dtype=np.intp)
        return np.add(index, rows, index)

    return matrix.T.reshape(-1), locate


class BinaryCrossentropy(Loss):
    """Logistic sigmoid and binary cross-entropy in one, from the logits.

    ``loss = sum_j softplus(z_j) - y_j z_j`` with ``softplus(z) = log(1 + exp(z))``;
    the gradient of the mean is ``(sigmoid(z) - y_true) / n_samples``. ``y_true`` holds
    0 or 1 (or a probability) per output, of shape (n_samples, n_outputs).

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", equations 4.90 and 4.91.
    """

    out_activation = "logistic"
    default_score = "accuracy"

    def _evaluate_function(self, output, out):
        zero = np.zeros((), out.dtype)

        def evaluate(y_true):
            y_true = y_true.astype(output.dtype, copy=False)
            # With log = log(1 + exp(-|z|)), which cannot overflow,
            # softplus(z) = max(z, 0) + log and sigmoid(z) = exp(min(z, 0) - log).
            log = np.abs(output)
            np.exp(np.negative(log, log), log)
            np.log1p(log, log)
            positive = np.maximum(output, zero)
            # In this order the difference is exact where it is close to zero.
            losses = positive - output * y_true
            losses += log
            np.subtract(output, positive, out)
            np.subtract(out, log, out)
            np.exp(out, out)
            np.subtract(out, y_true, out)
            one_output = losses.shape[1] == 1
            return losses[:, 0] if one_output else np.add.reduce(losses, axis=1)

        return evaluate


class _ByTargets(Loss):
    """What stands for one loss of class indices and another of columns of 0 and 1.

    A subclass gives `for_targets`.
    """

    default_score = "accuracy"

    def _check_shapes(self, output, y_true):
        rows = self._targets_of_rows(y_true, output)
        self.for_targets(rows)._check_shapes(output, y_true)

    def _evaluate_function(self, output, out):
        def evaluate(y_true):
            return self.for_targets(y_true)._evaluate_function(output, out)(y_true)

        return evaluate


class LogLoss(_ByTargets):
    """Cross-entropy of labels, whatever their kind, from the logits.

    It stands for `SoftmaxCategoricalCrossentropy` where ``y_true`` holds class indices
    of shape (n_samples,), and for `BinaryCrossentropy` where it has a column of 0 and 1
    for each output: two classes, or several labels that do not exclude one another.

    Parameters
    ----------
    label_smoothing : float in [0, 1), default=0.0
        Share of the target that goes to all classes alike: of K classes a one-hot row
        becomes ``(1 - label_smoothing) y + label_smoothing / K``, a column of 0 and 1
        ``(1 - label_smoothing) y + label_smoothing / 2``.

    References
    ----------
    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), "Rethinking the Inception
    architecture for computer vision", section 7.
    """

    def __init__(self, label_smoothing=0.0):
        self.label_smoothing = label_smoothing

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        share = self.label_smoothing
        check_number("label_smoothing", share, lambda s: 0.0 <= s < 1.0, "in [0, 1)")

    def for_targets(self, y_true):
        """Return the cross-entropy for some targets (see `Loss.for_targets`)."""
        if self.label_smoothing:
            kind = _SmoothSoftmax if y_true.ndim == 1 else _SmoothBinary
            return kind(self.label_smoothing)
        if y_true.ndim == 1:
            return SoftmaxCategoricalCrossentropy()
        return BinaryCrossentropy()


class _SmoothSoftmax(SoftmaxCategoricalCrossentropy):
    """The cross-entropy of class indices with smoothed targets."""

    def __init__(self, label_smoothing):
        self.label_smoothing = label_smoothing

    def _evaluate_function(self, output, out):
        of_rows = super()._evaluate_function(output, out)
        n_classes, share = output.shape[-1], float(self.label_smoothing)

        def evaluate(y_true):
            rows = np.full(output.shape, share / n_classes, out.dtype)
            rows[np.arange(len(rows)), y_true] += 1.0 - share
            return of_rows(rows)

        return evaluate


class _SmoothBinary(BinaryCrossentropy):
    """The cross-entropy of columns of 0 and 1 with smoothed targets."""

    def __init__(self, label_smoothing):
        self.label_smoothing = label_smoothing

    def _evaluate_function(self, output, out):
        of_columns = super()._evaluate_function(output, out)
        share = float(self.label_smoothing)
        return lambda y_true: of_columns(y_true * (1.0 - share) + 0.5 * share)


class Focal(_ByTargets):
    """Cross-entropy in which rows that are right already count less, from the logits.

    ``loss = -(1 - p)^gamma log(p)``, with p the probability of the true class, or for
    each column of 0 and 1 of its value; summed over the columns.

    Parameters
    ----------
    gamma : float, default=2.0
        How much less; 0 is the cross-entropy.

    References
    ----------
    Lin, Goyal, Girshick, He and Dollár (2017), "Focal loss for dense object detection",
    equation 4.
    """

    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check_number("gamma", self.gamma, lambda g: 0.0 <= g < np.inf, "not negative")

    def for_targets(self, y_true):
        """Return the loss for some targets (see `Loss.for_targets`)."""
        kind = _FocalSoftmax if y_true.ndim == 1 else _FocalBinary
        return kind(self.gamma)


def _focal(log_p, gamma):
    """Return the losses of some log-probabilities, and their derivatives by these."""
    p = np.exp(log_p)
    rest = -np.expm1(log_p)
    weights = rest**gamma
    slopes = -weights
    if gamma:
        # (1 - p)^(gamma - 1) log(p) has a limit where p is 1.
        with np.errstate(divide="ignore", invalid="ignore"):
            others = gamma * rest ** (gamma - 1.0) * p * log_p
        slopes = slopes + np.where(rest > 0, others, 0.0)
    return -weights * log_p, slopes


class _FocalSoftmax(_Categorical):
    """The focal loss of class indices."""

    out_activation = "softmax"

    def __init__(self, gamma):
        self.gamma = gamma

    def _evaluate(self, output, y_true, out):
        rows = np.arange(len(output))
        logs = log_softmax(output, axis=-1)
        losses, slopes = _focal(logs[rows, y_true], float(self.gamma))
        np.multiply(np.exp(logs), -slopes[:, np.newaxis], out)
        out[rows, y_true] += slopes
        return losses


class _FocalBinary(Loss):
    """The focal loss of columns of 0 and 1."""

    out_activation = "logistic"
    default_score = "accuracy"

    def __init__(self, gamma):
        self.gamma = gamma

    def _evaluate(self, output, y_true, out):
        signs = np.where(y_true > 0, 1.0, -1.0).astype(output.dtype, copy=False)
        logs = log_expit(signs * output)
        losses, slopes = _focal(logs, float(self.gamma))
        np.multiply(slopes * -np.expm1(logs), signs, out)
        return losses.sum(axis=-1)
