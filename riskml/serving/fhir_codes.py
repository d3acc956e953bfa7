"""``features/fhir.toml``: which codes, units, statuses and days of FHIR mean what in the dictionary."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from riskml.errors import DataError, Fault
from riskml.record import Record
from riskml.resources import folder
from riskml.runtime.dictionary import Dictionary, Variable, load_dictionary

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# A code's system and the code itself.
Coding = tuple[str, str]
_ANNOTATION = re.compile(r"\{[^{}]*\}")
# What a hospital's result may be about; dates and identifiers are never read as values.
READ_KINDS = ("number", "integer", "tristate", "category")
_TABLES = ("schema", "system", "map", "status", "window", "window_of", "ucum", "answer", "drug", "cards")
_MAP_KEYS = ("system", "code", "variable")


class FhirCodes(Record):
    """What ``features/fhir.toml`` says; see there for each table.

    Attributes
    ----------
    systems : mapping of str to str
        ``variable``, ``value``, ``model``, ``loinc``, ``ucum`` -> the address of the code system.
    mapped : mapping of Coding to str
        A hospital's own codes -> variable.
    statuses : mapping of str to frozenset
    windows, windows_of : mapping of str to (first, last)
        Days from the first dose, by landmark and by variable.
    units : mapping of quantity to mapping of UCUM code to the dictionary's spelling
    answers : mapping of Coding to bool
        Coded values of other systems: present or absent.
    drug_codes : mapping of Coding to str
    drug_words, evidence : tuple of str
    until_day : int
        Last day from the first dose on which an opened chart is answered.
    """

    systems: Mapping[str, str]
    mapped: Mapping[Coding, str]
    statuses: Mapping[str, frozenset[str]]
    windows: Mapping[str, tuple[float, float]]
    windows_of: Mapping[str, tuple[float, float]]
    units: Mapping[str, Mapping[str, str]]
    answers: Mapping[Coding, bool]
    drug_codes: Mapping[Coding, str]
    drug_words: tuple[str, ...]
    evidence: tuple[str, ...]
    until_day: int

    def variables(self, dictionary: Dictionary, codings: Iterable[Coding]) -> tuple[str, ...]:
        """The variables that some codings mean, each once; usually one or none."""
        known = _by_code(dictionary, self)
        found = dict.fromkeys(known[coding] for coding in codings if coding in known)
        return tuple(found)

    def codings_of(self, variable: Variable) -> list[Coding]:
        """Every coding that means a variable: riskml's own first, then LOINC, then a hospital's."""
        own = [(self.systems["variable"], variable.name)]
        loinc = [(self.systems["loinc"], code.code) for code in variable.codes if code.system == "loinc"]
        return own + loinc + [coding for coding, name in self.mapped.items() if name == variable.name]

    def window(self, variable: Variable) -> tuple[float, float] | None:
        """First and last day, from the first dose, on which a value counts; None where none ever does."""
        return self.windows_of.get(variable.name, self.windows.get(variable.known))

    def spelling(self, variable: Variable, ucum: str) -> str | None:
        """A UCUM code as the dictionary spells it, or None where it is not a unit of this variable."""
        bare = _ANNOTATION.sub("", ucum)
        # An annotation alone stands for the unit 1 (UCUM, section 2.1.2).
        return self.units.get(variable.quantity.name, {}).get(bare or ("1" if ucum else ""))

    def is_drug(self, codings: Iterable[Coding], text: str) -> bool:
        """Whether a medication is blinatumomab; words are looked at only where there is no code at all."""
        coded = list(codings)
        if coded:
            return any(coding in self.drug_codes for coding in coded)
        return any(word in text.casefold() for word in self.drug_words)


@lru_cache(maxsize=1)
def load_codes() -> FhirCodes:
    """The codes of this riskml, and what a hospital has added to them; errors as :func:`codes_from_dict`."""
    import tomllib  # noqa: PLC0415 - a plain patient on the command line never gets here

    return codes_from_dict(tomllib.loads((folder("features") / "fhir.toml").read_text(encoding="utf-8")))


def codes_from_dict(raw: Mapping[str, Any]) -> FhirCodes:
    """Build from the tables of ``features/fhir.toml``.

    Raises
    ------
    DataError
        For a table that is none of them, and for each ``[[map]]`` that has other keys than ``system``, ``code`` and
        ``variable``, says the same code twice or names no variable that a result can be of: every fault, with the
        nearest name.
    """
    if faults := [*_table_faults(raw), *_map_faults(raw.get("map", ()))]:
        raise DataError("features/fhir.toml was refused", faults)
    answers = {
        (table["system"], item["code"]): meaning == "present"
        for table in raw["answer"]
        for meaning in ("present", "absent")
        for item in table[meaning]
    }
    return FhirCodes(
        systems=raw["system"],
        mapped={(item["system"], item["code"]): item["variable"] for item in raw.get("map", ())},
        statuses={name: frozenset(words) for name, words in raw["status"].items()},
        windows={name: (days[0], days[1]) for name, days in raw["window"].items()},
        windows_of={name: (days[0], days[1]) for name, days in raw["window_of"].items()},
        units=raw["ucum"],
        answers=answers,
        drug_codes={(item["system"], item["code"]): item["name"] for item in raw["drug"]["codes"]},
        drug_words=tuple(raw["drug"]["words"]),
        evidence=tuple(raw["cards"]["evidence"]),
        until_day=raw["cards"]["until_day"],
    )


def _table_faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    for name in raw:
        if name not in _TABLES:
            yield Fault(None, name, "is no table of this file", None, f"the nearest is [{_nearest(name, _TABLES)}]")


def _map_faults(entries: Any) -> Iterator[Fault]:
    """The faults of a hospital's own codes; ``row`` counts the tables called ``[[map]]``."""
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, Mapping) for entry in entries):
        yield Fault(None, "map", "must be tables", None, "write [[map]] with two brackets before each code")
        return
    first: dict[Coding, int] = {}
    for row, entry in enumerate(entries, start=1):
        for key in entry:
            if key not in _MAP_KEYS:
                yield Fault(
                    row, f"map.{key}", "is no key of [[map]]", None, f"the nearest is {_nearest(key, _MAP_KEYS)}"
                )
        texts = [entry.get(key) for key in _MAP_KEYS]
        for key, text in zip(_MAP_KEYS, texts, strict=True):
            if not isinstance(text, str) or not text.strip():
                yield Fault(row, f"map.{key}", "must be text", None, f'write {key} = "..."')
        system, code, variable = texts
        coded = isinstance(system, str) and isinstance(code, str)
        if coded and (before := first.setdefault((system, code), row)) != row:
            yield Fault(row, "map.code", "must mean one variable", code, f"it stands in [[map]] {before} already")
        if isinstance(variable, str) and variable.strip():
            yield from _variable_faults(row, variable)


