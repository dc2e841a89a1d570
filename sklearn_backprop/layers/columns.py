"""Layers for tables: an embedding of each column, and a scale of each input."""

import numpy as np

from .base import check_sizes, floating
from .initialization import generator


class ColumnEmbedding:
    """One small matrix per column: components of a column in, a few numbers out.

    The inputs are ``n_columns`` groups of ``n_components`` numbers, as
    `PiecewiseLinearEncoder` or one-hot encoding makes them, filled up with zeros. With
    c for the column, ``output_c = inputs_c @ weights_c + biases_c``: a Dense layer
    whose weights are zero between different columns, and many times as fast.

    Parameters
    ----------
    n_columns, n_components : int
        Number of groups, and of inputs in each.
    n_outputs : int
        Number of outputs of each column.
    random_state : int, RandomState, Generator or None, default=None
        Source of the initial parameters, uniform within
        ``1 / sqrt(n_components)`` of zero.
    dtype : dtype, default=float64
        Of the parameters.

    Attributes
    ----------
    weights : ndarray of shape (n_columns * n_components, n_outputs)
        Column by column. All networks share them.
    biases : ndarray of shape (1, n_columns * n_outputs)
    inputs, output, dweights, dbiases, dinputs : ndarray
        As of `Dense`.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in
    tabular deep learning", section 3.
    """

    penalized, free = ("weights",), ("biases",)
    in_place, spares_output = False, True

    def __init__(
        self,
        n_columns,
        n_components,
        n_outputs,
        random_state=None,
        dtype=np.float64,
    ):
        check_sizes(n_columns=n_columns, n_components=n_components, n_outputs=n_outputs)
        rng = generator(random_state)
        bound = n_components**-0.5
        shapes = (n_columns * n_components, n_outputs), (1, n_columns * n_outputs)
        drawn = [rng.uniform(-bound, bound, shape) for shape in shapes]
        self._set(*(array.astype(dtype) for array in drawn), n_columns)

    @classmethod
    def from_arrays(cls, weights, biases, n_columns):
        """Return a layer over given arrays, which it views and does not copy.

        Parameters
        ----------
        weights : ndarray of shape (n_columns * n_components, n_outputs)
        biases : ndarray of shape (1, n_columns * n_outputs)
        n_columns : int
        """
        layer = cls.__new__(cls)
        layer._set(weights, biases, n_columns)
        return layer

    def _set(self, weights, biases, n_columns):
        self.n_columns, self.weights, self.biases = n_columns, weights, biases
        self.dweights = self.dbiases = None
        self._gradient_views = (None, None)

    def move_to(self, weights, biases, dweights, dbiases):
        """Move the layer onto given arrays (see `Dense.move_to`)."""
        self.weights, self.biases = weights, biases
        self._gradient_views = (dweights, dbiases)

    def output_shape(self, shape):
        """Return the shape of the output for inputs of some shape."""
        return *shape[:-1], self.biases.shape[-1]

    def _columns(self, array):
        """Return an array (..., n_columns * width) as (n_columns, ..., width)."""
        grouped = array.reshape(*array.shape[:-1], self.n_columns, -1)
        return np.moveaxis(grouped, -2, 0)

    def _matrices(self, array):
        """Return weights as (n_columns, n_components, n_outputs)."""
        return array.reshape(self.n_columns, -1, array.shape[-1])

    def forward(self, inputs, out=None):
        """Set and return ``output``.

        Parameters
        ----------
        inputs : ndarray of shape (..., n_samples, n_columns * n_components)
        out : ndarray of shape (..., n_samples, n_columns * n_outputs), default=None

        Returns
        -------
        output : ndarray of shape (..., n_samples, n_columns * n_outputs)
        """
        return self._forward_function(out)(floating(inputs))

    def _forward_function(self, out):
        def forward(inputs):
            self.inputs = inputs
            output = out
            if output is None:
                shape = self.output_shape(inputs.shape)
                output = np.empty(shape, np.result_type(inputs, self.weights))
            flat = inputs.reshape(-1, inputs.shape[-1])
            groups = self._columns(output.reshape(-1, output.shape[-1]))
            np.matmul(self._columns(flat), self._matrices(self.weights), out=groups)
            self.output = np.add(output, self.biases, output)
            return self.output

        return forward

    def backward(self, dvalues, out=None):
        """Set ``dweights`` and ``dbiases``; set and return ``dinputs``.

        Parameters
        ----------
        dvalues : ndarray of shape (..., n_samples, n_columns * n_outputs)
        out : ndarray of the shape of the inputs, default=None

        Returns
        -------
        dinputs : ndarray of shape (..., n_samples, n_columns * n_components)
        """
        return self._backward_function(out)(dvalues)

    def _backward_function(self, out=None, scratch=None):
        backward_parameters = self._backward_parameters_function()

        def backward(dvalues):
            backward_parameters(dvalues)
            dinputs = np.empty(self.inputs.shape, dvalues.dtype) if out is None else out
            groups = self._columns(dinputs.reshape(-1, dinputs.shape[-1]))
            flat = self._columns(dvalues.reshape(-1, dvalues.shape[-1]))
            transposed = np.swapaxes(self._matrices(self.weights), 1, 2)
            np.matmul(flat, transposed, out=groups)
            self.dinputs = dinputs
            return dinputs

        return backward

    def _backward_parameters_function(self):
        def backward_parameters(dvalues):
            dweights, dbiases = self._gradient_views
            if dweights is None:
                dweights = np.empty(self.weights.shape, dvalues.dtype)
            flat = dvalues.reshape(-1, dvalues.shape[-1])
            inputs = self._columns(self.inputs.reshape(-1, self.inputs.shape[-1]))
            np.matmul(
                np.swapaxes(inputs, 1, 2),
                self._columns(flat),
                out=self._matrices(dweights),
            )
            self.dweights = dweights
            self.dbiases = np.add.reduce(flat, axis=0, keepdims=True, out=dbiases)

        return backward_parameters


