"""The FHIR operation ``$risk-assessment`` without HTTP: Bundle or Parameters in, RiskAssessment or refusal out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from riskml.errors import DataError, Fault, printable
from riskml.record import Record
from riskml.runtime.bundle import Bundle
from riskml.serving.fhir_in import read_fhir
from riskml.serving.fhir_out import risk_assessment
from riskml.serving.fhir_shape import Shape
from riskml.serving.fhir_time import moment

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# Name of a parameter -> the elements it may come in; one of each at most.
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "first-dose": ("valueDate", "valueDateTime"),
    "occurrence": ("valueDateTime", "valueDate"),
    "scale": ("valueCode",),
}


class Asked(Record):
    """What a caller of the operation wants."""

    bundle: Any
    first_dose: str | None = None
    occurrence: str | None = None
    scale: str = "percent"


def asked(body: Any) -> Asked:
    """Read the body: a Bundle alone, or Parameters with ``bundle``, ``first-dose``, ``occurrence`` and ``scale``.

    Raises
    ------
    DataError
        For unknown and repeated parameters and wrong types: every fault.
    """
    if not isinstance(body, Mapping) or body.get("resourceType") != "Parameters":
        return Asked(body)
    shape, given = Shape(), dict[str, "Any"]()
    for part, place in shape.items(body, "parameter", "Parameters"):
        name = shape.text(part, "name", place) or ""
        found: Any = None
        if name == "bundle":
            found = shape.child(part, "resource", place)
        elif name in PARAMETERS:
            found = next((text for key in PARAMETERS[name] if (text := shape.text(part, key, place))), None)
        else:
            shape.wrong(f"{place}.name", f"must be bundle, {', '.join(PARAMETERS)}", "see docs/fhir.md")
            continue
        if found is None or name in given:
            shape.wrong(place, "must be given once, with its value", "see docs/fhir.md")
        given[name] = found
    if "bundle" not in given:
        shape.wrong("Parameters.parameter", "must have a bundle", "put the Bundle into a parameter called bundle")
    if shape.faults:
        raise DataError("the Parameters were refused", shape.faults)
    return Asked(given["bundle"], given.get("first-dose"), given.get("occurrence"), given.get("scale", "percent"))


def assess(bundle: Bundle, question: Asked, *, now: str) -> dict[str, Any]:
    """The RiskAssessment of one model; ``now`` is the time of the assessment where the caller gave none.

    Raises
    ------
    DataError, UsageError
        As ``read_fhir``, ``bundle.predict`` and ``risk_assessment``.
    """
    occurred = question.occurrence or now
    at = moment(occurred)
    day = at.first.isoformat() if at is not None and at.first == at.last else None
    found = read_fhir(question.bundle, bundle.dictionary, first_dose=question.first_dose, as_of=day)
    prediction = bundle.predict(found.patient)
    return risk_assessment(prediction, found, occurred=occurred, scale=question.scale)


def operation_outcome(code: str, text: str, faults: Iterable[Fault] = ()) -> dict[str, Any]:
    """A refusal as FHIR says it: one issue a fault, with the FHIRPath of the element; ``code`` is of issue-type."""
    issues = []
    for fault in faults:
        column = fault.column or ""
        # Only what a caller sent has a path; of values that exclude each other the variables are named instead.
        is_path = column.startswith(("Bundle", "Parameters"))
        words = f"{fault.rule}; {fault.remedy}" if is_path or not column else f"{column}: {fault.rule}; {fault.remedy}"
        path = {"expression": [printable(column, 200)]} if is_path else {}
        issues.append({"severity": "error", "code": code, "diagnostics": printable(words), **path})
    first = {"severity": "error", "code": code, "diagnostics": printable(text)}
    return {"resourceType": "OperationOutcome", "issue": issues or [first]}
