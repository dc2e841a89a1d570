"""Where the time of a batch goes, operation by operation, one BLAS thread.

Microseconds per batch, with a timer around each operation of the blocks; the timers
themselves add one or two microseconds to a batch. Beside them are the bare matrix
products, and how near these come to the speed of one large square product, which no
way of writing Python can change.
"""

import contextlib
import time
from collections import defaultdict
from unittest import mock

import numpy as np

from _common import (
    FLOOR,
    OURS,
    Report,
    argument_parser,
    figure,
    interleave,
    parse,
    pinned_threads,
)
from _data import load, origin
from _estimators import fits
from _peers import matrix_products
from bench_fit import SHAPES
from sklearn_backprop import batches, layers, losses, network, optimizers, training

PEAK_SIZE = 1500
OPERATIONS = {
    "gather": [(batches._Source, "take")],
    "Dense forward": [(layers.Dense, "_forward_function")],
    "Dense backward": [
        (layers.Dense, "_backward_parameters_function"),
        (layers.Dense, "_backward_inputs_function"),
    ],
    "ReLU": [(layers.ReLU, "_forward_function"), (layers.ReLU, "_backward_function")],
    "loss": [(losses.Loss, "_loss_gradient_function")],
    "penalty": [(network.Network, "_penalize")],
    "Adam": [(optimizers.Adam, "_update_function")],
    "epoch": [(training.EpochTrainer, "_descend")],
}


@contextlib.contextmanager
def timers():
    """Time the operations; yield the seconds spent in each.

    What returns a function is not timed, the function is.
    """
    seconds = defaultdict(float)

    def timed(function, name):
        def call(*args, **kwargs):
            start = time.perf_counter()
            result = function(*args, **kwargs)
            seconds[name] += time.perf_counter() - start
            return result

        return call

    def returning(method, name):
        return lambda *args, **kwargs: timed(method(*args, **kwargs), name)

    with contextlib.ExitStack() as stack:
        for name, methods in OPERATIONS.items():
            for cls, attribute in methods:
                wrap = returning if attribute.endswith("_function") else timed
                replacement = wrap(getattr(cls, attribute), name)
                stack.enter_context(mock.patch.object(cls, attribute, replacement))
        yield seconds


def profile(shape, X, y, rounds):
    """Return microseconds per batch of each operation, medians over rounds."""
    fit = fits(shape, X, y)[OURS]
    fit()
    n_batches = shape.epochs * -(-shape.n_samples // shape.batch_size)
    seconds = []
    for _ in range(rounds):
        with timers() as spent:
            fit()
        untimed = OPERATIONS.keys() - spent.keys()
        if untimed:
            raise RuntimeError(f"The methods of {untimed} are no longer called.")
        seconds.append([spent[name] for name in OPERATIONS])
    return 1e6 * np.median(seconds, axis=0) / n_batches, n_batches


def peak(dtype, rounds):
    """Return floating-point operations per second of one large square product."""
    left, right, out = np.ones((3, PEAK_SIZE, PEAK_SIZE), dtype)
    product = {FLOOR: lambda: np.matmul(left, right, out=out)}
    return 2 * PEAK_SIZE**3 / interleave(product, rounds)[FLOOR].median


def products(shape, dtype, rounds, n_batches):
    """Return microseconds per batch of the bare products, and their speed."""
    run = {FLOOR: matrix_products(shape, np.dtype(dtype))}
    microseconds = 1e6 * interleave(run, rounds)[FLOOR].median / n_batches
    sizes = [n_inputs * n_neurons for n_inputs, n_neurons in shape.layers]
    n_rows = shape.n_samples * shape.epochs / n_batches
    return microseconds, 1e6 * 2 * n_rows * (3 * sum(sizes) - sizes[0]) / microseconds


def row(shape, dtype, args, limit):
    """Return one row of the table."""
    X, y = load(shape, dtype, args.data)
    (*parts, epoch), n_batches = profile(shape, X, y, args.rounds)
    bare, speed = products(shape, dtype, args.rounds, n_batches)
    cells = [epoch, *parts, epoch - sum(parts), bare]
    share = f"{100 * speed / limit:.0f} %"
    return [f"{shape}", *map(figure, cells), share]


def main(argv=None):
    args = parse(argument_parser(__doc__, rounds=5, short_rounds=3), argv)
    header = ["network", "batch", *list(OPERATIONS)[:-1], "the rest"]
    header += ["bare products", "of BLAS's speed"]
    with Report("profile", args) as report, pinned_threads(1):
        report.say(origin(args.data))
        for dtype in ("float32", "float64"):
            limit = peak(dtype, args.rounds)
            shapes = [shape.shortened() if args.short else shape for shape in SHAPES]
            rows = [row(shape, dtype, args, limit) for shape in shapes]
            speed = f"{limit / 1e9:.0f} GFLOP/s in one {PEAK_SIZE} x {PEAK_SIZE}"
            report.say(f"**{dtype}, microseconds; {speed} product**")
            report.table(header, rows)


if __name__ == "__main__":
    main()
