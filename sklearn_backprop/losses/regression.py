"""Losses over numbers."""

import numpy as np
from scipy.special import xlogy

from ..settings import check, check_number
from .base import Loss


class _OfErrors(Loss):
    """What the losses of single errors share: a mean over the outputs.

    A subclass gives ``_of_errors(errors, out)``, which returns the loss of each error
    and writes its derivative to `out`.
    """

    out_activation = "identity"
    default_score = "r2"

    def _evaluate(self, output, y_true, out):
        losses = self._of_errors(np.subtract(output, y_true), out)
        np.multiply(out, 1.0 / output.shape[-1], out)
        return losses.mean(axis=-1)


class AbsoluteError(_OfErrors):
    """Absolute error, averaged over the outputs, for the median of the targets.

    ``loss = sum_j |output_j - y_j| / n_outputs``; the gradient of the mean is
    ``sign(output - y_true) / (n_outputs n_samples)``, 0 where they are equal.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles", section 1.
    """

    def _of_errors(self, errors, out):
        np.sign(errors, out)
        return np.abs(errors)


class Huber(_OfErrors):
    """Squared error of small errors and absolute error of large ones.

    ``loss = e^2 / 2`` where ``|e| <= delta``, else ``delta (|e| - delta / 2)``,
    averaged over the outputs; the derivative is ``e``, clipped to ``[-delta, delta]``.

    Parameters
    ----------
    delta : float, default=1.0
        Where it changes, in units of y; positive.

    References
    ----------
    Huber (1964), "Robust estimation of a location parameter", section 4.
    """

    def __init__(self, delta=1.0):
        self.delta = delta

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check_number("delta", self.delta, _is_positive, "positive")

    def _of_errors(self, errors, out):
        delta = float(self.delta)
        np.clip(errors, -delta, delta, out=out)
        return out * (errors - 0.5 * out)


class Quantile(_OfErrors):
    """Pinball loss, for quantiles of the targets.

    With ``e = y - output``, ``loss = max(quantile e, (quantile - 1) e)``, averaged over
    the outputs; the derivative with respect to `output` is ``-quantile`` where
    ``e > 0``, ``1 - quantile`` where ``e < 0``.

    Parameters
    ----------
    quantile : float in (0, 1), or sequence of them, default=0.5
        With several, an estimator has an output for each of them: for each column of y
        one after another. Early stopping then goes by the loss.

    References
    ----------
    Koenker and Bassett (1978), "Regression quantiles", equation 1.1.
    """

    def __init__(self, quantile=0.5):
        self.quantile = quantile

    @property
    def default_score(self):
        """R^2 of the median; any other quantile is judged by the loss."""
        return "r2" if np.ndim(self.quantile) == 0 and self.quantile == 0.5 else "loss"

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        accepted = "in (0, 1), or a sequence of such numbers"
        check("quantile", self.quantile, _are_quantiles, accepted)

    def outputs_for(self, y_true):
        """Repeat each column for each quantile (see `Loss.outputs_for`)."""
        return np.repeat(y_true, np.size(self.quantile), axis=-1)

    def _of_errors(self, errors, out):
        quantiles = np.atleast_1d(np.asarray(self.quantile, dtype=errors.dtype))
        quantiles = np.tile(quantiles, errors.shape[-1] // len(quantiles))
        np.subtract(errors > 0, quantiles, out, where=errors != 0, casting="same_kind")
        out[errors == 0] = 0.0
        return out * errors


class SquaredError(Loss):
    """Half the squared error, averaged over the outputs.

    ``loss = sum_j (output_j - y_j)^2 / (2 n_outputs)``; the gradient of the mean is
    ``(output - y_true) / (n_outputs n_samples)``, times `gradient_scale`.

    Parameters
    ----------
    gradient_scale : float or 'n_outputs', default=1.0
        Factor of the gradient alone. With 'n_outputs', their number, a step follows
        the sum over the outputs while the reported loss stays their mean, which is
        what scikit-learn's stochastic solvers do.

    References
    ----------
    Bishop (2006), "Pattern Recognition and Machine Learning", equation 5.11.
    """

    out_activation = "identity"
    default_score = "r2"

    def __init__(self, gradient_scale=1.0):
        self.gradient_scale = gradient_scale

    def _evaluate(self, output, y_true, out):
        errors = np.subtract(output, y_true, out=out)
        losses = np.square(errors).mean(axis=-1) * 0.5
        n_outputs, scale = output.shape[-1], self.gradient_scale
        errors *= (n_outputs if scale == "n_outputs" else scale) / n_outputs
        return losses

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        is_name = isinstance(self.gradient_scale, str)
        if not (is_name and self.gradient_scale == "n_outputs"):
            accepted = "positive, or 'n_outputs'"
            check_number("gradient_scale", self.gradient_scale, _is_positive, accepted)


def _is_positive(value):
    return 0.0 < value < np.inf


def _are_quantiles(value):
    values = np.atleast_1d(np.asarray(value))
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "fiu":
        return False
    return bool(np.all((values > 0.0) & (values < 1.0)))


class _LogLink(Loss):
    """What the losses of a mean that is the exponential of the output share."""

    out_activation = "exp"
    default_score = "r2"
    divergence_hint = (
        "Of a loss with a log link it also comes where the mean, exp(output), or its "
        "inverse overflows: start with a smaller `learning_rate_init`."
    )

    def _check_range(self, y_true, is_outside, needed):
        rows = np.flatnonzero(is_outside.reshape(len(y_true), -1).any(axis=1))
        if len(rows):
            value = np.ravel(y_true[rows[0]])[np.ravel(is_outside[rows[0]])][0]
            raise ValueError(f"needs {needed}, got {value} in row {rows[0]}.")


class Poisson(_LogLink):
    """Half the Poisson deviance, from the logarithm of the mean (the log link).

    ``loss = sum_j exp(z_j) - y_j z_j + y_j log(y_j) - y_j``; the gradient of the mean
    is ``(exp(z) - y_true) / n_samples``. ``y_true`` is not negative.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized Linear Models", table 2.1.
    """

    def check_targets(self, y_true):
        """Check that no target is negative (see `Loss.check_targets`)."""
        self._check_range(y_true, y_true < 0, "y >= 0")

    def _evaluate(self, output, y_true, out):
        rest = y_true * output - xlogy(y_true, y_true) + y_true
        means = np.exp(output, out=out)
        losses = means - rest
        means -= y_true
        return losses.sum(axis=-1)


class Gamma(_LogLink):
    """Half the gamma deviance, from the logarithm of the mean (the log link).

    ``loss = sum_j z_j + y_j exp(-z_j) - log(y_j) - 1``; the gradient of the mean is
    ``(1 - y_true exp(-z)) / n_samples``. ``y_true`` is positive.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized Linear Models", table 2.1.
    """

    def check_targets(self, y_true):
        """Check that all targets are positive (see `Loss.check_targets`)."""
        self._check_range(y_true, y_true <= 0, "y > 0")

    def _evaluate(self, output, y_true, out):
        shares = y_true * np.exp(-output)
        losses = output + shares - np.log(y_true) - 1.0
        np.subtract(1.0, shares, out)
        return losses.sum(axis=-1)
