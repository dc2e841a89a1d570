"""The checkpoints of one job: written whole or not at all, by one fit at a time."""

import os
import re
from contextlib import contextmanager, suppress
from pathlib import Path

from .._files import written_whole
from . import format
from .locks import exclusive

SUFFIX = ".npz"


class Store:
    """The files of one job in a folder, of which one fit is the owner.

    Parameters
    ----------
    folder : path-like
    name : str
        What tells the job from others in the folder.
    keep : int
        How many files to keep.
    """

    def __init__(self, folder, name, keep):
        self.folder, self.name, self.keep = Path(folder), name, keep

    @contextmanager
    def owned(self):
        """Make a context in which nobody else owns these files, or wait for it.

        Raises
        ------
        OSError
            If the folder cannot be made or written to.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failed("The folder of checkpoints cannot be made", error) from error
        with exclusive(self.folder / f"{self.name}.lock"):
            with suppress(FileNotFoundError):
                self._unfinished.unlink()  # Of a process that was killed.
            yield

    @property
    def _unfinished(self):
        return self.folder / f"{self.name}.tmp"

    def paths(self):
        """Return the files, from the oldest to the newest."""
        pattern = re.compile(rf"{re.escape(self.name)}-(\d+){re.escape(SUFFIX)}")
        matches = map(pattern.fullmatch, os.listdir(self.folder))
        numbers = {int(match[1]): match[0] for match in matches if match}
        return [self.folder / numbers[number] for number in sorted(numbers)]

    def write(self, number, header, tree):
        """Write a checkpoint, and remove those that are too old.

        Whatever happens, a file under its final name is whole and on the disk.

        Parameters
        ----------
        number : int
            Larger than those before, or the last again.
        header, tree : dict
            As for `format.write`.

        Raises
        ------
        OSError
            If it cannot be written. What there was is still there.
        """
        path = self.folder / f"{self.name}-{number:06d}{SUFFIX}"
        try:
            with written_whole(path, self._unfinished) as file:
                format.write(file, header, tree)
        except OSError as error:
            raise _failed(
                f"The checkpoint {path.name} cannot be written, the one before it is "
                "as it was",
                error,
            ) from error
        self._remove(self.paths()[: -self.keep])

    def clear(self):
        """Remove all files of the job, the oldest first."""
        self._remove(self.paths())

    @staticmethod
    def _remove(paths):
        for path in paths:
            with suppress(OSError):  # The next time will do.
                path.unlink()


def _failed(what, error):
    """Return an error of the operating system that says what it kept from happening."""
    return OSError(error.errno, f"{what}: {error.strerror or error}", error.filename)
