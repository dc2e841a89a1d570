"""What the estimators for tables are in ONNX: frames in, predictions out."""

from contextlib import suppress
from typing import NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._onnx import data_types, label_array, label_type, number_type, widths_of
from .base import FAR
from .columns import text_of
from .networks import EMBEDDING, sees_components
from .statistics import ranks_of

# What a gap in a column of strings may look like in a graph, whose strings have none:
# `str` of what stands for a gap in Python, and nothing.
GAPS = ("", "None", "nan", "NaN", "<NA>")


class Column(NamedTuple):
    """A column of the table that goes into a graph."""

    value: str
    """Name of shape (n_samples, 1)."""
    label: str
    """What the user calls the input."""
    is_text: bool

    def numbers(self, graph):
        """Add the column as float64, NaN for gaps."""
        if self.is_text:
            raise ValueError(
                f"Input {self.label!r} of the graph holds strings, and a column of it "
                "held numbers when the model was fitted."
            )
        return graph.cast(self.value, np.float64)

    def matches(self, graph, levels):
        """Add which level the column is, as booleans with a column for each key.

        Parameters
        ----------
        graph : Graph
        levels : list of str or None

        Returns
        -------
        matches : str
        places : list of int
            Which of the levels each key stands for; -1 for none.
        """
        gap = levels.index(None) if None in levels else -1
        known = {level: i for i, level in enumerate(levels) if level is not None}
        if self.is_text:
            places = dict.fromkeys(GAPS, gap) | known
            codes = graph.node(
                "LabelEncoder",
                self.value,
                op_domain="ai.onnx.ml",
                op_version=2,
                keys_strings=list(places),
                values_int64s=list(range(len(places))),
                default_int64=-1,
            )
            matches = graph.node("Equal", codes, np.arange(len(places))[np.newaxis])
            return matches, list(places.values())
        numbers = graph.cast(self.value, np.float64)
        keys = {number: known[text_of(number)] for number in _numbers_among(known)}
        is_gap = graph.node("IsNaN", numbers)
        if not keys:
            return is_gap, [gap]
        equal = graph.node("Equal", numbers, np.array([list(keys)]))
        return graph.columns(equal, is_gap), [*keys.values(), gap]


def _numbers_among(levels):
    """Return the numbers that would become one of some levels."""
    numbers = []
    for level in levels:
        with suppress(ValueError):
            numbers.append(float(level))
    return [number for number in numbers if text_of(number) in levels]


def indicators_of(table, place):
    """Return what a fitted preprocessor makes of the levels of a column.

    Parameters
    ----------
    table : TablePreprocessor
    place : int
        Number of the column among the categories.

    Returns
    -------
    levels : list of str or None
    indicators : ndarray of shape (n_levels + 1, n_indicators)
        Of each level, and of any other.
    """
    categories = table.encoder_.categories_
    levels, other = categories[place].tolist(), "other"
    while other in levels:
        other += "_"
    rows = np.empty((len(levels) + 1, len(categories)), object)
    rows[:] = [column[0] for column in categories]
    rows[:, place] = [*levels, other]
    first = sum(table.n_levels_[:place])
    own = slice(first, first + table.n_levels_[place])
    return levels, table.encoder_.transform(rows)[:, own]


