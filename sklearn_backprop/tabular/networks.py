"""Networks for tables that share their hidden weights, as one network of layers.

A group is a dict of its arrays, by the names in `ARRAYS`, and in `EMBEDDING` where its
networks see components of columns. All of them share this embedding and the weights of
the hidden layers; each has its own scales of what comes in, its own biases and its own
last layer.
"""

from typing import NamedTuple

import numpy as np

from ..layers import (
    ColumnEmbedding,
    Dense,
    Dropout,
    PiecewiseLinear,
    PlainColumns,
    ReLU,
    Scale,
)
from ..network import Network
from .checks import check_numbers

ARRAYS = ("scales", "coefs", "intercepts")
# Of a group whose networks see components of columns, not plain numbers.
EMBEDDING = ("embedding_weights", "embedding_biases")


class Views(NamedTuple):
    """What networks may see of the same columns: the layers that they begin with."""

    components: PiecewiseLinear
    numbers: PlainColumns

    @classmethod
    def of(cls, edges, n_levels):
        """Return the views of columns of numbers, by their bins, and of categories."""
        return cls(PiecewiseLinear(edges, n_levels), PlainColumns(len(edges), n_levels))


class SharingNetworks(Network):
    """Several networks whose loss is the mean of theirs.

    The gradients are those of the sum.
    """

    def loss_gradient(self, inputs, targets, sample_weight=None):
        """Return the mean loss of the networks (see `Network.loss_gradient`)."""
        losses = super().loss_gradient(inputs, targets, sample_weight)
        return float(np.add.reduce(losses)) / len(losses)


def draw_embedding(rng, encoding, n_components, dtype):
    """Draw the arrays that embed columns, for a group whose inputs are components.

    The components of numbers come in from zero: at first a column is embedded by the
    number itself, linearly.

    Parameters
    ----------
    rng : numpy.random.RandomState
    encoding : PiecewiseLinear
    n_components : int
        Number of outputs for each column.
    dtype : dtype

    Returns
    -------
    arrays : dict
    """
    columns, inputs = encoding.n_columns, encoding.n_components
    weights = _uniform(rng, 1.0, (columns, inputs, n_components), dtype)
    weights[: len(encoding.edges), :-1] = 0.0
    return {
        "embedding_weights": weights.reshape(-1, n_components),
        "embedding_biases": _uniform(rng, 1.0, (1, columns * n_components), dtype),
    }


def draw_group(rng, n_networks, n_inputs, hidden, n_outputs, dtype):
    """Draw the other arrays of a group.

    The networks differ by the signs of their scales.

    Parameters
    ----------
    rng : numpy.random.RandomState
    n_networks : int
    n_inputs : int
        Number of what `Scale` scales: embedded columns, or the inputs themselves.
    hidden : sequence of int
        Sizes of the hidden layers.
    n_outputs : int
    dtype : dtype

    Returns
    -------
    group : dict
    """
    signs = np.array([-1.0, 1.0], dtype)
    group = {
        "scales": rng.choice(signs, (n_networks, 1, n_inputs)),
        "coefs": [],
        "intercepts": [],
    }
    for n_neurons in hidden:
        bound = (2.0 / n_inputs) ** 0.5
        weights = _uniform(rng, bound, (n_inputs, n_neurons), dtype)
        group["coefs"].append(weights)
        biases = _uniform(rng, bound, (n_networks, 1, n_neurons), dtype)
        group["intercepts"].append(biases)
        n_inputs = n_neurons
    last = _uniform(rng, n_inputs**-0.5, (n_networks, n_inputs, n_outputs), dtype)
    group["coefs"].append(last)
    group["intercepts"].append(np.zeros((n_networks, 1, n_outputs), dtype))
    return group


def _uniform(rng, bound, shape, dtype):
    return rng.uniform(-bound, bound, shape).astype(dtype)


def sees_components(group):
    """Return whether a group's networks see components of columns, or plain numbers."""
    return any(name in group for name in EMBEDDING)


