"""Training time per epoch beside scikit-learn, torch and the bare matrix products.

Seven networks, float32 and float64, each number of BLAS threads in turn. A round is
one `fit` of a fixed number of epochs by everyone, so the fixed costs of a fit are in
the figures, divided by the epochs. torch is the eager network with the fused
optimizer. The matrix products alone are what no NumPy implementation can go below.
"""

from _common import (
    FLOOR,
    OURS,
    SKLEARN,
    TORCH,
    Report,
    argument_parser,
    count,
    interleave,
    parse,
    pinned_threads,
    times,
)
from _data import Shape, load, origin
from _peers import everyone, torch

PEERS = (SKLEARN, TORCH)


SHAPES = (
    Shape(1000, 20, (100,), 2, 200, epochs=100),
    Shape(1797, 64, (100,), 10, 200, epochs=40),
    Shape(10_000, 50, (256, 128), 5, 256, epochs=5),
    Shape(60_000, 784, (100,), 10, 200, epochs=3),
    Shape(60_000, 784, (512, 256), 10, 256, epochs=2),
    Shape(20_000, 200, (1024, 1024), 10, 512, epochs=2),
    Shape(200_000, 30, (64, 64), 2, 512, epochs=2),
)


def cells(timings):
    """Return ratios: our speed to that of the peers, and both times over products."""
    ours, floor = timings[OURS], timings[FLOOR]
    ratios = [ours.times_faster(timings[name]) for name in timings if name in PEERS]
    over = [floor.times_faster(timings[name]) for name in (OURS, SKLEARN)]
    return map(times, [*ratios, *over])


def measure(shape, dtype, args):
    """Return the timings of one row of the table."""
    X, y = load(shape, dtype, args.data)
    contestants = everyone(shape, X, y, args.solver)
    return interleave(contestants, args.rounds, per=shape.epochs)


def table(args):
    """Return the rows of the table for the current number of threads."""
    rows = []
    for shape in SHAPES:
        if not any(text in str(shape) for text in args.shapes):
            continue
        actual = shape.shortened() if args.short else shape
        for dtype in args.dtypes:
            timings = measure(actual, dtype, args)
            label = f"{actual}, batch {actual.batch_size}, {dtype}"
            rows.append((label, timings[OURS].milliseconds(), *cells(timings)))
    return rows


def main(argv=None):
    parser = argument_parser(__doc__, rounds=5, short_rounds=2, threads=(1, 2))
    add = parser.add_argument
    add("--shapes", nargs="+", default=[""], help="parts of the labels to measure")
    dtypes = ["float32", "float64"]
    add("--dtypes", nargs="+", default=dtypes, choices=dtypes, help="%(default)s")
    add("--solver", default="adam", choices=["adam", "sgd"], help="%(default)s")
    args = parse(parser, argv)
    header = ["network", "ours, ms/epoch", "vs scikit-learn"]
    header += ["vs torch"] if torch else []
    header += ["over products", "scikit-learn over products"]
    with Report("fit", args) as report:
        report.say(origin(args.data))
        if args.short:
            report.say("Shortened run: fewer rows in the large shapes.")
        for n_threads in args.threads:
            with pinned_threads(n_threads):
                rows = table(args)
            report.say(f"**{count(n_threads, 'BLAS thread')}, {args.solver}**")
            report.table(header, rows)


if __name__ == "__main__":
    main()
