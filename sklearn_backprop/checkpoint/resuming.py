"""From a run to a checkpoint and back."""

from contextlib import contextmanager
from copy import deepcopy
from dataclasses import fields
from importlib import import_module
from typing import NamedTuple

import numpy as np

from ..network import Network
from ..training import Observer, Run
from . import format
from .contents import check_part, require
from .files import Store
from .identity import digest

# What a file says that it is, and which form its contents have.
WHAT = "checkpoint of sklearn_backprop"
FORMAT = 1
# Parameters that change nothing in the numbers, or whose meaning is the generator's.
APART = ("random_state", "verbose")


class Part(NamedTuple):
    """What a training consists of: one run, or several that take turns."""

    run: Run
    network: Network
    """The one that is trained."""
    optimizer: object
    n_rows: int
    """Of the data, of which some may be held out."""


class Unsaved(Observer):
    """Stands in for a `Saver` where there is no checkpoint.

    Parameters
    ----------
    rng : numpy.random.RandomState
    """

    def __init__(self, rng):
        self.rng = rng

    def restore(self, parts, clock=None):
        """Let the training begin (see `Saver.restore`)."""


class Saver(Observer):
    """Writes where a training stands, and lets one that was killed go on from there.

    Parameters
    ----------
    store : Store
        Owned by this fit.
    job : str
        What tells the job from all others.
    rng : numpy.random.RandomState
        At the beginning of the job.
    every : int
        After how many epochs to write.

    Attributes
    ----------
    rng : numpy.random.RandomState
        What the job is to draw from. After `restore` it is where it stood.
    """

    def __init__(self, store, job, rng, every):
        self.store, self.job, self.every = store, job, every
        self.rng, self.begins = rng, rng.get_state(legacy=False)
        self.outcome = self.clock = None
        self.parts, self.n_done = [], 0

    def begin_as_before(self):
        """Let a job without a seed draw what it drew when it began."""
        paths = self.store.paths()
        if paths:
            self.begins = self._read(paths[-1])["begins"]
            self.rng = deepcopy(self.rng)
            self.rng.set_state(self.begins)

    def restore(self, parts, clock=None):
        """Take a training that is about to begin to where its checkpoint stands.

        Parameters
        ----------
        parts : list of Part
            Their runs and networks are changed, unless there is no checkpoint.
        clock : object, default=None
            Its `elapsed` seconds are saved too.

        Returns
        -------
        outcome : str or None
            How the training ended; None if it has not.

        Raises
        ------
        ValueError
            If the file is damaged, or of another job, format or version.
        """
        self.parts, self.clock = parts, clock
        self.n_done = parts[0].run.n_iter
        paths = self.store.paths()
        if not paths:
            return None
        path = paths[-1]
        tree = self._read(path)
        try:
            require(len(tree["parts"]) == len(parts), "the number of networks")
            for part, saved in zip(parts, tree["parts"], strict=True):
                check_part(part, saved)
        except Exception as error:
            raise _refused(path, f"does not fit this job ({error}).") from error
        for part, saved in zip(parts, tree["parts"], strict=True):
            part.network.parameters[...] = saved["parameters"]
            vars(part.run).update(saved["run"])
        self.rng.set_state(tree["rng"])
        if clock is not None:
            clock.elapsed = tree["elapsed"]
        self.outcome, self.n_done = tree["outcome"], parts[0].run.n_iter
        return self.outcome

    def epoch_began(self, run, network):
        """Write what there is before an epoch: the one before was not the last."""
        if run.n_iter > self.n_done and run.n_iter % self.every == 0:
            self._write(None)

    def ended(self, run, network, outcome):
        """Write the end, unless it is an interruption, after which the job goes on."""
        if self.outcome is None and outcome != "interrupted":
            self._write(outcome)
            self.outcome = outcome

    def _write(self, outcome):
        header = {
            "what": WHAT,
            "format": FORMAT,
            "version": _version(),
            "job": self.job,
        }
        tree = {
            "outcome": outcome,
            "begins": self.begins,
            "rng": self.rng.get_state(legacy=False),
            "elapsed": None if self.clock is None else self.clock.elapsed,
            "parts": [
                {
                    "parameters": part.network.parameters,
                    "run": {name: getattr(part.run, name) for name in _names()},
                }
                for part in self.parts
            ],
        }
        self.store.write(self.parts[0].run.n_iter, header, tree)

    def _read(self, path):
        """Return the tree of a file, once it is known to be of this job."""
        with open(path, "rb") as file:
            try:
                header, tree_of = format.read(file)
            except Exception as error:
                raise _damaged(path, error) from error
            self._check_header(header, path)
            try:
                tree = tree_of()
            except Exception as error:
                raise _damaged(path, error) from error
        try:
            for name in ("begins", "rng"):
                deepcopy(self.rng).set_state(tree[name])
            outcome, elapsed = tree["outcome"], tree["elapsed"]
            require(outcome is None or isinstance(outcome, str), "outcome")
            require(elapsed is None or 0.0 <= elapsed < np.inf, "elapsed")
        except Exception as error:
            raise _refused(path, f"does not fit this job ({error}).") from error
        return tree

    def _check_header(self, header, path):
        if header.get("what") != WHAT:
            raise _refused(path, "is no checkpoint of this package.")
        expected = {"format": FORMAT, "version": _version()}
        for name, value in expected.items():
            if header.get(name) != value:
                raise _refused(
                    path,
                    f"was written by another version of this package: its {name} is "
                    f"{header.get(name)!r}, and this one's is {value!r}.",
                )
        if header.get("job") != self.job:
            raise _refused(path, "is of another job: it has been renamed or changed.")


def _refused(path, reason):
    return ValueError(
        f"The checkpoint {path} {reason} Remove it to begin from the one before it, "
        "if one was kept, or anew."
    )


def _damaged(path, error):
    return _refused(path, f"is damaged, or no checkpoint at all ({error}).")


def _version():
    return import_module(__package__.partition(".")[0]).__version__


def _names():
    """Return the names of what a run holds besides its generator."""
    return [field.name for field in fields(Run) if field.name != "rng"]


@contextmanager
def saving(checkpoint, estimator, rng, *begins):
    """Make a context with what writes the checkpoints of one fit.

    Parameters
    ----------
    checkpoint : Checkpoint or None
    estimator : estimator
        Its parameters tell the job from others.
    rng : numpy.random.RandomState
        What the job is to draw from, before it has drawn anything.
    *begins : object
        What else tells the job from others: the data, and the model and the run that
        it goes on from.

    Yields
    ------
    saver : Saver or Unsaved

    Raises
    ------
    TypeError
        If there is a parameter that cannot be told from others of its kind.
    OSError
        As `Store.owned`.
    """
    if checkpoint is None:
        yield Unsaved(rng)
        return
    is_seeded = estimator.random_state is not None
    seed = rng.get_state(legacy=False) if is_seeded else None
    params = estimator.get_params(deep=False)
    params = {name: value for name, value in params.items() if name not in APART}
    job = digest([type(estimator), params, seed, begins])
    name = f"{type(estimator).__name__}-{job}"
    store = Store(checkpoint.path, name, int(checkpoint.keep))
    with store.owned():
        saver = Saver(store, job, rng, int(checkpoint.every))
        if not is_seeded:
            saver.begin_as_before()
        yield saver
        if not is_seeded and saver.outcome is not None:
            store.clear()  # Another fit without a seed is to be another one.
