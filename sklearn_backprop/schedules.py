"""Learning-rate schedules: the rate as a function of the progress of a run.

A schedule holds settings and no state. ``rate(initial, progress)`` is the learning rate
after so much training, so a run that is taken up again goes on where it stopped; it is
a multiple of the initial rate, which may be an array with a rate for each of several
networks, as may the numbers of `progress`. ``can_reduce(rate)`` says whether a run that
has stopped improving should go on at a lower rate instead of ending.

Some have a horizon, a number of epochs in which they run their course from batch to
batch; within it, ``progress.fraction`` says how much of it has passed.
"""

import math
from typing import NamedTuple

import numpy as np

from .settings import Settings, check, check_count, check_number

__all__ = [
    "Adaptive",
    "Constant",
    "Cosine",
    "FunctionSchedule",
    "InverseScaling",
    "OneCycle",
    "Plateau",
    "Progress",
    "Schedule",
    "Step",
]


class Progress(NamedTuple):
    """How far a run has got: numbers, or arrays with one for each network."""

    n_samples_seen: int = 0
    """Training samples gone through, repeats included."""
    n_reductions: int = 0
    """How often the run has been granted a lower rate."""
    fraction: float = 0.0
    """How much of the horizon has passed, from 0 to 1; 0 without a horizon."""


class Schedule(Settings):
    """What the schedules share: by itself, the initial rate throughout.

    Attributes
    ----------
    warmup : float
        Share of the horizon in which the rate rises from 0 to what the schedule says.
    horizon : int or None
        Number of epochs in which the schedule runs its course; None stands for the
        `max_iter` of a new fit.
    patience : int or None
        How many epochs in a row may pass without improvement; None stands for the
        estimator's `n_iter_no_change`.
    runs_to_horizon : bool
        Whether the course is run to its end, however the training loss fares. Only
        with this, or a warm-up, does ``progress.fraction`` grow.
    """

    warmup = 0.0
    horizon = None
    patience = None
    runs_to_horizon = False

    @property
    def needs_horizon(self):
        """Whether `rate` looks at ``progress.fraction``, which changes every batch."""
        return self.runs_to_horizon or self.warmup > 0

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        settings = self.get_params(deep=False)
        if "warmup" in settings:
            check_number("warmup", self.warmup, lambda w: 0.0 <= w < 1.0, "in [0, 1)")
        if "horizon" in settings:
            check_count("horizon", self.horizon, optional=True)

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
        return _number(initial * self._ramp(progress) * self._factor(progress))

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

    def _factor(self, progress):
        """Return what the initial rate is multiplied with after the warm-up."""
        return 1.0

    def _ramp(self, progress):
        """Return the share of the rate that the warm-up has reached."""
        if self.warmup == 0:
            return 1.0
        return _clipped(progress.fraction / float(self.warmup))

    def _after_warmup(self, progress):
        """Return how much of what follows the warm-up has passed, from 0 to 1."""
        warmup = float(self.warmup)
        return _clipped((progress.fraction - warmup) / (1.0 - warmup))


def _clipped(share):
    """Return a share, or an array of them, as no less than 0 and no more than 1.

    For one number NumPy takes ten times as long as Python.
    """
    if isinstance(share, float):
        return min(max(share, 0.0), 1.0)
    return np.clip(share, 0.0, 1.0)


def _number(rate):
    """Return a rate as a Python float, or as an array of several."""
    return float(rate) if np.ndim(rate) == 0 else rate


def _divided(initial, base, exponent):
    """Return ``initial / base**exponent``: zero where the power is beyond floats."""
    try:
        return initial / base**exponent
    except OverflowError:
        return 0.0


def _check_divisor(schedule):
    factor = schedule.factor
    check_number("factor", factor, lambda f: 1.0 < f < math.inf, "greater than 1")


def _check_smallest(schedule):
    smallest = schedule.smallest
    check_number("smallest", smallest, lambda s: 0.0 < s < math.inf, "positive")


