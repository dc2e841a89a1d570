"""Several networks of one shape side by side equal each of them alone."""

import numpy as np
import pytest
import scipy.sparse as sp
from _tools import ACTIVATIONS, tolerance
from numpy.testing import assert_allclose, assert_array_equal

from sklearn_backprop import layers, losses, optimizers, schedules
from sklearn_backprop.layers import Dense, ReLU, Softmax, Tanh
from sklearn_backprop.network import Network, stack_networks
from sklearn_backprop.optimizers import SGD, Adam, AdamW, Nadam, ScheduleFreeAdamW
from sklearn_backprop.optimizers.base import copy_state
from sklearn_backprop.schedules import Progress

K, N_ROWS, N_FEATURES = 3, 8, 4
WITHIN = tolerance(np.float64)


def labels(rng, shape):
    return rng.integers(shape[-1], size=shape[:-1])


def bits(rng, shape):
    return rng.integers(2, size=shape).astype(float)


def reals(rng, shape):
    return rng.normal(size=shape)


def counts(rng, shape):
    return rng.poisson(2.0, size=shape).astype(float)


def sizes(rng, shape):
    return rng.gamma(2.0, size=shape) + 0.1


# Targets of every loss, and the layers that have to end a network for it.
LOSSES = {
    ("AbsoluteError", reals): [],
    ("BinaryCrossentropy", bits): [],
    ("CategoricalCrossentropy", labels): [Softmax],
    ("Focal", bits): [],
    ("Focal", labels): [],
    ("Gamma", sizes): [],
    ("Huber", reals): [],
    ("LogLoss", bits): [],
    ("LogLoss", labels): [],
    ("Poisson", counts): [],
    ("Quantile", reals): [],
    ("SoftmaxCategoricalCrossentropy", labels): [],
    ("SquaredError", reals): [],
}
OPTIMIZERS = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "nesterov": SGD(momentum=0.9, nesterov=True, weight_decay=0.1),
    "adam": Adam(),
    "decayed": Adam(weight_decay=0.5),
    "adamw": AdamW(),
    "nadam": Nadam(weight_decay=0.5),
    "schedule_free": ScheduleFreeAdamW(weight_decay=0.5, clip_norm=0.5),
    "clipped": SGD(momentum=0.9, clip_norm=0.1),
    "averaged": AdamW(clip_norm=0.5, averaging=0.9),
}
ROWS = ["shared", "own", "sparse"]
every_loss = pytest.mark.parametrize(
    "case", LOSSES, ids=lambda case: f"{case[0]}-{case[1].__name__}"
)


def member(
    seed, loss=None, activation=Tanh, end=(), alpha=0.1, dtype=np.float64, l1=0.0
):
    """A network with weights of its own."""
    rng = np.random.RandomState(seed)
    stack = [
        Dense(N_FEATURES, 5, random_state=rng, dtype=dtype),
        activation(),
        Dense(5, 3, random_state=rng, dtype=dtype),
        *[layer() for layer in end],
    ]
    return Network(stack, loss, alpha, l1).flatten()


def members(case=("SquaredError", reals), **settings):
    """K networks, and the loss that they share."""
    loss = getattr(losses, case[0])()
    return [member(i, loss, end=LOSSES[case], **settings) for i in range(K)]


def data(rows, case=("SquaredError", reals), weighted=None, dtype=np.float64):
    """Inputs, targets and weights of the stack, and those of each member."""
    rng = np.random.default_rng(5)
    front = (K,) if rows == "own" else ()
    inputs = rng.normal(size=(*front, N_ROWS, N_FEATURES)).astype(dtype)
    targets = case[1](rng, (*front, N_ROWS, 3))
    if targets.dtype == float:
        targets = targets.astype(dtype)
    weights = None
    if weighted:
        shape = (K, N_ROWS) if weighted == "each" else (N_ROWS,)
        weights = rng.uniform(0.2, 2.0, size=shape).astype(dtype)
    alone = [
        (
            inputs[i] if rows == "own" else inputs,
            targets[i] if rows == "own" else targets,
            weights[i] if weighted == "each" else weights,
        )
        for i in range(K)
    ]
    if rows == "sparse":
        inputs = sp.csr_array(inputs)
    return (inputs, targets, weights), alone


def test_every_loss_and_optimizer_is_in_the_tables():
    assert {name for name, _ in LOSSES} == set(losses.__all__) - {"Loss"}
    covered = {type(optimizer).__name__ for optimizer in OPTIMIZERS.values()}
    assert covered == set(optimizers.__all__) - {"LBFGS"}


