"""A table of numbers, words and gaps, raw, beside gradient boosting.

The rows are scikit-learn's breast cancer data, with two columns cut into words and a
tenth of all cells taken away.
"""

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sklearn_backprop import TabularMLPClassifier


def mixed_frame():
    """Return the frame and the labels."""
    data = load_breast_cancer(as_frame=True)
    frame = data.data.iloc[:, :10].copy()
    for name in ("mean radius", "mean texture"):
        frame[name] = pd.qcut(frame[name], 4, ["tiny", "small", "large", "huge"])
    frame["mean area"] = frame["mean area"].round().astype("Int64")
    holes = np.random.default_rng(0).random(frame.shape) < 0.1
    return frame.mask(holes), data.target_names[data.target]


def main():
    X, y = mixed_frame()
    print(X.dtypes.to_string())
    print(f"{len(X)} rows, {int(X.isna().sum().sum())} gaps\n")
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, random_state=0, stratify=y
    )
    models = [
        HistGradientBoostingClassifier(
            random_state=0, categorical_features="from_dtype"
        ),
        TabularMLPClassifier(random_state=0),
    ]
    for model in models:
        model.fit(X_train, y_train)
        loss = log_loss(y_test, model.predict_proba(X_test))
        accuracy = model.score(X_test, y_test)
        print(
            f"{type(model).__name__:32s} accuracy {accuracy:.3f}  log-loss {loss:.3f}"
        )
    print("\nThe parts are there to look into:")
    table, bins = model.preprocessor_, model.binner_
    print(f"  {len(table.numeric_)} columns of numbers, {bins.n_bins_.sum()} bins")
    words = [model.feature_names_in_[i] for i in table.categorical_]
    print(f"  categories: {', '.join(words)}")
    print("  networks, what they see, their temperature, how much they count:")
    for group, temperature, weight in zip(
        model.networks_, model.temperatures_, model.group_weights_, strict=True
    ):
        sees = "components" if "embedding_weights" in group else "numbers"
        n_networks = len(group["scales"])
        print(f"    {n_networks} on {sees:10s}  {temperature:.2f}  {weight:.2f}")


if __name__ == "__main__":
    main()
