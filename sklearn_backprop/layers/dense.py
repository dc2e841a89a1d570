"""The fully connected layer."""

import numpy as np

from . import products
from .base import check_sizes, floating
from .initialization import generator, glorot_uniform


def _outer(column, row, out):
    """Return ``column @ row``, of shapes (n, 1) and (1, m)."""
    try:
        # 3.6 us for 200 x 100 in float32, where np.multiply takes 7.5 and np.matmul 23.
        return np.dot(column, row, out)
    except ValueError:  # np.dot writes to nothing that it would not have made itself.
        return np.matmul(column, row, out)


class Dense:
    """Fully connected layer: ``output = inputs @ weights + biases``.

    Parameters
    ----------
    n_inputs : int
        Number of input features.
    n_neurons : int
        Number of outputs.
    random_state : int, RandomState, Generator or None, default=None
        Seed or source of the initial weights and biases (`glorot_uniform`).
    dtype : dtype, default=float64
        Of the parameters.

    Attributes
    ----------
    weights : ndarray of shape (n_inputs, n_neurons)
        With several networks (n_networks, n_inputs, n_neurons), or as for one where
        all networks share them.
    biases : ndarray of shape (1, n_neurons)
        With several networks (n_networks, 1, n_neurons), or as for one.
    inputs : {ndarray, sparse matrix} of shape (n_samples, n_inputs)
        What `forward` was given last.
    output : ndarray of shape (n_samples, n_neurons)
    dweights, dbiases : ndarray
        Gradients, shaped like the parameters, set by `backward`.
    dinputs : ndarray of shape (n_samples, n_inputs)
        Set by `backward`.
    matmul : callable, default=numpy.matmul
        ``matmul(left, right, out=None)``, which multiplies dense `inputs` forward and
        for the gradient of the weights.

    References
    ----------
    Rumelhart, Hinton and Williams (1986), "Learning representations by
    back-propagating errors", equations 1 and 4 to 7.
    """

    penalized, free = ("weights",), ("biases",)
    in_place, spares_output = False, True

    def __init__(self, n_inputs, n_neurons, *, random_state=None, dtype=np.float64):
        check_sizes(n_inputs=n_inputs, n_neurons=n_neurons)
        rng = generator(random_state)
        weights, biases = glorot_uniform(rng, n_inputs, n_neurons, dtype=dtype)
        self._set(weights, biases[np.newaxis])

    @classmethod
    def from_arrays(cls, weights, biases):
        """Return a layer over given arrays, which it views and does not copy.

        Parameters
        ----------
        weights : ndarray of shape (n_inputs, n_neurons)
            Or (n_networks, n_inputs, n_neurons), for several networks side by side.
        biases : ndarray of shape (n_neurons,) or (1, n_neurons)
            Or (n_networks, n_neurons) or (n_networks, 1, n_neurons). Either may be
            that of one network, which all then share.
        """
        if biases.ndim == 1:
            biases = biases[np.newaxis]
        elif biases.ndim == 2 and (len(biases) > 1 or weights.shape[:-2] == (1,)):
            biases = biases[:, np.newaxis]
        layer = cls.__new__(cls)
        layer._set(weights, biases)
        return layer

    def _set(self, weights, biases):
        self.weights, self.biases = weights, biases
        self.dweights = self.dbiases = None
        self._gradient_views = (None, None)
        self.matmul = np.matmul

    def move_to(self, weights, biases, dweights, dbiases):
        """Move the layer onto given arrays, in which it then lives.

        Parameters
        ----------
        weights, biases : ndarray
            The parameters from now on; the caller fills them.
        dweights, dbiases : ndarray
            Where `backward` writes from now on.
        """
        self.weights, self.biases = weights, biases
        self._gradient_views = (dweights, dbiases)

    def output_shape(self, shape):
        """Return the shape of the output for inputs of some shape."""
        networks = max(shape[:-2], self.weights.shape[:-2], self.biases.shape[:-2])
        return *networks, shape[-2], self.weights.shape[-1]

    def forward(self, inputs, out=None):
        """Compute ``output = inputs @ weights + biases``.

        Parameters
        ----------
        inputs : {ndarray, sparse matrix} of shape (n_samples, n_inputs)
        out : ndarray of shape (n_samples, n_neurons), default=None

        Returns
        -------
        output : ndarray of shape (n_samples, n_neurons)

        Raises
        ------
        ValueError
            If `inputs` does not have ``n_inputs`` columns.
        """
        inputs = inputs if hasattr(inputs, "shape") else floating(inputs)
        return self._forward_function(out)(inputs)

    def _forward_function(self, out=None):
        """Return `forward` as a function of the inputs alone.

        They are an ndarray of floats or a sparse matrix.
        """
        is_one_network = self.weights.ndim == self.biases.ndim == 2

        def forward(inputs):
            self.inputs = inputs
            if is_one_network and isinstance(inputs, np.ndarray) and inputs.ndim == 2:
                output = self.matmul(inputs, self.weights, out)
                self.output = np.add(output, self.biases, output)
            else:
                self.output = products.forward(inputs, self.weights, self.biases, out)
            return self.output

        return forward

    def backward(self, dvalues, out=None):
        """Compute the gradients of parameters and inputs.

        ``dweights = inputs.T @ dvalues``, ``dbiases`` = column sums of `dvalues`,
        ``dinputs = dvalues @ weights.T``. What several networks share gets the sum of
        their gradients.

        Parameters
        ----------
        dvalues : ndarray of shape (n_samples, n_neurons)
        out : ndarray of shape (n_samples, n_inputs), default=None

        Returns
        -------
        dinputs : ndarray of shape (n_samples, n_inputs)
        """
        return self._backward_function(out)(dvalues)

    def _backward_function(self, out=None, scratch=None):
        """Return `backward` as a function of `dvalues` alone; `scratch` is not used."""
        backward_parameters = self._backward_parameters_function()
        backward_inputs = self._backward_inputs_function(out)

        def backward(dvalues):
            backward_parameters(dvalues)
            return backward_inputs(dvalues)

        return backward

    def backward_parameters(self, dvalues):
        """Set `dweights` and `dbiases` alone: all that a first layer needs."""
        self._backward_parameters_function()(dvalues)

    def _backward_parameters_function(self):
        """Return `backward_parameters` as a function that keeps its row of ones."""
        ones = np.ones((1, 0))

        def backward_parameters(dvalues):
            nonlocal ones
            if ones.shape[1] != dvalues.shape[-2]:
                ones = np.ones((1, dvalues.shape[-2]), dvalues.dtype)
            inputs, (weights_view, biases_view) = self.inputs, self._gradient_views
            if dvalues.ndim == 2 and isinstance(inputs, np.ndarray):
                self.dweights = self.matmul(inputs.T, dvalues, weights_view)
            else:
                self.dweights = products.weights_gradient(
                    inputs, dvalues, self.weights.ndim, weights_view
                )
            if dvalues.ndim == self.biases.ndim:
                # A product with ones sums columns three times as fast as np.add.reduce.
                self.dbiases = np.matmul(ones, dvalues, biases_view)
            else:
                self.dbiases = products.biases_gradient(dvalues, biases_view)

        return backward_parameters

    def backward_inputs(self, dvalues, out=None):
        """Set and return `dinputs` alone."""
        return self._backward_inputs_function(out)(dvalues)

    def _backward_inputs_function(self, out):
        product = _outer if self.weights.shape[1:] == (1,) else np.matmul

        def backward_inputs(dvalues):
            if dvalues.ndim == 2:
                dinputs = product(dvalues, self.weights.T, out)
            else:
                dinputs = products.inputs_gradient(
                    dvalues, self.weights, self.inputs.ndim, out
                )
            self.dinputs = dinputs
            return dinputs

        return backward_inputs
