"""What a column may hold: what is taken, and what is refused with what to do."""

import datetime
import decimal
import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from _frames import KINDS, new

from sklearn_backprop.tabular import (
    PiecewiseLinearEncoder,
    RobustClipScaler,
    TablePreprocessor,
)

DAY = datetime.date(2020, 1, 1)
NOON = datetime.datetime(2020, 1, 1, 12)
HOURS = datetime.timedelta(hours=5)
DATES, DURATIONS = "year or the days since", "number of seconds or days"
COMPLEX, BYTES, PARTS = "real and its imaginary part", "decode it", "of its parts"
OTHERS = "make numbers, strings or categories of it, or leave it out"


def arrow(values, kind):
    return pd.Series(values, dtype=pd.ArrowDtype(kind))


def objects(*values):
    """Three rows of them, as objects."""
    values = values * 3 if len(values) == 1 else values
    return pd.Series(np.fromiter(values, object, 3), dtype=object)


# A column of three rows, what the error says of it, and what to do with it.
REFUSED = {
    "dates": (pd.Series([NOON] * 3), "is of datetime64", DATES),
    "dates_with_a_gap": (pd.Series([NOON, None, NOON]), "is of datetime64", DATES),
    "dates_of_a_zone": (
        pd.Series([NOON] * 3).dt.tz_localize("UTC"),
        "is of datetime64[",
        DATES,
    ),
    "date_objects": (objects(DAY), "holds date objects", DATES),
    "time_objects": (objects(NOON.time()), "holds time objects", DATES),
    "timestamps": (objects(pd.Timestamp(NOON)), "holds Timestamp objects", DATES),
    "durations": (pd.Series([HOURS] * 3), "is of timedelta64", DURATIONS),
    "duration_objects": (objects(HOURS), "holds timedelta objects", DURATIONS),
    "periods": (
        pd.Series(pd.period_range("2020", periods=3, freq="M")),
        "holds Period objects",
        OTHERS,
    ),
    "intervals": (pd.Series(pd.interval_range(0, 3)), "holds Interval objects", OTHERS),
    "complex": (pd.Series([1j, 2j, 3j]), "is of complex128", COMPLEX),
    "complex_objects": (objects(1j, 2.0, None), "holds complex objects", COMPLEX),
    "bytes": (objects(b"a"), "holds bytes objects", BYTES),
    "lists": (objects([1]), "holds list objects", PARTS),
    "tuples": (objects((1, 2)), "holds tuple objects", PARTS),
    "dicts": (objects({}), "holds dict objects", PARTS),
    "sets": (objects({1}), "holds set objects", PARTS),
    "arrays": (objects(np.ones(2)), "holds ndarray objects", PARTS),
    "classes": (objects(int), "holds type objects", OTHERS),
    "words_and_lists": (objects("a", 1.0, [1]), "holds list objects", PARTS),
    "arrow_lists": (arrow([[1]] * 3, pa.list_(pa.int8())), "holds", PARTS),
    "arrow_maps": (
        arrow([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int8())),
        "holds",
        PARTS,
    ),
    "arrow_structs": (
        arrow([{"a": 1}, {"a": 2}, None], pa.struct([("a", pa.int8())])),
        "holds dict objects",
        PARTS,
    ),
    "arrow_dates": (arrow([DAY] * 3, pa.date32()), "", DATES),
    "arrow_timestamps": (arrow([NOON] * 3, pa.timestamp("us")), "", DATES),
    "arrow_times": (arrow([NOON.time()] * 3, pa.time64("us")), "", DATES),
    "arrow_durations": (arrow([HOURS] * 3, pa.duration("us")), "", DURATIONS),
    "arrow_bytes": (arrow([b"a"] * 3, pa.binary()), "holds bytes objects", BYTES),
    "polars_dates": (pl.Series([DAY, DAY, None]), "holds date objects", DATES),
    "polars_datetimes": (pl.Series([NOON] * 3), "holds datetime objects", DATES),
    "polars_dates_of_a_zone": (
        pl.Series([NOON] * 3).dt.replace_time_zone("UTC"),
        "holds datetime objects",
        DATES,
    ),
    "polars_times": (pl.Series([NOON.time()] * 3), "holds time objects", DATES),
    "polars_durations": (pl.Series([HOURS] * 3), "holds timedelta objects", DURATIONS),
    "polars_bytes": (pl.Series([b"a", b"b", None]), "holds bytes objects", BYTES),
    "polars_lists": (pl.Series([[1], [2, 3], None]), "holds list objects", PARTS),
    "polars_arrays": (
        pl.Series([[1, 2]] * 3, dtype=pl.Array(pl.Int8, 2)),
        "holds list objects",
        PARTS,
    ),
    "polars_structs": (pl.Series([{"a": 1}, {"a": 2}, None]), "holds dict", PARTS),
    "polars_objects": (
        pl.Series([int, str, None], dtype=pl.Object),
        "holds type objects",
        OTHERS,
    ),
}
REFUSING = {
    "preprocessor": TablePreprocessor,
    "scaler": RobustClipScaler,
    "encoder": PiecewiseLinearEncoder,
    **{kind: lambda kind=kind: new(kind) for kind in KINDS},
}


