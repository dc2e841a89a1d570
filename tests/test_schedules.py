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
]
# Name, current rate, whether to go on at a lower one.
REDUCTIONS = [
    ("Constant", 0.5, False),
    ("InverseScaling", 0.5, False),
    ("Adaptive", 0.5, True),
    ("Adaptive", 1.001e-6, True),
    ("Adaptive", 1e-6, False),
    ("Adaptive", 1e-7, False),
]


CLASSES = [name for name in schedules.__all__ if name not in ("Progress", "Schedule")]


def rate_of(schedule, n_seen, n_reductions, initial=0.5):
    return schedule.rate(initial, Progress(n_seen, n_reductions))


@pytest.mark.parametrize("table", [RATES, REDUCTIONS], ids=["rates", "reductions"])
def test_every_schedule_is_in_the_tables(table):
    assert {row[0] for row in table} == set(CLASSES)


@pytest.mark.parametrize(("name", "settings", "n_seen", "n_reductions", "rate"), RATES)
def test_rate(name, settings, n_seen, n_reductions, rate):
    schedule = getattr(schedules, name)(**settings)
    found = rate_of(schedule, n_seen, n_reductions)
    assert found == pytest.approx(rate, rel=1e-15)


@pytest.mark.parametrize(("name", "rate", "expected"), REDUCTIONS)
def test_can_reduce(name, rate, expected):
    assert bool(getattr(schedules, name)().can_reduce(rate)) is expected


@pytest.mark.parametrize("name", CLASSES)
def test_a_schedule_is_a_pure_function(name):
    schedule = getattr(schedules, name)()
    before = dict(vars(schedule))
    rates = [rate_of(schedule, n, n) for n in (9, 0, 9)]
    assert rates[0] == rates[2]
    assert rates[1] == 0.5
    assert rate_of(schedule, 9, 9, 1.5) == pytest.approx(3 * rates[0])
    assert vars(schedule) == before


@pytest.mark.parametrize("name", CLASSES)
def test_rates_are_python_floats(name):
    """A NumPy scalar would turn float32 arithmetic into float64."""
    schedule = getattr(schedules, name)()
    for setting, value in schedule.get_params().items():
        schedule.set_params(**{setting: np.float64(value)})
    assert type(rate_of(schedule, 3, 1)) is float


@pytest.mark.parametrize("name", CLASSES)
def test_several_networks_have_a_rate_each(name):
    schedule = getattr(schedules, name)()
    initial = np.array([0.5, 0.1, 2e-6])
    progress = Progress(np.array([0, 30, 500]), np.array([0, 1, 2]))
    rates = schedule.rate(initial, progress)
    alone = [
        schedule.rate(
            float(initial[i]), Progress(int(progress[0][i]), int(progress[1][i]))
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
