"""Tables: what turns columns into inputs that suit a network.

Each part is a transformer of scikit-learn's kind that also works alone, in any
pipeline.
"""

from .encoders import PiecewiseLinearEncoder, RobustClipScaler
from .frames import TablePreprocessor

__all__ = ["PiecewiseLinearEncoder", "RobustClipScaler", "TablePreprocessor"]
