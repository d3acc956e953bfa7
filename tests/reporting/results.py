"""Invented results of evaluating, validating, monitoring and updating a model, as the training writes them."""

from __future__ import annotations

from riskml.reporting.cohort import CohortSummary
from tests.reporting.conftest import evaluation, interval

HOSTILE = "<b>A&B</b>"
COHORT = CohortSummary(
    "other.csv", True, ("86 courses of 63 patients", "File other.csv, SHA-256 abc"), {"Age": 0.0, "CD3": 0.25}, (), 86
)
LEFT_OUT = [{"reason": "mrd not known", "count": "<5"}, {"reason": "outcome not known", "count": "0"}]


def judged(kind="binary", **changes):
    """An evaluation as ``evaluation.json`` holds it."""
    whole = {"model": "model", "n_rows": 60, "n_patients": 60, "n_events": 9, "usable_signal": True, "verdict": "fine"}
    return evaluation(kind) | whole | changes


def _tristate(name, label, here, there):
    shares = [
        {"level": "absent", "here": 1 - here, "there": 1 - there},
        {"level": "present", "here": here, "there": there},
    ]
    return _input(name, label, 0.1) | {"levels": shares}


def _input(name, label, difference, missing=0.0):
    return {
        "input": name, "label": label, "recorded": missing < 1, "missing_here": missing, "missing_there": 0.25,
        "missing_difference": 0.1, "standardised_difference": difference, "chance_limit": 0.3,
    }  # fmt: skip


MIX = {
    "source": "training rows", "n_here": 60, "n_there": 105,
    "inputs": [
        _tristate("bcr_abl1", "BCR::ABL1 (Ph+)", 0.1, 0.2),
        _input("mrd", "Marrow MRD before first dose", 0.5)
        | {"scale": "log10", "mean_here": -2.0, "sd_here": 1.0, "mean_there": -3.0, "sd_there": 0.9},
        _input("age", "Age", -0.2)
        | {"scale": "value", "mean_here": 6.91, "sd_here": 4.2, "mean_there": 8.0, "sd_there": 4.0},
        _input("cd19", "CD19+ B cells", None, 1.0)
        | {"scale": "value", "mean_here": None, "sd_here": None, "mean_there": None, "sd_there": None}
        | {"chance_limit": None},
    ],
    "linear_predictor": {"mean_here": -1.5, "mean_there": -2.0, "sd_here": 1.1, "sd_there": 1.4,
                         "mean_difference": 0.36, "sd_ratio": 0.79},
    "event_rate": {"here": 0.15, "there": 0.2, "horizon_months": None},
    "follow_up_months": {"here": None, "there": None},
    "methods": {"here": {"mrd_method": {"flow": 0.4, "PCR": 0.6}}, "there": {"mrd_method": {"flow": 1.0, "PCR": 0.0}}},
}  # fmt: skip
MEMBERSHIP = {
    "method": "two normal groups", "c": interval(0.7, 0.65, 0.75), "verdict": "transportability",
    "words": "other patients than those of development (c 0.70 (0.65 to 0.75))",
    "strongest": ["mrd missing", "outcome"],
}  # fmt: skip
TRANSPORT = {
    "conclusion": "recalibrate", "rung": "intercept", "words": "needs recalibration of the level",
    "reasons": [
        {"topic": "discrimination", "finding": "good", "words": "AUC 0.64 here"},
        {"topic": "mrd", "finding": "note", "words": "mrd beyond the range of training in 3 rows"},
        {"topic": "size", "finding": "unclear", "words": "9 events; needed are about 80"},
        {"topic": "calibration in the large", "finding": "bad", "words": "risks are too low"},
    ],
    "discrimination": {"measure": "auc", "here": interval(0.64, 0.52, 0.75), "development": interval(0.7, 0.5, 0.8),
                       "change": interval(-0.06, -0.2, 0.1), "expected_here": 0.66, "expected_there": 0.7},
    "size": {},
}  # fmt: skip


def validation(**changes):
    """``validation.json`` without monitoring."""
    return judged(
        digest="sha256:" + "1" * 64, cohort_sha256="2" * 64, synthetic=True, left_out=LEFT_OUT, differences=[],
        case_mix=MIX, membership=MEMBERSHIP, transport=TRANSPORT, notes=["mrd in 3 rows"], monitoring=None,
    ) | changes  # fmt: skip


