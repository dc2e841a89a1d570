"""Stochastic optimization: epochs of mini-batches."""

import math

import numpy as np

from ..finite import is_finite
from ..optimizers.base import copy_state
from ..schedules import Progress
from .observers import EpochReport, notify
from .run import Diverged


class EpochTrainer:
    """Stochastic optimization, epoch by epoch.

    Parameters
    ----------
    network : Network
        With flat parameters and a loss; its parameters are changed in place.
    run : Run
        Where the run stands; changed in place.
    batches : Batches
    optimizer : optimizer
        Only read: its state is the run's.
    schedule : schedule
        Gives the learning rate of each epoch.
    learning_rate_init : float
        What the schedule starts from.
    shuffle : bool
        Whether to draw a new order of the rows for each epoch.
    tol : float
        What counts as an improvement of the loss, or of the score.
    n_iter_no_change : int or inf
        How many epochs in a row may pass without one.
    validate : callable or None, default=None
        Score of a network on validation data, larger is better. With it, the best
        epoch counts (early stopping); without it, the training loss does.
    observers : sequence of Observer, default=()
    """

    def __init__(
        self,
        network,
        run,
        batches,
        optimizer,
        schedule,
        learning_rate_init,
        *,
        shuffle,
        tol,
        n_iter_no_change,
        validate=None,
        observers=(),
    ):
        self.network = network
        self.run = run
        self.batches = batches
        self.optimizer = optimizer
        self.schedule = schedule
        self.learning_rate_init = learning_rate_init
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.validate = validate
        self.observers = observers

    def train(self, max_epochs):
        """Train for some epochs, or until improvement ends.

        Parameters
        ----------
        max_epochs : int

        Returns
        -------
        outcome : {"converged", "exhausted", "interrupted", "stopped"}
            Whether improvement ended, `max_epochs` were done, the user interrupted,
            which leaves the parameters as they were at that moment, or an observer
            asked to stop.

        Raises
        ------
        Diverged
            If loss, parameters or moments are not finite after an epoch.
        """
        run, network = self.run, self.network
        update = self._update_function()
        for observer in self.observers:
            observer.began(run, network)
        outcome, n_iter = "exhausted", run.n_iter
        lengths = len(run.loss_curve), len(run.validation_scores)
        try:
            for _ in range(max_epochs):
                n_iter = run.n_iter
                lengths = len(run.loss_curve), len(run.validation_scores)
                report = self._epoch(update)
                if notify(self.observers, report):
                    outcome = "stopped"
                if report.is_last:
                    outcome = "converged"
                if outcome != "exhausted":
                    break
        except KeyboardInterrupt:
            outcome = "interrupted"
            if run.n_iter == n_iter:  # Half an epoch is none.
                del run.loss_curve[lengths[0] :], run.validation_scores[lengths[1] :]
        for observer in self.observers:
            observer.ended(run, network, outcome)
        return outcome

    def _update_function(self):
        """Return a step of the optimizer, whose state goes on if it is one of its own.

        Weight decay spares what the penalty spares.
        """
        run, network = self.run, self.network
        name = type(self.optimizer).__name__
        if run.moments is None or run.optimizer != name:
            run.moments = self.optimizer.new_state(network.parameters)
        else:
            run.moments = copy_state(run.moments, network.dtype)
        run.optimizer = name
        factors = network.factors(free=0.0) if self.optimizer.weight_decay else None
        return self.optimizer._update_function(
            network.parameters, network.gradients, run.moments, decay_factors=factors
        )

    def _epoch(self, update):
        """Train for one epoch, and count it; return the report of it."""
        run = self.run
        loss = self._descend(update, self._learning_rate(run.n_reductions))
        if not (math.isfinite(loss) and is_finite(self.network.parameters)):
            raise Diverged
        if not self.optimizer.is_finite(run.moments):
            raise Diverged  # Squares overflow: steps would be zero.
        score = None if self.validate is None else self.validate(self.network)
        if score is not None and not math.isfinite(score):
            raise Diverged
        progress = self._judge(loss) if score is None else self._judge_score(score)
        progress["n_iter"] = run.n_iter + 1
        progress["n_samples_seen"] = run.n_samples_seen + self._n_rows()
        stagnation, is_last = self._stagnate(progress)
        run.loss_curve.append(loss)
        if score is not None:
            run.validation_scores.append(score)
        # In one step: Ctrl-C finds an epoch that counts wholly or not at all.
        vars(run).update(progress)
        rate = self._learning_rate(run.n_reductions)
        return EpochReport(
            run.n_iter, loss, score, rate, stagnation, is_last, run, self.network
        )

    def _descend(self, update, learning_rate):
        """Go through the data once; return the mean loss over it."""
        run, network = self.run, self.network
        if self.shuffle:
            if run.rows is None:
                run.rows = np.arange(self.batches.n_samples)
            # The order of the last epoch is shuffled on, as in scikit-learn's epochs.
            run.rng.shuffle(run.rows)
        total_loss = total_weight = 0.0
        for inputs, targets, sample_weight in self.batches(run.rows):
            weight = (
                len(targets) if sample_weight is None else float(sample_weight.sum())
            )
            if weight == 0.0:
                continue  # Nothing in this batch counts.
            loss = network.loss_gradient(inputs, targets, sample_weight)
            update(learning_rate)
            total_loss += weight * loss
            total_weight += weight
        return total_loss / total_weight

    def _n_rows(self):
        return self.batches.n_samples if self.run.rows is None else len(self.run.rows)

    def _learning_rate(self, n_reductions):
        progress = Progress(self.run.n_samples_seen, n_reductions)
        return self.schedule.rate(self.learning_rate_init, progress)

    def _judge(self, loss):
        """Return what the run holds after an epoch of this training loss."""
        run = self.run
        improved = loss <= run.best_loss - self.tol
        return {
            "n_without_improvement": 0 if improved else run.n_without_improvement + 1,
            "best_loss": min(run.best_loss, loss),
        }

    def _judge_score(self, score):
        """Return what the run holds after an epoch of this validation score."""
        run = self.run
        improved = score >= run.best_score + self.tol
        progress = {
            "n_without_improvement": 0 if improved else run.n_without_improvement + 1
        }
        if score > run.best_score:
            progress["best_score"] = score
            progress["best_parameters"] = self.network.parameters.copy()
        return progress

    def _stagnate(self, progress):
        """Lower the rate, or end the run, when patience ends.

        Parameters
        ----------
        progress : dict
            What the run will hold, changed in place.

        Returns
        -------
        stagnation : str or None
            What has not improved.
        is_last : bool
            Whether the run ends.
        """
        if progress["n_without_improvement"] <= self.n_iter_no_change:
            return None, False
        what = "Training loss" if self.validate is None else "Validation score"
        stagnation = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        n_reductions = self.run.n_reductions
        progressed = Progress(progress["n_samples_seen"], n_reductions)
        rate = self.schedule.rate(self.learning_rate_init, progressed)
        if not self.schedule.can_reduce(rate):
            return stagnation, True
        progress["n_reductions"] = n_reductions + 1
        progress["n_without_improvement"] = 0
        return stagnation, False
