"""Several values of one variable -> the one that counts before the first dose, or none and why."""

from __future__ import annotations

import math
from collections.abc import Iterable

from riskml.serving.fhir_chart import Aside, Found
from riskml.serving.fhir_time import UNDATED, Moment, days_from

_NO_END = float("-inf")


def chosen_values(found: Iterable[Found], when: Moment | None, asides: list[Aside]) -> list[Found]:
    """One value a variable: the last in its window; companions only with the result they belong to."""
    by_name: dict[str, list[Found]] = {}
    for one in found:
        if why := _outside(one, when):
            asides.append(aside_of(why[0], one, why[1]))
        else:
            by_name.setdefault(one.name, []).append(one)
    chosen: dict[str, Found] = {}
    for name in sorted(by_name, key=lambda name: any(one.owner for one in by_name[name])):
        fitting = []
        for one in by_name[name]:
            owner = None if one.owner is None else chosen.get(one.owner)
            if one.owner is not None and (owner is None or not one.place.startswith(f"{owner.place}.")):
                asides.append(aside_of("companion", one, f"it belongs to a result of {one.owner} that is not used"))
            else:
                fitting.append(one)
        if fitting and (last := _last(fitting, asides)) is not None:
            chosen[name] = last
    return [chosen[name] for name in by_name if name in chosen]


def _last(candidates: list[Found], asides: list[Aside]) -> Found | None:
    """The latest value, unless another of possibly the same time says something else."""
    last = max(candidates, key=lambda one: one.when.order)
    rivals = [one is not last and one.when.meets(last.when) for one in candidates]
    agree = all(_same(one, last) for one, rival in zip(candidates, rivals, strict=True) if rival)
    for one, rival in zip(candidates, rivals, strict=True):
        if not agree and (one is last or rival):
            message = "values of the same time differ, and which one is right cannot be known here"
            asides.append(aside_of("conflict", one, message, quarantined=True))
        elif one is not last:
            message = "the same value stands elsewhere" if rival else "a later value is there"
            asides.append(aside_of("repeated" if rival else "older", one, message))
    return last if agree else None


def _same(one: Found, other: Found) -> bool:
    a, b = one.reading, other.reading
    if isinstance(a.value, float) and isinstance(b.value, float):
        return math.isclose(a.value, b.value, rel_tol=1e-9) and (a.below is None) == (b.below is None)
    return a.value == b.value


def _outside(one: Found, when: Moment | None) -> tuple[str, str] | None:
    """Why a value's date does not count: code and words; days are told from the first dose, never as a date."""
    if when is None:
        return None
    low, high = one.window
    if one.when == UNDATED:
        return None if low == _NO_END else ("undated", "it has no date")
    first, last = days_from(when.first, one.when)
    if (high == 0 and one.when.is_after(when)) or first > high:
        return "too_late", _span("it is from after the last day that counts", first, last, low, high)
    if last < low:
        return "too_early", _span("it is too old", first, last, low, high)
    if first < low or last > high:
        return "too_coarse", _span("its date is too coarse", first, last, low, high)
    return None


def _span(text: str, first: int, last: int, low: float, high: float) -> str:
    days = f"day {first}" if first == last else f"between day {first} and {last}"
    counts = f"day {low:g} to {high:g}" if low > _NO_END else f"until day {high:g}"
    return f"{text}: {days} from the first dose, counted is {counts}"


def day_of(one: Found, when: Moment | None) -> int | None:
    """Day from the first dose, where both are known to the day."""
    if when is None or one.when.first != one.when.last:
        return None
    return days_from(when.first, one.when)[0]


def aside_of(code: str, one: Found, message: str, *, quarantined: bool = False) -> Aside:
    """A value that is not used, at its place."""
    return Aside(code, one.name, one.place, message, quarantined)
