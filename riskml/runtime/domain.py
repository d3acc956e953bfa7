"""How like the training cohort a patient is: every way to be unlike has a code, and says what follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from riskml.record import Record
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.model import PortableModel, Value
from riskml.runtime.parsing import MISSING, Reading
from riskml.runtime.shares import percent

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

INFANT_YEARS, ADULT_YEARS = 1.0, 18.0
# What follows from being one, after the place where the patient lies outside.
_FOLLOWS = {
    "infant": "leukaemia under 1 year is mostly KMT2A-rearranged and is treated on protocols of its own",
    "adult": "adults have other lesions (BCR::ABL1 far more often) and other treatment: what was learned from children "
    "need not hold",
    "later_course": "only the first course starts at the low dose, and only some patients get another",
}
# What says that a leukaemia is Ph+.
_PH_POSITIVE: tuple[tuple[str, Value], ...] = (("bcr_abl1", 1.0), ("cytogenetic_group", "ph_pos"))
# The largest standard deviation that a yes or no can have; by its own a rare lesion would outweigh all else.
_YES_NO_SPREAD = 0.5


class Concern(Record):
    """Why an estimate may not carry over to this patient.

    Attributes
    ----------
    code : str
        Stable name of the kind (docs/applicability.md has them all).
    message : str
        For a person.
    input : str or None
        The variable it is about; None where it is about all of them.
    outside : bool
        Whether it puts the patient outside the model's domain.
    """

    code: str
    message: str
    input: str | None = None
    outside: bool = True


def concerns(
    model: PortableModel, dictionary: Dictionary, manifest: Mapping[str, Any], readings: Mapping[str, Reading]
) -> list[Concern]:
    """Every way in which a patient is unlike those the model learned from; each fact once.

    Parameters
    ----------
    model : PortableModel
    dictionary : Dictionary
    manifest : mapping
        Of the bundle: ``applies_to`` (a (low, high) pair of a number or a list of levels; what the model does not use
        counts too: an adult is an adult), ``landmark``, and in ``training`` what is known of that cohort (``case_mix``,
        ``applicability``; a bundle made before there was this says nothing of lesions and distance).
    readings : mapping of name to Reading
        What is known of the patient.

    Returns
    -------
    list of Concern
        Those that put the patient outside first.
    """
    training = manifest["training"]
    found = [*_placed(model, dictionary, manifest["applies_to"], readings)]
    if learned := training.get("applicability"):
        found += _lesions(model, dictionary, learned, readings)
        named = {concern.input for concern in found}
        known = {
            name: reading.value
            for name in model.inputs
            if name not in named and (reading := readings.get(name, MISSING)).value is not None
        }
        found += _far(model, dictionary, training["case_mix"]["inputs"], learned["distance"], known)
    found += _tki(model, readings)
    found += _mrd_method(model, dictionary, training.get("case_mix") or {}, readings)
    found += _later(model, dictionary, manifest, readings)
    return sorted(found, key=lambda concern: not concern.outside)


def _placed(
    model: PortableModel,
    dictionary: Dictionary,
    applies_to: Mapping[str, Sequence[Any]],
    readings: Mapping[str, Reading],
) -> Iterator[Concern]:
    """Outside the declared population, or beyond what the training patients had; the first says the second."""
    for name in dict.fromkeys((*applies_to, *model.limits, "age")):
        reading = readings.get(name, MISSING)
        if reading.value is None:
            continue
        variable, code = dictionary[name], _special(name, reading.value)
        given = f"{variable.label} is {variable.show(reading.value)}"
        if name in applies_to and not _within(reading.value, applies_to[name]):
            where, code = (
                f"{given}; the model is for {_population(variable, applies_to[name])}",
                code or "outside_population",
            )
        elif (
            name in model.limits
            and isinstance(reading.value, float)
            and reading.below is None
            and not _within(reading.value, model.limits[name])
        ):
            where = f"{given}; training patients had about {_span(variable, *model.limits[name])}"
            code = code or "outside_range"
        elif code == "infant":
            yield Concern(code, f"{given}; {_FOLLOWS[code]}", name, outside=False)
            continue
        elif code == "adult" and name not in applies_to and name not in model.limits:
            text = f"{given}; this model does not say for which ages it is: {_FOLLOWS[code]}"
            yield Concern(code, text, name, outside=False)
            continue
        else:
            continue
        yield Concern(code, f"{where}: {_FOLLOWS[code]}" if code in _FOLLOWS else where, name)


def _special(name: str, value: Value) -> str | None:
    """The code of those who are outside most models for a reason of their own."""
    if name == "age" and isinstance(value, float):
        return "infant" if value < INFANT_YEARS else "adult" if value >= ADULT_YEARS else None
    return "later_course" if name == "cycle_index" and isinstance(value, float) and value > 1 else None


def _within(value: Value, allowed: Sequence[Any]) -> bool:
    return value in allowed if isinstance(value, str) else bool(allowed[0] <= value <= allowed[1])


def _population(variable: Variable, allowed: Sequence[Any]) -> str:
    return " or ".join(allowed) if isinstance(allowed[0], str) else _span(variable, allowed[0], allowed[1])


def _span(variable: Variable, low: float, high: float) -> str:
    return f"{variable.show(float(low))} to {variable.show(float(high))}" if low != high else variable.show(float(low))


def _lesions(
    model: PortableModel, dictionary: Dictionary, learned: Mapping[str, Any], readings: Mapping[str, Reading]
) -> Iterator[Concern]:
    """Lesions, and pairs of lesions, that fewer than five training patients had."""
    present = [n for n in model.inputs if readings.get(n, MISSING).value == 1 and dictionary[n].lesion]
    seen = [name for name in present if name in learned["lesions"]]
    for name in present:
        if name not in seen:
            text = f"{dictionary[name].label} is present; fewer than 5 training patients had it"
            yield Concern("rare_lesions", text, name)
    for place, first in enumerate(seen):
        for second in seen[place + 1 :]:
            if [first, second] not in learned["lesion_pairs"]:
                both = f"{dictionary[first].label} and {dictionary[second].label}"
                text = f"{both} are both present; fewer than 5 training patients had both"
                yield Concern("rare_lesions", text, second)


def distance(
    model: PortableModel, mix: Mapping[str, Mapping[str, Any]], known: Mapping[str, Value]
) -> tuple[float, list[tuple[float, str]]]:
    """How far a patient's known inputs lie from the nearest prototype, together.

    The root of the mean squared difference over the known inputs: numbers in standard deviations of the training
    patients on the model's scale (log10 where it takes one), yes or no and categories as 2 where they differ. Only
    known inputs count, as in the partial distance of Dixon.

    Parameters
    ----------
    model : PortableModel
    mix : mapping
        ``inputs`` of the manifest's ``training.case_mix``: scale and standard deviation of each input.
    known : mapping of str to float or str
        The patient's inputs that are known.

    Returns
    -------
    float
        0.0 where no input counts.
    list of (squared difference, name)
        To that prototype, of each input that counts.

    References
    ----------
    Dixon JK. Pattern recognition with partly missing data. IEEE Trans Syst Man Cybern 1979;9:617-621.
    """
    names, columns = [], []
    for place, name in enumerate(model.inputs):
        squared = _squared(mix[name]) if name in known and name in mix else None
        if squared is not None:
            own = known[name]
            names.append(name)
            columns.append([squared(own, row[place]) for row in model.background])
    if not columns:
        return 0.0, []
    nearest = min(zip(*columns, strict=True), key=sum)
    return math.sqrt(sum(nearest) / len(nearest)), list(zip(nearest, names, strict=True))


def _squared(item: Mapping[str, Any]) -> Callable[[Any, Any], float] | None:
    """Squared standardised difference of one input; None where nothing is known of its spread."""
    if "levels" in item:

        def differ(a: Any, b: Any) -> float:
            apart = float(a != b) if isinstance(a, str) else a - b
            return float(apart / _YES_NO_SPREAD) ** 2

        return differ
    if not item.get("sd"):
        return None
    sd, floor = item["sd"], item.get("floor")
    if item["scale"] == "value":
        return lambda a, b: float((a - b) / sd) ** 2
    return lambda a, b: (math.log10(max(a, floor) / max(b, floor)) / sd) ** 2


def _far(
    model: PortableModel,
    dictionary: Dictionary,
    mix: Mapping[str, Any],
    learned: Mapping[str, Any],
    known: Mapping[str, Value],
) -> Iterator[Concern]:
    """An unusual combination of inputs, none of which was objected to alone."""
    apart, parts = distance(model, mix, known)
    limit = learned["thresholds"][len(parts) - 1] if parts else None
    if limit is None or apart <= limit:
        return
    most = [dictionary[name].label for size, name in sorted(parts, reverse=True)[:2] if size > 0]
    which = "taken together the inputs differ" if len(parts) > 1 else f"{most[0]} differs"
    where = f", mostly in {' and '.join(most)}" if len(parts) > 1 else ""
    yield Concern(
        "far_from_training",
        f"{which} by {apart:.2g} standard deviations from the most similar group of training patients{where}; "
        f"of patients like those {percent(learned['share'])} differ by {limit:g} or less",
    )


def _tki(model: PortableModel, readings: Mapping[str, Reading]) -> Iterator[Concern]:
    """The effect of Ph+ depends on whether an inhibitor is given; a model that asks for it has said so itself."""
    ph = next((name for name, level in _PH_POSITIVE if readings.get(name, MISSING).value == level), None)
    treated = readings.get("tki", MISSING).value
    if ph is None or treated == 1 or "tki" in model.inputs:
        return
    which = (
        "no tyrosine kinase inhibitor is given"
        if treated == 0
        else "whether a tyrosine kinase inhibitor is given is unknown"
    )
    text = f"Ph+, and {which}: what was learned of Ph+ mixes patients with and without one and does not carry over"
    yield Concern("ph_without_tki", text, "tki" if treated == 0 else ph, outside=False)


def _mrd_method(
    model: PortableModel, dictionary: Dictionary, mix: Mapping[str, Any], readings: Mapping[str, Reading]
) -> Iterator[Concern]:
    """Negative by one method is not negative by another: values by two methods are not pooled, nor carried over."""
    for name in model.inputs:
        family = dictionary[name].family
        if not family:
            continue
        if readings.get(name, MISSING).value is None:
            for other in readings:
                if other != name and dictionary[other].family == family and readings[other].value is not None:
                    text = f"{dictionary[other].label} is given, the model takes {dictionary[name].label}"
                    yield Concern("other_mrd_method", f"{text}: they do not stand for each other", other, outside=False)
            continue
        for companion in dictionary[name].companions:
            own, shares = readings.get(companion, MISSING).value, mix.get("methods", {}).get(companion, {})
            usual = max(shares, key=shares.__getitem__, default=own)
            if isinstance(own, str) and own != usual:
                text = f"{dictionary[name].label} was measured by {own}, in most training patients by {usual}"
                more = f"{text}: the same number does not mean the same amount of disease"
                yield Concern("other_mrd_method", more, companion, outside=False)


def _later(
    model: PortableModel, dictionary: Dictionary, manifest: Mapping[str, Any], readings: Mapping[str, Reading]
) -> Iterator[Concern]:
    """What is learned after the time of prediction is not used, and is no news at that time."""
    landmark = manifest["landmark"]
    for name, reading in readings.items():
        variable = dictionary[name]
        if reading.value is None or name in model.inputs or dictionary.usable_at(variable, landmark):
            continue
        when = variable.known.replace("_", " ")
        text = f"{variable.label} is known only from {when} on, the model predicts at {landmark.replace('_', ' ')}"
        yield Concern("post_baseline", f"{text}: it was not used", name, outside=False)
