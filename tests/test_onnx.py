"""Exported to ONNX, a model predicts what it predicts here, in whatever it is."""

import sys

import numpy as np
import pandas as pd
import pytest
from _graphs import WITHIN, exported, inputs_of
from _tools import FUNCTIONS, make
from conftest import DEFAULT_TABLE, KIND_OF, KINDS, OURS, differences, snapshot, table
from skl2onnx import update_registered_converter
from skl2onnx._supported_operators import sklearn_operator_name_map
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_backprop._parameters import ACTIVATIONS, LINKS
from sklearn_backprop.layers import (
    ELU,
    Exponential,
    HardSigmoid,
    LeakyReLU,
    Logistic,
    ReLU,
    Tanh,
)
from sklearn_backprop.losses import Quantile, SoftmaxCategoricalCrossentropy

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    # Of skl2onnx itself, about NumPy and ONNX.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

KINDS_IN_ONNX = {"U": "O", "u": "i"}
NUMPY_TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


def assert_agrees(model, X, **keywords):
    """Check types, shapes and values of all outputs; return the operators."""
    operators, session = exported(model, X, **keywords)
    assert "ZipMap" not in operators and {"MatMul", "Gemm"} & {*operators}
    outputs = session.run(None, inputs_of(session, X))
    for value, output in zip(session.get_outputs(), outputs, strict=True):
        # A None in the graph's shape is a dimension that varies.
        shape = [n for n in value.shape if isinstance(n, int)]
        assert shape == list(output.shape)[len(output.shape) - len(shape) :]
    expected = model.predict(X)
    if hasattr(model, "classes_"):
        labels, probabilities = outputs
        np.testing.assert_array_equal(labels, expected)
        assert labels.shape == expected.shape
        assert KINDS_IN_ONNX.get(expected.dtype.kind, expected.dtype.kind) == (
            labels.dtype.kind
        )
        np.testing.assert_allclose(probabilities, model.predict_proba(X), **WITHIN)
    else:
        (numbers,) = outputs
        assert numbers.shape == (len(X), expected.size // len(X))
        np.testing.assert_allclose(numbers.reshape(expected.shape), expected, **WITHIN)
    return operators


def fitted(name, dtype=np.float32, **settings):
    """A model of a table, and its X."""
    X, y = table(name)
    X = X.astype(dtype)
    settings = {"hidden_layer_sizes": (8,), "max_iter": 10} | settings
    return OURS[KIND_OF[name]](random_state=0, **settings).fit(X, y), X


TABLES = ["iris", "wine", "breast_cancer", "multilabel", "diabetes", "two_targets"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TABLES)
def test_every_kind_of_targets(name, dtype):
    model, X = fitted(name, dtype)
    assert_agrees(model, X)
    assert_agrees(make_pipeline(StandardScaler(), model).fit(X, table(name)[1]), X)


@pytest.mark.parametrize("of_data", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("of_model", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_computes_in_the_precision_of_the_model(kind, of_model, of_data):
    model, X = fitted(DEFAULT_TABLE[kind], of_model)
    X = np.round(10 * X).astype(of_data)
    assert_agrees(model, X)
    _, session = exported(model, X)
    # What follows in a graph expects numbers as the input has them.
    numbers = NUMPY_TYPES[session.get_outputs()[-1].type]
    assert numbers == (np.float64 if of_data == np.float64 else np.float32)


# Each by its name, and as an object of its class.
EVERY_ACTIVATION = [*ACTIVATIONS, *(make(name) for name in FUNCTIONS)]
WITH_SETTINGS = [ELU(0.3), LeakyReLU(0.2)]
LISTS = [[LeakyReLU(0.5), "tanh"], ["mish", ELU(2.0)]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "activation", [*EVERY_ACTIVATION, *WITH_SETTINGS, *LISTS], ids=repr
)
def test_every_activation(activation, dtype):
    sizes = (7, 5)
    model, X = fitted("iris", dtype, hidden_layer_sizes=sizes, activation=activation)
    assert_agrees(model, X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", [*EVERY_ACTIVATION, *WITH_SETTINGS], ids=repr)
def test_activations_far_from_zero(activation, dtype):
    if isinstance(activation, Exponential):
        return  # It overflows, in our predictions too.
    ones, zeros = np.eye(3, dtype=dtype), np.zeros(3, dtype)
    model = OURS["regressor"].from_arrays(
        [ones, ones], [zeros, zeros], activation=activation
    )
    X = np.linspace(-200.0, 200.0, 300).reshape(100, 3).astype(dtype)
    assert_agrees(model, X)


LOSSES = {
    "focal": ("iris", "focal"),
    "focal_binary": ("breast_cancer", "focal"),
    "softmax_binary": ("breast_cancer", SoftmaxCategoricalCrossentropy()),
    "absolute_error": ("two_targets", "absolute_error"),
    "huber": ("diabetes", "huber"),
    "quantile": ("diabetes", "quantile"),
    "quantiles": ("diabetes", Quantile((0.1, 0.5, 0.9))),
    "quantiles_of_two": ("two_targets", Quantile((0.1, 0.9))),
    "poisson": ("counts", "poisson"),
    "poisson_two": ("two_counts", "poisson"),
    "gamma": ("counts", "gamma"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_every_loss(case):
    name, loss = LOSSES[case]
    X, y = table(name)
    y = y + 1.0 if case == "gamma" else y
    model = OURS[KIND_OF[name]]((8,), loss=loss, max_iter=20, random_state=0)
    assert_agrees(model.fit(X, y), X)


def made(link, n_outputs, dtype=np.float64, **keywords):
    """A model of random arrays, and an X for it."""
    rng = np.random.RandomState(0)
    kind = "classifier" if "classes" in keywords else "regressor"
    coefs = [rng.standard_normal(shape) for shape in [(4, 6), (6, n_outputs)]]
    intercepts = [rng.standard_normal(len(coef[0])) for coef in coefs]
    arrays = [[array.astype(dtype) for array in part] for part in (coefs, intercepts)]
    model = OURS[kind].from_arrays(*arrays, out_activation=link, **keywords)
    return model, rng.standard_normal((50, 4)).astype(dtype)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_link_of_arrays(link, dtype):
    assert_agrees(*made(link, 2, dtype))


LABELS = {
    "strings": np.array(["no", "yes"]),
    "unicode": np.array(["Ä", "Öl", "β"], dtype=object),
    "booleans": np.array([False, True]),
    "negative": np.array([-5, 2, 2**40]),
    "small": np.array([0, 7], np.uint8),
    "floats": np.array([0.0, 1.0, 2.0]),
    "one": np.array(["all"]),
}


@pytest.mark.parametrize("labels", LABELS)
def test_labels_of_every_type_come_back_as_they_are(labels):
    classes = LABELS[labels]
    n_outputs = 1 if len(classes) <= 2 else len(classes)
    assert_agrees(*made(None, n_outputs, classes=classes))


@pytest.mark.parametrize(
    ("link", "n_outputs", "classes"),
    [
        ("logistic", 3, [0, 1, 2]),
        (Logistic(), 1, ["a", "b"]),
        ("softmax", 2, ["a", "b"]),
        ("softmax", 1, ["a"]),
        (HardSigmoid(), 1, ["a", "b"]),
    ],
)
def test_every_link_of_labels(link, n_outputs, classes):
    assert_agrees(*made(link, n_outputs, classes=classes))


def test_models_without_hidden_layers_from_scikit_learn_and_made_by_hand():
    model, X = fitted("iris", hidden_layer_sizes=())
    assert_agrees(model, X)
    by_hand = OURS["classifier"](hidden_layer_sizes=())
    by_hand.coefs_, by_hand.intercepts_ = model.coefs_, model.intercepts_
    by_hand.classes_ = model.classes_
    assert_agrees(by_hand, X)
    assert_agrees(OURS["classifier"].from_sklearn(fitted("iris")[0].to_sklearn()), X)


def mixed_frame():
    X, y = table("iris")
    frame = pd.DataFrame(X[:, :3].astype(np.float32), columns=["a", "b", "c"])
    frame["word"] = np.array(["red", "green", "blue"])[np.arange(len(y)) % 3]
    return frame, y


def test_pipelines_with_columns_of_numbers_and_strings():
    frame, y = mixed_frame()
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["a", "b", "c"]), ("w", OneHotEncoder(), ["word"])]
    )
    model = OURS["classifier"]((8,), max_iter=10, random_state=0)
    pipeline = make_pipeline(columns, model).fit(frame, y)
    assert_agrees(pipeline, frame)
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4]}, cv=2)
    assert_agrees(search.fit(frame, y), frame)
    # A frame of numbers needs no step in front.
    numbers = frame[["a", "b", "c"]]
    assert_agrees(model.fit(numbers, y), numbers)
    with pytest.raises(ValueError, match="input 'word' of the graph holds strings"):
        exported(model, frame[["a", "b", "word"]])


