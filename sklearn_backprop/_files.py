"""Files that are there wholly or not at all, and archives of arrays."""

import os
import secrets
from contextlib import contextmanager, suppress

import numpy as np


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

    Raises
    ------
    OSError
        If it cannot be written; it names `path`.
    """
    given, path = os.fspath(path), os.path.realpath(path)
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
    except BaseException as error:
        with suppress(OSError):
            os.unlink(unfinished)
        failure = _disk_failure(error)
        if failure is None or failure.errno is None:
            raise
        # Which may name the unfinished file, or none.
        raise OSError(failure.errno, failure.strerror, given) from error


def _disk_failure(error):
    """Return the error of the operating system behind another one, or None."""
    while error is not None and not isinstance(error, OSError):
        # When a write fails, zipfile complains that it could not go on.
        error = error.__context__ if isinstance(error, ValueError) else None
    return error


def write_array(archive, name, array):
    """Write an array to an archive, as .npz files have it, without pickle.

    Of NumPy 1.24, `savez` leaves its archive open when the disk is full, and Python
    then complains when it finishes it in a file that is closed.

    Parameters
    ----------
    archive : zipfile.ZipFile
    name : str
        With the suffix .npy.
    array : ndarray
    """
    with archive.open(name, "w", force_zip64=True) as entry:
        np.lib.format.write_array(entry, array, allow_pickle=False)


def _sync_folder(folder):
    """Let the names in a folder reach the disk, where folders can be opened."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
