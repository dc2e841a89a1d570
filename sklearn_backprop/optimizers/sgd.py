"""Stochastic gradient descent."""

import numpy as np

from ..settings import check_flag, check_number
from .base import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    ``velocity = momentum * velocity - learning_rate * gradients``; then
    ``parameters += velocity``, or with Nesterov's momentum
    ``parameters += momentum * velocity - learning_rate * gradients``.

    Parameters
    ----------
    learning_rate : float, default=None
        Step size by hand, 0.001 by default. An estimator has `learning_rate_init`.
    momentum : float in [0, 1], default=0.0
        Share of the velocity that is kept. At 0 a step is
        ``parameters += -learning_rate * gradients``.
    nesterov : bool, default=False
        Whether to look ahead along the new velocity.
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
    .. [1] Sutskever, Martens, Dahl and Hinton (2013), "On the importance of
       initialization and momentum in deep learning", equations 1 to 4.
    .. [2] Loshchilov and Hutter (2019), "Decoupled weight decay regularization",
       algorithm 1.
    .. [3] Pascanu, Mikolov and Bengio (2013), "On the difficulty of training
       recurrent neural networks", algorithm 1.
    .. [4] Polyak and Juditsky (1992), "Acceleration of stochastic approximation by
       averaging", here with weights that fall off.
    """

    _moments = {"velocity": 0.5}

    def __init__(
        self,
        learning_rate=None,
        *,
        momentum=0.0,
        nesterov=False,
        weight_decay=0.0,
        clip_norm=None,
        averaging=None,
    ):
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.averaging = averaging

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check_number("momentum", self.momentum, lambda m: 0.0 <= m <= 1.0, "in [0, 1]")
        check_flag("nesterov", self.nesterov)

    def _step_function(self, parameters, gradients, state, scratch, step_size):
        # A Python float: a NumPy scalar makes float32 arithmetic float64, at half the
        # speed.
        momentum, nesterov = float(self.momentum), self.nesterov
        velocity = state["velocity"]

        def step():
            np.multiply(gradients, step_size, scratch)
            np.multiply(velocity, momentum, velocity)
            np.subtract(velocity, scratch, velocity)
            if nesterov:
                np.subtract(parameters, scratch, parameters)
                np.multiply(velocity, momentum, scratch)
                np.add(parameters, scratch, parameters)
            else:
                np.add(parameters, velocity, parameters)

        return step