def options_for(pipeline, **options):
    """The ways in which skl2onnx takes options."""
    model = pipeline[-1]
    return {
        "alone": (model, options),
        "by id": (model, {id(model): options}),
        "by class": (model, {type(model): options}),
        "in a pipeline": (pipeline, options),
        "of a step": (pipeline, {f"mlpclassifier__{k}": v for k, v in options.items()}),
        "of its id": (pipeline, {id(model): options}),
        "of another": (pipeline, {id(pipeline[0]): {"div": "std"}}),
    }


WAYS = ["alone", "by id", "by class", "in a pipeline", "of a step", "of its id"]


@pytest.mark.parametrize("way", [*WAYS, "of another"])
def test_options_that_ask_for_what_there_is(way):
    model, X = fitted("iris")
    pipeline = make_pipeline(StandardScaler(), model).fit(X, table("iris")[1])
    for zipmap in (False, True):
        subject, options = options_for(pipeline, zipmap=zipmap)[way]
        assert_agrees(subject, X, options=options)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("name", "value"),
    [("zipmap", "columns"), ("nocl", True), ("output_class_labels", True)],
)
def test_options_that_ask_for_what_there_is_not(name, value, way):
    model, X = fitted("iris", max_iter=2)
    pipeline = make_pipeline(StandardScaler(), model).fit(X, table("iris")[1])
    subject, options = options_for(pipeline, **{name: value})[way]
    with pytest.raises(ValueError, match=f"The option {name}={value!r} of skl2onnx"):
        exported(subject, X, options=options)


