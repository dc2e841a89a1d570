"""What the objects in the four slots promise: settings as scikit-learn has them."""

import copy
import math
import pickle

import numpy as np
import pytest
from _tools import FUNCTIONS
from sklearn.base import clone

from sklearn_backprop import architecture, layers, losses, optimizers, schedules
from sklearn_backprop.architecture import HiddenLayers
from sklearn_backprop.layers import ELU, Dense, Dropout, LeakyReLU, ReLU, Tanh
from sklearn_backprop.losses import Focal, Huber, LogLoss, Quantile, SquaredError
from sklearn_backprop.optimizers import (
    LBFGS,
    SGD,
    Adam,
    AdamW,
    Nadam,
    ScheduleFreeAdamW,
)
from sklearn_backprop.schedules import (
    Adaptive,
    Cosine,
    FunctionSchedule,
    InverseScaling,
    OneCycle,
    Plateau,
    Step,
)
from sklearn_backprop.settings import Settings

# Objects with settings that are not the defaults, and those that differ in one.
CHANGED = {
    name: (getattr(layers, name)(init="he"), getattr(layers, name)(init="lecun"))
    for name in FUNCTIONS
} | {
    "Dropout": (Dropout(rate=0.2), Dropout(rate=0.1)),
    "LeakyReLU": (LeakyReLU(negative_slope=0.2), LeakyReLU(negative_slope=0.1)),
    "ELU": (ELU(alpha=0.5, init="lecun"), ELU(alpha=0.5)),
    "Adam": (Adam(beta_1=0.5, weight_decay=0.1), Adam(beta_1=0.5)),
    "Nadam": (Nadam(beta_2=0.9), Nadam(epsilon=0.1)),
    "ScheduleFreeAdamW": (
        ScheduleFreeAdamW(clip_norm=1.0),
        ScheduleFreeAdamW(weight_decay=0.0),
    ),
    "AdamW": (AdamW(clip_norm=1.0, averaging=0.9), AdamW(clip_norm=1.0)),
    "SGD": (SGD(0.1, momentum=0.5, nesterov=True), SGD(0.1, momentum=0.5)),
    "LBFGS": (LBFGS(max_fun=3), LBFGS()),
    "Adaptive": (Adaptive(factor=2.0), Adaptive(factor=3.0)),
    "Cosine": (Cosine(warmup=0.1), Cosine(horizon=5)),
    "FunctionSchedule": (
        FunctionSchedule(math.sqrt, warmup=0.1),
        FunctionSchedule(math.sqrt, horizon=5),
    ),
    "InverseScaling": (InverseScaling(power_t=0.25), InverseScaling(power_t=0.1)),
    "OneCycle": (OneCycle(warmup=0.1), OneCycle(horizon=5)),
    "Plateau": (Plateau(factor=2.0), Plateau(patience=3)),
    "Step": (Step(at=[0.5]), Step(factor=2.0)),
    "HiddenLayers": (HiddenLayers(width=7), HiddenLayers(depth=0)),
    "Focal": (Focal(gamma=0.5), Focal(gamma=1.0)),
    "Huber": (Huber(delta=0.5), Huber(delta=2.0)),
    "LogLoss": (LogLoss(label_smoothing=0.1), LogLoss(label_smoothing=0.2)),
    "Quantile": (Quantile(quantile=[0.1, 0.9]), Quantile(quantile=0.9)),
    "SquaredError": (SquaredError(gradient_scale="n_outputs"), SquaredError()),
}
NAMESPACE = {
    name: getattr(module, name)
    for module in (architecture, layers, losses, optimizers, schedules)
    for name in module.__all__
}
NAMES = sorted(
    name
    for name, cls in NAMESPACE.items()
    if issubclass(cls, Settings) and name not in ("Loss", "Schedule")
)
# What cannot be made without arguments.
ARGUMENTS = {"FunctionSchedule": (math.exp,)}
OBJECTS = {name: NAMESPACE[name](*ARGUMENTS.get(name, ())) for name in NAMES}
every_object = pytest.mark.parametrize("name", NAMES)


def settings_of(name):
    return CHANGED[name][0] if name in CHANGED else OBJECTS[name]


def test_every_object_with_settings_is_in_the_table():
    assert set(CHANGED) == {name for name in NAMES if OBJECTS[name].get_params()}
    assert len(NAMES) == 41


