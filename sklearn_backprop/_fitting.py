"""From arrays, a network and a run to a trained network, by epochs or by L-BFGS."""

import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy.sparse as sp

from ._arrays import checksum
from ._blas import (
    SMALL_BATCH,
    fastest_matmul,
    one_blas_thread,
    one_scipy_blas_thread,
    products_cost,
)
from ._data import fingerprint
from ._outcomes import divergence, lbfgs_warning, stochastic_warning
from ._parameters import Slots, read_batch_size
from ._validation import Validation, scoring_name, split_rows
from .batches import Batches, target_dtype
from .checkpoint import Part
from .finite import is_finite
from .network import Network
from .training import Diverged, EpochTrainer, Run, minimize_lbfgs


@dataclass(frozen=True)
class Job:
    """Everything that a training needs."""

    estimator: object
    """Its parameters, with the attributes set that the targets decide."""
    slots: Slots
    network: Network
    run: Run
    X: object
    targets: np.ndarray
    sample_weight: np.ndarray | None
    validation: tuple | None
    """X, targets and weights given for validation, in the forms of the others."""
    observers: list
    """To whom epochs are reported."""
    is_incremental: bool
    """Whether this is a `partial_fit`: one epoch, of data that may be new."""
    saver: object
    """What lets the run go on from a checkpoint, if there is one."""

    @property
    def data(self):
        """X, targets and weights."""
        return self.X, self.targets, self.sample_weight

    @property
    def is_validated(self):
        """Whether there is validation data."""
        stops_early = self.estimator.early_stopping and self.slots.solver.is_stochastic
        return stops_early or self.validation is not None

    @property
    def holds_out(self):
        """Whether validation rows are held out of the data."""
        return self.estimator.early_stopping and self.validation is None


def train(job):
    """Train the network.

    Parameters
    ----------
    job : Job
        Its network and run are changed in place.

    Returns
    -------
    loss : float or None
        The last; None if there was no epoch.
    warning : tuple of (message, category), or None

    Raises
    ------
    ValueError
        If training diverges, or there is no split for early stopping.
    """
    by_solver = _by_epochs if job.slots.solver.is_stochastic else _by_lbfgs
    try:
        with _blas_set_up(job):
            loss, warning = by_solver(job)
        if not is_finite(job.network.parameters):
            raise Diverged
    except Diverged:
        raise ValueError(divergence(job)) from None
    return loss, warning


@contextmanager
def _blas_set_up(job):
    """Make a context in which BLAS has one thread where more would be slower."""
    X, network = job.X, job.network
    n_rows = X.shape[0]
    if job.slots.solver.is_stochastic:
        n_rows = read_batch_size(job.estimator.batch_size, n_rows)
    # BLAS has no part in the products of sparse rows.
    layers = network.dense[1:] if sp.issparse(X) else network.dense
    n_weights = sum(layer.weights.size for layer in layers)
    is_small = products_cost(n_rows, n_weights) < SMALL_BATCH
    network.multiply_with(partial(fastest_matmul, n_rows, one_thread=is_small))
    with ExitStack() as limits:
        if is_small:
            limits.enter_context(one_blas_thread)
        if not job.slots.solver.is_stochastic:
            limits.enter_context(one_scipy_blas_thread)
        yield


def _by_lbfgs(job):
    run, network, estimator = job.run, job.network, job.estimator
    n_before = run.n_iter
    # What was kept of an earlier training by epochs does not belong to this one.
    run.moments = run.optimizer = None
    run.start_on(None, None, None)
    outcome, loss = minimize_lbfgs(
        network,
        job.X.astype(network.dtype, copy=False),
        job.targets.astype(target_dtype(job.targets, network.dtype), copy=False),
        job.sample_weight,
        run=run,
        max_iter=estimator.max_iter,
        max_fun=job.slots.solver.max_fun,
        tol=estimator.tol,
        observers=job.observers,
    )
    run.best_loss = loss
    warning = lbfgs_warning(job, outcome, run.n_iter - n_before)
    return (loss if np.isfinite(loss) else None), warning


