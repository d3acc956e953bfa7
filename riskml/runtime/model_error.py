"""How a portable model is refused: one error, and the two checks that most of its parts need."""

from __future__ import annotations

import math

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

_NUMERIC = {int, float}  # and not bool, which is an int to isinstance()


class ModelError(ValueError):
    """A portable model that does not fit its own description."""


def need(condition: object, message: str) -> None:
    """Raise ``ModelError(message)`` unless ``condition`` holds."""
    if not condition:
        raise ModelError(message)


def numbers(raw: object, what: str, *, length: int | None = None) -> tuple[float, ...]:
    """A JSON list of finite numbers as floats; ``ModelError`` for anything else, or another length."""
    if not isinstance(raw, list) or not (kinds := set(map(type, raw))) <= _NUMERIC or not _all_finite(raw):
        raise ModelError(f"{what} must be a list of finite numbers")
    if length is not None and len(raw) != length:
        raise ModelError(f"{what} must have {length} numbers, has {len(raw)}")
    return tuple(map(float, raw)) if int in kinds else tuple(raw)


def _all_finite(values: list[Any]) -> bool:
    """Whether all are finite as floats; a finite sum says so much faster than one look at each."""
    try:
        return math.isfinite(sum(values)) or all(map(math.isfinite, values))
    except OverflowError:  # a whole number of hundreds of digits
        return False
