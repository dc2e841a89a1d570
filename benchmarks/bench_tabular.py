"""The estimators for tables beside scikit-learn's: error, log-loss and time of a fit.

`--data FOLDER` holds `manifest.json`, a list of tables with `name`, `file` (a CSV file
whose last column is `target`) and `task`; without it, tables that ship with
scikit-learn stand in. Each is split 75/25, and rounds are splits. Errors are shares of
wrong labels, or root mean squared errors over the standard deviation of the targets;
ratios are geometric means over the tables.

`--networks` compares numbers of networks, `--ablation` changes of the defaults; without
either both are measured.
"""

import json
import time
import warnings

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.compose import make_column_selector as columns_of
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from _common import SKLEARN, Report, argument_parser, parse, pinned_threads
from sklearn_backprop import TabularMLPClassifier, TabularMLPRegressor
from sklearn_backprop.tabular import defaults

TREES = "HistGradientBoosting"
N_NETWORKS = (1, 2, 4, 8, 16)
# What is changed in all rows of the table of defaults.
ABLATIONS = {
    "the defaults": {},
    "a lower rate, 0.002": {"learning_rate_init": 0.002},
    "a fifth held out": {"n_folds": 5},
    "held out once": {"n_splits": 1, "group_size": 4},
    "components alone": {"views": ("components",)},
    "numbers alone": {"views": ("numbers",)},
    "numbers at the rate of components": {"numbers_factor": 1.0},
    "no mean of the parameters": {"averaged_epochs": 0.0},
    "eight bins for each number": {"n_bins": 8},
    "dropout of a tenth": {"dropout": 0.1},
}
SHIPPED = {
    "breast_cancer": ("classification", datasets.load_breast_cancer),
    "wine": ("classification", datasets.load_wine),
    "digits": ("classification", datasets.load_digits),
    "diabetes": ("regression", datasets.load_diabetes),
}
# A handful of rows must not decide a mean.
SMALLEST_ERROR = 2e-3


def tables(folder, most):
    """Yield name, task, frame and targets of the tables, of so many rows at most."""
    if folder is None or not (folder / "manifest.json").exists():
        for name, (task, load) in SHIPPED.items():
            yield name, task, *load(return_X_y=True, as_frame=True)
        return
    for entry in json.loads((folder / "manifest.json").read_text("utf-8")):
        frame = pd.read_csv(folder / entry["file"])
        if len(frame) > most:
            frame = frame.sample(most, random_state=0).reset_index(drop=True)
        y = frame.pop("target")
        yield entry["name"], entry["task"], frame, y


def plain(network):
    """Return scikit-learn's network behind what it needs."""
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(
        handle_unknown="ignore", sparse_output=False, max_categories=30
    )
    preprocessing = make_column_transformer(
        (numbers, columns_of(dtype_include="number")),
        (words, columns_of(dtype_exclude="number")),
    )
    return make_pipeline(preprocessing, network)


def peers(task, seed):
    """Return scikit-learn's estimators by name."""
    if task == "classification":
        return {
            SKLEARN: plain(MLPClassifier(random_state=seed)),
            TREES: HistGradientBoostingClassifier(
                random_state=seed, categorical_features="from_dtype"
            ),
        }
    return {
        SKLEARN: TransformedTargetRegressor(
            plain(MLPRegressor(random_state=seed)), transformer=StandardScaler()
        ),
        TREES: HistGradientBoostingRegressor(
            random_state=seed, categorical_features="from_dtype"
        ),
    }


def ours(task, seed, **settings):
    """Return an estimator for tables."""
    kinds = {
        "classification": TabularMLPClassifier,
        "regression": TabularMLPRegressor,
    }
    return kinds[task](random_state=seed, **settings)


def measure(model, task, data):
    """Return error, log-loss (NaN for numbers) and seconds of a fit."""
    X_train, X_test, y_train, y_test = data
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    if task == "regression":
        errors = model.predict(X_test) - y_test
        return np.sqrt(np.mean(errors**2)) / np.std(y_test), np.nan, seconds
    probabilities = model.predict_proba(X_test)
    wrong = model.classes_[probabilities.argmax(axis=1)] != y_test
    loss = log_loss(y_test, probabilities, labels=model.classes_)
    return wrong.mean(), loss, seconds


