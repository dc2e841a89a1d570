"""All parameters of a stack of layers in one vector, and all gradients in another.

First come the parameters that regularization concerns, which it then reaches as one
slice, layer by layer, then the free ones. With several networks side by side an array
of the vector holds that parameter of all networks, or one that they share.
"""

import math
from dataclasses import dataclass

import numpy as np

from .layers.base import parameter_names

__all__ = ["Layout", "flatten"]


@dataclass(frozen=True)
class Block:
    """One parameter of one layer, and where it lies in the vectors."""

    layer: int
    """Number of the layer, among those that have parameters."""
    name: str
    shape: tuple
    start: int
    is_penalized: bool

    @property
    def stop(self):
        """Where the next block begins."""
        return self.start + math.prod(self.shape)

    @property
    def is_own(self):
        """Whether every network has its own."""
        return len(self.shape) == 3

    def view(self, vector):
        """Return the block's part of a vector, in its shape."""
        return vector[self.start : self.stop].reshape(self.shape)


class Layout:
    """Which parameter of which layer lies where in the vectors.

    Parameters
    ----------
    layers : sequence of layers
        Those without parameters are passed over.

    Attributes
    ----------
    layers : list
        Those that have parameters.
    blocks : list of Block
    n_penalized, n_parameters : int
        Lengths of the first part and of the whole of a vector.
    n_networks : int or None
        Number of networks side by side; None where no parameter has such an axis.
    """

    def __init__(self, layers):
        self.layers = [layer for layer in layers if parameter_names(layer)]
        self.blocks, stop = [], 0
        for kind in ("penalized", "free"):
            for i, layer in enumerate(self.layers):
                for name in getattr(layer, kind, ()):
                    shape = np.shape(getattr(layer, name))
                    block = Block(i, name, shape, stop, kind == "penalized")
                    self.blocks.append(block)
                    stop = block.stop
        self.n_parameters = stop
        self.n_penalized = max(
            (b.stop for b in self.blocks if b.is_penalized), default=0
        )
        own = {block.shape[0] for block in self.blocks if block.is_own}
        if len(own) > 1:
            raise ValueError(f"The layers are of different numbers of networks: {own}.")
        self.n_networks = own.pop() if own else None

    def flatten(self):
        """Move the layers onto two new vectors; return parameters and gradients."""
        arrays = [getattr(self.layers[b.layer], b.name) for b in self.blocks]
        parameters = np.concatenate([np.ravel(array) for array in arrays])
        gradients = np.zeros_like(parameters)
        self.move_to(parameters, gradients)
        return parameters, gradients

    def move_to(self, parameters, gradients):
        """Move the layers onto two vectors, in which they then live."""
        for i, layer in enumerate(self.layers):
            views = {}
            for block in self.blocks:
                if block.layer == i:
                    views[block.name] = block.view(parameters)
                    views[f"d{block.name}"] = block.view(gradients)
            layer.move_to(**views)

    def factors(self, networks=None, layers=None, free=1.0):
        """Return a factor for each parameter (see `Network.factors`)."""
        factors = np.ones(self.n_parameters)
        for block in self.blocks:
            view = block.view(factors)
            if networks is not None and block.is_own:
                view *= np.reshape(networks, (-1, 1, 1))
            if layers is not None:
                view *= layers[block.layer]
            if not block.is_penalized:
                view *= free
        return factors

    def owners(self):
        """Return which network each parameter is of (see `Network.owners`)."""
        n_networks = self.n_networks or 0
        owners = np.full(self.n_parameters, n_networks)
        for block in self.blocks:
            if block.is_own:
                block.view(owners)[...] = np.arange(n_networks).reshape(-1, 1, 1)
        return owners

    def positions(self, networks):
        """Return where the parameters of some networks lie (`Network.positions`)."""
        everywhere = np.arange(self.n_parameters)
        views = [(block, block.view(everywhere)) for block in self.blocks]
        taken = [view[networks] if block.is_own else view for block, view in views]
        return np.concatenate([np.ravel(array) for array in taken])


def flatten(layers):
    """Move the parameters of layers into one vector, the gradients into another.

    Each layer's parameters and gradients become views. First come all weights, which
    regularization then reaches as one slice, then all biases.

    Parameters
    ----------
    layers : sequence of layers
        Those without parameters are passed over.

    Returns
    -------
    parameters, gradients : ndarray of shape (n_parameters,)
    """
    return Layout(layers).flatten()