class TableExport:
    """What both estimators share.

    Parameters
    ----------
    model : BaseTabularMLP

    Attributes
    ----------
    model : BaseTabularMLP
    dtype : dtype
        In which the networks compute; what comes before and after is in float64.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If its arrays do not fit together.
    """

    def __init__(self, model):
        check_is_fitted(model, "networks_")
        self.model, self.encoding = model, model._checked_views().components
        self.dtype = model.networks_[0]["scales"].dtype

    def logits(self, graph, inputs):
        """Add the networks; return the names of the logits of each group.

        They are of shape (n_networks, n_samples, n_outputs), in float64.
        """
        columns = self._columns(graph, inputs)
        numbers, indicators = self._numbers(graph, columns)
        indicators += self._indicators(graph, columns)
        if not numbers and not indicators:  # No column says anything.
            n_rows = graph.node("Shape", columns[0].value)
            indicators = [graph.cast(graph.node("ConstantOfShape", n_rows))]
        groups, views = self.model.networks_, {}
        if any(map(sees_components, groups)):
            views[True] = self._by_column(graph, numbers, indicators)
        if not all(map(sees_components, groups)):
            limit = np.array(1.0 / self.encoding.limit, self.dtype)
            drawn_in = [self._drawn_in(graph, value, limit) for value in numbers]
            views[False] = graph.columns(*drawn_in, *indicators)
        return [
            self._network(graph, views[sees_components(group)], group)
            for group in groups
        ]

    def _columns(self, graph, inputs):
        """Return the names of the columns of X, of shape (n_samples, 1), and types."""
        strings = data_types("onnx_converter").StringTensorType
        columns = []
        for x, width in zip(inputs, widths_of(inputs), strict=True):
            if width is None:
                raise ValueError(
                    f"{type(self.model).__name__} needs to know how many columns "
                    f"input {x.raw_name!r} of the graph has."
                )
            for i in range(width):
                name = x.full_name
                if width > 1:
                    name = graph.node("Gather", name, np.array([i]), axis=1)
                columns.append(Column(name, x.raw_name, isinstance(x.type, strings)))
        return columns

    def _numbers(self, graph, columns):
        """Add the scaled numbers, if there are any, and indicators of gaps.

        Returns
        -------
        numbers, indicators : list of str
        """
        table = self.model.preprocessor_
        if not table.numeric_:
            return [], []
        numbers = graph.columns(*(columns[i].numbers(graph) for i in table.numeric_))
        gaps = graph.node("IsNaN", numbers)
        filled = graph.node("Where", gaps, table.medians_[np.newaxis], numbers)
        scaler = table.scaler_
        z = graph.node("Sub", filled, scaler.center_)
        z = graph.node("Div", z, scaler.scale_)
        z = graph.node("Max", graph.node("Min", z, np.array(FAR)), np.array(-FAR))
        if not table.indicated_:
            return [graph.cast(z)], []
        places = np.array([table.numeric_.index(i) for i in table.indicated_])
        indicators = graph.cast(graph.node("Gather", gaps, places, axis=1))
        return [graph.cast(z)], [indicators]

    def _indicators(self, graph, columns):
        """Add the indicators of the categories."""
        table = self.model.preprocessor_
        parts = []
        for place, i in enumerate(table.categorical_):
            levels, indicators = indicators_of(table, place)
            matches, places = columns[i].matches(graph, levels)
            # What is no level at all matches nothing, and gets the indicators of that.
            indicators = indicators.astype(self.dtype)
            weights = (indicators - indicators[-1])[places]
            matches = graph.cast(matches)
            parts.append(graph.node("Gemm", matches, weights, indicators[-1]))
        return parts

    def _by_column(self, graph, numbers, indicators):
        """Add what `PiecewiseLinear` makes of the columns, one after another.

        It is of shape (n_columns, n_samples, n_components).
        """
        encoding = self.encoding
        n_columns, n_components = encoding.n_columns, encoding.n_components
        parts = [self._components(graph, value) for value in numbers]
        if indicators:
            # Each group of indicators is filled up with zeros.
            places = [
                i * n_components + np.arange(n) for i, n in enumerate(encoding.n_levels)
            ]
            width = len(encoding.n_levels) * n_components
            moved = np.eye(width, dtype=self.dtype)[np.concatenate(places)]
            parts.append(graph.node("MatMul", graph.columns(*indicators), moved))
        groups = graph.reshape(graph.columns(*parts), -1, n_columns, n_components)
        by_column = graph.node("Transpose", groups, perm=[1, 0, 2])
        # Some runtimes make one operator of it and a product right behind it, which
        # knows no float64.
        return graph.reshape(by_column, n_columns, -1, n_components)

    def _components(self, graph, numbers):
        """Add the components of numbers."""
        bins, n_numbers = self.encoding._bins_in(self.dtype), len(self.encoding.edges)
        each = graph.reshape(numbers, -1, n_numbers, 1)
        value = graph.node("Sub", each, bins.starts)
        value = graph.node("Div", value, bins.widths)
        value = graph.node("Max", value, bins.lowest)
        value = graph.node("Min", value, bins.highest)
        # The last component is the number itself.
        is_number = np.arange(self.encoding.n_components) == bins.starts.shape[1] - 1
        factors = (is_number / self.encoding.limit).astype(self.dtype)
        value = self._drawn_in(graph, value, factors)
        return graph.reshape(value, -1, n_numbers * self.encoding.n_components)

    def _drawn_in(self, graph, value, factors):
        """Add ``value / sqrt(1 + (factors * value)^2)``."""
        shares = graph.node("Mul", value, factors)
        squares = graph.node("Mul", shares, shares)
        roots = graph.node("Sqrt", graph.node("Add", squares, np.ones(1, self.dtype)))
        return graph.node("Div", value, roots)

    def _network(self, graph, value, group):
        """Add a group of networks, behind what they see of the columns."""
        scales = np.asarray(group["scales"], self.dtype)
        if sees_components(group):
            value = self._embedded(graph, value, group)
        value = graph.node("Mul", value, scales)
        layers = zip(group["coefs"], group["intercepts"], strict=True)
        for i, (weights, biases) in enumerate(layers):
            value = graph.node("Relu", value) if i else value
            value = graph.node("MatMul", value, np.asarray(weights, self.dtype))
            value = graph.node("Add", value, np.asarray(biases, self.dtype))
        return graph.cast(value, np.float64)

    def _embedded(self, graph, by_column, group):
        """Add the embedding of columns, of shape (n_samples, n_embedded)."""
        weights, biases = (np.asarray(group[name], self.dtype) for name in EMBEDDING)
        n_columns, n_components = self.encoding.n_columns, self.encoding.n_components
        matrices = weights.reshape(n_columns, n_components, -1)
        embedded = graph.node("MatMul", by_column, matrices)
        embedded = graph.node("Transpose", embedded, perm=[1, 0, 2])
        value = graph.reshape(embedded, -1, biases.size)
        return graph.node("Add", value, biases)

    def mean(self, graph, values, n_outputs):
        """Add the weighted mean of all networks, in float64.

        Parameters
        ----------
        graph : Graph
        values : str
            Of shape (n_networks * n_samples, n_outputs), network by network.
        n_outputs : int
        """
        sizes = np.array([len(group["scales"]) for group in self.model.networks_])
        shares = np.repeat(self.model.group_weights_ / sizes, sizes)[np.newaxis]
        flat = graph.reshape(values, len(shares.T), -1)
        return graph.reshape(graph.node("MatMul", shares, flat), -1, n_outputs)


