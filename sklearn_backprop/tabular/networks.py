"""Networks for tables that share their hidden weights, as one network of layers.

A group is a dict of its arrays, by the names in `ARRAYS`. All its networks share the
embedding of the columns and the weights of the hidden layers; each has its own scales
of the embedded columns, its own biases and its own last layer.
"""

import numpy as np

from ..layers import (
    ColumnEmbedding,
    Dense,
    Dropout,
    ReLU,
    Scale,
)
from ..network import Network
from .checks import check_numbers

ARRAYS = ("embedding_weights", "embedding_biases", "scales", "coefs", "intercepts")


class SharingNetworks(Network):
    """Several networks whose loss is the mean of theirs.

    The gradients are those of the sum.
    """

    def loss_gradient(self, inputs, targets, sample_weight=None):
        """Return the mean loss of the networks (see `Network.loss_gradient`)."""
        losses = super().loss_gradient(inputs, targets, sample_weight)
        return float(np.add.reduce(losses)) / len(losses)


def draw_group(rng, encoding, n_networks, n_components, hidden, n_outputs, dtype):
    """Draw the arrays of a group.

    The components of numbers come in from zero: at first a column is embedded by the
    number itself, linearly. The networks differ by the signs of their scales.

    Parameters
    ----------
    rng : numpy.random.RandomState
    encoding : PiecewiseLinear
    n_networks, n_components : int
        Number of networks, and of outputs of the embedding for each column.
    hidden : sequence of int
        Sizes of the hidden layers.
    n_outputs : int
    dtype : dtype

    Returns
    -------
    group : dict
    """

    def uniform(bound, *shape):
        return rng.uniform(-bound, bound, shape).astype(dtype)

    columns, inputs = encoding.n_columns, encoding.n_components
    weights = uniform(1.0, columns, inputs, n_components)
    weights[: len(encoding.edges), :-1] = 0.0
    group = {
        "embedding_weights": weights.reshape(-1, n_components),
        "embedding_biases": uniform(1.0, 1, columns * n_components),
        "scales": rng.choice(
            np.array([-1.0, 1.0], dtype), (n_networks, 1, columns * n_components)
        ),
        "coefs": [],
        "intercepts": [],
    }
    n_inputs = columns * n_components
    for n_neurons in hidden:
        bound = (2.0 / n_inputs) ** 0.5
        group["coefs"].append(uniform(bound, n_inputs, n_neurons))
        group["intercepts"].append(uniform(bound, n_networks, 1, n_neurons))
        n_inputs = n_neurons
    group["coefs"].append(uniform(n_inputs**-0.5, n_networks, n_inputs, n_outputs))
    group["intercepts"].append(np.zeros((n_networks, 1, n_outputs), dtype))
    return group


def network_of(group, encoding, loss=None, dropout=0.0):
    """Return a group as a network, over the arrays themselves.

    Parameters
    ----------
    group : dict
    encoding : PiecewiseLinear
    loss : Loss, default=None
    dropout : float, default=0.0
        Of the hidden neurons.
    """
    embedding = ColumnEmbedding.from_arrays(
        group["embedding_weights"], group["embedding_biases"], encoding.n_columns
    )
    layers = [encoding, embedding, Scale(group["scales"])]
    *hidden, last = zip(group["coefs"], group["intercepts"], strict=True)
    for weights, biases in hidden:
        layers += [Dense.from_arrays(weights, biases), ReLU()]
        if dropout:
            layers.append(Dropout(dropout))
    return SharingNetworks([*layers, Dense.from_arrays(*last)], loss)


def group_of(network):
    """Return copies of the arrays of a network, as a group."""
    embedding, *dense = network.dense
    scale = next(layer for layer in network.layers if isinstance(layer, Scale))
    return {
        "embedding_weights": np.array(embedding.weights),
        "embedding_biases": np.array(embedding.biases),
        "scales": np.array(scale.scales),
        "coefs": [np.array(layer.weights) for layer in dense],
        "intercepts": [np.array(layer.biases) for layer in dense],
    }


def check_group(group, encoding, name):
    """Raise ValueError unless the arrays of a group fit together.

    Parameters
    ----------
    group : dict
    encoding : PiecewiseLinear
        What the columns become.
    name : str
        What to call the group.
    """
    if not isinstance(group, dict):
        raise ValueError(f"{name} must be a dict of arrays, got {group!r}.")
    missing = [key for key in ARRAYS if key not in group]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}.")
    coefs, intercepts = group["coefs"], group["intercepts"]
    if not isinstance(coefs, list | tuple) or not isinstance(intercepts, list | tuple):
        raise ValueError(f"{name} must have lists of arrays as coefs and intercepts.")
    dtype = getattr(group["embedding_weights"], "dtype", None)
    arrays = {key: group[key] for key in ARRAYS[:3]}
    arrays |= {f"coefs[{i}]": array for i, array in enumerate(coefs)}
    arrays |= {f"intercepts[{i}]": array for i, array in enumerate(intercepts)}
    for key, array in arrays.items():
        check_numbers(f"{name}: {key}", array, np.shape(array))
        if array.dtype != dtype:
            raise ValueError(f"{name}: {key} must be {dtype}, got {array.dtype}.")
    columns = encoding.n_columns
    if np.ndim(group["scales"]) != 3 or not np.size(group["scales"]):
        raise ValueError(
            f"{name} has scales of shape {np.shape(group['scales'])}, not (n_networks, "
            "1, n_inputs)."
        )
    n_networks, _, n_inputs = group["scales"].shape
    shapes = {
        "embedding_weights": (columns * encoding.n_components, n_inputs // columns),
        "embedding_biases": (1, n_inputs),
        "scales": (n_networks, 1, n_inputs),
    }
    found = {key: np.shape(group[key]) for key in shapes}
    if len(coefs) != len(intercepts) or not coefs:
        raise ValueError(
            f"{name} has {len(coefs)} coefs and {len(intercepts)} intercepts: it must "
            "have one of each for every layer."
        )
    for i, (weights, biases) in enumerate(zip(coefs, intercepts, strict=True)):
        n_neurons = np.shape(biases)[-1]
        own = () if i < len(coefs) - 1 else (n_networks,)
        shapes[f"coefs[{i}]"] = *own, n_inputs, n_neurons
        shapes[f"intercepts[{i}]"] = n_networks, 1, n_neurons
        found[f"coefs[{i}]"] = np.shape(weights)
        found[f"intercepts[{i}]"] = np.shape(biases)
        n_inputs = n_neurons
    for key, shape in shapes.items():
        if found[key] != shape:
            raise ValueError(f"{name} has {key} of shape {found[key]}, not {shape}.")
