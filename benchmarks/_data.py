"""The shapes that are measured and the data that fills them."""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from sklearn.datasets import load_digits


@dataclass(frozen=True)
class Shape:
    """A training job: rows, columns, network and batch, and epochs in a round."""

    n_samples: int
    n_features: int
    hidden: tuple
    n_classes: int
    batch_size: int
    epochs: int

    def __str__(self):
        hidden = ",".join(map(str, self.hidden))
        return f"{self.n_samples}x{self.n_features}-({hidden})-{self.n_classes}"

    @cached_property
    def layers(self):
        """(n_inputs, n_neurons) of each layer; two classes share one output."""
        n_outputs = 1 if self.n_classes == 2 else self.n_classes
        return list(itertools.pairwise((self.n_features, *self.hidden, n_outputs)))

    @property
    def n_parameters(self):
        return sum((n_inputs + 1) * n_neurons for n_inputs, n_neurons in self.layers)

    def shortened(self):
        """Return the same network on so few rows that an epoch is quick."""
        by_work = int(1.5e9 / self.n_parameters) // self.batch_size * self.batch_size
        return replace(self, n_samples=min(self.n_samples, 8_000, by_work))


def synthetic(shape, dtype, seed=0):
    """Return normal rows and the classes that a random linear map gives them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((shape.n_samples, shape.n_features), dtype=dtype)
    teacher = rng.standard_normal((shape.n_features, shape.n_classes), dtype=dtype)
    return X, (X @ teacher).argmax(axis=1)


def digits(dtype):
    """Return scikit-learn's 1797 digits with pixels in [0, 1]."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(dtype), y


def fashion_mnist(path, dtype):
    """Return X_train, y_train, X_test, y_test with pixels in [0, 1]."""
    file = path / "fashion_mnist.npz" if path.is_dir() else path
    with np.load(file) as arrays:
        names = ("X_train", "y_train", "X_test", "y_test")
        X_train, y_train, X_test, y_test = (arrays[name] for name in names)
    scale = np.asarray(255, dtype=dtype)
    X_train, X_test = X_train / scale, X_test / scale
    return X_train, y_train.astype(int), X_test, y_test.astype(int)


def load(shape, dtype, path=None):
    """Return X, y of a shape: digits, Fashion-MNIST where given, else synthetic."""
    if (shape.n_samples, shape.n_features) == (1797, 64):
        return digits(dtype)
    if path is not None and shape.n_features == 784:
        X, y, _, _ = fashion_mnist(path, dtype)
        return X[: shape.n_samples], y[: shape.n_samples]
    return synthetic(shape, dtype)


def origin(path):
    """Say which rows `load` fills the shapes with."""
    if path is None:
        return "Data: 1797x64 is digits, all else synthetic (no `--data` given)."
    return "Data: 1797x64 is digits, x784 is Fashion-MNIST, all else synthetic."
