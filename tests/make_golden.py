"""Writes golden files: fitted models as pickles, with what they predict.

Each format of an estimator's state has a folder, `golden/format_<number>`, that is
written once and then only read. The oldest supported versions write it, since newer
ones of NumPy and scikit-learn read what older ones wrote, and not the other way:

    .venv-oldest/bin/python tests/make_golden.py format_<number>
"""

import json
import pickle
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone

from sklearn_backprop import (
    MLPClassifier,
    MLPRegressor,
    TabularMLPClassifier,
    TabularMLPRegressor,
    __version__,
)
from sklearn_backprop.layers import LeakyReLU
from sklearn_backprop.losses import Huber
from sklearn_backprop.optimizers import SGD, AdamW
from sklearn_backprop.schedules import Cosine
from sklearn_backprop.tabular import (
    PiecewiseLinearEncoder,
    RobustClipScaler,
    TablePreprocessor,
)

N_ROWS = 60
N_PREDICTED = 12


def numbers():
    """Features that are the same to the last bit everywhere: eighths."""
    rows = np.arange(N_ROWS)[:, np.newaxis]
    return (rows * np.array([3, 7, 11]) % 17 - 8) / 8.0


def mixed():
    """Numbers and words, with a gap in each."""
    X = numbers().astype(object)
    X[:, 2] = np.array(["red", "green", "blue"])[np.arange(N_ROWS) * 5 % 7 % 3]
    X[3, 0] = X[4, 2] = None
    return X


def signal():
    X = numbers()
    return X[:, 0] - X[:, 1] * X[:, 2]


def words():
    return np.array(["high", "low", "middle"])[np.digitize(signal(), [-0.5, 0.4])]


def flags():
    return signal() > 0.0


def several_labels():
    return np.stack([signal() > 0.0, numbers()[:, 0] > 0.2], axis=1).astype(int)


def several_numbers():
    return np.stack([signal(), numbers()[:, 2]], axis=1)


def counts():
    return np.round(2.0 + 2.0 * signal()).clip(0.0)


def partly(model, X, y):
    """Train by three calls of `partial_fit`."""
    for _ in range(3):
        labels = {"classes": np.unique(y)} if y.dtype.kind == "U" else {}
        model.partial_fit(X, y, **labels)
    return model


def wholly(model, X, y):
    return model.fit(X, y)


SMALL = {"hidden_layer_sizes": (4,), "max_iter": 4, "random_state": 0}
TABLE = {"n_estimators": 4, "hidden_layer_sizes": (4,), "max_iter": 2}
OBJECTS = {
    "hidden_layer_sizes": (4, 3),
    "activation": ["tanh", LeakyReLU(0.1)],
    "loss": Huber(),
    "solver": AdamW(weight_decay=0.1),
    "learning_rate": Cosine(horizon=9),
}
EARLY = {"warm_start": True, "early_stopping": True, "validation_fraction": 0.2}
SGDS = {"warm_start": True, "solver": SGD(averaging=0.9), "dropout": 0.2}

# By name: an unfitted model, features, targets, and how it is fitted.
MODELS = {
    "classifier_adam": (MLPClassifier(**SMALL), numbers, words, wholly),
    "classifier_lbfgs": (
        MLPClassifier(**SMALL, solver="lbfgs"),
        numbers,
        flags,
        wholly,
    ),
    "classifier_early_stopping": (
        MLPClassifier(**SMALL, **EARLY),
        numbers,
        words,
        wholly,
    ),
    "classifier_partial_fit": (MLPClassifier(**SMALL), numbers, words, partly),
    "classifier_multilabel": (
        MLPClassifier(**SMALL, dtype="float32"),
        numbers,
        several_labels,
        wholly,
    ),
    "classifier_sgd": (MLPClassifier(**SMALL, **SGDS), numbers, words, wholly),
    "regressor_lbfgs": (
        MLPRegressor(**SMALL, solver="lbfgs"),
        numbers,
        several_numbers,
        wholly,
    ),
    "regressor_partial_fit": (MLPRegressor(**SMALL), numbers, signal, partly),
    "regressor_poisson": (
        MLPRegressor(**SMALL, loss="poisson"),
        numbers,
        counts,
        wholly,
    ),
    "regressor_objects": (
        MLPRegressor(**SMALL | OBJECTS, warm_start=True),
        numbers,
        signal,
        wholly,
    ),
    "tabular_classifier": (
        TabularMLPClassifier(**TABLE, random_state=0),
        mixed,
        words,
        wholly,
    ),
    "tabular_regressor": (
        TabularMLPRegressor(**TABLE, quantiles=[0.1, 0.9], random_state=0),
        numbers,
        signal,
        wholly,
    ),
    "encoder": (PiecewiseLinearEncoder(n_bins=4), numbers, signal, wholly),
    "scaler": (RobustClipScaler(), numbers, signal, wholly),
    "preprocessor": (TablePreprocessor(), mixed, words, wholly),
}


def outputs(model, X):
    """What a model makes of some rows, as floats."""
    names = "predict_proba", "predict", "transform"
    method = next(getattr(model, name) for name in names if hasattr(model, name))
    return np.asarray(method(X), float)


def goes_on(model):
    """Whether there is a state of training that goes on."""
    return "checksum" in getattr(model, "_training_state", {})


def train_on(name, model):
    """Train a fitted model further, as it was trained."""
    _, features, targets, fit = MODELS[name]
    return fit(model, features(), targets())


def write(folder):
    """Write a pickle for each model, and what they predict as text."""
    folder.mkdir()
    expected = {}
    for name, (model, features, targets, fit) in MODELS.items():
        X, model = features(), clone(model)
        fit(model, X, targets())
        data = pickle.dumps(model, protocol=4)
        (folder / f"{name}.pickle").write_bytes(data)
        expected[name] = {
            "version": __version__,
            "outputs": outputs(model, X[:N_PREDICTED]).tolist(),
        }
        if hasattr(model, "predict"):
            expected[name]["labels"] = model.predict(X[:N_PREDICTED]).tolist()
        if goes_on(model):
            trained = outputs(train_on(name, model), X[:N_PREDICTED])
            expected[name]["trained_on"] = trained.tolist()
    lines = [f'"{name}": {json.dumps(value)}' for name, value in expected.items()]
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (folder / "expected.json").write_text(text, "utf-8")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write(Path(__file__).with_name("golden") / sys.argv[1])
