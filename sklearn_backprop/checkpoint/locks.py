"""Locks between threads and processes, which end with whoever holds them.

The operating system holds them, so a process that is killed leaves none behind.
"""

import errno
import os
import time
import warnings
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
# A call that blocks would not hear of Ctrl-C in Windows.
SECONDS_BETWEEN = 0.05


@contextmanager
def exclusive(path):
    """Make a context that no other thread or process is in at the same time.

    Who comes while somebody is in it waits, after a warning.

    Parameters
    ----------
    path : Path
        A file to lock, which is there only while somebody is in the context.

    Raises
    ------
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
    has_warned = False
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
            if _is_ours(descriptor):
                # Who held it before may have removed the file since it was opened.
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                        return descriptor
            else:
                if not has_warned:
                    _warn_of_waiting(path)
                has_warned = True
                time.sleep(SECONDS_BETWEEN)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_ours(descriptor):
    """Lock a file, and return whether that was possible."""
    try:
        _lock(descriptor)
    except OSError as error:
        if error.errno not in HELD:
            raise
        return False
    return True


def _warn_of_waiting(path):
    warnings.warn(
        f"Another fit of the same job is writing the checkpoints {path.stem} in "
        f"{path.parent}: this one waits for it to end, and then goes on from what it "
        "has written. Ctrl-C ends the wait.",
        stacklevel=2,
    )
