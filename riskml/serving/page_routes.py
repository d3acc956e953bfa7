"""The web page over HTTP. What is said of a patient stands in the body of a POST and in its answer alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from riskml.runtime.bundle import Bundle
from riskml.serving.bodies import read_body
from riskml.serving.doors import GET, asked_model, now
from riskml.serving.models import Models
from riskml.serving.page import Page, fields_of, render_answer, render_form, render_models, render_problem
from riskml.serving.page_form import FORM_TYPES, MAX_BYTES, Refused, read_form, read_question
from riskml.serving.problems import Problem
from riskml.serving.settings import Settings

# What a browser says of a form that a page of this very service sent, or of an address that a person typed.
_OWN = frozenset({"same-origin", "none"})


def router(models: Models, clock: Callable[[], dt.datetime] = now) -> APIRouter:
    """The pages for every model that is served.

    Parameters
    ----------
    models : Models
    clock : callable
        The time that stands on the record of an estimate.
    """
    routes = APIRouter(include_in_schema=False)  # for people; programs have /v1

    @routes.api_route("/", methods=GET)
    async def list_of_models() -> Response:
        held = {name: one.bundle for name, one in models.current.served.items()}
        return _shown(render_models(held))

    @routes.api_route("/models/{name}", methods=GET)
    async def form(name: str, request: Request) -> Response:
        try:
            bundle = asked_model(request, models, name)
            state = request.app.state
            return _shown(await state.workers.run(state.settings.predict_seconds, render_form, bundle, {}, {}))
        except Problem as problem:
            return refusal(problem)

    @routes.post("/models/{name}")
    async def estimate(name: str, request: Request) -> Response:
        state = request.app.state
        settings, metrics = state.settings, state.metrics
        try:
            bundle = asked_model(request, models, name)
            _check_origin(request)
            body = await read_body(request, min(MAX_BYTES, settings.max_bytes), settings.body_seconds, FORM_TYPES)
            at = f"{clock():%Y-%m-%d %H:%M} UTC"
            page, given = await state.workers.run(settings.predict_seconds, answered, bundle, body, settings, at)
        except Problem as problem:
            if problem.kind != "model-unknown":
                metrics.count_predictions(name, refused=1)
            return refusal(problem)
        metrics.count_predictions(name, **({"given": 1} if given else {"refused": 1}))
        return _shown(page, 200 if given else 422)

    return routes


def answered(bundle: Bundle, body: bytes, settings: Settings, at: str) -> tuple[Page, bool]:
    """The page that answers a form at some time, and whether there is an estimate on it.

    Raises
    ------
    Problem
        For what no browser sends.
    """
    typed = read_form(body, fields_of(bundle))
    try:
        question = read_question(bundle, typed, settings)
    except Refused as refused:
        return render_form(bundle, typed, refused.faults), False
    return render_answer(bundle, typed, question, at), True


def refusal(problem: Problem) -> Response:
    """A refusal as a page, with the same status and headers."""
    return _shown(render_problem(problem), problem.status, problem.headers)


def _check_origin(request: Request) -> None:
    """No page of another site puts words into a page of this one (W3C, Fetch Metadata Request Headers)."""
    if request.headers.get("sec-fetch-site", "none") not in _OWN:
        raise Problem("malformed", "the form was sent by a page of another site")


def _shown(page: Page, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(page.text, status, {**(headers or {}), "Content-Security-Policy": page.policy}, "text/html")