@every_object
def test_settings_are_read_and_changed_by_name(name):
    thing = copy.deepcopy(settings_of(name))
    params = thing.get_params()
    assert type(thing)(**params) == thing
    assert copy.deepcopy(OBJECTS[name]).set_params(**params) == thing
    for setting, value in params.items():
        assert getattr(thing, setting) is value
    message = f"Invalid parameter 'nonsense' for {name}. Valid parameters are"
    with pytest.raises(ValueError, match=message):
        thing.set_params(nonsense=1)
    assert thing == settings_of(name)  # Nothing was set before the error.


@every_object
def test_the_repr_is_the_call(name):
    thing = settings_of(name)
    if name not in ARGUMENTS:  # A function's repr is no call.
        assert eval(repr(thing), dict(NAMESPACE)) == thing
    if name not in ARGUMENTS:
        assert repr(NAMESPACE[name]()) == f"{name}()"


@every_object
@pytest.mark.parametrize("route", ["clone", "pickle", "deepcopy"])
def test_copies_are_equal_and_apart(name, route):
    thing = settings_of(name)
    copied = {
        "clone": clone,
        "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
        "deepcopy": copy.deepcopy,
    }[route](thing)
    assert copied == thing and copied is not thing
    if name in CHANGED:
        changed = next(iter(thing.get_params()))
        copied.set_params(**{changed: "other"})
        assert copied != thing


@every_object
def test_equal_is_of_the_same_class_and_settings(name):
    thing = settings_of(name)
    if name in CHANGED:
        assert thing != CHANGED[name][1]
        assert thing != OBJECTS[name]
    others = [OBJECTS[other] for other in NAMES if other != name]
    assert thing not in others
    assert thing != name and thing != repr(thing)
    assert NAMESPACE[name].__hash__ is None


class Weighted(Settings):
    """Settings that are arrays, and an object with settings."""

    def __init__(self, weights=None, inner=None):
        self.weights = weights
        self.inner = inner


def test_arrays_and_objects_as_settings():
    one = Weighted(np.arange(3), SGD(momentum=0.5))
    assert one == Weighted(np.arange(3), SGD(momentum=0.5))
    assert one != Weighted(np.arange(4), SGD(momentum=0.5))
    assert one != Weighted(np.array([0, 1, 3]), SGD(momentum=0.5))
    assert one != Weighted(np.arange(3), SGD())
    assert one != Weighted()
    assert one.get_params()["inner__momentum"] == 0.5
    one.set_params(inner__momentum=0.25)
    assert one.inner.momentum == 0.25
    one.set_params(inner__momentum=0.75, inner=SGD())  # In any order, as in a grid.
    assert one.inner == SGD(momentum=0.75)
    assert repr(Weighted(inner=Tanh())) == "Weighted(inner=Tanh())"
    copied = clone(one)
    assert copied == one and copied.inner is not one.inner


def test_what_is_learnt_is_no_setting():
    optimizer, activation = Adam(), ReLU()
    optimizer.update(np.ones(3), np.ones(3))
    activation.forward(np.ones((2, 3)))
    assert (optimizer, activation) == (Adam(), ReLU())
    assert not hasattr(clone(optimizer), "state")
    assert not hasattr(clone(activation), "output")
    kept = pickle.loads(pickle.dumps(optimizer))  # To go on with.
    assert kept.state["n_updates"] == 1


