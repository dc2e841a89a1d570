"""The contract of every optimizer in the module."""

import functools
import pickle

import numpy as np
import pytest
from _tools import frozen, tolerance
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_backprop import optimizers
from sklearn_backprop.optimizers.base import copy_state

SHAPE = (3, 4)


def sgd(
    parameters,
    gradients,
    *,
    learning_rate=0.001,
    momentum=0.0,
    nesterov=False,
    weight_decay=0.0,
):
    """Sutskever et al. (2013), equations 1 to 4, in their velocity form."""
    velocity = 0.0
    for gradient in gradients:
        velocity = momentum * velocity - learning_rate * gradient
        ahead = momentum * velocity - learning_rate * gradient
        parameters = parameters * (1 - learning_rate * weight_decay)
        parameters = parameters + (ahead if nesterov else velocity)
        yield parameters


def adam(
    parameters,
    gradients,
    *,
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    weight_decay=0.0,
):
    """Kingma and Ba (2015), algorithm 1 in the order of section 2."""
    m = v = 0.0
    for t, gradient in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        parameters = parameters * (1 - learning_rate * weight_decay)
        parameters = parameters - rate * m / (np.sqrt(v) + epsilon)
        yield parameters


def nadam(
    parameters,
    gradients,
    *,
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    weight_decay=0.01,
):
    """Dozat (2016), algorithm 2, with one correction of the bias and with decay."""
    m = v = 0.0
    for t, gradient in enumerate(gradients, start=1):
        m = beta_1 * m + (1 - beta_1) * gradient
        v = beta_2 * v + (1 - beta_2) * gradient**2
        ahead = beta_1 * m + (1 - beta_1) * gradient
        rate = learning_rate * np.sqrt(1 - beta_2**t) / (1 - beta_1**t)
        parameters = parameters * (1 - learning_rate * weight_decay)
        parameters = parameters - rate * ahead / (np.sqrt(v) + epsilon)
        yield parameters


def schedule_free_adamw(
    parameters,
    gradients,
    *,
    learning_rate=0.001,
    beta_1=0.9,
    beta_2=0.999,
    epsilon=1e-8,
    weight_decay=0.01,
    warmup_steps=200,
):
    """Defazio et al. (2024), algorithm 1, with the decay of the base."""
    z = x = parameters
    v = total = 0.0
    for t, gradient in enumerate(gradients, start=1):
        v = beta_2 * v + (1 - beta_2) * gradient**2
        rate = learning_rate * min(1.0, t / warmup_steps)
        z = z * (1 - learning_rate * weight_decay)
        z = z - rate * np.sqrt(1 - beta_2**t) * gradient / (np.sqrt(v) + epsilon)
        total += rate**2
        x = x + rate**2 / total * (z - x)
        yield (1 - beta_1) * z + beta_1 * x


def averages_of(path, *, averaging):
    """The definition of the running mean, for each step."""
    for t in range(1, len(path) + 1):
        weights = averaging ** np.arange(t - 1, -1, -1.0)
        yield np.tensordot(weights / weights.sum(), path[:t], axes=1)


def clipped(gradients, clip_norm):
    """Gradients of a norm that is at most `clip_norm`."""
    norms = [np.linalg.norm(gradient) for gradient in gradients]
    pairs = zip(gradients, norms, strict=True)
    return np.array([g * min(1.0, clip_norm / norm) for g, norm in pairs])