def network_of(group, views, loss=None, dropout=0.0):
    """Return a group as a network, over the arrays themselves.

    Parameters
    ----------
    group : dict
    views : Views
    loss : Loss, default=None
    dropout : float, default=0.0
        Of the hidden neurons.
    """
    layers = [views.numbers]
    if sees_components(group):
        arrays = (group[name] for name in EMBEDDING)
        n_columns = views.components.n_columns
        layers = [views.components, ColumnEmbedding.from_arrays(*arrays, n_columns)]
    layers.append(Scale(group["scales"]))
    *hidden, last = zip(group["coefs"], group["intercepts"], strict=True)
    for weights, biases in hidden:
        layers += [Dense.from_arrays(weights, biases), ReLU()]
        if dropout:
            layers.append(Dropout(dropout))
    return SharingNetworks([*layers, Dense.from_arrays(*last)], loss)


def group_of(network):
    """Return copies of the arrays of a network, as a group."""
    layers, embedding = network.layers, {}
    place = next(i for i, layer in enumerate(layers) if isinstance(layer, Scale))
    if isinstance(layers[place - 1], ColumnEmbedding):
        embedding = {
            "embedding_weights": np.array(layers[place - 1].weights),
            "embedding_biases": np.array(layers[place - 1].biases),
        }
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    return embedding | {
        "scales": np.array(layers[place].scales),
        "coefs": [np.array(layer.weights) for layer in dense],
        "intercepts": [np.array(layer.biases) for layer in dense],
    }


def check_group(group, views, name):
    """Raise ValueError unless the arrays of a group fit together.

    Parameters
    ----------
    group : dict
    views : Views
        Of the columns.
    name : str
        What to call the group.
    """
    if not isinstance(group, dict):
        raise ValueError(f"{name} must be a dict of arrays, got {group!r}.")
    embedding = EMBEDDING if sees_components(group) else ()
    missing = [key for key in (*embedding, *ARRAYS) if key not in group]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}.")
    coefs, intercepts = group["coefs"], group["intercepts"]
    if not isinstance(coefs, list | tuple) or not isinstance(intercepts, list | tuple):
        raise ValueError(f"{name} must have lists of arrays as coefs and intercepts.")
    if len(coefs) != len(intercepts) or not coefs:
        raise ValueError(
            f"{name} has {len(coefs)} coefs and {len(intercepts)} intercepts: it must "
            "have one of each for every layer."
        )
    arrays = {key: group[key] for key in (*embedding, "scales")}
    arrays |= {f"coefs[{i}]": array for i, array in enumerate(coefs)}
    arrays |= {f"intercepts[{i}]": array for i, array in enumerate(intercepts)}
    dtype = getattr(group["scales"], "dtype", None)
    for key, array in arrays.items():
        check_numbers(f"{name}: {key}", array, np.shape(array))
        if array.dtype != dtype:
            raise ValueError(f"{name}: {key} must be {dtype}, got {array.dtype}.")
    if np.ndim(group["scales"]) != 3 or not np.size(group["scales"]):
        raise ValueError(
            f"{name} has scales of shape {np.shape(group['scales'])}, not (n_networks, "
            "1, n_inputs)."
        )
    for key, shape in _shapes(group, views).items():
        if np.shape(arrays[key]) != shape:
            raise ValueError(
                f"{name} has {key} of shape {np.shape(arrays[key])}, not {shape}."
            )


def _shapes(group, views):
    """Return the shapes that the arrays of a group must have, by name.

    The number of networks, of inputs that are embedded columns, and of the neurons of
    each layer are those of the scales and biases.
    """
    n_networks, _, n_inputs = group["scales"].shape
    shapes = {}
    if sees_components(group):
        n_columns = views.components.n_columns
        n_inputs = max(1, n_inputs // n_columns) * n_columns
        shapes["embedding_weights"] = (
            n_columns * views.components.n_components,
            n_inputs // n_columns,
        )
        shapes["embedding_biases"] = 1, n_inputs
    else:
        n_inputs = views.numbers.n_outputs
    shapes["scales"] = n_networks, 1, n_inputs
    last = len(group["coefs"]) - 1
    for i, biases in enumerate(group["intercepts"]):
        n_neurons = np.shape(biases)[-1] if np.ndim(biases) else 0
        own = () if i < last else (n_networks,)
        shapes[f"coefs[{i}]"] = *own, n_inputs, n_neurons
        shapes[f"intercepts[{i}]"] = n_networks, 1, n_neurons
        n_inputs = n_neurons
    return shapes
