"""What 'auto' stands for in the estimators for tables, by task and number of rows.

Chosen on sixteen tables together, by geometric means of error and log-loss over all of
them: `benchmarks/bench_tabular.py --ablation` prints what changes of them do.
"""

from typing import NamedTuple


class Settings(NamedTuple):
    """The settings of a training."""

    n_rows: int
    """From how many training rows on they hold."""
    batch_size: int
    max_iter: int
    """Number of epochs."""
    learning_rate_init: float
    dropout: float
    hidden_layer_sizes: tuple = (128, 128)
    n_bins: int = 32
    """Largest number of bins of a column of numbers."""
    n_components: int = 8
    """Number of numbers that a column is embedded in."""
    views: tuple = ("components", "numbers")
    """What the networks of a group see of a column of numbers: its components, or
    itself."""
    numbers_factor: float = 2.0
    """Of the learning rate of networks that see numbers."""
    group_size: int = 2
    """Number of networks that share hidden weights, where there are enough of them."""
    n_splits: int = 2
    """How often rows are held out at least; each time a group of networks of each view
    is trained on the others."""
    n_folds: int = 10
    """What is held out is one of so many parts of the rows, or of fewer if these had
    less than ten rows."""
    min_rows: int = 50
    """From how many rows on a part is held out."""
    warmup: float = 0.1
    """Share of the epochs in which the learning rate rises."""
    beta_2: float = 0.95
    """Decay of the second moment of AdamW."""
    weight_decay: float = 0.01
    averaged_epochs: float = 2.0
    """How many epochs the running mean of the parameters looks back."""

    def rate_of(self, view):
        """Return the learning rate of networks that see so."""
        factor = self.numbers_factor if view == "numbers" else 1.0
        return factor * self.learning_rate_init


DEFAULTS = {
    "classification": [
        Settings(0, 64, 40, 0.01, 0.0),
        Settings(2000, 128, 40, 0.01, 0.0),
        Settings(6000, 256, 40, 0.01, 0.0),
        Settings(30000, 512, 40, 0.01, 0.0),
    ],
    "regression": [
        Settings(0, 32, 40, 0.01, 0.0),
        Settings(2000, 64, 40, 0.01, 0.0),
        Settings(6000, 128, 40, 0.01, 0.0),
        Settings(30000, 256, 40, 0.01, 0.0),
    ],
}


def settings_for(task, n_rows):
    """Return the settings for a task and a number of rows.

    Parameters
    ----------
    task : {'classification', 'regression'}
    n_rows : int
    """
    return [row for row in DEFAULTS[task] if row.n_rows <= n_rows][-1]
