"""The settings of an outcome: which there are, what contradicts what, which columns they need."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from riskml.cohort.columns import NUMERIC
from riskml.errors import UsageError, printable
from riskml.runtime.dictionary import Dictionary

Table: TypeAlias = Mapping[str, Any]

CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": ("binary", "survival"),
    "rows": ("patient", "course"),
    "unit": ("patient", "course"),
    "rule": ("column", "cytological_or_mrd", "mrd_negative", "cr_composite"),
    "scale": ("astct", "ctcae_v5"),
    "origin": ("first_dose", "diagnosis", "end_of_induction", "end_of_cycle_1"),
    "clock_starts": ("first_dose", "diagnosis"),
    "events_at_landmark": ("count", "exclude"),
    "no_response_date": ("assessment", "first_dose"),
    "hsct": ("ignore", "censor", "competing", "time_dependent"),
    "cart": ("ignore", "censor", "competing", "time_dependent"),
}
TEXTS = ("name", "label", "definition", "assessed", "settings")
LISTS = ("event_levels", "excluded_levels", "events", "competing", "mrd_methods", "eligible", "window_days")
NUMBERS = ("min_grade", "mrd_threshold", "landmark_days", "min_exposure_days", "horizon_months")
KEYS = (*TEXTS, *CHOICES, *LISTS, *NUMBERS, "column", "time", "mrd_inclusive")
SURVIVAL_ONLY = (
    *("time", "origin", "clock_starts", "landmark_days", "events_at_landmark", "events", "competing"),
    *("no_response_date", "hsct", "cart", "horizon_months"),
)

LANDMARKS = ("end_of_induction", "end_of_cycle_1")
# The column that dates each event where no single column names the first one.
DATED = {
    "relapse": ("relapse_time",),
    "second_cancer": ("second_cancer_time",),
    "death": ("os_event",),
    "no_response": (),
}


def find_outcome(outcome: str | Table, dictionary: Dictionary) -> tuple[str, Table]:
    """Name and table of an outcome; a table is taken as it is.

    Raises
    ------
    UsageError
        If there is no outcome of that name, or the table contradicts itself or the dictionary.
    """
    if not isinstance(outcome, str):
        name, table = str(outcome.get("name", "outcome")), outcome
    elif outcome in dictionary.outcomes:
        name, table = outcome, dictionary.outcomes[outcome]
    else:
        nearest = difflib.get_close_matches(outcome, dictionary.outcomes, n=1, cutoff=0.0)
        known = ", ".join(dictionary.outcomes)
        raise UsageError(
            f"there is no outcome '{printable(outcome, 40)}': did you mean {nearest[0]}? Known are {known}"
        )
    wrong = "; ".join(contradictions(table, dictionary))
    if wrong:
        raise UsageError(f"the outcome {name} is not well defined: {wrong}")
    return name, table


def from_dates(table: Table) -> bool:
    """Whether the first event is found from the dates of several, not read from one column."""
    return table["kind"] == "survival" and "column" not in table


def one_row_a_patient(table: Table) -> bool:
    """Whether only a patient's first course is a row."""
    return "patient" in {table.get("rows"), table.get("unit")}


def no_response_counts(table: Table) -> bool:
    """Whether non-response is an event, or a competing event."""
    listed = (*table.get("events", ()), *table.get("event_levels", ()), *table.get("competing", ()))
    return table["kind"] == "survival" and "no_response" in listed


def moved_by_entry(table: Table) -> bool:
    """Whether the time from diagnosis to the first dose decides the clock."""
    origin, clock = table.get("origin", "first_dose"), table.get("clock_starts", "first_dose")
    by_entry = origin == "diagnosis" or (clock == "diagnosis" and origin == "first_dose")
    return bool(by_entry and table["kind"] == "survival")


