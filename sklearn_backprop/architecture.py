"""The sizes of the hidden layers as numbers that a search can draw."""

import math
import re

from .settings import Settings, check_count, check_number

__all__ = ["HiddenLayers"]


class HiddenLayers(Settings):
    """Sizes of hidden layers by width, depth and ratio, for `hidden_layer_sizes`.

    In a search ``hidden_layer_sizes__width`` and ``hidden_layer_sizes__depth`` are then
    numbers, which a distribution of SciPy can draw, where a tuple is one choice in a
    list.

    Parameters
    ----------
    width : int, default=100
        Number of neurons of the first hidden layer.
    depth : int, default=1
        Number of hidden layers; 0 for a linear model.
    ratio : float, default=1.0
        Number of neurons of each further layer over that of the one before; rounded,
        and at least one neuron is left.

    Examples
    --------
    >>> from sklearn_backprop.architecture import HiddenLayers
    >>> HiddenLayers(width=256, depth=3).sizes
    [256, 256, 256]
    >>> HiddenLayers(width=256, depth=3, ratio=0.5).sizes
    [256, 128, 64]
    """

    def __init__(self, width=100, depth=1, ratio=1.0):
        self.width = width
        self.depth = depth
        self.ratio = ratio

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        check_count("width", self.width)
        check_count("depth", self.depth, smallest=0)
        check_number("ratio", self.ratio, lambda r: 0.0 < r < math.inf, "positive")

    @property
    def sizes(self):
        """The number of neurons of each hidden layer, as a list of int."""
        ratio = float(self.ratio)
        return [max(1, round(self.width * ratio**i)) for i in range(self.depth)]


def sizes_of_text(text):
    """Return the sizes that a text such as '256x3' stands for.

    Raises
    ------
    ValueError
        If it is none of width and depth.
    """
    match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)", text)
    if match is None:
        raise ValueError(
            "hidden_layer_sizes as a string must be width and depth, such as '256x3' "
            f"for three layers of 256 neurons, got {text!r}."
        )
    width, depth = map(int, match.groups())
    return HiddenLayers(width, depth).sizes
