"""FHIR dates: from a year to an instant, as the span of days they may mean."""

from __future__ import annotations

import calendar
import datetime as dt
import re

from riskml.record import Record

# http://hl7.org/fhir/R4/datatypes.html#dateTime; a leap second (":60") is taken as the last second of its minute.
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII
)


class Moment(Record):
    """When something was: the first and last day that the written date may mean, and the instant where it says one."""

    first: dt.date
    last: dt.date
    instant: dt.datetime | None = None

    @property
    def order(self) -> dt.datetime:
        """What sorts moments: the instant, or the end of the last day that may be meant."""
        return self.instant or dt.datetime.combine(self.last, dt.time.max, dt.UTC)

    def meets(self, other: Moment) -> bool:
        """Whether the two may be the same time: their days overlap and no two clock times tell them apart."""
        if self.instant is not None and other.instant is not None:
            return self.instant == other.instant
        return self.first <= other.last and other.first <= self.last

    def is_after(self, other: Moment) -> bool:
        """Whether this is later than ``other`` for certain."""
        if self.instant is not None and other.instant is not None:
            return self.instant > other.instant
        return self.first > other.last


# Others are mistakes, as in riskml.runtime.dates.
FIRST_YEAR, LAST_YEAR = 1900, 2099
# A month of 30.4375 days, as everywhere in riskml.
DAYS_PER_MONTH = 30.4375
# Nothing is known of the time.
UNDATED = Moment(dt.date.min, dt.date.max)


def moment(text: str) -> Moment | None:
    """A FHIR ``date``, ``dateTime`` or ``instant``, or None where it is none.

    Examples
    --------
    >>> moment("2026-02").last.isoformat(), moment("2026-02-30")
    ('2026-02-28', None)
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None or not FIRST_YEAR <= int(match[1]) <= LAST_YEAR:
        return None
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        if day is None:
            first = dt.date(int(year), int(month or 1), 1)
            end = int(month or 12)
            return Moment(first, dt.date(int(year), end, calendar.monthrange(int(year), end)[1]))
        on = dt.date(int(year), int(month), int(day))
        if hour is None:
            return Moment(on, on)
        clock = dt.time(int(hour), int(minute), min(int(second), 59), tzinfo=_zone(zone))
        return Moment(on, on, dt.datetime.combine(on, clock))
    except (ValueError, OverflowError):
        return None


def days_from(origin: dt.date, when: Moment) -> tuple[int, int]:
    """Days from ``origin`` to the first and to the last day that ``when`` may mean."""
    return (when.first - origin).days, (when.last - origin).days


def months_after(origin: dt.date, months: float) -> dt.date | None:
    """The day so many months after ``origin``; None beyond the calendar."""
    try:
        return origin + dt.timedelta(days=round(months * DAYS_PER_MONTH))
    except OverflowError:
        return None


def _zone(text: str) -> dt.tzinfo:
    if text == "Z":
        return dt.UTC
    sign = -1 if text[0] == "-" else 1
    return dt.timezone(sign * dt.timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))
