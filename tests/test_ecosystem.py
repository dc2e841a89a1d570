"""Inside scikit-learn's tools, on real data."""

import copy
import inspect
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from _tools import tolerance
from conftest import DEFAULT_TABLE, KINDS, OURS, THEIRS, differences, outputs, table
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingRegressor
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    GridSearchCV,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {
    "hidden_layer_sizes": (16,),
    "max_iter": 40,
    "batch_size": 25,
    "learning_rate_init": 0.01,
}


def quick(kind, **settings):
    return OURS[kind](random_state=0, **{**QUICK, **settings})


def fitted(kind, **settings):
    X, y = table(DEFAULT_TABLE[kind])
    return quick(kind, **settings).fit(X, y), X, y


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_of_scikit_learn_is_there_with_its_default(kind):
    ours, theirs = (
        inspect.signature(classes[kind]).parameters for classes in (OURS, THEIRS)
    )
    own = {"dropout", "dtype", "l1_ratio", "loss", "scoring"}
    own |= {"class_weight"} if kind == "classifier" else set()
    assert set(ours) - set(theirs) == own - set(theirs)
    for name, parameter in theirs.items():
        assert ours[name].default == parameter.default, name
        positional = parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if name != "loss":
            assert (ours[name].kind is parameter.POSITIONAL_OR_KEYWORD) is positional
    assert list(ours)[:2] == ["hidden_layer_sizes", "activation"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_public_attribute_of_scikit_learn_is_there(kind):
    ours, X, y = fitted(kind)
    theirs = THEIRS[kind](random_state=0, **QUICK).fit(X, y)
    public = {name for name in dir(theirs) if not name.startswith("_")}
    own = ["X_val", "y_val", "sample_weight_val", "checkpoint"]
    assert public - set(dir(ours)) <= {"loss"}
    assert is_classifier(ours) is is_classifier(theirs)
    assert is_regressor(ours) is is_regressor(theirs)
    for name in ("score", "fit", "predict", "partial_fit"):
        mine, other = (
            list(inspect.signature(getattr(model, name)).parameters)
            for model in (ours, theirs)
        )
        assert mine == other + (own if name == "fit" else [])


CROSS_VALIDATED = [
    ("classifier", "breast_cancer", 0.95),
    ("classifier", "digits", 0.9),
    ("classifier", "wine", 0.95),
    ("classifier", "iris", 0.93),
    ("regressor", "diabetes", 0.35),
]


@pytest.mark.parametrize(("kind", "name", "expected"), CROSS_VALIDATED)
def test_cross_validation_through_a_pipeline(kind, name, expected):
    X, y = table(name)
    model = make_pipeline(StandardScaler(), quick(kind, alpha=1.0))
    scores = cross_val_score(model, X, y, cv=4)
    assert scores.mean() > expected


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_give_the_scores_of_one(kind):
    X, y = table(DEFAULT_TABLE[kind])
    one, two = (cross_val_score(quick(kind), X, y, cv=3, n_jobs=n) for n in (1, 2))
    # Training has one BLAS thread in either; the scores are of products that may be
    # shared by two threads in the one process alone.
    np.testing.assert_allclose(one, two, **tolerance(np.float64))


@pytest.mark.parametrize("kind", KINDS)
def test_searches(kind):
    X, y = table(DEFAULT_TABLE[kind])
    pipeline = make_pipeline(StandardScaler(), quick(kind))
    grid = {
        f"{OURS[kind].__name__.lower()}__{name}": values
        for name, values in {
            "alpha": [1e-4, 1.0],
            "hidden_layer_sizes": [(4,), (8, 4)],
        }.items()
    }
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    again = clone(search.best_estimator_).fit(X, y)
    assert differences(again[-1].coefs_, search.best_estimator_[-1].coefs_) == []
    drawn = RandomizedSearchCV(
        pipeline, grid, n_iter=2, cv=3, random_state=0, error_score="raise"
    ).fit(X, y)
    assert drawn.best_params_ in search.cv_results_["params"]
    assert drawn.best_score_ <= search.best_score_


CLASSIFIER_TOOLS = {
    "calibrated_sigmoid": lambda model: CalibratedClassifierCV(model, cv=3),
    "calibrated_isotonic": lambda model: CalibratedClassifierCV(
        model, cv=3, method="isotonic", ensemble=False
    ),
    "one_vs_rest": OneVsRestClassifier,
    "one_vs_one": OneVsOneClassifier,
    "bagging": lambda model: BaggingClassifier(model, n_estimators=3, random_state=0),
    "stacking": lambda model: StackingClassifier(
        [("a", model), ("b", clone(model))], quick("classifier"), cv=3
    ),
}


@pytest.mark.parametrize("tool", CLASSIFIER_TOOLS)
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_classifier_tools(tool, name):
    X, y = table(name)
    model = CLASSIFIER_TOOLS[tool](quick("classifier")).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.9


def test_multioutput_tools():
    X, y = table("multilabel")
    for tool in (MultiOutputClassifier, ClassifierChain):
        model = tool(quick("classifier")).fit(X, y)
        assert model.predict(X).shape == y.shape
        assert (model.predict(X) == y).mean() > 0.95
    X, y = table("linnerud")
    model = MultiOutputRegressor(quick("regressor", batch_size=5)).fit(X, y)
    assert model.predict(X).shape == y.shape


def test_regressor_tools():
    X, y = table("diabetes")
    model = TransformedTargetRegressor(quick("regressor"), transformer=StandardScaler())
    assert model.fit(X, 100 + 50 * y).score(X, 100 + 50 * y) > 0.4
    voting = VotingRegressor([("a", quick("regressor")), ("b", quick("regressor"))])
    single = quick("regressor").fit(X, y)
    np.testing.assert_allclose(voting.fit(X, y).predict(X), single.predict(X))


def test_inspection_and_selection():
    model, X, y = fitted("classifier")
    importances = permutation_importance(model, X, y, random_state=0).importances_mean
    assert set(np.argsort(importances)[-2:]) == {2, 3}  # The petals.
    selector = SequentialFeatureSelector(
        quick("classifier", max_iter=10), n_features_to_select=1, cv=2
    )
    assert selector.fit(X, y).get_support()[2:].any()
    probabilities = cross_val_predict(
        quick("classifier"), X, y, cv=3, method="predict_proba"
    )
    assert probabilities.shape == (len(X), 3)


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


COPIES = {
    "pickle": through_pickle,
    "joblib": through_joblib,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"warm_start": True}, {"solver": "lbfgs"}])
