"""What the constructor parameters mean: their limits, and what they stand for."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from .layers import Exponential, Identity, Logistic, ReLU, Softmax, Tanh
from .optimizers import SGD, Adam
from .schedules import Adaptive, Constant, InverseScaling

ACTIVATIONS = {"identity": Identity, "logistic": Logistic, "relu": ReLU, "tanh": Tanh}
OUTPUT_ACTIVATIONS = {
    "exp": Exponential,
    "identity": Identity,
    "logistic": Logistic,
    "softmax": Softmax,
}

PARAMETER_CONSTRAINTS = {
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


def read_hidden_layer_sizes(hidden_layer_sizes):
    """Return the sizes as a list of int, or raise ValueError."""
    sizes = hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if not all(isinstance(size, Integral) for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be integers, got {sizes}.")
    if not all(size > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def read_batch_size(batch_size, n_rows):
    """Return the number of rows of a batch, at most `n_rows`."""
    return min(200 if batch_size == "auto" else int(batch_size), n_rows)


def make_schedule(estimator):
    """Return the learning-rate schedule that an estimator's parameters ask for."""
    rate = estimator.learning_rate_init
    if estimator.solver == "adam" or estimator.learning_rate == "constant":
        return Constant(rate)
    if estimator.learning_rate == "invscaling":
        return InverseScaling(rate, estimator.power_t)
    return Adaptive(rate)


def make_optimizer(estimator, learning_rate):
    """Return the optimizer that an estimator's parameters ask for."""
    if estimator.solver == "sgd":
        return SGD(
            learning_rate,
            momentum=estimator.momentum,
            nesterov=estimator.nesterovs_momentum,
        )
    return Adam(
        learning_rate,
        beta_1=estimator.beta_1,
        beta_2=estimator.beta_2,
        epsilon=estimator.epsilon,
    )


def is_stochastic(estimator):
    """Return True, or say why there is no `partial_fit`."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not "
            "stochastic."
        )
    return True
