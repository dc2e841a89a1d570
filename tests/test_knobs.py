"""Every setting acts: turning it changes the fitted parameters as it should."""

import numpy as np
import pytest
from conftest import KIND_OF, OURS, differences, outputs, table
from sklearn.base import clone

from sklearn_backprop.architecture import HiddenLayers
from sklearn_backprop.layers import ELU, LeakyReLU, ReLU
from sklearn_backprop.losses import Focal, Huber, LogLoss, Quantile
from sklearn_backprop.optimizers import SGD, Adam, AdamW
from sklearn_backprop.schedules import (
    Adaptive,
    Cosine,
    FunctionSchedule,
    OneCycle,
    Plateau,
    Step,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def new(name, **settings):
    defaults = {"max_iter": 20, "random_state": 0, "learning_rate_init": 0.01}
    return OURS[KIND_OF[name]](**{"hidden_layer_sizes": (12,), **defaults, **settings})


def parameters(model):
    return np.concatenate([np.ravel(a) for a in model.coefs_ + model.intercepts_])


def norm(model, X, y):
    """Size of the weights."""
    return np.sqrt(sum(np.sum(coef**2) for coef in model.coefs_))


def n_zeros(model, X, y):
    """Number of weights that are exactly zero."""
    return sum((coef == 0.0).sum() for coef in model.coefs_)


def n_parameters(model, X, y):
    return parameters(model).size


def begun(model, X, y):
    """The model as it was before the first step."""
    still = {"solver": "sgd", "learning_rate_init": 1e-30, "max_iter": 1}
    return clone(model).set_params(learning_rate="constant", **still).fit(X, y)


def distance(model, X, y):
    """How far training has led from where it began."""
    return np.linalg.norm(parameters(model) - parameters(begun(model, X, y)))


def training_loss(model, X, y):
    return model.loss_


def confidence(model, X, y):
    """Mean of the largest probability of each row."""
    return outputs(model, X).max(axis=1).mean()


def share_of_setosa(model, X, y):
    return np.mean(model.predict(X) == "setosa")


def mean_prediction(model, X, y):
    return model.predict(X).mean()


def n_epochs(model, X, y):
    return model.n_iter_


def first_weights(model, X, y):
    """The largest weight before any step."""
    return np.abs(begun(model, X, y).coefs_[0]).max()


PATIENT = {"max_iter": 300, "n_iter_no_change": 3, "tol": 1e-2}
SKEWED = {"max_iter": 150}
# Table, common settings, the one turned down and up, and what grows with it.
KNOBS = {
    "dropout": ("iris", {}, {"dropout": 0.0}, {"dropout": 0.5}, training_loss),
    "dropout_more": ("iris", {}, {"dropout": 0.2}, {"dropout": 0.6}, training_loss),
    "dropout_of_one_layer": (
        "diabetes",
        {"hidden_layer_sizes": (12, 12)},
        {"dropout": [0.0, 0.0]},
        {"dropout": [0.0, 0.6]},
        training_loss,
    ),
    "l1_ratio": ("iris", {"alpha": 5.0}, {"l1_ratio": 0.0}, {"l1_ratio": 1.0}, n_zeros),
    "l1_ratio_less": (
        "diabetes",
        {"alpha": 5.0},
        {"l1_ratio": 0.2},
        {"l1_ratio": 0.9},
        n_zeros,
    ),
    "alpha_of_l1": ("iris", {"l1_ratio": 1.0}, {"alpha": 0.5}, {"alpha": 5.0}, n_zeros),
    "weight_decay": (
        "iris",
        {},
        {"solver": AdamW(weight_decay=3.0)},
        {"solver": AdamW(weight_decay=0.0)},
        norm,
    ),
    "weight_decay_of_sgd": (
        "diabetes",
        {},
        {"solver": SGD(weight_decay=3.0)},
        {"solver": SGD(weight_decay=0.0)},
        norm,
    ),
    "clip_norm": (
        "diabetes",
        {},
        {"solver": SGD(clip_norm=0.01)},
        {"solver": SGD(clip_norm=10.0)},
        distance,
    ),
    "averaging": (
        "iris",
        {},
        {"solver": Adam(averaging=0.99)},
        {"solver": Adam()},
        distance,
    ),
    "averaging_longer": (
        "diabetes",
        {},
        {"solver": SGD(averaging=0.999)},
        {"solver": SGD(averaging=0.5)},
        distance,
    ),
    "cosine": (
        "iris",
        {},
        {"learning_rate": "cosine"},
        {"learning_rate": "constant"},
        distance,
    ),
    "final": (
        "iris",
        {},
        {"learning_rate": Cosine()},
        {"learning_rate": Cosine(final=0.5)},
        distance,
    ),
    "warmup": (
        "diabetes",
        {},
        {"learning_rate": Cosine(warmup=0.8)},
        {"learning_rate": Cosine()},
        distance,
    ),
    "start": (
        "iris",
        {},
        {"learning_rate": OneCycle(start=0.0)},
        {"learning_rate": OneCycle(start=1.0)},
        distance,
    ),
    "step": (
        "iris",
        {},
        {"learning_rate": Step(at=[0.2])},
        {"learning_rate": Step(at=[0.9])},
        distance,
    ),
    "step_factor": (
        "iris",
        {},
        {"learning_rate": Step(factor=100.0)},
        {"learning_rate": Step(factor=1.1)},
        distance,
    ),
    "horizon": (
        "iris",
        {},
        {"learning_rate": Cosine(horizon=10)},
        {"learning_rate": Cosine(horizon=20)},
        n_epochs,
    ),
    "function": (
        "iris",
        {},
        {"learning_rate": FunctionSchedule(lambda share: 0.1 + 0.0 * share)},
        {"learning_rate": FunctionSchedule(lambda share: 1.0 + 0.0 * share)},
        distance,
    ),
    "plateau_factor": (
        "iris",
        {**PATIENT, "learning_rate_init": 0.001},
        {"learning_rate": Plateau(factor=1000.0)},
        {"learning_rate": Plateau(factor=5.0)},
        n_epochs,
    ),
    "plateau_patience": (
        "iris",
        {**PATIENT, "learning_rate_init": 0.001},
        {"learning_rate": Plateau(patience=1)},
        {"learning_rate": Plateau(patience=8)},
        n_epochs,
    ),
    "plateau_smallest": (
        "iris",
        {**PATIENT, "learning_rate_init": 0.001},
        {"learning_rate": Plateau(smallest=1.0)},
        {"learning_rate": Plateau()},
        n_epochs,
    ),
    "adaptive_factor": (
        "iris",
        {**PATIENT, "solver": "sgd"},
        {"learning_rate": Adaptive(factor=1e6)},
        {"learning_rate": Adaptive(factor=2.0)},
        n_epochs,
    ),
    "label_smoothing": (
        "iris",
        {},
        {"loss": LogLoss(label_smoothing=0.5)},
        {"loss": LogLoss()},
        confidence,
    ),
    "focal": ("iris", {}, {"loss": Focal(gamma=4.0)}, {"loss": "log_loss"}, confidence),
    "class_weight": (
        "iris",
        {"max_iter": 5},
        {"class_weight": {"setosa": 0.01}},
        {"class_weight": {"setosa": 100.0}},
        share_of_setosa,
    ),
    "quantile": (
        "diabetes",
        SKEWED,
        {"loss": Quantile(0.1)},
        {"loss": Quantile(0.9)},
        mean_prediction,
    ),
    "delta": (
        "counts",  # Skewed: the mean is above the median.
        SKEWED,
        {"loss": Huber(delta=0.01)},
        {"loss": Huber(delta=100.0)},
        mean_prediction,
    ),
    "width": (
        "iris",
        {},
        {"hidden_layer_sizes": HiddenLayers(width=5)},
        {"hidden_layer_sizes": HiddenLayers(width=9)},
        n_parameters,
    ),
    "depth": (
        "iris",
        {},
        {"hidden_layer_sizes": HiddenLayers(5, depth=1)},
        {"hidden_layer_sizes": HiddenLayers(5, depth=3)},
        n_parameters,
    ),
    "ratio": (
        "iris",
        {},
        {"hidden_layer_sizes": HiddenLayers(8, 2, ratio=0.5)},
        {"hidden_layer_sizes": HiddenLayers(8, 2, ratio=2.0)},
        n_parameters,
    ),
    "init": (
        "iris",
        {},
        {"activation": ReLU(init="lecun")},
        {"activation": ReLU(init="he")},
        first_weights,
    ),
}


@pytest.mark.parametrize("name", KNOBS)
def test_turning_it_up_has_the_effect_it_should(name):
    data, common, down, up, measure = KNOBS[name]
    X, y = table(data)
    values = []
    for settings in (down, up):
        model = new(data, **{**common, **settings}).fit(X, y)
        values.append(measure(model, X, y))
    assert values[0] < values[1]


# What changes the model, and has no one direction.
OTHERS = {
    "negative_slope": ("activation", LeakyReLU(0.01), LeakyReLU(0.5)),
    "alpha_of_elu": ("activation", ELU(), ELU(alpha=3.0)),
    "activation_of_a_layer": ("activation", ["relu"], ["mish"]),
    "solver": ("solver", "adam", SGD()),
    "beta_2": ("solver", AdamW(), AdamW(beta_2=0.9)),
    "epsilon": ("solver", AdamW(), AdamW(epsilon=0.1)),
}


@pytest.mark.parametrize("data", ["iris", "diabetes"])
@pytest.mark.parametrize("name", OTHERS)
def test_turning_it_changes_the_model(name, data):
    X, y = table(data)
    parameter, one, other = OTHERS[name]
    models = [new(data, **{parameter: value}).fit(X, y) for value in (one, other)]
    assert differences(models[0].coefs_, models[1].coefs_) != []


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_an_average_predicts_and_validates_and_is_not_trained_on(data):
    """The average is that of the parameters after each step, as training left them."""
    X, y = table(data)
    settings = {"batch_size": len(X), "shuffle": False, "max_iter": 6}
    path = []
    for n in range(1, 7):
        model = new(data, **{**settings, "max_iter": n}, solver="adam").fit(X, y)
        path.append(parameters(model))
    averaged = new(data, **settings, solver=Adam(averaging=0.8))
    averaged.fit(X, y, X_val=X, y_val=y)
    weights = 0.8 ** np.arange(5, -1, -1.0)
    expected = np.tensordot(weights / weights.sum(), np.array(path), axes=1)
    np.testing.assert_allclose(parameters(averaged), expected, rtol=1e-9, atol=1e-12)
    assert averaged.loss_curve_ == pytest.approx(model.loss_curve_)
    assert averaged.validation_scores_[-1] == pytest.approx(averaged.score(X, y))


@pytest.mark.parametrize("route", ["warm", "stream", "early_stopping"])
@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_an_average_does_not_change_where_training_goes(data, route):
    X, y = table(data)
    curves, parts = [], [slice(0, 40), slice(40, 75), slice(75, 140)]
    for averaging in (None, 0.9):
        solver = AdamW(averaging=averaging)
        model = new(data, solver=solver, max_iter=2, warm_start=route != "stream")
        if route == "early_stopping":
            model.set_params(early_stopping=True, n_iter_no_change=99)
        for part in parts:  # Other rows in each call, of another number.
            if route == "warm":
                model.fit(X[part], y[part])
            elif route == "stream":
                classes = {"classes": np.unique(y)} if data == "iris" else {}
                model.partial_fit(X[part], y[part], **classes)
            else:
                model.fit(X, y)
        curves.append(model.loss_curve_)
    assert curves[0] == curves[1]


@pytest.mark.parametrize("solver", [Adam(averaging=0.9), "schedule_free"])
def test_a_stream_goes_on_from_the_parameters_however_long_its_patience(solver):
    X, y = table("diabetes")
    curves = []
    for patience in (2, 1000):
        model = new("diabetes", solver=solver, tol=0.1, n_iter_no_change=patience)
        for _ in range(15):
            model.partial_fit(X, y)
        curves.append(model.loss_curve_)
    assert curves[0] == curves[1]


@pytest.mark.parametrize("data", ["iris", "diabetes"])
def test_patience_that_could_end_nothing_does_not_end_what_follows(data):
    X, y = table(data)
    settings = {"tol": 10.0, "n_iter_no_change": 3, "warm_start": True}
    course = new(data, learning_rate="cosine", **settings).fit(X, y)
    course.set_params(learning_rate="constant").fit(X, y)
    assert course.n_iter_ == 20 + 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_average_has_the_zeros_of_the_weights_and_no_denormals(dtype):
    X, y = table("iris")
    settings = {"alpha": 5.0, "l1_ratio": 1.0, "dtype": dtype, "max_iter": 120}
    model = new("iris", solver=Adam(averaging=0.9), **settings).fit(X, y)
    sizes = np.abs(model.coefs_[0])
    assert (sizes == 0.0).mean() > 0.2
    assert not ((sizes > 0.0) & (sizes < np.finfo(dtype).tiny)).any()


@pytest.mark.parametrize("data", ["iris", "breast_cancer", "diabetes", "two_targets"])
def test_dropout_is_neither_in_prediction_nor_in_validation(data):
    X, y = table(data)
    model = new(data, dropout=0.5).fit(X, y, X_val=X, y_val=y)
    values = X
    for i, (weights, biases) in enumerate(
        zip(model.coefs_, model.intercepts_, strict=True)
    ):
        values = values @ weights + biases
        values = np.maximum(values, 0.0) if i == 0 else values
    decisions = getattr(model, "decision_function", model.predict)(X)
    np.testing.assert_allclose(values.reshape(decisions.shape), decisions, rtol=1e-9)
    assert model.validation_scores_[-1] == pytest.approx(model.score(X, y))
    again = new(data, dropout=0.5).fit(X, y)
    assert differences(again.coefs_, model.coefs_) == []


def test_dropout_draws_nothing_from_the_stream_where_there_is_none():
    X, y = table("iris")
    rng = np.random.RandomState(0)
    new("iris", random_state=rng).fit(X, y)
    other = np.random.RandomState(0)
    new("iris", random_state=other, dropout=[0.0]).fit(X, y)
    assert rng.randint(2**31) == other.randint(2**31)
