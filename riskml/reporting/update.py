"""One step of a model's lineage -> one offline HTML file: what was changed, why that much, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from riskml.reporting import figures, measures, words
from riskml.reporting.cohort import CohortSummary, about_cohort, who_was_left_out
from riskml.reporting.page import Box, Section, record, render_sections
from riskml.reporting.parts import Part, Table, part, sentence
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.shares import percent
from riskml.runtime.small_cells import count

Step = Mapping[str, Any]
# What a rung is called, and what it does.
_RUNGS = {
    "none": ("Left as it was", "Nothing in these patients asks for a change that their events could carry."),
    "intercept": (
        "Level moved",
        "All risks moved up or down together; who is at higher risk than whom stays as it was.",
    ),
    "intercept_and_slope": (
        "Level and spread moved",
        "Risks moved together and closer to each other or further apart; their order stays as it was.",
    ),
    "revision": ("Coefficients revised", "Each predictor's weight moved, by as much as the new patients show."),
    "refit": ("Trained anew", "The parent's recipe was trained on the new cohort; nothing of its numbers is left."),
}
_ESTIMATES = {
    "intercept": "Level (log-odds or log-hazard, 0 is no change)",
    "slope": "Slope (1 is no change)",
}
_DRAWN = ("auc", "c_index", "brier", "calibration_slope", "observed_expected")
_METHODS = (
    (
        "The largest rung of the ladder that the events can carry is tested by likelihood ratio against each smaller "
        "one; the smallest that is not significantly worse (p 0.05 or more) is taken [1]. Revised coefficients are "
        "shrunken towards the parent's. Rungs ask for so many patients with the event (of a binary outcome the rarer "
        "side counts) because fewer would add more error than they take away [2]; docs/updating.md has the study."
    ),
    (
        "What came of it was judged by cross-validation of the whole update, the choice of the rung included: the new "
        "patients were predicted by updates made without them. Differences are paired on the same patients."
    ),
)
_REFERENCES = (
    (
        "Vergouwe Y, et al. A closed testing procedure to select an appropriate method for updating prediction models. "
        "Stat Med 2017;36:4529-4539."
    ),
    (
        "Riley RD, Snell KIE, Ensor J, et al. Minimum sample size for developing a multivariable prediction model: "
        "part II. Stat Med 2019;38:1276-1296."
    ),
)


def render_update(manifest: Mapping[str, Any], *, cohort: CohortSummary, command: str) -> str:
    """The page as text; the same arguments give the same bytes.

    Parameters
    ----------
    manifest : mapping
        Of the child; the last step of its ``lineage`` is shown.
    cohort : CohortSummary
        The cohort it was updated to.
    command : str
        What was typed to get here.
    """
    step, dictionary = manifest["lineage"][-1], Dictionary.from_dict(manifest["dictionary"])
    label, version = manifest["label"], f"{manifest['name']} {manifest['version']}"
    sections = [
        Section("summary", "What was done", list(_why(manifest, step, dictionary)), [_box(manifest, step)]),
        Section("effect", "Before and after", list(_effect(step))),
        Section("patients", "The same patients by parent and child", list(_patients(manifest, step, dictionary))),
        Section("cohort", "The cohort", list(_cohort(step, cohort, dictionary))),
    ]
    pinned = [("Child", version), ("Child's bundle", manifest["digest"]), ("Parent's bundle", step["parent"])]
    pinned.append(("Cohort", f"sha256:{step['cohort_sha256']}"))
    if step["after"]["plan"]:
        pinned.append(("Folds", step["after"]["plan"]["digest"]))
    return render_sections(
        title=f"riskml update of {manifest['name']} to {cohort.name}",
        heading=f"{label}, updated to {cohort.name}",
        lead=f"{version}, a child of a finished model.",
        synthetic=manifest["synthetic"],
        sections=[*sections, record(pinned, _METHODS)],
        command=command,
        references=_REFERENCES,
    )


def _rung(name: str) -> str:
    return words.spoken(name) if name != "none" else "no update"


def _box(manifest: Mapping[str, Any], step: Step) -> Box:
    status, meaning = _RUNGS[step["rung"]]
    size = f"{count(step['n_patients'])} new patients, {count(step['n_events'])} with the event."
    said = [meaning, f"Made from {size}", sentence(manifest["verdict"])]
    if not manifest["usable_signal"]:
        said.insert(1, "No usable signal in these patients.")
    heading = f"{manifest['label']}, version {manifest['version']}"
    return Box(heading, f"{status}.", said, good=manifest["usable_signal"], synthetic=manifest["synthetic"])


def _why(manifest: Mapping[str, Any], step: Step, dictionary: Dictionary) -> Iterator[Part]:
    """Why this rung, which others were open, and what was estimated."""
    rows = [
        [
            words.spoken(gate["rung"]).capitalize(),
            "open" if gate["open"] else "not open",
            "–" if gate["events_needed"] is None else f"{gate['events_needed']:,}",
            sentence(gate["reason"]),
        ]
        for gate in step["gates"]
    ]
    tables: list[Table] = [("The ladder", ["Rung", "Gate", "Events it asks for", "Why"], rows)]
    if step["p_values"]:
        tested = [[_rung(name).capitalize(), _p_value(p)] for name, p in step["p_values"].items()]
        tables.append((f"Tests against the {_rung(step['tested_against'])}", ["Smaller rung", "P"], tested))
    yield part("Why this much", sentences=[sentence(step["why"])], tables=tables)
    if step["estimates"]:
        labels = _ESTIMATES | _predictors(manifest, dictionary)
        found = [
            [
                labels.get(item["name"], words.spoken(item["name"])),
                words.decimal(item["value"], 3),
                words.decimal(item["standard_error"], 3),
            ]
            for item in step["estimates"]
        ]
        caption = "What was estimated; below level and slope, by how much each coefficient moved"
        if step["rung"] != "revision":
            caption = "What was estimated"
        yield part("What moved", tables=[(caption, ["What", "Estimate", "Standard error"], found)])


def _p_value(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _predictors(manifest: Mapping[str, Any], dictionary: Dictionary) -> dict[str, str]:
    """What the coefficients belong to: a predictor's own name where several share their inputs."""
    found = {item["name"]: " or ".join(dictionary[n].label for n in item["inputs"]) for item in manifest["predictors"]}
    shared = [label for label in found.values() if list(found.values()).count(label) > 1]
    return {name: f"{label}, {words.spoken(name)}" if label in shared else label for name, label in found.items()}


