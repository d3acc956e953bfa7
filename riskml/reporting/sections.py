"""A bundle -> the plain values of its part of the report: what the manifest and the portable model say, in words.

No cohort is read here. Examples are predictions for the bundle's golden patients, who are invented.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from riskml.reporting import figures, words
from riskml.reporting.examples import by_hand, drawn, examples, predictor_label
from riskml.runtime.bundle import Bundle
from riskml.runtime.card import learner_text, metric_label, planning_text
from riskml.runtime.score import quantile
from riskml.runtime.shares import percent
from riskml.runtime.small_cells import SMALLEST_CELL, count, counts_of_a_whole

# What a perfect model and one that says the same for everybody would get.
_IDEAL = {
    "calibration_slope": "1",
    "observed_expected": "1",
    "scaled_brier": "100 %",
    "ipa": "100 %",
    "brier": "0",
    "log_loss": "0",
    "calibration_intercept": "0",
}
_AS_PERCENT = ("scaled_brier", "ipa")


def model_section(bundle: Bundle, key: str) -> dict[str, Any]:
    """Everything the template shows of one model.

    Parameters
    ----------
    bundle : Bundle
    key : str
        Unique in the page; prefixes the ids of this model's headings and figures.
    """
    manifest = bundle.manifest
    evaluation = manifest["evaluation"]
    return {
        "key": key,
        "label": manifest["label"],
        "name": manifest["name"],
        "version": manifest["version"],
        "synthetic": manifest["synthetic"],
        "unit": unit_of(manifest),
        "definition": manifest["outcome"]["definition"],
        "facts": _facts(bundle),
        "not_for": manifest["not_for"],
        "flow": _flow(bundle),
        "predictors": _predictors(bundle),
        "ratio": "Odds ratio" if manifest["kind"] == "binary" else "Hazard ratio",
        "level": f"{100 * bundle.model.level:.0f} %",
        "ratios": _ratios(bundle),
        "performance": _performance(evaluation) if evaluation else [],
        "verdict": manifest["verdict"],
        "plan": _plan(evaluation) if evaluation else "",
        "groups": _calibration_rows(evaluation) if evaluation else [],
        "figures": list(_figures(bundle, key)),
        "by_hand": by_hand(bundle),
        "examples": examples(bundle, key),
        "limitations": list(_limitations(bundle)),
    }


def unit_of(manifest: Mapping[str, Any]) -> str:
    """What one row of the training data is."""
    return "course" if manifest["outcome"].get("rows") == "course" else "patient"


def learned_from(manifest: Mapping[str, Any]) -> str:
    """``"125 courses of 105 patients, 6 with the event (5 %)"``."""
    training = manifest["training"]
    patients = f"{count(training['n_patients'])} patients"
    rows = f"{count(training['n_rows'])} courses of {patients}" if unit_of(manifest) == "course" else patients
    share = training["n_events"] / max(1, training["n_rows"])
    shown = "" if training["n_events"] < SMALLEST_CELL else f" ({percent(share)})"
    return f"{rows}, {count(training['n_events'])} with the event{shown}"


def _facts(bundle: Bundle) -> list[tuple[str, str]]:
    manifest, dictionary = bundle.manifest, bundle.dictionary
    when = f"{words.spoken(manifest['landmark']).capitalize()}; nothing learned later is used."
    if manifest["horizons_months"]:
        when += f" Given at {', '.join(f'{t:g}' for t in manifest['horizons_months'])} months from then."
    meant = []
    for name, allowed in manifest["applies_to"].items():
        variable = dictionary[name]
        if variable.levels:
            meant.append(f"{variable.label}: {' or '.join(map(str, allowed))}")
        else:
            meant.append(f"{variable.label}: {words.reach(*(variable.show(float(end)) for end in allowed))}")
    return [
        ("What is predicted", manifest["outcome"]["definition"]),
        ("When", when),
        ("Purpose", manifest["intended_use"]),
        ("For whom", "; ".join(meant) or "not limited beyond the outcome's definition"),
        ("Learned from", f"{learned_from(manifest)}."),
        *(("Learner", text) for text in [learner_text(manifest["training"])] if text),
    ]


def _flow(bundle: Bundle) -> dict[str, Any]:
    training, noun = bundle.manifest["training"], f"{unit_of(bundle.manifest)}s"
    left_out = [(words.reason(item["reason"], bundle.dictionary), item["count"]) for item in training["left_out"]]
    rows = [("Rows of the file (one row a course)", count(training["n_file_rows"]))]
    rows += [(f"left out: {text}", number) for text, number in left_out if number != "0"]
    rows.append((f"{noun.capitalize()} the model learned from", count(training["n_rows"])))
    rows.append((f"{noun.capitalize()} with the event", count(training["n_events"])))
    notes = [words.reason(note, bundle.dictionary) for note in training.get("notes", ())]  # older bundles have none
    return {"rows": rows, "nobody": [text for text, number in left_out if number == "0"], "notes": notes}


def _predictors(bundle: Bundle) -> list[list[str]]:
    """Predictor, how it enters, how often its inputs are missing, why it was chosen."""
    training, why = bundle.manifest["training"], {p["name"]: p["why"] for p in bundle.manifest["predictors"]}
    rows = []
    for feature in bundle.model.features:
        gaps = [words.missing_share(training["missing_share"][name], training["n_rows"]) for name in feature.inputs]
        named = [f"{bundle.dictionary[name].label} {gap}" for name, gap in zip(feature.inputs, gaps, strict=True)]
        missing = gaps[0] if len(set(gaps)) == 1 else ", ".join(named)
        how = words.transform(feature, bundle.dictionary)
        rows.append([predictor_label(bundle, feature), how, missing, why[feature.name]])
    return rows


def _ratios(bundle: Bundle) -> list[list[str]]:
    """Predictor, who is compared, ratio, interval over the bootstrap refits, coefficient."""
    models = [bundle.model.members, *bundle.model.bootstrap]
    if not (bundle.model.members and bundle.model.is_linear) or any(len(members) > 1 for members in models):
        return []  # neither an average of models nor trees have ratios
    member, tail, rows = bundle.model.members[0], (1 - bundle.model.level) / 2, []
    for place, feature in enumerate(bundle.model.features):
        compared, step = words.contrast(feature, bundle.dictionary)
        draws = sorted(draw[0].linear.coefficients[place] for draw in bundle.model.bootstrap)
        ends = [words.ratio(_exp(step * quantile(draws, p))) for p in (tail, 1 - tail)] if draws else []
        coefficient = member.linear.coefficients[place]
        own, shown = words.ratio(_exp(step * coefficient)), " to ".join(ends) or words.NOT_ESTIMABLE
        rows.append([predictor_label(bundle, feature), compared, own, shown, words.decimal(coefficient, 4)])
    return rows


def _exp(number: float) -> float:
    return math.exp(min(number, 700.0))


def _performance(evaluation: Mapping[str, Any]) -> list[list[str]]:
    """Measure, the model with its interval, the comparator, the ideal."""
    comparator, rows = evaluation["comparator"], []
    for name, metric in evaluation["metrics"].items():
        if name in _AS_PERCENT:
            own, other = words.with_interval(metric, 0, scale=100, unit=" %"), "0 %"
        else:
            digits = 3 if name in {"brier", "log_loss"} else 2
            own = words.with_interval(metric, digits)
            other = words.decimal(comparator[name], digits) if name in comparator else "–"
        rows.append([metric_label(name).partition(" (")[0], own, other, _IDEAL.get(name, "1")])
    return rows


def _plan(evaluation: Mapping[str, Any]) -> str:
    plan, at = evaluation["plan"], evaluation["horizon_months"]
    when = f", judged at {at:g} months" if at else ""
    skipped = evaluation["folds_not_estimable"]
    note = f" {skipped} of {plan['repeats'] * plan['folds']} test folds could not be ranked and are outside the mean."
    method = plan["method"].removeprefix("repeated ")
    return f"{plan['folds']}-fold {method}, repeated {plan['repeats']} times{when}.{note if skipped else ''}"


def _calibration_rows(evaluation: Mapping[str, Any]) -> list[list[str]]:
    """Group, patients, mean predicted risk, what happened; a group with 1 to 4 events gives no number of them."""
    curve, rows = evaluation["calibration"], []
    events = [round(share * size) for share, size in zip(curve["observed"], curve["patients"], strict=True)]
    points = zip(*(curve[k] for k in ("patients", "predicted", "observed", "low", "high")), strict=True)
    shown = zip(points, counts_of_a_whole(events), strict=True)
    for number, ((size, predicted, observed, low, high), cell) in enumerate(shown, start=1):
        happened = f"none (up to {percent(high)})"
        if observed > 0:
            happened = f"{percent(observed)} ({words.span(low, high)})" if cell.isdigit() else f"{cell} events"
        place = {1: ", lowest risk", len(events): ", highest risk"}.get(number, "")
        rows.append([f"{number}{place}", count(size), percent(predicted), happened])
    return rows


def _figures(bundle: Bundle, key: str) -> Iterator[tuple[Markup, str]]:
    """Drawings of the evaluation and of importance, each with its caption."""
    evaluation, label, unit = bundle.manifest["evaluation"], bundle.manifest["label"], unit_of(bundle.manifest)
    if evaluation:
        curve, spread = evaluation["calibration"], evaluation["distribution"]
        by = f" by {evaluation['horizon_months']:g} months" if evaluation["horizon_months"] else ""
        title = f"Calibration of “{label}”: predicted against observed risk{by} in {len(curve['patients'])} groups"
        yield (
            drawn(figures.calibration(f"{key}-calibration", **curve, title=title)),
            (
                f"Calibration{by}. Each point is a group of {unit}s of similar predicted risk (cross-validated); "
                "above it, its size. Points on the dashed line agree with what happened."
            ),
        )
        # With censoring, these two counts and that of all events would tell how few are in between.
        sizes = ["", ""] if by else [f" ({count(spread[k])})" for k in ("n_with", "n_without")]
        groups = [
            (f"with the event{by}{sizes[0]}", spread["with_event"]),
            (f"without it{sizes[1]}", spread["without_event"]),
        ]
        title = f"Predicted risk of {unit}s with and without the event"
        yield (
            drawn(figures.distribution(f"{key}-distribution", groups, title=title)),
            (
                "Predicted risk by what happened. Box: the middle half; thick line: median; whiskers: 10th to 90th "
                "percentile. The further apart the boxes, the better the model tells the groups apart."
                + (f" {unit.capitalize()}s last seen event-free before then are in neither." if by else "")
            ),
        )
    shares = bundle.manifest["importance"]
    if not shares:
        return
    labels = [bundle.dictionary[item["input"]].label for item in shares]
    scale, over = _importance_words(bundle)
    title = f"Importance of the inputs of “{label}”: {', '.join(labels)}, in falling order"
    unit_size = 1 if bundle.model.is_linear else 100  # risks in points: 0.00 would hide what is small
    effects = [unit_size * item["mean_absolute_effect"] for item in shares]
    yield (
        drawn(
            figures.importance(
                f"{key}-importance", labels, effects, scale=f"mean absolute effect, {scale}", title=title
            )
        ),
        (f"How much each input moves the predictions, on average over {over}."),
    )


def _importance_words(bundle: Bundle) -> tuple[str, str]:
    """Scale of the importance, and over whom it is a mean; see `riskml.training.train.importance`."""
    model = bundle.model
    if model.is_linear:
        over = f"these {unit_of(bundle.manifest)}s. An input that is rarely known is rarely important here"
        return "log-odds" if model.kind == "binary" else "log-hazard", over
    scale = "points of risk" if model.kind == "binary" else f"points at {model.horizon:g} months"
    return scale, "the averaged prototypes, of whom every input is known"


def _limitations(bundle: Bundle) -> Iterator[str]:
    """What this run itself says against trusting the model."""
    manifest, training, label = bundle.manifest, bundle.manifest["training"], bundle.dictionary
    if manifest["synthetic"]:
        yield "The training data are simulated: nothing here is evidence about patients."
    if not manifest["usable_signal"]:
        yield f"No usable signal: {manifest['verdict']}."
    yield words.events_per_predictor(training["n_events"], len(bundle.model.features))
    if not manifest["planning"]["met"]:
        yield planning_text(manifest["planning"])
    gaps = {n: s for n, s in training["missing_share"].items() if s > 0}
    if gaps:
        worst = sorted(gaps, key=lambda n: (-gaps[n], n))[:3]
        listed = ", ".join(f"{label[n].label} {words.missing_share(gaps[n], training['n_rows'])}" for n in worst)
        yield f"Inputs are missing, most often: {listed}. If there is a reason for it, averaging over them is biased."
    if training["n_file_rows"] > training["n_rows"]:
        yield "Rows were left out of the training data (see above): results hold for those who stayed in."
    yield _on_missing(manifest)
    evaluation = manifest["evaluation"]
    if evaluation and evaluation["folds_not_estimable"]:
        yield f"{evaluation['folds_not_estimable']} test folds could not be ranked: too few events to spread over them."
    yield "Cross-validation is not external validation: other hospitals, years and assays are untested."


def _on_missing(manifest: Mapping[str, Any]) -> str:
    """What stands in for a missing input."""
    background, unit = manifest["background"], unit_of(manifest)
    if background is None:
        return (
            "The estimator is one of another package: a pickle for research, without interval, explanation or bundle. "
            f"Missing inputs are filled with the mean of the {unit}s who have them."
        )
    return (
        f"Missing inputs and explanations rest on {background['prototypes']} averaged prototypes of "
        f"{background['smallest_group']} or more {unit}s. Their mean prediction is {100 * background['base']:.1f} %, "
        f"that of the {unit}s themselves {100 * background['mean_prediction']:.1f} %."
    )