@pytest.mark.parametrize("name", [*ACTIVATIONS, "Dense"])
def test_a_layer_side_by_side_is_each_layer_alone(name):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(K, N_ROWS, N_FEATURES))
    if name == "Dense":
        alone = [Dense(N_FEATURES, 2, random_state=i) for i in range(K)]
        layer = Dense.from_arrays(
            np.stack([one.weights for one in alone]),
            np.stack([one.biases for one in alone]),
        )
    else:
        alone = [getattr(layers, name)() for _ in range(K)]
        layer = getattr(layers, name)()
    output = layer.forward(inputs)
    dvalues = rng.normal(size=output.shape)
    dinputs = layer.backward(dvalues)
    for i, one in enumerate(alone):
        if name == "Dropout":  # Every network has masks of its own.
            assert_array_equal(output[i], inputs[i] * layer.mask[i])
            assert_array_equal(dinputs[i], dvalues[i] * layer.mask[i])
            continue
        assert_allclose(output[i], one.forward(inputs[i]), **WITHIN)
        assert_allclose(dinputs[i], one.backward(dvalues[i]), **WITHIN)
        if name == "Dense":
            assert_allclose(layer.dweights[i], one.dweights, **WITHIN)
            assert_allclose(layer.dbiases[i], one.dbiases, **WITHIN)


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("biases", ["own", "shared"])
@pytest.mark.parametrize("weights", ["own", "shared"])
def test_what_is_shared_gets_the_sum_of_the_gradients(weights, biases, rows):
    alone = [Dense(N_FEATURES, 2, random_state=i) for i in range(K)]
    for one in alone:
        if weights == "shared":
            one.weights = alone[0].weights
        if biases == "shared":
            one.biases = alone[0].biases
    own = {
        "weights": np.stack([one.weights for one in alone]),
        "biases": np.stack([one.biases for one in alone]),
    }
    chosen = {
        "weights": own["weights"] if weights == "own" else alone[0].weights,
        "biases": own["biases"] if biases == "own" else alone[0].biases,
    }
    layer = Dense.from_arrays(**chosen)
    (inputs, _, _), each = data(rows)
    output = layer.forward(inputs)
    dvalues = np.random.default_rng(1).normal(size=(K, N_ROWS, 2))
    if output.ndim == 2:  # Nothing tells the networks apart.
        assert weights == biases == "shared" and rows != "own"
        dvalues = dvalues[0]
        alone = alone[:1]
    dinputs = layer.backward(dvalues)
    sums = {"weights": 0.0, "biases": 0.0, "inputs": 0.0}
    for i, one in enumerate(alone):
        slope = dvalues[i] if dvalues.ndim == 3 else dvalues
        found = output[i] if output.ndim == 3 else output
        assert_allclose(found, one.forward(each[i][0]), **WITHIN)
        one_dinputs = one.backward(slope)
        sums["inputs"] = sums["inputs"] + one_dinputs
        for name in ("weights", "biases"):
            gradient = getattr(one, f"d{name}")
            sums[name] = sums[name] + gradient
            if chosen[name].ndim == 3:
                assert_allclose(getattr(layer, f"d{name}")[i], gradient, **WITHIN)
        if dinputs.ndim == 3:
            assert_allclose(dinputs[i], one_dinputs, **WITHIN)
    for name in ("weights", "biases"):
        if chosen[name].ndim == 2:
            assert_allclose(getattr(layer, f"d{name}"), sums[name], **WITHIN)
    if dinputs.ndim == 2:
        assert_allclose(dinputs, sums["inputs"], **WITHIN)


@pytest.mark.parametrize("weighted", [None, "all", "each"])
@pytest.mark.parametrize("rows", ROWS)
@every_loss
def test_loss_and_gradients_are_those_of_each_alone(case, rows, weighted):
    alone = members(case)
    stack = stack_networks(alone)
    arguments, each = data(rows, case, weighted)
    found = stack.loss_gradient(*arguments)
    assert found.shape == (K,)
    for i, one in enumerate(alone):
        assert found[i] == pytest.approx(one.loss_gradient(*each[i]), rel=1e-12)
        gradients = stack.gradients[stack.positions(i)]
        assert_allclose(gradients, one.gradients, **WITHIN)
        logits = stack.forward(arguments[0])[i].copy()
        assert_allclose(logits, one.forward(each[i][0]), **WITHIN)


@every_loss
def test_a_loss_by_hand_has_one_value_for_each_network(case):
    loss = getattr(losses, case[0])()
    rng = np.random.default_rng(2)
    output = rng.normal(size=(K, N_ROWS, 3))
    for layer in LOSSES[case]:
        output = layer().forward(output)
    targets = case[1](rng, output.shape)
    assert loss.forward(output, targets).shape == (K, N_ROWS)
    values, gradients = loss.calculate(output, targets), loss.backward(output, targets)
    for i in range(K):
        one = loss.calculate(output[i], targets[i])
        assert values[i] == pytest.approx(one, rel=1e-12)
        assert_allclose(gradients[i], loss.backward(output[i], targets[i]), **WITHIN)