def _effect(step: Step) -> Iterator[Part]:
    before, after = step["before"], step["after"]
    at = f" Risks are judged at {before['horizon_months']:g} months." if before["horizon_months"] else ""
    if not after["differences"]:
        rows = [
            [measures.label(name), measures.shown(name, m), measures.ideal(name)]
            for name, m in before["metrics"].items()
        ]
        text = f"Nothing was changed, so this is the parent, and the child, in the new patients.{at}"
        table = ("Performance (95 % intervals)", ["Measure", "Parent and child", "Ideal"], rows)
        yield part("", sentences=[text], tables=[table])
        return
    plan = after["plan"]
    text = (
        "Before: the parent in the new patients. After: updates made without the patients they are judged on "
        f"({plan['repeats']} x {plan['folds']}-fold cross-validation).{at}"
    )
    taken = ", ".join(f"{_rung(name)} {number} times" for name, number in after["rungs_in_folds"].items())
    chosen = f"In these folds the ladder took: {taken}."
    yield part("", sentences=[text, chosen], figures=[_drawing(step)], tables=[_table(step)])


def _drawing(step: Step) -> tuple[str, str]:
    both = step["before"]["metrics"], step["after"]["metrics"]
    rows = []
    for name in (name for name in _DRAWN if name in both[0] and name in both[1]):
        first, second = ((m[name]["value"], m[name]["low"], m[name]["high"]) for m in both)
        rows.append((measures.label(name), first, second, float(measures.ideal(name))))
    drawing = figures.before_after("update-effect", rows, title="Measures before and after the update")
    return drawing, "Before (hollow) and after (filled) with 95 % intervals; dashed: the ideal."


