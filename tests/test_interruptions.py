"""Ctrl-C at any moment leaves a consistent model, or the one there was before."""

import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, differences, snapshot, table

from sklearn_backprop import _base
from sklearn_backprop._validation import Validation
from sklearn_backprop.network import Network
from sklearn_backprop.optimizers import AdamW
from sklearn_backprop.schedules import Cosine
from sklearn_backprop.training import Printer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SETTINGS = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate": "adaptive"},
    "lbfgs": {"solver": "lbfgs"},
    "early_stopping": {"early_stopping": True},
    "averaged": {
        "solver": AdamW(averaging=0.9, clip_norm=1.0),
        "dropout": 0.3,
        "learning_rate": Cosine(warmup=0.1, horizon=400),
        "l1_ratio": 0.5,
    },
    "schedule_free": {"solver": "schedule_free", "early_stopping": True},
}
# What is interrupted, and at which of its calls.
PLACES = {
    "batch": (Network, "loss_gradient", [1, 2, 5, 9]),
    "score": (Validation, "__call__", [1, 2, 4]),
    "print": (Printer, "epoch_ended", [1, 2, 4]),
    "end": (Printer, "ended", [1]),
}
CASES = [(place, n) for place, (_, _, calls) in PLACES.items() for n in calls]


@pytest.fixture
def interrupt(monkeypatch):
    """Make a method raise KeyboardInterrupt at its n-th call from now on."""

    def arm(place, n):
        owner, name, _ = PLACES[place]
        untouched, calls = getattr(owner, name), []

        def method(*args, **kwargs):
            calls.append(None)
            if len(calls) == n:
                raise KeyboardInterrupt
            return untouched(*args, **kwargs)

        monkeypatch.setattr(owner, name, method)
        return calls

    return arm


def assert_consistent(model):
    n_iter = model.n_iter_
    assert len(model.loss_curve_) == n_iter
    assert (model.loss_ is None) == (n_iter == 0) or np.isfinite(model.loss_)
    if model.early_stopping:
        assert len(model.validation_scores_) == n_iter
        assert len(model.validation_loss_curve_) == n_iter
        best = max(model.validation_scores_, default=None)
        assert model.best_validation_score_ == best
    elif model.solver != "lbfgs":
        assert model.best_loss_ == min(model.loss_curve_, default=None)
        assert model.loss_ == (model.loss_curve_[-1] if n_iter else None)
    for array in model.coefs_ + model.intercepts_:
        assert np.isfinite(array).all()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_fit_is_consistent_and_goes_on(kind, name, case, interrupt):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind](
        (5,), batch_size=60, random_state=0, verbose=True, warm_start=True
    )
    model.set_params(**SETTINGS[name])
    place, n = case
    if place == "score":
        model.set_params(early_stopping=True)
    if place == "score" and model.solver == "lbfgs":
        model.set_params(solver="sgd")  # L-BFGS holds nothing out.
    if place == "end":
        model.set_params(max_iter=4)
    calls = interrupt(place, n)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.fit(X, y)
    assert len(calls) == n
    assert_consistent(model)
    model.predict(X)
    n_iter = model.n_iter_
    model.set_params(max_iter=3).fit(X, y)
    assert n_iter < model.n_iter_ <= n_iter + 3
    assert_consistent(model)


@pytest.mark.parametrize("kind", KINDS)
def test_an_interruption_before_training_leaves_what_was_fitted(kind, monkeypatch):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind]((5,), max_iter=2, random_state=0).fit(X, y)
    before = snapshot(model)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    for name in ("read_data", "read_sample_weight", "draw_parameters", "train"):
        with monkeypatch.context() as patch:
            patch.setattr(_base, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                model.fit(X, y)
        assert differences(vars(model), before) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_partial_fit_says_so(kind, interrupt):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind]((5,), batch_size=60, random_state=0, max_iter=2).fit(X, y)
    interrupt("batch", 2)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model.partial_fit(X, y)
    assert len(model.loss_curve_) == model.n_iter_ == 2
    assert model.best_loss_ is None  # No epoch of the run that it began has ended.
