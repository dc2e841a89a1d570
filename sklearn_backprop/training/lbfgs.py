"""L-BFGS on a network's two vectors, by SciPy."""

import math

import numpy as np
from scipy.optimize import minimize

from ..finite import is_finite
from .observers import EpochReport, notify
from .run import Diverged


class _Stopped(Exception):
    """An observer has asked to stop; older versions of SciPy know no other way out."""


def minimize_lbfgs(
    network,
    inputs,
    targets,
    sample_weight,
    *,
    run,
    max_iter,
    max_fun,
    tol,
    observers=(),
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
    run : Run
        Counts the iterations; changed in place.
    max_iter, max_fun : int
        Limits of iterations and of evaluations of the loss.
    tol : float
        Largest component of the gradient at which to stop.
    observers : sequence of Observer, default=()

    Returns
    -------
    outcome : str
        "converged", "interrupted", "stopped", or why there was no convergence.
    loss : float
        The loss at the best point; inf if interrupted before the first evaluation.

    Raises
    ------
    Diverged
        If the loss is not finite at the start.
    ValueError
        If there are several networks: a line search is for one.

    References
    ----------
    Zhu, Byrd, Lu and Nocedal (1997), "Algorithm 778: L-BFGS-B".
    """
    if network.n_networks is not None:
        raise ValueError(
            f"L-BFGS is for one network, got {network.n_networks}: use network.take(i)."
        )
    best, best_loss = network.parameters.copy(), math.inf
    loss = math.inf

    def evaluate(parameters):
        nonlocal loss, best_loss
        network.parameters[...] = parameters
        loss = network.loss_gradient(inputs, targets, sample_weight)
        finite = math.isfinite(loss) and is_finite(network.gradients)
        if best_loss == math.inf:
            if not finite:
                raise Diverged
            best_loss = loss
        if not finite:
            # A wall that the line search steps back from.
            network.gradients[...] = 0.0
            loss = 1e100
        # Older versions of SciPy take no gradient but one in float64.
        return loss, network.gradients.astype(np.float64, copy=False)

    def count_iteration(parameters):
        nonlocal best, best_loss
        best, best_loss = parameters.copy(), loss
        run.loss_curve.append(loss)
        run.n_iter += 1
        n_iter = run.n_iter
        report = EpochReport(n_iter, loss, None, None, None, False, run, network)
        if notify(observers, report):
            raise _Stopped

    for observer in observers:
        observer.began(run, network)
    n_iter, n_losses = run.n_iter, len(run.loss_curve)
    try:
        result = minimize(
            evaluate,
            best,
            method="L-BFGS-B",
            jac=True,
            callback=count_iteration,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
        outcome = "converged" if result.status == 0 else str(result.message)
    except KeyboardInterrupt:
        outcome = "interrupted"
        run.n_iter = n_iter + len(run.loss_curve) - n_losses
    except _Stopped:
        outcome = "stopped"
    network.parameters[...] = best
    for observer in observers:
        observer.ended(run, network, outcome)
    return outcome, best_loss
