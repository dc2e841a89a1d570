"""Displays of fitted networks, after scikit-learn's convention.

They need Matplotlib, which ``pip install "sklearn-backprop[plots]"`` brings.
"""

import math

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .settings import check_count

__all__ = ["FirstLayerDisplay", "LossCurveDisplay"]


def _pyplot(needed_by):
    """Return Matplotlib's pyplot, or raise ImportError with the extra that has it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{needed_by} needs Matplotlib, which the extra 'plots' brings: "
            'pip install "sklearn-backprop[plots]".'
        ) from error
    return plt


def _network_of(estimator):
    """Return the fitted network, which may be the last step of a pipeline."""
    if isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    check_is_fitted(estimator, "coefs_")
    return estimator


class LossCurveDisplay:
    """Loss after each epoch, of the training and of the validation data.

    It is best made by `from_estimator`; the arguments are kept as attributes.

    Parameters
    ----------
    loss_curve : sequence of float
        Training loss after each epoch, or iteration of L-BFGS.
    validation_loss_curve : sequence of float or None, default=None
        The same of the validation data, without penalty.
    estimator_name : str or None, default=None
        What the legend calls the estimator.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        The training and, if there is one, the validation curve.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_backprop import MLPClassifier
    >>> from sklearn_backprop.inspection import LossCurveDisplay
    >>> model = MLPClassifier(early_stopping=True, max_iter=500, random_state=0)
    >>> model = model.fit(*load_iris(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(model)
    >>> len(display.lines_)
    2
    """

    def __init__(self, loss_curve, validation_loss_curve=None, estimator_name=None):
        self.loss_curve = loss_curve
        self.validation_loss_curve = validation_loss_curve
        self.estimator_name = estimator_name

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **kwargs):
        """Plot the curves of a fitted estimator.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline that ends with one
            Fitted.
        name : str, default=None
            What the legend calls it; by default its class.
        ax : matplotlib Axes, default=None
            Where to plot; by default on new axes.
        **kwargs : dict
            Keywords of both lines, passed to Matplotlib's `plot`.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ImportError
            Without Matplotlib.
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it has no curve, as a model that was made of arrays.
        """
        network = _network_of(estimator)
        curve = getattr(network, "loss_curve_", None)
        if not curve:
            raise ValueError(
                f"{network!r} has no loss_curve_: it has not been trained."
            )
        validation = getattr(network, "validation_loss_curve_", None)
        name = type(network).__name__ if name is None else name
        return cls(curve, validation, name).plot(ax=ax, **kwargs)

    def plot(self, *, ax=None, name=None, **kwargs):
        """Plot the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to plot; by default on new axes.
        name : str, default=None
            What the legend calls the estimator; by default `estimator_name`.
        **kwargs : dict
            Keywords of both lines, passed to Matplotlib's `plot`.

        Returns
        -------
        display : LossCurveDisplay
        """
        plt = _pyplot("LossCurveDisplay")
        ax = plt.subplots()[1] if ax is None else ax
        name = self.estimator_name if name is None else name
        prefix = "" if name is None else f"{name}, "
        curves = {"training": self.loss_curve, "validation": self.validation_loss_curve}
        self.lines_ = []
        for what, curve in curves.items():
            if curve:
                # The validation data may have come later; the ends are the same.
                first = len(self.loss_curve) - len(curve) + 1
                epochs = np.arange(first, first + len(curve))
                label = {"label": f"{prefix}{what}"}
                self.lines_ += ax.plot(epochs, curve, **{**label, **kwargs})
        ax.set(xlabel="epoch", ylabel="loss")
        ax.legend()
        self.ax_, self.figure_ = ax, ax.figure
        return self


class FirstLayerDisplay:
    """Weights of the first layer: a picture for each neuron, or one table of all.

    It is best made by `from_estimator`; the arguments are kept as attributes.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_neurons)
    image_shape : tuple of (int, int) or None, default=None
        Rows and columns of the pictures that the features are; None for a table.
    feature_names : sequence of str or None, default=None
        Labels of the rows of a table.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
    figure_ : matplotlib Figure
    images_ : list of matplotlib AxesImage

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_backprop import MLPClassifier
    >>> from sklearn_backprop.inspection import FirstLayerDisplay
    >>> model = MLPClassifier((16,), tol=0.01, max_iter=500, random_state=0)
    >>> model = model.fit(*load_digits(return_X_y=True))
    >>> display = FirstLayerDisplay.from_estimator(model, image_shape=(8, 8))
    >>> len(display.images_)
    16
    """

    def __init__(self, weights, image_shape=None, feature_names=None):
        self.weights = weights
        self.image_shape = image_shape
        self.feature_names = feature_names

    @classmethod
    def from_estimator(cls, estimator, *, image_shape=None, max_neurons=64, **kwargs):
        """Plot the weights of a fitted estimator's first layer.

        Parameters
        ----------
        estimator : MLPClassifier, MLPRegressor or Pipeline that ends with one
            Fitted.
        image_shape : tuple of (int, int) or None, default=None
            Rows and columns of the pictures that the features are; None for a table of
            features and neurons.
        max_neurons : int, default=64
            At most how many neurons are shown, those with the largest weights.
        **kwargs : dict
            Keywords of Matplotlib's `imshow`.

        Returns
        -------
        display : FirstLayerDisplay

        Raises
        ------
        ImportError
            Without Matplotlib.
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If the features do not make such pictures.
        """
        network = _network_of(estimator)
        check_count("max_neurons", max_neurons)
        weights = np.asarray(network.coefs_[0])
        largest = np.argsort(-np.linalg.norm(weights, axis=0), kind="stable")
        chosen = np.sort(largest[:max_neurons])
        names = getattr(network, "feature_names_in_", None)
        return cls(weights[:, chosen], image_shape, names).plot(**kwargs)

    def plot(self, **kwargs):
        """Plot the weights, on one scale of colours that has white at zero.

        Parameters
        ----------
        **kwargs : dict
            Keywords of Matplotlib's `imshow`.

        Returns
        -------
        display : FirstLayerDisplay
        """
        pictures = self._pictures()
        plt = _pyplot("FirstLayerDisplay")
        n_columns = math.ceil(math.sqrt(len(pictures)))
        n_rows = math.ceil(len(pictures) / n_columns)
        figure, axes = plt.subplots(n_rows, n_columns, squeeze=False)
        limit = float(np.abs(self.weights).max())
        settings = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit, **kwargs}
        for ax in axes.flat:
            ax.set_axis_off()
        self.images_ = [
            ax.imshow(picture, **settings)
            for ax, picture in zip(axes.flat, pictures, strict=False)
        ]
        if self.image_shape is None:
            self._label(axes[0, 0])
        figure.colorbar(self.images_[0], ax=axes, label="weight")
        self.axes_, self.figure_ = axes, figure
        return self

    def _pictures(self):
        if self.image_shape is None:
            return [self.weights]
        n_features = len(self.weights)
        if len(self.image_shape) != 2 or math.prod(self.image_shape) != n_features:
            raise ValueError(
                f"image_shape={self.image_shape!r} must be rows and columns of "
                f"pictures with {n_features} pixels, one for each feature."
            )
        return [neuron.reshape(self.image_shape) for neuron in self.weights.T]

    def _label(self, ax):
        """Label the axes of a table."""
        ax.set_axis_on()
        ax.set_aspect("auto")
        ax.set(xlabel="neuron", ylabel="feature")
        if self.feature_names is not None:
            ax.set_yticks(range(len(self.feature_names)), self.feature_names)
