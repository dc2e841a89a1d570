"""What cannot be is refused by name before training, and nothing is lost."""

import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, table

from sklearn_backprop.architecture import HiddenLayers
from sklearn_backprop.layers import ELU, Dense, Dropout, ReLU
from sklearn_backprop.losses import (
    BinaryCrossentropy,
    Huber,
    LogLoss,
    Loss,
    SoftmaxCategoricalCrossentropy,
    SquaredError,
)
from sklearn_backprop.optimizers import LBFGS, SGD, Adam
from sklearn_backprop.schedules import InverseScaling, Step

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def new(kind, **settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0} | settings
    return OURS[kind](**settings)


def falls_below_zero(share):
    return 0.9 - share


class OwnUpdate(Adam):
    """A user's optimizer that writes the method by hand anew."""

    def update(self, parameters, gradients):
        parameters -= gradients


REFUSED = {
    "solver_setting": (
        {"solver": SGD(momentum=2.0)},
        r"'solver' parameter of \w+ is SGD\(momentum=2.0\), but momentum must be in",
    ),
    "solver_class": ({"solver": Adam}, r"not its class: got Adam, did you mean Adam\("),
    "solver_rate": (
        {"solver": Adam(learning_rate=0.1)},
        "learning rate of an estimator is its parameter learning_rate_init",
    ),
    "solver_type": ({"solver": 3}, "'solver' parameter of .* must be .*Got 3"),
    "schedule_setting": (
        {"learning_rate": InverseScaling(power_t=-1)},
        r"'learning_rate' .* InverseScaling\(power_t=-1\), but power_t must be not neg",
    ),
    "schedule_is_a_number": ({"learning_rate": 0.1}, "'learning_rate' parameter"),
    "activation_class": ({"activation": ReLU}, r"did you mean ReLU\(\)"),
    "activation_without_methods": ({"activation": object()}, "'activation' parameter"),
    "activation_with_parameters": (
        {"activation": Dense(6, 6)},
        r"parameters of its own \(weights, biases\)",
    ),
    "activation_in_training_alone": (
        {"activation": Dropout(0.2)},
        r"'activation' .* is Dropout\(rate=0.2\), a layer that acts in training",
    ),
    "activations_in_training_alone": ({"activation": [Dropout()]}, "in training alone"),
    "activations_of_another_number": (
        {"activation": ["relu", "tanh"]},
        "activation has 2 entries, but there are 1 hidden layers",
    ),
    "activations_with_a_class": ({"activation": [ReLU]}, r"did you mean ReLU\(\)"),
    "activations_with_a_bad_name": (
        {"activation": ["nonsense"]},
        "activation must be a layer or one of .* got 'nonsense'",
    ),
    "activation_name": ({"activation": "nonsense"}, "'activation' parameter"),
    "loss_class": ({"loss": SquaredError}, r"did you mean SquaredError\(\)"),
    "loss_setting": ({"loss": Huber(-1)}, r"Huber\(delta=-1\), but delta must be"),
    "loss_name": ({"loss": "nonsense"}, "'loss' parameter"),
    "sizes_class": ({"hidden_layer_sizes": HiddenLayers}, r"did you mean HiddenLayers"),
    "sizes_setting": (
        {"hidden_layer_sizes": HiddenLayers(width=0)},
        r"HiddenLayers\(width=0\), but width must be an integer of at least 1",
    ),
    "dropout_of_all": ({"dropout": 1.0}, "'dropout' parameter"),
    "dropout_in_a_list": ({"dropout": [1.0]}, r"dropout must be in \[0, 1\), got 1.0"),
    "dropouts_of_another_number": (
        {"dropout": [0.1, 0.2]},
        "dropout has 2 entries, but there are 1 hidden layers",
    ),
    "dropout_without_hidden_layers": (
        {"dropout": 0.5, "hidden_layer_sizes": ()},
        r"dropout=0.5 leaves out hidden neurons, but hidden_layer_sizes=\(\) has none",
    ),
    "l1_of_an_average": (
        {"l1_ratio": 0.5, "solver": "schedule_free"},
        "l1_ratio=0.5 does not go with solver='schedule_free', whose model is an aver",
    ),
    "function_that_fails_late": (
        {"learning_rate": falls_below_zero},
        "'learning_rate' parameter of .* but func must be a function to factors",
    ),
    "solver_by_update_alone": (
        {"solver": OwnUpdate()},
        "whose update.* would not be called: an optimizer gives _step_function",
    ),
    "l1_ratio": ({"l1_ratio": 1.5}, "'l1_ratio' parameter"),
    "scoring": ({"scoring": "nonsense"}, "'scoring' parameter"),
    "milestones": (
        {"learning_rate": Step(at=[2.0])},
        r"Step\(at=.*but at must",
    ),
    **{
        f"lbfgs_with_{name}": (
            {"solver": "lbfgs", name: value},
            f"{name}=.* does not go with solver='lbfgs', which takes no steps on mini",
        )
        for name, value in [
            ("dropout", 0.5),
            ("l1_ratio", 0.5),
            ("learning_rate", "cosine"),
        ]
    },
    "lbfgs_with_schedule": (
        {"solver": LBFGS(), "learning_rate": Step()},
        r"learning_rate=Step\(\) does not go with solver=LBFGS\(\)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_slot_does_not_take_is_named(kind, name):
    X, y = table(DEFAULT_TABLE[kind])
    settings, message = REFUSED[name]
    model = new(kind).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=message):
        model.set_params(**settings).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


class Linked(Loss):
    """A user's loss with a link of its own."""

    default_score = "r2"

    def __init__(self, out_activation):
        self.out_activation = out_activation


LINKS = {
    "random": (Linked(Dropout()), "iris", "acts in training alone"),
    "improbable": (Linked(ELU()), "breast_cancer", "makes no probabilities"),
    "numbers_for_labels": (SquaredError(), "iris", "no probabilities"),
    "one_column_for_three": (BinaryCrossentropy(), "iris", "y has 3 classes"),
    "exclusive_for_multilabel": (
        SoftmaxCategoricalCrossentropy(),
        "multilabel",
        "exclude one another",
    ),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_loss_whose_link_does_not_fit_the_labels_is_refused(name):
    loss, data, message = LINKS[name]
    X, y = table(data)
    with pytest.raises(ValueError, match=f"loss={type(loss).__name__}.*{message}"):
        new("classifier", loss=loss).fit(X, y)


def test_a_link_that_acts_in_training_alone_predicts_no_numbers():
    X, y = table("diabetes")
    with pytest.raises(ValueError, match="out_activation .* acts in training alone"):
        new("regressor", loss=Linked(Dropout())).fit(X, y)


@pytest.mark.parametrize("loss", [LogLoss(), SoftmaxCategoricalCrossentropy()])
def test_a_regressor_takes_no_loss_over_labels(loss):
    X, y = table("diabetes")
    with pytest.raises(ValueError, match=f"loss={type(loss).__name__}.* is for labels"):
        new("regressor", loss=loss).fit(X, y)


@pytest.mark.parametrize("kind", KINDS)
def test_a_setting_of_a_string_is_named(kind):
    with pytest.raises(
        ValueError, match="solver is the string 'sgd': give solver as an"
    ):
        new(kind, solver="sgd").set_params(solver__momentum=0.5)
    with pytest.raises(ValueError, match=r"hidden_layer_sizes is \(6,\): give"):
        new(kind).set_params(hidden_layer_sizes__width=5)
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense' for SGD"):
        new(kind, solver=SGD()).set_params(solver__nonsense=0.5)
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        new(kind).set_params(nonsense__momentum=0.5)
    model = new(kind).set_params(solver=SGD(), solver__momentum=0.5)
    assert model.solver.momentum == 0.5
