"""Everything composes: random combinations of all parameters, objects and data.

What is drawn is decided by a number alone. Combinations that cannot be are refused by
name before training; all others train, store, repeat and continue.
"""

import inspect
import pickle
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import skops.io
from _tools import NumbersOfColumns, assert_derivative
from conftest import KIND_OF, OURS, differences, outputs, random_weights, table
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_backprop import schedules
from sklearn_backprop._parameters import (
    ACTIVATIONS,
    LABEL_LOSSES,
    NUMBER_LOSSES,
    read_slots,
)
from sklearn_backprop._parameters import SCHEDULES as SCHEDULE_NAMES
from sklearn_backprop.architecture import HiddenLayers
from sklearn_backprop.layers import ELU, LeakyReLU, Tanh
from sklearn_backprop.losses import Focal, Huber, LogLoss, Quantile, SquaredError
from sklearn_backprop.optimizers import LBFGS, SGD, Adam, AdamW

N_COMBINATIONS = 300
N_EPOCHS = 4
TABLES = ["iris", "breast_cancer", "multilabel", "digits", "diabetes", "two_targets"]
TABLES += ["two_counts"]


def falling(fraction):
    """A schedule that users might write."""
    return 1.0 - 0.9 * fraction


LOSSES = {
    "classifier": [*LABEL_LOSSES, LogLoss(label_smoothing=0.1), Focal(gamma=1.0)],
    "regressor": [*NUMBER_LOSSES, Huber(0.5), Quantile(0.9), Quantile([0.1, 0.9])],
}
SIZES = [(), (5,), (6, 4), 7, "5x2", HiddenLayers(6, 2, ratio=0.5)]
SOLVERS = [
    *("adam", "adamw", "nadam", "schedule_free", "sgd", "lbfgs", LBFGS(max_fun=50)),
    *(SGD(momentum=0.9, nesterov=True), SGD(clip_norm=0.5, weight_decay=0.1)),
    Adam(averaging=0.9),
    AdamW(weight_decay=0.1, clip_norm=1.0, averaging=0.8, beta_2=0.95),
]
SCHEDULES = [
    *("constant", "invscaling", "adaptive", *SCHEDULE_NAMES, falling),
    *(schedules.Cosine(warmup=0.2), schedules.OneCycle(horizon=N_EPOCHS)),
    schedules.Cosine(warmup=0.3, final=0.1, horizon=N_EPOCHS),
    schedules.Plateau(patience=1, warmup=0.2, horizon=N_EPOCHS),
    schedules.FunctionSchedule(falling, horizon=N_EPOCHS),
    schedules.InverseScaling(power_t=0.2),
]
SCORINGS = {
    "classifier": [None, "loss", "accuracy"],
    "regressor": [None, "loss", "neg_mean_absolute_error"],
}
LAYERS = [*ACTIVATIONS, ELU(0.5), LeakyReLU(0.2, init="lecun"), Tanh(init="he")]


