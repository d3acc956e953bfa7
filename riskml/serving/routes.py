"""The routes of version 1: models, cards, schemas, predictions, and what operators ask."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from riskml.runtime.bundle import Bundle
from riskml.runtime.schema import patient_schema, prediction_schema
from riskml.serving.asked import answer_one, answer_row, join_rows, read_many, read_one
from riskml.serving.bodies import read_body
from riskml.serving.doors import GET, asked_model, json_text
from riskml.serving.metrics import MEDIA_TYPE as METRICS_TYPE
from riskml.serving.metrics import Metrics
from riskml.serving.models import Models
from riskml.serving.problems import KINDS, Problem
from riskml.serving.settings import Settings
from riskml.serving.work import Workers


def answered(content: Any, status: int = 200) -> Response:
    """Plain data as JSON."""
    return Response(json_text(content), status, media_type="application/json")


def router(models: Models, settings: Settings, workers: Workers, metrics: Metrics) -> APIRouter:
    """Every route of version 1."""
    routes = APIRouter(include_in_schema=False)  # the OpenAPI is written model by model: riskml.serving.openapi
    # Routes are tried in turn: what is asked most comes first.
    _add_predictions(routes, models, settings, workers, metrics)
    _add_models(routes, models)
    _add_schemas(routes, models, workers, settings)
    _add_operations(routes, models, workers, metrics)
    return routes


def _add_models(routes: APIRouter, models: Models) -> None:
    @routes.api_route("/v1/models", methods=GET)
    async def list_models() -> Response:
        held = [(name, one.bundle) for name, one in models.current.served.items()]
        return answered({"models": [_summary(name, bundle) for name, bundle in held]})

    @routes.api_route("/v1/models/{name}", methods=GET)
    async def describe_model(request: Request, name: str) -> Response:
        bundle = asked_model(request, models, name)
        return answered(_description(name, bundle))

    @routes.api_route("/v1/models/{name}/card", methods=GET)
    async def card(request: Request, name: str) -> Response:
        return Response(asked_model(request, models, name).card, media_type="text/markdown")


def _add_schemas(routes: APIRouter, models: Models, workers: Workers, settings: Settings) -> None:
    kept: dict[str, str] = {}

    @routes.api_route("/v1/models/{name}/schema", methods=GET)
    async def schema(request: Request, name: str) -> Response:
        bundle = asked_model(request, models, name)
        if bundle.digest not in kept:  # it takes as long as twenty predictions
            if len(kept) > len(models.names):
                kept.clear()
            text = await workers.run(settings.predict_seconds, lambda: json_text(patient_schema(bundle)))
            kept[bundle.digest] = text
        return Response(kept[bundle.digest], media_type="application/json")

    @routes.api_route("/v1/schemas/prediction", methods=GET)
    async def schema_of_predictions() -> Response:
        return answered(prediction_schema())

    @routes.api_route("/v1/problems/{kind}", methods=GET)
    async def problem(kind: str) -> Response:
        if kind not in KINDS:
            raise Problem("not-found", "there is no problem of that kind")
        return answered({"type": f"/v1/problems/{kind}", **KINDS[kind].to_fields()})


def _summary(name: str, bundle: Bundle) -> dict[str, Any]:
    manifest = bundle.manifest
    return {
        "name": name,
        "label": manifest["label"],
        "kind": bundle.model.scale,
        "version": manifest["version"],
        "digest": bundle.digest,
        "synthetic": manifest["synthetic"],
        "usable_signal": manifest["usable_signal"],
    }


def _description(name: str, bundle: Bundle) -> dict[str, Any]:
    manifest, timed = bundle.manifest, bundle.model.kind != "binary"
    return {
        **_summary(name, bundle),
        "landmark": manifest["landmark"],
        "intended_use": manifest["intended_use"],
        "not_for": manifest["not_for"],
        "applies_to": manifest["applies_to"],
        "inputs": list(bundle.model.inputs),
        "horizons_months": manifest["horizons_months"] if timed else [],
        "longest_months": bundle.model.horizon if timed else None,
        "verdict": manifest["verdict"],
    }


def _add_predictions(routes: APIRouter, models: Models, settings: Settings, workers: Workers, metrics: Metrics) -> None:
    def one(bundle: Bundle, body: bytes) -> str:
        return answer_one(bundle, read_one(bundle, body, settings))

    @routes.post("/v1/models/{name}/predict")
    async def predict(request: Request, name: str) -> Response:
        bundle = asked_model(request, models, name)
        body = await read_body(request, settings.max_bytes, settings.body_seconds)
        try:
            text = await workers.run(settings.predict_seconds, one, bundle, body)
        except Problem:
            metrics.count_predictions(name, refused=1)
            raise
        metrics.count_predictions(name, given=1)
        return Response(text, media_type="application/json")

    @routes.post("/v1/models/{name}/predict-many")
    async def predict_many(request: Request, name: str) -> Response:
        bundle = asked_model(request, models, name)
        body = await read_body(request, settings.max_many_bytes, settings.body_seconds)
        end = time.monotonic() + settings.many_seconds
        asked = await workers.run(settings.predict_seconds, read_many, bundle, body, settings)
        # One after the other, so that others' single patients get their turn in between.
        rows = [
            await workers.run(end - time.monotonic(), answer_row, bundle, asked, row)
            for row in range(1, len(asked.patients) + 1)
        ]
        refused = sum('"problem"' in row[:30] for row in rows)
        metrics.count_predictions(name, given=len(rows) - refused, refused=refused)
        return Response(join_rows(bundle, rows), media_type="application/json")


def _add_operations(routes: APIRouter, models: Models, workers: Workers, metrics: Metrics) -> None:
    @routes.api_route("/health", methods=GET)
    async def health() -> Response:
        found = models.statuses()
        whole = not found["refused"] and not any("stale" in one for one in found["models"])
        return answered({"status": "ok" if whole else "degraded", **found})

    @routes.api_route("/ready", methods=GET)
    async def ready() -> Response:
        if workers.is_blocked or not models.names:
            raise Problem("busy", "no thread is free to predict", headers={"Retry-After": "5"})
        return answered({"status": "ready"})

    @routes.api_route("/metrics", methods=GET)
    async def counts() -> Response:
        return Response(metrics.text(), headers={"Content-Type": METRICS_TYPE})
