"""What users say of checkpoints."""

import os

from ..settings import Settings, check, check_count


class Checkpoint(Settings):
    """Where a fit writes how far it has come, and how often.

    It is passed to `fit`. A fit that is killed, run again with the same data, the same
    parameters and the same checkpoint, goes on from the last one written and ends with
    the same model, bit for bit. Jobs that differ in anything have files of different
    names, so one folder serves a whole search; fits of one job at once wait for one
    another.

    Parameters
    ----------
    path : str or path-like
        The folder; it is made if there is none.
    every : int, default=1
        After how many epochs to write. That takes some milliseconds, so where an epoch
        takes less, on little data, 20 or 100 is right.
    keep : int, default=1
        How many checkpoints of one job to keep, of which the last counts.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_backprop import Checkpoint, MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier(learning_rate="cosine", max_iter=10, random_state=0)
    >>> with TemporaryDirectory() as folder:
    ...     model = model.fit(X, y, checkpoint=Checkpoint(folder, every=5))
    >>> model.n_iter_
    10
    """

    def __init__(self, path, *, every=1, keep=1):
        self.path = path
        self.every = every
        self.keep = keep

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check("path", self.path, _is_path, "the path of a folder as str or PathLike")
        check_count("every", self.every)
        check_count("keep", self.keep)


def _is_path(value):
    path = os.fspath(value)
    return isinstance(path, str) and path != "" and "\0" not in path


def check_checkpoint(checkpoint):
    """Raise an error unless something can say where to write.

    Raises
    ------
    TypeError
        If it is neither a `Checkpoint` nor None.
    ValueError
        If it has an impossible setting.
    """
    if checkpoint is None:
        return
    if not isinstance(checkpoint, Checkpoint):
        raise TypeError(
            "checkpoint must be a Checkpoint, such as Checkpoint('folder'), or None, "
            f"got {checkpoint!r}."
        )
    try:
        checkpoint.validate()
    except ValueError as error:
        raise ValueError(f"checkpoint is {checkpoint!r}, but {error}") from error
