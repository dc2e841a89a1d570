"""Shared by the tests of exports to ONNX."""

import contextlib
import io

import numpy as np
import onnxruntime
import pandas as pd
from skl2onnx import to_onnx

# What an export is to agree to, relative to numbers of size one and more.
WITHIN = {"rtol": 1e-5, "atol": 1e-5}


def exported(model, X, **keywords):
    """Return the operators of the graph, and a session that runs it."""
    with contextlib.redirect_stdout(io.StringIO()):
        graph = to_onnx(model, X[:1], **keywords)
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return [node.op_type for node in graph.graph.node], session


def inputs_of(session, X):
    """Return X as the inputs of a graph: one, or a column of a frame for each."""
    names = [value.name for value in session.get_inputs()]
    if isinstance(X, pd.DataFrame):
        return {name: X[[name]].to_numpy() for name in names}
    return {names[0]: np.ascontiguousarray(X)}
