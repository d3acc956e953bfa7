"""A Prediction -> a FHIR R4 RiskAssessment, as plain JSON data."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

from riskml.errors import UsageError
from riskml.runtime.prediction import Prediction
from riskml.serving.fhir_codes import FhirCodes, load_codes
from riskml.serving.fhir_in import FhirPatient
from riskml.serving.fhir_time import moment, months_after
from riskml.serving.sentences import estimate_at, missing_inputs, outcome_at, standing, strongest_effects

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

DEVICE = "riskml"
# Values with these remarks did not count, so their Observations are no basis.
_NO_BASIS = frozenset({"not_used", "post_baseline", "other_mrd_method"})


def risk_assessment(
    prediction: Prediction,
    found: FhirPatient,
    *,
    occurred: str,
    scale: str = "percent",
    codes: FhirCodes | None = None,
) -> dict[str, Any]:
    """The estimate as a RiskAssessment.

    Each number is one ``prediction``; its interval follows as a second one with the same outcome and time and a
    ``probabilityRange``, because ``probability[x]`` is one of the two. R4 says that a ``probabilityDecimal`` is a
    percentage (http://hl7.org/fhir/R4/riskassessment.html), yet many programs write fractions: so the rationale repeats
    the number in words, and the range always carries the unit ``%``, as the constraint ras-1 demands.

    Parameters
    ----------
    prediction : Prediction
    found : FhirPatient
        What the Bundle said; names the subject, the basis and what was not used.
    occurred : str
        FHIR dateTime of the assessment.
    scale : {"percent", "fraction"}
        Of ``probabilityDecimal``; a fraction is not what R4 says.
    codes : FhirCodes, optional

    Returns
    -------
    dict
        ``preliminary`` where an input is missing or quarantined, else ``final``.

    Raises
    ------
    UsageError
        If ``occurred`` is no FHIR dateTime or ``scale`` is unknown.
    """
    if moment(occurred) is None:
        raise UsageError("occurrence must be a FHIR dateTime such as 2026-03-01T08:00:00+01:00")
    if scale not in {"percent", "fraction"}:
        raise UsageError("the scale of a probability is percent or fraction")
    codes = codes or load_codes()
    basis = [{"reference": reference} for reference in _basis(prediction, found)]
    notes = list(_notes(prediction, found))
    incomplete = bool(prediction.missing or found.quarantined)
    return {
        "resourceType": "RiskAssessment",
        "text": _narrative(prediction, notes),
        "contained": [_device(prediction, codes)],
        "status": "preliminary" if incomplete else "final",
        "method": _method(prediction, codes),
        "subject": {"reference": found.subject} if found.subject else {"display": "the patient of the request"},
        "occurrenceDateTime": occurred,
        "performer": {"reference": f"#{DEVICE}"},
        **({"basis": basis} if basis else {}),
        "prediction": [
            part for k in range(len(prediction.value)) for part in _predictions(prediction, found, codes, k, scale)
        ],
        "note": [{"text": text} for text in notes],
    }


def shifted(share: float) -> float:
    """A share in percent, by moving the decimal point: 0.07 gives 7.0, not 7.000000000000001."""
    return float(f"{share!r}e2") if "e" not in repr(share) else 100 * share


def _predictions(
    prediction: Prediction, found: FhirPatient, codes: FhirCodes, k: int, scale: str
) -> Iterable[dict[str, Any]]:
    """The number, then its interval."""
    same = {"outcome": {"text": outcome_at(prediction, k)}, **_when(prediction, found, codes, k)}
    value = prediction.value[k]
    words = [f"Estimated {estimate_at(prediction, k)}."]
    if k == len(prediction.value) - 1 and (effects := strongest_effects(prediction)):
        words.append(f"What moved it most, from the average patient: {'; '.join(effects)}.")
    number = shifted(value) if scale == "percent" else value
    yield {**same, "probabilityDecimal": number, "rationale": " ".join(words)}
    ends = {"low": prediction.low[k], "high": prediction.high[k]}
    quantities = {
        name: {"value": shifted(share), "unit": "%", "system": codes.systems["ucum"], "code": "%"}
        for name, share in ends.items()
    }
    text = f"{100 * prediction.level:.0f} % interval of the estimate before this."
    yield {**same, "probabilityRange": quantities, "rationale": text}


def _when(prediction: Prediction, found: FhirPatient, codes: FhirCodes, k: int) -> dict[str, Any]:
    """From the first dose to the month in question: as dates where the first dose is known, else as months."""
    if prediction.is_single:
        return {}
    start, end = prediction.event_free_at or 0.0, prediction.times[k]
    if found.first_dose is not None:
        days = [months_after(found.first_dose, month) for month in (start, end)]
        if all(day is not None for day in days):
            return {"whenPeriod": dict(zip(("start", "end"), map(str, days), strict=True))}
    ends = {"low": start, "high": end}
    unit = {"unit": "months from the first dose", "system": codes.systems["ucum"], "code": "mo"}
    return {"whenRange": {name: {"value": month, **unit} for name, month in ends.items()}}


def _basis(prediction: Prediction, found: FhirPatient) -> list[str]:
    """The resources whose values counted, each once."""
    idle = {remark.input for remark in prediction.warnings if remark.code in _NO_BASIS}
    return list(dict.fromkeys(reference for name, reference in found.references.items() if name not in idle))


def _notes(prediction: Prediction, found: FhirPatient) -> Iterable[str]:
    yield from standing(prediction)
    if missing := missing_inputs(prediction):
        yield f"Not known, so averaged over: {'; '.join(missing)}."
    yield from (f"Assumed: {text}." for text in found.assumed)
    yield from (f"Quarantined: {text}." for text in found.to_check())


def _method(prediction: Prediction, codes: FhirCodes) -> dict[str, Any]:
    model = prediction.model
    coding = {
        "system": codes.systems["model"],
        "version": str(model["version"]),
        "code": str(model["name"]),
        "display": str(model["outcome"]),
    }
    return {"coding": [coding], "text": f"riskml {model['name']}, version {model['version']}, {model['digest']}"}


def _device(prediction: Prediction, codes: FhirCodes) -> dict[str, Any]:
    model = prediction.model
    return {
        "resourceType": "Device",
        "id": DEVICE,
        "identifier": [{"system": codes.systems["model"], "value": str(model["digest"])}],
        "deviceName": [{"name": f"riskml {model['name']}", "type": "model-name"}],
        "type": {"text": "Prediction model for research"},
        "version": [{"value": str(model["version"])}],
    }


def _narrative(prediction: Prediction, notes: Iterable[str]) -> Mapping[str, str]:
    """All of it for a reader whose program shows the text alone."""
    numbers = [f"{outcome_at(prediction, k)}: {estimate_at(prediction, k)}." for k in range(len(prediction.value))]
    body = "".join(f"<p>{html.escape(text)}</p>" for text in (*numbers, *notes))
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}
