"""Layers: the textbook contract, usable alone or inside a network.

A layer remembers what its backward pass needs. ``forward(inputs, out=None)`` sets
and returns ``output``; ``backward(dvalues, out=None)`` takes the gradient of the loss
with respect to ``output``, and sets and returns ``dinputs``, the gradient with respect
to ``inputs``. Without ``out`` a call allocates; with it the result is written there,
and ``out`` may be the argument itself. Nothing else that is passed in is written to.

A network calls the same layers on the same memory thousands of times.
``bound_forward(out)`` and ``bound_backward(out)`` therefore return the two as functions
of ``inputs`` and of ``dvalues`` alone, with all else looked up and decided; by hand,
``forward`` and ``backward`` bind and call.

The last axis holds features, the one before it samples; leading axes, if any, hold
networks of one shape side by side.
"""

import numpy as np

__all__ = ["Dense", "Exponential", "Identity", "Logistic", "ReLU", "Softmax", "Tanh"]

# NumPy takes a quarter of a microsecond longer for a number than for an array.
_ZERO = {np.dtype(t): np.zeros((), t) for t in (np.float32, np.float64)}
_INFINITY = {dtype: np.array(np.inf, dtype) for dtype in _ZERO}


def glorot_uniform(rng, n_inputs, n_neurons, factor=6.0, dtype=np.float64):
    """Draw the initial weights and biases of one layer.

    Both are uniform on ``[-bound, bound]`` with
    ``bound = sqrt(factor / (n_inputs + n_neurons))``.

    Parameters
    ----------
    rng : numpy.random.RandomState or numpy.random.Generator
        Source of the draws: first the weights, then the biases.
    n_inputs, n_neurons : int
        Fan-in and fan-out.
    factor : float, default=6.0
        6 suits tanh and ReLU, 2 the logistic sigmoid.
    dtype : dtype, default=float64
        Of the arrays returned. The draws themselves are float64.

    Returns
    -------
    weights : ndarray of shape (n_inputs, n_neurons)
    biases : ndarray of shape (n_neurons,)

    References
    ----------
    Glorot and Bengio (2010), "Understanding the difficulty of training deep
    feedforward neural networks", equation 16.
    """
    bound = (factor / (n_inputs + n_neurons)) ** 0.5
    weights = rng.uniform(-bound, bound, (n_inputs, n_neurons))
    biases = rng.uniform(-bound, bound, n_neurons)
    return weights.astype(dtype, copy=False), biases.astype(dtype, copy=False)


def _floating(array):
    """Return an array of floats: itself, or integers or a list as float64."""
    if isinstance(array, np.ndarray) and array.dtype.kind == "f":
        return array
    return np.asarray(array, dtype=np.float64)


def _transpose(array):
    """Swap the last two axes; sparse matrices have ``.T`` alone."""
    return array.T if array.ndim == 2 else np.swapaxes(array, -1, -2)


