"""A bundle -> the plain values of its part of the report: what the manifest and the portable model say, in words.

No cohort is read here. Examples are predictions for the bundle's golden patients, who are invented.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from riskml.reporting import effects, performance, words
from riskml.reporting.examples import by_hand, drawn, examples, predictor_label
from riskml.reporting.judgement import judgement
from riskml.reporting.parts import Part, part
from riskml.reporting.presentation import presentation
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import learner_text, planning_text
from riskml.runtime.score import quantile
from riskml.runtime.small_cells import count

# Parts of a report by the block of the manifest that they are drawn from.
_BLOCKS = {
    "decision_curve": "net benefit",
    "differences": "comparison with something simpler",
    "subgroups": "subgroups",
    "learning_curve": "learning curve",
    "stability": "instability of predictions",
}


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
        "facts": facts(bundle),
        "not_for": manifest["not_for"],
        "flow": flow(bundle),
        "predictors": predictor_table(bundle),
        "ratio": "Odds ratio" if manifest["kind"] == "binary" else "Hazard ratio",
        "level": f"{100 * bundle.model.level:.0f} %",
        "ratios": _ratios(bundle),
        "performance": performance.beside_comparator(evaluation) if evaluation else [],
        "verdict": manifest["verdict"],
        "judgement": judgement(evaluation, key, stability=manifest.get("stability")),
        "absent": absent(manifest),
        "plan": performance.resampling(evaluation) if evaluation else "",
        "groups": performance.calibration_groups(evaluation) if evaluation else [],
        "figures": list(_figures(bundle, key)),
        "effects": _effects_of(bundle, key),
        "presentation": presentation(bundle, key),
        "by_hand": by_hand(bundle),
        "examples": examples(bundle, key),
        "limitations": list(limitations(bundle)),
    }


def unit_of(manifest: Mapping[str, Any]) -> str:
    """What one row of the training data is."""
    return "course" if manifest["outcome"].get("rows") == "course" else "patient"


def learned_from(manifest: Mapping[str, Any]) -> str:
    """``"125 courses of 105 patients, 6 with the event (5 %)"``."""
    return performance.size_in_words(manifest["training"], unit_of(manifest))


def facts(bundle: Bundle) -> list[tuple[str, str]]:
    """What the model is, in pairs of a heading and a sentence."""
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


def flow(bundle: Bundle) -> dict[str, Any]:
    """From the file to the events: ``rows`` of (step, number), reasons that left ``nobody`` out, ``notes``."""
    training, noun = bundle.manifest["training"], f"{unit_of(bundle.manifest)}s"
    left_out = [(words.reason(item["reason"], bundle.dictionary), item["count"]) for item in training["left_out"]]
    rows = [("Rows of the file (one row a course)", count(training["n_file_rows"]))]
    rows += [(f"left out: {text}", number) for text, number in left_out if number != "0"]
    rows.append((f"{noun.capitalize()} the model learned from", count(training["n_rows"])))
    rows.append((f"{noun.capitalize()} with the event", count(training["n_events"])))
    notes = [words.reason(note, bundle.dictionary) for note in training.get("notes", ())]  # older bundles have none
    return {"rows": rows, "nobody": [text for text, number in left_out if number == "0"], "notes": notes}


def predictor_table(bundle: Bundle) -> list[list[str]]:
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


def _figures(bundle: Bundle, key: str) -> Iterator[tuple[Markup, str]]:
    """Drawings of the evaluation, each with its caption."""
    evaluation, label, unit = bundle.manifest["evaluation"], bundle.manifest["label"], unit_of(bundle.manifest)
    if evaluation:
        for svg, caption in performance.drawings(evaluation, key, label, unit):
            yield drawn(svg), caption


def _effects_of(bundle: Bundle, key: str) -> Part | None:
    """What the inputs do over the cohort; None for a bundle that was made before it was told."""
    explanation = bundle.explanation
    if not explanation:
        return None
    return part(
        "What the inputs do to the estimates",
        sentences=[
            *effects.in_words(explanation, unit_of(bundle.manifest)),
            effects.MEANING,
            effects.interactions_words(explanation),
        ],
        figures=list(effects.drawings(explanation, key)),
        tables=effects.tables(explanation),
    )


def limitations(bundle: Bundle) -> Iterator[str]:
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
    if manifest["applies_to"]:
        yield f"It speaks of these patients only: {dict(facts(bundle))['For whom']}. Of others it has learned nothing."
    yield from _judged_limits(manifest["evaluation"])
    yield "Cross-validation is not external validation: other hospitals, years and assays are untested."


def _judged_limits(evaluation: Mapping[str, Any] | None) -> Iterator[str]:
    """What the evaluation could not tell."""
    if not evaluation:
        return
    if skipped := evaluation["folds_not_estimable"]:
        tests = evaluation["plan"]["repeats"] * evaluation["plan"]["folds"]
        yield f"{skipped} of {tests} test folds could not be ranked: too few events to spread over them."
    groups = [row for row in evaluation.get("subgroups") or () if row["n_patients"] not in {None, "0"}]
    silent = [row for row in groups if not row.get("metrics")]
    if silent:
        which = "any of the" if len(silent) == len(groups) else f"{len(silent)} of the {len(groups)}"
        yield f"How well it serves {which} subgroups named beforehand is not known: too few patients or events in them."


def absent(manifest: Mapping[str, Any]) -> str:
    """What a report has elsewhere and this bundle does not hold, as one sentence; "" where all is there."""
    evaluation = manifest["evaluation"]
    if not evaluation:
        return ""
    held = {**evaluation, "stability": manifest.get("stability")}
    gone = [name for key, name in _BLOCKS.items() if not held.get(key)]
    return f"Not in this bundle, so not shown: {', '.join(gone)}." if gone else ""


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
