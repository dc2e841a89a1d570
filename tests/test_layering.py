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

# Beyond the standard library, a module imports what its row names and nothing else.
# Names with a dot in front are modules or packages of the package; a package has one
# row for all its files, which may import one another.
ALLOWED = {
    # scikit-learn's side.
    "__init__": {
        "._classifier",
        "._regressor",
        ".checkpoint",
        ".gradient_check",
        ".tabular",
    },
    "_classifier": {
        "._base",
        "._conversion",
        "._labels",
        "._parameters",
        "._tasks",
        ".losses",
        *ESTIMATION,
    },
    "_regressor": {
        "._base",
        "._data",
        "._links",
        "._parameters",
        "._tasks",
        ".losses",
        *ESTIMATION,
    },
    "_base": {
        "._arrays",
        "._callbacks",
        "._continuation",
        "._conversion",
        "._data",
        "._export",
        "._fitting",
        "._hooks",
        "._inspection",
        "._model",
        "._onnx",
        "._parameters",
        "._persistence",
        "._stored",
        "._transaction",
        ".checkpoint",
        ".layers",
        ".network",
        ".training",
        *ESTIMATION,
    },
    "_model": {
        "._arrays",
        "._parameters",
        "._prediction",
        "._transaction",
        ".finite",
        ".network",
        *ESTIMATION,
    },
    "_callbacks": {".training", *ESTIMATION},
    "_persistence": {".__version__", *ESTIMATION},
    "checkpoint": {
        "._files",
        ".finite",
        ".network",
        ".settings",
        ".training",
        *ESTIMATION,
    },
    "_transaction": ESTIMATION,
    "_fitting": {
        "._arrays",
        "._blas",
        "._data",
        "._outcomes",
        "._parameters",
        "._validation",
        ".batches",
        ".checkpoint",
        ".finite",
        ".network",
        ".training",
        *ESTIMATION,
    },
    "_hooks": set(),
    "_labels": {"._data", "._links", "._tasks", *ESTIMATION},
    "_validation": {".batches", ".finite", ".training", *ESTIMATION},
    "_continuation": {
        "._arrays",
        ".finite",
        ".optimizers",
        ".training",
        *ESTIMATION,
    },
    "_export": {".__version__", "._arrays", "._files", ".layers", *ESTIMATION},
    "_files": {"numpy"},
    "_stored": {"._arrays", "._continuation", "._parameters", *ESTIMATION},
    "_outcomes": {"._parameters", *ESTIMATION},
    "_tasks": {"._links", ".layers", *ESTIMATION},
    "_links": {"._parameters", ".layers", "numpy"},
    "_parameters": {
        ".architecture",
        ".layers",
        ".losses",
        ".optimizers",
        ".schedules",
        ".settings",
        *ESTIMATION,
    },
    "_data": {"._arrays", *ESTIMATION},
    "_arrays": {".finite", *ESTIMATION},
    "_inspection": {
        "._arrays",
        "._data",
        "._parameters",
        ".batches",
        ".network",
        *ESTIMATION,
    },
    "_conversion": {
        "._links",
        "._parameters",
        ".layers",
        ".optimizers",
        ".schedules",
        *ESTIMATION,
    },
    "_onnx": {
        "._arrays",
        "._graph",
        "._links",
        "._parameters",
        "._tasks",
        "skl2onnx.common",
        *ESTIMATION,
    },
    "_graph": {"._parameters", ".layers", *ESTIMATION},
    # On top of the estimators, of which it knows the public attributes alone.
    "inspection": {".settings", "matplotlib", *ESTIMATION},
    "tabular": {
        "._arrays",
        "._blas",
        "._callbacks",
        "._data",
        "._labels",
        "._onnx",
        "._parameters",
        "._persistence",
        "._tasks",
        "._transaction",
        "._validation",
        ".architecture",
        ".batches",
        ".checkpoint",
        ".finite",
        ".layers",
        ".losses",
        ".network",
        ".optimizers",
        ".schedules",
        ".training",
        *ESTIMATION,
    },
    # Computation, which knows no estimators.
    "_prediction": {"._blas", ".finite", "numpy", "scipy"},
    "_blas": {"numpy", "scipy", "threadpoolctl"},
    "training": {
        ".batches",
        ".finite",
        ".network",
        ".optimizers",
        ".schedules",
        *OPTIMIZATION,
    },
    "batches": CALCULUS,
    "optimizers": {".finite", ".settings", *CALCULUS},
    "schedules": {".settings", *CALCULUS},
    "gradient_check": {".layers", ".losses", *CALCULUS},
    "network": {".flat", ".layers", ".losses", ".penalties", *CALCULUS},
    "penalties": CALCULUS,
    "flat": {".layers", *CALCULUS},
    "layers": {".settings", *CALCULUS},
    "losses": {".settings", *CALCULUS},
    "architecture": {".settings"},
    "settings": CALCULUS,
    "finite": CALCULUS,
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path):
    """The row that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(source, package=""):
    """Full dotted names imported anywhere in a module, the package's as ".name".

    `package` is the subpackage that the module is in.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                inside = package if node.level == 1 else ""
                above = "." * max(1, node.level - bool(package))
                origin = above + ".".join(filter(None, [inside, origin]))
            joint = "" if origin.endswith(".") else "."
            names |= {origin + joint + alias.name for alias in node.names}
    return {name.removeprefix(PACKAGE.name) for name in names}


def names_in(path):
    package = "" if path.parent == PACKAGE else path.parent.name
    return imported_names(path.read_text("utf-8"), package)


def is_allowed(name, row):
    """Whether a name is in the standard library, in the row or inside one of it."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return True
    return any(name == entry or name.startswith(entry + ".") for entry in row)


def test_every_module_has_a_row():
    assert {room(path) for path in FILES} == set(ALLOWED)


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.relative_to(PACKAGE)}")
def test_a_module_imports_what_its_row_names(path):
    row = {*ALLOWED[room(path)], f".{room(path)}"}
    assert {name for name in names_in(path) if not is_allowed(name, row)} == set()


def test_the_rows_have_no_cycle():
    TopologicalSorter({f".{name}": row for name, row in ALLOWED.items()}).prepare()


def test_the_files_of_a_package_have_no_cycle():
    files = {
        f".{path.parent.name}.{path.stem}": path
        for path in FILES
        if path.parent != PACKAGE and path.stem != "__init__"
    }
    graph = {
        file: {other for other in files for name in names_in(path) if other in name}
        for file, path in files.items()
    }
    assert sum(map(len, graph.values())) > 5
    TopologicalSorter(graph).prepare()


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
