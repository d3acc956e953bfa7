"""The feedback of CDS Hooks: checked, counted, and nothing else of it kept."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from riskml.errors import DataError
from riskml.serving.fhir_shape import Resource, Shape
from riskml.serving.fhir_time import moment

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

MAX_FEEDBACK = 100
_OUTCOMES = ("accepted", "overridden")


def feedback(request: Any) -> dict[str, int]:
    """How often cards were accepted and overridden, out of the body of ``POST /cds-services/{service}/feedback``.

    Nothing else of it is kept: a comment may name a patient.

    Raises
    ------
    DataError
        If it is not what CDS Hooks says.
    """
    shape, counts = Shape(), dict.fromkeys(_OUTCOMES, 0)
    body = body_of(shape, request)
    items = list(shape.items(body, "feedback", "body", MAX_FEEDBACK))
    if not items and not shape.faults:
        shape.wrong("body.feedback", "must be an array of one or more feedbacks", "send what was done with a card")
    for item, place in items:
        need_uuid(shape, item, "card", place)
        outcome, stamp = shape.text(item, "outcome", place), shape.text(item, "outcomeTimestamp", place)
        if outcome not in _OUTCOMES:
            shape.wrong(f"{place}.outcome", "must be accepted or overridden", "send one of the two words")
        if stamp is None or (at := moment(stamp)) is None or at.instant is None:
            remedy = "write 2026-03-01T08:00:00Z"
            shape.wrong(f"{place}.outcomeTimestamp", "must be a time with its zone", remedy)
        for suggestion, where in shape.items(item, "acceptedSuggestions", place):
            need_uuid(shape, suggestion, "id", where)
        shape.child(item, "overrideReason", place)
        counts[outcome if outcome in _OUTCOMES else _OUTCOMES[0]] += 1
    refuse("the feedback was refused", shape)
    return counts


def body_of(shape: Shape, value: Any) -> Resource:
    """A body that is one JSON object; an empty one, with the fault written down, where it is not."""
    if isinstance(value, Mapping):
        return value
    shape.wrong("body", "must be one JSON object", "send what CDS Hooks 2.0 says")
    return {}


def need_uuid(shape: Shape, holder: Resource, name: str, place: str) -> None:
    """Write a fault down where an element is no UUID."""
    text = shape.text(holder, name, place)
    try:
        uuid.UUID(text or "")
    except ValueError:
        shape.wrong(f"{place}.{name}", "must be a UUID", "send it as it was given")


def refuse(message: str, shape: Shape) -> None:
    """Raise ``DataError`` where anything was wrong."""
    if shape.faults:
        raise DataError(message, shape.faults)