# Every optimizer: a plain reference, and how many moments a pickle may hold.
REFERENCES = {
    "SGD": (sgd, 1),
    "Adam": (adam, 2),
    "AdamW": (functools.partial(adam, weight_decay=0.01), 2),
    "Nadam": (nadam, 2),
    "ScheduleFreeAdamW": (schedule_free_adamw, 3),
}
CASES = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("SGD", {"momentum": 0.0, "nesterov": True}),
    ("SGD", {"momentum": 1.0, "learning_rate": 1e-4}),
    ("SGD", {"momentum": 0.5, "weight_decay": 0.3, "learning_rate": 0.1}),
    ("Adam", {}),
    ("Adam", {"weight_decay": 0.3, "learning_rate": 0.1}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ("Adam", {"beta_1": 0.0, "learning_rate": 0.01}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.3, "learning_rate": 0.1, "beta_2": 0.9}),
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3, "weight_decay": 0.0}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"beta_1": 0.5, "warmup_steps": 1, "learning_rate": 0.1}),
]
# All but the one whose step moves the parameters towards an average, too.
AVERAGING = "ScheduleFreeAdamW"
STEPPING = [case for case in CASES if case[0] != AVERAGING]
# Decay is quick here, so that it comes to its end within a test.
DECAYING = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("Adam", {"beta_2": 0.95}),
    ("Adam", {"beta_1": 0.5, "beta_2": 0.95}),
    ("AdamW", {"beta_2": 0.95}),
    ("Nadam", {"beta_2": 0.95}),
    ("ScheduleFreeAdamW", {"beta_2": 0.95}),
]


def label(value):
    return str(value).translate({ord(c): None for c in "{}' "})


every_case = pytest.mark.parametrize(("name", "settings"), CASES, ids=label)
every_step = pytest.mark.parametrize(("name", "settings"), STEPPING, ids=label)
# L-BFGS has no step of its own.
NAMES = [name for name in optimizers.__all__ if name != "LBFGS"]
every_optimizer = pytest.mark.parametrize("name", NAMES)


def make(name, **settings):
    return getattr(optimizers, name)(**settings)


def draw(n_steps, dtype=np.float64, shape=SHAPE):
    """Parameters to start from and the gradients of some steps."""
    rng = np.random.default_rng(2)
    parameters = rng.normal(size=shape).astype(dtype)
    return parameters, rng.normal(size=(n_steps, *shape)).astype(dtype)


def run(optimizer, parameters, gradients):
    """Take all steps; return a copy of the parameters after each."""
    parameters, path = parameters.copy(), []
    for gradient in gradients:
        optimizer.update(parameters, gradient)
        path.append(parameters.copy())
    return path


def memory(optimizer):
    """The arrays that an optimizer keeps from step to step."""
    return {k: a for k, a in optimizer.state.items() if isinstance(a, np.ndarray)}


def test_every_optimizer_is_in_the_tables():
    assert set(REFERENCES) == set(NAMES)
    for table in (CASES, DECAYING):
        assert {name for name, _ in table} == set(NAMES)


@every_case
@pytest.mark.parametrize("n_steps", [1, 500])
def test_steps_equal_the_reference(name, settings, n_steps):
    parameters, gradients = draw(n_steps)
    path = run(make(name, **settings), parameters, gradients)
    expected = list(REFERENCES[name][0](parameters, gradients, **settings))
    # Every step rounds anew: 500 of them by 500 eps, or 1e-13, and moments as often.
    assert_allclose(path, expected, rtol=1e-11, atol=1e-13)


@every_case
def test_the_function_for_given_memory_serves_again_and_again(name, settings):
    parameters, gradients = draw(100)
    expected = run(make(name, **settings), parameters, gradients)
    optimizer, gradient = make(name, **settings), np.empty(SHAPE)
    state = optimizer.new_state(parameters)
    update = optimizer._update_function(parameters, gradient, state)
    rate = settings.get("learning_rate", 0.001)
    for i in range(100):
        gradient[...] = gradients[i]
        update(rate)
        assert_array_equal(parameters, expected[i])
    assert state["n_updates"] == 100
    assert getattr(optimizer, "state", None) is None  # What it is given is apart.


