"""Schedules with a horizon: they run their course, and continue where one is given."""

import warnings

import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, differences, snapshot, table
from sklearn.exceptions import ConvergenceWarning

from sklearn_backprop.schedules import (
    Cosine,
    FunctionSchedule,
    OneCycle,
    Plateau,
    Schedule,
    Step,
)

SCHEDULES = {
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "step": Step,
    "function": lambda **settings: FunctionSchedule(np.sqrt, **settings),
    "warm_plateau": lambda **settings: Plateau(warmup=0.5, **settings),
}
every_schedule = pytest.mark.parametrize("name", SCHEDULES)


def new(kind, **settings):
    defaults = {"max_iter": 12, "random_state": 0, "batch_size": 30}
    return OURS[kind]((6,), **defaults | settings)


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"warm_plateau"}))
@pytest.mark.parametrize("solver", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_runs_its_course_without_a_warning(kind, solver, name):
    X, y = table(DEFAULT_TABLE[kind])
    schedule = SCHEDULES[name]()
    settings = {"solver": solver, "learning_rate": schedule, "tol": 1e3}
    model = new(kind, n_iter_no_change=1, **settings).fit(X, y)
    assert model.n_iter_ == 12
    stopping = new(kind, n_iter_no_change=1, early_stopping=True, **settings)
    # The first score is better than none; the second is waited for, not the third.
    assert stopping.fit(X, y).n_iter_ == 3


@every_schedule
@pytest.mark.parametrize("kind", KINDS)
def test_with_a_horizon_parts_equal_the_whole(kind, name):
    X, y = table(DEFAULT_TABLE[kind])
    schedule = SCHEDULES[name](horizon=12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        whole = new(kind, learning_rate=schedule).fit(X, y)
        parts = new(kind, learning_rate=schedule, warm_start=True, max_iter=5)
        parts.fit(X, y).fit(X, y).set_params(max_iter=2).fit(X, y)
    stream = new(kind, learning_rate=schedule)
    classes = {"classes": np.unique(y)} if kind == "classifier" else {}
    for _ in range(12):
        stream.partial_fit(X, y, **classes)
    for model in (parts, stream):
        assert differences(model.coefs_, whole.coefs_) == []
        assert model.loss_curve_ == whole.loss_curve_


@pytest.mark.parametrize("kind", KINDS)
def test_the_end_of_the_horizon_ends_a_fit(kind):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, learning_rate=Cosine(horizon=5), warm_start=True).fit(X, y)
    assert model.n_iter_ == 5
    before = snapshot(model)
    message = r"Cosine\(horizon=5\) has run its course: 5 epochs are done and its hor"
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)
    assert differences(vars(model), before) == []
    model.set_params(learning_rate__horizon=7).fit(X, y)
    assert model.n_iter_ == 7


@pytest.mark.parametrize("kind", KINDS)
def test_max_iter_before_the_horizon_warns(kind):
    X, y = table(DEFAULT_TABLE[kind])
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(12\)"):
        new(kind, learning_rate=Cosine(horizon=20)).fit(X, y)


@every_schedule
@pytest.mark.parametrize("kind", KINDS)
def test_continued_training_needs_its_horizon_given(kind, name):
    X, y = table(DEFAULT_TABLE[kind])
    schedule = SCHEDULES[name]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = new(kind, learning_rate=schedule, warm_start=True).fit(X, y)
    before = snapshot(model)
    message = "runs its course within a horizon.* needs it given: .*horizon=...\\)"
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            method(X, y)
    assert differences(vars(model), before) == []


class Halving(Schedule):
    """A user's own schedule over a horizon."""

    runs_to_horizon = True

    def __init__(self, horizon=None):
        self.horizon = horizon

    def rate(self, initial, progress):
        return initial * 0.5 ** (4.0 * progress.fraction)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schedule_of_the_users_own_runs_from_batch_to_batch(kind):
    X, y = table(DEFAULT_TABLE[kind])
    own = new(kind, learning_rate=Halving()).fit(X, y)
    function = new(kind, learning_rate=halving).fit(X, y)
    assert differences(own.coefs_, function.coefs_) == []
    usual = new(kind, learning_rate="constant", tol=0.0, n_iter_no_change=99)
    with pytest.warns(ConvergenceWarning):
        assert differences(usual.fit(X, y).coefs_, own.coefs_) != []


def halving(fraction):
    return 0.5 ** (4.0 * fraction)


def test_the_rate_is_that_of_the_middle_of_each_batch():
    X, y = table("iris")
    seen = []

    def factor(fraction):
        seen.append(fraction)
        return 1.0

    new("classifier", learning_rate=factor, max_iter=2, batch_size=60).fit(X, y)
    middles = np.array([30, 90, 135, 180, 240, 285]) / 300
    # Between them, the rates that are reported at the ends of epochs.
    assert set(np.round(middles, 12)) <= set(np.round(seen, 12))
