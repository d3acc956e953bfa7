"""One raw cell -> one Reading: the only parser, for a cohort's cell and for a patient's value alike."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from riskml.record import Record

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from riskml.runtime.dictionary import Variable, Words


# Longer cells are refused unread: free text belongs elsewhere, and regular expressions stay fast.
MAX_CELL = 400
MAX_LESION_TEXT = 4000  # a karyotype with several clones has a few hundred characters
# Beyond this an int fits no float, and soon Python will not even print it.
_LARGEST = 10**300
# A zero count lies below half its last digit, but no coarser than two decimals of 10*9/L (5 cells/uL): a spreadsheet
# turns 0.00 into 0, and "less than half of 1" would read an empty compartment as 350 cells/uL.
_COARSEST_STEP = 0.01
_NUMBER = re.compile(r"^(<=|<|≤|>=|>|≥|~)?\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*)$", re.DOTALL)
_BANDS = re.compile(r"\([pqv0-9.;]+\)")  # "(q34;q11.2)" behind a translocation says where, not whether
_COMMA = re.compile(r"^[<>=≤≥~+\s-]*\d+,\d")
_MINUS = ("-", "\N{MINUS SIGN}")
_NOT_BELOW = (">", ">=", "≥", "~")


class CellError(Exception):
    """Why one cell was refused: ``rule``, the offending ``value`` as written, and a ``remedy``."""

    def __init__(self, rule: str, value: object, remedy: str) -> None:
        super().__init__(f"{rule}; got {value!r}; {remedy}")
        self.rule, self.value, self.remedy = rule, str(value), remedy


class Note(Record):
    """Something a reader should know about an accepted value; ``code`` is stable, ``message`` is for a person."""

    code: str
    message: str


class Reading(Record):
    """A parsed cell.

    Attributes
    ----------
    value : float, str or None
        Number in the canonical unit, 1.0 / 0.0 for a tri-state, a level name, a date as YYYY-MM-DD, or None where
        nothing is known.
        A value known only to lie below a limit L is carried as L / sqrt(2) (Hornung & Reed,
        Appl Occup Environ Hyg 1990;5:46-51); ``below`` keeps the limit.
    below : float or None
        The limit (canonical unit) under which the true value lies.
    notes : tuple of Note
        Warnings worth showing beside a result.
    """

    value: float | str | None
    below: float | None = None
    notes: tuple[Note, ...] = ()


MISSING = Reading(None)


class _Written:
    """A number as it was written: ``decimals`` is None where its printed form is not known."""

    __slots__ = ("below", "decimals", "number", "raw", "unit")  # not a Record: a table makes one for each cell

    def __init__(
        self, number: float, unit: str | None, raw: object, decimals: int | None = None, *, below: bool = False
    ) -> None:
        self.number, self.unit, self.raw, self.decimals, self.below = number, unit, raw, decimals, below


def parse(variable: Variable, raw: object, words: Words, unit: str | None = None) -> Reading:
    """Read one raw value of ``variable``.

    Parameters
    ----------
    variable : Variable
        The dictionary's entry.
    raw : str, int, float, bool, None or mapping
        A cohort cell (text) or a patient's value: number, text with or without unit, or
        ``{"value": ..., "unit": ...}``.
    words : Words
        The dictionary's words for missing, present and absent.
    unit : str, optional
        Unit declared for the whole column; a unit written in the cell must then agree with it. For a date the order of
        day, month and year: "dmy", "mdy" or "ymd".

    Returns
    -------
    Reading
        The value in the canonical unit, with what a reader should know about it.

    Raises
    ------
    CellError
        If the value breaks a rule of the dictionary; nothing is guessed.
    """
    if not isinstance(raw, str) and isinstance(raw, Mapping):
        raw, unit = _unpack(variable, raw, unit)
    if raw is None:
        return MISSING
    if variable.kind == "lesion_text":
        return _lesion_text(variable, raw, words)
    raw = _one_value(variable, raw)
    read = {"tristate": _tristate, "category": _category, "identifier": _identifier}.get(variable.kind)
    if read is not None:
        return read(variable, raw, words)
    return (_date if variable.kind == "date" else _number)(variable, raw, words, unit)


def _identifier(_variable: Variable, raw: str | float, words: Words) -> Reading:
    """The text itself; two rows without an identifier are two unknowns, not one patient called "NA"."""
    return MISSING if str(raw).casefold() in words.missing else Reading(str(raw))


def _lesion_text(variable: Variable, raw: object, words: Words) -> Reading:
    """The text itself: what it says about each lesion is for ``riskml.runtime.lesions``."""
    if not isinstance(raw, str):
        _one_value(variable, raw)  # what is no value of any kind is refused as everywhere
        raise CellError(f"{variable.name} must be text", type(raw).__name__, "quote the karyotype or the findings")
    text = raw.strip()
    if len(text) > MAX_LESION_TEXT:
        rule = f"{variable.name} must be at most {MAX_LESION_TEXT:,} characters"
        raise CellError(rule, f"{len(text):,} characters", "give the karyotype and the findings, not the report")
    return MISSING if text.casefold() in words.missing else Reading(text)


def _one_value(variable: Variable, raw: object) -> str | float:
    """``raw`` itself where it is one value of a sensible size; blanks in text collapse to single spaces."""
    if not isinstance(raw, (str, int, float)):
        raise CellError(f"{variable.name} must be a number or a text", type(raw).__name__, "give one value")
    if isinstance(raw, int) and abs(raw) > _LARGEST:
        raise CellError(f"{variable.name} must be a finite number", "a number of 300 digits", "check the value")
    if not isinstance(raw, str):
        return raw
    text = " ".join(raw.split())
    if len(text) > MAX_CELL:
        shown = "a long text" if variable.kind == "date" else text[:40] + "..."
        raise CellError(f"{variable.name} must be a short value", shown, "put free text elsewhere")
    return text


def _unpack(variable: Variable, raw: Mapping[str, object], unit: str | None) -> tuple[object, str | None]:
    if "value" not in raw or set(raw) - {"value", "unit"}:
        rule = f"{variable.name} as an object has the keys value and unit"
        raise CellError(rule, ", ".join(map(str, raw))[:MAX_CELL], "write {'value': ..., 'unit': ...}")
    given = raw.get("unit", unit)
    if given is not None and not isinstance(given, str):
        raise CellError(f"the unit of {variable.name} must be text", type(given).__name__, "quote the unit")
    return raw["value"], given


def _tristate(variable: Variable, raw: str | float, words: Words) -> Reading:
    rule = f"{variable.name} must be present, absent or unknown"
    if not isinstance(raw, str):
        if raw in {0, 1}:
            return Reading(float(raw))
        raise CellError(rule, raw, "write one of the three words")
    text = {"0.0": "0", "1.0": "1"}.get(raw, raw.casefold())
    if any(look.casefold() in text for look in variable.not_same_as):
        raise CellError(rule, raw, f"this is not {variable.label}: give it its own column")
    if text in (word.casefold() for word in variable.absent_words):
        return Reading(0.0)
    word, named, subtype = _without_name(variable, text)
    own = not (named and _without_name(variable, word)[1])  # "Ph+ Ph-" names the lesion twice and says nothing
    if word in words.present or (own and word in variable.present_words) or (named and not word):
        return Reading(1.0)
    if word in words.absent or (own and word in variable.absent_words) or (named and word in _MINUS):
        if subtype:
            raise CellError(rule, raw, f"one absent partner does not exclude {variable.label}: write unknown")
        return Reading(0.0)
    if word in words.missing or word == "nd":
        return MISSING
    raise CellError(rule, raw, "write one of the three words")


def _without_name(variable: Variable, text: str) -> tuple[str, bool, bool]:
    """What a cell says beside the lesion's name, whether it named the lesion, and whether it named only a subtype."""
    if text in ("", *_MINUS):
        return text, False, False
    for name in sorted((*variable.aliases, *variable.subtypes, variable.name), key=len, reverse=True):
        if name.casefold() in text:
            rest = _BANDS.sub("", text.replace(name.casefold(), " ", 1))
            return rest.strip(" :=,;()"), True, name in variable.subtypes
    return text.strip(" :=,;()"), False, False


