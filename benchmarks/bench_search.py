"""Wall time of a grid search beside scikit-learn, and the time to import.

GridSearchCV on digits through a pipeline with StandardScaler: 2 `alpha` x 2
`learning_rate_init` x 2 `hidden_layer_sizes`, 5 folds, `n_jobs=2`, with one refit.
The workers are started before the clock. Import time is what
`import sklearn_backprop` adds to `import sklearn.neural_network`, in new processes.
"""

import os
import subprocess
import sys
import warnings
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from _common import (
    OURS,
    ROOT,
    SKLEARN,
    Report,
    argument_parser,
    figure,
    interleave,
    parse,
    pinned_threads,
    times,
)
from _data import digits
from _estimators import ESTIMATORS
from sklearn_backprop import MLPClassifier

SINGLE = "ours, float32"
CANDIDATES = {**ESTIMATORS, SINGLE: partial(MLPClassifier, dtype="float32")}
GRID = {
    "mlp__alpha": [1e-4, 1e-2],
    "mlp__learning_rate_init": [1e-3, 3e-3],
    "mlp__hidden_layer_sizes": [(50,), (100,)],
}
IMPORT_TIMER = """
import time, sklearn.neural_network
start = time.perf_counter()
import sklearn_backprop
print(time.perf_counter() - start)
"""


def search(make, max_iter):
    """Return the unfitted grid search over a pipeline."""
    mlp = make(random_state=0, max_iter=max_iter)
    pipeline = Pipeline([("scale", StandardScaler()), ("mlp", mlp)])
    return GridSearchCV(pipeline, GRID, cv=5, n_jobs=2)


def searches(X, y, args):
    """Return the timings of the searches and, by name, their mean test scores."""
    max_iter = 40 if args.short else 200
    scores = {}

    def contestant(name):
        def run():
            fitted = search(CANDIDATES[name], max_iter).fit(X, y)
            scores[name] = fitted.cv_results_["mean_test_score"]

        return run

    # The workers are children of this process and take the filter from here.
    os.environ["PYTHONWARNINGS"] = "ignore"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for make in CANDIDATES.values():
            search(make, 1).fit(X, y)
        contestants = {name: contestant(name) for name in CANDIDATES}
        timings = interleave(contestants, args.rounds, warmup=0)
    return timings, scores


def import_seconds(rounds):
    """Return the median seconds that our import adds, in new processes."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    command = [sys.executable, "-c", IMPORT_TIMER]
    environment = {**os.environ, "PYTHONPATH": path}

    def once():
        done = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE, text=True
        )
        return float(done.stdout)

    once()  # writes the bytecode and fills the file cache
    return np.median([once() for _ in range(rounds)])


def main(argv=None):
    args = parse(argument_parser(__doc__, rounds=3, short_rounds=1), argv)
    X, y = digits("float64")
    with Report("search", args) as report:
        with pinned_threads(args.threads[0]):
            timings, scores = searches(X, y, args)
        rows = []
        for name in (OURS, SINGLE):
            ratio = timings[name].times_faster(timings[SKLEARN])
            gap = np.abs(scores[name] - scores[SKLEARN]).max()
            rows.append(
                (
                    f"grid search, {name}",
                    f"{figure(timings[name].median)} s",
                    f"{figure(timings[SKLEARN].median)} s",
                    times(ratio),
                    f"{scores[name].max():.4f} / {scores[SKLEARN].max():.4f}",
                    f"{gap:.2g}",
                )
            )
        header = ["", "ours", "scikit-learn", "ratio", "best score", "largest gap"]
        report.table(header, rows)
        added = 1e3 * import_seconds(max(5, args.rounds))
        report.say(f"Import adds {figure(added)} ms to scikit-learn's own.")


if __name__ == "__main__":
    main()
