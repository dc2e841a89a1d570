"""How BLAS is used: on how many threads, and for products of what size."""

import os
import threading
from functools import cache

import numpy as np
import scipy
import threadpoolctl
from threadpoolctl import ThreadpoolController

# Floating-point operations of the matrix products of one batch below which a second
# BLAS thread costs more than it saves. Measured: 30-64-64-1 with 512 rows (19 million)
# is 1.4 times slower with two threads, 100-100-100-10 with 200 rows (25 million) 1.2
# times faster.
SMALL_BATCH = 24e6

# A product of up to a million multiplications OpenBLAS computes from the operands as
# they lie, and a larger one from copies rearranged for the processor ("packed"). Only
# for these processors, by its names for them, does it have kernels that make the first
# the faster way: those with AVX-512. They take the rows by fours, sixes or twelves.
UNPACKED = 100**3
UNPACKING_PROCESSORS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
ROWS = 12


def products_cost(n_rows, n_weights):
    """Return the floating-point operations of a batch's matrix products.

    A multiplication and an addition per row and weight, forward, for the gradient of
    the weights and for that of the inputs.
    """
    return 6.0 * n_rows * n_weights


def matmul_by_rows(left, right, out=None):
    """Return ``left @ right``, in blocks of rows small enough not to be packed.

    Parameters
    ----------
    left : ndarray of shape (n_rows, n_inner)
    right : ndarray of shape (n_inner, n_columns)
    out : ndarray of shape (n_rows, n_columns), default=None

    Returns
    -------
    out : ndarray of shape (n_rows, n_columns)
        What is not two-dimensional, or has too long rows, is left to `numpy.matmul`.
    """
    n_rows, n_inner = left.shape[-2:]
    block = UNPACKED // right.size // ROWS * ROWS
    if not 0 < block < n_rows or left.ndim + right.ndim > 4:
        return np.matmul(left, right, out=out)
    if out is None:
        out = np.empty((n_rows, right.shape[1]), np.result_type(left, right))
    n_blocks = -(-n_rows // block)
    if n_rows % n_blocks == 0:
        # Two blocks of 100 rows of 64 take 24 us, one of 156 and one of 44 take 27.
        block = n_rows // n_blocks
    end = n_rows // block * block
    blocks = left[:end].reshape(-1, block, n_inner)
    np.matmul(blocks, right, out=out[:end].reshape(-1, block, out.shape[1]))
    if end < n_rows:
        np.matmul(left[end:], right, out=out[end:])
    return out


def fastest_matmul(n_rows, n_weights, one_thread=False):
    """Return `numpy.matmul`, or `matmul_by_rows` where that is faster.

    Parameters
    ----------
    n_rows : int
        Rows of a batch.
    n_weights : int
        Size of the weights of the layer that will multiply.
    one_thread : bool, default=False
        Whether BLAS will have one thread then, however it is set now.
    """
    if n_rows * n_weights <= UNPACKED:
        return np.matmul  # What is small already comes in one block.
    if not one_thread and one_blas_thread.n_threads() != 1:
        return np.matmul  # No block is large enough to be shared between threads.
    unpacks = {
        library.internal_api == "openblas"
        and library.architecture in UNPACKING_PROCESSORS
        for library in _blas(False).lib_controllers
    }
    return matmul_by_rows if unpacks == {True} else np.matmul


@cache
def _blas(of_scipy):
    """Return threadpoolctl's hold on NumPy's BLAS, or on one that SciPy alone uses.

    To find the libraries takes milliseconds.
    """
    blas = ThreadpoolController().select(user_api="blas")
    # Wheels bring their own, inside the package or in scipy.libs beside it.
    home = os.path.realpath(scipy.__path__[0])
    homes = f"{home}{os.sep}", f"{home}.libs"
    paths = [library.filepath for library in blas.lib_controllers]
    return blas.select(
        filepath=[path for path in paths if path.startswith(homes) == of_scipy]
    )


def _release_control():
    """Let any thread set limits: threadpoolctl 3.8 and later heed the first alone."""
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(openblas, "clear_controlling_thread"):
        openblas.clear_controlling_thread(force=True)


class _OneThread:
    """Holds a BLAS to one thread while at least one fit needs that.

    The limit is the process's, so fits in several Python threads share it: the first
    sets it, the last restores what it found. The two instances have no library in
    common, so it does not matter which of them ends first.
    """

    _lock = threading.Lock()  # Of both, since they take turns to control.

    def __init__(self, of_scipy):
        self._of_scipy = of_scipy
        self._n_users = 0
        self._limit = self._n_threads = None

    def n_threads(self):
        """Return how many threads BLAS is set to, this limit aside; None if unknown."""
        with self._lock:
            return self._n_threads if self._n_users else self._count()

    def _count(self):
        libraries = _blas(self._of_scipy).lib_controllers
        return max((library.num_threads for library in libraries), default=None)

    def __enter__(self):
        with self._lock:
            if self._n_users == 0:
                self._n_threads = self._count()
                _release_control()
                self._limit = _blas(self._of_scipy).limit(limits=1)
                _release_control()
            self._n_users += 1

    def __exit__(self, *exception):
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                _release_control()
                self._limit.restore_original_limits()
                _release_control()


one_blas_thread = _OneThread(of_scipy=False)
# Where NumPy and SciPy each bring a BLAS, the threads of the one spin while the other
# works: L-BFGS, most of whose own work is SciPy's on short vectors, took 10.8 ms an
# evaluation of 1797x64-(100)-10 on two cores, and takes 2.7 with this limit.
one_scipy_blas_thread = _OneThread(of_scipy=True)
