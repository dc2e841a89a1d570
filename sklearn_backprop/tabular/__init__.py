"""Tables: estimators for frames of mixed columns, and their parts.

Each part is a transformer of scikit-learn's kind that also works alone, in any
pipeline.
"""

from .classifier import TabularMLPClassifier
from .encoders import PiecewiseLinearEncoder, RobustClipScaler
from .frames import TablePreprocessor
from .regressor import TabularMLPRegressor

__all__ = [
    "PiecewiseLinearEncoder",
    "RobustClipScaler",
    "TablePreprocessor",
    "TabularMLPClassifier",
    "TabularMLPRegressor",
]
