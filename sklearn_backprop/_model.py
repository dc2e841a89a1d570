"""A fitted model: what an estimator's public attributes say, whoever has set them."""

import numpy as np
import scipy.sparse as sp
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted, validate_data

from ._arrays import check_model, check_sparse, read_model, within_floats
from ._parameters import layer_makers, settings_of
from ._prediction import forward_rows
from ._transaction import copy_of_estimator
from .finite import is_finite
from .network import Network, dense_stack


class ModelMixin:
    """Predicts from public attributes, and derives those that are missing."""

    # Without these there is no model; all else can be derived.
    _essential = ("coefs_", "intercepts_")

    def _copy(self):
        """Return a copy that shares all attributes."""
        return copy_of_estimator(self)

    def _view_of(self, network):
        """Return a fitted estimator whose arrays are views into a network's vector."""
        view = self._copy()
        view.coefs_, view.intercepts_ = network.coefs, network.intercepts
        # Its X is an array, whose columns have no names.
        vars(view).pop("feature_names_in_", None)
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
            "validation_loss_curve_": None,
            "best_validation_score_": None,
            "best_iter_": None,
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

    def _check_labels(self):
        """Raise ValueError unless labels, where there are any, go with the outputs."""

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
        with within_floats(X=X):
            X = validate_data(
                self,
                X,
                accept_sparse=["csr", "csc"],
                reset=False,
                ensure_all_finite=False,
            )
        if sp.issparse(X):
            check_sparse(X)
            return X.tocsr()
        if X.shape[0] == 1:  # More rows are checked as they are multiplied.
            with np.errstate(over="ignore"):
                X = X.astype(dtype, copy=False)
            self._check_finite(X)
        return X

    def _check_finite(self, X):
        assert_all_finite(X, input_name="X", estimator_name=type(self).__name__)
