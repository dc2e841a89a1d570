"""Subclasses, and what the two estimators tell of themselves."""

import ast
import inspect
import re
import warnings

import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, THEIRS, table

from sklearn_backprop._hooks import HOOKS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def theirs_private(kind):
    """Methods of scikit-learn's own that a subclass of it might write anew."""
    own = [c for c in THEIRS[kind].__mro__ if "neural_network" in c.__module__]
    names = {name for c in own for name, value in vars(c).items() if callable(value)}
    return {name for name in names if name.startswith("_") and name[1] != "_"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_hook_of_scikit_learn_is_known_and_none_is_ours(kind):
    without_effect = {"_check_solver", "_unpack"}  # On what is given and what results.
    assert theirs_private(kind) - without_effect <= set(HOOKS)
    assert [name for name in HOOKS if hasattr(OURS[kind], name)] == []


@pytest.mark.parametrize("route", ["fit", "partial_fit"])
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_hook_that_would_be_ignored_is_named_once(kind, hook, route):
    X, y = table(DEFAULT_TABLE[kind])
    own = type("Own", (OURS[kind],), {hook: lambda self, *args: None})
    model = own((4,), max_iter=2)
    known = {"classes": np.unique(y)} if kind == "classifier" else {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if route == "fit":
            model.fit(X, y)
        else:
            model.partial_fit(X, y, **known)
    about = [w for w in caught if hook in str(w.message)]
    assert len(about) == 1
    assert re.search(f"^Own defines .*{hook} \\(use ", str(about[0].message))
    assert about[0].filename == __file__


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_subclass_is_no_cause_for_a_warning(kind):
    X, y = table(DEFAULT_TABLE[kind])
    own = type("Own", (OURS[kind],), {"extra": lambda self: 3})
    model = own((4,), max_iter=2).fit(X, y)
    assert model.extra() == 3
    assert own.from_arrays is not None and isinstance(model, OURS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_parameter_names_the_estimator(kind):
    with pytest.raises(TypeError, match=f"{OURS[kind].__name__}.__init__.*'nonsense'"):
        OURS[kind](nonsense=1)


def sections(docstring):
    """Descriptions of parameters and attributes, by name."""
    text = inspect.cleandoc(docstring)
    found = {}
    for title in ("Parameters", "Attributes"):
        body = re.search(f"{title}\n-+\n(.*?)(\n\\w+( \\w+)?\n-+\n|$)", text, re.S)[1]
        for entry in re.split(r"\n(?=\S)", body):
            head, _, description = entry.partition("\n")
            for name in head.partition(" : ")[0].split(", "):
                found[name] = head, description.strip()
    return found


# What the two say in words of their own.
SPECIAL = {"loss", "n_outputs_", "out_activation_"}


def test_shared_parameters_and_attributes_are_described_alike():
    classifier, regressor = (sections(OURS[kind].__doc__) for kind in KINDS)
    shared = (classifier.keys() & regressor.keys()) - SPECIAL
    assert len(shared) > 35
    assert {n for n in shared if classifier[n] != regressor[n]} == set()
    assert classifier.keys() - regressor.keys() == {"class_weight", "classes_"}
    assert regressor.keys() - classifier.keys() == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_and_attribute_is_described(kind):
    X, y = table(DEFAULT_TABLE[kind])
    described = sections(OURS[kind].__doc__)
    model = OURS[kind]((4,), max_iter=2).fit(X, y)
    public = {name for name in vars(model) if not name.startswith("_")}
    assert public | {"feature_names_in_"} == set(described)
    assert set(inspect.signature(OURS[kind]).parameters) <= set(described)
    for name, parameter in inspect.signature(OURS[kind]).parameters.items():
        if name not in ("beta_1", "beta_2"):  # Which share a line.
            default = re.search(r"default=(\S+)", "\n".join(described[name]))[1]
            assert ast.literal_eval(default) == parameter.default, name
