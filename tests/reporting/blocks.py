"""Invented blocks of an evaluation, in the shape in which the training writes them."""

from __future__ import annotations

import re


def interval(value, low, high):
    return {"value": value, "low": low, "high": high, "level": 0.95, "method": "by hand"}


def metrics(c, low, high):
    return {"auc": interval(c, low, high), "observed_expected": interval(1.2, 0.6, 2.1)}


DECISION = {
    "thresholds": [0.05, 0.1, 0.2], "net_benefit": [0.1, 0.08, 0.02], "low": [0.05, 0.02, -0.05],
    "high": [0.15, 0.12, 0.1], "treat_all": [0.1, 0.05, -0.06], "words": "better between 5 and 10 %",
    "at": [
        {
            "name": "lowest", "threshold": 0.05, "net_benefit": interval(0.1, 0.05, 0.15),
            "less_treat_all": interval(0.002, 0.001, 0.004), "interventions_avoided_per_100": interval(3.75, 1.25, 6.9),
        },
        {"name": "highest", "threshold": 0.2, "withheld": "fewer than 5 patients on one side of the threshold"},
    ],
}  # fmt: skip
SUBGROUPS = [
    {
        "name": "ph", "label": "Ph+", "n_patients": "31", "n_events": "7", "metrics": metrics(0.6, 0.4, 0.78),
        "differences": {"brier": interval(0.02, -0.03, 0.07), "net_benefit": interval(-0.01, -0.05, 0.02)},
        "level": "present", "threshold": 0.1, "why": "published", "words": "no difference from the rest is shown",
    },
    {
        "name": "infant", "label": "Infants", "n_patients": "12", "n_events": "<5", "metrics": {},
        "why_not": "3 events; 10 are needed",
    },
]  # fmt: skip
POOLED = {
    "value": 0.65,
    "low": 0.55,
    "high": 0.73,
    "prediction_low": 0.42,
    "prediction_high": 0.83,
    "tau": 0.2,
    "k": 4,
    "scale": "logit",
}
CENTRES = {
    "by": "centre", "words": "Judged in 4 of 5 centres.", "summary": {"auc": POOLED},
    "rows": [
        {"label": "North", "n_patients": "40", "n_events": "9", "metrics": metrics(0.7, 0.5, 0.85)},
        {"label": "South", "n_patients": "20", "n_events": "0", "metrics": {}, "why_not": "not estimable: no events"},
    ],
}  # fmt: skip
MONTHS = [
    {"month": 6.0, "withheld": "3 patients with the event"},
    {"month": 12.0, "observed_expected": interval(1.2, 0.7, 1.8)},
]
D_CALIBRATION = {"statistic": 1.0, "p_value": 0.6, "bins": [0.4, 0.6], "words": "no disagreement is shown (P 0.6)"}
BLOCKS = {
    "smooth_calibration": {"risk": [0.05, 0.2], "observed": [0.06, 0.15], "low": [0.0, 0.05], "high": [0.2, 0.5]},
    "decision_curve": DECISION,
    "differences": [
        {"measure": "brier", "against": "prevalence", **interval(-0.01, -0.02, -0.004)},
        {"measure": "auc", "against": "cytogenetics alone", **interval(0.05, -0.02, 0.12)},
    ],
    "calibration_at": MONTHS,
    "subgroups": SUBGROUPS,
    "centres": CENTRES,
    "learning_curve": {
        "measure": "log_loss", "sizes": [40, 80], "mean": [0.5, 0.45], "low": [0.4, 0.4], "high": [0.6, 0.5],
        "fitted": {"sizes": [40, 80, 160], "values": [0.5, 0.45, 0.42]}, "words": "Twice as many would help a little.",
        "discrimination": {"measure": "auc", "mean": [0.6, 0.65], "low": [0.5, None], "high": [0.7, None]},
    },
    "temporal": {
        "by": "date", "unknown": "0", "metrics": metrics(0.6, 0.4, 0.8), "why_not": None,
        "learned": {"n_patients": "70", "n_events": "14"}, "judged": {"n_patients": "35", "n_events": "7"},
        "words": "it served them less well",
    },
    "bootstrap": {
        "apparent": {"auc": 0.81, "brier": 0.09}, "corrected": {"auc": interval(0.68, 0.5, 0.8), "brier": None},
        "point_632_plus": {"auc": 0.64},
    },
}  # fmt: skip
STABILITY = {
    "risk": [0.05, 0.3], "low": [0.01, 0.1], "high": [0.2, 0.6], "mean_absolute_difference": 0.043,
    "words": "it moved", "classification": [{"threshold": 0.1, "changed": 0.12}],
}  # fmt: skip


def text_of(svg):
    """The lines of text in a drawing, as they are escaped in it."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)
