"""The application: routes behind the guard, the document, and the reload of the models."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from riskml import __version__
from riskml.errors import RiskmlError
from riskml.serving import cds_routes, fhir_routes, page_routes
from riskml.serving.guard import Guard
from riskml.serving.logs import described, log
from riskml.serving.metrics import Metrics
from riskml.serving.models import Models, ModelSet
from riskml.serving.openapi import document
from riskml.serving.openapi_doors import door_paths
from riskml.serving.problems import Problem
from riskml.serving.routes import router
from riskml.serving.settings import Settings
from riskml.serving.work import Workers

# FastAPI would send addresses and the words of exceptions to whatever collector the environment names.
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
_PROBLEMS = {404: "not-found", 405: "method-not-allowed"}


def build_app(
    models: Models,
    settings: Settings | None = None,
    *,
    more: Sequence[APIRouter] | None = None,
    reload_every: float = 0.0,
) -> FastAPI:
    """The ASGI application.

    Parameters
    ----------
    models : Models
    settings : Settings, optional
    more : sequence of APIRouter
        Other doors onto the same models instead of FHIR, CDS Hooks and the web page. They find ``settings``,
        ``workers`` and ``metrics`` in ``request.app.state``.
    reload_every : float
        Seconds between reloads of the models; 0 for only on SIGHUP.
    """
    settings = settings or Settings()
    doors, described = (fhir_routes, cds_routes, page_routes), door_paths if more is None else None
    more = tuple(door.router(models) for door in doors) if more is None else more
    metrics, workers = Metrics(models), Workers(settings.threads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with _reloading(models, metrics, reload_every):
            yield
        workers.close()

    app = FastAPI(
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=_NO_TELEMETRY,
    )
    app.state.models, app.state.settings, app.state.workers, app.state.metrics = models, settings, workers, metrics
    app.add_middleware(Guard, settings=settings, metrics=metrics)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.include_router(router(models, settings, workers, metrics))
    for routes in more:
        app.include_router(routes)
    _add_document(app, models, settings, more, described)
    return app


async def _refuse(_: Request, error: Exception) -> Response:
    """What the framework itself refuses, in our shape and without what was sent."""
    if not isinstance(error, HTTPException):
        raise Problem("malformed", "the request does not have the form that /openapi.json gives")
    kind = _PROBLEMS.get(error.status_code, "malformed" if error.status_code < 500 else "internal")
    raise Problem(
        kind, error.detail if kind in _PROBLEMS.values() else "the request was refused", headers=error.headers
    )


Described = Callable[[ModelSet], dict[str, Any]] | None


def _add_document(
    app: FastAPI, models: Models, settings: Settings, more: Sequence[APIRouter], described: Described
) -> None:
    kept: dict[int, str] = {}

    @app.api_route("/openapi.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def openapi() -> Response:
        now = models.current
        text = kept.get(now.number)
        if text is None:  # it is hundreds of kilobytes, and changes only with the models
            text = await asyncio.to_thread(_document_text, now, settings, more, described)
            kept.clear()
            kept[now.number] = text
        return Response(text, media_type="application/json")


def _document_text(now: ModelSet, settings: Settings, more: Sequence[APIRouter], described: Described) -> str:
    found = document(now, settings, __version__)
    found["paths"] |= described(now) if described else {}
    routes = [route for routes in more for route in routes.routes]
    others = get_openapi(title="riskml", version=__version__, routes=routes)
    found["paths"] |= others.get("paths", {})
    found["components"]["schemas"] |= others.get("components", {}).get("schemas", {})
    return json.dumps(found, allow_nan=False)


@asynccontextmanager
async def _reloading(models: Models, metrics: Metrics, every: float) -> AsyncIterator[None]:
    """Reload on SIGHUP and, where asked for, from time to time, while the block runs."""
    wanted = asyncio.Event()
    loop = asyncio.get_running_loop()
    has_signal = hasattr(signal, "SIGHUP")
    if has_signal:
        with contextlib.suppress(ValueError, RuntimeError):  # not the main thread: an application embeds us
            loop.add_signal_handler(signal.SIGHUP, wanted.set)
    task = asyncio.create_task(_reload_forever(models, metrics, wanted, every))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        if has_signal:
            with contextlib.suppress(ValueError, RuntimeError):
                loop.remove_signal_handler(signal.SIGHUP)


async def _reload_forever(models: Models, metrics: Metrics, wanted: asyncio.Event, every: float) -> None:
    while True:
        # wait_for() of Python 3.11 can lose the cancellation that ends this task (CPython issue 86296).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(every or None):
                await wanted.wait()
        wanted.clear()
        await reload(models, metrics)


async def reload(models: Models, metrics: Metrics) -> bool:
    """Read the models anew beside the requests; whether that was done. A refusal is logged, and all stays as it was."""
    try:
        now = await asyncio.to_thread(models.reload)
    except RiskmlError as error:
        metrics.count_reload(done=False)
        log("reload_refused", logging.ERROR, reason=str(error))
        return False
    except Exception as error:  # noqa: BLE001 - whatever stands in that folder, the models of before go on
        metrics.count_reload(done=False)
        log("reload_refused", logging.ERROR, **described(error))
        return False
    metrics.count_reload(done=True)
    log("reloaded", models=len(now.served), number=now.number)
    log_refused(models)
    return True


def log_refused(models: Models) -> None:
    """One line for every bundle that was refused."""
    for place, reason in models.current.refused.items():
        log("bundle_refused", logging.ERROR, place=place, reason=reason)
