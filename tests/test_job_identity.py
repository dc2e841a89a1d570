"""What a job is known by: a digest that differs where anything differs that counts."""

import os
import subprocess
import sys

import numpy as np

from sklearn_backprop import Checkpoint
from sklearn_backprop.checkpoint.identity import digest


def closure(factor):
    return lambda progress: factor * progress


def layer_class(slope):
    """A class of the same name whose method differs by a number."""

    class Layer:
        def forward(self, inputs):
            return slope * inputs

    return Layer


VALUES = [
    *(None, True, 1, 1.0, "1", b"1", [1], [[1]], {"a": 1}, {"a": 2}, {1}, {1, 2}),
    *(np.arange(3), np.arange(3.0), np.arange(3)[::-1], np.array(["a", 1], object)),
    *(len, max, np.tanh, closure(1.0), closure(2.0), lambda p: p, lambda p: -p),
    *(layer_class(1), layer_class(2), layer_class(1)(), Checkpoint("a")),
    *(Checkpoint("b"), np.random.RandomState(0), np.random.RandomState(1)),
]


def test_digests_tell_values_apart():
    found = [digest(value) for value in VALUES]
    assert len(set(found)) == len(VALUES)
    assert digest(closure(2.0)) == digest(closure(2.0))
    assert digest(layer_class(1)()) == digest(layer_class(1)())
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    itself = [1]
    itself.append(itself)
    assert digest(itself) == digest(itself)


DIGESTS = """
from sklearn.metrics import accuracy_score, make_scorer
from sklearn_backprop.checkpoint.identity import digest
class Layer:
    def forward(self, inputs):
        return inputs if inputs in {"a", "b", "c"} else {"x": 1, "y": {"u", "v"}}
print(digest([Layer, Layer(), {"a", "b"}, lambda p: p in {"q", "r"},
              make_scorer(accuracy_score)]))
"""


def test_digests_are_the_same_in_every_process():
    printed = {
        subprocess.run(
            [sys.executable, "-c", DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
