"""What a FHIR client asks first: the CapabilityStatement of a model's endpoint, and what its one operation takes."""

from __future__ import annotations

from riskml import __version__
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import RESEARCH, SYNTHETIC

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

FHIR_VERSION = "4.0.1"
OPERATION = "risk-assessment"
DEFINITION = f"urn:riskml:operation:{OPERATION}"
_DOCUMENTATION = (
    "A Bundle of one patient's results, or Parameters with that Bundle, in; a RiskAssessment out. A refusal is an "
    "OperationOutcome with every fault and its FHIRPath. Nothing is stored, and no other server is called."
)
# Name, least and most, type, what it is.
_PARAMETERS = (
    ("bundle", 1, "Bundle", "The patient's results: a Bundle of type searchset, collection or document."),
    ("first-dose", 0, "date", "First dose of blinatumomab; else the first MedicationAdministration of it counts."),
    ("occurrence", 0, "dateTime", "Time of the assessment; else the time of the request."),
    ("scale", 0, "code", "percent, as R4 says of probabilityDecimal, or fraction."),
)


def capability_statement(bundle: Bundle, *, today: str, keyed: bool = False) -> dict[str, Any]:
    """The CapabilityStatement of ``/fhir/{model}``: one operation, and no resource that is kept.

    Parameters
    ----------
    bundle : Bundle
    today : str
        FHIR date, for bundles that do not say when they were made.
    keyed : bool
        Whether an API key is asked for.

    Returns
    -------
    dict
        Of kind ``instance`` (http://hl7.org/fhir/R4/capabilitystatement.html).
    """
    manifest = bundle.manifest
    operation = {"name": OPERATION, "definition": DEFINITION, "documentation": _DOCUMENTATION}
    security = {"security": {"description": "Send 'Authorization: Bearer KEY' with a key of this service."}}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "experimental": True,
        "date": manifest.get("date") or today,
        "description": " ".join(_said_of(bundle)),
        "kind": "instance",
        "software": {"name": "riskml", "version": __version__},
        "implementation": {"description": f"riskml {manifest['name']}, version {manifest['version']}, {bundle.digest}"},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "application/json"],
        "rest": [{"mode": "server", **(security if keyed else {}), "operation": [operation]}],
    }


def operation_definition(bundle: Bundle) -> dict[str, Any]:
    """The OperationDefinition that the statement names (http://hl7.org/fhir/R4/operationdefinition.html)."""
    taken = [
        {"name": name, "use": "in", "min": least, "max": "1", "documentation": text, "type": kind}
        for name, least, kind, text in _PARAMETERS
    ]
    given = {"name": "return", "use": "out", "min": 1, "max": "1", "type": "RiskAssessment"}
    return {
        "resourceType": "OperationDefinition",
        "id": OPERATION,
        "url": DEFINITION,
        "name": "RiskAssessmentBeforeBlinatumomab",
        "status": "active",
        "kind": "operation",
        "experimental": True,
        "description": " ".join([*_said_of(bundle), _DOCUMENTATION]),
        "affectsState": False,
        "code": OPERATION,
        "system": True,
        "type": False,
        "instance": False,
        "parameter": [*taken, {**given, "documentation": f"The estimate: {bundle.manifest['label']}."}],
    }


def _said_of(bundle: Bundle) -> list[str]:
    """What stands beside every estimate and every way to one."""
    manifest = bundle.manifest
    return [f"{manifest['label']}. {RESEARCH}", *([SYNTHETIC] if manifest["synthetic"] else [])]
