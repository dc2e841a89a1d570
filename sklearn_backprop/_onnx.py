"""Export to ONNX: the hooks by which skl2onnx converts what it does not know.

It asks an estimator for three functions: what comes out (parser), of which type and
shape (shape calculator), and by which nodes (converter). skl2onnx is imported when it
asks, and at no other time.
"""

from functools import partial

import numpy as np

from ._arrays import check_model
from ._graph import Graph, exported_layer
from ._links import is_logistic, is_softmax
from ._parameters import ACTIVATIONS, LINKS, for_each_layer
from ._tasks import Classification


class OnnxMixin:
    """What `skl2onnx.to_onnx` asks an estimator for; it needs no registration."""

    def onnx_parser(self):
        """Return the function by which skl2onnx declares the outputs.

        Returns
        -------
        parser : callable
            Of a scope and the inputs; returns the variables: labels and probabilities
            of a classifier, numbers of a regressor.

        Raises
        ------
        ImportError
            Without skl2onnx.
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If ONNX has no counterpart of a layer of the user's own.
        """
        data_types("onnx_parser")
        read_layers(self._fitted())
        return partial(declare_outputs, self)

    def onnx_shape_calculator(self):
        """Return the function by which skl2onnx learns types and shapes of the outputs.

        Returns
        -------
        shape_calculator : callable
            Of an operator, whose outputs it sets.

        Raises
        ------
        ImportError
            Without skl2onnx.
        """
        data_types("onnx_shape_calculator")
        return set_types

    def onnx_converter(self):
        """Return the function by which skl2onnx adds the nodes.

        Returns
        -------
        converter : callable
            Of a scope, an operator and the container that takes the nodes.

        Raises
        ------
        ImportError
            Without skl2onnx.
        """
        data_types("onnx_converter")
        return convert


def data_types(needed_by):
    """Return skl2onnx's module of types, or raise ImportError with the extra."""
    try:
        from skl2onnx.common import data_types
    except ImportError as error:
        raise ImportError(
            f"{needed_by} needs skl2onnx, which the extra 'onnx' brings: "
            'pip install "sklearn-backprop[onnx]".'
        ) from error
    return data_types


def read_layers(model):
    """Return weights and biases of a fitted model, and the layers between them.

    Parameters
    ----------
    model : BaseMLP

    Returns
    -------
    coefs, intercepts : list of ndarray
    activations : list of layer
        Of the hidden layers.
    link : layer
        Of the last.

    Raises
    ------
    ValueError
        If they do not fit together, or ONNX has no counterpart of one.
    """
    coefs, intercepts = check_model(model.coefs_, model.intercepts_)
    model._check_outputs(coefs[-1].shape[1])
    activations = [
        exported_layer(entry, ACTIVATIONS, "activation_")
        for entry in for_each_layer(model.activation_, len(coefs) - 1, "activation_")
    ]
    link = exported_layer(model.out_activation_, LINKS, "out_activation_")
    return coefs, intercepts, activations, link


def declare_outputs(model, scope, inputs):
    """Return the variables that come out of a model (a parser)."""
    types = output_types(model._fitted(), inputs)
    return [scope.declare_local_variable(name, kind) for name, kind in types.items()]


def set_types(operator):
    """Set types and shapes of an operator's outputs (a shape calculator)."""
    model = operator.raw_operator._fitted()
    check_inputs(model, operator.inputs)
    types = output_types(model, operator.inputs)
    for output, kind in zip(operator.outputs, types.values(), strict=True):
        output.set_type(kind)


def convert(scope, operator, container):
    """Add the nodes of an operator to a container (a converter)."""
    model = operator.raw_operator._fitted()
    check_options(container.get_options(operator.raw_operator))
    coefs, intercepts, activations, link = read_layers(model)
    # As in `predict`, the model's precision is that of all computation.
    graph = Graph(scope, container, coefs[0].dtype)
    value = graph.columns(*(graph.cast(x.full_name) for x in operator.inputs))
    for weights, biases, layer in zip(
        coefs, intercepts, [*activations, None], strict=True
    ):
        value = graph.dense(value, weights, biases)
        if layer is not None:
            value = graph.activation(value, layer)
    task = model._task
    if isinstance(task, Classification):
        names = [output.full_name for output in operator.outputs]
        add_labels(graph, task, value, link, names[0])
        value = probabilities(graph, task, value, link)
    else:
        value = graph.activation(value, link)
    output = operator.outputs[-1]
    graph.cast(value, float_dtype(operator.inputs), output=output.full_name)


