"""FHIR and CDS Hooks in the OpenAPI document: as much of each body as is looked at whatever else stands in it.

Both standards describe their own content. What is free here is read where riskml knows it and passed over elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import Variable
from riskml.serving.cds_feedback import MAX_FEEDBACK
from riskml.serving.cds_services import SERVICES, fitting
from riskml.serving.fhir_capability import OPERATION
from riskml.serving.fhir_chart import BUNDLE_TYPES
from riskml.serving.fhir_codes import READ_KINDS, FhirCodes, load_codes
from riskml.serving.fhir_operation import PARAMETERS
from riskml.serving.fhir_routes import FHIR_TYPE
from riskml.serving.fhir_shape import MAX_ENTRIES, MAX_ITEMS
from riskml.serving.models import ModelSet
from riskml.serving.openapi import Schema, get, post

_TEXT: Schema = {"type": "string", "minLength": 1}
_OBJECT: Schema = {"type": ["object", "null"]}
_UUID: Schema = {"type": "string", "format": "uuid"}
_ANSWERED = "Answers with one card a model, or none where the question does not arise"
_DAY_BEFORE, _FIRST_DOSE = "2026-03-01", "2026-03-02"
_INSTANCE = "6b4b4cbf-2a36-4fbb-9b0e-4f6f6f1d2f10"


def door_paths(now: ModelSet) -> dict[str, Any]:
    """The addresses of FHIR, model by model, and of CDS Hooks, with examples that are answered.

    Parameters
    ----------
    now : ModelSet

    Returns
    -------
    dict
        ``paths`` of OpenAPI 3.1.
    """
    codes = load_codes()
    paths: dict[str, Any] = {}
    for name, one in now.served.items():
        paths |= _fhir_paths(name, one.bundle, codes)
    return paths | _cds_paths([one.bundle for one in now.served.values()], codes)


# --- FHIR -------------------------------------------------------------------------------------------------------------


def _fhir_paths(name: str, bundle: Bundle, codes: FhirCodes) -> dict[str, Any]:
    home, label, chart = f"/fhir/{name}", bundle.manifest["label"], example_chart(bundle, codes)
    given = {"name": "bundle", "resource": chart}
    parameters = {"resourceType": "Parameters", "parameter": [given, {"name": "scale", "valueCode": "fraction"}]}
    statement = get(f"fhir_statement_{name}", f"{label}: its endpoint", _resource("CapabilityStatement"))
    definition = get(f"fhir_definition_{name}", f"{label}: its operation", _resource("OperationDefinition"))
    assessed = post(
        f"fhir_assess_{name}",
        f"{label}: a FHIR R4 Bundle of one patient in, a RiskAssessment out",
        {"anyOf": [_bundle_schema(), _parameters_schema()]},
        {"bundle": {"value": chart}, "parameters": {"value": parameters}},
        _resource("RiskAssessment"),
    )
    return {
        f"{home}/metadata": {"get": _as_fhir(statement)},
        f"{home}/OperationDefinition/{OPERATION}": {"get": _as_fhir(definition)},
        f"{home}/${OPERATION}": {"post": _as_fhir(assessed)},
    }


def _as_fhir(operation: dict[str, Any]) -> dict[str, Any]:
    """The same in FHIR's own media type; refusals are an OperationOutcome, or a Problem where no route is reached."""
    body, (good, *refusals) = operation.get("requestBody"), operation["responses"].values()
    if body:
        body["content"][FHIR_TYPE] = body["content"]["application/json"]
    good["content"] = {FHIR_TYPE: good["content"]["application/json"]}
    for refusal in refusals:
        refusal["content"] = {**refusal["content"], FHIR_TYPE: {"schema": _resource("OperationOutcome")}}
    return operation


def _resource(kind: str) -> Schema:
    return {"type": "object", "properties": {"resourceType": {"const": kind}}, "required": ["resourceType"]}


def _bundle_schema() -> Schema:
    entry = {"type": "object", "properties": {"resource": _OBJECT}}
    entries = {"type": ["array", "null"], "maxItems": MAX_ENTRIES, "items": entry}
    bundle = _resource("Bundle")
    bundle["properties"] |= {"type": {"enum": list(BUNDLE_TYPES)}, "entry": entries}
    return {**bundle, "required": ["resourceType", "type"], "description": "results of one patient: docs/fhir.md"}


def _parameters_schema() -> Schema:
    names = ["bundle", *PARAMETERS]
    part = {"type": "object", "properties": {"name": {"enum": names}}, "required": ["name"]}
    parameters = _resource("Parameters")
    parameters["properties"] |= {"parameter": {"type": "array", "minItems": 1, "maxItems": MAX_ITEMS, "items": part}}
    return {**parameters, "required": ["resourceType", "parameter"], "description": f"each once: {', '.join(names)}"}


