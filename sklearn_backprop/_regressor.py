"""MLPRegressor: numbers in, numbers out."""

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import column_or_1d

from ._base import OUTPUT_ACTIVATIONS, BaseMLP, is_stochastic
from .losses import Poisson, SquaredError


class MLPRegressor(RegressorMixin, BaseMLP):
    """Multilayer perceptron regressor."""

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions({"squared_error", "poisson"})],
    }

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="squared_error",
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
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            dtype=dtype,
        )
        self.loss = loss

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Train for one epoch over the given data, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets, with as many outputs as before.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples: not negative, and not all zero.

        Returns
        -------
        self : object
            The estimator, trained further.

        Raises
        ------
        ValueError
            As for `fit`; if `y` has another number of outputs than before; with
            ``early_stopping=True``.
        """
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X):
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        predictions = self._outputs(X)
        return predictions[:, 0] if self.n_outputs_ == 1 else predictions

    def _read_targets(self, y, dtype, continuing, incremental, classes):
        """Set what the targets determine; return them as columns."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        targets = y.reshape(len(y), -1).astype(dtype)
        n_outputs = targets.shape[1]
        if continuing and n_outputs != self.n_outputs_:
            raise ValueError(
                f"y has {n_outputs} output(s), but {type(self).__name__} was fitted "
                f"with {self.n_outputs_}."
            )
        if not np.isfinite(targets).all():
            raise ValueError(f"y contains values too large for {dtype}.")
        if self.loss == "poisson" and targets.min() < 0:
            raise ValueError(
                f"loss='poisson' needs y >= 0, got a smallest value of {targets.min()}."
            )
        self.n_outputs_ = n_outputs
        self.out_activation_ = "exp" if self.loss == "poisson" else "identity"
        return targets

    def _loss(self):
        if self.loss == "poisson":
            return Poisson()
        # scikit-learn's stochastic solvers step along the gradient of the sum over the
        # outputs, and the same seed is to give the same numbers.
        stochastic = self.solver != "lbfgs"
        return SquaredError(gradient_scale=self.n_outputs_ if stochastic else 1)

    def _stratification(self, targets):
        return None

    def _score_logits(self, logits, y_true, sample_weight):
        """Return R^2."""
        predictions = OUTPUT_ACTIVATIONS[self.out_activation_]().forward(logits)
        return r2_score(y_true, predictions, sample_weight=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
