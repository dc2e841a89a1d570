"""What the estimators for tables share: from a frame to groups of trained networks."""

import warnings
from contextlib import nullcontext
from copy import deepcopy
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _num_samples,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from .._blas import SMALL_BATCH, one_blas_thread, products_cost
from .._callbacks import CallbackSupportMixin, FitTask, fit_task
from .._data import is_validation_given, read_sample_weight
from .._onnx import OnnxMixin
from .._parameters import read_hidden_layer_sizes
from .._persistence import PersistenceMixin
from .._transaction import all_or_nothing, copy_of_estimator
from ..architecture import HiddenLayers
from ..checkpoint import Checkpoint, check_checkpoint, saving
from ..finite import is_finite
from ..training import Diverged, printers
from .checks import check_shares
from .columns import check_frame
from .defaults import Settings, settings_for
from .encoders import PiecewiseLinearEncoder
from .frames import TablePreprocessor
from .networks import (
    Views,
    check_group,
    draw_embedding,
    draw_group,
    group_of,
    network_of,
)
from .plans import Data, plan_groups
from .stacking import stacking_weights
from .training import (
    Clock,
    GroupTraining,
    forward_blocks,
    forward_groups,
    mean_curve,
    train,
)

# Rows of a frame that are made numbers at once when it predicts.
FRAME_ROWS = 8192
# What scaled numbers are clipped to: in float32 it has a square.
FAR = 1e18
# Below so many rows the networks compute in float64: that takes no time then, and equal
# models are equal to the last digits that people compare.
MIN_ROWS_FLOAT32 = 256