class LabelsExport(TableExport):
    """A classifier for tables in ONNX."""

    def types(self, inputs):
        """Return types and shapes of the outputs by name, for some inputs."""
        classes = self.model.classes_
        return {
            "label": label_type(inputs, classes),
            "probabilities": number_type(inputs, len(classes)),
        }

    def add(self, graph, inputs, label):
        """Add the nodes; return the name of the probabilities."""
        n_classes = len(self.model.classes_)
        temperatures = np.asarray(self.model.temperatures_, np.float64)
        logits = [
            graph.node("Div", graph.reshape(values, -1, n_classes), temperature)
            for values, temperature in zip(
                self.logits(graph, inputs), temperatures, strict=True
            )
        ]
        of_networks = graph.node("Softmax", graph.rows(*logits), axis=1)
        mean = self.mean(graph, of_networks, n_classes)
        indices = graph.node("ArgMax", mean, axis=1, keepdims=0)
        classes = label_array(self.model.classes_)
        graph.node("Gather", classes, indices, output=label)
        return mean


class NumbersExport(TableExport):
    """A regressor for tables in ONNX."""

    @property
    def _shape(self):
        """Numbers of outputs and of quantiles."""
        quantiles = self.model.quantiles_
        return len(self.model.target_mean_), 1 if quantiles is None else np.size(
            quantiles
        )

    def types(self, inputs):
        """Return types and shapes of the outputs by name, for some inputs."""
        n_outputs, n_quantiles = self._shape
        if self.model.quantiles_ is None:
            return {"variable": number_type(inputs, n_outputs)}
        shape = [n_outputs, n_quantiles] if n_outputs > 1 else [n_quantiles]
        return {"variable": number_type(inputs, *shape)}

    def add(self, graph, inputs):
        """Add the nodes; return the name of the predictions."""
        model, (n_outputs, n_quantiles) = self.model, self._shape
        logits = [
            graph.reshape(values, -1, n_outputs * n_quantiles)
            for values in self.logits(graph, inputs)
        ]
        mean = self.mean(graph, graph.rows(*logits), n_outputs * n_quantiles)
        value = graph.reshape(mean, -1, n_outputs, n_quantiles)
        value = graph.node("Mul", value, model.target_scale_[:, np.newaxis])
        value = graph.node("Add", value, model.target_mean_[:, np.newaxis])
        lowest, highest = model.target_range_[:, :, np.newaxis]
        value = graph.node("Min", graph.node("Max", value, lowest), highest)
        if model.quantiles_ is None:
            return graph.reshape(value, -1, n_outputs)
        # They do not cross.
        count, order = np.array([n_quantiles]), {"largest": 0, "sorted": 1}
        value = graph.node("TopK", value, count, n_unused=1, axis=-1, **order)
        value = graph.node("Gather", value, ranks_of(model.quantiles_), axis=2)
        return value if n_outputs > 1 else graph.reshape(value, -1, n_quantiles)
