"""What the two estimators share: validation, parameters, fitted attributes."""

import warnings
import zlib
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, _fit_context, is_regressor
from sklearn.model_selection import train_test_split
from sklearn.utils import assert_all_finite, check_random_state
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from ._blas import (
    SMALL_BATCH,
    fastest_matmul,
    one_blas_thread,
    one_scipy_blas_thread,
    products_cost,
)
from ._outcomes import lbfgs_warning, stochastic_warning
from ._parameters import (
    ACTIVATIONS,
    OUTPUT_ACTIVATIONS,
    PARAMETER_CONSTRAINTS,
    make_optimizer,
    make_schedule,
    read_batch_size,
    read_hidden_layer_sizes,
)
from ._prediction import forward_rows
from .batches import Batches
from .finite import is_finite
from .layers import glorot_uniform
from .network import Network, dense_stack
from .training import DIVERGED, EpochTrainer, Run, minimize_lbfgs


class BaseMLP(BaseEstimator):
    """Multilayer perceptron; see the two estimators.

    A subclass gives ``_read_targets``, ``_loss``, ``_score_logits`` and
    ``_stratification``.
    """

    _parameter_constraints: dict = PARAMETER_CONSTRAINTS

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        solver="adam",
        alpha=0.0001,
        batch_size="auto",
        learning_rate="constant",
        learning_rate_init=0.001,
        power_t=0.5,
        max_iter=200,
        shuffle=True,
        random_state=None,
        tol=1e-4,
        verbose=False,
        warm_start=False,
        momentum=0.9,
        nesterovs_momentum=True,
        early_stopping=False,
        validation_fraction=0.1,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype="auto",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype

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
        return self._fit(X, y, sample_weight)

    def trim(self):
        """Forget the state that a continued run needs, and keep the fitted model.

        That state (moments of the optimizer, order of the rows, patience, best
        parameters) is kept only after `partial_fit`, and after `fit` with
        ``warm_start=True``. Training can still go on afterwards, with fresh moments.

        Returns
        -------
        self : object
        """
        self._run = None
        return self

    def _fit(self, X, y, sample_weight, *, incremental=False, classes=None):
        # All happens on a copy, so that an error leaves this estimator as it was; only
        # the random generator is shared, and put back.
        trial = object.__new__(type(self))
        trial.__dict__.update(self.__dict__)
        generator = getattr(self, "_random_state", self.random_state)
        if not isinstance(generator, np.random.RandomState) or (
            generator is check_random_state(None)
        ):
            generator = None  # NumPy's own is everybody's: nobody may turn it back.
        state = None if generator is None else generator.get_state(legacy=False)
        try:
            # A diverging run is reported once, by an error, not by NumPy's warnings.
            with np.errstate(all="ignore"):
                warning = trial._fit_in_place(X, y, sample_weight, incremental, classes)
        except BaseException:
            if generator is not None:
                generator.set_state(state)
            raise
        self.__dict__ = trial.__dict__
        if warning is not None:  # Now that an error made of it loses nothing.
            warnings.warn(*warning, stacklevel=4)
        return self

    def _fit_in_place(self, X, y, sample_weight, incremental, classes):
        continuing = hasattr(self, "coefs_") and (self.warm_start or incremental)
        if incremental:
            # scikit-learn's decorator checks them at the first call alone.
            self._validate_params()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        hidden_layer_sizes = read_hidden_layer_sizes(self.hidden_layer_sizes)
        if continuing:
            self._check_hidden_layer_sizes(hidden_layer_sizes)
        X, y = self._read_data(X, y, reset=not continuing)
        dtype = self._training_dtype(X, continuing)
        targets = self._read_targets(y, dtype, continuing, incremental, classes)
        sample_weight = _read_sample_weight(sample_weight, X, dtype)

        run = self._take_up_run(continuing)
        layer_units = [X.shape[1], *hidden_layer_sizes, self.n_outputs_]
        network = self._build_network(layer_units, dtype, run.rng, continuing)
        data = X, targets, sample_weight
        with self._set_up_blas(network, X):
            if self.solver == "lbfgs":
                warning = self._fit_lbfgs(network, run, data)
            else:
                warning = self._fit_stochastic(
                    network, run, data, continuing, incremental
                )
        if not is_finite(network.parameters):
            raise ValueError(DIVERGED)
        self._adopt(network, run)
        self._run = run if self.warm_start or incremental else None
        return warning

    def _check_hidden_layer_sizes(self, sizes):
        fitted = [len(intercept) for intercept in self.intercepts_[:-1]]
        if sizes != fitted:
            raise ValueError(
                f"hidden_layer_sizes is {sizes}, but training goes on from a model "
                f"with hidden_layer_sizes={fitted}. Set it back, or fit anew with "
                "warm_start=False."
            )

    def _read_data(self, X, y, reset):
        dtypes = [np.float64, np.float32]
        if self.dtype == "float32":
            dtypes.reverse()
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=is_regressor(self),
            dtype=dtypes,
            reset=reset,
        )
        # Batches are gathered row by row, in random order.
        return (X.tocsr() if sp.issparse(X) else np.ascontiguousarray(X)), y

    def _training_dtype(self, X, continuing):
        if self.dtype != "auto":
            return np.dtype(self.dtype)
        return self.coefs_[0].dtype if continuing else X.dtype

    def _build_network(self, layer_units, dtype, rng, continuing):
        """Return a network with a copy of the fitted parameters, or with new ones."""
        if continuing:
            coefs = [coef.astype(dtype, copy=False) for coef in self.coefs_]
            intercepts = [bias.astype(dtype, copy=False) for bias in self.intercepts_]
        else:
            factor = 2.0 if self.activation == "logistic" else 6.0
            drawn = [
                glorot_uniform(rng, n_inputs, n_neurons, factor, dtype)
                for n_inputs, n_neurons in pairwise(layer_units)
            ]
            coefs, intercepts = zip(*drawn, strict=True)
        layers = dense_stack(coefs, intercepts, ACTIVATIONS[self.activation])
        return Network(layers, self._loss(), float(self.alpha)).flatten()

    @contextmanager
    def _set_up_blas(self, network, X):
        """Make a context in which BLAS has one thread where more would be slower."""
        n_rows = X.shape[0]
        if self.solver != "lbfgs":
            n_rows = read_batch_size(self.batch_size, n_rows)
        # BLAS has no part in the products of sparse rows.
        layers = network.dense[1:] if sp.issparse(X) else network.dense
        n_weights = sum(layer.weights.size for layer in layers)
        is_small = products_cost(n_rows, n_weights) < SMALL_BATCH
        network.multiply_with(partial(fastest_matmul, n_rows, one_thread=is_small))
        with ExitStack() as limits:
            if is_small:
                limits.enter_context(one_blas_thread)
            if self.solver == "lbfgs":
                limits.enter_context(one_scipy_blas_thread)
            yield

    def _take_up_run(self, continuing):
        """Return a copy of the run to continue, or a new one."""
        if not continuing:
            return Run(rng=check_random_state(self.random_state))
        if getattr(self, "_run", None) is not None:
            return self._run.fork()
        # Only the model was kept. Its generator goes on, so that no order of the rows
        # is drawn twice.
        run = Run(rng=self._random_state, n_iter=self.n_iter_, n_samples_seen=self.t_)
        run.loss_curve = list(self.loss_curve_)
        if self.validation_scores_ is not None:
            run.validation_scores = list(self.validation_scores_)
        return run

    def _fit_lbfgs(self, network, run, data):
        X, targets, sample_weight = data
        n_before = len(run.loss_curve)
        outcome, loss = minimize_lbfgs(
            network,
            X.astype(network.dtype, copy=False),
            targets,
            sample_weight,
            max_iter=self.max_iter,
            max_fun=self.max_fun,
            tol=self.tol,
            loss_curve=run.loss_curve,
            verbose=self.verbose,
        )
        n_iter = len(run.loss_curve) - n_before
        run.n_iter += n_iter
        # Training now stands where L-BFGS has ended: old moments, split and best
        # parameters do not belong there.
        run.last_parameters = run.optimizer = None
        run.start_on(None, None, None)
        run.best_loss = loss
        self.loss_ = loss
        return lbfgs_warning(outcome, n_iter)

    def _fit_stochastic(self, network, run, data, continuing, incremental):
        X, targets, sample_weight = data
        basis = zlib.crc32(targets), self._settings()
        if incremental:
            run.basis = basis  # A stream brings new rows in each call.
        else:
            run.start_on_basis(*basis)
        self._hold_out_rows(run, X.shape[0], targets, sample_weight)
        if run.last_parameters is not None:
            network.parameters[...] = run.last_parameters
            run.last_parameters = None
        score = None
        if self.early_stopping:
            score = self._validation_score(run.validation_rows, targets, sample_weight)
            best = run.best_parameters
            run.best_parameters = np.array(network.parameters if best is None else best)
        trainer = EpochTrainer(
            network,
            run,
            self._batches(run, data, network.dtype),
            self._prepare_optimizer(run, network.dtype),
            shuffle=self.shuffle,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            score=score,
            verbose=self.verbose,
        )
        # A run that has ended is not prolonged by fitting again: k epochs and then m
        # are k + m epochs, of which there are no more once improvement has ended.
        if incremental:
            outcome = trainer.train(1)
        elif continuing and trainer.ends():
            outcome = "converged"
        else:
            outcome = trainer.train(self.max_iter)
        if self.early_stopping:
            run.last_parameters = network.parameters.copy() if self.warm_start else None
            network.parameters[...] = run.best_parameters
        self.loss_ = run.loss_curve[-1] if run.loss_curve else None
        if incremental and outcome != "interrupted":
            return None
        return stochastic_warning(outcome, run.loss_curve, self.max_iter)

    def _settings(self):
        """Return the parameters that decide whether a run that has ended goes on."""
        free = {"max_iter", "n_iter_no_change", "random_state", "verbose", "warm_start"}
        names = self._parameter_constraints.keys() - free
        return {name: getattr(self, name) for name in names}

    def _hold_out_rows(self, run, n_samples, targets, sample_weight):
        """Split the rows for early stopping, unless the run has split as many."""
        holds_out = run.validation_rows is not None
        if run.n_samples == n_samples and holds_out == self.early_stopping:
            return
        if not self.early_stopping:
            run.start_on(n_samples, None, None)
            return
        try:
            rows, validation_rows = train_test_split(
                np.arange(n_samples),
                test_size=self.validation_fraction,
                random_state=run.rng,
                stratify=self._stratification(targets),
            )
        except ValueError as error:
            raise ValueError(
                f"validation_fraction={self.validation_fraction} makes no split of "
                f"{n_samples} rows for early stopping: {error}"
            ) from error
        if len(validation_rows) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' or "
                "the size of your dataset."
            )
        for part in (rows, validation_rows):
            if sample_weight is not None and not sample_weight[part].any():
                raise ValueError(
                    "sample_weight is zero for all training or all validation rows of "
                    "the split that early_stopping=True makes."
                )
        run.start_on(n_samples, rows, validation_rows)

    def _batches(self, run, data, dtype):
        n_rows = data[0].shape[0] if run.rows is None else len(run.rows)
        batch_size = read_batch_size(self.batch_size, n_rows)
        if self.batch_size != "auto" and self.batch_size > n_rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going "
                "to be clipped",
                stacklevel=7,
            )
        return Batches(*data, batch_size, dtype)

    def _prepare_optimizer(self, run, dtype):
        """Set the run's optimizer as asked for now; return the schedule of its rate."""
        schedule = make_schedule(self)
        rate = schedule.rate(run.n_samples_seen, run.n_reductions)
        optimizer = make_optimizer(self, rate)
        if type(run.optimizer) is type(optimizer):
            optimizer.inherit(run.optimizer, dtype)
        run.optimizer = optimizer
        return schedule

    def _validation_score(self, rows, targets, sample_weight):
        y_true = targets[rows]
        weight = None if sample_weight is None else sample_weight[rows]
        return lambda logits: self._score_logits(logits, y_true, weight)

    def _adopt(self, network, run):
        """Set the fitted attributes."""
        self.coefs_, self.intercepts_ = network.coefs, network.intercepts
        self.n_layers_ = len(self.coefs_) + 1
        self.n_iter_, self.t_ = run.n_iter, run.n_samples_seen
        self.loss_curve_ = run.loss_curve
        stops_early = self.early_stopping and self.solver != "lbfgs"
        self.best_loss_ = None if stops_early else run.best_loss
        self.validation_scores_ = run.validation_scores if stops_early else None
        self.best_validation_score_ = run.best_score if stops_early else None
        # Prediction is that of the fitted model, whatever is set for the next fit.
        self._activation = self.activation
        self._random_state = run.rng

    def _forward(self, X, finish):
        """Return what `finish` makes of the logits; layers are made and thrown away."""
        X = self._read_inputs(X)
        hidden = ACTIVATIONS[self._activation]
        return forward_rows(
            lambda: Network(dense_stack(self.coefs_, self.intercepts_, hidden)),
            X,
            finish,
            self._check_finite,
        )

    def _output_activation(self, logits):
        return OUTPUT_ACTIVATIONS[self.out_activation_]().forward(logits)

    def _check_fitted(self):
        # The library's check takes longer than a small network for one row.
        if not hasattr(self, "coefs_"):
            check_is_fitted(self)

    def _read_inputs(self, X):
        self._check_fitted()
        # What is all in order takes a short cut: the full check costs many times what
        # a small network does on one row.
        if (
            type(X) is np.ndarray
            and X.dtype == self.coefs_[0].dtype
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
                X = X.astype(self.coefs_[0].dtype, copy=False)
            self._check_finite(X)
        return X

    def _check_finite(self, X):
        assert_all_finite(X, input_name="X", estimator_name=type(self).__name__)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _read_sample_weight(sample_weight, X, dtype):
    if sample_weight is None:
        return None
    sample_weight = _check_sample_weight(
        sample_weight, X, dtype=dtype, ensure_non_negative=True
    )
    if not sample_weight.any():
        raise ValueError("sample_weight is zero for all samples.")
    if not np.isfinite(sample_weight.sum()):
        raise ValueError(f"The sum of sample_weight is too large for {dtype}.")
    return sample_weight
