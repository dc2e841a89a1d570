"""The four slots: strings as in scikit-learn, objects with settings of their own."""

import copy
import pickle

import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, differences, table
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_backprop import check_gradient
from sklearn_backprop._parameters import ACTIVATIONS, NUMBER_LOSSES, SCHEDULES
from sklearn_backprop.layers import GELU, Identity, Logistic, ReLU, Tanh
from sklearn_backprop.losses import (
    BinaryCrossentropy,
    Focal,
    Gamma,
    LogLoss,
    Loss,
    Poisson,
    Quantile,
    SoftmaxCategoricalCrossentropy,
    SquaredError,
)
from sklearn_backprop.optimizers import (
    LBFGS,
    SGD,
    Adam,
    AdamW,
    Nadam,
    ScheduleFreeAdamW,
)
from sklearn_backprop.schedules import (
    Adaptive,
    Constant,
    Cosine,
    InverseScaling,
    OneCycle,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def half_cosine(fraction):
    """What `Cosine` is by default, as a function."""
    return 0.0 + (1.0 - 0.0) * 0.5 * (1.0 + np.cos(np.pi * fraction))


SGD_STRING = {"solver": "sgd", "momentum": 0.7, "nesterovs_momentum": True}
SGD_OBJECT = {"solver": SGD(momentum=0.7, nesterov=True)}
INVERSE = InverseScaling(power_t=0.3)
# Flat parameters, and the objects that mean the same.
SAME = {
    "adam": (
        {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-6},
        {"solver": Adam(beta_1=0.8, beta_2=0.99, epsilon=1e-6)},
    ),
    "sgd": (SGD_STRING, SGD_OBJECT),
    "plain_sgd": ({"solver": "sgd", "momentum": 0.0}, {"solver": SGD()}),
    "lbfgs": ({"solver": "lbfgs", "max_fun": 9}, {"solver": LBFGS(max_fun=9)}),
    "constant": ({}, {"learning_rate": Constant()}),
    "invscaling": (
        {**SGD_STRING, "learning_rate": "invscaling", "power_t": 0.3},
        {**SGD_OBJECT, "learning_rate": INVERSE},
    ),
    "adaptive": (
        {**SGD_STRING, "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 1},
        {**SGD_OBJECT, "learning_rate": Adaptive(), "tol": 1.0, "n_iter_no_change": 1},
    ),
    "identity": ({"activation": "identity"}, {"activation": Identity()}),
    "logistic": ({"activation": "logistic"}, {"activation": Logistic()}),
    "relu": ({}, {"activation": ReLU()}),
    "tanh": ({"activation": "tanh"}, {"activation": Tanh()}),
    "list": ({"activation": "tanh"}, {"activation": ["tanh"]}),
    "adamw": ({"solver": "adamw"}, {"solver": AdamW()}),
    "nadam": ({"solver": "nadam"}, {"solver": Nadam()}),
    "schedule_free": ({"solver": "schedule_free"}, {"solver": ScheduleFreeAdamW()}),
    "decayed": (
        {"solver": Adam(weight_decay=0.01)},
        {"solver": AdamW()},
    ),
    **{
        name: ({"learning_rate": name}, {"learning_rate": cls()})
        for name, cls in SCHEDULES.items()
    },
    "schedule_of_sgd": (
        {**SGD_STRING, "learning_rate": "one_cycle"},
        {**SGD_OBJECT, "learning_rate": OneCycle()},
    ),
    "callable": (
        {"learning_rate": half_cosine},
        {"learning_rate": Cosine()},
    ),
    "dropout": ({"dropout": 0.3}, {"dropout": [0.3]}),
    **{
        name: ({"activation": name}, {"activation": cls()})
        for name, cls in ACTIVATIONS.items()
        if name not in ("identity", "logistic", "relu", "tanh")
    },
}
LOSSES = {
    "iris": [({}, LogLoss()), ({}, SoftmaxCategoricalCrossentropy())],
    "breast_cancer": [({}, LogLoss()), ({}, BinaryCrossentropy())],
    "multilabel": [({}, LogLoss()), ({}, BinaryCrossentropy())],
    "diabetes": [({}, SquaredError())],
    "two_targets": [({}, SquaredError(gradient_scale="n_outputs"))],
    "counts": [({"loss": "poisson"}, Poisson())],
    **{
        f"diabetes {name}": [({"loss": name}, cls())]
        for name, cls in NUMBER_LOSSES.items()
        if name not in ("gamma", "poisson", "squared_error")
    },
    "sizes": [({"loss": "gamma"}, Gamma())],
    "iris focal": [({"loss": "focal"}, Focal())],
}


def new(kind, **settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0} | settings
    return OURS[kind](**settings)


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("kind", KINDS)
def test_an_object_means_what_the_string_means(kind, name):
    X, y = table(DEFAULT_TABLE[kind])
    flat, with_object = (new(kind, **settings).fit(X, y) for settings in SAME[name])
    assert differences(flat.coefs_, with_object.coefs_) == []
    assert differences(flat.loss_curve_, with_object.loss_curve_) == []
    np.testing.assert_array_equal(flat.predict(X), with_object.predict(X))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_object_means_what_the_string_means(name):
    X, y = table("counts" if name == "sizes" else name.split()[0])
    y = y + 1 if name == "sizes" else y
    is_labels = name.split()[0] in ("iris", "breast_cancer", "multilabel")
    kind = "classifier" if is_labels else "regressor"
    for settings, loss in LOSSES[name]:
        flat = new(kind, **settings).fit(X, y)
        with_object = new(kind, loss=loss).fit(X, y)
        assert differences(flat.coefs_, with_object.coefs_) == []
        assert flat.out_activation_ == with_object.out_activation_


class Swish:
    """A user's own activation, with neither settings nor a base class."""

    def forward(self, inputs):
        self.inputs, self.share = inputs, 1.0 / (1.0 + np.exp(-inputs))
        return inputs * self.share

    def backward(self, dvalues):
        slope = self.share * (1.0 + self.inputs * (1.0 - self.share))
        return dvalues * slope


class HandWrittenReLU(ReLU):
    """A user's subclass that writes the textbook's methods anew."""

    def forward(self, inputs, out=None):
        self.output = np.maximum(inputs, 0.0)
        return self.output

    def backward(self, dvalues, out=None, scratch=None):
        return dvalues * (self.output > 0.0)


class LogCosh(Loss):
    """A user's own loss with a setting."""

    out_activation = "identity"
    default_score = "r2"

    def __init__(self, scale=1.0):
        self.scale = scale

    def validate(self):
        if not self.scale > 0:
            raise ValueError(f"scale must be positive, got {self.scale!r}.")

    def forward(self, output, y_true):
        errors = (output - y_true) * self.scale
        return np.log(np.cosh(errors)).sum(axis=-1) / self.scale**2

    def backward(self, output, y_true):
        return np.tanh((output - y_true) * self.scale) / self.scale / len(output)


class OwnLogistic(Loss):
    """A user's own loss over two classes."""

    out_activation = "logistic"

    def forward(self, output, y_true):
        return (np.logaddexp(0.0, output) - y_true * output).sum(axis=-1)

    def backward(self, output, y_true):
        return (1.0 / (1.0 + np.exp(-output)) - y_true) / len(output)


def test_the_users_own_parts_pass_the_gradient_check():
    for part in (Swish(), HandWrittenReLU(), LogCosh(), LogCosh(2.0), OwnLogistic()):
        check_gradient(part)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_activation_of_the_users_own_trains(early_stopping, solver):
    X, y = table("iris")
    settings = {"solver": solver, "early_stopping": early_stopping}
    model = new("classifier", activation=Swish(), max_iter=100, **settings)
    model.set_params(learning_rate_init=0.1, n_iter_no_change=50)
    assert model.fit(X, y).score(X, y) > 0.8
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    relu = new("classifier", **settings).fit(X, y)
    by_hand = new("classifier", activation=HandWrittenReLU(), **settings).fit(X, y)
    for mine, other in zip(by_hand.coefs_, relu.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("name", ["diabetes", "two_targets"])
def test_a_loss_of_the_users_own_trains(name, solver):
    X, y = table(name)
    settings = {"solver": solver, "max_iter": 150, "learning_rate_init": 0.01}
    model = new("regressor", loss=LogCosh(scale=0.5), **settings).fit(X, y)
    assert model.score(X, y) > 0.4
    weights = np.where(np.arange(len(X)) % 3, 1.0, 2.0)
    model.fit(X, y, sample_weight=weights)
    assert model.out_activation_ == "identity"


def test_a_loss_of_the_users_own_classifies():
    X, y = table("breast_cancer")
    own = new("classifier", loss=OwnLogistic()).fit(X, y)
    usual = new("classifier").fit(X, y)
    for mine, other in zip(own.coefs_, usual.coefs_, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)
    # Its default score is the loss itself.
    stopping = new("classifier", loss=OwnLogistic(), early_stopping=True, max_iter=9)
    assert max(stopping.fit(X, y).validation_scores_) < 0.0


def test_softmax_over_two_classes_predicts_as_it_was_trained():
    X, y = table("breast_cancer")
    loss = SoftmaxCategoricalCrossentropy()
    model = new("classifier", loss=loss, max_iter=50).fit(X, y)
    assert (model.out_activation_, model.n_outputs_) == ("softmax", 2)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    np.testing.assert_allclose(np.log(probabilities), model.predict_log_proba(X))
    expected = model.classes_[probabilities.argmax(axis=1)]
    np.testing.assert_array_equal(model.predict(X), expected)
    assert model.decision_function(X).shape == (len(X),)
    np.testing.assert_array_equal(model.decision_function(X) > 0, expected)
    assert model.score(X, y) > 0.9


OBJECTS = {
    "activation": Tanh(),
    "solver": SGD(momentum=0.5),
    "learning_rate": InverseScaling(power_t=0.2),
}


def with_objects(kind, **settings):
    loss = {"classifier": LogLoss(), "regressor": SquaredError()}[kind]
    return new(kind, **copy.deepcopy(OBJECTS), loss=loss, **settings)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_writes_to_no_object_of_the_users(kind, early_stopping):
    X, y = table(DEFAULT_TABLE[kind])
    model = with_objects(kind, early_stopping=early_stopping)
    names = [*OBJECTS, "loss"]
    given = {name: getattr(model, name) for name in names}
    before = {name: copy.deepcopy(vars(value)) for name, value in given.items()}
    model.fit(X, y).predict(X)
    for name, value in given.items():
        assert getattr(model, name) is value
        assert differences(vars(value), before[name]) == []
    assert model.activation_ is not model.activation


@pytest.mark.parametrize("kind", KINDS)
def test_objects_are_cloned_searched_stored_and_shown(kind):
    X, y = table(DEFAULT_TABLE[kind])
    model = with_objects(kind)
    copied = clone(model)
    for name in OBJECTS:
        assert getattr(copied, name) == getattr(model, name)
        assert getattr(copied, name) is not getattr(model, name)
        assert repr(getattr(model, name)) in repr(model)
        assert repr(getattr(model, name)) in model._repr_html_().replace("&#x27;", "'")
    stored = pickle.loads(pickle.dumps(model.fit(X, y)))
    assert differences(stored.fit(X, y).coefs_, model.fit(X, y).coefs_) == []
    pipeline = make_pipeline(StandardScaler(), model)
    name = type(model).__name__.lower()
    grid = {
        f"{name}__solver__momentum": [0.0, 0.9],
        f"{name}__learning_rate__power_t": [0.1],
        f"{name}__activation": [Tanh(), "relu"],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert (
        len(set(scores[search.cv_results_[f"param_{name}__activation"] == "relu"])) == 2
    )
    assert model.solver.momentum == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_each_hidden_layer_may_have_an_activation_of_its_own(kind):
    X, y = table(DEFAULT_TABLE[kind])
    activations = ["gelu", Tanh(init="he")]
    model = new(kind, hidden_layer_sizes=(6, 5), activation=activations).fit(X, y)
    assert model.activation_ == activations
    again = pickle.loads(pickle.dumps(clone(model).fit(X, y)))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    other = new(kind, hidden_layer_sizes=(6, 5), activation=activations[::-1])
    assert differences(other.fit(X, y).coefs_, model.coefs_) != []
    values = X
    for layer, weights, biases in zip(
        [GELU(), Tanh(), None], model.coefs_, model.intercepts_, strict=True
    ):
        values = values @ weights + biases
        values = values if layer is None else layer.forward(values)
    if kind == "regressor":
        np.testing.assert_allclose(model.predict(X), values[:, 0], rtol=1e-9)
    else:
        labels = model.classes_[values.argmax(axis=1)]
        np.testing.assert_array_equal(model.predict(X), labels)


@pytest.mark.parametrize("init", ["he", "lecun"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_begin_as_the_activation_asks(kind, init):
    X, y = table(DEFAULT_TABLE[kind])
    still = {"learning_rate_init": 1e-12, "max_iter": 1}
    usual = new(kind, **still).fit(X, y)
    asked = new(kind, activation=ReLU(init=init), **still).fit(X, y)
    bound = ({"he": 6.0, "lecun": 3.0}[init] / X.shape[1]) ** 0.5
    assert 0.8 * bound < np.abs(asked.coefs_[0]).max() <= bound * 1.001
    assert np.abs(asked.intercepts_[0]).max() < 1e-9
    assert differences(asked.coefs_, usual.coefs_) != []


@pytest.mark.parametrize("name", ["diabetes", "two_targets"])
def test_several_quantiles_are_outputs_side_by_side(name):
    X, y = table(name)
    loss = Quantile([0.1, 0.5, 0.9])
    settings = {"learning_rate_init": 0.02, "max_iter": 200}
    model = new("regressor", loss=loss, early_stopping=True, **settings).fit(X, y)
    n_targets = 1 if y.ndim == 1 else y.shape[1]
    predicted = model.predict(X).reshape(len(X), n_targets, 3)
    below = np.mean(y.reshape(len(X), n_targets, 1) <= predicted, axis=0)
    assert np.all(np.abs(below - [0.1, 0.5, 0.9]) < 0.15)
    assert max(model.validation_scores_) < 0.0  # The loss, negative.
    with pytest.raises(ValueError, match="several predictions of each target, for wh"):
        model.score(X, y)
    median = new("regressor", loss=Quantile(), early_stopping=True).fit(X, y)
    assert median.predict(X).shape == y.shape
    warm = model.set_params(early_stopping=False).partial_fit(X, y)
    assert warm.n_outputs_ == 3 * n_targets


@pytest.mark.parametrize("solver", [SGD(), Adam(weight_decay=0.5), LBFGS()])
def test_partial_fit_is_there_for_stochastic_solvers(solver):
    model = new("classifier", solver=solver)
    assert hasattr(model, "partial_fit") == solver.is_stochastic


def test_weight_decay_spares_the_biases():
    X, y = np.zeros((40, 3)), np.repeat([0.0, 2.0], 20)
    settings = {"hidden_layer_sizes": (), "learning_rate_init": 0.1, "alpha": 0.0}
    plain = new("regressor", solver=SGD(), **settings).fit(X, y)
    solver = SGD(weight_decay=1.0)
    decayed = new("regressor", solver=solver, **settings).fit(X, y)
    np.testing.assert_array_equal(plain.intercepts_[0], decayed.intercepts_[0])
    np.testing.assert_allclose(decayed.coefs_[0], plain.coefs_[0] * 0.9**4)
