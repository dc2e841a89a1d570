"""Hostile values: every outcome is a finite model or an error that names its cause."""

import re
import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from _frames import TABULAR
from _tools import PROPERTY
from conftest import KINDS, OURS, differences, outputs, peak_of, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_backprop import schedules
from sklearn_backprop.network import Network
from sklearn_backprop.optimizers import SGD, Adam, AdamW, Nadam, ScheduleFreeAdamW
from sklearn_backprop.training.epochs import EpochTrainer

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1:UserWarning"),
    pytest.mark.filterwarnings("ignore:lbfgs has trained nothing:UserWarning"),
]
# What an error must name: an argument, or a parameter that it advises to change.
CAUSES = re.compile(
    r"\bX\b|\by\b|[Ss]ample.weight|validation_fraction|learning_rate_init|Column 'x"
)
LARGEST = np.finfo(float).max

VALUES = {
    "usual": lambda X: X,
    "1e300": lambda X: np.sign(X) * 1e300,
    "largest": lambda X: np.sign(X) * LARGEST,
    "1e150": lambda X: X * 1e150,
    "1e38": lambda X: X * 1e38,
    "one_1e300": lambda X: np.where(np.arange(X.size).reshape(X.shape), X, -1e300),
    "subnormal": lambda X: X * 1e-310,
    "constant": lambda X: np.full_like(X, 7.0),
    "zero": lambda X: np.zeros_like(X),
    "duplicates": lambda X: np.repeat(X[:, :1], X.shape[1], axis=1),
}
DTYPES = ["<f8", "<f4", "<f2", ">f8", ">f4", "g", "i1", ">i4", "u8", "?", "O"]
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "gaps": lambda X: np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
    "backwards": lambda X: X[::-1, ::-1],
    "one_row": lambda X: np.broadcast_to(X[:1], X.shape),
    "unaligned": lambda X: unaligned(X) if X.dtype != object else X,
}
WEIGHTS = {
    "none": lambda n: None,
    "ones": np.ones,
    "extreme": lambda n: np.where(np.arange(n) % 2, 1e300, 1e-300),
    "tiny": lambda n: np.full(n, 1e-320),
    "float16": lambda n: np.full(n, 0.5, np.float16),
    "first": lambda n: (np.arange(n) == 0).astype(">f4"),
    "integers": lambda n: np.arange(n) % 3 + 1,
}
LABELS = {
    "alternating": lambda n: np.arange(n) % 2,
    "one": lambda n: np.zeros(n, int),
    "distinct": np.arange,
    "first": lambda n: np.arange(n) == 0,
    "far": lambda n: np.where(np.arange(n) % 2, 2**63 - 1, -(2**63)),
}
SMALL = {"hidden_layer_sizes": (3,), "max_iter": 2, "batch_size": 8, "random_state": 0}
SETTINGS = {
    "adam": {},
    "float32": {"dtype": "float32"},
    "early_stopping": {"early_stopping": True, "validation_fraction": 0.25},
    "averaging": {"solver": Adam(averaging=0.9), "early_stopping": True},
    "clipped": {"solver": SGD(clip_norm=1.0, averaging=0.5)},
    "schedule_free": {"solver": "schedule_free"},
    "balanced": {"class_weight": "balanced"},
    "lbfgs": {"solver": "lbfgs"},
    "lbfgs_float32": {"solver": "lbfgs", "dtype": "float32", "activation": "tanh"},
    "absolute_error": {"loss": "absolute_error"},
    "poisson": {"loss": "poisson"},
}
OF_TASK = {"balanced": "classifier", "absolute_error": "regressor"}
OF_TASK["poisson"] = "regressor"
MODELS = {
    f"{kind}_{name}": (kind, OURS[kind](**{**SMALL, **SETTINGS[name]}))
    for kind in KINDS
    for name in SETTINGS
    if OF_TASK.get(name, kind) == kind
}
TABLES = {
    f"{kind}_tabular": (
        kind,
        TABULAR[kind](2, hidden_layer_sizes=(3,), max_iter=2, random_state=0),
    )
    for kind in KINDS
}


def unaligned(array):
    """The same values at an address that is no multiple of their size."""
    buffer = b"x" + array.tobytes()
    return np.frombuffer(buffer, array.dtype, offset=1).reshape(array.shape)


def cast(X, dtype):
    """Numbers in another dtype, cut to its range."""
    if dtype == "?":
        return X > 0
    smallest = {"i": -100, "u": 0}.get(np.dtype(dtype).kind)
    with np.errstate(over="ignore"):
        if smallest is not None:
            X = np.clip(X * 9, smallest, 100)
        return X.astype(dtype)


