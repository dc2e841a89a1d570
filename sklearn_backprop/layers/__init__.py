"""Layers: the textbook contract, usable alone or inside a network.

A layer remembers what its backward pass needs. ``forward(inputs, out=None)`` sets
and returns ``output``; ``backward(dvalues, out=None)`` takes the gradient of the loss
with respect to ``output``, and sets and returns ``dinputs``, the gradient with respect
to ``inputs``. Without ``out`` a call allocates; with it the result is written there,
and ``out`` may be the argument itself. Nothing else that is passed in is written to.

The last axis holds features, the one before it samples; a leading axis, if any, holds
networks of one shape side by side.
"""

from .activations import Exponential, Identity, Logistic, ReLU, Softmax, Tanh
from .dense import Dense
from .dense import glorot_uniform as glorot_uniform

__all__ = ["Dense", "Exponential", "Identity", "Logistic", "ReLU", "Softmax", "Tanh"]
