"""Run every benchmark in a process of its own and rewrite docs/benchmarks.md.

With `--short` it takes about ten minutes on two cores.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from _common import PAGE

HERE = Path(__file__).resolve().parent
SCRIPTS = (
    "bench_summary",
    "bench_fit",
    "bench_threads",
    "bench_stacked",
    "bench_operations",
    "bench_profile",
    "bench_sparse",
    "bench_lbfgs",
    "bench_denormals",
    "bench_predict",
    "bench_search",
    "bench_memory",
    "bench_large",
    "bench_optimizers",
    "bench_time_to_accuracy",
    "bench_tabular",
    "bench_scaling",
)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--short", action="store_true", help="smaller sizes and fewer rounds")
    add("--data", type=Path, help="fashion_mnist.npz or the folder that holds it")
    add("--rounds", type=int, help="rounds of every benchmark")
    add("--only", nargs="+", default=SCRIPTS, choices=SCRIPTS, metavar="SCRIPT")
    add("--write", type=Path, default=PAGE, help="page to rewrite (docs/benchmarks.md)")
    args = parser.parse_args(argv)
    options = ["--write", str(args.write)]
    options += ["--short"] if args.short else []
    options += ["--data", str(args.data)] if args.data else []
    options += ["--rounds", str(args.rounds)] if args.rounds else []
    start = time.perf_counter()
    failed = []
    for script in args.only:
        print(f"=== {script}", flush=True)
        command = [sys.executable, str(HERE / f"{script}.py"), *options]
        if subprocess.run(command).returncode:
            failed.append(script)
        print(f"    {time.perf_counter() - start:.0f} s so far", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
