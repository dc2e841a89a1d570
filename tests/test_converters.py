"""What reads fitted estimators from outside: converters and safe formats."""

import numpy as np
import pytest
import skops.io
from conftest import KINDS, OURS, differences, table
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_backprop.layers import Tanh
from sklearn_backprop.losses import LogLoss, SquaredError
from sklearn_backprop.optimizers import SGD
from sklearn_backprop.schedules import Adaptive

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_the_label_binarizer_is_read_only_and_tells_the_kind():
    kinds = {"iris": "multiclass", "breast_cancer": "binary"}
    for name, kind in (kinds | {"multilabel": "multilabel-indicator"}).items():
        X, y = table(name)
        model = OURS["classifier"]((4,), max_iter=2).fit(X, y)
        binarizer = model._label_binarizer
        assert binarizer.y_type_ == kind
        np.testing.assert_array_equal(binarizer.classes_, model.classes_)
        with pytest.raises(AttributeError):
            model._label_binarizer = binarizer


def loaded(model, trusted):
    """Through skops, which must not want to know of more types."""
    data = skops.io.dumps(model)
    assert set(skops.io.get_untrusted_types(data=data)) == trusted
    return skops.io.loads(data, trusted=sorted(trusted))


def type_name(cls):
    return f"{cls.__module__}.{cls.__name__}"


ROUTES = {
    "plain": {},
    "warm": {"warm_start": True},
    "warm_early_stopping": {"warm_start": True, "early_stopping": True},
    "warm_lbfgs": {"warm_start": True, "solver": "lbfgs"},
    "warm_sgd": {"warm_start": True, "solver": "sgd", "learning_rate": "adaptive"},
    "no_seed": {"warm_start": True, "random_state": None},
    "partial": {},
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", KINDS)
def test_skops_trusts_nothing_but_the_estimator(kind, route):
    X, y = table({"classifier": "iris", "regressor": "diabetes"}[kind])
    model = OURS[kind]((5,), **{"max_iter": 3, "random_state": 0, **ROUTES[route]})
    model.fit(X, y)
    if route == "partial":
        model.partial_fit(X, y)
    again = loaded(model, {type_name(OURS[kind])})
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    if route == "no_seed":
        return  # The order of the rows is then everybody's.
    step = "partial_fit" if route == "partial" else "fit"
    getattr(again, step)(X, y)
    getattr(model, step)(X, y)
    assert differences(again.coefs_, model.coefs_) == []


@pytest.mark.parametrize("kind", KINDS)
def test_skops_trusts_what_the_user_put_into_the_slots(kind):
    X, y = table({"classifier": "iris", "regressor": "diabetes"}[kind])
    slots = {
        "activation": Tanh(),
        "solver": SGD(momentum=0.5),
        "learning_rate": Adaptive(),
        "loss": LogLoss() if kind == "classifier" else SquaredError(),
    }
    model = OURS[kind]((5,), max_iter=3, random_state=0, warm_start=True, **slots)
    pipeline = make_pipeline(StandardScaler(), model.fit(X, y)).fit(X, y)
    trusted = {type_name(type(slot)) for slot in slots.values()}
    again = loaded(pipeline, trusted | {type_name(OURS[kind])})
    np.testing.assert_array_equal(again.predict(X), pipeline.predict(X))
    assert again[-1].solver == slots["solver"]
