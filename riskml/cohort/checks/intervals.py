"""Ages and times stored beside the dates they should have come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from riskml.cohort.checks.courses import DAYS_PER_MONTH
from riskml.cohort.checks.dates import days_of_dates, first_doses
from riskml.cohort.checks.finding import Finding, in_rows
from riskml.cohort.cohort import Cohort

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

_DAYS_PER_YEAR = 365.25
# Three days and a tenth of a year, for times and ages written to one decimal; completed years or months where every
# value is whole. Months of 30 days and of a twelfth of a year differ by 1.5 %.
_TOLERANCE = 0.1
_WHOLE = 1.0
_SHARE = 0.02
_DAY_TOLERANCE = 1.0
# Time of an event -> its date.
_TIMES = {
    "relapse_time": "relapse_date",
    "second_cancer_time": "second_cancer_date",
    "hsct_time": "hsct_date",
    "cart_time": "cart_date",
}
_FIRST_EVENTS = {
    "relapse": "relapse_date",
    "death": "death_date",
    "second_cancer": "second_cancer_date",
    "no_response": "response_date",
}
_REMEDY = "correct the date or the stored value"


class _Stored(NamedTuple):
    """A stored interval and where it should end; ``ends`` holds days, NaN where there is nothing to compare."""

    name: str
    ends: FloatArray
    dates: tuple[str, ...]
    unit_days: float


def check_intervals(cohort: Cohort) -> Iterator[Finding]:
    """Stored ages and times that their own dates contradict; no message shows a date.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.

    Yields
    ------
    Finding
        ``age_against_dates``, ``time_against_dates`` or ``clock_from_diagnosis``.

    Notes
    -----
    Years have 365.25 days and months 30.4375, as everywhere in riskml. A column may count from the first dose or from
    diagnosis: it is held to the one with which more of its rows agree.
    """
    days = days_of_dates(cohort)
    yield from _age(cohort, days)
    if "first_dose_date" not in days:
        return
    origins = {"first_dose_date": first_doses(cohort, days)}
    if "diagnosis_date" in days:
        origins["diagnosis_date"] = days["diagnosis_date"]
    for stored in _stored(cohort, days):
        yield from _compare(cohort, stored, origins)
    if len(origins) == 2 and "entry_time" in cohort.frame:
        entry = _Stored("entry_time", origins["first_dose_date"], ("first_dose_date",), DAYS_PER_MONTH)
        yield from _compare(cohort, entry, {"diagnosis_date": origins["diagnosis_date"]})


def _stored(cohort: Cohort, days: Mapping[str, FloatArray]) -> Iterator[_Stored]:
    """The stored times of this cohort whose dates are there."""
    frame = cohort.frame
    for time, date in _TIMES.items():
        if time in frame and date in days:
            yield _Stored(time, days[date], (date,), DAYS_PER_MONTH)
    if "response_day" in frame and "response_date" in days:
        # A day of the course, not of the patient.
        course = days["first_dose_date"] - first_doses(cohort, days)
        yield _Stored("response_day", days["response_date"] - course, ("response_date",), 1.0)
    death, last = days.get("death_date"), days.get("last_contact_date")
    if "os_time" in frame and (death is not None or last is not None):
        known = [end for end in (death, last) if end is not None]
        end = known[0] if len(known) == 1 else np.where(np.isfinite(known[0]), known[0], known[1])
        if death is None and "os_event" in frame:
            end = np.where(np.asarray(frame["os_event"], dtype=np.float64) == 1, np.nan, end)
        named = tuple(name for name in ("death_date", "last_contact_date") if name in days)
        yield _Stored("os_time", end, named, DAYS_PER_MONTH)
    dated = {level: days[date] for level, date in _FIRST_EVENTS.items() if date in days}
    if {"efs_time", "efs_event"} <= set(frame.columns) and dated:
        end = np.full(len(frame), np.nan)
        for level, day in dated.items():
            end = np.where(np.asarray(frame["efs_event"] == level, dtype=np.bool_), day, end)
        yield _Stored("efs_time", end, tuple(_FIRST_EVENTS[level] for level in dated), DAYS_PER_MONTH)


def _age(cohort: Cohort, days: Mapping[str, FloatArray]) -> Iterator[Finding]:
    """Age at the course's first dose or at diagnosis, whichever the column holds."""
    if "birth_date" not in days or "age" not in cohort.frame:
        return
    stored = np.asarray(cohort.frame["age"], dtype=np.float64)
    tolerance = _WHOLE + _TOLERANCE if _all_whole(stored) else _TOLERANCE
    wrong, origin = None, ""
    for name in ("first_dose_date", "diagnosis_date"):
        if name in days:
            gap = np.abs(stored - (days[name] - days["birth_date"]) / _DAYS_PER_YEAR)
            here = gap > tolerance
            if np.isfinite(gap).any() and (wrong is None or here.sum() < wrong.sum()):
                wrong, origin = here, name
    if wrong is not None and wrong.any():
        text = f"in {{count}} age differs from the years between birth_date and {origin} by more than {tolerance:g}"
        columns = ("age", "birth_date", origin)
        yield _finding(cohort, "age_against_dates", columns, text, wrong)


def _compare(cohort: Cohort, stored: _Stored, origins: Mapping[str, FloatArray]) -> Iterator[Finding]:
    """One stored interval against its dates, from the origin that fits more of it."""
    value = np.asarray(cohort.frame[stored.name], dtype=np.float64)
    best: tuple[int, str, BoolArray] | None = None
    for origin, start in origins.items():
        wrong = _differs(value, (stored.ends - start) / stored.unit_days, stored.unit_days)
        if best is None or wrong.sum() < best[0]:
            best = (int(wrong.sum()), origin, wrong)
    if best is None:
        return
    count, origin, wrong = best
    if origin == "diagnosis_date" and stored.name != "entry_time":
        text = "counts from diagnosis, not from the first dose"
        remedy = 'say so in the outcome (clock_starts = "diagnosis"), or count from the first dose'
        yield Finding("clock_from_diagnosis", "note", (stored.name, origin), text, remedy)
    if count:
        text = f"in {{count}} {stored.name} is not the time from {origin} to {' or '.join(stored.dates)}"
        yield _finding(cohort, "time_against_dates", (stored.name, *stored.dates, origin), text, wrong)


def _differs(value: FloatArray, derived: FloatArray, unit_days: float) -> BoolArray:
    both = np.isfinite(value) & np.isfinite(derived)
    if unit_days == 1.0:
        tolerance = np.full(len(value), _DAY_TOLERANCE)
    else:
        least = _WHOLE + _TOLERANCE if _all_whole(value[both]) else _TOLERANCE
        tolerance = np.maximum(least, _SHARE * np.abs(np.where(both, derived, 0.0)))
    return both & (np.abs(np.where(both, value - derived, 0.0)) > tolerance)


def _all_whole(value: FloatArray) -> bool:
    known = value[np.isfinite(value)]
    return bool((known == np.trunc(known)).all())


def _finding(cohort: Cohort, code: str, columns: tuple[str, ...], text: str, mask: BoolArray) -> Finding:
    return in_rows(code, "warning", columns, text, _REMEDY, mask=mask, row_numbers=cohort.row_numbers)
