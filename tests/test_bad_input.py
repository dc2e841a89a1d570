"""Bad input: a clear error of scikit-learn's type, and nothing fitted is touched."""

from typing import NamedTuple

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import (
    DEFAULT_TABLE,
    KINDS,
    OURS,
    THEIRS,
    differences,
    fit_silently,
    snapshot,
    table,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


class Bad(NamedTuple):
    """What is wrong with a fit, and what is to come of it."""

    name: str
    change: object
    """Function of (X, y) that returns the arguments of `fit`, or a dict of settings."""
    message: str
    error: type = ValueError
    kinds: list = KINDS
    like_scikit_learn: bool = True
    """Whether scikit-learn raises that error with that message too."""


def with_value(array, value, dtype=float):
    array = np.array(array, dtype=dtype)
    array.flat[5] = value
    return array


def weights(change):
    return lambda X, y: (X, y, change(np.ones(len(X))))


def features(change):
    return lambda X, y: (change(X), y)


def targets(change):
    return lambda X, y: (X, change(np.arange(len(X)) % 2))


NOT_FINITE = "Input {} contains infinity or a value too large"
STRINGS = "could not convert string to float"
DATA = [
    Bad(
        "y_none",
        targets(lambda y: with_value(y, None, object)),
        "Input y contains NaN",
        kinds=["regressor"],
        like_scikit_learn=False,
    ),
    Bad(
        "X_word",
        features(lambda X: with_value(X, "word", object)),
        f"X must hold numbers: {STRINGS}: 'word'",
        like_scikit_learn=False,
    ),
    Bad("X_nan", features(lambda X: with_value(X, np.nan)), "Input X contains NaN"),
    Bad("X_inf", features(lambda X: with_value(X, np.inf)), NOT_FINITE.format("X")),
    Bad(
        "X_sparse_nan",
        features(lambda X: sp.csr_matrix(with_value(X, np.nan))),
        "Input X contains NaN",
    ),
    Bad("X_1d", features(lambda X: X[:, 0]), "Expected 2D array, got 1D array instead"),
    Bad("X_3d", features(lambda X: X[None]), "Found array with dim 3"),
    Bad("X_scalar", features(lambda X: 3.0), "Expected 2D array, got scalar array"),
    Bad("X_no_rows", lambda X, y: (X[:0], y[:0]), "Found array with 0 sample"),
    Bad("X_no_columns", features(lambda X: X[:, :0]), "Found array with 0 feature"),
    Bad("X_complex", features(lambda X: X + 1j), "Complex data not supported"),
    Bad("X_strings", features(lambda X: np.full(X.shape, "x")), STRINGS),
    Bad(
        "X_object_strings",
        features(lambda X: with_value(X.astype(object), "x", object)),
        STRINGS,
    ),
    Bad("lengths", lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
    Bad("y_none", targets(lambda y: None), "requires y to be passed"),
    Bad("y_nan", targets(lambda y: with_value(y, np.nan)), "Input y contains NaN"),
    Bad("y_inf", targets(lambda y: with_value(y, np.inf)), NOT_FINITE.format("y")),
    Bad("y_3d", targets(lambda y: y[:, None, None]), "Found array with dim 3"),
    Bad("y_scalar", targets(lambda y: 3), "at least 1 dim|[Ss]ingleton", TypeError),
    Bad("y_no_columns", targets(lambda y: y[:, None][:, :0]), "0 feature"),
    Bad(
        "y_sparse_column",
        targets(lambda y: sp.csr_matrix(y[:, None])),
        "Sparse data was passed for y",
        TypeError,
    ),
    Bad(
        "y_continuous",
        targets(lambda y: y + 0.5 * (y > 0)),
        "Unknown label type",
        kinds=["classifier"],
    ),
    Bad(
        "y_multioutput",
        targets(lambda y: np.stack([y, y + 1], axis=1)),
        "Multioutput target data is not supported",
        kinds=["classifier"],
    ),
    Bad(
        "y_mixed_types",
        targets(lambda y: with_value(y, "a", object)),
        "Unknown label type",
        kinds=["classifier"],
        like_scikit_learn=False,
    ),
    Bad(
        "y_strings",
        targets(lambda y: np.full(len(y), "x", dtype=object)),
        STRINGS,
        kinds=["regressor"],
    ),
    Bad(
        "y_sparse",
        targets(lambda y: sp.csr_matrix(np.stack([y, y], axis=1))),
        r"(?i)\by\b.*sparse|sparse.*\by\b",
        (TypeError, ValueError),
        kinds=["regressor"],
        like_scikit_learn=False,
    ),
    Bad(
        "weight_negative",
        weights(lambda w: with_value(w, -1)),
        "Negative values in data passed to `?sample_weight",
        like_scikit_learn=False,
    ),
    Bad(
        "weight_all_zero",
        weights(lambda w: 0 * w),
        "(?i)sample.weights?.* zero|non-zero",
        like_scikit_learn=False,
    ),
    Bad(
        "weight_nan", weights(lambda w: w * np.nan), "Input sample_weight contains NaN"
    ),
    Bad(
        "weight_inf", weights(lambda w: w + np.inf), NOT_FINITE.format("sample_weight")
    ),
    Bad("weight_lengths", weights(lambda w: w[:-1]), "sample_weight.shape == "),
    Bad("weight_2d", weights(lambda w: w[:, None]), "Sample weights must be 1D"),
    Bad("weight_strings", weights(lambda w: np.full(len(w), "x")), STRINGS),
]
NAMED = "The '{}' parameter of MLP(Classifier|Regressor) must be "
PARAMETERS = [
    Bad(f"{name}={value!r}", {name: value}, NAMED.format(name))
    for name, values in {
        "hidden_layer_sizes": [0, -1, 2.5, None],
        "activation": ["nonsense", None],
        "solver": ["newton", None],
        "alpha": [-1e-9, np.nan, np.inf, "a", None],
        "batch_size": [0, -5, 2.5, "all", None],
        "learning_rate": ["exponential"],
        "learning_rate_init": [0, -0.1, np.inf, np.nan],
        "power_t": [-0.5],
        "max_iter": [0, 1.5, np.inf],
        "shuffle": ["yes", None],
        "random_state": ["a", -1, 1.5],
        "tol": [-1e-4, np.nan],
        "verbose": [-1],
        "warm_start": ["yes"],
        "momentum": [-0.1, 1.1],
        "nesterovs_momentum": ["yes"],
        "early_stopping": [2],
        "validation_fraction": [1.0, -0.1],
        "beta_1": [1.0, -0.1],
        "beta_2": [1.0, -0.1],
        "epsilon": [0.0, -1.0],
        "n_iter_no_change": [0, 2.5, -np.inf],
        "max_fun": [0, 1.5],
    }.items()
    for value in values
]
PARAMETERS += [
    Bad("loss", {"loss": "nonsense"}, NAMED.format("loss"), ValueError, ["regressor"]),
    Bad("dtype", {"dtype": "f2"}, NAMED.format("dtype"), like_scikit_learn=False),
    Bad("sizes_0", {"hidden_layer_sizes": (3, 0)}, r"sizes must be > 0, got \[3, 0\]"),
    Bad("sizes_-2", {"hidden_layer_sizes": [-2]}, r"sizes must be > 0, got \[-2\]"),
    Bad(
        "sizes_float",
        {"hidden_layer_sizes": (3, 2.5)},
        r"hidden_layer_sizes .*2\.5",
        like_scikit_learn=False,
    ),
    Bad(
        "sizes_str",
        {"hidden_layer_sizes": ("a",)},
        "hidden_layer_sizes .*a",
        like_scikit_learn=False,
    ),
    Bad(
        "validation_too_small",
        {"early_stopping": True, "validation_fraction": 1e-3},
        "The validation set is too small. Increase 'validation_fraction'",
    ),
    Bad(
        "no_validation",
        {"early_stopping": True, "validation_fraction": 0.0},
        "validation_fraction=0.0 holds out no rows",
        like_scikit_learn=False,
    ),
]


def rows(*tables):
    return [
        pytest.param(kind, row, id=f"{kind}-{row.name}")
        for rows in tables
        for row in rows
        for kind in row.kinds
    ]


def arguments(kind, row):
    X, y = table(DEFAULT_TABLE[kind])
    return (X, y) if isinstance(row.change, dict) else row.change(X, y)


@pytest.mark.parametrize("how", ["fit", "warm_start", "partial_fit"])
@pytest.mark.parametrize(("kind", "row"), rows(DATA))
def test_bad_data(kind, row, how):
    model = OURS[kind](**SMALL, warm_start=how == "warm_start")
    model.fit(*table(DEFAULT_TABLE[kind]))
    before = snapshot(model)
    with pytest.raises(row.error, match=row.message):
        getattr(model, how.replace("warm_start", "fit"))(*arguments(kind, row))
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize(("kind", "row"), rows(PARAMETERS))
def test_impossible_parameters(kind, row, warm_start):
    model = OURS[kind](**SMALL, warm_start=warm_start)
    model.fit(*table(DEFAULT_TABLE[kind])).set_params(**row.change)
    before = snapshot(model)
    with pytest.raises(row.error, match=row.message):
        model.fit(*table(DEFAULT_TABLE[kind]))
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("fitted", [False, True])
@pytest.mark.parametrize(("kind", "row"), rows(PARAMETERS))
def test_impossible_parameters_in_partial_fit(kind, row, fitted):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind](**SMALL)
    if fitted:
        model.fit(X, y)
    model.set_params(**row.change)
    before = snapshot(model)
    classes = [np.unique(y)] if kind == "classifier" else []
    if row.change.get("early_stopping") is True:
        row = row._replace(message="partial_fit does not support early_stopping=True")
    with pytest.raises(row.error, match=row.message):
        model.partial_fit(X, y, None, *classes)
    assert differences(vars(model), before) == []


@pytest.mark.parametrize(
    ("kind", "row"),
    [row for row in rows(DATA, PARAMETERS) if row.values[1].like_scikit_learn],
)
def test_scikit_learn_raises_the_same(kind, row):
    settings = row.change if isinstance(row.change, dict) else {}
    model = THEIRS[kind](**{**SMALL, **settings})
    with pytest.raises(row.error, match=row.message):
        fit_silently(model, *arguments(kind, row))


class Later(NamedTuple):
    """A second call that does not go with the first."""

    name: str
    first: object
    second: object
    """Functions of a model, features, labels 0 to 2 and three columns of 0 and 1."""
    message: str
    kind: str = "classifier"
    settings: dict = {}
    changed: dict = {}
    like_scikit_learn: bool = False


def all_columns(m, X, y, Y):
    return m.partial_fit(X, Y, classes=[0, 1, 2])


def two_columns(m, X, y, Y):
    return m.partial_fit(X, Y[:, :2], classes=[0, 1])


def one_column(m, X, y, Y):
    return m.partial_fit(X, Y[:, 0], classes=[0, 1])


def classes(m, X, y, Y):
    return m.partial_fit(X, y, classes=[0, 1, 2])


def fit(m, X, y, Y):
    return m.fit(X, y)


def fit_columns(m, X, y, Y):
    return m.fit(X, Y)


WARM = {"warm_start": True}
UNKNOWN = "`y` has classes not in `self.classes_`"
N_FEATURES = "X has 2 features, but MLPClassifier is expecting 64 features as input"
# Whatever the words: the target is what is wrong, and not an operand of NumPy.
TARGET = r"(?i)^(?!.*operand).*\by\b.*(output|column|label|class|kind)"
LATER = [
    Later(
        "no_classes",
        lambda m, X, y, Y: m,
        lambda m, X, y, Y: m.partial_fit(X, y),
        "classes must be passed on the first call to partial_fit",
        like_scikit_learn=True,
    ),
    Later(
        "not_in_classes",
        lambda m, X, y, Y: m,
        lambda m, X, y, Y: m.partial_fit(X, y, classes=[0, 1]),
        UNKNOWN,
        like_scikit_learn=True,
    ),
    Later(
        "unknown_label",
        classes,
        lambda m, X, y, Y: m.partial_fit(X, y + 1),
        UNKNOWN,
        like_scikit_learn=True,
    ),
    Later(
        "unknown_label_after_fit",
        fit,
        lambda m, X, y, Y: m.partial_fit(X, y + 1),
        UNKNOWN,
        like_scikit_learn=True,
    ),
    Later(
        "other_classes",
        classes,
        lambda m, X, y, Y: m.partial_fit(X, y, classes=[0, 1, 2, 3]),
        "is not the same as on last call to partial_fit, was: array",
        like_scikit_learn=True,
    ),
    Later(
        "features",
        fit,
        lambda m, X, y, Y: m.partial_fit(X[:, :2], y),
        N_FEATURES,
        like_scikit_learn=True,
    ),
    Later(
        "features_warm",
        fit,
        lambda m, X, y, Y: m.fit(X[:, :2], y),
        N_FEATURES,
        settings=WARM,
        like_scikit_learn=True,
    ),
    Later(
        "fewer_classes_warm",
        fit,
        lambda m, X, y, Y: m.fit(X, Y[:, 0]),
        "warm_start can only be used where `y` has the same classes",
        settings=WARM,
        like_scikit_learn=True,
    ),
    Later(
        "narrower", all_columns, lambda m, X, y, Y: m.partial_fit(X, Y[:, :2]), TARGET
    ),
    Later(
        "wider",
        two_columns,
        lambda m, X, y, Y: m.partial_fit(X, Y),
        UNKNOWN,
        like_scikit_learn=True,
    ),
    Later(
        "fewer_columns_than_classes",
        lambda m, X, y, Y: m,
        lambda m, X, y, Y: m.partial_fit(X, Y, classes=[0, 1, 2, 3, 4]),
        TARGET,
    ),
    Later("columns_after_two_classes", one_column, two_columns, TARGET),
    Later("two_classes_after_columns", two_columns, one_column, TARGET),
    Later("columns_after_classes", classes, all_columns, TARGET),
    Later("classes_after_columns", all_columns, classes, TARGET),
    Later("columns_after_classes_warm", fit, fit_columns, TARGET, settings=WARM),
    Later("classes_after_columns_warm", fit_columns, fit, TARGET, settings=WARM),
    Later(
        "hidden_layer_sizes_warm",
        fit,
        fit,
        r"hidden_layer_sizes is \[5\], but training goes on .*=\[4\]",
        settings=WARM,
        changed={"hidden_layer_sizes": (5,)},
    ),
    Later(
        "hidden_layer_sizes",
        fit,
        classes,
        r"hidden_layer_sizes is \[\], but training goes on .*=\[4\]",
        changed={"hidden_layer_sizes": ()},
    ),
    Later(
        "more_outputs",
        lambda m, X, y, Y: m.partial_fit(X, y),
        lambda m, X, y, Y: m.partial_fit(X, Y),
        r"y has 3 output\(s\), but MLPRegressor was fitted with 1",
        "regressor",
    ),
    Later(
        "fewer_outputs",
        fit_columns,
        lambda m, X, y, Y: m.partial_fit(X, y),
        r"y has 1 output\(s\), but MLPRegressor was fitted with 3",
        "regressor",
    ),
    Later(
        "more_outputs_warm",
        fit,
        fit_columns,
        r"y has 3 output\(s\), but MLPRegressor was fitted with 1",
        "regressor",
        WARM,
    ),
]
LATER += [
    Later(
        f"negative_counts_{name}",
        fit,
        lambda m, X, y, Y: m.fit(X, -y),
        "loss='poisson' needs y >= 0, got -1.0 in row 1",
        "regressor",
        {"loss": "poisson", **settings},
    )
    for name, settings in [
        ("adam", {}),
        ("warm", WARM),
        ("lbfgs", {"solver": "lbfgs"}),
    ]
]


@pytest.mark.parametrize("row", LATER, ids=[row.name for row in LATER])
def test_second_call_that_does_not_go_with_the_first(row):
    X, Y = table("multilabel")
    y = Y.sum(axis=1) % 3
    model = OURS[row.kind](**SMALL, **row.settings)
    row.first(model, X, y, Y)
    model.set_params(**row.changed)
    before = snapshot(model)
    with pytest.raises(ValueError, match=row.message):
        row.second(model, X, y, Y)
    assert differences(vars(model), before) == []
    if row.like_scikit_learn:
        theirs = THEIRS[row.kind](**SMALL, **row.settings)
        row.first(theirs, X, y, Y)
        with pytest.raises(ValueError, match=row.message):
            row.second(theirs, X, y, Y)


def test_partial_fit_is_for_stochastic_solvers():
    for model in (cls(solver="lbfgs") for cls in OURS.values()):
        assert not hasattr(model, "partial_fit")
        with pytest.raises(AttributeError, match="has no attribute 'partial_fit'"):
            _ = model.partial_fit