def _cosine(start, end, share):
    """Return what falls, or rises, from start to end along half a cosine."""
    cosine = math.cos if isinstance(share, float) else np.cos
    return end + (start - end) * 0.5 * (1.0 + cosine(math.pi * share))


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
            "power_t", self.power_t, lambda p: 0.0 <= p < math.inf, "not negative"
        )

    def rate(self, initial, progress):
        """Return the learning rate (see `Schedule.rate`)."""
        return _divided(initial, progress.n_samples_seen + 1, float(self.power_t))


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
        _check_divisor(self)
        check_number(
            "smallest", self.smallest, lambda s: 0.0 < s < math.inf, "positive"
        )

    def rate(self, initial, progress):
        """Return the learning rate (see `Schedule.rate`)."""
        return _divided(initial, float(self.factor), progress.n_reductions)

    def can_reduce(self, rate):
        """Return whether the rate is above the smallest (see `Schedule.can_reduce`)."""
        return rate > self.smallest


class Cosine(Schedule):
    """Half a cosine, from the initial rate to a small share of it.

    After the warm-up ``rate = initial * (final + (1 - final) (1 + cos(pi s)) / 2)``,
    where s is how much of the rest of the horizon has passed.

    Parameters
    ----------
    warmup : float in [0, 1), default=0.0
        Share of the horizon in which the rate rises linearly from 0.
    final : float in [0, 1], default=0.0
        Share of the initial rate at the end.
    horizon : int or None, default=None
        Number of epochs of the whole course; by default the `max_iter` of the fit.

    References
    ----------
    Loshchilov and Hutter (2017), "SGDR: stochastic gradient descent with warm
    restarts", equation 5, without restarts.
    """

    runs_to_horizon = True

    def __init__(self, warmup=0.0, final=0.0, horizon=None):
        self.warmup = warmup
        self.final = final
        self.horizon = horizon

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check_number("final", self.final, lambda f: 0.0 <= f <= 1.0, "in [0, 1]")

    def _factor(self, progress):
        return _cosine(1.0, float(self.final), self._after_warmup(progress))


class OneCycle(Schedule):
    """Up along half a cosine from a share of the rate, and down to almost nothing.

    `learning_rate_init` is the largest rate, which is reached after the warm-up.

    Parameters
    ----------
    warmup : float in [0, 1), default=0.3
        Share of the horizon in which the rate rises.
    start : float in [0, 1], default=0.04
        Share of the largest rate at the start.
    final : float in [0, 1], default=0.0
        Share of the largest rate at the end.
    horizon : int or None, default=None
        Number of epochs of the whole course; by default the `max_iter` of the fit.

    References
    ----------
    Smith and Topin (2018), "Super-convergence: very fast training of neural networks
    using large learning rates", section 4, with cosines in place of lines.
    """

    runs_to_horizon = True

    def __init__(self, warmup=0.3, start=0.04, final=0.0, horizon=None):
        self.warmup = warmup
        self.start = start
        self.final = final
        self.horizon = horizon

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check_number("start", self.start, lambda s: 0.0 <= s <= 1.0, "in [0, 1]")
        check_number("final", self.final, lambda f: 0.0 <= f <= 1.0, "in [0, 1]")

    def _ramp(self, progress):
        if self.warmup == 0:
            return 1.0
        share = _clipped(progress.fraction / float(self.warmup))
        return _cosine(float(self.start), 1.0, share)

    def _factor(self, progress):
        return _cosine(1.0, float(self.final), self._after_warmup(progress))