@pytest.mark.parametrize("l1", [0.0, 0.3])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_side_by_side_is_training_alone(name, rows, l1):
    optimizer, alone = OPTIMIZERS[name], members(activation=ReLU, l1=l1)
    stack = stack_networks(alone)
    arguments, each = data(rows)
    state = train(stack, optimizer, arguments, 20)
    for i, one in enumerate(alone):
        its_state = train(one, optimizer, each[i], 20)
        taken = stack.take(i)
        assert taken.n_networks is None
        assert_allclose(taken.parameters, one.parameters, rtol=1e-9, atol=1e-11)
        if optimizer.averages:
            average = state["average"][stack.positions(i)]
            assert_allclose(average, its_state["average"], rtol=1e-9, atol=1e-11)


def train(network, optimizer, arguments, n_steps, rate=0.05, state=None, factors=None):
    """Take steps; return the state of the optimizer."""
    state = optimizer.new_state(network.parameters) if state is None else state
    decays = network.factors(free=0.0)
    update = optimizer._update_function(
        network.parameters,
        network.gradients,
        state,
        factors,
        decays,
        network.owners() if network.n_networks else None,
    )
    update = network.projected(update)
    for _ in range(n_steps):
        network.loss_gradient(*arguments)
        update(rate)
    return state


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_network_may_have_a_rate_of_its_own(name):
    optimizer, alone = OPTIMIZERS[name], members()
    stack = stack_networks(alone)
    arguments, each = data("own")
    rates = np.array([0.0, 0.02, 0.1])
    # The decay goes by the common rate, so a network's factor is its decay's too.
    decays = stack.factors(networks=rates / 0.1, free=0.0)
    state = optimizer.new_state(stack.parameters)
    update = optimizer._update_function(
        stack.parameters,
        stack.gradients,
        state,
        stack.factors(rates / 0.1),
        decays,
        stack.owners(),
    )
    for _ in range(10):
        stack.loss_gradient(*arguments)
        update(0.1)
    for i, one in enumerate(alone):
        train(one, optimizer, each[i], 10, rates[i])
        taken = stack.take(i).parameters
        assert_allclose(taken, one.parameters, rtol=1e-9, atol=1e-11)


def test_factors_are_by_network_layer_and_kind():
    stack = stack_networks(members())
    factors = stack.factors(networks=[1.0, 2.0, 3.0], layers=[1.0, 10.0], free=0.5)
    weights = [N_FEATURES * 5, 5 * 3]
    biases = [5, 3]
    expected = [
        network * layer * kind
        for sizes, kind in ((weights, 1.0), (biases, 0.5))
        for layer, size in zip((1.0, 10.0), sizes, strict=True)
        for network in (1.0, 2.0, 3.0)
        for _ in range(size)
    ]
    assert_array_equal(factors, expected)


@pytest.mark.parametrize("weighted", [None, "each"])
@pytest.mark.parametrize("rows", ROWS)
def test_the_size_of_the_weights_is_penalized_for_each(rows, weighted):
    alone = members(alpha=0.2, l1=0.7)
    for one in alone:
        one.parameters[::4] = 0.0  # Where there is a kink.
    stack = stack_networks(alone)
    arguments, each = data(rows, weighted=weighted)
    found = stack.loss_gradient(*arguments)
    for i, one in enumerate(alone):
        assert found[i] == pytest.approx(one.loss_gradient(*each[i]), rel=1e-12)
        gradients = stack.gradients[stack.positions(i)]
        assert_allclose(gradients, one.gradients, **WITHIN)


def test_what_only_trains_is_left_out_of_the_network_that_predicts():
    alone = [member(i, losses.SquaredError()) for i in range(K)]
    stack = stack_networks(alone)
    stack.layers.insert(2, layers.Dropout(0.5))
    network = Network(stack.layers, stack.loss, stack.alpha).flatten()
    assert network.is_random and not stack_networks(alone).is_random
    predicting = network.for_prediction()
    arguments, each = data("shared")
    network.draw_from(np.random.default_rng(0))
    network.loss_gradient(*arguments)
    masks = network.layers[2].mask
    assert not (masks[0] == masks[1]).all()
    for i, one in enumerate(alone):
        expected = one.forward(each[i][0])
        assert_allclose(predicting.forward(arguments[0])[i], expected, **WITHIN)
    network.parameters[...] = 0.0  # It is a view.
    assert not predicting.forward(arguments[0]).any()
    other = network.for_prediction(np.ones_like(network.parameters))
    assert other.forward(arguments[0]).all() and not network.parameters.any()


