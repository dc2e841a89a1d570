"""Activations that let positive numbers through, more or less, and hold negative ones.

The smooth ones among them are no function of their output, so they keep their inputs
for the backward pass and do not work in place.
"""

import numpy as np
from scipy.special import ndtr

from ..settings import check_number
from .activations import sigmoid
from .base import Activation


class LeakyReLU(Activation):
    """``output = max(inputs, negative_slope * inputs)``.

    Parameters
    ----------
    negative_slope : float in [0, 1), default=0.01
        Slope for negative inputs.
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How the weights of the layer before it begin; None stands for 'he'.

    References
    ----------
    Maas, Hannun and Ng (2013), "Rectifier nonlinearities improve neural network
    acoustic models", equation 2.
    """

    default_init = "he"

    def __init__(self, negative_slope=0.01, init=None):
        super().__init__(init)
        self.negative_slope = negative_slope

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        accepted = "in [0, 1)"
        check_number(
            "negative_slope", self.negative_slope, lambda s: 0.0 <= s < 1.0, accepted
        )

    def _function(self, inputs, out):
        low = np.multiply(inputs, float(self.negative_slope), self._room(inputs))
        return np.maximum(inputs, low, out=out)

    def _chain(self, dvalues, output, out, scratch):
        slope = float(self.negative_slope)
        slopes = np.empty_like(output) if scratch is None else scratch
        np.greater(output, 0.0, slopes)
        np.multiply(slopes, 1.0 - slope, slopes)
        return np.multiply(dvalues, np.add(slopes, slope, slopes), out)


class _ExponentialLinear(Activation):
    """``scale * inputs``, or ``scale * alpha (exp(inputs) - 1)`` below zero."""

    def _function(self, inputs, out):
        alpha, scale = self._constants()
        low = np.minimum(inputs, 0.0, out=self._room(inputs))
        np.multiply(np.expm1(low, low), alpha, low)
        output = np.maximum(inputs, 0.0, out=out)
        return np.multiply(np.add(output, low, output), scale, output)

    def _chain(self, dvalues, output, out, scratch):
        alpha, scale = self._constants()
        is_positive = np.greater(output, 0.0, self._room(output, bool))
        slopes = np.add(output, scale * alpha, scratch)
        np.copyto(slopes, scale, where=is_positive)
        return np.multiply(dvalues, slopes, out)


class ELU(_ExponentialLinear):
    """Exponential linear unit: ``inputs``, or ``alpha (exp(inputs) - 1)`` below zero.

    Parameters
    ----------
    alpha : float, default=1.0
        What it approaches for negative inputs is ``-alpha``; positive.
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How the weights of the layer before it begin; None stands for 'he'.

    References
    ----------
    Clevert, Unterthiner and Hochreiter (2016), "Fast and accurate deep network learning
    by exponential linear units", equation 15.
    """

    default_init = "he"

    def __init__(self, alpha=1.0, init=None):
        super().__init__(init)
        self.alpha = alpha

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check_number("alpha", self.alpha, lambda a: 0.0 < a < np.inf, "positive")

    def _constants(self):
        return float(self.alpha), 1.0


class SELU(_ExponentialLinear):
    """Scaled ELU, which keeps mean 0 and variance 1 from layer to layer.

    ``scale * inputs``, or ``scale * alpha (exp(inputs) - 1)`` below zero, with scale
    1.0507 and alpha 1.6733.

    Parameters
    ----------
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How the weights of the layer before it begin; None stands for 'lecun', for which
        the constants are made.

    References
    ----------
    Klambauer, Unterthiner, Mayr and Hochreiter (2017), "Self-normalizing neural
    networks", equations 2 and 14.
    """

    default_init = "lecun"

    def _constants(self):
        return 1.6732632423543772, 1.0507009873554805