class Step(Schedule):
    """The initial rate, divided at some points of the horizon.

    Parameters
    ----------
    factor : float, default=10.0
        What the rate is divided by at each of them; greater than 1.
    at : sequence of float in (0, 1), default=(0.5, 0.75)
        The points, as shares of the horizon.
    warmup : float in [0, 1), default=0.0
        Share of the horizon in which the rate rises linearly from 0.
    horizon : int or None, default=None
        Number of epochs of the whole course; by default the `max_iter` of the fit.

    References
    ----------
    He, Zhang, Ren and Sun (2016), "Deep residual learning for image recognition",
    section 4.2.
    """

    runs_to_horizon = True

    def __init__(self, factor=10.0, at=(0.5, 0.75), warmup=0.0, horizon=None):
        self.factor = factor
        self.at = at
        self.warmup = warmup
        self.horizon = horizon

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        _check_divisor(self)
        check("at", self.at, _are_shares, "a list or tuple of numbers between 0 and 1")

    def _factor(self, progress):
        fraction = np.asarray(progress.fraction)[..., np.newaxis]
        passed = np.sum(fraction >= np.asarray(self.at), axis=-1)
        return float(self.factor) ** -passed.astype(float)


def _are_shares(value):
    return isinstance(value, list | tuple) and all(0.0 < float(s) < 1.0 for s in value)


class Plateau(Schedule):
    """The initial rate, divided each time that improvement ends, for any solver.

    Parameters
    ----------
    factor : float, default=5.0
        What the rate is divided by; greater than 1.
    patience : int or None, default=None
        How many epochs in a row may pass without improvement; one more divides the
        rate. By default the estimator's `n_iter_no_change`.
    smallest : float, default=1e-6
        A run whose rate is this or less ends when improvement ends.
    warmup : float in [0, 1), default=0.0
        Share of the horizon in which the rate rises linearly from 0.
    horizon : int or None, default=None
        Number of epochs that `warmup` is a share of; by default the `max_iter` of the
        fit.

    See Also
    --------
    Adaptive : What scikit-learn's 'adaptive' is.
    """

    def __init__(
        self, factor=5.0, patience=None, smallest=1e-6, warmup=0.0, horizon=None
    ):
        self.factor = factor
        self.patience = patience
        self.smallest = smallest
        self.warmup = warmup
        self.horizon = horizon

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        _check_divisor(self)
        check_number(
            "smallest", self.smallest, lambda s: 0.0 < s < math.inf, "positive"
        )
        check_count("patience", self.patience, optional=True)

    def _factor(self, progress):
        return float(self.factor) ** -np.asarray(progress.n_reductions, float)

    def can_reduce(self, rate):
        """Return whether the rate is above the smallest (see `Schedule.can_reduce`)."""
        return rate > self.smallest


class FunctionSchedule(Schedule):
    """A function of the share of the horizon that has passed.

    Parameters
    ----------
    func : callable
        From a share between 0 and 1, or an array of them, to what the initial rate is
        multiplied with; pure, as a continued run asks again. Only what can be pickled
        by name lets the estimator be pickled.
    warmup : float in [0, 1), default=0.0
        Share of the horizon in which the rate rises linearly from 0.
    horizon : int or None, default=None
        Number of epochs of the whole course; by default the `max_iter` of the fit.
    """

    runs_to_horizon = True

    def __init__(self, func, warmup=0.0, horizon=None):
        self.func = func
        self.warmup = warmup
        self.horizon = horizon

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        super().validate()
        check("func", self.func, callable, "callable")
        for share in np.linspace(0.0, 1.0, 101).tolist():
            self._factor(Progress(fraction=share))  # Rather now than after hours.

    def _factor(self, progress):
        try:
            factor = self.func(progress.fraction)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"func={self.func!r} cannot be called with the share of the horizon "
                f"that has passed: {error}"
            ) from error
        if type(factor) is float and 0.0 <= factor < math.inf:
            return factor
        shape = np.shape(progress.fraction)
        check(
            "func",
            factor,
            lambda f: _are_factors(f, shape),
            "a function to factors of the rate that are finite and not negative",
        )
        return factor


def _are_factors(factor, shape):
    values = np.asarray(factor, float)
    return values.shape == shape and bool(np.all((values >= 0) & (values < math.inf)))
