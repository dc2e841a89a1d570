"""A tree of plain values in one file: arrays as in any .npz, the rest as JSON.

Nothing in such a file is ever run: it holds no pickles.
"""

import json
import math
import zipfile

import numpy as np

from .._files import write_array

HEADER = "header"


def write(file, header, tree):
    """Write a tree to a file that is open.

    Parameters
    ----------
    file : binary file
    header : dict
        Of strings and numbers.
    tree : object
        Of dicts with strings as keys, lists, tuples, arrays, numbers, strings and None.

    Raises
    ------
    TypeError
        If there is anything else in it.
    """
    arrays = {}
    text = json.dumps(
        {**header, "tree": _packed(tree, arrays, "tree")}, allow_nan=False
    )
    arrays = {HEADER: np.frombuffer(text.encode(), np.uint8)} | arrays
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            write_array(archive, f"{name}.npy", array)


def read(file):
    """Return the header and a function that returns the tree.

    Parameters
    ----------
    file : binary file
        It must be open until the tree is read.

    Raises
    ------
    Exception
        Whatever NumPy, zipfile or json say of a file that is none of these.
    """
    archive = np.load(file, allow_pickle=False)
    header = json.loads(archive[HEADER].tobytes())
    packed = header.pop("tree")
    return header, lambda: _unpacked(packed, archive)


def _packed(value, arrays, path):
    """Return what JSON can hold of a value; its arrays go into a dict by their path."""
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.ndarray | np.generic) and not value.dtype.hasobject:
        arrays[path] = np.asarray(value)
        return {"array" if isinstance(value, np.ndarray) else "scalar": path}
    if kind is list and value and all(type(entry) is float for entry in value):
        arrays[path] = np.array(value)  # A curve may be long.
        return {"floats": path}
    if kind in (list, tuple):
        entries = [_packed(v, arrays, f"{path}.{i}") for i, v in enumerate(value)]
        return entries if kind is list else {"tuple": entries}
    if kind is dict and all(type(key) is str for key in value):
        entries = {k: _packed(v, arrays, f"{path}.{k}") for k, v in value.items()}
        return {"dict": entries}
    raise TypeError(f"{path} holds {value!r}, which is no plain value.")


def _unpacked(value, archive):
    if isinstance(value, list):
        return [_unpacked(entry, archive) for entry in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {name: _unpacked(entry, archive) for name, entry in content.items()}
    if kind == "tuple":
        return tuple(_unpacked(entry, archive) for entry in content)
    if kind == "float":
        return float(content)
    array = archive[content]
    if kind == "array":
        return array
    return {"scalar": lambda: array[()], "floats": array.tolist}[kind]()
