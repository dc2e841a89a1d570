"""Frames of mixed columns: every kind of column, gaps anywhere, and what is refused."""

import decimal
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from conftest import passes
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_backprop.tabular import RobustClipScaler, TablePreprocessor


@parametrize_with_checks([TablePreprocessor()])
def test_scikit_learn_check(estimator, check):
    passes(estimator, check)


NUMBERS = [3.0, 1.0, None, 7.0, 2.0, 5.0]
WORDS = ["b", "a", None, "b", "c", "b"]
FLAGS = [True, False, None, True, True, False]
# Columns that say the same in another type: of numbers, of words, of flags.
SAME = {
    "float": (NUMBERS, lambda v: pd.Series(v, dtype=float)),
    "Int64": (NUMBERS, lambda v: pd.Series(v, dtype="Int64")),
    "Float32": (NUMBERS, lambda v: pd.Series(v, dtype="Float32")),
    "pyarrow": (NUMBERS, lambda v: pd.Series(v, dtype="double[pyarrow]")),
    "int_pyarrow": (NUMBERS, lambda v: pd.Series(v, dtype="int64[pyarrow]")),
    "objects": (NUMBERS, lambda v: pd.Series(v, dtype=object)),
    "decimals": (
        NUMBERS,
        lambda v: pd.Series([x if x is None else decimal.Decimal(x) for x in v]),
    ),
    "polars": (NUMBERS, lambda v: pl.Series("column", v)),
    "polars_int": (NUMBERS, lambda v: pl.Series("column", v).cast(pl.Int8)),
    "text": (WORDS, lambda v: pd.Series(v, dtype=object)),
    "string": (WORDS, lambda v: pd.Series(v, dtype="string")),
    "text_pyarrow": (WORDS, lambda v: pd.Series(v, dtype="string[pyarrow]")),
    "category": (WORDS, lambda v: pd.Series(v, dtype="category")),
    "polars_text": (WORDS, lambda v: pl.Series("column", v)),
    "polars_category": (WORDS, lambda v: pl.Series("column", v, dtype=pl.Categorical)),
    "flags": (FLAGS, lambda v: pd.Series(v, dtype=object)),
    "boolean": (FLAGS, lambda v: pd.Series(v, dtype="boolean")),
    "bool_pyarrow": (FLAGS, lambda v: pd.Series(v, dtype="bool[pyarrow]")),
    "polars_flags": (FLAGS, lambda v: pl.Series("column", v)),
}


def frame_of(series):
    if isinstance(series, pl.Series):
        return pl.DataFrame({"column": series, "other": np.arange(6.0)})
    return pd.DataFrame({"column": series, "other": np.arange(6.0)})


@pytest.mark.parametrize("name", SAME)
def test_columns_of_every_type_say_the_same(name):
    values, make = SAME[name]
    frame = frame_of(make(values))
    table = TablePreprocessor().fit(frame)
    found = table.transform(frame)
    if values is WORDS:
        names = ["other", "column_a", "column_b", "column_c", "column_None"]
        levels = np.array(["a", "b", "c", None], object)
        expected = (np.array(values, object)[:, np.newaxis] == levels).astype(float)
        assert_array_equal(found[:, 1:], expected)
        assert table.n_levels_.tolist() == [4]
    else:
        names = ["column", "other", "column_missing"]
        numbers = np.array(values, float)[:, np.newaxis]
        scaled = RobustClipScaler().fit_transform(numbers)
        median = np.nanmedian(numbers)
        assert_allclose(table.medians_[0], median)
        assert_allclose(found[:, :1], np.nan_to_num(scaled), atol=1e-12)
        assert_array_equal(found[:, 2], np.isnan(numbers)[:, 0])
    assert table.get_feature_names_out().tolist() == names
    again = pickle.loads(pickle.dumps(table))
    assert_array_equal(again.transform(frame), found)


def test_arrays_of_numbers_and_of_objects_are_tables_too():
    numbers = np.array([[1.0, np.nan], [2.0, 5.0], [4.0, 6.0]])
    table = TablePreprocessor().fit(numbers)
    assert table.get_feature_names_out().tolist() == ["x0", "x1", "x1_missing"]
    objects = np.array([[1, "a"], [2, None], [4, "b"]], object)
    table = TablePreprocessor().fit(objects)
    assert table.get_feature_names_out().tolist() == ["x0", "x1_a", "x1_b", "x1_None"]
    texts = np.array([["a"], ["b"], ["a"]])
    assert TablePreprocessor().fit_transform(texts).tolist() == [[1, 0], [0, 1], [1, 0]]


