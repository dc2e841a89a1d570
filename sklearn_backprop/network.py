"""A stack of layers whose parameters are one vector, in memory it reuses.

The seam of the package is `Network.loss_gradient`: above it is optimization, which
sees ``parameters`` and ``gradients``, two vectors; below it is calculus.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .layers import Dense
from .losses import Loss

__all__ = ["Network", "dense_stack", "flatten"]

# Of how many lengths of batches the functions are kept: training has its batches and a
# short last one, and so have the rows that early stopping holds out.
N_LENGTHS = 4


def dense_stack(coefs, intercepts, activation):
    """Return ``[Dense, activation, Dense, ..., Dense]`` over given arrays.

    Parameters
    ----------
    coefs : sequence of ndarray of shape (n_inputs, n_neurons)
        Weights, layer by layer; viewed, not copied.
    intercepts : sequence of ndarray of shape (n_neurons,)
        Biases, layer by layer.
    activation : type
        Class of the activation between two Dense layers.

    Returns
    -------
    layers : list
    """
    layers = []
    for weights, biases in zip(coefs, intercepts, strict=True):
        layers += [Dense.from_arrays(weights, biases), activation()]
    return layers[:-1]


def flatten(layers):
    """Move the parameters of Dense layers into one vector, the gradients into another.

    Each layer's ``weights``, ``biases`` and gradients become views. First come all
    weights, which regularization then reaches as one slice, then all biases.

    Parameters
    ----------
    layers : sequence of layers
        Those that are not Dense are passed over.

    Returns
    -------
    parameters, gradients : ndarray of shape (n_parameters,)
    """
    dense = _dense(layers)
    arrays = [layer.weights for layer in dense] + [layer.biases for layer in dense]
    parameters = np.concatenate([array.ravel() for array in arrays])
    gradients = np.zeros_like(parameters)
    shapes = [array.shape for array in arrays]
    views, gradient_views = _split(parameters, shapes), _split(gradients, shapes)
    n = len(dense)
    quadruples = zip(
        views[:n], views[n:], gradient_views[:n], gradient_views[n:], strict=True
    )
    for layer, arrays in zip(dense, quadruples, strict=True):
        layer.move_to(*arrays)
    return parameters, gradients


def _dense(layers):
    return [layer for layer in layers if isinstance(layer, Dense)]


def _split(vector, shapes):
    """Return consecutive parts of `vector` as arrays of the given shapes."""
    arrays, start = [], 0
    for shape in shapes:
        stop = start + shape[0] * shape[1]
        arrays.append(vector[start:stop].reshape(shape))
        start = stop
    return arrays


@dataclass
class _Pass:
    """The layers' functions for batches of one length, bound to their memory."""

    outputs: list
    forward: list
    backward: list | None = None
    loss: Loss | None = None
    loss_gradient: Callable | None = None
    dlogits: np.ndarray | None = None


