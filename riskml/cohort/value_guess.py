"""What the cells of a column say: can the variable read them, in which unit, are they dates or identifiers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from riskml.cohort.number_marks import settle
from riskml.record import Record
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.parsing import CellError

MOST_READ = 400
_BARE = re.compile(r"^[<>=≤≥~\s]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_DATE = re.compile(r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})([T ]\d{1,2}:\d{2}.*)?$")
_PLAUSIBLE, _POSSIBLE = 0.98, 0.5
_MOSTLY = 0.9


class UnitGuess(Record):
    """The unit of a column: settled (``question`` is empty) or asked, with the possible ones in ``choices``."""

    choices: tuple[str, ...] = ()
    evidence: str = ""
    question: str = ""


def readable(texts: Sequence[str], variable: Variable, dictionary: Dictionary, unit: str | None) -> float:
    """Share of the texts that the variable can read."""
    meant = settle(texts).meant
    good = 0
    for text in texts[:MOST_READ]:
        try:
            dictionary.read(variable, meant.get(text, text), unit)
        except CellError:
            continue
        good += 1
    return good / max(len(texts[:MOST_READ]), 1)


def guess_unit(texts: Sequence[str], variable: Variable) -> UnitGuess:
    """Ask for the unit of bare numbers unless only one puts them where patients lie.

    Parameters
    ----------
    texts : sequence of str
        The different texts of the column.
    variable : Variable
        What the column is thought to mean.
    """
    if not variable.quantity.display or variable.kind not in {"number", "integer"}:
        return UnitGuess()
    meant = settle(texts).meant
    numbers = [float(match[1] + (match[2] or "")) for t in texts if (match := _BARE.match(meant.get(t, t)))]
    with_unit = any(not _BARE.match(meant.get(t, t)) and t[:1].isdigit() for t in texts)
    if not numbers:
        return UnitGuess()
    if with_unit:
        bare = (
            f"numbers without a unit stand beside numbers with one; they would be read in {variable.quantity.canonical}"
        )
        return UnitGuess((), "", f"{bare}: is that right?")
    fits = {unit: _fit(numbers, variable, factor) for unit, factor in _units(variable).items()}
    good = [unit for unit, fit in fits.items() if fit >= _PLAUSIBLE]
    possible = [unit for unit, fit in fits.items() if fit >= _POSSIBLE]
    if len(good) == 1 and possible == good:
        return UnitGuess((good[0],), f"only in {_word(good[0])} do its values lie where patients' do")
    choices = tuple(possible or fits)
    words = " or ".join(map(_word, choices))
    doubt = f"ambiguous: {words}?" if len(choices) > 1 else f"{words}? Some values would be unusual,"
    return UnitGuess(choices, "", f"{doubt} max is {max(numbers):g}")


def _units(variable: Variable) -> dict[str, float]:
    """One spelling for each different unit a hospital may use."""
    units: dict[float, str] = {}
    for spelling in variable.quantity.spellings:
        factor = variable.quantity.factor(spelling)
        assert factor is not None
        units.setdefault(factor, spelling)
    return {unit: factor for factor, unit in units.items() if not unit.startswith("10*-")}


def _word(unit: str) -> str:
    return "fraction" if unit == "1" else unit


def _fit(numbers: Sequence[float], variable: Variable, factor: float) -> float:
    """Share of the numbers in the usual range; none at all if one is impossible."""
    if not all(variable.hard[0] <= number * factor <= variable.hard[1] for number in numbers):
        return 0.0
    low, high = variable.soft
    usual = [number == 0 or low <= number * factor <= high for number in numbers]
    return sum(usual) / len(usual)


def are_dates(texts: Sequence[str]) -> bool:
    """Whether nearly all texts are calendar dates."""
    return bool(texts) and sum(bool(_DATE.match(text)) for text in texts) >= _MOSTLY * len(texts)


def are_identifiers(texts: Sequence[str], filled: int) -> bool:
    """Whether the different texts are nearly as many as the filled cells, and no measurements."""
    measured = sum("." in text and bool(_BARE.match(text)) for text in texts)
    return filled > 1 and len(texts) >= _MOSTLY * filled and measured < _POSSIBLE * len(texts)
