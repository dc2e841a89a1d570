"""Models as plain arrays in a file, and back."""

import functools
import io
import json
import os
import zipfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from _tools import FullDisk
from conftest import KINDS, OURS, differences
from make_golden import MODELS, N_PREDICTED, numbers, outputs, signal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklearn_backprop import _files
from sklearn_backprop.layers import ELU, Tanh

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

NETWORKS = [name for name in MODELS if name.startswith(("classifier", "regressor"))]


@functools.cache
def fitted(name):
    model, features, targets, fit = MODELS[name]
    return fit(clone(model), features(), targets())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model"


@pytest.mark.parametrize("name", NETWORKS)
def test_there_and_back_is_the_same_to_the_last_bit(name, path):
    model = fitted(name)
    before = dict(vars(model))
    assert model.export_arrays(path) is None
    assert vars(model).keys() == before.keys()
    again = type(model).from_file(path, random_state=0, loss=model.loss)
    for attribute in ("coefs_", "intercepts_", "classes_", "out_activation_"):
        mine, others = vars(again).get(attribute), vars(model).get(attribute)
        assert differences(mine, others) == []
    X = MODELS[name][1]()
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(model, method):
            found = getattr(again, method)(X)
            assert differences(found, getattr(model, method)(X)) == []
    again.partial_fit(X, MODELS[name][2]())  # By its own settings.
    assert os.listdir(path.parent) == ["model"]


def test_numpy_reads_it_without_pickle_and_arrays_make_the_model(path):
    model = fitted("classifier_adam")
    model.export_arrays(path)
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(file["header.json"])
        coefs, intercepts = (
            [file[f"{part}_{i}"] for i in range(header["n_layers"])]
            for part in ("coefs", "intercepts")
        )
    assert header == {
        "format": "sklearn_backprop.arrays",
        "format_version": 1,
        "version": header["version"],
        "estimator": "MLPClassifier",
        "n_layers": 2,
        "activation": "relu",
        "out_activation": "softmax",
        "classes": ["high", "low", "middle"],
        "classes_dtype": "<U6",
        "feature_names": None,
    }
    made = OURS["classifier"].from_arrays(
        coefs, intercepts, classes=header["classes"], activation=header["activation"]
    )
    np.testing.assert_array_equal(outputs(made, numbers()), outputs(model, numbers()))


