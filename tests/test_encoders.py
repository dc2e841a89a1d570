"""The encoders of numeric columns: by definition, and as scikit-learn has them."""

import pickle

import numpy as np
import pandas as pd
import pytest
from conftest import passes, table
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_backprop import MLPClassifier
from sklearn_backprop.tabular import PiecewiseLinearEncoder, RobustClipScaler

ENCODERS = [
    RobustClipScaler(),
    PiecewiseLinearEncoder(),
    PiecewiseLinearEncoder(n_bins=5, strategy="tree"),
]


@parametrize_with_checks(ENCODERS)
def test_scikit_learn_check(estimator, check):
    passes(estimator, check)


def components(x, edges, extrapolation=1.0):
    """Gorishniy et al. (2022), equation 1, with bounded ends, in plain loops."""
    found = []
    for t, (start, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        lowest = -extrapolation if t == 0 else 0.0
        highest = 1.0 + extrapolation if t == len(edges) - 2 else 1.0
        found.append(min(max((x - start) / (end - start), lowest), highest))
    return found


@pytest.mark.parametrize("strategy", ["quantile", "tree"])
@pytest.mark.parametrize("n_bins", [1, 2, 7])
@pytest.mark.parametrize("name", ["iris", "diabetes"])
def test_components_are_those_of_the_definition(name, n_bins, strategy):
    X, y = table(name)
    encoder = PiecewiseLinearEncoder(n_bins, strategy=strategy, extrapolation=0.5)
    encoder.fit(X, y)
    assert all(len(edges) - 1 <= n_bins for edges in encoder.bin_edges_)
    assert_array_equal(encoder.n_bins_, [len(e) - 1 for e in encoder.bin_edges_])
    wide = np.concatenate([X[:20], 3.0 * X[:20]])
    expected = [
        np.concatenate(
            [
                components(x, edges, 0.5)
                for x, edges in zip(row, encoder.bin_edges_, strict=True)
            ]
        )
        for row in wide
    ]
    assert_allclose(encoder.transform(wide), expected, rtol=1e-12, atol=1e-12)


def test_a_linear_model_of_components_bends_at_the_edges():
    x = np.linspace(-3.0, 3.0, 400)[:, np.newaxis]
    y = np.abs(x[:, 0])
    plain = LinearRegression().fit(x, y)
    bent = make_pipeline(PiecewiseLinearEncoder(n_bins=8), LinearRegression()).fit(x, y)
    assert plain.score(x, y) < 0.1
    assert bent.score(x, y) > 0.99


def test_a_tree_puts_edges_where_the_target_jumps():
    x = np.linspace(0.0, 1.0, 500)[:, np.newaxis]
    for y in (np.where(x[:, 0] > 0.8, "high", "low"), 1.5 * (x[:, 0] > 0.8)):
        encoder = PiecewiseLinearEncoder(2, strategy="tree").fit(x, y)
        assert_allclose(encoder.bin_edges_[0], [0.0, 0.8, 1.0], atol=2e-3)


def test_quantiles_that_are_equal_make_one_bin():
    x = np.repeat([0.0, 0.0, 0.0, 5.0, 9.0], 20)[:, np.newaxis]
    encoder = PiecewiseLinearEncoder(32).fit(x)
    assert_array_equal(encoder.bin_edges_[0], [0.0, 5.0, 9.0])


CONSTANT = {
    "constant": np.full(30, 7.0),
    "nearly": 1e9 + np.linspace(0.0, 5e-7, 30),
    "zero": np.zeros(30),
}


@pytest.mark.parametrize("name", CONSTANT)
def test_a_constant_column_has_no_component_and_no_scale(name):
    X = np.column_stack([CONSTANT[name], np.arange(30.0)])
    encoder = PiecewiseLinearEncoder(3).fit(X)
    assert encoder.n_bins_.tolist() == [0, 3]
    assert encoder.transform(1e6 * X).shape == (30, 3)
    assert encoder.get_feature_names_out().tolist() == ["x1_0", "x1_1", "x1_2"]
    scaled = RobustClipScaler().fit(X).transform(2.0 * X + 1.0)
    assert not scaled[:, 0].any() and scaled[:, 1].any()


def test_only_constant_columns_leave_nothing():
    encoder = PiecewiseLinearEncoder().fit(np.ones((5, 2)))
    assert encoder.transform(np.ones((3, 2))).shape == (3, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
def test_huge_values_stay_bounded_and_precision_is_kept(encoder, dtype):
    X, y = table("iris")
    encoder = clone(encoder).fit(X.astype(dtype), y)
    largest = np.finfo(dtype).max / 100
    far = np.array([[-largest] * 4, [largest] * 4], dtype)
    found = encoder.transform(far)
    assert found.dtype == dtype
    limit = 3.0 if isinstance(encoder, RobustClipScaler) else 2.0
    assert np.isfinite(found).all() and np.abs(found).max() <= limit * (1 + 1e-6)


def test_robust_scaling_is_by_median_and_quartiles():
    X, _ = table("diabetes")
    scaler = RobustClipScaler(limit=2.0).fit(X)
    lower, median, upper = np.quantile(
        X, (0.25, 0.5, 0.75), axis=0, method="averaged_inverted_cdf"
    )
    spread = np.where(upper > lower, upper - lower, np.ptp(X, axis=0) / 2)
    z = (X - median) / spread
    assert_allclose(scaler.transform(X), z / np.sqrt(1 + (z / 2) ** 2))
    assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, atol=1e-9)


def test_missing_values_pass_the_scaler_and_are_named_by_the_encoder():
    X, _ = table("iris")
    X = X.copy()
    X[::3, 1] = np.nan
    scaled = RobustClipScaler().fit_transform(X)
    assert_array_equal(np.isnan(scaled), np.isnan(X))
    there = ~np.isnan(X[:, 1])
    alone = RobustClipScaler().fit_transform(X[there, 1:2])
    assert_allclose(scaled[there, 1:2], alone)
    with pytest.raises(ValueError, match="PiecewiseLinearEncoder does not accept miss"):
        PiecewiseLinearEncoder().fit(X)
    X[:, 0] = np.nan
    assert np.isnan(RobustClipScaler().fit_transform(X)[:, 0]).all()


@pytest.mark.parametrize("encoder", ENCODERS, ids=repr)
def test_names_of_frames_are_kept(encoder):
    X, y = table("iris")
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    encoder = clone(encoder).fit(frame, y)
    names = encoder.get_feature_names_out()
    assert {name.partition("_")[0] for name in names} == {"a", "b", "c", "d"}
    as_frame = encoder.set_output(transform="pandas").transform(frame)
    assert as_frame.columns.tolist() == names.tolist()
    again = pickle.loads(pickle.dumps(encoder))
    assert_array_equal(again.transform(frame), as_frame)
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(frame.rename(columns={"a": "z"}))


def test_components_help_a_network_in_a_pipeline():
    rng = np.random.RandomState(0)
    X = rng.uniform(-1, 1, (600, 2))
    y = (np.sin(12 * X[:, 0]) > 0).astype(int)
    network = MLPClassifier((16,), max_iter=300, tol=1e-3, random_state=0)
    plain = clone(network).fit(X[:400], y[:400]).score(X[400:], y[400:])
    encoded = make_pipeline(PiecewiseLinearEncoder(32), network)
    assert encoded.fit(X[:400], y[:400]).score(X[400:], y[400:]) > plain + 0.15
