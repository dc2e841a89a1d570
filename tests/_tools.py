"""Shared by the tests: memory layouts, numerical derivatives, tables."""

import errno
import os

import numpy as np
from hypothesis import settings
from numpy.testing import assert_allclose

from sklearn_backprop import layers
from sklearn_backprop.layers.base import parameter_names

DTYPES = [np.float32, np.float64]
ORDERS = ["C", "F", "strided"]

# Deterministic: the same examples in every run, and no time limit for any of them.
PROPERTY = settings(max_examples=50, derandomize=True, database=None, deadline=None)


# Layers that have parameters of their own; the others are activations.
PARAMETRIC = [name for name in layers.__all__ if parameter_names(getattr(layers, name))]
ENCODINGS = ["PiecewiseLinear", "PlainColumns"]
ACTIVATIONS = [name for name in layers.__all__ if name not in [*PARAMETRIC, *ENCODINGS]]

# Those that are a function of each input, or of each row.
FUNCTIONS = [name for name in ACTIVATIONS if name != "Dropout"]


class NumbersOfColumns:
    """Stands in for a generator, so that all rows have one mask and all calls too."""

    @staticmethod
    def random(dtype, out):
        out[...] = np.arange(out.shape[-1]) % 3 / 3


def make(name, n_inputs=4, n_neurons=3, dtype=np.float64):
    """A layer by its name; activations are made without arguments."""
    if name == "Dense":
        return layers.Dense(n_inputs, n_neurons, random_state=0, dtype=dtype)
    if name == "ColumnEmbedding":
        sizes = 2, n_inputs // 2, n_neurons
        return layers.ColumnEmbedding(*sizes, random_state=0, dtype=dtype)
    if name == "Scale":
        scales = np.linspace(-2.0, 1.0, n_inputs, dtype=dtype)
        return layers.Scale(scales[np.newaxis])
    if name == "PiecewiseLinear":
        edges = np.array([-2.0, 0.0, 0.3, 1.0]), np.array([-1.0, 3.0])
        return layers.PiecewiseLinear(edges, [3] * (n_inputs - 2))
    if name == "PlainColumns":
        return layers.PlainColumns(n_inputs - 1, [3])
    layer = getattr(layers, name)()
    if name == "Dropout":
        layer.draw_from(NumbersOfColumns())
    return layer


def tolerance(dtype, factor=64, size=1.0):
    """Keywords of `assert_allclose` for one result computed in two ways.

    In which order BLAS adds the n products of an entry, and whether it rounds each of
    them, hangs on its kernel for the processor, on its threads and on the shapes and
    memory orders of the operands. Any way errs by at most ``n eps / 2`` times the sum
    of the absolute products (Higham 2002, "Accuracy and Stability of Numerical
    Algorithms", section 3.1), so two ways differ by ``n eps`` times it at most. An
    exponential or a division adds an eps or two.

    Only what is computed twice in one way is the same to the last bit, under any
    kernel: the same operations on the same numbers, in the same shapes and memory
    orders, with as many threads. That is compared exactly, and so are copies.

    Parameters
    ----------
    dtype : dtype
        In which the less exact of the two is computed.
    factor : float, default=64
        n, of all layers together. The small networks of the tests stay below 64.
    size : float, default=1.0
        Of the sums of absolute products. The tests draw numbers of about one.

    Returns
    -------
    within : dict
    """
    eps = factor * float(np.finfo(dtype).eps)
    return {"rtol": eps, "atol": eps * size}


def laid_out(array, order):
    """The same values in other memory: C or F order, or with gaps on both axes."""
    if order != "strided":
        return np.array(array, order=order)
    n_rows, n_columns = array.shape
    view = np.empty((2 * n_rows, 3 * n_columns), array.dtype)[::2, ::3]
    view[...] = array
    return view


def frozen(array):
    """A copy that raises when it is written to."""
    array = np.array(array)
    array.flags.writeable = False
    return array


def assert_derivative(function, point, gradient, *, step=1e-6, rtol=1e-6):
    """Compare a gradient with central differences of a scalar function.

    Both are projected on random directions: an error anywhere in the gradient shows
    in each of them.
    """
    rng = np.random.default_rng(7)
    for _ in range(3):
        direction = rng.standard_normal(point.shape)
        ahead = function(point + step * direction)
        behind = function(point - step * direction)
        expected = (ahead - behind) / (2 * step)
        scale = np.linalg.norm(gradient) + 1e-3
        assert_allclose(np.sum(gradient * direction), expected, atol=rtol * scale)


class FullDisk:
    """A file on a disk that is full after so many bytes."""

    def __init__(self, file, n_bytes):
        self.file, self.left = file, n_bytes

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *details):
        self.file.close()

    def write(self, data):
        self.left -= len(memoryview(data))
        if self.left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data)
