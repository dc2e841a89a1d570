"""Fitted models go to scikit-learn's estimators and come back."""

import numpy as np
import pytest
from conftest import KIND_OF, KINDS, OURS, THEIRS, differences, fit_silently, table
from sklearn.exceptions import NotFittedError

from sklearn_backprop.layers import GELU, Tanh
from sklearn_backprop.losses import SoftmaxCategoricalCrossentropy
from sklearn_backprop.optimizers import LBFGS, SGD, Adam, AdamW
from sklearn_backprop.schedules import InverseScaling

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TABLES = ["iris", "breast_cancer", "multilabel", "diabetes", "two_targets", "counts"]
METHODS = {"classifier": ["predict", "predict_proba"], "regressor": ["predict"]}
ACTIVATIONS = ["identity", "logistic", "relu", "tanh"]


def settings_for(name, activation="relu"):
    settings = {"activation": activation, "max_iter": 5, "random_state": 0}
    return settings | ({"loss": "poisson"} if name == "counts" else {})


def assert_same(found, expected):
    """Labels are the same; numbers are to rounding."""
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    else:
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("name", TABLES)
def test_predictions_are_the_same_both_ways(name, activation):
    X, y = table(name)
    kind = KIND_OF[name]
    model = OURS[kind](hidden_layer_sizes=(6, 5), **settings_for(name, activation))
    theirs = model.fit(X, y).to_sklearn()
    assert type(theirs) is THEIRS[kind]
    back = OURS[kind].from_sklearn(theirs)
    for method in METHODS[kind]:
        expected = getattr(model, method)(X)
        for other in (theirs, back):
            assert_same(getattr(other, method)(X), expected)
    assert differences(back.coefs_, model.coefs_) == []
    assert back.loss_curve_ == model.loss_curve_ == theirs.loss_curve_
    assert back.loss_curve_ is not theirs.loss_curve_
    theirs.coefs_[0][:] = 0.0  # All have arrays of their own.
    np.testing.assert_array_equal(back.predict(X), model.predict(X))


@pytest.mark.parametrize("name", TABLES)
def test_a_model_of_scikit_learns_trains_on(name):
    X, y = table(name)
    kind = KIND_OF[name]
    theirs = fit_silently(
        THEIRS[kind](hidden_layer_sizes=(6,), **settings_for(name)), X, y
    )
    model = OURS[kind].from_sklearn(theirs)
    for method in METHODS[kind]:
        expected = getattr(theirs, method)(X)
        assert_same(getattr(model, method)(X), expected)
    loss = model.partial_fit(X, y).loss_
    assert loss < theirs.loss_curve_[0] and model.n_iter_ == theirs.n_iter_ + 1
    again = model.to_sklearn()
    fit_silently(again.set_params(warm_start=True, max_iter=2), X, y)
    assert again.predict(X).shape == y.shape


SOLVERS = [
    ({"solver": SGD(momentum=0.5)}, {"solver": "sgd", "momentum": 0.5}),
    ({"solver": Adam(beta_1=0.5)}, {"solver": "adam", "beta_1": 0.5}),
    ({"solver": LBFGS(max_fun=9)}, {"solver": "lbfgs", "max_fun": 9}),
    ({"solver": "adamw"}, {"solver": "adam", "beta_1": 0.9}),
    (
        {"solver": AdamW(beta_2=0.9, clip_norm=1.0), "dropout": 0.2},
        {"solver": "adam", "beta_2": 0.9},
    ),
    ({"learning_rate": "cosine"}, {"learning_rate": "constant"}),
    ({"learning_rate": "invscaling"}, {"learning_rate": "invscaling"}),
    (
        {"solver": SGD(), "learning_rate": InverseScaling(0.2)},
        {"learning_rate": "invscaling", "power_t": 0.2},
    ),
    ({"activation": Tanh()}, {"activation": "tanh"}),
    ({"activation": ["tanh"]}, {"activation": "tanh"}),
]


@pytest.mark.parametrize(("ours", "flat"), SOLVERS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_objects_become_the_flat_parameters_that_mean_the_same(kind, ours, flat):
    X, y = table({"classifier": "iris", "regressor": "diabetes"}[kind])
    theirs = OURS[kind]((6,), max_iter=3, **ours).fit(X, y).to_sklearn()
    assert flat.items() <= theirs.get_params().items()


class Tanh3(Tanh):
    """A user's own, whose name says nothing of what it computes."""

    def forward(self, inputs, out=None):
        return super().forward(3.0 * inputs)


Tanh3.__name__ = "Tanh"

REFUSED = {
    "namesake": ({"activation": Tanh3()}, r"no activation_=Tanh\(\)"),
    "activation": ({"activation": "gelu"}, "no activation_='gelu'"),
    "object": ({"activation": GELU()}, r"no activation_=GELU\(\)"),
    "list": ({"activation": ["relu", "tanh"]}, "for all hidden layers"),
    "link": (
        {"loss": SoftmaxCategoricalCrossentropy()},
        "no out_activation_='softmax' for 2 classes",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_scikit_learn_does_not_have_is_named(name):
    X, y = table("breast_cancer")
    settings, message = REFUSED[name]
    model = OURS["classifier"]((6, 5), max_iter=3, **settings).fit(X, y)
    if name == "link":
        assert model.n_outputs_ == 2
    with pytest.raises(ValueError, match=message):
        model.to_sklearn()


@pytest.mark.parametrize("kind", KINDS)
def test_other_estimators_are_refused(kind):
    other = {"classifier": "regressor", "regressor": "classifier"}[kind]
    for thing in (THEIRS[other](), OURS[kind](), "nonsense", None):
        with pytest.raises(
            TypeError, match=f"{OURS[kind].__name__}.from_sklearn needs"
        ):
            OURS[kind].from_sklearn(thing)
    with pytest.raises(NotFittedError):
        OURS[kind].from_sklearn(THEIRS[kind]())
    with pytest.raises(NotFittedError):
        OURS[kind]().to_sklearn()
