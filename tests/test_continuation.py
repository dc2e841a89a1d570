"""Training that continues: k and then m epochs are k + m epochs, bit for bit."""

import copy
import io
import math
import pickle

import joblib
import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, differences, random_weights, table
from sklearn.base import clone

from sklearn_backprop.network import Network
from sklearn_backprop.training import Run

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
# Nothing but the first epoch counts as an improvement, so that patience ends within
# the few epochs of a test, and the adaptive schedule reduces the rate.
IMPATIENT = {"tol": 10.0, "n_iter_no_change": 2}
SETTINGS = {
    "adam": {},
    "adam_whole_batch": {"batch_size": "auto"},
    "adam_unshuffled": {"shuffle": False},
    "sgd": {"solver": "sgd"},
    "sgd_plain": {"solver": "sgd", "momentum": 0.0},
    "sgd_invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.4},
    "sgd_adaptive": {"solver": "sgd", "learning_rate": "adaptive", **IMPATIENT},
    "adam_patience": {**IMPATIENT, "n_iter_no_change": 4},
    "adam_float32": {"dtype": "float32"},
}
EARLY_STOPPING = {
    "adam_stopping": {"early_stopping": True},
    "adam_stopping_soon": {"early_stopping": True, **IMPATIENT},
    "adam_best_is_early": {"early_stopping": True, "learning_rate_init": 2.0},
    "sgd_stopping": {"early_stopping": True, "solver": "sgd"},
    "sgd_adaptive_stopping": {
        "early_stopping": True,
        "solver": "sgd",
        "learning_rate": "adaptive",
        **IMPATIENT,
    },
}
ALL = SETTINGS | EARLY_STOPPING
# What is kept only where training is to go on.
KEPT = [f"_training_state.{name}" for name in ["checksum", *Run.STATE]]


def new(kind, settings=None, **others):
    defaults = {"hidden_layer_sizes": (6,), "batch_size": 30, "random_state": 3}
    return OURS[kind](**{**defaults, **(settings or {}), **others})


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


def through_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return joblib.load(file)


def assert_same_state(a, b, apart_from=()):
    """Everything is the same, down to moments, generator, patience and schedule."""
    ignored = {f".{name}" for name in ("max_iter", *apart_from)}
    different = differences(vars(a), vars(b))
    assert [path for path in different if path not in ignored] == []


def classes_of(kind, y):
    return {"classes": np.unique(y)} if kind == "classifier" else {}


