"""What 'auto' stands for in the estimators for tables, by task and number of rows.

Chosen on sixteen tables together, by geometric means of the error over all of them:
`benchmarks/bench_tabular.py --ablation` prints the measurement.
"""

from typing import NamedTuple


class Settings(NamedTuple):
    """The settings of a training."""

    n_rows: int
    """From how many training rows on they hold."""
    hidden_layer_sizes: tuple
    max_iter: int
    """Number of epochs."""
    batch_size: int
    learning_rate_init: float
    dropout: float


DEFAULTS = {
    "classification": [
        Settings(0, (128, 128), 40, 64, 5e-3, 0.0),
        Settings(2000, (128, 128), 40, 128, 5e-3, 0.0),
        Settings(6000, (128, 128), 40, 256, 5e-3, 0.0),
        Settings(30000, (128, 128), 40, 512, 5e-3, 0.0),
    ],
    "regression": [
        Settings(0, (128, 128), 40, 64, 5e-3, 0.0),
        Settings(2000, (128, 128), 40, 128, 5e-3, 0.0),
        Settings(6000, (128, 128), 40, 256, 5e-3, 0.0),
        Settings(30000, (128, 128), 40, 512, 5e-3, 0.0),
    ],
}
# Bins of a number, and numbers that a column is embedded in.
N_BINS = 32
N_COMPONENTS = 8
# One of so many parts of the rows is held out by a group of networks.
N_FOLDS = 5
# From how many rows on some are held out.
MIN_ROWS = 50


def settings_for(task, n_rows):
    """Return the settings for a task and a number of rows.

    Parameters
    ----------
    task : {'classification', 'regression'}
    n_rows : int
    """
    return [row for row in DEFAULTS[task] if row.n_rows <= n_rows][-1]
