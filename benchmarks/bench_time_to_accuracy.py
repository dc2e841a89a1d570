"""Test accuracy over training time on Fashion-MNIST, pixels divided by 255.

scikit-learn's default network, ours with the same settings, and ours with the best
settings found. Everyone trains with `partial_fit`, an epoch a call; only training is
timed, accuracy on the test rows is taken in between. The check for non-finite values,
which one `fit` makes once, is left out of the calls. Rounds are seeds. Without
`--data` the digits stand in, with targets of their own.
"""

from pathlib import Path

import numpy as np
import sklearn
from sklearn.model_selection import train_test_split

from _common import (
    OURS,
    PLOTS,
    SKLEARN,
    Report,
    argument_parser,
    interleave,
    parse,
    pinned_threads,
)
from _data import digits, fashion_mnist
from _estimators import ESTIMATORS, quiet

TARGETS = {"fashion": (0.87, 0.88, 0.89), "digits": (0.93, 0.95, 0.97)}
EPOCHS = {"fashion": (20, 12), "digits": (150, 60)}  # at full length, with --short


def load(path):
    """Return X_train, y_train, X_test, y_test in float64."""
    if path is not None:
        return fashion_mnist(path, "float64")
    X, y = digits("float64")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    return X_train, y_train, X_test, y_test


def contestants(args):
    """Return, by name, the class, its settings and the dtype of its data."""
    best = {
        "hidden_layer_sizes": tuple(args.hidden),
        "batch_size": args.batch_size,
        "learning_rate_init": args.learning_rate_init,
    }
    hidden = ",".join(map(str, args.hidden))
    label = f"{OURS}, ({hidden}), batch {args.batch_size}, "
    label += f"learning rate {args.learning_rate_init:g}, float32"
    return {
        f"{SKLEARN}, default": (ESTIMATORS[SKLEARN], {}, "float64"),
        f"{OURS}, same settings": (ESTIMATORS[OURS], {}, "float64"),
        label: (ESTIMATORS[OURS], best, "float32"),
    }


def run(data, args, seed):
    """Train all contestants with one seed.

    Returns
    -------
    dict of str to ndarray of shape (2, n_epochs)
        Training seconds so far and test accuracy, after each epoch.
    """
    X_train, y_train, X_test, y_test = data
    rows = {
        dtype: [X.astype(dtype, copy=False) for X in (X_train, X_test)]
        for dtype in ("float64", "float32")
    }
    steps, models, curves = {}, {}, {}
    for name, (make, settings, dtype) in contestants(args).items():
        # A RandomState, not a number: scikit-learn's partial_fit would replay the
        # same permutation in each epoch.
        model = make(random_state=np.random.RandomState(seed), **settings)
        models[name] = model, rows[dtype][1]
        steps[name] = quiet(
            model.partial_fit, rows[dtype][0], y_train, classes=range(10)
        )
        curves[name] = []
    seconds = dict.fromkeys(steps, 0.0)
    for _ in range(args.epochs):
        times = interleave(steps, 1, warmup=0)
        for name, (model, X) in models.items():
            seconds[name] += times[name].median
            curves[name].append((seconds[name], model.score(X, y_test)))
    return {name: np.transpose(curve) for name, curve in curves.items()}


def time_to(target, curve):
    """Return the seconds until an epoch ends at the target accuracy, or infinity."""
    seconds, accuracy = curve
    reached = accuracy >= target
    return seconds[reached.argmax()] if reached.any() else np.inf


def rows_of(runs, targets):
    """Return a table row for each contestant: medians over the seeds."""
    table = []
    for name in runs[0]:
        medians = [np.median([time_to(t, r[name]) for r in runs]) for t in targets]
        cells = [f"{s:.2f} s" if np.isfinite(s) else "not reached" for s in medians]
        curves = np.array([run[name] for run in runs])
        best = np.median(curves[:, 1].max(axis=1))
        per_epoch = np.median(curves[:, 0, -1]) / curves.shape[2]
        table.append((name, *cells, f"{best:.4f}", f"{per_epoch:.3f} s"))
    return table


def drawing(runs, targets, title):
    """Return a function that draws the median curves into a figure."""

    def draw(canvas):
        axes = canvas.subplots()
        for name in runs[0]:
            seconds, accuracy = np.median([run[name] for run in runs], axis=0)
            axes.plot(seconds, accuracy, marker=".", label=name)
        for target in targets:
            axes.axhline(target, color="0.8", linewidth=0.8, zorder=0)
        axes.set(xscale="log", xlabel="training time, seconds", ylabel="test accuracy")
        axes.set_ylim(bottom=min(targets) - 0.07)
        axes.set_title(title)
        axes.legend(loc="lower right")

    return draw


def main(argv=None):
    parser = argument_parser(__doc__, rounds=3, short_rounds=1)
    add = parser.add_argument
    add("--epochs", type=int, help=f"epochs of everyone; full and short {EPOCHS}")
    best = "of the best settings (%(default)s)"
    add("--hidden", type=int, nargs="+", default=[256, 128], help=f"widths {best}")
    add("--batch-size", type=int, default=128, help=f"rows in a batch {best}")
    add("--learning-rate-init", type=float, default=1e-3, help=f"step size {best}")
    add("--output", type=Path, help="where to save the plot (docs/_static)")
    args = parse(parser, argv)
    name = "digits" if args.data is None else "fashion"
    args.epochs = args.epochs or EPOCHS[name][args.short]
    data, targets = load(args.data), TARGETS[name]
    with Report(f"time-to-accuracy-{name}", args) as report:
        unchecked = sklearn.config_context(assume_finite=True)
        with pinned_threads(args.threads[0]), unchecked:
            runs = [run(data, args, seed) for seed in range(args.rounds)]
        header = [name, *(f"to {target}" for target in targets)]
        report.table([*header, "best", "an epoch"], rows_of(runs, targets))
        path = args.output or PLOTS / f"time_to_accuracy_{name}.png"
        report.plot(drawing(runs, targets, name), path)


if __name__ == "__main__":
    main()
