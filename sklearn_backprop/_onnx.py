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
    """What `skl2onnx.to_onnx` asks an estimator for; it needs no registration.

    A subclass gives `_onnx_export`, which returns what a fitted model is in ONNX, or
    raises an error, with what `NetworkExport` has.
    """

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
        self._onnx_export()
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

    def _onnx_export(self):
        return NetworkExport(self._fitted())


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


def declare_outputs(estimator, scope, inputs):
    """Return the variables that come out of an estimator (a parser)."""
    types = estimator._onnx_export().types(inputs)
    return [scope.declare_local_variable(name, kind) for name, kind in types.items()]


def set_types(operator):
    """Set types and shapes of an operator's outputs (a shape calculator)."""
    export = operator.raw_operator._onnx_export()
    check_width(export.model, operator.inputs)
    types = export.types(operator.inputs)
    for output, kind in zip(operator.outputs, types.values(), strict=True):
        output.set_type(kind)


def convert(scope, operator, container):
    """Add the nodes of an operator to a container (a converter)."""
    check_options(container.get_options(operator.raw_operator))
    export = operator.raw_operator._onnx_export()
    graph = Graph(scope, container, export.dtype)
    *label, last = (output.full_name for output in operator.outputs)
    value = export.add(graph, operator.inputs, *label)
    graph.cast(value, float_dtype(operator.inputs), last)


class NetworkExport:
    """A multilayer perceptron in ONNX.

    Parameters
    ----------
    model : BaseMLP
        Fitted, with all that can be derived.

    Attributes
    ----------
    model : BaseMLP
    dtype : dtype
        In which the graph computes: as in `predict`, the model's precision.

    Raises
    ------
    ValueError
        If arrays do not fit together, or ONNX has no counterpart of a layer.
    """

    def __init__(self, model):
        coefs, intercepts = check_model(model.coefs_, model.intercepts_)
        model._check_outputs(coefs[-1].shape[1])
        self.model, self.dtype = model, coefs[0].dtype
        self.coefs, self.intercepts = coefs, intercepts
        n_hidden, name = len(coefs) - 1, "activation_"
        self.activations = [
            exported_layer(entry, ACTIVATIONS, name)
            for entry in for_each_layer(model.activation_, n_hidden, name)
        ]
        self.link = exported_layer(model.out_activation_, LINKS, "out_activation_")

    def types(self, inputs):
        """Return types and shapes of the outputs by name, for some inputs."""
        task = self.model._task
        if not isinstance(task, Classification):
            return {"variable": number_type(inputs, task.n_outputs)}
        shape = [task.n_outputs] if task.is_multilabel else []
        return {
            "label": label_type(inputs, task.classes, *shape),
            "probabilities": number_type(inputs, len(task.classes)),
        }

    def add(self, graph, inputs, label=None):
        """Add the nodes; return the name of probabilities or predictions.

        Parameters
        ----------
        graph : Graph
        inputs : list of skl2onnx Variable
        label : str, default=None
            What the labels of a classifier are to be called.
        """
        check_numbers(self.model, inputs)
        logits = graph.columns(*(graph.cast(x.full_name) for x in inputs))
        for weights, biases, activation in zip(
            self.coefs, self.intercepts, [*self.activations, None], strict=True
        ):
            logits = graph.dense(logits, weights, biases)
            if activation is not None:
                logits = graph.activation(logits, activation)
        if label is None:
            return graph.activation(logits, self.link)
        add_labels(graph, self.model._task, logits, self.link, label)
        return probabilities(graph, self.model._task, logits, self.link)


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
        indices = graph.reshape(graph.cast(is_second, np.int64), -1)
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
        If they are neither strings, integers of 64 bits, booleans nor floats.
    """
    kind = classes.dtype.kind
    if kind == "u" and int(classes.max()) > np.iinfo(np.int64).max:
        kind = "too large"
    if kind == "O" and all(isinstance(label, str) for label in classes):
        return classes
    types = {"b": bool, "i": np.int64, "u": np.int64, "f": np.float64, "U": object}
    if kind not in types:
        raise ValueError(
            "classes_ must be strings, integers within int64, booleans or floats to go "
            f"to ONNX, got {classes.dtype}: {classes.tolist()}."
        )
    return classes.astype(types[kind])


def label_type(inputs, classes, *shape):
    """Return skl2onnx's type of labels.

    Parameters
    ----------
    inputs : list of skl2onnx Variable
        Which have as many rows.
    classes : ndarray
    *shape : int
        Of the labels of a row.
    """
    types = data_types("onnx_parser")
    of_kinds = {
        "b": types.BooleanTensorType,
        "i": types.Int64TensorType,
        "f": types.DoubleTensorType,
        "O": types.StringTensorType,
    }
    kind = label_array(classes).dtype.kind
    return of_kinds[kind]([n_rows(inputs), *shape])


def number_type(inputs, *shape):
    """Return skl2onnx's type of numbers, in the precision of the inputs."""
    types = data_types("onnx_parser")
    is_double = float_dtype(inputs) == np.float64
    kind = types.DoubleTensorType if is_double else types.FloatTensorType
    return kind([n_rows(inputs), *shape])


def n_rows(inputs):
    """Return the number of rows, or None if it varies."""
    return inputs[0].get_first_dimension() if inputs[0].type.shape else None


def float_dtype(inputs):
    """Return the precision of the outputs: float64 if an input has it, else float32.

    So has what skl2onnx converts itself, and what comes behind expects it.
    """
    double = data_types("onnx_converter").DoubleTensorType
    is_double = any(isinstance(x.type, double) for x in inputs)
    return np.dtype(np.float64 if is_double else np.float32)


def check_numbers(model, inputs):
    """Raise ValueError unless all inputs of a graph are numbers."""
    strings = data_types("onnx_converter").StringTensorType
    for x in inputs:
        if isinstance(x.type, strings):
            raise ValueError(
                f"{type(model).__name__} takes numbers, but input {x.raw_name!r} of "
                "the graph holds strings: encode them in a pipeline."
            )


def widths_of(inputs):
    """Return how many columns each input has, None where it is not known."""
    return [x.type.shape[1] if len(x.type.shape) == 2 else None for x in inputs]


def check_width(model, inputs):
    """Raise ValueError unless inputs, side by side, are as wide as X in training."""
    widths, n_features = widths_of(inputs), model.n_features_in_
    if None not in widths and sum(widths) != n_features:
        raise ValueError(
            f"The inputs of the graph have {sum(widths)} columns, but "
            f"{type(model).__name__} was fitted with {n_features}."
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