def needed_columns(table: Table) -> tuple[str, ...]:
    """Columns without which the outcome cannot be made, each once."""
    names = [table.get("column"), table.get("time"), *table.get("eligible", {})]
    if table.get("kind") == "survival":
        names += _survival_columns(table)
    else:
        names += response_columns(table) if "rule" in table else ()
        prefix = str(table.get("column", "")).removesuffix("_grade") if "min_grade" in table else "response"
        names += [f"{prefix}_day"] if "window_days" in table else []
    names += ["delivered_infusion_days"] if table.get("min_exposure_days") else []
    return tuple(dict.fromkeys(str(name) for name in names if name is not None))


def response_columns(table: Table) -> tuple[str, ...]:
    """What a rule of response reads."""
    rule = table.get("rule", "column")
    mrd = ("mrd_after", *(("mrd_after_method",) if "mrd_methods" in table else ()))
    return {
        "cytological_or_mrd": ("disease_status_at_start", "bm_blasts_after", *mrd),
        "mrd_negative": mrd,
        "cr_composite": ("bm_blasts_after",),
    }.get(rule, () if "column" in table else ("response",))


def _survival_columns(table: Table) -> list[str]:
    names = [f"{name}_time" for name in ("hsct", "cart") if table.get(name, "ignore") != "ignore"]
    names += ["entry_time"] if moved_by_entry(table) else []
    if not from_dates(table):
        return names
    names += ["os_time", "os_event"]
    names += [
        column for event in (*table.get("events", ()), *table.get("competing", ())) for column in DATED.get(event, ())
    ]
    if no_response_counts(table):
        names += response_columns(table)
        names += ["response_day"] if table.get("no_response_date", "assessment") == "assessment" else []
    return names


def contradictions(table: Table, dictionary: Dictionary) -> Iterator[str]:
    """What is wrong with the settings, each by itself and in plain words."""
    for key in table:
        if key not in KEYS:
            nearest = difflib.get_close_matches(str(key), KEYS, n=1, cutoff=0.0)[0]
            yield f"there is no setting '{printable(str(key), 40)}' (the nearest is {nearest})"
    required = ("kind",) if "unit" in table else ("kind", "rows")
    for key, choices in CHOICES.items():
        if (key in required or key in table) and table.get(key) not in choices:
            yield f"{key} must be {', '.join(choices[:-1])} or {choices[-1]}"
    if "unit" in table and "rows" in table:
        yield "give either rows (patient: the first course) or unit (patient: the worst course)"
    yield from _wrong_numbers(table)
    yield from _wrong_survival(table) if table.get("kind") == "survival" else _wrong_binary(table)
    yield from _unknown_names(table, dictionary)


def _wrong_binary(table: Table) -> Iterator[str]:
    if table.get("rule", "column") == "column":
        if ("min_grade" in table) == ("event_levels" in table):
            yield "give either min_grade or event_levels"
        if "column" not in table:
            yield "column must name the column of the outcome"
    elif {"column", "event_levels", "min_grade"} & set(table):
        yield f"the rule {table['rule']} reads its own columns: leave out column, event_levels and min_grade"
    if "min_grade" not in table and {"unit", "scale"} & set(table):
        yield "unit and scale go with min_grade"
    for key in SURVIVAL_ONLY:
        if key in table:
            yield f"{key} belongs to a survival outcome"


def _wrong_survival(table: Table) -> Iterator[str]:
    if "column" not in table and "events" in table:
        yield from _wrong_dates(table)
    else:
        if "time" not in table:
            yield "time must name the column of the time"
        if ("min_grade" in table) == ("event_levels" in table):
            yield "give either min_grade or event_levels"
        if "column" not in table:
            yield "column must name the column of the outcome, or events list what can be dated"
        if "events" in table:
            yield "give either events (found from their dates) or column and event_levels"
    both = {*table.get("events", ()), *table.get("event_levels", ())} & set(table.get("competing", ()))
    if both:
        yield f"{', '.join(sorted(both))} cannot be an event and compete with it"
    yield from _wrong_clock(table)


