"""The figures of the README: training and memory beside scikit-learn, three networks.

Training is one `fit` of a few epochs of Adam, by both libraries in turn. Memory is the
peak of what Python and NumPy allocate while 60,000 rows of float32 are predicted. The
other scripts go into each of them.
"""

import tracemalloc
from dataclasses import replace

from _common import (
    OURS,
    SKLEARN,
    Report,
    argument_parser,
    figure,
    interleave,
    parse,
    pinned_threads,
    times,
)
from _data import load, origin, synthetic
from _estimators import ENDLESS, ESTIMATORS, fits, quiet, settings
from bench_fit import SHAPES

NETWORKS = {"small network": SHAPES[0], "table": SHAPES[2], "images": SHAPES[3]}
N_PREDICTED = 60_000
MB = 1e6


def speed(shape, dtype, args):
    """Return how many times faster we train."""
    X, y = load(shape, dtype, args.data)
    timings = interleave(fits(shape, X, y), args.rounds, per=shape.epochs)
    return timings[OURS].times_faster(timings[SKLEARN])


def memory_of_predict(shape):
    """Return the peak of each library, in bytes, by name."""
    few = replace(shape, n_samples=400, epochs=1)
    X, y = synthetic(few, "float32")
    many, _ = synthetic(replace(shape, n_samples=N_PREDICTED), "float32")
    peaks = {}
    for name, make in ESTIMATORS.items():
        model = quiet(make(**settings(few), **ENDLESS).fit, X, y)()
        model.predict(X)
        tracemalloc.start()
        model.predict(many)
        peaks[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peaks


def main(argv=None):
    args = parse(argument_parser(__doc__, rounds=5, short_rounds=2), argv)
    with Report("summary", args) as report, pinned_threads(args.threads[0]):
        report.say(origin(args.data))
        rows = []
        for name, shape in NETWORKS.items():
            actual = shape.shortened() if args.short else shape
            ratios = [speed(actual, dtype, args) for dtype in ("float64", "float32")]
            peaks = memory_of_predict(shape)
            memory = [f"{figure(peaks[name] / MB)} MB" for name in (OURS, SKLEARN)]
            rows.append((f"{name}, {actual}", *map(times, ratios), " / ".join(memory)))
        header = ["", "fit, float64", "fit, float32", "memory of predict"]
        report.table(header, rows)


if __name__ == "__main__":
    main()
