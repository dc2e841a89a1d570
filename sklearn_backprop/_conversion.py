"""Fitted models of scikit-learn's own estimators from ours, and the other way."""

import inspect

import numpy as np
from sklearn.base import is_classifier
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.validation import check_is_fitted

from ._links import is_softmax
from ._parameters import for_each_layer, read_schedule, read_solver
from .layers import Identity, Logistic, ReLU, Tanh
from .optimizers import LBFGS, SGD, Adam
from .schedules import Adaptive, Constant, InverseScaling

ACTIVATIONS = {Identity: "identity", Logistic: "logistic", ReLU: "relu", Tanh: "tanh"}
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


class ConversionMixin:
    """Conversion of fitted models to scikit-learn's own estimators and back."""

    def to_sklearn(self):
        """Return scikit-learn's estimator with the same fitted model.

        What concerns training alone and has no counterpart there is left out.

        Returns
        -------
        model : sklearn.neural_network estimator
            Of the same name, fitted, with copies of the arrays.

        Raises
        ------
        ValueError
            If scikit-learn does not have the activation, or the function of the last
            layer for such outputs.
        NotFittedError
            If this estimator is not fitted.
        """
        from sklearn import neural_network  # Which no other part needs.

        model = self._fitted()
        if not is_classifier(model):
            return _to_sklearn(model, neural_network.MLPRegressor)
        task = model._task
        if is_softmax(task.link) and len(task.classes) <= 2:
            raise ValueError(
                f"scikit-learn has no out_activation_={task.link!r} for "
                f"{len(task.classes)} classes."
            )
        theirs = _to_sklearn(model, neural_network.MLPClassifier)
        theirs.classes_, theirs._label_binarizer = task.classes, label_binarizer(task)
        return theirs

    @classmethod
    def from_sklearn(cls, model):
        """Return a fitted model with the predictions of scikit-learn's estimator.

        Parameters
        ----------
        model : sklearn.neural_network estimator
            Of the same name, and fitted; its arrays are copied.

        Returns
        -------
        model : object
            It predicts, and goes on training by `partial_fit`, or by `fit` with
            ``warm_start=True``.

        Raises
        ------
        TypeError
            If it is no such estimator.
        NotFittedError
            If it is not fitted.
        """
        if not type(model).__module__.startswith("sklearn.") or (
            type(model).__name__ not in [base.__name__ for base in cls.__mro__]
        ):
            raise TypeError(
                f"{cls.__name__}.from_sklearn needs scikit-learn's estimator of that "
                f"name, got {model!r}."
            )
        check_is_fitted(model)
        known = inspect.signature(cls).parameters
        params = {k: v for k, v in model.get_params(deep=False).items() if k in known}
        params["hidden_layer_sizes"] = tuple(len(b) for b in model.intercepts_[:-1])
        params["out_activation"] = model.out_activation_
        if hasattr(model, "classes_"):
            params["classes"] = np.asarray(model.classes_)
        ours = cls.from_arrays(model.coefs_, model.intercepts_, **params)
        _copy_attributes(model, ours)
        return ours


def _to_sklearn(model, cls):
    """Return a fitted estimator of a class of scikit-learn's."""
    known = inspect.signature(cls).parameters
    activation, link = _activation_name(model), model.out_activation_
    links = [name for name in LINKS if name != "exp" or "loss" in known]
    if not isinstance(link, str) or link not in links:
        raise ValueError(f"scikit-learn has no out_activation_={link!r}.")
    params = model.get_params(deep=False) | {"activation": activation, **_flat(model)}
    params["loss"] = "poisson" if link == "exp" else "squared_error"
    theirs = cls(**{name: params[name] for name in params if name in known})
    theirs.coefs_ = [np.array(array) for array in model.coefs_]
    theirs.intercepts_ = [np.array(array) for array in model.intercepts_]
    theirs.out_activation_, theirs._no_improvement_count = link, 0
    _copy_attributes(model, theirs)
    return theirs


def label_binarizer(task):
    """Return what scikit-learn's classifier keeps its labels in."""
    binarizer = LabelBinarizer()
    if task.is_multilabel:
        return binarizer.fit(np.eye(task.n_outputs, dtype=int))
    return binarizer.fit(task.classes)


def _activation_name(model):
    """Return the name that scikit-learn has for the hidden layers' activation."""
    n_hidden = len(model.coefs_) - 1
    activations = for_each_layer(model.activation_, n_hidden, "activation_")
    names = {a if isinstance(a, str) else ACTIVATIONS.get(type(a)) for a in activations}
    if len(names) > 1 or not names <= set(ACTIVATIONS.values()):
        raise ValueError(
            f"scikit-learn has no activation_={model.activation_!r}: it has one of "
            f"{', '.join(ACTIVATIONS.values())} for all hidden layers."
        )
    return names.pop() if names else "identity"


def _flat(model):
    """Return the flat parameters of solver and schedule that come nearest to them."""
    solver = read_solver(model)
    schedule = read_schedule(model, solver)
    if isinstance(solver, SGD):
        flat = {
            "solver": "sgd",
            "momentum": solver.momentum,
            "nesterovs_momentum": solver.nesterov,
        }
    elif isinstance(solver, LBFGS):
        flat = {"solver": "lbfgs", "max_fun": solver.max_fun}
    else:
        flat = {"solver": "adam"}
    if isinstance(solver, Adam):
        flat |= {"beta_1": solver.beta_1, "beta_2": solver.beta_2}
        flat["epsilon"] = solver.epsilon
    names = {Constant: "constant", InverseScaling: "invscaling", Adaptive: "adaptive"}
    given = model.learning_rate
    if not (isinstance(given, str) and given in names.values()):
        flat["learning_rate"] = names.get(type(schedule), "constant")
    if isinstance(schedule, InverseScaling):
        flat["power_t"] = schedule.power_t
    return flat


def _copy_attributes(source, target):
    for name in ATTRIBUTES:
        if hasattr(source, name):
            value = getattr(source, name)
            setattr(target, name, list(value) if isinstance(value, list) else value)