class Combination:
    """Parameters, data and arguments of `fit`, drawn by a number."""

    def __init__(self, seed):
        rng = np.random.RandomState(seed)

        def choose(options, usual=0.0):
            return options[0 if rng.uniform() < usual else rng.randint(len(options))]

        self.name = choose(TABLES)
        self.kind = KIND_OF[self.name]
        sizes = choose(SIZES, usual=0.0)
        n_hidden = {"5x2": 2}.get(sizes) if isinstance(sizes, str) else None
        if n_hidden is None:
            n_hidden = 1 if sizes == 7 else len(getattr(sizes, "sizes", sizes))
        self.n_hidden = n_hidden
        self.params = {"hidden_layer_sizes": sizes, **self._draw_params(rng, choose)}
        self.params |= {"n_iter_no_change": 100, "tol": 0.0, "random_state": seed}
        self.as_X = choose(
            [np.asarray, sp.csr_array, sp.csc_matrix, pd.DataFrame, as_float32]
        )
        self.is_weighted, self.is_validated = choose([False, True]), choose([0, 1])

    def _draw_params(self, rng, choose):
        """Return the other parameters of the constructor."""
        n_hidden = self.n_hidden
        activation, dropout = choose(LAYERS), choose([0.0, 0.3, 0.5], usual=0.5)
        if rng.uniform() < 0.3:
            activation = [choose(LAYERS) for _ in range(n_hidden)]
        if rng.uniform() < 0.3:
            dropout = [choose([0.0, 0.2]) for _ in range(n_hidden)]
        params = {
            "activation": activation,
            "dropout": dropout,
            "loss": choose(LOSSES[self.kind], usual=0.3),
            "solver": choose(SOLVERS),
            "learning_rate": choose(SCHEDULES, usual=0.3),
            "learning_rate_init": choose([0.001, 0.01]),
            "power_t": choose([0.5, 0.1]),
            "alpha": choose([1e-4, 0.0, 0.1]),
            "l1_ratio": choose([0.0, 0.5, 1.0], usual=0.6),
            "batch_size": choose(["auto", 30, 64]),
            "shuffle": choose([True, False]),
            "early_stopping": choose([False, True]),
            "scoring": choose(SCORINGS[self.kind], usual=0.4),
            "validation_fraction": choose([0.2, 0.1]),
            "momentum": choose([0.9, 0.0]),
            "nesterovs_momentum": choose([True, False]),
            "beta_1": choose([0.9, 0.5]),
            "beta_2": choose([0.999, 0.9]),
            "epsilon": choose([1e-8, 1e-4]),
            "max_fun": choose([15000, 100]),
            "dtype": choose(["auto", "float32", "float64"]),
            "max_iter": N_EPOCHS,
        }
        if self.kind == "classifier":
            usual = None if self.name == "multilabel" else {0: 1.0}
            weights = [None, "balanced", usual]
            params["class_weight"] = choose(weights, usual=0.5)
            if isinstance(params["class_weight"], dict):
                label = table(self.name)[1][0]
                params["class_weight"] = {label: 3.0}
        return params

    @property
    def refusal(self):
        """A pattern of the error that it should get, or None."""
        params = self.params
        is_lbfgs = params["solver"] == "lbfgs" or isinstance(params["solver"], LBFGS)
        if params["dropout"] and not self.n_hidden:
            return "dropout=.* leaves out hidden neurons"
        if params["solver"] == "schedule_free" and params["l1_ratio"]:
            return "l1_ratio=.* does not go with solver="
        if is_lbfgs and np.any(params["dropout"]):
            return "dropout=.* does not go with solver="
        if is_lbfgs and params["l1_ratio"]:
            return "l1_ratio=.* does not go with solver="
        if is_lbfgs and self.has_schedule:
            return "learning_rate=.* does not go with solver="
        if is_lbfgs and self.is_validated:
            return "X_val and y_val do not go with solver="
        return None

    @property
    def has_schedule(self):
        schedule = self.params["learning_rate"]
        if isinstance(schedule, str):
            return schedule in SCHEDULE_NAMES
        return True

    @property
    def continues(self):
        """Whether training in parts is promised to equal training at once."""
        if self.params["solver"] == "lbfgs" or isinstance(self.params["solver"], LBFGS):
            return False
        schedule = self.params["learning_rate"]
        if isinstance(schedule, str):
            return schedule not in ("cosine", "one_cycle", "step")
        return schedule is not falling and (
            schedule.horizon is not None or not schedule.needs_horizon
        )

    @property
    def streams(self):
        """Whether `partial_fit` is promised to do the same."""
        params = self.params
        is_plain = not (params["early_stopping"] or self.is_validated)
        return is_plain and self.continues and params.get("class_weight") != "balanced"

    def new(self, **changes):
        return OURS[self.kind](**{**self.params, **changes})

    def data(self):
        """X, y and the keywords of `fit`."""
        X, y = table(self.name)
        X, y = X[:150], y[:150]
        if self.needs_positive:
            y = np.abs(y) + 1.0
        keywords = {}
        if self.is_weighted:
            keywords["sample_weight"] = random_weights(110)
        if self.is_validated:
            keywords |= {"X_val": self.as_X(X[110:]), "y_val": y[110:]}
        return self.as_X(X[:110]), y[:110], keywords

    @property
    def needs_positive(self):
        return self.params["loss"] in ("gamma", "poisson")


def as_float32(X):
    return X.astype(np.float32)


@cache
def combination(seed):
    return Combination(seed)


