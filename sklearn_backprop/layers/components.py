"""Columns of numbers and categories as inputs: layers without parameters."""

from typing import NamedTuple

import numpy as np

from .base import floating


class Bins(NamedTuple):
    """Bins of some columns: arrays that broadcast with (..., n_bins)."""

    starts: np.ndarray
    widths: np.ndarray
    lowest: np.ndarray
    """What a component is at least, and at most."""
    highest: np.ndarray

    @classmethod
    def between(cls, edges, extrapolation):
        """Return the bins between ascending edges.

        The outer ones go on for `extrapolation` times their width.
        """
        n_bins = len(edges) - 1
        lowest, highest = np.zeros(n_bins), np.ones(n_bins)
        lowest[0] -= extrapolation
        highest[-1] += extrapolation
        return cls(edges[:-1], np.diff(edges), lowest, highest)

    def astype(self, dtype):
        """Return the bins in another dtype."""
        return Bins(*(array.astype(dtype) for array in self))

    def components(self, numbers, out):
        """Write to `out` how far numbers have gone through each bin.

        Parameters
        ----------
        numbers : ndarray of shape (..., 1)
        out : ndarray of shape (..., n_bins)
        """
        with np.errstate(over="ignore"):
            np.subtract(numbers, self.starts, out)
            np.divide(out, self.widths, out)
        return np.clip(out, self.lowest, self.highest, out)


# A share of the limit beyond which nothing changes; its square is a float32.
FAR = 1e18


def _drawn_in(numbers, limit, out):
    """Write ``numbers / sqrt(1 + (numbers / limit)^2)`` to `out`."""
    shares = np.clip(np.multiply(numbers, 1.0 / limit, out), -FAR, FAR, out=out)
    np.divide(shares, _roots(shares), shares)
    return np.multiply(shares, limit, shares)


def _slopes(numbers, limit):
    """Return the derivative of that."""
    shares = np.multiply(numbers, 1.0 / limit)
    return _roots(np.clip(shares, -FAR, FAR, out=shares)) ** -3.0


def _roots(shares):
    # Not np.hypot, which takes five times as long.
    squares = np.multiply(shares, shares)
    return np.sqrt(np.add(squares, 1.0, squares), squares)


def _checked(limit, n_columns):
    """Return the limit, if it and the number of columns are possible."""
    if not 0.0 < limit < np.inf:
        raise ValueError(f"limit must be positive and finite, got {limit!r}.")
    if n_columns < 1:
        raise ValueError("There must be a column at least.")
    return float(limit)


def _read(inputs, n_columns):
    """Return inputs of so many columns."""
    inputs = floating(inputs)
    if inputs.shape[-1] != n_columns:
        raise ValueError(
            f"inputs must have {n_columns} columns, got shape {inputs.shape}."
        )
    return inputs