@every_step
def test_a_step_is_linear_in_the_learning_rate_as_it_is_set(name, settings):
    parameters, gradients = draw(10)
    ends = []
    for rate in (0.0, 1.0, 2.0):
        optimizer = make(name, **settings)
        path = run(optimizer, parameters, gradients[:9])
        optimizer.learning_rate = rate
        ends += run(optimizer, path[-1], gradients[9:])
    assert_allclose(ends[2] - ends[1], ends[1] - ends[0], rtol=1e-12)
    assert np.abs(ends[1] - ends[0]).min() > 1e-3


@every_case
def test_converges_on_a_quadratic(name, settings):
    if settings.get("momentum") == 1.0:
        settings = settings | {"momentum": 0.99}  # Without friction it never rests.
    settings = settings | {"weight_decay": 0.0}  # Which pulls to another place.
    target, curvature = draw(1)[0], np.linspace(1.0, 10.0, 12).reshape(SHAPE)
    optimizer = make(name, **settings)
    parameters = np.zeros(SHAPE)
    fall = 1.0 if name == AVERAGING else 0.997  # Which needs no falling rate.
    for step in range(3000):
        optimizer.learning_rate = 0.05 * fall**step
        optimizer.update(parameters, curvature * (parameters - target))
    assert_allclose(parameters, target, atol=0.02 if name == AVERAGING else 1e-4)


@every_case
def test_gradients_are_never_written(name, settings):
    parameters, gradients = draw(130)
    expected = run(make(name, **settings), parameters, gradients)
    path = run(make(name, **settings), parameters, frozen(gradients))
    assert_array_equal(path, expected)


@every_case
def test_float32_stays_float32(name, settings):
    parameters, gradients = draw(100, np.float32)
    optimizer = make(name, **settings)
    path = run(optimizer, parameters, gradients)
    assert {array.dtype for array in memory(optimizer).values()} == {path[0].dtype}
    expected = run(make(name, **settings), *draw(100))
    assert_allclose(path, expected, **tolerance(np.float32, 1000))


@every_case
def test_numpy_numbers_as_settings_change_nothing(name, settings):
    """A NumPy scalar would turn float32 arithmetic into float64, at half the speed."""
    parameters, gradients = draw(10, np.float32)
    settings = {"learning_rate": 0.1} | settings
    expected = run(make(name, **settings), parameters, gradients)
    numbers = {k: np.float64(v) for k, v in settings.items() if type(v) is float}
    optimizer = make(name, **settings | numbers)
    path = run(optimizer, parameters, gradients)
    assert_array_equal(path, expected)
    assert {array.dtype for array in memory(optimizer).values()} == {path[0].dtype}


@every_case
def test_parameters_may_be_a_view(name, settings):
    parameters, gradients = draw(5)
    wide = np.zeros((SHAPE[0], 2 * SHAPE[1]))
    view = wide[:, ::2]
    view[...] = parameters
    optimizer = make(name, **settings)
    for gradient in gradients:
        optimizer.update(view, gradient)
    expected = run(make(name, **settings), parameters, gradients)[-1]
    assert_allclose(view, expected, **tolerance(np.float64))
    assert not wide[:, 1::2].any()


@every_case
def test_state_survives_pickling(name, settings):
    parameters, gradients = draw(200)
    uninterrupted = run(make(name, **settings), parameters, gradients)
    optimizer = make(name, **settings)
    path = run(optimizer, parameters, gradients[:90])
    optimizer = pickle.loads(pickle.dumps(optimizer))
    path += run(optimizer, path[-1], gradients[90:])
    assert_array_equal(path, uninterrupted)


@every_optimizer
def test_a_pickle_holds_moments_alone(name):
    parameters, gradients = draw(2, shape=(10_000,))
    optimizer = make(name)
    run(optimizer, parameters, gradients)
    n_moments = REFERENCES[name][1]
    assert len(pickle.dumps(optimizer)) < n_moments * parameters.nbytes + 1000


@every_optimizer
def test_pickling_leaves_the_optimizer_as_it_was(name):
    parameters, gradients = draw(4)
    expected = run(make(name), parameters, gradients)
    optimizer = make(name)
    path = run(optimizer, parameters, gradients[:2])
    pickle.dumps(optimizer)
    assert_array_equal(path + run(optimizer, path[-1], gradients[2:]), expected)


