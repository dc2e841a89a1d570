"""An estimator's life: all or nothing in `fit`, then prediction from what is public."""

import warnings
from copy import deepcopy
from itertools import pairwise

import numpy as np
from sklearn.base import BaseEstimator, _fit_context

from ._arrays import check_model, common_dtype
from ._callbacks import CallbackSupportMixin, fit_task
from ._continuation import new_run, resumed_run, training_state
from ._conversion import ConversionMixin
from ._data import is_validation_given, read_data, read_sample_weight
from ._export import ExportMixin
from ._fitting import Job, train
from ._hooks import warn_of_hooks
from ._inspection import InspectionMixin
from ._model import ModelMixin
from ._onnx import OnnxMixin
from ._parameters import (
    LINKS,
    PARAMETER_CONSTRAINTS,
    check_combination,
    check_resumable,
    layer_maker,
    read_hidden_layer_sizes,
    read_slots,
    settings_of,
    validate_classes,
    validate_objects,
)
from ._persistence import PersistenceMixin
from ._stored import check_stored
from ._transaction import all_or_nothing
from .checkpoint import check_checkpoint, saving
from .layers.initialization import draw_parameters, init_of
from .network import Network, dense_stack
from .training import Observer, printers


class BaseMLP(
    PersistenceMixin,
    ModelMixin,
    ConversionMixin,
    ExportMixin,
    OnnxMixin,
    InspectionMixin,
    CallbackSupportMixin,
    BaseEstimator,
):
    """Multilayer perceptron; see the two estimators.

    A subclass gives its parameters, and what concerns its task: `_task`,
    `_read_targets` and `_default_link`.
    """

    _parameter_constraints: dict = PARAMETER_CONSTRAINTS
    # Where the HTML representation links to.
    _doc_link_module = "sklearn_backprop"
    _doc_link_template = (
        "https://sklearn-backprop.readthedocs.io/en/stable/api.html"
        "#sklearn_backprop.{estimator_name}"
    )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        *,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
        checkpoint=None,
    ):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples: not negative, and not all zero.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data, which is scored after each epoch, and decides
            `early_stopping`, for which no rows of X are then held out. In a pipeline
            with ``transform_input=["X_val"]`` it arrives transformed.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data, as they are: `class_weight` has no part in
            them.
        checkpoint : Checkpoint, default=None
            Where to write how far training has come. If it is killed, the same call
            goes on from there. Not for 'lbfgs'.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If data, targets, weights or parameters do not fit together, or training
            diverges, or a checkpoint is damaged or of something else. What was fitted
            before is then untouched, as in all other errors.
        OSError
            If a checkpoint cannot be written.
        """
        validation = X_val, y_val, sample_weight_val
        return self._train(X, y, sample_weight, validation, checkpoint=checkpoint)

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
            known = inner and outer in self._get_param_names()
            if known and not hasattr(value, "set_params"):
                kind = "the string " if isinstance(value, str) else ""
                raise ValueError(
                    f"{name} sets {inner} of an object, but {outer} is {kind}"
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

    def _validate_params(self):
        validate_classes(self)
        super()._validate_params()
        validate_objects(self)

    def _check_state(self):
        check_stored(self)

    def _train(
        self,
        X,
        y,
        sample_weight,
        validation=(None, None, None),
        *,
        is_incremental=False,
        classes=None,
        checkpoint=None,
    ):
        """Fit, or leave everything as it was.

        Only the curves are set at once, so that they can be watched.
        """
        warn_of_hooks(self)
        check_checkpoint(checkpoint)
        before = {n: vars(self)[n] for n in LiveCurves.NAMES if n in vars(self)}
        task = None
        observers = [LiveCurves(self), *printers(self.verbose)]
        try:
            if not is_incremental:
                task = fit_task(self, X, y, sample_weight, self.max_iter)
            # A diverging run is reported once, by an error, not by NumPy's warnings.
            with all_or_nothing(self) as trial, np.errstate(all="ignore"):
                if task is not None:
                    task.follow(trial)
                    observers.append(task)
                warning = trial._train_in_place(
                    X,
                    y,
                    sample_weight,
                    validation,
                    observers,
                    is_incremental,
                    classes,
                    checkpoint,
                )
        except BaseException:
            for name in LiveCurves.NAMES:
                vars(self).pop(name, None)
            vars(self).update(before)
            raise
        if task is not None:
            task.fitted()
        if warning is not None:  # Now that an error made of it loses nothing.
            warnings.warn(*warning, stacklevel=4)
        return self

    def _train_in_place(
        self,
        X,
        y,
        sample_weight,
        validation,
        observers,
        is_incremental,
        classes,
        checkpoint,
    ):
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
        check_combination(self, slots)
        if checkpoint is not None:
            check_resumable(self, slots)
        X, y = read_data(self, X, y, reset=not continuing)
        dtype = self._training_dtype(X, continuing)
        targets = self._read_targets(
            y, dtype, slots.loss, continuing, is_incremental, classes
        )
        _check_targets(slots.loss, self.loss, targets)
        factors = self._class_weights(targets, is_incremental)
        sample_weight = read_sample_weight(sample_weight, X, dtype, factors)
        validation = self._read_validation(*validation, slots, dtype)
        self.activation_ = settings_of(self.activation)

        run = resumed_run(self) if continuing else new_run(self.random_state)
        sizes = [X.shape[1], *sizes, self.n_outputs_]
        data = X, targets, sample_weight
        begins = self._beginning(run, continuing), dtype.name
        with saving(checkpoint, self, run.rng, data, validation, begins) as saver:
            run.rng = saver.rng
            network = self._build_network(sizes, slots, dtype, run.rng, continuing)
            network.loss = slots.loss.for_targets(targets)
            observers = [saver, *observers]
            whole = *data, validation, observers, is_incremental, saver
            job = Job(self, slots, network, run, *whole)
            self.loss_, warning = train(job)
            keep = self.warm_start or is_incremental
            self._set_fitted(network, run, job.is_validated, keep)
        return warning

    def _beginning(self, run, continuing):
        """Return what training begins with, besides the data and a generator."""
        model = (self.coefs_, self.intercepts_) if continuing else None
        progress = {k: v for k, v in vars(run).items() if k != "rng"}
        return getattr(self, "classes_", None), self.out_activation_, model, progress

    def _read_validation(self, X_val, y_val, sample_weight_val, slots, dtype):
        """Return the validation data in the forms of the training data, or None."""
        if not is_validation_given(X_val, y_val, sample_weight_val):
            return None
        if not slots.solver.is_stochastic:
            raise ValueError(
                f"X_val and y_val do not go with solver={self.solver!r}, which has no "
                "epochs: choose another solver."
            )
        try:
            X, y = read_data(self, X_val, y_val, reset=False)
            # As for a batch of a stream, which need not have all labels.
            targets = self._read_targets(y, dtype, slots.loss, True, True, None)
            _check_targets(slots.loss, self.loss, targets)
            return X, targets, read_sample_weight(sample_weight_val, X, dtype)
        except ValueError as error:
            raise ValueError(
                f"In the validation data, X_val and y_val: {error}"
            ) from error

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
        layers = dense_stack(coefs, intercepts, slots.make_activations, slots.dropout)
        alpha, l1_ratio = float(self.alpha), float(self.l1_ratio)
        squares, sizes = alpha * (1.0 - l1_ratio), alpha * l1_ratio
        return Network(layers, alpha=squares, l1=sizes).flatten()

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

    def _set_fitted(self, network, run, validated, keep):
        """Set the fitted attributes."""
        self.coefs_, self.intercepts_ = network.coefs, network.intercepts
        self.n_layers_ = len(self.coefs_) + 1
        self.n_iter_, self.t_ = run.n_iter, run.n_samples_seen
        self.loss_curve_ = run.loss_curve
        self.validation_scores_ = run.validation_scores if validated else None
        self.validation_loss_curve_ = run.validation_losses if validated else None
        self.best_validation_score_ = _or_none(run.best_score) if validated else None
        self.best_iter_ = run.best_iter if validated else None
        stops_early = validated and self.early_stopping
        self.best_loss_ = None if stops_early else _or_none(run.best_loss)
        arrays = [*self.coefs_, *self.intercepts_] if keep else None
        self._training_state = training_state(run, self.random_state, arrays)

    def _attributes_after(self, report):
        """Return copies of all that the model would have if training ended here."""
        model, run, network = self._copy(), report.run, report.network
        if model.early_stopping and run.best_parameters is not None:
            network = network.for_prediction(run.best_parameters)
        model.loss_ = report.loss
        model._set_fitted(network, run, report.score is not None, keep=False)
        return deepcopy({k: v for k, v in vars(model).items() if k.endswith("_")})

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class LiveCurves(Observer):
    """Sets the curves of an estimator while it is fitted, to be watched from threads.

    Parameters
    ----------
    estimator : BaseMLP
    """

    NAMES = ("loss_curve_", "validation_scores_", "validation_loss_curve_")

    def __init__(self, estimator):
        self.estimator = estimator

    def began(self, run, network):
        """Set the lists that will grow."""
        for name, curve in zip(self.NAMES, run.curves, strict=True):
            setattr(self.estimator, name, curve)


def _check_targets(loss, parameter, targets):
    """Let the loss check its targets; its error then names the parameter."""
    try:
        loss.check_targets(targets)
    except ValueError as error:
        raise ValueError(f"loss={parameter!r} {error}") from error


def _or_none(best):
    """Return the best loss or score, or None where there has been none."""
    return best if np.isfinite(best) else None
