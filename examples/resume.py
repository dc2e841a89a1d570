"""A job that is killed, and started again by the same command.

``python examples/resume.py FOLDER`` is the job. It writes checkpoints to the folder;
kill it whenever you like and start it again, and it goes on. Without a folder the
script shows this: it starts the job, kills it half way, starts it again and compares
the model with that of a job that nobody has disturbed.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import joblib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_backprop import Checkpoint, MLPClassifier

N_EPOCHS = 60


def digits():
    """Return training and test data."""
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, random_state=0)


def job(folder):
    """Train, or go on training; save the model."""
    X_train, _, y_train, _ = digits()
    model = MLPClassifier(
        hidden_layer_sizes=(100, 50),
        solver="adamw",
        dropout=0.1,
        learning_rate="cosine",
        max_iter=N_EPOCHS,
        random_state=0,
        verbose=True,
    )
    model.fit(X_train, y_train, checkpoint=Checkpoint(folder / "checkpoints"))
    joblib.dump(model, folder / "model.joblib")


def run(folder, kill_at=None):
    """Run the job in a process; return the epochs it has gone through."""
    command = [sys.executable, "-u", __file__, str(folder)]
    epochs = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            epochs.append(int(line.split()[1].rstrip(",")))
            if epochs[-1] == kill_at:
                process.kill()
    return epochs


def main():
    """Print what came of both jobs."""
    _, X_test, _, y_test = digits()
    with TemporaryDirectory() as folder:
        disturbed, whole = Path(folder) / "disturbed", Path(folder) / "whole"
        for path in disturbed, whole:
            path.mkdir()
        epochs = run(disturbed, kill_at=N_EPOCHS // 3)
        print(f"The job has done epochs {epochs[0]} to {epochs[-1]}, and is killed.")
        epochs = run(disturbed)
        print(f"The same command again does epochs {epochs[0]} to {epochs[-1]}.")
        run(whole)
        model, expected = (joblib.load(p / "model.joblib") for p in (disturbed, whole))
    same = all(map(np.array_equal, model.coefs_, expected.coefs_))
    same = same and model.loss_curve_ == expected.loss_curve_
    print(f"As if it had not been killed: {same}")
    print(f"Test accuracy {model.score(X_test, y_test):.4f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        job(Path(sys.argv[1]))
    else:
        main()
