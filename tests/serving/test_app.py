"""The application as a whole: doors, the framework's own refusals, and the exchange of models under requests."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal

import pytest
from fastapi import APIRouter

from riskml.serving.app import build_app, log_refused, reload
from riskml.serving.asked import MAX_CHANGES
from riskml.serving.metrics import Metrics
from riskml.serving.models import Models
from riskml.serving.problems import KINDS
from riskml.serving.server import HEAD_SECONDS, MAX_CONNECTIONS
from riskml.serving.settings import Settings
from tests.repository import ROOT
from tests.serving.asking import SMALL, TIMED, Asking, folder_of, is_problem, patient, spoil


def test_no_page_of_the_framework_is_served(ask):
    for path in ("/docs", "/redoc", "/openapi.yaml", "/v1/models/"):
        assert ask("GET", path).status_code == 404


def test_nothing_is_sent_to_a_collector_whatever_the_environment_says(served_folder, monkeypatch):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.invalid:4318")
    told = build_app(Models(served_folder))._telemetry
    assert [name for name in ("auto_configure", "tracing", "metrics", "logs", "operation_spans") if told[name]] == []


def test_fhir_and_cds_hooks_are_doors_by_default(ask):
    services = ask("GET", "/cds-services")
    assert services.status_code == 200
    assert services.json()["services"]
    refused = ask("POST", f"/fhir/{SMALL}/$risk-assessment", content="{}")
    assert refused.status_code == 415
    assert refused.json()["resourceType"] == "OperationOutcome"


def test_another_door_is_served_described_and_kept_in_shape(served_folder):
    routes = APIRouter()

    @routes.get("/count")
    async def count(number: int) -> int:
        return number

    ask = Asking(served_folder, more=[routes])
    assert ask("GET", "/count?number=3").json() == 3
    refused = ask("GET", "/count?number=JANE")
    is_problem(refused, 400, "malformed")
    assert "JANE" not in refused.text
    assert "/count" in ask("GET", "/openapi.json").json()["paths"]
    assert ask("GET", "/cds-services").status_code == 404
    ask.close()


def test_a_reload_changes_models_and_document_and_a_refused_one_nothing(tmp_path):
    ask = Asking(folder_of(tmp_path, SMALL))
    metrics = ask.app.state.metrics
    before = ask("GET", "/openapi.json").json()
    assert ask("GET", "/openapi.json").json() == before
    folder_of(tmp_path, "icans")
    assert ask.runner.run(reload(ask.models, metrics)) is True
    assert "/v1/models/icans/predict" in ask("GET", "/openapi.json").json()["paths"]
    shutil.rmtree(tmp_path)
    assert ask.runner.run(reload(ask.models, metrics)) is False
    assert ask.predict("icans").status_code == 200
    text = ask("GET", "/metrics").text
    assert 'riskml_reloads_total{result="done"} 1.0' in text
    assert 'riskml_reloads_total{result="refused"} 1.0' in text
    ask.close()


def test_whatever_goes_wrong_in_a_reload_is_logged_and_the_models_stay(served_folder, monkeypatch, caplog):
    models = Models(served_folder)

    def broken():
        raise ZeroDivisionError("JANE")

    monkeypatch.setattr(models, "reload", broken)
    with caplog.at_level("INFO", "riskml.serve"):
        assert asyncio.run(reload(models, Metrics(models))) is False
    assert caplog.records[-1].fields["error"] == "ZeroDivisionError"
    assert "JANE" not in str(caplog.records[-1].fields)


def test_each_refused_bundle_is_a_line_of_the_log(tmp_path, caplog):
    models = Models(folder_of(tmp_path, SMALL, "icans"))
    spoil(tmp_path / "icans" / "bundle")
    models.reload()
    with caplog.at_level("INFO", "riskml.serve"):
        log_refused(models)
    (record,) = caplog.records
    assert (record.message, record.fields["place"]) == ("bundle_refused", "icans")


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_no_request_is_lost_while_models_are_exchanged_by_signal_and_by_clock(tmp_path):
    home = folder_of(tmp_path, SMALL)
    models = Models(home)
    app = build_app(models, Settings(rate=0.0, concurrent=1000), reload_every=0.02)
    ask = Asking(models, Settings(rate=0.0, concurrent=1000))

    async def storm():
        statuses = []
        async with app.router.lifespan_context(app):
            for turn in range(10):
                os.kill(os.getpid(), signal.SIGHUP)
                if turn == 5:
                    folder_of(home, "icans")
                asked = [
                    ask.client.post(f"/v1/models/{SMALL}/predict", json={"patient": patient(), "explain": False})
                    for _ in range(5)
                ]
                statuses += [answer.status_code for answer in await asyncio.gather(*asked)]
            for _ in range(200):
                if "icans" in models.names:
                    break
                await asyncio.sleep(0.02)
        return statuses

    assert ask.runner.run(storm()) == [200] * 50
    assert models.current.number > 2
    assert "icans" in models.names
    ask.close()


def test_the_page_names_every_address_limit_and_kind(ask):
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    listed = re.findall(r"`(?:GET|POST) (\S+?)`", page)
    paths = {re.sub(f"/({SMALL}|{TIMED})", "/{name}", path) for path in ask("GET", "/openapi.json").json()["paths"]}
    described = {re.sub("/riskml-(patient-view|order-select)", "/{id}", path) for path in paths}
    assert described | {"/openapi.json"} <= set(listed)
    for path in listed:
        filled = path.replace("{name}", SMALL).replace("{kind}", "busy").replace("{id}", "riskml-patient-view")
        assert ask("GET", filled).status_code in {200, 405}, path
    limits = Settings()
    shown = (f"{limits.max_patients:,}, {limits.max_months}, {MAX_CHANGES}", f"| {limits.concurrent}, then 503 |")
    shown += (f"| {limits.rate:g} a second in the long run, {limits.burst} at once", f"| {MAX_CONNECTIONS} |")
    shown += (f"| {limits.predict_seconds:g} s, {limits.many_seconds:g} s |", f"| {HEAD_SECONDS:g} s, 16 KB |")
    assert [part for part in shown if part not in page] == []
    kinds = set(KINDS) - {"data-unavailable"}  # of CDS Hooks alone
    assert [kind for kind in kinds if f"`{kind}`" not in page] == []


def test_the_questions_of_the_page_are_answered(ask):
    page = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    (question,) = [
        json.loads(text) for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL) if "event_free_at" in text
    ]
    found = ask("POST", f"/v1/models/{TIMED}/predict", json=question)
    assert found.status_code == 200
    assert found.json()["what_if"]["changed"][0]["input"] == "kmt2a_r"
