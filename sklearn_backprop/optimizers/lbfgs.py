"""L-BFGS, by its settings: SciPy has the method."""

from ..settings import Settings, check_count


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
        check_count("max_fun", self.max_fun)
