"""Fitted models as plain arrays in a file, for whoever reads NumPy's format.

The file is a zip archive, as NumPy's .npz are: `header.json`, and `coefs_<i>.npy` and
`intercepts_<i>.npy` for each layer. Nothing in it is code, and reading runs none.
"""

import json
import zipfile
from numbers import Integral

import numpy as np
from sklearn.base import is_classifier

from . import __version__, layers
from ._arrays import FLOATS, check_model
from ._files import write_array, written_whole
from .layers.base import why_no_function

FORMAT, FORMAT_VERSION = "sklearn_backprop.arrays", 1
HEADER = "header.json"
PARTS = ("coefs", "intercepts")
# What the file says, which no parameter may say otherwise.
GIVEN = ("activation", "out_activation", "classes")


class ExportMixin:
    """Fitted models to files of plain arrays and back."""

    def export_arrays(self, path):
        """Write the fitted model to a file of plain arrays, without pickle.

        It is a .npz file, which `numpy.load` opens with ``allow_pickle=False``:
        ``coefs_0``, ``intercepts_0`` and so on are the arrays, layer by layer, and
        ``header.json`` is text with what else predicting takes. State of training and
        parameters that concern training are not in it.

        Parameters
        ----------
        path : str or path-like
            As it is: no suffix is added. A file of that name is replaced at once, when
            all is written.

        Raises
        ------
        ValueError
            If an activation is not one of this package, or labels are neither
            strings nor numbers: such a model needs its code to be read.
        NotFittedError
            If the estimator is not fitted.
        OSError
            If the file cannot be written. One of that name is then as it was.

        See Also
        --------
        from_file : The model of such a file.
        """
        model = self._fitted()
        model._check_state()
        coefs, intercepts = check_model(model.coefs_, model.intercepts_)
        header = _header(model, len(coefs))
        with written_whole(path) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr(HEADER, header)
            for part, arrays in zip(PARTS, (coefs, intercepts), strict=True):
                for i, array in enumerate(arrays):
                    write_array(archive, _member(part, i), array)

    @classmethod
    def from_file(cls, path, **params):
        """Return the fitted model that `export_arrays` has written to a file.

        Parameters
        ----------
        path : str or path-like
        **params : dict
            Parameters of the constructor that concern training, such as `loss` and
            `solver`. The file says the activation.

        Returns
        -------
        model : object
            Its predictions are, on one machine, those of the model that was written,
            to the last bit. It goes on training by `partial_fit`, or by `fit` with
            ``warm_start=True``.

        Raises
        ------
        ValueError
            If the file is truncated, of another kind or of a newer format, or what it
            holds does not make a model.
        OSError
            If the file cannot be read.
        """
        refused = sorted(set(GIVEN) & set(params))
        if refused:
            raise ValueError(f"{', '.join(refused)}: the file says this already.")
        try:
            header, arrays = _read_file(path, cls)
            given = _given(header)
        except OSError:
            raise
        except Exception as error:  # Whatever strange contents lead to.
            reason = error if isinstance(error, ValueError) else repr(error)
            raise ValueError(
                f"{path} does not hold a model of export_arrays for {cls.__name__}: "
                f"{reason}"
            ) from error
        model = cls.from_arrays(*arrays, **given, **params)
        if header["feature_names"] is not None:
            model.feature_names_in_ = np.array(header["feature_names"], dtype=object)
        model._check_state()
        return model


def _member(part, i):
    return f"{part}_{i}.npy"


def _header(model, n_layers):
    """Return as JSON what predicting takes beside the arrays."""
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "version": __version__,
        "estimator": "MLPClassifier" if is_classifier(model) else "MLPRegressor",
        "n_layers": n_layers,
        "activation": _described(model.activation_, "activation_"),
        "out_activation": _described(model.out_activation_, "out_activation_"),
        "classes": None,
        "classes_dtype": None,
        "feature_names": None,
    }
    if is_classifier(model):
        classes = np.asarray(model.classes_)
        header["classes"], header["classes_dtype"] = classes.tolist(), classes.dtype.str
        if not all(isinstance(label, str | int | float) for label in header["classes"]):
            raise ValueError(
                f"classes_ must be strings or numbers to be exported, got {classes!r}."
            )
    if hasattr(model, "feature_names_in_"):
        header["feature_names"] = list(model.feature_names_in_)
    return json.dumps(header, indent=1)


