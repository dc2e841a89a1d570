"""What every benchmark shares: arguments, timing, threads, tables and the page."""

import argparse
import contextlib
import os
import platform
import re
import sys
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import threadpoolctl

ROOT = Path(__file__).resolve().parent.parent
# An installed package comes first; without one the checkout itself is measured.
sys.path.append(str(ROOT))
PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "_static"

PACKAGES = ("sklearn_backprop", "numpy", "scipy", "scikit-learn", "torch")
# Seconds. The threads of the previous contestant's BLAS spin for a tenth of one after
# their last job, and would steal a core.
SPINNING = 0.2
OURS, SKLEARN, TORCH, FLOOR = "ours", "scikit-learn", "torch", "matrix products"


# --- arguments ---------------------------------------------------------------


def argument_parser(description, *, rounds, short_rounds, threads=(1,)):
    """Return the parser with the options that every script takes."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, help="fashion_mnist.npz or the folder that holds it")
    add("--rounds", type=int, help=f"rounds ({rounds}, with --short {short_rounds})")
    add(
        "--threads",
        type=int,
        nargs="+",
        default=[n for n in threads if n <= n_cores()] or [1],
        help="BLAS threads, each measured in turn (%(default)s)",
    )
    add("--short", action="store_true", help="smaller sizes and fewer rounds")
    add(
        "--write",
        type=Path,
        nargs="?",
        const=PAGE,
        help="write the tables into their section of this page (docs/benchmarks.md)",
    )
    parser.set_defaults(rounds_by_length=(rounds, short_rounds))
    return parser


def parse(parser, argv=None):
    """Parse, fill in the number of rounds and keep the command for the page."""
    args = parser.parse_args(argv)
    args.command = reproducing_command(parser, args)
    if args.rounds is None:
        args.rounds = args.rounds_by_length[args.short]
    return args


def reproducing_command(parser, args):
    """Return the command line that repeats a run, without paths of this machine."""
    words = ["python", f"benchmarks/{Path(sys.argv[0]).name}"]
    for action in parser._actions:
        value = getattr(args, action.dest, None)
        if action.dest in ("help", "write", "output") or value == action.default:
            continue
        words.append(action.option_strings[0])
        if isinstance(value, Path):
            words.append("PATH")
        elif isinstance(value, list):
            words.extend(map(str, value))
        elif value is not True:
            words.append(str(value))
    return " ".join(words)


# --- timing ------------------------------------------------------------------


@dataclass(frozen=True)
class Timing:
    """Seconds of every round; entry `i` of all contestants is the same round."""

    seconds: np.ndarray

    @property
    def median(self):
        return float(np.median(self.seconds))

    @property
    def spread(self):
        """Half the interquartile range, relative to the median."""
        low, high = np.percentile(self.seconds, (25, 75))
        return float((high - low) / 2 / self.median)

    def times_faster(self, other):
        """Median over rounds of `other`'s time divided by this one's."""
        return float(np.median(other.seconds / self.seconds))

    def milliseconds(self):
        """Return the median in milliseconds with the spread in percent."""
        spread = f" ±{100 * self.spread:.0f} %" if len(self.seconds) > 1 else ""
        return figure(1e3 * self.median) + spread


def interleave(contestants, rounds, *, per=1, warmup=1):
    """Time callables in turn, round after round, in this process.

    Parameters
    ----------
    contestants : dict of str to callable
        Each is called without arguments.
    rounds : int
        Timed calls of each.
    per : int, default=1
        Work items in a call; times are divided by it.
    warmup : int, default=1
        Untimed calls of each, first.

    Returns
    -------
    dict of str to Timing
    """
    names = list(contestants)
    pools = threadpoolctl.threadpool_info()
    pause = SPINNING if any(pool["num_threads"] > 1 for pool in pools) else 0.0
    seconds = {name: [] for name in names}
    for i in range(warmup + rounds):
        first = i % len(names)  # nobody always follows the same neighbour
        for name in names[first:] + names[:first]:
            time.sleep(pause)
            start = time.perf_counter()
            contestants[name]()
            elapsed = time.perf_counter() - start
            if i >= warmup:
                seconds[name].append(elapsed / per)
    return {name: Timing(np.asarray(values)) for name, values in seconds.items()}


# --- machine -----------------------------------------------------------------


def n_cores():
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def pinned_threads(n_threads):
    """Hold BLAS, OpenMP and torch, where imported, to a number of threads."""
    torch = sys.modules.get("torch")
    before = torch and torch.get_num_threads()
    with threadpoolctl.threadpool_limits(n_threads):
        if torch:
            torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def processor():
    """Return the processor's name."""
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        if found:
            return found[1].strip()
    return platform.processor() or platform.machine()


