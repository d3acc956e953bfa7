"""Measures of performance as a reader meets them: name, digits, the ideal, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskml.reporting import words
from riskml.runtime.card_words import metric_label

# Errors: 0 is ideal, and less is better.
_NO_ERROR = ("brier", "integrated_brier", "log_loss", "ici", "e50", "e90")
_BETWEEN = ("calibration_intercept", "calibration_slope", "observed_expected")
GAINS = ("scaled_brier", "ipa")
RANKING = ("auc", "c_index", "uno_c", "auc_at")
# What only reports compare, and cards do not list.
_NAMES = {
    "net_benefit": "Net benefit a patient",
    "net_benefit_gain": "Net benefit gained over treating everybody or nobody",
    "observed_expected_ratio": "Observed / expected, as a ratio (1 is no difference)",
}


def label(name: str) -> str:
    """What a measure is called, without the explanation that the card gives; a new one keeps its own name."""
    if name in _NAMES:
        return _NAMES[name]
    try:
        return metric_label(name).partition(" (")[0]
    except KeyError:
        return words.spoken(name)


def ideal(name: str) -> str:
    """What a perfect model would get."""
    if name in GAINS:
        return "100 %"
    return "0" if name in (*_NO_ERROR, "calibration_intercept") else "1"


def shown(name: str, metric: Mapping[str, Any] | float | None) -> str:
    """A measure, with its interval if it has one, with the digits of its kind.

    Parameters
    ----------
    name : str
    metric : mapping or float or None
        The plain fields of an interval, or a number alone.
    """
    scale, unit = (100, " %") if name in GAINS else (1, "")
    places = 0 if name in GAINS else _digits(name)
    if isinstance(metric, Mapping):
        return words.with_interval(metric, places, scale=scale, unit=unit)
    return words.NOT_ESTIMABLE if metric is None else f"{words.decimal(scale * metric, places)}{unit}"


def span(name: str, low: float | None, high: float | None) -> str:
    """Two ends of an interval of a measure."""
    if low is None or high is None:
        return words.NOT_ESTIMABLE
    first, second = shown(name, low), shown(name, high)
    return f"{first.removesuffix(' %')} to {second}"


def comparison(name: str, metric: Mapping[str, Any] | None) -> str:
    """What a difference of the model less something else says: better, worse, or nothing.

    Where the ideal lies between too little and too much, "higher" or "lower".
    """
    if metric is None or metric["value"] is None or metric["low"] is None or metric["high"] is None:
        return words.NOT_ESTIMABLE
    if metric["low"] <= 0 <= metric["high"]:
        return "no difference shown"
    if name in _BETWEEN:
        return "higher" if metric["low"] > 0 else "lower"
    return "better" if (metric["low"] > 0) != (name in _NO_ERROR) else "worse"


def _digits(name: str) -> int:
    return 3 if ideal(name) == "0" or name.startswith("net_benefit") else 2
