"""What an estimator keeps so that training can go on, and how a run is taken up again.

Most of a run is public: the model, the loss curve, the scores, the numbers of epochs
and of rows. The rest is one dict of arrays and numbers, `_training_state`. It belongs
to the parameters that the last fit left; where others have been put in their place, a
new run begins from those.
"""

import math
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from ._arrays import checksum
from .training import Run


def training_state(run, random_state, arrays=None):
    """Return the private part of a run, as plain values.

    Parameters
    ----------
    run : Run
    random_state : int, RandomState instance or None
        The estimator's.
    arrays : sequence of ndarray, default=None
        The model that the run has led to. Without it nothing but the generator is
        kept, so that no order of the rows is drawn twice.

    Returns
    -------
    state : dict
    """
    state = {}
    if isinstance(random_state, Integral):
        # Any other generator is not ours to keep: it goes on by itself.
        state["rng"] = run.rng.get_state(legacy=False)
    if arrays is not None:
        state |= {"checksum": checksum(arrays), **run.state()}
    return state


def new_run(random_state):
    """Return a run that begins.

    Parameters
    ----------
    random_state : int, RandomState instance or None
    """
    return Run(rng=check_random_state(random_state))


def resumed_run(estimator):
    """Return the run of a fitted estimator, to go on.

    Parameters
    ----------
    estimator : BaseMLP
        With all its public attributes.
    """
    state = getattr(estimator, "_training_state", {})
    run = Run(
        rng=_generator(estimator.random_state, state.get("rng")),
        n_iter=estimator.n_iter_,
        n_samples_seen=estimator.t_,
        loss_curve=list(estimator.loss_curve_ or ()),
        validation_scores=list(estimator.validation_scores_ or ()),
        validation_losses=list(estimator.validation_loss_curve_ or ()),
    )
    if "checksum" not in state or state["checksum"] != checksum(
        [*estimator.coefs_, *estimator.intercepts_]
    ):
        return run
    run.load(state)
    best_loss, best_score = estimator.best_loss_, estimator.best_validation_score_
    run.best_loss = math.inf if best_loss is None else best_loss
    run.best_iter = estimator.best_iter_
    run.best_score = -math.inf if best_score is None else best_score
    return run


def _generator(random_state, state):
    """Return a generator in a kept state, or the one that a parameter stands for."""
    if state is None or not isinstance(random_state, Integral):
        return check_random_state(random_state)
    generator = np.random.RandomState()
    generator.set_state(state)
    return generator
