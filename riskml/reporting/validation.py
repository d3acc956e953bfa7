"""An external validation -> one offline HTML file: the conclusion first, then why, the patients, and over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskml.reporting import measures, performance, words
from riskml.reporting.cohort import CohortSummary, about_cohort, who_was_left_out
from riskml.reporting.judgement import judgement
from riskml.reporting.methods_judged import looked_at, measured
from riskml.reporting.mix import case_mix, labelled
from riskml.reporting.monitoring import monitoring, watched_by
from riskml.reporting.page import Box, Section, record, render_sections
from riskml.reporting.parts import Finding, Part, part, sentence
from riskml.reporting.references import numbered
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.small_cells import count

_KEY = "here"
# What a conclusion is called, and what it means for whoever wants to use the model.
_CONCLUSIONS = {
    "usable": (
        "Usable as it is",
        "Nothing in these patients speaks against the model: it ranks them, and level and spread of its risks fit.",
    ),
    "recalibrate": (
        "Needs recalibration",
        "The model ranks these patients, but its risks are off. They should not be read as they are: update it first.",
    ),
    "not_shown": (
        "Not shown to work here",
        "The model ranks these patients too poorly. Recalibrating it would not help; it should not be used here.",
    ),
    "cannot_tell": (
        "Cannot tell",
        (
            "There are too few events to say whether the model works here. That is no sign that it does, nor that it "
            "does not: more patients have to be waited for."
        ),
    ),
}
_RUNGS = {"intercept": "the level of the risks", "intercept_and_slope": "level and spread of the risks"}
_FROZEN = (
    "The model was not changed: the bundle predicted each of these patients with whatever of them is missing, and the "
    "predictions were set against what happened [@riley2024part2]."
)
_TRANSPORT = (
    "What the ranking would be here if the model were right is the model-based C [@klaveren2016]. Membership says "
    "whether these are the same kind of patients as those of development [@debray2015]. The cut-offs behind the "
    "conclusion are conventions of this package; docs/validation.md lists them."
)
_OVER_TIME = (
    "Batches are watched by limits of two and three standard deviations [@spiegelhalter2005] and, where they have an "
    "order, by a risk-adjusted cumulative sum [@steiner2000] whose limit comes from series simulated under the model "
    "for these patients."
)


def render_validation(
    result: Mapping[str, Any], *, manifest: Mapping[str, Any], cohort: CohortSummary, command: str
) -> str:
    """The page as text; the same arguments give the same bytes.

    Parameters
    ----------
    result : mapping
        ``validation.json``: :meth:`riskml.training.external.ExternalValidation.as_dict` and, maybe, ``monitoring``.
        Blocks of an evaluation (``smooth_calibration``, ``decision_curve``, ``calibration_at``, ``d_calibration``) are
        shown where they are there.
    manifest : mapping
        Of the bundle that was judged.
    cohort : CohortSummary
        The new cohort.
    command : str
        What was typed to get here.
    """
    dictionary = Dictionary.from_dict(manifest["dictionary"])
    unit = performance.unit_of_rows(result)
    sections = [
        Section("summary", "Conclusion", list(_why(result, dictionary)), [_box(result, manifest, unit)]),
        Section("performance", "Performance here and at development", list(_performance(result, manifest, unit))),
        Section("mix", "The patients", list(case_mix(result["case_mix"], result["membership"], _KEY, dictionary))),
        Section("cohort", "The cohort", list(_cohort(result, cohort, unit, dictionary))),
    ]
    watched = list(monitoring(result.get("monitoring"), _KEY, dictionary))
    if watched:
        sections.insert(3, Section("time", watched_by(result["monitoring"]), watched))
    pinned = [
        ("Model", f"{manifest['name']} {manifest['version']}"),
        ("Bundle", result["digest"]),
        ("Cohort", f"sha256:{result['cohort_sha256']}"),
    ]
    said = [" ".join([_FROZEN, *measured(result)]), " ".join(looked_at(result)), _TRANSPORT]
    methods, references = numbered([text for text in [*said, _OVER_TIME if watched else ""] if text])
    return render_sections(
        title=f"riskml validation of {manifest['name']} on {cohort.name}",
        heading=f"Does it hold here? {manifest['label']}, validated on {cohort.name}",
        lead=f"A finished model ({manifest['name']}, version {manifest['version']}) on patients it has never seen.",
        synthetic=result["synthetic"],
        sections=[*sections, record(pinned, methods)],
        command=command,
        references=references,
    )


def _box(result: Mapping[str, Any], manifest: Mapping[str, Any], unit: str) -> Box:
    moved = result["transport"]
    status, meaning = _CONCLUSIONS[moved["conclusion"]]
    said = [meaning]
    if moved["rung"]:
        said.append(f"The command riskml update can mend {_RUNGS[moved['rung']]}.")
    said.append(f"Judged on {performance.size_in_words(result, unit)}.")
    good = moved["conclusion"] == "usable"
    return Box(manifest["label"], f"{status}.", said, good=good, synthetic=result["synthetic"])


def _why(result: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Part]:
    """The findings: those against first, then the open ones, those in favour, and what to read with them."""
    inputs = _inputs(result)
    order = ("bad", "unclear", "good", "note")
    reasons = [*result["transport"]["reasons"], *_lately(result.get("monitoring"))]
    found: list[Finding] = [
        (
            reason["finding"],
            labelled(_topic(reason["topic"]), inputs, dictionary),
            sentence(labelled(reason["words"], inputs, dictionary)),
        )
        for reason in sorted(reasons, key=lambda reason: order.index(reason["finding"]))
    ]
    yield part("Why", findings=found)
    unit = performance.unit_of_rows(result)
    yield part("In words", sentences=performance.in_words(result, unit))


def _lately(watched: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """What the batches say of the level: an alarm must not hide further down."""
    if not watched:
        return []
    off = watched["alarm"] is not None or any(batch["status"] == "action" for batch in watched["batches"])
    return [{"finding": "bad" if off else "note", "topic": watched_by(watched).lower(), "words": watched["words"]}]


def _topic(topic: str) -> str:
    return {"size": "number of events", "tki": "tyrosine kinase inhibitor"}.get(topic, topic)


def _performance(result: Mapping[str, Any], manifest: Mapping[str, Any], unit: str) -> Iterator[Part]:
    before = (manifest["evaluation"] or {}).get("metrics", {})
    columns = ["Measure", "Here", "At development", "Comparator here", "Ideal"]
    rows = [
        [
            measures.label(name),
            measures.shown(name, metric),
            measures.shown(name, before[name]) if name in before else "–",
            performance.of_comparator(result, name),
            measures.ideal(name),
        ]
        for name, metric in result["metrics"].items()
    ]
    at = f" Risks are judged at {result['horizon_months']:g} months." if result["horizon_months"] else ""
    text = (
        "At development: cross-validated in the patients the model was made from. Two intervals that overlap do not "
        f"show that it does as well here. The comparator gives every {unit} the same answer, this cohort's own.{at}"
    )
    if not before:
        text = f"What the model achieved at development is not in the bundle.{at}"
    yield part("", sentences=[text], tables=[("Performance (95 % intervals)", columns, rows)])
    change = result["transport"]["discrimination"]["change"]
    if change:
        name = result["transport"]["discrimination"]["measure"]
        yield part("", sentences=[f"{measures.label(name)} here less at development: {words.with_interval(change)}."])
    drawn = performance.drawings(result, _KEY, manifest["label"], unit, how="as the finished model predicts them")
    yield part("Predicted and observed", figures=list(drawn), tables=[performance.groups_table(result)])
    yield from judgement(result, _KEY)


def _cohort(result: Mapping[str, Any], cohort: CohortSummary, unit: str, dictionary: Dictionary) -> Iterator[Part]:
    yield from about_cohort(cohort)
    noun = f"{unit.capitalize()}s"
    stayed = [(f"{noun} judged", count(result["n_rows"])), (f"{noun} with the event", count(result["n_events"]))]
    yield who_was_left_out(result["left_out"], stayed, dictionary)
    said = [sentence(labelled(note, _inputs(result), dictionary)) for note in result["notes"]]
    if said:
        yield part("Notes on outcome and inputs", bullets=said)


def _inputs(result: Mapping[str, Any]) -> list[str]:
    return [item["input"] for item in result["case_mix"]["inputs"]]