@every_optimizer
@pytest.mark.parametrize("between", ["nothing", "pickle"])
@pytest.mark.parametrize("shape", [(1,), (4,), (3, 1), (4, 3), (2, 3, 4)])
def test_parameters_of_another_shape_are_refused(name, shape, between):
    parameters, gradients = draw(3)
    expected = run(make(name), parameters, gradients)
    optimizer = make(name)
    path = run(optimizer, parameters, gradients[:2])
    if between == "pickle":
        optimizer = pickle.loads(pickle.dumps(optimizer))
    other = np.ones(shape)
    with pytest.raises(ValueError, match=r"shape .*one optimizer per array"):
        optimizer.update(other, np.ones(shape))
    assert_array_equal(other, 1.0)
    path += run(optimizer, path[-1], gradients[2:])
    assert_array_equal(path, expected)


@pytest.mark.parametrize(("name", "settings"), DECAYING)
@pytest.mark.parametrize(
    ("dtype", "n_steps"), [(np.float32, 2500), (np.float64, 16_000)]
)
def test_decayed_moments_do_not_stay_denormal(name, settings, dtype, n_steps):
    """A unit that dies after three steps, and wakes up in the end."""
    start, gradients = draw(6, dtype)
    optimizer = make(name, **settings)
    parameters = run(optimizer, start, gradients[:3])[-1]
    nothing = np.zeros_like(parameters)
    smallest = np.finfo(dtype).tiny
    n_denormal = {key: np.zeros(SHAPE, int) for key in memory(optimizer)}
    for _ in range(n_steps):
        optimizer.update(parameters, nothing)
        for key, moment in memory(optimizer).items():
            size = np.abs(moment)
            n_denormal[key] += (size > 0) & (size < smallest)
    assert all(count.max() <= 64 for count in n_denormal.values())
    assert not any(optimizer.state[moment].any() for moment in optimizer._moments)

    ends = run(optimizer, parameters, gradients[3:])
    gradients = gradients.astype(np.float64)
    gradients = [*gradients[:3], *np.zeros((n_steps, *SHAPE)), *gradients[3:]]
    path = list(REFERENCES[name][0](start, gradients, **settings))
    assert_allclose([parameters, *ends], path[-4:], **tolerance(dtype, 1000))


@every_case
def test_a_copied_state_goes_on_and_leaves_the_first_alone(name, settings):
    parameters, gradients = draw(100)
    uninterrupted = run(make(name, **settings), parameters, gradients)
    previous = make(name, **settings)
    path = run(previous, parameters, gradients[:50])
    kept = {key: array.copy() for key, array in memory(previous).items()}
    optimizer = make(name, **settings)
    optimizer.state = copy_state(previous.state)
    path += run(optimizer, path[-1], gradients[50:])
    assert_array_equal(path, uninterrupted)
    for key, array in memory(previous).items():
        assert_array_equal(array, kept[key])


@every_optimizer
def test_a_copied_state_may_be_of_another_dtype(name):
    parameters, gradients = draw(20)
    uninterrupted = run(make(name), parameters, gradients)
    previous, optimizer = make(name), make(name)
    path = run(previous, parameters, gradients[:10])
    optimizer.state = copy_state(previous.state, np.float32)
    single = path[-1].astype(np.float32)
    path = run(optimizer, single, gradients[10:].astype(np.float32))
    assert {array.dtype for array in memory(optimizer).values()} == {single.dtype}
    assert_allclose(path[-1], uninterrupted[-1], **tolerance(np.float32))


