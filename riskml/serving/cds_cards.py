"""A Prediction -> a CDS Hooks card that informs and asks for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from riskml.reporting.words import span
from riskml.runtime.prediction import Prediction
from riskml.runtime.shares import percent
from riskml.serving.fhir_in import FhirPatient
from riskml.serving.sentences import estimate_at, missing_inputs, outcome_at, standing, strongest_effects

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# "One-sentence, <140-character summary message" (CDS Hooks 2.0, card attributes).
MAX_SUMMARY = 139
_MARKS = re.compile(r"([\\`*_\[\]<>|#~])")


def card(prediction: Prediction, found: FhirPatient, identity: str) -> dict[str, Any]:
    """One model's card.

    Parameters
    ----------
    prediction : Prediction
    found : FhirPatient
        What the chart said.
    identity : str
        UUID of the card.

    Returns
    -------
    dict
        Without suggestions, links or empty values.
    """
    model = prediction.model
    return {
        "uuid": identity,
        "summary": summary(prediction),
        "indicator": "info",
        "source": {"label": f"riskml {model['name']} {model['version']} (research)"},
        "detail": "\n\n".join(_paragraphs(prediction, found)),
    }


def summary(prediction: Prediction) -> str:
    """The (last) number with its interval, that it is research, and how many inputs are known."""
    last = len(prediction.value) - 1
    numbers = f"{percent(prediction.value[last])} ({span(prediction.low[last], prediction.high[last])})"
    known, all_inputs = len(prediction.readings), len(prediction.readings) + len(prediction.missing)
    gaps = f", {known} of {all_inputs} inputs known" if prediction.missing else ""
    end = f": {numbers}{gaps}; {'SYNTHETIC ' if prediction.model['synthetic'] else ''}research model"
    label = outcome_at(prediction, last)
    room = MAX_SUMMARY - len(end)
    return (label if len(label) <= room else f"{label[: room - 3].rstrip()}...") + end


def _paragraphs(prediction: Prediction, found: FhirPatient) -> Iterator[str]:
    """GitHub flavoured Markdown; what comes from outside is escaped."""
    model, numbers = prediction.model, range(len(prediction.value))
    yield _list("Estimate", [f"{outcome_at(prediction, k)}: {estimate_at(prediction, k)}" for k in numbers])
    if effects := strongest_effects(prediction):
        yield _list("What moved it most, from the average patient", effects)
    yield _list("Used", [f"{prediction.labels[name]}: {shown}" for name, shown in prediction.shown.items()])
    yield _list("Not known, so averaged over", missing_inputs(prediction) or ["nothing: all inputs are known"])
    if found.quarantined:
        checks = dict.fromkeys(f"{one.input}: {one.message}" for one in found.quarantined)
        yield _list("Quarantined: please look at", [*checks])
    if found.assumed:
        yield _list("Assumed", list(found.assumed))
    yield _list("Please note", list(standing(prediction)))
    yield f"{_plain(model['name'])}, version {_plain(model['version'])}, `{model['digest']}`"


def _list(title: str, items: list[str]) -> str:
    return "\n".join([f"**{title}**", "", *(f"- {_plain(item)}" for item in items)])


def _plain(text: str) -> str:
    return _MARKS.sub(r"\\\1", " ".join(text.split()))
