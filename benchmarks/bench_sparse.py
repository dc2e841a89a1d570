"""Training time per epoch on sparse rows beside scikit-learn.

A CSR matrix of 20000 x 5000 with 1 % density, hidden layer of 100, batches of 200.
"""

import numpy as np
import scipy.sparse

from _common import (
    OURS,
    SKLEARN,
    Report,
    argument_parser,
    count,
    interleave,
    parse,
    pinned_threads,
    times,
)
from _data import Shape
from _estimators import fits

SHAPE = Shape(20_000, 5000, (100,), 2, 200, epochs=3)


def sparse_rows(shape, dtype, density=0.01):
    """Return CSR rows and two classes that a random linear map gives them."""
    rng = np.random.default_rng(0)
    X = scipy.sparse.random_array(
        (shape.n_samples, shape.n_features),
        density=density,
        format="csr",
        dtype=dtype,
        rng=rng,
    )
    teacher = rng.standard_normal(shape.n_features, dtype=dtype)
    return X, (X @ teacher > 0).astype(int)


def main(argv=None):
    args = parse(argument_parser(__doc__, rounds=5, short_rounds=2), argv)
    shape = SHAPE.shortened() if args.short else SHAPE
    with Report("sparse", args) as report:
        rows = []
        for n_threads in args.threads:
            for dtype in ("float32", "float64"):
                X, y = sparse_rows(shape, dtype)
                with pinned_threads(n_threads):
                    contestants = fits(shape, X, y)
                    timings = interleave(contestants, args.rounds, per=shape.epochs)
                ratio = timings[OURS].times_faster(timings[SKLEARN])
                label = f"{shape}, 1 % density, {dtype}, {count(n_threads, 'thread')}"
                rows.append((label, timings[OURS].milliseconds(), times(ratio)))
        report.table(["network", "ours, ms/epoch", "vs scikit-learn"], rows)


if __name__ == "__main__":
    main()
