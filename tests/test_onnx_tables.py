"""The estimators for tables go to ONNX with all that makes numbers of a frame."""

import numpy as np
import pandas as pd
import pytest
from _graphs import WITHIN, exported
from conftest import differences, snapshot
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_backprop.tabular import TabularMLPClassifier, TabularMLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

CATEGORIES = ["step", "flag", "word", "many", "number"]


def frame(n_rows=300):
    """Numbers of every type, words, gaps, rare levels and columns that say nothing."""
    rng = np.random.RandomState(0)
    words = np.array(["red", "green", "blue", "α"], object)
    columns = {
        "a": rng.standard_normal(n_rows),
        "b": rng.standard_normal(n_rows).astype(np.float32),
        "count": rng.randint(0, 5, n_rows),
        "flag": rng.uniform(size=n_rows) > 0.5,
        "step": rng.randint(0, 4, n_rows) * 0.1,
        "number": np.float32(0.1) * rng.randint(0, 3, n_rows).astype(np.float32),
        "word": words[rng.randint(0, 4, n_rows)],
        "many": np.array([f"level {i}" for i in range(99)], object)[
            np.minimum(rng.geometric(0.05, n_rows), 98)
        ],
        "constant": np.ones(n_rows),
        "gaps": np.where(np.arange(n_rows) % 5, 1.0, np.nan),
    }
    X = pd.DataFrame({name: pd.Series(v, dtype=v.dtype) for name, v in columns.items()})
    X.loc[3::7, "a"] = np.nan
    X.loc[5::11, "word"] = None
    y = X["b"] + X["count"] + (X["word"] == "red") * 2.0 + X["flag"]
    return X, y.to_numpy(np.float64)


def outputs_of(model, X, gap=""):
    """What a graph makes of a frame, with gaps in words written as asked."""
    _, session = exported(model, X)
    feeds = {}
    for value in session.get_inputs():
        column = X[[value.name]].to_numpy()
        if column.dtype == object:
            column = np.where(pd.isna(column), gap, column).astype(object)
        feeds[value.name] = column
    return session.run(None, feeds)


def assert_agrees(model, X, **keywords):
    outputs = outputs_of(model, X, **keywords)
    expected = model.predict(X)
    if hasattr(model, "classes_"):
        np.testing.assert_array_equal(outputs[0], expected)
        np.testing.assert_allclose(outputs[1], model.predict_proba(X), **WITHIN)
    else:
        assert outputs[0].shape == (
            expected.shape if expected.ndim > 1 else (len(X), 1)
        )
        np.testing.assert_allclose(
            outputs[0].reshape(expected.shape), expected, **WITHIN
        )


def fitted(model_class, X, y, **settings):
    settings = {
        "n_estimators": 4,
        "max_iter": 3,
        "hidden_layer_sizes": (9, 7),
    } | settings
    return model_class(random_state=0, **settings).fit(X, y)


TARGETS = {
    "labels": (
        TabularMLPClassifier,
        lambda y: np.array(["x", "y", "z"])[y.astype(int) % 3],
    ),
    "two_labels": (TabularMLPClassifier, lambda y: y > np.median(y)),
    "numbers": (TabularMLPRegressor, lambda y: y),
    "two_numbers": (TabularMLPRegressor, lambda y: np.stack([y, -3.0 * y], 1)),
}


@pytest.mark.parametrize("n_rows", [200, 300])  # In float64, and in float32.
@pytest.mark.parametrize("targets", TARGETS)
def test_every_kind_of_targets(targets, n_rows):
    model_class, of = TARGETS[targets]
    X, y = frame(n_rows)
    assert_agrees(fitted(model_class, X, of(y)), X)


@pytest.mark.parametrize("targets", ["numbers", "two_numbers"])
@pytest.mark.parametrize("quantiles", [[0.5], [0.9, 0.1, 0.5]])
def test_quantiles(quantiles, targets):
    X, y = frame()
    y = TARGETS[targets][1](y)
    assert_agrees(fitted(TabularMLPRegressor, X, y, quantiles=quantiles), X)


@pytest.mark.parametrize("gap", ["", "None", "nan"])
def test_categories_of_every_type_with_gaps_and_levels_never_seen(gap):
    X, y = frame()
    model = fitted(TabularMLPRegressor, X, y, categorical_features=CATEGORIES)
    assert_agrees(model, X, gap=gap)
    strange = X.assign(
        step=X["step"] + 0.01, word=pd.Series("purple", X.index, object), a=1e300
    )
    strange.loc[::2, "number"] = np.nan
    strange.loc[::3, "many"] = "never seen"
    assert_agrees(model, strange, gap=gap)


def test_few_columns():
    X, y = frame()
    for names in (["a"], ["word"], ["constant"], ["a", "b"]):
        assert_agrees(fitted(TabularMLPRegressor, X[names], y), X[names])


def test_arrays_and_pipelines():
    X, y = frame()
    X = X[["a", "b", "step"]].to_numpy(np.float64)
    model = fitted(TabularMLPClassifier, X, y > 3.0)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, y > 3.0)
    for subject, options in ((model, {}), (pipeline, {"zipmap": False})):
        _, session = exported(subject, X, options=options or None)
        labels, probabilities = session.run(None, {"X": X})
        np.testing.assert_array_equal(labels, subject.predict(X))
        np.testing.assert_allclose(probabilities, subject.predict_proba(X), **WITHIN)


def test_what_is_no_table_is_refused():
    X, y = frame()
    model = fitted(TabularMLPRegressor, X, y)
    with pytest.raises(NotFittedError):
        exported(TabularMLPRegressor(), X)
    with pytest.raises(ValueError, match="have 9 columns, but Tab.* fitted with 10"):
        exported(model, X[X.columns[1:]])
    words = X.assign(a=pd.Series("1", X.index, object))
    with pytest.raises(ValueError, match="Input 'a' of the graph holds strings"):
        exported(model, words)
    model.networks_[0].pop("scales")
    with pytest.raises(ValueError, match=r"networks_\[0\] lacks scales"):
        exported(model, X)


def test_an_export_writes_to_nothing():
    X, y = frame()
    model = fitted(TabularMLPClassifier, X, y > 3.0)
    before = snapshot(model)
    exported(model, X)
    assert differences(vars(model), before) == []
