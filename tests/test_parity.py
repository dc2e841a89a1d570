"""The same numbers as scikit-learn for the same seed, in float64."""

import itertools
import re

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import OURS, THEIRS, differences, fit_silently, random_weights, table

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# With tol=10 nothing counts as an improvement but the first epoch: the adaptive
# schedule reduces the rate every third epoch.
REDUCING = {"learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 2}
OPTIMIZERS = {
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "adam_betas": {"solver": "adam", "beta_1": 0.6, "beta_2": 0.9, "epsilon": 1e-4},
    "sgd_plain": {"solver": "sgd", "momentum": 0.0, "nesterovs_momentum": False},
    "sgd_momentum": {"solver": "sgd", "momentum": 0.8, "nesterovs_momentum": False},
    "sgd_nesterov": {"solver": "sgd", "momentum": 0.9, "learning_rate_init": 0.02},
    "sgd_invscaling": {
        "solver": "sgd",
        "learning_rate": "invscaling",
        "learning_rate_init": 0.2,
        "power_t": 0.3,
    },
    "sgd_adaptive": {"solver": "sgd", "learning_rate_init": 0.02, **REDUCING},
}
LAYOUTS = {
    "c_order": np.ascontiguousarray,
    "f_order": np.asfortranarray,
    "csr_matrix": sp.csr_matrix,
    "csc_matrix": sp.csc_matrix,
    "csr_array": sp.csr_array,
    "csc_array": sp.csc_array,
}
WEIGHTS = {
    "unweighted": lambda n_samples: None,
    "weighted": random_weights,
    "some_zero": lambda n_samples: random_weights(n_samples, zeros=0.15),
}
TABLES = {
    "classifier": ["breast_cancer", "digits", "wine", "multilabel"],
    "regressor": ["diabetes", "counts", "two_targets", "two_counts"],
}
FACTORS = {
    "optimizer": list(OPTIMIZERS),
    "layout": list(LAYOUTS),
    "table": None,
    "activation": ["relu", "tanh", "logistic", "identity"],
    "hidden_layer_sizes": [(8,), (), (7, 5), (6, 5, 4)],
    "weights": list(WEIGHTS),
    "batch_size": ["auto", 16, 64],
    "alpha": [1e-4, 0.0, 1.0],
    "early_stopping": [False, True],
    "shuffle": [True, False],
}
SHARED = ["coefs_", "intercepts_", "n_iter_", "t_", "n_layers_", "n_outputs_"]
SCORES = ["validation_scores_", "best_validation_score_"]
LOSSES = ["loss_", "best_loss_", "loss_curve_"]
# The two libraries multiply and add in other orders, and what rounding makes of that
# grows in every step of a training. Here it has grown to 1e-10 at most, of the number
# or of its neighbours, under any kernel of BLAS. A step too many, or a gradient or a
# draw that is wrong, shows in the first digits.
WITHIN = {"rtol": 1e-6, "atol": 1e-12}


def pairwise(factors):
    """Return rows in which any two values of any two factors meet.

    Each row begins with a pair that has not met and takes, factor by factor, the
    value that brings the most further such pairs.
    """
    names = list(factors)
    missing = {
        frozenset({(a, i), (b, j)})
        for a, b in itertools.combinations(range(len(names)), 2)
        for i in range(len(factors[names[a]]))
        for j in range(len(factors[names[b]]))
    }
    rows = []
    while missing:
        row = dict(min(sorted(pair) for pair in missing))
        for a in set(range(len(names))) - set(row):
            row[a] = max(
                range(len(factors[names[a]])),
                key=lambda i: sum({(a, i), c} in missing for c in row.items()),
            )
        missing -= {frozenset(pair) for pair in itertools.combinations(row.items(), 2)}
        rows.append({name: factors[name][row[a]] for a, name in enumerate(names)})
    return rows


def sweep(kind):
    rows = pairwise({**FACTORS, "table": TABLES[kind]})
    return [
        pytest.param(kind, row, id="-".join(map(str, row.values()))) for row in rows
    ]


def assert_same(ours, theirs, names):
    for name in names:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if other is None:
            assert mine is None, name
            continue
        for a, b in zip(
            *(value if isinstance(value, list) else [value] for value in (mine, other)),
            strict=True,
        ):
            assert np.shape(a) == np.shape(b), name
            np.testing.assert_allclose(a, b, **WITHIN, err_msg=name)


def assert_same_model(ours, theirs, X, names):
    assert_same(ours, theirs, names)
    assert ours.out_activation_ == theirs.out_activation_
    outputs = [model.predict(X) for model in (ours, theirs)]
    if hasattr(ours, "classes_"):
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_array_equal(*outputs)
        outputs = [model.predict_proba(X) for model in (ours, theirs)]
        # 1 - p has few digits near zero, and none below 1e-16.
        likely = outputs[1] > 1e-6
        np.testing.assert_allclose(
            ours.predict_log_proba(X)[likely], np.log(outputs[1][likely]), 1e-6, 1e-9
        )
    assert outputs[0].shape == outputs[1].shape
    assert outputs[0].dtype == outputs[1].dtype
    np.testing.assert_allclose(*outputs, **WITHIN)


def fit_both(kind, settings, X, y, sample_weight=None):
    """Fit our estimator, which may only warn of convergence, and scikit-learn's."""
    settings = {"random_state": 7, "max_iter": 20, **settings}
    ours = OURS[kind](**settings).fit(X, y, sample_weight)
    return ours, fit_silently(THEIRS[kind](**settings), X, y, sample_weight)


def test_pairwise_brings_every_two_values_together():
    factors = {"a": [1, 2, 3], "b": "xy", "c": [True, False], "d": [None, 0]}
    rows = pairwise(factors)
    for (a, first), (b, second) in itertools.combinations(factors.items(), 2):
        assert {(row[a], row[b]) for row in rows} == {*itertools.product(first, second)}
    assert len(rows) < 10 < len([*itertools.product(*factors.values())])


@pytest.mark.parametrize(("kind", "row"), sweep("classifier") + sweep("regressor"))
def test_sweep(kind, row):
    row = dict(row)
    name = row.pop("table")
    X, y = table(name)
    sample_weight = WEIGHTS[row.pop("weights")](len(X))
    scale = 0.2 if "counts" in name else 1.0  # An exponential output is steep.
    X = LAYOUTS[row.pop("layout")](X * scale)
    settings = {"n_iter_no_change": 20, **OPTIMIZERS[row.pop("optimizer")], **row}
    if "counts" in name:
        settings["loss"] = "poisson"
        settings["learning_rate_init"] = 0.003
    ours, theirs = fit_both(kind, settings, X, y, sample_weight)
    one_batch = settings["batch_size"] == "auto" and X.shape[0] <= 200
    # scikit-learn's epoch losses are wrong where batches differ in weight.
    losses = LOSSES if sample_weight is None or one_batch else []
    assert_same_model(ours, theirs, X, SHARED + SCORES + losses)


STOPPING = {
    "by_loss": {"tol": 0.02, "n_iter_no_change": 3},
    "by_loss_at_once": {"tol": 100.0, "n_iter_no_change": 1},
    "by_score": {"early_stopping": True, "n_iter_no_change": 3},
    "adaptive_to_the_end": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 1e-4,
        "tol": 1.0,
        "n_iter_no_change": 1,
    },
    "adaptive_by_score": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "early_stopping": True,
        "tol": 0.05,
        "n_iter_no_change": 1,
    },
    "never": {"tol": 0.0, "n_iter_no_change": np.inf, "max_iter": 60},
}


