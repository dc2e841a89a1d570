"""The training loops: what they report, when they stop, what they leave behind."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sklearn_backprop._validation import Validated
from sklearn_backprop.batches import Batches
from sklearn_backprop.layers import Dense, Tanh
from sklearn_backprop.losses import SquaredError
from sklearn_backprop.network import Network, stack_networks
from sklearn_backprop.optimizers import SGD, Adam
from sklearn_backprop.schedules import Adaptive, Constant
from sklearn_backprop.training import (
    Diverged,
    EpochTrainer,
    Observer,
    Printer,
    Run,
    minimize_lbfgs,
)

RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.normal(size=(50, 4)), RNG.normal(size=(50, 2))
SOLVERS = ["sgd", "adam", "lbfgs"]


def make(seed=0):
    rng = np.random.RandomState(seed)
    stack = [Dense(4, 6, random_state=rng), Tanh(), Dense(6, 2, random_state=rng)]
    return Network(stack, SquaredError()).flatten()


def train(solver, network, run, n_epochs=5, observers=(), **settings):
    """Train by one of the loops; return its outcome."""
    if solver == "lbfgs":
        return minimize_lbfgs(
            network,
            INPUTS,
            TARGETS,
            None,
            run=run,
            max_iter=n_epochs,
            max_fun=1000,
            tol=1e-9,
            observers=observers,
        )[0]
    defaults = {
        "shuffle": True,
        "tol": 1e-4,
        "n_iter_no_change": 100,
        "observers": observers,
    }
    schedule = settings.pop("schedule", Constant())
    trainer = EpochTrainer(
        network,
        run,
        Batches(INPUTS, TARGETS, None, 20, network.dtype),
        SGD() if solver == "sgd" else Adam(),
        schedule,
        0.01,
        **defaults | settings,
    )
    return trainer.train(n_epochs)


def new_run():
    return Run(rng=np.random.RandomState(0))


class Recorder(Observer):
    """Writes down what it is called with, and may ask to stop or interrupt."""

    def __init__(self, stop_at=None, interrupt_at=None):
        self.events, self.reports = [], []
        self.stop_at, self.interrupt_at = stop_at, interrupt_at

    def began(self, run, network):
        self.events.append("began")

    def epoch_ended(self, report):
        self.events.append(report.n_iter)
        self.reports.append(report)
        if report.n_iter == self.interrupt_at:
            raise KeyboardInterrupt
        return report.n_iter == self.stop_at

    def ended(self, run, network, outcome):
        self.events.append(outcome)


@pytest.mark.parametrize("solver", SOLVERS)
def test_observers_see_every_epoch_and_decide_no_numbers(solver, capsys):
    alone, watched = make(), make()
    outcome = train(solver, alone, new_run())
    recorder, run = Recorder(), new_run()
    assert train(solver, watched, run, observers=[recorder, Observer()]) == outcome
    assert recorder.events == ["began", 1, 2, 3, 4, 5, outcome]
    assert_array_equal(watched.parameters, alone.parameters)
    assert [report.loss for report in recorder.reports] == run.loss_curve
    for report in recorder.reports:
        assert report.run is run and report.network is watched
        assert (report.learning_rate is None) == (solver == "lbfgs")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("stop_at", [1, 3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_an_observer_may_ask_to_stop(solver, stop_at):
    network, run = make(), new_run()
    later, recorder = Recorder(), Recorder(stop_at)
    assert train(solver, network, run, observers=[recorder, later]) == "stopped"
    assert run.n_iter == len(run.loss_curve) == stop_at
    assert (
        later.events == recorder.events == ["began", *range(1, stop_at + 1), "stopped"]
    )
    expected = make()
    train(solver, expected, new_run(), n_epochs=stop_at)
    assert_array_equal(network.parameters, expected.parameters)


@pytest.mark.parametrize("solver", SOLVERS)
def test_printing_is_an_observer(solver, capsys):
    run = new_run()
    train(solver, make(), run, observers=[Printer()])
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        f"Iteration {i}, loss = {loss:.8f}" for i, loss in enumerate(run.loss_curve, 1)
    ]


def improving(n_epochs):
    """A validation score that improves for some epochs."""
    scores = iter([*range(n_epochs), *[0] * 100])
    return lambda network: Validated(next(scores), 0.5)


def test_patience_ends_a_run_or_lowers_its_rate():
    recorder, run = Recorder(), new_run()
    settings = {"n_iter_no_change": 2, "validate": improving(4)}
    settings["early_stopping"] = True
    outcome = train("sgd", make(), run, 50, [recorder], **settings)
    assert (outcome, run.n_iter) == ("converged", 7)
    last = recorder.reports[-1]
    assert last.is_last and last.stagnation.startswith("Validation score did not")
    assert not any(report.stagnation for report in recorder.reports[:-1])
    recorder, run = Recorder(), new_run()
    settings |= {"validate": improving(4), "schedule": Adaptive(smallest=1e-3)}
    assert train("sgd", make(), run, 50, [recorder], **settings) == "converged"
    stagnant = [report for report in recorder.reports if report.stagnation]
    assert [report.is_last for report in stagnant] == [False, False, True]
    rates = [report.next_learning_rate for report in stagnant]
    assert rates == pytest.approx([0.01 / 5, 0.01 / 25, 0.01 / 25])
    assert run.best_parameters is not None


PLACES = ["batch", "validate", "observer"]


@pytest.mark.parametrize("n_calls", [1, 2, 7])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_an_interruption_counts_whole_epochs(solver, place, n_calls, monkeypatch):
    network, run, calls = make(), new_run(), []

    def interrupting(function):
        def called(*args):
            calls.append(None)
            if len(calls) == n_calls:
                raise KeyboardInterrupt
            return function(*args)

        return called

    observers = []

    def validate(network):
        return Validated(-float(len(run.loss_curve)), 0.5)

    if place == "batch":
        monkeypatch.setattr(
            network, "loss_gradient", interrupting(network.loss_gradient)
        )
    elif place == "validate":
        validate = interrupting(validate)
    else:
        observers = [Recorder(interrupt_at=n_calls)]
    settings = {"early_stopping": True, "validate": validate}
    outcome = train(solver, network, run, 20, observers, **settings)
    assert outcome == "interrupted"
    n_iter = {"batch": (n_calls - 1) // 3, "validate": n_calls - 1, "observer": n_calls}
    assert run.n_iter == n_iter[place]
    curves = run.loss_curve, run.validation_scores, run.validation_losses
    assert {len(curve) for curve in curves} == {run.n_iter}
    assert run.n_samples_seen == 50 * run.n_iter
    settings["validate"] = lambda network: Validated(0.0, 0.5)
    assert train(solver, network, run, 2, **settings) == "exhausted"
    assert run.n_iter == n_iter[place] + 2


@pytest.mark.parametrize("n_calls", [1, 2, 9])
def test_lbfgs_ends_an_interruption_at_its_best(n_calls, monkeypatch):
    network, run, calls = make(), new_run(), []
    untouched = network.loss_gradient

    def loss_gradient(*args):
        calls.append(None)
        if len(calls) == n_calls:
            raise KeyboardInterrupt
        return untouched(*args)

    monkeypatch.setattr(network, "loss_gradient", loss_gradient)
    assert train("lbfgs", network, run, 50) == "interrupted"
    assert len(run.loss_curve) == run.n_iter
    monkeypatch.undo()
    loss = network.loss_gradient(INPUTS, TARGETS)
    best = (
        run.loss_curve[-1] if run.loss_curve else make().loss_gradient(INPUTS, TARGETS)
    )
    assert loss == pytest.approx(best)


@pytest.mark.parametrize("solver", SOLVERS)
def test_what_is_not_finite_is_divergence(solver):
    network = make()
    network.parameters[0] = np.nan
    with pytest.raises(Diverged):
        train(solver, network, new_run())


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_not_finite_is_divergence(score):
    with pytest.raises(Diverged):
        train("sgd", make(), new_run(), validate=lambda network: Validated(score, 0.5))


def test_lbfgs_is_for_one_network():
    stack = stack_networks([make(0), make(1)])
    with pytest.raises(ValueError, match=r"one network, got 2: use network.take\(i\)"):
        train("lbfgs", stack, new_run())
