"""CDS Hooks 2.0 over HTTP: discovery, the two services and their feedback."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from riskml.errors import RiskmlError
from riskml.serving.bodies import parsed, read_body
from riskml.serving.cds_feedback import feedback
from riskml.serving.cds_hooks import UnavailableError, answer
from riskml.serving.cds_services import SERVICES, discovery
from riskml.serving.doors import GET, json_text, now
from riskml.serving.models import Models
from riskml.serving.problems import Problem, problem_of


def _today() -> dt.date:
    return now().date()


def router(models: Models, today: Callable[[], dt.date] = _today) -> APIRouter:
    """The routes of CDS Hooks for all models that are served.

    Parameters
    ----------
    models : Models
    today : callable
        The day of a question, for charts that do not say when the first dose is.
    """
    routes = APIRouter(include_in_schema=False)  # CDS Hooks has its own discovery

    def bundles() -> list[Any]:
        return [one.bundle for one in models.current.served.values()]

    def cards(service: str, body: bytes, max_bytes: int) -> dict[str, Any]:
        return answer(service, parsed(body, max_bytes), bundles(), today=today())

    @routes.api_route("/cds-services", methods=GET)
    async def discover() -> Response:
        return _json(discovery(bundles()))

    @routes.post("/cds-services/{service}")
    async def call(service: str, request: Request) -> Response:
        return _json(await _asked(request, service, cards))

    @routes.post("/cds-services/{service}/feedback")
    async def feed_back(service: str, request: Request) -> Response:
        def counts(_service: str, body: bytes, max_bytes: int) -> dict[str, Any]:
            return dict(feedback(parsed(body, max_bytes)))

        for outcome, number in (await _asked(request, service, counts)).items():
            request.app.state.metrics.count_feedback(outcome, number)
        return Response(status_code=200)

    return routes


async def _asked(
    request: Request, service: str, function: Callable[[str, bytes, int], dict[str, Any]]
) -> dict[str, Any]:
    """What ``function`` makes of a service's name and a request's body; refusals in the shape of every other door."""
    if service not in SERVICES:
        raise Problem("not-found", f"there is no such service; there are {' and '.join(SERVICES)}")
    settings = request.app.state.settings
    # A chart has more to say than one patient's values.
    body = await read_body(request, settings.max_many_bytes, settings.body_seconds)
    try:
        found: dict[str, Any] = await request.app.state.workers.run(
            settings.predict_seconds, function, service, body, settings.max_many_bytes
        )
    except UnavailableError as error:
        raise Problem("data-unavailable", str(error)) from None
    except RiskmlError as error:
        raise problem_of(error) from None
    return found


def _json(content: Any) -> Response:
    return Response(json_text(content), media_type="application/json")
