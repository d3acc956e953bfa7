"""A written date -> ISO 8601, or a refusal that never quotes it: dates identify patients."""

from __future__ import annotations

import datetime as dt
import re

from riskml.runtime.parsing import CellError

# What a column map may declare, and in which order the three numbers then stand.
ORDERS = ("dmy", "mdy", "ymd")
FIRST_YEAR, LAST_YEAR = 1900, 2099
# Day numbers of Excel's 1900 date system count from here: its 29 February 1900 never was (Microsoft, "Differences
# between the 1900 and the 1904 date system in Excel"), so only numbers after that day are right; those of four digits
# (until 1927) look like years and are refused.
_SERIAL_ORIGIN = dt.date(1899, 12, 30)
_SERIAL = re.compile(r"([1-7]\d{4})(?:\.\d+)?")
_TIME = re.compile(r"(?<=\d)(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp][Mm]|Z|[+-]\d{2}:?\d{2})?)$")
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})|(\d{4})(\d\d)(\d\d)|(\d{4})年(\d{1,2})月(\d{1,2})日")
_YEAR_LAST = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4})")
_DAY_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[-/. ]*([a-z]+)[-/., ]*(\d{4})")
_NAME_DAY = re.compile(r"([a-z]+)[-/. ]*(\d{1,2})(?:st|nd|rd|th)?[-/., ]+(\d{4})")
_SHORT_YEAR = re.compile(r"\d{1,2}[-/. ]\w{1,3}[-/. ]\d{2}")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_SHORTEST_MONTH = 3


def read_date(name: str, raw: str | float, order: str | None = None) -> str:
    """Read a calendar date; a time of day behind it is dropped.

    Parameters
    ----------
    name : str
        The variable, for messages.
    raw : str or float
        ISO 8601 (2021-04-03, 20210403), the year first with other marks, a month in English letters, 2021年4月3日, a
        day number of Excel (44289), or day and month in figures where only one order is possible.
    order : {"dmy", "mdy", "ymd"}, optional
        Declared order of dates in figures; a date that only fits another one is refused.

    Returns
    -------
    str
        The date as YYYY-MM-DD.

    Raises
    ------
    CellError
        If the text is no date or could be two. Its ``value`` shows the form alone: figures as 9, letters as a.

    Examples
    --------
    >>> read_date("relapse_date", "3 Apr 2021"), read_date("relapse_date", "03/04/2021", "dmy")
    ('2021-04-03', '2021-04-03')
    """
    text = " ".join(raw.split()) if isinstance(raw, str) else f"{raw:.10g}"
    if order is not None and order not in ORDERS:
        raise CellError(f"the order of {name} must be one of {', '.join(ORDERS)}", "another", "correct date_order")
    written = _TIME.sub("", text)
    for read in (_serial, _year_first, _with_month_name):
        found = read(written)
        if found is not None:
            break
    else:
        found = _in_figures(name, written, order)
    if isinstance(found, dt.date) and FIRST_YEAR <= found.year <= LAST_YEAR:
        return found.isoformat()
    raise CellError(f"{name} must be a date from {FIRST_YEAR} to {LAST_YEAR}", _form(text), "write it as YYYY-MM-DD")


def is_serial(raw: str | float) -> bool:
    """Whether a cell would be read as a day number of Excel."""
    return _SERIAL.fullmatch(str(raw).strip()) is not None


def _form(text: str) -> str:
    """The shape of a refused cell without what it says."""
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text))[:20]


def _day(year: str | int, month: str | int, day: str | int) -> dt.date | bool:
    """The day, or False where the calendar has none."""
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return False


def _serial(text: str) -> dt.date | None:
    match = _SERIAL.fullmatch(text)
    return _SERIAL_ORIGIN + dt.timedelta(days=int(match[1])) if match else None


def _year_first(text: str) -> dt.date | bool | None:
    """Year, month, day: nobody writes the day between year and month."""
    match = _YEAR_FIRST.fullmatch(text)
    if match is None:
        return None
    year, month, day = (part for part in match.groups() if part is not None and part not in "-/.")
    return _day(year, month, day)


def _with_month_name(text: str) -> dt.date | bool | None:
    folded = text.casefold()
    if match := _DAY_NAME.fullmatch(folded):
        day, word, year = match.groups()
    elif match := _NAME_DAY.fullmatch(folded):
        word, day, year = match.groups()
    else:
        return None
    fits = [k for k, month in enumerate(_MONTHS, start=1) if month.startswith("sep" if word == "sept" else word)]
    return _day(year, fits[0], day) if len(fits) == 1 and len(word) >= _SHORTEST_MONTH else False


def _in_figures(name: str, text: str, order: str | None) -> dt.date | bool:
    """Day and month in figures before the year: the declared order, or the only one that is possible."""
    match = _YEAR_LAST.fullmatch(text)
    if match is None:
        if _SHORT_YEAR.fullmatch(text):
            raise CellError(f"{name} must have a year of four figures", _form(text), "write it as YYYY-MM-DD")
        return False
    first, _, second, year = match.groups()
    readings = {"dmy": _day(year, second, first), "mdy": _day(year, first, second)}
    if order is not None:
        found = readings.get(order, False)
        if found is False:
            remedy = "correct the cell, or date_order in the column map"
            raise CellError(f"{name} must be a date in the declared order {order}", _form(text), remedy)
        return found
    possible = {found for found in readings.values() if found is not False}
    if len(possible) > 1:
        remedy = 'state date_order = "dmy" or "mdy" in the column map, or write YYYY-MM-DD'
        raise CellError(f"{name} may be day/month or month/day", _form(text), remedy)
    return possible.pop() if possible else False