class Network:
    """Layers from the inputs to the logits.

    Parameters
    ----------
    layers : sequence of layers
        The first is Dense; all have ``bound_forward(out)`` and ``bound_backward(out,
        scratch)``. An activation works in place on the output of a Dense layer before
        it, and the backward pass works in its `output`.
    loss : Loss or None, default=None
        Function of the logits. Needed for `loss_gradient`.
    alpha : float, default=0.0
        Strength of the L2 penalty ``alpha / (2 n_samples) |weights|^2``.

    Attributes
    ----------
    parameters, gradients : ndarray of shape (n_parameters,) or None
        The two vectors, once `flatten` has been called.

    Raises
    ------
    ValueError
        If the first layer is not Dense.

    Notes
    -----
    The layers are looked up once, not at every call: one that takes the place of
    another in `layers` is not noticed. A pickle or deep copy has vectors of its own.
    """

    def __init__(self, layers, loss=None, alpha=0.0):
        self.layers = list(layers)
        if not self.layers or not isinstance(self.layers[0], Dense):
            raise ValueError(f"layers must begin with a Dense layer, got {layers!r}.")
        self.loss = loss
        self.alpha = alpha
        self.parameters = self.gradients = None
        self._forget()

    def __getstate__(self):
        # The functions are bound to the memory of this network.
        return {**self.__dict__, "_memory": {}, "_passes": {}}

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
        return self.layers[0].weights.dtype

    @property
    def dense(self):
        """The Dense layers."""
        return _dense(self.layers)

    def flatten(self):
        """Move all parameters into `parameters`; see the function of that name."""
        self.parameters, self.gradients = flatten(self.layers)
        self._n_weights = sum(layer.weights.size for layer in self.dense)
        self._weights = self.parameters[: self._n_weights]
        self._dweights = self.gradients[: self._n_weights]
        self._scratch = np.empty_like(self._weights)
        return self

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
        return [layer.biases[0] for layer in self.dense]

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
        for forward in self._pass(inputs.shape[0]).forward:
            values = forward(values)
        return values

    def forward_once(self, inputs):
        """Compute the logits in new memory, as the layers do by hand.

        Takes two thirds of the time of a first `forward` of one row, which binds.

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
            In the form that the loss takes.
        sample_weight : ndarray of shape (n_samples,), default=None
            With a positive sum.

        Returns
        -------
        loss : float
            Mean loss plus penalty.

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
        n_samples = inputs.shape[0]
        bound = self._pass(n_samples)
        if bound.loss is not self.loss:
            self._bind_backward(bound)
        values = inputs
        for forward in bound.forward:  # `self.forward` costs small networks 1 % more.
            values = forward(values)
        loss = bound.loss_gradient(targets, sample_weight)
        dvalues = bound.dlogits
        for backward in bound.backward:
            dvalues = backward(dvalues)
        if self.alpha == 0.0:
            return loss
        total = n_samples if sample_weight is None else float(sample_weight.sum())
        return loss + self._penalize(self.alpha / total)

    def _penalize(self, strength):
        """Add the gradient of ``strength / 2 |weights|^2``, and return that term."""
        weights, dweights = self._weights, self._dweights
        np.add(dweights, np.multiply(weights, strength, self._scratch), dweights)
        return 0.5 * strength * float(np.dot(weights, weights))

    def _forget(self):
        """Drop all memory, and the functions bound to it."""
        self._memory, self._passes = {}, {}

    def _pass(self, n_rows):
        """Return the functions for batches of `n_rows` rows."""
        bound = self._passes.get(n_rows)
        if bound is None:
            if self._memory and len(self._memory["outputs"][0]) < n_rows:
                self._forget()
            if len(self._passes) == N_LENGTHS:
                del self._passes[next(iter(self._passes))]
            outputs = self._arrays("outputs", n_rows)
            pairs = zip(self.layers, outputs, strict=True)
            forward = [layer.bound_forward(out) for layer, out in pairs]
            bound = self._passes[n_rows] = _Pass(outputs, forward)
        return bound

    def _bind_backward(self, bound):
        """Let a pass have its functions from targets to gradients.

        The first layer's `dinputs` is never computed.
        """
        outputs, n_rows = bound.outputs, len(bound.outputs[0])
        *gradients, bound.dlogits = self._arrays("gradients", n_rows)
        bound.loss_gradient = self.loss.bound_loss_gradient(outputs[-1], bound.dlogits)
        first, *others = self.layers
        # An activation may work in its output, as the layer above, which read it, is
        # done with it.
        steps = zip(others, gradients, outputs[1:], strict=True)
        backward = [layer.bound_backward(out, scratch) for layer, out, scratch in steps]
        bound.backward = [*reversed(backward), first.bound_backward_parameters()]
        bound.loss = self.loss

    def _arrays(self, purpose, n_rows):
        """Return one array per layer for what it puts out, or for its gradient.

        They are row slices of memory that is kept, so a short last batch costs nothing.
        An activation shares the array of a Dense layer before it.
        """
        if purpose not in self._memory:
            longest = self._memory.get("outputs", [range(n_rows)])[0]
            self._memory[purpose] = self._allocate(len(longest))
        views = []
        for before, array in pairwise([None, *self._memory[purpose]]):
            views.append(views[-1] if array is before else array[:n_rows])
        return views

    def _allocate(self, n_rows):
        arrays = []
        for before, layer in pairwise([None, *self.layers]):
            if isinstance(layer, Dense):
                # Logits column by column: the row sums and maxima of a loss over few
                # classes then run down whole columns, five times as fast (200 x 10).
                order = "F" if layer is self.layers[-1] else "C"
                shape = (n_rows, layer.weights.shape[1])
                arrays.append(np.empty(shape, self.dtype, order))
            elif isinstance(before, Dense):
                arrays.append(arrays[-1])
            else:
                arrays.append(np.empty_like(arrays[-1]))
        return arrays
