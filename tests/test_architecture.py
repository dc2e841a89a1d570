"""Sizes of the hidden layers by width and depth, and in a search."""

import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, differences, table
from scipy.stats import randint, uniform
from sklearn.model_selection import RandomizedSearchCV

from sklearn_backprop.architecture import HiddenLayers

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def new(kind, **settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 4, "random_state": 0} | settings
    return OURS[kind](**settings)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ("7x1", [7]),
        ("12x3", [12, 12, 12]),
        (HiddenLayers(), [100]),
        (HiddenLayers(9, 3, ratio=0.5), [9, 4, 2]),
        (HiddenLayers(2, 4, ratio=0.2), [2, 1, 1, 1]),
        (HiddenLayers(depth=0), []),
        (np.int64(5), [5]),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_the_architecture_may_be_given_by_width_and_depth(kind, sizes, expected):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, hidden_layer_sizes=sizes, max_iter=2).fit(X, y)
    assert [coef.shape[1] for coef in model.coefs_[:-1]] == expected
    plain = new(kind, hidden_layer_sizes=expected, max_iter=2).fit(X, y)
    assert differences(model.coefs_, plain.coefs_) == []


@pytest.mark.parametrize("sizes", ["256", "x3", "0x3", "3x0", "2x3x4", "axb", "-2x3"])
def test_a_text_that_is_no_architecture_is_named(sizes):
    X, y = table("iris")
    with pytest.raises(ValueError, match=f"such as '256x3' .*, got '{sizes}'"):
        new("classifier", hidden_layer_sizes=sizes).fit(X, y)


@pytest.mark.parametrize("kind", KINDS)
def test_a_search_draws_the_architecture_from_distributions(kind):
    X, y = table(DEFAULT_TABLE[kind])
    distributions = {
        "hidden_layer_sizes__width": randint(2, 20),
        "hidden_layer_sizes__depth": randint(0, 4),
        "hidden_layer_sizes__ratio": uniform(0.3, 1.0),
        "dropout": uniform(0.0, 0.0),
    }
    model = new(kind, hidden_layer_sizes=HiddenLayers())
    search = RandomizedSearchCV(model, distributions, n_iter=4, cv=2, random_state=0)
    best = search.fit(X, y).best_estimator_
    fitted = [coef.shape[1] for coef in best.coefs_[:-1]]
    assert fitted == best.hidden_layer_sizes.sizes
    assert model.hidden_layer_sizes == HiddenLayers()
