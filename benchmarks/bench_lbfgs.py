"""Time per function evaluation of the L-BFGS solver beside scikit-learn.

1797x64-(100)-10 on digits. Everyone gets the same number of loss and gradient
evaluations; the iterations that were made of them are printed as a check.
"""

import numpy as np

from _common import (
    OURS,
    SKLEARN,
    Report,
    argument_parser,
    count,
    interleave,
    parse,
    pinned_threads,
    times,
)
from _data import digits
from _estimators import ESTIMATORS, quiet

N_EVALUATIONS = 100
SETTINGS = {
    "solver": "lbfgs",
    "max_iter": 10**6,
    "max_fun": N_EVALUATIONS,
    "tol": 0.0,
    "random_state": 0,
}


def measure(dtype, rounds):
    """Return the timings and the fitted models, by name."""
    X, y = digits(dtype)
    models = {name: make(**SETTINGS) for name, make in ESTIMATORS.items()}
    contestants = {name: quiet(model.fit, X, y) for name, model in models.items()}
    return interleave(contestants, rounds, per=N_EVALUATIONS), models


def main(argv=None):
    args = parse(
        argument_parser(__doc__, rounds=7, short_rounds=3, threads=(1, 2)), argv
    )
    with Report("lbfgs", args) as report:
        rows = []
        for n_threads in args.threads:
            for dtype in ("float32", "float64"):
                with pinned_threads(n_threads):
                    timings, models = measure(dtype, args.rounds)
                ratio = timings[OURS].times_faster(timings[SKLEARN])
                rows.append(
                    (
                        f"1797x64-(100)-10, {dtype}, {count(n_threads, 'thread')}",
                        timings[OURS].milliseconds(),
                        times(ratio),
                        " / ".join(str(np.max(m.n_iter_)) for m in models.values()),
                    )
                )
        columns = ["ours, ms/evaluation", "vs scikit-learn", "iterations"]
        report.table(["network", *columns], rows)


if __name__ == "__main__":
    main()