def _sparse_product(left, right, out):
    """Return ``left @ right`` of a sparse `left`, written to `out` if given."""
    product = left @ right
    if out is None:
        return product
    out[...] = product
    return out


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
    biases : ndarray of shape (1, n_neurons)
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

    def __init__(self, n_inputs, n_neurons, *, random_state=None, dtype=np.float64):
        for name, value in (("n_inputs", n_inputs), ("n_neurons", n_neurons)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}.")
        if not hasattr(random_state, "uniform"):
            random_state = np.random.RandomState(random_state)
        self._adopt(
            *glorot_uniform(random_state, n_inputs, n_neurons, dtype=dtype),
        )

    @classmethod
    def from_arrays(cls, weights, biases):
        """Return a layer over given arrays, which it views and does not copy.

        Parameters
        ----------
        weights : ndarray of shape (n_inputs, n_neurons)
        biases : ndarray of shape (n_neurons,) or (1, n_neurons)
        """
        layer = cls.__new__(cls)
        layer._adopt(weights, biases)
        return layer

    def _adopt(self, weights, biases):
        self.weights = weights
        self.biases = biases if biases.ndim > 1 else biases[np.newaxis]
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
        inputs = inputs if hasattr(inputs, "shape") else _floating(inputs)
        return self.bound_forward(out)(inputs)

    def bound_forward(self, out=None):
        """Bind `forward` to memory.

        Parameters
        ----------
        out : ndarray of shape (n_samples, n_neurons), default=None
            As for `forward`.

        Returns
        -------
        forward : callable
            Function of the inputs, an ndarray of floats or a sparse matrix.
        """

        def forward(inputs):
            self.inputs = inputs
            is_dense = isinstance(inputs, np.ndarray)
            product = self.matmul if is_dense else _sparse_product
            output = product(inputs, self.weights, out)
            self.output = np.add(output, self.biases, output)
            return output

        return forward

    def backward(self, dvalues, out=None):
        """Compute the gradients of parameters and inputs.

        ``dweights = inputs.T @ dvalues``, ``dbiases`` = column sums of `dvalues`,
        ``dinputs = dvalues @ weights.T``.

        Parameters
        ----------
        dvalues : ndarray of shape (n_samples, n_neurons)
        out : ndarray of shape (n_samples, n_inputs), default=None

        Returns
        -------
        dinputs : ndarray of shape (n_samples, n_inputs)
        """
        return self.bound_backward(out)(dvalues)

    def bound_backward(self, out=None, scratch=None):
        """Bind `backward` to memory.

        Parameters
        ----------
        out : ndarray of shape (n_samples, n_inputs), default=None
            As for `backward`.
        scratch : ndarray, default=None
            Not needed; as for the activations.

        Returns
        -------
        backward : callable
            Function of `dvalues`.
        """
        backward_parameters = self.bound_backward_parameters()
        backward_inputs = self._bound_backward_inputs(out)

        def backward(dvalues):
            backward_parameters(dvalues)
            return backward_inputs(dvalues)

        return backward

    def backward_parameters(self, dvalues):
        """Set `dweights` and `dbiases` alone: all that a first layer needs."""
        self.bound_backward_parameters()(dvalues)

    def bound_backward_parameters(self):
        """Return `backward_parameters` as a function that keeps its row of ones."""
        ones = np.ones((1, 0))

        def backward_parameters(dvalues):
            nonlocal ones
            if ones.shape[1] != dvalues.shape[-2]:
                ones = np.ones((1, dvalues.shape[-2]), dvalues.dtype)
            inputs, (weights_view, biases_view) = self.inputs, self._gradient_views
            is_dense = isinstance(inputs, np.ndarray)
            product = self.matmul if is_dense else _sparse_product
            self.dweights = product(_transpose(inputs), dvalues, weights_view)
            # A product with ones sums columns three times as fast as np.add.reduce.
            self.dbiases = np.matmul(ones, dvalues, biases_view)

        return backward_parameters

    def backward_inputs(self, dvalues, out=None):
        """Set and return `dinputs` alone."""
        return self._bound_backward_inputs(out)(dvalues)

    def _bound_backward_inputs(self, out):
        product = _outer if self.weights.shape[1:] == (1,) else np.matmul

        def backward_inputs(dvalues):
            dinputs = product(dvalues, _transpose(self.weights), out)
            self.dinputs = dinputs
            return dinputs

        return backward_inputs


class _Activation:
    """What the activations share: a function, and its chain rule.

    A subclass gives ``_function(inputs, out)`` and, from its result,
    ``_chain(dvalues, output, out, scratch)``, the product of `dvalues` and the
    derivative. `scratch` may be the memory of `output`; `out` and `scratch` may be
    None.
    """

    def forward(self, inputs, out=None):
        """Set and return ``output``, the function of `inputs`.

        Parameters
        ----------
        inputs : ndarray of shape (n_samples, n_neurons)
        out : ndarray of the same shape, default=None

        Returns
        -------
        output : ndarray of shape (n_samples, n_neurons)
        """
        return self.bound_forward(out)(_floating(inputs))

    def bound_forward(self, out=None):
        """Bind `forward` to memory.

        Parameters
        ----------
        out : ndarray of shape (n_samples, n_neurons), default=None
            As for `forward`.

        Returns
        -------
        forward : callable
            Function of the inputs, an ndarray of floats.
        """
        function = self._function

        def forward(inputs):
            output = self.output = function(inputs, out)
            return output

        return forward

    def backward(self, dvalues, out=None, scratch=None):
        """Set and return ``dinputs``, `dvalues` times the derivative.

        Parameters
        ----------
        dvalues : ndarray of shape (n_samples, n_neurons)
        out : ndarray of the same shape, default=None
        scratch : ndarray of the same shape, default=None
            Memory to work in: `output` itself where nobody needs that any more.

        Returns
        -------
        dinputs : ndarray of shape (n_samples, n_neurons)
        """
        return self.bound_backward(out, scratch)(dvalues)

    def bound_backward(self, out=None, scratch=None):
        """Bind `backward` to memory.

        Parameters
        ----------
        out, scratch : ndarray of shape (n_samples, n_neurons), default=None
            As for `backward`.

        Returns
        -------
        backward : callable
            Function of `dvalues`.
        """
        chain = self._chain

        def backward(dvalues):
            dinputs = self.dinputs = chain(dvalues, self.output, out, scratch)
            return dinputs

        return backward


