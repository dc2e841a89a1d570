"""Optimizers: one step from parameters and gradients, in place.

An optimizer serves one parameter vector and keeps its memory of past gradients. It
writes to ``parameters`` alone, by ``update(parameters, gradients)``, and takes its
step size from `learning_rate`, which may be set between steps. For many steps on the
same two vectors ``bound_update(parameters, gradients)`` returns a function of nothing.
"""

import math

import numpy as np

from .finite import is_finite

__all__ = ["SGD", "Adam"]

# What only decays, such as the moments of a dead unit or the weights of an input that
# is always zero, ends in denormal numbers, on which many processors are ten times
# slower. Every so many steps what has become negligible is therefore set to zero.
FLUSH_INTERVAL = 64


def _check(name, value, is_valid, accepted):
    if not is_valid:
        raise ValueError(f"{name} must be {accepted}, got {value!r}.")


class _Optimizer:
    """What the optimizers share: the memory of past gradients.

    A subclass gives ``_bound_step(parameters, gradients, scratch)``, which returns a
    function of nothing, and names its moments, arrays shaped like the parameters, in
    `_moments`. With each goes the power of the smallest normal number below which it
    counts as nothing: a half for a mean of gradients, one for a mean of their squares,
    so that no mean outlives its square.
    """

    _moments = {}

    def __init__(self, learning_rate):
        is_valid = 0.0 <= learning_rate < math.inf
        _check("learning_rate", learning_rate, is_valid, "finite and not negative")
        # Python floats: a NumPy scalar makes float32 arithmetic float64, at half the
        # speed.
        self.learning_rate = float(learning_rate)
        self.n_updates = 0
        self._scratch = None

    def update(self, parameters, gradients):
        """Take one step.

        Parameters
        ----------
        parameters : ndarray
            Changed in place.
        gradients : ndarray of the same shape
            Only read.

        Raises
        ------
        ValueError
            If `parameters` has another shape than at the first step.
        """
        self.bound_update(parameters, gradients)()

    def bound_update(self, parameters, gradients):
        """Bind `update` to two vectors.

        Parameters
        ----------
        parameters, gradients : ndarray of one shape
            As for `update`.

        Returns
        -------
        update : callable
            Function of nothing, valid until another is bound. Of the settings it takes
            up `learning_rate` as it changes.

        Raises
        ------
        ValueError
            If `parameters` has another shape than at the first step.
        """
        if self.n_updates == 0:
            self._allocate(parameters)
        elif self._scratch is None:
            # Like a moment: those that came with a pickle decide the shape.
            self._scratch = np.empty_like(getattr(self, next(iter(self._moments))))
        if not parameters.shape == gradients.shape == self._scratch.shape:
            raise ValueError(
                f"parameters of shape {parameters.shape} and gradients of shape "
                f"{gradients.shape} were given to an optimizer that serves parameters "
                f"of shape {self._scratch.shape}; use one optimizer per array, or one "
                "vector for all (network.flatten)."
            )
        step = self._bound_step(parameters, gradients, self._scratch)

        def update():
            self.n_updates += 1
            step()
            if self.n_updates % FLUSH_INTERVAL == 0:
                self._flush(parameters, 1.0)
                for name, power in self._moments.items():
                    self._flush(getattr(self, name), power)

        return update

    def _allocate(self, parameters):
        for name in self._moments:
            setattr(self, name, np.zeros_like(parameters))
        self._scratch = np.empty_like(parameters)

    def _flush(self, array, power):
        """Set to zero what is, or will soon be, a denormal number."""
        negligible = float(np.finfo(array.dtype).tiny) ** power
        magnitudes = np.absolute(array, out=self._scratch)
        array *= np.greater(magnitudes, negligible, out=self._scratch)

    def is_finite(self):
        """Return whether the memory of past gradients is finite."""
        moments = [getattr(self, name) for name in self._moments if self.n_updates]
        return all(map(is_finite, moments))

    def inherit(self, previous, dtype):
        """Take over the memory of another optimizer of this type, as a copy.

        Parameters
        ----------
        previous : optimizer
        dtype : dtype
            Of the parameters from now on.
        """
        self.n_updates = previous.n_updates
        if self.n_updates > 0:
            for name in self._moments:
                setattr(self, name, np.array(getattr(previous, name), dtype=dtype))

    def __getstate__(self):
        return {**self.__dict__, "_scratch": None}


