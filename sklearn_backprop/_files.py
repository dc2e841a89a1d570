"""Files that are there wholly or not at all."""

import os
import secrets
from contextlib import contextmanager, suppress


@contextmanager
def written_whole(path, unfinished=None):
    """Make a context with a file to write, which gets its name when all is written.

    After an error, or a crash of the machine, there is what was there before.

    Parameters
    ----------
    path : str or path-like
    unfinished : str or path-like, default=None
        What it is called until then, in the same folder; by default nobody else has
        chosen that name.

    Yields
    ------
    file : binary file
    """
    path = os.path.realpath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder: give the name of a file.")
    if unfinished is None:
        unfinished = f"{path}.{secrets.token_hex(4)}.unfinished"
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        _sync_folder(os.path.dirname(path))
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)
        raise


def _sync_folder(folder):
    """Let the names in a folder reach the disk, where folders can be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