@pytest.mark.parametrize("weighted", [None, "each"])
def test_a_penalty_may_differ_by_network_and_layer(weighted):
    alone = members()
    stack = stack_networks(alone)
    arguments, each = data("own", weighted=weighted)
    alphas = np.array([0.0, 0.5, 2.0])
    n_weights = K * (N_FEATURES * 5 + 5 * 3)
    stack.alpha = stack.factors(networks=alphas)[:n_weights]
    found = stack.loss_gradient(*arguments)
    for i, one in enumerate(alone):
        one.alpha = alphas[i]
        assert found[i] == pytest.approx(one.loss_gradient(*each[i]), rel=1e-12)
        gradients = stack.gradients[stack.positions(i)]
        assert_allclose(gradients, one.gradients, **WITHIN)
    taken = stack.take(2)
    expected = alone[2].loss_gradient(*each[2])
    assert taken.loss_gradient(*each[2]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_finished_networks_drop_out(name):
    optimizer, alone = OPTIMIZERS[name], members()
    stack = stack_networks(alone)
    arguments, each = data("shared")
    state = train(stack, optimizer, arguments, 7)
    going_on = np.array([0, 2])
    positions = stack.positions(going_on)
    rest = stack.take(going_on)
    assert rest.n_networks == 2
    train(rest, optimizer, arguments, 5, state=copy_state(state, positions=positions))
    for place, i in enumerate(going_on):
        train(alone[i], optimizer, each[i], 12)
        taken = rest.take(place).parameters
        assert_allclose(taken, alone[i].parameters, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "name", sorted(set(schedules.__all__) - {"Progress", "Schedule"})
)
def test_each_network_has_its_place_in_a_schedule(name):
    arguments = {"func": np.sqrt} if name == "FunctionSchedule" else {}
    schedule = getattr(schedules, name)(**arguments)
    initial = np.array([0.1, 0.2, 0.3])
    progress = Progress(
        np.array([0, 10, 200]), np.array([0, 1, 3]), np.array([0.0, 0.2, 0.8])
    )
    rates = schedule.rate(initial, progress)
    alone = members()
    stack = stack_networks(alone)
    arguments, each = data("own")
    state = SGD().new_state(stack.parameters)
    factors = stack.factors(rates)
    SGD_step = SGD()._update_function(stack.parameters, stack.gradients, state, factors)
    stack.loss_gradient(*arguments)
    SGD_step(1.0)
    for i, one in enumerate(alone):
        one.loss_gradient(*each[i])
        rate = schedule.rate(initial[i], Progress(*(p[i] for p in progress)))
        expected = one.parameters - rate * one.gradients
        assert_allclose(stack.take(i).parameters, expected, **WITHIN)


def test_shared_weights_train_on_the_sum_of_the_members_losses():
    """All weights shared, biases of their own; differences confirm the gradient."""
    loss = losses.SquaredError()
    rng = np.random.RandomState(0)
    first = Dense.from_arrays(rng.normal(size=(N_FEATURES, 5)), rng.normal(size=(K, 5)))
    last = Dense.from_arrays(rng.normal(size=(5, 3)), rng.normal(size=(K, 3)))
    network = Network([first, Tanh(), last], loss, 0.3).flatten()
    arguments, _ = data("shared")
    assert network.loss_gradient(*arguments).shape == (K,)
    gradients = network.gradients.copy()
    for i in range(0, network.parameters.size, 7):
        value = network.parameters[i]
        ends = []
        for step in (1e-6, -1e-6):
            network.parameters[i] = value + step
            ends.append(network.loss_gradient(*arguments).sum())
        network.parameters[i] = value
        assert gradients[i] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


def test_stacking_and_taking_are_inverse_and_copy():
    alone = members()
    stack = stack_networks(alone)
    before = [one.parameters.copy() for one in alone]
    for i, one in enumerate(alone):
        taken = stack.take(i)
        assert_array_equal(taken.parameters, one.parameters)
        taken.parameters[...] = 0.0
    stack.parameters[...] = 0.0
    for one, kept in zip(alone, before, strict=True):
        assert_array_equal(one.parameters, kept)


@pytest.mark.parametrize("rows", ROWS)
def test_float32_stays_float32(rows):
    alone = members(dtype=np.float32)
    stack = stack_networks(alone)
    arguments, _ = data(rows, weighted="each", dtype=np.float32)
    stack.loss_gradient(*arguments)
    train(stack, Adam(), arguments, 2, factors=stack.factors([1.0, 2.0, 0.5]))
    assert stack.dtype == stack.gradients.dtype == np.float32
    assert stack.forward(arguments[0]).dtype == np.float32


def test_layers_of_other_numbers_of_networks_are_refused():
    two = Dense.from_arrays(np.ones((2, 4, 3)), np.ones((2, 3)))
    three = Dense.from_arrays(np.ones((3, 3, 1)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="different numbers of networks"):
        Network([two, three]).flatten()
