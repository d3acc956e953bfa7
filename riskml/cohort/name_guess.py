"""Which variables a foreign column name may mean, from the name alone."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import lru_cache

from riskml.record import Record
from riskml.runtime.dictionary import Dictionary, Variable, contrary, fold_name

OWN, ALIAS, PARTS, LIKE = 4, 3, 2, 1
_UNITS = {
    "pct": "%",
    "percent": "%",
    "10_9_l": "10*9/L",
    "e9_l": "10*9/L",
    "g_l": "G/L",
    "1e9_per_l": "10*9/L",
    "per_ul": "/uL",
    "cells_ul": "/uL",
    "ul": "/uL",
}
# Words that do not change which measurement is meant. Words of time are not among them: they do.
_HARMLESS = frozenset({"of", "the", "patient", "status", "value", "result", "level", "fusion", "gene", "in", "by"})
_SHORTEST = 3
_SPELLED_LIKE = 0.88


class NameGuess(Record):
    """One variable a name may mean: ``strength`` is OWN, ALIAS, PARTS (likely) or LIKE (ask)."""

    variable: Variable
    strength: int
    evidence: str
    unit: str | None = None


def guess_name(header: str, dictionary: Dictionary) -> list[NameGuess]:
    """Guesses for one name, the best first; at most three, and none that means the contrary."""
    found: dict[str, NameGuess] = {}
    folded = fold_name(header)
    for guess in _guesses(header, dictionary):
        if guess.strength < ALIAS and contrary(folded, guess.variable.name):
            continue
        known = found.get(guess.variable.name)
        if known is None or guess.strength > known.strength:
            found[guess.variable.name] = guess
    return sorted(found.values(), key=lambda guess: -guess.strength)[:3]


def _guesses(header: str, dictionary: Dictionary) -> Iterator[NameGuess]:
    folded = fold_name(header)
    hit = dictionary.find(header)
    if hit is not None:
        own = folded == hit[0].name
        words = "is the dictionary's name" if own else f"is another name of {hit[0].name}"
        yield NameGuess(hit[0], OWN if own else ALIAS, words, hit[1])
        return
    tokens = folded.split("_")[:12]
    for cut in range(1, len(tokens)):
        tail = "_".join(tokens[cut:])
        hit = dictionary.find("_".join(tokens[:cut]))
        unit = _UNITS.get(tail, tail)
        if hit is not None and hit[0].quantity.display and hit[0].quantity.factor(unit) is not None:
            yield NameGuess(hit[0], ALIAS, f"{hit[0].name} with the unit {unit} in its name", unit)
    yield from _by_parts(tokens, dictionary)
    if len(folded) > _SHORTEST:
        spelled = [name for name in _spellings(dictionary) if not contrary(folded, name)]
        for name in difflib.get_close_matches(folded, spelled, n=1, cutoff=_SPELLED_LIKE):
            variable = dictionary[dictionary.names[name][0]]
            yield NameGuess(variable, LIKE, f"is spelled like {name}")


def _by_parts(tokens: list[str], dictionary: Dictionary) -> Iterator[NameGuess]:
    """Names of the dictionary that stand inside this one."""
    for length in range(len(tokens), 0, -1):
        for start in range(len(tokens) - length + 1):
            part = "_".join(tokens[start : start + length])
            hit = dictionary.names.get(part)
            if hit is None or len(part) < _SHORTEST:
                continue
            variable = dictionary[hit[0]]
            rest = tokens[:start] + tokens[start + length :]
            unit = _UNITS.get(rest[-1], rest[-1]) if rest and start + length < len(tokens) else ""
            measured = bool(variable.quantity.display) and variable.quantity.factor(unit) is not None
            words = rest[:-1] if measured else rest
            same = all(word in _HARMLESS or dictionary.names.get(word, ("",))[0] == variable.name for word in words)
            says = f"contains {part}, a name of {variable.name}"
            yield NameGuess(variable, PARTS if same else LIKE, says, hit[1] or (unit if measured else None))


@lru_cache(maxsize=4)
def _spellings_of(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if len(name) > _SHORTEST]


def _spellings(dictionary: Dictionary) -> list[str]:
    return _spellings_of(tuple(dictionary.names))
