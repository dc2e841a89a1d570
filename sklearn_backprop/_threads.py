"""How many threads BLAS uses while a model is fitted."""

import threading

import threadpoolctl
from threadpoolctl import ThreadpoolController

# Floating-point operations of the matrix products of one batch below which a second
# BLAS thread costs more than it saves. Measured: 30-64-64-1 with 512 rows (19 million)
# is 1.4 times slower with two threads, 100-100-100-10 with 200 rows (25 million) 1.2
# times faster.
SMALL_BATCH = 24e6


def products_cost(n_rows, n_weights):
    """Return the floating-point operations of a batch's matrix products.

    A multiplication and an addition per row and weight, forward, for the gradient of
    the weights and for that of the inputs.
    """
    return 6.0 * n_rows * n_weights


def _release_control():
    """Let any thread set limits: threadpoolctl 3.8 and later heed the first alone."""
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(openblas, "clear_controlling_thread"):
        openblas.clear_controlling_thread(force=True)


class _OneThread:
    """Holds BLAS to one thread while at least one small fit is under way.

    The limit is the process's, so fits in several Python threads share it: the first
    sets it, the last restores what it found.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._n_users = 0
        self._controller = self._limit = None

    def __enter__(self):
        with self._lock:
            if self._n_users == 0:
                if self._controller is None:
                    # Finding the loaded libraries takes milliseconds: once is enough.
                    self._controller = ThreadpoolController()
                self._limit = self._controller.limit(limits=1, user_api="blas")
            self._n_users += 1

    def __exit__(self, *exception):
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                _release_control()
                self._limit.restore_original_limits()
                _release_control()


one_blas_thread = _OneThread()