def _by_epochs(job):
    run, network, estimator = job.run, job.network, job.estimator
    horizon = _horizon(job)
    _take_up_data(job)
    if run.last_parameters is not None:
        network.parameters[...] = run.last_parameters
        run.last_parameters = None
    if job.is_validated:
        run.score_by(_score_identity(job))
    if estimator.early_stopping and run.best_parameters is None:
        run.forget_best()  # Of which there are no parameters.
        run.best_parameters = network.parameters.copy()
    patience = job.slots.schedule.patience or estimator.n_iter_no_change
    if not job.is_incremental and run.n_without_improvement > patience:
        run.n_without_improvement = 0  # What came before did not end by it.
    n_before, part = run.n_iter, Part(run, network, job.slots.solver, job.X.shape[0])
    outcome = job.saver.restore([part])
    n_left = 0 if outcome else estimator.max_iter - (run.n_iter - n_before)
    batches = _batches(job)
    trainer = EpochTrainer(
        network,
        run,
        batches,
        job.slots.solver,
        job.slots.schedule,
        estimator.learning_rate_init,
        horizon=horizon,
        shuffle=estimator.shuffle,
        tol=estimator.tol,
        n_iter_no_change=estimator.n_iter_no_change,
        validate=_validation(job, batches),
        early_stopping=estimator.early_stopping,
        observers=job.observers,
    )
    ended = trainer.train(1 if job.is_incremental else n_left)
    outcome = outcome or ended
    _end(job, outcome, trainer.predicting)
    loss = run.loss_curve[-1] if run.loss_curve else None
    if job.is_incremental and outcome != "interrupted":
        return loss, None
    return loss, stochastic_warning(job, outcome)


def _horizon(job):
    """Return the number of epochs that the schedule runs through, or None.

    Raises
    ------
    ValueError
        If training goes on and the schedule does not say how far, or there is nothing
        left of it.
    """
    schedule, run, estimator = job.slots.schedule, job.run, job.estimator
    if not schedule.needs_horizon:
        return None
    name = f"learning_rate={estimator.learning_rate!r}"
    if schedule.horizon is None and (job.is_incremental or run.n_iter > 0):
        raise ValueError(
            f"{name} runs its course within a horizon, by default the max_iter epochs "
            "of a new fit. Training that continues needs it given: "
            f"{_with_horizon(schedule)}, a number of epochs over all calls."
        )
    horizon = estimator.max_iter if schedule.horizon is None else schedule.horizon
    if schedule.runs_to_horizon and run.n_iter >= horizon:
        raise ValueError(
            f"{name} has run its course: {run.n_iter} epochs are done and its horizon "
            f"is {horizon}. Give a larger horizon to train on."
        )
    return int(horizon)


def _with_horizon(schedule):
    """Return how to write a schedule with a horizon."""
    call = repr(schedule).removesuffix(")")
    return f"{call}{'' if call.endswith('(') else ', '}horizon=...)"


def _take_up_data(job):
    """Let the run go on with the data it knows, or begin anew with other data.

    A stream brings other rows in each call of `partial_fit`; only their number counts.
    """
    run, estimator = job.run, job.estimator
    data = fingerprint(job.X, job.targets)
    if job.validation is not None:
        data += fingerprint(*job.validation[:2])
    is_same = run.data == data
    if job.is_incremental and run.data is not None:
        is_same = run.data[0] == data[0]
    run.data = data
    if is_same and (run.validation_rows is not None) == job.holds_out:
        return
    rows = validation_rows = None
    if job.holds_out:
        rows, validation_rows = split_rows(
            data[0],
            estimator.validation_fraction,
            run.rng,
            estimator._task.strata(job.targets),
            job.sample_weight,
        )
    run.start_on(data, rows, validation_rows)


def _end(job, outcome, predicting):
    """Leave the network with the parameters that count, and the run as it goes on.

    A run that `max_iter` or the user has ended goes on where it stood. One whose
    patience has ended begins a new patience, from what the model has.
    """
    run, network, estimator = job.run, job.network, job.estimator
    if outcome == "converged" and not job.is_incremental:
        run.n_without_improvement = 0
    kept = run.best_parameters if estimator.early_stopping else predicting.parameters
    if kept is network.parameters:
        return
    goes_on = estimator.warm_start and outcome != "converged"
    if goes_on or job.is_incremental:
        run.last_parameters = network.parameters.copy()
    network.parameters[...] = kept


def _score_identity(job):
    """Return what a best score hangs on besides the data: score, loss and weights."""
    data = job.data if job.validation is None else job.validation
    weights = "" if data[2] is None else checksum([data[2]])
    loss = job.network.loss
    return f"{scoring_name(job.estimator.scoring, loss)} {loss!r} {weights}"


def _validation(job, batches):
    """Return what scores a network on the rows held out or given, or None."""
    estimator, run, network = job.estimator, job.run, job.network
    rows, data = run.validation_rows, job.data
    if job.validation is not None:
        rows, data = None, job.validation
        batches = Batches(*data, batches.batch_size, network.dtype)
    elif not job.holds_out:
        return None
    return Validation(estimator, batches, rows, data, network.loss, estimator.scoring)


def _batches(job):
    estimator, run = job.estimator, job.run
    n_rows = job.X.shape[0] if run.rows is None else len(run.rows)
    if estimator.batch_size != "auto" and estimator.batch_size > n_rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going "
            "to be clipped",
            stacklevel=9,
        )
    batch_size = read_batch_size(estimator.batch_size, n_rows)
    return Batches(*job.data, batch_size, job.network.dtype)
