"""Orders and doses of blinatumomab: which are, and when an order starts."""

from __future__ import annotations

from collections.abc import Sequence

from riskml.serving.fhir_codes import Coding, FhirCodes
from riskml.serving.fhir_shape import Resource, Shape
from riskml.serving.fhir_time import moment


def is_drug(shape: Shape, resource: Resource, place: str, codes: FhirCodes, others: Sequence[Resource]) -> bool:
    """Whether a MedicationRequest or MedicationAdministration is of blinatumomab.

    A ``medicationReference`` is looked for among its contained resources and ``others``, one step far.
    """
    codings, text = shape.codings(resource, "medicationCodeableConcept", place)
    if codings or text:
        return codes.is_drug(codings, text)
    reference = shape.reference(resource, "medicationReference", place)
    if not reference:
        return False
    contained = [item for item, _ in shape.items(resource, "contained", place)]
    inside, pool = reference.startswith("#"), contained if reference.startswith("#") else others
    wanted = reference.removeprefix("#").rpartition("/")[2]
    for other in pool:
        if other.get("resourceType") == "Medication" and other.get("id") == wanted:
            where = f"{place}.contained" if inside else "Medication"
            found: tuple[list[Coding], str] = shape.codings(other, "code", where)
            return codes.is_drug(*found)
    return False


def start_of_order(shape: Shape, order: Resource, place: str) -> str | None:
    """The first day of an order: an event of its timing, or the start of its bounds; its day alone."""
    for dosage, where in shape.items(order, "dosageInstruction", place):
        timing = shape.child(dosage, "timing", where) or {}
        repeat = shape.child(timing, "repeat", f"{where}.timing") or {}
        bounds = shape.child(repeat, "boundsPeriod", f"{where}.timing.repeat") or {}
        events = timing.get("event")
        written = [*events[:1]] if isinstance(events, list) else []
        for text in (*written, bounds.get("start")):
            found = moment(text) if isinstance(text, str) else None
            if found is not None and found.first == found.last:
                return found.first.isoformat()
    return None
