"""L-BFGS, by its settings: SciPy has the method."""

from numbers import Integral

from ..settings import Settings, check_number


class LBFGS(Settings):
    """Limited-memory BFGS: a quasi-Newton method on all rows at once.

    It has no ``update``: it evaluates the loss several times for a step, so it is
    given the network (`sklearn_backprop.training.minimize_lbfgs`), and one network at
    a time.

    Parameters
    ----------
    max_fun : int, default=15000
        Largest number of evaluations of the loss in one call of `fit`.

    References
    ----------
    Zhu, Byrd, Lu and Nocedal (1997), "Algorithm 778: L-BFGS-B", ACM Transactions on
    Mathematical Software 23.
    """

    is_stochastic = False

    def __init__(self, max_fun=15000):
        self.max_fun = max_fun

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check_number("max_fun", self.max_fun, _is_count, "an integer of at least 1")


def _is_count(value):
    return isinstance(value, Integral) and value >= 1