def _copy(array, out):
    """Return `array`, or `out` with its values where that is another array."""
    if out is None or out is array:
        return array
    out[...] = array
    return out


class Identity(_Activation):
    """No-op activation: ``output = inputs``, ``dinputs = dvalues``, without a copy."""

    def _function(self, inputs, out):
        return _copy(inputs, out)

    def _chain(self, dvalues, output, out, scratch):
        return _copy(dvalues, out)


class ReLU(_Activation):
    """Rectified linear unit: ``output = max(0, inputs)``.

    ``dinputs = dvalues`` where ``inputs > 0``, else 0 (also at exactly 0).

    References
    ----------
    Nair and Hinton (2010), "Rectified linear units improve restricted Boltzmann
    machines".
    """

    def _function(self, inputs, out):
        # np.maximum with a scalar takes more than twice as long (8.1 us against 3.0
        # for 200 x 100 in float32).
        dtype = inputs.dtype
        return inputs.clip(_ZERO.get(dtype, 0.0), _INFINITY.get(dtype, np.inf), out)

    def _chain(self, dvalues, output, out, scratch):
        # Written as floats: a float times a bool array is cast element by element.
        is_active = np.empty_like(output) if scratch is None else scratch
        np.greater(output, _ZERO.get(output.dtype, 0.0), is_active)
        return np.multiply(dvalues, is_active, out)


class Tanh(_Activation):
    """Hyperbolic tangent; the derivative is ``1 - output ** 2``."""

    def _function(self, inputs, out):
        return np.tanh(inputs, out)

    def _chain(self, dvalues, output, out, scratch):
        squares = np.multiply(output, output, scratch)
        slopes = np.subtract(1.0, squares, squares)
        return np.multiply(dvalues, slopes, out)


class Logistic(_Activation):
    """Logistic sigmoid: ``output = 1 / (1 + exp(-inputs))``.

    The derivative is ``output * (1 - output)``.
    """

    def _function(self, inputs, out):
        # Three to four times as fast as scipy.special.expit, which has no SIMD loop,
        # and as exact: exp overflows to inf, whose reciprocal is the right zero.
        out = np.negative(inputs, out)
        with np.errstate(over="ignore"):
            np.exp(out, out)
        return np.reciprocal(np.add(out, 1.0, out), out)

    def _chain(self, dvalues, output, out, scratch):
        product = np.multiply(dvalues, output, out)
        return np.multiply(product, np.subtract(1.0, output, scratch), out)


class Exponential(_Activation):
    """``output = exp(inputs)``, which is its own derivative; inf past the range."""

    def _function(self, inputs, out):
        with np.errstate(over="ignore"):
            return np.exp(inputs, out)

    def _chain(self, dvalues, output, out, scratch):
        return np.multiply(dvalues, output, out)


class Softmax(_Activation):
    """Rows of probabilities: ``output_j = exp(inputs_j) / sum_k exp(inputs_k)``.

    The row maximum is taken off first, so that nothing overflows. `backward` is the
    product with the full Jacobian: per sample, with ``s = output``,
    ``dinputs = (diag(s) - s s^T) dvalues = s * (dvalues - s . dvalues)``.

    References
    ----------
    Bridle (1990), "Probabilistic interpretation of feedforward classification network
    outputs", equation 1.
    """

    def _function(self, inputs, out):
        largest = np.maximum.reduce(inputs, axis=-1, keepdims=True)
        shifted = np.subtract(inputs, largest, out)
        probabilities = np.exp(shifted, shifted)
        probabilities /= np.add.reduce(probabilities, axis=-1, keepdims=True)
        return probabilities

    def _chain(self, dvalues, output, out, scratch):
        weighted = np.einsum("...j,...j->...", output, dvalues)
        centred = np.subtract(dvalues, weighted[..., np.newaxis], out)
        return np.multiply(centred, output, centred)