def with_categories(frame):
    """Return a frame whose words are categories, which the trees need."""
    words = frame.select_dtypes(exclude="number").columns
    return frame.astype(dict.fromkeys(words, "category"))


def split(X, y, task, seed):
    """Return X_train, X_test, y_train and y_test."""
    strata = y if task == "classification" else None
    return train_test_split(X, y, random_state=seed, stratify=strata)


def figures(variants, args):
    """Return figures of shape (n_variants, n_tables, 3), and those of the peers.

    Parameters
    ----------
    variants : dict
        From a name to a function of task and seed that makes an estimator.
    """
    of_peers = {SKLEARN: [], TREES: []}
    found = {name: [] for name in variants}
    for name, task, X, y in tables(args.data, args.rows):
        print(f"{name}: {len(X)} rows", flush=True)
        rounds = {key: [] for key in [*of_peers, *found]}
        for seed in range(args.rounds):
            made = {key: make(task, seed) for key, make in variants.items()}
            for key, model in {**peers(task, seed), **made}.items():
                frame = with_categories(X) if key == TREES else X
                data = split(frame, y, task, seed)
                rounds[key].append(measure(model, task, data))
        for key, values in rounds.items():
            (of_peers if key in of_peers else found)[key].append(np.mean(values, 0))
    return found, of_peers


def compared(found, of_peers):
    """Return the cells of a row: ratios to each peer."""
    found = np.array(found)
    cells = []
    for peer in of_peers.values():
        peer = np.array(peer)
        errors = [np.maximum(v[:, 0], SMALLEST_ERROR) for v in (found, peer)]
        cells.append(f"{geometric(errors[0] / errors[1]):.3f}x")
        losses = found[:, 1] / peer[:, 1]
        cells.append(f"{geometric(losses[np.isfinite(losses)]):.3f}x")
    seconds = found[:, 2] / np.array(of_peers[SKLEARN])[:, 2]
    return (*cells, f"{geometric(seconds):.2f}x")


def geometric(ratios):
    """Return a geometric mean."""
    return float(np.exp(np.mean(np.log(ratios))))


def changed(changes):
    """Return what makes an estimator with other defaults.

    They are looked up when it is fitted.
    """

    def make(task, seed):
        model = ours(task, seed)
        fit = model.fit

        def fit_with_changes(X, y):
            rows = defaults.DEFAULTS[task]
            defaults.DEFAULTS[task] = [row._replace(**changes) for row in rows]
            try:
                return fit(X, y)
            finally:
                defaults.DEFAULTS[task] = rows

        model.fit = fit_with_changes
        return model

    return make


def by_networks(args):
    """Return variants for some numbers of networks."""
    sizes = N_NETWORKS[:3] if args.short else N_NETWORKS
    return {
        str(n): lambda task, seed, n=n: ours(task, seed, n_estimators=n) for n in sizes
    }


def by_changes(args):
    """Return variants for some changes of the defaults."""
    names = list(ABLATIONS)[:2] if args.short else ABLATIONS
    return {name: changed(ABLATIONS[name]) for name in names}


def main(argv=None):
    parser = argument_parser(__doc__, rounds=1, short_rounds=1, threads=(2,))
    parser.add_argument("--rows", type=int, help="of a table at most, drawn at random")
    parser.add_argument("--networks", action="store_true", help="numbers of networks")
    parser.add_argument("--ablation", action="store_true", help="other defaults")
    args = parse(parser, argv)
    args.rows = args.rows or (2_000 if args.short else 10**9)
    both = args.networks == args.ablation
    header = [
        *("error / network", "log-loss"),
        *("error / trees", "log-loss"),
        "time / network",
    ]
    for name, is_wanted, variants in (
        ("networks", args.networks, by_networks),
        ("ablation", args.ablation, by_changes),
    ):
        if not (both or is_wanted):
            continue
        with (
            Report(f"tabular-{name}", args) as report,
            pinned_threads(args.threads[0]),
        ):
            found, of_peers = figures(variants(args), args)
            rows = [(n, *compared(values, of_peers)) for n, values in found.items()]
            report.table([name, *header], rows)


if __name__ == "__main__":
    main()