def test_copies_are_the_same_to_the_last_bit(how, kind, settings):
    model, X, y = fitted(kind, **settings)
    twin = COPIES[how](model)
    assert differences(vars(twin), vars(model)) == []
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    expected = differences(twin.fit(X, y).coefs_, model.fit(X, y).coefs_)
    assert expected == []


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("kind", KINDS)
def test_training_a_copy_leaves_the_original_alone(how, kind):
    model, X, y = fitted(kind, warm_start=True)
    before = copy.deepcopy(vars(model))
    COPIES[how](model).fit(X, y)
    COPIES[how](model).partial_fit(X, y)
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("kind", KINDS)
def test_clone_is_unfitted_and_equal_in_parameters(kind):
    model, X, y = fitted(kind, alpha=0.5, dtype="float64")
    twin = clone(model)
    assert twin.get_params() == model.get_params()
    assert not hasattr(twin, "coefs_")
    assert differences(twin.fit(X, y).coefs_, model.coefs_) == []


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_set_output_through_a_pipeline(output):
    X, y = table("wine")
    frame = pd.DataFrame(X, columns=[f"c{i}" for i in range(X.shape[1])])
    pipeline = make_pipeline(StandardScaler(), quick("classifier"))
    pipeline.set_output(transform=output).fit(frame, y)
    expected = make_pipeline(StandardScaler(), quick("classifier")).fit(X, y)
    np.testing.assert_allclose(
        pipeline.predict_proba(frame), expected.predict_proba(X), rtol=1e-6
    )
    has_names = hasattr(pipeline[-1], "feature_names_in_")
    assert has_names is (output != "default")


FRAMES = {
    "pandas": (pd.DataFrame, pd.Series),
    "polars": (lambda X, columns: pl.DataFrame(X, schema=columns), pl.Series),
}


@pytest.mark.parametrize("library", FRAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_frames_and_feature_names(library, kind):
    to_frame, to_series = FRAMES[library]
    expected, X, y = fitted(kind)
    names = [f"column {i}" for i in range(X.shape[1])]
    frame = to_frame(X, columns=names)
    model = quick(kind).fit(frame, to_series(y.tolist()))
    assert list(model.feature_names_in_) == names
    assert differences(model.coefs_, expected.coefs_) == []
    # Training gathers rows, but to predict the columns of a frame are multiplied.
    found = outputs(model, frame)
    np.testing.assert_allclose(found, outputs(expected, X), **tolerance(np.float64))
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)
    for columns in (names[::-1], [f"other {i}" for i in range(X.shape[1])]):
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(to_frame(X, columns=columns))
        with pytest.raises(ValueError, match="feature names should match"):
            model.partial_fit(to_frame(X, columns=columns), y)
    with pytest.warns(UserWarning, match="X has feature names"):
        expected.predict(frame)
    assert not hasattr(model.fit(X, y), "feature_names_in_")


@pytest.mark.parametrize("kind", KINDS)
def test_sample_weight_is_routed(kind):
    X, y = table(DEFAULT_TABLE[kind])
    weights = (np.arange(len(X)) % 2).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = quick(kind).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        model.set_partial_fit_request(sample_weight=True)
        runs = cross_validate(
            model, X, y, cv=2, params={"sample_weight": weights}, return_estimator=True
        )
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, model).fit(X, y, sample_weight=weights)
    unweighted = cross_validate(quick(kind), X, y, cv=2, return_estimator=True)
    assert differences(
        runs["estimator"][0].coefs_, unweighted["estimator"][0].coefs_
    ) == [".0", ".1"]
    scaled = StandardScaler().fit_transform(X)
    expected = quick(kind).fit(scaled, y, sample_weight=weights)
    assert differences(pipeline[-1].coefs_, expected.coefs_) == []


@pytest.mark.parametrize("kind", KINDS)
def test_weights_equal_repeated_rows(kind):
    X, y = table(DEFAULT_TABLE[kind])
    X, y = X[:60], y[:60]
    counts = np.arange(60) % 3
    settings = {"solver": "sgd", "shuffle": False, "batch_size": 1000, "max_iter": 30}
    weighted = quick(kind, **settings)
    repeated = quick(kind, **settings)
    with pytest.warns(UserWarning, match="Got `batch_size` less than 1 or larger"):
        weighted.fit(X, y, sample_weight=counts)
        repeated.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-9)
    for mine, other in zip(weighted.coefs_, repeated.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-9)
