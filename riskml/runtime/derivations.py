"""``features/derived.toml`` -> checked definitions of derived variables: named operations, no expressions.

From when a derived variable is known is not a matter of opinion: it is the latest landmark of its inputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise
from types import MappingProxyType

from riskml.errors import DataError, Fault
from riskml.record import Record

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.dictionary import Dictionary

_REQUIRED = ("label", "op", "inputs", "why")
# Operation -> how many inputs, of which kinds, and the keys it needs; `group` has two forms and is checked apart.
_COUNTS = {"log10": 1, "ratio": 2, "difference": 2, "any_of": None, "group": 1}
_NUMBERS = ("number", "integer")
_TAKES = {
    "log10": _NUMBERS,
    "ratio": _NUMBERS,
    "difference": _NUMBERS,
    "any_of": ("tristate",),
    "group": (*_NUMBERS, "category"),
}
_PARAMETERS = {"log10": {"floor"}, "group": {"cuts", "levels", "groups"}}
# Steps from what is measured; it also bounds what a file that somebody made up can ask for.
_DEEPEST = 8


class Derived(Record):
    """A variable made of others.

    Attributes
    ----------
    name, label, why : str
        As in the dictionary.
    op : {"log10", "ratio", "difference", "any_of", "group"}
        What is done (``riskml.runtime.derived`` says how, with unknown and below-limit values).
    inputs : tuple of str
        Variables of the dictionary or derived variables defined earlier.
    known : str
        Landmark from which the value may be used: the latest of the inputs'.
    kind : {"number", "tristate", "category"}
        What comes out.
    quantity : str
        Quantity of a number: that of the inputs for a difference, ``"pure"`` for the others.
    denominator : str
        What a difference of percentages is out of.
    floor : float or None
        Least value whose log10 is taken, in the canonical unit.
    cuts : tuple of float
        Where a number is cut, rising; a value on a cut belongs to the level above.
    levels : tuple of str
        Levels that come out of a group.
    groups : mapping of str to str
        Level of the input -> level that comes out.
    """

    name: str
    label: str
    op: str
    inputs: tuple[str, ...]
    known: str
    why: str
    kind: str
    quantity: str = "pure"
    denominator: str = ""
    floor: float | None = None
    cuts: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    groups: Mapping[str, str] = MappingProxyType({})


class _Input(Record):
    kind: str
    quantity: str
    known: str
    levels: tuple[str, ...]
    denominator: str
    op: str = ""


def derived_from_dict(raw: Mapping[str, Any], dictionary: Dictionary) -> dict[str, Derived]:
    """Check the tables of ``derived.toml``, by name and in their order.

    Raises
    ------
    DataError
        With every fault at once: unknown names, operations or parameters, kinds that do not go together, and a
        ``known`` or a stored variable of the same name that would let a value be used before its inputs are known.
    """
    found: dict[str, Derived] = {}
    steps: dict[str, int] = {}
    faults: list[Fault] = []
    for name, table in raw.items():
        wrong = list(_table_faults(name, table, found, raw.keys() - found.keys(), dictionary))
        faults += wrong
        if not wrong:
            found[name] = _build(name, table, found, dictionary)
            faults += _landmark_faults(found[name], table, dictionary)
            steps[name] = 1 + max(steps.get(other, 0) for other in found[name].inputs)
            if steps[name] > _DEEPEST:
                faults.append(
                    _fault(name, f"must be at most {_DEEPEST} steps from what is measured", None, "shorten it")
                )
    if faults:
        raise DataError("the derived variables were refused", faults)
    return found


def _input(name: str, found: Mapping[str, Derived], dictionary: Dictionary) -> _Input | None:
    if name in found:
        made = found[name]
        return _Input(made.kind, made.quantity, made.known, made.levels, made.denominator, made.op)
    if name in dictionary.variables:
        variable = dictionary[name]
        levels, denominator = tuple(variable.levels), variable.denominator
        return _Input(variable.kind, variable.quantity.name, variable.known, levels, denominator)
    return None


def _build(name: str, table: Mapping[str, Any], found: Mapping[str, Derived], dictionary: Dictionary) -> Derived:
    op = table["op"]
    inputs = [item for item in (_input(other, found, dictionary) for other in table["inputs"]) if item is not None]
    groups = {level: group for group, levels in table.get("groups", {}).items() for level in levels}
    return Derived(
        name=name,
        label=table["label"],
        op=op,
        inputs=tuple(table["inputs"]),
        known=max((item.known for item in inputs), key=dictionary.landmarks.index),
        why=table["why"],
        kind={"any_of": "tristate", "group": "category"}.get(op, "number"),
        quantity=inputs[0].quantity if op == "difference" else "pure",
        denominator=inputs[0].denominator if op == "difference" else "",
        floor=float(table["floor"]) if op == "log10" else None,
        cuts=tuple(map(float, table.get("cuts", ()))),
        levels=tuple(table.get("levels", table.get("groups", ()))),
        groups=groups,
    )


def _fault(name: str, rule: str, value: object, remedy: str) -> Fault:
    return Fault(None, f"derived.{name}", rule, None if value is None else str(value), remedy)


def _table_faults(
    name: str, table: Any, found: Mapping[str, Derived], later: Collection[str], dictionary: Dictionary
) -> Iterator[Fault]:
    if not isinstance(table, dict) or any(key not in table for key in _REQUIRED):
        yield _fault(name, f"must be a table with {', '.join(_REQUIRED)}", None, "complete it")
        return
    op, inputs = table["op"], table["inputs"]
    for key in ("label", "why"):
        if not str(table[key]).strip() or not isinstance(table[key], str):
            yield _fault(name, f"{key} must be text", table[key], "say it in words")
    if not isinstance(op, str) or op not in _COUNTS:
        yield _fault(name, f"op must be one of {', '.join(_COUNTS)}", op, "use a listed operation")
        return
    allowed = {*_REQUIRED, "known", *_PARAMETERS.get(op, ())}
    for key in sorted(set(table) - allowed):
        yield _fault(name, f"{key} is not a key of {op}", None, f"use one of {', '.join(sorted(allowed))}")
    if not _is_list(inputs, lambda other: isinstance(other, str)):
        yield _fault(name, "inputs must be a list of names", inputs, "correct it")
        return
    wanted = _COUNTS[op]
    if len(set(inputs)) < len(inputs) or (len(inputs) < 2 if wanted is None else len(inputs) != wanted):
        yield _fault(name, f"{op} takes {wanted or 'two or more'} different inputs", ", ".join(inputs), "correct it")
        return
    # Later ones are refused even where a file may store them: two could otherwise be made of each other.
    known = {other: None if other in later else _input(other, found, dictionary) for other in inputs}
    wrong = list(_input_faults(name, op, known, dictionary))
    yield from wrong or _parameter_faults(name, table, [item for item in known.values() if item is not None])


def _input_faults(name: str, op: str, known: Mapping[str, _Input | None], dictionary: Dictionary) -> Iterator[Fault]:
    for other, item in known.items():
        if item is None:
            remedy = f"the nearest name is '{dictionary.nearest(other)}'; derived variables must stand above"
            yield _fault(name, "inputs must be in the dictionary or derived above", other, remedy)
        elif item.kind not in _TAKES[op]:
            yield _fault(name, f"{op} takes a {' or '.join(_TAKES[op])}", f"{other}, a {item.kind}", "use another op")
        elif item.op == "log10" and op != "difference":
            # "Below a limit" means from zero up to the limit; of a logarithm it means anything.
            yield _fault(name, f"{op} does not take a log10", other, "take the logarithm last")


def _parameter_faults(name: str, table: Mapping[str, Any], items: list[_Input]) -> Iterator[Fault]:
    op = table["op"]
    if op == "log10" and not (_is_number(table.get("floor")) and table["floor"] > 0):
        yield _fault(name, "log10 needs a positive floor", table.get("floor"), "give the least value that counts")
    if op == "difference" and items[0].quantity != items[1].quantity:
        quantities = f"{items[0].quantity} and {items[1].quantity}"
        yield _fault(name, "a difference is of one quantity", quantities, "use inputs of the same unit")
    elif op == "difference" and items[0].denominator != items[1].denominator:
        parts = " and ".join(item.denominator or "no whole" for item in items)
        yield _fault(name, "a difference of percentages is out of one whole", parts, "use inputs of the same whole")
    if op == "group" and items[0].kind == "category":
        yield from _groups_faults(name, table, items[0].levels)
    elif op == "group":
        yield from _cuts_faults(name, table)


def _cuts_faults(name: str, table: Mapping[str, Any]) -> Iterator[Fault]:
    cuts, levels = table.get("cuts"), table.get("levels")
    rising = _is_list(cuts, _is_number) and all(a < b for a, b in pairwise(cuts or ()))
    texts = _is_list(levels, lambda level: isinstance(level, str))
    if not rising or not texts or "groups" in table:
        yield _fault(name, "a number is grouped by rising cuts and levels", None, "give both lists, and no groups")
    elif len(set(levels or ())) != len(cuts or ()) + 1:
        yield _fault(name, "there must be one level more than cuts, all different", len(levels or ()), "correct it")


def _groups_faults(name: str, table: Mapping[str, Any], levels: tuple[str, ...]) -> Iterator[Fault]:
    groups = table.get("groups")
    if not isinstance(groups, dict) or not all(isinstance(listed, list) for listed in groups.values()):
        yield _fault(name, "a category is grouped by a table of lists", None, "write groups = { new = ['old'] }")
        return
    if {"cuts", "levels"} & set(table):
        yield _fault(name, "cuts and levels are for numbers", None, "leave them out")
    listed = [level for group in groups.values() for level in group]
    if sorted(map(str, listed)) != sorted(levels):
        rule = f"each of {', '.join(levels)} must stand in one group"
        yield _fault(name, rule, ", ".join(map(str, listed)), "a level left out would silently be unknown")


def _landmark_faults(made: Derived, table: Mapping[str, Any], dictionary: Dictionary) -> Iterator[Fault]:
    """A typed ``known``, or a stored column of the same name, must not open a way round the inputs' landmarks."""
    order = dictionary.landmarks
    typed = table.get("known", made.known)
    if typed not in order or order.index(typed) < order.index(made.known):
        rule = f"is known from {made.known}, the latest of its inputs"
        yield _fault(made.name, rule, typed, "leave known out: it is computed")
    if made.name in dictionary.variables:
        stored = dictionary[made.name]
        if stored.kind != made.kind or order.index(stored.known) < order.index(made.known):
            rule = f"must be a {stored.kind} known from {stored.known}, as the variable of that name"
            yield _fault(made.name, rule, f"a {made.kind} known from {made.known}", "rename one of the two")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_list(value: Any, holds: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and bool(value) and all(map(holds, value))
