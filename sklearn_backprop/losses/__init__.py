"""Losses: one value per sample, and the gradient of their mean.

``forward(output, y_true)`` returns the loss of each sample, ``calculate`` their mean
(the data loss; regularization is the network's), ``backward`` the gradient of that
mean with respect to `output`. ``loss_gradient`` does all of it in one pass into given
memory. Nothing that is passed in is written to.

A loss that is fused with the activation of the output layer takes the logits, the
values before that activation. Computed from there, loss and gradient agree at any
logit, where a clipped probability would make them differ.

With several networks side by side `output` has them as its first axis, and so have
the targets. There is then one loss for each network, and the gradient is that of their
sum.
"""

from .base import Loss
from .classification import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    Focal,
    LogLoss,
    SoftmaxCategoricalCrossentropy,
)
from .regression import (
    AbsoluteError,
    Gamma,
    Huber,
    Poisson,
    Quantile,
    SquaredError,
)

__all__ = [
    "AbsoluteError",
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Focal",
    "Gamma",
    "Huber",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "SoftmaxCategoricalCrossentropy",
    "SquaredError",
]
