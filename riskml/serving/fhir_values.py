"""``value[x]`` of an Observation -> a raw value as ``bundle.predict`` takes it, or the reason why not."""

from __future__ import annotations

import re

from riskml.runtime.dictionary import Variable
from riskml.serving.fhir_codes import FhirCodes
from riskml.serving.fhir_shape import Resource, Shape

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

_COMPARATORS = ("<", "<=", ">", ">=")
_BARE_NUMBER = re.compile(r"[<>=≤≥~\s]*[+-]?[\d.]+(?:[eE][+-]?\d+)?\s*")
# http://hl7.org/fhir/R4/valueset-data-absent-reason.html: only these are repeated in a report.
_ABSENT_REASONS = frozenset(
    {"unknown", "asked-unknown", "temp-unknown", "not-asked", "asked-declined", "masked", "not-applicable", "error"}
    | {"unsupported", "as-text", "not-a-number", "negative-infinity", "positive-infinity", "not-performed"}
    | {"not-permitted"}
)


class NotUsedError(Exception):
    """Why a value is not used: a stable ``code``, words, and whether somebody should look at it (``quarantined``)."""

    def __init__(self, code: str, message: str, *, quarantined: bool = True) -> None:
        super().__init__(message)
        self.code, self.message, self.quarantined = code, message, quarantined


def raw_value(shape: Shape, holder: Resource, place: str, variable: Variable, codes: FhirCodes) -> Any:
    """The value of an Observation or of one of its components.

    Parameters
    ----------
    shape : Shape
        Collects wrong types.
    holder : mapping
    place : str
        Where ``holder`` stands.
    variable : Variable
        What its code means.
    codes : FhirCodes

    Returns
    -------
    str, int, float or mapping
        Always with its unit, unless the variable is a pure number.

    Raises
    ------
    NotUsedError
        If there is no value, or its type, unit, comparator or code does not fit the variable.
    """
    given = [name for name in holder if isinstance(name, str) and name.startswith("value") and holder[name] is not None]
    if len(given) > 1:
        shape.wrong(place, "must have one value[x]", f"keep one of its {len(given)} values")
        raise NotUsedError("value_type", "more than one value was given")
    absent, _ = shape.codings(holder, "dataAbsentReason", place)
    if not given:
        why = next((code for _, code in absent if code in _ABSENT_REASONS), "")
        text = f"the laboratory gives no value{f' ({why})' if why else ''}"
        raise NotUsedError("no_value", text, quarantined=False)
    if absent:
        raise NotUsedError("value_and_absent", "a value and the reason why there is none were both given")
    reader = _READERS.get(given[0])
    if reader is None:
        raise NotUsedError("value_type", f"a value of this type ({given[0][:40]}) is not read")
    return reader(shape, holder, place, variable, codes)


def _quantity(shape: Shape, holder: Resource, place: str, variable: Variable, codes: FhirCodes) -> Any:
    quantity = shape.child(holder, "valueQuantity", place)
    if quantity is None:
        raise NotUsedError("value_type", "the quantity is none")
    inside = f"{place}.valueQuantity"
    number = shape.number(quantity, "value", inside)
    comparator = shape.text(quantity, "comparator", inside)
    unit = _unit(shape, quantity, inside, variable, codes)
    if number is None:
        raise NotUsedError("no_value", "the quantity has no number", quarantined=False)
    if variable.kind not in {"number", "integer"}:
        raise NotUsedError("value_type", f"{variable.name} is not a quantity")
    if comparator is None:
        return {"value": number, "unit": unit} if unit else number
    if comparator not in _COMPARATORS:
        raise NotUsedError("comparator", "the comparator is not one of FHIR R4")
    if comparator.startswith(">"):
        raise NotUsedError("comparator", f"'{comparator}' says how much at least, and no model can use that")
    return f"{comparator}{number!r} {unit}".rstrip()


