"""`class_weight`: factors of the sample weights, by label."""

import numpy as np
import pytest
from conftest import OURS, differences, random_weights, table
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_sample_weight

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

TABLES = ["iris", "breast_cancer", "wine", "multilabel"]
SOLVERS = ["adam", "sgd", "lbfgs"]


def new(**settings):
    settings = {"hidden_layer_sizes": (6,), "max_iter": 5, "random_state": 0} | settings
    return OURS["classifier"](**settings)


def weights_for(y):
    """What users may give, with the weight of each row that it means."""
    if y.ndim == 2:
        columns = [{0: 1.0, 1: 3.0}, {0: 0.5, 1: 1.0}, {0: 2.0, 1: 2.0}]
        given = {"list": columns, "balanced": "balanced"}
        return [(value, compute_sample_weight(value, y)) for value in given.values()]
    classes = np.unique(y)
    whole = {label: 1.0 + i for i, label in enumerate(classes.tolist())}
    part = {classes.tolist()[-1]: 4.0}
    return [
        (whole, np.array([whole[label] for label in y.tolist()])),
        (part, np.where(y == classes[-1], 4.0, 1.0)),
        ("balanced", compute_sample_weight("balanced", y)),
    ]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", TABLES)
def test_a_class_weight_is_a_factor_of_the_sample_weights(name, solver, weighted):
    X, y = table(name)
    sample_weight = random_weights(len(X), zeros=0.1) if weighted else np.ones(len(X))
    for class_weight, of_rows in weights_for(y):
        model = new(solver=solver, class_weight=class_weight)
        model.fit(X, y, sample_weight if weighted else None)
        expected = new(solver=solver).fit(X, y, sample_weight * of_rows)
        for mine, other in zip(model.coefs_, expected.coefs_, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-9)
        assert clone(model).class_weight == class_weight
        assert model.class_weight is class_weight


def test_rare_labels_are_found_more_often():
    X, y = table("breast_cancer")
    rows = np.r_[np.flatnonzero(y)[:200], np.flatnonzero(~y)[:8]]
    X, y = X[rows, :4], y[rows]
    usual, balanced = (
        new(class_weight=weight, max_iter=200).fit(X, y).predict(X)
        for weight in (None, "balanced")
    )
    usual, balanced = (balanced_accuracy_score(y, p) for p in (usual, balanced))
    assert balanced > usual + 0.05


@pytest.mark.parametrize("name", TABLES)
def test_partial_fit_weighs_batches_that_lack_labels(name):
    X, y = table(name)
    class_weight, of_rows = weights_for(y)[0]
    known = np.arange(3) if y.ndim == 2 else np.unique(y)
    model, expected = new(class_weight=class_weight), new()
    for rows in (slice(0, 2), slice(2, 40), slice(40, 41)):
        model.partial_fit(X[rows], y[rows], classes=known)
        expected.partial_fit(X[rows], y[rows], of_rows[rows], classes=known)
    assert differences(model.coefs_, expected.coefs_) == []
    with pytest.raises(ValueError, match="class_weight='balanced' .*partial_fit"):
        new(class_weight="balanced").partial_fit(X, y, classes=known)


REFUSED = {
    "unknown_label": ("iris", {"nonsense": 2.0}, "nonsense|not in class_weight"),
    "negative": ("iris", {"setosa": -1.0}, "class_weight must hold finite numbers"),
    "nan": ("iris", {"setosa": np.nan}, "class_weight must hold finite numbers"),
    "infinite": ("iris", {"setosa": np.inf}, "class_weight must hold finite numbers"),
    "name": ("iris", "nonsense", "'class_weight' parameter of MLPClassifier"),
    "number": ("iris", 2.0, "'class_weight' parameter of MLPClassifier"),
    "dict_of_columns": ("multilabel", {0: 1.0, 1: 2.0}, "list of dicts"),
    "short_list": ("multilabel", [{0: 1.0, 1: 2.0}], "should match number of outputs"),
    "all_zero": (
        "iris",
        {"setosa": 0.0, "versicolor": 0.0, "virginica": 0.0},
        "zero for all samples",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_class_weight_is_named(name):
    data, class_weight, message = REFUSED[name]
    X, y = table(data)
    model = new().fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=message):
        model.set_params(class_weight=class_weight).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)
