"""When a model is due for review, and whether that day has passed; a model does not say by itself that it is old."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from riskml.errors import UsageError

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# The day to take for today, so that an old prediction can be repeated as it was.
TODAY = "RISKML_TODAY"
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_day(text: object) -> bool:
    """Whether this is a day written as YYYY-MM-DD, the form in which earlier days sort before later ones.

    Examples
    --------
    >>> [is_day(text) for text in ("2028-11-30", "2028-02-29", "2027-02-29", "30.11.2028", None)]
    [True, True, False, False, False]
    """
    if not (isinstance(text, str) and len(text) == 10 and text[4] == text[7] == "-"):
        return False
    parts = (text[:4], text[5:7], text[8:])
    if not all(part.isascii() and part.isdigit() for part in parts):
        return False
    year, month, day = map(int, parts)
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return year >= 1900 and 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] + leap


def today() -> str:
    """The day it is in UTC as YYYY-MM-DD, or the one that the environment variable RISKML_TODAY gives.

    Raises
    ------
    UsageError
        If that variable holds something other than such a day.
    """
    given = os.environ.get(TODAY)
    if not given:
        return time.strftime("%Y-%m-%d", time.gmtime())
    if not is_day(given):
        raise UsageError(f"the environment variable {TODAY} must be a day such as 2028-11-30, got {given!r}")
    return given


def is_overdue(manifest: Mapping[str, Any]) -> bool:
    """Whether the day by which the model was to be reviewed has passed; False where none was set."""
    by = manifest.get("review_by")
    return by is not None and today() > by
