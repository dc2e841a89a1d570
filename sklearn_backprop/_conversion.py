"""Fitted models of scikit-learn's own estimators from ours, and the other way."""

import inspect

import numpy as np
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from .optimizers import LBFGS, SGD, Adam
from .schedules import Adaptive, Constant, InverseScaling

ACTIVATIONS = ("identity", "logistic", "relu", "tanh")
LINKS = ("exp", "identity", "logistic", "softmax")
# What a fit of either has learned, beside the labels.
ATTRIBUTES = (
    "n_features_in_",
    "feature_names_in_",
    "n_layers_",
    "n_outputs_",
    "n_iter_",
    "t_",
    "loss_",
    "loss_curve_",
    "best_loss_",
    "validation_scores_",
    "best_validation_score_",
)


def to_sklearn(model, cls):
    """Return a fitted model of scikit-learn's with the same predictions.

    Parameters
    ----------
    model : BaseMLP
        Fitted.
    cls : class
        That of scikit-learn.

    Raises
    ------
    ValueError
        If its prediction takes what scikit-learn does not have.
    """
    known = inspect.signature(cls).parameters
    activation = _activation_name(model)
    link = model.out_activation_
    links = [name for name in LINKS if name != "exp" or "loss" in known]
    if not isinstance(link, str) or link not in links:
        raise ValueError(f"{cls.__module__} has no out_activation_={link!r}.")
    params = {k: v for k, v in model.get_params(deep=False).items() if k in known}
    params |= {"activation": activation, **_flat(model)}
    if "loss" in known:
        params["loss"] = "poisson" if link == "exp" else "squared_error"
    theirs = cls(**{name: params[name] for name in params if name in known})
    theirs.coefs_ = [np.array(array) for array in model.coefs_]
    theirs.intercepts_ = [np.array(array) for array in model.intercepts_]
    theirs.out_activation_, theirs._no_improvement_count = link, 0
    _copy_attributes(model, theirs)
    return theirs


def from_sklearn(cls, theirs):
    """Return a fitted model of ours with the same predictions.

    Parameters
    ----------
    cls : class
    theirs : estimator
        Of scikit-learn, of the same name, fitted.

    Raises
    ------
    TypeError
        If it is no such estimator.
    """
    if not type(theirs).__module__.startswith("sklearn.") or (
        type(theirs).__name__ not in [base.__name__ for base in cls.__mro__]
    ):
        raise TypeError(
            f"{cls.__name__}.from_sklearn needs scikit-learn's estimator of that name, "
            f"got {theirs!r}."
        )
    check_is_fitted(theirs)
    known = inspect.signature(cls).parameters
    params = {k: v for k, v in theirs.get_params(deep=False).items() if k in known}
    params["hidden_layer_sizes"] = tuple(len(b) for b in theirs.intercepts_[:-1])
    arrays = {"coefs": theirs.coefs_, "intercepts": theirs.intercepts_}
    if hasattr(theirs, "classes_"):
        arrays["classes"] = np.asarray(theirs.classes_)
    model = cls.from_arrays(**arrays, out_activation=theirs.out_activation_, **params)
    _copy_attributes(theirs, model)
    return model


def label_binarizer(task):
    """Return what scikit-learn's classifier keeps its labels in."""
    binarizer = LabelBinarizer()
    if task.is_multilabel:
        return binarizer.fit(np.eye(task.n_outputs, dtype=int))
    return binarizer.fit(task.classes)


def _activation_name(model):
    """Return the name that scikit-learn has for the hidden layers' activation."""
    activations = model.activation_
    if not isinstance(activations, list | tuple):
        activations = [activations]
    names = {
        a if isinstance(a, str) else type(a).__name__.lower() for a in activations
    } or {"identity"}
    if len(names) > 1 or not names <= set(ACTIVATIONS):
        raise ValueError(
            f"scikit-learn has no activation_={model.activation_!r}: it has one of "
            f"{', '.join(ACTIVATIONS)} for all hidden layers."
        )
    return names.pop()


def _flat(model):
    """Return the flat parameters of solver and schedule, where there are such."""
    solver, schedule = model.solver, model.learning_rate
    flat = {}
    if isinstance(solver, SGD):
        flat = {
            "solver": "sgd",
            "momentum": solver.momentum,
            "nesterovs_momentum": solver.nesterov,
        }
    elif isinstance(solver, LBFGS):
        flat = {"solver": "lbfgs", "max_fun": solver.max_fun}
    elif isinstance(solver, Adam):
        flat = {"solver": "adam", "beta_1": solver.beta_1, "beta_2": solver.beta_2}
        flat["epsilon"] = solver.epsilon
    elif not isinstance(solver, str):
        flat = {"solver": "adam"}
    names = {Constant: "constant", InverseScaling: "invscaling", Adaptive: "adaptive"}
    if not isinstance(schedule, str):
        flat["learning_rate"] = names.get(type(schedule), "constant")
    if isinstance(schedule, InverseScaling):
        flat["power_t"] = schedule.power_t
    return flat


def _copy_attributes(source, target):
    for name in ATTRIBUTES:
        if hasattr(source, name):
            value = getattr(source, name)
            setattr(target, name, list(value) if isinstance(value, list) else value)
