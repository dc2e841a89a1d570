"""Adam."""

import math

import numpy as np

from ..settings import check_number
from .base import Optimizer


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    ``m = beta_1 m + (1 - beta_1) g``, ``v = beta_2 v + (1 - beta_2) g^2``,
    ``parameters -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
    m / (sqrt(v) + epsilon)``.

    The factors ``1 - beta`` are not multiplied into the moments but folded into the
    step size and into `epsilon`, which saves two passes over memory:
    ``first_moment = m / (1 - beta_1)``, ``second_moment = v / (1 - beta_2)``.

    Parameters
    ----------
    learning_rate : float, default=None
        Step size by hand, 0.001 by default. An estimator has `learning_rate_init`.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay of the first and the second moment.
    epsilon : float, default=1e-8
        Keeps the quotient finite; positive.
    weight_decay : float, default=0.0
        Before each step the parameters are multiplied by ``1 - learning_rate *
        weight_decay``: decay that is decoupled from the gradient [2]_. In an
        estimator it spares the biases.
    clip_norm : float or None, default=None
        Gradients whose Euclidean norm, over all parameters, is larger are shortened to
        it before the step [3]_.
    averaging : float in (0, 1) or None, default=None
        Decay d of a running mean of the parameters, ``(1 - d) / (1 - d^t) sum_i
        d^(t-i) parameters_i`` after t steps [4]_. An estimator predicts and validates
        with it; by hand it is ``state["average"]``.

    References
    ----------
    .. [1] Kingma and Ba (2015), "Adam: a method for stochastic optimization",
       algorithm 1 in the order of computation of section 2.
    .. [2] Loshchilov and Hutter (2019), "Decoupled weight decay regularization",
       algorithm 2.
    .. [3] Pascanu, Mikolov and Bengio (2013), "On the difficulty of training
       recurrent neural networks", algorithm 1.
    .. [4] Polyak and Juditsky (1992), "Acceleration of stochastic approximation by
       averaging", here with weights that fall off.
    """

    _moments = {"first_moment": 0.5, "second_moment": 1.0}

    def __init__(
        self,
        learning_rate=None,
        *,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.0,
        clip_norm=None,
        averaging=None,
    ):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.averaging = averaging

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check_decays(self)

    def _effective_rate_function(self, state):
        beta_1, beta_2 = float(self.beta_1), float(self.beta_2)
        root_scale = math.sqrt(1.0 - beta_2)

        def effective_rate(learning_rate, n_updates):
            first_scale = (1.0 - beta_1) / (1.0 - beta_1**n_updates)
            second_scale = math.sqrt(1.0 - beta_2**n_updates) / root_scale
            return learning_rate * first_scale * second_scale

        return effective_rate

    def _step_function(self, parameters, gradients, state, scratch, step_size):
        first, beta_1 = state["first_moment"], np.array(self.beta_1, scratch.dtype)
        scale = scaling_function(self, gradients, state["second_moment"], scratch)

        def step():
            np.multiply(first, beta_1, first)
            np.add(first, gradients, first)
            scale()
            np.divide(first, scratch, scratch)
            np.multiply(scratch, step_size, scratch)
            np.subtract(parameters, scratch, parameters)

        return step


def check_decays(optimizer):
    """Raise ValueError unless both decays and `epsilon` of an optimizer are valid."""
    for name in ("beta_1", "beta_2"):
        beta = getattr(optimizer, name)
        check_number(name, beta, lambda beta: 0.0 <= beta < 1.0, "in [0, 1)")
    check_number("epsilon", optimizer.epsilon, lambda e: 0.0 < e < math.inf, "positive")


def scaling_function(optimizer, gradients, second, scratch):
    """Return what takes gradients into the second moment, and its root to `scratch`.

    Parameters
    ----------
    optimizer : Optimizer
        With `beta_2` and `epsilon`.
    gradients, second, scratch : ndarray
        The moment is kept without its factor ``1 - beta_2``: see `Adam`.
    """
    epsilon = optimizer.epsilon / math.sqrt(1.0 - float(optimizer.beta_2))
    # NumPy takes a quarter of a microsecond longer for a number than for an array.
    beta_2, epsilon = (np.array(n, scratch.dtype) for n in (optimizer.beta_2, epsilon))

    def scale():
        np.multiply(second, beta_2, second)
        np.multiply(gradients, gradients, scratch)
        np.add(second, scratch, second)
        np.sqrt(second, scratch)
        np.add(scratch, epsilon, scratch)

    return scale


class AdamW(Adam):
    """Adam with decoupled weight decay: `Adam`, with a `weight_decay` by default.

    Before each step the parameters are multiplied by ``1 - learning_rate *
    weight_decay``. In an estimator that spares the biases.

    Parameters
    ----------
    learning_rate : float, default=None
        Step size by hand, 0.001 by default. An estimator has `learning_rate_init`.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay of the first and the second moment.
    epsilon : float, default=1e-8
        Keeps the quotient finite; positive.
    weight_decay : float, default=0.01
        Rate of the decay, a multiple of the learning rate.
    clip_norm : float or None, default=None
        Largest norm of the gradients; see `Adam`.
    averaging : float in (0, 1) or None, default=None
        Decay of a running mean of the parameters; see `Adam`.

    References
    ----------
    Loshchilov and Hutter (2019), "Decoupled weight decay regularization", algorithm 2.
    """

    def __init__(
        self,
        learning_rate=None,
        *,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.01,
        clip_norm=None,
        averaging=None,
    ):
        super().__init__(
            learning_rate,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            averaging=averaging,
        )


class Nadam(AdamW):
    """AdamW with Nesterov's momentum: the first moment of a step ahead.

    ``parameters -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)
    (beta_1 m + (1 - beta_1) g) / (sqrt(v) + epsilon)``, with the moments m and v of
    `Adam` and one bias correction for both terms.

    Parameters
    ----------
    learning_rate : float, default=None
        Step size by hand, 0.001 by default. An estimator has `learning_rate_init`.
    beta_1, beta_2 : float in [0, 1), default=0.9 and 0.999
        Decay of the first and the second moment.
    epsilon : float, default=1e-8
        Keeps the quotient finite; positive.
    weight_decay : float, default=0.01
        Rate of the decay, as in `AdamW`.
    clip_norm : float or None, default=None
        Largest norm of the gradients; see `Adam`.
    averaging : float in (0, 1) or None, default=None
        Decay of a running mean of the parameters; see `Adam`.

    References
    ----------
    Dozat (2016), "Incorporating Nesterov momentum into Adam", algorithm 2, with the
    weight decay of Loshchilov and Hutter (2019).
    """

    def _step_function(self, parameters, gradients, state, scratch, step_size):
        first, beta_1 = state["first_moment"], np.array(self.beta_1, scratch.dtype)
        scale = scaling_function(self, gradients, state["second_moment"], scratch)
        ahead = np.empty_like(scratch)

        def step():
            np.multiply(first, beta_1, first)
            np.add(first, gradients, first)
            scale()
            np.multiply(first, beta_1, ahead)
            np.add(ahead, gradients, ahead)
            np.divide(ahead, scratch, scratch)
            np.multiply(scratch, step_size, scratch)
            np.subtract(parameters, scratch, parameters)

        return step