def _described(activation, name):
    """Return a string or layers of this package as what JSON can hold."""
    if isinstance(activation, str):
        return activation
    if isinstance(activation, list | tuple):
        return [_described(entry, name) for entry in activation]
    kind = type(activation).__name__
    if kind not in layers.__all__ or getattr(layers, kind) is not type(activation):
        raise ValueError(
            f"{name} is {activation!r}, of a class that is not of this package: store "
            "the model by pickle or skops, which name the class."
        )
    settings = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in activation.get_params(deep=False).items()
    }
    return {"layer": kind, "settings": settings}


def _layer(entry):
    """Return what `_described` has described."""
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list):
        return [_layer(part) for part in entry]
    kind, settings = entry["layer"], entry["settings"]
    if kind not in layers.__all__ or why_no_function(getattr(layers, kind)):
        raise ValueError(f"there is no activation {kind!r}.")
    return getattr(layers, kind)(**settings)


def _given(header):
    """Return what a header says as arguments of `from_arrays`."""
    given = {name: _layer(header[name]) for name in ("activation", "out_activation")}
    names = header["feature_names"]
    if names is not None and not isinstance(names, list):
        raise ValueError(f"feature_names must be a list or null, got {names!r}.")
    if header["estimator"] != "MLPClassifier":
        return given
    labels, dtype = header["classes"], np.dtype(header["classes_dtype"])
    is_text = all(isinstance(label, str) for label in labels)
    if is_text != (dtype.kind in "UO") or dtype.kind not in "biufUO":
        raise ValueError(f"classes {labels!r} are not of the type {dtype}.")
    given["classes"] = np.array(labels, dtype=dtype)
    if given["classes"].tolist() != labels:
        raise ValueError(f"classes {labels!r} do not go into the type {dtype}.")
    return given


def _read_file(path, cls):
    """Return the header and the arrays of a file, for some class of estimator."""
    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        if HEADER not in archive.namelist():
            raise ValueError(f"it has no {HEADER}.")
        header = json.loads(archive.read(HEADER))
        _check_header(header, cls)
        arrays = [
            [_read_array(archive, _member(part, i)) for i in range(header["n_layers"])]
            for part in PARTS
        ]
    return header, arrays


def _check_header(header, cls):
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError(f"its {HEADER} does not say that it is of format {FORMAT!r}.")
    number = header.get("format_version")
    if not isinstance(number, Integral) or number < 1:
        raise ValueError(f"format_version must be a number, got {number!r}.")
    if number > FORMAT_VERSION:
        raise ValueError(
            f"it was written by sklearn_backprop {header.get('version')} in format "
            f"{number}, but version {__version__} reads formats up to "
            f"{FORMAT_VERSION}: upgrade it."
        )
    needed = {"estimator", "n_layers", "feature_names", "activation", "out_activation"}
    if header.get("estimator") == "MLPClassifier":
        needed |= {"classes", "classes_dtype"}
    missing = needed - header.keys()
    if missing:
        raise ValueError(f"its {HEADER} lacks {', '.join(sorted(missing))}.")
    if header["estimator"] not in [base.__name__ for base in cls.__mro__]:
        raise ValueError(f"it is a model of {header['estimator']}.")
    n_layers = header["n_layers"]
    if not isinstance(n_layers, Integral) or n_layers < 1:
        raise ValueError(f"n_layers must be at least 1, got {n_layers!r}.")


def _read_array(archive, name):
    if name not in archive.namelist():
        raise ValueError(f"it lacks {name}.")
    with archive.open(name) as entry:
        array = np.lib.format.read_array(entry, allow_pickle=False)
        # Which also reads to the end, where the checksum is compared.
        if entry.read(1):
            raise ValueError(f"{name} is longer than its array.")
    if array.dtype not in FLOATS:
        raise ValueError(f"{name} must be float32 or float64, got {array.dtype}.")
    return array
