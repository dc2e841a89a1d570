"""Our classifier and scikit-learn's, made to train without stopping or warning."""

import functools
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as SklearnMLPClassifier

from _common import OURS, SKLEARN
from sklearn_backprop import MLPClassifier

# Never stop early: every contestant does the epochs it is asked for.
ENDLESS = {"tol": 0.0, "n_iter_no_change": np.inf, "random_state": 0}
ESTIMATORS = {OURS: MLPClassifier, SKLEARN: SklearnMLPClassifier}


def quiet(function, *arguments, **options):
    """Return a callable that makes this call without convergence warnings."""
    call = functools.partial(function, *arguments, **options)

    def run():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return call()

    return run


def settings(shape, solver="adam"):
    """Return the parameters that our estimator and every peer are built with."""
    return {
        "hidden_layer_sizes": shape.hidden,
        "batch_size": min(shape.batch_size, shape.n_samples),
        "max_iter": shape.epochs,
        "solver": solver,
    }


def fits(shape, X, y, solver="adam"):
    """Return, for both estimators, a `fit` of `shape.epochs` epochs."""
    return {
        name: quiet(make(**settings(shape, solver), **ENDLESS).fit, X, y)
        for name, make in ESTIMATORS.items()
    }
