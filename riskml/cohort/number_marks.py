"""Decimal commas and thousands separators: read where a whole column can mean only one thing, refused elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from riskml.record import Record

_WRITTEN = re.compile(r"^([<>=≤≥~\s]*[+-]?\s*)(\d[\d.,]*)(.*)$", re.DOTALL)
_PLAIN = re.compile(r"\d+")
_COMMA = re.compile(r"\d+,(\d{1,2}|\d{4,})|0+,\d+")  # no thousands look like this
_POINT = re.compile(r"\d+\.\d+")
_COMMA_THOUSANDS = re.compile(r"\d{1,3}(,\d{3}){2,}(\.\d+)?|[1-9]\d{0,2},\d{3}\.\d+")
_POINT_THOUSANDS = re.compile(r"\d{1,3}(\.\d{3}){2,}(,\d+)?|[1-9]\d{0,2}\.\d{3},\d+")


class Marks(Record):
    """What the commas of a column mean.

    Attributes
    ----------
    meant : mapping of str to str
        Cell as written -> the same with a decimal point, for the cells that hold a comma or a thousands separator.
    doubt : str
        Why the commas cannot be read, with both readings of the first cell; empty where they can.
    doubtful : frozenset of str
        The cells in doubt.
    """

    meant: Mapping[str, str]
    doubt: str = ""
    doubtful: frozenset[str] = frozenset()


def settle(texts: Sequence[str]) -> Marks:
    """Decide what commas mean in a column, from all its distinct texts.

    A comma is the decimal mark if every number with one has one, two, or four and more digits behind it (or a zero
    before it), and no number has a point. It separates thousands if every number with one also has a decimal point or a
    second group of three. A lone ``1,234`` is never read.

    Examples
    --------
    >>> settle(["6,4", "7", "< 0,001"]).meant
    {'6,4': '6.4', '< 0,001': '< 0.001'}
    >>> settle(["1,234.5", "2.5"]).meant
    {'1,234.5': '1234.5'}
    >>> settle(["1,234"]).doubt
    "'1,234' may mean 1.234 or 1234: write the numbers of this column with a decimal point and no other mark"
    """
    if not any("," in text for text in texts):
        return Marks({})
    numbers = {text: match[2] for text in texts if "," in text or "." in text if (match := _WRITTEN.match(text))}
    marked = {text: body for text, body in numbers.items() if "," in body or body.count(".") > 1}
    if not marked:
        return Marks({})
    if _all_match(numbers.values(), _COMMA, _POINT_THOUSANDS):
        return Marks({text: _with(text, body.replace(".", "").replace(",", ".")) for text, body in marked.items()})
    if _all_match(numbers.values(), _COMMA_THOUSANDS, _POINT):
        return Marks({text: _with(text, body.replace(",", "")) for text, body in marked.items()})
    bodies = list(marked.values())
    first = next((body for body in bodies if body.count(",") == 1 and "." not in body), bodies[0])
    comma, thousands = first.replace(".", "").replace(",", ".", 1).replace(",", ""), first.replace(",", "")
    how = "write the numbers of this column with a decimal point and no other mark"
    return Marks({}, f"'{first}' may mean {comma} or {thousands}: {how}", frozenset(marked))


def _all_match(bodies: Iterable[str], *patterns: re.Pattern[str]) -> bool:
    return all(any(pattern.fullmatch(body) for pattern in (_PLAIN, *patterns)) for body in bodies)


def _with(text: str, body: str) -> str:
    match = _WRITTEN.match(text)
    assert match is not None
    return f"{match[1]}{body}{match[3]}"
