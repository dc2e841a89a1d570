"""Mini-batches: every row once, in order, whatever the layout of the data."""

import tracemalloc

import numpy as np
import pytest
from _tools import DTYPES, frozen
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array, csr_matrix, issparse

from sklearn_backprop.batches import Batches

N_FEATURES = 40
# The last is large enough for the rows to be gathered in several pieces.
SIZES = [(1, 200), (199, 200), (200, 200), (450, 200), (450, 1), (7000, 200)]
ORDERS = ["none", "all", "shuffled", "some", "repeated"]


def data(n_samples, dtype=np.float64):
    """Inputs, targets and weights in which each row can be told from the others."""
    numbers = np.arange(n_samples * N_FEATURES) % 65_521
    inputs = numbers.reshape(n_samples, N_FEATURES).astype(dtype)
    inputs[:, 0] = np.arange(n_samples)
    inputs[:, 2::3] = 0.0
    return inputs, np.arange(n_samples), 1.0 + np.arange(n_samples)


def rows_in(order, n_samples):
    rng = np.random.default_rng(6)
    rows = {
        "none": None,
        "all": np.arange(n_samples),
        "shuffled": rng.permutation(n_samples),
        "some": rng.permutation(n_samples)[: n_samples // 2 + 1],
        "repeated": rng.integers(n_samples, size=n_samples),
    }
    return rows[order]


def dealt(batches, rows=None):
    """Copies of all batches; an array of a batch is valid until the next only."""
    return [
        [None if array is None else array.copy() for array in batch]
        for batch in batches(rows)
    ]


def joined(arrays):
    arrays = [array.toarray() if issparse(array) else array for array in arrays]
    return np.concatenate(arrays)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("n_samples", "batch_size"), SIZES)
@pytest.mark.parametrize("layout", [np.asarray, csr_matrix, csr_array])
def test_every_row_comes_once_in_the_given_order(layout, n_samples, batch_size, order):
    inputs, targets, weights = data(n_samples)
    rows = rows_in(order, n_samples)
    batches = Batches(layout(inputs), targets, weights, batch_size, inputs.dtype)
    assert batches.n_samples == n_samples
    expected = np.arange(n_samples) if rows is None else rows
    for _ in range(2):
        parts = dealt(batches, rows)
        sizes = [len(part[1]) for part in parts]
        assert sizes[:-1] == [batch_size] * (len(parts) - 1)
        assert 1 <= sizes[-1] <= batch_size
        assert_array_equal(joined([part[0] for part in parts]), inputs[expected])
        assert_array_equal(joined([part[1] for part in parts]), targets[expected])
        assert_array_equal(joined([part[2] for part in parts]), weights[expected])


@pytest.mark.parametrize("order", ["none", "shuffled"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("source", [np.float32, np.float64, np.uint8, np.int64, bool])
@pytest.mark.parametrize("layout", [np.asarray, csr_matrix])
def test_inputs_and_weights_are_converted(layout, source, dtype, order):
    inputs, targets, weights = data(450)
    inputs = inputs.astype(np.uint8).astype(source)
    batches = Batches(layout(inputs), targets, weights, 200, np.dtype(dtype))
    rows = rows_in(order, 450)
    parts = dealt(batches, rows)
    rows = np.arange(450) if rows is None else rows
    assert {part[0].dtype for part in parts} == {np.dtype(dtype)}
    assert {part[1].dtype for part in parts} == {targets.dtype}
    assert {part[2].dtype for part in parts} == {np.dtype(dtype)}
    assert_array_equal(joined([part[0] for part in parts]), inputs[rows].astype(dtype))
    assert_array_equal(joined([part[2] for part in parts]), weights[rows])


@pytest.mark.parametrize("rows", [None, np.arange(450)[::-1]], ids=["none", "reversed"])
def test_without_weights_there_are_none(rows):
    inputs, targets, _ = data(450)
    parts = dealt(Batches(inputs, targets, None, 200, inputs.dtype), rows)
    assert [part[2] for part in parts] == [None] * 3


def test_targets_with_columns_are_numbers_and_are_converted():
    inputs, targets, _ = data(450)
    targets = np.column_stack([targets, -targets]).astype(np.float32)
    rows = rows_in("shuffled", 450)
    parts = dealt(Batches(inputs, targets, None, 200, inputs.dtype), rows)
    found = np.concatenate([part[1] for part in parts])
    assert_array_equal(found, targets[rows].astype(inputs.dtype), strict=True)


@pytest.mark.parametrize(("n_samples", "batch_size"), SIZES)
def test_in_the_order_of_the_data_batches_are_views(n_samples, batch_size):
    arrays = data(n_samples)
    batches = Batches(*arrays, batch_size, arrays[0].dtype)
    for batch in batches():
        for part, array in zip(batch, arrays, strict=True):
            assert np.shares_memory(part, array)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("source", DTYPES)
def test_the_data_is_never_written(source, order):
    arrays = [frozen(array) for array in data(7000, source)]
    expected = [array.copy() for array in arrays]
    dealt(Batches(*arrays, 200, np.dtype(np.float32)), rows_in(order, 7000))
    for array, copy in zip(arrays, expected, strict=True):
        assert_array_equal(array, copy)


@pytest.mark.parametrize("order", ["none", "shuffled"])
@pytest.mark.parametrize("source", DTYPES)
def test_the_data_is_not_copied_whole_nor_memory_taken_twice(source, order):
    inputs, targets, weights = data(30_000, source)
    rows = rows_in(order, 30_000)
    batches = Batches(inputs, targets, weights, 200, np.dtype(np.float32))
    peaks = []
    for _ in range(2):
        tracemalloc.start()
        assert sum(1 for _ in batches(rows)) == 150
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] < inputs.nbytes / 3
    assert peaks[1] < inputs.nbytes / 50


def test_more_rows_than_before_and_fewer():
    inputs, targets, weights = data(7000)
    batches = Batches(inputs, targets, weights, 200, np.dtype(np.float32))
    for n_rows in (10, 450, 7000, 1, 201):
        rows = rows_in("shuffled", 7000)[:n_rows]
        parts = dealt(batches, rows)
        assert_array_equal(joined([part[0] for part in parts]), inputs[rows])
        assert_array_equal(joined([part[2] for part in parts]), weights[rows])


def test_a_read_only_memory_map_is_read_in_place(tmp_path):
    inputs, targets, weights = data(450)
    np.save(tmp_path / "inputs.npy", inputs)
    mapped = np.load(tmp_path / "inputs.npy", mmap_mode="r")
    batches = Batches(mapped, targets, weights, 200, inputs.dtype)
    assert all(np.shares_memory(batch[0], mapped) for batch in batches())
    rows = rows_in("shuffled", 450)
    parts = dealt(batches, rows)
    assert_array_equal(joined([part[0] for part in parts]), inputs[rows])
