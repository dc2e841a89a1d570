"""An estimator's life: all or nothing in `fit`, then prediction from what is public."""

import warnings
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ._arrays import check_model, common_dtype, read_model
from ._continuation import new_run, resumed_run, training_state
from ._conversion import ConversionMixin
from ._data import read_data, read_sample_weight
from ._fitting import Job, train
from ._inspection import InspectionMixin
from ._parameters import (
    LINKS,
    PARAMETER_CONSTRAINTS,
    SLOTS,
    layer_maker,
    layer_makers,
    read_hidden_layer_sizes,
    read_slots,
    settings_of,
    validate_classes,
    validate_objects,
)
from ._prediction import forward_rows
from .finite import is_finite
from .layers.initialization import draw_parameters, init_of
from .network import Network, dense_stack

# Methods of scikit-learn's estimators that a subclass of theirs may have written anew,
# and where the same is done here.
HOOKS = {
    "_backprop": "a layer as activation, or a loss of your own as loss",
    "_compute_loss_grad": "a loss of your own as loss",
    "_fit": "fit and partial_fit",
    "_fit_lbfgs": "solver",
    "_fit_stochastic": "a solver and a learning_rate of your own",
    "_forward_pass": "a layer of your own as activation",
    "_forward_pass_fast": "a layer of your own as activation",
    "_init_coef": "from_arrays with warm_start=True",
    "_initialize": "from_arrays with warm_start=True",
    "_loss_grad_lbfgs": "a loss of your own as loss",
    "_predict": "predict",
    "_score": "score",
    "_score_with_function": "score",
    "_update_no_improvement_count": "n_iter_no_change and tol, or partial_fit",
    "_validate_input": "fit and partial_fit",
}


