"""Losses over numbers."""

import numpy as np
from scipy.special import xlogy

from ..settings import check_number
from .base import Loss


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


class Poisson(Loss):
    """Half the Poisson deviance, from the logarithm of the mean (the log link).

    ``loss = sum_j exp(z_j) - y_j z_j + y_j log(y_j) - y_j``; the gradient of the mean
    is ``(exp(z) - y_true) / n_samples``. ``y_true`` is not negative.

    References
    ----------
    McCullagh and Nelder (1989), "Generalized Linear Models", table 2.1.
    """

    out_activation = "exp"
    default_score = "r2"
    divergence_hint = (
        "Of the Poisson loss it also comes where the mean, exp(output), overflows: "
        "start with a smaller `learning_rate_init`."
    )

    def check_targets(self, y_true):
        """Check that no target is negative (see `Loss.check_targets`)."""
        rows = np.flatnonzero((y_true < 0).reshape(len(y_true), -1).any(axis=1))
        if len(rows):
            first = np.ravel(y_true[rows[0]])
            value = first[first < 0][0]
            raise ValueError(f"needs y >= 0, got {value} in row {rows[0]}.")

    def _evaluate(self, output, y_true, out):
        rest = y_true * output - xlogy(y_true, y_true) + y_true
        means = np.exp(output, out=out)
        losses = means - rest
        means -= y_true
        return losses.sum(axis=-1)
