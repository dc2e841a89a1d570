"""Prediction beside scikit-learn: one row, many rows, many threads.

Latency is `predict_proba` of a single row; batch prediction is `predict_proba` of
60000 x 784; throughput is the same call on blocks of rows from a pool of four threads
with one BLAS thread each, relative to one thread alone.
"""

from concurrent.futures import ThreadPoolExecutor

from _common import (
    OURS,
    SKLEARN,
    Report,
    argument_parser,
    count,
    figure,
    interleave,
    n_cores,
    parse,
    pinned_threads,
    times,
)
from _data import Shape, load, origin
from _estimators import ENDLESS, ESTIMATORS, quiet

LATENCY = Shape(1797, 64, (100,), 10, 200, epochs=1)
BATCH = Shape(60_000, 784, (100,), 10, 200, epochs=1)
WIDE = Shape(60_000, 784, (512, 256), 10, 256, epochs=1)
N_CALLS = 200
N_WORKERS = 4
BLOCK = 1000


def fitted(shape, X, y):
    """Return our model and scikit-learn's, fitted for one epoch on a few rows."""
    settings = {"hidden_layer_sizes": shape.hidden, "max_iter": 1, **ENDLESS}
    models = {name: make(**settings) for name, make in ESTIMATORS.items()}
    for model in models.values():
        quiet(model.fit, X[:2000], y[:2000])()
    return models


def latency(dtype, args):
    """Return timings of one row's predict_proba, N_CALLS times in a row."""
    X, y = load(LATENCY, dtype)
    row = X[:1]

    def caller(model):
        return lambda: [model.predict_proba(row) for _ in range(N_CALLS)]

    models = fitted(LATENCY, X, y)
    contestants = {name: caller(model) for name, model in models.items()}
    return interleave(contestants, args.rounds, per=N_CALLS)


def batch(models, X, args):
    """Return timings of predict_proba of all rows."""

    def caller(model):
        return lambda: model.predict_proba(X)

    contestants = {name: caller(model) for name, model in models.items()}
    return interleave(contestants, args.rounds)


def scaling(models, X, args):
    """Return, by name, rows per second of N_WORKERS threads over those of one."""
    blocks = [X[i : i + BLOCK] for i in range(0, len(X), BLOCK)]

    def caller(model, pool):
        return lambda: list(pool.map(model.predict_proba, blocks))

    ratios = {}
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(N_WORKERS) as many:
        for name, model in models.items():
            contestants = {"one": caller(model, one), "many": caller(model, many)}
            timings = interleave(contestants, args.rounds)
            ratios[name] = timings["many"].times_faster(timings["one"])
    return ratios


def measure(dtype, n_threads, args):
    """Return the rows of the table for one dtype and number of BLAS threads."""

    def row(label, timings, scale, unit):
        ours = f"{figure(scale * timings[OURS].median)} {unit}"
        ratio = timings[OURS].times_faster(timings[SKLEARN])
        return (
            f"{label}, {dtype}, {count(n_threads, 'thread')}",
            ours,
            times(ratio),
        )

    rows = [row("one row of 64-(100)-10", latency(dtype, args), 1e6, "us")]
    for shape in (BATCH, WIDE):
        actual = shape.shortened() if args.short else shape
        X, y = load(actual, dtype, args.data)
        models = fitted(actual, X, y)
        rows.append(row(str(actual), batch(models, X, args), 1e3, "ms"))
        if n_threads == 1:
            ratios = scaling(models, X, args)
            label = f"{actual}, {dtype}, {N_WORKERS} callers over 1"
            theirs = f"{ratios[SKLEARN]:.2f}x for scikit-learn"
            rows.append((label, f"{ratios[OURS]:.2f}x", theirs))
    return rows


def main(argv=None):
    args = parse(argument_parser(__doc__, rounds=9, short_rounds=3), argv)
    with Report("predict", args) as report:
        report.say(origin(args.data))
        rows = []
        for n_threads in args.threads:
            with pinned_threads(n_threads):
                for dtype in ("float32", "float64"):
                    rows += measure(dtype, n_threads, args)
        report.table(["predict_proba", "ours", "vs scikit-learn"], rows)
        report.say(f"{n_cores()} cores are the most that callers can gain.")


if __name__ == "__main__":
    main()