class Mine:
    """A layer of the user's own."""

    def forward(self, inputs):
        self.output = inputs * 0.5
        return self.output

    def backward(self, dvalues):
        return dvalues * 0.5

    def __repr__(self):
        return "Mine()"


class Derived(ReLU):
    """It may be another function."""


@pytest.mark.parametrize("layer", [Mine(), Derived()], ids=repr)
@pytest.mark.parametrize("kind", KINDS)
def test_layers_of_the_users_own_are_named(kind, layer):
    model, X = fitted(DEFAULT_TABLE[kind], activation=layer, max_iter=2)
    names = f"activation_ holds {layer!r}, a {type(layer).__name__}, which has no"
    with pytest.raises(ValueError, match=names.replace("(", r"\(").replace(")", r"\)")):
        exported(model, X)
    model.activation_, model.out_activation_ = Tanh(), layer
    with pytest.raises(ValueError, match="out_activation_ holds"):
        exported(model, X)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_model_is_refused(kind):
    model, X = fitted(DEFAULT_TABLE[kind], max_iter=2)
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        exported(OURS[kind](), X)
    with pytest.raises(ValueError, match=r"have 2 columns, but MLP.* with "):
        exported(model, X[:, :2])
    model.coefs_[0] = model.coefs_[0] * np.nan
    with pytest.raises(ValueError, match=r"coefs_\[0\] contains NaN"):
        exported(model, X)


def test_labels_that_onnx_has_not_are_named():
    classes = np.array([1, 2**63], np.uint64)
    model, X = made(None, 1, classes=classes)
    with pytest.raises(ValueError, match=f"within int64.*got uint64.*{2**63}"):
        exported(model, X)


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_writes_to_nothing(kind):
    model, X = fitted(DEFAULT_TABLE[kind])
    before = snapshot(model)
    exported(model, X)
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("hook", ["parser", "shape_calculator", "converter"])
@pytest.mark.parametrize("kind", KINDS)
def test_without_skl2onnx_the_extra_is_named(monkeypatch, kind, hook):
    model, _ = fitted(DEFAULT_TABLE[kind], max_iter=2)
    monkeypatch.setitem(sys.modules, "skl2onnx.common", None)
    with pytest.raises(ImportError, match=r"'onnx'.*sklearn-backprop\[onnx\]"):
        getattr(model, f"onnx_{hook}")()


def test_the_hooks_can_be_registered_for_ensembles():
    """skl2onnx looks up by their classes what is in most of its own ensembles."""
    X, y = table("iris")
    X = X.astype(np.float32)
    model = OURS["classifier"]((8,), max_iter=10, random_state=0)
    hooks = model.onnx_shape_calculator(), model.onnx_converter()
    update_registered_converter(type(model), "SklearnBackpropMLPClassifier", *hooks)
    try:
        ensemble = BaggingClassifier(model, n_estimators=2, random_state=0).fit(X, y)
        _, session = exported(ensemble, X, options={"zipmap": False})
        labels, probabilities = session.run(None, inputs_of(session, X))
        np.testing.assert_array_equal(labels, ensemble.predict(X))
        expected = ensemble.predict_proba(X)
        np.testing.assert_allclose(probabilities, expected, **WITHIN)
        assert_agrees(model.fit(X, y), X)
    finally:
        del sklearn_operator_name_map[type(model)]
