"""One epoch on a file larger than memory should hold, and its prediction.

A float32 file of 4,000,000 x 100 (1.6 GB; `--short` writes 100,000 rows) is made on the
spot, memory-mapped read-only, trained on for one epoch through a hidden layer of 100
and predicted, by either package in a process of its own. Time is wall time; memory is
by how much the anonymous memory of the process grew at its peak, which leaves out the
pages of the file. The file is removed at the end, whatever comes.
"""

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from _common import (
    OURS,
    SKLEARN,
    Report,
    argument_parser,
    figure,
    parse,
    pinned_threads,
    times,
)
from _data import Shape
from _estimators import ENDLESS, ESTIMATORS, quiet

MB = 1e6
FULL = Shape(4_000_000, 100, (100,), 2, 200, epochs=1)
SHORT = Shape(100_000, 100, (100,), 2, 200, epochs=1)
BLOCK = 50_000  # Rows that are written at once.
PAUSE = 0.005  # Seconds between two looks at the memory.


def write(shape, folder):
    """Write rows and labels of a shape, block by block."""
    rng = np.random.default_rng(0)
    with open(folder / "X", "wb") as rows, open(folder / "y", "wb") as labels:
        for start in range(0, shape.n_samples, BLOCK):
            size = min(BLOCK, shape.n_samples - start), shape.n_features
            X = rng.standard_normal(size, dtype=np.float32)
            X.tofile(rows)
            (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(np.int8).tofile(labels)


def read(shape, folder):
    """Return the rows as a read-only memory map, and the labels as an array."""
    size = shape.n_samples, shape.n_features
    X = np.memmap(folder / "X", dtype=np.float32, mode="r", shape=size)
    return X, np.fromfile(folder / "y", dtype=np.int8)


def anonymous_memory():
    """Return the anonymous memory of this process, in bytes; None where unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return 1024 * int(fields["RssAnon"].split()[0])


class Peak:
    """The growth of the anonymous memory, looked at from a thread."""

    def __enter__(self):
        self.before = self.highest = anonymous_memory()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        if self.before is not None:
            self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        if self.before is not None:
            self._thread.join()

    def _watch(self):
        while not self._ended.wait(PAUSE):
            self.highest = max(self.highest, anonymous_memory())

    @property
    def growth(self):
        """Return the growth in bytes; None where it is unknown."""
        return None if self.before is None else self.highest - self.before


def measure(name, shape, folder):
    """Print, for fit and predict, the seconds and the growth of memory."""
    X, y = read(shape, folder)
    model = ESTIMATORS[name](
        shape.hidden, batch_size=shape.batch_size, max_iter=shape.epochs, **ENDLESS
    )
    # A first fit on few rows pays for imports and BLAS's work space.
    quiet(model.fit, X[:1000], y[:1000])()
    model.predict(X[:1000])
    found = []
    for call in (quiet(model.fit, X, y), lambda: model.predict(X)):
        with Peak() as peak:
            start = time.perf_counter()
            call()
            seconds = time.perf_counter() - start
        found.append((seconds, peak.growth))
    print(json.dumps(found))


def in_new_process(name, args, folder):
    """Return what `measure` prints in a process of its own."""
    worker = [name, str(int(args.short)), str(folder), str(args.threads[0])]
    command = [sys.executable, __file__, "--worker", *worker]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(shape, args, folder):
    """Return the rows of the table."""
    ours, theirs = (in_new_process(name, args, folder) for name in (OURS, SKLEARN))
    rows = []
    for call, mine, other in zip(("fit", "predict"), ours, theirs, strict=True):
        memory = (
            "unknown" if growth is None else f"{figure(growth / MB)} MB"
            for growth in (mine[1], other[1])
        )
        seconds = (f"{figure(value)} s" for value in (mine[0], other[0]))
        ratio = times(other[0] / mine[0])
        rows.append((f"{call}, {shape}", *seconds, ratio, *memory))
    return rows


def main(argv=None):
    if "--worker" in sys.argv[1:2]:
        name, short, folder, n_threads = sys.argv[2:]
        with pinned_threads(int(n_threads)):
            measure(name, SHORT if int(short) else FULL, Path(folder))
        return
    parser = argument_parser(__doc__, rounds=1, short_rounds=1)
    parser.add_argument("--folder", type=Path, help="where the file goes (temporary)")
    args = parse(parser, argv)
    shape = SHORT if args.short else FULL
    # A request to end is an error like another, so that the file is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    with (
        Report("large", args) as report,
        tempfile.TemporaryDirectory(dir=args.folder) as folder,
    ):
        write(shape, Path(folder))
        rows = table(shape, args, Path(folder))
        memory = (f"memory, {name}" for name in (OURS, SKLEARN))
        report.table(["call", OURS, SKLEARN, "ratio", *memory], rows)


if __name__ == "__main__":
    main()
