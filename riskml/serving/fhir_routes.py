"""FHIR over HTTP: ``POST /fhir/{model}/$risk-assessment``."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from riskml.errors import RiskmlError
from riskml.runtime.bundle import Bundle
from riskml.serving.bodies import parsed, read_body
from riskml.serving.fhir_operation import asked, assess, operation_outcome
from riskml.serving.guard import note
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


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def router(models: Models, clock: Callable[[], dt.datetime] = _now) -> APIRouter:
    """The operation for every model that is served.

    Parameters
    ----------
    models : Models
    clock : callable
        The time of an assessment where the caller gives none.
    """
    routes = APIRouter(include_in_schema=False)  # FHIR describes its resources itself

    def estimate(bundle: Bundle, body: bytes, max_bytes: int) -> str:
        now = clock().isoformat(timespec="seconds")
        return _text(assess(bundle, asked(parsed(body, max_bytes)), now=now))

    @routes.post("/fhir/{name}/$risk-assessment")
    async def risk_assessment(name: str, request: Request) -> Response:
        state = request.app.state
        settings = state.settings
        try:
            bundle = models.get(name)
            note(request.scope, bundle)
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


def refusal(problem: Problem) -> Response:
    """A refusal as an OperationOutcome, with the same status and headers."""
    code = _ISSUES.get(problem.status, "processing")
    outcome = operation_outcome(code, problem.detail, problem.faults)
    return Response(_text(outcome), problem.status, problem.headers, FHIR_TYPE)


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
