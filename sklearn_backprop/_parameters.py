"""What the constructor parameters mean: their limits, and what they stand for.

Four of them are slots, which take a string or an object: `activation`, `solver`,
`learning_rate` and `loss`. A string that scikit-learn has means what it means there; an
object carries its own settings. A fit works with copies.
"""

from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    Options,
    StrOptions,
)

from .architecture import HiddenLayers, sizes_of_text
from .layers import (
    ELU,
    GELU,
    SELU,
    Exponential,
    HardSigmoid,
    Identity,
    LeakyReLU,
    Logistic,
    Mish,
    ReLU,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .layers.base import why_no_function
from .losses import (
    AbsoluteError,
    Focal,
    Gamma,
    Huber,
    LogLoss,
    Loss,
    Poisson,
    Quantile,
    SquaredError,
)
from .optimizers import LBFGS, SGD, Adam, AdamW, Nadam, ScheduleFreeAdamW
from .optimizers.base import Optimizer
from .schedules import (
    Adaptive,
    Constant,
    Cosine,
    FunctionSchedule,
    InverseScaling,
    OneCycle,
    Plateau,
    Schedule,
    Step,
)
from .settings import check_number, is_overridden

ACTIVATIONS = {
    "elu": ELU,
    "gelu": GELU,
    "hard_sigmoid": HardSigmoid,
    "identity": Identity,
    "leaky_relu": LeakyReLU,
    "logistic": Logistic,
    "mish": Mish,
    "relu": ReLU,
    "selu": SELU,
    "silu": SiLU,
    "softplus": Softplus,
    "tanh": Tanh,
}
LINKS = {**ACTIVATIONS, "exp": Exponential, "softmax": Softmax}
# The parameters that take objects.
SLOTS = ("hidden_layer_sizes", "activation", "solver", "learning_rate", "loss")
LABEL_LOSSES = {"focal": Focal, "log_loss": LogLoss}
NUMBER_LOSSES = {
    "absolute_error": AbsoluteError,
    "gamma": Gamma,
    "huber": Huber,
    "poisson": Poisson,
    "quantile": Quantile,
    "squared_error": SquaredError,
}
LOSSES = LABEL_LOSSES | NUMBER_LOSSES
# What scikit-learn has not got, for every stochastic solver.
SCHEDULES = {
    "cosine": Cosine,
    "one_cycle": OneCycle,
    "plateau": Plateau,
    "step": Step,
}
SOLVERS = {"adamw": AdamW, "nadam": Nadam, "schedule_free": ScheduleFreeAdamW}

PARAMETER_CONSTRAINTS = {
    "hidden_layer_sizes": [
        "array-like",
        str,
        HiddenLayers,
        Interval(Integral, 1, None, closed="left"),
    ],
    "activation": [
        StrOptions(set(ACTIVATIONS)),
        HasMethods(["forward", "backward"]),
        list,
        tuple,
    ],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
    "solver": [StrOptions({"lbfgs", "sgd", "adam", *SOLVERS}), Optimizer, LBFGS],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "l1_ratio": [Interval(Real, 0, 1, closed="both")],
    "batch_size": [
        StrOptions({"auto"}),
        Interval(Integral, 1, None, closed="left"),
    ],
    "learning_rate": [
        StrOptions({"constant", "invscaling", "adaptive", *SCHEDULES}),
        Schedule,
        callable,
    ],
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
    "scoring": [StrOptions({"loss", *get_scorer_names()}), callable, None],
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


@dataclass(frozen=True)
class Slots:
    """What the four slots of an estimator stand for, for one fit."""

    make_activations: list
    """For each hidden layer, what returns a new layer at each call."""
    dropout: list
    """Rate for each hidden layer."""
    solver: object
    schedule: Schedule
    loss: Loss


def read_slots(estimator, n_hidden):
    """Return what an estimator's slots stand for, once they are validated.

    Parameters
    ----------
    estimator : BaseMLP
    n_hidden : int
        Number of hidden layers.
    """
    solver = read_solver(estimator)
    return Slots(
        layer_makers(estimator.activation, n_hidden),
        for_each_layer(estimator.dropout, n_hidden, "dropout"),
        solver,
        read_schedule(estimator, solver),
        read_loss(estimator, solver),
    )


def _entries(estimator, name):
    """Return what a slot holds, which may be several things."""
    value = getattr(estimator, name)
    return value if isinstance(value, list | tuple) else [value]


def validate_classes(estimator):
    """Raise InvalidParameterError if a slot holds the class of an object."""
    for name, value in [(n, v) for n in SLOTS for v in _entries(estimator, n)]:
        if isinstance(value, type):
            raise InvalidParameterError(
                f"The {name!r} parameter of {type(estimator).__name__} must be an "
                f"object, not its class: got {value.__name__}, did you mean "
                f"{value.__name__}()?"
            )


def validate_objects(estimator):
    """Raise InvalidParameterError if a setting of a slot's object is impossible."""
    for name in SLOTS:
        for value in _entries(estimator, name):
            if not isinstance(value, str):
                _validate_object(estimator, name, value)


def _validate_object(estimator, name, value):
    value = _as_schedule(value) if name == "learning_rate" else value
    owner = f"The {name!r} parameter of {type(estimator).__name__}"
    try:
        getattr(value, "validate", lambda: None)()
    except ValueError as error:
        raise InvalidParameterError(f"{owner} is {value!r}, but {error}") from error
    if getattr(value, "learning_rate", None) is not None and name == "solver":
        raise InvalidParameterError(
            f"{owner} is {value!r}: the learning rate of an estimator is its parameter "
            "learning_rate_init; leave that of the solver out."
        )
    if isinstance(value, Optimizer) and is_overridden(
        value, "update", by="_step_function"
    ):
        raise InvalidParameterError(
            f"{owner} is {value!r}, whose update(parameters, gradients) would not be "
            "called: an optimizer gives _step_function, as Adam and SGD do."
        )
    reason = why_no_function(value) if name == "activation" else None
    if reason is not None:
        raise InvalidParameterError(f"{owner} is {value!r}, {reason}.")
    if name == "loss" and value.takes_probabilities:
        raise InvalidParameterError(
            f"{owner} is {value!r}, a function of probabilities: give one of the "
            "network's output, such as SoftmaxCategoricalCrossentropy()."
        )


def check_combination(estimator, slots):
    """Raise ValueError if parameters do not go with one another.

    Parameters
    ----------
    estimator : BaseMLP
    slots : Slots
    """
    l1_ratio = estimator.l1_ratio
    for rate in slots.dropout:
        check_number("dropout", rate, lambda r: 0.0 <= r < 1.0, "in [0, 1)")
    if not slots.dropout and estimator.dropout:
        raise ValueError(
            f"dropout={estimator.dropout!r} leaves out hidden neurons, but "
            f"hidden_layer_sizes={estimator.hidden_layer_sizes!r} has none."
        )
    if slots.solver.is_stochastic and not slots.solver.keeps_zeros and l1_ratio > 0:
        raise ValueError(
            f"l1_ratio={l1_ratio!r} does not go with solver="
            f"{estimator.solver!r}, whose model is an average of the path, in which no "
            "weight is zero: choose another solver."
        )
    if slots.solver.is_stochastic:
        return
    refused = {
        "dropout": any(slots.dropout),
        "l1_ratio": l1_ratio > 0,
        "learning_rate": not isinstance(slots.schedule, Constant),
    }
    for name, is_set in refused.items():
        if is_set:
            raise ValueError(
                f"{name}={getattr(estimator, name)!r} does not go with solver="
                f"{estimator.solver!r}, which takes no steps on mini-batches: choose "
                "another solver."
            )


def check_resumable(estimator, slots):
    """Raise ValueError if training cannot be put aside and taken up again.

    Parameters
    ----------
    estimator : BaseMLP
    slots : Slots
    """
    if not slots.solver.is_stochastic:
        raise ValueError(
            f"checkpoint does not go with solver={estimator.solver!r}, which remembers "
            "its way within SciPy, where it cannot be saved: choose another solver."
        )


def layer_maker(activation, names=ACTIVATIONS, parameter="activation"):
    """Return what makes the layer that a string or an object stands for.

    Parameters
    ----------
    activation : str or layer
        A layer is copied, as layers remember what they have seen.
    names : dict, default=ACTIVATIONS
        The strings, and their classes.
    parameter : str, default="activation"
        What holds the string.

    Raises
    ------
    ValueError
        If there is no layer of that name, or it is no function of its inputs alone.
    """
    if not isinstance(activation, str):
        reason = why_no_function(activation)
        if reason is not None:
            raise ValueError(f"{parameter} is {activation!r}, {reason}.")
        return partial(settings_of, activation)
    if activation not in names:
        raise ValueError(
            f"{parameter} must be a layer or one of {sorted(names)}, got "
            f"{activation!r}."
        )
    return names[activation]


def for_each_layer(entries, n_hidden, parameter="activation"):
    """Return the activation of each hidden layer, of one for all or one for each.

    Parameters
    ----------
    entries : object, or sequence of them with one for each hidden layer
    n_hidden : int
    parameter : str, default="activation"

    Raises
    ------
    ValueError
        If there are more or fewer of them than hidden layers.
    """
    if not isinstance(entries, list | tuple):
        return [entries] * n_hidden
    if len(entries) != n_hidden:
        raise ValueError(
            f"{parameter} has {len(entries)} entries, but there are {n_hidden} "
            "hidden layers: give one for each, or one for all."
        )
    return list(entries)


def layer_makers(activation, n_hidden, parameter="activation"):
    """Return what makes the activation of each hidden layer (see `for_each_layer`)."""
    entries = for_each_layer(activation, n_hidden, parameter)
    return [layer_maker(entry, parameter=parameter) for entry in entries]


def settings_of(value):
    """Return a copy of what a slot holds, without what it remembers."""
    if isinstance(value, list | tuple):
        return [settings_of(entry) for entry in value]
    return value if isinstance(value, str) else clone(value, safe=False)


def read_solver(estimator):
    """Return the optimizer that an estimator's `solver` stands for."""
    if not isinstance(estimator.solver, str):
        return settings_of(estimator.solver)
    if estimator.solver in SOLVERS:
        return SOLVERS[estimator.solver]()
    if estimator.solver == "lbfgs":
        return LBFGS(max_fun=estimator.max_fun)
    if estimator.solver == "sgd":
        momentum, nesterov = estimator.momentum, estimator.nesterovs_momentum
        return SGD(momentum=momentum, nesterov=nesterov)
    return Adam(
        beta_1=estimator.beta_1, beta_2=estimator.beta_2, epsilon=estimator.epsilon
    )


def _as_schedule(value):
    """Return an object that `learning_rate` holds as a schedule: itself, or of it."""
    return value if isinstance(value, Schedule) else FunctionSchedule(value)


def read_schedule(estimator, solver):
    """Return the schedule that `learning_rate` stands for, with some solver."""
    given = estimator.learning_rate
    if not isinstance(given, str):
        return settings_of(_as_schedule(given))
    if given in SCHEDULES:
        return SCHEDULES[given]()
    if given == "constant" or not isinstance(solver, SGD):
        return Constant()  # scikit-learn's strings concern 'sgd' alone.
    return InverseScaling(estimator.power_t) if given == "invscaling" else Adaptive()


def read_loss(estimator, solver):
    """Return the loss that an estimator's `loss` stands for, with some solver."""
    if not isinstance(estimator.loss, str):
        return settings_of(estimator.loss)
    if estimator.loss == "squared_error" and solver.is_stochastic:
        # scikit-learn's stochastic solvers step along the gradient of the sum over the
        # outputs, and the same seed is to give the same numbers.
        return SquaredError(gradient_scale="n_outputs")
    return LOSSES[estimator.loss]()


def read_hidden_layer_sizes(hidden_layer_sizes):
    """Return the sizes as a list of int, or raise ValueError."""
    sizes = hidden_layer_sizes
    if isinstance(sizes, HiddenLayers):
        return sizes.sizes
    if isinstance(sizes, str):
        return sizes_of_text(sizes)
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if not all(isinstance(size, Integral) for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be integers, got {sizes}.")
    if not all(size > 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def read_batch_size(batch_size, n_rows):
    """Return the number of rows of a batch, at most `n_rows`."""
    return min(200 if batch_size == "auto" else int(batch_size), n_rows)


def is_stochastic(estimator):
    """Return True, or say why there is no `partial_fit`."""
    solver = estimator.solver
    if solver == "lbfgs" or not getattr(solver, "is_stochastic", True):
        raise AttributeError(
            "partial_fit is only available for stochastic optimizers. lbfgs is not "
            "stochastic."
        )
    return True
