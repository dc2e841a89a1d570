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
    # Whether a weight that is zero in training is zero in the model.
    keeps_zeros = True
    # What is off unless a subclass has it as a setting.
    weight_decay, clip_norm, averaging = 0.0, None, None
    _moments = {}

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        accepted = "finite and not negative"
        if self.learning_rate is not None:
            check_number("learning_rate", self.learning_rate, _is_rate, accepted)
        check_number("weight_decay", self.weight_decay, _is_rate, accepted)
        if self.clip_norm is not None:
            accepted = "positive or None"
            check_number("clip_norm", self.clip_norm, _is_norm, accepted)
        if self.averaging is not None:
            accepted = "greater than 0 and less than 1, or None"
            check_number("averaging", self.averaging, lambda a: 0.0 < a < 1.0, accepted)

    def new_state(self, parameters):
        """Return the state before the first step.

        Parameters
        ----------
        parameters : ndarray

        Returns
        -------
        state : dict
            ``n_updates``, the number of steps, the moments by name and, where there
            is one, the ``average`` of the parameters: numbers and arrays alone.
        """
        moments = {name: np.zeros_like(parameters) for name in self._moments}
        return self.with_average({"n_updates": 0, **moments}, parameters)

    def with_average(self, state, parameters):
        """Return a state with an average of the parameters if there is to be one.

        One that has none begins at the parameters as they are.
        """
        state = {k: v for k, v in state.items() if k != "average" or self.averages}
        if self.averages and "average" not in state:
            state["average"] = parameters.copy()
        return state

    @property
    def averages(self):
        """Whether what predicts is the ``average`` of the state."""
        return self.averaging is not None

    def is_finite(self, state):
        """Return whether all arrays of a state are finite: moments and averages."""
        return all(is_finite(v) for v in state.values() if isinstance(v, np.ndarray))

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
        self,
        parameters,
        gradients,
        state,
        rate_factors=None,
        decay_factors=None,
        owners=None,
        n_decayed=None,
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
        owners : ndarray of int of that shape, default=None
            Which network each parameter is of (see `Network.owners`): gradients are
            clipped for each by itself.
        n_decayed : int, default=None
            How many of the first parameters decay; by default all.
        """
        scratch = np.empty_like(parameters)
        average = self._average_function(parameters, state, scratch)
        clip = None
        if self.clip_norm is not None:
            given, gradients = gradients, np.empty_like(gradients)
            clip = _clip_function(given, float(self.clip_norm), gradients, owners)
        if rate_factors is None:
            step_size = np.zeros((), parameters.dtype)
            set_step_size = step_size.fill
        else:
            step_size = np.empty_like(parameters)

            def set_step_size(size):
                np.multiply(rate_factors, size, step_size)

        step = self._step_function(parameters, gradients, state, scratch, step_size)
        effective_rate = self._effective_rate_function(state)
        decayed = state.get("base", parameters)[:n_decayed]
        means = {name: 1.0 for name in ("average", "base") if name in state}
        flushed = {**self._moments, **means}
        weight_decay = float(self.weight_decay)

        def update(learning_rate):
            n_updates = state["n_updates"] = state["n_updates"] + 1
            set_step_size(effective_rate(learning_rate, n_updates))
            if weight_decay:
                decay = learning_rate * weight_decay
                _decay(decayed, decay, decay_factors, scratch)
            if clip is not None:
                clip()
            step()
            if average is not None:
                average(n_updates)
            if n_updates % FLUSH_INTERVAL == 0:
                _flush(parameters, 1.0, scratch)
                for name, power in flushed.items():
                    _flush(state[name], power, scratch)

        return update

    def _average_function(self, parameters, state, scratch):
        """Return what takes the parameters after a step into their average, or None.

        With the decay d the average after t steps is ``(1 - d) / (1 - d^t) sum_i
        d^(t-i) parameters_i``, so it does not remember where training began.
        """
        if self.averaging is None:
            return None
        decay, average = float(self.averaging), state["average"]

        def update_average(n_updates):
            share = (1.0 - decay) / (1.0 - decay**n_updates)
            np.subtract(parameters, average, scratch)
            np.multiply(scratch, share, scratch)
            np.add(average, scratch, average)

        return update_average

    def _effective_rate_function(self, state):
        """Return a function of the learning rate and the number of steps."""
        return lambda learning_rate, n_updates: learning_rate


def _is_rate(value):
    return 0.0 <= value < math.inf


def _is_norm(value):
    return 0.0 < value < math.inf


def _clip_function(gradients, limit, out, owners):
    """Return what writes gradients to `out`, shortened to a norm where it is larger.

    References
    ----------
    Pascanu, Mikolov and Bengio (2013), "On the difficulty of training recurrent neural
    networks", algorithm 1.
    """
    flat = gradients.reshape(-1)
    if owners is None:

        def clip():
            norm = math.sqrt(np.dot(flat, flat))
            if norm == math.inf:  # As a square, perhaps.
                norm = _large_norm(flat)
            np.multiply(gradients, limit / max(norm, limit), out)

        return clip

    def clip_each():
        norms = np.sqrt(np.bincount(owners, np.square(flat, dtype=np.float64)))
        for i in np.flatnonzero(np.isinf(norms)):
            norms[i] = _large_norm(flat[owners == i])
        scales = limit / np.maximum(norms, limit)
        np.multiply(gradients, scales[owners], out, casting="same_kind")

    return clip_each


def _large_norm(values):
    """Return a norm whose square overflows: infinite, or NaN, if a value is."""
    values = values.astype(np.float64)
    peak = np.abs(values).max()
    return float(peak * np.linalg.norm(values / peak))


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
