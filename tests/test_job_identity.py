"""What a job is known by: a digest that differs where anything differs that counts."""

import os
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest

from sklearn_backprop import Checkpoint, MLPClassifier
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


# A module of the user's, whose function `f` is a parameter, and what is changed in it.
MODULE = """
import functools
import math
import threading
import numpy as np
from sklearn.metrics import accuracy_score as score

FACTOR, TABLE, LOCK = 0.5, {"a": np.arange(3.0)}, threading.Lock()

def helper(progress):
    return deeper(progress) if progress else FACTOR

def deeper(progress, depth=0):
    return helper(0) + len(TABLE) + math.sqrt(4.0) + factor(progress)

factor = functools.partial(pow, 2.0)
unused = 3

class Rate:
    slope = 2
    def __init__(self, start):
        self.start = start
    def at(self, progress):
        return self.start - FACTOR * self.slope * progress

RATE = Rate(1.0)

def f(progress):
    with LOCK:
        inner = lambda: helper(progress) + RATE.at(progress) + undefined(score)
    return inner()
"""
CHANGES = {
    "number": ("FACTOR, TABLE, LOCK = 0.5", "FACTOR, TABLE, LOCK = 0.6"),
    "array": ("arange(3.0)", "arange(4.0)"),
    "function": ("if progress else", "if not progress else"),
    "function of a function": ("helper(0) + ", "helper(1) + "),
    "default": ("depth=0", "depth=1"),
    "partial": ("(pow, 2.0)", "(pow, 3.0)"),
    "method": ("self.start - ", "self.start + "),
    "attribute": ("slope = 2", "slope = 3"),
    "object": ("Rate(1.0)", "Rate(2.0)"),
    "package": ("accuracy_score as score", "f1_score as score"),
}


def module(source):
    made = types.ModuleType("mine")
    exec(source, vars(made))
    return made


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_function_names_in_its_module_counts(name):
    before, after = CHANGES[name]
    assert before in MODULE
    changed = module(MODULE.replace(before, after))
    assert digest(changed.f) != digest(module(MODULE).f)
    assert digest(changed.f) == digest(module(MODULE.replace(before, after)).f)


def test_what_it_does_not_name_does_not_count():
    other = module(MODULE.replace("unused = 3", "unused = 4"))
    assert digest(other.f) == digest(module(MODULE).f)


def test_what_many_hold_is_gone_through_once():
    """Two to the sixtieth times would take for ever."""
    shared = [1.0]
    for _ in range(60):
        shared = [shared, {"again": shared}]
    assert digest(shared) == digest(shared[:])
    apart = [[1.0, 2.0], [1.0, 2.0]]
    assert digest(apart) == digest([apart[0], apart[0]])


def test_names_are_looked_up_in_reasonable_time():
    """Each function calls all that follow it."""
    names = [f"f{i}" for i in range(60)]
    source = "".join(
        f"def {name}(): {'; '.join(names[i + 1 :]) or 'pass'}\n"
        for i, name in enumerate(names)
    )
    made = module(source)
    assert digest(made.f0) == digest(module(source).f0)
    assert digest(made.f0) != digest(made.f1)


def test_a_changed_helper_makes_another_job(tmp_path):
    source = """
def helper(model, X, y): return model.score(X, y)
def scorer(model, X, y): return helper(model, X, y)
"""
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    curves = []
    for text in (source, source.replace("return model", "return -model")):
        model = MLPClassifier((4,), max_iter=3, random_state=0, early_stopping=True)
        model.set_params(scoring=module(text).scorer)
        with warnings.catch_warnings(action="ignore"):
            model.fit(X, y, checkpoint=Checkpoint(tmp_path))
        curves.append(model.validation_scores_)
    assert curves[0] == [-score for score in curves[1]]


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
