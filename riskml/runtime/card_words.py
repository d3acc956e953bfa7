"""The words that cards, reports and the command line share: measures, learners, sample size, order of inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

_METRICS = {
    "auc": "AUC (discrimination; 0.5 is chance)",
    "c_index": "Harrell C (discrimination; 0.5 is chance)",
    "uno_c": "Uno C (discrimination by the horizon, freed of censoring)",
    "auc_at": "AUC at the horizon (who has the event by then against who has not)",
    "average_precision": "Average precision (area under precision and recall; chance is the prevalence)",
    "brier": "Brier score (squared error)",
    "integrated_brier": "Integrated Brier score (squared error over the months to the horizon)",
    "log_loss": "Log-loss (0 is perfect)",
    "calibration_intercept": "Calibration intercept (0 is ideal; above 0 the risks are too low)",
    "scaled_brier": "Scaled Brier (1 is perfect, 0 the comparator)",
    "ipa": "Index of prediction accuracy (1 is perfect, 0 the comparator)",
    "calibration_slope": "Calibration slope (1 is ideal; below 1 is too extreme)",
    "observed_expected": "Observed / expected (1 is ideal)",
    "ici": "Integrated calibration index (mean distance of the smoothed curve from the diagonal; 0 is ideal)",
    "e50": "Median distance of the smoothed calibration curve",
    "e90": "90th percentile of the distance of the smoothed calibration curve",
}
_HOLDS = {
    True: "the learner's own prior or penalty does this shrinking, and so most of the work",
    False: "this learner hardly shrinks, so its predictions are likely to be too extreme",
    None: "how far this estimator shrinks by itself is not known",
}
SYNTHETIC = "SYNTHETIC: trained on simulated data. It demonstrates the software and says nothing about any patient."
RESEARCH = "For research. Not a medical device; not for decisions about any person."


def metric_label(name: str) -> str:
    """What a metric is called on cards and in reports."""
    return _METRICS[name]


def doubt(manifest: Mapping[str, Any]) -> str:
    """Why nobody should rely on the model, in words; empty where it has usable signal."""
    if manifest["usable_signal"]:
        return ""
    if manifest["evaluation"] is None:
        return f"nothing is known of how well this model predicts: {manifest['verdict']}"
    return f"in honest cross-validation this model was not shown to beat the comparator: {manifest['verdict']}"


def number(value: float | None, digits: int = 3) -> str:
    """A metric as text; what could not be estimated says so."""
    return "not estimable" if value is None else f"{value:.{digits}f}"


def interval_text(metric: Mapping[str, Any], digits: int = 3) -> str:
    """``"0.72 (0.60 to 0.81)"`` from an interval's fields."""
    if metric["value"] is None:
        return "not estimable"
    if metric["low"] is None:
        return f"{number(metric['value'], digits)} (interval not estimable)"
    return f"{number(metric['value'], digits)} ({number(metric['low'], digits)} to {number(metric['high'], digits)})"


def level_of(group: Mapping[str, Any]) -> str:
    """``"Sex female"``, but ``"centre 2"``: a subgroup by its label and level, unless the level says it all."""
    label, level = group["label"], group["level"]
    return str(level) if label.lower() in level.lower() else f"{label} {level}"


def learner_text(training: Mapping[str, Any]) -> str:
    """The learners of a model, their shares, and which were left out and why; "" for a bundle that does not say."""
    members = training.get("members", ())
    names = [
        (f"estimator {item['kind']}" if ":" in item["kind"] else item["kind"].replace("_", " "))
        + (f" ({100 * item['weight']:.0f} %)" if len(members) > 1 else "")
        + (" recalibrated" if item["line"] else "")
        + (f" (weight of the literature {item['literature_weight']:.2f})" if "literature_weight" in item else "")
        for item in members
    ]
    if not names:
        return ""
    joined = "".join([*(f"{name}, " for name in names[:-2]), " and ".join(names[-2:])])
    sentences = [f"average of {joined}" if len(names) > 1 else joined, *training.get("members_left_out", ())]
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences)


def planning_text(planning: Mapping[str, Any]) -> str:
    """Whether a training met the criteria of sample size, what would, and what to expect below them."""
    met, assumed, at = planning["met"], planning["assumed"], planning.get("at_estimate")
    c = "AUC" if planning["kind"] == "binary" else "C"
    per, slope = planning["events_per_parameter"], planning["expected_shrinkage"]
    have = f"{planning['patients']:,} patients with {planning['events']:,} events"
    need = f"{planning['patients_needed']:,} patients with {planning['events_needed']:,} events"
    holds = _HOLDS[planning["shrunk"]]
    usual = f"if predictors explain the usual 15 % of what could be ({c} {assumed['c_statistic']:.2f})"
    verdict = f"The criteria of sample size (Riley et al. 2019) are {'' if met else 'not '}met"
    sentences = [f"{verdict}: {have}, {per:.1f} events a parameter; they ask for {need}, {usual}."]
    if not met:
        sentences.append(
            f"Without shrinkage the calibration slope in new patients would be expected to be {slope:.2f}; {holds}."
        )
    if at is not None and not at["met"]:
        more = f"{at['patients_needed']:,} patients with {at['events_needed']:,} events"
        sentences.append(f"With the cross-validated {c} of {at['c_statistic']:.2f} they ask for {more}.")
    elif at is not None and not met:
        sentences.append(f"With the cross-validated {c} of {at['c_statistic']:.2f} they would be met.")
    return " ".join(sentences)


def rank_text(items: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Which inputs may be the most important, in a sentence; ``names`` say what each is called."""
    if not items or items[0]["rank_low"] is None:
        return "How stable their order is was not estimated."
    first = [name for name, item in zip(names, items, strict=True) if item["rank_low"] == 1]
    if len(names) == 1:
        return "It is the only input."
    if len(first) == 1:
        return f"{first[0]} comes first in nearly every refit."
    listed = f"{', '.join(first[:-1])} or {first[-1]}"
    return f"The order is not stable: {listed} may come first."
