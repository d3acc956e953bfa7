"""Derived variables of one patient, in plain Python; ``derived_table`` has the same operations for a whole table.

Unknown stays unknown, and what was given wins over what follows from it.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from riskml.runtime.parsing import MISSING, Note, Reading

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from riskml.runtime.derivations import Derived
    from riskml.runtime.dictionary import Dictionary, Variable

# A stored ratio and one of rounded counts agree within this share.
AGREES = 0.1
# A value under a limit is carried as limit / sqrt(2); a hair less, so that a limit on a cut does not lie above it.
TO_LIMIT = math.sqrt(2) * (1 - 1e-9)


def with_derived(dictionary: Dictionary, readings: Mapping[str, Reading], names: Iterable[str]) -> dict[str, Reading]:
    """A patient's readings with derived variables computed from the others.

    Parameters
    ----------
    dictionary : Dictionary
        Its definitions say what is made of what.
    readings : mapping of str to Reading
        What is known, in canonical units.
    names : iterable of str
        Derived variables that are wanted (see ``Dictionary.derivable``); others are made on the way.

    Returns
    -------
    dict of str to Reading
        A value that was given is kept, with a note where what follows from its inputs differs by more than a tenth.
        A value that cannot be told is ``Reading(None)``, with a note where its inputs are known.

    Raises
    ------
    DataError
        If a definition of the dictionary is unsound.
    """
    definitions = dictionary.definitions
    settled: dict[str, Reading] = {}

    def settle(name: str) -> Reading:
        given = readings.get(name, MISSING)
        if name not in definitions:
            return given
        if name not in settled:
            made = definitions[name]
            parts = [settle(other) for other in made.inputs]
            found = _made(made, parts)
            # A reading that was given is shown under its own name; only one made on the way has nobody else to speak.
            hidden = (p.notes for o, p in zip(made.inputs, parts, strict=True) if o not in readings)
            notes = (
                *found.notes,
                *_unusual(dictionary[name], made, found),
                *(note for part in hidden for note in part),
            )
            if given.value is None:
                settled[name] = Reading(found.value, found.below, notes)
            else:
                settled[name] = Reading(
                    given.value, given.below, (*given.notes, *_differs(dictionary[name], given, found))
                )
        return settled[name]

    wanted = {name: settle(name) for name in names}
    given_on_the_way = {name: reading for name, reading in settled.items() if name in readings}
    return {**readings, **given_on_the_way, **wanted}


def components(definitions: Mapping[str, Derived], names: Iterable[str]) -> frozenset[str]:
    """Every variable that the derived variables among ``names`` are made of, however deep."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        made = definitions.get(todo.pop())
        fresh = set(() if made is None else made.inputs) - found
        found |= fresh
        todo += fresh
    return frozenset(found)


def disagree(given: float | str, made: float | str) -> bool:
    """Whether two values of one variable differ by more than rounding of what they were made of explains."""
    if isinstance(given, str) or isinstance(made, str):
        return given != made
    return abs(given - made) > AGREES * max(abs(given), abs(made))


def _made(made: Derived, parts: Sequence[Reading]) -> Reading:
    if made.op == "any_of":
        return _any_of([part.value for part in parts])
    if any(part.value is None for part in parts):
        return MISSING
    if made.op == "group":
        return _group(made, parts[0])
    numbers = [part.value for part in parts if isinstance(part.value, float)]
    if made.op == "log10":
        return _log10(made, numbers[0], parts[0].below)
    if made.op == "ratio":
        return _ratio(made, numbers, parts)
    text = f"{made.name} is known to within a detection limit only"
    rough = any(part.below is not None for part in parts)
    return Reading(numbers[0] - numbers[1], None, (Note("change_below_limit", text),) if rough else ())


def _any_of(values: Sequence[float | str | None]) -> Reading:
    """Kleene's or: present if any part is, absent only if all are, otherwise unknown."""
    if any(value == 1 for value in values):
        return Reading(1.0)
    return Reading(0.0) if all(value == 0 for value in values) else MISSING


def _log10(made: Derived, number: float, below: float | None) -> Reading:
    floor = made.floor or math.ulp(0.0)
    limit = floor if number < floor else below
    return Reading(math.log10(max(number, floor)), None if limit is None else math.log10(max(limit, floor)))


def _ratio(made: Derived, numbers: Sequence[float], parts: Sequence[Reading]) -> Reading:
    """A denominator of zero or under its limit says only that the ratio is large: unknown, not infinite."""
    over, under = numbers
    if under > 0 and parts[1].below is None and math.isfinite(over / under):
        limit = parts[0].below
        return Reading(over / under, None if limit is None else limit / under)
    text = f"{made.name} is unknown: {made.inputs[1]} is zero or below its limit"
    return Reading(None, None, (Note("ratio_unknown", text),))


def _group(made: Derived, part: Reading) -> Reading:
    if isinstance(part.value, str):
        return Reading(made.groups.get(part.value))
    assert part.value is not None
    # The true value of one under a limit may be anything from zero up to the limit.
    limit = part.value * TO_LIMIT
    if part.below is not None and bisect_left(made.cuts, limit) != bisect_right(made.cuts, 0.0):
        text = f"{made.name} is unknown: the detection limit of {made.inputs[0]} lies above a cut"
        return Reading(None, None, (Note("group_unknown", text),))
    return Reading(made.levels[bisect_right(made.cuts, part.value)])


def _unusual(variable: Variable, made: Derived, found: Reading) -> Sequence[Note]:
    """The range of a stored variable is no reason to refuse what its inputs say, and one to look at them."""
    low, high = variable.soft
    if not isinstance(found.value, float) or found.below is not None or low <= found.value <= high:
        return ()
    text = f"{made.name} {variable.show(found.value)}, made of {' and '.join(made.inputs)}, is unusual: check them"
    return (Note("unusual_value", text),)


def _differs(variable: Variable, given: Reading, found: Reading) -> Sequence[Note]:
    unclear = found.value is None or given.below is not None or found.below is not None
    if unclear or given.value is None or found.value is None or not disagree(given.value, found.value):
        return ()
    own, other = variable.show(given.value), variable.show(found.value)
    text = f"{variable.name} was given as {own}, its parts say {other}: the value given is used, check both"
    return (Note("stored_differs", text),)