@st.composite
def inputs(draw):
    shape = draw(st.sampled_from([(1, 3), (2, 1), (9, 2), (20, 4), (12, 50)]))
    X = np.random.RandomState(draw(st.integers(0, 3))).normal(size=shape)
    X = VALUES[draw(st.sampled_from(list(VALUES)))](X)
    X = cast(X, draw(st.sampled_from(DTYPES)))
    X = LAYOUTS[draw(st.sampled_from(list(LAYOUTS)))](X)
    X.flags.writeable = False
    return X


@st.composite
def targets(draw, kind, n):
    if kind == "classifier":
        return LABELS[draw(st.sampled_from(list(LABELS)))](n)
    y = np.random.RandomState(1).normal(size=(n, draw(st.sampled_from([1, 2]))))
    y = VALUES[draw(st.sampled_from(list(VALUES)))](y)
    y = cast(y, draw(st.sampled_from(DTYPES)))
    return y.ravel() if y.shape[1] == 1 else y


def arrays_of(model):
    """All numbers that a fitted model consists of."""
    if not hasattr(model, "networks_"):
        return [*model.coefs_, *model.intercepts_, model.loss_]
    groups = [array for group in model.networks_ for array in group.values()]
    lists = [[array] if isinstance(array, np.ndarray) else array for array in groups]
    return [array for arrays in lists for array in arrays]


def assert_finite_or_told(model, X, y, weights):
    """Fit a model: it is finite, and what it predicts, or an error names the cause."""
    before = snapshot(model)
    try:
        model.fit(X, y, weights)
        numbers = [*arrays_of(model), model.loss_curve_]
        numbers += [model.validation_loss_curve_ or 0.0]
        assert all(np.isfinite(array).all() for array in numbers)
        found = outputs(model, X)
    except (ValueError, TypeError) as error:
        assert CAUSES.search(str(error)), error
        if not hasattr(model, "n_iter_"):
            assert differences(vars(model), before) == []
        return
    assert np.isfinite(found).all()


@settings(PROPERTY, max_examples=200)
@given(data=st.data())
def test_the_outcome_is_a_finite_model_or_an_error_that_names_its_cause(data):
    kind, model = MODELS[data.draw(st.sampled_from(list(MODELS)))]
    X = data.draw(inputs())
    y = data.draw(targets(kind, len(X)))
    weights = WEIGHTS[data.draw(st.sampled_from(list(WEIGHTS)))](len(X))
    model = clone(model)
    assert_finite_or_told(model, X, y, weights)


@settings(PROPERTY, max_examples=60)
@given(data=st.data())
def test_the_outcome_for_tables_is_one_or_the_other_too(data):
    kind, model = TABLES[data.draw(st.sampled_from(list(TABLES)))]
    X = data.draw(inputs())
    y = data.draw(targets(kind, len(X)))
    weights = WEIGHTS[data.draw(st.sampled_from(list(WEIGHTS)))](len(X))
    model = clone(model)
    assert_finite_or_told(model, X, y, weights)


TOO_LARGE = 10**400
HUGE_INTEGERS = {
    "X": lambda n: (
        {"X": np.full((n, 2), TOO_LARGE, object)},
        "^(X|Column 'x0') holds an",
    ),
    "y": lambda n: ({"y": np.array([TOO_LARGE] * n, object)}, "^y holds|y holds int"),
    "weights": lambda n: ({"sample_weight": [TOO_LARGE] * n}, "^sample_weight holds"),
    "X_val": lambda n: (
        {"X_val": [[TOO_LARGE, 1]] * n, "y_val": np.arange(n) % 2},
        "validation data, X_val and y_val: .* holds an integer",
    ),
}


@pytest.mark.parametrize("name", HUGE_INTEGERS)
@pytest.mark.parametrize("model", [*OURS.values(), *TABULAR.values()])
def test_an_integer_beyond_all_floats_is_named(model, name):
    given, message = HUGE_INTEGERS[name](10)
    usual = {"X": np.arange(20.0).reshape(10, 2), "y": np.arange(10) % 2}
    with pytest.raises(ValueError, match=message):
        model(max_iter=2).fit(**usual | given)
    if name == "X":
        fitted = model(max_iter=2, random_state=0).fit(**usual)
        with pytest.raises(ValueError, match="holds an integer"):
            fitted.predict(given["X"])


def test_words_beside_numbers_beyond_all_floats():
    model = TABULAR["classifier"](max_iter=1)
    X = np.array([["a"], [TOO_LARGE]] * 5, object)
    model.fit(X, np.arange(10) % 2)  # To a category it is a level like any other.
    assert model.preprocessor_.encoder_.categories_[0].tolist() == [str(TOO_LARGE), "a"]
    X[1, 0] = Fraction(TOO_LARGE, 3)
    with pytest.raises(ValueError, match="Column 'x0' holds an integer"):
        model.fit(X, np.arange(10) % 2)


