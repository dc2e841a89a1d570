"""Optimizers: one step from parameters and gradients, in place.

An optimizer is settings. What it remembers of past gradients is a dict of arrays and
numbers, its state, which belongs to a training run, or, by hand, to the optimizer's
own attribute `state`: ``update(parameters, gradients)`` writes to ``parameters`` and
to that.

The learning rate is no setting of the optimizer inside an estimator, where
`learning_rate_init` and `learning_rate` give it; by hand it is `learning_rate`, which
may be set between steps.
"""

from .adam import Adam, AdamW, Nadam
from .lbfgs import LBFGS
from .schedule_free import ScheduleFreeAdamW
from .sgd import SGD

__all__ = ["LBFGS", "SGD", "Adam", "AdamW", "Nadam", "ScheduleFreeAdamW"]
