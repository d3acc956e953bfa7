"""Dates against each other, against the newest date of the file, and against the ages, times and events stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.checks.finding import Finding, Level, in_rows
from riskml.cohort.cohort import Cohort

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

# What comes first, and what cannot come before it. The same day is in order.
_ORDER = (
    ("birth_date", ("diagnosis_date", "first_dose_date")),
    ("diagnosis_date", ("first_dose_date", "relapse_date", "second_cancer_date", "hsct_date", "cart_date")),
    ("last_contact_date", ("death_date",)),
)
_OUTCOMES = ("response_date", "relapse_date", "second_cancer_date")
_LATER_TREATMENTS = ("hsct_date", "cart_date")
_ENDS = ("death_date", "last_contact_date")
# Event by date -> the column that says yes or no.
_EVENTS = {
    "relapse_date": "relapse",
    "second_cancer_date": "second_cancer",
    "hsct_date": "hsct",
    "cart_date": "cart",
    "death_date": "os_event",
}
# A last contact this long after nearly all others is a slip of the year, not a long survivor.
_ALONE_DAYS = 5 * 365.25
_NEARLY_ALL = 0.9
_MIN_ROWS = 10
_CORRECT = "correct one of the dates"


def check_dates(cohort: Cohort) -> Iterator[Finding]:
    """Dates that cannot be true together; no message shows a date.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.

    Yields
    ------
    Finding
        ``dates_out_of_order``, ``outcome_before_exposure``, ``date_in_future``, ``date_without_event``.
    """
    days = days_of_dates(cohort)
    if not days:
        return
    yield from _order(cohort, days)
    yield from _exposure(cohort, days)
    yield from _courses(cohort, days)
    yield from _future(cohort, days)
    yield from _without_event(cohort, days)


def days_of_dates(cohort: Cohort) -> Mapping[str, FloatArray]:
    """The date columns as days since 1970-01-01, arrays of shape (n_courses,); NaN where unknown."""
    dates = [name for name in cohort.frame.columns if cohort.frame[name].dtype.kind == "M"]
    return {name: _as_days(cohort.frame[name]) for name in dates}


def _as_days(column: pd.Series) -> FloatArray:
    days = column.to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.float64))


def _report(
    cohort: Cohort, code: str, level: Level, columns: tuple[str, ...], mask: BoolArray, text: str, remedy: str
) -> Iterator[Finding]:
    if mask.any():
        yield in_rows(code, level, columns, text, remedy, mask=mask, row_numbers=cohort.row_numbers)


def _order(cohort: Cohort, days: Mapping[str, FloatArray]) -> Iterator[Finding]:
    """Birth, diagnosis, first dose; and nothing after death or last contact."""
    for earlier, others in _ORDER:
        for later in others:
            if earlier in days and later in days:
                text = f"in {{count}} {later} lies before {earlier}"
                wrong = days[later] < days[earlier]
                yield from _report(cohort, "dates_out_of_order", "error", (later, earlier), wrong, text, _CORRECT)
    ends = [days[name] for name in _ENDS if name in days]
    if not ends:
        return
    end = np.fmax.reduce(ends)
    columns = tuple(name for name in _ENDS if name in days)
    for name in days:
        if name not in _ENDS:
            text = f"in {{count}} {name} lies after the death or last contact"
            wrong = days[name] > end
            yield from _report(cohort, "dates_out_of_order", "error", (name, *columns), wrong, text, _CORRECT)


def _exposure(cohort: Cohort, days: Mapping[str, FloatArray]) -> Iterator[Finding]:
    """What should follow the first dose of the patient and stands before it."""
    if "first_dose_date" not in days:
        return
    first_dose = first_doses(cohort, days)
    for name in (*_OUTCOMES, *_LATER_TREATMENTS):
        if name not in days:
            continue
        early = days[name] < first_dose
        text = f"in {{count}} {name} lies before the first dose"
        if name in _OUTCOMES:
            remedy = "correct one of the dates; give the first event after the first dose, earlier ones are history"
            level: Level = "error"
        else:
            remedy, level = f"an earlier one is prior_{name.removesuffix('_date')}: leave the date empty", "warning"
        yield from _report(cohort, "outcome_before_exposure", level, (name, "first_dose_date"), early, text, remedy)


def first_doses(cohort: Cohort, days: Mapping[str, FloatArray]) -> FloatArray:
    """Day of each row's patient's very first dose, shape (n_courses,): that of the first course."""
    dose = pd.Series(days["first_dose_date"])
    return np.asarray(dose.groupby(cohort.patient).transform("min"), dtype=np.float64)


def _courses(cohort: Cohort, days: Mapping[str, FloatArray]) -> Iterator[Finding]:
    """Courses of a patient begin in the order of their numbers."""
    if "first_dose_date" not in days or "cycle_index" not in cohort.frame:
        return
    patient = cohort.patient
    order = np.lexsort((np.asarray(cohort.frame["cycle_index"], dtype=np.float64), patient))
    dose = pd.Series(days["first_dose_date"][order])
    wrong = np.zeros(cohort.n_courses, dtype=np.bool_)
    wrong[order] = (dose < dose.groupby(patient[order]).shift()).to_numpy()
    columns, text = ("first_dose_date", "cycle_index"), "{count} that begin before the course of the preceding number"
    remedy = "correct first_dose_date or cycle_index"
    yield from _report(cohort, "dates_out_of_order", "error", columns, wrong, text, remedy)


def _future(cohort: Cohort, days: Mapping[str, FloatArray]) -> Iterator[Finding]:
    """Dates after the file was closed; the newest last contact is the latest day it can know."""
    ends = [days[name] for name in _ENDS if name in days]
    newest = np.fmax.reduce(ends) if ends else np.fmax.reduce(list(days.values()))
    known = np.sort(newest[np.isfinite(newest)])
    if len(known) < _MIN_ROWS:
        return
    # A closing date that stands alone is itself the mistake.
    far = np.flatnonzero(np.diff(known) > _ALONE_DAYS)
    far = far[far >= _NEARLY_ALL * len(known) - 1]
    close = known[far[0]] if len(far) else known[-1]
    for name in days:
        # Where the row has its own last contact, a date after it was named already.
        late = (days[name] > close) & (np.isnan(newest) if name not in _ENDS and ends else True)
        text = f"in {{count}} {name} lies after the last day this file can know"
        yield from _report(cohort, "date_in_future", "warning", (name,), late, text, "correct the year")


def _without_event(cohort: Cohort, days: Mapping[str, FloatArray]) -> Iterator[Finding]:
    """A day is given on which something happened that did not happen."""
    for name, event in _EVENTS.items():
        if name not in days or event not in cohort.frame:
            continue
        denied = np.isfinite(days[name]) & (np.asarray(cohort.frame[event], dtype=np.float64) == 0)
        text, remedy = f"{{count}} with {name} and {event} absent", "delete the date or correct the event"
        yield from _report(cohort, "date_without_event", "warning", (name, event), denied, text, remedy)
