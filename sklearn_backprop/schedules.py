"""Learning-rate schedules: the rate as a function of the progress of a run.

A schedule holds settings and no state. ``rate(initial, progress)`` is the learning rate
after so much training, so a run that is taken up again goes on where it stopped; it is
a multiple of the initial rate, which may be an array with a rate for each of several
networks, as may the numbers of `progress`. ``can_reduce(rate)`` says whether a run that
has stopped improving should go on at a lower rate instead of ending.
"""

from typing import NamedTuple

import numpy as np

from .settings import Settings, check_number

__all__ = ["Adaptive", "Constant", "InverseScaling", "Progress", "Schedule"]


class Progress(NamedTuple):
    """How far a run has got: numbers, or arrays with one for each network."""

    n_samples_seen: int = 0
    """Training samples gone through, repeats included."""
    n_reductions: int = 0
    """How often the run has been granted a lower rate."""


class Schedule(Settings):
    """What the schedules share: by itself, the initial rate throughout."""

    def rate(self, initial, progress):
        """Return the learning rate.

        Parameters
        ----------
        initial : float or ndarray of shape (n_networks,)
            The rate at the start.
        progress : Progress

        Returns
        -------
        rate : float or ndarray of shape (n_networks,)
        """
        return initial

    def can_reduce(self, rate):
        """Return whether to go on at a lower rate when improvement ends.

        Parameters
        ----------
        rate : float or ndarray of shape (n_networks,)
            The current learning rate.

        Returns
        -------
        reduce : bool or ndarray of bool
        """
        return np.zeros(np.shape(rate), bool)[()]


class Constant(Schedule):
    """The initial rate throughout."""


class InverseScaling(Schedule):
    """``rate = initial / (n_samples_seen + 1) ** power_t``.

    Parameters
    ----------
    power_t : float, default=0.5
        The exponent; not negative.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method", whose conditions
    hold for ``0.5 < power_t <= 1``.
    """

    def __init__(self, power_t=0.5):
        self.power_t = power_t

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check_number(
            "power_t", self.power_t, lambda p: 0.0 <= p < np.inf, "not negative"
        )

    def rate(self, initial, progress):
        """Return the learning rate (see `Schedule.rate`)."""
        return initial / (progress.n_samples_seen + 1) ** float(self.power_t)


class Adaptive(Schedule):
    """The initial rate, divided each time that improvement ends.

    Parameters
    ----------
    factor : float, default=5.0
        What the rate is divided by; greater than 1.
    smallest : float, default=1e-6
        A run whose rate is this or less ends when improvement ends.
    """

    def __init__(self, factor=5.0, smallest=1e-6):
        self.factor = factor
        self.smallest = smallest

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check_number(
            "factor", self.factor, lambda f: 1.0 < f < np.inf, "greater than 1"
        )
        check_number("smallest", self.smallest, lambda s: 0.0 < s < np.inf, "positive")

    def rate(self, initial, progress):
        """Return the learning rate (see `Schedule.rate`)."""
        return initial / float(self.factor) ** progress.n_reductions

    def can_reduce(self, rate):
        """Return whether the rate is above the smallest (see `Schedule.can_reduce`)."""
        return rate > self.smallest
