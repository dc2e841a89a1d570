"""Who may import whom: downward only, and no cycles."""

import ast
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "sklearn_backprop"

CALCULUS = {"numpy", "scipy.special"}
OPTIMIZATION = {"numpy", "scipy", "joblib", "threadpoolctl"}
ESTIMATION = {"numpy", "scipy", "sklearn", "joblib"}
BLOCKS = {
    ".batches",
    ".finite",
    ".layers",
    ".losses",
    ".optimizers",
    ".schedules",
}

# Beyond the standard library, a module imports what its row names and nothing else.
# Names with a dot in front are modules of the package.
ALLOWED = {
    "__init__": {"._classifier", "._regressor"},
    "_classifier": {"._base", "._parameters", ".layers", ".losses", *ESTIMATION},
    "_regressor": {"._base", "._parameters", ".losses", *ESTIMATION},
    "_base": {
        "._outcomes",
        "._parameters",
        "._blas",
        "._prediction",
        ".training",
        ".network",
        *BLOCKS,
        *ESTIMATION,
    },
    "_parameters": {*BLOCKS, *ESTIMATION},
    "_outcomes": ESTIMATION,
    "_prediction": {"._blas", ".finite", "numpy", "scipy"},
    "_blas": {"numpy", "scipy", "threadpoolctl"},
    "training": {".network", *BLOCKS, *OPTIMIZATION},
    "network": {".layers", ".losses", *CALCULUS},
    "batches": CALCULUS,
    "finite": CALCULUS,
    "layers": CALCULUS,
    "losses": CALCULUS,
    "optimizers": {".finite", *CALCULUS},
    "schedules": CALCULUS,
}


def imported_names(source):
    """Full dotted names imported anywhere in a module, the package's as ".name"."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            joint = "" if origin.endswith(".") else "."
            names |= {origin + joint + alias.name for alias in node.names}
    return {name.removeprefix(PACKAGE.name) for name in names}


def is_allowed(name, row):
    """Whether a name is in the standard library, in the row or inside one of it."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    return any(name == entry or name.startswith(entry + ".") for entry in row)


def test_every_module_has_a_row():
    modules = {
        path.relative_to(PACKAGE).with_suffix("").as_posix()
        for path in PACKAGE.rglob("*.py")
    }
    assert modules == set(ALLOWED)


@pytest.mark.parametrize("module", ALLOWED)
def test_a_module_imports_what_its_row_names(module):
    names = imported_names((PACKAGE / f"{module}.py").read_text("utf-8"))
    assert {name for name in names if not is_allowed(name, ALLOWED[module])} == set()


def test_the_rows_have_no_cycle():
    TopologicalSorter({f".{name}": row for name, row in ALLOWED.items()}).prepare()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import numpy as np", True),
        ("import os, numpy.linalg", True),
        ("from __future__ import annotations", True),
        ("from scipy.special import expit", True),
        ("from scipy import special", True),
        ("from .layers import Dense", True),
        ("from . import layers", True),
        ("from sklearn_backprop.layers import Dense", True),
        ("from scipy import optimize", False),
        ("import scipy", False),
        ("import numpy_extras", False),
        ("from .losses import SquaredError", False),
        ("from . import layers, losses", False),
        ("from sklearn_backprop import losses", False),
        ("import sklearn_backprop", False),
        ("from ..layers import Dense", False),
        ("if __name__: import sklearn.base", False),
    ],
)
def test_the_rule_on_single_lines(line, expected):
    row = {"numpy", "scipy.special", ".layers"}
    assert all(is_allowed(name, row) for name in imported_names(line)) is expected
