"""shap's plots as pictures: all inputs named, values untouched, missing ones kept apart, nothing left open."""

from __future__ import annotations

import io
import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt

from riskml.reporting import shap_figures
from riskml.reporting.shap_figures import beeswarm, scatter

mpl.use("agg")
N = 300


@pytest.fixture(scope="module")
def shap():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's own imports warn of is not ours to mend
        return pytest.importorskip("shap")


@pytest.fixture
def explanation(shap):
    rng = np.random.default_rng(0)
    rare = np.r_[1.0, np.zeros(N - 5), [np.nan] * 4]
    data = np.column_stack([10 ** rng.uniform(-2, 2, N), rng.integers(0, 2, N), rare])
    shown = data.astype(object)
    shown[:, 1] = np.where(data[:, 1] == 1, "present", "absent")
    names = ["MRD (%)", "Ph+", "CD3+ T cells (10^9/L)"]
    values = rng.normal(0, 0.1, (N, 3))
    return shap.Explanation(values, base_values=np.full(N, 0.2), data=data, display_data=shown, feature_names=names)


@pytest.fixture
def drawn(monkeypatch):
    """The figures as they were just before they became pictures."""
    kept = []

    def keep(figure):
        figure.canvas.draw()
        kept.append([[text.get_text() for text in axes.findobj(mpl.text.Text)] for axes in figure.axes])
        return real(figure)

    real = shap_figures._png
    monkeypatch.setattr(shap_figures, "_png", keep)
    return kept


def pixels(png):
    assert png.startswith(b"\x89PNG")
    return plt.imread(io.BytesIO(png))


def test_the_beeswarm_names_every_input_and_its_scale(explanation, drawn):
    image = pixels(beeswarm(explanation, scale="points of risk"))
    assert image.shape[1] > 600
    texts = [text for axes in drawn[0] for text in axes]
    assert {"MRD (%)", "Ph+", "CD3+ T cells (10⁹/L)", "effect, points of risk"} <= set(texts)
    assert "value of the input" in texts
    assert plt.get_fignums() == []


def test_one_present_in_many_keeps_its_colour_where_some_are_missing(explanation):
    shown = shap_figures._colourable(explanation.data)
    assert np.isfinite(shown[:, 2]).all(), "shap would grey the whole line"
    assert shown[0, 2] == 1
    assert (shown[:, :2] == explanation.data[:, :2]).all()
    assert np.isnan(explanation.data[:, 2]).sum() == 4, "the explanation itself stays as it is"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_dependence_of_numbers_and_levels(explanation, drawn, place):
    pixels(scatter(explanation, place, scale="points of risk", log=place == 0))
    texts = {text for axes in drawn[0] for text in axes}
    assert "effect, points of risk" in texts
    assert {0: {"0.1", "10"}, 1: {"absent", "present"}, 2: {"CD3+ T cells (10⁹/L)"}}[place] <= texts


def test_points_are_in_points_and_values_are_not(explanation):
    shown = shap_figures._in_points(explanation)
    assert (shown.values == 100 * explanation.values).all()
    assert (shown.base_values == 20).all()
    assert (shown.data[:, 0] == explanation.data[:, 0]).all()


def test_an_input_without_a_value_is_said(explanation, drawn):
    explanation.data[:, 2] = np.nan
    pixels(scatter(explanation, 2, scale="points", log=False))
    assert "no row has a value" in {text for axes in drawn[0] for text in axes}