def example_chart(bundle: Bundle, codes: FhirCodes) -> dict[str, Any]:
    """The first invented patient of a bundle as a FHIR Bundle in riskml's own codes, and a first dose the day after."""
    dose = {"resourceType": "MedicationAdministration", "status": "completed", "effectiveDateTime": _FIRST_DOSE}
    resources: list[dict[str, Any]] = [{**dose, "medicationCodeableConcept": _drug(codes)}]
    for key, raw in bundle.golden[0]["patient"].items():
        found = bundle.dictionary.find(key)
        assert found is not None, "a golden patient was read when the bundle was opened"
        if raw is not None and found[0].kind in READ_KINDS:
            code = {"coding": [{"system": codes.systems["variable"], "code": found[0].name}]}
            value = _example_value(found[0], found[1], raw, codes)
            dated = {"status": "final", "code": code, "effectiveDateTime": _DAY_BEFORE}
            resources.append({"resourceType": "Observation", **dated, **value})
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def _drug(codes: FhirCodes) -> dict[str, Any]:
    system, code = next(iter(codes.drug_codes))
    return {"coding": [{"system": system, "code": code}]}


def _example_value(variable: Variable, unit: str | None, raw: Any, codes: FhirCodes) -> dict[str, Any]:
    if variable.kind in {"tristate", "category"}:
        return {"valueCodeableConcept": {"coding": [{"system": codes.systems["value"], "code": str(raw)}]}}
    if variable.kind == "integer":
        return {"valueInteger": int(raw)}
    if isinstance(raw, Mapping):
        return {"valueString": f"{raw['value']} {raw['unit']}"}
    return {"valueString": raw if isinstance(raw, str) else f"{raw} {unit or variable.quantity.canonical}"}


# --- CDS Hooks --------------------------------------------------------------------------------------------------------


def _cds_paths(bundles: list[Bundle], codes: FhirCodes) -> dict[str, Any]:
    listed = {"type": "object", "properties": {"services": {"type": "array"}}, "required": ["services"]}
    cards = {"type": "object", "properties": {"cards": {"type": "array"}}, "required": ["cards"]}
    chart = next((example_chart(bundle, codes) for bundle in fitting(bundles)), {"resourceType": "Bundle", "entry": []})
    before = {**chart, "entry": chart["entry"][1:]}  # the dose is yet to come
    paths: dict[str, Any] = {"/cds-services": {"get": get("cds_discovery", "CDS Hooks 2.0: the services", listed)}}
    for name, service in SERVICES.items():
        home, ordered = f"/cds-services/{name}", service.hook == "order-select"
        example = {"invented": {"value": _example_request(service.hook, before, codes)}}
        schema, text = _request(service.hook, ordered), f"{service.title}. {_ANSWERED}"
        asked = post(f"cds_{name}", text, schema, example, cards, ("data-unavailable",))
        done = {"invented": {"value": {"feedback": [_EXAMPLE_FEEDBACK]}}}
        told = post(f"cds_{name}_feedback", f"{service.title}: what was done with a card", _feedback(), done, None, ())
        paths |= {home: {"post": asked}, f"{home}/feedback": {"post": told}}
    return paths


def _request(hook: str, ordered: bool) -> Schema:
    context: dict[str, Schema] = {"userId": _TEXT, "patientId": _TEXT}
    if ordered:
        texts = {"type": "array", "items": {"type": "string"}}
        context |= {"selections": texts, "draftOrders": {"type": "object", "description": "a FHIR Bundle"}}
    properties = {
        "hook": {"const": hook},
        "hookInstance": _UUID,
        "context": {"type": "object", "properties": context, "required": list(context)},
        "prefetch": {**_OBJECT, "description": "every one that the discovery asks for"},
    }
    return {"type": "object", "properties": properties, "required": ["hook", "hookInstance", "context"]}


def _feedback() -> Schema:
    chosen = {"type": "object", "properties": {"id": _UUID}, "required": ["id"]}
    item = {
        "card": _UUID,
        "outcome": {"enum": ["accepted", "overridden"]},
        "outcomeTimestamp": {"type": "string", "format": "date-time"},
        "acceptedSuggestions": {"type": ["array", "null"], "maxItems": MAX_ITEMS, "items": chosen},
        "overrideReason": _OBJECT,
    }
    items = {"type": "object", "properties": item, "required": ["card", "outcome", "outcomeTimestamp"]}
    every = {"type": "array", "minItems": 1, "maxItems": MAX_FEEDBACK, "items": items}
    return {"type": "object", "properties": {"feedback": every}, "required": ["feedback"]}


_EXAMPLE_FEEDBACK = {"card": _INSTANCE, "outcome": "accepted", "outcomeTimestamp": "2026-03-01T08:00:00Z"}


def _example_request(hook: str, chart: Mapping[str, Any], codes: FhirCodes) -> dict[str, Any]:
    context: dict[str, Any] = {"userId": "Practitioner/example", "patientId": "example"}
    if hook == "order-select":
        order: dict[str, Any] = {"resourceType": "MedicationRequest", "id": "order", "status": "draft"}
        order |= {"intent": "order", "medicationCodeableConcept": _drug(codes)}
        order |= {"dosageInstruction": [{"timing": {"event": [_FIRST_DOSE]}}]}
        orders = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": order}]}
        context |= {"selections": ["MedicationRequest/order"], "draftOrders": orders}
    patient = {"resourceType": "Patient", "id": "example"}
    return {
        "hook": hook,
        "hookInstance": _INSTANCE,
        "context": context,
        "prefetch": {"patient": patient, "observations": chart},
    }
