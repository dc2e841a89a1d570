"""Losses: one value per sample, and the gradient of their mean.

``forward(output, y_true)`` returns the loss of each sample, ``calculate`` their mean
(the data loss; regularization is the network's), ``backward`` the gradient of that
mean with respect to `output`. ``loss_gradient`` does all of it in one pass into given
memory, and ``bound_loss_gradient(output, out)`` returns that as a function of targets
and weights, for a network that puts out to the same memory again and again. Nothing
that is passed in is written to.

A loss that is fused with the activation of the output layer takes the logits, the
values before that activation. Computed from there, loss and gradient agree at any
logit, where a clipped probability would make them differ.
"""

import numpy as np
from scipy.special import xlogy

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Poisson",
    "SoftmaxCategoricalCrossentropy",
    "SquaredError",
]


class Loss:
    """What the losses share: means and weights.

    A subclass gives ``_evaluate(output, y_true, out)``, which returns the loss of each
    sample and writes each loss's own gradient to `out`, or, if it has something to
    prepare for given memory, ``_bound_evaluate(output, out)``.
    """

    def _read(self, output, y_true):
        """Return both as arrays, `output` of floats, or raise ValueError."""
        output, y_true = np.asarray(output), np.asarray(y_true)
        if output.dtype.kind != "f":
            output = output.astype(np.float64)
        if output.ndim != 2:
            raise ValueError(
                "output must have shape (n_samples, n_outputs), got shape "
                f"{output.shape}."
            )
        self._check_targets(output, y_true)
        return output, y_true

    def _check_targets(self, output, y_true):
        if y_true.shape != output.shape:
            raise ValueError(
                f"y_true has shape {y_true.shape}, but output has {output.shape}."
            )

    def forward(self, output, y_true):
        """Return the loss of each sample.

        Parameters
        ----------
        output : ndarray of shape (n_samples, n_outputs)
            What the loss is a function of: see the class.
        y_true : ndarray
            Targets, in the form the class names.

        Returns
        -------
        losses : ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If `y_true` does not have the shape that goes with `output`.
        """
        output, y_true = self._read(output, y_true)
        return self._bound_evaluate(output, np.empty_like(output))(y_true)

    def calculate(self, output, y_true, sample_weight=None):
        """Return the data loss: the (weighted) mean of the sample losses.

        Parameters
        ----------
        output, y_true : ndarray
            As for `forward`.
        sample_weight : ndarray of shape (n_samples,), default=None

        Returns
        -------
        loss : float
        """
        return self.loss_gradient(*self._read(output, y_true), sample_weight)

    def backward(self, output, y_true):
        """Set and return `dinputs`, the gradient of the mean loss.

        Parameters
        ----------
        output, y_true : ndarray
            As for `forward`.

        Returns
        -------
        dinputs : ndarray of shape (n_samples, n_outputs)
        """
        output, y_true = self._read(output, y_true)
        self.dinputs = np.empty_like(output)
        self.loss_gradient(output, y_true, out=self.dinputs)
        return self.dinputs

    def loss_gradient(self, output, y_true, sample_weight=None, out=None):
        """Return the mean loss and write its gradient to `out`.

        Parameters
        ----------
        output, y_true : ndarray
            As for `forward`.
        sample_weight : ndarray of shape (n_samples,), default=None
            Weights of the mean, with a positive sum.
        out : ndarray of shape (n_samples, n_outputs), default=None
            Where the gradient goes.

        Returns
        -------
        loss : float
        """
        bound = self.bound_loss_gradient(
            output, np.empty_like(output) if out is None else out
        )
        return bound(y_true, sample_weight)

    def bound_loss_gradient(self, output, out):
        """Bind `loss_gradient` to memory.

        Parameters
        ----------
        output, out : ndarray of shape (n_samples, n_outputs)
            As for `loss_gradient`.

        Returns
        -------
        loss_gradient : callable
            Function of `y_true` and `sample_weight`.
        """
        check, evaluate = self._check_targets, self._bound_evaluate(output, out)
        n_samples = len(output)
        # NumPy takes a quarter of a microsecond longer for a number than for an array.
        share = np.array(1.0 / n_samples, out.dtype)

        def loss_gradient(y_true, sample_weight=None):
            check(output, y_true)
            losses = evaluate(y_true)
            if sample_weight is None:
                np.multiply(out, share, out)
                return float(np.add.reduce(losses, dtype=np.float64)) / n_samples
            shares = sample_weight / sample_weight.sum()
            np.multiply(out, shares[:, np.newaxis], out)
            return float(np.dot(losses, shares))

        return loss_gradient

    def _bound_evaluate(self, output, out):
        return lambda y_true: self._evaluate(output, y_true, out)


class _Categorical(Loss):
    """What the losses over classes share: labels are indices or rows."""

    def _read(self, output, y_true):
        output, y_true = super()._read(output, y_true)
        n_classes = output.shape[-1]
        if y_true.ndim == 1 and not np.all((y_true >= 0) & (y_true < n_classes)):
            raise ValueError(
                f"y_true must hold class indices from 0 to {n_classes - 1}."
            )
        return output, y_true

    def _check_targets(self, output, y_true):
        if y_true.ndim != 1:
            super()._check_targets(output, y_true)
        elif y_true.shape != output.shape[:1] or y_true.dtype.kind not in "iu":
            raise ValueError(
                "y_true must hold one class index (an integer) per row of output, "
                f"{len(output)} in all, or rows of shape {output.shape}; got shape "
                f"{y_true.shape} of {y_true.dtype}."
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

    def _bound_evaluate(self, output, out):
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

    def _bound_evaluate(self, output, out):
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


class SquaredError(Loss):
    """Half the squared error, averaged over the outputs.

    ``loss = sum_j (output_j - y_j)^2 / (2 n_outputs)``; the gradient of the mean is
    ``(output - y_true) / (n_outputs n_samples)``, times `gradient_scale`.

    Parameters
    ----------
    gradient_scale : float, default=1.0
        Factor of the gradient alone. With ``n_outputs`` a step follows the sum over
        the outputs while the reported loss stays their mean, which is what
        scikit-learn's stochastic solvers do.

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", equation 5.11.
    """

    def __init__(self, gradient_scale=1.0):
        self.gradient_scale = gradient_scale

    def _evaluate(self, output, y_true, out):
        errors = np.subtract(output, y_true, out=out)
        losses = np.square(errors).mean(axis=-1) * 0.5
        errors *= self.gradient_scale / output.shape[-1]
        return losses


class Poisson(Loss):
    """Half the Poisson deviance, from the logarithm of the mean (the log link).

    ``loss = sum_j exp(z_j) - y_j z_j + y_j log(y_j) - y_j``; the gradient of the mean
    is ``(exp(z) - y_true) / n_samples``. ``y_true`` is not negative.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized Linear Models", table 2.1.
    """

    def _evaluate(self, output, y_true, out):
        rest = y_true * output - xlogy(y_true, y_true) + y_true
        means = np.exp(output, out=out)
        losses = means - rest
        means -= y_true
        return losses.sum(axis=-1)
