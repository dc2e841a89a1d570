"""Graphs of ONNX: nodes, constants, and what the layers are in them.

skl2onnx hands over where to write to, so nothing here imports it or ONNX.

Each function of a neuron is made of operators that ONNX has had for long, and that
runtimes have in double precision, too: of `Elu`, `Gelu`, `Mish` and their like some
versions know no float64, or nothing at all.
"""

import numpy as np

from ._parameters import layer_maker
from .layers import (
    ELU,
    GELU,
    SELU,
    Exponential,
    HardSigmoid,
    Identity,
    LeakyReLU,
    Logistic,
    Mish,
    ReLU,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)

# Numbers of element types in ONNX's TensorProto.
ELEMENT_TYPES = {
    np.dtype(np.float32): 1,
    np.dtype(np.int64): 7,
    np.dtype(bool): 9,
    np.dtype(np.float64): 11,
}
STRING = 8


class Graph:
    """Where the nodes of one estimator go.

    Parameters
    ----------
    scope : skl2onnx Scope
        Makes names.
    container : skl2onnx ModelComponentContainer
        Takes nodes and constants.
    dtype : dtype
        Of numbers: float32 or float64.
    """

    def __init__(self, scope, container, dtype):
        self.scope, self.container, self.dtype = scope, container, np.dtype(dtype)

    def node(self, operator, *inputs, output=None, n_unused=0, **attributes):
        """Add a node; return the name of its output, the first if there are more.

        Parameters
        ----------
        operator : str
            One of ONNX's.
        *inputs : str, float or ndarray
            Names, or constants: floats in the dtype of the graph, arrays in their own,
            integers as int64.
        output : str, default=None
            Its name, by default a new one.
        n_unused : int, default=0
            Number of further outputs.
        **attributes : object
            Of the operator.
        """
        new_name, seed = self.scope.get_unique_variable_name, operator.lower()
        output = new_name(seed) if output is None else output
        outputs = [output, *(new_name(seed) for _ in range(n_unused))]
        inputs = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        name = self.scope.get_unique_operator_name(operator)
        self.container.add_node(operator, inputs, outputs, name=name, **attributes)
        return output

    def constant(self, value):
        """Add a constant; return its name."""
        array = np.asarray(value, self.dtype if type(value) is float else None)
        array = array.astype(np.int64) if array.dtype.kind in "iu" else array
        name = self.scope.get_unique_variable_name("constant")
        if array.dtype in ELEMENT_TYPES:
            kind, values = ELEMENT_TYPES[array.dtype], array.ravel()
        else:
            kind, values = STRING, [text.encode() for text in array.ravel().tolist()]
        self.container.add_initializer(name, kind, array.shape, values)
        return name

    def cast(self, value, dtype=None, output=None):
        """Add a conversion to a dtype, by default that of the graph."""
        kind = ELEMENT_TYPES[np.dtype(self.dtype if dtype is None else dtype)]
        return self.node("Cast", value, output=output, to=kind)

    def columns(self, *values):
        """Add the columns of several values side by side."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=1)

    def rows(self, *values):
        """Add the rows of several values one after another."""
        return values[0] if len(values) == 1 else self.node("Concat", *values, axis=0)

    def reshape(self, value, *shape):
        """Add a view of another shape, of which one number may be -1."""
        return self.node("Reshape", value, np.array(shape, np.int64))

    def dense(self, value, weights, biases):
        """Add a fully connected layer."""
        weights, biases = (array.astype(self.dtype) for array in (weights, biases))
        return self.node("Gemm", value, weights, biases)

    def activation(self, value, layer):
        """Add a function of neurons.

        Parameters
        ----------
        value : str
        layer : layer
            Of a class in `FUNCTIONS`.
        """
        return FUNCTIONS[type(layer)](self, value, layer)


def exported_layer(entry, names, parameter):
    """Return the layer that a string or an object stands for, if ONNX can have it.

    Parameters
    ----------
    entry : str or layer
    names : dict
        The strings, and their classes.
    parameter : str
        What holds it.

    Raises
    ------
    ValueError
        If it is a layer of the user's own.
    """
    layer = layer_maker(entry, names, parameter)()
    if type(layer) not in FUNCTIONS:
        known = ", ".join(sorted(cls.__name__ for cls in FUNCTIONS))
        raise ValueError(
            f"{parameter} holds {entry!r}, a {type(layer).__name__}, which has no "
            f"counterpart in ONNX: an export knows {known} of sklearn_backprop.layers, "
            "and no class derived from them."
        )
    return layer


def _operator(name, **attributes):
    """Return a function that is an operator of ONNX."""
    return lambda graph, x, layer: graph.node(name, x, **attributes)


def _hard_sigmoid(graph, x, layer):
    line = graph.node("Add", graph.node("Mul", x, 1.0 / 6.0), 0.5)
    return graph.node("Min", graph.node("Max", line, 0.0), 1.0)


def _leaky_relu(graph, x, layer):
    low = graph.node("Mul", x, float(layer.negative_slope))
    return graph.node("Max", x, low)


def _exponential_linear(graph, x, layer):
    alpha, scale = layer._constants()
    low = graph.node("Exp", graph.node("Min", x, 0.0))
    low = graph.node("Mul", graph.node("Sub", low, 1.0), float(scale * alpha))
    return graph.node("Add", graph.node("Mul", graph.node("Relu", x), scale), low)


def _softplus(graph, x, layer):
    low = graph.node("Exp", graph.node("Neg", graph.node("Abs", x)))
    low = graph.node("Log", graph.node("Add", low, 1.0))
    return graph.node("Add", graph.node("Relu", x), low)


def _gelu(graph, x, layer):
    scaled = graph.node("Mul", x, 0.5**0.5)
    # Runtimes have it in single precision only.
    erf = graph.cast(graph.node("Erf", graph.cast(scaled, np.float32)))
    share = graph.node("Mul", graph.node("Add", erf, 1.0), 0.5)
    return graph.node("Mul", x, share)


def _silu(graph, x, layer):
    # Of a product with `Sigmoid` some runtimes make an operator that knows no float64.
    divisor = graph.node("Add", graph.node("Exp", graph.node("Neg", x)), 1.0)
    return graph.node("Div", x, divisor)


def _mish(graph, x, layer):
    return graph.node("Mul", x, graph.node("Tanh", _softplus(graph, x, layer)))


# A class derived from one of these may be another function.
FUNCTIONS = {
    ELU: _exponential_linear,
    Exponential: _operator("Exp"),
    GELU: _gelu,
    HardSigmoid: _hard_sigmoid,
    Identity: lambda graph, x, layer: x,
    LeakyReLU: _leaky_relu,
    Logistic: _operator("Sigmoid"),
    Mish: _mish,
    ReLU: _operator("Relu"),
    SELU: _exponential_linear,
    SiLU: _silu,
    Softmax: _operator("Softmax", axis=1),
    Softplus: _softplus,
    Tanh: _operator("Tanh"),
}
