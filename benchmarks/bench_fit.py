"""Training time per epoch beside scikit-learn, torch and the bare matrix products.

Seven networks, float32 and float64, each number of BLAS threads in turn. A round is
one `fit` of a fixed number of epochs by everyone, so the fixed costs of a fit are in
the figures, divided by the epochs. torch is the eager network with the fused
optimizer. The matrix products alone are what no NumPy implementation can go below.
"""

from dataclasses import dataclass

from _common import (
    FLOOR,
    OURS,
    SKLEARN,
    TORCH,
    Report,
    argument_parser,
    count,
    figure,
    interleave,
    parse,
    pinned_threads,
    verdict,
)
from _data import Shape, load, origin
from _peers import everyone, torch


@dataclass(frozen=True)
class Goals:
    """Times faster than the peers, and time over the products; None is no goal."""

    sklearn32: float | None = None
    sklearn64: float | None = None
    torch32: float | None = None
    floor32: float | None = None

    def cells(self, dtype, timings):
        """Return one table cell for each peer and the floor."""
        single = dtype == "float32"
        ours = timings[OURS]
        goal = self.sklearn32 if single else self.sklearn64
        cells = [verdict(ours.times_faster(timings[SKLEARN]), goal)]
        if TORCH in timings:
            goal = self.torch32 if single else None
            cells.append(verdict(ours.times_faster(timings[TORCH]), goal))
        goal = self.floor32 if single else None
        over = timings[FLOOR].times_faster(ours)
        ceiling = timings[FLOOR].times_faster(timings[SKLEARN])
        return [*cells, verdict(over, goal, at_most=True), f"{figure(ceiling)}x"]


SHAPES = {
    Shape(1000, 20, (100,), 2, 200, epochs=100): Goals(6, 5, 5, 4),
    Shape(1797, 64, (100,), 10, 200, epochs=40): Goals(5, 4, 3.5, 2.3),
    Shape(10_000, 50, (256, 128), 5, 256, epochs=5): Goals(3, 2.2, 1.6, 1.5),
    Shape(60_000, 784, (100,), 10, 200, epochs=3): Goals(2, 1.5, 1.6, 1.5),
    Shape(60_000, 784, (512, 256), 10, 256, epochs=2): Goals(1.8, 1.5, 1, 1.45),
    Shape(20_000, 200, (1024, 1024), 10, 512, epochs=2): Goals(),
    Shape(200_000, 30, (64, 64), 2, 512, epochs=2): Goals(),
}


def measure(shape, dtype, args):
    """Return the timings of one row of the table."""
    X, y = load(shape, dtype, args.data)
    contestants = everyone(shape, X, y, args.solver)
    return interleave(contestants, args.rounds, per=shape.epochs)


def table(args):
    """Return the rows of the table for the current number of threads."""
    rows = []
    for shape, goals in SHAPES.items():
        if not any(text in str(shape) for text in args.shapes):
            continue
        actual = shape.shortened() if args.short else shape
        for dtype in args.dtypes:
            timings = measure(actual, dtype, args)
            label = f"{actual}, batch {actual.batch_size}, {dtype}"
            cells = goals.cells(dtype, timings)
            rows.append((label, timings[OURS].milliseconds(), *cells))
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
            verdicts = " ".join(cell for row in rows for cell in row[2:])
            met, missed = verdicts.count(": met"), verdicts.count(": missed")
            report.say(f"{met} of {met + missed} goals met.")


if __name__ == "__main__":
    main()
