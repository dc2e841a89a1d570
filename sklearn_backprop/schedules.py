"""Learning-rate schedules: the rate as a function of the progress of a run.

A schedule holds settings and no state. ``rate(n_samples_seen, n_reductions)`` is the
learning rate after that many training samples and that many reductions, so a run that
is taken up again goes on where it stopped. ``can_reduce(rate)`` says whether a run that
has stopped improving should go on at a lower rate instead of ending.
"""

__all__ = ["Adaptive", "Constant", "InverseScaling"]


class Constant:
    """The initial rate throughout.

    Parameters
    ----------
    learning_rate_init : float
        The rate.
    """

    def __init__(self, learning_rate_init):
        self.learning_rate_init = float(learning_rate_init)

    def rate(self, n_samples_seen, n_reductions):
        """Return the learning rate.

        Parameters
        ----------
        n_samples_seen : int
            Training samples the run has gone through, repeats included.
        n_reductions : int
            How often the run has been granted a reduction.

        Returns
        -------
        rate : float
        """
        return self.learning_rate_init

    def can_reduce(self, rate):
        """Return whether to go on at a lower rate when improvement ends.

        Parameters
        ----------
        rate : float
            The current learning rate.

        Returns
        -------
        reduce : bool
        """
        return False


class InverseScaling(Constant):
    """``rate = learning_rate_init / (n_samples_seen + 1) ** power_t``.

    Parameters
    ----------
    learning_rate_init : float
        The rate at the start.
    power_t : float, default=0.5
        The exponent.

    References
    ----------
    Robbins and Monro (1951), "A stochastic approximation method", whose conditions
    hold for ``0.5 < power_t <= 1``.
    """

    def __init__(self, learning_rate_init, power_t=0.5):
        super().__init__(learning_rate_init)
        self.power_t = float(power_t)

    def rate(self, n_samples_seen, n_reductions):
        """Return the learning rate (see `Constant.rate`)."""
        return self.learning_rate_init / (n_samples_seen + 1) ** self.power_t


class Adaptive(Constant):
    """The initial rate, divided by five each time that improvement ends.

    Parameters
    ----------
    learning_rate_init : float
        The rate at the start.

    Notes
    -----
    The run ends when improvement ends at a rate of 1e-6 or less.
    """

    factor = 5.0
    smallest = 1e-6

    def rate(self, n_samples_seen, n_reductions):
        """Return the learning rate (see `Constant.rate`)."""
        return self.learning_rate_init / self.factor**n_reductions

    def can_reduce(self, rate):
        """Return whether `rate` is still above the smallest (see `Constant`)."""
        return rate > self.smallest
