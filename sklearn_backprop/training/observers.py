"""The one channel out of the training loops."""

import time
from typing import NamedTuple

from ..network import Network
from .run import Run


class EpochReport(NamedTuple):
    """What observers get after an epoch, or an iteration of L-BFGS."""

    n_iter: int
    """How many there have been in this run."""
    loss: float
    score: float | None
    """Of the validation data, larger is better; None without any."""
    validation_loss: float | None
    learning_rate: float | None
    """In the middle of the epoch; None for L-BFGS."""
    next_learning_rate: float | None
    """At the beginning of the next; None for L-BFGS."""
    stagnation: str | None
    """What has not improved for how long, once patience has ended."""
    is_last: bool
    """Whether training ends for that reason."""
    run: Run
    network: Network


class Observer:
    """Watches training. All methods do nothing; override those of interest."""

    def began(self, run, network):
        """Called when training begins, or goes on.

        Parameters
        ----------
        run : Run
        network : Network
        """

    def epoch_began(self, run, network):
        """Called when an epoch begins; for L-BFGS just before an iteration's end.

        Parameters
        ----------
        run : Run
        network : Network
        """

    def epoch_ended(self, report):
        """Called when an epoch has ended.

        Parameters
        ----------
        report : EpochReport

        Returns
        -------
        stop : bool or None
            True asks for the end of training.
        """

    def ended(self, run, network, outcome):
        """Called when training has ended, unless by an error.

        Parameters
        ----------
        run : Run
        network : Network
        outcome : str
            What the loop returns.
        """


class Printer(Observer):
    """Prints scikit-learn's text for each epoch."""

    def epoch_ended(self, report):
        """Print the loss, the score and what follows from them."""
        print(f"Iteration {report.n_iter}, loss = {report.loss:.8f}")
        if report.score is not None:
            print(f"Validation score: {report.score:f}")
        if report.is_last:
            print(f"{report.stagnation} Stopping.")
        elif report.stagnation:
            rate = f"Setting learning rate to {report.next_learning_rate:f}"
            print(f"{report.stagnation} {rate}")


class TablePrinter(Observer):
    """Prints a row for each epoch, and before the first what the columns are."""

    COLUMNS = {
        "epoch": "{n_iter:5d}",
        "loss": "{loss:12.6g}",
        "validation loss": "{validation_loss:15.6g}",
        "score": "{score:10.6g}",
        "learning rate": "{learning_rate:13.4g}",
        "seconds": "{seconds:8.2f}",
    }

    def began(self, run, network):
        """Start the clock."""
        self.started, self.has_header = time.perf_counter(), False

    def epoch_ended(self, report):
        """Print a row, of what there is."""
        values = report._asdict()
        values["seconds"] = time.perf_counter() - self.started
        formats = {
            title: cell
            for title, cell in self.COLUMNS.items()
            if values[cell[1 : cell.index(":")]] is not None
        }
        cells = {title: cell.format(**values) for title, cell in formats.items()}
        if not self.has_header:
            self.has_header = True
            print("  ".join(title.rjust(len(cell)) for title, cell in cells.items()))
        print("  ".join(cells.values()))
        if report.is_last:
            print(f"{report.stagnation} Stopping.")


def notify(observers, report):
    """Report an epoch to all observers; return whether one asks to stop."""
    # All of them, also after one has asked to stop.
    requests = [observer.epoch_ended(report) for observer in observers]
    return any(requests)


def end(observers, run, network, outcome):
    """Tell all observers that training has ended; return how.

    Who interrupts it now, such as while a checkpoint is written, keeps what has been
    trained, as at any earlier moment.

    Parameters
    ----------
    observers : sequence of Observer
    run : Run
    network : Network
    outcome : str

    Returns
    -------
    outcome : str
        The same, or "interrupted".
    """
    for observer in observers:
        try:
            observer.ended(run, network, outcome)
        except KeyboardInterrupt:
            outcome = "interrupted"
    return outcome


def printers(verbose):
    """Return who prints, for a level of verbosity: nobody, a printer, or a table."""
    if not verbose:
        return []
    return [TablePrinter() if verbose >= 2 else Printer()]
