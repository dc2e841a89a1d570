"""Whether a backward pass is the gradient of its forward pass."""

import copy

import numpy as np

from .layers import Softmax
from .layers.base import parameter_names
from .losses import Loss

__all__ = ["check_gradient"]


def check_gradient(
    layer_or_loss,
    inputs=None,
    y_true=None,
    sample_weight=None,
    *,
    tolerance=1e-6,
    random_state=0,
):
    """Compare a layer's or a loss's backward pass with central differences.

    A layer is checked through a random weighted sum of its outputs: the gradient of
    its inputs, and of each parameter that it names in ``penalized`` or ``free``. A loss
    is checked through its mean, as `backward` has it, and, if it is one of
    :class:`~sklearn_backprop.losses.Loss`, through the weighted mean of
    ``loss_gradient``.

    Parameters
    ----------
    layer_or_loss : layer or loss
        Anything with ``forward(inputs)`` and ``backward(dvalues)``, or with
        ``forward(output, y_true)`` and ``backward(output, y_true)``. It is copied, not
        changed.
    inputs : array-like of shape (n_samples, n_inputs), default=None
        What the layer, or as `output` the loss, is given. By default some random
        numbers: choose others where it has kinks or limits.
    y_true : array-like, default=None
        A loss's targets; by default one-hot rows. None for a layer.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the mean; by default random.
    tolerance : float, default=1e-6
        Largest deviation, relative to the larger of 1 and the gradient.
    random_state : int, default=0
        Seed of what is drawn.

    Returns
    -------
    deviation : float
        The largest.

    Raises
    ------
    AssertionError
        If the largest deviation exceeds the tolerance, with where it is.

    Notes
    -----
    ``SquaredError(gradient_scale=...)`` other than 1 fails by intention.

    References
    ----------
    Goodfellow, Bengio and Courville (2016), "Deep Learning", section 11.5.

    Examples
    --------
    >>> from sklearn_backprop import check_gradient
    >>> from sklearn_backprop.layers import Tanh
    >>> check_gradient(Tanh()) < 1e-6
    True
    """
    thing, rng = copy.deepcopy(layer_or_loss), np.random.RandomState(random_state)
    if y_true is not None or isinstance(thing, Loss):
        pairs = _loss_gradients(thing, inputs, y_true, sample_weight, rng)
    else:
        pairs = _layer_gradients(thing, inputs, rng)
    worst, where = 0.0, ""
    for name, gradient, expected in pairs:
        if gradient.shape != expected.shape:
            raise AssertionError(
                f"The gradient of {layer_or_loss!r} is wrong: {name} has shape "
                f"{gradient.shape}, not {expected.shape}."
            )
        scale = np.maximum(1.0, np.abs(expected))
        deviations = np.abs(gradient - expected) / scale
        if not np.isfinite(deviations).all():
            deviations = np.where(np.isfinite(deviations), deviations, np.inf)
        if deviations.max() > worst:
            worst = float(deviations.max())
            i = np.unravel_index(deviations.argmax(), deviations.shape)
            where = (
                f"{name}[{', '.join(map(str, i))}] is {gradient[i]:.8g}, and by "
                f"differences {expected[i]:.8g}"
            )
    if worst > tolerance:
        raise AssertionError(
            f"The gradient of {layer_or_loss!r} deviates by up to {worst:.3g} from "
            f"central differences, more than {tolerance:.3g}: {where}."
        )
    return worst


def _differences(function, array):
    """Return the gradient of a function of nothing with respect to an array it sees."""
    gradient = np.zeros(array.shape)
    for i in np.ndindex(array.shape):
        value = array[i]
        step = np.cbrt(np.finfo(np.float64).eps) * max(1.0, abs(value))
        array[i] = value + step
        above = function()
        array[i] = value - step
        below = function()
        array[i] = value
        gradient[i] = (above - below) / (2.0 * step)
    return gradient


def _layer_gradients(layer, inputs, rng):
    """Yield the name of what is differentiated, its gradient, and the differences."""
    if inputs is None:
        n_inputs = layer.weights.shape[-2] if hasattr(layer, "weights") else 4
        inputs = rng.normal(size=(5, n_inputs))
    inputs = np.array(inputs, np.float64)

    def forward():
        if hasattr(layer, "draw_from"):  # The same at every call.
            layer.draw_from(np.random.default_rng(0))
        return layer.forward(inputs.copy())

    weights = rng.normal(size=np.shape(forward()))

    def weighted_sum():
        return float(np.sum(weights * forward()))

    arrays = {}
    for name in parameter_names(layer):
        arrays[name] = np.array(getattr(layer, name), np.float64)
        setattr(layer, name, arrays[name])
    forward()
    gradients = {"dinputs": np.array(layer.backward(weights.copy()))}
    gradients |= {f"d{name}": np.array(getattr(layer, f"d{name}")) for name in arrays}
    for name, array in {"inputs": inputs, **arrays}.items():
        yield f"d{name}", gradients[f"d{name}"], _differences(weighted_sum, array)


def _loss_gradients(loss, output, y_true, sample_weight, rng):
    """Yield the same for the mean of a loss, and for its weighted mean."""
    if output is None:
        shape = (5, 3) if y_true is None or np.ndim(y_true) < 2 else np.shape(y_true)
        output = rng.normal(size=(len(y_true), 3) if np.ndim(y_true) == 1 else shape)
        if getattr(loss, "takes_probabilities", False):
            output = Softmax().forward(output)
    output = np.array(output, np.float64)
    if y_true is None:
        y_true = np.eye(output.shape[1])[rng.randint(output.shape[1], size=len(output))]
    y_true = np.asarray(y_true)

    def mean(shares):
        return float(np.sum(shares * loss.forward(output.copy(), y_true)))

    shares = np.full(len(output), 1.0 / len(output))
    gradient = np.array(loss.backward(output.copy(), y_true))
    yield "dinputs", gradient, _differences(lambda: mean(shares), output)
    if not hasattr(loss, "loss_gradient"):
        return
    if sample_weight is None:
        sample_weight = rng.uniform(0.5, 2.0, len(output))
    sample_weight = np.asarray(sample_weight, np.float64)
    gradient = np.empty_like(output)
    loss.loss_gradient(output.copy(), y_true, sample_weight, gradient)
    shares = sample_weight / sample_weight.sum()
    expected = _differences(lambda: mean(shares), output)
    yield "weighted dinputs", gradient, expected
