"""Runs that diverge, features out of range, and arrays that must not be written to."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import (
    DEFAULT_TABLE,
    KINDS,
    OURS,
    differences,
    random_weights,
    read_only,
    snapshot,
    table,
)
from sklearn.exceptions import ConvergenceWarning

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
CLEAR = "non-finite|not finite|too large|large values"

SOLVERS = {
    "adam": {},
    "sgd": {"solver": "sgd"},
    "sgd_adaptive": {"solver": "sgd", "learning_rate": "adaptive"},
    "adam_early_stopping": {"early_stopping": True},
    "sgd_early_stopping": {"solver": "sgd", "early_stopping": True},
    "lbfgs": {"solver": "lbfgs"},
}
POISSON = {"loss": "poisson"}
EXTREMES = {
    "rate_1e10": ({"learning_rate_init": 1e10}, 1, 1),
    "rate_1e300": ({"learning_rate_init": 1e300}, 1, 1),
    "rate_for_all": ({"learning_rate_init": 1e4, "activation": "identity"}, 1, 1),
    "features_1e300": ({}, 1e300, 1),
    "features_1e300_tanh": ({"activation": "tanh"}, 1e300, 1),
    "features_1e300_no_layer": ({"hidden_layer_sizes": ()}, 1e300, 1),
    "features_1e150": ({}, 1e150, 1),
    "alpha_1e300": ({"alpha": 1e300}, 1, 1),
    "alpha_1e10": ({"alpha": 1e10}, 1, 1),
    "targets_1e200": ({}, 1, 1e200),
    "targets_1e300_no_layer": ({"hidden_layer_sizes": ()}, 1, 1e300),
    "poisson_rate_1e3": ({"learning_rate_init": 1e3, **POISSON}, 1, 1),
    "poisson_features_1e3": (POISSON, 1e3, 1),
    "poisson_features_1e300": (POISSON, 1e300, 1),
    "poisson_targets_1e300": (POISSON, 1, 1e300),
}


def cases():
    for name, (settings, _, target_scale) in EXTREMES.items():
        if target_scale == 1 and "loss" not in settings:
            yield "classifier", name
        yield "regressor", name


def is_finite(model):
    numbers = [*model.coefs_, *model.intercepts_, model.loss_, *model.loss_curve_]
    scores = [model.validation_scores_, model.best_validation_score_, model.best_loss_]
    numbers += [score for score in scores if score is not None]
    return all(np.isfinite(number).all() for number in numbers)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(("kind", "extreme"), [*cases()])
def test_clear_error_or_finite_model(kind, extreme, solver, dtype, capfd):
    settings, scale, target_scale = EXTREMES[extreme]
    poisson = "loss" in settings
    X, y = table("counts" if poisson else DEFAULT_TABLE[kind])
    settings = {"hidden_layer_sizes": (5,), "batch_size": 50, **settings}
    model = OURS[kind](
        random_state=0, max_iter=8, dtype=dtype, **SOLVERS[solver], **settings
    )
    before = snapshot(model)
    try:
        model.fit(X * scale, y if kind == "classifier" else y * target_scale)
    except ValueError as error:
        assert any(word in str(error) for word in CLEAR.split("|")), error
        assert differences(vars(model), before) == []
    else:
        assert is_finite(model)
        assert np.isfinite(model.loss_)
        model.predict(X)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["fit", "warm_start", "partial_fit"])
def test_a_diverging_run_leaves_the_fitted_model(kind, how):
    X, y = table(DEFAULT_TABLE[kind])
    settings = {"random_state": 0, "max_iter": 3, "batch_size": 20}
    settings["warm_start"] = how == "warm_start"
    model = OURS[kind](**settings).fit(X, y).set_params(learning_rate_init=1e300)
    before = snapshot(model)
    with pytest.raises(ValueError, match="non-finite"):
        getattr(model, how.replace("warm_start", "fit"))(X, y)
    assert differences(vars(model), before) == []
    model.set_params(learning_rate_init=1e-3)
    again = OURS[kind](**settings).fit(X, y)
    for each in (model, again):
        getattr(each, how.replace("warm_start", "fit"))(X, y)
    assert differences(vars(model), vars(again)) == []


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", ["relu", "tanh", "identity", "logistic"])
@pytest.mark.parametrize("kind", KINDS)
def test_predicting_from_huge_features(kind, activation, dtype):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind](random_state=0, max_iter=3, activation=activation, dtype=dtype)
    model.fit(X, y)
    methods = ["predict"]
    if kind == "classifier":
        methods += ["predict_proba", "predict_log_proba", "decision_function"]
    for scale in (1e10, 1e37, 1e300):
        for method in methods:
            try:
                output = getattr(model, method)(np.sign(X) * scale)
            except ValueError as error:
                assert any(word in str(error) for word in CLEAR.split("|")), error
                assert scale > 1e36
            else:
                assert output.dtype.kind in "OU" or np.isfinite(output).all()


@pytest.mark.parametrize("n_rows", [1, 5])
def test_overflow_in_predict_is_an_error(n_rows):
    X, y = table("diabetes")
    model = OURS["regressor"](random_state=0, max_iter=3).fit(X, y)
    rows = np.tile(X[:1], (n_rows, 1))
    rows[-1] = np.sign(model.coefs_[0].sum(axis=1)) * np.finfo(float).max
    with pytest.raises(ValueError, match=CLEAR):
        model.predict(rows)
    steep = OURS["regressor"](random_state=0, max_iter=3, loss="poisson")
    steep.fit(X, np.abs(y))
    probe = np.vstack([X, -X]) * 1e4
    with pytest.raises(ValueError, match=CLEAR):
        steep.predict(probe)


def read_only_sparse(container, X):
    X = container(np.where(np.abs(X) > 0.5, X, 0))
    for array in (X.data, X.indices, X.indptr):
        array.flags.writeable = False
    return X


LAYOUTS = {
    "c_order": read_only,
    "f_order": lambda X: read_only(np.asfortranarray(X)),
    "every_other_column": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "float32": lambda X: read_only(X.astype("f")),
    "csr_matrix": lambda X: read_only_sparse(sp.csr_matrix, X),
    "csc_matrix": lambda X: read_only_sparse(sp.csc_matrix, X),
    "csr_array": lambda X: read_only_sparse(sp.csr_array, X),
}


@pytest.mark.parametrize("dtype", ["auto", "float32"])
@pytest.mark.parametrize("solver", [*SOLVERS, "partial_fit"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_read_only_arrays_will_do(kind, layout, solver, dtype):
    X, y = table(DEFAULT_TABLE[kind])
    X = LAYOUTS[layout](X)
    model = OURS[kind](
        max_iter=2, batch_size=40, random_state=0, **SOLVERS.get(solver, {})
    )
    model.set_params(dtype=dtype).fit(X, y, random_weights(len(y)))
    if solver == "partial_fit":
        model.partial_fit(X, y, random_weights(len(y)))
    for arrays in (model.coefs_, model.intercepts_):
        for array in arrays:
            array.flags.writeable = False
    before = snapshot(model)
    model.predict(X)
    model.score(X, y, random_weights(len(y)))
    if kind == "classifier":
        model.predict_proba(X)
        model.predict_log_proba(X)
        model.decision_function(X)
    assert differences(vars(model), before) == []


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_row_is_enough(kind, solver):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind](solver=solver, max_iter=200, learning_rate_init=0.01)
    model.set_params(random_state=0).fit(X[:1], y[:1])
    if kind == "classifier":
        assert model.predict(X[:1]) == y[:1]
        np.testing.assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))
        np.testing.assert_array_equal(model.predict_log_proba(X), np.zeros((len(X), 1)))
    else:
        np.testing.assert_allclose(model.predict(X[:1]), y[:1], atol=0.3)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("label", ["only", 7, True])
def test_one_class_is_predicted_for_sure(solver, label):
    X, _ = table("iris")
    model = OURS["classifier"](solver=solver, max_iter=5).fit(X, [label] * len(X))
    assert list(model.classes_) == [label]
    assert set(model.predict(X)) == {label}
    np.testing.assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_running_out_of_iterations_warns_at_the_call(kind, solver):
    X, y = table(DEFAULT_TABLE[kind])
    model = OURS[kind](solver=solver, max_iter=2, random_state=0)
    with pytest.warns(ConvergenceWarning, match="converge") as caught:
        model.fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    with pytest.warns(ConvergenceWarning) as caught:
        model.set_params(warm_start=True).fit(X, y)
    assert len(caught) == 1
    if solver != "lbfgs":
        model.partial_fit(X, y)  # One epoch is all it is asked for.


def test_squares_that_overflow_end_the_run():
    X, y = table("iris")
    with pytest.raises(ValueError, match="non-finite"):
        OURS["classifier"](random_state=0).fit(X * 1e300, y)


def test_a_loss_that_grows_is_told():
    X, y = table("iris")
    model = OURS["classifier"](random_state=0, learning_rate_init=1e10)
    with pytest.warns(UserWarning, match="Training made the loss larger"):
        model.fit(X, y)


def test_a_warning_made_an_error_loses_nothing():
    X, y = table("iris")
    model = OURS["classifier"](max_iter=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="Maximum iterations"):
            model.fit(X, y)
    assert model.n_iter_ == 2


def test_weights_whose_sum_overflows_are_named():
    X, y = table("iris")
    with pytest.raises(ValueError, match="sum of sample_weight"):
        OURS["classifier"]().fit(X, y, sample_weight=np.full(len(y), 1e308))