class BaseMLP(ConversionMixin, InspectionMixin, BaseEstimator):
    """Multilayer perceptron; see the two estimators.

    A subclass gives its parameters, and what concerns its task: `_task`,
    `_read_targets` and `_default_link`.
    """

    _parameter_constraints: dict = PARAMETER_CONSTRAINTS
    # Without these there is no model; all else can be derived.
    _essential = ("coefs_", "intercepts_")

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples: not negative, and not all zero.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If data, targets, weights or parameters do not fit together, or training
            diverges. What was fitted before is then untouched.
        """
        return self._train(X, y, sample_weight)

    def set_params(self, **params):
        """Set parameters, and settings of the objects that some may hold.

        Parameters
        ----------
        **params : dict
            By name, such as ``alpha``, or ``solver__momentum`` where the solver is an
            object.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no parameter or setting of that name.
        """
        for name in params:
            outer, _, inner = name.partition("__")
            value = params.get(outer, getattr(self, outer, None))
            if inner and outer in SLOTS and isinstance(value, str):
                raise ValueError(
                    f"{name} sets {inner} of an object, but {outer} is the string "
                    f"{value!r}: give {outer} as an object first."
                )
        return super().set_params(**params)

    def trim(self):
        """Forget the state that a continued run needs, and keep the fitted model.

        That state (moments of the optimizer, order of the rows, patience, best
        parameters) is kept only after `partial_fit`, and after `fit` with
        ``warm_start=True``. Training can still go on afterwards, with fresh moments.

        Returns
        -------
        self : object
        """
        state = getattr(self, "_training_state", {})
        self._training_state = {k: v for k, v in state.items() if k == "rng"}
        return self

    @classmethod
    def _of_arrays(cls, coefs, intercepts, out_activation, params):
        """Return a fitted estimator made of copies of given arrays."""
        coefs, intercepts = check_model(coefs, intercepts, "coefs", "intercepts")
        sizes = [coef.shape[1] for coef in coefs[:-1]]
        model = cls(**{"hidden_layer_sizes": tuple(sizes), **params})
        model._validate_params()
        if read_hidden_layer_sizes(model.hidden_layer_sizes) != sizes:
            raise ValueError(
                f"hidden_layer_sizes={model.hidden_layer_sizes} does not go with "
                f"coefs, whose hidden layers have {sizes} neurons."
            )
        if out_activation is not None:
            layer_maker(out_activation, LINKS, "out_activation")
            model.out_activation_ = out_activation
        model.coefs_ = [np.array(coef) for coef in coefs]
        model.intercepts_ = [np.array(bias) for bias in intercepts]
        model._derive_missing()
        return model

    def _copy(self):
        """Return a copy that shares all attributes."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy

    def _validate_params(self):
        validate_classes(self)
        super()._validate_params()
        validate_objects(self)

    def _train(self, X, y, sample_weight, *, is_incremental=False, classes=None):
        """Fit, or leave everything as it was.

        All happens on a copy; only a generator of the user's is shared, and put back.
        """
        self._warn_of_hooks()
        trial = self._copy()
        generator = self.random_state
        if not isinstance(generator, np.random.RandomState) or (
            generator is check_random_state(None)
        ):
            generator = None  # NumPy's own is everybody's: nobody may turn it back.
        state = None if generator is None else generator.get_state(legacy=False)
        try:
            # A diverging run is reported once, by an error, not by NumPy's warnings.
            with np.errstate(all="ignore"):
                warning = trial._train_in_place(
                    X, y, sample_weight, is_incremental, classes
                )
        except BaseException:
            if generator is not None:
                generator.set_state(state)
            raise
        self.__dict__ = trial.__dict__
        if warning is not None:  # Now that an error made of it loses nothing.
            warnings.warn(*warning, stacklevel=4)
        return self

    def _warn_of_hooks(self):
        hooks = [f"{name} (use {HOOKS[name]})" for name in HOOKS if hasattr(self, name)]
        if hooks:
            warnings.warn(
                f"{type(self).__name__} defines private methods of scikit-learn's "
                f"estimators, which are not called here: {'; '.join(hooks)}.",
                stacklevel=5,
            )

    def _train_in_place(self, X, y, sample_weight, is_incremental, classes):
        continuing = self.warm_start or is_incremental
        continuing = continuing and hasattr(self, "coefs_")
        if is_incremental:
            # scikit-learn's decorator checks them at the first call alone.
            self._validate_params()
            if self.early_stopping:
                raise ValueError("partial_fit does not support early_stopping=True")
        sizes = read_hidden_layer_sizes(self.hidden_layer_sizes)
        if continuing:
            sizes = self._take_up_model(sizes)
        slots = read_slots(self, len(sizes))
        X, y = read_data(self, X, y, reset=not continuing)
        dtype = self._training_dtype(X, continuing)
        targets = self._read_targets(
            y, dtype, slots.loss, continuing, is_incremental, classes
        )
        _check_targets(slots.loss, self.loss, targets)
        factors = self._class_weights(targets, is_incremental)
        sample_weight = read_sample_weight(sample_weight, X, dtype, factors)
        self.activation_ = settings_of(self.activation)

        run = resumed_run(self) if continuing else new_run(self.random_state)
        sizes = [X.shape[1], *sizes, self.n_outputs_]
        network = self._build_network(sizes, slots, dtype, run.rng, continuing)
        network.loss = slots.loss.for_targets(targets)
        job = Job(self, slots, network, run, X, targets, sample_weight, is_incremental)
        self.loss_, warning = train(job)
        self._set_fitted(network, run, keep=self.warm_start or is_incremental)
        return warning

    def _take_up_model(self, sizes):
        """Check the model that training goes on from; return its hidden sizes."""
        self._check_essential()
        check_model(self.coefs_, self.intercepts_)
        fitted = [np.shape(coef)[1] for coef in self.coefs_[:-1]]
        # A model made by hand says by its arrays alone how it is built.
        if sizes != fitted and hasattr(self, "n_iter_"):
            raise ValueError(
                f"hidden_layer_sizes is {sizes}, but training goes on from a model "
                f"with hidden_layer_sizes={fitted}. Set it back, or fit anew with "
                "warm_start=False."
            )
        self._derive_missing()
        self._check_outputs(np.shape(self.coefs_[-1])[1])
        return fitted

    def _training_dtype(self, X, continuing):
        if self.dtype != "auto":
            return np.dtype(self.dtype)
        if continuing:
            return common_dtype([*self.coefs_, *self.intercepts_])
        return X.dtype

    def _build_network(self, sizes, slots, dtype, rng, continuing):
        """Return a network with a copy of the fitted parameters, or with new ones."""
        if continuing:
            coefs = [np.asarray(coef, dtype) for coef in self.coefs_]
            intercepts = [np.asarray(bias, dtype) for bias in self.intercepts_]
        else:
            drawn = [
                draw_parameters(rng, *sizes, activation, dtype)
                for sizes, activation in zip(
                    pairwise(sizes), self._initialized_for(slots), strict=True
                )
            ]
            coefs, intercepts = zip(*drawn, strict=True)
        layers = dense_stack(coefs, intercepts, slots.make_activations)
        return Network(layers, alpha=float(self.alpha)).flatten()

    def _class_weights(self, targets, is_incremental):
        """Return a weight for each row by its target, or None."""
        return None

    def _initialized_for(self, slots):
        """Return the activation that the weights of each Dense layer are drawn for.

        Of the last layer it is that of the hidden ones, as in scikit-learn, unless
        their weights are drawn in another way.
        """
        hidden = [make() for make in slots.make_activations]
        last = hidden[-1] if hidden else None
        if not hidden and not isinstance(self.activation, list | tuple):
            last = layer_maker(self.activation)()
        return [*hidden, last if init_of(last) == "glorot" else None]

    def _set_fitted(self, network, run, keep):
        """Set the fitted attributes."""
        self.coefs_, self.intercepts_ = network.coefs, network.intercepts
        self.n_layers_ = len(self.coefs_) + 1
        self.n_iter_, self.t_ = run.n_iter, run.n_samples_seen
        self.loss_curve_ = run.loss_curve
        held_out = run.validation_rows is not None
        self.validation_scores_ = run.validation_scores if held_out else None
        self.best_validation_score_ = _or_none(run.best_score) if held_out else None
        self.best_loss_ = None if held_out else _or_none(run.best_loss)
        arrays = [*self.coefs_, *self.intercepts_] if keep else None
        self._training_state = training_state(run, self.random_state, arrays)

    def _view_of(self, network):
        """Return a fitted estimator whose arrays are views into a network's vector."""
        view = self._copy()
        view.coefs_, view.intercepts_ = network.coefs, network.intercepts
        return view

    def _fitted(self):
        """Return the fitted estimator: itself, or a copy with what had to be derived.

        A model is what its public attributes say, whoever has set them.
        """
        self._check_essential()
        for name in ("activation_", "out_activation_", "n_outputs_", "n_features_in_"):
            if not hasattr(self, name):
                check_model(self.coefs_, self.intercepts_)
                model = self._copy()
                model._derive_missing()
                return model
        return self

    def _check_essential(self):
        """Raise NotFittedError unless there is what a model cannot be without."""
        for name in self._essential:
            if hasattr(self, name):
                continue
            message = "This %(name)s instance is not fitted yet: call fit first."
            if hasattr(self, "coefs_"):
                message = f"This %(name)s instance has coefs_, but no {name}: set it."
            check_is_fitted(self, name, msg=message)

    def _derive_missing(self):
        """Set the fitted attributes that are missing, from arrays that are checked."""
        n_outputs = np.shape(self.coefs_[-1])[1]
        derived = {
            "activation_": settings_of(self.activation),
            "out_activation_": self._default_link(n_outputs),
            "n_features_in_": np.shape(self.coefs_[0])[0],
            "n_outputs_": n_outputs,
            "n_layers_": len(self.coefs_) + 1,
            "n_iter_": 0,
            "t_": 0,
            "loss_": None,
            "loss_curve_": [],
            "best_loss_": None,
            "validation_scores_": None,
            "best_validation_score_": None,
        }
        for name, value in derived.items():
            if not hasattr(self, name):
                setattr(self, name, value)

    def _check_outputs(self, n_outputs):
        """Raise ValueError unless the fitted attributes go with so many outputs."""
        if n_outputs != self.n_outputs_:
            raise ValueError(
                f"coefs_[-1] has {n_outputs} columns, but n_outputs_ is "
                f"{self.n_outputs_}."
            )

    def _layers_function(self, coefs, intercepts):
        """Return a function that makes new layers over the arrays of `read_model`."""
        makers = layer_makers(self.activation_, len(coefs) - 1, "activation_")
        return lambda: dense_stack(coefs, intercepts, makers)

    def _forward(self, X, finish, n_layers=None):
        """Return what `finish` makes of the logits, or of what some layers put out.

        The layers are made and thrown away.
        """
        try:
            coefs, intercepts = read_model(self.coefs_, self.intercepts_)
            self._check_outputs(coefs[-1].shape[1])
            X = self._read_inputs(X, coefs[0].dtype)
            make_layers = self._layers_function(coefs, intercepts)
            return forward_rows(
                lambda: Network(make_layers()[:n_layers]),
                X,
                finish,
                self._check_finite,
            )
        except (ValueError, TypeError, IndexError):
            check_model(self.coefs_, self.intercepts_)  # X may not be at fault.
            raise

    def _read_inputs(self, X, dtype):
        # What is all in order takes a short cut: the full check costs many times what
        # a small network does on one row.
        if (
            type(X) is np.ndarray
            and X.dtype == dtype
            and X.ndim == 2
            and X.shape[1] == self.n_features_in_
            and 0 < X.size <= 4096
            and not hasattr(self, "feature_names_in_")
            and is_finite(X)
        ):
            return X
        X = validate_data(
            self,
            X,
            accept_sparse=["csr", "csc"],
            reset=False,
            ensure_all_finite=False,
        )
        if sp.issparse(X):
            return X.tocsr()
        if X.shape[0] == 1:  # More rows are checked as they are multiplied.
            with np.errstate(over="ignore"):
                X = X.astype(dtype, copy=False)
            self._check_finite(X)
        return X

    def _check_finite(self, X):
        assert_all_finite(X, input_name="X", estimator_name=type(self).__name__)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _check_targets(loss, parameter, targets):
    """Let the loss check its targets; its error then names the parameter."""
    try:
        loss.check_targets(targets)
    except ValueError as error:
        raise ValueError(f"loss={parameter!r} {error}") from error


def _or_none(best):
    """Return the best loss or score, or None where there has been none."""
    return best if np.isfinite(best) else None