def _drift(name, drifted):
    return {
        "input": name, "missing": 0.1, "missing_difference": 0.7, "missing_limit": 0.5,
        "standardised_difference": 0.2, "limit": None, "drifted": drifted,
    }  # fmt: skip


def batch(label, ratio, status, *, drifted=False, measured=True):
    """One batch of ten expected events with a standard deviation of three."""
    shown = interval(0.7, 0.6, 0.8) if measured else interval(None, None, None)
    return {
        "label": label, "rows": 60, "patients": 60, "events": round(10 * ratio), "expected": 10.0,
        "observed_expected": interval(ratio, ratio / 2, 2 * ratio), "difference": 10 * (ratio - 1), "sigma": 3.0,
        "z": 1.0, "warning_limit": 6.0, "action_limit": 9.0, "measures": {"auc": shown},
        "inputs": [_drift("mrd", drifted), _drift("age", False)], "drifted": ["mrd"] * drifted, "status": status,
        "verdict": "other patients than at development by mrd" if drifted else "within limits",
    }  # fmt: skip


def monitoring(*, ordered=True):
    """Three batches, the last of them beyond its limits."""
    batches = [batch("2020", 0.8, "within"), batch(HOSTILE, 1.1, "within"), batch("2022", 2.1, "action", drifted=True)]
    points = [{"batch": b["label"], "up": n, "down": 0.1, "observed_minus_expected": n} for n, b in enumerate(batches)]
    cusum = {"ratios": [2.0, 0.5], "limits": [1.5, 3.0], "false_alarm_probability": 0.05, "points": points}
    alarm = {
        "direction": "too low",
        "batch": "2022",
        "since": HOSTILE,
        "observed_expected_since": interval(1.6, 1.1, 2),
    }
    return {
        "by": "year" if ordered else "centre", "ordered": ordered, "horizon_months": None, "without_batch": "<5",
        "merged": ["2022"], "batches": batches, "cusum": cusum if ordered else None,
        "alarm": alarm if ordered else None,
        "words": "since 2021 risks are too low; other patients than at development by mrd (first in 2022)",
    }  # fmt: skip


def _gate(rung, needed, is_open):
    reason = f"40 events; it asks for {needed}: because"
    return {"rung": rung, "open": is_open, "events": 40, "events_needed": needed, "reason": reason}


def step(rung="intercept", kind="binary", **changes):
    """The last step of a child's lineage."""
    survival, metrics = kind == "survival", evaluation(kind)["metrics"]
    name = "c_index" if survival else "auc"
    differences = {name: interval(0.0, -0.01, 0.01), "brier": interval(-0.02, -0.03, -0.01)}
    differences["observed_expected"] = interval(-0.6, -0.7, -0.5)
    plan = {"method": "m", "folds": 5, "repeats": 4, "digest": "fed"}
    shown = [{"value": [0.2, 0.3] if survival else [0.2], "low": [0.1] * 2, "high": [0.4] * 2}, {"value": [0.25, 0.35]}]
    return {
        "parent": "sha256:" + "3" * 64, "cohort_sha256": "4" * 64, "n_patients": 60, "n_events": 40, "rung": rung,
        "why": "the smallest change that is not significantly worse", "tested_against": "revision",
        "gates": [_gate("intercept", 10, True), _gate("refit", 400, False), _gate("revision", None, False)],
        "p_values": {"none": 1e-5, "intercept": 0.4},
        "estimates": [{"name": "intercept", "value": 0.84, "standard_error": 0.15}],
        "before": {"horizon_months": 12.0 if survival else None, "n_rows": 60, "left_out": LEFT_OUT, "metrics": metrics,
                   "comparator": {}, "verdict": "v"},
        "after": {"metrics": metrics, "differences": differences, "rungs_in_folds": {rung: 20}, "plan": plan},
        "golden": [
            {"patient": {"bcr_abl1": "absent", "mrd": "0.52 %"}, "times": [6.0, 12.0] if survival else [],
             "parent": shown[0], "child": shown[0]},
            {"patient": {}, "times": [6.0, 12.0] if survival else [],
             "parent": {"value": shown[1]["value"][: 1 + survival]}, "child": {"value": shown[1]["value"]}},
        ],
        "change": {"quantiles": {"0.5": 0.087, "0.9": 0.16}, "threshold": 0.05, "rows_moved": "<5",
                   "share_moved": None},
    } | changes  # fmt: skip


UNCHANGED = {"metrics": {}, "differences": {}, "rungs_in_folds": {}, "plan": None}
