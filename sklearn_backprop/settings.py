"""What the objects that users pass to an estimator have in common.

Activations, losses, optimizers and schedules are values of constructor parameters, as
numbers and strings are. So scikit-learn must be able to copy them, to search over them
and to print them, and two of them with the same settings are equal.
"""

import inspect
from numbers import Integral, Real

import numpy as np

__all__ = ["Settings"]


class Settings:
    """Mixin: constructor arguments as settings, in scikit-learn's manner.

    The constructor stores its arguments untouched, each under its own name, and they
    are checked by `validate` when they are used. What an object learns or computes is
    no setting: it is neither copied by `sklearn.base.clone` nor compared.
    """

    @classmethod
    def _defaults(cls):
        """Return the names of the settings with their defaults."""
        if cls.__init__ is object.__init__:
            return {}
        parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
        return {p.name: p.default for p in parameters}

    def get_params(self, deep=True):
        """Return the settings by name.

        Parameters
        ----------
        deep : bool, default=True
            Whether to add the settings of settings, as ``outer__inner``.

        Returns
        -------
        params : dict
        """
        params = {name: getattr(self, name) for name in self._defaults()}
        if deep:
            for name, value in list(params.items()):
                if hasattr(value, "get_params") and not isinstance(value, type):
                    nested = value.get_params().items()
                    params |= {f"{name}__{inner}": v for inner, v in nested}
        return params

    def set_params(self, **params):
        """Change settings, by the names that `get_params` gives.

        Parameters
        ----------
        **params : dict

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If there is no setting of that name.
        """
        known = self._defaults()
        for name in params:
            if name.partition("__")[0] not in known:
                raise ValueError(
                    f"Invalid parameter {name!r} for {type(self).__name__}. Valid "
                    f"parameters are: {sorted(known)!r}."
                )
        # First the objects, then their settings: a grid has them in any order.
        for name in sorted(params, key=lambda name: "__" in name):
            outer, _, inner = name.partition("__")
            if inner:
                getattr(self, outer).set_params(**{inner: params[name]})
            else:
                setattr(self, outer, params[name])
        return self

    def validate(self):
        """Check the settings.

        Raises
        ------
        ValueError
            If one has an impossible value, with its name and what is accepted.
        """

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        mine, others = self.get_params(deep=False), other.get_params(deep=False)
        return all(_equal(mine[name], others[name]) for name in mine)

    # Equal objects would have equal hashes only until a setting changes.
    __hash__ = None

    def __repr__(self):
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, default in self._defaults().items()
            if not _equal(getattr(self, name), default)
        ]
        return f"{type(self).__name__}({', '.join(changed)})"


def _equal(a, b):
    """Return whether two settings are the same; arrays are where all values are."""
    if a is b:
        return True
    if getattr(a, "shape", None) != getattr(b, "shape", None):
        return False
    same = a == b
    return bool(same.all() if hasattr(same, "all") else same)


def is_overridden(thing, method, by):
    """Return whether a subclass has written a method anew and left another as it was.

    What the package calls in its stead would then not be what the subclass does.

    Parameters
    ----------
    thing : object
    method : str
        The public method, such as ``forward``.
    by : str
        The private one that does the same faster.
    """
    for cls in type(thing).__mro__:
        if by in vars(cls):
            return False
        if method in vars(cls):
            return True
    return True


def check_flag(name, value):
    """Raise ValueError unless a setting is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(f"{name} must be True or False, got {value!r}.")


def check_number(name, value, is_valid, accepted):
    """Raise ValueError unless a setting is a valid number (see `check`)."""
    check(name, value, lambda v: isinstance(v, Real) and is_valid(v), accepted)


def check_count(name, value, smallest=1, optional=False):
    """Raise ValueError unless a setting is an integer of at least `smallest`.

    Parameters
    ----------
    name : str
    value : object
    smallest : int, default=1
    optional : bool, default=False
        Whether None will do as well.
    """
    if optional and value is None:
        return
    accepted = f"an integer of at least {smallest}{', or None' if optional else ''}"
    check(name, value, lambda v: isinstance(v, Integral) and v >= smallest, accepted)


def check(name, value, is_valid, accepted):
    """Raise ValueError unless a setting that is no flag is valid.

    Parameters
    ----------
    name : str
    value : object
    is_valid : callable
        Of the value; an error in it counts as False.
    accepted : str
        What a valid value is.
    """
    try:
        if is_valid(value) and not isinstance(value, bool):
            return
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{name} must be {accepted}, got {value!r}.")
