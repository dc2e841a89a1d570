"""What an estimator tells of how its training ended."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ._parameters import read_batch_size

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
    alpha, dtype = float(job.estimator.alpha), job.network.dtype
    n_rows = read_batch_size(job.estimator.batch_size, job.X.shape[0])
    # A step of gradient descent multiplies a weight by one minus the first; the square
    # of the second is what Adam divides by.
    shrinkage = alpha / n_rows * float(job.estimator.learning_rate_init)
    if shrinkage > 1.0 or alpha / n_rows > np.sqrt(np.finfo(dtype).max) / 1e4:
        return (
            "Solver produced non-finite parameter weights: the penalty of "
            f"alpha={job.estimator.alpha} on them is too strong for steps of "
            f"learning_rate_init={job.estimator.learning_rate_init}. Lower alpha."
        )
    hint = job.network.loss.divergence_hint
    return f"{DIVERGED} {hint}".rstrip()


def stochastic_warning(outcome, loss_curve, max_iter):
    """Return the message and the category of a warning, or None if all is well."""
    if outcome == "interrupted":
        return INTERRUPTED
    if outcome == "exhausted":
        message = (
            f"Stochastic Optimizer: Maximum iterations ({max_iter}) reached and the "
            "optimization hasn't converged yet."
        )
        return message, ConvergenceWarning
    if loss_curve[-1] > 2 * loss_curve[0] > 0:
        message = (
            f"Training made the loss larger, from {loss_curve[0]:.3g} to "
            f"{loss_curve[-1]:.3g}. Scale the data or lower learning_rate_init."
        )
        return message, ConvergenceWarning
    return None


def lbfgs_warning(outcome, n_iter, tol):
    """Return the message and the category of a warning, or None if all is well."""
    if outcome == "interrupted":
        return INTERRUPTED
    if outcome == "converged" and n_iter == 0:
        message = (
            "lbfgs has trained nothing: the gradient is already within "
            f"tol={tol} of zero where it began."
        )
        return message, UserWarning
    if outcome in ("converged", "stopped"):
        return None
    message = (
        f"lbfgs failed to converge after {n_iter} iteration(s): "
        f"{outcome.rstrip(': ')}. Increase max_iter or max_fun, or scale the data."
    )
    return message, ConvergenceWarning