def test_columns_that_say_nothing_are_left_out_and_twins_are_not():
    frame = pd.DataFrame(
        {
            "constant": 3.0,
            "empty": np.nan,
            "word": "same",
            "nothing": pd.Series([None] * 4, dtype=object),
            "gaps": [2.0, np.nan, 2.0, 2.0],
            "twin": [1.0, 2.0, 3.0, 9.0],
            "other_twin": [1.0, 2.0, 3.0, 9.0],
        },
        index=range(4),
    )
    table = TablePreprocessor().fit(frame)
    names = ["gaps", "twin", "other_twin", "gaps_missing"]
    assert table.get_feature_names_out().tolist() == names
    found = table.transform(frame)
    assert np.isfinite(found).all()
    assert_array_equal(found[:, 1], found[:, 2])
    nothing = TablePreprocessor().fit(frame[["constant", "empty"]])
    assert nothing.transform(frame[["constant", "empty"]]).shape == (4, 0)


def test_what_was_not_seen_is_rare_and_gaps_are_filled():
    words = [*"aaaabbbccd", "e"]
    frame = pd.DataFrame({"word": words, "number": np.arange(11.0)})
    table = TablePreprocessor(max_categories=3).fit(frame)
    names = ["number", "word_a", "word_b", "word_infrequent_sklearn"]
    assert table.get_feature_names_out().tolist() == names
    assert table.n_levels_.tolist() == [3]
    new = pd.DataFrame({"word": ["zebra", None, "a"], "number": [np.nan, 1e300, 5.0]})
    found = table.transform(new)
    assert_array_equal(found[:, 1:], [[0, 0, 1], [0, 0, 1], [1, 0, 0]])
    assert_allclose(found[:, 0], [0.0, 3.0, 0.0])  # The median, and the limit.


# Columns whose parts would have one name, and the names that they get.
CLASHES = {
    "level_and_gap": (
        {"a": ["None", None, "b"]},
        ["a_None", "a_b", "a_None_2"],
    ),
    "level_and_rest": (
        {"a": ["infrequent_sklearn"] * 3 + ["b", "c", "d"]},
        ["a_infrequent_sklearn", "a_infrequent_sklearn_2"],
    ),
    "number_and_indicator": (
        {"a": [1.0, None, 2.0], "a_missing": [1.0, 2.0, 3.0]},
        ["a", "a_missing", "a_missing_2"],
    ),
    "number_and_level": (
        {"a": ["b", "c", "b"], "a_b": [1.0, 2.0, 3.0]},
        ["a_b", "a_b_2", "a_c"],
    ),
    "levels_of_two": (
        {"a": ["b_c", "d"], "a_b": ["c", "d"]},
        ["a_b_c", "a_d", "a_b_c_2", "a_b_d"],
    ),
    "thrice": (
        {"a": ["b_c", "d"], "a_b": ["c", "d"], "a_b_c": [1.0, 2.0]},
        ["a_b_c", "a_b_c_2", "a_d", "a_b_c_3", "a_b_d"],
    ),
    "numbers_that_are_taken": (
        {"a": ["None", None, "None_2"]},
        ["a_None", "a_None_2", "a_None_3"],
    ),
}


@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("name", CLASHES)
def test_names_of_the_result_are_different(name, make_frame):
    columns, expected = CLASHES[name]
    frame = make_frame(columns)
    table = TablePreprocessor(max_categories=2 if "rest" in name else 32).fit(frame)
    assert table.get_feature_names_out().tolist() == expected
    for output in ("pandas", "polars"):
        made = table.set_output(transform=output).transform(frame)
        assert list(made.columns) == expected


