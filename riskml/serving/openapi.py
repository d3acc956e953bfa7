"""The OpenAPI document: an address of its own for every model, so that its patient and its months can be exact.

Examples are the bundles' golden patients, who are invented, and the first is answered before the document is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from riskml.runtime.bundle import Bundle
from riskml.runtime.schema import patient_schema, prediction_schema
from riskml.serving.asked import MANY_SCHEMA, MAX_CHANGES
from riskml.serving.models import ModelSet
from riskml.serving.problems import KINDS, MEDIA_TYPE
from riskml.serving.settings import Settings

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_OR_TEXT: Schema = {"type": ["string", "null"]}
_MONTH: Schema = {"type": ["number", "null"], "minimum": 0}
_COMMON = ("key-required", "wrong-host", "too-many", "internal", "busy")
_BODY = ("malformed", "too-slow", "too-large", "wrong-type", "data-refused", "timeout")
_ABOUT = (
    "Estimates before blinatumomab in B-ALL, each with its interval, explanation, warnings and what it is not for. "
    "For research; not a medical device. Errors are RFC 9457 problems with every fault. Send X-Request-ID (letters, "
    "digits, '.', '_' and '-', at most 64) to find a request in the log again; what is not well-formed is replaced."
)


def document(now: ModelSet, settings: Settings, version: str) -> dict[str, Any]:
    """The document for the models of one moment.

    Parameters
    ----------
    now : ModelSet
    settings : Settings
    version : str
        Of riskml.

    Returns
    -------
    dict
        OpenAPI 3.1.
    """
    schemas: dict[str, Schema] = {
        "Problem": _problem(),
        "Fault": _fault(),
        "Prediction": _inner(prediction_schema()),
    }
    paths: dict[str, Any] = dict(_operations())
    for name, one in now.served.items():
        patient = f"Patient_{name}"
        schemas[patient] = _inner(patient_schema(one.bundle, at=f"#/components/schemas/{patient}"))
        paths |= _of_model(name, one.bundle, settings, patient)
    keyed = bool(settings.key_digests)
    scheme = {"key": {"type": "http", "scheme": "bearer"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "riskml", "version": version, "description": _ABOUT},
        "paths": paths,
        "components": {"schemas": schemas, **({"securitySchemes": scheme} if keyed else {})},
        **({"security": [{"key": []}]} if keyed else {}),
    }


def _inner(schema: Schema) -> Schema:
    """A schema as a component: the document says the dialect once."""
    return {key: value for key, value in schema.items() if key != "$schema"}


def _operations() -> dict[str, Any]:
    listed = {"type": "object", "required": ["models"], "properties": {"models": _objects("name", "label", "digest")}}
    health = {
        "type": "object",
        "required": ["status", "models", "refused"],
        "properties": {
            "status": {"enum": ["ok", "degraded"]},
            "models": _objects("name", "digest", "place"),
            "refused": _objects("place", "reason"),
        },
    }
    anything: Schema = {"type": "object"}
    probe: dict[str, Any] = {"security": []}
    return {
        "/v1/models": {"get": get("listModels", "The models that are served", listed)},
        "/v1/schemas/prediction": {"get": get("predictionSchema", "JSON Schema of a prediction", anything)},
        "/health": {"get": get("health", "Which bundles are served, and which were refused and why", health) | probe},
        "/ready": {"get": get("ready", "Whether predictions can be asked for", anything) | probe},
        "/metrics": {"get": get("metrics", "Counters for Prometheus", _TEXT, media_type="text/plain")},
    }


def _of_model(name: str, bundle: Bundle, settings: Settings, patient: str) -> dict[str, Any]:
    home, label = f"/v1/models/{name}", bundle.manifest["label"]
    anything: Schema = {"type": "object"}
    reference = {"$ref": f"#/components/schemas/{patient}"}
    months = _months(bundle, settings)
    # The patient is free here: one whom a rule refuses must not cost the others their answers.
    one = {"type": "object", "description": f"as in {home}/predict; what is refused is told row by row"}
    listed = {"type": "array", "minItems": 1, "maxItems": settings.max_patients, "items": one}
    changes: Schema = {"type": ["object", "null"], "minProperties": 1, "maxProperties": MAX_CHANGES}
    changes |= {"description": "what if: values put in, names as in the patient"}
    known = {"propertyNames": {"enum": list(bundle.dictionary.variables)}}
    ask_one = _asked({"patient": reference, "set": changes | known, **months}, "patient")
    patients = [dict(entry["patient"]) for entry in bundle.golden]
    return {
        home: {"get": get(f"describe_{name}", f"{label}: what it is and what it is not for", anything)},
        f"{home}/card": {"get": get(f"card_{name}", f"{label}: model card", _TEXT, media_type="text/markdown")},
        f"{home}/schema": {"get": get(f"schema_{name}", f"{label}: JSON Schema of a patient", anything)},
        f"{home}/predict": {
            "post": post(
                f"predict_{name}",
                f"{label}: one patient",
                ask_one,
                {f"invented_{k}": {"value": {"patient": one}} for k, one in enumerate(patients, start=1)},
                {"$ref": "#/components/schemas/Prediction"},
            )
        },
        f"{home}/predict-many": {
            "post": post(
                f"predict_many_{name}",
                f"{label}: up to {settings.max_patients:,} patients",
                _asked({"patients": listed, **months}, "patients"),
                {"invented": {"value": {"patients": patients}}},
                _many_answers(),
            )
        },
    }


def _asked(properties: Mapping[str, Schema], main: str) -> Schema:
    return {"type": "object", "properties": properties, "required": [main], "additionalProperties": False}


def _months(bundle: Bundle, settings: Settings) -> dict[str, Schema]:
    """The fields beside the patient; a model without time takes no months."""
    explain = {"explain": {"type": "boolean", "default": True, "description": "whether to give effects"}}
    if bundle.model.kind == "binary":
        nothing = {"type": "null", "description": "this model has no time"}
        return explain | dict.fromkeys(("at", "event_free_at", "expected_months"), nothing)
    reach = bundle.model.horizon
    one = {"type": "number", "minimum": 0, "maximum": reach}
    at = {"type": ["array", "null"], "items": one, "minItems": 1, "maxItems": settings.max_months}
    return {
        "at": at | {"description": "months at which to give the answer; none before event_free_at"},
        "event_free_at": _MONTH | {"exclusiveMaximum": reach, "description": "month at which all is well: what now?"},
        "expected_months": _MONTH
        | {"maximum": reach, "description": "expected months up to this one, later than event_free_at"},
        **explain,
    }


def _many_answers() -> Schema:
    answer = {"$ref": "#/components/schemas/Prediction"}
    problem = {"$ref": "#/components/schemas/Problem"}
    row = {"row": {"type": "integer", "minimum": 1}, "prediction": answer, "problem": problem}
    either = [{"required": ["row", "prediction"]}, {"required": ["row", "problem"]}]
    entry = {"type": "object", "properties": row, "oneOf": either, "additionalProperties": False}
    model = {"type": "object", "required": ["name", "digest"], "properties": {"name": _TEXT, "digest": _TEXT}}
    return {
        "type": "object",
        "properties": {
            "schema": {"const": MANY_SCHEMA},
            "model": model,
            "results": {"type": "array", "items": entry},
        },
        "required": ["schema", "model", "results"],
        "additionalProperties": False,
    }


def get(identity: str, summary: str, schema: Schema, media_type: str = "application/json") -> dict[str, Any]:
    """An operation that only tells."""
    good = {"description": summary, "content": {media_type: {"schema": schema}}}
    return {"operationId": identity, "summary": summary, "responses": {"200": good, **_refusals(_COMMON)}}


def post(
    identity: str,
    summary: str,
    schema: Schema,
    examples: Mapping[str, Any],
    answer: Schema | None,
    also: Iterable[str] = ("question-refused", "not-estimable"),
) -> dict[str, Any]:
    """An operation that takes a JSON body; ``also`` names problems that not every one of them has."""
    good: dict[str, Any] = {"description": "the answer" if answer else "done; there is nothing to say"}
    if answer:
        good["content"] = {"application/json": {"schema": answer}}
    return {
        "operationId": identity,
        "summary": summary,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}},
        "responses": {"200": good, **_refusals((*also, *_BODY, *_COMMON))},
    }


def _refusals(kinds: Iterable[str]) -> dict[str, Any]:
    """The answers by status; kinds of one status share it."""
    meanings: dict[int, list[str]] = {}
    for kind in kinds:
        meanings.setdefault(KINDS[kind].status, []).append(f"{kind}: {KINDS[kind].meaning}")
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": " ".join(meanings[status]), "content": content} for status in sorted(meanings)}


def _problem() -> Schema:
    faults = {"type": "array", "items": {"$ref": "#/components/schemas/Fault"}}
    texts = dict.fromkeys(("type", "title", "detail", "request_id"), _TEXT)
    required = ["type", "title", "status", "detail", "faults"]
    status = {"status": {"type": "integer"}}
    return {"type": "object", "properties": {**texts, **status, "faults": faults}, "required": required}


def _fault() -> Schema:
    properties = {
        "row": {"type": ["integer", "null"]},
        "column": _OR_TEXT,
        "rule": _TEXT,
        "value": _OR_TEXT,
        "remedy": _TEXT,
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _objects(*names: str) -> Schema:
    items = {"type": "object", "required": list(names), "properties": dict.fromkeys(names, _TEXT)}
    return {"type": "array", "items": items}