AUTO = StrOptions({"auto"})
CONSTRAINTS = {
    "n_estimators": [Interval(Integral, 1, None, closed="left")],
    "hidden_layer_sizes": [
        str,
        HiddenLayers,
        "array-like",
        Interval(Integral, 1, None, closed="left"),
    ],
    "max_iter": [AUTO, Interval(Integral, 1, None, closed="left")],
    "batch_size": [AUTO, Interval(Integral, 1, None, closed="left")],
    "learning_rate_init": [AUTO, Interval(Real, 0, None, closed="neither")],
    "dropout": [AUTO, Interval(Real, 0, 1, closed="left")],
    "categorical_features": ["array-like", str, None],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


class BaseTabularMLP(PersistenceMixin, OnnxMixin, CallbackSupportMixin, BaseEstimator):
    """Groups of networks for tables; see the two estimators.

    A subclass gives its parameters and what concerns its task: `_task`,
    `_read_targets`, `_loss`, `_n_outputs`, `_strata`, `_validation_function`,
    `_fit_outputs`, `_surprise`, `_check_labels`, `_check_task` and `_onnx_class`.
    """

    _parameter_constraints: dict = CONSTRAINTS
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
        X : {array-like, frame} of shape (n_samples, n_features)
            Numbers, booleans, strings and categories, with gaps. Later frames must
            have the same columns in the same order, which is checked where all names
            are strings.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets; of a classifier one column.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples: not negative, and not all zero.
        X_val : {array-like, frame} of shape (n_val, n_features), default=None
            Validation data, which all networks then validate with, so that all train on
            all rows of X. By default each group of networks holds out a tenth of them.
        y_val : array-like of shape (n_val,) or (n_val, n_outputs), default=None
            Targets of the validation data.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.
        checkpoint : Checkpoint, default=None
            Where to write how far training has come. If it is killed, the same call
            goes on from there; of `max_time` what has passed has passed.

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
        check_frame(X=X, X_val=X_val)
        check_checkpoint(checkpoint)
        clock = Clock(self.max_time)
        n_rows = _count_rows(X, read_sample_weight(sample_weight, X, np.float64))
        settings = self._settings(n_rows)
        task = fit_task(self, X, y, sample_weight, settings.max_iter)
        job = Job(settings, clock, printers(self.verbose), task, checkpoint)
        validation = X_val, y_val, sample_weight_val
        with all_or_nothing(self) as trial, np.errstate(all="ignore"):
            outcome = trial._fit_in_place(X, y, sample_weight, validation, job)
        if task is not None:
            task.fitted()
        if outcome == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=3)
        return self

    def _settings(self, n_rows):
        """Return the settings of a training: the defaults, and what is given."""
        settings = settings_for(self._task, n_rows)
        names = [name for name in settings._fields if name in self._get_param_names()]
        given = {name: getattr(self, name) for name in names}
        given = {
            name: value
            for name, value in given.items()
            if not (isinstance(value, str) and value == "auto")
        }
        settings = settings._replace(**given)
        sizes = read_hidden_layer_sizes(settings.hidden_layer_sizes)
        return settings._replace(hidden_layer_sizes=tuple(sizes))

    def _fit_in_place(self, X, y, sample_weight, validation, job):
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is "
                "None."
            )
        check_consistent_length(X, y, sample_weight)
        weights = read_sample_weight(sample_weight, X, np.float64)
        is_small = _count_rows(X, weights) < MIN_ROWS_FLOAT32
        dtype = np.dtype(np.float64 if is_small else np.float32)
        inputs = self._fit_encoding(X, weights, job.settings.n_bins, dtype)
        targets = self._read_targets(y, weights, reset=True)
        data = Data(inputs, targets, self._weights(targets, weights))
        validation = self._read_validation(*validation, dtype)
        rng = check_random_state(self.random_state)
        begins = getattr(self, "classes_", None), data, validation, job.settings
        # To wait there for another fit of the same job is not to train.
        elapsed = job.clock.elapsed
        with saving(job.checkpoint, self, rng, begins) as saver:
            job.clock.elapsed = elapsed
            groups = self._groups(data, validation, job, saver.rng)
            return self._train_in_place(groups, job, saver)

    def _groups(self, data, validation, job, rng):
        """Draw the networks and return the training of each group."""
        views, strata = self._views(), self._strata(data.targets)
        settings = job.settings
        if self.binner_ is None:  # There are no numbers.
            settings = settings._replace(views=settings.views[:1])
        plans = plan_groups(self.n_estimators, data, strata, validation, settings, rng)
        return [self._group_training(data, plan, views, rng, job) for plan in plans]

    def _train_in_place(self, groups, job, saver):
        """Train the groups and set the fitted attributes; return how that ended."""
        observers = [saver, *job.observers]
        if job.task is not None:
            job.task.follow(Snapshots(self, groups))
            observers.append(job.task)
        try:
            with _blas_set_up(groups):
                outcome = saver.restore([group.part for group in groups], job.clock)
                outcome = outcome or train(groups, job.settings, job.clock, observers)
            outcome = self._end(groups, outcome)
        except Diverged:
            raise ValueError(
                "Training diverged: loss or parameters are not finite. A lower "
                f"learning_rate_init than {job.settings.learning_rate_init} is what "
                "helps, or targets and weights of moderate size."
            ) from None
        return outcome

    def _end(self, groups, outcome):
        """Set the fitted attributes, of groups that have been trained at all.

        Who interrupts the training at its very end still gets the model.
        """
        groups = [group for group in groups if group.has_begun] or groups
        try:
            self._set_fitted(groups)
        except KeyboardInterrupt:
            outcome = "interrupted"
            self._set_fitted(groups)
        return outcome

    def _fit_encoding(self, X, weights, n_bins, dtype):
        """Fit what makes numbers of columns, and bins of numbers; return the numbers.

        Far values are not drawn in yet, so that bins can tell them apart.
        """
        self.preprocessor_ = TablePreprocessor(self.categorical_features, limit=np.inf)
        self.preprocessor_.set_output(transform="default")
        self.preprocessor_.fit(X, sample_weight=weights)
        validate_data(self, X, skip_check_array=True)
        inputs = self._encode(X, dtype)
        n_numbers = len(self.preprocessor_.numeric_)
        self.binner_ = None
        if n_numbers:
            self.binner_ = PiecewiseLinearEncoder(n_bins)
            self.binner_.set_output(transform="default")
            self.binner_.fit(inputs[:, :n_numbers], sample_weight=weights)
        return inputs

    def _views(self):
        """Return what networks may see of the columns."""
        edges = [] if self.binner_ is None else self.binner_.bin_edges_
        n_levels = self._n_levels
        if not edges and not n_levels:
            n_levels = [1]  # Which no row has: no column says anything.
        return Views.of(edges, n_levels)

    @property
    def _n_levels(self):
        """Number of levels of what is no number: of gaps one, and of the categories."""
        table = self.preprocessor_
        return [1] * len(table.indicated_) + table.n_levels_.tolist()

    def _check_state(self):
        # Parameters may have changed since a fit, which then concerns prediction alone.
        if hasattr(self, "networks_"):
            self._checked_views()
            self._check_task()

    def _checked_views(self):
        """Return the views of the columns, if the networks fit them."""
        table, binner = self.preprocessor_, self.binner_
        if not isinstance(table, TablePreprocessor) or (
            table.n_features_in_ != self.n_features_in_
        ):
            raise ValueError(
                f"preprocessor_ must be a TablePreprocessor for {self.n_features_in_} "
                f"columns, got {table!r}."
            )
        n_numbers = len(table.numeric_)
        kind = PiecewiseLinearEncoder if n_numbers else type(None)
        if type(binner) is not kind or (
            n_numbers and binner.n_features_in_ != n_numbers
        ):
            raise ValueError(
                f"binner_ must be {kind.__name__} for {n_numbers} columns, got "
                f"{binner!r}."
            )
        views, groups = self._views(), self.networks_
        if not isinstance(groups, list) or not groups:
            raise ValueError(f"networks_ must be a list of dicts, got {groups!r}.")
        for i, group in enumerate(groups):
            check_group(group, views, f"networks_[{i}]")
        shapes = {
            (group["scales"].dtype, group["coefs"][-1].shape[-1]) for group in groups
        }
        if len(shapes) > 1:
            raise ValueError(
                "networks_ must have one dtype and as many outputs each, got "
                + ", ".join(f"{n} of {dtype}" for dtype, n in shapes)
            )
        check_shares("group_weights_", self.group_weights_, (len(groups),))
        return views

    @property
    def _n_fitted_outputs(self):
        """Number of outputs of each network."""
        return self.networks_[0]["coefs"][-1].shape[-1]

    def _encode(self, X, dtype):
        """Return the columns as numbers of shape (n_samples, n_inputs).

        A category is one number, that of its level, or -1: its indicators would take
        tens of times the memory of the frame, so they are made batch by batch. Some
        rows after others, since all is indicators in float64 at first.
        """
        n_numbers, n_levels = len(self.preprocessor_.numeric_), self._n_levels
        n_inputs = n_numbers + len(n_levels)
        inputs = np.full((_num_samples(X), max(1, n_inputs)), -1.0, dtype)
        stops = n_numbers + np.cumsum(n_levels, dtype=int)
        for rows, block in _blocks(X):
            numbers = self.preprocessor_.transform(block)
            inputs[rows, :n_numbers] = np.clip(numbers[:, :n_numbers], -FAR, FAR)
            for i, (stop, n) in enumerate(zip(stops, n_levels, strict=True), n_numbers):
                indicators = numbers[:, stop - n : stop]
                inputs[rows, i] = indicators @ np.arange(1.0, n + 1.0) - 1.0
        return inputs

    def _read_validation(self, X, y, sample_weight, dtype):
        """Return the validation data, or None."""
        if not is_validation_given(X, y, sample_weight):
            return None
        try:
            check_consistent_length(X, y, sample_weight)
            weights = read_sample_weight(sample_weight, X, np.float64)
            targets = self._read_targets(y, weights, reset=False)
            data = Data(self._encode(X, dtype), targets, weights)
            return data if weights is None else data.take(np.flatnonzero(weights))
        except ValueError as error:
            raise ValueError(
                f"In the validation data, X_val and y_val: {error}"
            ) from error

    def _weights(self, targets, sample_weight):
        """Return the weights of the rows, or None."""
        return sample_weight

    def _group_training(self, data, plan, views, rng, job):
        settings, dtype, embedding = job.settings, data.inputs.dtype, {}
        n_inputs = views.numbers.n_outputs
        if plan.view == "components":
            components, size = views.components, settings.n_components
            embedding = draw_embedding(rng, components, size, dtype)
            n_inputs = embedding["embedding_biases"].size
        sizes = n_inputs, settings.hidden_layer_sizes, self._n_outputs(data.targets)
        group = embedding | draw_group(rng, plan.n_networks, *sizes, dtype)
        network = network_of(group, views, self._loss(), settings.dropout).flatten()
        validate = None
        if plan.held_out is not None:
            validate = self._validation_function(plan.held_out)
        return GroupTraining(network, data, plan, validate, rng, settings, job.clock)

    def _set_fitted(self, groups):
        """Set the fitted attributes of trained groups."""
        networks = [group.best_network() for group in groups]
        self.networks_ = [group_of(network) for network in networks]
        self._fit_mixture(networks, [group.held_out for group in groups])
        self.n_iter_ = max(group.run.n_iter for group in groups)
        self.best_iter_ = [group.run.best_iter for group in groups]
        self.loss_curve_ = mean_curve(groups, "loss_curve")
        validated = groups[0].held_out is not None
        self.validation_loss_curve_ = (
            mean_curve(groups, "validation_losses") if validated else None
        )

    def _fit_mixture(self, networks, held_out):
        """Set how much the groups count, by what they say of the rows held out."""
        logits = [
            None if data is None else forward_blocks(network, data.inputs)
            for network, data in zip(networks, held_out, strict=True)
        ]
        outputs = self._fit_outputs(logits, held_out)
        self.group_weights_ = stacking_weights(
            self.networks_, outputs, held_out, self._surprise
        )

    def _logits(self, X):
        """Yield, for some rows after others, the logits of each group."""
        check_is_fitted(self, "networks_")
        views = self._checked_views()
        self._check_task()
        dtype = self.networks_[0]["scales"].dtype
        networks = [network_of(group, views) for group in self.networks_]
        for _, block in _blocks(X):
            with np.errstate(all="ignore"):
                inputs = self._encode(block, dtype)
                logits = forward_groups(networks, inputs)
            if not all(map(is_finite, logits)):
                raise ValueError("The output of the networks is not finite.")
            yield logits

    def _onnx_export(self):
        return self._onnx_class(self)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        return tags


