"""Neural networks for scikit-learn, trained by hand-written backpropagation."""

__version__ = "0.1.0"

from ._classifier import MLPClassifier
from ._regressor import MLPRegressor
from .checkpoint import Checkpoint
from .gradient_check import check_gradient
from .tabular import TabularMLPClassifier, TabularMLPRegressor

__all__ = [
    "Checkpoint",
    "MLPClassifier",
    "MLPRegressor",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
    "check_gradient",
]
