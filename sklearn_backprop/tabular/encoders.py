"""Numeric columns as inputs of a network."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from .._arrays import within_floats
from .._data import read_sample_weight
from .._persistence import PersistenceMixin
from ..layers.components import Bins
from .checks import check_edges, check_numbers, check_positive
from .columns import check_numeric
from .statistics import quantiles_of

FLOATS = (np.float64, np.float32)
# A column whose range is smaller counts as constant, or one whose range is so small a
# part of its size where that is below 1.
SMALLEST_RANGE = 1e-6


def is_constant(lowest, highest):
    """Return whether a column with these ends counts as constant."""
    size = np.maximum(np.abs(lowest), np.abs(highest))
    return ~(highest - lowest > SMALLEST_RANGE * np.minimum(1.0, size))


class RobustClipScaler(
    PersistenceMixin, OneToOneFeatureMixin, TransformerMixin, BaseEstimator
):
    """Scales by median and interquartile range, and draws far values in smoothly.

    ``z = (x - center_) / scale_`` and then ``z / sqrt(1 + (z / limit)^2)``, which is
    about z near zero and never larger than `limit`. Outliers, in training or later, so
    stay in a range that a network has seen.

    Parameters
    ----------
    limit : float, default=3.0
        What no result exceeds in size.

    Attributes
    ----------
    center_ : ndarray of shape (n_features,)
        Medians.
    scale_ : ndarray of shape (n_features,)
        Interquartile ranges; half the range where that is zero, and infinity, so that
        the result is zero, where a column is constant.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    See Also
    --------
    sklearn.preprocessing.RobustScaler : The same without drawing in.

    Notes
    -----
    NaN is left out of the statistics and stays NaN. float32 stays float32.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned
    MLPs and boosted trees on tabular data", section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_backprop.tabular import RobustClipScaler
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [1000.0]])
    >>> RobustClipScaler().fit_transform(X).ravel().round(2)
    array([-0.95, -0.49,  0.  ,  0.49,  3.  ])
    """

    _parameter_constraints: dict = {
        "limit": [Interval(Real, 0, None, closed="neither")]
    }

    def __init__(self, limit=3.0):
        self.limit = limit

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Compute medians and ranges.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times a row counts.

        Returns
        -------
        self : object
        """
        X = self._read(X, reset=True)
        weights = read_sample_weight(sample_weight, X, np.float64)
        shares = (0.25, 0.5, 0.75, 0.0, 1.0)
        statistics = [_known_quantiles(column, shares, weights) for column in X.T]
        lower, self.center_, upper, lowest, highest = np.transpose(statistics)
        with np.errstate(over="ignore"):
            scale = np.minimum(upper - lower, np.finfo(np.float64).max)
        scale = np.where(scale > 0.0, scale, 0.5 * highest - 0.5 * lowest)
        self.scale_ = np.where(is_constant(lowest, highest), np.inf, scale)
        return self

    def transform(self, X):
        """Scale and draw in.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X_scaled : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self, "scale_")
        X = self._read(X, reset=False)
        center, scale = (a.astype(X.dtype) for a in (self.center_, self.scale_))
        with np.errstate(over="ignore"):
            # Of halves, which cannot overflow.
            z = (0.5 * X - 0.5 * center) / (0.5 * scale)
            # The same as z / sqrt(1 + (z / limit)^2), and finite at any size.
            return z / np.hypot(1.0, z / self.limit, dtype=X.dtype)

    def _check_state(self):
        if not hasattr(self, "scale_"):
            return
        shape = (self.n_features_in_,)
        check_numbers("center_", self.center_, shape)
        # Infinite where a column is constant.
        check_positive(
            "scale_", np.where(self.scale_ == np.inf, 1.0, self.scale_), shape
        )

    def inverse_transform(self, X):
        """Undo `transform`; a constant column gets its constant.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Of values that `transform` can return.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
        """
        check_is_fitted(self, "scale_")
        X = self._read(X, reset=False)
        share = np.clip(X / self.limit, -1.0, 1.0)
        z = X / np.sqrt(np.maximum(1.0 - share**2, np.finfo(X.dtype).eps))
        scale = np.where(np.isinf(self.scale_), 0.0, self.scale_)
        return (z * scale + self.center_).astype(X.dtype)

    def _read(self, X, reset):
        check_numeric(X)
        with within_floats(X=X):
            return validate_data(
                self, X, dtype=FLOATS, ensure_all_finite="allow-nan", reset=reset
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class PiecewiseLinearEncoder(PersistenceMixin, TransformerMixin, BaseEstimator):
    """Encodes each column by components, each of which rises in one bin of it.

    With edges ``b_0 < ... < b_m`` of a column, component t of a value x is
    ``(x - b_t) / (b_{t+1} - b_t)``, clipped to 0 below its bin and 1 above it. So a
    linear function of the components is a piecewise linear function of x, which a
    network learns at once where it would have to bend a single input with many neurons.

    Parameters
    ----------
    n_bins : int, default=32
        Largest number of bins of a column. One with fewer distinct values has fewer.
    strategy : {'quantile', 'tree'}, default='quantile'
        Where the edges are: at quantiles of the column, of which a value that fills a
        bin by itself is one, or where a decision tree on that column alone splits to
        predict y.
    extrapolation : float, default=1.0
        How far the outer components go on below the first and above the last edge, in
        widths of their bins: a value far outside has bounded components.

    Attributes
    ----------
    bin_edges_ : list of ndarray
        Edges of each column; empty for a constant one, which has no component.
    n_bins_ : ndarray of int of shape (n_features,)
        Number of components of each column.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    See Also
    --------
    sklearn.preprocessing.KBinsDiscretizer : Steps in place of slopes.
    sklearn.preprocessing.SplineTransformer : Smooth components.

    Notes
    -----
    Missing values are not taken: impute them before.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in
    tabular deep learning", section 3.2, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_backprop.tabular import PiecewiseLinearEncoder
    >>> X = np.array([[0.0], [1.0], [2.0], [4.0], [8.0]])
    >>> encoder = PiecewiseLinearEncoder(n_bins=2).fit(X)
    >>> encoder.bin_edges_
    [array([0., 2., 8.])]
    >>> encoder.transform([[1.0], [5.0], [100.0]])
    array([[0.5, 0. ],
           [1. , 0.5],
           [1. , 2. ]])
    """

    _parameter_constraints: dict = {
        "n_bins": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"quantile", "tree"})],
        "extrapolation": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, n_bins=32, *, strategy="quantile", extrapolation=1.0):
        self.n_bins = n_bins
        self.strategy = strategy
        self.extrapolation = extrapolation

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Choose the edges.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,), default=None
            What a tree predicts; needed with ``strategy='tree'`` alone.
        sample_weight : array-like of shape (n_samples,), default=None
            How many times a row counts.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If `y` is needed and missing.
        """
        if self.strategy == "quantile":
            X = self._read(X, reset=True)
            edges_of = _quantile_edges
        else:
            check_numeric(X)
            X, y = validate_data(self, X, y, dtype=FLOATS)
            edges_of = _tree_edges_function(y)
        weights = read_sample_weight(sample_weight, X, np.float64)
        counted = X if weights is None else X[weights > 0.0]
        self.bin_edges_ = [
            edges_of(column, self.n_bins, weights)
            if not is_constant(known.min(), known.max())
            else column[:0].astype(np.float64)
            for column, known in zip(X.T, counted.T, strict=True)
        ]
        self.n_bins_ = np.array([max(0, len(e) - 1) for e in self.bin_edges_])
        return self

    def transform(self, X):
        """Return the components, column by column.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        components : ndarray of shape (n_samples, sum of `n_bins_`)
        """
        check_is_fitted(self, "bin_edges_")
        X = self._read(X, reset=False)
        components = np.empty((len(X), int(self.n_bins_.sum())), X.dtype)
        stop = 0
        for column, edges, n_bins in zip(
            X.T, self.bin_edges_, self.n_bins_, strict=True
        ):
            start, stop = stop, stop + int(n_bins)
            if n_bins:
                bins = Bins.between(edges, self.extrapolation).astype(X.dtype)
                bins.components(column[:, np.newaxis], components[:, start:stop])
        return components

    def _check_state(self):
        if not hasattr(self, "bin_edges_"):
            return
        edges, n_bins = self.bin_edges_, self.n_bins_
        if not isinstance(edges, list) or len(edges) != self.n_features_in_:
            raise ValueError(
                f"bin_edges_ must be a list of {self.n_features_in_} arrays, one for "
                f"each column, got {edges!r}."
            )
        for i, column in enumerate(edges):
            check_edges(f"bin_edges_[{i}]", column)
        expected = [max(0, len(column) - 1) for column in edges]
        if np.asarray(n_bins).tolist() != expected:
            raise ValueError(f"n_bins_ must be {expected}, got {n_bins!r}.")

    def get_feature_names_out(self, input_features=None):
        """Return names of the components: the column's, with the number of the bin.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns; by default those that X had.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self, "bin_edges_")
        names = _check_feature_names_in(self, input_features)
        return np.array(
            [
                f"{name}_{i}"
                for name, n_bins in zip(names, self.n_bins_, strict=True)
                for i in range(n_bins)
            ],
            dtype=object,
        )

    def _read(self, X, reset):
        check_numeric(X)
        with within_floats(X=X):
            return validate_data(self, X, dtype=FLOATS, reset=reset)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.strategy == "tree"
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _known_quantiles(column, shares, sample_weight):
    """Return quantiles of what is not NaN; of nothing they are zeros."""
    known = ~np.isnan(column)
    if sample_weight is not None:
        known &= sample_weight > 0.0
        sample_weight = sample_weight[known]
    if not known.any():
        return np.zeros(len(shares))
    return quantiles_of(column[known], shares, sample_weight)


def _quantile_edges(column, n_bins, sample_weight):
    """Return quantiles, where a value that fills a bin by itself is an edge.

    The other bins share the other rows: in a column that is mostly zero plain quantiles
    would be zero, too.
    """
    values, places = np.unique(column.astype(np.float64), return_inverse=True)
    counts = np.bincount(places, sample_weight)
    values, counts = values[counts > 0.0], counts[counts > 0.0]
    if len(values) <= n_bins + 1:
        return _far_enough_apart(values, column.dtype)
    edges, n_left = [values[[0, -1]]], n_bins
    is_heavy = counts > counts.sum() / n_left
    while is_heavy.any() and is_heavy.sum() < n_left:
        edges.append(values[is_heavy])
        n_left -= int(is_heavy.sum())
        values, counts = values[~is_heavy], counts[~is_heavy]
        is_heavy = counts > counts.sum() / n_left
    edges.append(quantiles_of(values, np.linspace(0, 1, n_left + 1), counts))
    return _far_enough_apart(np.unique(np.concatenate(edges)), column.dtype)


def _tree_edges_function(y):
    """Return a function of a column: its ends, and where a tree splits it."""
    is_numeric = type_of_target(y).startswith("continuous")
    make = DecisionTreeRegressor if is_numeric else DecisionTreeClassifier

    def edges_of(column, n_bins, sample_weight):
        weights = np.ones(len(column)) if sample_weight is None else sample_weight
        # A leaf of fewer rows would tell what noise they have.
        leaf = max(1.0, min(64.0, weights.sum() // (4 * n_bins)))
        tree = make(
            max_leaf_nodes=max(2, n_bins),
            min_weight_fraction_leaf=min(0.5, leaf / weights.sum()),
            random_state=0,
        )
        tree.fit(column[:, np.newaxis], y, sample_weight)
        column = column[weights > 0.0]
        splits = tree.tree_.threshold[tree.tree_.feature >= 0]
        if n_bins == 1:
            splits = splits[:0]
        ends = float(column.min()), float(column.max())
        inside = splits[(splits > ends[0]) & (splits < ends[1])]
        return _far_enough_apart(np.unique([*ends, *inside]), column.dtype)

    return edges_of


def _far_enough_apart(edges, dtype):
    """Return edges without those that a dtype can hardly tell from the one before."""
    kept, precision = [edges[0]], 8.0 * float(np.finfo(dtype).eps)
    for edge in edges[1:-1]:
        smallest = precision * max(abs(edge), abs(kept[-1]))
        if edge - kept[-1] > smallest and edges[-1] - edge > smallest:
            kept.append(edge)
    return np.array([*kept, edges[-1]])
