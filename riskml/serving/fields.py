"""The fields of a form for one patient, made from the dictionary, and the templates that draw them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from riskml import reporting
from riskml.reporting import words
from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import Variable
from riskml.serving.calculator import asked_names

_FOLDERS = [Path(__file__).with_name("templates"), Path(reporting.__file__).with_name("templates")]
_BESIDE = "Not part of the estimate: these say whether the model is for this patient and how the values are to be read."
# A spelling of a unit that says nothing beside another one, and how powers of ten are printed.
_NO_WORD = "1"
_ANSWERS = {True: ("absent", "present"), False: ("no", "yes")}  # of a lesion, and of any other question
_POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@cache
def environment() -> Environment:
    """The templates of this wing and of the reports; whatever is filled in is escaped."""
    return Environment(
        loader=FileSystemLoader(_FOLDERS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def field_groups(bundle: Bundle) -> list[dict[str, Any]]:
    """The fields of the form under their headings, the model's inputs first.

    Returns
    -------
    list of dict
        ``heading``, ``hint`` and ``fields``. A field has ``name``, ``label``, ``kind``, ``levels``, ``hint``,
        ``limit`` (whether it may lie below one), ``words`` (value and word of a yes or no) and ``units`` (spelling and
        what is shown).
    """
    found: dict[str, list[dict[str, Any]]] = {
        "Patient and disease": [],
        "Genetics of the leukaemia": [],
        "Measurements": [],
        "Beside the estimate": [],
    }
    for name in asked_names(bundle):
        variable = bundle.dictionary[name]
        heading = _heading(variable) if name in bundle.model.inputs else "Beside the estimate"
        found[heading].append(_field(bundle, variable))
    hints = {"Beside the estimate": _BESIDE}
    return [{"heading": h, "hint": hints.get(h, ""), "fields": fields} for h, fields in found.items() if fields]


def _heading(variable: Variable) -> str:
    if variable.lesion:
        return "Genetics of the leukaemia"
    measured = variable.kind == "number" and variable.quantity.name not in ("age", "duration", "days", "pure")
    return "Measurements" if measured else "Patient and disease"


def _field(bundle: Bundle, variable: Variable) -> dict[str, Any]:
    is_number = variable.kind in ("number", "integer")
    return {
        "name": variable.name,
        "label": variable.label,
        "kind": variable.kind,
        "levels": list(variable.levels),
        "words": [("", "unknown"), *zip(("absent", "present"), _ANSWERS[variable.lesion], strict=True)],
        "units": _units(variable) if is_number else [],
        "limit": variable.left_censored,
        "hint": _hint(bundle, variable),
    }


def _units(variable: Variable) -> list[tuple[str, str]]:
    """One spelling of each unit, that in which values are shown first; none where there is no choice."""
    quantity, found = variable.quantity, dict[float, str]()
    for spelling in (quantity.display, *quantity.spellings):
        factor = quantity.factor(spelling)
        if factor is not None and spelling != _NO_WORD:
            found.setdefault(factor, spelling)
    return [(spelling, _printed(spelling)) for spelling in found.values()]


def _printed(unit: str) -> str:
    return f"10{unit[3:].translate(_POWERS)}" if unit.startswith("10*-") else words.printed(unit)


def _hint(bundle: Bundle, variable: Variable) -> str:
    """For whom the model is, what training patients had, and how a limit is written."""
    applies, limits, parts = bundle.manifest["applies_to"], bundle.model.limits, []
    if variable.name in applies:
        allowed = applies[variable.name]
        ends = allowed if variable.kind == "category" else [_reach(variable, *allowed)]
        which = f"{variable.label.casefold()} " if len(set(allowed)) == 1 else ""
        parts.append(f"the model is for {which}{' or '.join(ends)}")
    if variable.name in limits and variable.kind in ("number", "integer"):
        parts.append(f"training patients had about {_reach(variable, *limits[variable.name])}")
    if variable.left_censored:
        least = variable.quantity.show(variable.limit_of_detection or variable.resolution or 0.01).partition(" ")[0]
        parts.append(f"if it lies below a limit, write < and the limit, such as <{least}")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _reach(variable: Variable, low: float, high: float) -> str:
    return words.reach(variable.show(float(low)), variable.show(float(high)))
