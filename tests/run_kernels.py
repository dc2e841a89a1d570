"""Run the suite under several of OpenBLAS's kernels, and on several threads.

The last bits of a matrix product hang on the kernel that OpenBLAS chooses for the
processor. ``OPENBLAS_CORETYPE`` makes it choose another, so that one machine shows what
the suite does on others. ``make test-kernels`` runs all of it; further arguments are
pytest's: ``python tests/run_kernels.py --coretypes Nehalem -- tests/test_layers.py``.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
CORETYPES = [
    "Nehalem",
    "Sandybridge",
    "Haswell",
    "Zen",
    "SkylakeX",
    "Cooperlake",
    "SapphireRapids",
]
THREADS = [1, 2, 4]
NO_OPENBLAS = "BLAS is not OpenBLAS here"

# Products of both precisions, in both BLAS libraries, by a vector and of all shapes
# that kernels tell apart. A processor that lacks an instruction ends the process.
PROBE = """
import json
import numpy as np
import scipy.linalg.blas as blas
from threadpoolctl import threadpool_info
for dtype in ("f", "d"):
    for n in (*range(1, 34), 300):
        a = np.ones((n, n), dtype)
        a @ a, a.T @ a, a @ a.T, a @ a[0], a[0] @ a[0]
        blas.dgemm(1.0, a, a), blas.ddot(a[0], a[0])
found = [lib for lib in threadpool_info() if lib["internal_api"] == "openblas"]
print(json.dumps([(lib["architecture"], lib["num_threads"]) for lib in found]))
"""


def probe(environment):
    """Return what OpenBLAS makes of an environment, by trying it.

    Parameters
    ----------
    environment : dict of str
        Variables to set.

    Returns
    -------
    libraries : list of (str, int) or None
        Kernels and number of threads of each OpenBLAS that is loaded; None if the
        processor cannot run the kernels.
    """
    result = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if result.returncode > 0:  # A signal is negative; this is an error of Python's.
        raise SystemExit(result.stderr)
    return json.loads(result.stdout) if result.returncode == 0 else None


def plan(coretypes, threads):
    """Choose the runs, and say which are passed over and why.

    Parameters
    ----------
    coretypes : list of str
    threads : list of int

    Returns
    -------
    runs : dict
        From a label to the variables to set for it.
    passed_over : dict
        From a label to the reason.
    """
    runs, passed_over = {}, {}
    for name in coretypes:
        environment = {"OPENBLAS_CORETYPE": name}
        libraries = probe(environment)
        if libraries is None:
            passed_over[name] = "the processor has not all of its instructions"
        elif not libraries:
            passed_over[name] = NO_OPENBLAS
        elif name not in (taken := {kernels for kernels, _ in libraries}):
            others = " and ".join(sorted(taken))
            passed_over[name] = f"OpenBLAS takes its {others} kernels instead"
        else:
            runs[name] = environment
    for number in threads:
        environment = {"OPENBLAS_NUM_THREADS": str(number)}
        label = f"threads: {number}"
        most = max((count for _, count in probe(environment) or []), default=None)
        if most is None:
            passed_over[label] = NO_OPENBLAS
            continue
        if most != number:  # Never more than there are processors.
            label += f" (OpenBLAS takes {most})"
        runs[label] = environment
    return runs, passed_over


def run(environment, arguments):
    """Run pytest in a process with its own environment.

    Returns
    -------
    code : int
        Its exit code.
    output : str
        What it printed.
    """
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return result.returncode, result.stdout


def timed(environment, arguments):
    """Return what `run` returns, and the seconds that it took."""
    start = perf_counter()
    return *run(environment, arguments), perf_counter() - start


def main(arguments=None):
    """Run and sum up; return 1 if anything failed, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--coretypes", nargs="*", choices=CORETYPES, default=CORETYPES)
    parser.add_argument("--threads", nargs="*", type=int, default=THREADS)
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest, after --")
    chosen = parser.parse_args(arguments)

    runs, passed_over = plan(chosen.coretypes, chosen.threads)
    summary = {name: f"passed over: {reason}" for name, reason in passed_over.items()}
    for name, reason in summary.items():
        print(f"{name}: {reason}", flush=True)
    failed = False
    with ThreadPoolExecutor(chosen.jobs) as pool:
        jobs = {
            name: pool.submit(timed, environment, chosen.pytest)
            for name, environment in runs.items()
        }
        for name, job in jobs.items():
            print(f"== {name}", flush=True)
            code, output, seconds = job.result()
            print(output, flush=True)
            failed |= code != 0
            outcome = f"failed, exit code {code}" if code else "passed"
            summary[name] = f"{outcome} ({seconds:.0f} s)"
    print("== summary")
    for name, outcome in summary.items():
        print(f"{name}: {outcome}")
    if not runs:
        print("nothing was run")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
