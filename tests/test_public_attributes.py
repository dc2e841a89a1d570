"""The public fitted attributes are the model, whoever has set them."""

import json
import pickle

import numpy as np
import pytest
from conftest import (
    DEFAULT_TABLE,
    KIND_OF,
    KINDS,
    OURS,
    THEIRS,
    differences,
    fit_silently,
    table,
)
from sklearn.exceptions import NotFittedError

from sklearn_backprop.layers import Dropout

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TABLES = ["iris", "breast_cancer", "multilabel", "diabetes", "two_targets", "counts"]
METHODS = {
    "classifier": [
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ],
    "regressor": ["predict"],
}


def new(name, **settings):
    settings = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0} | settings
    if name == "counts":
        settings["loss"] = "poisson"
    return OURS[KIND_OF[name]](**settings)


def given_attributes(model):
    names = ["coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_"]
    if hasattr(model, "classes_"):
        names.append("classes_")
    return {name: getattr(model, name) for name in names}


def as_json(attributes):
    """What becomes of the arrays on their way through a file of text."""
    plain = {
        name: [np.asarray(array).tolist() for array in value]
        if name in ("coefs_", "intercepts_")
        else np.asarray(value).tolist()
        for name, value in attributes.items()
    }
    return json.loads(json.dumps(plain))


def made_by_hand(name, attributes, **settings):
    model = new(name, **settings)
    vars(model).update(attributes)
    return model


@pytest.mark.parametrize("form", [dict, as_json])
@pytest.mark.parametrize("name", TABLES)
def test_a_model_made_by_hand_predicts_and_trains(name, form):
    X, y = table(name)
    fitted = new(name).fit(X, y)
    attributes = form(given_attributes(fitted))
    kind = KIND_OF[name]
    for method in METHODS[kind]:
        by_hand = made_by_hand(name, attributes)
        before = dict(vars(by_hand))
        expected = getattr(fitted, method)(X)
        np.testing.assert_array_equal(getattr(by_hand, method)(X), expected)
        assert vars(by_hand) == before  # Prediction writes nothing.
    by_hand = made_by_hand(name, attributes).partial_fit(X, y)
    warm = made_by_hand(name, attributes, warm_start=True, max_iter=1).fit(X, y)
    assert (by_hand.n_iter_, warm.n_iter_) == (1, 1)
    assert by_hand.loss_ == warm.loss_ < fitted.loss_
    assert differences(by_hand.coefs_, warm.coefs_) == []
    assert by_hand.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("name", TABLES)
def test_the_arrays_alone_suffice_where_the_rest_can_be_derived(name):
    X, y = table(name)
    fitted = new(name).fit(X, y)
    missing = ["n_layers_", "n_outputs_"]
    if name != "multilabel":  # Which cannot be told from several classes.
        missing.append("out_activation_")
    attributes = given_attributes(fitted)
    for part in missing:
        del attributes[part]
    by_hand = made_by_hand(name, attributes, hidden_layer_sizes=(100,))
    np.testing.assert_array_equal(by_hand.predict(X), fitted.predict(X))
    assert by_hand.partial_fit(X, y).coefs_[0].shape == (X.shape[1], 5)


@pytest.mark.parametrize("name", TABLES)
def test_from_arrays_is_the_model(name):
    X, y = table(name)
    fitted = new(name).fit(X, y)
    extra = {"classes": fitted.classes_} if KIND_OF[name] == "classifier" else {}
    if name == "multilabel":
        extra["out_activation"] = "logistic"
    if name == "counts":
        extra["loss"] = "poisson"
    coefs = [array.copy() for array in fitted.coefs_]
    model = type(fitted).from_arrays(
        coefs, fitted.intercepts_, **extra, max_iter=1, random_state=0
    )
    assert model.hidden_layer_sizes == (5,)
    coefs[0][:] = 0.0  # The model has copies.
    np.testing.assert_array_equal(model.predict(X), fitted.predict(X))
    assert model.partial_fit(X, y).loss_ < fitted.loss_


