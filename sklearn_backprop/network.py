"""A stack of layers whose parameters are one vector, in memory it reuses.

The seam of the package is `Network.loss_gradient`: above it is optimization, which
sees ``parameters`` and ``gradients``, two vectors; below it is calculus.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .flat import Layout, flatten
from .layers import Dense, Dropout
from .layers.base import (
    acts_in_training,
    backward_function,
    copy_of,
    forward_function,
    output_shape,
    parameter_names,
    parameters_function,
    take_networks,
    works_in_place,
)
from .losses import Loss
from .penalties import Penalties

__all__ = ["Network", "dense_stack", "flatten", "stack_networks"]

# For how many shapes of batches the functions are kept: training has its batches and a
# short last one, and so have the rows that early stopping holds out.
N_SHAPES = 4


def dense_stack(coefs, intercepts, activation, dropout=None):
    """Return ``[Dense, activation, Dense, ..., Dense]`` over given arrays.

    Parameters
    ----------
    coefs : sequence of ndarray of shape (n_inputs, n_neurons)
        Weights, layer by layer; viewed, not copied.
    intercepts : sequence of ndarray of shape (n_neurons,)
        Biases, layer by layer.
    activation : callable, or sequence of callables
        Makes the activation between two Dense layers, or each of them in turn.
    dropout : sequence of float, default=None
        For each of them the rate of a `Dropout` behind it; 0 for none.

    Returns
    -------
    layers : list
    """
    makers = activation
    if callable(activation):
        makers = [activation] * (len(coefs) - 1)
    rates = [0.0] * len(makers) if dropout is None else dropout
    layers = []
    for weights, biases, make, rate in zip(
        coefs, intercepts, [*makers, None], [*rates, 0.0], strict=True
    ):
        layers.append(Dense.from_arrays(weights, biases))
        if make is not None:
            layers.append(make())
        if rate:
            layers.append(Dropout(rate))
    return layers


def stack_networks(networks):
    """Return networks of one shape side by side, as one.

    Parameters
    ----------
    networks : sequence of Network
        Each has one network. Their parameters are copied; loss and penalties are those
        of the first.

    Returns
    -------
    network : Network
        Flat, with parameters of its own for each. `Network.take` undoes it.
    """
    layers = [copy_of(layer) for layer in networks[0].layers]
    for i, layer in enumerate(layers):
        for name in parameter_names(layer):
            arrays = [getattr(network.layers[i], name) for network in networks]
            setattr(layer, name, np.stack(arrays))
    first = networks[0]
    return Network(layers, first.loss, first.alpha, first.l1).flatten()


@dataclass
class _Steps:
    """The layers' functions for batches of one shape, with their memory."""

    outputs: list
    forward: list
    backward: list | None = None
    loss: Loss | None = None
    loss_gradient: Callable | None = None
    dlogits: np.ndarray | None = None


