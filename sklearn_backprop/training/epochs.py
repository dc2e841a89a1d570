"""Stochastic optimization: epochs of mini-batches."""

import math

import numpy as np

from ..finite import is_finite
from ..optimizers.base import copy_state
from ..schedules import Progress
from .observers import EpochReport, end, notify
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
    horizon : int or None
        Number of epochs of the whole run, where the schedule needs it.
    shuffle : bool
        Whether to draw a new order of the rows for each epoch.
    tol : float
        What counts as an improvement of the loss, or of the score.
    n_iter_no_change : int or inf
        How many epochs in a row may pass without one.
    validate : callable or None, default=None
        From a network to its ``score`` on validation data, larger is better, and its
        ``loss``.
    early_stopping : bool, default=False
        Whether patience is with the score, and the best epoch counts; else it is with
        the training loss.
    observers : sequence of Observer, default=()

    Attributes
    ----------
    predicting : Network
        What predicts: the network without layers that act in training alone, on the
        average of the parameters if the optimizer keeps one; set by `train`.
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
        horizon=None,
        shuffle,
        tol,
        n_iter_no_change,
        validate=None,
        early_stopping=False,
        observers=(),
    ):
        self.network = network
        self.run = run
        self.batches = batches
        self.optimizer = optimizer
        self.schedule = schedule
        self.learning_rate_init = learning_rate_init
        self.horizon = horizon
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.validate = validate
        self.early_stopping = early_stopping
        self.observers = observers

    def train(self, max_epochs):
        """Train for some epochs, or until improvement ends.

        Parameters
        ----------
        max_epochs : int

        Returns
        -------
        outcome : {"converged", "completed", "exhausted", "interrupted", "stopped"}
            Whether improvement ended, the schedule has run its course, `max_epochs`
            were done, the user interrupted, which leaves the parameters as they were at
            that moment, or an observer asked to stop.

        Raises
        ------
        Diverged
            If loss, parameters or moments are not finite after an epoch.
        """
        run, network = self.run, self.network
        update = self._update_function()
        self.predicting = network.for_prediction(run.moments.get("average"))
        if network.is_random and run.mask_seed is None:
            run.mask_seed = int(run.rng.randint(np.iinfo(np.int32).max))
        for observer in self.observers:
            observer.began(run, self.predicting)
        outcome, n_iter = "exhausted", run.n_iter
        lengths = [len(values) for values in run.curves]
        try:
            for _ in range(max_epochs):
                n_iter = run.n_iter
                lengths = [len(values) for values in run.curves]
                for observer in self.observers:
                    observer.epoch_began(run, self.predicting)
                report = self._epoch(update)
                if notify(self.observers, report):
                    outcome = "stopped"
                if report.is_last:
                    outcome = "converged"
                elif self.schedule.runs_to_horizon and run.n_iter >= self.horizon:
                    outcome = "completed"
                if outcome != "exhausted":
                    break
        except KeyboardInterrupt:
            outcome = "interrupted"
            if run.n_iter == n_iter:  # Half an epoch is none.
                for values, length in zip(run.curves, lengths, strict=True):
                    del values[length:]
        return end(self.observers, run, self.predicting, outcome)

    def _update_function(self):
        """Return a step of the optimizer, whose state goes on if it is one of its own.

        Weight decay spares what the penalty spares.
        """
        run, network = self.run, self.network
        name = type(self.optimizer).__name__
        if run.moments is None or run.optimizer != name:
            run.moments = self.optimizer.new_state(network.parameters)
        else:
            moments = copy_state(run.moments, network.dtype)
            run.moments = self.optimizer.with_average(moments, network.parameters)
        run.optimizer = name
        update = self.optimizer._update_function(
            network.parameters,
            network.gradients,
            run.moments,
            n_decayed=network.n_penalized,
        )
        return network.projected(update, run.moments.get("average"))

    def _epoch(self, update):
        """Train for one epoch, and count it; return the report of it."""
        run = self.run
        if run.mask_seed is not None:
            seed = [run.mask_seed, run.n_iter]
            self.network.draw_from(np.random.default_rng(seed))
        rate = self._learning_rate(0.5)
        loss = self._descend(update)
        if not (math.isfinite(loss) and is_finite(self.network.parameters)):
            raise Diverged
        if not self.optimizer.is_finite(run.moments):
            raise Diverged  # Squares overflow: steps would be zero.
        validated = None if self.validate is None else self.validate(self.predicting)
        progress = self._judge(loss, validated)
        progress["n_iter"] = run.n_iter + 1
        progress["n_samples_seen"] = run.n_samples_seen + self._n_rows()
        stagnation, is_last = self._stagnate(progress)
        run.loss_curve.append(loss)
        if validated is not None:
            run.validation_scores.append(validated.score)
            run.validation_losses.append(validated.loss)
        # In one step: Ctrl-C finds an epoch that counts wholly or not at all.
        vars(run).update(progress)
        return EpochReport(
            run.n_iter,
            loss,
            None if validated is None else validated.score,
            None if validated is None else validated.loss,
            rate,
            self._learning_rate(),
            stagnation,
            is_last,
            run,
            self.predicting,
        )

    def _descend(self, update):
        """Go through the data once; return the mean loss over it."""
        run, network = self.run, self.network
        learning_rate, is_per_batch = self._learning_rate(), self.schedule.needs_horizon
        n_seen, n_rows = 0, self._n_rows()
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
            if is_per_batch:  # The rate of the middle of the batch.
                learning_rate = self._learning_rate(
                    (n_seen + 0.5 * len(targets)) / n_rows
                )
                n_seen += len(targets)
            if weight == 0.0:
                continue  # Nothing in this batch counts.
            loss = network.loss_gradient(inputs, targets, sample_weight)
            update(learning_rate)
            total_loss += weight * loss
            total_weight += weight
        return total_loss / total_weight

    def _n_rows(self):
        return self.batches.n_samples if self.run.rows is None else len(self.run.rows)

    def _learning_rate(self, share=0.0):
        """Return the rate when some share of the next epoch has passed."""
        run = self.run
        fraction = 0.0
        if self.horizon is not None:
            fraction = min(1.0, (run.n_iter + share) / self.horizon)
        progress = Progress(run.n_samples_seen, run.n_reductions, fraction)
        return float(self.schedule.rate(self.learning_rate_init, progress))

    def _judge(self, loss, validated):
        """Return what the run holds after an epoch of this loss and score."""
        run, progress = self.run, {}
        if validated is not None:
            score = validated.score
            if not math.isfinite(score):
                raise Diverged
            if score > run.best_score:
                progress["best_score"] = score
                progress["best_iter"] = run.n_iter + 1
        if self.early_stopping:
            improved = validated.score >= run.best_score + self.tol
            if "best_score" in progress:
                progress["best_parameters"] = self.predicting.parameters.copy()
        else:
            improved = loss <= run.best_loss - self.tol
            progress["best_loss"] = min(run.best_loss, loss)
        waited = 0 if improved else run.n_without_improvement + 1
        return {**progress, "n_without_improvement": waited}

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
        schedule, run = self.schedule, self.run
        patience = schedule.patience or self.n_iter_no_change
        if progress["n_without_improvement"] <= patience:
            return None, False
        if schedule.runs_to_horizon and not self.early_stopping:
            return None, False
        what = "Validation score" if self.early_stopping else "Training loss"
        stagnation = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{patience} consecutive epochs."
        )
        # After a warm-up, if any: it is no time to give up.
        progressed = Progress(progress["n_samples_seen"], run.n_reductions, 1.0)
        if not schedule.can_reduce(schedule.rate(self.learning_rate_init, progressed)):
            return stagnation, True
        progress["n_reductions"] = run.n_reductions + 1
        progress["n_without_improvement"] = 0
        return stagnation, False