@every_case
def test_factors_give_each_parameter_a_rate_and_a_decay_of_its_own(name, settings):
    parameters, gradients = draw(30)
    settings = {"learning_rate": 0.1, "weight_decay": 0.2} | settings
    factors = np.array([0.25, 0.5, 1.0])[:, np.newaxis] * np.ones(SHAPE)
    decays = np.array([1.0, 0.0, 2.0])[:, np.newaxis] * np.ones(SHAPE)
    optimizer, gradient = make(name, **settings), np.empty(SHAPE)
    found, state = parameters.copy(), optimizer.new_state(parameters)
    update = optimizer._update_function(found, gradient, state, factors, decays)
    for step in gradients:
        gradient[...] = step
        update(settings["learning_rate"])
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    for row, (factor, share) in enumerate([(0.25, 1.0), (0.5, 0.0), (1.0, 2.0)]):
        alone = parameters[row : row + 1].copy()
        one = make(name, **settings | {"weight_decay": 0.0})
        states, slope = one.new_state(alone), np.empty_like(alone)
        step_alone = one._update_function(alone, slope, states)
        for step in gradients:
            slope[...] = step[row]
            states.get("base", alone)[...] *= 1.0 - rate * decay * share
            step_alone(rate * factor)
        assert_allclose(found[row : row + 1], alone, **tolerance(np.float64, 1000))


@pytest.mark.parametrize("name", [name for name in NAMES if name != AVERAGING])
def test_factors_that_change_have_effect_at_once(name):
    parameters, gradients = np.full(SHAPE, 2.0), np.zeros(SHAPE)
    optimizer, rates, decays = make(name, weight_decay=0.5), *np.ones((2, *SHAPE))
    state = optimizer.new_state(parameters)
    update = optimizer._update_function(parameters, gradients, state, rates, decays)
    update(0.1)
    assert_allclose(parameters, 2.0 * 0.95)
    decays[0] = 0.0
    update(0.1)
    assert_allclose(parameters[0], 2.0 * 0.95)
    assert_allclose(parameters[1:], 2.0 * 0.95**2)
    before = parameters.copy()
    rates[...], decays[...], gradients[...] = 0.0, 0.0, 1.0
    update(0.1)
    assert_array_equal(parameters, before)


@every_step
def test_an_average_of_the_parameters_is_kept_apart(name, settings):
    parameters, gradients = draw(150)
    expected = run(make(name, **settings), parameters, gradients)
    optimizer = make(name, **settings, averaging=0.9)
    parameters, averages = parameters.copy(), []
    for gradient in gradients:
        optimizer.update(parameters, gradient)
        averages.append(optimizer.state["average"].copy())
    assert_array_equal(parameters, expected[-1])
    reference = list(averages_of(np.array(expected), averaging=0.9))
    assert_allclose(averages, reference, **tolerance(np.float64, 200))


@every_case
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("limit", [1e-3, 3.0, 1e3])
def test_gradients_are_clipped_by_their_norm(name, settings, limit, dtype):
    parameters, gradients = draw(50, dtype)
    path = run(make(name, **settings, clip_norm=limit), parameters, frozen(gradients))
    expected = run(make(name, **settings), parameters, clipped(gradients, limit))
    assert path[-1].dtype == dtype
    assert_allclose(path, expected, **tolerance(dtype, 500))


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e30), (np.float64, 1e200)])
def test_a_norm_whose_square_overflows_is_clipped_too(dtype, size):
    parameters, gradients = draw(1, dtype)
    huge = gradients[0] * dtype(size)
    with np.errstate(over="ignore"):  # As a fit does.
        optimizer = make("SGD", learning_rate=1.0, clip_norm=1.0)
        found = run(optimizer, parameters, [huge])[0]
    step = gradients[0] / np.linalg.norm(gradients[0])
    assert_allclose(found, parameters - step, **tolerance(dtype))


def test_an_impossible_setting_is_named_at_the_first_step():
    parameters, gradients = draw(1)
    with pytest.raises(ValueError, match=r"^momentum must be in \[0, 1\], got 1.1"):
        run(make("SGD", momentum=1.1), parameters, gradients)