LABELS = {
    "strings": np.array(["a", "ß", "中"]),
    "objects": np.array(["a", "b", "c"], dtype=object),
    "ints": np.array([-1, 5, 2**40]),
    "small ints": np.array([0, 1, 2], dtype=np.uint8),
    "floats": np.array([0.5, 1.0, 1e300]),
    "booleans": np.array([False, True]),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_every_type(name, path):
    classes = LABELS[name]
    n = 1 if len(classes) == 2 else len(classes)
    model = OURS["classifier"].from_arrays(
        [np.eye(3, n)], [np.ones(n)], classes=classes
    )
    model.export_arrays(path)
    found = OURS["classifier"].from_file(path).classes_
    assert differences(found, classes) == []


def test_names_of_columns_and_settings_of_layers(path):
    frame = pd.DataFrame(numbers(), columns=["a", "b", "c"])
    activation = [Tanh(), ELU(alpha=np.float64(0.3))]
    model = OURS["regressor"]((4, 3), activation, max_iter=2, random_state=0)
    model.fit(frame, signal()).export_arrays(path)
    again = OURS["regressor"].from_file(path)
    assert again.activation_ == [Tanh(), ELU(alpha=0.3)]
    np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        again.predict(frame[["b", "a", "c"]])


class OwnTanh(Tanh):
    """A user's, whose code no file of arrays holds."""


NOT_EXPORTED = {
    "own": (OwnTanh(), None, "of a class that is not of this package"),
    "dates": ("tanh", np.array(["2020", "2021"], "M8[Y]"), "strings or numbers"),
}


@pytest.mark.parametrize("name", NOT_EXPORTED)
def test_what_cannot_be_written_is_named_and_nothing_is_written(name, path):
    activation, classes, message = NOT_EXPORTED[name]
    arrays = [np.ones((2, 3)), np.ones((3, 1))], [np.ones(3), np.ones(1)]
    path.write_text("before")
    model = OURS["classifier"].from_arrays(
        *arrays, classes=[0, 1], activation=activation
    )
    if classes is not None:
        model.classes_ = classes
    with pytest.raises(ValueError, match=message):
        model.export_arrays(path)
    assert path.read_text() == "before"


@pytest.mark.parametrize("kind", KINDS)
def test_an_unfitted_or_impossible_model_is_not_written(kind, path):
    with pytest.raises(NotFittedError):
        OURS[kind]().export_arrays(path)
    made = {"classes": [0, 1]} if kind == "classifier" else {}
    model = OURS[kind].from_arrays([np.ones((2, 1))], [np.ones(1)], **made)
    model.intercepts_ = [np.full(1, np.nan)]
    with pytest.raises(ValueError, match=r"intercepts_\[0\] contains NaN"):
        model.export_arrays(path)
    assert not path.exists()


def full_disk(descriptor):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("where", ["missing/model", "folder", "full", "full at once"])
def test_what_cannot_be_written_to_leaves_all_as_it_was(where, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "full").write_text("before")
    if where == "full at once":
        where = "full"

        def full(name, mode):
            return FullDisk(open(name, mode), 0)

        monkeypatch.setattr(_files, "open", full, raising=False)
    elif where == "full":
        fails = SimpleNamespace(**vars(os) | {"fsync": full_disk})
        monkeypatch.setattr(_files, "os", fails)
    with pytest.raises(OSError, match=rf"{where}\b") as info:
        fitted("regressor_poisson").export_arrays(tmp_path / where)
    assert "unfinished" not in str(info.value)
    assert sorted(os.listdir(tmp_path)) == ["folder", "full"]
    assert (tmp_path / "full").read_text() == "before"
    assert not list((tmp_path / "folder").iterdir())


def rewritten(data, header=None, **members):
    """The bytes of a file with another header and other members; None leaves out."""
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(result, "w") as new,
    ):
        for name in old.namelist():
            content = old.read(name)
            stem = name.partition(".")[0]
            if name == "header.json" and header:
                fields = json.loads(content) | header
                fields = {k: v for k, v in fields.items() if v is not ...}
                content = json.dumps(fields)
            if stem in members:
                content = members[stem]
            if content is not None:
                new.writestr(name, content)
    return result.getvalue()


def npy(array, **settings):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **settings)
    return file.getvalue()


def with_a_bit_flipped(data):
    place = data.index(b"NUMPY") + 200
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def arrays_of_another():
    file = io.BytesIO()
    np.savez(file, coefs_0=np.ones((3, 3)))
    return file.getvalue()