def with_duplicates(X):
    """Every value as two halves at the same place."""
    X = sp.csr_array(X)
    halves = np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr
    return sp.csr_array(halves, shape=X.shape)


def unsorted(X):
    """The values of each row from the right to the left."""
    X = sp.csr_array(X)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        for array in (X.indices, X.data):
            array[start:stop] = array[start:stop][::-1].copy()
    X.has_sorted_indices = False
    return X


def wide_indices(X):
    X = sp.csr_array(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


SPARSE = {
    "csr": sp.csr_array,
    "csc_matrix": sp.csc_matrix,
    "coo": sp.coo_array,
    "bsr": sp.bsr_array,
    "dia": sp.dia_array,
    "dok": sp.dok_array,
    "lil": sp.lil_array,
    "int64": wide_indices,
    "csc_int64": lambda X: sp.csc_array(wide_indices(X)),
    "duplicates": with_duplicates,
    "unsorted": unsorted,
    "both": lambda X: unsorted(with_duplicates(X)),
    "longdouble": lambda X: sp.csr_array(X.astype("g")),
    "integers": lambda X: sp.csr_array(np.round(X).astype(int)),
    "all_zero": lambda X: sp.csr_array(X.shape),
}


def parts_of(X):
    """The arrays of numbers that a sparse matrix consists of.

    Those of lists, of lil, no memory map holds, and SciPy itself cannot read them all
    when they are read-only.
    """
    names = ("data", "indices", "indptr", "row", "col", "offsets")
    parts = [a for a in (getattr(X, n, None) for n in names) if type(a) is np.ndarray]
    return [array for array in parts if array.dtype != object]


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("name", SPARSE)
def test_sparse_rows_of_any_form_are_what_they_are_when_dense(name, solver):
    X = np.random.RandomState(0).normal(size=(30, 6))
    X = SPARSE[name](np.where(np.abs(X) > 0.7, X, 0.0))
    dense, y = X.toarray().astype(float), np.arange(30) % 3
    for array in parts_of(X):
        array.flags.writeable = False
    model = OURS["classifier"](**{**SMALL, "solver": solver, "max_iter": 5})
    expected = outputs(model.fit(dense, y), dense)
    np.testing.assert_allclose(outputs(model, X), expected, rtol=1e-7)
    np.testing.assert_allclose(outputs(model.fit(X, y), X), expected, rtol=1e-6)
    np.testing.assert_array_equal(X.toarray(), dense)


def broken(**change):
    """A sparse matrix of two columns with one of its arrays replaced."""
    X = sp.csr_array(np.ones((3, 2)))
    for name, values in change.items():
        setattr(X, name, np.array(values, X.indices.dtype))
    return X


BROKEN = {
    "column": (broken(indices=[0, 1, 0, 99, 0, 1]), "indices .* 0 to 1, got 0 to 99"),
    "negative": (broken(indices=[0, 1, 0, -7, 0, 1]), "indices .* 0 to 1, got -7 to 1"),
    "falling": (broken(indptr=[0, 4, 2, 6]), "indptr must rise"),
    "beyond": (broken(indptr=[0, 2, 4, 600]), "indptr must rise from 0 to at most the"),
    "from_one": (broken(indptr=[1, 2, 4, 6]), "indptr must rise from 0"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("kind", KINDS)
def test_indices_outside_a_sparse_matrix_are_not_followed(kind, name):
    X, message = BROKEN[name]
    usual, y = sp.csr_array(np.ones((3, 2))), np.arange(3) % 2
    model = OURS[kind](**SMALL).fit(usual, y)
    before = snapshot(model)
    for call in (
        lambda: model.fit(X, y),
        lambda: model.partial_fit(X, y),
        lambda: model.fit(usual, y, X_val=X, y_val=y),
        lambda: model.predict(X),
        lambda: model.hidden_activations(X, 0),
    ):
        with pytest.raises(
            ValueError, match=f"X is no valid sparse matrix: .*{message}"
        ):
            call()
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("early_stopping", [False, True])
def test_thousands_of_classes_take_little_memory(early_stopping):
    X = np.random.default_rng(0).standard_normal((20_000, 10))
    y = np.arange(len(X)) % 5000
    model = OURS["classifier"](max_iter=1, early_stopping=early_stopping)
    assert peak_of(lambda: model.fit(X, y)) < 60e6
    assert peak_of(lambda: model.predict(X)) < 60e6
    assert len(model.classes_) == 5000


OVERFLOWING = {
    "adam": Adam(),
    "adamw_averaging": AdamW(averaging=0.5),
    "sgd": SGD(),
    "nadam_clipped": Nadam(clip_norm=1.0),
    "schedule_free": ScheduleFreeAdamW(),
}
# What training changes: the parameters, and arrays that the optimizer keeps.
CHANGED = [
    (name, array)
    for name, solver in OVERFLOWING.items()
    for array, value in {"parameters": [], **solver.new_state(np.zeros(1))}.items()
    if np.ndim(value)
]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(("name", "array"), CHANGED)
def test_overflow_is_told_in_the_epoch_in_which_it_happens(
    name, array, early_stopping, monkeypatch
):
    untouched, epochs = EpochTrainer._descend, []

    def descend(self, update):
        loss = untouched(self, update)
        epochs.append(loss)
        if len(epochs) == 3:
            arrays = {"parameters": self.network.parameters, **self.run.moments}
            arrays[array][-1] = np.inf
        return loss

    monkeypatch.setattr(EpochTrainer, "_descend", descend)
    X = np.random.RandomState(0).normal(size=(30, 3))
    model = OURS["regressor"]((3,), solver=OVERFLOWING[name], max_iter=6)
    model.set_params(random_state=0, early_stopping=early_stopping)
    with pytest.raises(ValueError, match="too large a `learning_rate_init`"):
        model.fit(X, X[:, 0])
    assert len(epochs) == 3


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["sgd", "adam", "adamw", "nadam", "schedule_free"])
def test_a_rate_that_explodes_is_told_within_two_epochs(
    solver, early_stopping, monkeypatch
):
    """Two: the largest numbers are finite, and what comes of them is not."""
    untouched, epochs = EpochTrainer._descend, []
    monkeypatch.setattr(
        EpochTrainer, "_descend", lambda *a: epochs.append(None) or untouched(*a)
    )
    X = np.random.RandomState(0).normal(size=(40, 3))
    model = OURS["regressor"]((3,), solver=solver, max_iter=20, random_state=0)
    model.set_params(learning_rate=lambda share: 1.0 if share < 0.5 else 1e300)
    model.set_params(batch_size=10, early_stopping=early_stopping)
    with pytest.raises(ValueError, match="too large a `learning_rate_init`"):
        model.fit(X, X[:, 0])
    assert 10 < len(epochs) <= 12


def test_an_infinite_loss_of_validation_data_is_told():
    X = np.random.RandomState(0).normal(size=(20, 2)).astype(np.float32)
    model = OURS["regressor"]((), max_iter=2, random_state=0)
    model.set_params(scoring=lambda model, X, y: 1.0)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, X[:, 0], X_val=X * 1e30, y_val=X[:, 0])


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": "invscaling", "power_t": 1e300},
        {"learning_rate": "adaptive", "tol": 1e9, "n_iter_no_change": 1},
        {"learning_rate": schedules.Adaptive(factor=1e200)},
        {"learning_rate": schedules.Plateau(patience=1, factor=1e200), "tol": 1e9},
    ],
    ids=str,
)
def test_a_rate_that_falls_beyond_all_floats_is_zero(settings):
    X = np.random.RandomState(0).normal(size=(20, 2))
    model = OURS["regressor"]((3,), solver="sgd", max_iter=20, random_state=0)
    model.set_params(**settings).fit(X, X[:, 0])
    assert np.isfinite(model.loss_)


def test_lbfgs_ends_at_once_where_it_begins_with_overflow(monkeypatch):
    X = np.random.RandomState(0).normal(size=(20, 2)) * 1e300
    untouched, calls = Network.loss_gradient, []

    def loss_gradient(*args):
        calls.append(None)
        return untouched(*args)

    monkeypatch.setattr(Network, "loss_gradient", loss_gradient)
    with pytest.raises(ValueError, match="too large a `learning_rate_init`"):
        OURS["regressor"](solver="lbfgs").fit(X, X[:, 0])
    assert len(calls) == 1


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_weights_so_small_that_the_penalty_is_all_are_told(solver):
    X = np.random.RandomState(0).normal(size=(20, 2))
    model = OURS["regressor"]((3,), solver=solver, max_iter=3, random_state=0)
    model.set_params(alpha=1.0)
    with pytest.raises(ValueError, match="lower alpha, or multiply sample_weight"):
        model.fit(X, X[:, 0], np.full(20, 1e-300))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(alpha=0.0).fit(X, X[:, 0], np.full(20, 1e-300))
    assert np.isfinite(model.loss_)
