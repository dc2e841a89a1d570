"""Training time per epoch against rows, width, depth and batch size, as a plot.

One property is varied at a time around 10000x50-(128)-5 with batches of 256, in
float32, for us, scikit-learn and torch.
"""

from dataclasses import replace
from pathlib import Path

from _common import (
    FLOOR,
    OURS,
    PLOTS,
    Report,
    argument_parser,
    figure,
    interleave,
    parse,
    pinned_threads,
)
from _data import Shape, synthetic
from _peers import everyone

BASE = Shape(10_000, 50, (128,), 5, 256, epochs=1)
SWEEPS = {
    "rows": (1000, 3000, 10_000, 30_000, 100_000),
    "width": (16, 64, 256, 1024),
    "depth": (1, 2, 4, 8),
    "batch size": (16, 64, 256, 1024, 4096),
}


def varied(name, value, short):
    """Return the base shape with one property changed."""
    changes = {
        "rows": {"n_samples": value},
        "width": {"hidden": (value,)},
        "depth": {"hidden": BASE.hidden * value},
        "batch size": {"batch_size": value},
    }[name]
    shape = replace(BASE, **changes)
    # About as long in every point, so that fixed costs weigh the same.
    work = shape.n_samples * (2000 + shape.n_parameters)
    return replace(shape, epochs=max(1, int((3e8 if short else 1e9) / work)))


def sweep(name, values, args):
    """Return, for each contestant, milliseconds per epoch at each value."""
    curves = {}
    for value in values:
        shape = varied(name, value, args.short)
        X, y = synthetic(shape, "float32")
        times = interleave(everyone(shape, X, y), args.rounds, per=shape.epochs)
        for who, timing in times.items():
            curves.setdefault(who, []).append(1e3 * timing.median)
    return curves


def table(curves_by_sweep):
    """Return one row for each point of each sweep."""
    rows = []
    for name, curves in curves_by_sweep.items():
        for i, value in enumerate(SWEEPS[name][: len(curves[OURS])]):
            cells = (figure(curve[i]) for curve in curves.values())
            rows.append((f"{name} {value}", *cells))
    return rows


def draw(canvas, curves_by_sweep):
    """Draw a panel for each sweep into a figure."""
    panels = canvas.subplots(1, len(curves_by_sweep), squeeze=False)[0]
    for axes, (name, curves) in zip(panels, curves_by_sweep.items(), strict=True):
        for who, curve in curves.items():
            style = {"color": "0.7", "linestyle": "--"} if who == FLOOR else {}
            values = SWEEPS[name][: len(curve)]
            axes.plot(values, curve, marker=".", label=who, **style)
        axes.set(xscale="log", yscale="log", xlabel=name)
        axes.set_xticks(values, map(str, values))
        axes.minorticks_off()
    panels[0].set_ylabel("ms per epoch")
    panels[0].legend()


def main(argv=None):
    parser = argument_parser(__doc__, rounds=5, short_rounds=1)
    add = parser.add_argument
    add("--output", type=Path, help="where to save the plot (docs/_static)")
    args = parse(parser, argv)
    with Report("scaling", args) as report:
        with pinned_threads(args.threads[0]):
            points = slice(-1) if args.short else slice(None)
            curves = {
                name: sweep(name, values[points], args)
                for name, values in SWEEPS.items()
            }
        contestants = next(iter(curves.values()))
        report.say("Milliseconds per epoch.")
        report.table(["", *contestants], table(curves))
        path = args.output or PLOTS / "scaling.png"
        report.plot(lambda canvas: draw(canvas, curves), path, size=(14, 4))


if __name__ == "__main__":
    main()
