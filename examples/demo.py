"""The classifier on two real data sets, beside scikit-learn's own.

Both libraries get the same pipelines, folds and random states: first with
default settings, then in a grid search. The winner of each search is pickled,
reloaded and must predict the same. Run it with ``make demo``.
"""

import pickle
from time import perf_counter

import numpy as np
import sklearn
from sklearn import neural_network
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_backprop

PEERS = (sklearn_backprop.MLPClassifier, neural_network.MLPClassifier)
DATA = {"digits": load_digits, "breast cancer": load_breast_cancer}
FOLDS = StratifiedKFold(n_splits=5, shuffle=True, random_state=0)
GRID = {
    "alpha": [1e-4, 1e-1],
    "hidden_layer_sizes": [(64,), (64, 64)],
    "learning_rate_init": [1e-3, 1e-2],
}
# Both libraries warn when a run ends at max_iter before it has converged. Some
# runs here need more than the default 200 epochs and none needs 500.
MAX_ITER = 500

ROW = "  {:<24}{:>10.4f}{:>9.2f} s"
PEER = "{:>12.4f}{:>9.2f} s{:>8.1f}x"


def make_pipeline_with(classifier):
    """Scaling and a classifier of the class given."""
    return make_pipeline(
        StandardScaler(), classifier(random_state=0, max_iter=MAX_ITER)
    )


def score_defaults(classifier, X, y):
    """Accuracy over the folds, and the fitted pipelines."""
    results = cross_validate(
        make_pipeline_with(classifier), X, y, cv=FOLDS, return_estimator=True
    )
    return results["test_score"].mean(), results["estimator"]


def score_search(classifier, X, y):
    """Accuracy of the best candidate over the folds, and the fitted search."""
    search = GridSearchCV(
        make_pipeline_with(classifier),
        {f"mlpclassifier__{name}": values for name, values in GRID.items()},
        cv=FOLDS,
        n_jobs=2,
    )
    search.fit(X, y)
    return search.best_score_, search


def compare(label, score, X, y):
    """Print one row of the table; return what was fitted, ours and theirs."""
    ours, theirs = PEERS
    start = perf_counter()
    accuracy, fitted = score(ours, X, y)
    seconds = perf_counter() - start
    print(ROW.format(label, accuracy, seconds), end="", flush=True)

    start = perf_counter()
    accuracy, peer_fitted = score(theirs, X, y)
    peer_seconds = perf_counter() - start
    print(PEER.format(accuracy, peer_seconds, peer_seconds / seconds), flush=True)
    return fitted, peer_fitted


def print_heading():
    """Print what is compared, and the head of the table."""
    n_candidates = np.prod([len(values) for values in GRID.values()])
    print(f"""
sklearn_backprop {sklearn_backprop.__version__} beside scikit-learn \
{sklearn.__version__}

make_pipeline(StandardScaler(), MLPClassifier(random_state=0, max_iter={MAX_ITER}))
on 5 stratified folds, the same for both: with default settings, and searched by
GridSearchCV over {n_candidates} settings of alpha, hidden_layer_sizes and
learning_rate_init. Runs may take {MAX_ITER} epochs, so that all of them converge.

{"":26}{"sklearn_backprop":^21}{"scikit-learn":>18}
{"":26}{"accuracy":>10}{"time":>11}{"accuracy":>12}{"time":>11}{"faster":>9}
{"-" * 79}""")


def print_winner(name, search, peer_search, X):
    """Print the best settings; pickle them and check what comes back."""
    winner = search.best_estimator_
    pickled = pickle.dumps(winner)
    reloaded = pickle.loads(pickled)
    if not np.array_equal(reloaded.predict_proba(X), winner.predict_proba(X)):
        raise SystemExit(f"{name}: the reloaded pipeline predicts something else")
    peer_pickled = pickle.dumps(peer_search.best_estimator_)
    settings = ", ".join(
        f"{parameter.removeprefix('mlpclassifier__')}={value}"
        for parameter, value in search.best_params_.items()
    )
    print(f"{name}: {settings}")
    print(
        f"  pickle {len(pickled) / 1024:.0f} KB "
        f"(scikit-learn's {len(peer_pickled) / 1024:.0f} KB), "
        f"reloaded: same predictions on {len(X)} rows"
    )


def main():
    """Print the report."""
    data = {name: load(return_X_y=True) for name, load in DATA.items()}
    print_heading()
    # Start the worker processes first, so that neither search pays for it.
    pipeline = make_pipeline_with(PEERS[0])
    cross_validate(pipeline, *data["breast cancer"], cv=2, n_jobs=2)

    searches = {}
    for name, (X, y) in data.items():
        print(f"{name}, {len(X)} rows, {X.shape[1]} features")
        compare("default settings", score_defaults, X, y)
        searches[name] = compare("search, 2 processes", score_search, X, y)

    print("\nBest settings, fitted to all rows and pickled")
    for name, (search, peer_search) in searches.items():
        print_winner(name, search, peer_search, data[name][0])


if __name__ == "__main__":
    main()
