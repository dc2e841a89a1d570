"""Products of a Dense layer in general: sparse inputs, and several networks at once.

A layer of one network with dense inputs needs none of this. With several networks any
of the operands may have them as a leading axis: weights of shape (n_networks, n_inputs,
n_neurons) or, where all networks share them, (n_inputs, n_neurons); likewise biases,
inputs and gradients. What is shared gets the sum of the gradients of all networks.
"""

import numpy as np


def transpose(array):
    """Swap the last two axes; sparse matrices have ``.T`` alone."""
    return array.T if array.ndim == 2 else np.swapaxes(array, -1, -2)


def flat_rows(array):
    """Return an array with the rows of all networks one below the other."""
    return array.reshape(-1, array.shape[-1])


def multiply(left, right, out=None):
    """Return ``left @ right``, of any operands.

    Parameters
    ----------
    left : {ndarray, sparse matrix} of shape (..., n_rows, n_inner)
    right : ndarray of shape (..., n_inner, n_columns)
    out : ndarray of shape (..., n_rows, n_columns), default=None
    """
    if not isinstance(left, np.ndarray):
        if right.ndim == 2:
            return _stored(left @ right, out)
        return _stored(np.stack([left @ matrix for matrix in right]), out)
    if left.ndim == 2 or right.ndim == 3:
        return np.matmul(left, right, out=out)
    # The networks share the matrix: one product of all their rows.
    shape = *left.shape[:-1], right.shape[-1]
    if out is not None and out.flags.c_contiguous:
        np.matmul(flat_rows(left), right, out=flat_rows(out))
        return out
    return _stored(np.matmul(flat_rows(left), right).reshape(shape), out)


def _stored(result, out):
    if out is None:
        return result
    out[...] = result
    return out


def forward(inputs, weights, biases, out):
    """Return ``inputs @ weights + biases``."""
    n_axes = max(inputs.ndim, weights.ndim)
    product = multiply(inputs, weights, out if biases.ndim <= n_axes else None)
    return np.add(product, biases, product if biases.ndim <= n_axes else out)


def weights_gradient(inputs, dvalues, n_axes, out):
    """Return ``inputs.T @ dvalues``; with two axes, the sum over all networks."""
    if n_axes == 2 and dvalues.ndim == 3:
        if inputs.ndim == 3:
            inputs, dvalues = flat_rows(inputs), flat_rows(dvalues)
        else:
            dvalues = np.add.reduce(dvalues, axis=0)
    return multiply(transpose(inputs), dvalues, out)


def biases_gradient(dvalues, out):
    """Return the sums over the rows of all networks."""
    return np.add.reduce(flat_rows(dvalues), axis=0, keepdims=True, out=out)


def inputs_gradient(dvalues, weights, n_axes, out):
    """Return ``dvalues @ weights.T``; with two axes, the sum over all networks."""
    if n_axes == 3 or dvalues.ndim == 2:
        return multiply(dvalues, transpose(weights), out)
    if weights.ndim == 2:
        return multiply(np.add.reduce(dvalues, axis=0), weights.T, out)
    return np.add.reduce(np.matmul(dvalues, transpose(weights)), axis=0, out=out)