@pytest.mark.parametrize("stopping", STOPPING)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("classifier", "breast_cancer"),
        ("classifier", "wine"),
        ("regressor", "diabetes"),
    ],
)
def test_training_stops_at_the_same_epoch(kind, name, stopping, recwarn):
    X, y = table(name)
    settings = {"learning_rate_init": 0.01, "max_iter": 400} | STOPPING[stopping]
    settings = {"hidden_layer_sizes": (10,), "validation_fraction": 0.2} | settings
    ours, theirs = fit_both(kind, settings, X, y)
    assert (ours.n_iter_ < ours.max_iter) is (stopping != "never")
    assert len(recwarn) == (stopping == "never")
    assert_same_model(ours, theirs, X, SHARED + SCORES + LOSSES)


LBFGS = {
    "binary": ("classifier", "breast_cancer", {}),
    "multiclass": ("classifier", "wine", {"activation": "tanh"}),
    "multilabel": ("classifier", "multilabel", {"activation": "logistic"}),
    "squared_error": ("regressor", "diabetes", {"activation": "identity"}),
    "poisson": ("regressor", "counts", {"loss": "poisson", "activation": "tanh"}),
    "no_hidden_layer": ("classifier", "iris", {"hidden_layer_sizes": ()}),
    "two_hidden_layers": ("regressor", "diabetes", {"hidden_layer_sizes": (6, 4)}),
    "few_evaluations": ("classifier", "wine", {"max_fun": 7}),
    "converges": ("classifier", "iris", {"tol": 0.05, "max_iter": 500}),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layout", ["c_order", "csr_array"])
@pytest.mark.parametrize("case", LBFGS)
def test_lbfgs(case, layout, weighted):
    kind, name, settings = LBFGS[case]
    X, y = table(name)
    settings = {"hidden_layer_sizes": (5,), "alpha": 0.1, **settings}
    sample_weight = random_weights(len(X), zeros=0.2) if weighted else None
    ours, theirs = fit_both(
        kind, {"solver": "lbfgs", **settings}, LAYOUTS[layout](X), y, sample_weight
    )
    assert_same_model(ours, theirs, X, ["n_iter_", "loss_", "n_layers_", "n_outputs_"])
    assert len(ours.loss_curve_) == ours.n_iter_
    assert (ours.n_iter_ < 20) is (case == "few_evaluations") or case == "converges"
    assert ours.loss_curve_[-1] == ours.loss_


LABELS = {
    "bool": [False, True],
    "int": [-3, 12],
    "float": [1.0, 2.0],
    "str": ["no", "yes"],
    "object": np.array(["b", "a"], dtype=object),
    "three_int": [5, 1, 3],
    "three_str": ["b", "longer", "a"],
}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("incremental", [False, True])
def test_labels(labels, incremental):
    X, _ = table("iris")
    labels = np.asarray(LABELS[labels])
    y = labels[np.arange(len(X)) % len(labels)]
    if incremental:
        models = [cls["classifier"](random_state=0) for cls in (OURS, THEIRS)]
        for model in models:
            model.partial_fit(X, y, classes=labels)
    else:
        models = fit_both("classifier", {"max_iter": 5}, X, y)
    assert_same_model(*models, X, SHARED + LOSSES)


def test_labels_do_not_matter_to_training():
    X, names = table("iris")
    _, indices = np.unique(names, return_inverse=True)
    settings = {"random_state": 0, "early_stopping": True, "max_iter": 5}
    named, numbered = (
        OURS["classifier"](**settings).fit(X, y) for y in (names, indices)
    )
    assert differences(named.coefs_, numbered.coefs_) == []
    np.testing.assert_array_equal(named.predict(X), named.classes_[numbered.predict(X)])


@pytest.mark.parametrize("values", [(0, 1), (0, 2), (False, True), (0.0, 1.0)])
def test_multilabel_indicators(values):
    X, y = table("multilabel")
    ours, theirs = fit_both("classifier", {"max_iter": 5}, X, np.asarray(values)[y])
    assert_same_model(ours, theirs, X, SHARED + LOSSES)


@pytest.mark.parametrize("layout", ["csr_matrix", "csc_matrix", "csr_array"])
def test_sparse_multilabel_indicators(layout):
    X, y = table("multilabel")
    ours, theirs = fit_both("classifier", {"max_iter": 5}, X, LAYOUTS[layout](y))
    assert_same(ours, theirs, SHARED + LOSSES)
    outputs = [model.predict_proba(X) for model in (ours, theirs)]
    np.testing.assert_allclose(*outputs, **WITHIN)


def test_targets_as_one_column_are_taken_with_a_warning():
    for kind, name in [("classifier", "wine"), ("regressor", "diabetes")]:
        X, y = table(name)
        expected = OURS[kind](random_state=0, max_iter=3).fit(X, y).predict(X)
        with pytest.warns(match="column-vector y was passed"):
            model = OURS[kind](random_state=0, max_iter=3).fit(X, y[:, np.newaxis])
        np.testing.assert_array_equal(model.predict(X), expected)


@pytest.mark.parametrize("kind", OURS)
def test_float32_is_kept_and_close(kind):
    X, y = table({"classifier": "wine", "regressor": "diabetes"}[kind])
    ours, theirs = fit_both(kind, {"early_stopping": True}, X.astype("f"), y)
    for mine, other in zip(
        ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True
    ):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, other, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("kind", OURS)
@pytest.mark.parametrize("early_stopping", [False, True])
def test_verbose_prints_the_same_progress(kind, early_stopping, capsys):
    X, y = table({"classifier": "wine", "regressor": "diabetes"}[kind])
    settings = REDUCING | {"solver": "sgd", "verbose": True, "max_iter": 5}
    settings["early_stopping"] = early_stopping
    printed = []
    for cls in (OURS[kind], THEIRS[kind]):
        fit_silently(cls(random_state=0, **settings), X, y)
        printed.append(capsys.readouterr().out)
    assert "Setting learning rate to" in printed[0]
    number = re.compile(r"-?\d+\.\d+")
    assert number.sub("#", printed[0]) == number.sub("#", printed[1])
    # Rounding may turn a printed number into its neighbour, a unit of the last decimal
    # away.
    for mine, other in zip(*map(number.findall, printed), strict=True):
        unit = 10.0 ** -len(other.partition(".")[2])
        assert float(mine) == pytest.approx(float(other), rel=0, abs=1.01 * unit)


@pytest.mark.parametrize("layout", ["c_order", "f_order", "csr_array"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", OURS)
def test_a_dtype_of_its_own_is_data_of_that_dtype(kind, early_stopping, layout):
    X, y = table({"classifier": "wine", "regressor": "diabetes"}[kind])
    settings = {"random_state": 0, "max_iter": 5, "early_stopping": early_stopping}
    given = OURS[kind](dtype="float32", **settings).fit(LAYOUTS[layout](X), y)
    expected = OURS[kind](**settings).fit(LAYOUTS[layout](X.astype("f")), y)
    assert differences(given.coefs_, expected.coefs_) == []
    assert given.loss_curve_ == expected.loss_curve_
    assert given.validation_scores_ == expected.validation_scores_