def package_version(name):
    """Return a version, or None when the package cannot be imported."""
    with contextlib.suppress(PackageNotFoundError):
        return version(name)
    with contextlib.suppress(ImportError):
        return __import__(name).__version__
    return None


def environment():
    """Return a line on the machine and the versions."""
    blas = sorted(
        f"{pool['internal_api']} {pool['version']}"
        for pool in threadpoolctl.threadpool_info()
        if pool["user_api"] == "blas"
    )
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {package_version(name) or 'absent'}" for name in PACKAGES]
    machine = (processor(), count(n_cores(), "core"), platform.system())
    return "; ".join(map(", ".join, (machine, versions, dict.fromkeys(blas))))


# --- tables and the page -----------------------------------------------------


def figure(value):
    """Return three digits of a number, without an exponent."""
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def count(number, noun):
    """Return a number and its noun, in the plural where it takes one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def times(ratio):
    """Return how many times faster something is, as the tables have it."""
    return f"{figure(ratio)}x"


def markdown_table(header, rows):
    """Return a padded markdown table, first column left, the others right."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = []
    for row in (cells[0], rule, *cells[1:]):
        padded = [row[0].ljust(widths[0])]
        padded += [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
        lines.append(f"| {' | '.join(padded)} |")
    return "\n".join(lines)


def around_section(page, name):
    """Return what stands before and after a section's content, markers included."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    text = page.read_text(encoding="utf-8")
    head, begin, rest = text.partition(begin)
    _, end, tail = rest.partition(end)
    if not (begin and end):
        raise ValueError(f"{page} has no section between markers named {name!r}.")
    return head + begin, end + tail


def write_section(page, name, text):
    """Replace what stands between a section's two markers in a page."""
    head, tail = around_section(page, name)
    page.write_text(f"{head}\n{text}\n{tail}", encoding="utf-8")


class Report:
    """Prints as it goes and, with ``--write``, ends up in a section of the page."""

    def __init__(self, section, args):
        self.section, self.args, self.paragraphs = section, args, []

    def __enter__(self):
        if self.args.write:
            around_section(self.args.write, self.section)  # fails now, not at the end
        rounds = count(self.args.rounds, "round")
        threads = " and ".join(map(str, self.args.threads))
        self.say(f"`{self.args.command}`")
        self.say(f"{environment()}; {rounds}, BLAS threads pinned to {threads}.")
        return self

    def __exit__(self, error_type, error, traceback):
        if error_type is None and self.args.write:
            write_section(self.args.write, self.section, "\n\n".join(self.paragraphs))

    def say(self, text):
        """Print a paragraph and keep it for the page."""
        print(text, end="\n\n", flush=True)
        self.paragraphs.append(text)

    def table(self, header, rows):
        """Print a table and keep it for the page."""
        self.say(markdown_table(header, rows))

    def plot(self, draw, path, size=(7, 4.5)):
        """Save what `draw` puts on a matplotlib figure and show it on the page."""
        try:
            from matplotlib.figure import Figure
        except ImportError:
            print("matplotlib is not installed: the plot is left out.")
            return
        canvas = Figure(figsize=size, layout="constrained")
        draw(canvas)
        path.parent.mkdir(parents=True, exist_ok=True)
        canvas.savefig(path, dpi=120)
        print(f"plot saved as {path}", flush=True)
        if path.parent == PLOTS:
            self.paragraphs.append(f"![{self.section}](_static/{path.name})")
