"""A stack of layers whose parameters are one vector, in memory it reuses.

The seam of the package is `Network.loss_gradient`: above it is optimization, which
sees ``parameters`` and ``gradients``, two vectors; below it is calculus.
"""

from itertools import pairwise

import numpy as np

from .layers import Dense

__all__ = ["Network", "dense_stack", "flatten"]


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
    bind(layers, parameters, gradients)
    return parameters, gradients


def bind(layers, parameters, gradients):
    """Let Dense layers live in given vectors, laid out as `flatten` does.

    Parameters
    ----------
    layers : sequence of layers
    parameters, gradients : ndarray of shape (n_parameters,)
    """
    dense = _dense(layers)
    shapes = [layer.weights.shape for layer in dense]
    shapes += [layer.biases.shape for layer in dense]
    views = _split(parameters, shapes)
    gradient_views = _split(gradients, shapes)
    for i, layer in enumerate(dense):
        of_weights, of_biases = i, len(dense) + i
        layer.bind(
            views[of_weights],
            views[of_biases],
            gradient_views[of_weights],
            gradient_views[of_biases],
        )


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


class Network:
    """Layers from the inputs to the logits.

    Parameters
    ----------
    layers : sequence of layers
        The first is Dense. An activation works in place on the output of a Dense layer
        before it, and the backward pass works in its `output`.
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
    """

    def __init__(self, layers, loss=None, alpha=0.0):
        self.layers = list(layers)
        if not self.layers or not isinstance(self.layers[0], Dense):
            raise ValueError(f"layers must begin with a Dense layer, got {layers!r}.")
        self.loss = loss
        self.alpha = alpha
        self.parameters = self.gradients = None
        self._memory, self._views = {}, {}

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

    def use(self, parameters):
        """Let the network live in another parameter vector, which it views.

        Parameters
        ----------
        parameters : ndarray of shape (n_parameters,)
            Copied only if it is of another dtype.
        """
        self.parameters = parameters.astype(self.dtype, copy=False)
        self._weights = self.parameters[: self._n_weights]
        bind(self.layers, self.parameters, self.gradients)

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
        buffers = self._buffers("outputs", inputs.shape[0])
        for layer, out in zip(self.layers, buffers, strict=True):
            values = layer.forward(values, out=out)
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
        logits = self.forward(inputs)
        *buffers, dlogits = self._buffers("gradients", len(logits))
        loss = self.loss.loss_gradient(logits, targets, sample_weight, out=dlogits)
        self._backward(dlogits, buffers)
        if self.alpha == 0.0:
            return loss
        total = len(logits) if sample_weight is None else float(sample_weight.sum())
        return loss + self._penalize(self.alpha / total)

    def _backward(self, dvalues, buffers):
        """Fill `gradients`; the first layer's `dinputs` is never computed."""
        first, *others = self.layers
        for layer, out in zip(reversed(others), reversed(buffers), strict=True):
            if isinstance(layer, Dense):
                dvalues = layer.backward(dvalues, out=out)
            else:
                # The layer above, which read this output, is done with it.
                dvalues = layer.backward(dvalues, out=out, scratch=layer.output)
        first.backward_parameters(dvalues)

    def _penalize(self, strength):
        """Add the gradient of ``strength / 2 |weights|^2``, and return that term."""
        weights, dweights = self._weights, self._dweights
        dweights += np.multiply(weights, strength, out=self._scratch)
        return 0.5 * strength * float(np.dot(weights, weights))

    def _buffers(self, purpose, n_rows):
        """Return one array per layer for what it puts out, or for its gradient.

        They are row slices of memory that is kept, so a short last batch costs nothing.
        An activation shares the array of a Dense layer before it.
        """
        views = self._views.get(purpose)
        if views is None or len(views[0]) != n_rows:
            memory = self._memory.get(purpose)
            if memory is None or len(memory[0]) < n_rows:
                memory = self._memory[purpose] = self._allocate(n_rows)
            views = self._views[purpose] = self._first_rows(memory, n_rows)
        return views

    def _first_rows(self, memory, n_rows):
        if len(memory[0]) == n_rows:
            return memory
        views = []
        for before, array in pairwise([None, *memory]):
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
