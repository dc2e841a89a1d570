"""Regression: a number, a count, and half an image.

Three tasks on data that comes with scikit-learn, each beside a linear model. Run it
with ``python examples/regression.py``.
"""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.metrics import d2_tweedie_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_backprop import MLPRegressor

DARK = 8 / 16  # a pixel at least this dark counts as ink


def compare(title, metric, models, X, y):
    """Fit the models and print their scores; return test targets and predictions."""
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    print(f"\n{title}\n  {len(X_train)} rows to train on, {len(X_test)} to test")
    predictions = {}
    for name, model in models.items():
        predictions[name] = model.fit(X_train, y_train).predict(X_test)
        print(f"  {name:<18}{metric(y_test, predictions[name]):>6.3f}")
    return y_test, predictions


def a_number():
    """The network sees targets of unit variance; predictions come back in points."""
    network = TransformedTargetRegressor(
        MLPRegressor(early_stopping=True, random_state=0), transformer=StandardScaler()
    )
    models = {
        "network": make_pipeline(StandardScaler(), network),
        "linear": make_pipeline(StandardScaler(), Ridge()),
    }
    data = load_diabetes(return_X_y=True)
    compare("Progression of diabetes, R2", r2_score, models, *data)


def a_count(upper, lower):
    """With the Poisson loss, predictions are positive."""
    network = MLPRegressor(
        loss="poisson", early_stopping=True, learning_rate_init=0.01, random_state=0
    )
    models = {
        "network": network,
        "linear": PoissonRegressor(alpha=1e-3, solver="newton-cholesky"),
    }
    compare(
        "Dark pixels in the lower half of a digit, D2 of the Poisson deviance",
        lambda y_true, y_pred: d2_tweedie_score(y_true, y_pred, power=1),
        models,
        upper,
        (lower >= DARK).sum(axis=1),
    )


def half_an_image(upper, lower):
    """One network predicts all 32 pixels of the lower half."""
    network = MLPRegressor(
        (128,), early_stopping=True, learning_rate_init=0.01, random_state=0
    )
    models = {"network": network, "linear": Ridge()}
    truth, predictions = compare(
        "Lower half of a digit from its upper half, R2 of 32 pixels by their variance",
        lambda *y: r2_score(*y, multioutput="variance_weighted"),
        models,
        upper,
        lower,
    )
    print("\n  lower halves:  the true ones, then the network's")
    shown = np.stack([truth[:5], predictions["network"][:5]]).reshape(2, 5, 4, 8)
    for halves in shown:
        for row in halves.swapaxes(0, 1):
            print("  " + "   ".join(map(draw, row)))
        print()


def draw(pixels):
    """One row of an image in characters, two to a pixel."""
    levels = np.clip(pixels * 4, 0, 3.99).astype(int)
    return "".join(" .+#"[level] * 2 for level in levels)


if __name__ == "__main__":
    images = load_digits().data / 16
    a_number()
    a_count(images[:, :32], images[:, 32:])
    half_an_image(images[:, :32], images[:, 32:])
