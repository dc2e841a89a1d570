"""Displays of fitted networks, and the link of the HTML representation."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import DEFAULT_TABLE, KINDS, OURS, table
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_backprop.inspection import FirstLayerDisplay, LossCurveDisplay

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def fitted(kind, **settings):
    X, y = table(DEFAULT_TABLE[kind])
    return OURS[kind]((4, 3), max_iter=5, random_state=0, **settings).fit(X, y)


CURVES = {
    "training": ({}, 1),
    "validation": ({"early_stopping": True}, 2),
    "lbfgs": ({"solver": "lbfgs"}, 1),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_curves_are_lines(kind, name):
    settings, n_lines = CURVES[name]
    model = fitted(kind, **settings)
    display = LossCurveDisplay.from_estimator(model, linewidth=3)
    assert len(display.lines_) == n_lines
    curves = [model.loss_curve_, model.validation_loss_curve_]
    for line, curve in zip(display.lines_, curves, strict=False):
        assert_array_equal(line.get_xdata(), np.arange(1, len(curve) + 1))
        assert_array_equal(line.get_ydata(), curve)
        assert line.get_linewidth() == 3
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    whats = ["training", "validation"][:n_lines]
    assert labels == [f"{type(model).__name__}, {what}" for what in whats]
    again = display.plot(ax=display.ax_, name="again")
    assert again.ax_ is display.ax_ and again.figure_ is display.ax_.figure


def test_a_pipeline_shows_its_last_step():
    X, y = table("iris")
    pipeline = make_pipeline(StandardScaler(), OURS["classifier"]((4,), max_iter=5))
    pipeline.fit(X, y)
    LossCurveDisplay.from_estimator(pipeline)
    display = FirstLayerDisplay.from_estimator(pipeline)
    assert_array_equal(display.images_[0].get_array(), pipeline[-1].coefs_[0])


def test_first_layer_weights_are_a_table_with_names_or_pictures():
    model = fitted("classifier")
    model.feature_names_in_ = np.array(["a", "b", "c", "d"], dtype=object)
    display = FirstLayerDisplay.from_estimator(model)
    ticks = [tick.get_text() for tick in display.axes_[0, 0].get_yticklabels()]
    assert ticks == ["a", "b", "c", "d"]
    limits = display.images_[0].get_clim()
    assert limits == (-np.abs(model.coefs_[0]).max(), np.abs(model.coefs_[0]).max())
    pictures = FirstLayerDisplay.from_estimator(model, image_shape=(2, 2), cmap="gray")
    assert len(pictures.images_) == 4
    for picture, neuron in zip(pictures.images_, model.coefs_[0].T, strict=True):
        assert_array_equal(picture.get_array(), neuron.reshape(2, 2))
        assert picture.get_cmap().name == "gray"
    two = FirstLayerDisplay.from_estimator(model, max_neurons=2)
    norms = np.linalg.norm(model.coefs_[0], axis=0)
    assert_array_equal(two.weights, model.coefs_[0][:, np.sort(norms.argsort()[2:])])


REFUSED = {
    "shape": ({"image_shape": (3, 2)}, ValueError, "pictures with 4 pixels"),
    "shape_of_three": ({"image_shape": (2, 2, 1)}, ValueError, "pictures with 4"),
    "neurons": ({"max_neurons": 0}, ValueError, "max_neurons must be an integer"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shown_is_named(name):
    settings, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        FirstLayerDisplay.from_estimator(fitted("classifier"), **settings)


@pytest.mark.parametrize("display", [LossCurveDisplay, FirstLayerDisplay])
def test_only_what_is_fitted_is_shown(display):
    with pytest.raises(NotFittedError):
        display.from_estimator(OURS["classifier"]())


def test_a_model_without_curve_is_named():
    model = fitted("regressor")
    made = OURS["regressor"].from_arrays(model.coefs_, model.intercepts_)
    with pytest.raises(ValueError, match="has no loss_curve_: it has not been trained"):
        LossCurveDisplay.from_estimator(made)


@pytest.mark.parametrize("display", [LossCurveDisplay, FirstLayerDisplay])
def test_without_matplotlib_the_extra_is_named(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    name = display.__name__
    with pytest.raises(ImportError, match=f"{name} needs .*extra 'plots' brings: pip"):
        display.from_estimator(fitted("classifier"))


@pytest.mark.parametrize("kind", KINDS)
def test_the_html_representation_links_to_the_documentation(kind):
    html = OURS[kind]()._repr_html_()
    assert f"api.html#sklearn_backprop.{OURS[kind].__name__}" in html
