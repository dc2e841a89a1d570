"""Does training slow down once most hidden units are dead?

A large step kills most ReLU units of a net on digits within a few epochs. From then
on their gradients are exactly zero (`alpha=0`), and Adam's first moments shrink by a
factor 0.9 a step: below float32's normal range after some 800 steps, where a
processor may need many times as long for each operation. The table compares the
median of epochs 10 to 40 with that of the last 30; rounds are seeds.
"""

import numpy as np

from _common import (
    TORCH,
    Report,
    Timing,
    argument_parser,
    interleave,
    parse,
    pinned_threads,
)
from _data import digits
from _estimators import ESTIMATORS, quiet
from _peers import TorchClassifier, torch

NETWORK = {
    "hidden_layer_sizes": (256,),
    "alpha": 0.0,
    "batch_size": 200,
    "learning_rate_init": 0.1,
}
EARLY, LATE = slice(10, 40), slice(-30, None)


def dead_units(model, X):
    """Return the share of hidden units that no row activates."""
    inputs = X @ model.coefs_[0] + model.intercepts_[0]
    return float(np.mean(inputs.max(axis=0) <= 0))


def run(X, y, n_epochs, seed):
    """Return the timings of all epochs and the share of dead units, by name."""
    models = {
        name: make(**NETWORK, random_state=np.random.RandomState(seed))
        for name, make in ESTIMATORS.items()
    }
    for model in models.values():
        model.partial_fit(X, y, classes=np.unique(y))
    steps = {name: quiet(model.partial_fit, X, y) for name, model in models.items()}
    if torch:
        steps[TORCH] = quiet(TorchClassifier(**NETWORK).partial_fit, X, y)
    # The first epochs count too.
    times = interleave(steps, n_epochs, warmup=0)
    return times, {name: dead_units(model, X) for name, model in models.items()}


def joined(times, name, part):
    """Return the timings of a part of the epochs, over all runs."""
    return Timing(np.concatenate([run[name].seconds[part] for run in times]))


def main(argv=None):
    parser = argument_parser(__doc__, rounds=3, short_rounds=1)
    parser.add_argument("--epochs", type=int, help="epochs (300, with --short 150)")
    args = parse(parser, argv)
    args.epochs = args.epochs or (150 if args.short else 300)
    if args.epochs < EARLY.stop - LATE.start:
        parser.error("--epochs must be at least 70.")
    X, y = digits("float32")
    with Report("denormals", args) as report, pinned_threads(1):
        runs = [run(X, y, args.epochs, seed) for seed in range(args.rounds)]
        times, dead = zip(*runs, strict=True)
        rows = []
        for name in times[0]:
            early, late = (joined(times, name, part) for part in (EARLY, LATE))
            shares = [share[name] for share in dead if name in share]
            share = f"{100 * np.median(shares):.0f} %" if shares else ""
            slowdown = f"{late.median / early.median:.2f}x"
            rows.append(
                (name, early.milliseconds(), late.milliseconds(), slowdown, share)
            )
        columns = ["early, ms/epoch", "late, ms/epoch", "late / early", "dead units"]
        report.table(["1797x64-(256)-10, float32", *columns], rows)


if __name__ == "__main__":
    main()
