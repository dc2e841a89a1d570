"""BLAS: products in blocks, one thread for small batches, threads that predict."""

import re
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from _tools import tolerance
from conftest import (
    DEFAULT_TABLE,
    KINDS,
    OURS,
    THEIRS,
    fit_silently,
    outputs,
    read_only,
    table,
)
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_backprop import _blas, _fitting, _prediction
from sklearn_backprop._blas import (
    fastest_matmul,
    matmul_by_rows,
    one_blas_thread,
    one_scipy_blas_thread,
)
from sklearn_backprop.network import Network

LAYOUTS = {
    "c_order": np.ascontiguousarray,
    "f_order": np.asfortranarray,
    "every_other_column": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("unpacked", [1, 60, 100, 1000, 10**6])
@pytest.mark.parametrize(
    "left, right",
    [
        ((12, 1), (1, 1)),
        ((25, 2), (2, 1)),
        ((24, 4), (4, 2)),
        ((37, 3), (3, 2)),
        ((1, 3), (3, 2)),
        ((3, 26, 2), (2, 3)),
        ((26, 2), (3, 2, 3)),
    ],
)
def test_a_product_by_rows_is_the_product(left, right, unpacked, layout, monkeypatch):
    monkeypatch.setattr(_blas, "UNPACKED", unpacked)
    rng = np.random.default_rng(0)
    left = read_only(LAYOUTS[layout](rng.standard_normal(left)))
    right = read_only(LAYOUTS[layout](rng.standard_normal(right)).astype(np.float32))
    expected = left @ right
    result = matmul_by_rows(left, right)
    assert result.dtype == expected.dtype
    within = tolerance(np.float64)
    np.testing.assert_allclose(result, expected, **within)
    out = LAYOUTS[layout](np.full_like(expected, np.nan))
    assert matmul_by_rows(left, right, out=out) is out
    np.testing.assert_allclose(out, expected, **within)


def test_blocks_are_of_twelves_of_rows_and_at_most_so_many_products(monkeypatch):
    shapes, untouched = [], np.matmul

    def matmul(left, right, out):
        shapes.append(left.shape)
        return untouched(left, right, out=out)

    monkeypatch.setattr(_blas.np, "matmul", matmul)
    matmul_by_rows(np.ones((200, 784)), np.ones((784, 100)))
    assert shapes == [(16, 12, 784), (8, 784)]


def library(**attributes):
    """A BLAS library as threadpoolctl tells of it."""
    usual = {"internal_api": "openblas", "architecture": "SkylakeX", "num_threads": 1}
    return SimpleNamespace(**{**usual, **attributes})


# Libraries, and whether products are by rows as BLAS is set, and with one thread.
LIBRARIES = {
    "two of OpenBLAS": ([library(), library(architecture="Cooperlake")], True, True),
    "no AVX-512": ([library(architecture="Haswell")], False, False),
    "two processors": ([library(), library(architecture="Zen")], False, False),
    "MKL": ([SimpleNamespace(internal_api="mkl", num_threads=1)], False, False),
    "unknown": ([], False, False),
    "two threads": ([library(num_threads=2)], False, True),
    "two threads in one": ([library(), library(num_threads=2)], False, True),
}


@pytest.mark.parametrize("case", LIBRARIES)
def test_products_are_by_rows_where_that_is_faster(case, monkeypatch):
    libraries, as_set, with_one_thread = LIBRARIES[case]
    controller = SimpleNamespace(lib_controllers=libraries)
    monkeypatch.setattr(_blas, "_blas", lambda *_: controller)
    n_weights = 100 * 100
    ways = {False: np.matmul, True: matmul_by_rows}
    assert fastest_matmul(101, n_weights) is ways[as_set]
    assert fastest_matmul(101, n_weights, one_thread=True) is ways[with_one_thread]
    assert fastest_matmul(100, n_weights, one_thread=True) is np.matmul


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_products_by_rows_train_and_predict_as_scikit_learn(kind, solver, monkeypatch):
    for module in (_fitting, _prediction):
        monkeypatch.setattr(module, "fastest_matmul", lambda *_, **__: matmul_by_rows)
    monkeypatch.setattr(_blas, "UNPACKED", 5000)
    X, y = table(DEFAULT_TABLE[kind])
    settings = {"hidden_layer_sizes": (20, 10), "solver": solver, "max_iter": 5}
    ours, theirs = (
        fit_silently(make(**settings, random_state=0), X, y)
        for make in (OURS[kind], THEIRS[kind])
    )
    # Five epochs make little more of rounding; see also the tests of parity.
    for coefs, expected in zip(ours.coefs_, theirs.coefs_, strict=True):
        np.testing.assert_allclose(coefs, expected, rtol=1e-9, atol=1e-11)
    # Half the rows are cut into other blocks, of which kernels make other sums.
    half, expected = outputs(ours, X[::2]), outputs(ours, X)[::2]
    np.testing.assert_allclose(half, expected, **tolerance(np.float64))


def test_the_thread_limit_ends_with_the_last_of_its_users(monkeypatch):
    events = []

    class Controller:
        lib_controllers = ()

        def limit(self, **limits):
            events.append(limits)
            return self

        def restore_original_limits(self):
            events.append("restored")

    monkeypatch.setattr(_blas, "_blas", lambda *_: Controller())
    with one_blas_thread:
        with pytest.raises(ValueError, match="inside"), one_blas_thread:
            raise ValueError("inside")
        assert events == [{"limits": 1}]
    assert events[1:] == ["restored"]


def blas_threads(of_scipy=False):
    return {row["num_threads"] for row in _blas._blas(of_scipy).info()}


@pytest.fixture
def two_blas_threads():
    """Two BLAS threads, set by a thread that has ended and so controls them no more."""
    with ThreadPoolExecutor(1) as pool:
        limit = pool.submit(threadpool_limits, limits=2, user_api="blas").result()
    yield
    with ThreadPoolExecutor(1) as pool:
        pool.submit(limit.restore_original_limits).result()


def test_blas_threads_come_back_whichever_thread_fits_last(two_blas_threads):
    def limited():
        with threadpool_limits(limits=1, user_api="blas"):
            return blas_threads()

    with one_blas_thread:
        assert blas_threads() == {1}
    assert blas_threads() == {2}
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as last:
        first.submit(one_blas_thread.__enter__).result()
        last.submit(one_blas_thread.__enter__).result()
        assert blas_threads() == {1}
        first.submit(one_blas_thread.__exit__).result()
        assert blas_threads() == {1}
        last.submit(one_blas_thread.__exit__).result()
        assert blas_threads() == {2}
        # Nor does a fit take from others the right to set limits of their own.
        assert last.submit(limited).result() == limited() == {1}
    assert blas_threads() == {2}


def test_each_blas_is_held_while_another_thread_holds_the_other(two_blas_threads):
    with ThreadPoolExecutor(1) as other:
        other.submit(one_blas_thread.__enter__).result()
        with one_scipy_blas_thread:
            assert blas_threads() == {1}
            assert blas_threads(of_scipy=True) <= {1}
        assert blas_threads(of_scipy=True) <= {2}
        other.submit(one_blas_thread.__exit__).result()
    assert blas_threads() == {2}


def test_both_blas_are_known():
    assert _blas._blas(False).info()
    paths = {row["filepath"] for of in (True, False) for row in _blas._blas(of).info()}
    found = [row for row in threadpool_info() if row["user_api"] == "blas"]
    assert paths == {row["filepath"] for row in found}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("n_neurons", [10, 1000])
def test_which_blas_is_held_to_one_thread(
    n_neurons, solver, two_blas_threads, monkeypatch
):
    seen, untouched = [], Network.loss_gradient

    def loss_gradient(*args):
        seen.append((blas_threads(), blas_threads(of_scipy=True)))
        return untouched(*args)

    monkeypatch.setattr(Network, "loss_gradient", loss_gradient)
    X, y = table("digits")
    model = OURS["classifier"]((n_neurons,), solver=solver, max_iter=1)
    fit_silently(model, X, y)
    of_numpy, of_scipy = seen[0]
    assert of_numpy == ({1} if n_neurons == 10 else {2})
    assert not of_scipy or of_scipy == ({1} if solver == "lbfgs" else {2})
    assert blas_threads() | blas_threads(of_scipy=True) == {2}


@pytest.fixture
def eager_threads(monkeypatch):
    """Let even a few rows be worth threads, and blocks be small."""
    monkeypatch.setattr(_prediction, "THREAD_COST", 1.0)
    monkeypatch.setattr(_prediction, "BLOCK_VALUES", 1000)


@pytest.mark.parametrize("layout", [np.array, sp.csr_array])
@pytest.mark.parametrize("kind", KINDS)
def test_threads_predict_what_one_predicts(
    kind, layout, two_blas_threads, eager_threads
):
    X, y = table(DEFAULT_TABLE[kind])
    model = fit_silently(OURS[kind]((20, 10), max_iter=5, random_state=0), X, y)
    X = layout(X)
    with threadpool_limits(limits=1, user_api="blas"):
        expected = outputs(model, X)
    used, untouched = set(), _prediction._forward_block

    def forward_block(*args):
        used.add(threading.current_thread())
        return untouched(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_prediction, "_forward_block", forward_block)
        found = outputs(model, X)
    np.testing.assert_allclose(found, expected, **tolerance(np.float64))
    assert threading.main_thread() not in used
    assert 1 <= len(used) <= 2
    assert blas_threads() == {2}


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_error_in_a_thread_ends_the_prediction(
    error, two_blas_threads, eager_threads, monkeypatch
):
    X, y = table("digits")
    model = fit_silently(OURS["classifier"]((20,), max_iter=1), X, y)
    calls = []

    def forward_block(*args):
        calls.append(None)
        raise error

    monkeypatch.setattr(_prediction, "_forward_block", forward_block)
    with pytest.raises(error):
        model.predict(X)
    assert len(calls) <= 2
    assert blas_threads() == {2}


def test_what_overflows_in_a_thread_is_told(two_blas_threads, eager_threads):
    X, y = table("diabetes")
    model = fit_silently(OURS["regressor"]((20,), max_iter=1), X, y)
    np.absolute(model.coefs_[0], out=model.coefs_[0])
    X = X.copy()
    X[-1] = 1e308
    with pytest.raises(ValueError, match=re.escape("not finite for some rows")):
        model.predict(X)
    assert blas_threads() == {2}


def frame(X):
    """A pandas frame, whose validation is not cut short."""
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame(X)


SPOILT = {
    "nan": (np.nan, "contains NaN"),
    "inf": (np.inf, "contains infinity"),
    "minus_inf": (-np.inf, "contains infinity"),
    "past_float32": (1e300, "value too large for dtype..float32"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
@pytest.mark.parametrize("n_rows", [1, 1797])
@pytest.mark.parametrize("layout", [np.array, np.asfortranarray, frame, sp.csr_array])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_finite_is_told_where_activations_would_hide_it(
    kind, layout, n_rows, spoilt, two_blas_threads, eager_threads
):
    value, message = SPOILT[spoilt]
    X, y = table("digits")
    settings = {"max_iter": 1, "dtype": "float32", "random_state": 0}
    model = fit_silently(OURS[kind]((20,), **settings), X, y)
    # ReLU makes zeros of the whole row where the first product is minus infinity.
    model.coefs_[0][3] = -1.0 if value > 0 else 1.0
    X = X[:n_rows].copy()
    X[-1, 3] = value
    methods = [model.predict]
    methods += [model.predict_proba] if kind == "classifier" else []
    for method in methods:
        with pytest.raises(ValueError, match=message):
            method(layout(X))


@pytest.mark.parametrize("layout", [np.array, sp.csr_array])
@pytest.mark.parametrize("neuron", [0, 1])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
def test_a_finite_row_may_overflow_where_the_activation_bounds_it(
    activation, neuron, layout
):
    X, y = table("iris")
    model = OURS["classifier"]((5,), activation, max_iter=1, random_state=0)
    fit_silently(model, X, y)
    model.coefs_[0][...] = 0.1
    model.coefs_[0][:, neuron] = 1.0
    rows = np.vstack([X[0], np.full(4, 1.7e308)])
    together = model.predict_proba(layout(rows))
    alone = model.predict_proba(layout(rows[1:]))
    np.testing.assert_allclose(together[1:], alone, **tolerance(np.float64))


def test_sparse_rows_are_converted_block_by_block(eager_threads):
    X, y = table("digits")
    model = fit_silently(OURS["classifier"]((5,), max_iter=1, dtype="float32"), X, y)
    rows = sp.csr_array(np.ones((20_000, 64)))
    tracemalloc.start()
    model.predict(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6 < rows.data.nbytes
