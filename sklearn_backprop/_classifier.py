"""MLPClassifier: labels in, probabilities out."""

import numpy as np
import scipy.sparse as sp
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import column_or_1d

from ._base import BaseMLP
from ._parameters import is_stochastic
from .layers import Logistic
from .losses import BinaryCrossentropy, SoftmaxCategoricalCrossentropy


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multilayer perceptron classifier.

    Fully connected layers trained by backpropagation, which minimizes the
    cross-entropy of the labels plus an L2 penalty on the weights. The parameters are
    those of scikit-learn's estimator of this name, and with the same `random_state`
    and float64 data the fitted coefficients agree to rounding.

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int, default=(100,)
        Number of neurons of each hidden layer, from the inputs to the outputs. Empty
        for a linear model.

    activation : {'identity', 'logistic', 'tanh', 'relu'}, default='relu'
        Function that the hidden neurons apply:

        - 'identity': ``x``, so that the model stays linear;
        - 'logistic': ``1 / (1 + exp(-x))``;
        - 'tanh': ``tanh(x)``;
        - 'relu': ``max(0, x)``.

    solver : {'lbfgs', 'sgd', 'adam'}, default='adam'
        How the loss is minimized:

        - 'adam': on mini-batches, with steps scaled by running means of the gradient
          and of its square [2]_;
        - 'sgd': on mini-batches, with momentum [3]_;
        - 'lbfgs': on all rows at once, by a quasi-Newton method [4]_. On a few
          thousand rows it often gets to a low loss in the shortest time.

    alpha : float, default=0.0001
        Strength of the penalty ``alpha / (2 n) * sum(weights ** 2)``, where n is the
        number of rows of the batch, or the sum of their weights. Biases are free.

    batch_size : int or 'auto', default='auto'
        Number of rows of a mini-batch of 'sgd' and 'adam'; 'auto' is
        ``min(200, n_samples)``. More than there are rows is clipped, with a warning.

    learning_rate : {'constant', 'invscaling', 'adaptive'}, default='constant'
        Learning rate of 'sgd' over time:

        - 'constant': `learning_rate_init` throughout;
        - 'invscaling': ``learning_rate_init / (t_ + 1) ** power_t``, set after each
          epoch;
        - 'adaptive': `learning_rate_init`, divided by five each time that improvement
          ends, until it is 1e-6 or less.

    learning_rate_init : float, default=0.001
        Initial learning rate of 'sgd' and 'adam'.

    power_t : float, default=0.5
        Exponent of 'invscaling'.

    max_iter : int, default=200
        Largest number of epochs of 'sgd' and 'adam', or iterations of 'lbfgs', in one
        call of `fit`.

    shuffle : bool, default=True
        Whether 'sgd' and 'adam' take the rows in a new order in each epoch.

    random_state : int, RandomState instance or None, default=None
        Source of the initial parameters, of the validation split and of the order of
        the rows. With an int, every new fit gives the same model. Training that
        continues goes on in the random stream and does not start it over.

    tol : float, default=1e-4
        By how much the training loss, or the validation score, must improve to count
        as improving. For 'lbfgs', the largest component of the gradient at which to
        stop.

    verbose : bool, default=False
        Whether to print the loss of each epoch or iteration.

    warm_start : bool, default=False
        Whether `fit` goes on where the fit before stopped: parameters, moments of the
        optimizer, learning rate, order of the rows and patience. Two fits of k and m
        epochs then equal one of k + m, and a run that has ended by itself stays ended.
        The state that this needs is kept with the model; `trim` drops it.

    momentum : float, default=0.9
        Momentum of 'sgd', from 0 to 1.

    nesterovs_momentum : bool, default=True
        Whether the momentum of 'sgd' looks ahead, as Nesterov's does.

    early_stopping : bool, default=False
        Whether 'sgd' and 'adam' hold out `validation_fraction` of the rows, stop when
        the accuracy on them no longer improves, and return the parameters of the best
        epoch. The split is stratified for two classes. Not for `partial_fit`.

    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out.

    beta_1, beta_2 : float, default=0.9 and 0.999
        Decay of the running means of 'adam': of the gradient, and of its square.

    epsilon : float, default=1e-8
        What 'adam' adds to the denominator of a step.

    n_iter_no_change : int or inf, default=10
        How many epochs in a row may pass without improvement; one more ends the
        training, or lowers an 'adaptive' learning rate.

    max_fun : int, default=15000
        Largest number of evaluations of the loss by 'lbfgs' in one call of `fit`.

    dtype : {'auto', 'float32', 'float64'}, default='auto'
        Precision of the parameters and of all computation. 'auto' takes that of X, or
        of the model where training continues. With 'sgd' and 'adam', 'float32' on
        float64 data converts batch by batch and makes no second copy of a large X.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels, sorted; for multilabel targets the numbers of the columns.

    coefs_ : list of ndarray of shape (n_inputs, n_neurons)
        Weights, layer by layer.

    intercepts_ : list of ndarray of shape (n_neurons,)
        Biases, layer by layer.

    loss_ : float or None
        Loss of the last epoch with the penalty, averaged over its batches by their
        weight; for 'lbfgs', the loss at the end. None if interrupted before the
        first epoch ended.

    best_loss_ : float or None
        Smallest loss of an epoch, with 'lbfgs' that of the best point; None with
        `early_stopping`, which 'lbfgs' ignores.

    loss_curve_ : list of float of shape (`n_iter_`,)
        Loss after each epoch or iteration.

    validation_scores_ : list of float of shape (`n_iter_`,) or None
        Accuracy on the rows held out, after each epoch; None without
        `early_stopping`.

    best_validation_score_ : float or None
        Largest of `validation_scores_`; None without `early_stopping`.

    n_iter_ : int
        Number of epochs or iterations, over all calls that continued this training.

    t_ : int
        Number of rows that 'sgd' or 'adam' went through, repeats included.

    n_layers_ : int
        Number of layers, with the inputs and the outputs.

    n_outputs_ : int
        Number of neurons of the last layer: 1 for two classes, else one per class or
        label.

    out_activation_ : str
        Function of the last layer: 'softmax' for more than two classes, else
        'logistic'.

    n_features_in_ : int
        Number of columns of X.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

    See Also
    --------
    MLPRegressor : The same network for numbers.
    sklearn_backprop.layers : The layers by themselves.

    Notes
    -----
    Weights and biases begin uniform on ``[-bound, bound]``, with
    ``bound = sqrt(6 / (n_inputs + n_neurons))`` [1]_, or ``sqrt(2 / ...)`` for
    'logistic'. Gradients come from backpropagation [5]_; the loss is computed
    from the logits, by log-sum-exp or softplus, so that loss and gradient agree also
    where a probability rounds to 0 or 1.

    With 'sgd' and 'adam' an epoch goes through all rows once. The learning rate of
    'adam' stays what it is; its steps adapt by themselves.

    A run whose loss or parameters become infinite or NaN raises ValueError and leaves
    the estimator as it was. Scale the features first, for example by
    :class:`~sklearn.preprocessing.StandardScaler`: a network trains badly on features
    of very different ranges.

    References
    ----------
    .. [1] Glorot and Bengio (2010), "Understanding the difficulty of training deep
       feedforward neural networks", AISTATS.
    .. [2] Kingma and Ba (2015), "Adam: a method for stochastic optimization", ICLR.
    .. [3] Sutskever, Martens, Dahl and Hinton (2013), "On the importance of
       initialization and momentum in deep learning", ICML.
    .. [4] Zhu, Byrd, Lu and Nocedal (1997), "Algorithm 778: L-BFGS-B", ACM
       Transactions on Mathematical Software 23.
    .. [5] Rumelhart, Hinton and Williams (1986), "Learning representations by
       back-propagating errors", Nature 323.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_backprop import MLPClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> model = make_pipeline(StandardScaler(), MLPClassifier(random_state=0))
    >>> model.fit(X_train, y_train).predict(X_test[:5])
    array([2, 8, 2, 6, 6])
    >>> f"{model.score(X_test, y_test):.2f}"
    '0.97'
    """

    @available_if(is_stochastic)
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None, classes=None):
        """Train for one epoch over the given data, going on from where training stands.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, of any number of rows.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels, among `classes`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples: not negative, and not all zero.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call will bring. Needed at the first call on an
            unfitted model; may be left out, or repeated, afterwards.

        Returns
        -------
        self : object
            The estimator, trained further.

        Raises
        ------
        ValueError
            As for `fit`; if `classes` is missing at the first call or differs later; if
            `y` has labels outside `classes`; with ``early_stopping=True``.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X):
        """Predict labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            The most probable class of each sample; for multilabel targets an
            indicator matrix.
        """
        return self._forward(X, self._labels)

    def decision_function(self, X):
        """Return the logits, the inputs of the output activation.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        logits : ndarray of shape (n_samples,) or (n_samples, n_outputs)
            For two classes one column, positive for ``classes_[1]``.
        """
        return self._forward(X, self._squeeze)

    def _squeeze(self, logits):
        return logits[:, 0] if self.n_outputs_ == 1 else logits

    def predict_proba(self, X):
        """Predict probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``. For multilabel targets, each column is the
            probability of its label.
        """
        return self._forward(X, self._probabilities)

    def _probabilities(self, logits):
        if self.n_outputs_ > 1:
            return self._output_activation(logits)
        if len(self.classes_) == 1:
            return np.ones_like(logits)
        # Not 1 - p, which is zero long before the probability is.
        return Logistic().forward(np.hstack([-logits, logits]))

    def predict_log_proba(self, X):
        """Predict logarithms of probabilities, computed from the logits.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Finite also where a probability is too small to represent.
        """
        return self._forward(X, self._log_probabilities)

    def _log_probabilities(self, logits):
        if self.out_activation_ == "softmax":
            return log_softmax(logits, axis=1)
        if self._is_multilabel:
            return log_expit(logits)
        if len(self.classes_) == 1:
            return np.zeros_like(logits)
        return log_expit(np.hstack([-logits, logits]))

    @property
    def _is_multilabel(self):
        return self.out_activation_ == "logistic" and self.n_outputs_ > 1

    def _labels(self, logits):
        if self._is_multilabel:
            return (logits > 0.0).astype(int)
        return self.classes_[self._class_indices(logits)]

    def _class_indices(self, logits):
        if self.n_outputs_ > 1:
            return logits.argmax(axis=1)
        return ((logits[:, 0] > 0.0) & (len(self.classes_) > 1)).astype(np.intp)

    def _read_targets(self, y, dtype, continuing, incremental, classes):
        """Set what the labels determine; return class indices, or 0/1 columns."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        kind = type_of_target(y, input_name="y")
        if kind == "multiclass-multioutput":
            raise ValueError(
                "Multioutput target data is not supported: y must be one column of "
                "labels, or a multilabel indicator matrix of 0 and 1."
            )
        multilabel = kind == "multilabel-indicator"
        if not multilabel and kind not in ("binary", "multiclass"):
            check_classification_targets(y)  # Raises.
        labels = np.arange(y.shape[1]) if multilabel else np.unique(y)
        if incremental:
            classes = self._read_classes(classes)
        else:
            classes = self.classes_ if continuing else labels
        if continuing and multilabel != self._is_multilabel:
            raise ValueError(
                f"y holds {kind} labels now, and held another kind when training began."
            )
        self._check_labels(labels, classes, complete=not incremental)
        if multilabel and len(labels) != len(classes):
            raise ValueError(
                f"y has {len(labels)} columns, but there are {len(classes)} labels."
            )
        n_outputs = len(classes) if multilabel or len(classes) > 2 else 1
        self.classes_, self.n_outputs_ = classes, n_outputs
        many = n_outputs > 1 and not multilabel
        self.out_activation_ = "softmax" if many else "logistic"
        if multilabel:
            y = y.toarray() if sp.issparse(y) else y
            indicator = y != 0
            if indicator.all() and np.ptp(y) > 0:
                raise ValueError(
                    "A multilabel y must hold 0 where a label does not apply, got "
                    f"{np.unique(y)}."
                )
            return np.ascontiguousarray(indicator).view(np.int8)
        indices = np.searchsorted(classes, y)
        return indices if many else indices.astype(np.int8)[:, np.newaxis]

    def _read_classes(self, classes):
        """Return the classes of a `partial_fit`, sorted."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit."
                )
            return known
        given = unique_labels(classes)
        if known is not None and not np.array_equal(known, given):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to "
                f"partial_fit, was: {known!r}"
            )
        return given

    @staticmethod
    def _check_labels(labels, classes, complete):
        given, known = set(labels), set(classes)
        if complete and given != known:
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the "
                f"previous call to fit. Previously got {classes}, `y` has {labels}"
            )
        if not given <= known:
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {classes}. 'y' has {labels}."
            )

    def _loss(self):
        if self.out_activation_ == "softmax":
            return SoftmaxCategoricalCrossentropy()
        return BinaryCrossentropy()

    def _stratification(self, targets):
        # scikit-learn stratifies two classes alone, and the same seed is to give the
        # same split.
        return targets[:, 0] if self.n_outputs_ == 1 else None

    def _score_logits(self, logits, y_true, sample_weight):
        """Return the accuracy."""
        if self._is_multilabel:
            correct = ((logits > 0.0) == y_true).all(axis=1)
        else:
            correct = self._class_indices(logits) == y_true.reshape(len(y_true))
        return np.average(correct, weights=sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
