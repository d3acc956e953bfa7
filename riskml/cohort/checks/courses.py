"""Times, events and courses of a patient that cannot be true together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.checks.finding import Finding, Level, in_rows
from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import Dictionary

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

DAYS_PER_MONTH = 30.4375
# Times are written to a tenth of a month, or counted from different hours of a day.
_SAME_MONTHS = 0.1
# The labelled cycle is six weeks; shortened ones were published, so only four weeks are taken for granted.
_SHORTEST_CYCLE_DAYS = 28
_EVENT_TIMES = ("relapse_time", "second_cancer_time", "hsct_time", "cart_time", "efs_time")
_PATIENT_FACTS = (
    *("efs_time", "efs_event", "os_time", "os_event", "sex", "disease_class_initial"),
    *("birth_date", "diagnosis_date", "relapse_date", "second_cancer_date", "hsct_date", "cart_date"),
    *("death_date", "last_contact_date"),
)
# An event by any of these names means that somebody is dead.
_FATAL_GRADE = 5


def check_courses(cohort: Cohort, dictionary: Dictionary) -> Iterator[Finding]:
    """Order of dates, events against each other, and courses against the patient.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    dictionary : Dictionary
        Says which columns are lesions, which do not change between courses.

    Yields
    ------
    Finding
        ``event_at_start``, ``event_after_death``, ``death_not_recorded``, ``event_against_survival``,
        ``event_against_response``, ``response_when_negative``, ``course_after_end``, ``infusion_after_end``,
        ``longer_than_planned``, ``skipped_cycle``, ``patient_differs``, ``younger_later``.
    """
    yield from _times(cohort)
    yield from _deaths(cohort)
    yield from _responses(cohort)
    yield from _exposure(cohort)
    patient = cohort.patient
    yield from _cycles(cohort, patient)
    yield from _patient(cohort, pd.Series(patient), dictionary)


def _has(cohort: Cohort, *names: str) -> bool:
    return set(names) <= set(cohort.frame.columns)


def _number(cohort: Cohort, name: str) -> FloatArray:
    return np.asarray(cohort.frame[name], dtype=np.float64)


def _is(cohort: Cohort, name: str, *levels: str) -> BoolArray:
    return np.asarray(cohort.frame[name].isin(levels), dtype=np.bool_)


def _report(
    cohort: Cohort, code: str, level: Level, columns: tuple[str, ...], mask: BoolArray, message: str, remedy: str
) -> Iterator[Finding]:
    if mask.any():
        yield in_rows(code, level, columns, message, remedy, mask=mask, row_numbers=cohort.row_numbers)


def _times(cohort: Cohort) -> Iterator[Finding]:
    """Events come after the first dose, and nothing happens after death or last contact."""
    if _has(cohort, "efs_time", "efs_event"):
        known = cohort.frame["efs_event"].notna().to_numpy()
        at_start = known & ~_is(cohort, "efs_event", "none") & (_number(cohort, "efs_time") == 0)
        text = "{count} with an event at time 0, before any exposure"
        remedy = "correct the date; an event later on the first day is half a day, 0.5 d"
        yield from _report(cohort, "event_at_start", "error", ("efs_time", "efs_event"), at_start, text, remedy)
    if not _has(cohort, "os_time"):
        return
    last = _number(cohort, "os_time")
    for name in _EVENT_TIMES:
        if _has(cohort, name):
            late = _number(cohort, name) > last + _SAME_MONTHS
            text = f"in {{count}} {name} lies after os_time, the death or last contact"
            remedy = "correct one of the two dates"
            yield from _report(cohort, "event_after_death", "error", (name, "os_time"), late, text, remedy)


def _deaths(cohort: Cohort) -> Iterator[Finding]:
    if not _has(cohort, "os_event"):
        return
    died, alive = _number(cohort, "os_event") == 1, _number(cohort, "os_event") == 0
    for grade in ("icans_grade", "crs_grade"):
        if _has(cohort, grade):
            fatal = alive & (_number(cohort, grade) == _FATAL_GRADE)
            text = f"{{count}} with {grade} 5, which is death, and os_event absent"
            yield from _report(
                cohort, "death_not_recorded", "error", (grade, "os_event"), fatal, text, "correct the grade or os_event"
            )
    if _has(cohort, "efs_event"):
        wrong = alive & _is(cohort, "efs_event", "death")
        text, remedy = "{count} with death as first event and os_event absent", "correct one of the two"
        yield from _report(cohort, "death_not_recorded", "error", ("efs_event", "os_event"), wrong, text, remedy)
    if _has(cohort, "efs_event", "efs_time", "os_time"):
        yield from _death_times(cohort, died)


def _death_times(cohort: Cohort, died: BoolArray) -> Iterator[Finding]:
    """A death ends event-free survival, at its own time."""
    gap = _number(cohort, "os_time") - _number(cohort, "efs_time")
    columns = ("efs_event", "efs_time", "os_event", "os_time")
    event_free = _is(cohort, "efs_event", "none")
    text = "{count} without an event whose death ends the same follow-up: death is an event"
    remedy = "write death as the event, or correct os_event"
    same = died & event_free & (np.abs(gap) <= _SAME_MONTHS)
    yield from _report(cohort, "event_against_survival", "error", columns, same, text, remedy)
    text = "{count} event-free whose follow-up for events ends before their death"
    remedy = "confirm that the follow-up for events really stopped earlier"
    earlier = died & event_free & (gap > _SAME_MONTHS)
    yield from _report(cohort, "event_against_survival", "warning", columns, earlier, text, remedy)
    text, remedy = "{count} with death as first event at another time than os_time", "correct one of the two times"
    apart = died & _is(cohort, "efs_event", "death") & (gap > _SAME_MONTHS)
    yield from _report(cohort, "event_against_survival", "error", columns, apart, text, remedy)


def _responses(cohort: Cohort) -> Iterator[Finding]:
    """The response of the first course against the first event, and against the status it started from."""
    if not _has(cohort, "response"):
        return
    first = cohort.first_courses
    responded, failed = _is(cohort, "response", "response"), _is(cohort, "response", "no_response")
    if _has(cohort, "efs_event"):
        columns, remedy = ("efs_event", "response"), "correct the response or the event"
        wrong = first & responded & _is(cohort, "efs_event", "no_response")
        text = "{count} with non-response as first event and a response in the first course"
        yield from _report(cohort, "event_against_response", "warning", columns, wrong, text, remedy)
        unseen = first & failed & _is(cohort, "efs_event", "none")
        text = "{count} without an event although the first course brought no response"
        remedy = "decide whether non-response is an event, the same way in every row"
        yield from _report(cohort, "event_against_response", "note", columns, unseen, text, remedy)
    if _has(cohort, "disease_status_at_start"):
        negative = _is(cohort, "disease_status_at_start", "CR-MRDneg")
        columns = ("response", "disease_status_at_start")
        text = "{count} MRD-negative at first dose with no response: there was nothing left to respond"
        remedy = "write 'not evaluable', or correct the status"
        yield from _report(cohort, "response_when_negative", "warning", columns, negative & failed, text, remedy)
        text = "{count} MRD-negative at first dose counted as responders"
        yield from _report(cohort, "response_when_negative", "note", columns, negative & responded, text, remedy)


def _exposure(cohort: Cohort) -> Iterator[Finding]:
    """Treatment that would have been given after the end of follow-up, or beyond its plan."""
    if _has(cohort, "os_time", "cycle_index"):
        days, cycle = _number(cohort, "os_time") * DAYS_PER_MONTH, _number(cohort, "cycle_index")
        late = (cycle > 1) & (days < (cycle - 1) * _SHORTEST_CYCLE_DAYS)
        text = "{count} of a later course that would begin after os_time, the death or last contact"
        remedy = "correct cycle_index or os_time"
        yield from _report(cohort, "course_after_end", "error", ("cycle_index", "os_time"), late, text, remedy)
    if _has(cohort, "os_time", "delivered_infusion_days"):
        days = _number(cohort, "os_time") * DAYS_PER_MONTH
        longer = _number(cohort, "delivered_infusion_days") > days + 1
        text, remedy = "in {count} the infusion outlasts os_time, the death or last contact", "correct one of the two"
        columns = ("delivered_infusion_days", "os_time")
        yield from _report(cohort, "infusion_after_end", "error", columns, longer, text, remedy)
    if _has(cohort, "planned_infusion_days", "delivered_infusion_days"):
        columns = ("delivered_infusion_days", "planned_infusion_days")
        more = _number(cohort, columns[0]) > _number(cohort, columns[1])
        text, remedy = "in {count} more days were delivered than planned", "check that the two are not swapped"
        yield from _report(cohort, "longer_than_planned", "warning", columns, more, text, remedy)


def _cycles(cohort: Cohort, patient: npt.NDArray[np.intp]) -> Iterator[Finding]:
    """Numbers of a patient's courses should run 1, 2, 3."""
    if not _has(cohort, "patient_id", "cycle_index"):
        return
    cycles = pd.DataFrame({"patient": patient, "cycle": _number(cohort, "cycle_index")}).sort_values(
        ["patient", "cycle"], kind="stable"
    )
    before = cycles.groupby("patient")["cycle"].shift(fill_value=0.0)
    skipped = np.zeros(cohort.n_courses, dtype=np.bool_)
    skipped[cycles.index[(cycles["cycle"] - before > 1).to_numpy()]] = True
    text = "{count} whose preceding course is not in the file"
    remedy = "add the missing course, or correct cycle_index"
    yield from _report(cohort, "skipped_cycle", "note", ("cycle_index",), skipped, text, remedy)


