"""Event-free and overall survival and the cumulative incidence of relapse: in all, by class, by response.

Response is learned after the first dose. Who is compared by it must have lived, and been watched, long enough to show
it, so responders cannot have died early: counted from the first dose they would do better even if response meant
nothing. The comparison here starts at a landmark, among those event-free and in follow-up then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes import Target, build_target
from riskml.cohort.outcomes.binary import MRD_THRESHOLD, mrd_positive
from riskml.errors import DataError, NotEstimableError, UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL, count, without_small_counts
from riskml.training.describe.estimates import Outcome, curve_sets, outcome_table
from riskml.training.describe.grouping import NOT_KNOWN, Grouping, grouping, usual_groups
from riskml.training.describe.merging import is_ordered, merged
from riskml.training.describe.observed import Observed
from riskml.training.describe.table import CurveSet, Part, Table

BoolArray = NDArray[np.bool_]
Declared: TypeAlias = str | Mapping[str, Any]

NAME, TITLE = "survival", "Survival and relapse"
# The published estimates are those at 12 months; where estimates would tell small counts, the first is kept.
MONTHS = (12.0, 24.0, 6.0)
GROUPS = ("disease_class_initial", "disease_status_at_start")
INDUCTION = "mrd_end_of_induction"
# End of cycle 1, when response is assessed.
LANDMARK_DAYS = 28.0
# How each outcome is told, the first that the cohort's columns allow.
_EVENTS = ("relapse", "death", "second_cancer")
_DATED: Mapping[str, Any] = {"kind": "survival", "rows": "patient"}
DECLARED: Mapping[str, tuple[Declared, ...]] = {
    "efs": (
        "efs",
        {**_DATED, "name": "efs", "rule": "cytological_or_mrd", "events": [*_EVENTS, "no_response"]},
        "efs_without_non_response",
    ),
    "os": ("overall_survival",),
    "relapse": (
        "relapse",
        {**_DATED, "name": "relapse", "events": ["relapse"], "competing": ["death", "second_cancer"]},
    ),
}
_TITLES = {"efs": "Event-free survival", "os": "Overall survival", "relapse": "Cumulative incidence of relapse"}
_AXES = {"efs": "event-free", "os": "alive", "relapse": "relapsed"}
_LATE_ENTRY = (
    "Patients come under risk at different times (delayed entry): a patient counts from entry on, and early estimates "
    "rest on few."
)
IMMORTAL = "learned after the first dose; whoever has it lived to have it, so compare from a landmark instead"
_TOLD = "not shown: one to four relapses, or other first events, would follow from the events of event-free survival"
_GRAY = "Groups are compared by Gray's test of cumulative incidence (Ann Stat 1988;16:1141-1154)."
_NO_GRAY = "No test compares the incidences: Gray's test does not provide for entry times, the intervals stand alone."


def survival(
    cohort: Cohort,
    *,
    internal: bool = False,
    by: str | None = None,
    groups: Sequence[str] | None = None,
    months: Sequence[float] = MONTHS,
    landmark_days: float = LANDMARK_DAYS,
    outcomes: Mapping[str, Declared] | None = None,
) -> Part:
    """Kaplan-Meier, landmark estimates, log-rank tests, follow-up and cumulative incidence, with whatever can be had.

    Parameters
    ----------
    cohort : Cohort
    internal : bool
        Show small cells: for the team that holds the patients' records.
    by : str, optional
        A variable to compare before those of ``groups``.
    groups : sequence of str, optional
        Variables known at the first dose whose levels are compared, derived ones included; by default those of
        ``GROUPS``, or, where the cohort has neither, the first two by which it has groups.
    months : sequence of float
        Of the estimates, the most important first: where small counts would follow from two, the first is shown.
    landmark_days : float
        Day after the first dose from which patients are compared by response.
    outcomes : mapping, optional
        Another outcome (a name, or a table as in ``features/outcomes.toml``) for ``efs``, ``os`` or ``relapse``; one
        with ``origin = "diagnosis"`` is analysed with entry times.

    Returns
    -------
    Part

    Raises
    ------
    UsageError
        If a month is not positive, or an outcome of ``outcomes`` is not well defined.

    References
    ----------
    Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. JASA 1958;53:457-481.
    Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719.
    Schemper M, Smith TL. A note on quantifying follow-up in studies of failure time. Control Clin Trials
    1996;17:343-346.
    Aalen OO, Johansen S. Scand J Stat 1978;5:141-150.
    """
    when = tuple(dict.fromkeys(float(month) for month in months))
    if not when or not all(0 < month < np.inf for month in when):
        raise UsageError(f"months must be positive numbers, got {', '.join(map(str, months)) or 'none'}")
    if cohort.n_patients < SMALLEST_CELL and not internal:
        return Part(NAME, TITLE, missing=(f"survival: fewer than {SMALLEST_CELL} patients",))
    declared = {**DECLARED} | {key: (outcome,) for key, outcome in (outcomes or {}).items()}
    found: list[Outcome] = []
    missing: list[str] = []
    usual = groups if groups is not None else usual_groups(cohort, GROUPS) or usual_groups(cohort)[:2]
    split = _groups(cohort, (*(() if by is None else (by,)), *usual), missing)
    for key, candidates in declared.items():
        target, why = target_of(cohort, candidates)
        if target is None:
            missing.append(f"{_TITLES[key]}: {why}")
            continue
        if key == "relapse" and not internal and _tells(target):
            missing.append(f"{_TITLES[key]}: {_TOLD}")
            continue
        own = {name: group.some(target.rows) for name, group in split.items()}
        if not internal:
            own = {name: _shareable(name, group, Observed.of(target), when[0]) for name, group in own.items()}
        found += _incidence(target, own, when) if key == "relapse" else [_plain(key, target, own, when)]
    for key in ("efs", "os"):
        outcome, why = _by_response(cohort, key, when, landmark_days)
        missing += [f"{_TITLES[key]} by response: {why}"] if why else []
        found += [outcome] if outcome is not None else []
    tables: list[Table] = [outcome_table(outcome, internal=internal) for outcome in found]
    sets: list[CurveSet] = [one for outcome in found for one in curve_sets(outcome, internal=internal)]
    return Part(NAME, TITLE, tuple(tables), tuple(sets), tuple(missing))


def target_of(cohort: Cohort, candidates: Sequence[Declared]) -> tuple[Target | None, str]:
    """The first of the outcomes that the cohort has, or why it has none."""
    empty, lacking = [], []
    for candidate in candidates:
        try:
            return build_target(cohort, candidate), ""
        except NotEstimableError as error:
            empty.append(str(error).split(" (left out", maxsplit=1)[0])
        except DataError as error:
            columns = [fault.column for fault in error.faults if fault.column and fault.row is None]
            lacking.append(
                f"needs the column{'s'[: len(columns) > 1]} {', '.join(columns)}" if columns else error.message
            )
    return None, "; or ".join(dict.fromkeys(empty or lacking))


def _tells(target: Target) -> bool:
    """Whether relapses, or the first events beside them, are one to four: the events of EFS less one give the other."""
    relapses = int(target.event.sum())
    return any(0 < number < SMALLEST_CELL for number in (relapses, target.n_competing))


def notes_of(target: Target) -> tuple[str, ...]:
    """What must be said beside numbers made from a target."""
    late = (_LATE_ENTRY,) if target.entry is not None else ()
    return (
        target.definition,
        *(f"{note[0].upper()}{note[1:]}." for note in map(without_small_counts, target.notes)),
        *late,
    )


def _groups(cohort: Cohort, names: Sequence[str], missing: list[str]) -> dict[str, Grouping]:
    """The variables that have two groups or more, and are known when the clock starts."""
    found, dictionary = {}, load_dictionary()
    for name in dict.fromkeys(names):
        if name in dictionary.variables and not dictionary.usable_at(dictionary[name], "first_dose"):
            missing.append(f"groups by {name}: {IMMORTAL}")
            continue
        group, why = grouping(cohort, name)
        missing += why
        if len(group.levels) > 1:
            found[name] = group
    return found


def _shareable(name: str, group: Grouping, observed: Observed, month: float) -> Grouping:
    """The groups joined until none has one to four events, or patients without one, by the month that matters most."""
    parts = [observed.some(group.code == code) for code in group.known]
    events = [part.events_by(month) for part in parts]
    counts = [[number, part.size - number] for number, part in zip(events, parts, strict=True)]
    return merged(group, counts, ordered=is_ordered(name))


def _plain(key: str, target: Target, groups: Mapping[str, Grouping], months: tuple[float, ...]) -> Outcome:
    return Outcome(key, _TITLES[key], _AXES[key], Observed.of(target), groups, months, notes_of(target))


def _incidence(target: Target, groups: Mapping[str, Grouping], months: tuple[float, ...]) -> list[Outcome]:
    """Relapse with its competing events, and those with relapse: the two add up to what Kaplan-Meier of both misses."""
    observed = Observed.of(target, "incidence")
    tested = (_GRAY if target.entry is None else _NO_GRAY,) if groups else ()
    notes = (*notes_of(target), *tested)
    relapse = Outcome("relapse", _TITLES["relapse"], _AXES["relapse"], observed, groups, months, notes)
    if not target.n_competing:
        return [relapse]
    swapped = np.array([0, 2, 1])[observed.cause]
    other = Observed(observed.time, swapped, observed.entry, "incidence")
    title = "Cumulative incidence of another first event than relapse"
    rest = Outcome("not_relapse", title, "", other, {}, months, notes_of(target))
    return [replace(relapse, label="Relapse", axis="with the event", beside={"Another first event": other}), rest]


def _by_response(cohort: Cohort, key: str, months: tuple[float, ...], days: float) -> tuple[Outcome | None, str]:
    """Survival from the landmark by the response known then, among those event-free and in follow-up."""
    response, what = response_groups(cohort, days)
    if response is None:
        return None, what
    if key == "efs" and response.label == load_dictionary()["response"].label:
        return None, "non-response is itself an event and MRD response was not recorded; see overall survival"
    induction = response.label == load_dictionary()[INDUCTION].label
    target, why = target_of(
        cohort, _landmark_outcomes(key, days, "end_of_induction" if induction else "end_of_cycle_1")
    )
    if target is None:
        return None, why
    own = response.some(target.rows)
    known = np.isin(own.code, own.known)
    if not known.any():
        return None, "of nobody in follow-up at the landmark is the response known"
    kept = Observed.of(target).some(known)
    why = (
        f"Landmark analysis: only patients event-free and in follow-up on day {days:g} count, and the clock starts "
        f"there, so that nobody is a responder for having lived long enough. {what}"
    )
    unknown = f"Left out, response not known at the landmark: {count(int((~known).sum()))} patients."
    notes = (why, *notes_of(target), unknown)
    title = f"{_TITLES[key]} from day {days:g}"
    group = {"response": Grouping(own.label, own.levels, own.code[known])}
    return Outcome(f"{key}_landmark", title, _AXES[key], kept, group, months, notes), ""


def _landmark_outcomes(key: str, days: float, origin: str) -> list[Declared]:
    """EFS here does not count non-response, which stands at the landmark; only the first event is in one column."""
    declared = load_dictionary().outcomes
    clock: dict[str, Any] = {"origin": origin, "landmark_days": days, "events_at_landmark": "exclude"}
    names = ("efs_of_responders", "efs_without_non_response") if key == "efs" else ("overall_survival",)
    if origin == "end_of_induction":
        what = "the first event of any kind" if key == "efs" else "death from any cause"
        clock |= {"clock_starts": "diagnosis", "definition": f"Time from day {days:g} of induction to {what}."}
        names = ("efs_from_end_of_induction",) if key == "efs" else names
    return [{**declared[name], **clock, "name": name} for name in names]


def response_groups(cohort: Cohort, days: float) -> tuple[Grouping | None, str]:
    """Response of each row as known on a day: by MRD, else as the course was judged.

    Returns
    -------
    Grouping or None
        None where the cohort has no response.
    str
        Who counts as what; else why there are no groups.
    """
    frame = cohort.frame
    dictionary = load_dictionary()
    late = frame["response_day"].to_numpy(dtype=float) > days if "response_day" in frame else False
    names = ("MRD negative", "MRD positive")
    if "mrd_response" in frame:
        value = frame["mrd_response"]
        yes, no = (np.asarray(value == level) for level in ("mrd_negative", "mrd_positive"))
        said = "MRD response is what the column mrd_response says of the first course."
    elif "mrd_after" in frame:
        positive, unclear = mrd_positive(cohort, {}, dictionary)
        known = ~np.any([mask for _, mask in unclear], axis=0)
        yes, no = known & ~positive, known & positive
        said = "MRD response is MRD under 0.01 % after the first course, by any method."
    elif "response" in frame:
        yes, no = (np.asarray(frame["response"] == level) for level in ("response", "no_response"))
        names, said = ("response", "no response"), "MRD response was not recorded: response of the first course."
    elif INDUCTION in frame and not any(name in frame for name in (*GROUPS, "mrd")):
        # Treated at diagnosis: what decides there is the MRD of the end of induction.
        value = frame[INDUCTION]
        yes, no = np.asarray(value < MRD_THRESHOLD), np.asarray(value >= MRD_THRESHOLD)
        names = ("MRD under 0.01 %", "MRD of 0.01 % or more")
        said = "The clock of the file is taken to start with induction, and MRD to be that of its end."
        return Grouping(dictionary[INDUCTION].label, (*names, NOT_KNOWN), np.where(yes, 0, np.where(no, 1, 2))), said
    else:
        return None, "needs the column mrd_response, mrd_after or response"
    label = dictionary["mrd_response" if names[0].startswith("MRD") else "response"].label
    start = next((name for name in reversed(GROUPS) if name in frame), None)
    unfit = np.full(len(frame), fill_value=False) | late
    if names[0].startswith("MRD") and start is not None:
        unfit = unfit | np.asarray(frame[start] == "CR-MRDneg")
        said += " Patients MRD-negative before have no response to show and are left out."
    code = np.where(unfit, 2, np.where(yes, 0, np.where(no, 1, 2)))
    return Grouping(label, (*names, NOT_KNOWN), code.astype(np.intp)), said
