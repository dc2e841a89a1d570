"""The classifier for tables."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, logsumexp
from sklearn.base import ClassifierMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_y, check_is_fitted

from .._data import check_targets_known
from .._labels import check_classes, class_weights, read_classification
from .._tasks import Classification
from .._validation import Validated
from ..losses import SoftmaxCategoricalCrossentropy
from .base import CONSTRAINTS, BaseTabularMLP
from .checks import check_positive
from .export import LabelsExport

# A log-loss below which nothing is to be gained: the first epoch there counts.
NEGLIGIBLE = 1e-4
# Logarithms between which a temperature is looked for, and those tried in each epoch.
LOG_TEMPERATURES = (-1.5, 1.5)
# Standard deviation of a normal prior of the logarithm: a few rows must not decide.
PRIOR = 0.25
TRIED_TEMPERATURES = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0)


def log_mean_probabilities(logits, temperature):
    """Return the logarithms of the mean of the networks' probabilities.

    Parameters
    ----------
    logits : ndarray of shape (n_networks, n_samples, n_classes)
    temperature : float
        What logits are divided by.

    Returns
    -------
    log_probabilities : ndarray of shape (n_samples, n_classes)
    """
    of_networks = log_softmax(logits.astype(np.float64) / temperature, axis=-1)
    return logsumexp(of_networks, axis=0) - np.log(len(logits))


def log_loss_of(logits, targets, sample_weight, temperature):
    """Return the mean log-loss of the mean of the networks' probabilities.

    Parameters
    ----------
    logits : ndarray of shape (n_networks, n_samples, n_classes)
    targets : ndarray of int of shape (n_samples,)
    sample_weight : ndarray of shape (n_samples,) or None
    temperature : float
    """
    # SciPy's log_softmax takes twenty times as long for a few rows.
    shifted = logits - logits.max(axis=-1, keepdims=True)
    shifted /= logits.dtype.type(temperature)
    odds = np.exp(shifted, shifted)
    of_targets = odds[:, np.arange(len(targets)), targets] / odds.sum(axis=-1)
    probabilities = np.maximum(of_targets.mean(axis=0), np.finfo(odds.dtype).tiny)
    return -float(np.average(np.log(probabilities), weights=sample_weight))


def fit_temperature(logits, targets, sample_weight):
    """Return the most probable temperature: that of the smallest log-loss, nearly.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017), "On calibration of modern neural networks",
    section 4.2.
    """
    n_rows = len(targets)

    def surprise(log):
        loss = log_loss_of(logits, targets, sample_weight, np.exp(log))
        return n_rows * loss + 0.5 * (log / PRIOR) ** 2

    found = minimize_scalar(
        surprise,
        bounds=LOG_TEMPERATURES,
        method="bounded",
    )
    return float(np.exp(found.x))


class TabularMLPClassifier(ClassifierMixin, BaseTabularMLP):
    """Classifier for tables: a frame of numbers, words and gaps in, nothing to tune.

    Some networks train on piecewise linear components of the columns, and some on plain
    numbers; those of a group share their hidden weights. Rows that a group has not
    trained on tell the best epoch, a temperature, and how much its probabilities count
    in the mean of all.

    Parameters
    ----------
    n_estimators : int, default=8
        Number of networks. More are more accurate, and take longer in proportion.
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
    class_weight : dict, 'balanced' or None, default=None
        Weights of the labels; 'balanced' for those inversely proportional to their
        frequencies. They count for rows held out, too, and not for those of X_val.
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
    classes_ : ndarray of shape (n_classes,)
        Labels, in the order of the columns of `predict_proba`.
    preprocessor_ : TablePreprocessor
        Makes numbers of columns.
    binner_ : PiecewiseLinearEncoder or None
        The bins of the columns that are numbers.
    networks_ : list of dict
        The arrays of each group of networks, which share the hidden weights:
        "embedding_weights" and "embedding_biases" of the columns, where they see
        components, "scales" of shape (n_networks, 1, n_inputs), "coefs" and
        "intercepts", layer by layer.
    temperatures_ : ndarray of shape (n_groups,)
        What the logits of each group are divided by.
    group_weights_ : ndarray of shape (n_groups,)
        How much the probabilities of each group count in the mean; they sum to 1.
    loss_curve_ : list of float
        Training log-loss of each epoch, averaged over the networks.
    validation_loss_curve_ : list of float or None
        Log-loss of the rows held out, averaged over the groups, after each epoch; None
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
    TabularMLPRegressor : For numbers.
    MLPClassifier : One network, as scikit-learn has it.
    sklearn.ensemble.HistGradientBoostingClassifier : Trees.

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
    >>> import pandas as pd
    >>> from sklearn_backprop import TabularMLPClassifier
    >>> frame = pd.DataFrame(
    ...     {"age": [20, 30, None, 50], "city": ["Rome", "Oslo", "Rome", None]}
    ... )
    >>> frame = pd.concat([frame] * 20)
    >>> y = ["no", "yes", "no", "yes"] * 20
    >>> model = TabularMLPClassifier(random_state=0).fit(frame, y)
    >>> model.predict(frame[:4])
    array(['no', 'yes', 'no', 'yes'], dtype='<U3')
    """

    _task = "classification"
    # By this skl2onnx knows which options there are: those of scikit-learn's MLP.
    alias = "SklearnMLPClassifier"
    _onnx_class = LabelsExport
    _parameter_constraints: dict = {
        **CONSTRAINTS,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        n_estimators=8,
        *,
        hidden_layer_sizes="auto",
        max_iter="auto",
        batch_size="auto",
        learning_rate_init="auto",
        dropout="auto",
        class_weight=None,
        categorical_features="from_dtype",
        max_time=None,
        random_state=None,
        verbose=0,
    ):
        self.n_estimators = n_estimators
        self.hidden_layer_sizes = hidden_layer_sizes
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.dropout = dropout
        self.class_weight = class_weight
        self.categorical_features = categorical_features
        self.max_time = max_time
        self.random_state = random_state
        self.verbose = verbose

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
        """
        return np.concatenate([self._log_probabilities(b) for b in self._logits(X)])

    def predict(self, X):
        """Return the most probable label of each row.

        Parameters
        ----------
        X : {array-like, frame} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_log_proba(X).argmax(axis=1)]

    def _log_probabilities(self, logits):
        """Return those of some rows, from the logits of each group."""
        with np.errstate(all="ignore"):
            of_groups = [
                log_mean_probabilities(*pair)
                for pair in zip(logits, self.temperatures_, strict=True)
            ]
            weights = self.group_weights_[:, np.newaxis, np.newaxis]
            mean = logsumexp(of_groups, axis=0, b=weights)
        if np.isnan(mean).any():
            raise ValueError(
                "The probabilities are not numbers: temperatures_ are too small, got "
                f"{self.temperatures_!r}."
            )
        return mean

    def _check_labels(self):
        """Raise ValueError unless labels and temperatures go with the networks."""
        n_outputs = self._n_fitted_outputs
        classes = np.asarray(self.classes_)
        check_classes(Classification(classes, "softmax", n_outputs))
        check_positive("temperatures_", self.temperatures_, (len(self.networks_),))

    def _check_task(self):
        self._check_labels()

    def _read_targets(self, y, weights, reset):
        """Return the indices of the labels, which `classes_` then holds."""
        check_targets_known(y)
        y = _check_y(y, multi_output=True)
        if y.ndim == 2 and y.shape[1] > 1:
            raise ValueError(
                f"y has {y.shape[1]} columns: fit one TabularMLPClassifier for each, "
                "for example by sklearn.multioutput.MultiOutputClassifier."
            )
        classes = None if reset else self.classes_
        task, targets = read_classification(y, self._loss(), None, classes)
        if reset:
            self.classes_ = task.classes
        return targets

    def _weights(self, targets, sample_weight):
        labels = Classification(self.classes_, "softmax", len(self.classes_))
        factors = class_weights(self.class_weight, labels, targets, False)
        if factors is None:
            return sample_weight
        weights = factors if sample_weight is None else factors * sample_weight
        if not weights.any():
            raise ValueError(
                f"class_weight={self.class_weight!r} leaves no row that counts."
            )
        return weights

    def _n_outputs(self, targets):
        return len(self.classes_)

    def _loss(self):
        return SoftmaxCategoricalCrossentropy()

    def _strata(self, targets):
        return targets

    def _validation_function(self, data):
        def validate(logits):
            arguments = logits, data.targets, data.sample_weight
            loss = min(log_loss_of(*arguments, t) for t in TRIED_TEMPERATURES)
            return Validated(-max(loss, NEGLIGIBLE), loss)

        return validate

    def _fit_outputs(self, logits, held_out):
        """Fit the temperatures; return the probabilities of the targets held out."""
        self.temperatures_, outputs = np.ones(len(logits)), []
        for i, data in enumerate(held_out):
            if data is None:
                outputs.append(None)
                continue
            arguments = logits[i], data.targets, data.sample_weight
            self.temperatures_[i] = fit_temperature(*arguments)
            of_classes = log_mean_probabilities(logits[i], self.temperatures_[i])
            of_targets = of_classes[np.arange(len(of_classes)), data.targets]
            outputs.append(np.exp(of_targets))
        return outputs

    def _surprise(self, probabilities, data):
        """Return that of the targets, from their probabilities."""
        logs = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))
        return -len(logs) * np.average(logs, weights=data.sample_weight)
