"""How much the groups of the estimators for tables count, and what they see."""

import numpy as np
import pandas as pd
import pytest
from _frames import KINDS, mixed, new, targets
from conftest import outputs
from numpy.testing import assert_allclose

from sklearn_backprop import TabularMLPRegressor
from sklearn_backprop.tabular.networks import sees_components
from sklearn_backprop.tabular.plans import Data
from sklearn_backprop.tabular.stacking import stacking_weights

N_HELD_OUT = 200
TRUE = np.sin(np.arange(N_HELD_OUT))
NOISE = np.cos(7.0 * np.arange(N_HELD_OUT))


def group(n_networks, components):
    return {"scales": np.ones((n_networks, 1, 4))} | (
        {"embedding_weights": None} if components else {}
    )


def surprise(outputs, data):
    errors = np.mean((outputs - data.targets) ** 2)
    return 0.5 * len(outputs) * np.log(max(errors, 1e-12))


HELD_OUT = Data(None, TRUE, None)
# What a group of two networks that see components says of rows that it has held out,
# and one of one network that sees numbers; and how much the former counts at least and
# at most.
SAYS = {
    "right and wrong": (TRUE, NOISE, 0.99, 1.0),
    "wrong and right": (NOISE, TRUE, 0.0, 0.01),
    "the same": (TRUE + NOISE, TRUE + NOISE, 0.5, 0.5),
    "opposite errors": (TRUE + 0.1 * NOISE, TRUE - 0.1 * NOISE, 0.49, 0.51),
    "half the error": (TRUE + 0.1 * NOISE, TRUE - 0.2 * NOISE, 0.6, 0.7),
}


@pytest.mark.parametrize("name", SAYS)
def test_what_is_right_of_rows_held_out_counts(name):
    components, numbers, least, most = SAYS[name]
    weights = stacking_weights(
        [group(2, True), group(1, False)] * 2,
        [components, numbers] * 2,
        [HELD_OUT] * 4,
        surprise,
    )
    assert weights.shape == (4,)
    assert_allclose(weights.sum(), 1.0)
    assert_allclose(weights[:2], weights[2:])
    assert least - 1e-6 <= weights[0] + weights[2] <= most + 1e-6


@pytest.mark.parametrize(
    ("groups", "held_out"),
    [
        ([group(3, True), group(1, False)], [None, None]),
        ([group(3, True), group(1, True)], [HELD_OUT, HELD_OUT]),
    ],
)
def test_networks_count_alike_where_nothing_tells_them_apart(groups, held_out):
    weights = stacking_weights(groups, [TRUE, NOISE], held_out, surprise)
    assert_allclose(weights, [0.75, 0.25])


def test_a_group_whose_peer_was_not_trained_counts_by_its_networks():
    groups = [group(1, True), group(1, False), group(3, True)]
    outputs, held_out = [TRUE, TRUE, NOISE], [HELD_OUT] * 3
    weights = stacking_weights(groups, outputs, held_out, surprise)
    assert_allclose(weights[2], 3 * weights[0])
    assert_allclose(weights[1], 0.5)


def test_validation_data_that_all_share_count_once():
    says = [TRUE + 0.1 * NOISE, TRUE - 0.11 * NOISE]
    groups = [group(1, True), group(1, False)]
    few = stacking_weights(groups, says, [HELD_OUT] * 2, surprise)
    many = stacking_weights(groups * 5, says * 5, [HELD_OUT] * 10, surprise)
    assert_allclose(5 * many[:2], few, rtol=1e-6)


def test_columns_decide_which_way_to_see_them_counts():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(600, 4))
    shares = {}
    for name, y in {
        "steps": np.floor(5 * X[:, 0]) % 2,
        "sums": np.sin(X @ [2.0, 1.0, -1.0, -2.0]),
    }.items():
        model = TabularMLPRegressor(n_estimators=4, random_state=0).fit(X, y)
        sees = [sees_components(group) for group in model.networks_]
        assert sees == [True, False, True, False]
        shares[name] = model.group_weights_[sees].sum()
    assert shares["steps"] > 0.9
    assert shares["sums"] < 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_public_weights_are_what_is_predicted_with(kind):
    frame = mixed()
    model = new(kind, n_estimators=4).fit(frame, targets(kind, frame))
    if kind == "regressor":  # Nothing is clipped.
        model.target_range_ = np.array([[-1e9], [1e9]])
    every = outputs(model, frame)
    weights, alone = model.group_weights_, []
    for i in range(4):
        model.group_weights_ = np.eye(4)[i]
        alone.append(outputs(model, frame))
    assert_allclose(np.tensordot(weights, alone, axes=1), every, rtol=1e-5, atol=1e-6)
    model.group_weights_ = np.full(4, 0.5)
    with pytest.raises(ValueError, match="group_weights_ must not be negative and sum"):
        outputs(model, frame)


def test_tables_without_numbers_are_seen_in_one_way():
    frame = pd.DataFrame({"word": ["a", "b", "c"] * 20})
    model = new("classifier", n_estimators=5).fit(frame, ["yes", "no", "no"] * 20)
    assert [len(group["scales"]) for group in model.networks_] == [3, 2]
    assert all(map(sees_components, model.networks_))
    assert_allclose(model.group_weights_, [0.6, 0.4])
