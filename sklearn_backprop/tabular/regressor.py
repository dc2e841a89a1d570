"""The regressor for tables."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _check_y, check_is_fitted

from .._arrays import within_floats
from .._data import check_targets_known, read_numbers
from .._validation import Validated
from ..losses import Quantile, SquaredError
from .base import CONSTRAINTS, BaseTabularMLP
from .checks import check_numbers, check_positive
from .export import NumbersExport
from .statistics import ranks_of


class TabularMLPRegressor(RegressorMixin, BaseTabularMLP):
    """Regressor for tables: a frame of numbers, words and gaps in, nothing to tune.

    Some networks train on piecewise linear components of the columns, and some on plain
    numbers; those of a group share their hidden weights. Rows that a group has not
    trained on tell the best epoch, and how much its predictions count in the mean of
    all. Targets are standardized inside, and no prediction leaves the range that they
    had in training.

    Parameters
    ----------
    n_estimators : int, default=8
        Number of networks. More are more accurate, and take longer in proportion.
    quantiles : array-like of float in (0, 1) or None, default=None
        Which quantiles of the targets to predict, in place of their mean.
    hidden_layer_sizes : array-like of int, int, str or 'auto', default='auto'
        Number of neurons of each hidden layer; also as ``'128x2'``. What 'auto' stands
        for is the row of `sklearn_backprop.tabular.defaults.DEFAULTS` for the task and
        the number of rows.
    max_iter : int or 'auto', default='auto'
        Number of epochs. The learning rate runs its course in them, so fewer do not
        merely end earlier.
    batch_size : int or 'auto', default='auto'
        Number of rows of a mini-batch.
    learning_rate_init : float or 'auto', default='auto'
        Largest learning rate, of networks that see components; those that see plain
        numbers take twice as much.
    dropout : float or 'auto', default='auto'
        Share of the hidden neurons that a training step leaves out.
    categorical_features : 'from_dtype', array-like of str, int or bool, or None, \
            default='from_dtype'
        Which columns are categories; see `TablePreprocessor`.
    max_time : float or None, default=None
        Seconds after which training ends, with a schedule of the learning rate that
        ends then, too. The result then depends on the speed of the machine.
    random_state : int, RandomState or None, default=None
        Source of initial parameters, of held-out rows and of the order of rows; an int
        gives the same model every time.
    verbose : int, default=0
        1 prints a line for each epoch, 2 a table.

    Attributes
    ----------
    preprocessor_ : TablePreprocessor
        Makes numbers of columns.
    binner_ : PiecewiseLinearEncoder or None
        The bins of the columns that are numbers.
    networks_ : list of dict
        The arrays of each group of networks, which share the hidden weights:
        "embedding_weights" and "embedding_biases" of the columns, where they see
        components, "scales" of shape (n_networks, 1, n_inputs), "coefs" and
        "intercepts", layer by layer.
    group_weights_ : ndarray of shape (n_groups,)
        How much the predictions of each group count in the mean; they sum to 1.
    target_mean_, target_scale_ : ndarray of shape (n_outputs,)
        Mean and standard deviation of the targets in training.
    target_range_ : ndarray of shape (2, n_outputs)
        Their smallest and largest values, between which all predictions are.
    quantiles_ : ndarray of shape (n_quantiles,) or None
        What is predicted; None for the mean.
    loss_curve_ : list of float
        Training loss of each epoch, averaged over the networks: half the squared error
        of standardized targets, or the pinball loss.
    validation_loss_curve_ : list of float or None
        Loss of the rows held out, averaged over the groups, after each epoch; None
        where there were too few rows to hold any out.
    best_iter_ : list of int or None
        The epoch of each group whose parameters were kept; None where no rows were held
        out.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    See Also
    --------
    TabularMLPClassifier : For labels.
    MLPRegressor : One network, as scikit-learn has it.
    sklearn.ensemble.HistGradientBoostingRegressor : Trees.

    Notes
    -----
    The networks compute in float32, with fewer than 256 rows in float64.

    References
    ----------
    .. [1] Gorishniy, Kotelnikov and Babenko (2025), "TabM: advancing tabular deep
       learning with parameter-efficient ensembling".
    .. [2] Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features
       in tabular deep learning".
    .. [3] Wolpert (1992), "Stacked generalization".
    .. [4] Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: strong
       pre-tuned MLPs and boosted trees on tabular data".

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_backprop import TabularMLPRegressor
    >>> X = np.linspace(0.0, 6.0, 200)[:, np.newaxis]
    >>> y = 1000.0 * np.sin(X[:, 0])
    >>> model = TabularMLPRegressor(random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.99)
    True
    """

    _task = "regression"
    _onnx_class = NumbersExport
    _parameter_constraints: dict = {**CONSTRAINTS, "quantiles": ["array-like", None]}

    def __init__(
        self,
        n_estimators=8,
        *,
        quantiles=None,
        hidden_layer_sizes="auto",
        max_iter="auto",
        batch_size="auto",
        learning_rate_init="auto",
        dropout="auto",
        categorical_features="from_dtype",
        max_time=None,
        random_state=None,
        verbose=0,
    ):
        self.n_estimators = n_estimators
        self.quantiles = quantiles
        self.hidden_layer_sizes = hidden_layer_sizes
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.dropout = dropout
        self.categorical_features = categorical_features
        self.max_time = max_time
        self.random_state = random_state
        self.verbose = verbose

    def predict(self, X):
        """Return the mean, or the quantiles, of the targets of each row.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)

        Returns
        -------
        predictions : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            With quantiles of shape (n_samples, n_quantiles), or (n_samples, n_outputs,
            n_quantiles) where y had several columns, in the order of `quantiles`.
        """
        check_is_fitted(self)
        return np.concatenate([self._predictions(block) for block in self._logits(X)])

    def score(self, X, y, sample_weight=None):
        """Return R^2 of the predictions.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            True targets.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        score : float
            Averaged over the outputs.

        Raises
        ------
        ValueError
            If the model predicts quantiles.
        """
        check_is_fitted(self)
        if self.quantiles_ is not None:
            raise ValueError(
                f"quantiles={self.quantiles_.tolist()} are predicted, for which there "
                "is no R^2: score each column of predict(X), for example by "
                "sklearn.metrics.mean_pinball_loss."
            )
        return super().score(X, y, sample_weight)

    def _predictions(self, logits):
        """Return those of some rows, from the logits of each group."""
        means = [group.mean(axis=0, dtype=np.float64) for group in logits]
        mean = np.tensordot(self.group_weights_, means, axes=1)
        n_outputs = len(self.target_mean_)
        standardized = mean.reshape(len(mean), n_outputs, -1)
        center, scale = (
            self.target_mean_[:, np.newaxis],
            self.target_scale_[:, np.newaxis],
        )
        lowest, highest = self.target_range_[:, :, np.newaxis]
        predictions = np.clip(center + scale * standardized, lowest, highest)
        if self.quantiles_ is None:
            predictions = predictions[:, :, 0]
        else:
            predictions = _in_order(predictions, self.quantiles_)
        return predictions[:, 0] if n_outputs == 1 else predictions

    def _check_labels(self):
        """Raise ValueError unless the scales of the targets go with the networks."""
        n_targets = np.size(self.target_mean_)
        check_numbers("target_mean_", self.target_mean_, (n_targets,))
        check_positive("target_scale_", self.target_scale_, (n_targets,))
        check_numbers("target_range_", self.target_range_, (2, n_targets))
        if not n_targets or self._n_fitted_outputs % n_targets:
            raise ValueError(
                f"target_mean_ has {n_targets} numbers, which do not go with "
                f"{self._n_fitted_outputs} outputs of the networks."
            )
        if not (self.target_range_[0] <= self.target_range_[1]).all():
            raise ValueError(f"target_range_ must rise, got {self.target_range_!r}.")

    def _check_task(self):
        """Raise ValueError unless the networks predict what is asked for."""
        self._check_labels()
        n_quantiles = 1
        if self.quantiles_ is not None:
            n_quantiles = np.size(self.quantiles_)
            check_numbers("quantiles_", self.quantiles_, (n_quantiles,))
        n_fitted = self._n_fitted_outputs // len(self.target_mean_)
        if n_quantiles != n_fitted:
            raise ValueError(
                f"quantiles_ is {self.quantiles_!r}, but the networks predict "
                f"{n_fitted} number(s) of each target."
            )

    def _read_targets(self, y, weights, reset):
        """Return standardized targets of shape (n_samples, n_outputs)."""
        check_targets_known(y)
        with within_floats(y=y):
            y = _check_y(y, multi_output=True, y_numeric=True)
        y = read_numbers(y, np.float64)
        if reset:
            loss = self._loss()
            self.quantiles_ = None
            if self.quantiles is not None:
                self.quantiles_ = np.asarray(loss.quantile, np.float64)
            self.target_mean_, self.target_scale_ = _mean_and_scale(y, weights)
            counted = y if weights is None else y[weights > 0.0]
            self.target_range_ = np.array([counted.min(axis=0), counted.max(axis=0)])
        elif y.shape[1] != len(self.target_mean_):
            raise ValueError(
                f"y has {y.shape[1]} columns, and in training it had "
                f"{len(self.target_mean_)}."
            )
        return self._loss().outputs_for((y - self.target_mean_) / self.target_scale_)

    def _n_outputs(self, targets):
        return targets.shape[1]

    def _loss(self):
        if self.quantiles is None:
            return SquaredError()
        loss = Quantile(tuple(np.ravel(self.quantiles).tolist()))
        try:
            loss.validate()
        except ValueError as error:
            raise ValueError(f"quantiles={self.quantiles!r}: {error}") from None
        return loss

    def _strata(self, targets):
        return None

    def _validation_function(self, data):
        loss = self._loss()

        def validate(logits):
            mean = logits.mean(axis=0, dtype=np.float64)
            value = float(loss.calculate(mean, data.targets, data.sample_weight))
            return Validated(-value, value)

        return validate

    def _fit_outputs(self, logits, held_out):
        """Return the outputs for the rows held out, averaged over the networks."""
        return [
            None if group is None else group.mean(axis=0, dtype=np.float64)
            for group in logits
        ]

    def _surprise(self, outputs, data):
        """Return that of the targets, of errors of unknown scale.

        They are normal, or asymmetric Laplace where quantiles are predicted.
        """
        loss = self._loss().calculate(outputs, data.targets, data.sample_weight)
        power = 0.5 if self.quantiles_ is None else 1.0
        return power * len(outputs) * np.log(max(loss, np.finfo(np.float64).tiny))


def _mean_and_scale(y, weights):
    """Return mean and standard deviation of each column; 1 for that of a constant.

    Columns are divided by their size first, whose square may be no number.
    """
    sizes = np.abs(y).max(axis=0)
    sizes[sizes == 0.0] = 1.0
    shares = y / sizes
    mean = np.average(shares, axis=0, weights=weights)
    spread = np.sqrt(np.average(np.square(shares - mean), axis=0, weights=weights))
    return mean * sizes, np.where(spread > 0.0, spread * sizes, 1.0)


def _in_order(predictions, quantiles):
    """Return predictions of quantiles, which do not cross."""
    return np.sort(predictions, axis=-1)[..., ranks_of(quantiles)]
