"""Layers: the textbook contract, usable alone or inside a network.

A layer remembers what its backward pass needs. ``forward(inputs, out=None)`` sets
and returns ``output``; ``backward(dvalues, out=None)`` takes the gradient of the loss
with respect to ``output``, and sets and returns ``dinputs``, the gradient with respect
to ``inputs``. Without ``out`` a call allocates; with it the result is written there,
and ``out`` may be the argument itself. Nothing else that is passed in is written to.

The last axis holds features, the one before it samples; a leading axis, if any, holds
networks of one shape side by side.
"""

from .activations import (
    Exponential,
    HardSigmoid,
    Identity,
    Logistic,
    ReLU,
    Softmax,
    Tanh,
)
from .columns import ColumnEmbedding, Scale
from .components import PiecewiseLinear, PlainColumns
from .dense import Dense
from .dropout import Dropout
from .initialization import glorot_uniform as glorot_uniform
from .rectifiers import ELU, GELU, SELU, LeakyReLU, Mish, SiLU, Softplus

__all__ = [
    "ELU",
    "GELU",
    "SELU",
    "ColumnEmbedding",
    "Dense",
    "Dropout",
    "Exponential",
    "HardSigmoid",
    "Identity",
    "LeakyReLU",
    "Logistic",
    "Mish",
    "PiecewiseLinear",
    "PlainColumns",
    "ReLU",
    "Scale",
    "SiLU",
    "Softmax",
    "Softplus",
    "Tanh",
]