# What no setting may be, and what each may not be besides.
NO_NUMBERS = [
    *(math.nan, math.inf, -math.inf, np.float32("nan")),
    *("half", "0.5", b"0.5", 0.5j, {}),
]
NOWHERE = [*NO_NUMBERS, [0.5], np.array([0.5]), np.array([0.5, 0.6])]
NO_INIT = {"init": ["He", 2]}
NO_SHARE = [-0.1, 1.1, None]
NO_COUNT = [0, -1, 2.5, 3.0]
OPTIMIZER = {
    "learning_rate": [-0.1],
    "weight_decay": [-1.0, None],
    "clip_norm": [0.0, -1.0],
    "averaging": [0.0, 1.0, -0.1],
}
COURSE = {"warmup": [-0.1, 1.0, None], "horizon": NO_COUNT}
IMPOSSIBLE = dict.fromkeys(FUNCTIONS, NO_INIT) | {
    "Dropout": {"rate": [-0.1, 1.0, None], "random_state": [-1, 0.5]},
    "ELU": {"alpha": [0.0, -1.0, None], **NO_INIT},
    "LeakyReLU": {"negative_slope": [-0.1, 1.0, None], **NO_INIT},
    **{
        name: {
            "beta_1": [1.0, -0.1, None],
            "beta_2": [1.0, -0.1, None],
            "epsilon": [0.0, -1e-8, None],
            **OPTIMIZER,
        }
        for name in ("Adam", "AdamW", "Nadam", "ScheduleFreeAdamW")
    },
    "SGD": {
        "momentum": [-0.1, 1.1, None],
        "nesterov": [None, "yes", 0, 1, 2, 1.0],
        **OPTIMIZER,
    },
    "LBFGS": {"max_fun": [0, -1, 2.5, 3.0, None]},
    "Adaptive": {"factor": [1.0, 0.5, None], "smallest": [0.0, -1.0, None]},
    "Cosine": {"final": NO_SHARE, **COURSE},
    "FunctionSchedule": {"func": [None], **COURSE},
    "InverseScaling": {"power_t": [-0.1, None]},
    "OneCycle": {"start": NO_SHARE, "final": NO_SHARE, **COURSE},
    "Plateau": {
        "factor": [1.0, 0.5, None],
        "patience": NO_COUNT,
        "smallest": [0.0, -1.0, None],
        **COURSE,
    },
    "Step": {
        "factor": [1.0, 0.5, None],
        "at": [None, [0.0], [0.5, 1.0], ["0.5x"], 0.5],
        **COURSE,
    },
    "HiddenLayers": {
        "width": [0, -1, 2.5, 3.0, None],
        "depth": [-1, 2.5, 3.0, None],
        "ratio": [0.0, -1.0, None],
    },
    "Focal": {"gamma": [-0.1, None]},
    "Huber": {"delta": [0.0, -1.0, None]},
    "LogLoss": {"label_smoothing": [-0.1, 1.0, None]},
    "Quantile": {"quantile": [0.0, 1.0, None, [], [0.5, 1.5], [[0.5]], ["0.5"]]},
    "SquaredError": {"gradient_scale": [0.0, -1.0, "outputs", None]},
}
FLAGS = [True, False, np.True_, np.False_]
del IMPOSSIBLE["ScheduleFreeAdamW"]["averaging"]
IMPOSSIBLE["ScheduleFreeAdamW"]["warmup_steps"] = [*NO_COUNT, None]
CASES = [
    (name, setting, value)
    for name, table in IMPOSSIBLE.items()
    for setting, values in table.items()
    for value in [
        *values,
        *(NO_NUMBERS if setting in ("at", "quantile") else NOWHERE),
        *(FLAGS if setting != "nesterov" else []),
    ]
]


def test_every_setting_has_impossible_values():
    assert {name: set(table) for name, table in IMPOSSIBLE.items()} == {
        name: set(OBJECTS[name].get_params()) for name in CHANGED
    }


@pytest.mark.parametrize(("name", "setting", "value"), CASES, ids=str)
def test_an_impossible_setting_is_named_when_it_is_used(name, setting, value):
    thing = copy.deepcopy(OBJECTS[name])
    thing.__init__(**thing.get_params() | {setting: value})  # Which takes anything.
    with pytest.raises(ValueError) as caught:
        thing.validate()
    message = str(caught.value)
    assert message.startswith(f"{setting} must be ")
    assert message.endswith(f", got {value!r}.")


@every_object
def test_possible_settings_pass(name):
    settings_of(name).validate()
    OBJECTS[name].validate()


@pytest.mark.parametrize(
    "thing",
    [
        *[SGD(momentum=m) for m in (0, 1, np.float32(0.5), np.float64(1.0))],
        *[SGD(nesterov=flag) for flag in FLAGS],
        *[Adam(np.float64(0.1)), Adam(0), Adam(beta_1=0, beta_2=0)],
        *[LBFGS(max_fun=np.int64(1)), SquaredError(np.float32(2)), SquaredError(3)],
        *[Adaptive(factor=np.int32(2)), InverseScaling(power_t=0)],
    ],
    ids=repr,
)
def test_numbers_of_any_kind_pass_up_to_the_limits(thing):
    thing.validate()


def test_a_dense_layer_is_no_settings():
    """It has parameters, so two of them are not equal by how they were made."""
    assert not isinstance(Dense(2, 3), Settings)