BAD_ARRAYS = {
    "none": ((None, [[0.0]]), TypeError, "coefs must be a sequence of arrays"),
    "empty": (([], []), ValueError, "one array for each layer, got 0 and 0"),
    "counts": (([np.ones((2, 3))], []), ValueError, "got 1 and 0"),
    "axes": (([np.ones(3)], [[0.0]]), ValueError, r"coefs\[0\] must have 2 axes"),
    "text": (([[["a"]]], [[0.0]]), ValueError, r"coefs\[0\] must hold numbers"),
    "complex": (([[[1j]]], [[0.0]]), (ValueError, TypeError), r"coefs\[0\]"),
    "nan": (([[[np.nan]]], [[0.0]]), ValueError, r"coefs\[0\] contains NaN"),
    "inf": (([[[1.0]]], [[np.inf]]), ValueError, r"intercepts\[0\] contains inf"),
    "biases": (
        ([np.ones((2, 3))], [np.ones(2)]),
        ValueError,
        r"intercepts\[0\] must have shape \(3,\)",
    ),
    "chain": (
        ([np.ones((2, 3)), np.ones((4, 1))], [np.ones(3), np.ones(1)]),
        ValueError,
        r"coefs\[1\] must have shape \(3, n_neurons\), since coefs\[0\] has 3",
    ),
}


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("name", BAD_ARRAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_from_arrays_names_what_is_wrong(kind, name):
    arrays, error, message = BAD_ARRAYS[name]
    extra = {"classes": [0, 1]} if kind == "classifier" else {}
    with pytest.raises(error, match=message):
        OURS[kind].from_arrays(*arrays, **extra)


@pytest.mark.parametrize(
    ("classes", "settings", "message"),
    [
        (["a", "b"], {}, "classes must have 3 labels for 3 output"),
        (["a", "c", "b"], {}, "classes must be sorted and distinct"),
        (["a", "a", "b"], {}, "classes must be sorted and distinct"),
        ([["a", "b", "c"]], {}, "classes must have one axis"),
        (["a", "b", "c"], {"out_activation": "logistic"}, "from 0 to 2"),
        (["a", "b", "c"], {"out_activation": "nonsense"}, "out_activation must be"),
        (["a", "b", "c"], {"out_activation": "relu"}, "no probabilities of 3 output"),
        (["a", "b", "c"], {"out_activation": Dropout()}, "acts in training alone"),
        (["a", "b", "c"], {"hidden_layer_sizes": (3,)}, "does not go with coefs"),
        (["a", "b", "c"], {"alpha": -1}, "'alpha' parameter of MLPClassifier"),
    ],
)
def test_from_arrays_names_labels_and_settings(classes, settings, message):
    arrays = [np.ones((2, 3))], [np.zeros(3)]
    with pytest.raises(ValueError, match=message):
        OURS["classifier"].from_arrays(*arrays, classes=classes, **settings)


def test_a_missing_part_of_a_model_is_named():
    X, _ = table("iris")
    model = new("iris")
    with pytest.raises(NotFittedError, match="not fitted yet: call fit first"):
        model.predict(X)
    model.coefs_ = [np.ones((4, 3))]
    with pytest.raises(NotFittedError, match="no intercepts_"):
        model.predict(X)
    model.intercepts_ = [np.zeros(3)]
    with pytest.raises(NotFittedError, match="no classes_"):
        model.partial_fit(X, np.arange(len(X)) % 3, classes=[0, 1, 2])


@pytest.mark.parametrize("link", ["logistic", "softmax", "tanh", "identity"])
def test_the_link_is_honoured_for_two_classes(link):
    """What scikit-learn's estimator makes of the same attributes, ours does."""
    X, y = table("breast_cancer")
    y = y.astype(int)
    models = [
        fit_silently(classes((5,), max_iter=3, random_state=0), X, y)
        for classes in (OURS["classifier"], THEIRS["classifier"])
    ]
    for model in models:
        model.out_activation_ = link
    if link == "softmax":  # In scikit-learn the one column is then always one.
        models[0].n_outputs_ = 2
        models[0].coefs_[-1] = np.hstack([-models[0].coefs_[-1], models[0].coefs_[-1]])
        models[0].intercepts_[-1] = np.repeat(models[0].intercepts_[-1], 2) * [-1, 1]
        models[1].out_activation_ = "logistic"
    ours, theirs = (model.predict(X) for model in models)
    np.testing.assert_array_equal(ours, theirs)
    if link in ("tanh", "identity"):
        ours, theirs = (model.predict_proba(X) for model in models)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


DTYPES = ["int64", "int8", "uint8", "float16", "float32", ">f8", "longdouble", "O"]


@pytest.mark.parametrize("part", ["all", "coefs_", "first"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_any_type_compute_in_a_float_type(kind, dtype, part):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind]((5,), max_iter=3, random_state=0).fit(X, y)
    whole = [np.abs(np.round(4 * array)) for array in model.coefs_ + model.intercepts_]
    exact, typed = pickle.loads(pickle.dumps(model)), model
    exact.coefs_, exact.intercepts_ = whole[:2], whole[2:]
    n_typed = {"all": 4, "coefs_": 2, "first": 1}[part]
    arrays = [array.astype(dtype) for array in whole[:n_typed]] + whole[n_typed:]
    typed.coefs_, typed.intercepts_ = arrays[:2], arrays[2:]
    expected = exact.predict(X)
    np.testing.assert_allclose(
        np.asarray(typed.predict(X) == expected, float)
        if kind == "classifier"
        else typed.predict(X),
        1.0 if kind == "classifier" else expected,
        rtol=1e-5,
    )
    is_single = part == "all" and dtype in ("int8", "uint8", "float16", "float32")
    if kind == "regressor":
        assert typed.predict(X).dtype == ("float32" if is_single else "float64")
    typed.partial_fit(X, y)
    assert typed.coefs_[0].dtype == ("float32" if is_single else "float64")


@pytest.mark.parametrize("route", ["fit", "partial_fit"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_weights_put_in_place_of_the_fitted_are_trained(kind, early_stopping, route):
    X, y = table(DEFAULT_TABLE[kind])
    settings = {"warm_start": True, "early_stopping": early_stopping}
    good = OURS[kind]((20,), max_iter=300, learning_rate_init=0.01, random_state=1)
    good.fit(X, y)
    for how in ("replaced", "written"):
        poor = OURS[kind]((20,), max_iter=3, random_state=0, **settings).fit(X, y)
        if how == "replaced":
            poor.coefs_, poor.intercepts_ = good.coefs_, good.intercepts_
        else:
            for mine, other in zip(poor.coefs_, good.coefs_, strict=True):
                mine[...] = other
            for mine, other in zip(poor.intercepts_, good.intercepts_, strict=True):
                mine[...] = other
        if route == "fit":
            poor.set_params(max_iter=1).fit(X, y)
        else:
            poor.set_params(early_stopping=False).partial_fit(X, y)
        assert poor.score(X, y) > good.score(X, y) - 0.05
        assert poor._training_state["moments"]["n_updates"] <= -(-len(X) // 200)
        assert poor._training_state["n_without_improvement"] == 0


def test_outputs_that_do_not_go_with_the_labels_are_named():
    X, y = table("iris")
    model = new("iris").fit(X, y)
    model.classes_ = model.classes_[:2]
    with pytest.raises(ValueError, match="classes_ must have 3 labels for 3 output"):
        model.predict(X)
    model = new("iris").fit(X, y)
    model.coefs_[-1], model.intercepts_[-1] = np.ones((5, 4)), np.ones(4)
    with pytest.raises(ValueError, match="has 4 columns, but n_outputs_ is 3"):
        model.predict(X)