def _unit(shape: Shape, quantity: Resource, place: str, variable: Variable, codes: FhirCodes) -> str:
    """The unit in the dictionary's spelling; text alone must be one of these spellings to the letter."""
    system, code = shape.text(quantity, "system", place), shape.text(quantity, "code", place)
    written = (shape.text(quantity, "unit", place) or "").replace("µ", "u").replace("μ", "u")
    kind, about = variable.quantity, f"{variable.label} ({variable.quantity.display or 'a pure number'})"
    if system is not None and system != codes.systems["ucum"]:
        raise NotUsedError("unit_system", f"the unit of {about} is not coded in UCUM")
    if code and system is None:
        raise NotUsedError("unit_system", f"the unit of {about} has a code but no system")
    if not code:
        if not written and kind.name == "pure":
            return ""
        if not written:
            raise NotUsedError("no_unit", f"{about} has no unit")
        if written not in kind.spellings:
            raise NotUsedError("unit_conflict", _conflict(about))
        return written
    spelling = codes.spelling(variable, code)
    if spelling is None:
        raise NotUsedError("unit_conflict", _conflict(about))
    shown = kind.factor(written) if written else None
    if shown is not None and shown != kind.factor(spelling):
        raise NotUsedError("unit_conflict", f"the unit of {about} is coded as one and written as another")
    return "" if kind.name == "pure" else spelling


def _conflict(about: str) -> str:
    return f"the unit is none of {about}: the code of the result or its unit is wrong"


def _text(shape: Shape, holder: Resource, place: str, variable: Variable, _codes: FhirCodes) -> Any:
    return _words(variable, shape.text(holder, "valueString", place) or "")


def _words(variable: Variable, text: str) -> str:
    """Text that the dictionary may read; a bare number is none, for nobody said in which unit."""
    if not text.strip():
        raise NotUsedError("no_value", "the text is empty", quarantined=False)
    measured = variable.kind in {"number", "integer"} and variable.quantity.name != "pure"
    if measured and _BARE_NUMBER.fullmatch(text[:200]):
        raise NotUsedError("no_unit", f"{variable.label} ({variable.quantity.display}) has no unit")
    return text


def _integer(shape: Shape, holder: Resource, place: str, variable: Variable, _codes: FhirCodes) -> Any:
    number = shape.number(holder, "valueInteger", place)
    if number is None or variable.kind != "integer":
        raise NotUsedError("value_type", f"{variable.name} is not a whole number")
    if variable.quantity.name != "pure":
        raise NotUsedError("no_unit", f"{variable.label} ({variable.quantity.display}) has no unit")
    return number


def _boolean(shape: Shape, holder: Resource, place: str, variable: Variable, _codes: FhirCodes) -> Any:
    value = holder["valueBoolean"]
    if not isinstance(value, bool):
        shape.wrong(f"{place}.valueBoolean", "must be true or false", "send FHIR R4 as JSON")
    if variable.kind != "tristate" or not isinstance(value, bool):
        raise NotUsedError("value_type", f"{variable.name} is not a yes or no")
    return "present" if value else "absent"


def _concept(shape: Shape, holder: Resource, place: str, variable: Variable, codes: FhirCodes) -> Any:
    codings, text = shape.codings(holder, "valueCodeableConcept", place)
    if not codings:
        return _words(variable, text)
    own = {code for system, code in codings if system == codes.systems["value"]}
    known = {codes.answers[coding] for coding in codings if coding in codes.answers}
    if len(own) + len(known) > 1:
        known |= {code == "present" for code in own if variable.kind == "tristate"}
        if len(own) > 1 or len(known) > 1 or variable.kind != "tristate":
            raise NotUsedError("value_conflict", "its codes say different things")
    if own:
        return _words(variable, own.pop())
    if not known:
        raise NotUsedError("unknown_code", "no code of the value is one that riskml knows")
    present = known.pop()
    if variable.kind == "tristate":
        return "present" if present else "absent"
    if variable.below_words and not present:
        return variable.below_words[0]
    raise NotUsedError("value_type", f"{variable.name} needs more than present or absent")


_READERS = {
    "valueQuantity": _quantity,
    "valueString": _text,
    "valueInteger": _integer,
    "valueBoolean": _boolean,
    "valueCodeableConcept": _concept,
}