class Scale:
    """A factor for each input: ``output = inputs * scales``.

    With one for each of several networks it tells apart networks that share the
    weights behind it.

    Parameters
    ----------
    scales : ndarray of shape (1, n_neurons)
        Or (n_networks, 1, n_neurons), for several networks side by side; viewed, not
        copied.

    Attributes
    ----------
    scales, dscales : ndarray
        The factors, and their gradient, set by `backward`.
    inputs, output, dinputs : ndarray
        As of `Dense`.

    References
    ----------
    Gorishniy, Kotelnikov and Babenko (2025), "TabM: advancing tabular deep learning
    with parameter-efficient ensembling", section 3.3.
    """

    penalized, free = (), ("scales",)
    in_place, spares_output = False, True

    def __init__(self, scales):
        self.scales = scales
        self.dscales = self._gradient_view = None

    def move_to(self, scales, dscales):
        """Move the layer onto given arrays (see `Dense.move_to`)."""
        self.scales, self._gradient_view = scales, dscales

    def output_shape(self, shape):
        """Return the shape of the output for inputs of some shape."""
        return *max(shape[:-2], self.scales.shape[:-2]), *shape[-2:]

    def forward(self, inputs, out=None):
        """Set and return ``output``.

        Parameters
        ----------
        inputs : ndarray of shape (..., n_samples, n_neurons)
        out : ndarray of the shape of the output, default=None

        Returns
        -------
        output : ndarray of shape (..., n_samples, n_neurons)
        """
        return self._forward_function(out)(floating(inputs))

    def _forward_function(self, out):
        def forward(inputs):
            self.inputs = inputs
            self.output = np.multiply(inputs, self.scales, out)
            return self.output

        return forward

    def backward(self, dvalues, out=None):
        """Set ``dscales``; set and return ``dinputs``.

        Inputs that all networks share get the sum of their gradients.

        Parameters
        ----------
        dvalues : ndarray of shape (..., n_samples, n_neurons)
        out : ndarray of the shape of the inputs, default=None

        Returns
        -------
        dinputs : ndarray of shape (..., n_samples, n_neurons)
        """
        return self._backward_function(out)(dvalues)

    def _backward_function(self, out=None, scratch=None):
        backward_parameters = self._backward_parameters_function()

        def backward(dvalues):
            backward_parameters(dvalues)
            if dvalues.ndim == self.inputs.ndim:
                self.dinputs = np.multiply(dvalues, self.scales, out)
            else:
                factors = self.scales[:, 0]
                self.dinputs = np.einsum("kij,kj->ij", dvalues, factors, out=out)
            return self.dinputs

        return backward

    def _backward_parameters_function(self):
        def backward_parameters(dvalues):
            sums = np.einsum("...ij,...ij->...j", self.inputs, dvalues)
            if sums.ndim == self.scales.ndim:  # Of several networks that share them.
                sums = np.add.reduce(sums, axis=0)
            sums = sums[..., np.newaxis, :]
            if self._gradient_view is None:
                self.dscales = sums
            else:
                self._gradient_view[...] = sums
                self.dscales = self._gradient_view

        return backward_parameters
