"""What the optimizers share: settings on the one hand, state on the other."""

import math

import numpy as np

from ..finite import is_finite
from ..settings import Settings, check_number

# What only decays, such as the moments of a dead unit or the weights of an input that
# is always zero, ends in denormal numbers, on which many processors are ten times
# slower. Every so many steps what has become negligible is therefore set to zero.
FLUSH_INTERVAL = 64

DEFAULT_RATE = 0.001


def copy_state(state, dtype=None, positions=slice(None)):
    """Return a copy of an optimizer's state.

    Parameters
    ----------
    state : dict
    dtype : dtype, default=None
        Of the moments in the copy; by default as they are.
    positions : array of int, default=slice(None)
        Which parameters it is to be of: those of the networks that go on.
    """
    return {
        name: np.array(value[positions], dtype=dtype)
        if isinstance(value, np.ndarray)
        else value
        for name, value in state.items()
    }


class Optimizer(Settings):
    """One step from parameters and gradients.

    A subclass gives ``_step_function(parameters, gradients, state, scratch,
    step_size)``, which returns a function of nothing, and names its moments, arrays
    shaped like the parameters, in `_moments`. With each goes the power of the smallest
    normal number below which it counts as nothing: a half for a mean of gradients, one
    for a mean of their squares, so that no mean outlives its square.
    """

    is_stochastic = True
    _moments = {}

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        if self.learning_rate is not None:
            accepted = "finite and not negative"
            check_number("learning_rate", self.learning_rate, _is_rate, accepted)
        check_number(
            "weight_decay", self.weight_decay, _is_rate, "finite and not negative"
        )

    def new_state(self, parameters):
        """Return the state before the first step.

        Parameters
        ----------
        parameters : ndarray

        Returns
        -------
        state : dict
            ``n_updates``, the number of steps, and the moments by name: numbers and
            arrays alone.
        """
        moments = {name: np.zeros_like(parameters) for name in self._moments}
        return {"n_updates": 0, **moments}

    def is_finite(self, state):
        """Return whether all moments of a state are finite."""
        return all(is_finite(state[name]) for name in self._moments)

    def update(self, parameters, gradients):
        """Take one step by hand; the optimizer then serves this array alone.

        Parameters
        ----------
        parameters : ndarray
            Changed in place.
        gradients : ndarray of the same shape
            Only read.

        Raises
        ------
        ValueError
            If a setting is impossible, or `parameters` has another shape than at the
            first step.
        """
        if getattr(self, "state", None) is None:
            self.validate()
            self.state = self.new_state(parameters)
        shape = self.state[next(iter(self._moments))].shape
        if not parameters.shape == gradients.shape == shape:
            raise ValueError(
                f"parameters of shape {parameters.shape} and gradients of shape "
                f"{gradients.shape} were given to an optimizer that serves parameters "
                f"of shape {shape}; use one optimizer per array, or one vector for all "
                "(network.flatten)."
            )
        rate = DEFAULT_RATE if self.learning_rate is None else self.learning_rate
        self._update_function(parameters, gradients, self.state)(float(rate))

    def _update_function(
        self, parameters, gradients, state, rate_factors=None, decay_factors=None
    ):
        """Return a function of the learning rate that takes a step.

        Parameters
        ----------
        parameters, gradients : ndarray of one shape
        state : dict
            What `new_state` returns; changed in place.
        rate_factors, decay_factors : ndarray of that shape, default=None
            Factors of the learning rate and of the weight decay's own rate, for each
            parameter (see `Network.factors`), looked up at each step; 1 by default.
        """
        scratch = np.empty_like(parameters)
        if rate_factors is None:
            step_size = np.zeros((), parameters.dtype)
            set_step_size = step_size.fill
        else:
            step_size = np.empty_like(parameters)

            def set_step_size(size):
                np.multiply(rate_factors, size, step_size)

        step = self._step_function(parameters, gradients, state, scratch, step_size)
        effective_rate = self._effective_rate_function()
        weight_decay = float(self.weight_decay)

        def update(learning_rate):
            n_updates = state["n_updates"] = state["n_updates"] + 1
            set_step_size(effective_rate(learning_rate, n_updates))
            if weight_decay:
                decay = learning_rate * weight_decay
                _decay(parameters, decay, decay_factors, scratch)
            step()
            if n_updates % FLUSH_INTERVAL == 0:
                _flush(parameters, 1.0, scratch)
                for name, power in self._moments.items():
                    _flush(state[name], power, scratch)

        return update

    def _effective_rate_function(self):
        """Return a function of the learning rate and the number of steps."""
        return lambda learning_rate, n_updates: learning_rate


def _is_rate(value):
    return 0.0 <= value < math.inf


def _decay(parameters, decay, factors, scratch):
    """Take off a share of each parameter, `decay` times its factor."""
    if factors is None:
        np.multiply(parameters, 1.0 - decay, parameters)
        return
    np.multiply(factors, -decay, scratch, casting="same_kind")
    np.multiply(parameters, np.add(scratch, 1.0, scratch), parameters)


def _flush(array, power, scratch):
    """Set to zero what is, or will soon be, a denormal number."""
    negligible = float(np.finfo(array.dtype).tiny) ** power
    magnitudes = np.absolute(array, out=scratch)
    array *= np.greater(magnitudes, negligible, out=scratch)