CHOSEN = {
    "names": ["code"],
    "numbers": [1],
    "mask": [False, True],
    "index": pd.Index(["code"]),
    "polars": pl.Series(["code"]),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_numbers_may_be_categories(name):
    frame = pd.DataFrame({"size": [1.0, 2.0, 5.0], "code": [7, 11, 7]})
    table = TablePreprocessor(categorical_features=CHOSEN[name]).fit(frame)
    assert table.get_feature_names_out().tolist() == ["size", "code_11", "code_7"]
    assert_array_equal(table.transform(frame)[:, 1:], [[0, 1], [1, 0], [0, 1]])


@pytest.mark.parametrize("infinity", [[1.0, np.inf, 2.0], [1.0, None, float("-inf")]])
@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame])
def test_infinity_is_refused_by_the_name_of_its_column(make_frame, infinity):
    frame = make_frame({"good": [1.0, 2.0, 3.0], "bad": infinity})
    with pytest.raises(ValueError, match="Column 'bad' contains infinity"):
        TablePreprocessor().fit(frame)


def test_zero_is_one_level_whatever_its_sign():
    frame = pd.DataFrame({"code": [0.0, -0.0, 1.0], "size": [1.0, 2.0, 3.0]})
    for chosen in (frame, frame.astype({"code": object})):
        table = TablePreprocessor(["code"]).fit(chosen)
        assert table.get_feature_names_out().tolist() == ["size", "code_0", "code_1"]
        assert_array_equal(table.transform(chosen)[:, 1:], [[1, 0], [1, 0], [0, 1]])


def test_a_number_is_a_place_whatever_columns_are_called():
    frame = pd.DataFrame({3: [1.0, 2.0, 5.0], 0: [7, 11, 7]})
    table = TablePreprocessor(categorical_features=[0]).fit(frame)
    assert table.categorical_ == [0]
    # Nor are columns told apart at prediction by names that are no strings.
    swapped = frame[[0, 3]]
    expected = table.transform(swapped.set_axis([3, 0], axis=1))
    assert_array_equal(table.transform(swapped), expected)
    with pytest.raises(ValueError, match=r"names \[3\], which are no columns"):
        TablePreprocessor(categorical_features=[3]).fit(frame)
    both = pd.DataFrame({"word": ["a", "b"], "code": [1, 2], "size": [1, 2]})
    assert TablePreprocessor(["code", 2]).fit(both).categorical_ == [0, 1, 2]


WRONG = {
    "unknown": (["code", "colour"], r"\['colour'\], which are no columns of X: it has"),
    "place": ([7], r"names \[7\], which are no columns"),
    "word": ("all", "must be 'from_dtype', None, or names.*got 'all'"),
    "none": (None, r"categorical_features=None, but the columns \['word'\] hold strin"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_choice_of_categories_is_named(name):
    chosen, message = WRONG[name]
    frame = pd.DataFrame({"code": [7, 11, 7], "word": ["a", "b", "c"]})
    with pytest.raises(ValueError, match=message):
        TablePreprocessor(categorical_features=chosen).fit(frame)


def test_changes_between_fit_and_transform_are_named():
    frame = pd.DataFrame({"number": [1.0, 2.0, 3.0], "word": ["a", "b", "c"]})
    table = TablePreprocessor().fit(frame)
    with pytest.raises(ValueError, match="Column 'number' held numbers when"):
        table.transform(frame.assign(number=["x", "y", "z"]))
    with pytest.raises(ValueError, match="feature names should match"):
        table.transform(frame.rename(columns={"word": "text"}))
    twins = pd.concat([frame, frame[["word"]]], axis=1)
    with pytest.raises(ValueError, match="X has two columns of the name word"):
        TablePreprocessor().fit(twins)
    with pytest.raises(ValueError, match="0 sample"):
        TablePreprocessor().fit(frame.iloc[:0])


@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame])
def test_a_frame_goes_through_a_pipeline(make_frame):
    rng = np.random.RandomState(0)
    words = rng.choice(["red", "green", "blue"], 200)
    numbers = rng.normal(size=200)
    y = (words == "red") ^ (numbers > 0)
    gaps = np.where(rng.uniform(size=200) < 0.1, np.nan, numbers)
    frame = make_frame({"word": words.tolist(), "number": gaps.tolist()})
    before = frame.equals(frame)
    model = make_pipeline(TablePreprocessor(), LogisticRegression()).fit(frame, y)
    assert model.score(frame, y) > 0.6
    assert before and frame.equals(make_frame({"word": words.tolist(), "number": gaps}))
