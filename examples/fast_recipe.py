"""The fast recipe: high accuracy in a few epochs, beside scikit-learn's own stopping.

``python examples/fast_recipe.py`` trains on the digits that come with scikit-learn.
With ``--data fashion_mnist.npz``, a file of ``X_train``, ``y_train``, ``X_test`` and
``y_test`` with pixels from 0 to 255, it trains on Fashion-MNIST, which takes a minute
or two, most of it scikit-learn's.
"""

import argparse
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

from sklearn_backprop import MLPClassifier

RECIPE = {
    "solver": "schedule_free",
    "learning_rate_init": 0.02,
    "batch_size": 256,
    "dtype": "float32",
    # More can follow at any time, by warm_start or partial_fit.
    "max_iter": 8,
}


def load(path):
    """Return X_train, X_test, y_train, y_test with pixels from 0 to 1."""
    if path is None:
        X, y = load_digits(return_X_y=True)
        return train_test_split(X / 16, y, random_state=0)
    with np.load(path) as data:
        X_train, X_test = data["X_train"] / 255, data["X_test"] / 255
        return X_train, X_test, data["y_train"], data["y_test"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", help="fashion_mnist.npz")
    path = parser.parse_args().data
    X_train, X_test, y_train, y_test = load(path)
    # A small table has few batches in an epoch, and so needs more epochs.
    changes = {} if path else {"max_iter": 60, "batch_size": 64}
    models = {
        "scikit-learn, early_stopping=True": SklearnMLPClassifier(
            early_stopping=True, random_state=0
        ),
        "fast recipe": MLPClassifier(**RECIPE | changes, random_state=0),
    }
    for name, model in models.items():
        start = time.perf_counter()
        with warnings.catch_warnings():
            # So many epochs are what is asked for, converged or not.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X_train, y_train)
        seconds = time.perf_counter() - start
        accuracy = model.score(X_test, y_test)
        print(f"{name:<36}{seconds:6.1f} s{accuracy:8.4f} test accuracy")


if __name__ == "__main__":
    main()
