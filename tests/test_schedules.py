"""Learning rates as a function of the progress of a run."""

import numpy as np
import pytest

from sklearn_backprop import schedules
from sklearn_backprop.schedules import Adaptive, Progress

# Name, settings, samples seen, reductions, rate from an initial one of a half.
RATES = [
    ("Constant", {}, 0, 0, 0.5),
    ("Constant", {}, 1000, 3, 0.5),
    ("InverseScaling", {}, 0, 0, 0.5),
    ("InverseScaling", {}, 3, 0, 0.25),
    ("InverseScaling", {}, 99, 2, 0.05),
    ("InverseScaling", {"power_t": 1.0}, 3, 0, 0.125),
    ("InverseScaling", {"power_t": 0.0}, 3, 0, 0.5),
    ("Adaptive", {}, 0, 0, 0.5),
    ("Adaptive", {}, 1000, 0, 0.5),
    ("Adaptive", {}, 0, 1, 0.1),
    ("Adaptive", {}, 7, 3, 0.004),
    ("Adaptive", {"factor": 2.0}, 7, 3, 0.0625),
    ("Plateau", {}, 1000, 0, 0.5),
    ("Plateau", {}, 0, 1, 0.1),
    ("Plateau", {"factor": 2.0}, 7, 3, 0.0625),
]
# Name, settings, share of the horizon, factor of the initial rate.
COURSES = [
    ("Cosine", {}, 0.0, 1.0),
    ("Cosine", {}, 0.5, 0.5),
    ("Cosine", {}, 1 / 3, 0.75),
    ("Cosine", {}, 1.0, 0.0),
    ("Cosine", {"final": 0.2}, 0.5, 0.6),
    ("Cosine", {"final": 0.2}, 1.0, 0.2),
    ("Cosine", {"warmup": 0.2}, 0.05, 0.25),
    ("Cosine", {"warmup": 0.2}, 0.2, 1.0),
    ("Cosine", {"warmup": 0.2}, 0.6, 0.5),
    ("OneCycle", {}, 0.0, 0.04),
    ("OneCycle", {}, 0.15, 0.52),
    ("OneCycle", {}, 0.3, 1.0),
    ("OneCycle", {}, 0.65, 0.5),
    ("OneCycle", {}, 1.0, 0.0),
    ("OneCycle", {"warmup": 0.5, "start": 0.0, "final": 0.1}, 0.25, 0.5),
    ("OneCycle", {"warmup": 0.5, "start": 0.0, "final": 0.1}, 1.0, 0.1),
    ("OneCycle", {"warmup": 0.0}, 0.5, 0.5),
    ("Step", {}, 0.49, 1.0),
    ("Step", {}, 0.5, 0.1),
    ("Step", {}, 0.8, 0.01),
    ("Step", {"factor": 2.0, "at": [0.25], "warmup": 0.1}, 0.05, 0.5),
    ("Step", {"factor": 2.0, "at": [0.25], "warmup": 0.1}, 1.0, 0.5),
    ("Plateau", {"warmup": 0.1}, 0.05, 0.5),
    ("Plateau", {"warmup": 0.1}, 0.5, 1.0),
    ("FunctionSchedule", {}, 0.25, 0.75),
    ("FunctionSchedule", {"warmup": 0.5}, 0.25, 0.375),
]
# Name, current rate, whether to go on at a lower one.
REDUCTIONS = [
    ("Constant", 0.5, False),
    ("InverseScaling", 0.5, False),
    ("Adaptive", 0.5, True),
    ("Adaptive", 1.001e-6, True),
    ("Adaptive", 1e-6, False),
    ("Adaptive", 1e-7, False),
    ("Cosine", 0.5, False),
    ("FunctionSchedule", 0.5, False),
    ("OneCycle", 0.5, False),
    ("Plateau", 0.5, True),
    ("Plateau", 1e-6, False),
    ("Step", 0.5, False),
]


CLASSES = [name for name in schedules.__all__ if name not in ("Progress", "Schedule")]


def falling(fraction):
    """A factor that falls to zero in a line."""
    return 1.0 - fraction


def make(name, **settings):
    if name == "FunctionSchedule":
        settings = {"func": falling} | settings
    return getattr(schedules, name)(**settings)


def rate_of(schedule, n_seen, n_reductions, initial=0.5):
    return schedule.rate(initial, Progress(n_seen, n_reductions))


