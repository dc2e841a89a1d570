"""A classifier's labels, as the targets that a network is trained on."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)

from ._data import squeeze_column
from ._links import classifier_link, is_softmax, makes_probabilities
from ._tasks import Classification


@dataclass(frozen=True)
class Labels:
    """The labels of some rows."""

    y: np.ndarray
    """One label per row, or an indicator of 0 and 1 with a column for each."""
    values: np.ndarray
    """The labels that occur, sorted; for an indicator the numbers of its columns."""
    is_multilabel: bool


def read_labels(y):
    """Return the labels that `y` holds.

    Raises
    ------
    ValueError
        If they are of several types, continuous, missing, or of several outputs.
    """
    y = squeeze_column(y)
    _check_objects(y, "y")
    kind = type_of_target(y, input_name="y")
    if kind == "multiclass-multioutput":
        raise ValueError(
            "Multioutput target data is not supported: y must be one column of "
            "labels, or a multilabel indicator matrix of 0 and 1."
        )
    if kind == "multilabel-indicator":
        indicator = _read_indicator(y)
        return Labels(indicator, np.arange(indicator.shape[1]), True)
    if kind not in ("binary", "multiclass"):
        check_classification_targets(y)  # Raises.
    # Of objects alone NumPy would keep the dtype, where scikit-learn gives strings.
    values = unique_labels(y) if y.dtype.kind == "O" else np.unique(y)
    return Labels(y, values, False)


def _check_objects(y, name):
    """Raise ValueError where labels cannot be told apart or put in order."""
    if getattr(getattr(y, "dtype", None), "kind", None) != "O":
        return
    missing = {None if x is None else "NaN" for x in y.flat if x is None or x != x}
    if missing:
        raise ValueError(f"Input {name} contains {missing.pop()}: a label is missing.")
    is_text = np.array([isinstance(label, str) for label in y.flat])
    if is_text.any() and not is_text.all():
        others = {type(label).__name__ for label in y.flat} - {"str"}
        raise ValueError(
            f"Unknown label type: {name} mixes labels of str with labels of "
            f"{', '.join(sorted(others))}; convert them to one type."
        )
    types = {type(label).__name__ for label in y.flat}
    if types <= {"bool", "float", "int"}:
        raise ValueError(
            f"Unknown label type: {name} holds {' and '.join(sorted(types))} as "
            f"objects; convert it, for example by {name}.astype({max(types)})."
        )


def _read_indicator(y):
    """Return a multilabel y as bytes of 0 and 1."""
    y = y.toarray() if sp.issparse(y) else np.asarray(y)
    indicator = y != 0
    values = np.unique(y)
    if indicator.all() and len(values) > 1:
        raise ValueError(
            f"A multilabel y must hold 0 where a label does not apply, got {values}."
        )
    return np.ascontiguousarray(indicator).view(np.int8)


def read_classes(classes, known):
    """Return the classes of a `partial_fit`, sorted.

    Parameters
    ----------
    classes : array-like or None
        What the call was given.
    known : ndarray or None
        The classes so far.
    """
    if classes is None:
        if known is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return known
    classes = np.asarray(classes)
    if known is not None and classes.tolist() == known.tolist():
        return known
    _check_objects(classes, "classes")
    if type_of_target(classes, input_name="classes").startswith("continuous"):
        raise ValueError(f"Unknown label type: classes holds fractions: {classes}.")
    given = unique_labels(classes)
    if known is not None and not np.array_equal(known, given):
        raise ValueError(
            f"`classes={classes!r}` is not the same as on last call to "
            f"partial_fit, was: {known!r}"
        )
    return given


def read_classification(y, loss, fitted, classes):
    """Return what the labels determine, and the targets to train on.

    Parameters
    ----------
    y : array-like
    loss : Loss
    fitted : Classification or None
        That of the model which training goes on from.
    classes : ndarray or None
        All labels that may occur, where `y` need not hold them all.

    Returns
    -------
    task : Classification
    targets : ndarray
        Class indices of shape (n_samples,), or columns of 0 and 1.

    Raises
    ------
    ValueError
        If the labels do not go with the loss, the classes or the fitted model.
    """
    labels = read_labels(y)
    if fitted is not None:
        check_classes(fitted)
        if labels.is_multilabel != fitted.is_multilabel:
            kinds = {False: "one label per row", True: "a multilabel indicator"}
            raise ValueError(
                f"y is {kinds[labels.is_multilabel]} now, and was "
                f"{kinds[fitted.is_multilabel]} when training began."
            )
    may_be_partial = classes is not None
    if classes is None:
        classes = labels.values if fitted is None else fitted.classes
    _check_known(labels, classes, complete=not may_be_partial)
    fitted_link = None if fitted is None else fitted.link
    link = classifier_link(loss, len(classes), labels.is_multilabel, fitted_link)
    one_column = len(classes) <= 2 and not is_softmax(link)
    n_outputs = 1 if one_column and not labels.is_multilabel else len(classes)
    task = Classification(classes, link, n_outputs)
    if labels.is_multilabel:
        return task, labels.y
    indices = _class_indices(labels.y, classes)
    return task, indices.astype(np.int8)[:, np.newaxis] if one_column else indices


def class_weights(class_weight, task, targets, is_incremental):
    """Return a weight for each row by its label, or None.

    Parameters
    ----------
    class_weight : dict, list of dict, 'balanced' or None
        The estimator's.
    task : Classification
    targets : ndarray
        What `read_classification` has returned.
    is_incremental : bool
        Whether the rows may not have all labels.

    Returns
    -------
    weights : ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or a label is unknown.
    """
    if class_weight is None:
        return None
    if is_incremental and isinstance(class_weight, str):
        raise ValueError(
            f"class_weight={class_weight!r} needs all rows at once, so partial_fit "
            "does not support it: pass a dict."
        )
    if task.is_multilabel:
        weights = compute_sample_weight(class_weight, targets)
    else:
        y = task.given(targets)
        of_classes = compute_class_weight(class_weight, classes=task.classes, y=y)
        weights = of_classes[targets.reshape(len(targets))]
    if not np.isfinite(weights).all() or weights.min() < 0:
        raise ValueError(
            "class_weight must hold finite numbers that are not negative, got "
            f"{class_weight}."
        )
    return weights


def _check_known(labels, classes, *, complete):
    """Check that labels are among the classes, or, if `complete`, that all occur."""
    given, known = set(labels.values.tolist()), set(np.asarray(classes).tolist())
    if complete and given != known:
        raise ValueError(
            "warm_start can only be used where `y` has the same classes as in the "
            f"previous call to fit. Previously got {classes}, `y` has {labels.values}"
        )
    if not given <= known:
        raise ValueError(
            "`y` has classes not in `self.classes_`. "
            f"`self.classes_` has {classes}. 'y' has {labels.values}."
        )
    if labels.is_multilabel and len(labels.values) != len(classes):
        raise ValueError(
            f"y has {len(labels.values)} columns, but there are {len(classes)} labels."
        )


def _class_indices(y, classes):
    """Return the position of each label among the classes, which are sorted."""
    return np.searchsorted(classes, np.asarray(y).astype(classes.dtype, copy=False))


def check_classes(task, name="classes_"):
    """Check that the labels go with the outputs.

    Parameters
    ----------
    task : Classification
    name : str
        What to call the labels.

    Raises
    ------
    ValueError
        If their number does not fit, or they are not sorted, so that they could not
        be looked up.
    """
    classes, n_outputs = task.classes, task.n_outputs
    if classes.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {classes.shape}.")
    if classes.dtype.kind in "cS":  # As `fit` refuses them.
        kind = "complex" if classes.dtype.kind == "c" else "bytes"
        raise ValueError(f"{name} must not be {kind}, got {classes.tolist()}.")
    one_column = n_outputs == 1 and not is_softmax(task.link)
    fitting = {1, 2} if one_column else {n_outputs}
    if len(classes) not in fitting:
        raise ValueError(
            f"{name} must have {max(fitting)} labels for {n_outputs} output(s), got "
            f"{len(classes)}: {classes.tolist()}."
        )
    if not makes_probabilities(task.link, n_outputs):
        name = name.replace("classes", "out_activation")
        raise ValueError(
            f"{name} is {task.link!r}, which makes no probabilities of {n_outputs} "
            "output(s): a classifier needs 'logistic' or 'softmax'."
        )
    if not np.array_equal(classes, np.unique(classes)):
        raise ValueError(
            f"{name} must be sorted and distinct, got {classes.tolist()}: sort the "
            "labels and the columns of the last layer alike."
        )
    if task.is_multilabel and classes.tolist() != list(range(n_outputs)):
        raise ValueError(
            f"{name} must number the columns of a multilabel y, from 0 to "
            f"{n_outputs - 1}, got {classes.tolist()}."
        )
