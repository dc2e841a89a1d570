"""Columns of frames and of arrays, as numbers or as strings, and what is neither."""

from collections.abc import Collection
from datetime import date, time, timedelta
from decimal import Decimal
from numbers import Complex, Integral, Real
from typing import NamedTuple

import numpy as np

from .._arrays import within_floats

# Of Python, NumPy and pandas; pandas' dates and durations are those of Python, too.
NUMBERS = (Real, np.bool_, Decimal)
NEITHER = "neither numbers nor strings"
DATES = "take from it what matters, such as the year or the days since some date"
DURATIONS = "convert it to a number of seconds or days"
COMPLEX = "split it into its real and its imaginary part"
BYTES = "decode it to strings"
PARTS = "make columns of numbers or strings of its parts"
OTHERS = "make numbers, strings or categories of it, or leave it out"
ADVICE = {"M": DATES, "m": DURATIONS, "c": COMPLEX}
ADVICE_ON_TYPES = [
    ((date, time, np.datetime64), DATES),
    ((timedelta, np.timedelta64), DURATIONS),
    (Complex, COMPLEX),
    ((bytes, bytearray), BYTES),
    ((Collection, np.void), PARTS),
]


class Column(NamedTuple):
    """A column of a frame or of an array."""

    name: object
    values: np.ndarray
    """Numbers, with NaN for gaps; or objects that are strings, with None for gaps."""
    is_text: bool

    @classmethod
    def of_series(cls, name, series):
        """Return a column of a frame of pandas, polars or their like.

        Raises
        ------
        ValueError
            If it holds neither numbers nor strings.
        """
        find_gaps = getattr(series, "isna", getattr(series, "is_null", None))
        gaps = np.asarray(find_gaps(), bool)
        if type(series.dtype).__name__ == "CategoricalDtype":
            # One string for each level, which its rows share; the last for gaps.
            texts = [*map(text_of, series.cat.categories), None]
            return cls(name, np.array(texts, object)[series.cat.codes], True)
        if _is_dictionary(series.dtype):
            return cls._of_levels(name, np.asarray(series, object), gaps)
        if _is_number(series.dtype):
            values = np.full(len(gaps), np.nan)
            if hasattr(series, "cast"):  # polars; NumPy has no integers of 128 bits.
                values[~gaps] = series.cast(float).to_numpy()[~gaps]
            else:
                values[~gaps] = np.asarray(series[~gaps], np.float64)
            return cls(name, values, False)
        if getattr(series.dtype, "kind", "O") in ADVICE:
            raise _refused_type(f"Column {name!r}", series.dtype)
        values = np.fromiter(series.to_list(), object, len(gaps))
        return cls.of_values(name, values, gaps)

    @classmethod
    def of_values(cls, name, values, gaps=None):
        """Return a column of an array.

        Raises
        ------
        ValueError
            If it holds neither numbers nor strings.
        """
        kind = values.dtype.kind
        if kind in "biuf":
            return cls(name, values.astype(np.float64), False)
        if kind in ADVICE:
            raise _refused_type(f"Column {name!r}", values.dtype)
        values = values.astype(object)
        if gaps is None:
            gaps = np.array([_is_gap(value) for value in values])
        known = values[~gaps]
        others = [t for t in set(map(type, known)) if not issubclass(t, NUMBERS)]
        if not others:
            numbers = np.full(len(values), np.nan)
            with within_floats(**{f"Column {name!r}": known}):
                numbers[~gaps] = known.astype(np.float64)
            return cls(name, numbers, False)
        if not all(issubclass(t, str) for t in others):
            wrong = (v for v in known if not isinstance(v, (str, *NUMBERS)))
            raise _refused_value(f"Column {name!r}", next(wrong))
        return cls._of_levels(name, values, gaps)

    @classmethod
    def _of_levels(cls, name, values, gaps):
        """Return a column of strings, one for each level."""
        texts, known = np.full(len(values), None, object), values[~gaps]
        with within_floats(**{f"Column {name!r}": known}):
            texts[~gaps] = [text_of(value) for value in known]
        return cls(name, texts, True)

    def take(self, rows):
        """Return some rows of the column."""
        return self._replace(values=self.values[rows])

    def levels(self):
        """Return the column as categories: strings, with None for gaps."""
        if self.is_text:
            return self.values
        numbers, places = np.unique(self.values, return_inverse=True)
        texts = [None if np.isnan(number) else text_of(number) for number in numbers]
        return np.array(texts, object)[places]


def text_of(value):
    """Return a level as a string, a number the same in whatever column it is."""
    if isinstance(value, Integral):
        return str(int(value))  # Of large ones a float would make one of several.
    if isinstance(value, NUMBERS):
        number = float(value)
        return str(int(number)) if number.is_integer() else f"{number:.17g}"
    return str(value)


def check_frame(**given):
    """Raise TypeError for tables that are no frames in memory, with what to do.

    Parameters
    ----------
    **given : {array-like, frame}
        What is to be read, by the names to call it.
    """
    for name, X in given.items():
        library = type(X).__module__.partition(".")[0]
        kind = f"a {type(X).__name__} of {library}"
        if hasattr(X, "collect"):
            raise TypeError(f"{name} is {kind}: pass {name}.collect(), a frame.")
        if hasattr(X, "schema") and not hasattr(X, "dtypes"):
            raise TypeError(f"{name} is {kind}: pass {name}.to_pandas(), a frame.")


def check_numeric(X):
    """Raise ValueError for what is no column of numbers, or of strings of numbers.

    NumPy would make numbers of dates, and names no column that it makes none of.

    Parameters
    ----------
    X : {array-like, frame}
    """
    check_frame(X=X)
    if getattr(getattr(X, "dtype", None), "kind", "O") in "Mm":
        raise _refused_type("X", X.dtype)
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return
    for name, dtype in zip(X.columns, X.dtypes, strict=True):
        if _is_number(dtype) or len(X[name].shape) > 1:  # Two columns of one name.
            continue
        column = Column.of_series(name, X[name])
        texts = [v for v in column.values if v is not None] if column.is_text else []
        try:
            np.array(texts, np.float64)
        except ValueError as error:
            raise ValueError(
                f"Column {name!r} holds strings, not numbers: encode it first, for "
                f"example by TablePreprocessor ({error})."
            ) from None


def _refused_type(what, dtype):
    """Return an error for something of a type of neither numbers nor strings."""
    return ValueError(f"{what} is of {dtype}, {NEITHER}: {ADVICE[dtype.kind]}.")


def _refused_value(what, value):
    """Return an error for something that holds a value."""
    found = (advice for types, advice in ADVICE_ON_TYPES if isinstance(value, types))
    return ValueError(
        f"{what} holds {type(value).__name__} objects, {NEITHER}: "
        f"{next(found, OTHERS)}."
    )


def _is_number(dtype):
    """Return whether a dtype is of numbers or booleans, with gaps or without."""
    if hasattr(dtype, "kind"):
        return dtype.kind in "biuf"
    return dtype.is_integer() or dtype.is_float() or str(dtype) == "Boolean"


def _is_dictionary(dtype):
    """Return whether a dtype of pandas is one of pyarrow's categories."""
    return type(dtype).__name__ == "ArrowDtype" and str(dtype).startswith("dictionary")


def _is_gap(value):
    """Return whether an object stands for a missing value."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
