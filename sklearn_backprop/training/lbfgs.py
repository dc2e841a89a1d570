"""L-BFGS on a network's two vectors, by SciPy."""

import math

import numpy as np
from scipy.optimize import minimize

from ..finite import is_finite
from .observers import EpochReport, end, notify
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
    descent = _Descent(network, (inputs, targets, sample_weight), run, observers)
    for observer in observers:
        observer.began(run, network)
    n_iter, n_losses = run.n_iter, len(run.loss_curve)
    try:
        result = minimize(
            descent.evaluate,
            descent.best,
            method="L-BFGS-B",
            jac=True,
            callback=descent.end_iteration,
            options={"maxiter": max_iter, "maxfun": max_fun, "gtol": tol},
        )
        outcome = "converged" if result.status == 0 else str(result.message)
    except KeyboardInterrupt:
        outcome = "interrupted"
        run.n_iter = n_iter + len(run.loss_curve) - n_losses
    except _Stopped:
        outcome = "stopped"
    network.parameters[...] = descent.best
    return end(observers, run, network, outcome), descent.best_loss


class _Descent:
    """What SciPy calls: the loss with its gradient, and the end of an iteration."""

    def __init__(self, network, data, run, observers):
        self.network, self.data = network, data
        self.run, self.observers = run, observers
        self.best, self.best_loss = network.parameters.copy(), math.inf
        self.loss = math.inf

    def evaluate(self, parameters):
        """Return loss and gradient."""
        network = self.network
        network.parameters[...] = parameters
        loss = network.loss_gradient(*self.data)
        is_usable = math.isfinite(loss) and is_finite(network.gradients)
        if self.best_loss == math.inf:
            if not is_usable:
                raise Diverged
            self.best_loss = loss
        if not is_usable:
            # A wall that the line search steps back from.
            network.gradients[...] = 0.0
            loss = 1e100
        self.loss = loss
        # Older versions of SciPy take no gradient but one in float64.
        return loss, network.gradients.astype(np.float64, copy=False)

    def end_iteration(self, parameters):
        """Count an iteration, which has led to these parameters."""
        run = self.run
        self.best, self.best_loss = parameters.copy(), self.loss
        run.loss_curve.append(self.loss)
        run.n_iter += 1
        for observer in self.observers:
            observer.epoch_began(run, self.network)
        report = EpochReport(
            run.n_iter, self.loss, *[None] * 5, False, run, self.network
        )
        if notify(self.observers, report):
            raise _Stopped
