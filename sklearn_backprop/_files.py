"""Files that are there wholly or not at all."""

import os
import secrets
from contextlib import contextmanager, suppress


@contextmanager
def written_whole(path):
    """Make a context with a file to write, which gets its name when all is written.

    After an error, or a crash of the machine, there is what was there before.

    Parameters
    ----------
    path : str or path-like

    Yields
    ------
    file : binary file
        In the same folder, since only within a file system a name can be given at once.
    """
    path = os.path.realpath(path)
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder: give the name of a file.")
    unfinished = f"{path}.{secrets.token_hex(4)}.unfinished"
    try:
        with open(unfinished, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
        raise