ROUTES = {
    "same_object": lambda model: model,
    "pickle": through_pickle,
    "joblib": through_joblib,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("epochs", [(3, 4), (1, 6), (6, 1), (2, 2, 3)])
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", KINDS)
def test_fits_one_after_another_are_one_fit(kind, name, epochs):
    X, y = table(DEFAULT_TABLE[kind])
    for weights in (None, random_weights(len(X), zeros=0.2)):
        whole = new(kind, ALL[name], warm_start=True, max_iter=sum(epochs))
        whole.fit(X, y, weights)
        parts = new(kind, ALL[name], warm_start=True)
        for n_epochs, route in zip(epochs, [*ROUTES.values()][:3], strict=False):
            parts = route(parts.set_params(max_iter=n_epochs).fit(X, y, weights))
            if parts.n_iter_ == whole.n_iter_:
                break  # Patience has ended both.
        assert_same_state(parts, whole)
        n_held_out = math.ceil(0.1 * len(X)) if whole.early_stopping else 0
        assert parts.t_ == parts.n_iter_ * (len(X) - n_held_out)


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_fit_is_the_same_model(kind):
    X, y = table(DEFAULT_TABLE[kind])
    for settings in ALL.values():
        plain = new(kind, settings, max_iter=7).fit(X, y)
        kept = new(kind, settings, max_iter=7, warm_start=True).fit(X, y)
        assert_same_state(plain, kept, ["warm_start", *KEPT])
        assert set(plain._training_state) == {"rng"}


@pytest.mark.parametrize("name", ["adam_stopping_soon", "adam_patience", "adam"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_has_ended_begins_a_new_patience(kind, name):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, {**ALL[name], **IMPATIENT}, warm_start=True, max_iter=50)
    n_iter = model.fit(X, y).n_iter_
    assert n_iter < 50
    for _ in range(3):
        # Nothing improves by `tol`, so each fit trains as long as patience lasts.
        assert model.fit(X, y).n_iter_ == n_iter + 3
        n_iter = model.n_iter_


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_partial_fits_are_one_fit(kind, name, route):
    X, y = table(DEFAULT_TABLE[kind])
    # Under which fit does not stop, as partial_fit never does.
    settings = {**SETTINGS[name], "random_state": 5}
    if name == "adam_patience":
        settings["n_iter_no_change"] = 100
    whole = new(kind, settings, warm_start=True, max_iter=6).fit(X, y)
    assert whole.n_iter_ == 6
    steps = new(kind, settings, warm_start=True)
    for epoch in range(6):
        steps.partial_fit(X, y, **classes_of(kind, y))
        assert (steps.n_iter_, steps.t_) == (epoch + 1, (epoch + 1) * len(X))
        assert len(steps.loss_curve_) == epoch + 1
        steps = ROUTES[route](steps)
    assert_same_state(steps, whole)
    plain = new(kind, settings, max_iter=6).fit(X, y)
    assert differences(plain.coefs_, steps.coefs_) == []


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit_and_warm_fits_mix(kind):
    X, y = table(DEFAULT_TABLE[kind])
    whole = new(kind, warm_start=True, max_iter=6).fit(X, y)
    mixed = new(kind, warm_start=True, max_iter=2).fit(X, y)
    mixed.partial_fit(X, y).set_params(max_iter=3).fit(X, y)
    assert_same_state(mixed, whole)


@pytest.mark.parametrize("classes", ["every_call", "first_call", "unsorted"])
@pytest.mark.parametrize("name", ["iris", "breast_cancer", "multilabel"])
def test_classes_on_every_call_or_only_the_first(name, classes):
    X, y = table(name)
    known = np.arange(3) if y.ndim == 2 else np.unique(y)
    expected = new("classifier", max_iter=4).fit(X, y)
    model = new("classifier")
    for call in range(4):
        given = {
            "every_call": known,
            "first_call": known if call == 0 else None,
            "unsorted": known[::-1],
        }[classes]
        model.partial_fit(X, y, classes=given)
    np.testing.assert_array_equal(model.classes_, known)
    assert differences(model.coefs_, expected.coefs_) == []


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_mini_batches_of_changing_size(kind, name):
    X, y = table(DEFAULT_TABLE[kind])
    sizes = [40, 40, 1, 25, 3, 41]
    model = new(kind, SETTINGS[name], batch_size="auto")
    start, coefs = 0, None
    for call, size in enumerate(sizes):
        rows = slice(start, start + size)
        model.partial_fit(X[rows], y[rows], **classes_of(kind, y))
        start += size
        assert (model.n_iter_, model.t_) == (call + 1, start)
        assert coefs is None or differences(model.coefs_, coefs) != []
        coefs = model.coefs_
        assert all(np.isfinite(array).all() for array in coefs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_without_some_classes_teaches_too(kind):
    X, y = table(DEFAULT_TABLE[kind])
    order = np.argsort(y, kind="stable")
    model = new(kind, learning_rate_init=0.02, batch_size="auto")
    for _ in range(60):
        for rows in np.array_split(order, 6):
            model.partial_fit(X[rows], y[rows], **classes_of(kind, y))
    assert model.score(X, y) > {"classifier": 0.85, "regressor": 0.3}[kind]


@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_memory_mapped_model_trains_on(kind, warm_start, compress, tmp_path):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, warm_start=warm_start, max_iter=3).fit(X, y)
    path = tmp_path / "model.joblib"
    joblib.dump(model, path, compress=compress)
    content = path.read_bytes()
    mode = None if compress else "r"
    mapped = joblib.load(path, mmap_mode=mode)
    if mode:
        assert isinstance(mapped.coefs_[0], np.memmap)
        assert not mapped.coefs_[0].flags.writeable
    np.testing.assert_array_equal(mapped.predict(X), model.predict(X))
    for _ in range(2):
        mapped.partial_fit(X, y)
        model.partial_fit(X, y)
    assert_same_state(mapped, model)
    if warm_start:
        assert_same_state(mapped.fit(X, y), model.fit(X, y))
    assert path.read_bytes() == content


@pytest.fixture
def epochs(monkeypatch):
    """Rows of each epoch, by the number in their first column."""
    orders, seen = [], []
    original = Network.loss_gradient

    def loss_gradient(self, inputs, targets, sample_weight=None):
        seen.extend(inputs[:, 0].tolist())
        if len(seen) == 50:
            orders.append(tuple(seen))
            seen.clear()
        return original(self, inputs, targets, sample_weight)

    monkeypatch.setattr(Network, "loss_gradient", loss_gradient)
    return orders


SEEDS = {
    "integer": lambda: 0,
    "instance": lambda: np.random.RandomState(0),
    "none": lambda: None,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_permutation_is_ever_replayed(kind, seed, epochs):
    X = np.random.RandomState(1).uniform(-1, 1, (50, 2))
    X[:, 0] = np.arange(50) / 50
    y = np.arange(50) % 2
    model = new(kind, max_iter=2, batch_size=20, random_state=SEEDS[seed]())
    model.fit(X, y).partial_fit(X, y)
    for route in ROUTES.values():
        model = route(model)
        model.partial_fit(X, y).partial_fit(X, y).trim().partial_fit(X, y)
    model.set_params(warm_start=True).fit(X, y).fit(X, y)
    model.set_params(solver="sgd").fit(X, y)
    assert len(epochs) == 2 + 1 + 4 * 3 + 2 * 2 + 2
    assert all(sorted(order) == sorted(X[:, 0]) for order in epochs)
    assert len(set(epochs)) == len(epochs)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unshuffled_run_goes_through_the_rows_as_they_stand(kind, epochs):
    X = np.tile(np.arange(50.0)[:, np.newaxis], 2) / 50
    model = new(kind, shuffle=False, max_iter=2).fit(X, np.arange(50) % 2)
    model.partial_fit(X, np.arange(50) % 2)
    assert epochs == [tuple(X[:, 0])] * 3


@pytest.mark.parametrize("kind", KINDS)
def test_a_generator_of_the_user_is_drawn_from_and_goes_on(kind):
    X, y = table(DEFAULT_TABLE[kind])
    shared = np.random.RandomState(3)
    model = new(kind, max_iter=4, random_state=shared).fit(X, y)
    seeded = new(kind, max_iter=4, random_state=3).fit(X, y)
    assert differences(model.coefs_, seeded.coefs_) == []
    # The next fit finds the generator further on, as in all of scikit-learn.
    assert differences(model.fit(X, y).coefs_, seeded.fit(X, y).coefs_) != []
    assert clone(model).random_state is not shared


@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit_after_fit_goes_on_from_it(kind):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, max_iter=5).fit(X, y)
    coefs, curve = copy.deepcopy(model.coefs_), list(model.loss_curve_)
    model.partial_fit(X, y)
    assert (model.n_iter_, model.t_) == (6, 6 * len(X))
    assert model.loss_curve_[:5] == curve and len(model.loss_curve_) == 6
    assert model.best_loss_ == min(model.loss_curve_)
    step = np.abs(model.coefs_[0] - coefs[0]).max()
    assert 0 < step < 10 * len(X) / 30 * model.learning_rate_init


@pytest.mark.parametrize("kind", KINDS)
def test_trim_drops_the_run_and_nothing_else(kind):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, warm_start=True, max_iter=3).fit(X, y)
    full = len(pickle.dumps(model))
    kept = copy.deepcopy(model)
    assert model.trim() is model
    assert_same_state(model, kept, KEPT)
    n_bytes = sum(a.nbytes for a in model.coefs_ + model.intercepts_)
    assert len(pickle.dumps(model)) < full - 2 * n_bytes
    np.testing.assert_array_equal(model.predict(X), kept.predict(X))
    assert model.fit(X, y).n_iter_ == 6
    # Adam without its moments takes another step.
    assert differences(model.coefs_, kept.fit(X, y).coefs_) != []


CHANGES = {
    "solver": ({"solver": "adam"}, {"solver": "sgd"}),
    "to_lbfgs": ({"solver": "adam"}, {"solver": "lbfgs"}),
    "from_lbfgs": ({"solver": "lbfgs"}, {"solver": "adam"}),
    "rate": ({}, {"learning_rate_init": 1e-4}),
    "no_early_stopping": ({"early_stopping": True}, {"early_stopping": False}),
    "early_stopping": ({}, {"early_stopping": True}),
    "dtype": ({}, {"dtype": "float32"}),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_settings_may_change_between_warm_fits(kind, change):
    """Every fit begins where the one before it left off."""
    X, y = table(DEFAULT_TABLE[kind])
    first, then = CHANGES[change]
    patient = {"warm_start": True, "n_iter_no_change": 100, "momentum": 0.0}
    model = new(kind, {**patient, **first}, max_iter=15).fit(X, y)
    model.set_params(max_iter=20, **then).fit(X, y)
    stands_at = [coef.copy() for coef in model.coefs_]
    n_iter, loss = model.n_iter_, model.loss_
    model.set_params(max_iter=1, learning_rate_init=1e-7).fit(X, y)
    assert model.n_iter_ == n_iter + 1
    assert model.loss_ < loss
    if model.solver != "lbfgs" and not model.early_stopping:
        for mine, other in zip(model.coefs_, stands_at, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-5)


RENEWALS = {
    "targets": (lambda y: np.roll(y, 7), {}),
    "fewer_rows": (lambda y: y[:-20], {}),
    "solver": (None, {"solver": "sgd"}),
    "rate": (None, {"learning_rate_init": 1e-4}),
    "penalty": (None, {"alpha": 1.0}),
}


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("renewal", RENEWALS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_has_ended_goes_on_with_what_is_new(kind, renewal, early_stopping):
    X, y = table(DEFAULT_TABLE[kind])
    change, settings = RENEWALS[renewal]
    model = new(kind, IMPATIENT, warm_start=True, max_iter=200)
    model.set_params(early_stopping=early_stopping).fit(X, y)
    n_iter = model.n_iter_
    y = change(y) if change else y
    model.set_params(**settings).fit(X[: len(y)], y)
    assert model.n_iter_ > n_iter


def test_adaptive_rate_lets_an_ended_run_go_on():
    X, y = table("iris")
    model = new("classifier", IMPATIENT, solver="sgd", warm_start=True, max_iter=200)
    n_iter = model.fit(X, y).n_iter_
    assert model.set_params(learning_rate="adaptive").fit(X, y).n_iter_ > n_iter


def test_data_of_another_length_brings_its_own_best():
    """The best loss and the best parameters of easy rows do not judge hard ones."""
    X, y = table("diabetes")
    model = OURS["regressor"](
        (20,),
        learning_rate_init=0.01,
        early_stopping=True,
        warm_start=True,
        max_iter=300,
        random_state=0,
    )
    model.fit(X[:300], X[:300, 2])
    before = [coef.copy() for coef in model.coefs_]
    model.fit(X, y)
    assert differences(model.coefs_, before) != []
    assert model.score(X, y) > 0.3


def test_the_optimizer_starts_afresh_after_lbfgs():
    X, y = table("iris")
    model = new("classifier", {"warm_start": True}, max_iter=3).fit(X, y)
    model.set_params(solver="lbfgs").fit(X, y)
    model.set_params(solver="adam").fit(X, y)
    n_batches = -(-len(X) // model.batch_size)
    assert model._training_state["moments"]["n_updates"] == 3 * n_batches


def test_a_failed_fit_leaves_the_activation_and_the_generators():
    X, y = table("iris")
    model = new("classifier", {}, max_iter=3).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(activation="tanh", learning_rate_init=1e300)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)
    generator = np.random.RandomState(3)
    model = new("classifier", {"random_state": generator, "learning_rate_init": 1e300})
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, y)
    assert generator.randint(1 << 30) == np.random.RandomState(3).randint(1 << 30)


@pytest.mark.parametrize("kind", KINDS)
def test_patience_goes_on_through_a_stream_of_new_rows(kind):
    X, y = table(DEFAULT_TABLE[kind])
    model = new(kind, IMPATIENT, solver="sgd", learning_rate="adaptive", batch_size=20)
    for start in range(0, 140, 20):
        rows = slice(start, start + 20)
        model.partial_fit(X[rows], y[rows], **classes_of(kind, y))
    # After the first call, every third ends its patience.
    assert model._training_state["n_reductions"] == 2