class PiecewiseLinear:
    """Columns as groups of components, which suit `ColumnEmbedding`.

    A number becomes one component for each of its bins, which is 0 below the bin, rises
    to 1 within it and stays there, and one more that is the number itself, drawn in:
    ``z / sqrt(1 + (z / limit)^2)``, as of `RobustClipScaler`. Below its first and above
    its last edge the outer components go on for one width of their bins. A category,
    which comes as the number of its level, becomes an indicator for each level. All
    groups are filled up with zeros to the same length.

    Parameters
    ----------
    edges : sequence of ndarray of shape (n_bins + 1,)
        Ascending edges of the bins of each column of numbers, none if it has no bins;
        they come first.
    n_levels : sequence of int, default=()
        Number of levels of each further column, whose inputs count them from 0; any
        other number, such as -1, is no level and has no indicator.
    limit : float, default=3.0
        What the component that is the number itself does not exceed in size.

    Attributes
    ----------
    n_columns, n_components : int
        Number of groups, and of components in each.
    inputs, output, dinputs : ndarray
        As of `Dense`.

    Raises
    ------
    ValueError
        If there is no column, or the limit is not positive.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), "On embeddings for numerical features in
    tabular deep learning", section 3.2, equation 1.
    """

    penalized = free = ()
    in_place, spares_output = False, True

    def __init__(self, edges, n_levels=(), limit=3.0):
        edges = [np.asarray(column) for column in edges]
        self.edges, self.n_levels = edges, list(n_levels)
        self.n_columns = len(edges) + len(self.n_levels)
        self.limit = _checked(limit, self.n_columns)
        # The number itself is a component where there are no bins, too.
        lengths = [*(max(1, len(column)) for column in edges), *self.n_levels]
        self.n_components = max(lengths)
        self._bins = {np.dtype(float): self._padded_bins()}
        # What the input is where a component is 1; NaN, which equals nothing, where
        # there is none. float32 has all of them, and is not promoted.
        levels = np.arange(self.n_components, dtype=np.float32)
        counts = np.array(self.n_levels, int)[:, np.newaxis]
        self._levels = np.where(levels < counts, levels, np.float32(np.nan))

    def _padded_bins(self):
        """Return bins of shape (n_columns, n_components) for the columns of numbers."""
        shape = len(self.edges), self.n_components
        bins = Bins(np.zeros(shape), np.ones(shape), np.zeros(shape), np.zeros(shape))
        for i, edges in enumerate(self.edges):
            if len(edges):
                for whole, column in zip(bins, Bins.between(edges, 1.0), strict=True):
                    whole[i, : len(edges) - 1] = column
        bins.lowest[:, -1], bins.highest[:, -1] = -np.inf, np.inf
        return bins

    def output_shape(self, shape):
        """Return the shape of the output for inputs of some shape."""
        return *shape[:-1], self.n_columns * self.n_components

    def _bins_in(self, dtype):
        if dtype not in self._bins:
            self._bins[dtype] = self._bins[np.dtype(float)].astype(dtype)
        return self._bins[dtype]

    def _split(self, array):
        """Return the parts of an output or its gradient: of numbers, of categories."""
        groups = array.reshape(*array.shape[:-1], self.n_columns, self.n_components)
        n_numbers = len(self.edges)
        return groups[..., :n_numbers, :], groups[..., n_numbers:, :]

    def forward(self, inputs, out=None):
        """Set and return ``output``.

        Parameters
        ----------
        inputs : ndarray of shape (..., n_samples, n_columns)
        out : ndarray of the shape of the output, default=None

        Returns
        -------
        output : ndarray of shape (..., n_samples, n_columns * n_components)
        """
        return self._forward_function(out)(_read(inputs, self.n_columns))

    def _forward_function(self, out):
        n_numbers = len(self.edges)

        def forward(inputs):
            self.inputs = inputs
            output = out
            if output is None:
                output = np.empty(self.output_shape(inputs.shape), inputs.dtype)
            components, indicators = self._split(output)
            columns = inputs[..., np.newaxis]
            if n_numbers:
                bins = self._bins_in(output.dtype)
                bins.components(columns[..., :n_numbers, :], components)
                z = components[..., -1]
                _drawn_in(z, self.limit, z)
            np.equal(columns[..., n_numbers:, :], self._levels, indicators)
            self.output = output
            return output

        return forward

    def backward(self, dvalues, out=None):
        """Set and return ``dinputs``.

        Parameters
        ----------
        dvalues : ndarray of shape (..., n_samples, n_columns * n_components)
        out : ndarray of the shape of the inputs, default=None

        Returns
        -------
        dinputs : ndarray of shape (..., n_samples, n_columns)
        """
        return self._backward_function(out)(dvalues)

    def _backward_function(self, out=None, scratch=None):
        n_numbers = len(self.edges)

        def backward(dvalues):
            dinputs = np.empty(self.inputs.shape, dvalues.dtype) if out is None else out
            if n_numbers:
                bins = self._bins_in(dvalues.dtype)
                components = self._split(self.output)[0]
                rises = (components > bins.lowest) & (components < bins.highest)
                slopes = np.where(rises, 1.0 / bins.widths, 0.0)
                z = self.inputs[..., :n_numbers].astype(dvalues.dtype, copy=False)
                slopes[..., -1] = _slopes(z, self.limit)
                products = np.multiply(slopes, self._split(dvalues)[0], slopes)
                np.add.reduce(products, axis=-1, out=dinputs[..., :n_numbers])
            dinputs[..., n_numbers:] = 0.0
            self.dinputs = dinputs
            return dinputs

        return backward


