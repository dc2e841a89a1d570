"""A mixed frame with gaps, and small estimators for it."""

import numpy as np
import pandas as pd

from sklearn_backprop import TabularMLPClassifier, TabularMLPRegressor

TABULAR = {"classifier": TabularMLPClassifier, "regressor": TabularMLPRegressor}
KINDS = list(TABULAR)
SMALL = {"n_estimators": 3, "hidden_layer_sizes": (16,), "max_iter": 4}
N_ROWS = 300


def new(kind, **settings):
    return TABULAR[kind](**SMALL | {"random_state": 0} | settings)


def mixed(n_rows=N_ROWS, seed=0):
    """A frame of numbers, words and flags, with gaps in all of them."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=n_rows),
            "count": rng.integers(0, 9, n_rows),
            "word": rng.choice(["red", "green", "blue"], n_rows),
            "flag": rng.random(n_rows) < 0.3,
        }
    )
    holed = frame.astype({"count": "Int64", "word": object, "flag": "boolean"})
    for name in ("number", "word", "flag"):
        holed.loc[rng.random(n_rows) < 0.1, name] = None
    return holed


def targets(kind, frame):
    signal = frame["count"].to_numpy(float) - 4.0 * (frame["word"] == "red")
    signal = signal.to_numpy(float)
    if kind == "regressor":
        return 1000.0 + 50.0 * signal
    return np.where(signal > 2.0, "yes", "no")
