"""Stored estimators: stamps, older and newer formats, golden files."""

import copy
import functools
import json
import pickle
import warnings
from pathlib import Path

import make_golden
import numpy as np
import pytest
import skops.io
from conftest import differences
from make_golden import MODELS, N_PREDICTED, goes_on, outputs, train_on
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

import sklearn_backprop
from sklearn_backprop import MLPClassifier, _persistence
from sklearn_backprop._persistence import FORMAT, MIGRATIONS, VERSION

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

GOLDEN = Path(__file__).with_name("golden")
FOLDERS = sorted(path.name for path in GOLDEN.iterdir())
NEWEST = FOLDERS[-1]
# Numbers of a sum in another order, which a few steps of training do not enlarge.
CLOSE = {"rtol": 1e-7, "atol": 1e-7}
EASY = {"rtol": 1e-5, "atol": 1e-5}  # Of float32, or after more training.


def pickle_of(folder, name):
    return (GOLDEN / folder / f"{name}.pickle").read_bytes()


def loaded(folder, name):
    """A golden model, and the warnings of ours that it comes with."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = pickle.loads(pickle_of(folder, name))
    # scikit-learn has warnings of its own, of what it has in these files.
    assert all(issubclass(w.category, InconsistentVersionWarning) for w in caught)
    ours = [w for w in caught if w.category.__module__.startswith("sklearn_backprop")]
    return model, ours


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_golden_models_predict_what_they_did(folder, name):
    expected = json.loads((GOLDEN / folder / "expected.json").read_text("utf-8"))[name]
    model, warned = loaded(folder, name)
    is_older = folder == "format_0" or expected["version"] != (
        sklearn_backprop.__version__
    )
    assert bool(warned) is is_older
    X = MODELS[name][1]()[:N_PREDICTED]
    is_single = name.startswith("tabular") or "multilabel" in name
    within = EASY if is_single else CLOSE
    np.testing.assert_allclose(outputs(model, X), expected["outputs"], **within)
    if "labels" in expected:
        found = model.predict(X)
        if found.dtype.kind == "f":
            np.testing.assert_allclose(found, expected["labels"], **within)
        else:
            assert found.tolist() == expected["labels"]
    assert goes_on(model) is ("trained_on" in expected)
    if goes_on(model):
        trained = outputs(train_on(name, model), X)
        np.testing.assert_allclose(trained, expected["trained_on"], **EASY)
    again = pickle.loads(pickle.dumps(model))  # By now in today's format.
    assert differences(vars(again), vars(model)) == []


def test_every_format_has_golden_files():
    assert [f"format_{i}" for i in range(len(MIGRATIONS) + 1)] == FOLDERS
    for folder in FOLDERS:
        assert {p.stem for p in (GOLDEN / folder).glob("*.pickle")} == set(MODELS)


def test_golden_files_are_of_the_format_that_they_are_named_by():
    for name in MODELS:
        assert FORMAT.encode() not in pickle_of("format_0", name)
    stamp = {"classifier_adam", "tabular_regressor", "encoder"}
    for name in stamp:
        assert FORMAT.encode() in pickle_of(NEWEST, name)


@functools.cache
def fitted(name="classifier_partial_fit"):
    model, features, targets, fit = MODELS[name]
    return fit(clone(model), features(), targets())


COPIES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "skops": lambda model: skops.io.loads(
        skops.io.dumps(model),
        trusted=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("how", COPIES)
def test_the_stamp_is_in_the_state_alone(how, name):
    model = fitted(name)
    before = dict(vars(model))
    state = model.__getstate__()
    assert state[VERSION] == sklearn_backprop.__version__
    assert state[FORMAT] == len(MIGRATIONS)
    twin = COPIES[how](model)
    assert vars(model).keys() == before.keys() == vars(twin).keys()
    assert differences(vars(twin), vars(model)) == []


def stored_by(version, **changes):
    """A pickle as another version of the package would have made it."""
    model = fitted()
    state = {**model.__getstate__(), VERSION: version, **changes}
    return model, {k: v for k, v in state.items() if v is not ...}


def arrived(state):
    model = object.__new__(MLPClassifier)
    model.__setstate__(state)
    return model


@pytest.mark.parametrize("version", ["0.0.1", "99.0"])
def test_another_version_warns_as_scikit_learn_does(version):
    model, state = stored_by(version)
    message = f"MLPClassifier was stored by sklearn_backprop {version} and is loaded"
    with pytest.warns(InconsistentVersionWarning, match=message):
        again = arrived(state)
    assert differences(vars(again), vars(model)) == []


def test_a_parameter_that_another_version_did_not_have_gets_its_default():
    _, state = stored_by("0.0.1", l1_ratio=..., dropout=...)
    with pytest.warns(InconsistentVersionWarning):
        again = arrived(state)
    assert (again.l1_ratio, again.dropout) == (0.0, 0.0)
    _, state = stored_by(sklearn_backprop.__version__, l1_ratio=...)
    with pytest.raises(ValueError, match="A stored MLPClassifier lacks l1_ratio"):
        arrived(state)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (3, "stored by sklearn_backprop 99.0 in format 3, but version .* upgrade it"),
        (-1, "must be a number up to 2, got -1"),
        ("1", "must be a number up to 2, got '1'"),
    ],
)
def test_formats_that_are_unknown_are_refused(number, message):
    assert len(MIGRATIONS) == 2
    _, state = stored_by("99.0", **{FORMAT: number})
    with pytest.raises(ValueError, match=message):
        arrived(state)


@pytest.mark.parametrize("networks", [5, None, [None], [{}], [{"scales": 3}], []])
def test_what_cannot_be_migrated_makes_no_model(networks):
    path = GOLDEN / "format_1" / "tabular_regressor.pickle"
    with warnings.catch_warnings(action="ignore"):
        state = pickle.loads(path.read_bytes()).__getstate__()
    state |= {FORMAT: 1, "networks_": networks}
    model = object.__new__(sklearn_backprop.TabularMLPRegressor)
    with pytest.raises(ValueError, match="TabularMLPRegressor does not make a model"):
        model.__setstate__(state)


def test_older_formats_go_through_all_migrations_since(monkeypatch):
    def rename(state):
        return {**state, "alpha": state["alpha"] * 2.0}

    monkeypatch.setattr(_persistence, "MIGRATIONS", [*MIGRATIONS, rename, rename])
    _, state = stored_by("0.0.1", **{FORMAT: 1})
    with pytest.warns(InconsistentVersionWarning):
        assert arrived(state).alpha == 4e-4
    _, state = stored_by(sklearn_backprop.__version__)
    assert arrived(state).alpha == 1e-4


def test_a_state_that_is_none_is_refused():
    with pytest.raises(ValueError, match="must be a dict, got list"):
        arrived([1])


def test_the_generator_of_golden_files_writes_them(tmp_path, monkeypatch):
    chosen = {"scaler": MODELS["scaler"]}
    monkeypatch.setattr(make_golden, "MODELS", chosen)
    make_golden.write(tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "scaler.pickle",
        "expected.json",
    }
