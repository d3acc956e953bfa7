"""shap's own plots of a cohort, as PNG: one point a patient, so they are for whoever holds the cohort and no report.

Pictures of points and not drawings of numbers: an SVG would carry every patient's value to the last digit.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

from riskml.reporting.figures.canvas import ACCENT, GREY, INK
from riskml.reporting.words import printed, signed

if TYPE_CHECKING:
    import shap

_STYLE = {
    "font.family": "DejaVu Sans",
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,
}
_DPI = 150


@contextmanager
def _sheet(width: float, height: float) -> Iterator[Any]:
    """A pyplot figure, which is where shap draws, closed whatever happens."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - nothing else of the house needs it

    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's drawing warns of is not the reader's to mend
        figure = plt.figure(figsize=(width, height))
        try:
            yield figure
        finally:
            plt.close(figure)


def _png(figure: Any) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def _in_points(explanation: shap.Explanation, data: Any = None) -> shap.Explanation:
    """The same in points of 100 and with printed units, as everywhere else in the house."""
    import shap  # noqa: PLC0415 - takes seconds

    return shap.Explanation(  # its own arithmetic would multiply the patients' values, too
        100 * explanation.values,
        base_values=100 * explanation.base_values,
        data=explanation.data if data is None else data,
        display_data=explanation.display_data,
        feature_names=[printed(name) for name in explanation.feature_names],
    )


def _colourable(data: Any) -> Any:
    """Values that shap can colour: of a column with one value in nearly all rows it would grey all for one missing."""
    shown = np.array(data)
    for column in shown.T:
        known = column[np.isfinite(column)]
        if len(known) and np.quantile(known, 0.01) == np.quantile(known, 0.99):
            column[np.isnan(column)] = known.min()
    return shown


def beeswarm(explanation: shap.Explanation, *, scale: str) -> bytes:
    """One point a row and input, coloured by the value of the input; grey where it is missing."""
    import shap  # noqa: PLC0415 - takes seconds

    n_inputs = explanation.shape[1]
    with _sheet(7, 1.2 + 0.42 * n_inputs) as figure:
        shown = _in_points(explanation, _colourable(explanation.data))
        shap.plots.beeswarm(shown, max_display=n_inputs, show=False, plot_size=None, s=14)
        axes = figure.axes[0]
        axes.set_xlabel(f"effect, {scale}", fontsize=11)
        axes.tick_params(labelsize=11)
        _signed(axes.xaxis)
        if len(figure.axes) > 1:
            figure.axes[-1].set_ylabel("value of the input", fontsize=10)
        return _png(figure)


def scatter(explanation: shap.Explanation, place: int, *, scale: str, log: bool) -> bytes:
    """Effect of one input against its value, one point a row that has one."""
    import shap  # noqa: PLC0415

    known = np.isfinite(explanation.data[:, place])
    with _sheet(5.5, 3.8) as figure:
        axes = figure.subplots()
        axes.axhline(0, color=GREY, linewidth=0.8)
        if not known.any():
            axes.text(0.5, 0.5, "no row has a value", ha="center", va="bottom", transform=axes.transAxes)
            return _png(figure)
        shown = _in_points(explanation)[known, place]
        shap.plots.scatter(shown, ax=axes, show=False, color=ACCENT, alpha=0.6, hist=False, x_jitter=0.3)
        axes.tick_params(axis="x", labelrotation=0, labelsize=10)
        axes.set_ylabel(f"effect, {scale}", fontsize=11)
        axes.set_xlabel(printed(explanation.feature_names[place]), fontsize=11)
        if log and (shown.data > 0).all():
            axes.set_xscale("log")
            axes.set_xlim(shown.data.min() / 1.5, shown.data.max() * 1.5)
            axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
        _signed(axes.yaxis)
        return _png(figure)


def _signed(axis: Any) -> None:
    axis.set_major_formatter(lambda x, _: "0" if abs(x) < 1e-9 else signed(x, 0 if float(x).is_integer() else 1))
