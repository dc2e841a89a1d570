"""Locks between threads and processes, which end with whoever holds them.

The operating system holds them, so a process that is killed leaves none behind.
"""

import errno
import os
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:
    import msvcrt

    def _lock(descriptor):
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor):
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:

    def _lock(descriptor):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor):
        # Closing is not enough: a process that was forked meanwhile has a copy.
        fcntl.flock(descriptor, fcntl.LOCK_UN)


# How a lock is refused that somebody else holds.
HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK}


@contextmanager
def exclusive(path):
    """Make a context that no other thread or process is in at the same time.

    Parameters
    ----------
    path : Path
        A file to lock, which is there only while somebody is in the context.

    Raises
    ------
    RuntimeError
        If somebody is in it.
    OSError
        If there can be no such file.
    """
    descriptor = _locked(path)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open.
            path.unlink()
        with suppress(OSError):
            _unlock(descriptor)
        os.close(descriptor)


def _locked(path):
    """Return the descriptor of the file, which is then locked."""
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OSError(
                error.errno,
                f"The folder of checkpoints cannot be written to: {error.strerror}",
                str(path.parent),
            ) from error
        try:
            _lock(descriptor)
            # Who held it before may have removed the file since it was opened.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except OSError as error:
            os.close(descriptor)
            if error.errno not in HELD:
                raise
            raise RuntimeError(
                f"Another fit of the same job is writing the checkpoints {path.stem} "
                f"in {path.parent}: wait for it to end, or give another folder."
            ) from error
        os.close(descriptor)
