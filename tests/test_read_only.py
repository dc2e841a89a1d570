"""Arrays that cannot be written to: data, weights, labels and models from files."""

import copy

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from _frames import TABULAR, mixed, targets
from _frames import new as new_tabular
from conftest import (
    KIND_OF,
    KINDS,
    OURS,
    differences,
    outputs,
    random_weights,
    read_only,
    table,
)

from sklearn_backprop.tabular import (
    PiecewiseLinearEncoder,
    RobustClipScaler,
    TablePreprocessor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def share_found(model, X, y, sample_weight=None):
    """A scorer that predicts by itself, of any kind of model."""
    return float(np.mean(model.predict(X) == y))


TABLES = ["iris", "breast_cancer", "multilabel", "diabetes", "two_targets"]
SETTINGS = {
    "adam": {},
    "sgd": {"solver": "sgd", "momentum": 0.9},
    "averaged": {"solver": "schedule_free", "dropout": 0.2, "early_stopping": True},
    "scored": {"early_stopping": True, "scoring": share_found},
    "lbfgs": {"solver": "lbfgs"},
}


def sealed(X, name):
    """The same rows in another form, all of whose arrays are read-only."""
    X = {
        "array": np.array,
        "f_order": np.asfortranarray,
        "float32": lambda X: X.astype("f"),
        "frame": lambda X: pd.DataFrame(read_only(X), copy=False),
        "csr": sp.csr_array,
        "csc": sp.csc_matrix,
        "coo": sp.coo_array,
    }[name](X)
    for part in ("data", "indices", "indptr", "row", "col"):
        if sp.issparse(X) and hasattr(X, part):
            getattr(X, part).flags.writeable = False
    if isinstance(X, np.ndarray):
        X.flags.writeable = False
    return X


def given(X):
    """Copies of what an object's memory holds, to compare with."""
    return copy.deepcopy(vars(X) if sp.issparse(X) else X)


def assert_untouched(X, before):
    if sp.issparse(X):
        assert differences(vars(X), before) == []
    else:
        assert np.array_equal(X, before)


def new(name, settings):
    return OURS[KIND_OF[name]]((4,), max_iter=2, random_state=0, **SETTINGS[settings])


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("form", ["array", "float32", "frame", "csr", "coo"])
@pytest.mark.parametrize("name", TABLES)
def test_everything_that_is_given_may_be_read_only(name, form, settings):
    X, y = table(name)
    if form == "csr" and name == "multilabel":
        y = sealed(y, "csr")
    X, before = sealed(X, form), given(sealed(X, form))
    weights = random_weights(X.shape[0], zeros=0.2)
    validation = {}
    if settings != "lbfgs":
        validation = {"X_val": X, "y_val": y, "sample_weight_val": weights}
    model = new(name, settings)
    model.fit(X, y, weights, **validation)
    twin = new(name, settings)
    sparse_y = y.toarray() if sp.issparse(y) else np.array(y)
    open_X = X.copy()
    if validation:
        validation = {"X_val": open_X, "y_val": sparse_y}
        validation["sample_weight_val"] = np.array(weights)
    twin.fit(open_X, sparse_y, np.array(weights), **validation)
    assert differences(model.coefs_, twin.coefs_) == []
    for array in [*model.coefs_, *model.intercepts_]:
        array.flags.writeable = False
    known = vars(model).copy()
    for call in (
        lambda: model.predict(X),
        lambda: outputs(model, X),
        lambda: model.score(X, sparse_y, weights),
        lambda: model.hidden_activations(X, 0),
        lambda: model.input_gradients(X, y),
        lambda: model.to_sklearn().predict(X),
        model.summary,
    ):
        call()
    assert vars(model) == known
    assert_untouched(X, before)


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
@pytest.mark.parametrize("settings", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_lies_in_a_read_only_file_trains_on(kind, settings, how, tmp_path):
    if (settings, how) == ("lbfgs", "partial_fit"):
        how = "warm_start"
    X, y = table({"classifier": "iris", "regressor": "diabetes"}[kind])
    model = OURS[kind]((4,), max_iter=3, warm_start=True, random_state=0)
    model.set_params(**SETTINGS[settings]).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert not mapped.coefs_[0].flags.writeable
    kept = (tmp_path / "model").read_bytes()
    for each in (mapped, model):
        getattr(each, how.replace("warm_start", "fit"))(X, y)
    assert differences(vars(mapped), vars(model)) == []
    made = OURS[kind].from_arrays(
        *[
            [read_only(a) for a in arrays]
            for arrays in (model.coefs_, model.intercepts_)
        ],
        **({"classes": read_only(model.classes_)} if kind == "classifier" else {}),
    )
    np.testing.assert_array_equal(made.predict(X), model.predict(X))
    assert (tmp_path / "model").read_bytes() == kept


@pytest.mark.parametrize("form", ["array", "f_order", "float32", "frame", "mixed"])
@pytest.mark.parametrize("kind", KINDS)
def test_tables_may_be_read_only(kind, form):
    frame = mixed(120)
    y = read_only(targets(kind, frame))
    X = read_only(frame.to_numpy(dtype=object, na_value=None))
    if form != "mixed":
        X = sealed(np.random.RandomState(0).normal(size=(120, 3)), form)
    before = given(X)
    weights = random_weights(120, zeros=0.2)
    model = new_tabular(kind)
    model.fit(X, y, weights, X_val=X, y_val=y, sample_weight_val=weights)
    model.fit(X, y, weights)
    for group in model.networks_:
        for value in group.values():
            for array in value if isinstance(value, list) else [value]:
                array.flags.writeable = False
    known = vars(model).copy()
    model.predict(X), outputs(model, X), model.score(X, y, weights)
    assert vars(model) == known
    assert before.equals(X) if form == "frame" else (before == X).all()
    assert isinstance(model, TABULAR[kind])


@pytest.mark.parametrize(
    "encoder",
    [
        RobustClipScaler(),
        PiecewiseLinearEncoder(3),
        PiecewiseLinearEncoder(3, strategy="tree"),
        TablePreprocessor(),
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["array", "f_order", "float32"])
def test_encoders_take_read_only_columns(encoder, form):
    X = sealed(np.random.RandomState(0).normal(size=(60, 3)), form)
    y = read_only(np.arange(60) % 2)
    before = X.copy()
    weights = random_weights(60)
    encoded = encoder.fit(X, y, sample_weight=weights).transform(X)
    encoded.flags.writeable = False
    if hasattr(encoder, "inverse_transform"):
        encoder.inverse_transform(encoded)
    np.testing.assert_array_equal(X, before)
