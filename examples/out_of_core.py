"""Training on a file that is read in chunks.

The digits are written to a CSV file, as a stand-in for one that does not fit in
memory. A scaler and a classifier go through it chunk by chunk with ``partial_fit``,
and training is put aside and taken up again half way. A binary file needs none of
this: ``fit`` reads a memory map batch by batch. Run it with
``python examples/out_of_core.py``.
"""

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_backprop import MLPClassifier

CHUNK = 300
N_PASSES = 20


def chunks(path):
    """Read pixels and labels, a few hundred rows at a time."""
    with path.open() as file:
        while lines := list(islice(file, CHUNK)):
            rows = np.loadtxt(lines, delimiter=",", dtype=np.float32, ndmin=2)
            yield rows[:, :-1], rows[:, -1].astype(int)


def train_from_csv(folder, train, X_test, y_test):
    """Go through the file many times; return the fitted scaler."""
    path = folder / "digits.csv"
    np.savetxt(path, np.column_stack(train), delimiter=",", fmt="%d")
    scaler = StandardScaler()
    for X, _ in chunks(path):
        scaler.partial_fit(X)

    model = MLPClassifier(batch_size=100, random_state=0)
    print(f"{path.name}, in chunks of {CHUNK} rows\n\n  pass    loss  test accuracy")
    for n_passes in range(1, N_PASSES + 1):
        for X, y in chunks(path):
            model.partial_fit(scaler.transform(X), y, classes=range(10))
        if n_passes % 5 == 0:
            accuracy = model.score(scaler.transform(X_test), y_test)
            print(f"{n_passes:>6}{model.loss_:>8.4f}{accuracy:>15.4f}")
        if n_passes == N_PASSES // 2:
            joblib.dump(model, folder / "model.joblib")
            # As after a restart. The parameters stay on disk until training
            # changes them; moments and random state come along.
            model = joblib.load(folder / "model.joblib", mmap_mode="r")
            print("        saved, and loaded as a memory map")
    model.trim()
    print(f"\n  {model.n_iter_} chunks, {model.t_} rows, {model.coefs_[0].dtype}")
    return scaler


def train_from_memory_map(folder, X_train, y_train, X_test, y_test):
    """Fit on an array that stays on disk."""
    path = folder / "digits.npy"
    np.save(path, X_train)
    X_mapped = np.load(path, mmap_mode="r")
    model = MLPClassifier(batch_size=100, random_state=0).fit(X_mapped, y_train)
    accuracy = model.score(X_test, y_test)
    print(f"\n{path.name}, fitted as a memory map\n")
    print(f"  {model.n_iter_} epochs, test accuracy {accuracy:.4f}")


def main():
    """Print both reports."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X.astype(np.float32), y, random_state=0
    )
    with TemporaryDirectory() as folder:
        folder = Path(folder)
        scaler = train_from_csv(folder, (X_train, y_train), X_test, y_test)
        scaled = scaler.transform(X_train), y_train, scaler.transform(X_test), y_test
        train_from_memory_map(folder, *scaled)


if __name__ == "__main__":
    main()
