"""FHIR over HTTP: every model is an endpoint ``/fhir/{model}`` with its statement and one operation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from riskml.errors import RiskmlError
from riskml.runtime.bundle import Bundle
from riskml.serving.bodies import parsed, read_body
from riskml.serving.doors import GET, asked_model, json_text, now
from riskml.serving.fhir_capability import OPERATION, capability_statement, operation_definition
from riskml.serving.fhir_codes import load_codes
from riskml.serving.fhir_operation import asked, assess, operation_outcome
from riskml.serving.models import Models
from riskml.serving.problems import Problem, problem_of

FHIR_TYPE = "application/fhir+json"
_TYPES = (FHIR_TYPE, "application/json")
# HTTP status -> http://hl7.org/fhir/R4/valueset-issue-type.html
_ISSUES: Mapping[int, str] = {
    400: "structure",
    404: "not-found",
    408: "timeout",
    413: "too-long",
    415: "not-supported",
    422: "invalid",
    504: "timeout",
}


def router(models: Models, clock: Callable[[], dt.datetime] = now) -> APIRouter:
    """What every model that is served answers.

    Parameters
    ----------
    models : Models
    clock : callable
        The time of an assessment where the caller gives none.

    Raises
    ------
    DataError
        If a hospital's codes in ``features/fhir.toml`` are refused: at the start, not with the first chart.
    """
    load_codes()
    routes = APIRouter(include_in_schema=False)  # FHIR describes its resources itself

    def estimate(bundle: Bundle, body: bytes, max_bytes: int) -> str:
        at = clock().isoformat(timespec="seconds")
        return json_text(assess(bundle, asked(parsed(body, max_bytes)), now=at))

    @routes.api_route("/fhir/{name}/metadata", methods=GET)
    async def metadata(name: str, request: Request) -> Response:
        keyed = bool(request.app.state.settings.key_digests)
        today = clock().date().isoformat()
        return _told(request, models, name, lambda bundle: capability_statement(bundle, today=today, keyed=keyed))

    @routes.api_route(f"/fhir/{{name}}/OperationDefinition/{OPERATION}", methods=GET)
    async def definition(name: str, request: Request) -> Response:
        return _told(request, models, name, operation_definition)

    @routes.post("/fhir/{name}/$risk-assessment")
    async def risk_assessment(name: str, request: Request) -> Response:
        state = request.app.state
        settings = state.settings
        try:
            bundle = asked_model(request, models, name)
            # A chart has more to say than one patient's values.
            most = settings.max_many_bytes
            body = await read_body(request, most, settings.body_seconds, _TYPES)
            text = await state.workers.run(settings.predict_seconds, estimate, bundle, body, most)
        except RiskmlError as error:
            return refusal(problem_of(error))
        except Problem as problem:
            return refusal(problem)
        return Response(text, media_type=FHIR_TYPE)

    return routes


def _told(request: Request, models: Models, name: str, of: Callable[[Bundle], dict[str, Any]]) -> Response:
    try:
        return Response(json_text(of(asked_model(request, models, name))), media_type=FHIR_TYPE)
    except Problem as problem:
        return refusal(problem)


def refusal(problem: Problem) -> Response:
    """A refusal as an OperationOutcome, with the same status and headers."""
    code = _ISSUES.get(problem.status, "processing")
    outcome = operation_outcome(code, problem.detail, problem.faults)
    return Response(json_text(outcome), problem.status, problem.headers, FHIR_TYPE)