def add_labels(graph, task, logits, link, output):
    """Add what `Classification.labels` computes."""
    if task.is_multilabel:
        graph.cast(graph.node("Greater", logits, 0.0), np.int64, output)
        return
    if task.n_outputs > 1:
        scores = logits if is_softmax(link) else graph.activation(logits, link)
        indices = graph.node("ArgMax", scores, axis=1, keepdims=0)
    else:
        if len(task.classes) == 1:
            is_second = graph.node("Greater", logits, np.inf)  # Never.
        elif is_logistic(link):
            is_second = graph.node("Greater", logits, 0.0)
        else:
            is_second = graph.node("Greater", graph.activation(logits, link), 0.5)
        shape = np.array([-1], np.int64)
        indices = graph.node("Reshape", graph.cast(is_second, np.int64), shape)
    graph.node("Gather", label_array(task.classes), indices, output=output)


def probabilities(graph, task, logits, link):
    """Add what `Classification.probabilities` computes; return its name."""
    if task.n_outputs > 1:
        return graph.activation(logits, link)
    if len(task.classes) == 1:
        return graph.node("Add", graph.node("Mul", logits, 0.0), 1.0)
    if is_logistic(link):
        both = graph.columns(graph.node("Neg", logits), logits)
        return graph.activation(both, link)
    positive = graph.activation(logits, link)
    return graph.columns(graph.node("Sub", 1.0, positive), positive)


def label_array(classes):
    """Return labels in a type that ONNX has.

    Raises
    ------
    ValueError
        If they are neither strings, integers, booleans nor floats.
    """
    kind = classes.dtype.kind
    if kind == "O" and all(isinstance(label, str) for label in classes):
        return classes
    types = {"b": bool, "i": np.int64, "u": np.int64, "f": np.float64, "U": object}
    if kind not in types:
        raise ValueError(
            "classes_ must be strings, integers, booleans or floats to go to ONNX, "
            f"got {classes.dtype}: {classes.tolist()}."
        )
    return classes.astype(types[kind])


def output_types(model, inputs):
    """Return the types of a model's outputs by name, with their shapes."""
    types = data_types("onnx_parser")
    rows = inputs[0].get_first_dimension() if inputs[0].type.shape else None
    is_double = float_dtype(inputs) == np.float64
    numbers = types.DoubleTensorType if is_double else types.FloatTensorType
    task = model._task
    if not isinstance(task, Classification):
        return {"variable": numbers([rows, task.n_outputs])}
    of_labels = {
        "b": types.BooleanTensorType,
        "i": types.Int64TensorType,
        "f": types.DoubleTensorType,
        "O": types.StringTensorType,
    }
    shape = [rows]
    if task.is_multilabel:
        shape = [rows, task.n_outputs]
    labels = of_labels[label_array(task.classes).dtype.kind](shape)
    return {"label": labels, "probabilities": numbers([rows, len(task.classes)])}


def float_dtype(inputs):
    """Return the precision of the outputs: float64 if an input has it, else float32.

    So has what skl2onnx converts itself, and what comes behind expects it.
    """
    double = data_types("onnx_converter").DoubleTensorType
    is_double = any(isinstance(x.type, double) for x in inputs)
    return np.dtype(np.float64 if is_double else np.float32)


def check_inputs(model, inputs):
    """Raise ValueError unless inputs are numbers, and as many columns as in training.

    Parameters
    ----------
    model : BaseMLP
    inputs : list of skl2onnx Variable
        Side by side they are X.
    """
    types = data_types("onnx_shape_calculator")
    for x in inputs:
        if isinstance(x.type, types.StringTensorType):
            raise ValueError(
                f"{type(model).__name__} takes numbers, but input {x.raw_name!r} of "
                "the graph holds strings: encode them in a pipeline."
            )
    widths = [x.type.shape[1] if len(x.type.shape) == 2 else None for x in inputs]
    if None not in widths and sum(widths) != model.n_features_in_:
        raise ValueError(
            f"The inputs of the graph have {sum(widths)} columns, but "
            f"{type(model).__name__} was fitted with {model.n_features_in_}."
        )


def check_options(options):
    """Raise ValueError if an option of skl2onnx asks for what is not made.

    skl2onnx itself sets ``zipmap=True`` for a classifier in a pipeline, so that is no
    wish of the user's.
    """
    for name, value in options.items():
        if value and not (name == "zipmap" and value is True):
            raise ValueError(
                f"The option {name}={value!r} of skl2onnx is not supported: labels "
                "are what `predict` returns, and probabilities are one tensor."
            )
