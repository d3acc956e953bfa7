"""The dictionary: ``features/*.toml`` (or the copy a bundle carries) as variables that can read a raw value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

from riskml.record import Record
from riskml.resources import folder
from riskml.runtime.parsing import MAX_CELL, Reading, parse
from riskml.runtime.units import Quantity

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

_PURE = {"canonical": "1", "display": "", "factors": {"1": 1.0}}
_HEADER_UNIT = re.compile(r"^(.*?)[\s_]*(?:[(\[]([^()\[\]]+)[)\]]|(%))$")
# Marks that folding would drop although they change the meaning: "CD19 %" is no count, "Ph-" is not "Ph".
_LOST_MARKS = re.compile(r"[%<>]|[^\x00-\x7f]|-$")


def fold_name(text: str) -> str:
    """One form for the spellings of a name: ``"BCR::ABL1"`` and ``"bcr-abl1"`` become ``"bcr_abl1"``."""
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")


class Words(Record):
    """Case-folded words that mean missing, present and absent."""

    missing: frozenset[str]
    present: frozenset[str]
    absent: frozenset[str]


class Variable(Record):
    """One entry of the dictionary: a measured variable, a tri-state lesion or an outcome column.

    ``hard`` and ``soft`` are inclusive ranges in the canonical unit; values outside ``hard`` are refused, outside
    ``soft`` accepted with a note. ``known`` names the landmark from which the value may be used. ``subtypes`` are forms
    of a lesion whose presence proves it and whose absence says nothing.
    """

    name: str
    label: str
    kind: str
    quantity: Quantity
    known: str
    why: str
    aliases: tuple[str, ...] = ()
    alias_units: tuple[tuple[str, str], ...] = ()
    hard: tuple[float, float] = (-math.inf, math.inf)
    soft: tuple[float, float] = (-math.inf, math.inf)
    left_censored: bool = False
    limit_of_detection: float | None = None
    below_words: tuple[str, ...] = ()
    absent_words: tuple[str, ...] = ()
    subtypes: tuple[str, ...] = ()
    not_same_as: tuple[str, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    lesion: bool = False

    @classmethod
    def from_dict(
        cls, name: str, raw: Mapping[str, Any], quantities: Mapping[str, Quantity], *, lesion: bool
    ) -> Variable:
        """Build from one table of ``variables.toml`` or ``lesions.toml``."""
        return cls(
            name=name,
            label=raw["label"],
            kind=raw.get("kind", "tristate"),
            quantity=quantities[raw.get("quantity", "pure")],
            known=raw.get("known", "diagnosis"),
            why=raw["why"],
            aliases=(*raw.get("aliases", ()), *([raw["iscn"]] if "iscn" in raw else ())),
            alias_units=tuple(raw.get("alias_units", {}).items()),
            hard=tuple(raw.get("hard", (-math.inf, math.inf))),
            soft=tuple(raw.get("soft", raw.get("hard", (-math.inf, math.inf)))),
            left_censored=raw.get("left_censored", False),
            limit_of_detection=raw.get("limit_of_detection"),
            below_words=tuple(word.casefold() for word in raw.get("below_words", ())),
            absent_words=tuple(word.casefold() for word in raw.get("absent_words", ())),
            subtypes=tuple(raw.get("subtypes", ())),
            not_same_as=tuple(raw.get("not_same_as", ())),
            levels={level: tuple(aliases) for level, aliases in raw.get("levels", {}).items()},
            lesion=lesion,
        )

    def example(self) -> str:
        """A value this variable accepts, for messages."""
        low, high = self.soft
        middle = (
            10 ** ((math.log10(max(low, 1e-3)) + math.log10(high)) / 2) if math.isfinite(high) and high > 0 else 1.0
        )
        factor = self.quantity.factor(self.quantity.display) if self.quantity.display else 1.0
        number = f"{middle / (factor or 1.0):.2g}"
        return f"{number} {self.quantity.display}".strip() if self.kind == "number" else number.partition(".")[0]

    def show(self, value: float | str | None, below: float | None = None) -> str:
        """A parsed value as a person reads it: ``"0.52 %"``, ``"< 0.01 %"``, ``"present"``, ``"unknown"``."""
        if value is None:
            return "unknown"
        if isinstance(value, str):
            return value
        if self.kind == "tristate":
            return "present" if value == 1 else "absent"
        if below is not None and value <= below:
            return f"< {self.quantity.show(below)}"
        return self.quantity.show(value)


class Dictionary(Record):
    """Every variable and lesion by name, and the words and landmarks they share.

    ``raw`` is the plain data it was built from, so that a bundle can carry exactly the dictionary it was trained with.
    """

    variables: Mapping[str, Variable]
    words: Words
    landmarks: tuple[str, ...]
    outcomes: Mapping[str, Mapping[str, Any]]
    raw: Mapping[str, Any]
    names: Mapping[str, tuple[str, str | None]]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Dictionary:
        """Build from the merged TOML files, or from the copy in a bundle's manifest."""
        quantities = {
            name: Quantity.from_dict(name, table) for name, table in {"pure": _PURE, **raw["quantity"]}.items()
        }
        variables = {n: Variable.from_dict(n, t, quantities, lesion=False) for n, t in raw["variable"].items()}
        variables |= {n: Variable.from_dict(n, t, quantities, lesion=True) for n, t in raw["lesion"].items()}
        folded = {key: frozenset(w.casefold() for w in raw[f"{key}_words"]) for key in ("missing", "present", "absent")}
        return cls(variables, Words(**folded), tuple(raw["landmarks"]), raw["outcome"], raw, dict(_names(variables)))

    def __getitem__(self, name: str) -> Variable:
        return self.variables[name]

    def find(self, header: str) -> tuple[Variable, str | None] | None:
        """The variable a column header or patient key means, and the unit the header fixes; None where unknown.

        A header may carry its unit in brackets (``"mrd (%)"``), as a percent sign (``"mrd %"``) or as an alias that
        says it (``"mrd_pct"``).
        """
        header = " ".join(header.split())
        if len(header) > MAX_CELL:
            return None
        carried = _HEADER_UNIT.match(header)
        if carried:
            unit = carried[2] or carried[3]
            name, alias_unit = self.names.get(fold_name(carried[1]), (None, None))
            factor = None if name is None else self.variables[name].quantity.factor(unit)
            if name is not None and factor is not None:
                agrees = alias_unit is None or self.variables[name].quantity.factor(alias_unit) == factor
                return (self.variables[name], unit) if agrees else None
        hit = None if _LOST_MARKS.search(header) else self.names.get(fold_name(header))
        return (self.variables[hit[0]], hit[1]) if hit else None

    def nearest(self, name: str, among: tuple[str, ...] = ()) -> str:
        """The known name most like ``name``, for error messages."""
        import difflib  # only needed where something is already wrong

        folded = fold_name(name[:MAX_CELL])
        pool = among or tuple(self.names)
        best = difflib.get_close_matches(folded, [fold_name(item) for item in pool], n=1, cutoff=0.0)
        hit = self.names.get(best[0]) if best else None
        return hit[0] if hit else (best[0] if best else next(iter(self.variables)))

    def read(self, variable: Variable, raw: object, unit: str | None = None) -> Reading:
        """Parse one raw value; raises ``CellError`` (see ``riskml.runtime.parsing``)."""
        return parse(variable, raw, self.words, unit)

    def usable_at(self, variable: Variable, landmark: str) -> bool:
        """Whether ``variable`` is already known at ``landmark``."""
        return self.landmarks.index(variable.known) <= self.landmarks.index(landmark)


def _names(variables: Mapping[str, Variable]) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Folded spelling -> (variable, unit); the variable's own name last, so that no alias can shadow it."""
    for variable in variables.values():
        for alias in variable.aliases:
            yield fold_name(alias), (variable.name, None)
        for alias, unit in variable.alias_units:
            yield fold_name(alias), (variable.name, unit)
    for name in variables:
        yield name, (name, None)


@lru_cache(maxsize=1)
def load_dictionary() -> Dictionary:
    """The dictionary of this riskml: ``features/{units,variables,lesions,outcomes}.toml``."""
    import tomllib  # a bundle carries its own dictionary, so predict never pays for this

    raw: dict[str, Any] = {}
    for part in ("units", "variables", "lesions", "outcomes"):
        table = tomllib.loads((folder("features") / f"{part}.toml").read_text(encoding="utf-8"))
        table.pop("schema")
        raw |= table
    return Dictionary.from_dict(raw)
