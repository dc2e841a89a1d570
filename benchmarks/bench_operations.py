"""Single operations: what the layers do, beside what they could do instead.

Microseconds of a call on one batch. These decided how the inner loops are written;
whole fits are what `bench_fit.py` measures.
"""

import numpy as np
from scipy.special import expit

from _common import Report, argument_parser, figure, interleave, parse, pinned_threads
from sklearn_backprop._blas import fastest_matmul, matmul_by_rows
from sklearn_backprop.layers import Dense

N_CALLS = 1000


def products(dtype):
    """Return the two ways of the forward product of 200 x 784, the one taken first."""
    layer = Dense(784, 100, dtype=dtype)
    inputs = np.random.default_rng(0).standard_normal((200, 784)).astype(dtype)
    out = np.empty((200, 100), dtype)
    ways = {
        "by rows": lambda: matmul_by_rows(inputs, layer.weights, out=out),
        "in one call": lambda: np.matmul(inputs, layer.weights, out=out),
    }
    if fastest_matmul(200, layer.weights.size, one_thread=True) is np.matmul:
        return dict(reversed(ways.items()))
    return ways


def operations(dtype):
    """Return, by operation, the way that is taken and the ways that are not."""
    rng = np.random.default_rng(0)
    values, dvalues, out = rng.standard_normal((3, 200, 100)).astype(dtype)
    output = np.maximum(values, 0.0)
    zeros, mask = np.zeros_like(values), np.empty(values.shape, bool)
    ones, sums = np.ones((1, 200), dtype), np.empty((1, 100), dtype)
    column, row = values[:, :1].copy(), dvalues[:1].copy()

    def logistic():
        np.exp(np.negative(values, out=out), out=out)
        np.reciprocal(np.add(out, 1.0, out=out), out=out)

    def float_mask():
        np.multiply(dvalues, np.greater(output, 0.0, out=out), out=out)

    def bool_mask():
        np.multiply(dvalues, np.greater(output, 0.0, out=mask), out=out)

    return {
        "product of 200 x 784 with 784 x 100": products(dtype),
        "max(0, x)": {
            "clip": lambda: values.clip(0.0, np.inf, out=out),
            "np.maximum with a scalar": lambda: np.maximum(values, 0.0, out=out),
            "np.maximum with zeros": lambda: np.maximum(values, zeros, out=out),
        },
        "derivative of max(0, x), applied": {
            "float mask": float_mask,
            "bool mask": bool_mask,
            "np.where": lambda: np.where(output > 0.0, dvalues, 0.0),
        },
        "1 / (1 + exp(-x))": {
            "written out": logistic,
            "scipy.special.expit": lambda: expit(values, out=out),
        },
        "sum over rows": {
            "product with ones": lambda: np.matmul(ones, dvalues, out=sums),
            "np.add.reduce": lambda: np.add.reduce(dvalues, 0, out=sums[0]),
        },
        "outer product, 200 x 1 by 1 x 100": {
            "np.dot": lambda: np.dot(column, row, out=out),
            "np.multiply": lambda: np.multiply(column, row, out=out),
            "np.matmul": lambda: np.matmul(column, row, out=out),
        },
    } | of_logits(rng.standard_normal((200, 10)).astype(dtype))


def of_logits(by_row):
    """Return the same for what the loss over few classes does."""
    by_column = np.asfortranarray(by_row)
    end_to_end = by_column.T.reshape(-1)
    rows, labels = np.arange(200), np.arange(200) % 10

    def one_index():
        chosen = rows + 200 * labels
        end_to_end[chosen]
        end_to_end[chosen] -= 1.0

    def two_indices():
        by_column[rows, labels]
        by_column[rows, labels] -= 1.0

    return {
        "maximum of each row, 200 x 10": {
            "column-major": lambda: by_column.max(axis=1, keepdims=True),
            "row-major": lambda: by_row.max(axis=1, keepdims=True),
        },
        "read, then change, an entry of each row, 200 x 10": {
            "one index, columns end to end": one_index,
            "two indices": two_indices,
        },
    }


def repeated(function):
    """Return a callable that calls a function `N_CALLS` times."""

    def run():
        for _ in range(N_CALLS):
            function()

    return run


def main(argv=None):
    args = parse(argument_parser(__doc__, rounds=15, short_rounds=3), argv)
    with Report("operations", args) as report, pinned_threads(1):
        for dtype in ("float32", "float64"):
            rows = []
            for name, ways in operations(dtype).items():
                calls = {way: repeated(call) for way, call in ways.items()}
                times = interleave(calls, args.rounds, per=N_CALLS)
                cells = [f"{way} {figure(1e6 * t.median)}" for way, t in times.items()]
                rows.append((name, cells[0], ", ".join(cells[1:])))
            report.say(f"**{dtype}, 200 x 100 unless said, microseconds**")
            report.table(["operation", "taken", "not taken"], rows)


if __name__ == "__main__":
    main()