def _variable_faults(row: int, name: str) -> Iterator[Fault]:
    dictionary = load_dictionary()
    if name not in dictionary.variables:
        remedy = f"the nearest known name is '{dictionary.nearest(name)}'"
        yield Fault(row, "map.variable", "is not a name of the dictionary", name, remedy)
    elif dictionary[name].kind not in READ_KINDS:
        yield Fault(row, "map.variable", "is nothing a result says", name, "name a measured variable or a lesion")


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - only needed where something is wrong

    return difflib.get_close_matches(name[:100], known, n=1, cutoff=0.0)[0]


# Dictionaries come with bundles and live as long as these; the few of a service are told apart by identity.
_KNOWN: dict[tuple[int, int], tuple[Dictionary, FhirCodes, dict[Coding, str]]] = {}
_KEPT = 32


def _by_code(dictionary: Dictionary, codes: FhirCodes) -> dict[Coding, str]:
    """Coding -> variable, built once for a dictionary."""
    key = (id(dictionary), id(codes))
    if kept := _KNOWN.get(key):
        return kept[2]
    table = {
        coding: name
        for name in dictionary.variables
        if (variable := dictionary[name]).kind in READ_KINDS
        for coding in codes.codings_of(variable)
    }
    if len(_KNOWN) >= _KEPT:
        _KNOWN.clear()
    _KNOWN[key] = (dictionary, codes, table)  # kept with its owners, so that no other object gets their id
    return table