class Job(NamedTuple):
    """How to train, and who is told of it."""

    settings: Settings
    clock: Clock
    observers: list
    task: FitTask | None
    checkpoint: Checkpoint | None


class Snapshots(NamedTuple):
    """A model in training, as callbacks may see it."""

    model: BaseTabularMLP
    groups: list

    def _attributes_after(self, report):
        """Return copies of all that the model would have if training ended here."""
        model = copy_of_estimator(self.model)
        model._set_fitted(self.groups)
        return deepcopy({k: v for k, v in vars(model).items() if k.endswith("_")})


def _blocks(X):
    """Yield slices of rows, and these rows: all at once where they are few."""
    check_frame(X=X)
    n_rows = _num_samples(X)
    if n_rows <= FRAME_ROWS:
        yield slice(0, n_rows), X
        return
    for start in range(0, n_rows, FRAME_ROWS):
        rows = slice(start, min(n_rows, start + FRAME_ROWS))
        yield rows, _safe_indexing(X, rows)


def _count_rows(X, weights):
    """Return the number of rows that count."""
    return _num_samples(X) if weights is None else int(np.count_nonzero(weights))


def _blas_set_up(groups):
    """Return a context in which BLAS has one thread where more would be slower."""
    networks = [group.network for group in groups]
    n_rows = max(network.n_networks for network in networks)
    n_rows *= groups[0].trainer.batches.batch_size
    n_weights = sum(np.prod(layer.weights.shape[-2:]) for layer in networks[0].dense)
    is_small = products_cost(n_rows, n_weights) < SMALL_BATCH
    return one_blas_thread if is_small else nullcontext()
