"""Links: what turns the output of a network into a prediction.

A link is the name of an activation or a layer, as `out_activation_` holds it. A loss
names its own, or leaves it to the task.
"""

import numpy as np

from ._parameters import LINKS, layer_maker
from .layers import Logistic, Softmax

# Logits that a link is tried on, and how exact its probabilities must be.
TRIED, NEARLY = np.array([-30.0, -1.0, 0.0, 0.3, 30.0]), 1e-6


def is_softmax(link):
    """Return whether a link makes rows of probabilities that sum to one."""
    return link == "softmax" if isinstance(link, str) else isinstance(link, Softmax)


def is_logistic(link):
    """Return whether a link makes each output a probability by itself."""
    return link == "logistic" if isinstance(link, str) else isinstance(link, Logistic)


def apply_link(link, logits):
    """Return what a link makes of logits.

    Parameters
    ----------
    link : str or layer
    logits : ndarray of shape (n_samples, n_outputs)

    Returns
    -------
    output : ndarray of shape (n_samples, n_outputs)
    """
    return layer_maker(link, LINKS, "out_activation_")().forward(logits)


def makes_probabilities(link, n_outputs):
    """Return whether a link makes probabilities of some outputs.

    Of one output that of the second of two classes, of several rows that sum to one;
    'logistic' makes each a probability by itself. Any other link is tried.

    Parameters
    ----------
    link : str or layer
    n_outputs : int
    """
    if is_logistic(link) or is_softmax(link):
        return True
    logits = TRIED[:, np.newaxis] * np.cos(np.arange(n_outputs))
    with np.errstate(all="ignore"):
        found = apply_link(link, logits)
    sums = found.sum(axis=1) if n_outputs > 1 else np.ones(len(found))
    within = (found >= 0.0) & (found <= 1.0 + NEARLY)
    return bool(within.all() and (abs(sums - 1.0) <= NEARLY).all())


def classifier_link(loss, n_classes, is_multilabel, fitted=None):
    """Return the link by which a loss's network predicts labels.

    Parameters
    ----------
    loss : Loss
    n_classes : int
    is_multilabel : bool
    fitted : str or layer, default=None
        The link of the model that training goes on from.

    Returns
    -------
    link : str or layer

    Raises
    ------
    ValueError
        If the loss is not for such labels, or not for that model.
    """
    suggested = "logistic" if is_multilabel or n_classes <= 2 else "softmax"
    link = _chosen_link(loss, suggested, fitted)
    owner = f"loss={loss!r}, whose link is {link!r},"
    if loss.out_activation is None:
        owner = f"A model with out_activation_={link!r}"
    if is_multilabel and not is_logistic(link):
        raise ValueError(
            f"{owner} is for labels that exclude one another: a multilabel y needs "
            "'logistic'."
        )
    if is_logistic(link) and n_classes > 2 and not is_multilabel:
        raise ValueError(
            f"{owner} is for two classes or a multilabel y: y has {n_classes} classes."
        )
    if not makes_probabilities(link, n_classes if n_classes > 2 else 1):
        raise ValueError(
            f"{owner} makes no probabilities to train by: a classifier needs "
            "'logistic' or 'softmax'."
        )
    return link


def regressor_link(loss, fitted=None):
    """Return the link by which a loss's network predicts numbers.

    Parameters
    ----------
    loss : Loss
    fitted : str or layer, default=None
        The link of the model that training goes on from.

    Raises
    ------
    ValueError
        If the loss is for labels, or not for that model.
    """
    if loss.default_score == "accuracy":
        raise ValueError(f"loss={loss!r} is for labels: a regressor needs another.")
    return _chosen_link(loss, "identity", fitted)


def _chosen_link(loss, suggested, fitted):
    """Return the loss's link, which must be the fitted one, or else what fits."""
    link = loss.out_activation
    if link is not None:
        layer_maker(link, LINKS, f"loss={loss!r}: out_activation")
    if link is None:
        return suggested if fitted is None else fitted
    if fitted is not None and _layer_class(link) is not _layer_class(fitted):
        raise ValueError(
            f"loss={loss!r} predicts by the link {link!r}, but training goes on from a "
            f"model with out_activation_={fitted!r}. Set loss back, or fit anew with "
            "warm_start=False."
        )
    return link if fitted is None else fitted


def _layer_class(link):
    return LINKS.get(link) if isinstance(link, str) else type(link)