def frame_with(series):
    make = pl.DataFrame if isinstance(series, pl.Series) else pd.DataFrame
    return make({"good": [1.0, 2.0, 4.0], "bad": series})


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("estimator", REFUSING)
def test_other_columns_are_refused_by_name_with_what_to_do(estimator, name):
    series, holds, advice = REFUSED[name]
    message = f"^Column 'bad' .*{re.escape(holds)}.*neither numbers nor strings: .*"
    with pytest.raises(ValueError, match=message + re.escape(advice)):
        REFUSING[estimator]().fit(frame_with(series), [0, 1, 0])


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("estimator", ["preprocessor", *KINDS])
def test_they_are_refused_after_the_fit_too(estimator, name):
    series, _, advice = REFUSED[name]
    model = REFUSING[estimator]().fit(frame_with(pd.Series([3, 1, 2])), [0, 1, 0])
    use = model.transform if estimator == "preprocessor" else model.predict
    with pytest.raises(ValueError, match=f"Column 'bad'.*{re.escape(advice)}"):
        use(frame_with(series))


FAR = 2**100
# Unusual columns that are taken, and the numbers or the levels that they hold.
TAKEN = {
    "decimals": (objects(decimal.Decimal("1.5"), None, 2), [1.5, None, 2.0]),
    "arrow_decimals": (
        arrow([decimal.Decimal("1.5"), None, 2], pa.decimal128(5, 2)),
        [1.5, None, 2.0],
    ),
    "polars_decimals": (
        pl.Series([decimal.Decimal("1.5"), None, decimal.Decimal(2)]),
        [1.5, None, 2.0],
    ),
    "large_integers": (objects(FAR, None, 1), [float(FAR), None, 1.0]),
    "polars_int128": (
        pl.Series([FAR, None, 1], dtype=pl.Int128),
        [float(FAR), None, 1.0],
    ),
    "flags": (pl.Series([True, None, False]), [1.0, None, 0.0]),
    "sparse": (pd.Series(pd.arrays.SparseArray([0.0, 2.0, 0.0])), [0.0, 2.0, 0.0]),
    "words_and_numbers": (objects("a", 1, 2.5), ["a", "1", "2.5"]),
    "words_and_flags": (objects("a", True, None), ["a", "1", None]),
    "enum": (pl.Series(["b", None, "a"], dtype=pl.Enum(["a", "b"])), ["b", None, "a"]),
    "large_strings": (arrow(["b", None, "a"], pa.large_string()), ["b", None, "a"]),
    "categories_of_periods": (
        pd.Series(pd.period_range("2020", periods=3, freq="M")).astype("category"),
        ["2020-01", "2020-02", "2020-03"],
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_columns_that_are_taken_say_what_they_hold(name):
    series, values = TAKEN[name]
    table = TablePreprocessor().fit(frame_with(series))
    expected = TablePreprocessor().fit(frame_with(objects(*values)))
    names = expected.get_feature_names_out().tolist()
    assert table.get_feature_names_out().tolist() == names
    np.testing.assert_array_equal(
        table.transform(frame_with(series)),
        expected.transform(frame_with(objects(*values))),
    )
    assert bool(table.categorical_) == any(isinstance(v, str) for v in values)


TABLES = {
    "arrow": (pa.table({"a": [1.0, 2.0]}), r"Table of pyarrow: pass \w+.to_pandas\(\)"),
    "batch": (
        pa.table({"a": [1.0, 2.0]}).to_batches()[0],
        r"RecordBatch of pyarrow: pass \w+.to_pandas\(\)",
    ),
    "lazy": (
        pl.LazyFrame({"a": [1.0, 2.0]}),
        r"LazyFrame of polars: pass \w+.collect\(\)",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_are_no_frames_are_refused_with_what_to_do(name):
    table, message = TABLES[name]
    for make in REFUSING.values():
        with pytest.raises(TypeError, match=f"^X is a {message}"):
            make().fit(table, [0, 1])
    X = pd.DataFrame({"a": [1.0, 2.0]})
    for kind in KINDS:
        with pytest.raises(TypeError, match=f"^X_val is a {message}"):
            new(kind).fit(X, [0, 1], X_val=table, y_val=[0, 1])
        with pytest.raises(TypeError, match=f"^X is a {message}"):
            new(kind).fit(X, [0, 1]).predict(table)


@pytest.mark.parametrize("make_frame", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("make", [RobustClipScaler, PiecewiseLinearEncoder])
def test_encoders_of_numbers_name_the_column_of_strings(make, make_frame):
    frame = make_frame({"number": [1.0, 2.0], "digits": ["1", "2"]})
    assert make().fit_transform(frame).shape[0] == 2
    frame = make_frame({"number": [1.0, 2.0], "word": ["1", "two"]})
    with pytest.raises(ValueError, match="Column 'word' holds strings, not.*'two'"):
        make().fit(frame)
    with pytest.raises(ValueError, match="X is of datetime64.*days since"):
        make().fit(np.array([["2020-01-01"], ["2021-01-01"]], "M8[D]"))
