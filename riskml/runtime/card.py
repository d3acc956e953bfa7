"""The model card: a manifest in the order of a model facts label (Sendak et al., npj Digit Med 2020;3:41)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

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


def card(manifest: Mapping[str, Any]) -> str:
    """The card of a bundle as Markdown."""
    return "\n".join(_lines(manifest)).rstrip() + "\n"


def _lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"# {manifest['label']} (`{manifest['name']}`, version {manifest['version']})"
    yield ""
    if manifest["synthetic"]:
        yield f"**{SYNTHETIC}**"
        yield ""
    if "published" in manifest:
        yield f"**Published counts: {manifest['published']}.**"
        yield ""
    yield f"**{RESEARCH}**"
    yield ""
    yield "## Use"
    yield ""
    yield manifest["intended_use"]
    yield ""
    yield "Not for:"
    yield ""
    yield from (f"- {item}" for item in manifest["not_for"])
    yield ""
    yield from _model_lines(manifest)
    yield from _data_lines(manifest)
    yield from _performance_lines(manifest)
    yield from _warning_lines(manifest)
    if manifest.get("lineage"):
        yield from _update_lines(manifest["lineage"][-1])
    yield "## Missing inputs and explanations"
    yield ""
    background = manifest["background"]
    yield (
        f"A missing input is averaged over {background['prototypes']} prototypes, each a microaggregate of at least "
        f"{background['smallest_group']} training patients; no patient row is in this bundle. "
        "Explanations are exact Shapley values against the same prototypes, and a missing input has effect zero."
    )
    yield ""
    yield from _importance_lines(manifest)
    yield "## Version"
    yield ""
    yield "; ".join(f"{name} {version}" for name, version in manifest["versions"].items())


def _model_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    outcome = manifest["outcome"]
    yield "## Outcome and inputs"
    yield ""
    yield f"{outcome['definition']} Predicted at: {manifest['landmark'].replace('_', ' ')}."
    if manifest["horizons_months"]:
        yield f"Reported at {', '.join(f'{h:g}' for h in manifest['horizons_months'])} months."
    yield ""
    seen = "chosen from the paper itself" if "published" in manifest else "fixed before the data were seen"
    yield f"| predictor | inputs | why ({seen}) |"
    yield "|---|---|---|"
    yield from (f"| {p['name']} | {', '.join(p['inputs'])} | {p['why']} |" for p in manifest["predictors"])
    yield ""


def _data_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    training = manifest["training"]
    per = training["n_events"] / max(1, len(manifest["predictors"]))
    yield "## Training data"
    yield ""
    courses = "" if training["n_rows"] == training["n_patients"] else f" ({training['n_rows']} courses)"
    yield f"{training['n_patients']} patients{courses}, {training['n_events']} events, {per:.1f} events per predictor."
    yield ""
    yield f"- file: SHA-256 {training['cohort_sha256']}"
    learner = learner_text(training)
    if learner:
        yield f"- learner: {learner}"
    yield from (f"- left out: {item['reason']}: {item['count']}" for item in training["left_out"])
    missing = [f"{name} {100 * share:.0f} %" for name, share in training["missing_share"].items() if share > 0]
    yield f"- missing: {', '.join(missing) or 'nothing'}"
    yield f"- sample size: {planning_text(manifest['planning'])}"
    yield ""


def _performance_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    evaluation = manifest["evaluation"]
    yield "## Performance"
    yield ""
    if evaluation is None:
        yield f"{'Verdict' if manifest.get('lineage') else 'Not evaluated'}: {manifest['verdict']}."
        yield ""
        return
    plan, at = evaluation["plan"], evaluation["horizon_months"]
    when = f", judged at {at:g} months" if at else ""
    yield f"{plan['repeats']} x {plan['folds']}-fold {plan['method'].removeprefix('repeated ')}{when}."
    yield ""
    yield "| measure | estimate (95 % interval) |"
    yield "|---|---|"
    yield from (f"| {metric_label(name)} | {interval_text(metric)} |" for name, metric in evaluation["metrics"].items())
    comparator = evaluation["comparator"]
    yield f"| Brier score of the comparator ({comparator['name']}) | {number(comparator['brier'])} |"
    yield ""
    yield f"Verdict: {'' if manifest['usable_signal'] else 'no usable signal. '}{manifest['verdict']}."
    if evaluation["folds_not_estimable"]:
        name = next(iter(evaluation["metrics"]))
        yield f"{evaluation['folds_not_estimable']} test folds held one class only and are outside the mean of {name}."
    yield ""


# An input that so many lacked in training is known from few.
_OFTEN_MISSING = 0.2


def _warning_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    """For whom the model does not speak, as far as its training data tell."""
    training, inputs = manifest["training"], {name for p in manifest["predictors"] for name in p["inputs"]}
    yield "## Warnings"
    yield ""
    yield (
        "- Every prediction says whether the patient is inside the declared population, the ranges and the "
        "combinations of the training data, and why not."
    )
    landmark = manifest["landmark"].replace("_", " ")
    yield f"- Nothing learned after {landmark} is used; such values are named and left out."
    for companion, shares in ((training.get("case_mix") or {}).get("methods") or {}).items():
        listed = ", ".join(f"{method} {100 * share:.0f} %" for method, share in shares.items())
        yield f"- {companion} in training: {listed}. The same number by another method does not mean the same."
    often = [f"{name} {100 * s:.0f} %" for name, s in training["missing_share"].items() if s >= _OFTEN_MISSING]
    if often:
        yield f"- Often missing in training, so known from few: {', '.join(often)}."
    if "bcr_abl1" in inputs and "tki" not in inputs:
        yield "- BCR::ABL1 (Ph+): what was learned depends on the tyrosine kinase inhibitor given, which is no input."
    yield ""


def _importance_lines(manifest: Mapping[str, Any]) -> Iterator[str]:
    """What the inputs do over the cohort, and how sure the order is; older bundles say it on another scale."""
    items = manifest["importance"]
    if not items or "low" not in items[0]:
        return
    scale = {"binary": "risk", "survival": "survival"}.get(manifest["kind"], "incidence")
    at = manifest["horizon_months"]
    yield f"| input | mean effect in points of {scale}{f' at {at:g} months' if at else ''} | rank |"
    yield "|---|---|---|"
    for place, item in enumerate(items, start=1):
        points = [None if item[key] is None else 100 * item[key] for key in ("mean_absolute_effect", "low", "high")]
        shown = interval_text(dict(zip(("value", "low", "high"), points, strict=True)), 1)
        ranks = "" if item["rank_low"] is None else f" ({item['rank_low']} to {item['rank_high']})"
        yield f"| {item['input']} | {shown} | {place}{ranks} |"
    yield ""
    yield (
        "Mean absolute effect over the rows learned from, with an interval over bootstrap refits: how far the model "
        f"moves with an input, not what causes the outcome. {rank_text(items, [item['input'] for item in items])}"
    )
    yield ""


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


def _update_lines(step: Mapping[str, Any]) -> Iterator[str]:
    """The last update: what was changed, why, and measures before and after; older children do not say."""
    if "why" not in step:
        return
    yield "## Update"
    yield ""
    yield f"{step['rung'].replace('_', ' ').capitalize()}: {step['why']}."
    yield ""
    found = ((gate["rung"].replace("_", " "), gate["reason"]) for gate in step["gates"] if not gate["open"])
    yield from (f"- not open: {rung}: {reason}" for rung, reason in found)
    yield f"- parent: {step['parent']}"
    yield ""
    yield "| measure | before | after (cross-validated) | difference |"
    yield "|---|---|---|---|"
    after = step["after"]
    for name, metric in step["before"]["metrics"].items():
        difference = after["differences"].get(name)
        shown = "" if difference is None else interval_text(difference)
        yield f"| {metric_label(name)} | {interval_text(metric)} | {interval_text(after['metrics'][name])} | {shown} |"
    yield ""
