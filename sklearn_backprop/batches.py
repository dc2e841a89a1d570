"""Mini-batches: rows of the data, gathered into memory that is reused."""

import numpy as np

__all__ = ["Batches"]

# Rows of several small batches are gathered at once, up to this many bytes of inputs:
# for a small data set once an epoch. Half of a usual second-level cache.
CHUNK_BYTES = 1 << 19


def target_dtype(targets, dtype):
    """Return the dtype in which a loss takes targets.

    Columns are numbers, in the dtype of the network; class indices, of shape
    (n_samples,), stay integers.
    """
    return targets.dtype if targets.ndim == 1 else dtype


class _Source:
    """One array of the data, and memory for some of its rows in a given dtype."""

    def __init__(self, array, dtype):
        self.is_dense = isinstance(array, np.ndarray)
        if self.is_dense and array.size * dtype.itemsize <= CHUNK_BYTES:
            # A chunk holds it all anyway: rather once in a fit than once in an epoch.
            array = array.astype(dtype, copy=False)
        self.array = array
        self.dtype = dtype
        self._gathered = self._converted = None

    def take(self, rows):
        """Return rows: a view for a slice of the right dtype, else kept memory."""
        if not self.is_dense:
            return self.array[rows].astype(self.dtype, copy=False)
        if isinstance(rows, slice):
            taken = self.array[rows]
        else:
            self._gathered = self._room(self._gathered, len(rows), self.array.dtype)
            # Clipping, of indices that are all valid, spares take a buffered copy.
            taken = self.array.take(
                rows, axis=0, out=self._gathered[: len(rows)], mode="clip"
            )
        if taken.dtype == self.dtype:
            return taken
        self._converted = self._room(self._converted, len(taken), self.dtype)
        converted = self._converted[: len(taken)]
        converted[...] = taken
        return converted

    def _room(self, kept, n_rows, dtype):
        if kept is not None and len(kept) >= n_rows:
            return kept
        return np.empty((n_rows, *self.array.shape[1:]), dtype)


class Batches:
    """The data of a training run, split into mini-batches.

    The arrays are only read, row by row, and never copied whole; rows that are not of
    the dtype of the network are converted batch by batch. Only what is smaller than the
    memory of one gathering is converted whole.

    Parameters
    ----------
    inputs : {ndarray, CSR matrix or array} of shape (n_samples, n_features)
        An ndarray should be C-contiguous.
    targets : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : ndarray of shape (n_samples,) or None
    batch_size : int
        Number of rows of a batch; the last one may have fewer.
    dtype : dtype
        What `inputs`, `sample_weight` and targets with a column per output, which are
        numbers and not labels, are converted to.
    """

    def __init__(self, inputs, targets, sample_weight, batch_size, dtype):
        self.n_samples = inputs.shape[0]
        self.batch_size = batch_size
        self._sources = [
            _Source(inputs, dtype),
            _Source(targets, target_dtype(targets, dtype)),
        ]
        if sample_weight is not None:
            self._sources.append(_Source(sample_weight, dtype))
        n_batches = 1
        if self._sources[0].is_dense:
            itemsize = max(inputs.itemsize, dtype.itemsize)
            batch_bytes = max(1, batch_size * inputs.shape[1] * itemsize)
            n_batches = max(1, CHUNK_BYTES // batch_bytes)
        self._chunk_size = n_batches * batch_size

    def __call__(self, rows=None):
        """Iterate over the batches of some rows.

        Parameters
        ----------
        rows : ndarray of int, default=None
            Which rows, in which order; by default all, as they stand.

        Yields
        ------
        inputs, targets, sample_weight : ndarray
            Valid until the next batch. The weights are None where none were given.
        """
        n_rows = self.n_samples if rows is None else len(rows)
        for start in range(0, n_rows, self._chunk_size):
            stop = min(start + self._chunk_size, n_rows)
            piece = slice(start, stop) if rows is None else rows[start:stop]
            chunk = [source.take(piece) for source in self._sources]
            if len(chunk) == 2:
                chunk.append(None)
            if stop - start <= self.batch_size:
                yield chunk
            else:
                yield from self._split(*chunk)

    def _split(self, inputs, targets, sample_weight):
        weight = None
        for start in range(0, len(targets), self.batch_size):
            part = slice(start, start + self.batch_size)
            if sample_weight is not None:
                weight = sample_weight[part]
            yield inputs[part], targets[part], weight
