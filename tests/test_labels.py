"""Labels of every type, in batches that are all equal and in mixed ones."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from conftest import OURS, THEIRS, differences, fit_silently, table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
TEXT = np.array(["b", "c", "d"])
# From class indices to labels of a type.
COLUMNS = {
    **{dtype: lambda y, dtype=dtype: y.astype(dtype) for dtype in INTEGERS},
    "float": lambda y: y.astype(float),
    "float32": lambda y: y.astype(np.float32),
    "str": lambda y: TEXT[y],
    "list_of_str": lambda y: TEXT[y].tolist(),
    "object": lambda y: TEXT[y].astype(object),
    "pandas_int": lambda y: pd.Series(y),
    "pandas_nullable": lambda y: pd.Series(y, dtype="Int64"),
    "pandas_string": lambda y: pd.Series(TEXT[y], dtype="string"),
    "pandas_object": lambda y: pd.Series(TEXT[y], dtype=object),
    "pandas_category": lambda y: pd.Series(TEXT[y], dtype="category"),
    "pandas_pyarrow_int": lambda y: pd.Series(y, dtype="int64[pyarrow]"),
    "pandas_pyarrow_string": lambda y: pd.Series(TEXT[y], dtype="string[pyarrow]"),
    "polars_int": lambda y: pl.Series(y),
    "polars_string": lambda y: pl.Series(TEXT[y].tolist()),
    "polars_category": lambda y: pl.Series(TEXT[y].tolist(), dtype=pl.Categorical),
}
BINARY = COLUMNS | {
    "bool": lambda y: y.astype(bool),
    "pandas_bool": lambda y: pd.Series(y.astype(bool)),
    "pandas_boolean": lambda y: pd.Series(y.astype(bool), dtype="boolean"),
    "pandas_pyarrow_bool": lambda y: pd.Series(y.astype(bool), dtype="bool[pyarrow]"),
    "polars_bool": lambda y: pl.Series(y.astype(bool)),
}
MULTILABEL = {
    "bool": lambda Y: Y.astype(bool),
    **{dtype: lambda Y, dtype=dtype: Y.astype(dtype) for dtype in INTEGERS},
    "float": lambda Y: Y.astype(float),
    "sparse_bool": lambda Y: sp.csr_matrix(Y.astype(bool)),
    "sparse_int8": lambda Y: sp.csr_array(Y.astype(np.int8)),
    "pandas": lambda Y: pd.DataFrame(Y),
    "pandas_bool": lambda Y: pd.DataFrame(Y.astype(bool)),
    "pandas_boolean": lambda Y: pd.DataFrame(Y.astype(bool)).astype("boolean"),
    "polars_bool": lambda Y: pl.DataFrame(Y.astype(bool)),
}


def new(**settings):
    return OURS["classifier"]((4,), max_iter=2, random_state=0, **settings)


def indices(n_classes):
    X, _ = table("iris")
    return X[:60], np.arange(60) % n_classes


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", BINARY)
def test_labels_of_every_type_train_the_same_model(dtype, n_classes):
    if dtype not in COLUMNS and n_classes == 3:
        n_classes = 2  # There are no three truth values.
    X, y = indices(n_classes)
    labels = BINARY[dtype](y)
    expected = new().fit(X, y)
    model = new().fit(X, labels)
    assert differences(model.coefs_, expected.coefs_) == []
    theirs = fit_silently(THEIRS["classifier"]((4,), max_iter=2), X, labels)
    assert model.classes_.dtype == theirs.classes_.dtype
    assert model.classes_.tolist() == theirs.classes_.tolist()
    np.testing.assert_array_equal(model.predict(X), model.classes_[expected.predict(X)])
    assert model.score(X, labels) == expected.score(X, y)
    warm = new(warm_start=True).fit(X, labels).fit(X, labels)
    assert warm.n_iter_ == 4
    stopping = new(early_stopping=True).fit(X, labels)
    assert len(stopping.validation_scores_) == 2


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", BINARY)
def test_batches_of_one_label_train_too(dtype, n_classes):
    if dtype not in COLUMNS and n_classes == 3:
        n_classes = 2
    X, y = indices(n_classes)
    order = np.argsort(y, kind="stable")
    known = np.unique(np.asarray(BINARY[dtype](np.arange(n_classes))))
    model, expected = new(), new()
    for rows in [*np.split(order, n_classes), order[:1], order[-1:]]:
        model.partial_fit(X[rows], BINARY[dtype](y[rows]), classes=known)
        expected.partial_fit(X[rows], y[rows], classes=np.arange(n_classes))
    assert differences(model.coefs_, expected.coefs_) == []
    alone = new().fit(X[:3], BINARY[dtype](np.zeros(3, int)))
    np.testing.assert_array_equal(alone.predict(X), np.repeat(alone.classes_, len(X)))


@pytest.mark.parametrize("content", ["mixed", "ones", "zeros", "one_row"])
@pytest.mark.parametrize("dtype", MULTILABEL)
def test_indicators_of_every_type_train_the_same_model(dtype, content):
    X, _ = indices(2)
    Y = (np.random.RandomState(0).uniform(size=(60, 3)) < 0.4).astype(int)
    if content == "ones":
        Y[:] = 1
    elif content == "zeros":
        Y[:] = 0
    elif content == "one_row":
        X, Y = X[:1], Y[:1]
    expected = new().fit(X, Y)
    model = new().fit(X, MULTILABEL[dtype](Y))
    assert differences(model.coefs_, expected.coefs_) == []
    np.testing.assert_array_equal(model.predict(X), expected.predict(X))
    classes = np.arange(3)
    model.partial_fit(X, MULTILABEL[dtype](Y), classes=classes)
    expected.partial_fit(X, Y, classes=classes)
    assert differences(model.coefs_, expected.coefs_) == []


MIXED = {
    "str_and_int": (["a", 1, "b"], "y mixes labels of str with labels of int"),
    "str_and_float": (["a", 1.5, "b"], "y mixes labels of str with labels of float"),
    "str_and_none": (["a", None, "b"], "contains None: a label is missing"),
    "int_and_none": ([1, None, 2], "contains None: a label is missing"),
    "str_and_nan": (["a", np.nan, "b"], "y contains NaN: a label is missing"),
    "int_objects": ([1, 0, 1], r"holds int as objects.*y.astype\(int\)"),
    "bool_objects": ([True, False, True], r"y.astype\(bool\)"),
    "nan": ([1.0, np.nan, 2.0], "y contains NaN"),
    "bool_and_str": ([True, "a", False], "y mixes labels of str with labels of bool"),
    "bytes_and_str": ([b"a", "a", "b"], "y mixes labels of str with labels of bytes"),
    "lists": ([[1], [2, 3], []], "y"),
    "fractions": ([0.5, 1.5, 2.25], "Unknown label type"),
    "nullable": (pd.Series([1, None, 2], dtype="Int64"), "missing|NaN|NA"),
    "boolean_na": (pd.Series([True, None, False], dtype="boolean"), "missing|NaN|NA"),
    "string_na": (pd.Series(["a", None, "b"], dtype="string"), "missing|NaN|NA"),
    "polars_null": (pl.Series(["a", None, "b"]), "missing|NaN|None"),
}


@pytest.mark.parametrize("name", MIXED)
def test_labels_that_are_none_are_called_that(name):
    y, message = MIXED[name]
    if isinstance(y, list) and name not in ("nan", "fractions", "lists"):
        y = np.array(y, dtype=object)
    X, _ = indices(2)
    with pytest.raises((ValueError, TypeError), match=message):
        new().fit(X[:3], y)
    for_classes = message.replace("y ", "classes ").replace("y.", "classes.")
    with pytest.raises((ValueError, TypeError), match=for_classes):
        new().partial_fit(X[:2], [0, 1], classes=y)
