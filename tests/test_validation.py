"""Validation while training: which rows, and which score of them."""

import numpy as np
import pytest
from conftest import KIND_OF, OURS, random_weights, table
from sklearn.metrics import balanced_accuracy_score, make_scorer, mean_absolute_error

from sklearn_backprop._parameters import read_slots
from sklearn_backprop._validation import Validation, split_rows
from sklearn_backprop.batches import Batches
from sklearn_backprop.network import Network, dense_stack
from sklearn_backprop.training import Diverged

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TABLES = ["iris", "breast_cancer", "multilabel", "diabetes", "two_targets"]
ROWS = np.arange(5, 60)


def room(name, scoring, rows=ROWS, weights=None):
    """A validation, and the fitted model whose network it scores."""
    X, y = table(name)
    model = OURS[KIND_OF[name]]((6,), max_iter=5, random_state=0).fit(X, y)
    slots = read_slots(model, 1)
    targets = model._copy()._read_targets(y, X.dtype, slots.loss, False, False, None)
    loss = slots.loss.for_targets(targets)
    batches = Batches(X, targets, weights, 20, X.dtype)
    data = X, targets, weights
    validation = Validation(model, batches, rows, data, loss, scoring)
    layers = dense_stack(model.coefs_, model.intercepts_, slots.make_activations)
    return validation, model, Network(layers)


def mean_error(estimator, X, y, sample_weight=None):
    """A scorer that is a plain callable."""
    errors = np.abs(estimator.predict(X) - y)
    return -np.average(errors.reshape(len(X), -1).mean(axis=1), weights=sample_weight)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("rows", [ROWS, None], ids=["held_out", "given"])
@pytest.mark.parametrize("name", TABLES)
def test_the_default_score_is_that_of_the_estimator(name, rows, weighted):
    X, y = table(name)
    weights = random_weights(len(X)) if weighted else None
    validation, model, network = room(name, None, rows, weights)
    part = slice(None) if rows is None else rows
    expected = model.score(X[part], y[part], weights[part] if weighted else None)
    assert validation(network).score == pytest.approx(expected)


SCORERS = {
    "name": "neg_mean_squared_error",
    "callable": mean_error,
    "scorer": make_scorer(mean_absolute_error, greater_is_better=False),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", SCORERS)
@pytest.mark.parametrize("name", ["diabetes", "two_targets"])
def test_any_scorer_sees_a_view_of_the_network(name, scoring, weighted):
    X, y = table(name)
    weights = random_weights(len(X)) if weighted else None
    validation, model, network = room(name, SCORERS[scoring], ROWS, weights)
    before = [array.copy() for array in model.coefs_]
    network.flatten()
    scorer = validation.scorer
    extra = {"sample_weight": weights[ROWS]} if weighted else {}
    assert validation(network).score == pytest.approx(
        scorer(model, X[ROWS], y[ROWS], **extra)
    )
    network.parameters[...] = 0.0  # It is a view, so the score follows.
    zero = scorer(model._view_of(network), X[ROWS], y[ROWS], **extra)
    assert validation(network).score == pytest.approx(zero)
    for mine, other in zip(model.coefs_, before, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_a_scorer_gets_the_users_labels():
    X, y = table("iris")
    scorer = make_scorer(balanced_accuracy_score)
    validation, model, network = room("iris", scorer)
    expected = balanced_accuracy_score(y[ROWS], model.predict(X[ROWS]))
    assert validation(network).score == pytest.approx(expected)
    probabilities, _, _ = room("iris", "neg_log_loss")
    chosen = model.predict_proba(X[ROWS])[np.arange(55), validation.targets]
    assert probabilities(network).score == pytest.approx(np.log(chosen).mean())


@pytest.mark.parametrize("name", TABLES)
def test_the_loss_is_a_score(name):
    X, y = table(name)
    validation, model, network = room(name, "loss", None)
    loss = {"classifier": None, "regressor": 0.5}[KIND_OF[name]]
    if loss:
        expected = 0.5 * np.mean((model.predict(X) - y) ** 2)
    elif name == "multilabel":
        p = model.predict_proba(X)
        expected = -np.mean(np.sum(np.log(np.where(y > 0, p, 1 - p)), axis=1))
    else:
        p = model.predict_proba(X)
        expected = -np.mean(np.log(p[y[:, np.newaxis] == model.classes_]))
    assert validation(network).score == pytest.approx(-expected)


def test_logits_that_are_not_finite_are_divergence():
    validation, _, network = room("iris", None)
    network.layers[0].weights[...] = np.nan
    with pytest.raises(Diverged):
        validation(network)


def test_an_unknown_scorer_is_named():
    with pytest.raises(ValueError, match="nonsense"):
        room("iris", "nonsense")


def test_a_split_is_the_generators():
    labels = np.repeat(["a", "b"], [30, 10])
    rows, held_out = split_rows(40, 0.25, np.random.RandomState(0), labels, None)
    assert sorted([*rows, *held_out]) == list(range(40))
    assert (labels[held_out] == "b").sum() in (2, 3)
    again = split_rows(40, 0.25, np.random.RandomState(0), labels, None)
    np.testing.assert_array_equal(rows, again[0])
