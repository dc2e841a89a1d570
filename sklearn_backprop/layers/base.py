"""What a network asks of a layer, and what the activations share.

A network asks no layer for its type, but for what it has:

- ``penalized`` and ``free``, the names of its parameters: those that regularization
  concerns, and those that it leaves alone. The gradient of ``weights`` is ``dweights``.
  A parameter has two axes, or three with several networks in front;
- ``in_place``, whether its `output` may take the place of its inputs, and
  ``spares_output``, whether its backward pass does without its `output`;
- ``only_in_training``, whether a network that predicts does without it;
- ``output_shape(shape)``, the shape of its output for inputs of some shape;
- ``forward`` and ``backward``, as functions that write to memory which stays the same
  from batch to batch: `forward_function`, `backward_function`.

A layer of the user's own need only have ``forward(inputs)`` and ``backward(dvalues)``.
"""

import copy

import numpy as np

from ..settings import Settings, check, is_overridden

INITS = ("glorot", "he", "lecun")


def floating(array):
    """Return an array of floats: itself, or integers or a list as float64."""
    if isinstance(array, np.ndarray) and array.dtype.kind == "f":
        return array
    return np.asarray(array, dtype=np.float64)


def check_sizes(**sizes):
    """Raise ValueError unless all sizes of a layer, by name, are at least 1."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value!r}.")


def parameter_names(layer):
    """Return the names of a layer's parameters: the penalized ones, then the others."""
    return *getattr(layer, "penalized", ()), *getattr(layer, "free", ())


def acts_in_training(layer):
    """Return whether a layer acts in training alone."""
    return getattr(layer, "only_in_training", False)


def why_no_function(layer):
    """Return why a layer is no function of its inputs alone; None if it is one.

    What it predicts by would be random, or hang on arrays that no model keeps.
    """
    own = parameter_names(layer)
    if own:
        return (
            f"a layer with parameters of its own ({', '.join(own)}): an estimator "
            "keeps and trains those of its Dense layers alone"
        )
    if acts_in_training(layer):
        return (
            "a layer that acts in training alone: the estimator's parameter dropout "
            "leaves out hidden neurons"
        )
    return None


def forward_function(layer, out):
    """Return ``layer.forward`` as a function of the inputs alone, writing to `out`.

    Parameters
    ----------
    layer : layer
    out : ndarray
    """
    if not is_overridden(layer, "forward", by="_forward_function"):
        return layer._forward_function(out)

    def forward(inputs):
        out[...] = layer.forward(inputs)
        return out

    return forward


def backward_function(layer, out, scratch):
    """Return ``layer.backward`` as a function of `dvalues` alone, writing to `out`.

    Parameters
    ----------
    layer : layer
    out : ndarray
    scratch : ndarray
        The layer's output, which nobody needs any more.
    """
    if not is_overridden(layer, "backward", by="_backward_function"):
        return layer._backward_function(out, scratch)

    def backward(dvalues):
        out[...] = layer.backward(dvalues)
        return out

    return backward


def parameters_function(layer):
    """Return what a first layer needs: its gradients, without that of the inputs."""
    if is_overridden(layer, "backward", by="_backward_parameters_function"):
        return layer.backward
    return layer._backward_parameters_function()


def works_in_place(layer):
    """Return whether a layer's output may take the place of its inputs."""
    return getattr(layer, "in_place", False) and not is_overridden(
        layer, "forward", by="_forward_function"
    )


def output_shape(layer, shape):
    """Return the shape of a layer's output for inputs of some shape."""
    return layer.output_shape(shape) if hasattr(layer, "output_shape") else shape


def copy_of(layer):
    """Return a copy of a layer on the same parameters, with memory of its own."""
    copied = copy.copy(layer)
    getattr(copied, "__dict__", {}).pop("_rooms", None)
    return copied


def take_networks(layer, networks):
    """Return a copy of a layer that has some of its networks.

    Parameters
    ----------
    layer : layer
    networks : int or array of int
        With an int the copy is a layer of that network alone. What all networks share
        stays shared by those that are taken, and is copied.
    """
    taken = copy_of(layer)
    for name in parameter_names(layer):
        array = getattr(layer, name)
        own = array[networks] if array.ndim == 3 else array
        setattr(taken, name, np.array(own))
    return taken


def _is_init(value):
    return value is None or (isinstance(value, str) and value in INITS)


def kept_memory(layer, array, purpose=None):
    """Return memory in the shape of an array, which a layer keeps from batch to batch.

    Parameters
    ----------
    layer : layer
    array : ndarray
    purpose : bool, str or None, default=None
        The type ``bool``, or a name, for memory apart from the rest.
    """
    rooms = vars(layer).setdefault("_rooms", {})
    dtype = np.dtype(bool) if purpose is bool else array.dtype
    memory = rooms.get(purpose)
    if memory is None or memory.size < array.size or memory.dtype != dtype:
        memory = rooms[purpose] = np.empty(array.size, dtype)
    return memory[: array.size].reshape(array.shape)


class Activation(Settings):
    """What the package's activations share: a function, and its chain rule.

    A subclass gives ``_function(inputs, out)`` and, from its result,
    ``_chain(dvalues, output, out, scratch)``, the product of `dvalues` and the
    derivative. `scratch` may be the memory of `output`; `out` and `scratch` may be
    None.

    Parameters
    ----------
    init : {'glorot', 'he', 'lecun'} or None, default=None
        How an estimator draws the weights of the Dense layer before it (see
        `initialization.draw_parameters`); None stands for what suits the activation.
    """

    penalized = free = ()
    in_place, spares_output = True, False
    default_init, glorot_factor = "glorot", 6.0

    def __init__(self, init=None):
        self.init = init

    def validate(self):
        """Check the settings (see `Settings.validate`)."""
        accepted = "'glorot', 'he', 'lecun' or None"
        check("init", self.init, _is_init, accepted)

    _room = kept_memory

    def forward(self, inputs, out=None):
        """Set and return ``output``, the function of `inputs`.

        Parameters
        ----------
        inputs : ndarray of shape (..., n_samples, n_neurons)
        out : ndarray of the same shape, default=None

        Returns
        -------
        output : ndarray of shape (..., n_samples, n_neurons)
        """
        output = self.output = self._function(floating(inputs), out)
        return output

    def _forward_function(self, out):
        function = self._function

        def forward(inputs):
            output = self.output = function(inputs, out)
            return output

        return forward

    def backward(self, dvalues, out=None, scratch=None):
        """Set and return ``dinputs``, `dvalues` times the derivative.

        Parameters
        ----------
        dvalues : ndarray of shape (..., n_samples, n_neurons)
        out : ndarray of the same shape, default=None
        scratch : ndarray of the same shape, default=None
            Memory to work in: `output` itself where nobody needs that any more.

        Returns
        -------
        dinputs : ndarray of shape (..., n_samples, n_neurons)
        """
        dinputs = self.dinputs = self._chain(dvalues, self.output, out, scratch)
        return dinputs

    def _backward_function(self, out, scratch):
        chain = self._chain

        def backward(dvalues):
            dinputs = self.dinputs = chain(dvalues, self.output, out, scratch)
            return dinputs

        return backward
