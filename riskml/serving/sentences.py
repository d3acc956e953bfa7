"""A prediction in sentences, for those doors whose formats hold text: FHIR rationales and cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskml.reporting.words import span
from riskml.runtime.card_words import RESEARCH, SYNTHETIC, doubt
from riskml.runtime.prediction import Prediction, by_strength
from riskml.runtime.shares import frequency, percent

_STRONGEST = 3
# Smaller effects would be rounded to nothing.
_SMALL = 0.005


def outcome_at(prediction: Prediction, k: int) -> str:
    """What the ``k``-th number of an estimate is the probability of."""
    label = str(prediction.model["outcome"])
    if prediction.is_single:
        return label
    what = "free of the event at" if prediction.kind == "survival" else "the event by"
    given = "" if prediction.event_free_at is None else f", given none by {prediction.event_free_at:g} months"
    return f"{label}: {what} {prediction.times[k]:g} months{given}"


def estimate_at(prediction: Prediction, k: int) -> str:
    """``"18 % (about 18 in 100), 90 % interval 8 to 33 %"``."""
    value, interval = prediction.value[k], span(prediction.low[k], prediction.high[k])
    return f"{percent(value)} ({frequency(value)}), {100 * prediction.level:.0f} % interval {interval}"


def strongest_effects(prediction: Prediction) -> list[str]:
    """What moved the (last) estimate most, in parts of a hundred; empty where nothing did or nothing was explained."""
    if prediction.on_value is None:
        return []
    effects = [item for item in by_strength(prediction.on_value.effects[-1]) if abs(item[1]) >= _SMALL]
    return [
        f"{prediction.labels[name]}, {prediction.shown[name]}: {100 * effect:+.0f} in 100"
        for name, effect in effects[:_STRONGEST]
    ]


def missing_inputs(prediction: Prediction) -> list[str]:
    """Each input that is not known, and between which ends the (last) estimate would lie if it were."""
    ends = {item["input"]: (item["low"], item["high"]) for item in prediction.could_change}
    found = []
    for name in prediction.missing:
        low, high = ends.get(name, (None, None))
        low, high = (low[-1], high[-1]) if isinstance(low, list) and isinstance(high, list) else (low, high)
        between = "" if low is None or high is None else f" (could move the estimate to {span(low, high)})"
        found.append(prediction.labels[name] + between)
    return found


def standing(prediction: Prediction) -> Iterator[str]:
    """What must be read beside every estimate: research, synthetic, outside the domain, warnings, not for."""
    yield RESEARCH
    if prediction.model["synthetic"]:
        yield SYNTHETIC
    for reason in prediction.reasons:
        yield f"Outside what the model knows: {reason}."
    for remark in prediction.remarks:
        if remark.code != "not_used":
            text = prediction.in_words(remark)
            yield f"{text[0].upper()}{text[1:]}."
    yield f"Not for: {'; '.join(prediction.not_for)}."


def on_paper(manifest: Mapping[str, Any]) -> list[str]:
    """What a model may not be used for: on top of each page and of each printed sheet."""
    return [SYNTHETIC, RESEARCH] if manifest["synthetic"] else [RESEARCH]


def on_top(manifest: Mapping[str, Any]) -> list[str]:
    """The same, and what else must stand on top: that nobody was trained on, or that nothing was shown."""
    found = [manifest["published"]] if "published" in manifest else []
    found += [doubtful] if (doubtful := doubt(manifest)) else []
    return [*on_paper(manifest), *(f"{text[:1].upper()}{text[1:].removesuffix('.')}." for text in found)]
