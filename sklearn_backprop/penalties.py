"""Penalties on the weights: of their squares (L2) and of their sizes (L1)."""

import numpy as np

__all__ = ["Penalties"]


class Penalties:
    """``alpha / (2 n) |weights|^2 + l1 / n sum |weights|``, with its gradient.

    Parameters
    ----------
    layout : Layout
    parameters, gradients : ndarray of shape (n_parameters,)
        The vectors that `layout` describes.

    References
    ----------
    Andrew and Gao (2007), "Scalable training of L1-regularized log-linear models",
    equation 4, for the gradient of the L1 penalty at zero: the smallest there is; and
    equation 5, for the projection.
    """

    def __init__(self, layout, parameters, gradients):
        self.weights = parameters[: layout.n_penalized]
        self.dweights = gradients[: layout.n_penalized]
        self.scratch = np.empty_like(self.weights)
        vectors = self.weights, self.dweights, self.scratch
        blocks = [block for block in layout.blocks if block.is_penalized]
        self.blocks = [[block.view(v) for v in vectors] for block in blocks]

    def add(self, losses, totals, alpha, l1):
        """Add to the gradients; return the penalty.

        The gradient is that of the sum, so what networks share is penalized for each.

        Parameters
        ----------
        losses : float or ndarray of shape (n_networks,)
            Whose penalties these are.
        totals : float or ndarray of shape (n_networks,)
            Numbers of samples, or sums of their weights.
        alpha : float or ndarray of shape (n_penalized,)
        l1 : float

        Returns
        -------
        penalty : float or ndarray of shape (n_networks,)
        """
        is_one_number = not isinstance(alpha, np.ndarray)
        if is_one_number and alpha == 0.0:
            penalty = 0.0
        elif is_one_number and isinstance(losses, float):
            penalty = self._add_square(alpha / float(totals))
        else:
            penalty = self._add_squares(losses, totals, alpha)
        return penalty + self._add_sizes(losses, totals, l1) if l1 else penalty

    def _add_square(self, strength):
        """Add that of ``strength / 2 |weights|^2``, for one network."""
        weights, dweights = self.weights, self.dweights
        np.add(dweights, np.multiply(weights, strength, self.scratch), dweights)
        return 0.5 * strength * float(np.dot(weights, weights))

    def _add_squares(self, losses, totals, alpha):
        """Do the same in general: for each network, and with strengths per weight."""
        shares, penalties = np.ones_like(losses) / totals, np.zeros_like(losses)
        np.multiply(self.weights, alpha, self.scratch)
        for weights, _, product in self.blocks:
            energies = np.einsum("...ij,...ij->...", product, weights)
            penalties += 0.5 * energies * shares
            share = shares.reshape(-1, 1, 1) if weights.ndim == 3 else shares.sum()
            np.multiply(product, share, product, casting="same_kind")
        np.add(self.dweights, self.scratch, self.dweights)
        return penalties[()]

    def _add_sizes(self, losses, totals, l1):
        strengths, penalties = l1 * (np.ones_like(losses) / totals), 0.0
        for weights, dweights, scratch in self.blocks:
            sizes = np.add.reduce(np.absolute(weights, scratch), axis=(-2, -1))
            penalties = penalties + strengths * sizes
            is_own = weights.ndim == 3
            strength = strengths.reshape(-1, 1, 1) if is_own else strengths.sum()
            strength = strength.astype(weights.dtype)
            cancelled = np.clip(dweights, -strength, strength)
            np.multiply(np.sign(weights, scratch), strength, scratch)
            np.add(dweights, scratch, dweights)
            np.multiply(cancelled, weights == 0.0, scratch)
            np.subtract(dweights, scratch, dweights)
        return penalties if isinstance(losses, np.ndarray) else float(penalties)

    def projected(self, update, average=None):
        """Return a step after which weights that would change their sign are zero.

        That is how an L1 penalty makes weights exactly zero. A weight that was zero may
        go where its gradient leads.

        Parameters
        ----------
        update : callable
            A step from the gradients, of the learning rate.
        average : ndarray of shape (n_parameters,), default=None
            A running mean of the parameters, which is zero where the weights are.
        """
        if average is not None:
            average = average[: self.weights.size]
        orthants = np.empty_like(self.weights)

        def update_and_project(learning_rate):
            np.negative(np.sign(self.dweights, self.scratch), self.scratch)
            np.sign(self.weights, orthants)
            np.copyto(orthants, self.scratch, where=orthants == 0.0)
            update(learning_rate)
            signs = np.sign(self.weights, self.scratch)
            np.multiply(self.weights, np.equal(signs, orthants), self.weights)
            if average is not None:
                np.multiply(average, self.weights != 0.0, average)

        return update_and_project
