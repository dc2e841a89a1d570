"""Schedule-free AdamW."""

import math

import numpy as np

from ..settings import check_count
from .adam import check_decays, scaling_function
from .base import Optimizer


class ScheduleFreeAdamW(Optimizer):
    """AdamW without a schedule: an average of the path takes the place of a low rate.

    Three points go along. The base z takes the steps, ``z -= rate
    sqrt(1 - beta_2^t) g / (sqrt(v) + epsilon)``, with ``rate = learning_rate
    min(1, t / warmup_steps)``; the model is their average, ``x += c (z - x)``, where c
    is the square of the rate over the sum of all squares; and the gradient is taken
    between both, at ``(1 - beta_1) z + beta_1 x``. An estimator predicts and validates
    with x, at any moment, so no horizon is needed and training can go on; leave its
    `learning_rate` constant. Rates larger than Adam's do well.

    Parameters
    ----------
    learning_rate : float, default=None
        Step size by hand, 0.001 by default. An estimator has `learning_rate_init`.
    beta_1 : float in [0, 1), default=0.9
        Where between base and average the gradient is taken.
    beta_2 : float in [0, 1), default=0.999
        Decay of the running mean of squared gradients.
    epsilon : float, default=1e-8
        Keeps the quotient finite; positive.
    weight_decay : float, default=0.01
        Before each step the base is multiplied by ``1 - learning_rate *
        weight_decay``. In an estimator that spares the biases.
    warmup_steps : int, default=200
        Number of steps in which the rate rises.
    clip_norm : float or None, default=None
        Largest norm of the gradients; see `Adam`.

    References
    ----------
    Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky (2024), "The road less
    scheduled", after algorithm 1, but that the decay is of z and the correction of the
    bias is not in c.
    """

    _moments = {"second_moment": 1.0}
    averages, keeps_zeros = True, False

    def __init__(
        self,
        learning_rate=None,
        *,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        weight_decay=0.01,
        warmup_steps=200,
        clip_norm=None,
    ):
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.warmup_steps = warmup_steps
        self.clip_norm = clip_norm

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check_decays(self)
        check_count("warmup_steps", self.warmup_steps)

    def new_state(self, parameters):
        """Return the state before the first step (see `Optimizer.new_state`).

        Besides the average it has the ``base``, the sum of the squared rates, and the
        share of it that the last step has.
        """
        state = super().new_state(parameters)
        numbers = {"rate_squares": 0.0, "share": 0.0}
        return {**state, "base": parameters.copy(), **numbers}

    def _effective_rate_function(self, state):
        beta_2, warmup_steps = float(self.beta_2), int(self.warmup_steps)
        root_scale = math.sqrt(1.0 - beta_2)

        def effective_rate(learning_rate, n_updates):
            rate = learning_rate * min(1.0, n_updates / warmup_steps)
            total = state["rate_squares"] = state["rate_squares"] + rate * rate
            state["share"] = rate * rate / total if total else 0.0
            return rate * math.sqrt(1.0 - beta_2**n_updates) / root_scale

        return effective_rate

    def _step_function(self, parameters, gradients, state, scratch, step_size):
        base, average, beta_1 = state["base"], state["average"], float(self.beta_1)
        scale = scaling_function(self, gradients, state["second_moment"], scratch)

        def step():
            scale()
            np.divide(gradients, scratch, scratch)
            np.multiply(scratch, step_size, scratch)
            np.subtract(base, scratch, base)

            np.subtract(base, average, scratch)
            np.multiply(scratch, state["share"], scratch)
            np.add(average, scratch, average)

            np.subtract(base, average, scratch)
            np.multiply(scratch, 1.0 - beta_1, scratch)
            np.add(average, scratch, parameters)

        return step