class PlainColumns:
    """Columns side by side, each by itself: no embedding is needed.

    A number is drawn in: ``z / sqrt(1 + (z / limit)^2)``, as of `RobustClipScaler`. A
    category, which comes as the number of its level, becomes an indicator for each
    level.

    Parameters
    ----------
    n_numbers : int
        Number of columns of numbers; they come first.
    n_levels : sequence of int, default=()
        As of `PiecewiseLinear`.
    limit : float, default=3.0
        What a number does not exceed in size.

    Attributes
    ----------
    n_columns, n_outputs : int
        Number of inputs, and of numbers and indicators.
    inputs, output, dinputs : ndarray
        As of `Dense`.

    Raises
    ------
    ValueError
        If there is no column, or the limit is not positive.

    References
    ----------
    Holzmüller, Grinsztajn and Steinwart (2024), "Better by default: strong pre-tuned
    MLPs and boosted trees on tabular data", section 3, for the smooth clipping.
    """

    penalized = free = ()
    in_place, spares_output = False, True

    def __init__(self, n_numbers, n_levels=(), limit=3.0):
        self.n_numbers, self.n_levels = n_numbers, list(n_levels)
        self.n_columns = n_numbers + len(self.n_levels)
        self.limit = _checked(limit, self.n_columns)
        self.n_outputs = n_numbers + sum(self.n_levels)
        # Which input an indicator is of, and what it is where the indicator is 1.
        self._places = n_numbers + np.repeat(
            np.arange(len(self.n_levels)), self.n_levels
        )
        levels = [np.arange(n, dtype=np.float32) for n in self.n_levels]
        self._levels = np.concatenate([np.zeros(0, np.float32), *levels])

    def output_shape(self, shape):
        """Return the shape of the output for inputs of some shape."""
        return *shape[:-1], self.n_outputs

    def forward(self, inputs, out=None):
        """Set and return ``output``.

        Parameters
        ----------
        inputs : ndarray of shape (..., n_samples, n_columns)
        out : ndarray of the shape of the output, default=None

        Returns
        -------
        output : ndarray of shape (..., n_samples, n_outputs)
        """
        return self._forward_function(out)(_read(inputs, self.n_columns))

    def _forward_function(self, out):
        def forward(inputs):
            self.inputs = inputs
            output = out
            if output is None:
                output = np.empty(self.output_shape(inputs.shape), inputs.dtype)
            z = inputs[..., : self.n_numbers]
            _drawn_in(z, self.limit, output[..., : self.n_numbers])
            indicators = output[..., self.n_numbers :]
            np.equal(inputs[..., self._places], self._levels, indicators)
            self.output = output
            return output

        return forward

    def backward(self, dvalues, out=None):
        """Set and return ``dinputs``.

        Parameters
        ----------
        dvalues : ndarray of shape (..., n_samples, n_outputs)
        out : ndarray of the shape of the inputs, default=None

        Returns
        -------
        dinputs : ndarray of shape (..., n_samples, n_columns)
        """
        return self._backward_function(out)(dvalues)

    def _backward_function(self, out=None, scratch=None):
        def backward(dvalues):
            dinputs = np.empty(self.inputs.shape, dvalues.dtype) if out is None else out
            z = self.inputs[..., : self.n_numbers].astype(dvalues.dtype, copy=False)
            dnumbers, slopes = dvalues[..., : self.n_numbers], _slopes(z, self.limit)
            np.multiply(dnumbers, slopes, dinputs[..., : self.n_numbers])
            dinputs[..., self.n_numbers :] = 0.0
            self.dinputs = dinputs
            return dinputs

        return backward
