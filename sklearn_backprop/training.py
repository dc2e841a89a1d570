"""Training: epochs of mini-batches, or L-BFGS, on a network's two vectors."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import minimize

from .finite import is_finite

__all__ = ["EpochTrainer", "Run", "minimize_lbfgs"]

DIVERGED = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed. The same comes of a non-finite loss, of too "
    "large a `learning_rate_init`, and of targets or weights near the limits of dtype."
)


@dataclass
class Run:
    """What a training run needs, besides parameters and data, to be taken up again.

    Everything in it is an array, a number, a list of numbers or a random generator.
    """

    rng: np.random.RandomState
    optimizer: object = None
    n_iter: int = 0
    n_samples_seen: int = 0
    n_reductions: int = 0
    n_without_improvement: int = 0
    best_loss: float = math.inf
    best_score: float = -math.inf
    loss_curve: list = field(default_factory=list)
    validation_scores: list = field(default_factory=list)
    rows: np.ndarray | None = None
    """Order of the training rows in the last epoch; None for all as they stand."""
    validation_rows: np.ndarray | None = None
    n_samples: int | None = None
    """Number of rows of the data that `rows` and `validation_rows` belong to."""
    basis: tuple | None = None
    """Checksum of the targets, and settings, that patience belongs to."""
    best_parameters: np.ndarray | None = None
    last_parameters: np.ndarray | None = None
    """Where training stands, if the model was given the best parameters instead."""

    def start_on(self, n_samples, rows, validation_rows):
        """Adopt data of another length: rows, split and patience begin anew.

        Parameters
        ----------
        n_samples : int
        rows, validation_rows : ndarray of int, or None if nothing is held out
        """
        self.n_samples = n_samples
        self.rows, self.validation_rows = rows, validation_rows
        self.n_without_improvement = 0
        self.best_loss, self.best_score = math.inf, -math.inf
        self.best_parameters = None

    def start_on_basis(self, checksum, settings):
        """Let patience begin anew where the targets or the settings have changed.

        Parameters
        ----------
        checksum : int
            Of the targets. Where it differs, rows and split are drawn anew too.
        settings : dict
        """
        before, self.basis = self.basis, (checksum, settings)
        if before is not None and before != self.basis:
            self.n_without_improvement = 0
            if before[0] != checksum:
                self.n_samples = None

    def fork(self):
        """Return a copy that may go on without changing this one.

        The generator is shared, as it may be the user's own, and so are the optimizer
        and the other arrays, which training replaces before it writes to them.
        """
        return replace(
            self,
            rows=None if self.rows is None else np.array(self.rows),
            loss_curve=list(self.loss_curve),
            validation_scores=list(self.validation_scores),
        )


class EpochTrainer:
    """Stochastic optimization, epoch by epoch.

    Parameters
    ----------
    network : Network
        With flat parameters and a loss; its parameters are changed in place.
    run : Run
        Where the run stands; changed in place.
    batches : Batches
    schedule : schedule
        Sets the optimizer's learning rate after each epoch.
    shuffle : bool
        Whether to draw a new order of the rows for each epoch.
    tol : float
        What counts as an improvement of the loss, or of the score.
    n_iter_no_change : int or inf
        How many epochs in a row may pass without one.
    score : callable or None, default=None
        Score, larger is better, of the logits of the validation rows. With it, the
        best epoch counts (early stopping); without it, the training loss does.
    verbose : bool, default=False
        Whether to print progress.
    """

    def __init__(
        self,
        network,
        run,
        batches,
        schedule,
        *,
        shuffle,
        tol,
        n_iter_no_change,
        score=None,
        verbose=False,
    ):
        self.network = network
        self.run = run
        self.batches = batches
        self.schedule = schedule
        self.shuffle = shuffle
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.score = score
        self.verbose = verbose

    def train(self, max_epochs):
        """Train for some epochs, or until improvement ends.

        Parameters
        ----------
        max_epochs : int

        Returns
        -------
        outcome : {"converged", "exhausted", "interrupted"}
            Whether improvement ended, `max_epochs` were done, or the user interrupted,
            which leaves the parameters as they were at that moment.

        Raises
        ------
        ValueError
            If loss or parameters are not finite after an epoch.
        """
        vectors = self.network.parameters, self.network.gradients
        update = self.run.optimizer.bound_update(*vectors)
        try:
            for _ in range(max_epochs):
                self._epoch(update)
                if self.ends():
                    return "converged"
        except KeyboardInterrupt:
            return "interrupted"
        return "exhausted"

    def _epoch(self, update):
        run, optimizer = self.run, self.run.optimizer
        loss = self._descend(update)
        if not (math.isfinite(loss) and is_finite(self.network.parameters)):
            raise ValueError(DIVERGED)
        if not optimizer.is_finite():
            raise ValueError(DIVERGED)  # Squares overflow: steps would be zero.
        self._tell(f"Iteration {run.n_iter + 1}, loss = {loss:.8f}")
        score = None if self.score is None else self._validation_score()
        # The long work is done: an interruption in it has not counted half an epoch.
        run.n_iter += 1
        run.n_samples_seen += self._n_rows()
        run.loss_curve.append(loss)
        if score is None:
            self._watch_loss(loss)
        else:
            self._watch_score(score)
        optimizer.learning_rate = self._learning_rate()

    def _descend(self, update):
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
            update()
            total_loss += weight * loss
            total_weight += weight
        return total_loss / total_weight

    def _n_rows(self):
        return self.batches.n_samples if self.run.rows is None else len(self.run.rows)

    def _learning_rate(self):
        return self.schedule.rate(self.run.n_samples_seen, self.run.n_reductions)

    def _watch_loss(self, loss):
        run = self.run
        improved = loss <= run.best_loss - self.tol
        run.n_without_improvement = 0 if improved else run.n_without_improvement + 1
        run.best_loss = min(run.best_loss, loss)

    def _validation_score(self):
        network, rows = self.network, self.run.validation_rows
        logits = np.concatenate(
            [network.forward(inputs).copy() for inputs, _, _ in self.batches(rows)]
        )
        if not is_finite(logits):
            raise ValueError(DIVERGED)
        score = float(self.score(logits))
        if not math.isfinite(score):
            raise ValueError(DIVERGED)
        self._tell(f"Validation score: {score:f}")
        return score

    def _watch_score(self, score):
        run = self.run
        run.validation_scores.append(score)
        improved = score >= run.best_score + self.tol
        run.n_without_improvement = 0 if improved else run.n_without_improvement + 1
        if score > run.best_score:
            run.best_score = score
            run.best_parameters[...] = self.network.parameters

    def ends(self):
        """Return whether training ends here; lower the learning rate if that helps."""
        stagnant = self.run.n_without_improvement > self.n_iter_no_change
        return stagnant and not self._reduce_learning_rate()

    def _reduce_learning_rate(self):
        """Lower the learning rate if the schedule can; return whether it did."""
        run, optimizer = self.run, self.run.optimizer
        what = "Training loss" if self.score is None else "Validation score"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        if not self.schedule.can_reduce(optimizer.learning_rate):
            self._tell(f"{message} Stopping.")
            return False
        run.n_reductions += 1
        run.n_without_improvement = 0
        optimizer.learning_rate = self._learning_rate()
        self._tell(f"{message} Setting learning rate to {optimizer.learning_rate:f}")
        return True

    def _tell(self, message):
        if self.verbose:
            print(message)


def minimize_lbfgs(
    network,
    inputs,
    targets,
    sample_weight,
    *,
    max_iter,
    max_fun,
    tol,
    loss_curve,
    verbose=False,
):
    """Minimize a network's loss by L-BFGS.

    The optimizer's vector is copied to the network's, and the network's gradient vector
    is handed back: nothing is packed.

    Parameters
    ----------
    network : Network
        With flat parameters and a loss. It ends at the best point found.
    inputs : {ndarray, sparse matrix} of shape (n_samples, n_features)
    targets : ndarray
    sample_weight : ndarray of shape (n_samples,) or None
    max_iter, max_fun : int
        Limits of iterations and of evaluations of the loss.
    tol : float
        Largest component of the gradient at which to stop.
    loss_curve : list
        The loss after each iteration is appended.
    verbose : bool, default=False
        Whether to print progress.

    Returns
    -------
    outcome : str
        "converged", "interrupted", or the reason why there was no convergence.
    loss : float
        The loss at the best point; inf if interrupted before the first evaluation.

    Raises
    ------
    ValueError
        If the loss is not finite at the start.

    References
    ----------
    Zhu, Byrd, Lu and Nocedal (1997), "Algorithm 778: L-BFGS-B".
    """
    best, best_loss = network.parameters.copy(), math.inf
    loss = math.inf

    def evaluate(parameters):
        nonlocal loss, best_loss
        network.parameters[...] = parameters
        loss = network.loss_gradient(inputs, targets, sample_weight)
        finite = math.isfinite(loss) and is_finite(network.gradients)
        if best_loss == math.inf:
            if not finite:
                raise ValueError(DIVERGED)
            best_loss = loss
        if not finite:
            # A wall that the line search steps back from.
            network.gradients[...] = 0.0
            loss = 1e100
        # Older versions of SciPy take no gradient but one in float64.
        return loss, network.gradients.astype(np.float64, copy=False)

    def note_iteration(parameters):
        nonlocal best, best_loss
        best, best_loss = parameters.copy(), loss
        loss_curve.append(loss)
        if verbose:
            print(f"Iteration {len(loss_curve)}, loss = {loss:.8f}")

    try:
        result = minimize(
            evaluate,
            best,
            method="L-BFGS-B",
            jac=True,
            callback=note_iteration,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
        outcome = "converged" if result.status == 0 else str(result.message)
    except KeyboardInterrupt:
        outcome = "interrupted"
    network.parameters[...] = best
    return outcome, best_loss
