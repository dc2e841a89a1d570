"""What an estimator says of how its training ended."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._parameters import read_batch_size

TINY = float(np.finfo(float).tiny)
INTERRUPTED = "Training interrupted by user.", UserWarning

DIVERGED = (
    "Solver produced non-finite parameter weights. The input data may contain large "
    "values and need to be preprocessed. The same comes of a non-finite loss, of too "
    "large a `learning_rate_init`, and of targets or weights near the limits of dtype."
)


def divergence(job):
    """Return why training may have diverged, with what makes it likely.

    Parameters
    ----------
    job : Job
    """
    if _is_penalty_too_strong(job):
        return f"Solver produced non-finite parameter weights. {_lower_alpha(job)}"
    return f"{DIVERGED} {job.network.loss.divergence_hint}".rstrip()


def _is_penalty_too_strong(job):
    """Return whether the penalty alone makes the weights grow from step to step."""
    estimator, n_rows = job.estimator, job.X.shape[0]
    if job.slots.solver.is_stochastic:
        n_rows = read_batch_size(estimator.batch_size, n_rows)
    # The penalty is divided by the weight of a batch.
    weight = n_rows if job.sample_weight is None else n_rows * job.sample_weight.mean()
    strength = float(estimator.alpha) / max(float(weight), TINY)
    rate = estimator.learning_rate_init
    largest = np.sqrt(np.finfo(job.network.dtype).max)
    # A step of gradient descent multiplies a weight by one minus `rate * strength`;
    # Adam and the line search of L-BFGS square the gradient.
    return (rate <= 1.0 < rate * strength) or strength > largest / 1e4


def _lower_alpha(job):
    estimator, advice = job.estimator, "lower alpha."
    if job.sample_weight is not None and job.sample_weight.mean() < 1.0:
        advice = "lower alpha, or multiply sample_weight, which it is relative to."
    return (
        f"The penalty of alpha={estimator.alpha} on the weights is too strong for "
        f"steps of learning_rate_init={estimator.learning_rate_init}: {advice}"
    )


def stochastic_warning(job, outcome):
    """Return the message and the category of a warning, or None if all is well.

    Parameters
    ----------
    job : Job
    outcome : str
        What the training loop has returned.
    """
    loss_curve = job.run.loss_curve
    if outcome == "interrupted":
        return INTERRUPTED
    if outcome == "exhausted":
        message = (
            f"Stochastic Optimizer: Maximum iterations ({job.estimator.max_iter}) "
            "reached and the optimization hasn't converged yet."
        )
        return message, ConvergenceWarning
    if loss_curve[-1] > 2 * loss_curve[0] > 0:
        advice = "Scale the data or lower learning_rate_init."
        if _is_penalty_too_strong(job):
            advice = _lower_alpha(job)
        message = (
            f"Training made the loss larger, from {loss_curve[0]:.3g} to "
            f"{loss_curve[-1]:.3g}. {advice}"
        )
        return message, ConvergenceWarning
    return None


def lbfgs_warning(job, outcome, n_iter):
    """Return the message and the category of a warning, or None if all is well.

    Parameters
    ----------
    job : Job
    outcome : str
        What the minimization has returned.
    n_iter : int
        How many iterations it took.
    """
    if outcome == "interrupted":
        return INTERRUPTED
    if outcome == "converged" and n_iter == 0:
        message = (
            "lbfgs has trained nothing: the gradient is already within "
            f"tol={job.estimator.tol} of zero where it began."
        )
        return message, UserWarning
    if outcome in ("converged", "stopped"):
        return None
    message = (
        f"lbfgs failed to converge after {n_iter} iteration(s): "
        f"{outcome.rstrip(': ')}. Increase max_iter or max_fun, or scale the data."
    )
    return message, ConvergenceWarning
