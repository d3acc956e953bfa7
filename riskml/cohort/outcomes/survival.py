"""Time to the first event: from one column or from several dates, on the clock of the chosen origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.binary import response
from riskml.cohort.outcomes.settings import Table, from_dates, moved_by_entry, no_response_counts
from riskml.cohort.outcomes.target import COMPETING, DAYS_PER_MONTH, EVENT, BoolArray, FloatArray, IntArray, Selection
from riskml.errors import DataError, Fault
from riskml.runtime.dictionary import Dictionary

# Days turned into months and back differ in the last bits; a minute decides nothing.
_SAME_TIME = 1e-6
# What comes with the start of the clock itself: time must be positive.
HALF_A_DAY = 0.5 / DAYS_PER_MONTH
_SHOWN = {"hsct": "HSCT", "cart": "CAR-T", "relapse": "relapse", "second_cancer": "second cancer"}


@dataclass(frozen=True, slots=True)
class Times:
    """Months, causes and entries of every row of the cohort; only those still in the selection mean anything."""

    time: FloatArray
    cause: IntArray
    entry: FloatArray | None


def follow_up(cohort: Cohort, table: Table, dictionary: Dictionary, selection: Selection) -> Times:
    """Time to the first event, on the clock of the outcome; takes out who was never at risk.

    Parameters
    ----------
    cohort : Cohort
    table : mapping
        A survival outcome without contradictions.
    dictionary : Dictionary
    selection : Selection
        Loses the rows whose time is not known or ends before the time at risk begins.

    Returns
    -------
    Times

    Raises
    ------
    DataError
        If an event stands at time 0 or after the last contact: a mistake in a date.

    References
    ----------
    Anderson JR, Cain KC, Gelber RD. Analysis of survival by tumor response. J Clin Oncol 1983;1:710-719 (landmark).
    """
    first_dose = _first_dose(cohort, table, selection)
    found = _first_of_dates if from_dates(table) else _first_event_column
    time, cause = found(cohort, table, dictionary, selection, first_dose)
    for name in ("hsct", "cart"):
        if table.get(name, "ignore") != "ignore":
            time, cause = _stopped_by(name, cohort, table, selection, time, cause)
    time, cause, entry = _on_clock(cohort, table, selection, time, cause, first_dose)
    if "horizon_months" in table:
        horizon = float(table["horizon_months"])
        cause, time = np.where(time > horizon, 0, cause), np.minimum(time, horizon)
        if entry is not None:
            selection.drop(f"under risk only after {horizon:g} months", entry >= horizon - _SAME_TIME)
    return Times(time, cause, entry)


def _first_dose(cohort: Cohort, table: Table, selection: Selection) -> FloatArray:
    """When the first dose was given on the file's clock; NaN where that is needed and not known."""
    if not moved_by_entry(table):
        return np.zeros(cohort.n_courses)
    entry: FloatArray = cohort.frame["entry_time"].to_numpy(dtype=np.float64)
    selection.drop("time of entry not known", np.isnan(entry))
    return entry if table.get("clock_starts") == "diagnosis" else np.zeros(cohort.n_courses)


