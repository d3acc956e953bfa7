"""A column map: how the columns of somebody's file are named, measured and coded, as a TOML file a person can review.

::

    source = "what file this map is for"
    [columns]
    mrd_d29_pct = { name = "mrd_end_of_induction", unit = "%" }
    kmt2a_mll = "kmt2a_r"
    first_event = { name = "efs_event", codes = { "Relapse" = "relapse", "Censored" = "none" } }
    born = { name = "birth_date", date_order = "dmy" }
    [constants]           # one value for every row
    data_origin = "real"
    [ignore]              # named on purpose: nothing is dropped silently
    columns = ["karyotype"]
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from riskml.errors import DataError, Fault, UsageError, printable
from riskml.runtime.dates import ORDERS
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.parsing import CellError

_TABLES = {"source": str, "columns": dict, "constants": dict, "ignore": dict}
_ENTRY_KEYS = {"name", "unit", "codes", "date_order"}
_TEXT_KEYS = ("unit", "date_order")
_SCALAR = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """What one column of the file means.

    Attributes
    ----------
    name : str
        Variable of the dictionary.
    unit : str or None
        Unit of the column, where the variable has one.
    codes : mapping of str to str, int, float or bool
        Cell text (compared without case and outer blanks) -> value the dictionary can read.
    date_order : str or None
        "dmy", "mdy" or "ymd": the order of dates in figures.
    """

    name: str
    unit: str | None = None
    codes: Mapping[str, str | float] = field(default_factory=dict)
    date_order: str | None = None


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """A checked column map; every variable, unit and value in it is known to the dictionary.

    Attributes
    ----------
    columns : mapping of str to MappedColumn
        By the column's name in the file. Columns named nowhere are looked up in the dictionary by their own name.
    constants : mapping of str to str, int, float or bool
        Variable -> value for every row.
    ignored : frozenset of str
        Columns left out on purpose; they need not be there.
    source : str
        What file the map is for, in words.
    name : str
        File name of the map, for messages.
    """

    columns: Mapping[str, MappedColumn]
    constants: Mapping[str, str | float] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    source: str = ""
    name: str = "column map"

    @classmethod
    def load(cls, path: str | Path, dictionary: Dictionary | None = None) -> ColumnMap:
        """Read and check a TOML file.

        Raises
        ------
        UsageError
            If there is no such file or it is not TOML.
        DataError
            If it asks for what the dictionary does not know; carries every fault.
        """
        path = Path(path)
        try:
            raw = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"the column map {printable(str(path))} cannot be read: {printable(str(reason))}"
            ) from None
        return cls.from_dict(raw, dictionary, name=printable(path.name, 80))

    @classmethod
    def from_dict(
        cls, raw: Mapping[str, Any], dictionary: Dictionary | None = None, *, name: str = "column map"
    ) -> ColumnMap:
        """Build from the parsed TOML; errors as in :meth:`load`."""
        dictionary = dictionary or load_dictionary()
        faults = list(_shape_faults(raw))
        if not faults:
            written = raw.get("columns", {})
            columns = {column.strip(): _entry(entry) for column, entry in written.items()}
            built = cls(
                columns=columns,
                constants=dict(raw.get("constants", {})),
                ignored=frozenset(column.strip() for column in raw.get("ignore", {}).get("columns", ())),
                source=raw.get("source", ""),
                name=name,
            )
            faults = list(built._faults(dictionary))
        if faults:
            raise DataError(f"the column map {name} was refused", faults)
        return built

    def matches(self, header: Collection[str]) -> bool:
        """Whether a file with this header has every column the map names, so that the map may be meant for it."""
        return set(self.columns) <= {column.strip() for column in header}

    def absent(self, header: Collection[str]) -> Iterator[Fault]:
        """One fault for each mapped column that the file lacks."""
        present = {column.strip() for column in header}
        for column in self.columns:
            if column not in present:
                rule = f"{self.name} maps this column, so the file must have it"
                yield Fault(None, column, rule, None, "correct the name in the map, or remove it there")

    def _faults(self, dictionary: Dictionary) -> Iterator[Fault]:
        for column, mapped in self.columns.items():
            yield from _entry_faults(column, mapped, dictionary)
        named = [*(mapped.name for mapped in self.columns.values()), *self.constants]
        for variable, times in Counter(named).items():
            if times > 1:
                places = [column for column, mapped in self.columns.items() if mapped.name == variable]
                places += ["[constants]"] if variable in self.constants else []
                rule = f"one column or constant may mean {variable}"
                yield Fault(None, None, rule, ", ".join(places), "keep one and list the others under [ignore]")
        for variable, value in self.constants.items():
            if variable in dictionary.variables:
                yield from _readable(dictionary, variable, value, f"[constants] {variable}", None)
            else:
                yield _unknown(f"[constants] {variable}", variable, dictionary)
        for column in sorted(self.ignored & set(self.columns)):
            yield Fault(None, column, "must be mapped or ignored, not both", None, "remove it from one of the two")


def _shape_faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    """What keeps the TOML from being a map at all, before the dictionary is asked."""
    for key, value in raw.items():
        kind = _TABLES.get(key)
        if kind is None:
            yield Fault(None, None, f"a map has the keys {', '.join(_TABLES)}", key, "rename or remove the key")
        elif not isinstance(value, kind):
            yield Fault(None, None, f"{key} must be a {'text' if kind is str else 'table'}", str(value), "correct it")
    for column, entry in _table(raw, "columns").items():
        if isinstance(entry, str):
            continue
        names_ok = isinstance(entry, dict) and isinstance(entry.get("name"), str) and not set(entry) - _ENTRY_KEYS
        texts_ok = names_ok and all(isinstance(entry.get(key, ""), str) for key in _TEXT_KEYS)
        if not (texts_ok and _scalars(entry.get("codes", {}))):
            remedy = 'write a name, or { name = "...", unit = "...", codes = { "written" = "meant" } }'
            rule = "must be a variable's name or a table of name, unit (or date_order) and codes"
            yield Fault(None, column, rule, None, remedy)
    if not _scalars(_table(raw, "constants")):
        yield Fault(None, None, "constants must be texts or numbers", None, "write one value for each variable")
    ignore = _table(raw, "ignore")
    listed = ignore.get("columns", [])
    if set(ignore) - {"columns"} or not isinstance(listed, list) or not all(isinstance(c, str) for c in listed):
        yield Fault(None, None, "ignore holds one list of column names", None, 'write columns = ["...", "..."]')


def _table(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key, {})
    return value if isinstance(value, dict) else {}


def _scalars(table: object) -> bool:
    return isinstance(table, dict) and all(isinstance(value, _SCALAR) for value in table.values())


def _entry(entry: str | Mapping[str, Any]) -> MappedColumn:
    if isinstance(entry, str):
        return MappedColumn(entry)
    codes = {code.strip().casefold(): value for code, value in entry.get("codes", {}).items()}
    return MappedColumn(entry["name"], entry.get("unit"), codes, entry.get("date_order"))


def _entry_faults(column: str, mapped: MappedColumn, dictionary: Dictionary) -> Iterator[Fault]:
    if mapped.name not in dictionary.variables:
        yield _unknown(column, mapped.name, dictionary)
        return
    dates, quantity = dictionary[mapped.name].kind == "date", dictionary[mapped.name].quantity
    if mapped.date_order is not None and (not dates or mapped.date_order not in ORDERS):
        rule = f"date_order must be one of {', '.join(ORDERS)}" if dates else f"{mapped.name} is no date"
        yield Fault(None, column, rule, mapped.date_order, "correct or remove date_order")
        return
    if dates and mapped.unit is not None:
        yield Fault(None, column, f"{mapped.name} has no unit", mapped.unit, 'write date_order = "dmy" for its order')
        return
    if mapped.unit is not None and quantity.factor(mapped.unit) is None:
        known = ", ".join(quantity.spellings) if quantity.display else ""
        remedy = f"write one of {known}" if known else "remove it: this variable has no unit"
        yield Fault(None, column, f"the unit of {mapped.name} must be known", mapped.unit, remedy)
        return
    for code, value in mapped.codes.items():
        how = mapped.date_order or mapped.unit
        yield from _readable(dictionary, mapped.name, value, f"{column}: code '{code}'", how)


def _readable(
    dictionary: Dictionary, variable: str, value: str | float, place: str, unit: str | None
) -> Iterator[Fault]:
    try:
        dictionary.read(dictionary[variable], value, unit)
    except CellError as error:
        yield Fault(None, place, error.rule, error.value, error.remedy)


def _unknown(place: str, name: str, dictionary: Dictionary) -> Fault:
    remedy = f"the nearest known name is {dictionary.nearest(name)}"
    return Fault(None, place, "must be mapped to a variable of the dictionary", name, remedy)