class Softplus(Activation):
    """Smooth ReLU: ``output = log(1 + exp(inputs))``; the derivative is the sigmoid.

    Parameters
    ----------
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How the weights of the layer before it begin; None stands for 'he'.

    References
    ----------
    Dugas, Bengio, Bélisle, Nadeau and Garcia (2001), "Incorporating second-order
    functional knowledge for better option pricing", equation 4.
    """

    default_init = "he"

    def _function(self, inputs, out):
        low = _log1p_exp(inputs, self._room(inputs))
        output = np.maximum(inputs, 0.0, out=out)
        return np.add(output, low, output)

    def _chain(self, dvalues, output, out, scratch):
        slopes = np.negative(output, scratch)
        np.negative(np.expm1(slopes, slopes), slopes)
        return np.multiply(dvalues, slopes, out)


class _Smooth(Activation):
    """What is no function of its output: a product of the inputs and a share of them.

    A subclass gives ``_share(inputs, out)`` and, from that, the derivative,
    ``_slope(inputs, share, out)``.
    """

    default_init = "he"
    in_place, spares_output = False, True

    def _function(self, inputs, out):
        # By hand, `out` may be the inputs themselves.
        self.inputs = inputs.copy() if out is inputs else inputs
        with np.errstate(over="ignore", under="ignore"):
            self.share = self._share(inputs, self._room(inputs))
        return np.multiply(inputs, self.share, out)

    def _chain(self, dvalues, output, out, scratch):
        slopes = np.empty_like(output) if scratch is None else scratch
        with np.errstate(over="ignore", under="ignore"):
            self._slope(self.inputs, self.share, slopes)
        return np.multiply(dvalues, slopes, out)


class GELU(_Smooth):
    """Gaussian error linear unit: ``output = inputs * Phi(inputs)``.

    ``Phi`` is the cumulative distribution function of the standard normal; the
    derivative is ``Phi(x) + x phi(x)``.

    Parameters
    ----------
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How the weights of the layer before it begin; None stands for 'he'.

    References
    ----------
    Hendrycks and Gimpel (2016), "Gaussian error linear units", equation 1.
    """

    def _share(self, inputs, out):
        return ndtr(inputs, out)

    def _slope(self, inputs, share, out):
        np.multiply(inputs, inputs, out)
        np.exp(np.multiply(out, -0.5, out), out)
        np.multiply(out, (2.0 * np.pi) ** -0.5, out)
        np.add(np.multiply(out, inputs, out), share, out)


class SiLU(_Smooth):
    """Sigmoid linear unit, or swish: ``output = inputs * sigmoid(inputs)``.

    The derivative is ``s (1 + x (1 - s))`` with ``s = sigmoid(x)``.

    Parameters
    ----------
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How the weights of the layer before it begin; None stands for 'he'.

    References
    ----------
    Elfwing, Uchibe and Doya (2018), "Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning", equation 6.
    """

    def _share(self, inputs, out):
        return sigmoid(inputs, out)

    def _slope(self, inputs, share, out):
        np.multiply(np.subtract(1.0, share, out), inputs, out)
        np.multiply(np.add(out, 1.0, out), share, out)


class Mish(_Smooth):
    """``output = inputs * tanh(softplus(inputs))``.

    The derivative is ``t + x (1 - t^2) sigmoid(x)`` with ``t = tanh(softplus(x))``.

    Parameters
    ----------
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How the weights of the layer before it begin; None stands for 'he'.

    References
    ----------
    Misra (2020), "Mish: a self regularized non-monotonic activation function",
    equation 1.
    """

    def _share(self, inputs, out):
        _log1p_exp(inputs, out)
        positive = np.maximum(inputs, 0.0, out=self._room(inputs, "positive"))
        np.add(out, positive, out)
        return np.tanh(out, out)

    def _slope(self, inputs, share, out):
        np.subtract(1.0, np.multiply(share, share, out), out)
        np.multiply(out, sigmoid(inputs, self._room(inputs, "positive")), out)
        np.add(np.multiply(out, inputs, out), share, out)


def _log1p_exp(inputs, out):
    """Return ``log(1 + exp(-|inputs|))``, which cannot overflow."""
    np.negative(np.abs(inputs, out), out)
    return np.log1p(np.exp(out, out), out)
