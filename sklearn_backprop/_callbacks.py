"""scikit-learn's callback protocol, or nothing where scikit-learn has none.

A fit is a task, and so is each epoch, or iteration of L-BFGS, within it. The protocol
is experimental there, so it is in this file alone.
"""

from .training import Observer

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # Before scikit-learn 1.9.

    class CallbackSupportMixin:
        """Stands in for scikit-learn's mixin, and brings nothing."""


class FitTask(Observer):
    """The task of one fit, which tells an estimator's callbacks of its epochs.

    Parameters
    ----------
    estimator : estimator
        What the user fits and the callbacks know. `_attributes_after` a report are
        those that it would have if training ended with that.
    X, y, sample_weight : object
        What the user has passed to `fit`.
    max_epochs : int
        How many epochs there may be.
    """

    def __init__(self, estimator, X, y, sample_weight, max_epochs):
        context = estimator._init_callback_context(max_subtasks=max_epochs)
        self.context = context
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
        context.call_on_fit_task_begin(**self.told)

    def follow(self, trial):
        """Take note of the copy of the estimator that is trained."""
        self.trial = trial

    def epoch_began(self, run, network):
        """Begin the task of an epoch."""
        self.epoch = self.context.subcontext(task_name="epoch")
        self.epoch.call_on_fit_task_begin(**self.told)

    def epoch_ended(self, report):
        """End the task of an epoch; return whether a callback asks to stop."""
        return self.epoch.call_on_fit_task_end(
            **self.told,
            reconstruction_attributes=lambda: self.trial._attributes_after(report),
        )

    def fitted(self):
        """End the task of the fit, when the estimator has what came of it."""
        self.context.call_on_fit_task_end(**self.told, reconstruction_attributes={})


def fit_task(estimator, X, y, sample_weight, max_epochs):
    """Return the task of a fit, or None without callbacks.

    Parameters
    ----------
    estimator, X, y, sample_weight, max_epochs : object
        As for `FitTask`.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    return FitTask(estimator, X, y, sample_weight, max_epochs)