class SGD(_Optimizer):
    """Stochastic gradient descent with momentum.

    ``velocity = momentum * velocity - learning_rate * gradients``; then
    ``parameters += velocity``, or with Nesterov's momentum
    ``parameters += momentum * velocity - learning_rate * gradients``.

    Parameters
    ----------
    learning_rate : float, default=0.001
        Step size.
    momentum : float in [0, 1], default=0.0
        Share of the velocity that is kept. At 0 a step is
        ``parameters += -learning_rate * gradients``.
    nesterov : bool, default=False
        Whether to look ahead along the new velocity.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Sutskever, Martens, Dahl and Hinton (2013), "On the importance of initialization
    and momentum in deep learning", equations 1 to 4.
    """

    _moments = {"velocity": 0.5}

    def __init__(self, learning_rate=0.001, *, momentum=0.0, nesterov=False):
        super().__init__(learning_rate)
        _check("momentum", momentum, 0.0 <= momentum <= 1.0, "in [0, 1]")
        self.momentum = float(momentum)
        self.nesterov = nesterov

    def _bound_step(self, parameters, gradients, scratch):
        velocity, momentum, nesterov = self.velocity, self.momentum, self.nesterov

        def step():
            np.multiply(gradients, -self.learning_rate, scratch)
            np.multiply(velocity, momentum, velocity)
            np.add(velocity, scratch, velocity)
            if nesterov:
                np.add(parameters, scratch, parameters)
                np.multiply(velocity, momentum, scratch)
                np.add(parameters, scratch, parameters)
            else:
                np.add(parameters, velocity, parameters)

        return step


class Adam(_Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    ``m = beta_1 m + (1 - beta_1) g``, ``v = beta_2 v + (1 - beta_2) g^2``,
    ``parameters -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
    m / (sqrt(v) + epsilon)``.

    The factors ``1 - beta`` are not multiplied into the moments but folded into the
    step size and into `epsilon`, which saves two passes over memory:
    ``first_moment = m / (1 - beta_1)``, ``second_moment = v / (1 - beta_2)``.

    Parameters
    ----------
    learning_rate : float, default=0.001
        Step size.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay of the first and the second moment.
    epsilon : float, default=1e-8
        Keeps the quotient finite; positive.

    Raises
    ------
    ValueError
        If a setting is out of range.

    References
    ----------
    Kingma and Ba (2015), "Adam: a method for stochastic optimization", algorithm 1 in
    the order of computation of section 2.
    """

    _moments = {"first_moment": 0.5, "second_moment": 1.0}

    def __init__(self, learning_rate=0.001, *, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        super().__init__(learning_rate)
        _check("beta_1", beta_1, 0.0 <= beta_1 < 1.0, "in [0, 1)")
        _check("beta_2", beta_2, 0.0 <= beta_2 < 1.0, "in [0, 1)")
        _check("epsilon", epsilon, epsilon > 0.0, "positive")
        self.beta_1 = float(beta_1)
        self.beta_2 = float(beta_2)
        self.epsilon = float(epsilon)

    def _bound_step(self, parameters, gradients, scratch):
        first, second = self.first_moment, self.second_moment
        beta_1, beta_2 = self.beta_1, self.beta_2
        root_scale = math.sqrt(1.0 - beta_2)
        # NumPy takes a quarter of a microsecond longer for a number than for an array.
        decay_1, decay_2, epsilon, step_size = (
            np.array(number, scratch.dtype)
            for number in (beta_1, beta_2, self.epsilon / root_scale, math.nan)
        )

        def step():
            t = self.n_updates
            first_scale = (1.0 - beta_1) / (1.0 - beta_1**t)
            second_scale = math.sqrt(1.0 - beta_2**t) / root_scale
            step_size.fill(self.learning_rate * first_scale * second_scale)

            np.multiply(first, decay_1, first)
            np.add(first, gradients, first)
            np.multiply(second, decay_2, second)
            np.multiply(gradients, gradients, scratch)
            np.add(second, scratch, second)

            np.sqrt(second, scratch)
            np.add(scratch, epsilon, scratch)
            np.divide(first, scratch, scratch)
            np.multiply(scratch, step_size, scratch)
            np.subtract(parameters, scratch, parameters)

        return step
