"""Dropout: neurons left out at random, in training alone."""

import numpy as np

from ..settings import Settings, check_count, check_number
from .base import floating, kept_memory


class Dropout(Settings):
    """Sets each input to zero with a probability, and makes up for it in the others.

    ``output = inputs * mask`` and ``dinputs = dvalues * mask``, where the entries of
    the mask are 0 with probability `rate`, else ``1 / (1 - rate)``, so that the mean of
    the output is the input and nothing need be done in prediction ("inverted"). Every
    `forward` draws a new mask, for each row and each network.

    Parameters
    ----------
    rate : float in [0, 1), default=0.5
        Probability that an input is left out.
    random_state : int or None, default=None
        Seed of the masks by hand. A network gives its layers a generator in common.

    Attributes
    ----------
    mask : ndarray of shape (n_samples, n_neurons)
        What the inputs were multiplied with last.

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), "Dropout: a
    simple way to prevent neural networks from overfitting", section 4 and, for the
    scale, section 10.
    """

    penalized = free = ()
    # The layer before needs its output, which is therefore not written to.
    in_place, spares_output, only_in_training = False, True, True

    def __init__(self, rate=0.5, random_state=None):
        self.rate = rate
        self.random_state = random_state

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check_number("rate", self.rate, lambda r: 0.0 <= r < 1.0, "in [0, 1)")
        check_count("random_state", self.random_state, smallest=0, optional=True)

    def draw_from(self, rng):
        """Let the masks come from a generator from now on.

        Parameters
        ----------
        rng : numpy.random.Generator
        """
        self._rng = rng

    def forward(self, inputs, out=None):
        """Set and return ``output``, the inputs times a new mask.

        Parameters
        ----------
        inputs : ndarray of shape (..., n_samples, n_neurons)
        out : ndarray of the same shape, default=None

        Returns
        -------
        output : ndarray of shape (..., n_samples, n_neurons)
        """
        self.validate()
        return self._forward_function(out)(floating(inputs))

    def _forward_function(self, out):
        rate = float(self.rate)
        if not hasattr(self, "_rng"):
            self._rng = np.random.default_rng(self.random_state)

        def forward(inputs):
            mask = kept_memory(self, inputs)
            self._rng.random(dtype=mask.dtype, out=mask)
            np.greater_equal(mask, rate, mask)
            self.mask = np.multiply(mask, 1.0 / (1.0 - rate), mask)
            self.output = np.multiply(inputs, mask, out)
            return self.output

        return forward

    def backward(self, dvalues, out=None, scratch=None):
        """Set and return ``dinputs``, `dvalues` times the mask.

        Parameters
        ----------
        dvalues : ndarray of shape (..., n_samples, n_neurons)
        out : ndarray of the same shape, default=None
        scratch : ndarray, default=None
            Not used.

        Returns
        -------
        dinputs : ndarray of shape (..., n_samples, n_neurons)
        """
        return self._backward_function(out, scratch)(dvalues)

    def _backward_function(self, out, scratch):
        def backward(dvalues):
            self.dinputs = np.multiply(dvalues, self.mask, out)
            return self.dinputs

        return backward
