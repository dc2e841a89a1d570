"""What a stored network must be to be taken for a model.

Whatever a file holds, `predict` reads no numbers that do not fit together.
"""

from numbers import Integral, Real

import numpy as np

from ._arrays import check_model
from ._continuation import check_kept
from ._parameters import LINKS, layer_maker

CURVES = ("loss_curve_", "validation_scores_", "validation_loss_curve_")
NUMBERS = ("loss_", "best_loss_", "best_validation_score_")


def check_stored(model):
    """Raise an error unless the fitted attributes of an estimator fit together.

    Parameters
    ----------
    model : BaseMLP
        One that lacks an essential attribute is not fitted, which it says itself.
    """
    if not all(hasattr(model, name) for name in model._essential):
        return
    fitted = model._fitted()
    coefs, intercepts = check_model(fitted.coefs_, fitted.intercepts_)
    _check_count("n_features_in_", fitted, coefs[0].shape[0])
    _check_count("n_outputs_", fitted, coefs[-1].shape[1])
    if hasattr(fitted, "n_layers_"):
        _check_count("n_layers_", fitted, len(coefs) + 1)
    fitted._check_outputs(coefs[-1].shape[1])
    link = layer_maker(fitted.out_activation_, LINKS, "out_activation_")
    _check_layer("out_activation_", link())
    fitted._check_labels()
    if hasattr(fitted, "feature_names_in_"):
        _check_names(fitted.feature_names_in_, coefs[0].shape[0])
    for layer in fitted._layers_function(coefs, intercepts)():
        _check_layer("activation_", layer)
    _check_history(model)
    check_kept(getattr(model, "_training_state", {}))


def _check_count(name, model, expected):
    value = getattr(model, name)
    if not isinstance(value, Integral) or value != expected:
        raise ValueError(
            f"{name} must be {expected}, as the shapes of coefs_ say, got {value!r}."
        )


def _check_names(names, n_features):
    """Check the names of the columns."""
    if np.shape(names) != (n_features,) or not all(
        isinstance(name, str) for name in names
    ):
        raise ValueError(
            f"feature_names_in_ must be {n_features} strings, got {names!r}."
        )


def _check_layer(name, layer):
    """Check an object that a file may have put in the place of a layer."""
    if not callable(getattr(layer, "forward", None)):
        raise ValueError(f"{name} must be a string or a layer, got {layer!r}.")
    try:
        getattr(layer, "validate", lambda: None)()
    except ValueError as error:
        raise ValueError(f"{name} is {layer!r}, but {error}") from error


def _check_history(model):
    """Check the numbers that training goes on to count and to compare with."""
    for name in ("n_iter_", "t_"):
        value = getattr(model, name, 0)
        if not isinstance(value, Integral) or value < 0:
            raise ValueError(f"{name} must be a number of at least 0, got {value!r}.")
    for name in NUMBERS:
        value = getattr(model, name, None)
        if value is not None and not isinstance(value, Real):
            raise ValueError(f"{name} must be a number or None, got {value!r}.")
    for name in CURVES:
        value = getattr(model, name, None)
        if value is None:
            continue
        curve = np.asarray(value)
        if curve.ndim != 1 or (curve.size and curve.dtype.kind not in "fiu"):
            raise ValueError(f"{name} must be a list of numbers, got {value!r}.")
