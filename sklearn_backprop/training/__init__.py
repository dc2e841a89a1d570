"""Training: epochs of mini-batches, or L-BFGS, on a network's two vectors.

Whoever wants to know how training goes is an `Observer`: the loops report each epoch,
or iteration, and their end to it, and it may ask them to stop. Nothing that an
observer does decides numbers; that is all in the `Run`.
"""

from .epochs import EpochTrainer
from .lbfgs import minimize_lbfgs
from .observers import (
    EpochReport,
    Observer,
    Printer,
    TablePrinter,
    end,
    notify,
    printers,
)
from .run import Diverged, Run

__all__ = [
    "Diverged",
    "EpochReport",
    "EpochTrainer",
    "Observer",
    "Printer",
    "Run",
    "TablePrinter",
    "end",
    "minimize_lbfgs",
    "notify",
    "printers",
]
