"""Files that were tampered with are refused, and never lead to numbers."""

import copy
import functools
import pickle

import numpy as np
import pytest
import skops.io
from make_golden import MODELS, N_PREDICTED, outputs
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from sklearn_backprop.layers import ELU, Dropout, HardSigmoid, Scale

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@functools.cache
def fitted(name):
    model, features, targets, fit = MODELS[name]
    return fit(clone(model), features(), targets())


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_skops(model):
    data = skops.io.dumps(model)
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


ROUTES = {"pickle": through_pickle, "skops": through_skops}


def changed(name, change):
    """A fitted model whose attributes were tampered with, in memory."""
    model = object.__new__(type(fitted(name)))
    # Not a copy of the model, which would be checked.
    vars(model).update(copy.deepcopy(vars(fitted(name))))
    change(vars(model))
    return model


def put(name, value):
    return lambda state: state.update({name: value})


def without(name):
    return lambda state: state.pop(name)


def put_in(outer, place, value):
    def change(state):
        state[outer][place] = value

    return change


def spoil(name, place, value):
    """Write a value into an array, or into one of a list of arrays."""

    def change(state):
        whole = state[name]
        array = whole[0] if isinstance(whole, list) else whole
        array[place] = value

    return change


def made(name, make):
    """Replace what an attribute holds by what a function makes of it."""
    return lambda state: state.update({name: make(state[name])})


def first(make):
    return lambda whole: [make(whole[0]), *whole[1:]]


def training(name, value):
    return put_in("_training_state", name, value)


def moment(name, value):
    return lambda state: state["_training_state"]["moments"].update({name: value})


def at_position(position):
    def change(state):
        state["_training_state"]["rng"]["state"]["pos"] = position

    return change


def shorter(array):
    return array[:-1]


