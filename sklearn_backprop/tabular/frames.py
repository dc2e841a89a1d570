"""Frames of mixed columns, with gaps, as arrays of numbers."""

from collections import Counter
from itertools import count
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from .._data import read_sample_weight
from .._persistence import PersistenceMixin
from .checks import check_numbers, check_places
from .columns import Column, check_frame
from .encoders import RobustClipScaler, is_constant
from .statistics import quantiles_of


class TablePreprocessor(PersistenceMixin, TransformerMixin, BaseEstimator):
    """Turns a frame of numbers, words and gaps into numbers that suit a network.

    Numbers are scaled by `RobustClipScaler`, and a gap becomes the median, with an
    indicator beside the column. Words and categories become one indicator for each of
    the most frequent levels, and one for the rest if there are more; a gap is a level.
    Columns that say nothing, as they are constant or empty, are left out.

    Parameters
    ----------
    categorical_features : 'from_dtype', array-like of str, int or bool, or None, \
            default='from_dtype'
        Which columns are categories: those of strings or of a categorical type; also
        those of these names, which are strings, or of these places, counted from 0, or
        of a mask; or none. Booleans are numbers, 0 and 1, unless they are named here.
    max_categories : int, default=32
        Largest number of indicators of a column of categories. Less frequent levels, if
        there are more, share the last one, with those that are not known when it
        transforms; else an unknown level has no indicator.
    limit : float, default=3.0
        What no scaled number exceeds in size, as of `RobustClipScaler`; infinity leaves
        far values where they are.

    Attributes
    ----------
    numeric_ : list of int
        Columns that are numbers and not left out.
    indicated_ : list of int
        Those of them that had gaps, and have an indicator.
    categorical_ : list of int
        Columns that are categories and not left out.
    medians_ : ndarray of shape (len(`numeric_`),)
        What stands for a gap.
    scaler_ : RobustClipScaler or None
        Of the columns that are numbers.
    encoder_ : OneHotEncoder or None
        Of the columns that are categories.
    n_levels_ : ndarray of int of shape (len(`categorical_`),)
        Number of indicators of each.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    See Also
    --------
    PiecewiseLinearEncoder : Components of numbers.
    sklearn.compose.ColumnTransformer : The general tool.

    Notes
    -----
    The columns of the result are the numbers, the indicators of gaps, and the
    indicators of categories, in that order.

    Columns must come in the order of the fit. That is checked by their names where
    these are strings; columns that are called by numbers, dates or tuples are known by
    their places alone, as everywhere in scikit-learn.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_backprop.tabular import TablePreprocessor
    >>> frame = pd.DataFrame(
    ...     {"age": [20.0, 30.0, None, 50.0], "city": ["Rome", "Oslo", "Rome", None]}
    ... )
    >>> table = TablePreprocessor().fit(frame)
    >>> table.get_feature_names_out().tolist()
    ['age', 'age_missing', 'city_Oslo', 'city_Rome', 'city_None']
    >>> table.transform(frame).round(2)
    array([[-0.33,  0.  ,  0.  ,  1.  ,  0.  ],
           [ 0.  ,  0.  ,  1.  ,  0.  ,  0.  ],
           [ 0.  ,  1.  ,  0.  ,  1.  ,  0.  ],
           [ 0.65,  0.  ,  0.  ,  0.  ,  1.  ]])
    """

    _parameter_constraints: dict = {
        "categorical_features": ["array-like", str, None],
        "max_categories": [Interval(Integral, 2, None, closed="left")],
        "limit": RobustClipScaler._parameter_constraints["limit"],
    }

    def __init__(
        self, categorical_features="from_dtype", *, max_categories=32, limit=3.0
    ):
        self.categorical_features = categorical_features
        self.max_categories = max_categories
        self.limit = limit

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn medians, scales and levels.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times a row counts for medians and scales. Levels are counted by
            the rows that count at all.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a column holds neither numbers nor strings, with its name and what to
            do, or a name is that of two columns.
        """
        columns = self._read(X, reset=True)
        weights = read_sample_weight(sample_weight, columns[0].values, np.float64)
        if weights is not None:
            columns = [column.take(weights > 0.0) for column in columns]
            weights = weights[weights > 0.0]
        chosen = self._chosen(columns)
        is_category = [
            column.is_text or i in chosen for i, column in enumerate(columns)
        ]
        self._fit_numbers(columns, np.flatnonzero(np.logical_not(is_category)), weights)
        self._fit_categories(columns, np.flatnonzero(is_category))
        return self

    def transform(self, X):
        """Return the numbers.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)
            With the columns that `fit` has seen, in the same order.

        Returns
        -------
        numbers : ndarray of shape (n_samples, n_features_out)

        Raises
        ------
        ValueError
            If a column that held numbers holds strings. Numbers in a column of
            strings are levels like any others, known or not.
        """
        check_is_fitted(self, "n_levels_")
        columns = self._read(X, reset=False)
        n_samples = len(columns[0].values)
        parts = [np.zeros((n_samples, 0))]
        if self.numeric_:
            numbers = np.stack([self._numbers(columns[i]) for i in self.numeric_], 1)
            gaps = np.isnan(numbers)
            filled = np.where(gaps, self.medians_, numbers)
            indicated = [self.numeric_.index(i) for i in self.indicated_]
            parts += [self.scaler_.transform(filled), gaps[:, indicated].astype(float)]
        if self.categorical_:
            parts.append(self.encoder_.transform(self._levels(columns)))
        return np.hstack(parts)

    def get_feature_names_out(self, input_features=None):
        """Return names of the columns of the result, all different.

        They are a column's name, for the indicator of gaps with "_missing" behind it,
        and for that of a level with the level. Where that is the name of a column
        before it, such as of a level "None" beside gaps, a number follows, from 2 on.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns; by default those that X had.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self, "n_levels_")
        names = _check_feature_names_in(self, input_features)
        found = [names[i] for i in self.numeric_]
        found += [f"{names[i]}_missing" for i in self.indicated_]
        if self.categorical_:
            chosen = names[self.categorical_]
            found += self.encoder_.get_feature_names_out(chosen).tolist()
        return np.array(_without_repeats(found), dtype=object)

    def _fit_numbers(self, columns, places, weights):
        self.numeric_, self.indicated_, medians, kept = [], [], [], []
        for i in places.tolist():
            numbers = self._numbers(columns[i])
            gaps = np.isnan(numbers)
            known = numbers[~gaps]
            if not known.size or (
                is_constant(known.min(), known.max()) and not gaps.any()
            ):
                continue
            self.numeric_.append(i)
            of_known = None if weights is None else weights[~gaps]
            medians.append(quantiles_of(known, [0.5], of_known)[0])
            kept.append(numbers)
            if gaps.any():
                self.indicated_.append(i)
        self.medians_, self.scaler_ = np.array(medians), None
        if kept:
            self.scaler_ = RobustClipScaler(self.limit)
            self.scaler_.set_output(transform="default")
            self.scaler_.fit(np.stack(kept, 1), sample_weight=weights)

    def _fit_categories(self, columns, places):
        self.categorical_ = [
            i for i in places.tolist() if len(set(columns[i].levels())) > 1
        ]
        self.encoder_, self.n_levels_ = None, np.array([], int)
        if self.categorical_:
            self.encoder_ = OneHotEncoder(
                max_categories=self.max_categories,
                handle_unknown="infrequent_if_exist",
                sparse_output=False,
            )
            self.encoder_.set_output(transform="default")
            self.encoder_.fit(self._levels(columns))
            self.n_levels_ = np.array(_counts_of_levels(self.encoder_))

    def _check_state(self):
        if not hasattr(self, "n_levels_"):
            return
        check_places("numeric_", self.numeric_, range(self.n_features_in_))
        check_places("indicated_", self.indicated_, self.numeric_)
        others = set(range(self.n_features_in_)) - set(self.numeric_)
        check_places("categorical_", self.categorical_, others)
        n_numbers, n_words = len(self.numeric_), len(self.categorical_)
        check_numbers("medians_", self.medians_, (n_numbers,))
        for name, kind, n_columns in (
            ("scaler_", RobustClipScaler, n_numbers),
            ("encoder_", OneHotEncoder, n_words),
        ):
            part = getattr(self, name)
            expected = kind if n_columns else type(None)
            if type(part) is not expected or (
                n_columns and part.n_features_in_ != n_columns
            ):
                raise ValueError(
                    f"{name} must be {expected.__name__} for {n_columns} columns, got "
                    f"{part!r}."
                )
        expected = _counts_of_levels(self.encoder_) if n_words else []
        if np.asarray(self.n_levels_).tolist() != expected:
            raise ValueError(f"n_levels_ must be {expected}, got {self.n_levels_!r}.")

    def _levels(self, columns):
        """Return the categories as an array of objects."""
        levels = np.empty((len(columns[0].values), len(self.categorical_)), object)
        for place, i in enumerate(self.categorical_):
            levels[:, place] = columns[i].levels()
        return levels

    def _numbers(self, column):
        """Return the numbers of a column, NaN for gaps."""
        if column.is_text:
            raise ValueError(
                f"Column {column.name!r} held numbers when it was fitted, and now "
                "holds strings: convert it."
            )
        if np.isinf(column.values).any():
            raise ValueError(f"Column {column.name!r} contains infinity.")
        return column.values

    def _chosen(self, columns):
        """Return the numbers of the columns that are named as categories."""
        chosen = self.categorical_features
        if chosen is None:
            texts = [column.name for column in columns if column.is_text]
            if texts:
                raise ValueError(
                    f"categorical_features=None, but the columns {texts} hold strings."
                )
            return set()
        if isinstance(chosen, str):
            if chosen == "from_dtype":
                return set()
            raise ValueError(
                "categorical_features must be 'from_dtype', None, or names, numbers or "
                f"a mask of columns, got {chosen!r}."
            )
        array = np.asarray(chosen)
        is_mask = array.dtype.kind == "b" and array.size > 0
        if array.ndim != 1 or (is_mask and len(array) != len(columns)):
            raise ValueError(
                "categorical_features must be one list, and a mask must have one value "
                f"for each of {len(columns)} columns, got shape {array.shape}."
            )
        if is_mask:
            return set(np.flatnonzero(array).tolist())
        # Not of the array, which would make strings of all where one is a name.
        chosen = chosen.tolist() if hasattr(chosen, "tolist") else list(chosen)
        names = [column.name for column in columns]
        # A number is a place, also where the names are numbers, as in scikit-learn.
        known = {name: i for i, name in enumerate(names) if isinstance(name, str)}
        known |= {i: i for i in range(len(names))}
        unknown = [c for c in chosen if c not in known]
        if unknown:
            raise ValueError(
                f"categorical_features names {unknown}, which are no columns of X: it "
                f"has {names}."
            )
        return {known[c] for c in chosen}

    def _read(self, X, reset):
        """Return the columns of X, checked against those that are known."""
        check_frame(X=X)
        if hasattr(X, "columns"):
            names = list(X.columns)
            twice = [str(name) for name, n in Counter(names).items() if n > 1]
            if twice:
                raise ValueError(f"X has two columns of the name {', '.join(twice)}.")
            validate_data(self, X, skip_check_array=True, reset=reset)
            if not names:
                raise ValueError(
                    f"Found array with 0 feature(s) (shape={X.shape}) while a minimum "
                    "of 1 is required by TablePreprocessor."
                )
            if not len(X):
                raise ValueError(
                    f"Found array with 0 sample(s) (shape={X.shape}) while a minimum "
                    "of 1 is required by TablePreprocessor."
                )
            return [Column.of_series(name, X[name]) for name in names]
        if isinstance(X, list | tuple):
            # NumPy would make strings of all, or of none, as the rows happen to be.
            X = np.array(X, object)
        X = validate_data(
            self, X, dtype=None, ensure_all_finite="allow-nan", reset=reset
        )
        names = [f"x{i}" for i in range(X.shape[1])]
        return [
            Column.of_values(name, values)
            for name, values in zip(names, X.T, strict=True)
        ]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


def _without_repeats(names):
    """Return names in which a repeated one has a number that makes it a new one."""
    given, found = set(names), {}
    for name in names:
        numbered = (f"{name}_{i}" for i in count(2))
        if name in found:
            name = next(n for n in numbered if n not in given and n not in found)
        found[name] = None
    return list(found)


def _counts_of_levels(encoder):
    """Return how many columns an encoder makes of each of its columns."""
    pairs = zip(encoder.categories_, encoder.infrequent_categories_, strict=True)
    return [
        len(levels) - (0 if rare is None else len(rare) - 1) for levels, rare in pairs
    ]
