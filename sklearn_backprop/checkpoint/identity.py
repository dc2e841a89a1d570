"""What tells one job from another: a digest of settings, of data and of a beginning.

It is the same in every process, so nothing in it hangs on addresses, on the order of
sets or on pickles. Of functions and classes that users write the code counts, and what
it names in its module.
"""

import dis
import hashlib
import sys
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType

import numpy as np
import scipy.sparse as sp

# Whose functions and classes are known by their names.
BY_NAME = {"builtins", "numpy", "scipy", "sklearn", __package__.partition(".")[0]}
N_DIGITS = 32


def digest(value):
    """Return hexadecimal digits that differ, all but surely, where values differ.

    Parameters
    ----------
    value : object
        Numbers, strings, arrays, sparse matrices, functions, classes, and containers
        and objects made of them.

    Raises
    ------
    TypeError
        If it has something in it of which nothing can be known.
    """
    digester = _Digester()
    digester.add(value)
    return digester.hash.hexdigest()[:N_DIGITS]


class _Digester:
    """Goes through a value, and through what that is made of."""

    def __init__(self):
        self.hash = hashlib.sha256()
        self.path = []
        """The containers and objects around what is being added: they may hold
        themselves."""
        self.known = {}
        """Functions and classes that have been added, and their places, by their
        addresses: many may call the same ones."""
        self.digests = {}
        """Digests of what has been added, and that itself, by its address: much may
        hold the same, and that again, which would be added a thousand times."""

    def add(self, value):
        """Take a value into the hash."""
        if value is None or isinstance(value, bool | np.bool_ | str | bytes):
            plain = bool(value) if isinstance(value, np.bool_) else value
            self._note(type(plain).__name__, repr(plain))
        elif isinstance(value, Integral):
            self._note("int", int(value))
        elif isinstance(value, Real):
            self._note("float", float(value).hex())
        elif isinstance(value, BuiltinFunctionType | ModuleType | np.ufunc):
            self._note("name", getattr(value, "__module__", ""), value.__name__)
        elif any(value is outer for outer in self.path):
            self._note("outer")
        elif id(value) in self.known:
            self._note("known", self.known[id(value)][0])
        else:
            self._add_once(value)

    def _add_once(self, value):
        """Take in what is made of others by a digest of its own, which is kept."""
        if id(value) not in self.digests:
            around, self.hash = self.hash, hashlib.sha256()
            try:
                with self._inside(value):
                    self._add_composed(value)
                self.digests[id(value)] = self.hash.hexdigest(), value
            finally:
                self.hash = around
        self._note("composed", self.digests[id(value)][0])

    def _note(self, *words):
        text = "\0".join(map(str, words)).encode("utf-8", "surrogatepass")
        self.hash.update(b"%d\0" % len(text) + text)

    @contextmanager
    def _inside(self, value):
        self.path.append(value)
        try:
            yield
        finally:
            self.path.pop()

    def _add_composed(self, value):
        if isinstance(value, np.ndarray):
            self._add_array(value)
        elif sp.issparse(value):
            value = value.tocsr()
            self._add_all("sparse", [value.shape, value.data])
            self._add_all("places", [value.indices, value.indptr])
        elif isinstance(value, list | tuple):
            self._add_all("sequence", value)
        elif isinstance(value, set | frozenset):
            self._add_all("set", sorted(map(digest, value)))
        elif isinstance(value, dict):
            entries = sorted((digest(key), key) for key in value)
            self._add_all("dict", [(name, value[key]) for name, key in entries])
        elif isinstance(value, FunctionType | type):
            self._add_code(value)
        elif isinstance(value, CodeType):
            parts = value.co_code, value.co_names, value.co_consts
            self._add_all("code", parts)
        elif isinstance(value, MethodType):
            self._add_all("method", [value.__func__, value.__self__])
        else:
            self._add_object(value)

    def _add_all(self, kind, values):
        self._note(kind, len(values))
        for value in values:
            self.add(value)

    def _add_array(self, array):
        self._note("array", array.dtype.str, array.shape)
        if array.dtype.hasobject:
            self._add_all("entries", array.ravel().tolist())
        else:
            contiguous = np.ascontiguousarray(array)
            self.hash.update(memoryview(contiguous.reshape(-1).view(np.uint8)))

    def _add_code(self, value):
        self._note("name", value.__module__, value.__qualname__)
        if str(value.__module__).partition(".")[0] in BY_NAME:
            return
        self.known[id(value)] = len(self.known), value
        if isinstance(value, FunctionType):
            cells = [_contents(cell) for cell in value.__closure__ or ()]
            defaults = value.__defaults__, value.__kwdefaults__
            self._add_all("function", [value.__code__, *defaults, *cells])
            if not _is_installed(value):  # Its calls lead through half of a package.
                self._add_globals(value)
            return
        self._add_all("bases", value.__bases__)
        members = {name: _member(entry) for name, entry in vars(value).items()}
        plain = (FunctionType, str, bool, int, float, tuple)
        named = {"__module__", "__qualname__", "__doc__", "__firstlineno__"}
        named |= {"__static_attributes__", "__slots__"}
        members = {
            name: entry
            for name, entry in members.items()
            if isinstance(entry, plain) and name not in named
        }
        self.add(members)

    def _add_globals(self, function):
        """Take in what a function names in its module, as far as it can be known."""
        for name in sorted(_global_names(function.__code__)):
            if name not in function.__globals__:
                continue
            value = function.__globals__[name]
            self._note("global", name)
            if _is_installed(value):
                self._note("name", value.__module__, value.__qualname__)
                continue
            known = dict(self.known)
            try:
                self.add(value)
            except Exception:  # Such as a lock or a file: it is known by its class.
                self.known = known
                self._note("kind", type(value).__module__, type(value).__qualname__)

    def _add_object(self, value):
        if hasattr(value, "get_params"):
            self._add_all("settings", [type(value), value.get_params(deep=False)])
            return
        try:
            parts = value.__reduce_ex__(4)
        except Exception as error:
            raise TypeError(
                f"{value!r} cannot be told from others of its kind: {error}"
            ) from error
        if isinstance(parts, str):
            self._note("named", type(value).__qualname__, parts)
            return
        function, arguments, *state = parts
        named = f"{function.__module__}.{function.__qualname__}"
        items = [
            part if i == 0 or part is None else list(part)
            for i, part in enumerate(state[:3])
        ]
        self._add_all("object", [named, type(value), arguments, *items])


def _global_names(code):
    """Return the names in its module that code and the functions in it look up."""
    names = {
        instruction.argval
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    inner = [value for value in code.co_consts if isinstance(value, CodeType)]
    return names.union(*map(_global_names, inner))


def _is_installed(value):
    """Return whether a function or class is of Python or of an installed package."""
    if not isinstance(value, FunctionType | type):
        return False
    name = str(value.__module__)
    if name == "__main__":  # In a worker process another file than in its parent.
        return False
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    folders = {"site-packages", "dist-packages"} & set(PurePath(file).parts)
    return bool(folders) or name.partition(".")[0] in sys.stdlib_module_names


def _contents(cell):
    """Return what a variable of a closure holds, or None if it is not set yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _member(entry):
    """Return the function in a property or a method of a class, else the entry."""
    return getattr(entry, "__func__", getattr(entry, "fget", entry))
