"""Arrays -> SVG text: small drawings that read at phone width, in one accent colour, with words beside every colour.

Nothing here sees a patient (but for the lanes of a swimmer plot, which stay at their site), a model or a bundle. Each
function returns one ``<svg>`` element to be put into a page: its ids carry the figure's name, so that many can stand in
one document, and the same arrays give the same bytes.
"""

from __future__ import annotations

from riskml.reporting.figures.batches import control_chart, cusum
from riskml.reporting.figures.curves import decision_curve, learning_curve, survival_curve
from riskml.reporting.figures.effects import dependence, over_time
from riskml.reporting.figures.inputs import importance, waterfall
from riskml.reporting.figures.intervals import before_after, contrast, forest
from riskml.reporting.figures.kaplan_meier import kaplan_meier
from riskml.reporting.figures.nomogram import nomogram
from riskml.reporting.figures.predictions import calibration, distribution, stability
from riskml.reporting.figures.swimmer import swimmer

__all__ = [
    "before_after",
    "calibration",
    "contrast",
    "control_chart",
    "cusum",
    "decision_curve",
    "dependence",
    "distribution",
    "forest",
    "importance",
    "kaplan_meier",
    "learning_curve",
    "nomogram",
    "over_time",
    "stability",
    "survival_curve",
    "swimmer",
    "waterfall",
]
