"""Looking inside a fitted network."""

from numbers import Integral

import numpy as np

from ._arrays import read_model
from ._data import read_data
from ._parameters import for_each_layer, read_loss, read_solver
from .batches import target_dtype
from .network import Network

# Rows that go through the layers at once.
BLOCK_ROWS = 1024


class InspectionMixin:
    """What the hidden layers put out, what the inputs do to the loss, and a summary."""

    def hidden_activations(self, X, layer=-1):
        """Return what a hidden layer puts out.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        layer : int, default=-1
            Which hidden layer: from 0, or from the end if negative.

        Returns
        -------
        activations : ndarray of shape (n_samples, n_neurons)

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        model = self._fitted()
        n_hidden = len(model.coefs_) - 1
        is_number = isinstance(layer, Integral) and not isinstance(layer, bool)
        if not is_number or layer not in range(-n_hidden, n_hidden):
            raise ValueError(
                f"layer must be an integer from {-n_hidden} to {n_hidden - 1}, for "
                f"{n_hidden} hidden layer(s), got {layer!r}."
            )
        # Of each hidden layer there are the products and the activation.
        n_layers = 2 * (layer % n_hidden + 1)
        return model._forward(X, lambda values: values, n_layers)

    def input_gradients(self, X, y):
        """Return the gradient of each row's loss with respect to the row.

        It says which features a prediction hangs on (saliency), and which way to change
        a row to make the loss larger (adversarial examples). The penalty has no part
        in it.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, among those that the model knows.

        Returns
        -------
        gradients : ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            If `y` does not go with the model or its loss.

        References
        ----------
        .. [1] Simonyan, Vedaldi and Zisserman (2014), "Deep inside convolutional
           networks: visualising image classification models and saliency maps",
           section 3.
        .. [2] Goodfellow, Shlens and Szegedy (2015), "Explaining and harnessing
           adversarial examples", section 4.
        """
        model = self._fitted()._copy()
        model._derive_missing()
        coefs, intercepts = read_model(model.coefs_, model.intercepts_)
        dtype = coefs[0].dtype
        X, y = read_data(model, X, y, reset=False)
        loss = read_loss(model, read_solver(model))
        if hasattr(loss, "gradient_scale"):
            loss.gradient_scale = 1.0  # Which is one of training's steps alone.
        # As for a batch of a stream, which need not have all labels.
        targets = model._read_targets(y, dtype, loss, True, True, None)
        targets = targets.astype(target_dtype(targets, dtype), copy=False)
        loss = loss.for_targets(targets)
        network = Network(model._layers_function(coefs, intercepts)())
        gradients = np.empty(X.shape, dtype)
        for start in range(0, X.shape[0], BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            inputs = X[rows].astype(dtype, copy=False)
            gradients[rows] = _input_gradients(network, loss, inputs, targets[rows])
        return gradients

    def summary(self):
        """Return the layers with their shapes and numbers of parameters, as text.

        Returns
        -------
        summary : str
        """
        model = self._fitted()
        n_hidden = len(model.coefs_) - 1
        activations = for_each_layer(model.activation_, n_hidden, "activation_")
        rows = [("layer", "inputs", "outputs", "parameters", "activation")]
        total = 0
        for i, (weights, name) in enumerate(
            zip(model.coefs_, [*activations, model.out_activation_], strict=True)
        ):
            n_inputs, n_neurons = np.shape(weights)
            count = (n_inputs + 1) * n_neurons
            total += count
            text = name if isinstance(name, str) else repr(name)
            rows.append((f"{i}", f"{n_inputs}", f"{n_neurons}", f"{count}", text))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                [c.rjust(w) for c, w in zip(row[:-1], widths[:-1], strict=True)]
                + [row[-1]]
            )
            for row in rows
        ]
        return "\n".join([*lines, f"{total} parameters in all"])


def _input_gradients(network, loss, inputs, targets):
    """Return the gradient of each row's loss, by one pass forward and one back."""
    logits = network.forward_once(inputs)
    # Of the mean each row has one part in so many.
    dvalues = loss.backward(logits, targets) * len(logits)
    for layer in reversed(network.layers):
        dvalues = layer.backward(dvalues)
    return dvalues