def _table(step: Step) -> Table:
    before, after = step["before"]["metrics"], step["after"]
    rows = []
    for name, metric in before.items():
        difference = after["differences"].get(name)
        own = after["metrics"].get(name)
        rows.append(
            [
                measures.label(name),
                measures.shown(name, metric),
                "–" if own is None else measures.shown(name, own),
                "–" if difference is None else measures.shown(name, difference),
                "–" if difference is None else measures.comparison(name, difference),
            ]
        )
    columns = ["Measure", "Before", "After", "After less before", "The child is"]
    return "Before, after and their difference (95 % intervals)", columns, rows


def _patients(manifest: Mapping[str, Any], step: Step, dictionary: Dictionary) -> Iterator[Part]:
    """Golden patients side by side, and how far the cohort's risks moved."""
    what, who, rows = "Survival" if manifest["kind"] == "survival" else "Risk", [], []
    for number, item in enumerate(step["golden"], start=1):
        name = f"{number}"
        known = "; ".join(_value(dictionary, n, raw) for n, raw in item["patient"].items())
        who.append([name, known or "nothing"])
        for place in range(len(item["parent"]["value"])):
            when = [f"{item['times'][place]:g} months"] if item["times"] else []
            rows.append([name, *when, *(_estimate(item[side], place) for side in ("parent", "child"))])
    timed = any(item["times"] for item in step["golden"])
    columns = ["Patient", *(["At"] if timed else []), f"{what} by the parent", f"{what} by the child"]
    text = "These patients are invented and travel with the model. Those of whom all is known have an interval."
    tables: list[Table] = [("Who they are", ["Patient", "Known"], who), (f"{what} by parent and child", columns, rows)]
    yield part("Invented patients", sentences=[text], tables=tables)
    yield _change(step["change"])


def _value(dictionary: Dictionary, name: str, raw: object) -> str:
    """An input of an invented patient as a person reads it."""
    variable = dictionary[name]
    reading = dictionary.read(variable, raw)
    return f"{variable.label}: {words.printed(variable.show(reading.value, reading.below))}"


def _estimate(shown: Mapping[str, Any], place: int) -> str:
    text = percent(shown["value"][place])
    return f"{text} ({words.span(shown['low'][place], shown['high'][place])})" if "low" in shown else text


def _change(change: Mapping[str, Any]) -> Part:
    """How far the risks of the new cohort moved."""
    rows = [[f"{100 * float(q):.0f} % of them", f"{100 * moved:.1f}"] for q, moved in change["quantiles"].items()]
    share = "" if change["share_moved"] is None else f" ({words.share_of(change['share_moved'])})"
    text = (
        f"Moved by more than {100 * change['threshold']:.0f} points of a hundred: {change['rows_moved']} rows{share}."
    )
    columns = ["In", "Moved by this many points or less"]
    return part(
        "The new cohort", sentences=[text], tables=[("How far risks moved from parent to child", columns, rows)]
    )


def _cohort(step: Step, cohort: CohortSummary, dictionary: Dictionary) -> Iterator[Part]:
    yield from about_cohort(cohort)
    rows, patients = step["before"]["n_rows"], ("Patients the update was made from", count(step["n_patients"]))
    stayed: Sequence[tuple[str, str]] = [
        *([("Courses the update was made from", count(rows))] if rows > step["n_patients"] else []),
        patients,
        ("With the event", count(step["n_events"])),
    ]
    yield who_was_left_out(step["before"]["left_out"], stayed, dictionary)
