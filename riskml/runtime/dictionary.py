"""The dictionary: ``features/*.toml`` (or the copy a bundle carries) as variables that can read a raw value."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from types import MappingProxyType

from riskml.errors import BundleError, DataError
from riskml.record import Record
from riskml.resources import folder
from riskml.runtime.parsing import MAX_CELL, Reading, parse
from riskml.runtime.units import Quantity

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.derivations import Derived

_PURE = {"canonical": "1", "display": "", "factors": {"1": 1.0}}
# Patterns are compiled when first used: a patient with canonical names needs neither.
_HEADER_UNIT = r"^(.*?)[\s_]*(?:[(\[]([^()\[\]]+)[)\]]|(%))$"
# What `like` does not hand on: names and meanings belong to one variable alone.
_OWN = frozenset({"label", "known", "why", "aliases", "alias_units", "codes", "exclusive_with", "family", "like"})
# What content of another shape sets off wherever it is read.
_MALFORMED = (DataError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError, AssertionError)
# Marks that folding would drop although they change the meaning: "CD19 %" is no count, "Ph-" is not "Ph".
_LOST_MARKS = r"[%<>]|[^\x00-\x7f]|-$"


# Spelled nearly alike, and the prognosis is the opposite: hypo- and hyperdiploidy, low and high.
_CONTRARY = (("hypo", "hyper"), ("low_", "high_"))


def contrary(one: str, other: str) -> bool:
    """Whether two folded names may mean opposite things, so that neither may be proposed for the other."""
    one, other = f"{one}_", f"{other}_"
    return any((a in one and b in other) or (b in one and a in other) for a, b in _CONTRARY)


def fold_name(text: str) -> str:
    """One form for the spellings of a name: ``"BCR::ABL1"`` and ``"bcr-abl1"`` become ``"bcr_abl1"``."""
    return re.sub(r"[^a-z0-9]+", "_", text.casefold()).strip("_")


class Words(Record):
    """Case-folded words that mean missing, present and absent."""

    missing: frozenset[str]
    present: frozenset[str]
    absent: frozenset[str]


class Code(Record):
    """What another system calls a variable; ``verified`` is "2+" or "1", the public mappings that agree on it."""

    system: str
    code: str
    name: str
    verified: str


class Variable(Record):
    """One entry of the dictionary: a measured or derived variable, a tri-state lesion or an outcome column.

    ``hard`` and ``soft`` are inclusive ranges in the canonical unit; values outside ``hard`` are refused, outside
    ``soft`` accepted with a note. ``known`` names the landmark from which the value may be used. ``subtypes`` are forms
    of a lesion whose presence proves it and whose absence says nothing. ``resolution`` is the coarsest last digit that
    a bare zero may stand for. ``family`` joins variables that measure one thing by different methods; ``companions``
    are needed to read this one; ``exclusive_with`` say the same again.
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
    present_words: tuple[str, ...] = ()
    absent_words: tuple[str, ...] = ()
    subtypes: tuple[str, ...] = ()
    not_same_as: tuple[str, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    lesion: bool = False
    resolution: float | None = None
    family: str = ""
    denominator: str = ""
    companions: tuple[str, ...] = ()
    exclusive_with: tuple[str, ...] = ()
    codes: tuple[Code, ...] = ()

    @classmethod
    def from_dict(
        cls, name: str, raw: Mapping[str, Any], quantities: Mapping[str, Quantity], *, lesion: bool
    ) -> Variable:
        """Build from a table of ``variables.toml`` or ``lesions.toml``; ``TypeError`` for parts of other types."""
        found = cls(
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
            present_words=tuple(word.casefold() for word in raw.get("present_words", ())),
            absent_words=tuple(word.casefold() for word in raw.get("absent_words", ())),
            subtypes=tuple(raw.get("subtypes", ())),
            not_same_as=tuple(raw.get("not_same_as", ())),
            levels={level: tuple(aliases) for level, aliases in raw.get("levels", {}).items()},
            lesion=lesion,
            resolution=raw.get("resolution"),
            family=raw.get("family", ""),
            denominator=raw.get("denominator", ""),
            companions=tuple(raw.get("companions", ())),
            exclusive_with=tuple(raw.get("exclusive_with", ())),
            codes=tuple(Code(**code) for code in raw.get("codes", ())),
        )
        found._check()
        return found

    def _check(self) -> None:
        """Whatever is read as text or number is one: what a file has instead must fail here, not in a prediction."""
        lists = (self.aliases, self.subtypes, self.not_same_as, self.companions, self.exclusive_with, *self.alias_units)
        single = (self.label, self.kind, self.known, self.why, self.family, self.denominator)
        texts = (*single, *chain(*lists), *self.levels, *chain(*self.levels.values()))
        optional = (x for x in (self.limit_of_detection, self.resolution) if x is not None)
        if not {*map(type, texts)} <= {str} or not {*map(type, (*self.hard, *self.soft, *optional))} <= {int, float}:
            raise TypeError("names and words must be text, ranges and limits numbers")
        if not len(self.hard) == len(self.soft) == 2 or self.hard[0] > self.hard[1] or self.soft[0] > self.soft[1]:
            raise TypeError("a range must be two numbers that do not fall")

    def example(self) -> str:
        """A value this variable accepts, for messages."""
        if self.kind == "date":
            return "2021-04-30"
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


class Variables(Mapping[str, Variable]):
    """The variables by name, each built when it is first asked for.

    A prediction touches a handful of a hundred; building them all, and the table of every spelling, would cost it more
    than the model does.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._written: dict[str, Mapping[str, Any]] = {**raw["variable"], **raw["lesion"]}
        # Derived ones come last, and what a file stores keeps its own entry. Older bundles have no such table.
        self._tables: dict[str, Mapping[str, Any]] = {**self._written, **raw.get("derived", {}), **self._written}
        self._definitions: Mapping[str, Derived] | None = None
        self._lesions = raw["lesion"].keys()
        self._units = {"pure": _PURE, **raw["quantity"]}
        self._quantities: dict[str, Quantity] = {}
        self._built: dict[str, Variable] = {}
        self._names: dict[str, tuple[str, str | None]] | None = None

    def __reduce__(self) -> tuple[type[Variables], tuple[Mapping[str, Any]]]:
        return Variables, (self._raw,)  # to another process: what was built is built there when it is asked for

    def __getitem__(self, name: str) -> Variable:
        if name not in self._built:
            if name not in self._tables:
                raise KeyError(name)
            self._built[name] = self._build(name)
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        return name in self._tables

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables)

    def __len__(self) -> int:
        return len(self._tables)

    @property
    def names(self) -> Mapping[str, tuple[str, str | None]]:
        """Folded spelling -> (variable, unit)."""
        if self._names is None:
            try:
                self._names = dict(_names(self._tables))
            except (TypeError, AttributeError, ValueError) as error:
                raise BundleError(f"the dictionary is malformed ({error}): fetch the bundle again") from None
        return self._names

    @property
    def definitions(self) -> Mapping[str, Derived]:
        """Derived variables by name, checked when first asked for; raises ``DataError`` with all their faults."""
        if self._definitions is None:
            from riskml.runtime.derivations import derived_from_dict  # most models have no derived input

            written = Dictionary.from_dict({**self._raw, "derived": {}})
            self._definitions = derived_from_dict(self._raw.get("derived", {}), written)
        return self._definitions

    def _table(self, name: str, via: tuple[str, ...]) -> Mapping[str, Any]:
        """The entry with what it is ``like`` put in."""
        table = self._tables[name]
        if "like" not in table:
            return table
        if name in via:
            raise ValueError(f"like leads back to {name}")
        pattern = self._table(table["like"], (*via, name))
        return {**{key: value for key, value in pattern.items() if key not in _OWN}, **table}

    def _build(self, name: str) -> Variable:
        try:
            table = self._table(name, ()) if name in self._written else self._as_written(name)
            quantity = table.get("quantity", "pure")
            if quantity not in self._quantities:
                self._quantities[quantity] = Quantity.from_dict(quantity, self._units[quantity])
            return Variable.from_dict(name, table, self._quantities, lesion=name in self._lesions)
        except _MALFORMED as error:
            text = f"the dictionary's entry '{name}' is malformed ({type(error).__name__}: {error})"
            raise BundleError(f"{text}: fetch the bundle again") from None

    def _as_written(self, name: str) -> Mapping[str, Any]:
        """A derived variable as an entry of ``variables.toml``: most of it follows from its inputs."""
        made = self.definitions[name]
        levels = dict.fromkeys(made.levels, ())
        facts = {"label": made.label, "kind": made.kind, "quantity": made.quantity, "known": made.known}
        return {**facts, "denominator": made.denominator, "levels": levels, "why": made.why}


class Dictionary(Record):
    """Every variable, lesion and derived variable by name, and the words and landmarks they share.

    ``raw`` is the plain data it was built from, so that a bundle can carry exactly the dictionary it was trained with.
    """

    variables: Variables
    words: Words
    landmarks: tuple[str, ...]
    outcomes: Mapping[str, Mapping[str, Any]]
    raw: Mapping[str, Any]

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Dictionary:
        """Build from the merged TOML files, or from the copy in a bundle's manifest."""
        folded = {key: frozenset(w.casefold() for w in raw[f"{key}_words"]) for key in ("missing", "present", "absent")}
        return cls(Variables(raw), Words(**folded), tuple(raw["landmarks"]), raw["outcome"], raw)

    @property
    def names(self) -> Mapping[str, tuple[str, str | None]]:
        """Every spelling, folded -> (variable, the unit the spelling fixes)."""
        return self.variables.names

    def __getitem__(self, name: str) -> Variable:
        return self.variables[name]

    def find(self, header: str) -> tuple[Variable, str | None] | None:
        """The variable a column header or patient key means, and the unit the header fixes; None where unknown.

        A header may carry its unit in brackets (``"mrd (%)"``), as a percent sign (``"mrd %"``) or as an alias that
        says it (``"mrd_pct"``). A percent sign on a count means the percentage (``"CD19 %"`` is ``cd19_pct``).
        """
        if header in self.variables:
            return self.variables[header], None
        header = " ".join(header.split())
        if len(header) > MAX_CELL:
            return None
        carried = re.match(_HEADER_UNIT, header)
        if carried:
            unit = carried[2] or carried[3]
            name, alias_unit = self.names.get(fold_name(carried[1]), (None, None))
            factor = None if name is None else self.variables[name].quantity.factor(unit)
            if name is not None and factor is not None:
                agrees = alias_unit is None or self.variables[name].quantity.factor(alias_unit) == factor
                return (self.variables[name], unit) if agrees else None
            if name is not None and unit == "%":
                # At most one variable says a count again, as a percentage.
                return next(((self.variables[same], unit) for same in self.variables[name].exclusive_with), None)
        hit = None if re.search(_LOST_MARKS, header) else self.names.get(fold_name(header))
        return (self.variables[hit[0]], hit[1]) if hit else None

    def other_unit(self, header: str) -> Variable | None:
        """The variable of a header whose name is known while the unit in it is not one of the variable's."""
        carried = re.match(_HEADER_UNIT, " ".join(header.split())[:MAX_CELL])
        hit = self.names.get(fold_name(carried[1])) if carried else None
        variable = self.variables[hit[0]] if hit else None
        return variable if variable is not None and variable.quantity.display else None

    def nearest(self, name: str, among: tuple[str, ...] = ()) -> str:
        """The known name most like ``name``, for error messages."""
        import difflib  # only needed where something is already wrong

        folded = fold_name(name[:MAX_CELL])
        pool = among or tuple(self.names)
        spelled = [
            other
            for item in pool
            if not contrary(folded, other := fold_name(item))
            and not contrary(folded, self.names.get(other, (other,))[0])
        ]
        best = difflib.get_close_matches(folded, spelled, n=1, cutoff=0.0)
        hit = self.names.get(best[0]) if best else None
        return hit[0] if hit else (best[0] if best else next(iter(self.variables)))

    def read(self, variable: Variable, raw: object, unit: str | None = None) -> Reading:
        """Parse one raw value; raises ``CellError`` (see ``riskml.runtime.parsing``)."""
        return parse(variable, raw, self.words, unit)

    @property
    def definitions(self) -> Mapping[str, Derived]:
        """How each derived variable is made, by name, in the order of ``derived.toml``."""
        return self.variables.definitions

    def derivable(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of ``names`` that can be made of other variables, each once; asking loads nothing."""
        made = self.raw.get("derived", {})
        return tuple(dict.fromkeys(name for name in names if name in made))

    def usable_at(self, variable: Variable, landmark: str) -> bool:
        """Whether ``variable`` is already known at ``landmark``."""
        return self.landmarks.index(variable.known) <= self.landmarks.index(landmark)


def _names(tables: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Folded spelling -> (variable, unit); the variable's own name last, so that no alias can shadow it."""
    for name, table in tables.items():
        for alias in (*table.get("aliases", ()), *([table["iscn"]] if "iscn" in table else ())):
            yield fold_name(alias), (name, None)
        for alias, unit in table.get("alias_units", {}).items():
            yield fold_name(alias), (name, unit)
    for name in tables:
        yield name, (name, None)


@lru_cache(maxsize=1)
def load_dictionary() -> Dictionary:
    """The dictionary of this riskml: ``features/{units,variables,lesions,derived,outcomes}.toml``."""
    import tomllib  # a bundle carries its own dictionary, so predict never pays for this

    raw: dict[str, Any] = {}
    for part in ("units", "variables", "lesions", "derived", "outcomes"):
        table = tomllib.loads((folder("features") / f"{part}.toml").read_text(encoding="utf-8"))
        table.pop("schema")
        raw |= table
    return Dictionary.from_dict(raw)
