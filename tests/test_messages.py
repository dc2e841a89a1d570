"""Messages, read as a user: they name what the user gave."""

import re
import warnings

import numpy as np
import pytest
from conftest import OURS, table
from sklearn.exceptions import ConvergenceWarning

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, LABELS = table("iris")
NUMBERS = np.linspace(0.0, 4.0, len(X))


def classifier(**settings):
    settings = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0} | settings
    return OURS["classifier"](**settings)


def regressor(**settings):
    settings = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0} | settings
    return OURS["regressor"](**settings)


def rare(n_rare, label, others):
    y = np.array([others] * len(X))
    y[:n_rare] = label
    return y


def spoilt(model, **arrays):
    vars(model).update(arrays)
    return model


FITS = {
    "one_member": (
        lambda: classifier(early_stopping=True).fit(X, rare(1, "rare", "common")),
        "validation_fraction=0.1 .* class 'rare' has only one member",
    ),
    "one_member_of_type_bool": (
        lambda: classifier(early_stopping=True).fit(X, rare(1, True, False)),
        "class True has only one member",
    ),
    "no_validation": (
        lambda: classifier(early_stopping=True, validation_fraction=0).fit(X, LABELS),
        "validation_fraction=0 holds out no rows.*greater than 0",
    ),
    "small_validation": (
        lambda: regressor(early_stopping=True).fit(X[:8], NUMBERS[:8]),
        "Increase 'validation_fraction'",
    ),
    "sgd_alpha": (
        lambda: classifier(solver="sgd", alpha=1e7, max_iter=300).fit(X, LABELS),
        "alpha=10000000.0 .* too strong .*learning_rate_init=0.001: lower alpha",
    ),
    "adam_alpha": (
        lambda: regressor(alpha=1e170).fit(X, NUMBERS),
        r"alpha=1e\+170 .* lower alpha",
    ),
    "float32_alpha": (
        lambda: regressor(alpha=1e25, dtype="float32").fit(X, NUMBERS),
        r"alpha=1e\+25 .* lower alpha",
    ),
    "rate_is_to_blame": (
        lambda: regressor(solver="sgd", learning_rate_init=1e200).fit(X, NUMBERS),
        "^(?!.*alpha).*learning_rate_init",
    ),
    "poisson_range": (
        lambda: regressor(loss="poisson").fit(X, NUMBERS - 1.0),
        "loss='poisson' needs y >= 0, got -1.0 in row 0",
    ),
    "gamma_range": (
        lambda: regressor(loss="gamma").fit(X, NUMBERS),
        "loss='gamma' needs y > 0, got 0.0 in row 0",
    ),
    "poisson_diverges": (
        lambda: regressor(loss="poisson", solver="sgd", learning_rate_init=9.0).fit(
            X, NUMBERS * 100
        ),
        "loss with a log link .* overflows",
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_fit_names_the_cause(name):
    fit, message = FITS[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Training made the loss larger")
        with pytest.raises((ValueError, ConvergenceWarning), match=message):
            fit()


def poisson_that_overflows():
    model = regressor(loss="poisson").fit(X, NUMBERS)
    return spoilt(model, intercepts_=[model.intercepts_[0], np.array([1e4])])


def with_weights(model, value, layer=0):
    model.coefs_[layer][0, 0] = value
    return model


PREDICTIONS = {
    "nan_in_weights": (
        lambda: with_weights(classifier().fit(X, LABELS), np.nan),
        r"coefs_\[0\] contains NaN",
    ),
    "inf_in_weights": (
        lambda: with_weights(regressor().fit(X, NUMBERS), np.inf, 1),
        r"coefs_\[1\] contains infinity",
    ),
    "shapes": (
        lambda: spoilt(classifier().fit(X, LABELS), coefs_=[np.ones((4, 3))] * 2),
        r"coefs_\[1\] must have shape \(3, n_neurons\)|intercepts_\[0\]",
    ),
    "text_in_weights": (
        lambda: spoilt(regressor().fit(X, NUMBERS), coefs_=[[["a"]], [["b"]]]),
        r"coefs_\[0\] must hold numbers",
    ),
    "poisson_mean": (
        poisson_that_overflows,
        r"network is finite, at most 1e\+04, but what the function of the last layer",
    ),
    "link": (
        lambda: spoilt(regressor().fit(X, NUMBERS), out_activation_="cosine"),
        "out_activation_ must be .*'exp'.* got 'cosine'",
    ),
    "activation": (
        lambda: spoilt(regressor().fit(X, NUMBERS), activation_="cosine"),
        "activation_ must be .*'relu'.* got 'cosine'",
    ),
}


@pytest.mark.parametrize("n_rows", [1, 2, len(X)])
@pytest.mark.parametrize("name", PREDICTIONS)
def test_prediction_names_the_cause_and_not_X(name, n_rows):
    make, message = PREDICTIONS[name]
    model = make()
    with pytest.raises(ValueError, match=message) as caught:
        model.predict(X[:n_rows])
    assert not re.search(r"Input X|\bX contains", str(caught.value))


def test_lbfgs_that_trains_nothing_says_so():
    model = regressor(solver="lbfgs", max_iter=1000, warm_start=True, tol=1e-2)
    model.fit(X, NUMBERS)
    n_iter = model.n_iter_
    for _ in range(5):
        with pytest.warns(UserWarning) as caught:
            model.set_params(tol=1e3).fit(X, NUMBERS)
        assert "lbfgs has trained nothing" in str(caught[0].message)
    assert model.n_iter_ == n_iter


def test_noisy_copies_of_the_data_are_trained_on_every_time():
    """A loop over warm fits of one epoch on new noise, as people augment data."""
    rng = np.random.RandomState(0)
    for settings in ({}, {"early_stopping": True}, {"solver": "sgd"}):
        model = classifier(max_iter=1, warm_start=True, tol=1.0, **settings)
        for call in range(40):
            model.fit(X + rng.normal(scale=0.1, size=X.shape), LABELS)
            assert model.n_iter_ == call + 1
