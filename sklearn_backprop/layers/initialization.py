"""Initial weights and biases, by the names that `init` takes.

Every scheme draws weights uniformly on ``[-bound, bound]`` with a bound that keeps the
size of activations, or of gradients, from layer to layer.
"""

import numpy as np


def generator(random_state):
    """Return what draws: a generator of NumPy's itself, or one of a seed."""
    if hasattr(random_state, "uniform"):
        return random_state
    return np.random.RandomState(random_state)


def glorot_uniform(rng, n_inputs, n_neurons, factor=6.0, dtype=np.float64):
    """Draw the initial weights and biases of one layer, after Glorot and Bengio.

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


def _fan_in_uniform(rng, n_inputs, n_neurons, variance, dtype):
    """Draw weights of a variance over the fan-in; biases are zero."""
    bound = (3.0 * variance / n_inputs) ** 0.5
    weights = rng.uniform(-bound, bound, (n_inputs, n_neurons))
    return weights.astype(dtype, copy=False), np.zeros(n_neurons, dtype)


def draw_parameters(rng, n_inputs, n_neurons, activation=None, dtype=np.float64):
    """Draw the weights and biases of a Dense layer that an activation follows.

    Parameters
    ----------
    rng : numpy.random.RandomState or numpy.random.Generator
    n_inputs, n_neurons : int
    activation : layer or None, default=None
        Its ``init`` and, for Glorot's, its ``glorot_factor`` decide: 'glorot', as in
        `glorot_uniform`; 'he', uniform with a variance of ``2 / n_inputs``, or 'lecun',
        of ``1 / n_inputs``, and no biases. None stands for 'glorot'.
    dtype : dtype, default=float64

    Returns
    -------
    weights : ndarray of shape (n_inputs, n_neurons)
    biases : ndarray of shape (n_neurons,)

    References
    ----------
    .. [1] Glorot and Bengio (2010), "Understanding the difficulty of training deep
       feedforward neural networks", equation 16.
    .. [2] He, Zhang, Ren and Sun (2015), "Delving deep into rectifiers", equation 10.
    .. [3] LeCun, Bottou, Orr and Müller (1998), "Efficient BackProp", equation 16.
    """
    scheme = init_of(activation)
    if scheme == "glorot":
        factor = getattr(activation, "glorot_factor", 6.0)
        return glorot_uniform(rng, n_inputs, n_neurons, factor, dtype)
    variance = {"he": 2.0, "lecun": 1.0}[scheme]
    return _fan_in_uniform(rng, n_inputs, n_neurons, variance, dtype)


def init_of(activation):
    """Return the name of the scheme that suits an activation, or that it asks for."""
    asked = getattr(activation, "init", None)
    return getattr(activation, "default_init", "glorot") if asked is None else asked
