"""Test accuracy over training time on Fashion-MNIST, pixels divided by 255.

scikit-learn's default network, ours with the same settings, and the two recipes of the
user guide. Everyone trains with `partial_fit`, an epoch a call; only training is
timed, accuracy on the test rows is taken in between. The check for non-finite values,
which one `fit` makes once, is left out of the calls. scikit-learn's
`early_stopping=True` is one `fit`, and so one point. Rounds are seeds. Without `--data`
the digits stand in, with targets of their own.

The recipes were chosen on a split of the training rows, 50,000 to train and 10,000 to
compare: the test rows had no part in it.
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

TARGETS = {"fashion": (0.88, 0.89, 0.90), "digits": (0.93, 0.95, 0.97)}
# At full length, with --short; those of the recipes are their own.
EPOCHS = {"fashion": (20, 3), "digits": (150, 60)}
FAST = {
    "hidden_layer_sizes": (100,),
    "solver": "schedule_free",
    "learning_rate_init": 0.02,
    "batch_size": 256,
}
ACCURATE = {
    **FAST,
    "hidden_layer_sizes": (512, 256),
    "learning_rate_init": 0.01,
    "dropout": 0.2,
}
RECIPES = {"fast recipe": (FAST, 8), "accurate recipe": (ACCURATE, 15)}
STOPPED = f"{SKLEARN}, early_stopping=True"


def load(path):
    """Return X_train, y_train, X_test, y_test in float64."""
    if path is not None:
        return fashion_mnist(path, "float64")
    X, y = digits("float64")
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    return X_train, y_train, X_test, y_test


def contestants(args, name):
    """Return, by name, class, settings, dtype of the data and number of epochs."""
    recipes = {
        f"{OURS}, {title}, float32": (
            ESTIMATORS[OURS],
            settings,
            "float32",
            args.epochs if name == "digits" or args.short else n_epochs,
        )
        for title, (settings, n_epochs) in RECIPES.items()
    }
    return {
        f"{SKLEARN}, default": (ESTIMATORS[SKLEARN], {}, "float64", args.epochs),
        f"{OURS}, same settings": (ESTIMATORS[OURS], {}, "float64", args.epochs),
        **recipes,
    }


def run(data, args, name, seed):
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
    steps, models, curves, epochs = {}, {}, {}, {}
    for title, (make, settings, dtype, n_epochs) in contestants(args, name).items():
        # A RandomState, not a number: scikit-learn's partial_fit would replay the
        # same permutation in each epoch.
        model = make(random_state=np.random.RandomState(seed), **settings)
        models[title] = model, rows[dtype][1]
        steps[title] = quiet(
            model.partial_fit, rows[dtype][0], y_train, classes=range(10)
        )
        curves[title], epochs[title] = [], n_epochs
    seconds = dict.fromkeys(steps, 0.0)
    for epoch in range(max(epochs.values())):
        going = {title: steps[title] for title in steps if epoch < epochs[title]}
        times = interleave(going, 1, warmup=0)
        for title in going:
            model, X = models[title]
            seconds[title] += times[title].median
            curves[title].append((seconds[title], model.score(X, y_test)))
    curves[STOPPED] = [stopped_early(data, args, seed)]
    return {title: np.transpose(curve) for title, curve in curves.items()}


def stopped_early(data, args, seed):
    """Return seconds and test accuracy of scikit-learn's own early stopping."""
    X_train, y_train, X_test, y_test = data
    max_iter = args.epochs if args.short else 200
    model = ESTIMATORS[SKLEARN](
        early_stopping=True, max_iter=max_iter, random_state=seed
    )
    fit = {STOPPED: quiet(model.fit, X_train, y_train)}
    seconds = interleave(fit, 1, warmup=0)[STOPPED].median
    return seconds, model.score(X_test, y_test)


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
        seconds, accuracy = np.median([run[name][:, -1] for run in runs], axis=0)
        table.append((name, *cells, f"{accuracy:.4f}", f"{seconds:.1f} s"))
    return table


def drawing(runs, targets, title):
    """Return a function that draws the median curves into a figure."""

    def draw(canvas):
        axes = canvas.subplots()
        for name in runs[0]:
            seconds, accuracy = np.median([run[name] for run in runs], axis=0)
            marker = "*" if name == STOPPED else "."
            axes.plot(seconds, accuracy, marker=marker, linewidth=1.0, label=name)
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
    add(
        "--epochs",
        type=int,
        help=f"epochs but for the recipes; full and short {EPOCHS}",
    )
    add("--output", type=Path, help="where to save the plot (docs/_static)")
    args = parse(parser, argv)
    name = "digits" if args.data is None else "fashion"
    args.epochs = args.epochs or EPOCHS[name][args.short]
    data, targets = load(args.data), TARGETS[name]
    with Report(f"time-to-accuracy-{name}", args) as report:
        unchecked = sklearn.config_context(assume_finite=True)
        with pinned_threads(args.threads[0]), unchecked:
            runs = [run(data, args, name, seed) for seed in range(args.rounds)]
        header = [name, *(f"to {target}" for target in targets)]
        report.table([*header, "at the end", "in"], rows_of(runs, targets))
        path = args.output or PLOTS / f"time_to_accuracy_{name}.png"
        report.plot(drawing(runs, targets, name), path)


if __name__ == "__main__":
    main()