def _wrong_dates(table: Table) -> Iterator[str]:
    for key in ("events", "competing"):
        for event in table.get(key, ()):
            if event not in DATED:
                yield f"{key} holds {event}; an event that can be dated is one of {', '.join(DATED)}"
    if "time" in table or "event_levels" in table:
        yield "events are found from their dates: leave out time and event_levels, or name the column"
    if table.get("clock_starts") == "diagnosis" and table.get("origin") in LANDMARKS and no_response_counts(table):
        yield "an assessment is dated from the first dose: let clock_starts be first_dose"


def _wrong_clock(table: Table) -> Iterator[str]:
    for name in ("hsct", "cart"):
        if table.get(name) == "time_dependent":
            remedy = "choose ignore, censor or competing"
            yield f"{name} = time_dependent: no learner here takes a covariate that changes; {remedy}"
    origin, landmark = table.get("origin"), table.get("landmark_days")
    if origin in LANDMARKS and landmark is None:
        yield f"origin = {origin} needs landmark_days, counted from clock_starts"
    if origin not in {*LANDMARKS, None} and landmark is not None:
        yield f"landmark_days moves the origin, which cannot be {origin} then: choose {' or '.join(LANDMARKS)}"
    if table.get("no_response_date") and not no_response_counts(table):
        yield "no_response_date is given, but no_response is not an event"
    if table.get("no_response_date") == "first_dose" and (landmark or table.get("min_exposure_days")):
        yield "non-responses dated at the first dose all come before the time at risk: date them at the assessment"


def _wrong_numbers(table: Table) -> Iterator[str]:
    def number(value: object, low: float, high: float = math.inf) -> bool:
        plain = isinstance(value, (int, float)) and not isinstance(value, bool)
        return plain and low <= value < high  # type: ignore[operator]

    for key in ("landmark_days", "min_exposure_days"):
        if key in table and not number(table[key], 0):
            yield f"{key} must be a number of days, 0 or more"
    if "horizon_months" in table and not number(table["horizon_months"], 1e-3):
        yield "horizon_months must be a positive number of months"
    if "mrd_threshold" in table and not number(table["mrd_threshold"], 1e-9, 1):
        yield "mrd_threshold must be a fraction between 0 and 1 (0.01 % is 1e-4)"
    if not isinstance(table.get("mrd_inclusive", False), bool):
        yield "mrd_inclusive must be true (negative: <= threshold) or false (<)"
    window = table.get("window_days", (0, 1))
    if not (isinstance(window, (list, tuple)) and len(window) == 2 and all(number(day, 0) for day in window)):
        yield "window_days must be [first day, last day]"
    elif window[0] > window[1]:
        yield "window_days ends before it begins"


def _unknown_names(table: Table, dictionary: Dictionary) -> Iterator[str]:
    """Variables and levels that the dictionary does not have."""
    for column in needed_columns(table):
        if column not in dictionary.variables:
            yield f"'{column}' is not in the dictionary (the nearest name is {dictionary.nearest(column)})"
    column = str(table.get("column", ""))
    if "min_grade" in table and column in dictionary.variables and dictionary[column].kind not in NUMERIC:
        yield f"min_grade needs a column of numbers, which {column} is not"
    keys = ("event_levels", "excluded_levels", *(("competing",) if column else ()))
    listed = {key: (column, table[key]) for key in keys if key in table}
    listed |= {f"eligible.{key}": (key, levels) for key, levels in table.get("eligible", {}).items()}
    listed |= {"mrd_methods": ("mrd_after_method", table["mrd_methods"])} if "mrd_methods" in table else {}
    for key, (variable, levels) in listed.items():
        known = dictionary[variable].levels if variable in dictionary.variables else levels
        unknown = [str(level) for level in levels if level not in known]
        if unknown:
            yield f"{key} holds {', '.join(unknown)}, which {variable} does not have"