C, R = "classifier_partial_fit", "regressor_partial_fit"
NETWORKS = {
    "coefs missing a row": (C, made("coefs_", first(shorter)), "n_features_in_ must"),
    "coefs broken chain": (C, made("coefs_", lambda c: [c[0], c[1][:-1]]), "coefs_.1."),
    "coefs stacked": (C, made("coefs_", first(lambda c: c[np.newaxis])), "2 axes"),
    "coefs as text": (
        C,
        made("coefs_", first(lambda c: c.astype(str))),
        "must hold numb",
    ),
    "coefs objects of text": (
        C,
        made("coefs_", first(lambda c: c.astype(str).astype(object))),
        "must hold numbers",
    ),
    "coefs booleans": (C, made("coefs_", first(lambda c: c > 0)), "must hold numbers"),
    "coefs masked": (
        C,
        made("coefs_", first(lambda c: np.ma.masked_array(c, c > 0))),
        "coefs_.0. must hold numbers, got a masked array",
    ),
    "coefs complex": (C, made("coefs_", first(lambda c: c + 1j)), "coefs_.0."),
    "coefs none": (C, put("coefs_", None), "coefs_ must be a sequence"),
    "coefs empty": (C, put("coefs_", []), "one array for each layer"),
    "coefs a word": (C, put("coefs_", "coefs"), "one array for each layer"),
    "coefs nan": (C, spoil("coefs_", (0, 0), np.nan), "coefs_.0. contains NaN"),
    "coefs inf": (R, spoil("coefs_", (0, 0), -np.inf), "coefs_.0. contains inf"),
    "intercepts nan": (R, spoil("intercepts_", 0, np.nan), "contains NaN"),
    "intercepts of one": (R, made("intercepts_", first(lambda b: b[:1])), "shape .4,"),
    "intercepts rows": (R, made("intercepts_", first(lambda b: b[None])), "1 axes"),
    "n_outputs wrong": (C, put("n_outputs_", 2), "n_outputs_ must be 3"),
    "n_outputs a float": (C, put("n_outputs_", 3.0), "n_outputs_ must be 3"),
    "n_outputs of a regressor": (R, put("n_outputs_", 2), "n_outputs_ must be 1"),
    "n_layers wrong": (R, put("n_layers_", 77), "n_layers_ must be 3"),
    "loss a word": (R, put("loss_", "low"), "loss_ must be a number or None"),
    "n_features wrong": (C, put("n_features_in_", 4), "n_features_in_ must be 3"),
    "names too few": (
        C,
        put("feature_names_in_", np.array(["a"], object)),
        "3 strings",
    ),
    "classes too few": (C, made("classes_", shorter), "classes_ must have 3 labels"),
    "classes too many": (
        "classifier_lbfgs",
        put("classes_", np.arange(5)),
        "classes_ must have 2 labels",
    ),
    "classes unsorted": (C, made("classes_", lambda c: c[::-1].copy()), "sorted"),
    "classes twice": (C, spoil("classes_", 1, "high"), "sorted and distinct"),
    "classes a matrix": (C, made("classes_", lambda c: c[None]), "one axis"),
    "classes of a kind": (C, put("classes_", np.array([None] * 3)), "does not make"),
    "classes complex": (
        C,
        put("classes_", np.array([0, 1, 2j])),
        "classes_ must not be complex",
    ),
    "classes bytes": (C, put("classes_", np.array([b"a", b"b", b"c"])), "be bytes"),
    "classes multilabel": (
        "classifier_multilabel",
        put("classes_", np.array([1, 2])),
        "number the columns",
    ),
    "link unknown": (C, put("out_activation_", "arcsine"), "out_activation_ must be"),
    "link no layer": (C, put("out_activation_", 3), "a string or a layer, got 3"),
    "link of another": (C, put("out_activation_", "logistic"), "number the columns"),
    "activation unknown": (R, put("activation_", "arcsine"), "activation_ must be"),
    "activation count": (R, put("activation_", ["relu"] * 2), "has 2 entries"),
    "activation no layer": (R, put("activation_", [None]), "string or a layer"),
    "activation random": (R, put("activation_", Dropout(0.9)), "in training alone"),
    "activations random": (R, put("activation_", [Dropout(0.9)]), "in training alone"),
    "activation scales": (
        R,
        put("activation_", Scale(np.ones((1, 4)))),
        "activation_ is .* parameters of its own .scales",
    ),
    "link random": (C, put("out_activation_", Dropout(0.9)), "in training alone"),
    "link random numbers": (R, put("out_activation_", Dropout()), "in training alone"),
    "link scales": (C, put("out_activation_", Scale(np.ones((1, 3)))), "of its own"),
    "link improbable": (C, put("out_activation_", ELU()), "makes no probabilities"),
    "link by name": (C, put("out_activation_", "tanh"), "makes no probabilities"),
    "link of each": (C, put("out_activation_", HardSigmoid()), "no probabilities"),
    "link of two": (
        "classifier_lbfgs",
        put("out_activation_", "identity"),
        "out_activation_ is 'identity', which makes no probabilities",
    ),
    "parameter missing": (R, without("alpha"), "lacks alpha"),
    "n_iter negative": (R, put("n_iter_", -1), "n_iter_ must be a number"),
    "t a word": (R, put("t_", "many"), "t_ must be a number"),
    "loss curve words": (R, put("loss_curve_", ["a"]), "loss_curve_ must be a list"),
    "best loss a word": (R, put("best_loss_", "low"), "best_loss_ must be a number"),
}
STATES = {
    "state a list": (R, put("_training_state", []), "training must be a dict"),
    "rng empty": (R, training("rng", {}), "rng is no state"),
    "rng beyond": (R, at_position(10**6), "rng is at 1000000"),
    "rng before": (R, at_position(-5), "rng is"),
    "moments a list": (R, training("moments", [1]), "moments must be a dict"),
    "moments missing": (R, training("moments", {}), "moments of Adam lack"),
    "moment short": (R, moment("first_moment", np.ones(3)), "first_moment must hold"),
    "moment of one": (R, moment("first_moment", np.ones(1)), "first_moment must hold"),
    "moment nan": (R, moment("second_moment", np.full(21, np.nan)), "21 finite"),
    "moment text": (R, moment("n_updates", "3"), "n_updates must be a number"),
    "moment objects": (
        R,
        moment("first_moment", np.array([None] * 21)),
        "first_moment must be an array of floats",
    ),
    "rows negative": (R, training("rows", np.arange(-1, 59)), "rows must be positions"),
    "rows beyond": (R, training("rows", np.arange(1, 61)), "rows must be positions"),
    "rows twice": (R, training("rows", np.zeros(60, int)), "rows must be positions"),
    "rows floats": (R, training("rows", np.arange(60.0)), "rows must be positions"),
    "data a word": (R, training("data", "60"), "data must be a tuple"),
    "reductions": (R, training("n_reductions", -1), "n_reductions must be"),
    "patience": (R, training("n_without_improvement", "1"), "n_without_improvement"),
    "best parameters": (
        "classifier_early_stopping",
        training("best_parameters", np.ones(2)),
        "best_parameters must hold",
    ),
    "last parameters": (
        "classifier_sgd",
        training("last_parameters", np.ones((31, 1))),
        "last_parameters must hold",
    ),
}


def in_group(key, make):
    def change(state):
        # The first sees components of columns, and the second numbers.
        group = next(g for g in state["networks_"][1::-1] if key in g)
        group[key] = make(group[key])

    return change


def in_part(name, change):
    return lambda state: change(vars(state[name]))


def one_dtype(state):
    group = state["networks_"][1]
    for key, value in group.items():
        is_list = isinstance(value, list)
        group[key] = (
            [a.astype(np.float32) for a in value]
            if is_list
            else value.astype(np.float32)
        )