def fit(model, X, y, keywords):
    """Fit, and let through that so few epochs do not converge, or make it worse."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **keywords)


def same_model(a, b):
    return [
        path
        for name in ("coefs_", "intercepts_", "loss_curve_", "validation_scores_")
        for path in differences(getattr(a, name), getattr(b, name), name)
    ]


SEEDS = range(N_COMBINATIONS)
FITTING = [seed for seed in SEEDS if combination(seed).refusal is None]
REFUSED = [seed for seed in SEEDS if combination(seed).refusal is not None]


def test_the_combinations_are_many_and_of_every_kind():
    assert len(FITTING) >= 200 and len(REFUSED) >= 30
    assert sum(combination(seed).continues for seed in FITTING) >= 80
    assert sum(combination(seed).streams for seed in FITTING) >= 20
    for kind in OURS:
        of_kind = [combination(s).params for s in SEEDS if combination(s).kind == kind]
        drawn = {name for params in of_kind for name in params}
        rest = {"verbose", "warm_start"}
        assert drawn | rest == set(inspect.signature(OURS[kind]).parameters)


@pytest.mark.parametrize("seed", REFUSED)
def test_what_does_not_go_together_is_refused_by_name(seed):
    drawn = combination(seed)
    X, y, keywords = drawn.data()
    model = drawn.new()
    before = dict(vars(model))
    with pytest.raises((ValueError, InvalidParameterError), match=drawn.refusal):
        model.fit(X, y, **keywords)
    assert vars(model) == before


@pytest.mark.parametrize("seed", FITTING)
def test_a_combination_trains_repeats_and_is_stored(seed):
    drawn = combination(seed)
    X, y, keywords = drawn.data()
    model = fit(drawn.new(), X, y, keywords)
    assert 0 < model.n_iter_ <= N_EPOCHS
    assert np.isfinite(model.loss_curve_).all() and np.isfinite(model.loss_)
    assert np.isfinite(outputs(model, X)).all()
    assert np.isfinite(model.input_gradients(X, y)).all()
    dtype = {"auto": np.float64}.get(model.dtype, model.dtype)
    if model.dtype == "auto" and drawn.as_X is as_float32:
        dtype = np.float32
    assert {array.dtype for array in model.coefs_} == {np.dtype(dtype)}
    again = fit(clone(model), X, y, keywords)
    assert same_model(again, model) == []
    stored = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=stored)
    for copy in (
        pickle.loads(pickle.dumps(model)),
        skops.io.loads(stored, trusted=trusted),
    ):
        np.testing.assert_array_equal(outputs(copy, X), outputs(model, X))


@pytest.mark.parametrize("seed", FITTING)
def test_the_gradients_of_a_combination_are_derivatives(seed):
    drawn = combination(seed)
    X, y, keywords = drawn.data()
    model = fit(drawn.new(dtype="float64"), X, y, keywords)
    slots = read_slots(model, drawn.n_hidden)
    targets = model._copy()._read_targets(y, np.float64, slots.loss, True, False, None)
    sizes = [X.shape[1], *(c.shape[1] for c in model.coefs_)]
    rng = np.random.RandomState(seed)
    network = model._build_network(sizes, slots, np.dtype(np.float64), rng, False)
    network.loss = slots.loss.for_targets(targets)
    if isinstance(network.loss, SquaredError):
        network.loss = SquaredError()  # scikit-learn's steps are not of its loss.
    network.draw_from(NumbersOfColumns())
    inputs = np.asarray(X) if isinstance(X, pd.DataFrame) else X
    inputs = inputs.tocsr() if sp.issparse(X) else inputs.astype(np.float64)
    arguments = inputs, targets, keywords.get("sample_weight")
    network.loss_gradient(*arguments)
    gradients, start = network.gradients.copy(), network.parameters.copy()

    def function(parameters):
        network.parameters[...] = parameters
        return network.loss_gradient(*arguments)

    assert_derivative(function, start, gradients, step=1e-7, rtol=1e-5)


@pytest.mark.parametrize("seed", [s for s in FITTING if combination(s).continues])
def test_training_in_parts_equals_training_at_once(seed):
    drawn = combination(seed)
    X, y, keywords = drawn.data()
    whole = fit(drawn.new(), X, y, keywords)
    parts = fit(drawn.new(max_iter=1, warm_start=True), X, y, keywords)
    parts = pickle.loads(pickle.dumps(parts)).set_params(max_iter=N_EPOCHS - 1)
    assert same_model(fit(parts, X, y, keywords), whole) == []


@pytest.mark.parametrize("seed", [s for s in FITTING if combination(s).streams])
def test_a_stream_of_the_same_rows_equals_training_at_once(seed):
    drawn = combination(seed)
    X, y, keywords = drawn.data()
    whole, stream = fit(drawn.new(), X, y, keywords), drawn.new()
    classes = {}
    if drawn.kind == "classifier":
        classes["classes"] = range(3) if drawn.name == "multilabel" else np.unique(y)
    for _ in range(N_EPOCHS):
        stream.partial_fit(X, y, **keywords, **classes)
    assert same_model(stream, whole) == []
