"""``riskml features``: the dictionary, for people and as JSON."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from typing import Any

from riskml.cli.options import add_command
from riskml.errors import UsageError
from riskml.runtime.dictionary import Dictionary, Variable, load_dictionary

_EXAMPLES = "examples:\n  riskml features\n  riskml features mrd\n  riskml features cd19 --json"


def add_parser(commands: Any, summary: str) -> None:
    """Declare the command's options."""
    parser = add_command(commands, "features", summary, _EXAMPLES)
    parser.add_argument("name", nargs="?", help="one variable or lesion; all of them by default")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the dictionary or one entry of it."""
    dictionary = load_dictionary()
    chosen = list(dictionary.variables.values())
    if options.name is not None:
        found = dictionary.find(options.name)
        if found is None:
            raise UsageError(
                f"{options.name!r} is not in the dictionary; the nearest name is '{dictionary.nearest(options.name)}'"
            )
        chosen = [found[0]]
    if options.json:
        print(json.dumps([as_dict(v, dictionary) for v in chosen], indent=2, allow_nan=False))
    elif options.name is None:
        print("\n".join(_table(dictionary)))
    else:
        print("\n".join(_entry(chosen[0], dictionary)))
    return 0


def as_dict(variable: Variable, dictionary: Dictionary) -> dict[str, Any]:
    """One entry as plain data; unbounded ranges are None."""
    made = dictionary.definitions.get(variable.name)
    measured = variable.kind in ("number", "integer")
    return {
        "name": variable.name,
        "label": variable.label,
        "kind": variable.kind,
        "lesion": variable.lesion,
        "unit": variable.quantity.canonical if measured else None,
        "display_unit": variable.quantity.display if measured else None,
        "accepted_units": list(variable.quantity.spellings) if measured else [],
        "hard": _range(variable.hard),
        "soft": _range(variable.soft),
        "left_censored": variable.left_censored,
        "limit_of_detection": variable.limit_of_detection,
        "below_words": list(variable.below_words),
        "known": variable.known,
        "levels": {level: list(aliases) for level, aliases in variable.levels.items()},
        "aliases": [*variable.aliases, *(alias for alias, _ in variable.alias_units)],
        "family": variable.family or None,
        "denominator": variable.denominator or None,
        "exclusive_with": list(variable.exclusive_with),
        "companions": list(variable.companions),
        "resolution": variable.resolution,
        "codes": [code.to_fields() for code in variable.codes],
        "made_of": None if made is None else {"op": made.op, "inputs": list(made.inputs)},
        "why": variable.why,
    }


def _range(pair: tuple[float, float]) -> list[float] | None:
    return list(pair) if all(math.isfinite(x) for x in pair) else None


def _table(dictionary: Dictionary) -> Iterator[str]:
    yield f"{'name':<24} {'kind':<10} {'unit':<8} {'known from':<18} label"
    for v in dictionary.variables.values():
        unit = v.quantity.canonical if v.kind == "number" else ""
        kind = "lesion" if v.lesion else v.kind
        yield f"{v.name:<24} {kind:<10} {unit:<8} {v.known:<18} {v.label}"


def _entry(v: Variable, dictionary: Dictionary) -> Iterator[str]:
    yield f"{v.name}: {v.label} ({'lesion' if v.lesion else v.kind}, known from {v.known.replace('_', ' ')})"
    yield f"  why: {v.why}"
    made = dictionary.definitions.get(v.name)
    if made is not None:
        yield f"  made where it is not given: {made.op.replace('_', ' ')} of {', '.join(made.inputs)}"
    if v.kind == "number":
        yield from _number_lines(v)
    if v.family:
        yield f"  one of the family {v.family}: never pooled with its other members"
    if v.companions:
        yield f"  read together with: {', '.join(v.companions)}"
    if v.exclusive_with:
        yield f"  says the same as: {', '.join(v.exclusive_with)} (a recipe takes one)"
    for code in v.codes:
        yield f"  {code.system.upper()} {code.code}: {code.name} (verified {code.verified})"
    if v.levels:
        yield from (
            f"  level {level}: {', '.join(aliases) or '(no other spelling)'}" for level, aliases in v.levels.items()
        )
    names = [*v.aliases, *(f"{alias} [{unit}]" for alias, unit in v.alias_units)]
    yield f"  also called: {', '.join(names) or 'nothing else'}"
    if v.not_same_as:
        yield f"  not the same as: {', '.join(v.not_same_as)}"


def _number_lines(v: Variable) -> Iterator[str]:
    show = v.quantity.show
    yield f"  unit: {v.quantity.canonical}; accepted: {', '.join(v.quantity.spellings)}"
    if v.denominator:
        yield f"  out of: {v.denominator}"
    for word, (low, high) in (("refused", v.hard), ("unusual", v.soft)):
        if math.isfinite(high - low):
            yield f"  {word} outside {show(low)} to {show(high)}"
    if v.left_censored:
        coarsest = f", at most {show(v.resolution / 2)}" if v.resolution else ""
        limit = show(v.limit_of_detection) if v.limit_of_detection else f"half the last digit given{coarsest}"
        words = ", ".join(["'<limit'", *(repr(word) for word in v.below_words), "0"])
        yield f"  below a limit: {words}; a bare 0 means below {limit}"
