"""Sizes of files and functions, and what an import brings along."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ["sklearn_backprop", "tests", "benchmarks", "examples"]
SOURCES = sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py"))


def body_lengths(source):
    """Lines of each function without signature and docstring, by name."""
    lengths = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            lengths[node.name] = max(length, lengths.get(node.name, 0))
    return lengths


def printed_by(code, **environment):
    """What the code prints as JSON, in an interpreter of its own."""
    inherited = {k: v for k, v in os.environ.items() if k != "SCIPY_ARRAY_API"}
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env=inherited | environment,
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(result.stdout)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.relative_to(ROOT)}")
def test_files_and_functions_are_short(path):
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= 500
    assert {k: n for k, n in body_lengths(source).items() if n > 50} == {}


def test_body_lengths_leave_out_signature_and_docstring():
    source = """
def f(
    a,
):
    '''Doc.

    More.
    '''
    a += 1

    return a

def g():
    '''Doc.'''
"""
    assert body_lengths(source) == {"f": 3, "g": 0}


def test_import_brings_no_package_that_scikit_learn_does_not():
    # Some of scikit-learn's compiled modules enter themselves a second time by their
    # last name alone: what counts is where a module lies.
    code = """
import json, os, sys
import {}
import sklearn
within = os.path.dirname(sklearn.__file__) + os.sep
names = [
    name.partition(".")[0]
    for name, module in sys.modules.items()
    if not (getattr(module, "__file__", None) or "").startswith(within)
]
print(json.dumps(names))
"""
    ours = set(printed_by(code.format("sklearn_backprop")))
    theirs = set(printed_by(code.format("sklearn.neural_network")))
    assert ours - theirs - sys.stdlib_module_names == {"sklearn_backprop"}


def test_scipy_array_api_support_changes_nothing():
    code = """
import json
from sklearn.datasets import load_iris
from sklearn_backprop import MLPClassifier
X, y = load_iris(return_X_y=True)
model = MLPClassifier(random_state=0, activation="logistic")
for _ in range(3):
    model.partial_fit(X, y, classes=[0, 1, 2])
print(json.dumps(model.predict_proba(X).tolist()))
"""
    assert printed_by(code) == printed_by(code, SCIPY_ARRAY_API="1")
