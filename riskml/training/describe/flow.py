"""Flow: rows, patients and courses; who is in each outcome and why others are not; one line a patient, inside alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes import Target, build_target
from riskml.cohort.outcomes.target import DAYS_PER_MONTH
from riskml.errors import DataError, Fault, NotEstimableError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import count
from riskml.training.describe.disclosure import Relation, exact, protected, with_share
from riskml.training.describe.grouping import NOT_KNOWN, grouping
from riskml.training.describe.table import FloatArray, FlowBox, FlowChart, Lane, LaneSet, Part, Row, Table

IntArray = NDArray[np.intp]
OUTCOMES = ("non_response", "icans", "crs", "efs", "overall_survival", "relapse")
WHOLE, LEFT_OUT = "Rows of the file", "left out: "
MOST_COURSES = 4  # patients with more are counted together
# A file with none of them tells of no course of blinatumomab.
OF_COURSES = (
    *("disease_status_at_start", "disease_class_initial", "cycle_index", "first_dose_date", "planned_infusion_days"),
    *("delivered_infusion_days", "response", "mrd_after", "icans_grade", "crs_grade"),
)
NO_COURSES = (
    "No column tells of a course of blinatumomab: what this page calls the first dose is where the clock of the file "
    "starts, and before it means what was known then."
)
# What stands on a lane, and the column with its month.
DATED = {"relapse": "relapse_time", "second cancer": "second_cancer_time", "HSCT": "hsct_time", "CAR-T": "cart_time"}


def flow(
    cohort: Cohort, *, internal: bool = False, outcomes: Sequence[str] = OUTCOMES, group: str | None = "status_group"
) -> Part:
    """How many rows, patients and courses there are, and which of them each outcome counts.

    Parameters
    ----------
    cohort : Cohort
    internal : bool
        Show counts of 1 to 4, and draw every patient's courses and events (without a name).
    outcomes : sequence of str
        Outcomes of the dictionary.
    group : str or None
        What a lane is called by: a category or tri-state of the dictionary.

    Returns
    -------
    Part
        Tables ``flow_of_cohort``, ``flow_of_outcomes`` and, with follow-up, ``first_events``; the lanes of a swimmer
        plot where ``internal``.
    """
    missing: list[str] = []
    tables = [_cohort_table(cohort, internal=internal)]
    targets: list[tuple[str, Target]] = []
    for name in outcomes:
        try:
            targets.append((name, build_target(cohort, name)))
        except NotEstimableError as error:
            why = str(error) if internal else "no row, or no event, or nothing but events"
            missing.append(f"flow into {_label(name)}: {why}")
        except DataError as error:
            missing.append(f"flow into {_label(name)}: {_lacking(error.faults)}")
    if targets:
        tables.append(_outcomes_table(cohort, targets, internal=internal))
    charts = (_chart(*tables),) if targets else ()
    events = _events_table(cohort.patients(), internal=internal)
    tables += [events] if events else []
    missing += [] if events else ["first events: needs efs_event"]
    lanes = _lanes(cohort, group) if internal else None
    if internal and lanes is None:
        missing.append("swimmer plot: no last contact (os_time or efs_time) is known")
    return Part(
        "flow",
        "Patients and courses",
        tuple(tables),
        missing=tuple(missing),
        lane_sets=(lanes,) if lanes else (),
        charts=charts,
    )


def _label(name: str) -> str:
    return str(load_dictionary().outcomes[name]["label"])


def _lacking(faults: Sequence[Fault]) -> str:
    """Which columns an outcome lacks, or the rules that were broken; never a row that shows it."""
    columns = dict.fromkeys(fault.column for fault in faults if fault.column and fault.row is None)
    if columns:
        return f"needs {', '.join(columns)}"
    return "; ".join(dict.fromkeys(f"{fault.column}: {fault.rule}" if fault.column else fault.rule for fault in faults))


def _cohort_table(cohort: Cohort, *, internal: bool) -> Table:
    """Courses, patients, and how many courses each had."""
    courses = np.bincount(cohort.patient, minlength=cohort.n_patients)
    # Outside, one or more: from the total of courses and finer numbers, small ones of them could be worked out.
    most = MOST_COURSES if internal else 2
    had = [int((courses == n).sum()) for n in range(1, most)] + [int((courses >= most).sum())]
    counts = [cohort.n_patients, *had]
    shown = protected(counts, [(range(1, len(counts)), 0)], {0}, internal=internal)
    courses_shown = f"{cohort.n_courses:,}" if internal else count(cohort.n_courses)
    labels = [f"with {n} course{'s' * (n > 1)}" for n in range(1, most)] + [f"with {most} or more"]
    rows = [Row("Courses (rows of the file)", (courses_shown,)), Row("Patients", (shown[0],))]
    rows += [Row(label, (with_share(text, shown[0]),), 1) for label, text in zip(labels, shown[1:], strict=True)]
    numbers = zip(labels, counts[1:], shown[1:], strict=True)
    values = tuple({"kind": label, "patients": number} for label, number, text in numbers if exact(text))
    notes: tuple[str, ...] = ("Each row is a course. Shares are of patients.",)
    if "patient_id" not in cohort.frame:
        notes = ("The file has no patient identifier: each row counts as a patient with one course.",)
    if not any(name in cohort.frame for name in OF_COURSES):
        notes += (NO_COURSES,)
    return Table("flow_of_cohort", "Patients and courses", ("Number",), tuple(rows), notes, values)


def _outcomes_table(cohort: Cohort, targets: Sequence[tuple[str, Target]], *, internal: bool) -> Table:
    """Who was left out of each outcome, for which reason, and what became of the others."""
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    declared = load_dictionary().outcomes
    for name, target in targets:
        lines, numbers = _outcome(cohort, name, target, internal=internal)
        rows += [Row(str(declared[name]["label"])), *lines]
        values += numbers
    notes = (
        "Rows are courses. An outcome of patients takes each patient's first course; one of courses takes them all.",
        "Reasons apply in this order; each row is left out once, for the first that holds.",
        *(f"{declared[name]['label']}: {target.definition}" for name, target in targets),
    )
    return Table("flow_of_outcomes", "Courses in each outcome", ("Rows",), tuple(rows), notes, tuple(values))


def _outcome(cohort: Cohort, name: str, target: Target, *, internal: bool) -> tuple[list[Row], list[dict[str, Any]]]:
    """The lines of one outcome: rows, exclusions, those in, events."""
    out = [(reason, number) for reason, number in target.flow if number]
    n, events, competing = len(target.rows), target.n_events, target.n_competing
    labels = [WHOLE, *(f"{LEFT_OUT}{reason}" for reason, _ in out), "In"]
    labels += ["with the event", "with a competing event", "without"]
    counts = [cohort.n_courses, *(number for _, number in out), n, events, competing, n - events - competing]
    inside = 1 + len(out)
    sums: list[Relation] = [(range(1, inside + 1), 0), (range(inside + 1, inside + 4), inside)]
    shown = protected(counts, sums, {0}, internal=internal)
    depth = [0, *(1 for _ in out), 0, 1, 1, 1]
    lines = [
        Row(label, (with_share(text, shown[inside]) if place > inside else text,), 1 + indent)
        for place, (label, text, indent) in enumerate(zip(labels, shown, depth, strict=True))
        if label != "with a competing event" or competing
    ]
    values = [
        {"outcome": name, "line": label, "rows": number}
        for label, number, text in zip(labels, counts, shown, strict=True)
        if exact(text)
    ]
    return lines, values


def _chart(of_cohort: Table, of_outcomes: Table) -> FlowChart:
    """The two tables as a flow diagram: the same texts, so that it tells nothing that they do not."""
    courses, patients, *had = ((row.label, row.cells[0]) for row in of_cohort.rows)
    start = FlowBox(
        f"{courses[0]}: {courses[1]}",
        (f"{patients[0]}: {patients[1]}", *(f"{label}: {text}" for label, text in had)),
    )
    boxes: list[FlowBox] = []
    for row in of_outcomes.rows:
        if not row.cells:
            boxes.append(FlowBox(row.label, ()))
            continue
        own, text = boxes[-1], f"{row.label}: {row.cells[0]}"
        if row.label.startswith(LEFT_OUT):
            boxes[-1] = replace(own, out=(*own.out, text.removeprefix(LEFT_OUT)))
        elif row.label != WHOLE:
            boxes[-1] = replace(own, lines=(*own.lines, text))
    notes = ("Rows are courses; each is left out once, for the first reason that holds.",)
    return FlowChart("flow", "From the file to each outcome", start, tuple(boxes), notes)


def _events_table(cohort: Cohort, *, internal: bool) -> Table | None:
    """What came first in each patient."""
    if "efs_event" not in cohort.frame:
        return None
    event = cohort.frame["efs_event"]
    levels = load_dictionary()["efs_event"].levels
    kinds = {level.replace("_", " "): int((event == level).sum()) for level in levels}
    named = {"none": "no event", "any": "event, kind not said"}
    kinds = {named.get(kind, kind): number for kind, number in kinds.items()}
    kinds = {kind: number for kind, number in (kinds | {NOT_KNOWN: int(event.isna().sum())}).items() if number}
    counts = [cohort.n_patients, *kinds.values()]
    shown = protected(counts, [(range(1, len(counts)), 0)], {0}, internal=internal)
    rows = [Row("Patients", (shown[0],))]
    rows += [Row(kind, (with_share(text, shown[0]),), 1) for kind, text in zip(kinds, shown[1:], strict=True)]
    values = tuple(
        {"event": kind, "patients": n} for (kind, n), text in zip(kinds.items(), shown[1:], strict=True) if exact(text)
    )
    notes = ("Each patient counts once, with the first event as the first course's row has it.",)
    return Table("first_events", "First event of each patient", ("Patients",), tuple(rows), notes, values)


def _lanes(cohort: Cohort, group: str | None) -> LaneSet | None:
    """One lane a patient, longest first, so that the order of the file cannot be read from it."""
    groups, _ = grouping(cohort, group)
    last = _last_contact(cohort)
    if np.isnan(last).all():
        return None
    starts = _starts(cohort)
    days = cohort.frame.get("delivered_infusion_days")
    length = np.full(cohort.n_courses, np.nan) if days is None else days.to_numpy(dtype=np.float64)
    ends = starts + np.nan_to_num(length) / DAYS_PER_MONTH
    lanes = []
    for row in np.flatnonzero(cohort.first_courses & ~np.isnan(last)).tolist():
        mine = np.flatnonzero((cohort.patient == cohort.patient[row]) & ~np.isnan(starts))
        courses = tuple(sorted((float(starts[course]), float(ends[course])) for course in mine))
        events = tuple(sorted(_events_of(cohort, row)))
        died = any(what == "death" for _, what in events)
        label = groups.levels[groups.code[row]] if groups.label else ""
        lanes.append(Lane(label, float(last[row]), courses, events, going_on=not died))
    lanes.sort(key=lambda lane: (-lane.months, lane.label, lane.courses, lane.events))
    unknown, unseen = int(np.isnan(starts).sum()), cohort.n_patients - len(lanes)
    notes = (
        "One line a patient, the longest follow-up first; months on the clock of the file. For the site alone.",
        *((f"Not drawn, since their first doses are not dated: later courses, {unknown:,}.",) if unknown else ()),
        *((f"Not drawn, since no last contact is known: patients, {unseen:,}.",) if unseen else ()),
        *(() if days is not None else ("Courses have no length: none was delivered on record.",)),
    )
    return LaneSet("swimmer", "Courses and events of each patient", tuple(lanes), notes)


def _last_contact(cohort: Cohort) -> FloatArray:
    """Months to the last contact on the first course's row; the first event's where nothing later is known."""
    found = [cohort.frame[name].to_numpy(dtype=np.float64) for name in ("os_time", "efs_time") if name in cohort.frame]
    last: FloatArray = np.fmax.reduce([np.full(cohort.n_courses, np.nan), *found])
    return last


def _starts(cohort: Cohort) -> FloatArray:
    """Month in which each course began: the first at 0, later ones by the dates of their first doses."""
    first = np.flatnonzero(cohort.first_courses)
    starts = np.full(cohort.n_courses, np.nan)
    if "first_dose_date" in cohort.frame:
        date = cohort.frame["first_dose_date"]
        begun = date.iloc[first].set_axis(cohort.patient[first]).reindex(cohort.patient).set_axis(date.index)
        starts = (date - begun).dt.days.to_numpy(dtype=np.float64) / DAYS_PER_MONTH
    starts[first] = 0.0
    return starts


def _events_of(cohort: Cohort, row: int) -> Iterator[tuple[float, str]]:
    """What happened to the patient of this first course, as far as it is dated."""
    frame = cohort.frame.iloc[row]
    seen = set()
    for what, column in DATED.items():
        if column in frame and not np.isnan(frame[column]):
            seen.add(what)
            yield float(frame[column]), what
    if frame.get("os_event") == 1 and not np.isnan(frame.get("os_time", np.nan)):
        seen.add("death")
        yield float(frame["os_time"]), "death"
    event = frame.get("efs_event")
    what = {"none": "", "any": "event"}.get(str(event), str(event).replace("_", " "))
    if event is not None and what and what not in seen and not np.isnan(frame.get("efs_time", np.nan)):
        yield float(frame["efs_time"]), what
