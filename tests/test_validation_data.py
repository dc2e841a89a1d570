"""Validation data given to `fit`: what it decides, and what is said of it."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import (
    DEFAULT_TABLE,
    KIND_OF,
    KINDS,
    OURS,
    differences,
    random_weights,
    snapshot,
    table,
)
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TABLES = ["iris", "breast_cancer", "multilabel", "diabetes", "two_targets"]


def split(name):
    X, y = table(name)
    return X[40:], y[40:], {"X_val": X[:40], "y_val": y[:40]}


def new(kind, **settings):
    defaults = {"max_iter": 15, "random_state": 0, "learning_rate_init": 0.02}
    return OURS[kind]((6,), **defaults | settings)


@pytest.mark.parametrize("as_X", [np.array, sp.csr_array, sp.csc_matrix, pd.DataFrame])
@pytest.mark.parametrize("name", TABLES)
def test_given_data_is_scored_and_changes_nothing(name, as_X):
    X, y, validation = split(name)
    validation["X_val"] = as_X(validation["X_val"])
    plain = new(KIND_OF[name]).fit(as_X(X), y)
    model = new(KIND_OF[name]).fit(as_X(X), y, **validation)
    assert differences(model.coefs_, plain.coefs_) == []
    assert model.loss_curve_ == plain.loss_curve_
    assert model.best_loss_ == plain.best_loss_
    curves = model.validation_scores_, model.validation_loss_curve_
    assert [len(curve) for curve in curves] == [model.n_iter_] * 2
    score = model.score(validation["X_val"], validation["y_val"])
    assert model.validation_scores_[-1] == pytest.approx(score)
    best = int(np.argmax(model.validation_scores_))
    assert model.best_iter_ == best + 1
    assert model.best_validation_score_ == model.validation_scores_[best]
    assert plain.validation_loss_curve_ is plain.best_iter_ is None


@pytest.mark.parametrize("scoring", [None, "loss"])
@pytest.mark.parametrize("name", TABLES)
def test_given_data_decides_when_to_stop(name, scoring):
    X, y, validation = split(name)
    settings = {"early_stopping": True, "max_iter": 60, "learning_rate_init": 0.1}
    model = new(KIND_OF[name], scoring=scoring, n_iter_no_change=3, **settings)
    model.fit(X, y, **validation)
    assert model.best_iter_ < model.n_iter_ < 60
    assert model.t_ == model.n_iter_ * len(X)  # No rows are held out.
    again = new(KIND_OF[name], max_iter=model.best_iter_, learning_rate_init=0.1)
    again.fit(X, y, **validation)
    assert differences(model.coefs_, again.coefs_) == []  # The best parameters.
    if scoring == "loss":
        losses = np.array(model.validation_loss_curve_)
        assert model.validation_scores_ == (-losses).tolist()
    else:
        score = model.score(*validation.values())
        assert model.best_validation_score_ == pytest.approx(score)


def mean_error(estimator, X, y, sample_weight=None):
    errors = np.abs(estimator.predict(X) - y)
    return -np.average(errors.reshape(len(X), -1).mean(axis=1), weights=sample_weight)


SCORINGS = {
    "regressor": [
        "neg_mean_absolute_error",
        mean_error,
        make_scorer(mean_absolute_error, greater_is_better=False),
    ],
    "classifier": ["neg_log_loss", "balanced_accuracy", "f1_macro"],
}
CASES = [(kind, scoring) for kind in KINDS for scoring in SCORINGS[kind]]


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("kind", "scoring"), CASES, ids=str)
def test_any_scorer_decides(kind, scoring, weighted, held_out):
    X, y, validation = split(DEFAULT_TABLE[kind])
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    weights = {}
    if weighted:
        weights["sample_weight"] = random_weights(len(X))
        validation["sample_weight_val"] = random_weights(40)
    if held_out:
        validation = {}
    else:
        validation["X_val"] = pd.DataFrame(validation["X_val"], columns=frame.columns)
    model = new(kind, scoring=scoring, early_stopping=True)
    model.fit(frame, y, **weights, **validation)
    assert model.best_validation_score_ == max(model.validation_scores_)
    if not held_out:
        extra = {"sample_weight": random_weights(40)} if weighted else {}
        scorer = check_scoring(model, scoring)
        found = scorer(model, validation["X_val"], validation["y_val"], **extra)
        assert model.best_validation_score_ == pytest.approx(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_pipeline_transforms_validation_data_on_its_way(kind):
    X, y, validation = split(DEFAULT_TABLE[kind])
    X, validation["X_val"] = 5.0 * X + 3.0, 5.0 * validation["X_val"] + 3.0
    scaler = StandardScaler().fit(X)
    scaled = {**validation, "X_val": scaler.transform(validation["X_val"])}
    weights = {"sample_weight": random_weights(len(X))}
    scaled |= {"sample_weight_val": random_weights(40)}
    expected = new(kind, early_stopping=True)
    expected.fit(scaler.transform(X), y, **weights, **scaled)
    with config_context(enable_metadata_routing=True):
        request = dict.fromkeys(["sample_weight", *scaled], True)
        network = new(kind, early_stopping=True).set_fit_request(**request)
        unweighted = StandardScaler().set_fit_request(sample_weight=False)
        steps = [("scale", unweighted), ("network", network)]
        pipeline = Pipeline(steps, transform_input=["X_val"])
        pipeline.fit(X, y, **weights, **{**scaled, "X_val": validation["X_val"]})
        model = pipeline[-1]
        assert differences(model.coefs_, expected.coefs_) == []
        assert model.validation_scores_ == expected.validation_scores_
        network.set_score_request(sample_weight=True)
        search = GridSearchCV(network, {"alpha": [1e-4, 1.0]}, cv=2)
        search.fit(X, y, **weights, **scaled)
        assert len(search.best_estimator_.validation_scores_) > 0


@pytest.mark.parametrize("kind", KINDS)
def test_parts_equal_the_whole_and_other_validation_data_begins_anew(kind):
    X, y, validation = split(DEFAULT_TABLE[kind])
    settings = {"early_stopping": True, "n_iter_no_change": 50}
    whole = new(kind, **settings, max_iter=10).fit(X, y, **validation)
    parts = new(kind, **settings, max_iter=5, warm_start=True)
    parts.fit(X, y, **validation).fit(X, y, **validation)
    assert differences(parts.coefs_, whole.coefs_) == []
    assert parts.validation_loss_curve_ == whole.validation_loss_curve_
    assert parts.best_iter_ == whole.best_iter_
    fewer = {name: value[:20] for name, value in validation.items()}
    parts.set_params(max_iter=1).fit(X, y, **fewer)
    assert parts.best_validation_score_ == parts.validation_scores_[-1]
    assert parts.best_iter_ == 11


@pytest.mark.parametrize("scoring", ["loss", mean_error, "neg_mean_squared_error"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_another_score_has_a_best_of_its_own(early_stopping, scoring):
    X, y, validation = split("diabetes")
    model = new("regressor", early_stopping=early_stopping, warm_start=True, max_iter=4)
    model.fit(X, y, **validation).set_params(scoring=scoring).fit(X, y, **validation)
    assert model.best_validation_score_ == max(model.validation_scores_[4:])
    assert model.best_iter_ > 4
    assert model.validation_scores_[model.best_iter_ - 1] == max(
        model.validation_scores_[4:]
    )


def test_other_weights_of_the_validation_data_have_a_best_of_their_own():
    X, y, validation = split("iris")
    weights = np.where(np.arange(40) < 3, 1.0, 1e-6)
    model = new("classifier", early_stopping=True, warm_start=True, scoring="loss")
    model.fit(X, y, **validation, sample_weight_val=weights)
    n = model.n_iter_
    model.fit(X, y, **validation)
    assert model.best_iter_ > n
    assert model.best_validation_score_ == max(model.validation_scores_[n:])


def test_a_best_score_that_was_only_watched_does_not_stop():
    X, y, validation = split("iris")
    model = new("classifier", warm_start=True, max_iter=30).fit(X, y, **validation)
    model.set_params(early_stopping=True, n_iter_no_change=2, max_iter=3)
    model.fit(X, y, **validation)
    assert model.best_iter_ > 30
    assert model.score(*validation.values()) == model.best_validation_score_


def test_one_row_has_no_r2_and_that_is_said():
    X, y, validation = split("diabetes")
    one = {name: value[:1] for name, value in validation.items()}
    with pytest.raises(ValueError, match="at least two rows.*scoring='loss' does"):
        new("regressor").fit(X, y, **one)
    assert new("regressor", scoring="loss").fit(X, y, **one).best_iter_ > 0


# What is wrong: changes of the arguments, and the error.
WRONG = {
    "X_val_alone": ({"y_val": None}, "X_val is provided, but y_val was not"),
    "y_val_alone": ({"X_val": None}, "y_val is provided, but X_val was not"),
    "weights_alone": (
        {"X_val": None, "y_val": None, "sample_weight_val": [1.0]},
        "sample_weight_val is provided, but X_val was not",
    ),
    "columns": (
        {"X_val": np.ones((40, 2))},
        "validation data, X_val and y_val: .*2 fea",
    ),
    "rows": ({"X_val": None}, "y_val is provided"),
    "length": ({"y_val": np.arange(39)}, "validation data.*inconsistent numbers"),
    "nan": ({"X_val": np.full((40, 4), np.nan)}, "validation data.*NaN"),
    "text": ({"X_val": np.full((40, 4), "a")}, "validation data.*could not convert"),
    "weights": ({"sample_weight_val": -np.ones(40)}, "validation data.*[Nn]egative"),
    "zero_weights": ({"sample_weight_val": np.zeros(40)}, "validation data.*zero"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_is_named_before_anything_changes(kind, name):
    X, y, validation = split(DEFAULT_TABLE[kind])
    X, validation["X_val"] = X[:, :4], validation["X_val"][:, :4]
    changes, message = WRONG[name]
    model = new(kind).fit(X, y)
    before = snapshot(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **validation | changes)
    assert differences(vars(model), before) == []


def test_targets_that_do_not_go_with_the_training_data_are_named():
    X, y, validation = split("iris")
    validation["y_val"] = np.full(40, "rose")
    with pytest.raises(ValueError, match="validation data.*classes not in .*rose"):
        new("classifier").fit(X, y, **validation)
    X, y, validation = split("counts")
    validation["y_val"] = -1.0 - validation["y_val"]
    with pytest.raises(ValueError, match="validation data.*loss='poisson' needs y"):
        new("regressor", loss="poisson").fit(X, y, **validation)
    X, y, validation = split("two_targets")
    validation["y_val"] = validation["y_val"][:, 0]
    with pytest.raises(ValueError, match=r"validation data.*y has 1 output\(s\), but"):
        new("regressor").fit(X, y, **validation)


@pytest.mark.parametrize("kind", KINDS)
def test_lbfgs_has_no_epochs_to_validate(kind):
    X, y, validation = split(DEFAULT_TABLE[kind])
    with pytest.raises(ValueError, match="X_val and y_val do not go with solver='lbfg"):
        new(kind, solver="lbfgs").fit(X, y, **validation)


@pytest.mark.parametrize("score", [np.nan, np.inf, "good", None])
def test_a_scorer_that_returns_no_number_is_named(score):
    X, y, validation = split("iris")
    model = new("classifier", scoring=lambda estimator, X, y: score)
    with pytest.raises(ValueError, match="scoring=.* must return a finite number"):
        model.fit(X, y, **validation)


SCORERS_THAT_FAIL = {
    "arguments": (lambda estimator: 1.0, {}),
    "weights": (lambda estimator, X, y: 1.0, {"class_weight": "balanced"}),
    "of_two_classes": ("roc_auc", {}),
}


@pytest.mark.parametrize("name", SCORERS_THAT_FAIL)
def test_a_scorer_that_fails_is_named(name):
    X, y = table("iris")
    scoring, settings = SCORERS_THAT_FAIL[name]
    model = new("classifier", scoring=scoring, early_stopping=True, **settings)
    with pytest.raises(ValueError, match="scoring=.* cannot score the validation data"):
        model.fit(X, y)


def test_labels_may_be_fewer_and_rows_one():
    X, y, validation = split("iris")
    one = {name: value[:1] for name, value in validation.items()}
    model = new("classifier", early_stopping=True).fit(X, y, **one)
    assert set(model.validation_scores_) <= {0.0, 1.0}


def test_class_weights_have_no_part_in_the_weights_of_validation_data():
    X, y, validation = split("iris")
    model = new("classifier", class_weight={"setosa": 50.0}, scoring="loss")
    model.fit(X, y, **validation)
    p = model.predict_proba(validation["X_val"])
    rows = validation["y_val"][:, np.newaxis] == model.classes_
    expected = -np.mean(np.log(p[rows]))
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


def test_few_members_of_a_class_are_explained_by_label():
    X, y = table("breast_cancer")
    labels = np.where(y, "benign", "malignant")
    rows = np.r_[np.flatnonzero(y)[:60], np.flatnonzero(~y)[:1]]
    model = new("classifier", early_stopping=True)
    with pytest.raises(ValueError, match="class 'malignant' has only one member"):
        model.fit(X[rows], labels[rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X[rows], labels[rows], X_val=X[:50], y_val=labels[:50])
    assert model.best_iter_ >= 1
