"""Neural networks for scikit-learn, trained by hand-written backpropagation."""

from ._classifier import MLPClassifier
from ._regressor import MLPRegressor
from .gradient_check import check_gradient

__all__ = ["MLPClassifier", "MLPRegressor", "check_gradient"]
__version__ = "0.1.0"
