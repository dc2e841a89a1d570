"""MLPClassifier: labels in, probabilities out."""

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from ._base import BaseMLP
from ._conversion import label_binarizer
from ._labels import (
    check_classes,
    class_weights,
    read_classes,
    read_classification,
)
from ._parameters import LABEL_LOSSES, is_stochastic
from ._tasks import Classification
from .losses import Loss


class MLPClassifier(ClassifierMixin, BaseMLP):
    """Multilayer perceptron classifier.

    Fully connected layers trained by backpropagation, which minimizes the
    cross-entropy of the labels plus an L2 penalty on the weights. The parameters are
    those of scikit-learn's estimator of this name, and with the same `random_state`
    and float64 data the fitted coefficients agree to rounding.

    Parameters
    ----------
    hidden_layer_sizes : int, array-like of int, str or HiddenLayers, default=(100,)
        Number of neurons of each hidden layer, from the inputs to the outputs. Empty
        for a linear model. '256x3' is three layers of 256 neurons, and
        :class:`~sklearn_backprop.architecture.HiddenLayers` has width and depth as
        numbers for a search.
    activation : str, layer, or list of them with one for each hidden layer, \
            default='relu'
        Function that the hidden neurons apply:

        - 'identity': ``x``, so that the model stays linear;
        - 'logistic': ``1 / (1 + exp(-x))``;
        - 'tanh': ``tanh(x)``;
        - 'relu': ``max(0, x)``;
        - 'elu', 'gelu', 'hard_sigmoid', 'leaky_relu', 'mish', 'selu', 'silu' or
          'softplus': the class of :mod:`sklearn_backprop.layers`, with its defaults;
        - any object with ``forward(inputs)`` and ``backward(dvalues)``.
    loss : {'log_loss', 'focal'} or Loss, default='log_loss'
        What is minimized:

        - 'log_loss': the cross-entropy of the labels, by a softmax over more than two
          classes, and by a logistic sigmoid for two classes and for each label of a
          multilabel y;
        - 'focal': the same, where rows that are right already count less;
        - any :class:`~sklearn_backprop.losses.Loss` whose link is 'logistic',
          'softmax' or None. It gets class indices for 'softmax', else columns of 0
          and 1.
    class_weight : dict, list of dict, 'balanced' or None, default=None
        Weights of the classes, which are multiplied with `sample_weight`: a number for
        each label, or 'balanced' for ``n_samples / (n_classes * counts)``; labels that
        a dict leaves out have weight one. For a multilabel y a list with a dict for
        each column, whose keys are 0 and 1. `partial_fit` takes no 'balanced'.
    dropout : float or list of float with one for each hidden layer, default=0.0
        Probability that a hidden neuron is left out of a row's step, in training alone
        (:class:`~sklearn_backprop.layers.Dropout`). Not for 'lbfgs'.
    solver : {'adam', 'adamw', 'lbfgs', 'nadam', 'schedule_free', 'sgd'} or optimizer, \
            default='adam'
        How the loss is minimized:

        - 'adam': on mini-batches, with steps scaled by running means of the gradient
          and of its square [2]_;
        - 'adamw', 'nadam', 'schedule_free': the same with weight decay apart from the
          gradient, with Nesterov's momentum, or with an average in place of a falling
          rate: the class of :mod:`sklearn_backprop.optimizers`, with its defaults;
        - 'sgd': on mini-batches, with momentum [3]_;
        - 'lbfgs': on all rows at once, by a quasi-Newton method [4]_. On a few
          thousand rows it often gets to a low loss in the shortest time;
        - an object of :mod:`sklearn_backprop.optimizers`, such as
          ``AdamW(clip_norm=1.0, averaging=0.999)``, which carries its own settings.
          `momentum`, `nesterovs_momentum`, `beta_1`, `beta_2`, `epsilon` and `max_fun`
          then have no effect.
    alpha : float, default=0.0001
        Strength of the penalty ``alpha / (2 n) * sum(weights ** 2)``, where n is the
        number of rows of the batch, or the sum of their weights. Biases are free.
    l1_ratio : float in [0, 1], default=0.0
        Share of the penalty that is ``alpha / n * sum(abs(weights))`` instead, which
        makes weights exactly zero; the other keeps the rest. Not for 'lbfgs'.
    batch_size : int or 'auto', default='auto'
        Number of rows of a mini-batch, for all but 'lbfgs'; 'auto' is
        ``min(200, n_samples)``. More than there are rows is clipped, with a warning.
    learning_rate : str, Schedule or callable, default='constant'
        Learning rate over time. scikit-learn's strings concern the solver 'sgd'; the
        others keep their rate then:

        - 'constant': `learning_rate_init` throughout;
        - 'invscaling': ``learning_rate_init / (t_ + 1) ** power_t``, set after each
          epoch;
        - 'adaptive': `learning_rate_init`, divided by five each time that improvement
          ends, until it is 1e-6 or less;
        - 'cosine', 'one_cycle', 'step' or 'plateau', for any solver but 'lbfgs': the
          class of :mod:`sklearn_backprop.schedules`, with its defaults. All but
          'plateau' run from batch to batch through `max_iter` epochs, or a `horizon`
          that the object gives, however the training loss fares;
        - a :class:`~sklearn_backprop.schedules.Schedule`, or a function of the share
          of these epochs that has passed, which returns a factor of the rate.
    learning_rate_init : float, default=0.001
        Initial learning rate of every solver but L-BFGS.
    power_t : float, default=0.5
        Exponent of 'invscaling'.
    max_iter : int, default=200
        Largest number of epochs, or iterations of 'lbfgs', in one
        call of `fit`.
    shuffle : bool, default=True
        Whether every epoch takes the rows in a new order.
    random_state : int, RandomState instance or None, default=None
        Source of the initial parameters, of the validation split and of the order of
        the rows. With an int, every new fit on one machine, with as many BLAS threads,
        gives the same model. Training that continues goes on in the random stream and
        does not start it over.
    tol : float, default=1e-4
        By how much the training loss, or the validation score, must improve to count
        as improving. For 'lbfgs', the largest component of the gradient at which to
        stop.
    verbose : bool or int, default=False
        Whether to print the loss of each epoch or iteration: with 1 scikit-learn's
        text, from 2 on a table.
    warm_start : bool, default=False
        Whether `fit` goes on from the fitted model. A run that `max_iter` has ended
        goes on exactly where it stood, so two fits of k and m epochs equal one of
        k + m; one that has ended by itself begins a new patience. Other data begins a
        new validation split, and other values in `coefs_` or `intercepts_` begin a new
        run from these. The state that this needs is kept with the model; `trim` drops
        it.
    momentum : float, default=0.9
        Momentum of 'sgd', from 0 to 1.
    nesterovs_momentum : bool, default=True
        Whether the momentum of 'sgd' looks ahead, as Nesterov's does.
    early_stopping : bool, default=False
        Whether to hold out `validation_fraction` of the rows, unless `fit` is given
        validation data, stop when `scoring` of these no longer improves, and return
        the parameters of the best epoch. Two classes keep their shares in the split.
        Not for `partial_fit`; 'lbfgs' ignores it.
    validation_fraction : float, default=0.1
        Share of the rows that `early_stopping` holds out; greater than 0 then.
    scoring : str, callable or None, default=None
        What the validation data, held out or passed to `fit`, are scored by, larger is
        better: a name or a scorer of scikit-learn; 'loss', the negative loss; None for
        the accuracy of labels, R^2 of numbers, or what the loss names.
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
        of the model where training continues. For all but 'lbfgs', 'float32' on
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
        Smallest loss of an epoch since this run began, with 'lbfgs' that of the best
        point; None with `early_stopping`, which 'lbfgs' ignores, and if no epoch has
        ended.
    loss_curve_ : list of float of shape (`n_iter_`,)
        Loss after each epoch or iteration.
    validation_scores_, validation_loss_curve_ : list of float or None
        Score and loss, without penalty, of the validation data after each epoch in
        which there was any; None without.
    best_validation_score_ : float or None
        Largest of `validation_scores_`; None without, and if no epoch has ended.
    best_iter_ : int or None
        Number of the epoch of that score, from 1: with `early_stopping` the one whose
        parameters the model has.
    n_iter_ : int
        Number of epochs or iterations, over all calls that continued this training.
    t_ : int
        Number of rows that 'sgd' or 'adam' went through, repeats included.
    n_layers_ : int
        Number of layers, with the inputs and the outputs.
    n_outputs_ : int
        Number of neurons of the last layer: 1 for two classes, unless the loss has a
        softmax, else one per class or label.
    out_activation_ : str or layer
        Function of the last layer, the link of the loss: by default 'softmax' for more
        than two classes, else 'logistic'.
    activation_ : str, layer or list of them
        Function of the hidden layers of the fitted model: `activation` at the fit.
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

    An epoch goes through all rows once. A fit works on copies of
    the objects that the four slots `activation`, `loss`, `solver` and `learning_rate`
    may hold, and writes to none of them.

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

    _parameter_constraints: dict = {
        **BaseMLP._parameter_constraints,
        "loss": [StrOptions(set(LABEL_LOSSES)), Loss],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
    }
    # By this skl2onnx knows which options there are: those of scikit-learn's estimator.
    alias = "SklearnMLPClassifier"
    _essential = ("coefs_", "intercepts_", "classes_")

    def __init__(
        self,
        hidden_layer_sizes=(100,),
        activation="relu",
        *,
        loss="log_loss",
        class_weight=None,
        dropout=0.0,
        solver="adam",
        alpha=0.0001,
        l1_ratio=0.0,
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
        scoring=None,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        n_iter_no_change=10,
        max_fun=15000,
        dtype="auto",
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
        self.class_weight = class_weight
        self.dropout = dropout
        self.solver = solver
        self.alpha = alpha
        self.l1_ratio = l1_ratio
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
        self.scoring = scoring
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dtype = dtype

    @classmethod
    def from_arrays(cls, coefs, intercepts, *, classes, out_activation=None, **params):
        """Return a fitted classifier made of given weights and biases.

        Parameters
        ----------
        coefs : sequence of array-like of shape (n_inputs, n_neurons)
            Weights, layer by layer; copied.
        intercepts : sequence of array-like of shape (n_neurons,)
            Biases, layer by layer; copied.
        classes : array-like of shape (n_classes,)
            Labels, sorted, in the order of the outputs. For one output there are two,
            of which it is the second's.
        out_activation : str or layer, default=None
            Function of the last layer: 'logistic' for one output, 'softmax' for
            several, and 'logistic' for several that do not exclude one another
            (multilabel). By default one of the first two.
        **params : dict
            Parameters of the constructor. `hidden_layer_sizes` follows from `coefs`.

        Returns
        -------
        model : MLPClassifier
            It predicts, and goes on training by `partial_fit`, or by `fit` with
            ``warm_start=True``.

        Raises
        ------
        ValueError
            If shapes do not fit together, a value is not finite, or `classes` does not
            go with the outputs.
        """
        model = cls._of_arrays(coefs, intercepts, out_activation, params)
        model.classes_ = np.array(classes)
        check_classes(model._task, "classes")
        return model

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
        return self._train(X, y, sample_weight, is_incremental=True, classes=classes)

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
        model = self._fitted()
        return model._forward(X, model._task.labels)

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
        model = self._fitted()
        return model._forward(X, model._task.decisions)

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
        model = self._fitted()
        return model._forward(X, model._task.probabilities)

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
        model = self._fitted()
        return model._forward(X, model._task.log_probabilities)

    @property
    def _task(self):
        classes = np.asarray(self.classes_)
        return Classification(classes, self.out_activation_, self.n_outputs_)

    @property
    def _label_binarizer(self):
        """What scikit-learn's estimator has here, for converters that read it."""
        return label_binarizer(self._fitted()._task)

    @staticmethod
    def _default_link(n_outputs):
        return "logistic" if n_outputs == 1 else "softmax"

    def _check_outputs(self, n_outputs):
        super()._check_outputs(n_outputs)
        if n_outputs > 1 and len(self.classes_) != n_outputs:
            check_classes(self._task)  # Raises.

    def _check_labels(self):
        check_classes(self._task)

    def _read_targets(self, y, dtype, loss, continuing, is_incremental, classes):
        """Set what the labels determine; return class indices, or 0/1 columns."""
        fitted = self._task if continuing else None
        if is_incremental:
            known = np.asarray(self.classes_) if hasattr(self, "classes_") else None
            classes = read_classes(classes, known)
        task, targets = read_classification(y, loss, fitted, classes)
        self.classes_, self.out_activation_ = task.classes, task.link
        self.n_outputs_ = task.n_outputs
        return targets

    def _class_weights(self, targets, is_incremental):
        return class_weights(self.class_weight, self._task, targets, is_incremental)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