def _category(variable: Variable, raw: str | float, words: Words) -> Reading:
    text = str(raw).casefold()
    for level, aliases in variable.levels.items():
        if text == level.casefold() or text in (alias.casefold() for alias in aliases):
            return Reading(level)
    if text in words.missing or text == "nd":
        return MISSING
    raise CellError(f"{variable.name} must be one of {', '.join(variable.levels)}", raw, "use a listed level")


def _date(variable: Variable, raw: str | float, words: Words, order: str | None) -> Reading:
    """A calendar date; no message quotes it."""
    if isinstance(raw, str) and raw.casefold() in words.missing:
        return MISSING
    from riskml.runtime.dates import is_serial, read_date  # no model has a date among its inputs

    serial = Note("date_serial", f"{variable.name}: a day number of Excel (counted from 1900) was read as a date")
    return Reading(read_date(variable.name, raw, order), None, (serial,) if is_serial(raw) else ())


def _number(variable: Variable, raw: str | float, words: Words, unit: str | None) -> Reading:
    if isinstance(raw, bool):
        raise CellError(f"{variable.name} must be a number", str(raw).lower(), "write the measured value")
    if not isinstance(raw, str):
        if not math.isfinite(raw):
            raise CellError(f"{variable.name} must be a finite number", raw, "use null where it is not known")
        return _measured(variable, _Written(float(raw), unit, raw, 0 if isinstance(raw, int) else None))
    text = raw.casefold()
    if text in variable.below_words:
        return _below(variable, variable.limit_of_detection or 0.0)
    if text in words.missing or text == "nd":
        return MISSING
    return _measured(variable, _split(variable, raw, unit))