def _patient(cohort: Cohort, patient: pd.Series, dictionary: Dictionary) -> Iterator[Finding]:
    """What belongs to the patient must not change from course to course."""
    if not patient.duplicated().any():
        return
    lesions = [name for name in cohort.frame if name in dictionary.variables and dictionary[name].lesion]
    for name in (*(fact for fact in _PATIENT_FACTS if fact in cohort.frame), *lesions):
        codes = pd.Series(pd.factorize(cohort.frame[name])[0].astype(np.float64)).where(lambda code: code >= 0)
        groups = codes.groupby(patient)
        differs = (groups.transform("min") != groups.transform("max")) & codes.notna()
        text = f"{name} differs between the courses of a patient in {{count}}"
        remedy = "write the patient's one value into every course"
        yield from _report(cohort, "patient_differs", "warning", (name,), differs.to_numpy(), text, remedy)
    if _has(cohort, "cycle_index", "age"):
        order = np.lexsort((_number(cohort, "cycle_index"), patient))
        age = pd.Series(_number(cohort, "age")[order])
        step = age - age.groupby(patient.to_numpy()[order]).shift()
        younger = np.zeros(cohort.n_courses, dtype=np.bool_)
        # Ages rounded to a tenth of a year, or written in months once and in years later, move by that much.
        younger[order] = (step < -0.1).to_numpy()
        text, remedy = "{count} younger than at the course before", "correct age or cycle_index, or the age's unit"
        yield from _report(cohort, "younger_later", "warning", ("age", "cycle_index"), younger, text, remedy)
