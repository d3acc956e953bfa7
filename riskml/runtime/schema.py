"""JSON Schema (draft 2020-12) of a patient, from a bundle's dictionary, and of a prediction.

A patient written by the schema has the form that predict takes: what may still be refused are a number outside its
range where it is text or in another unit, a day that no calendar has, and values that cannot be true together. Predict
is more lenient in spelling (other names of a variable, superscripts in units): the schema says how to write, not all
that can be read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from riskml.runtime.inputs import MAX_NAMES, derived_names
from riskml.runtime.parsing import MAX_CELL, MAX_LESION_TEXT
from riskml.runtime.prediction import SCHEMA

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    from riskml.runtime.bundle import Bundle
    from riskml.runtime.dictionary import Dictionary, Variable

    Schema = dict[str, Any]

DRAFT = "https://json-schema.org/draft/2020-12/schema"
ROLES = ("input", "makes_an_input", "population", "not_used")
# Of every model, beside its own population: riskml.runtime.domain.
_POPULATION = ("age", "tki")
_MEASURED = ("number", "integer")
# Bounded, so that no text is a number beyond a double.
_DECIMAL = r"[+-]?(?:\d{1,15}\.?\d{0,20}|\.\d{1,20})(?:[eE][+-]?\d{1,2})?"
_WHOLE = r"[+-]?\d{1,15}(?:\.0{0,20})?"
_BELOW = r"(?:<=|<|≤)?\s*"
_DAY = r"^(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$"
_NUMBER = {"type": "number"}
_TEXT = {"type": "string"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_CHANGE = {"type": "number", "minimum": -1, "maximum": 1}
_MONTHS = {"type": "number", "minimum": 0}


def patient_schema(bundle: Bundle, *, at: str = "#") -> dict[str, Any]:
    """JSON Schema of a patient for this bundle: every name of its dictionary, the model's own inputs first.

    Parameters
    ----------
    bundle : Bundle
    at : str
        Where the schema will stand, so that its references hold in a larger document
        (``"#/components/schemas/Patient"``).

    Returns
    -------
    dict
        Plain JSON. ``x-role`` of a property says what becomes of it: ``input`` of the model, ``makes_an_input`` (one
        follows from it), ``population`` (tells who is outside) or ``not_used``. ``x-unit`` is the canonical unit,
        ``x-display-unit`` the one people write, ``x-usual`` the range without a warning; ``x-spellings`` are other
        names that predict reads, ``x-codes`` those of other systems.
    """
    dictionary, roles = bundle.dictionary, _roles(bundle)
    order = {name: place for place, name in enumerate(bundle.model.inputs)}
    names = sorted(dictionary.variables, key=lambda name: (ROLES.index(roles[name]), order.get(name, 0)))
    words, every = dictionary.words, dictionary.variables.values()
    return {
        "$schema": DRAFT,
        "title": f"A patient for {bundle.manifest['label']} ({bundle.manifest['name']})",
        "description": "What is left out, null or unknown is averaged over. Every name of the dictionary is checked, "
        "also where this model does not use it. A number without a unit is in the canonical one.",
        "type": "object",
        "properties": {name: _property(dictionary, name, roles[name], at) for name in names},
        "additionalProperties": False,
        "maxProperties": MAX_NAMES,
        "examples": [dict(entry["patient"]) for entry in bundle.golden[:1]],
        "$defs": {
            "unknown": {"title": "not known", "anyOf": [{"type": "null"}, _one_of((*words.missing, "nd"))]},
            "lesion": {
                "title": "present or absent",
                "anyOf": [
                    {"enum": ["present", "absent", 0, 1, True, False]},
                    _one_of((*words.present, *words.absent, "0.0", "1.0")),
                ],
            },
            **{_written_name(v): _written(v, at) for v in every if v.kind in _MEASURED},
        },
    }


def _roles(bundle: Bundle) -> dict[str, str]:
    """What becomes of each variable of the dictionary."""
    inputs, roles = bundle.model.inputs, dict.fromkeys(bundle.dictionary.variables, "not_used")
    companions = [other for name in inputs for other in bundle.dictionary[name].companions]
    context = [name for name in (*companions, *bundle.manifest["applies_to"], *_POPULATION) if name in roles]
    roles |= dict.fromkeys(context, "population")
    if made := derived_names(bundle):
        from riskml.runtime.derived import components  # only a model with such inputs pays for it

        roles |= dict.fromkeys(components(bundle.dictionary.definitions, made), "makes_an_input")
    return roles | dict.fromkeys(inputs, "input")


def _property(dictionary: Dictionary, name: str, role: str, at: str) -> Schema:
    variable, quantity = dictionary[name], dictionary[name].quantity
    measured = variable.kind in _MEASURED
    usual = list(variable.soft) if all(map(math.isfinite, variable.soft)) else None
    units = {"x-unit": quantity.canonical, "x-display-unit": quantity.display, "x-usual": usual} if measured else {}
    marks = {
        **units,
        "x-spellings": [*variable.aliases, *(alias for alias, _ in variable.alias_units)],
        "x-codes": [code.to_fields() for code in variable.codes],
    }
    plain = "a fraction of 1" if quantity.name == "fraction" else quantity.canonical
    unit = f" (a number without a unit: {plain})" if measured and len(quantity.spellings) > 1 else ""
    return {
        "title": variable.label,
        "description": f"{variable.label}{unit}: {variable.why}",
        "anyOf": [*_forms(variable, at), {"$ref": f"{at}/$defs/unknown"}],
        "x-role": role,
        "x-kind": "lesion" if variable.lesion else variable.kind,
        "x-known-from": variable.known,
        **{key: value for key, value in marks.items() if value},
    }


def _forms(variable: Variable, at: str) -> list[Schema]:
    """The ways to write a known value."""
    if variable.kind in _MEASURED:
        return _measured(variable, at)
    if variable.kind == "tristate":
        own = (*variable.present_words, *variable.absent_words)
        return [{"$ref": f"{at}/$defs/lesion"}, *([_one_of(own)] if own else [])]
    if variable.kind == "category":
        aliases = [alias for others in variable.levels.values() for alias in others]
        return [{"enum": list(variable.levels)}, _one_of((*variable.levels, *aliases))]
    if variable.kind == "date":
        return [{"type": "string", "format": "date", "pattern": _DAY}]
    if variable.kind == "lesion_text":
        return [{"type": "string", "maxLength": MAX_LESION_TEXT}]
    return [{"type": "string", "maxLength": MAX_CELL}, {"type": "integer"}]


def _measured(variable: Variable, at: str) -> list[Schema]:
    """A number in the canonical unit, a word for below the limit, or what all of its quantity share."""
    kind = "integer" if variable.kind == "integer" else "number"
    bounds = {key: x for key, x in zip(("minimum", "maximum"), variable.hard, strict=True) if math.isfinite(x)}
    below = [_one_of(variable.below_words)] if variable.below_words else []
    shared = {"$ref": f"{at}/$defs/{_written_name(variable)}", "examples": [variable.example()]}
    return [{"type": kind, **bounds}, *below, shared]


def _written_name(variable: Variable) -> str:
    parts = (
        variable.quantity.name,
        "whole" if variable.kind == "integer" else "",
        "limit" if variable.left_censored else "",
    )
    return "_".join(part for part in parts if part)


def _written(variable: Variable, at: str) -> Schema:
    """A number as text with or without a unit, or value and unit apart."""
    whole, units = variable.kind == "integer", variable.quantity.spellings
    digits = rf"^\s*{_BELOW if variable.left_censored else ''}{_WHOLE if whole else _DECIMAL}\s*"
    # Behind a number without a blank, "10*9/L" and "e9/L" would be more digits of it.
    joined = [unit for unit in units if not re.match(r"[0-9e]", unit)]
    behind = rf"(?:\s{_any(units)}" + (rf"|{_any(joined)})?" if joined else ")?")
    bare: Schema = {"type": "string", "maxLength": MAX_CELL, "pattern": f"{digits}$"}
    number = {"type": "integer" if whole else "number"}
    apart: Schema = {
        "type": "object",
        "properties": {
            "value": {"anyOf": [number, bare, {"$ref": f"{at}/$defs/unknown"}]},
            "unit": {"enum": list(units)},
        },
        "required": ["value"],
        "additionalProperties": False,
    }
    return {"anyOf": [{**bare, "pattern": rf"{digits}{behind}\s*$"}, apart]}


def _one_of(words: Iterable[str]) -> Schema:
    """One of these words in any case, blanks around it."""
    return {"type": "string", "maxLength": MAX_CELL, "pattern": rf"^\s*{_any(words)}\s*$"}


def _any(words: Iterable[str]) -> str:
    """Alternatives in any case, without the escapes that only Python knows."""
    return "(?:" + "|".join("".join(map(_letter, word)) for word in sorted({word.casefold() for word in words})) + ")"


def _letter(char: str) -> str:
    if char == " ":
        return r"\s+"
    if char.isascii() and char.isalpha():
        return f"[{char}{char.upper()}]"
    return re.sub(r"[\\^$.*+?()\[\]{}|]", r"\\\g<0>", char)


def prediction_schema() -> dict[str, Any]:
    """JSON Schema of the object ``riskml.prediction/1``: one number, or one for each month; all of it in place."""
    return {
        "$schema": DRAFT,
        "title": SCHEMA,
        "description": "One patient's estimate with its interval, its explanation, what is not known, every reason to "
        "doubt it, and what it is not for.",
        "oneOf": [_prediction(timed=False), _prediction(timed=True)],
    }


def _prediction(*, timed: bool) -> Schema:
    many = _list if timed else _same
    months = {"times": _list(_MONTHS)} if timed else {}
    kinds = ["survival", "cumulative_incidence"] if timed else ["probability"]
    unit: Schema = {"unit": {"const": "mo"}, "event_free_at": _MONTHS} if timed else {}
    interval = {name: many(_SHARE) for name in ("value", "low", "high")}
    change = {name: many(_CHANGE) for name in ("value", "low", "high")}
    parts: Schema = {
        "schema": {"const": SCHEMA},
        "model": _object(dict.fromkeys(("name", "outcome", "version", "digest"), _TEXT), synthetic={"type": "boolean"}),
        "estimate": _object(
            {"kind": {"enum": kinds}, **unit, **months, **interval, "level": _SHARE}, optional=["event_free_at"]
        ),
        "explanation": _or_null(
            _object(
                {"scale": _TEXT, **months, "base": many(_SHARE), "effects": many(_effects()), "sum_error": _MONTHS},
                link=_explained(value=_NUMBER),
                optional=["link"],
            )
        ),
        "inputs": _object(
            used={"type": "object", "additionalProperties": {"type": ["number", "string"]}},
            missing=_list(_TEXT),
            could_change=_list(_object(input=_TEXT, low=many(_SHARE), high=many(_SHARE))),
        ),
        "domain": _object(inside={"type": "boolean"}, reasons=_list(_TEXT)),
        "warnings": _list(_object(code=_TEXT, input=_TEXT, message=_TEXT, optional=["input"])),
        "not_for": _list(_TEXT),
        "what_if": _object(
            changed=_list(_object({"input": _TEXT, "label": _TEXT, "from": _or_null(_TEXT), "to": _or_null(_TEXT)})),
            as_given=_object(interval),
            difference=_object(change),
        ),
    }
    if timed:
        parts["curve"] = _object(unit={"const": "mo"}, times=_list(_MONTHS), value=_list(_SHARE))
        parts["expected_months"] = _expected()
    return _object(parts, optional=["what_if", "expected_months"])


def _expected() -> Schema:
    names = ("from", "until", "value", "low", "high")
    kinds = {"enum": ["event_free_months", "months_lost"]}
    return _object(
        {"kind": kinds, "unit": {"const": "mo"}, **dict.fromkeys(names, _MONTHS)},
        level=_SHARE,
        explanation=_or_null(_explained()),
    )


def _explained(**more: Schema) -> Schema:
    return _object({"scale": _TEXT, "base": _NUMBER, "effects": _effects(), "sum_error": _MONTHS}, **more)


def _effects() -> Schema:
    return _list(_object(input=_TEXT, label=_TEXT, value=_TEXT, effect=_NUMBER))


def _object(properties: Mapping[str, Schema] | None = None, *, optional: Iterable[str] = (), **more: Schema) -> Schema:
    """An object of these properties and no others."""
    every, left_out = {**(properties or {}), **more}, set(optional)
    required = [name for name in every if name not in left_out]
    return {"type": "object", "properties": every, "required": required, "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _same(items: Schema) -> Schema:
    return items


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}