def _first_event_column(
    cohort: Cohort, table: Table, _: Dictionary, selection: Selection, first_dose: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Read time and kind of the first event where one column holds each."""
    value, time = cohort.frame[table["column"]], cohort.frame[table["time"]]
    selection.drop("outcome not known", value.isna() | time.isna())
    selection.drop("outcome not evaluable", value.isin(table.get("excluded_levels", ())))
    came = value >= table["min_grade"] if "min_grade" in table else value.isin(table["event_levels"])
    cause = np.where(came, EVENT, np.where(value.isin(table.get("competing", ())), COMPETING, 0))
    months: FloatArray = time.to_numpy(dtype=np.float64)
    if table.get("no_response_date") == "first_dose":
        months = np.where(value == "no_response", first_dose + HALF_A_DAY, months)
    return months, cause


def _first_of_dates(
    cohort: Cohort, table: Table, dictionary: Dictionary, selection: Selection, first_dose: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Find the first of the listed events from their own dates; last contact is ``os_time``."""
    frame = cohort.frame
    last: FloatArray = frame["os_time"].to_numpy(dtype=np.float64)
    selection.drop("outcome not known", frame["os_time"].isna() | frame["os_event"].isna())
    dates: dict[str, FloatArray] = {"death": np.where(frame["os_event"] == 1, last, np.inf)}
    if no_response_counts(table):
        dates["no_response"] = _failure_date(cohort, table, dictionary, selection, first_dose)
    time, cause = last.copy(), np.zeros(len(last), dtype=np.intp)
    for kind, events in ((EVENT, table["events"]), (COMPETING, table.get("competing", ()))):
        for event in events:
            date = dates[event] if event in dates else _date(cohort, event, selection)
            column = "response_day" if event == "no_response" else f"{event}_time"
            _refuse_after(cohort, selection, date, last, column)
            # Of two on one day the event goes before what competes with it, and before the last contact.
            earlier = (date < time - _SAME_TIME) | ((date <= time + _SAME_TIME) & (cause == 0))
            time, cause = np.where(earlier, date, time), np.where(earlier, kind, cause)
    return time, cause


def _failure_date(
    cohort: Cohort, table: Table, dictionary: Dictionary, selection: Selection, first_dose: FloatArray
) -> FloatArray:
    """When non-response is dated; never (infinity) where there was none or it cannot be told."""
    failed, unclear = response(cohort, table, dictionary)
    unknown = np.any([mask for _, mask in unclear], axis=0)
    count = int((unknown & selection.kept).sum())
    if count:
        selection.notes.append(f"response could not be judged in {count:,} rows, which count as not failed")
    failed = failed & ~unknown
    if table.get("no_response_date", "assessment") == "first_dose":
        return np.where(failed, first_dose + HALF_A_DAY, np.inf)
    day = cohort.frame["response_day"].to_numpy(dtype=np.float64)
    selection.drop("date of non-response not known", failed & np.isnan(day))
    return np.where(failed, first_dose + day / DAYS_PER_MONTH, np.inf)


def _date(cohort: Cohort, name: str, selection: Selection) -> FloatArray:
    """When something came about, on the file's clock; never (infinity) where the cell is empty."""
    date: FloatArray = cohort.frame[f"{name}_time"].fillna(np.inf).to_numpy(dtype=np.float64)
    if name in cohort.frame:  # where the file also says whether, an empty date is not a "no"
        selection.drop(f"{_SHOWN[name]} without a date, or not known", ~(cohort.frame[name] == 0) & np.isinf(date))
    return date


def _refuse_after(cohort: Cohort, selection: Selection, date: FloatArray, last: FloatArray, column: str) -> None:
    # An assessment is dated to the day, a last contact may be to the month's tenth: a day's grace.
    late = selection.kept & np.isfinite(date) & (date > last + 2 * HALF_A_DAY)
    rule, remedy = "an event cannot come after the last contact (os_time)", "check both dates"
    faults = [Fault(int(row), column, rule, None, remedy) for row in cohort.row_numbers[late]]
    if faults:
        raise DataError(f"{cohort.name} was refused: dates out of order", faults)


def _stopped_by(
    name: str, cohort: Cohort, table: Table, selection: Selection, time: FloatArray, cause: IntArray
) -> tuple[FloatArray, IntArray]:
    """End the follow-up at a transplantation or CAR-T cells that came before the event."""
    date = _date(cohort, name, selection)
    stopped = date < time - _SAME_TIME
    kind = COMPETING if table[name] == "competing" else 0
    return np.where(stopped, date, time), np.where(stopped, kind, cause)


def _on_clock(
    cohort: Cohort, table: Table, selection: Selection, time: FloatArray, cause: IntArray, first_dose: FloatArray
) -> tuple[FloatArray, IntArray, FloatArray | None]:
    """Move from the file's clock to the origin, and take out who was not under risk any more."""
    origin, came = table.get("origin", "first_dose"), cause > 0
    entry: FloatArray | None = None
    dose = first_dose  # the first dose on the clock of the result
    if origin == "diagnosis":
        entry = cohort.frame["entry_time"].to_numpy(dtype=np.float64)
        time, dose = (time if table.get("clock_starts") == "diagnosis" else time + entry), entry
        _drop_early(selection, time - entry, came, "entry")
    elif "landmark_days" in table:
        landmark = table["landmark_days"] / DAYS_PER_MONTH
        time, dose = time - landmark, first_dose - landmark
        if table.get("events_at_landmark") == "count":
            # An event that the landmark's own assessment brings to light comes at the start of the clock: half a day.
            time = np.where(came & (np.abs(time) <= _SAME_TIME), HALF_A_DAY, time)
        _drop_early(selection, time, came, f"day {table['landmark_days']:g}")
    elif moved_by_entry(table):
        time, dose = time - first_dose, np.zeros_like(first_dose)
        _drop_early(selection, time, came, "the first dose")
    else:
        selection.drop("no follow-up", (time == 0) & ~came)
        _refuse_at_zero(cohort, table, selection, (time == 0) & came)
    days = table.get("min_exposure_days", 0)
    if days:
        start = dose + days / DAYS_PER_MONTH
        _drop_early(selection, time - start, came, f"day {days:g} of exposure")
        entry = None if entry is None else np.maximum(entry, start)
    return time, cause, entry


def _drop_early(selection: Selection, time_at_risk: FloatArray, came: BoolArray, by: str) -> None:
    early = ~(time_at_risk > _SAME_TIME)
    selection.drop(f"event by {by}", early & came)
    selection.drop(f"last contact by {by}", early & ~came)


def _refuse_at_zero(cohort: Cohort, table: Table, selection: Selection, wrong: BoolArray) -> None:
    remedy = "check the date; an event later on the first day is half a day, 0.5 d"
    column = table.get("time", "os_time")
    faults = [
        Fault(int(row), column, "an event must come after the clock starts", "0", remedy)
        for row in cohort.row_numbers[selection.kept & wrong]
    ]
    if faults:
        raise DataError(f"{cohort.name} was refused: events at time 0", faults)
