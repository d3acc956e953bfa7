"""``features/subgroups.toml`` -> the subgroups to look at, and which rows of a table are in each."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.errors import DataError, Fault, UsageError
from riskml.resources import folder
from riskml.runtime.dictionary import Dictionary, Variable, load_dictionary

BoolArray = NDArray[np.bool_]
LATEST = "first_dose"
PRESENT, ABSENT, OTHER, UNKNOWN = "present", "absent", "other", "unknown"
# How a group is told -> the kinds of variable that can be told so, and the key that goes with it.
_KINDS = {"present": ("tristate",), "level": ("category", "identifier"), "range": ("number", "integer")}
_OWN_KEY = {"level": "levels", "range": "ranges"}
_REQUIRED = ("label", "variable", "how", "why")


@dataclass(frozen=True, slots=True)
class Subgroup:
    """One entry of ``subgroups.toml``; see its head for what ``how`` means.

    Attributes
    ----------
    name, label, variable, how, why : str
    levels : tuple of str
        Those looked at; empty where all of a column are.
    ranges : mapping of level to (from, to)
        From inclusive, to exclusive, in the canonical unit.
    """

    name: str
    label: str
    variable: str
    how: str
    why: str
    levels: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]

    def split(self, column: NDArray[Any]) -> tuple[dict[str, BoolArray], dict[str, BoolArray]]:
        """Every row of a column in one group.

        Parameters
        ----------
        column : float or object array of shape (n_rows,)
            As in ``Cohort.frame``.

        Returns
        -------
        looked_at : dict of level to bool array of shape (n_rows,)
        others : dict of str to bool array of shape (n_rows,)
            Known and not looked at ("absent", "other"), and "unknown".
        """
        if self.how == "level":
            known = np.array([value is not None and value == value for value in column], dtype=bool)  # noqa: PLR0124
            levels = self.levels or tuple(sorted({str(value) for value in column[known]}))
            groups = {level: known & (column == level) for level in levels}
        else:
            numbers = np.asarray(column, dtype=float)
            known = np.isfinite(numbers)
            if self.how == "present":
                groups = {PRESENT: numbers == 1}
            else:
                groups = {level: (numbers >= low) & (numbers < high) for level, (low, high) in self.ranges.items()}
        rest = known & ~np.logical_or.reduce([np.zeros(len(column), dtype=bool), *groups.values()])
        return groups, {ABSENT if self.how == "present" else OTHER: rest, UNKNOWN: ~known}


def load_subgroups(path: Path | None = None, dictionary: Dictionary | None = None) -> tuple[Subgroup, ...]:
    """The prespecified subgroups, in the order of the file.

    Parameters
    ----------
    path : Path, optional
        Another file than ``features/subgroups.toml``.
    dictionary : Dictionary, optional

    Raises
    ------
    UsageError
        If the file is not there or not TOML.
    DataError
        With every fault at once.
    """
    path, dictionary = path or folder("features") / "subgroups.toml", dictionary or load_dictionary()
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path.name} cannot be read as TOML: {error}") from None
    tables = raw.get("subgroup")
    if not isinstance(tables, dict) or not tables:
        raise DataError("the subgroups were refused", [_fault("*", "needs tables [subgroup.NAME]", None, "add one")])
    faults = [fault for name, table in tables.items() for fault in _faults(name, table, dictionary)]
    if faults:
        raise DataError("the subgroups were refused", faults)
    return tuple(_subgroup(name, table, dictionary) for name, table in tables.items())


def _subgroup(name: str, table: Mapping[str, Any], dictionary: Dictionary) -> Subgroup:
    levels = tuple(table.get("levels", dictionary[table["variable"]].levels if table["how"] == "level" else ()))
    ranges = {level: (float(low), float(high)) for level, (low, high) in table.get("ranges", {}).items()}
    return Subgroup(name, table["label"], table["variable"], table["how"], table["why"], levels, ranges)


def _fault(name: str, rule: str, value: object, remedy: str) -> Fault:
    return Fault(None, f"subgroup.{name}", rule, None if value is None else str(value), remedy)


def _faults(name: str, table: Any, dictionary: Dictionary) -> Iterator[Fault]:
    if not isinstance(table, dict) or any(key not in table for key in _REQUIRED):
        yield _fault(name, f"must be a table with {', '.join(_REQUIRED)}", None, "complete it")
        return
    for key in _REQUIRED:
        if not isinstance(table[key], str) or not table[key].strip():
            yield _fault(name, f"{key} must be text", table[key], "say it in words")
            return
    how, variable = table["how"], dictionary.variables.get(table["variable"])
    if how not in _KINDS:
        yield _fault(name, f"how must be one of {', '.join(_KINDS)}", how, "use one of them")
        return
    for key in sorted(set(table) - {*_REQUIRED, _OWN_KEY.get(how, "how")}):
        yield _fault(name, f"{key} is not a key of how = '{how}'", None, "leave it out")
    if variable is None:
        remedy = f"the nearest name is '{dictionary.nearest(table['variable'])}'"
        yield _fault(name, "variable must be in the dictionary", table["variable"], remedy)
        return
    if variable.name == "patient_id" or variable.kind not in _KINDS[how]:
        rule, is_one = f"'{how}' takes a {' or '.join(_KINDS[how])}", f"{variable.name}, a {variable.kind}"
        yield _fault(name, rule, is_one, "tell the groups apart in another way")
    elif not dictionary.usable_at(variable, LATEST):
        rule = f"must be known by {LATEST}"
        yield _fault(
            name, rule, f"{variable.name}, known from {variable.known}", "leave it out: what comes later is an outcome"
        )
    elif how == "range":
        yield from _range_faults(name, table.get("ranges"))
    else:
        yield from _level_faults(name, table.get("levels"), variable)


def _level_faults(name: str, levels: Any, variable: Variable) -> Iterator[Fault]:
    if levels is None:
        return
    if not isinstance(levels, list) or not levels or len(set(map(str, levels))) < len(levels):
        yield _fault(name, "levels must be a list of different levels", levels, "correct it, or leave it out for all")
        return
    unknown = [str(level) for level in levels if level not in variable.levels]
    if variable.kind != "category":
        yield _fault(name, f"levels of {variable.name} differ between files", None, "leave them out: all are looked at")
    elif unknown:
        yield _fault(name, f"levels must be among {', '.join(variable.levels)}", ", ".join(unknown), "correct them")


def _range_faults(name: str, ranges: Any) -> Iterator[Fault]:
    whole = isinstance(ranges, dict) and ranges and UNKNOWN not in ranges
    if not whole or not all(_is_range(value) for value in ranges.values()):
        rule = "ranges must be a table of name = [from, to], two rising numbers"
        yield _fault(name, rule, ranges, 'write ranges = { "under 1" = [0, 1] }')
        return
    ordered = sorted(ranges.values())
    if any(later[0] < earlier[1] for earlier, later in pairwise(ordered)):
        yield _fault(name, "ranges must not overlap (to is exclusive)", ranges, "end each where the next begins")


def _is_range(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    numbers = all(isinstance(end, (int, float)) and not isinstance(end, bool) and math.isfinite(end) for end in value)
    return numbers and value[0] < value[1]
