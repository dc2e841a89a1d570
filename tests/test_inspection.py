"""Looking inside: hidden activations, gradients of the inputs, the summary."""

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import OURS, table
from sklearn.exceptions import NotFittedError

from sklearn_backprop.losses import Huber, LogLoss

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TABLES = {
    "iris": ("classifier", {}),
    "breast_cancer": ("classifier", {}),
    "multilabel": ("classifier", {}),
    "wine": ("classifier", {"loss": LogLoss(label_smoothing=0.1)}),
    "diabetes": ("regressor", {}),
    "two_targets": ("regressor", {"loss": Huber(0.5)}),
    "counts": ("regressor", {"loss": "poisson"}),
}


def fitted(name, hidden=(6, 5), **settings):
    X, y = table(name)
    kind, own = TABLES[name]
    settings = {"activation": "tanh", "max_iter": 5, "random_state": 0} | own | settings
    return OURS[kind](hidden, **settings).fit(X, y), X, y


@pytest.mark.parametrize("as_X", [np.asarray, sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("name", TABLES)
def test_hidden_activations_are_the_layers_outputs(name, as_X):
    model, X, _ = fitted(name)
    values = X
    for layer in (0, 1):
        values = np.tanh(values @ model.coefs_[layer] + model.intercepts_[layer])
        for index in (layer, layer - 2):
            found = model.hidden_activations(as_X(X), layer=index)
            np.testing.assert_allclose(found, values, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(
        model.hidden_activations(as_X(X)), model.hidden_activations(as_X(X), 1)
    )


@pytest.mark.parametrize("name", TABLES)
def test_activations_of_each_layer_are_looked_into_too(name):
    """With a list the number of layers has to be known; nobody may take it for zero."""
    settings = {"activation": ["tanh", "gelu"], "dropout": [0.1, 0.2]}
    model, X, y = fitted(name, **settings)
    assert model.input_gradients(X, y).shape == X.shape
    assert model.hidden_activations(X).shape == (len(X), 5)
    assert "gelu" in model.summary()
    arrays = [model.coefs_, model.intercepts_]
    if TABLES[name][0] == "classifier":
        settings |= {"classes": model.classes_, "out_activation": model.out_activation_}
    else:
        settings |= {"loss": model.loss}
    made = type(model).from_arrays(*arrays, **settings)
    np.testing.assert_array_equal(made.predict(X), model.predict(X))


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_gradients_of_several_outputs_are_those_of_the_loss_for_any_solver(solver):
    """The stochastic solvers' steps are of another scale, as scikit-learn's are."""
    X, y = table("two_targets")
    model = OURS["regressor"]((5,), activation="tanh", solver=solver, max_iter=3)
    gradients = model.fit(X, y).input_gradients(X[:4], y[:4])
    for row in range(4):
        for column in range(X.shape[1]):
            ends = []
            for step in (1e-5, -1e-5):
                moved = X[row : row + 1].copy()
                moved[0, column] += step
                ends.append(0.5 * np.mean((model.predict(moved) - y[row]) ** 2))
            expected = (ends[0] - ends[1]) / 2e-5
            assert gradients[row, column] == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize("layer", [2, -3, 0.5, 0.0, "first", None, True])
def test_a_layer_that_is_not_there_is_named(layer):
    model, X, _ = fitted("iris")
    with pytest.raises(ValueError, match="layer must be an integer from -2 to 1,"):
        model.hidden_activations(X, layer=layer)
    linear, X, _ = fitted("iris", hidden=())
    with pytest.raises(ValueError, match="for 0 hidden layer"):
        linear.hidden_activations(X)


def loss_of_row(model, name, row, target):
    """The loss of one row, from public predictions alone."""
    row = row[np.newaxis]
    kind, own = TABLES[name]
    if kind == "regressor":
        output = np.atleast_1d(model.predict(row)[0])
        target = np.atleast_1d(target)
        if name == "counts":
            return float(np.sum(output - target * np.log(output)))
        loss = own.get("loss")
        if loss is not None:
            return float(loss.forward(output[np.newaxis], target[np.newaxis])[0])
        return float(0.5 * np.mean((output - target) ** 2))
    logs = model.predict_log_proba(row)[0]
    if name == "multilabel":
        others = np.log1p(-np.exp(logs))
        return float(-np.sum(np.where(target > 0, logs, others)))
    shares = (model.classes_ == target).astype(float)
    if name == "wine":
        shares = 0.9 * shares + 0.1 / 3
    return float(-shares @ logs)


@pytest.mark.parametrize("as_X", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("name", TABLES)
def test_input_gradients_are_derivatives_row_by_row(name, as_X):
    model, X, y = fitted(name)
    rows = slice(3, 7)
    gradients = model.input_gradients(as_X(X[rows]), y[rows])
    assert gradients.shape == X[rows].shape
    direction = np.random.default_rng(0).normal(size=X.shape[1])
    step = 1e-6 * direction
    for gradient, row, target in zip(gradients, X[rows], y[rows], strict=True):
        above = loss_of_row(model, name, row + step, target)
        below = loss_of_row(model, name, row - step, target)
        expected = (above - below) / 2e-6
        assert gradient @ direction == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_input_gradients_go_by_blocks_and_change_nothing(monkeypatch):
    model, X, y = fitted("iris")
    before = dict(vars(model))
    whole = model.input_gradients(X, y)
    monkeypatch.setattr("sklearn_backprop._inspection.BLOCK_ROWS", 7)
    np.testing.assert_allclose(
        model.input_gradients(X, y), whole, rtol=1e-9, atol=1e-14
    )
    assert vars(model) == before
    single, _, _ = fitted("iris", dtype="float32")
    assert single.input_gradients(X, y).dtype == np.float32
    step = 0.5 * np.sign(whole)  # The fast gradient sign method.
    assert model.score(X + step, y) < model.score(X, y) - 0.1


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["nonsense"] * 3, "classes not in"),
        ([1.5, 2.5, 3.5], "Unknown label type"),
        (["setosa"], "inconsistent numbers of samples"),
    ],
)
def test_targets_that_do_not_fit_are_named(y, message):
    model, X, _ = fitted("iris")
    with pytest.raises(ValueError, match=message):
        model.input_gradients(X[:3], y)


def test_the_summary_names_layers_shapes_and_parameters():
    model, X, _ = fitted("iris", activation=["gelu", "relu"])
    assert model.summary().splitlines() == [
        "layer  inputs  outputs  parameters  activation",
        "    0       4        6          30  gelu",
        "    1       6        5          35  relu",
        "    2       5        3          18  softmax",
        "83 parameters in all",
    ]
    n_parameters = sum(array.size for array in model.coefs_ + model.intercepts_)
    assert n_parameters == 83


@pytest.mark.parametrize("method", ["hidden_activations", "input_gradients", "summary"])
def test_a_model_that_is_not_fitted_says_so(method):
    X, y = table("iris")
    arguments = {"hidden_activations": (X,), "input_gradients": (X, y), "summary": ()}
    with pytest.raises(NotFittedError):
        getattr(OURS["classifier"](), method)(*arguments[method])