COEFS = np.ones((3, 4))
SPOILT = {
    "empty": (lambda d: b"", "File is not a zip file"),
    "half": (lambda d: d[: len(d) // 2], "File is not a zip file"),
    "last byte": (lambda d: d[:-30], "does not hold a model"),
    "a bit": (with_a_bit_flipped, "Bad CRC-32"),
    "text": (lambda d: b"coefs = 1", "File is not a zip file"),
    "foreign": (lambda d: arrays_of_another(), "it has no header.json"),
    "no JSON": (lambda d: d.replace(b'"format"', b'"format:'), "does not hold"),
    "other format": (lambda d: rewritten(d, {"format": "x"}), "not say that it is of"),
    "newer": (
        lambda d: rewritten(d, {"format_version": 2, "version": "99.0"}),
        "by sklearn_backprop 99.0 in format 2, but version .* upgrade it",
    ),
    "no number": (lambda d: rewritten(d, {"format_version": "1"}), "must be a number"),
    "field": (lambda d: rewritten(d, {"activation": ...}), "json lacks activation"),
    "other kind": (
        lambda d: rewritten(d, {"estimator": "MLPRegressor"}),
        "it is a model of MLPRegressor",
    ),
    "layers": (lambda d: rewritten(d, {"n_layers": 0}), "n_layers must be at least 1"),
    "more layers": (lambda d: rewritten(d, {"n_layers": 3}), "lacks coefs_2.npy"),
    "fewer layers": (lambda d: rewritten(d, {"n_layers": 1}), "4 labels for 4 output"),
    "no array": (lambda d: rewritten(d, coefs_1=None), "lacks coefs_1.npy"),
    "pickle": (
        lambda d: rewritten(d, coefs_0=npy(np.array([{}], object), allow_pickle=True)),
        "allow_pickle=False",
    ),
    "ints": (lambda d: rewritten(d, coefs_0=npy(np.ones((3, 4), int))), "got int64"),
    "shape": (lambda d: rewritten(d, coefs_0=npy(COEFS[:, :3])), "must have shape"),
    "nan": (lambda d: rewritten(d, coefs_0=npy(COEFS * np.nan)), "contains NaN"),
    "cut array": (lambda d: rewritten(d, coefs_0=npy(COEFS)[:-8]), "does not hold"),
    "long array": (lambda d: rewritten(d, coefs_0=npy(COEFS) + b"0"), "is longer than"),
    "huge array": (
        lambda d: rewritten(d, coefs_0=npy(COEFS).replace(b"(3, 4)", b"(9**9)")),
        "does not hold",
    ),
    "no classes": (lambda d: rewritten(d, {"classes": None}), "does not hold"),
    "two classes": (lambda d: rewritten(d, {"classes": ["a", "b"]}), "3 labels for 3"),
    "cut classes": (lambda d: rewritten(d, {"classes_dtype": "<U2"}), "do not go into"),
    "other classes": (lambda d: rewritten(d, {"classes_dtype": "<i8"}), "not of the"),
    "activation": (lambda d: rewritten(d, {"activation": "no"}), "'activation' param"),
    "activations": (lambda d: rewritten(d, {"activation": ["relu"] * 2}), "2 entries"),
    "link": (lambda d: rewritten(d, {"out_activation": "no"}), "out_activation must"),
    "other layer": (
        lambda d: rewritten(d, {"activation": {"layer": "Dense", "settings": {}}}),
        "no activation 'Dense'",
    ),
    "random activation": (
        lambda d: rewritten(d, {"activation": {"layer": "Dropout", "settings": {}}}),
        "no activation 'Dropout'",
    ),
    "random link": (
        lambda d: rewritten(
            d, {"out_activation": {"layer": "Dropout", "settings": {"rate": 0.9}}}
        ),
        "no activation 'Dropout'",
    ),
    "improbable link": (
        lambda d: rewritten(d, {"out_activation": "relu"}),
        "out_activation is 'relu', which makes no probabilities",
    ),
    "setting": (
        lambda d: rewritten(d, {"activation": {"layer": "ELU", "settings": {"b": 1}}}),
        "does not hold",
    ),
    "value": (
        lambda d: rewritten(
            d, {"activation": {"layer": "ELU", "settings": {"alpha": "x"}}}
        ),
        "'activation' param",
    ),
    "names": (lambda d: rewritten(d, {"feature_names": ["a"]}), "must be 3 strings"),
    "no names": (lambda d: rewritten(d, {"feature_names": "abc"}), "list or null"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_files_are_refused(name, path):
    change, message = SPOILT[name]
    fitted("classifier_adam").export_arrays(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=message):
        OURS["classifier"].from_file(path)


def test_every_truncation_is_refused(path):
    fitted("regressor_poisson").export_arrays(path)
    data = path.read_bytes()
    OURS["regressor"].from_file(path)
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="does not hold a model of export_arrays"):
            OURS["regressor"].from_file(path)


def test_a_missing_file_and_a_parameter_that_the_file_says(path):
    with pytest.raises(FileNotFoundError):
        OURS["regressor"].from_file(path)
    with pytest.raises(ValueError, match="activation: the file says this already"):
        OURS["regressor"].from_file(path, activation="tanh")


def test_a_file_is_replaced_whole(path):
    fitted("regressor_poisson").export_arrays(path)
    first = OURS["regressor"].from_file(path)
    fitted("regressor_partial_fit").export_arrays(path)
    second = OURS["regressor"].from_file(path)
    X = numbers()[:N_PREDICTED]
    assert not np.array_equal(first.predict(X), second.predict(X))
    assert os.listdir(path.parent) == [path.name]
