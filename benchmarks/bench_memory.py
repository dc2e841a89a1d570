"""Peak extra memory of fit and predict beside scikit-learn, each in a new process.

`fit` reads a float32 `np.memmap` opened read-only, without and with early stopping;
one case trains on sparse rows. `predict` runs 1,000,000 x 20 through a
hidden layer of 256. "traced" is the peak of what Python and NumPy allocate during the
call (tracemalloc); "resident" is by how much the process grew, which also counts the
mapped file's pages and the work space of BLAS.
"""

import json
import subprocess
import sys
import tempfile
import tracemalloc
from dataclasses import dataclass
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
)
from _data import Shape, synthetic
from _estimators import ENDLESS, ESTIMATORS, quiet
from bench_sparse import SHAPE as SPARSE
from bench_sparse import sparse_rows

MB = 1e6
FIT = Shape(50_000, 200, (100,), 10, 200, epochs=1)
WIDE = Shape(10_000, 200, (512, 512), 10, 200, epochs=1)
PREDICT = Shape(1_000_000, 20, (256,), 2, 200, epochs=1)


@dataclass(frozen=True)
class Case:
    """What one new process measures for one estimator."""

    label: str
    kind: str  # "memmap" or "sparse" to fit, "predict"
    shape: Shape
    early_stopping: bool = False


CASES = [
    Case("fit, dense memmap", "memmap", FIT),
    Case("fit, dense memmap, early stopping", "memmap", FIT, early_stopping=True),
    Case("fit, dense memmap", "memmap", WIDE),
    Case("fit, dense memmap, early stopping", "memmap", WIDE, early_stopping=True),
    Case("fit, sparse rows of 1 % density", "sparse", SPARSE),
    Case("predict", "predict", PREDICT),
]


def resident_peak():
    """Return the most memory that this process has had in RAM, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():  # not getrusage: a child starts with its parent's peak there
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return 1024 * int(fields["VmHWM"].split()[0])
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    return scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def rows(case, folder):
    """Return X and y of a case; dense rows to fit come from the file in `folder`."""
    shape = case.shape
    if case.kind == "sparse":
        return sparse_rows(shape, "float32")
    if case.kind == "predict":
        return synthetic(shape, "float32")
    size = (shape.n_samples, shape.n_features)
    X = np.memmap(folder / "X", dtype="float32", mode="r", shape=size)
    return X, np.load(folder / "y.npy")[: shape.n_samples]


def measure(index, name, folder):
    """Print the traced and the resident growth of one call, in bytes."""
    case = CASES[index]
    X, y = rows(case, folder)
    settings = {
        "hidden_layer_sizes": case.shape.hidden,
        "batch_size": case.shape.batch_size,
        "max_iter": case.shape.epochs,
        "early_stopping": case.early_stopping,
        **ENDLESS,
    }
    model = ESTIMATORS[name](**settings)
    # A first fit on few rows pays for imports and BLAS's work space.
    quiet(model.fit, X[:1000], y[:1000])()
    model.predict(X[:1000])
    call = (model.predict, X) if case.kind == "predict" else (model.fit, X, y)
    resident = resident_peak()
    tracemalloc.start()
    quiet(*call)()
    traced = tracemalloc.get_traced_memory()[1]
    print(json.dumps([traced, resident_peak() - resident]))


def in_new_process(index, name, folder, n_threads):
    """Return what `measure` prints in a process of its own."""
    worker = [str(index), name, str(folder), str(n_threads)]
    command = [sys.executable, __file__, "--worker", *worker]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(folder, n_threads):
    """Return the rows of the table."""
    lines = []
    for index, case in enumerate(CASES):
        ours, theirs = (
            [b / MB for b in in_new_process(index, name, folder, n_threads)]
            for name in (OURS, SKLEARN)
        )
        figures = (ours[0], theirs[0], ours[1], theirs[1])
        cells = (f"{figure(value)} MB" for value in figures)
        lines.append((f"{case.label}, {case.shape}", *cells))
    return lines


def main(argv=None):
    if "--worker" in sys.argv[1:2]:
        index, name, folder, n_threads = sys.argv[2:]
        with pinned_threads(int(n_threads)):
            measure(int(index), name, Path(folder))
        return
    args = parse(argument_parser(__doc__, rounds=1, short_rounds=1), argv)
    with Report("memory", args) as report, tempfile.TemporaryDirectory() as folder:
        X, y = synthetic(FIT, "float32")
        X.tofile(Path(folder, "X"))
        np.save(Path(folder, "y.npy"), y)
        columns = [
            f"{name} {kind}"
            for kind in ("traced", "resident")
            for name in (OURS, SKLEARN)
        ]
        report.table(["call", *columns], table(folder, args.threads[0]))


if __name__ == "__main__":
    main()
