"""Checkpoints: a fit that is killed goes on where it stood when it is run again."""

from .resuming import Part, Saver, Unsaved, saving
from .settings import Checkpoint, check_checkpoint

__all__ = ["Checkpoint", "Part", "Saver", "Unsaved", "check_checkpoint", "saving"]
