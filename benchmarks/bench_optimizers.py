"""What the optimizers reach in eight epochs of Fashion-MNIST, on held-out rows.

Of the training rows 50,000 are trained on and 10,000 compared; the test rows have no
part in it. Rates were chosen from two or three on another split of them. Rounds are
seeds. Without `--data` the digits stand in.
"""

import numpy as np
from sklearn.model_selection import train_test_split

from _common import OURS, Report, argument_parser, interleave, parse, pinned_threads
from _data import digits, fashion_mnist
from _estimators import ENDLESS, ESTIMATORS, quiet
from sklearn_backprop.optimizers import SGD, Adam, AdamW, Nadam, ScheduleFreeAdamW

CONTESTANTS = {
    "Adam, constant": (Adam(), "constant", 0.001),
    "SGD with Nesterov's momentum, one cycle": (
        SGD(momentum=0.9, nesterov=True),
        "one_cycle",
        0.1,
    ),
    "AdamW, one cycle": (AdamW(), "one_cycle", 0.01),
    "Nadam, one cycle": (Nadam(), "one_cycle", 0.02),
    "ScheduleFreeAdamW": (ScheduleFreeAdamW(), "constant", 0.02),
}
N_EPOCHS = 8


def split(path):
    """Return rows to train on and rows to compare, in float32, with their labels."""
    if path is None:
        X, y = digits("float32")
    else:
        X, y = fashion_mnist(path, "float32")[:2]
    return train_test_split(X, y, test_size=1 / 6, random_state=0)


def run(data, seed):
    """Train all with one seed; return accuracy, log-loss and seconds by name."""
    X_train, X_test, y_train, y_test = data
    models = {
        name: ESTIMATORS[OURS](
            (100,),
            solver=solver,
            learning_rate=schedule,
            learning_rate_init=rate,
            batch_size=256,
            max_iter=N_EPOCHS,
            **ENDLESS | {"random_state": seed},
        )
        for name, (solver, schedule, rate) in CONTESTANTS.items()
    }
    steps = {n: quiet(model.fit, X_train, y_train) for n, model in models.items()}
    times = interleave(steps, 1, warmup=0)
    return {
        name: (
            model.score(X_test, y_test),
            -model.predict_log_proba(X_test)[np.arange(len(y_test)), y_test].mean(),
            times[name].median,
        )
        for name, model in models.items()
    }


def main(argv=None):
    parser = argument_parser(__doc__, rounds=4, short_rounds=1)
    args = parse(parser, argv)
    data = split(args.data)
    with Report("optimizers", args) as report, pinned_threads(args.threads[0]):
        runs = [run(data, seed) for seed in range(args.rounds)]
        rows = []
        for name in CONTESTANTS:
            figures = np.array([run[name] for run in runs])
            accuracy, loss, seconds = figures.mean(axis=0)
            spread = figures[:, 0].std()
            cells = (
                f"{accuracy:.4f}",
                f"{spread:.4f}",
                f"{loss:.4f}",
                f"{seconds:.1f} s",
            )
            rows.append((name, *cells))
        report.table(["optimizer", "accuracy", "spread", "log-loss", "time"], rows)


if __name__ == "__main__":
    main()
