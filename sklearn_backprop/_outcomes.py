"""What an estimator tells of how its training ended."""

from sklearn.exceptions import ConvergenceWarning

INTERRUPTED = "Training interrupted by user.", UserWarning


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


def lbfgs_warning(outcome, n_iter):
    """Return the message and the category of a warning, or None if all is well."""
    if outcome == "interrupted":
        return INTERRUPTED
    if outcome == "converged":
        return None
    message = (
        f"lbfgs failed to converge after {n_iter} iteration(s): "
        f"{outcome.rstrip(': ')}. Increase max_iter or max_fun, or scale the data."
    )
    return message, ConvergenceWarning