class Network:
    """Layers from the inputs to the logits.

    Several networks of one shape may lie side by side: some layers then have a
    parameter for each, with the networks as its first axis, and some may share one.
    Inputs of shape (n_samples, n_features) are then seen by all of them, and of shape
    (n_networks, n_samples, n_features) each network has rows of its own.

    Parameters
    ----------
    layers : sequence of layers
        One has parameters, as Dense does; those before it prepare the inputs. An
        activation works in place on the output of a Dense layer before it, and the
        backward pass works in its `output`.
    loss : Loss or None, default=None
        Function of the logits. Needed for `loss_gradient`.
    alpha : float or ndarray of shape (n_penalized,), default=0.0
        Strength of the L2 penalty ``alpha / (2 n_samples) |weights|^2``, or of each
        weight (see `factors`).
    l1 : float, default=0.0
        Strength of the L1 penalty ``l1 / n_samples sum |weights|``. Its gradient at a
        weight of zero is the one of smallest size, which is zero unless that of the
        loss is larger than the strength [1]_.

    Attributes
    ----------
    parameters, gradients : ndarray of shape (n_parameters,) or None
        The two vectors, once `flatten` has been called.

    Raises
    ------
    ValueError
        If no layer has parameters.

    Notes
    -----
    The layers are looked up once, not at every call: one that takes the place of
    another in `layers` is not noticed. A pickle or deep copy has vectors of its own.

    References
    ----------
    .. [1] Andrew and Gao (2007), "Scalable training of L1-regularized log-linear
       models", equation 4.
    """

    def __init__(self, layers, loss=None, alpha=0.0, l1=0.0):
        self.layers = list(layers)
        if not any(map(parameter_names, self.layers)):
            raise ValueError(f"layers must have a Dense layer, got {layers!r}.")
        self.loss = loss
        self.alpha = alpha
        self.l1 = l1
        self.parameters = self.gradients = None
        self._forget()

    def __getstate__(self):
        # The functions write to the memory of this network.
        return {**self.__dict__, "_memory": {}, "_steps": {}, "_longest": 0}

    def __setstate__(self, state):
        self.__dict__.update(state)
        gradients = self.gradients
        if gradients is None or np.may_share_memory(self.parameters, self.coefs[0]):
            return
        self.flatten()  # Copies of views are arrays of their own.
        self.gradients[...] = gradients

    @property
    def dtype(self):
        """Dtype of the parameters."""
        first = self.layers[self._n_leading]
        return getattr(first, parameter_names(first)[0]).dtype

    @property
    def _n_leading(self):
        """Number of layers before the first that has parameters."""
        names = map(parameter_names, self.layers)
        return next(i for i, found in enumerate(names) if found)

    @property
    def dense(self):
        """The layers that have weights."""
        return [layer for layer in self.layers if "weights" in parameter_names(layer)]

    def flatten(self):
        """Move all parameters into `parameters`; see the function of that name."""
        layout = Layout(self.layers)
        self.parameters, self.gradients = layout.flatten()
        self._penalties = Penalties(layout, self.parameters, self.gradients)
        self._forget()
        return self

    @property
    def n_penalized(self):
        """Number of parameters that penalties and decay concern: the first ones."""
        return self._penalties.weights.size

    @property
    def n_networks(self):
        """Number of networks side by side; None where no parameter has such an axis."""
        return Layout(self.layers).n_networks

    def factors(self, networks=None, layers=None, free=1.0):
        """Return a factor for each parameter, of a learning rate or a penalty.

        Parameters
        ----------
        networks : array-like of shape (n_networks,), default=None
            Factor of each network. What the networks share is left alone.
        layers : array-like of shape (n_layers,), default=None
            Factor of each layer that has parameters.
        free : float, default=1.0
            Factor of what regularization leaves alone, such as biases.

        Returns
        -------
        factors : ndarray of shape (n_parameters,)
            The first ``n_penalized``, the weights', come first.
        """
        return Layout(self.layers).factors(networks, layers, free)

    def owners(self):
        """Return which network each parameter is of.

        Returns
        -------
        owners : ndarray of int of shape (n_parameters,)
            The number of the network; ``n_networks`` for what all share.
        """
        return Layout(self.layers).owners()

    def positions(self, networks):
        """Return where in the vectors the parameters of some networks lie.

        Parameters
        ----------
        networks : int or array of int

        Returns
        -------
        positions : ndarray of int
            In the order that `take` has them; to take an optimizer's moments by.
        """
        return Layout(self.layers).positions(networks)

    def take(self, networks):
        """Return some of the networks: those that go on, when others have finished.

        Parameters
        ----------
        networks : int or array of int
            With an int the result is that network alone.

        Returns
        -------
        network : Network
            Flat, with a copy of the parameters.
        """
        layers = [take_networks(layer, networks) for layer in self.layers]
        alpha = self.alpha
        if np.ndim(alpha):
            positions = self.positions(networks)
            alpha = alpha[positions[positions < len(alpha)]]
        return Network(layers, self.loss, alpha, self.l1).flatten()

    def projected(self, update, average=None):
        """Return a step of an optimizer, with what the L1 penalty asks after it.

        Parameters
        ----------
        update : callable
            Of the learning rate.
        average : ndarray of shape (n_parameters,), default=None
            A running mean of the parameters, which is zero where the weights are.
        """
        return self._penalties.projected(update, average) if self.l1 else update

    def draw_from(self, rng):
        """Let the layers that draw numbers, as Dropout does, draw from a generator.

        Parameters
        ----------
        rng : numpy.random.Generator
        """
        for layer in self.layers:
            getattr(layer, "draw_from", lambda rng: None)(rng)

    @property
    def is_random(self):
        """Whether some layers draw numbers."""
        return any(hasattr(layer, "draw_from") for layer in self.layers)

    def for_prediction(self, parameters=None):
        """Return the network that predicts: without layers that act in training alone.

        Parameters
        ----------
        parameters : ndarray of shape (n_parameters,), default=None
            A vector to view; by default that of this network.

        Returns
        -------
        network : Network
            This one, if there is no difference; else one with memory of its own, for
            `forward` alone.
        """
        layers = [layer for layer in self.layers if not acts_in_training(layer)]
        if parameters is None:
            if len(layers) == len(self.layers):
                return self
            parameters = self.parameters
        network = Network([copy_of(layer) for layer in layers], self.loss)
        network.parameters, network.gradients = parameters, self.gradients
        Layout(network.layers).move_to(parameters, self.gradients)
        return network

    def multiply_with(self, choose):
        """Let the Dense layers multiply with other functions.

        Parameters
        ----------
        choose : callable
            From the number of weights of a layer to its ``matmul(left, right,
            out=None)``.
        """
        for layer in self.dense:
            layer.matmul = choose(layer.weights.size)

    @property
    def coefs(self):
        """Weights, layer by layer, each of shape (n_inputs, n_neurons)."""
        return [layer.weights for layer in self.dense]

    @property
    def intercepts(self):
        """Biases, layer by layer, each of shape (n_neurons,)."""
        return [layer.biases[..., 0, :] for layer in self.dense]

    def forward(self, inputs):
        """Compute the logits.

        Parameters
        ----------
        inputs : {ndarray, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples, n_outputs)
            Memory of the network, valid until the next call.
        """
        values = inputs
        for forward in self._steps_for(inputs.shape).forward:
            values = forward(values)
        return values

    def forward_once(self, inputs):
        """Compute the logits in new memory, as the layers do by hand.

        Takes two thirds of the time of a first `forward` of one row, which makes
        functions.

        Parameters
        ----------
        inputs : {ndarray, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples, n_outputs)
        """
        values = inputs
        for layer in self.layers:
            values = layer.forward(values)
        return values

    def loss_gradient(self, inputs, targets, sample_weight=None):
        """Return the regularized loss and fill `gradients`.

        Parameters
        ----------
        inputs : {ndarray, sparse matrix} of shape (n_samples, n_features)
        targets : ndarray
            In the form that the loss takes. Where several networks have rows of their
            own, so they have targets, with the networks as first axis.
        sample_weight : ndarray of shape (n_samples,), default=None
            With a positive sum. Or (n_networks, n_samples).

        Returns
        -------
        loss : float
            Mean loss plus penalty; or ndarray of shape (n_networks,), with the
            gradients of their sum.

        Raises
        ------
        ValueError
            If the network has no loss, or `flatten` has not been called.
        """
        if self.loss is None or self.gradients is None:
            raise ValueError(
                f"loss_gradient needs a loss, got loss={self.loss}, and the two "
                "vectors that flatten() makes."
            )
        shape = inputs.shape
        steps = self._steps.get(shape)
        if steps is None or steps.loss is not self.loss:
            steps = self._steps_for(shape)
            self._prepare_backward(steps, shape)
        values = inputs
        for forward in steps.forward:  # `self.forward` costs small networks 1 % more.
            values = forward(values)
        loss = steps.loss_gradient(targets, sample_weight)
        dvalues = steps.dlogits
        for backward in steps.backward:
            dvalues = backward(dvalues)
        total = shape[-2]
        if sample_weight is not None:
            total = np.add.reduce(sample_weight, axis=-1)
        return loss + self._penalties.add(loss, total, self.alpha, self.l1)

    def _forget(self):
        """Drop all memory, and the functions that write to it."""
        self._memory, self._steps, self._longest = {}, {}, 0

    def _steps_for(self, shape):
        """Return the functions for inputs of a shape."""
        steps = self._steps.get(shape)
        if steps is None:
            if shape[-2] > self._longest:
                self._forget()
                self._longest = shape[-2]
            if len(self._steps) == N_SHAPES:
                del self._steps[next(iter(self._steps))]
            outputs = self._arrays("outputs", shape)
            pairs = zip(self.layers, outputs, strict=True)
            forward = [forward_function(layer, out) for layer, out in pairs]
            steps = self._steps[shape] = _Steps(outputs, forward)
        return steps

    def _prepare_backward(self, steps, shape):
        """Add the functions from targets to gradients.

        The `dinputs` of the first layer with parameters is never computed.
        """
        start = self._n_leading
        _, *outputs = steps.outputs[start:]
        *gradients, steps.dlogits = self._arrays("gradients", shape)[start:]
        logits = steps.outputs[-1]
        steps.loss_gradient = self._loss_function(logits, steps.dlogits, shape)
        first, *others = self.layers[start:]
        # An activation may work in its output, as the layer above, which read it, is
        # done with it.
        parts = zip(others, gradients, outputs, strict=True)
        backward = [backward_function(*part) for part in parts]
        steps.backward = [*reversed(backward), parameters_function(first)]
        steps.loss = self.loss

    def _loss_function(self, logits, dlogits, shape):
        """Return the loss as a function of the targets for inputs of some shape."""
        loss_gradient = self.loss._loss_gradient_function(logits, dlogits)
        if logits.ndim == len(shape):
            return loss_gradient

        def loss_gradient_of_shared(targets, sample_weight):
            targets = np.broadcast_to(targets, (len(logits), *targets.shape))
            return loss_gradient(targets, sample_weight)

        return loss_gradient_of_shared

    def _arrays(self, purpose, shape):
        """Return one array per layer for what it puts out, or for its gradient.

        They are the beginnings of memory that is kept, so a short last batch costs
        nothing. An activation shares the array of a Dense layer before it.
        """
        memory = self._memory.setdefault(purpose, {})
        views = []
        for i, (before, layer) in enumerate(pairwise([None, *self.layers])):
            shape = output_shape(layer, shape)
            if works_in_place(layer) and getattr(before, "spares_output", False):
                views.append(views[-1])
                continue
            *rows, width = shape
            size = math.prod(shape)
            if i not in memory or memory[i].size < size:
                memory[i] = np.empty(size // shape[-2] * self._longest, self.dtype)
            if layer is self.layers[-1]:
                # Logits column by column: the row sums and maxima of a loss over few
                # classes then run down whole columns, five times as fast (200 x 10).
                columns = memory[i][:size].reshape(width, *rows)
                views.append(np.moveaxis(columns, 0, -1))
            else:
                views.append(memory[i][:size].reshape(shape))
        return views
