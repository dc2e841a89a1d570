"""The estimators for tables: what they learn from frames of every kind."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sklearn
from _frames import KINDS, N_ROWS, TABULAR, mixed, new, targets
from conftest import differences, outputs, passes
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_backprop.network import Network
from sklearn_backprop.tabular.defaults import settings_for
from sklearn_backprop.tabular.plans import Data, plan_groups


@pytest.fixture(scope="module", params=KINDS)
def fitted(request):
    frame = mixed()
    kind = request.param
    return kind, new(kind).fit(frame, targets(kind, frame)), frame


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
@parametrize_with_checks(
    [new(kind, n_estimators=2, max_iter=20, random_state=None) for kind in KINDS]
)
def test_scikit_learn_check(estimator, check):
    passes(estimator, check)


REAL = {
    "breast_cancer": ("classifier", load_breast_cancer, 0.94),
    "wine": ("classifier", load_wine, 0.9),
    "diabetes": ("regressor", load_diabetes, 0.3),
}


@pytest.mark.parametrize("name", REAL)
def test_defaults_are_good_on_real_tables(name):
    kind, load, least = REAL[name]
    X, y = load(return_X_y=True, as_frame=True)
    model = TABULAR[kind](random_state=0).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > least


SAME = {
    "pandas": lambda frame: frame,
    "pyarrow": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "objects": lambda frame: frame.astype(object),
    "category": lambda frame: frame.astype({"word": "category"}),
    "polars": pl.from_pandas,
    "array": lambda frame: frame.astype(object).to_numpy(),
    "list": lambda frame: frame.astype(object).to_numpy().tolist(),
}


@pytest.mark.parametrize("form", SAME)
def test_frames_of_every_kind_make_the_same_model(fitted, form):
    kind, expected, frame = fitted
    given = SAME[form](frame)
    model = new(kind).fit(given, targets(kind, frame))
    assert differences(model.networks_, expected.networks_) == []
    assert_array_equal(outputs(model, given), outputs(expected, frame))


def _extended(frame, **columns):
    return frame.assign(**columns)


HARMLESS = {
    "constant": lambda frame: frame.assign(new=1.0),
    "constant_word": lambda frame: frame.assign(new="same"),
    "almost_constant": lambda frame: frame.assign(
        new=1.0 + 1e-9 * np.arange(len(frame))
    ),
    "all_missing": lambda frame: frame.assign(new=np.nan),
}


@pytest.mark.parametrize("column", HARMLESS)
def test_columns_that_say_nothing_change_nothing(fitted, column):
    kind, expected, frame = fitted
    model = new(kind).fit(HARMLESS[column](frame), targets(kind, frame))
    assert differences(model.networks_, expected.networks_) == []


def test_duplicate_columns_and_none_that_say_anything_are_fine():
    frame = mixed()
    for kind in KINDS:
        y = targets(kind, frame)
        twice = new(kind).fit(frame.assign(again=frame["count"]), y)
        assert np.isfinite(outputs(twice, frame.assign(again=frame["count"]))).all()
        nothing = new(kind).fit(np.ones((len(frame), 2)), y)
        found = outputs(nothing, np.ones((3, 2)))
        assert_allclose(found, found[[0, 0, 0]], rtol=1e-5)


ONE_VALUE_AND_GAPS = {
    "float": lambda n: np.where(np.arange(n) % 2, np.nan, 5.0),
    "Int64": lambda n: pd.array([5, None] * (n // 2), "Int64"),
    "boolean": lambda n: pd.array([True, None] * (n // 2), "boolean"),
    "arrow": lambda n: pd.array([5, None] * (n // 2), "int64[pyarrow]"),
}


@pytest.mark.parametrize("dtype", ONE_VALUE_AND_GAPS)
def test_gaps_say_something_beside_a_single_value(dtype):
    frame = pd.DataFrame({"flag": ONE_VALUE_AND_GAPS[dtype](N_ROWS)})
    is_known = np.arange(N_ROWS) % 2 == 0
    for kind in KINDS:
        model = new(kind, max_iter=20).fit(frame, is_known.astype(int))
        assert model.score(frame, is_known.astype(int)) > 0.9
        beside = mixed().assign(flag=frame["flag"])
        model = new(kind).fit(beside, targets(kind, beside))
        assert np.isfinite(outputs(model, beside)).all()


def test_large_integers_are_categories_of_their_own():
    """As floats they would be the same."""
    codes = np.array([2**60, 2**60 + 1] * 50)
    frame = pd.DataFrame({"code": pd.Categorical(codes)})
    y = np.arange(100) % 2
    assert new("classifier", max_iter=20).fit(frame, y).score(frame, y) == 1.0


def test_what_training_has_not_seen_is_predicted(fitted):
    _, model, frame = fitted
    strange = frame[:4].copy()
    strange["word"] = ["violet", None, "red", "violet"]
    strange["count"] = pd.array([None, 1000, -1000, 3], "Int64")
    strange["number"] = [1e300, -1e300, np.nan, 0.0]
    assert np.isfinite(outputs(model, strange)).all()


def test_numbers_may_be_named_as_categories(fitted):
    kind, expected, frame = fitted
    names = ["count", "word"]
    model = new(kind, categorical_features=names).fit(frame, targets(kind, frame))
    assert model.preprocessor_.categorical_ == [1, 2]
    assert differences(model.networks_, expected.networks_)


@pytest.mark.parametrize("kind", KINDS)
def test_one_row_one_class_and_few_rows_are_fitted(kind):
    frame = mixed()
    y = targets(kind, frame)
    for n_rows in (1, 2, 7, 60):
        model = new(kind).fit(frame[:n_rows], y[:n_rows])
        assert np.isfinite(outputs(model, frame)).all()
    constant = new(kind).fit(frame, y[[0] * len(y)])
    assert (constant.predict(frame) == y[0]).all()


@pytest.mark.parametrize("n_common", [0, 150])
def test_many_rare_labels_are_held_out_too(n_common):
    """Of each there is one to train on, whatever is held out."""
    y = np.concatenate([np.repeat(np.arange(1, 31), 9), np.zeros(n_common, int), [31]])
    X = np.random.default_rng(0).normal(size=(len(y), 3))
    data = Data(X, y, None)
    settings = settings_for("classification", len(y))
    plans = plan_groups(8, data, y, None, settings, np.random.RandomState(0))
    assert len(plans) == 4
    for plan in plans:
        n_held_out = len(plan.held_out.targets)
        assert 0.05 * len(y) < n_held_out < 0.15 * len(y)
        assert np.mean(plan.held_out.targets > 0) > 0.5
        assert set(y[plan.rows]) == set(y)
        assert len(plan.rows) + n_held_out == len(y)
    twice = np.repeat(np.arange(40), 2)
    data = Data(np.zeros((80, 1)), twice, None)
    for plan in plan_groups(8, data, twice, None, settings, np.random.RandomState(0)):
        assert set(twice[plan.rows]) == set(range(40))


def test_a_rare_label_is_trained_on_by_all_and_predicted():
    frame = mixed()
    y = targets("classifier", frame).astype(object)
    y[:2] = "rare"
    model = new("classifier").fit(frame, y)
    assert model.classes_.tolist() == ["no", "rare", "yes"]
    assert model.predict_proba(frame).shape == (N_ROWS, 3)


LABELS = {
    "bool": np.array([False, True]),
    "int": np.array([-1, 5]),
    "text": np.array(["a", "b"]),
    "many": np.arange(12),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_every_kind_come_back(name):
    labels = LABELS[name]
    X = np.arange(600.0)[:, np.newaxis] % len(labels)
    y = labels[X[:, 0].astype(int)]
    model = new("classifier", max_iter=30).fit(X, y)
    assert_array_equal(model.classes_, labels)
    assert model.predict(X).dtype == labels.dtype
    assert model.score(X, y) > 0.9
    assert_allclose(model.predict_proba(X).sum(axis=1), 1.0, rtol=1e-12)


def test_class_weight_moves_the_probabilities():
    frame = mixed()
    y = targets("classifier", frame)
    settings = {"None": None, "yes": {"no": 1, "yes": 9}, "balanced": "balanced"}
    models = {
        name: new("classifier", class_weight=weight).fit(frame, y)
        for name, weight in settings.items()
    }
    share = {n: model.predict_proba(frame)[:, 1].mean() for n, model in models.items()}
    assert share["yes"] > share["None"] + 0.1
    by_hand = np.where(y == "yes", 9.0, 1.0)
    weighted = new("classifier").fit(frame, y, sample_weight=by_hand)
    assert differences(weighted.classes_, models["yes"].classes_) == []


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_zero_count_for_nothing(kind):
    frame = mixed(40)
    y = targets(kind, frame)
    weights = np.ones(40)
    weights[30:] = 0.0
    model = new(kind).fit(frame, y, sample_weight=weights)
    expected = new(kind).fit(frame[:30], y[:30])
    assert_allclose(outputs(model, frame), outputs(expected, frame), rtol=1e-9)


def test_probabilities_are_calibrated_on_rows_held_out():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 5))
    y = (X[:, 0] + rng.normal(scale=2.0, size=600) > 0).astype(int)
    model = new("classifier", max_iter=60).fit(X[:300], y[:300])
    found = log_loss(y[300:], model.predict_proba(X[300:]))
    # The public temperatures are what is predicted with.
    model.temperatures_ = np.full(len(model.networks_), 0.1)
    assert log_loss(y[300:], model.predict_proba(X[300:])) > found + 0.1
    assert model.validation_loss_curve_[-1] > min(model.validation_loss_curve_)
    assert all(1 <= best <= 60 for best in model.best_iter_)


def test_validation_data_takes_the_place_of_held_out_rows(fitted):
    kind, held_out, frame = fitted
    y, other = targets(kind, frame), mixed(50, seed=1)
    y_other = targets(kind, other)
    weights = np.linspace(0.5, 2.0, 50)
    seen = []
    unwatched = Network.loss_gradient

    def watched(self, inputs, *args):
        seen.append(len(inputs))
        return unwatched(self, inputs, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Network, "loss_gradient", watched)
        model = new(kind).fit(
            frame, y, X_val=other, y_val=y_other, sample_weight_val=weights
        )
    assert sum(seen) == len(model.networks_) * N_ROWS * model.n_iter_
    assert differences(model.networks_, held_out.networks_)
    assert len(model.validation_loss_curve_) == model.n_iter_
    pipeline = make_pipeline(FunctionTransformer(), new(kind))
    assert np.isfinite(outputs(pipeline.fit(frame, y), other)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_validation_rows_that_do_not_count_say_nothing(kind):
    frame, other = mixed(), mixed(50, seed=1)
    y, y_other = targets(kind, frame), targets(kind, other)
    weights = np.repeat([1.0, 0.0], 25)
    fits = [
        new(kind).fit(frame, y, X_val=X_val, y_val=y_val, sample_weight_val=w)
        for X_val, y_val, w in [
            (other, y_other, weights),
            (other[:25], y_other[:25], weights[:25]),
        ]
    ]
    for name in {"temperatures_", "group_weights_"} & vars(fits[0]).keys():
        assert_array_equal(getattr(fits[0], name), getattr(fits[1], name))
    assert differences(fits[0].networks_, fits[1].networks_) == []


def test_temperatures_that_are_too_small_make_an_error():
    frame = mixed()
    model = new("classifier").fit(frame, targets("classifier", frame))
    model.temperatures_ = np.full(len(model.networks_), 1e-320)
    with pytest.raises(ValueError, match="temperatures_ are too small, got array"):
        model.predict_proba(frame)


def test_targets_of_any_scale_are_predicted_in_their_units():
    frame = mixed()
    y = targets("regressor", frame)
    expected = new("regressor", max_iter=30).fit(frame, y).predict(frame)
    for factor, shift in [(1e-200, 0.0), (1e6, -3e9), (-1.0, 5.0), (2**60, 0.0)]:
        scaled = new("regressor", max_iter=30).fit(frame, factor * y + shift)
        within = {"rtol": 0, "atol": 0.02 * np.ptp(factor * y)}
        if factor < 0:  # Not the same rounding, nor the same network.
            within["atol"] *= 5
        assert_allclose(scaled.predict(frame), factor * expected + shift, **within)


def test_several_outputs_and_quantiles_have_their_shapes():
    frame = mixed()
    y = targets("regressor", frame)
    both = np.stack([y, -y], axis=1)
    quantiles = [0.9, 0.1, 0.5]
    one = new("regressor", quantiles=quantiles).fit(frame, y).predict(frame)
    two = new("regressor", quantiles=quantiles).fit(frame, both).predict(frame)
    assert new("regressor").fit(frame, both).predict(frame).shape == (N_ROWS, 2)
    assert one.shape == (N_ROWS, 3) and two.shape == (N_ROWS, 2, 3)
    for found in (one, two):
        assert (found[..., 1] <= found[..., 2]).all()
        assert (found[..., 2] <= found[..., 0]).all()
    assert y.min() <= one.min() and one.max() <= y.max()


def test_quantiles_cover_their_share():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(3000, 2))
    y = X[:, 0] + rng.normal(scale=1.0 + 0.5 * X[:, 1], size=3000)
    model = new("regressor", quantiles=[0.1, 0.9], max_iter=20).fit(X[::2], y[::2])
    lower, upper = model.predict(X[1::2]).T
    assert 0.05 < np.mean(y[1::2] < lower) < 0.16
    assert 0.05 < np.mean(y[1::2] > upper) < 0.16


@pytest.mark.parametrize(
    ("n_estimators", "n_groups"), [(1, 1), (2, 2), (5, 4), (12, 6), (60, 20)]
)
def test_so_many_networks_are_trained(n_estimators, n_groups):
    frame = mixed()
    for kind in KINDS:
        model = new(kind, n_estimators=n_estimators)
        model.fit(frame, targets(kind, frame))
        sizes = [len(group["scales"]) for group in model.networks_]
        assert sum(sizes) == n_estimators
        assert len(sizes) == n_groups
        assert max(sizes) - min(sizes) <= 1


def test_settings_reach_the_networks():
    frame = mixed()
    y = targets("regressor", frame)
    plain = new("regressor").fit(frame, y)
    others = {
        "dropout": 0.3,
        "batch_size": 24,
        "learning_rate_init": 0.02,
        "hidden_layer_sizes": "16x2",
    }
    for name, value in others.items():
        model = new("regressor", **{name: value}).fit(frame, y)
        assert differences(model.networks_, plain.networks_), name
    assert len(model.networks_[0]["coefs"]) == 3


CATEGORIES = {
    "integers": pd.Categorical(np.arange(N_ROWS) % 5),
    "floats": pd.Categorical(np.arange(N_ROWS) % 5 / 10),
    "flags": pd.Categorical(np.arange(N_ROWS) % 2 == 0),
    "intervals": pd.cut(np.arange(N_ROWS) % 50, 5),
    "arrow": pd.arrays.ArrowExtensionArray(
        pa.array(np.arange(N_ROWS) % 5).dictionary_encode()
    ),
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_a_categorical_type_makes_categories_whatever_the_levels_are(name):
    frame = pd.DataFrame({"level": CATEGORIES[name], "number": np.arange(N_ROWS)})
    for kind in KINDS:
        y = np.arange(N_ROWS) % 5 == 3
        model = new(kind).fit(frame, y.astype(int))
        assert model.preprocessor_.categorical_ == [0]
        assert model.preprocessor_.n_levels_[0] == (2 if name == "flags" else 5)
        assert np.isfinite(outputs(model, frame[:3])).all()


def test_lists_say_the_same_in_whatever_rows():
    rows = [[1.5, "a"], [2.5, "b"], [0.5, "a"]] * 20
    model = new("classifier").fit(rows, ["x", "y", "x"] * 20)
    assert model.preprocessor_.numeric_ == [0]
    whole = model.predict_proba(rows)
    assert_allclose(model.predict_proba(rows[:1]), whole[:1], rtol=1e-9)


FAR_VALUES = {
    # Four fifths of the rows near zero, and what counts among the others.
    "tail": lambda rng, n: np.where(
        rng.random(n) < 0.8, rng.random(n), 10.0 ** rng.uniform(4, 6, n)
    ),
    "offset": lambda rng, n: 1e9 + rng.integers(0, 600, n),
    "tiny": lambda rng, n: 1e-9 * rng.normal(size=n),
    "huge": lambda rng, n: 1e300 * rng.normal(size=n),
    "largest": lambda rng, n: 1.7e308 * rng.choice([-1.0, 0.5, 1.0], n),
}


@pytest.mark.parametrize("name", FAR_VALUES)
def test_values_of_any_size_can_be_told_apart(name):
    rng = np.random.default_rng(0)
    x = FAR_VALUES[name](rng, 1000)
    y = x > np.quantile(x, 0.9 if name == "tail" else 0.5)
    model = new("classifier", max_iter=40).fit(x[:, np.newaxis], y)
    found = model.predict(x[:, np.newaxis])
    assert np.mean(found[x > np.median(x)] == y[x > np.median(x)]) > 0.9


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_the_output_that_is_set_for_transformers_has_no_part(fitted, output):
    kind, model, frame = fitted
    with sklearn.config_context(transform_output=output):
        again = new(kind).fit(frame, targets(kind, frame))
        assert_array_equal(outputs(again, frame), outputs(model, frame))


def test_what_was_fitted_is_predicted_and_not_what_is_set_now():
    frame = mixed()
    y = targets("regressor", frame)
    model = new("regressor", quantiles=[0.1, 0.9]).fit(frame, y)
    expected = model.predict(frame)
    for quantiles in (None, [0.9, 0.1], [0.5]):
        model.set_params(quantiles=quantiles)
        assert_array_equal(model.predict(frame), expected)
    assert model.quantiles_.tolist() == [0.1, 0.9]
