"""Activations that let positive numbers through, more or less, and hold negative ones.

The smooth ones among them are no function of their output, so they keep their inputs
for the backward pass and do not work in place.
"""

import numpy as np
from scipy.special import ndtr

from ..settings import check
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
        check("negative_slope", self.negative_slope, lambda s: 0.0 <= s < 1.0, accepted)

    def _function(self, inputs, out):
        return np.maximum(inputs, inputs * float(self.negative_slope), out=out)

    def _chain(self, dvalues, output, out, scratch):
        slopes = np.where(output > 0, 1.0, float(self.negative_slope))
        return np.multiply(dvalues, slopes.astype(output.dtype, copy=False), out)


class ELU(Activation):
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
    _scale = 1.0

    def __init__(self, alpha=1.0, init=None):
        super().__init__(init)
        self.alpha = alpha

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check("alpha", self.alpha, lambda a: 0.0 < a < np.inf, "positive")

    def _function(self, inputs, out):
        negative = np.expm1(np.minimum(inputs, 0.0)) * float(self.alpha)
        return np.add(np.maximum(inputs, 0.0), negative, out=out)

    def _chain(self, dvalues, output, out, scratch):
        slopes = np.where(output > 0, 1.0, output + float(self.alpha))
        return np.multiply(dvalues, slopes.astype(output.dtype, copy=False), out)


class SELU(Activation):
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
    ALPHA, SCALE = 1.6732632423543772, 1.0507009873554805

    def _function(self, inputs, out):
        negative = np.expm1(np.minimum(inputs, 0.0)) * self.ALPHA
        return np.multiply(np.maximum(inputs, 0.0) + negative, self.SCALE, out=out)

    def _chain(self, dvalues, output, out, scratch):
        slopes = np.where(output > 0, self.SCALE, output + self.SCALE * self.ALPHA)
        return np.multiply(dvalues, slopes.astype(output.dtype, copy=False), out)


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
        return np.add(np.maximum(inputs, 0.0), _log1p_exp(inputs), out=out)

    def _chain(self, dvalues, output, out, scratch):
        return np.multiply(dvalues, -np.expm1(-output), out)


class _Smooth(Activation):
    """What is no function of its output: a product of the inputs and a share of them.

    A subclass gives ``_share(inputs)`` and ``_slope(inputs)``, the derivative.
    """

    default_init = "he"
    in_place, spares_output = False, True

    def _function(self, inputs, out):
        # By hand, `out` may be the inputs themselves.
        self.inputs = inputs.copy() if out is inputs else inputs
        return np.multiply(inputs, self._share(inputs), out)

    def _chain(self, dvalues, output, out, scratch):
        with np.errstate(over="ignore"):
            return np.multiply(dvalues, self._slope(self.inputs), out)


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

    def _share(self, inputs):
        return ndtr(inputs)

    def _slope(self, inputs):
        density = np.exp(-0.5 * inputs * inputs) * (2.0 * np.pi) ** -0.5
        return self._share(inputs) + inputs * density


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

    def _share(self, inputs):
        return _sigmoid(inputs)

    def _slope(self, inputs):
        share = _sigmoid(inputs)
        return share * (1.0 + inputs * (1.0 - share))


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

    def _share(self, inputs):
        return np.tanh(np.maximum(inputs, 0.0) + _log1p_exp(inputs))

    def _slope(self, inputs):
        share = self._share(inputs)
        return share + inputs * ((1.0 - share * share) * _sigmoid(inputs))


def _log1p_exp(inputs):
    """Return ``log(1 + exp(-|inputs|))``, which cannot overflow."""
    return np.log1p(np.exp(-np.abs(inputs)))


def _sigmoid(inputs):
    with np.errstate(over="ignore"):
        return 1.0 / (1.0 + np.exp(-inputs))