def test_every_schedule_is_in_the_tables():
    assert {row[0] for row in REDUCTIONS} == set(CLASSES)
    assert {row[0] for row in RATES + COURSES} == set(CLASSES)
    with_course = {name for name in CLASSES if hasattr(make(name), "horizon")}
    assert {row[0] for row in COURSES} == {
        name for name in with_course if "horizon" in make(name).get_params()
    }


@pytest.mark.parametrize(("name", "settings", "n_seen", "n_reductions", "rate"), RATES)
def test_rate(name, settings, n_seen, n_reductions, rate):
    found = rate_of(make(name, **settings), n_seen, n_reductions)
    assert found == pytest.approx(rate, rel=1e-15)


@pytest.mark.parametrize(("name", "settings", "fraction", "factor"), COURSES)
def test_course(name, settings, fraction, factor):
    schedule = make(name, **settings)
    assert schedule.needs_horizon
    found = schedule.rate(0.5, Progress(fraction=fraction))
    assert type(found) is float
    assert found == pytest.approx(0.5 * factor, rel=1e-12, abs=1e-15)
    several = schedule.rate(
        np.array([0.5, 1.0]),
        Progress(np.array([0, 0]), np.array([0, 0]), np.array([fraction, fraction])),
    )
    np.testing.assert_allclose(several, [found, 2 * found], atol=1e-15)


@pytest.mark.parametrize(("name", "rate", "expected"), REDUCTIONS)
def test_can_reduce(name, rate, expected):
    assert bool(make(name).can_reduce(rate)) is expected


@pytest.mark.parametrize("name", CLASSES)
def test_a_schedule_is_a_pure_function(name):
    schedule = make(name)
    before = dict(vars(schedule))
    rates = [rate_of(schedule, n, n) for n in (9, 0, 9)]
    assert rates[0] == rates[2]
    assert rates[1] == pytest.approx(0.02 if name == "OneCycle" else 0.5)
    assert rate_of(schedule, 9, 9, 1.5) == pytest.approx(3 * rates[0])
    assert vars(schedule) == before


@pytest.mark.parametrize("name", CLASSES)
def test_rates_are_python_floats(name):
    """A NumPy scalar would turn float32 arithmetic into float64."""
    schedule = make(name)
    for setting, value in schedule.get_params().items():
        if isinstance(value, float):
            schedule.set_params(**{setting: np.float64(value)})
    assert type(rate_of(schedule, 3, 1)) is float


@pytest.mark.parametrize("name", CLASSES)
def test_several_networks_have_a_rate_each(name):
    schedule = make(name)
    initial = np.array([0.5, 0.1, 2e-6])
    progress = Progress(
        np.array([0, 30, 500]), np.array([0, 1, 2]), np.array([0.1, 0.5, 0.9])
    )
    rates = schedule.rate(initial, progress)
    alone = [
        schedule.rate(
            float(initial[i]), Progress(*(column[i].item() for column in progress))
        )
        for i in range(3)
    ]
    np.testing.assert_allclose(rates, alone, rtol=1e-14)
    reducible = schedule.can_reduce(rates)
    assert [bool(flag) for flag in reducible] == [
        bool(schedule.can_reduce(rate)) for rate in alone
    ]


def test_adaptive_ends_after_as_many_reductions_as_reach_the_smallest_rate():
    schedule = Adaptive()
    n_reductions = 0
    while schedule.can_reduce(rate_of(schedule, 0, n_reductions, 0.001)):
        n_reductions += 1
    assert n_reductions == 5
    assert rate_of(schedule, 0, n_reductions, 0.001) == pytest.approx(3.2e-7)


@pytest.mark.parametrize("factor", [-1.0, np.nan, np.inf, "half", [0.5, 0.5]])
def test_a_function_that_returns_no_factor_is_named(factor):
    schedule = make("FunctionSchedule", func=lambda fraction: factor)
    with pytest.raises(ValueError, match="func must be a function to factors of the"):
        schedule.rate(0.5, Progress(fraction=0.5))


@pytest.mark.parametrize("func", [len, float.fromhex])
def test_a_function_that_fails_is_named(func):
    with pytest.raises(ValueError, match="func=.* cannot be called with the share of"):
        make("FunctionSchedule", func=func).rate(0.5, Progress(fraction=0.5))
