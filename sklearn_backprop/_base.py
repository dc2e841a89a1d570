"""What the two estimators share: validation, parameters, fitted attributes."""

import copy
import warnings
from numbers import Integral, Real

import numpy as np
import scipy.sparse as sp
from sklearn.base import BaseEstimator, _fit_context, is_regressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from .batches import Batches
from .layers import (
    Exponential,
    Identity,
    Logistic,
    ReLU,
    Softmax,
    Tanh,
    glorot_uniform,
)
from .network import Network, dense_stack
from .optimizers import SGD, Adam
from .schedules import Adaptive, Constant, InverseScaling
from .training import DIVERGED, EpochTrainer, Run, minimize_lbfgs

ACTIVATIONS = {"identity": Identity, "logistic": Logistic, "relu": ReLU, "tanh": Tanh}
OUTPUT_ACTIVATIONS = {
    "exp": Exponential,
    "identity": Identity,
    "logistic": Logistic,
    "softmax": Softmax,
}

# Values that the layers hold at once when predicting: 8 MB in float64.
PREDICT_VALUES = 1 << 20


def is_stochastic(estimator):
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not "
            "stochastic."
        )
    return True


class BaseMLP(BaseEstimator):
    """Multilayer perceptron; see the two estimators.

    A subclass gives ``_read_targets``, ``_loss``, ``_score_logits`` and
    ``_stratification``.
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"auto", "float32", "float64"})],
    }

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
        # All happens on a copy, so that an error leaves this estimator as it was.
        trial = copy.copy(self)
        # A diverging run is reported once, by an error, not by NumPy's warnings.
        with np.errstate(all="ignore"):
            trial._fit_in_place(X, y, sample_weight, incremental, classes)
        self.__dict__ = trial.__dict__
        return self

    def _fit_in_place(self, X, y, sample_weight, incremental, classes):
        continuing = hasattr(self, "coefs_") and (self.warm_start or incremental)
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        hidden_layer_sizes = self._read_hidden_layer_sizes(continuing)
        X, y = self._read_data(X, y, reset=not continuing)
        dtype = self._training_dtype(X, continuing)
        targets = self._read_targets(y, dtype, continuing, incremental, classes)
        sample_weight = _read_sample_weight(sample_weight, X, dtype)

        run = self._take_up_run(continuing)
        if continuing:
            coefs, intercepts = self.coefs_, self.intercepts_
        else:
            layer_units = [X.shape[1], *hidden_layer_sizes, self.n_outputs_]
            coefs, intercepts = self._draw_parameters(layer_units, run.rng)
        coefs = [array.astype(dtype, copy=False) for array in coefs]
        intercepts = [array.astype(dtype, copy=False) for array in intercepts]
        layers = dense_stack(coefs, intercepts, ACTIVATIONS[self.activation])
        network = Network(layers, self._loss(), float(self.alpha)).flatten()

        if self.solver == "lbfgs":
            self._fit_lbfgs(network, run, X, targets, sample_weight)
        else:
            data = X, targets, sample_weight
            self._fit_stochastic(network, run, data, continuing, incremental)
        if not np.isfinite(network.parameters).all():
            raise ValueError(DIVERGED)
        self._adopt(network, run)
        self._run = run if self.warm_start or incremental else None

    def _read_hidden_layer_sizes(self, continuing):
        sizes = self.hidden_layer_sizes
        sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
        if continuing:
            fitted = [coef.shape[1] for coef in self.coefs_[:-1]]
            if sizes != fitted:
                raise ValueError(
                    f"hidden_layer_sizes is {sizes}, but training goes on from a model "
                    f"with hidden_layer_sizes={fitted}. Set it back, or fit anew with "
                    "warm_start=False."
                )
        return sizes

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

    def _draw_parameters(self, layer_units, rng):
        factor = 2.0 if self.activation == "logistic" else 6.0
        drawn = [
            glorot_uniform(rng, n_inputs, n_neurons, factor)
            for n_inputs, n_neurons in zip(layer_units, layer_units[1:], strict=False)
        ]
        return zip(*drawn, strict=True)

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
        if self.best_loss_ is not None:
            run.best_loss = self.best_loss_
        if self.validation_scores_ is not None:
            run.validation_scores = list(self.validation_scores_)
            run.best_score = self.best_validation_score_
        return run

    def _fit_lbfgs(self, network, run, X, targets, sample_weight):
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
        run.best_loss = loss
        self.loss_ = loss
        if outcome == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=5)
        elif outcome != "converged":
            warnings.warn(
                f"lbfgs failed to converge after {n_iter} iteration(s): {outcome}. "
                "Increase max_iter or max_fun, or scale the data.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _fit_stochastic(self, network, run, data, continuing, incremental):
        X, targets, sample_weight = data
        self._prepare_rows(run, X.shape[0], targets, sample_weight)
        if run.last_parameters is not None:
            network.parameters[...] = run.last_parameters
        n_rows = X.shape[0] if run.rows is None else len(run.rows)
        batches = Batches(
            X, targets, sample_weight, self._read_batch_size(n_rows), network.dtype
        )
        schedule = self._schedule()
        rate = schedule.rate(run.n_samples_seen, run.n_reductions)
        run.optimizer = self._optimizer(rate, run.optimizer, network.dtype)
        score = None
        if self.early_stopping:
            score = self._validation_score(run.validation_rows, targets, sample_weight)
            if run.best_parameters is None:
                run.best_parameters = network.parameters.copy()
        trainer = EpochTrainer(
            network,
            run,
            batches,
            schedule,
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
        elif continuing and trainer.stopped:
            outcome = "converged"
        else:
            outcome = trainer.train(self.max_iter)
        self._finish_stochastic(network, run, outcome, incremental)

    def _finish_stochastic(self, network, run, outcome, incremental):
        if outcome == "interrupted":
            warnings.warn("Training interrupted by user.", stacklevel=6)
        elif outcome == "exhausted" and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) reached "
                "and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=6,
            )
        if self.early_stopping:
            run.last_parameters = network.parameters.copy() if self.warm_start else None
            network.parameters[...] = run.best_parameters
        if run.loss_curve:
            self.loss_ = run.loss_curve[-1]

    def _prepare_rows(self, run, n_samples, targets, sample_weight):
        """Hold out validation rows, unless the run already has, from as many rows."""
        holds_out = run.validation_rows is not None
        if run.n_samples == n_samples and holds_out == self.early_stopping:
            return
        if not self.early_stopping:
            run.start_on(n_samples, None, None)
            return
        rows, validation_rows = train_test_split(
            np.arange(n_samples),
            test_size=self.validation_fraction,
            random_state=run.rng,
            stratify=self._stratification(targets),
        )
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

    def _read_batch_size(self, n_rows):
        if self.batch_size == "auto":
            return min(200, n_rows)
        if self.batch_size > n_rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going "
                "to be clipped",
                stacklevel=6,
            )
        return min(int(self.batch_size), n_rows)

    def _schedule(self):
        rate = self.learning_rate_init
        if self.solver == "adam" or self.learning_rate == "constant":
            return Constant(rate)
        if self.learning_rate == "invscaling":
            return InverseScaling(rate, self.power_t)
        return Adaptive(rate)

    def _optimizer(self, rate, previous, dtype):
        """Return an optimizer as set now, with the memory of `previous`."""
        if self.solver == "sgd":
            optimizer = SGD(
                rate, momentum=self.momentum, nesterov=self.nesterovs_momentum
            )
        else:
            optimizer = Adam(
                rate, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon
            )
        if type(previous) is type(optimizer):
            optimizer.inherit(previous, dtype)
        return optimizer

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
        self._random_state = run.rng

    def _logits(self, X):
        """Return what the network puts out for X before the output activation."""
        return self._forward(X, Identity)

    def _outputs(self, X):
        """Return what the network puts out for X."""
        return self._forward(X, lambda: OUTPUT_ACTIVATIONS[self.out_activation_]())

    def _forward(self, X, last_layer):
        """Go forward in batches of bounded memory, over layers that are thrown away."""
        X = self._read_inputs(X)
        hidden = ACTIVATIONS[self.activation]
        network = Network(dense_stack(self.coefs_, self.intercepts_, hidden))
        layer, dtype = last_layer(), network.dtype
        output = np.empty((X.shape[0], self.n_outputs_), dtype)
        n_rows = max(1, PREDICT_VALUES // (network.n_values + X.shape[1]))
        with np.errstate(all="ignore"):
            for start in range(0, X.shape[0], n_rows):
                rows = slice(start, start + n_rows)
                inputs = X if n_rows >= X.shape[0] else X[rows]
                logits = network.forward(inputs.astype(dtype, copy=False))
                layer.forward(logits, out=output[rows])
        if not np.isfinite(output).all():
            raise ValueError(
                "The output of the network is not finite for some rows: X contains "
                f"values too large for {dtype}. Scale the data."
            )
        return output

    def _read_inputs(self, X):
        check_is_fitted(self)
        # What is all in order takes a short cut: the full check costs many times what
        # a small network does on one row.
        if (
            type(X) is np.ndarray
            and X.dtype == self.coefs_[0].dtype
            and X.ndim == 2
            and X.shape[1] == self.n_features_in_
            and 0 < X.size <= 4096
            and not hasattr(self, "feature_names_in_")
            and np.isfinite(X).all()
        ):
            return X
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        return X.tocsr() if sp.issparse(X) else X

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
    return sample_weight
