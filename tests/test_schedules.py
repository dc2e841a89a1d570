"""Learning rates as a function of the progress of a run."""

import numpy as np
import pytest

from sklearn_backprop import schedules
from sklearn_backprop.schedules import Adaptive

# Name, arguments, samples seen, reductions, rate.
RATES = [
    ("Constant", (0.5,), 0, 0, 0.5),
    ("Constant", (0.5,), 1000, 3, 0.5),
    ("InverseScaling", (0.5,), 0, 0, 0.5),
    ("InverseScaling", (0.5,), 3, 0, 0.25),
    ("InverseScaling", (0.5,), 99, 2, 0.05),
    ("InverseScaling", (0.5, 1.0), 3, 0, 0.125),
    ("InverseScaling", (0.5, 0.0), 3, 0, 0.5),
    ("Adaptive", (0.5,), 0, 0, 0.5),
    ("Adaptive", (0.5,), 1000, 0, 0.5),
    ("Adaptive", (0.5,), 0, 1, 0.1),
    ("Adaptive", (0.5,), 7, 3, 0.004),
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


@pytest.mark.parametrize("table", [RATES, REDUCTIONS], ids=["rates", "reductions"])
def test_every_schedule_is_in_the_tables(table):
    assert {row[0] for row in table} == set(schedules.__all__)


@pytest.mark.parametrize(("name", "arguments", "n_seen", "n_reductions", "rate"), RATES)
def test_rate(name, arguments, n_seen, n_reductions, rate):
    schedule = getattr(schedules, name)(*arguments)
    assert schedule.rate(n_seen, n_reductions) == pytest.approx(rate, rel=1e-15)


@pytest.mark.parametrize(("name", "rate", "expected"), REDUCTIONS)
def test_can_reduce(name, rate, expected):
    assert getattr(schedules, name)(0.5).can_reduce(rate) is expected


@pytest.mark.parametrize("name", schedules.__all__)
def test_a_schedule_keeps_no_state(name):
    schedule = getattr(schedules, name)(0.5)
    before = dict(vars(schedule))
    rates = [schedule.rate(n, n) for n in (9, 0, 9)]
    assert rates[0] == rates[2]
    assert schedule.rate(0, 0) == 0.5
    assert vars(schedule) == before


@pytest.mark.parametrize(("name", "arguments"), sorted({row[:2] for row in RATES}))
def test_rates_are_python_floats(name, arguments):
    """A NumPy scalar would turn float32 arithmetic into float64."""
    schedule = getattr(schedules, name)(*map(np.float64, arguments))
    assert type(schedule.rate(3, 1)) is float


def test_adaptive_ends_after_as_many_reductions_as_reach_the_smallest_rate():
    schedule = Adaptive(0.001)
    n_reductions = 0
    while schedule.can_reduce(schedule.rate(0, n_reductions)):
        n_reductions += 1
    assert n_reductions == 5
    assert schedule.rate(0, n_reductions) == pytest.approx(3.2e-7)