TC, TR = "tabular_classifier", "tabular_regressor"
# Beginnings of the names of those that concern a transformer, which is its own state.
OF_PARTS = ("bins", "centers", "edges", "levels", "medians", "no", "places", "scales z")
SCALES = np.ones((1, 2, 24))
TABLES = {
    "no networks": (TC, put("networks_", []), "networks_ must be a list"),
    "networks a dict": (TC, put("networks_", {}), "networks_ must be a list"),
    "group lacks": (TC, lambda s: s["networks_"][1].pop("scales"), "lacks scales"),
    "embedding short": (TC, in_group("embedding_weights", shorter), "embedding_weig"),
    "scales text": (TC, in_group("scales", lambda a: a.astype(str)), "array of float"),
    "scales objects": (TC, in_group("scales", lambda a: a.astype(object)), "of float"),
    "scales flat": (TC, in_group("scales", np.ravel), "scales of shape"),
    "scales rows": (TC, in_group("scales", lambda a: SCALES), "networks_.1. has"),
    "coefs nan": (TC, in_group("coefs", first(lambda a: a * np.nan)), "must be finite"),
    "coefs inf": (TC, in_group("coefs", first(lambda a: a + np.inf)), "must be finite"),
    "coefs array": (TC, in_group("coefs", lambda a: a[0]), "lists of arrays"),
    "one intercept": (TR, in_group("intercepts", shorter), "one of each for every"),
    "intercepts of one": (
        TR,
        in_group("intercepts", first(lambda a: a[..., :1])),
        "networks_.1. has",
    ),
    "two dtypes": (TC, one_dtype, "one dtype"),
    "a word of another": (TC, put_in("networks_", 0, "group"), "must be a dict"),
    "temperature zero": (TC, spoil("temperatures_", 0, 0.0), "must be positive"),
    "temperature negative": (TC, spoil("temperatures_", 1, -1.0), "must be positive"),
    "temperature nan": (TC, spoil("temperatures_", 0, np.nan), "must be finite"),
    "temperatures short": (TC, made("temperatures_", shorter), "must have shape .4,"),
    "temperatures ints": (TC, put("temperatures_", np.ones(4, int)), "array of float"),
    "shares short": (TR, made("group_weights_", shorter), "must have shape .4,"),
    "shares nan": (TR, spoil("group_weights_", 0, np.nan), "must be finite"),
    "shares negative": (TC, spoil("group_weights_", 0, -0.5), "must not be negative"),
    "shares of more": (TC, spoil("group_weights_", 1, 2.0), "and sum to 1"),
    "no shares": (TR, lambda s: s.pop("group_weights_"), "group_weights_"),
    "half an embedding": (
        TR,
        lambda s: s["networks_"][0].pop("embedding_biases"),
        "lacks embedding_biases",
    ),
    "components for numbers": (
        TR,
        lambda s: s["networks_"][1].update(scales=s["networks_"][0]["scales"]),
        "networks_.1. has scales",
    ),
    "labels short": (TC, made("classes_", shorter), "must have 3 labels"),
    "labels unsorted": (TC, made("classes_", lambda c: c[::-1].copy()), "sorted"),
    "no preprocessor": (TC, put("preprocessor_", None), "preprocessor_ must be"),
    "another preprocessor": (
        TC,
        put("preprocessor_", StandardScaler().fit(np.eye(3))),
        "preprocessor_ must be",
    ),
    "no bins": (TC, put("binner_", None), "binner_ must be PiecewiseLinearEncoder"),
    "columns": (TC, put("n_features_in_", 2), "for 2 columns"),
    "edges fall": (
        TC,
        in_part("binner_", spoil("bin_edges_", 1, 99.0)),
        "bin_edges_.0. must be ascending",
    ),
    "edges nan": (TR, in_part("binner_", spoil("bin_edges_", 0, np.nan)), "be finite"),
    "edges of one": (
        TR,
        in_part("binner_", made("bin_edges_", first(lambda e: e[:1]))),
        "ascending, two or none",
    ),
    "edges fewer": (TR, in_part("binner_", made("bin_edges_", shorter)), "list of 3"),
    "bins miscounted": (
        TR,
        in_part("binner_", spoil("n_bins_", 0, 3)),
        "n_bins_ must be",
    ),
    "edges of others": (TR, lambda s: s["binner_"].fit(np.eye(3)), "embedding_weights"),
    "medians short": (
        TC,
        in_part("preprocessor_", made("medians_", shorter)),
        "medians_ must have shape",
    ),
    "medians nan": (
        TC,
        in_part("preprocessor_", spoil("medians_", 0, np.nan)),
        "medians_ must be finite",
    ),
    "places twice": (
        TC,
        in_part("preprocessor_", put("numeric_", [0, 0])),
        "numeric_ must be a list of ascending",
    ),
    "places beyond": (
        TC,
        in_part("preprocessor_", put("numeric_", [0, 7])),
        "numeric_ must be a list of ascending",
    ),
    "no scaler": (TC, in_part("preprocessor_", put("scaler_", None)), "scaler_ must"),
    "no encoder": (
        TC,
        in_part("preprocessor_", put("encoder_", None)),
        "encoder_ must",
    ),
    "levels": (
        TC,
        in_part("preprocessor_", put("n_levels_", np.array([9]))),
        "n_levels_ must be",
    ),
    "centers": (
        TC,
        in_part("preprocessor_", in_part("scaler_", made("center_", shorter))),
        "center_ must have shape",
    ),
    "scales zero": (
        TC,
        in_part("preprocessor_", in_part("scaler_", spoil("scale_", 0, 0.0))),
        "scale_ must be positive",
    ),
    "target scale": (TR, spoil("target_scale_", 0, -1.0), "must be positive"),
    "target mean": (TR, put("target_mean_", np.zeros(5)), "target_scale_ must have"),
    "target range": (TR, made("target_range_", lambda r: r[::-1].copy()), "must rise"),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_crafted_network_is_refused(name, route):
    of, change, message = NETWORKS[name]
    with pytest.raises(ValueError, match=message):
        ROUTES[route](changed(of, change))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", STATES)
def test_training_does_not_go_on_from_a_crafted_state(name, route):
    of, change, message = STATES[name]
    _, features, targets, fit = MODELS[of]
    with pytest.raises(ValueError, match=message):
        fit(ROUTES[route](changed(of, change)), features(), targets())


def test_a_state_of_training_of_another_model_is_left_aside():
    """It begins anew, as after other weights were put in their place."""
    model = changed(R, put("coefs_", [np.ones((3, 2)), np.ones((2, 1))]))
    model.intercepts_ = [np.zeros(2), np.zeros(1)]
    again = through_pickle(model.set_params(hidden_layer_sizes=(2,)))
    again.partial_fit(MODELS[R][1](), MODELS[R][2]())
    assert again._training_state["moments"]["first_moment"].size == 11


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", TABLES)
def test_a_crafted_table_model_is_refused(name, route):
    of, change, message = TABLES[name]
    with pytest.raises(ValueError, match=message):
        ROUTES[route](changed(of, change))


# What is checked at each prediction, and not only where a part is loaded by itself.
AT_PREDICTION = [name for name in TABLES if not name.startswith(OF_PARTS)]


@pytest.mark.parametrize("name", AT_PREDICTION)
def test_a_table_model_that_was_tampered_with_predicts_nothing(name):
    of, change, message = TABLES[name]
    with pytest.raises(ValueError, match=message):
        outputs(changed(of, change), MODELS[of][1]()[:N_PREDICTED])


@pytest.mark.parametrize("name", ["coefs_", "intercepts_", "classes_"])
def test_what_lacks_an_essential_attribute_is_not_fitted(name):
    model = through_skops(changed(C, without(name)))
    with pytest.raises(ValueError, match="not fitted|set it"):
        model.predict(MODELS[C][1]())


@pytest.mark.parametrize("name", MODELS)
def test_whatever_is_missing_is_named_or_not_needed(name):
    X = MODELS[name][1]()[:N_PREDICTED]
    for attribute in [key for key in vars(fitted(name)) if key.endswith("_")]:
        try:
            outputs(through_pickle(changed(name, without(attribute))), X)
        except ValueError as error:
            assert attribute in str(error) or "is not fitted yet" in str(error)


def test_quantiles_that_the_networks_do_not_have_are_named():
    model = copy.deepcopy(fitted(TR))
    model.quantiles_ = None
    with pytest.raises(ValueError, match="the networks predict 2 number"):
        model.predict(MODELS[TR][1]())


@pytest.mark.parametrize("name", MODELS)
def test_skops_has_nothing_to_trust_but_our_classes(name):
    model = fitted(name)
    data = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=data)
    own = {"sklearn_backprop._classifier.MLPClassifier"}
    own.add("sklearn_backprop._regressor.MLPRegressor")
    if name == "regressor_objects":
        slots = [model.solver, model.loss, model.learning_rate, model.activation[1]]
    else:
        slots = [model.solver] if name == "classifier_sgd" else []
    own |= {f"{type(slot).__module__}.{type(slot).__name__}" for slot in slots}
    assert all(
        kind in own or kind.startswith("sklearn_backprop.tabular.") for kind in unknown
    )
    again = skops.io.loads(data, trusted=unknown)
    X = MODELS[name][1]()[:N_PREDICTED]
    np.testing.assert_array_equal(outputs(again, X), outputs(model, X))
