"""One drawing of each kind, and what a reader of it sees."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np

from riskml.reporting import figures
from riskml.reporting.nomogram import Answer, Nomogram
from riskml.reporting.nomogram_axes import Axis
from riskml.reporting.nomogram_runs import Run, Tick
from riskml.training.describe.table import Curve, CurveSet, Lane, LaneSet

GROUPS = {
    "predicted": [0.005, 0.01, 0.02, 0.04, 0.17],
    "observed": [0.0, 0.0, 0.04, 0.04, 0.16],
    "low": [0.0, 0.0, 0.01, 0.01, 0.06],
    "high": [0.13, 0.13, 0.2, 0.2, 0.35],
    "patients": [26, 25, 25, 25, 24],
}
SMOOTH = {
    "risk": [0.01, 0.05, 0.1, 0.2],
    "observed": [0.01, None, 0.09, 0.2],
    "low": [0, None, 0.02, 0],
    "high": [0.1, None, 0.3, 1],
}
BOX = [0.02, 0.05, 0.1, 0.2, 0.3]
LIMITS = [(0.2, 0.5, 1.5, 1.8)] * 3


def stepped(label, *steps, numbers=("60", "41", "<5")):
    """A curve from (month, value) pairs with a band of 10 points, at risk at months 0, 12 and 24."""
    months, value = (np.array(series, dtype=float) for series in zip(*steps, strict=True))
    return Curve(label, months, value, np.maximum(value - 0.1, 0), np.minimum(value + 0.1, 1), numbers)


def curve_set(*curves, title="Event-free survival", **fields):
    return CurveSet("efs", title, "event-free", (0.0, 12.0, 24.0), curves, **fields)


TWO_CURVES = (stepped("R/R", (0, 1), (5, 0.8), (20, 0.6)), stepped("CR-MRDpos", (0, 1), (9, 0.9), (24, 0.85)))
LANES = (
    Lane("R/R", 20.0, ((0.0, 1.0), (2.0, 2.9)), ((1.0, "response"), (14.0, "relapse"), (20.0, "death"))),
    Lane("CR-MRDpos", 24.0, ((0.0, 1.0),), ((1.0, "response"),), going_on=True),
)
LESION = Axis("Ph+", "", ("ph",), (Run((Tick("absent", 0, 0, (0.0,)), Tick("present", 40, 0, (1.0,))), "single"),))
AGE = Axis("Age", "0 to 18 years", ("age",), (Run((Tick("0", 0, 0, (0.0,)), Tick("18", 100, 0, (18.0,))), "linear"),))
RISK = Answer("Risk, %", None, (Tick("10", 30.0, 1, (0.1,)), Tick("50", 90.0, 1, (0.5,))), (0.05, 0.2))
NOMOGRAM = Nomogram((LESION, AGE), 140.0, -3.0, 0.03, (RISK,), (), 0.01)
DRAWINGS = {
    "calibration": lambda name, title: figures.calibration(name, **GROUPS, title=title),
    "smooth": lambda name, title: figures.calibration(
        name, **GROUPS, title=title, smooth=SMOOTH, quantiles=[0.01, 0.02]
    ),
    "distribution": lambda name, title: figures.distribution(
        name, [("with (9)", BOX), ("without (<5)", [])], title=title
    ),
    "stability": lambda name, title: figures.stability(name, [0.1, 0.2], [0.05, 0.1], [0.2, None], title=title),
    "importance": lambda name, title: figures.importance(
        name, ["MRD", "Age"], [0.4, 0.0], scale="log-odds", title=title
    ),
    "interval": lambda name, title: figures.importance(
        name, ["MRD", "Age"], [6.0, 0.0], [(1.4, 13.1), (0.0, 7.0)], scale="points of risk", title=title
    ),
    "dependence": lambda name, title: figures.dependence(
        name, [0.01, 0.1, 10.0], [0.05, 0.0, -0.2], log=True, label="MRD (%)", scale="points of risk", title=title
    ),
    "levels": lambda name, title: figures.dependence(
        name, ["absent", "present"], [0.027, -0.234], log=False, label="Ph+", scale="points of risk", title=title
    ),
    "over_time": lambda name, title: figures.over_time(
        name, [0.0, 6.0, 12.0], {"MRD": [0.0, 0.05, 0.06], "Age": [0.0, 0.01, 0.0]}, scale="points", title=title
    ),
    "waterfall": lambda name, title: figures.waterfall(
        name, 0.163, [("MRD: < 0.01 %", -0.086), ("Ph+: absent", 0.012), ("CD3: 1", 0.0)], 0.089,
        start="average", end="this patient", scale="risk", title=title,
    ),
    "survival": lambda name, title: figures.survival_curve(
        name, [0.0, 6.0, 12.0], [1.0, 0.9, 0.8], [1.0, 0.8, 0.6], [1.0, 0.95, 0.9], [1.0, 0.95, 0.85],
        marks=[6.0, 12.0], title=title,
    ),
    "decision": lambda name, title: figures.decision_curve(
        name, [0.1, 0.2, 0.3], [0.1, 0.05, None], [0.0, 0.0, None], [0.2, 0.1, None], [0.08, -0.04, -0.2],
        comparator=[0.07, 0.01, 0.0], title=title,
    ),
    "learning": lambda name, title: figures.learning_curve(
        name, [30, 60, 105], [0.5, 0.46, 0.44], [0.4, 0.42, 0.41], [0.6, 0.5, 0.47],
        fitted=([30, 100, 200], [0.5, 0.44, 0.42]), target=("the comparator", 0.45), title=title, measure="log-loss",
    ),
    "forest": lambda name, title: figures.forest(
        name, [("A", 0.7, 0.6, 0.8, ""), ("B", None, None, None, "not estimable: <5 events")],
        summary=("together", 0.7, 0.65, 0.75, ""), prediction=(0.5, 0.9), reference=0.5, title=title, measure="AUC",
    ),
    "before_after": lambda name, title: figures.before_after(
        name, [("AUC", (0.7, 0.6, 0.8), (0.72, 0.6, 0.81), 1.0)], title=title
    ),
    "contrast": lambda name, title: figures.contrast(name, [("Age", 0.05), ("MRD", 3.2), ("Ph+", None)], title=title),
    "control_chart": lambda name, title: figures.control_chart(
        name, ["2022", "2023", "2024"], [1.0, 1.6, 2.5], [0.5, 1.0, None], [1.5, 2.0, None], LIMITS, title=title
    ),
    "nomogram": lambda name, title: figures.nomogram(name, NOMOGRAM, title=title),
    "kaplan_meier": lambda name, title: figures.kaplan_meier(name, curve_set(*TWO_CURVES, title=title)),
    "swimmer": lambda name, title: figures.swimmer(name, LaneSet("courses", title, LANES)),
    "cusum": lambda name, title: figures.cusum(name, ["2022", "2023"], [0.0, 5.0], [0.5, 0.0], (4.0, 4.0), title=title),
}  # fmt: skip


def draw(kind, name="fig", title="Drawing <of> it"):
    return DRAWINGS[kind](name, title)


def words_in(svg):
    return [" ".join(element.itertext()).strip() for element in ET.fromstring(svg).iter("text")]


def ticks_in(svg):
    """Every number on an axis or elsewhere in the drawing."""
    texts = (text.replace("\N{MINUS SIGN}", "-").removesuffix(" %") for text in words_in(svg))
    return [float(text) for text in texts if text.removeprefix("-").replace(".", "", 1).isdigit()]
