"""Prediction: the forward pass over many rows, by blocks and in several threads."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import scipy.sparse as sp

from ._blas import fastest_matmul, one_blas_thread
from .finite import is_finite

# Values that the layers hold at once, in all threads together: 8 MB in float64.
BLOCK_VALUES = 1 << 20
# Floating-point operations that are worth a thread: some milliseconds, where starting
# one takes a tenth of a millisecond.
THREAD_COST = 2e8


def forward_rows(make_network, X, finish, check):
    """Return what `finish` makes of the logits of all rows.

    Many rows are shared by as many Python threads as BLAS is set to use, with one BLAS
    thread each: unlike BLAS's own threads they share the activations too.

    Parameters
    ----------
    make_network : callable
        Returns a Network, for one thread to use and throw away.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
    finish : callable
        Function of the logits of some rows, of shape (n_rows, n_outputs).
    check : callable
        Raises an error if some rows of X, in the dtype of the network, are not finite.
        A single dense row is not checked.

    Returns
    -------
    output : ndarray of shape (n_samples, ...)

    Raises
    ------
    ValueError
        If the result is not finite for some rows.
    """
    network = make_network()
    dtype = network.dtype
    if X.shape[0] == 1 and not sp.issparse(X):
        # To plan would take a fifth of the time.
        return _forward_block(network.forward_once, X, dtype, finish)
    n_threads = _count_threads(network, X)
    n_rows = _block_length(network, X, n_threads)
    choose = partial(fastest_matmul, n_rows, one_thread=n_threads > 1)
    forward = _checking_forward(network, choose, check)
    if n_rows >= X.shape[0]:
        return np.ascontiguousarray(_forward_block(forward, X, dtype, finish))
    sample = finish(np.zeros((1, network.dense[-1].weights.shape[1]), dtype))
    output = np.empty((X.shape[0], *sample.shape[1:]), sample.dtype)
    starts = iter(range(0, X.shape[0], n_rows))

    def work(forward):
        for start in starts:
            rows = slice(start, start + n_rows)
            output[rows] = _forward_block(forward, X[rows], dtype, finish)

    if n_threads == 1:
        work(forward)
        return output
    # Not joblib, whose threads take ten milliseconds to start and end.
    with one_blas_thread, ThreadPoolExecutor(n_threads) as pool:
        forwards = [
            _checking_forward(make_network(), choose, check) for _ in range(n_threads)
        ]
        try:
            list(pool.map(work, forwards))
        finally:
            # After an error or an interruption no further block is begun.
            list(starts)
    return output


def _checking_forward(network, choose, check):
    """Return `network.forward`, multiplying by the functions chosen and checking X.

    A row of X with inf or NaN makes its whole row of the first product inf or NaN, so
    one column tells whether to look at X. To do so always would be one more pass over
    all of it, 7 % of the time for 60000 x 784 and 100 neurons.
    """
    network.multiply_with(choose)
    first = network.layers[0]
    matmul = first.matmul

    def checked_matmul(left, right, out=None):
        product = matmul(left, right, out)
        if not is_finite(product[:, 0]):
            check(left)
        return product

    def forward(inputs):
        if sp.issparse(inputs):
            check(inputs)
        return network.forward(inputs)

    first.matmul = checked_matmul
    return forward


def _count_threads(network, X):
    """Return how many threads the products for all rows are worth."""
    # BLAS has no part in the products of sparse rows.
    layers = network.dense[1:] if sp.issparse(X) else network.dense
    cost = 2.0 * X.shape[0] * sum(layer.weights.size for layer in layers)
    if cost < 2 * THREAD_COST:
        return 1
    return min(one_blas_thread.n_threads() or 1, int(cost / THREAD_COST))


def _block_length(network, X, n_threads):
    """Return how many rows make a block: the same number of blocks for each thread."""
    n_values = sum(layer.weights.shape[1] for layer in network.dense)
    if X.dtype != network.dtype:
        n_values += X.shape[1]  # A block is converted.
    share = -(-X.shape[0] // n_threads)
    n_blocks = -(-share * n_values * n_threads // BLOCK_VALUES)
    return -(-share // n_blocks)


def _forward_block(forward, inputs, dtype, finish):
    # What overflows is reported by an error.
    with np.errstate(all="ignore"):
        logits = forward(inputs.astype(dtype, copy=False))
        output = finish(logits)
    # A mean may overflow where its logit does not; labels are never floats.
    checked = output if output.dtype.kind == "f" else logits
    if not is_finite(checked):
        if is_finite(logits):
            raise ValueError(
                "The output of the network is finite, at most "
                f"{np.abs(logits).max():.3g}, but what the function of the last layer "
                f"makes of it is too large for {dtype} in some rows: the model "
                "predicts far outside the targets that it was trained on."
            )
        raise ValueError(
            "The output of the network is not finite for some rows: X, or what it "
            f"leads to, is too large for {dtype}. Scale the data."
        )
    return output
