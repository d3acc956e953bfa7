"""Bundles -> the methods section of their report: what this run did, in the order of TRIPOD+AI, with its sources.

Every sentence is written from a manifest. What several models have in common is said once, the rest under their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from riskml.reporting import performance, words
from riskml.reporting.examples import predictor_label
from riskml.reporting.methods_judged import cross_validated, listed, looked_at, measured, merged, steadiness
from riskml.reporting.methods_model import learned_by, refitted
from riskml.reporting.parts import Part, part
from riskml.reporting.references import numbered
from riskml.reporting.sections import facts, unit_of
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import planning_text
from riskml.runtime.dictionary import Dictionary

_LIBRARIES = {"numpy": "harris2020", "scipy": "virtanen2020", "scikit-learn": "pedregosa2011"}
_CHOOSE = ("elastic_net_logistic", "elastic_net_cox")


def methods(bundles: Sequence[Bundle]) -> tuple[list[Part], list[str]]:
    """The methods section of a report.

    Parameters
    ----------
    bundles : sequence of Bundle
        The models of the page, in its order.

    Returns
    -------
    parts : list of dict
        One a heading, as :func:`riskml.reporting.parts.part` makes them, with numbers in place of the marks.
    references : list of str
        The sources by number, from 1: each is cited, and none is cited that is not here.
    """
    labels = [bundle.manifest["label"] for bundle in bundles]
    headings = [(heading, merged(labels, [list(write(b)) for b in bundles])) for heading, write in _SECTIONS]
    texts, references = numbered([text for _, found in headings for text in found])
    rest = iter(texts)
    return [part(heading, sentences=[next(rest) for _ in found]) for heading, found in headings if found], references


def _data(bundle: Bundle) -> Iterator[str]:
    """Where the data are from, who was eligible, who was left out, how long they were followed."""
    manifest, training = bundle.manifest, bundle.manifest["training"]
    if manifest["synthetic"]:
        yield "The cohort is simulated; nothing here is evidence about patients."
    if "published" in manifest:
        yield f"The model was {manifest['published']}."
    yield f"The file has {training['n_file_rows']:,} rows, one a course."
    yield f"The model is meant for: {dict(facts(bundle))['For whom']}."
    gone = [
        f"{words.reason(item['reason'], bundle.dictionary)} ({item['count']})"
        for item in training["left_out"]
        if item["count"] != "0"
    ]
    yield f"Left out were rows for: {'; '.join(gone)}." if gone else "No row was left out."
    yield f"The model learned from {performance.size_in_words(training, unit_of(manifest))}."
    followed = (training.get("case_mix") or {}).get("follow_up_months")
    if followed:
        yield f"Median potential follow-up is {followed:.1f} months (reverse Kaplan-Meier [@schemper1996])."


def _outcome(bundle: Bundle) -> Iterator[str]:
    """What counts as the event, transplants and competing events included, and when it is predicted."""
    manifest, outcome = bundle.manifest, bundle.manifest["outcome"]
    yield outcome["definition"]
    if settings := outcome.get("settings"):
        yield f"As the run read it: {_with_labels(settings, bundle.dictionary)}"
    if "ASTCT" in outcome["definition"]:
        yield "Toxicity is graded by the ASTCT consensus [@lee2019]."
    if "landmark_days" in outcome:
        yield "Only patients in follow-up at the landmark are judged, so that no time is immortal [@anderson1983]."
    if outcome.get("competing"):
        yield (
            "Competing events are not taken for censoring: whoever had one can no longer have the event, and risks are "
            "cumulative incidences [@prentice1978]."
        )
    if manifest["horizons_months"]:
        months = listed([f"{month:g}" for month in manifest["horizons_months"]])
        yield f"Estimates are given at {months} months."


def _with_labels(text: str, dictionary: Dictionary) -> str:
    """The labels of variables in place of their names, which also begin sentences."""

    def label(name: re.Match[str]) -> str:
        known = dictionary.variables.get(name[0].lower())
        return known.label if known else words.spoken(name[0])

    return re.sub(r"\b[A-Za-z]+(?:_[A-Za-z0-9]+)+\b", label, text)


def _predictors(bundle: Bundle) -> Iterator[str]:
    """When they are known, why these, and how they enter."""
    landmark = words.spoken(bundle.manifest["landmark"])
    yield f"Predictors are known at the {landmark}; a recipe with a later one is refused."
    if any(item["kind"] in _CHOOSE for item in bundle.manifest["training"].get("members", ())):
        yield (
            "They are those the recipe names, with its reason for each in the table under “Predictors”; among them the "
            "penalty may have set coefficients to 0."
        )
    else:
        yield (
            "They are those the recipe names, with its reason for each in the table under “Predictors”; the software "
            "selected none of them on these data."
        )
    yield "No measurement was cut at a point found in these data [@royston2006]."
    groups: dict[str, list[str]] = {}
    for feature in bundle.model.features:
        variable = bundle.dictionary[feature.inputs[0]]
        groups.setdefault(_entry(feature.op, variable.kind), []).append(predictor_label(bundle, feature))
    for how, names in groups.items():
        yield f"{how}: {', '.join(dict.fromkeys(names))}."


def _entry(op: str, kind: str) -> str:
    """How a feature enters, in a few words."""
    if op == "value" and kind == "tristate":
        return "By presence"
    return {
        "value": "As measured",
        "log10": "As logarithms, from a floor upwards",
        "at_least": "By a cut that the recipe names",
        "hinge": "As what exceeds a value that the recipe names",
        "level": "By level",
    }.get(op, f"As {words.spoken(op)}")


def _size(bundle: Bundle) -> Iterator[str]:
    """What so many patients and events can carry."""
    planning = bundle.manifest["planning"]
    yield planning_text(planning)
    sources = "riley2021" if planning["kind"] == "binary" else "jinks2015"
    slope = (
        "" if planning["met"] else "; the calibration slope to expect is that of heuristic shrinkage [@houwelingen1990]"
    )
    yield (
        "The criteria hold down optimism, shrinkage and the error of the overall risk [@riley2019; @riley2020], with "
        f"the variance that predictors explain derived from the {'AUC' if planning['kind'] == 'binary' else 'C'} "
        f"[@{sources}]{slope}."
    )


def _missing(bundle: Bundle) -> Iterator[str]:
    """What is missing, and what stands in for it in training and in use."""
    manifest, training = bundle.manifest, bundle.manifest["training"]
    gaps = {name: share for name, share in training["missing_share"].items() if share > 0}
    shown = [
        f"{bundle.dictionary[name].label} {words.missing_share(share, training['n_rows'])}"
        for name, share in sorted(gaps.items(), key=lambda item: (-item[1], item[0]))
    ]
    yield f"Missing in training: {', '.join(shown)}." if gaps else "No input of the model is missing in training."
    kinds = [item["kind"] for item in training.get("members", ())]
    trees = [kind for kind in kinds if "forest" in kind or "boosting" in kind]
    if gaps and len(trees) < max(1, len(kinds)):
        yield (
            "In fitting, the mean of the patients who have an input stands in, learned anew in every resample; it "
            "neither raises nor lowers a linear predictor."
        )
    if gaps and trees:
        yield "For trees, unknown inputs were drawn from patients of like outcome [@moons2006]."
    if background := manifest["background"]:
        yield (
            f"In use, and in the evaluation, a missing input is averaged over {background['prototypes']} prototypes of "
            "the training patients."
        )


def _model(bundle: Bundle) -> Iterator[str]:
    yield from learned_by(bundle.manifest["training"])


def _judged(bundle: Bundle) -> Iterator[str]:
    """How well it does, and how that was found out."""
    evaluation = bundle.manifest["evaluation"]
    if evaluation is None:
        yield f"{bundle.manifest['verdict'][0].upper()}{bundle.manifest['verdict'][1:]}."
    else:
        yield from cross_validated(evaluation)
        yield from measured(evaluation)
        yield from looked_at(evaluation)
    yield from steadiness(bundle.manifest.get("stability"))


def _single(bundle: Bundle) -> Iterator[str]:
    """Intervals and explanations of single predictions."""
    manifest = bundle.manifest
    if not bundle.model.members:
        return
    yield from refitted(manifest["training"], bundle.model.level)
    yield (
        "Explanations are Shapley values [@lundberg2017], computed exactly on the scale of the estimate against the "
        "prototypes; a missing input has none."
    )
    if manifest["training"].get("applicability"):
        yield "Each prediction says how unlike the training patients its patient is [@dixon1979]."


def _privacy(bundle: Bundle) -> Iterator[str]:
    """What keeps patients out of the bundle and the page."""
    if background := bundle.manifest["background"]:
        yield (
            f"The prototypes are microaggregates (MDAV [@domingo2002]) of {background['smallest_group']} or more "
            f"{unit_of(bundle.manifest)}s, so that no patient's own values are in the model."
        )
    yield "Counts of one to four patients are not shown, nor what they would follow from [@hundepool2012]."


def _software(bundle: Bundle) -> Iterator[str]:
    """Versions, seed, and the guideline."""
    versions, seed = bundle.manifest["versions"], bundle.manifest["training"]["seed"]
    named = [f"{name} {versions[name]} [@{source}]" for name, source in _LIBRARIES.items() if name in versions]
    own = f"riskml {versions['riskml']} on Python {versions['python']}"
    yield f"{own}{', with ' if named else ''}{listed(named) if named else ''}; seed {seed}."
    yield "Reporting follows TRIPOD+AI [@collins2024tripod], as far as software can fill it in."


_SECTIONS: tuple[tuple[str, Callable[[Bundle], Iterator[str]]], ...] = (
    ("Data and patients", _data),
    ("Outcome", _outcome),
    ("Predictors", _predictors),
    ("Sample size", _size),
    ("Missing data", _missing),
    ("Model", _model),
    ("Evaluation", _judged),
    ("Single estimates and explanations", _single),
    ("Privacy", _privacy),
    ("Software and reporting", _software),
)
