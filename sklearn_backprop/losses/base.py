"""What the losses share: means and weights, of one network or of several."""

import numpy as np

from ..settings import Settings, is_overridden


def _rows(array):
    """Return an array with the rows of all networks one below the other."""
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


class Loss(Settings):
    """What a network minimizes: the mean of one value per sample.

    A loss of one's own gives ``forward(output, y_true)``, the loss of each sample, and
    ``backward(output, y_true)``, the gradient of their mean; `check_gradient` compares
    the two. The package's own losses compute both in one pass instead: they give
    ``_evaluate(output, y_true, out)``, which returns the loss of each sample and writes
    each loss's own gradient to `out`, or, if there is something to prepare for given
    memory, ``_evaluate_function(output, out)``.

    Attributes
    ----------
    out_activation : str, layer or None
        The link: what turns the network's output into a prediction. None stands for
        what the task suggests: 'identity' for numbers, 'logistic' or 'softmax' for
        labels.
    default_score : str
        The score of held-out rows by which training stops early where none is asked
        for: 'accuracy', 'r2', or 'loss' for the negative loss itself.
    takes_probabilities : bool
        Whether `output` holds probabilities, and not what a network puts out.
    divergence_hint : str
        What is special to the loss where training diverges: a sentence, or nothing.
    """

    out_activation = None
    default_score = "loss"
    takes_probabilities = False
    divergence_hint = ""

    def check_targets(self, y_true):
        """Check that the loss is defined for some targets.

        Parameters
        ----------
        y_true : ndarray
            Targets of all samples.

        Raises
        ------
        ValueError
            If it is not, with the first value at fault.
        """

    def for_targets(self, y_true):
        """Return the loss for some targets: itself, unless it stands for several.

        Parameters
        ----------
        y_true : ndarray of shape (n_samples,) or (n_samples, n_outputs)

        Returns
        -------
        loss : Loss
        """
        return self

    def outputs_for(self, y_true):
        """Return targets with a column for each output of the network.

        Parameters
        ----------
        y_true : ndarray of shape (n_samples, n_targets)

        Returns
        -------
        y_true : ndarray of shape (n_samples, n_outputs)
        """
        return y_true

    def _read(self, output, y_true):
        """Return both as arrays, `output` of floats, or raise ValueError."""
        output, y_true = np.asarray(output), np.asarray(y_true)
        if output.dtype.kind != "f":
            output = output.astype(np.float64)
        if output.ndim not in (2, 3):
            raise ValueError(
                "output must have shape (n_samples, n_outputs), or (n_networks, "
                f"n_samples, n_outputs), got shape {output.shape}."
            )
        self._check_shapes(output, y_true)
        return output, y_true

    def _check_shapes(self, output, y_true):
        if y_true.shape != output.shape:
            raise ValueError(
                f"y_true has shape {y_true.shape}, but output has {output.shape}."
            )

    def forward(self, output, y_true):
        """Return the loss of each sample.

        Parameters
        ----------
        output : ndarray of shape (n_samples, n_outputs)
            What the loss is a function of: see the class.
        y_true : ndarray
            Targets, in the form the class names.

        Returns
        -------
        losses : ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If `y_true` does not have the shape that goes with `output`.
        """
        output, y_true = self._read(output, y_true)
        gradient = np.empty(output.shape, output.dtype)
        evaluate = self._evaluate_function(_rows(output), _rows(gradient))
        return evaluate(self._targets_of_rows(y_true, output)).reshape(
            output.shape[:-1]
        )

    def calculate(self, output, y_true, sample_weight=None):
        """Return the data loss: the (weighted) mean of the sample losses.

        Parameters
        ----------
        output, y_true : ndarray
            As for `forward`.
        sample_weight : ndarray of shape (n_samples,), default=None

        Returns
        -------
        loss : float
            Or ndarray of shape (n_networks,).
        """
        return self.loss_gradient(*self._read(output, y_true), sample_weight)

    def backward(self, output, y_true):
        """Set and return `dinputs`, the gradient of the mean loss.

        Parameters
        ----------
        output, y_true : ndarray
            As for `forward`.

        Returns
        -------
        dinputs : ndarray of shape (n_samples, n_outputs)
        """
        output, y_true = self._read(output, y_true)
        dinputs = self.dinputs = np.empty_like(output)
        self._mean_function(output, dinputs, self._evaluate_function)(y_true)
        return dinputs

    def loss_gradient(self, output, y_true, sample_weight=None, out=None):
        """Return the mean loss and write its gradient to `out`.

        Parameters
        ----------
        output, y_true : ndarray
            As for `forward`.
        sample_weight : ndarray of shape (n_samples,), default=None
            Weights of the mean, with a positive sum. With several networks they may
            have weights of their own, of shape (n_networks, n_samples).
        out : ndarray of shape (n_samples, n_outputs), default=None
            Where the gradient goes.

        Returns
        -------
        loss : float
            Or ndarray of shape (n_networks,), whose sum the gradient is of.
        """
        out = np.empty_like(output) if out is None else out
        return self._loss_gradient_function(output, out)(y_true, sample_weight)

    def _loss_gradient_function(self, output, out):
        """Return `loss_gradient` as a function of targets and weights alone.

        For a network that puts out to the same memory again and again.
        """
        evaluate_function = self._evaluate_function
        for method in ("forward", "backward"):
            if is_overridden(self, method, by="_evaluate_function"):
                evaluate_function = self._evaluate_by_hand_function
        return self._mean_function(output, out, evaluate_function)

    def _mean_function(self, output, out, evaluate_function):
        if output.ndim == 3:
            return self._stacked_function(output, out, evaluate_function)
        check, evaluate = self._check_shapes, evaluate_function(output, out)
        n_samples = len(output)
        # NumPy takes a quarter of a microsecond longer for a number than for an array.
        share = np.array(1.0 / n_samples, out.dtype)

        def loss_gradient(y_true, sample_weight=None):
            check(output, y_true)
            losses = evaluate(y_true)
            if sample_weight is None:
                np.multiply(out, share, out)
                return float(np.add.reduce(losses, dtype=np.float64)) / n_samples
            shares = sample_weight / sample_weight.sum()
            np.multiply(out, shares[:, np.newaxis], out)
            return float(np.dot(losses, shares))

        return loss_gradient

    def _stacked_function(self, output, out, evaluate_function):
        """Return what `_mean_function` does, for several networks.

        To the loss itself they are so many rows more.
        """
        shape = output.shape[:-1]
        rows = _rows(out)
        evaluate = evaluate_function(_rows(output), rows)

        def loss_gradient(y_true, sample_weight=None):
            self._check_shapes(output, y_true)
            losses = evaluate(self._targets_of_rows(y_true, output)).reshape(shape)
            if sample_weight is None:
                shares = np.full(shape, 1.0 / shape[-1], out.dtype)
            else:
                total = sample_weight.sum(axis=-1, keepdims=True)
                shares = np.broadcast_to(sample_weight / total, shape)
            np.multiply(rows.reshape(out.shape), shares[..., np.newaxis], out)
            return np.add.reduce(losses * shares, axis=-1, dtype=np.float64)

        return loss_gradient

    def _targets_of_rows(self, y_true, output):
        """Return the targets without the axis of the networks."""
        if output.ndim == 2:
            return y_true
        return _rows(y_true) if y_true.ndim == 3 else y_true.reshape(-1)

    def _evaluate_function(self, output, out):
        """Return a function of targets: the sample losses, with gradients to `out`."""
        if not hasattr(self, "_evaluate"):
            raise NotImplementedError(
                f"{type(self).__name__} must have forward(output, y_true) and "
                "backward(output, y_true)."
            )
        return lambda y_true: self._evaluate(output, y_true, out)

    def _evaluate_by_hand_function(self, output, out):
        """Return the same, by `forward` and `backward`."""

        def evaluate(y_true):
            # The gradient of a sample's loss is its row of that of the mean, times n.
            np.multiply(self.backward(output, y_true), len(output), out)
            return np.asarray(self.forward(output, y_true))

        return evaluate