def _split(variable: Variable, raw: str, unit: str | None) -> _Written:
    """Comparator, digits and unit of a written number."""
    if _COMMA.match(raw):
        raise CellError(f"{variable.name} must be written with a decimal point", raw, "replace the comma")
    match = _NUMBER.match(raw)
    if match is None:
        raise CellError(f"{variable.name} must be a number", raw, f"write for example '{variable.example()}'")
    comparator, digits, written_unit = match.groups()
    if comparator in _NOT_BELOW:
        raise CellError(f"{variable.name} must be a measured value or '<limit'", raw, "write the value itself")
    number = float(digits)
    if not math.isfinite(number):
        raise CellError(f"{variable.name} must be a finite number", raw, "check the exponent")
    fixed = "e" not in digits and "E" not in digits
    decimals = len(digits.partition(".")[2]) if fixed else 0
    return _Written(number, _one_unit(variable, raw, written_unit, unit), raw, decimals, below=comparator is not None)


def _one_unit(variable: Variable, raw: str, written: str, declared: str | None) -> str | None:
    """Settle on the unit of a cell: its own, or the column's; the two must mean the same."""
    if not written:
        return declared
    factor = _factor(variable, written, raw)
    if declared is not None and variable.quantity.factor(declared) != factor:
        raise CellError(f"{variable.name} is declared in {declared}", raw, "use the declared unit in every row")
    return written


def _factor(variable: Variable, unit: str | None, raw: object) -> float:
    factor = 1.0 if unit is None else variable.quantity.factor(unit)
    if factor is None:
        rule = f"the unit of {variable.name} must be one of {', '.join(variable.quantity.spellings[:8])}"
        raise CellError(rule, raw, f"write for example '{variable.example()}'")
    return factor


def _measured(variable: Variable, written: _Written) -> Reading:
    """Range, detection limit and notes of a number."""
    factor = _factor(variable, written.unit, written.unit)
    value = _canonical(variable, written, factor)
    # A limit is unusual only where it is high: "<0.001" is a good assay, not a strange patient.
    judged = max(value, variable.soft[0]) if written.below else value
    notes = (*_assumed(variable, written), *_unusual(variable, judged))
    if written.below:
        if not variable.left_censored:
            raise CellError(f"{variable.name} cannot be 'below a limit'", written.raw, "write the value")
        return _below(variable, value, notes)
    if not variable.left_censored:
        return Reading(value, None, notes)
    limit = variable.limit_of_detection
    if value == 0:
        coarsest = variable.resolution or _COARSEST_STEP
        step = coarsest if written.decimals is None else min(10.0**-written.decimals * factor, coarsest)
        return _below(variable, limit or step / 2)
    if limit is not None and value < limit:
        shown = variable.quantity.show(value)
        note = Note("below_detection", f"{variable.name} {shown} lies below the detection limit")
        return Reading(value, limit, (note, *notes))
    return Reading(value, None, notes)


def _canonical(variable: Variable, written: _Written, factor: float) -> float:
    """The number in the canonical unit, inside the range the dictionary allows."""
    whole = round(1 / factor)
    # Dividing by the whole number keeps 0.52 % at 0.0052; multiplying by 0.01 would give 0.005200000000000001.
    by_division = factor < 1 and math.isclose(1 / factor, whole)
    value = written.number / whole if by_division else written.number * factor
    low, high = variable.hard
    if not low <= value <= high:
        shown = f"{variable.quantity.show(low)} to {variable.quantity.show(high)}"
        percent = variable.quantity.name == "fraction" and factor == 1
        remedy = "give the unit (is it in %?)" if percent else "check the value and its unit"
        raise CellError(f"{variable.name} must lie in {shown}", written.raw, remedy)
    if variable.kind == "integer" and value != int(value):
        raise CellError(f"{variable.name} must be a whole number", written.raw, "check the value")
    return value


def _assumed(variable: Variable, written: _Written) -> tuple[Note, ...]:
    """Say that a bare fraction was read as one (the contract): 0.52 may have been meant as 0.52 %."""
    if written.unit is not None or variable.quantity.name != "fraction" or written.number == 0:
        return ()
    shown = variable.quantity.show(written.number)
    text = f"{variable.name} {written.number:g} without a unit was read as a fraction: {shown}"
    return (Note("unit_assumed", text),)


def _below(variable: Variable, limit: float, notes: tuple[Note, ...] = ()) -> Reading:
    if limit <= 0:
        remedy = f"write for example '<{variable.example()}'"
        raise CellError(f"{variable.name} needs the limit it lies below", "<0", remedy)
    shown = variable.quantity.show(limit)
    note = Note("below_detection", f"{variable.name} is below {shown}; how far below is not known")
    return Reading(limit / math.sqrt(2), limit, (note, *notes))


def _unusual(variable: Variable, value: float) -> tuple[Note, ...]:
    low, high = variable.soft
    if low <= value <= high or (variable.left_censored and value == 0):
        return ()
    shown = variable.quantity.show(value)
    usual = f"{variable.quantity.show(low)} to {variable.quantity.show(high)}"
    return (Note("unusual_value", f"{variable.name} {shown} is outside the usual {usual}: check the unit"),)
