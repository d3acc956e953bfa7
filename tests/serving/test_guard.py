"""Around every route: names, keys, rates, room, ids, headers; one line of log, and no patient in it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import logging

import pytest

from riskml.serving.guard import HEADERS, Guard
from riskml.serving.logs import LOGGER, JsonLines
from riskml.serving.metrics import Metrics
from riskml.serving.models import Models
from riskml.serving.settings import Settings
from tests.serving.asking import SMALL, Asking, is_problem, patient

KEY = "0123456789abcdefXYZ"


@pytest.fixture
def lines():
    """The log's lines, read when the block is over."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    LOGGER.addHandler(handler)
    before, _ = LOGGER.level, LOGGER.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(before)


@pytest.fixture
def guarded(served_folder):
    made = []

    def make(**settings):
        made.append(Asking(served_folder, Settings(**{"rate": 0.0, **settings})))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_every_answer_carries_the_headers_and_an_id(ask):
    for path in ("/health", "/v1/models", "/nothing", f"/v1/models/{SMALL}/card"):
        answer = ask("GET", path)
        assert {name: answer.headers[name] for name in HEADERS} == dict(HEADERS)
        assert len(answer.headers["x-request-id"]) == 32
        assert "server" not in answer.headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("req-1.A_b", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("<script>", False),
        ('"}', False),
        ("é", False),
    ],
)
def test_a_well_formed_id_is_kept_and_any_other_replaced(ask, given, kept):
    answer = ask("GET", "/ready", headers={"X-Request-ID": given.encode("latin-1")})
    assert (answer.headers["x-request-id"] == given) is kept


def test_the_log_names_route_and_model_and_nothing_that_was_sent(ask, lines):
    secret = "JANE-DOE-77"
    ask.predict(SMALL)
    ask("POST", f"/v1/models/{SMALL}/predict", json={"patient": {secret: 1, "mrd": secret, "patient_id": secret}})
    ask("GET", f"/v1/models/{secret}?q={secret}", headers={"X-Odd": secret, "User-Agent": secret})
    ask("GET", f"/{secret}/x", headers={"X-Request-ID": f"{secret} 1"})
    ask.post(f'{{"patient": {{"mrd": "{secret}"')
    ask("POST", f"/v1/models/{SMALL}/predict?{secret}", json={"patient": patient()})
    found = lines()
    assert secret not in json.dumps(found)
    assert [(one["route"], one["status"], one.get("model")) for one in found] == [
        ("/v1/models/{name}/predict", 200, SMALL),
        ("/v1/models/{name}/predict", 422, SMALL),
        ("/v1/models/{name}", 404, None),
        ("other", 404, None),
        ("/v1/models/{name}/predict", 400, SMALL),
        ("/v1/models/{name}/predict", 400, SMALL),
    ]
    assert set(found[0]) == {"time", "level", "event", "id", "method", "route", "status", "ms", "model", "digest"}
    assert secret not in ask.app.state.metrics.text().decode()


def test_a_key_is_asked_of_everybody_but_the_probes(guarded):
    ask = guarded(key_digests=(hashlib.sha256(b"another-key-of-ours").digest(), hashlib.sha256(KEY.encode()).digest()))
    for headers in (
        {},
        {"Authorization": "Bearer"},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY[:-1]}"},
        {"X-API-Key": KEY + "x"},
        {"X-API-Key": "é".encode()},
    ):
        refused = ask("GET", "/v1/models", headers=headers)
        is_problem(refused, 401, "key-required")
        assert refused.headers["www-authenticate"] == "Bearer"
    assert ask("GET", "/metrics").status_code == 401
    assert ask("GET", "/nothing").status_code == 401, "who has no key learns no addresses"
    for headers in ({"Authorization": f"Bearer {KEY}"}, {"Authorization": f"bearer {KEY}"}, {"X-API-Key": KEY}):
        assert ask("GET", "/v1/models", headers=headers).status_code == 200
    assert ask("GET", "/health").status_code == ask("GET", "/ready").status_code == 200


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("localhost:8000", True),
        ("LOCALHOST.:8000", True),
        ("127.0.0.1:8000", True),
        ("[::1]:8000", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("", False),
        ("[::2]", False),
    ],
)
def test_another_sites_name_for_this_machine_is_refused(guarded, host, allowed):
    ask = guarded(hosts=("localhost", "127.0.0.1", "[::1]"))
    answer = ask("GET", "/v1/models", headers={"Host": host})
    assert (answer.status_code == 200) is allowed
    if not allowed:
        is_problem(answer, 421, "wrong-host")
    assert ask("GET", "/health", headers={"Host": host}).status_code == 200


def test_haste_is_told_how_long_to_wait(guarded):
    ask = guarded(rate=0.5, burst=2)
    assert [ask("GET", "/v1/models").status_code for _ in range(3)] == [200, 200, 429]
    refused = ask("GET", "/v1/models")
    is_problem(refused, 429, "too-many")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert ask("GET", "/ready").status_code == 200


def test_no_more_than_so_many_requests_are_in_work(guarded):
    ask = guarded(concurrent=2)

    async def many():
        body = {"patient": patient()}
        asked = [ask.client.post(f"/v1/models/{SMALL}/predict", json=body) for _ in range(8)]
        return sorted([answer.status_code for answer in await asyncio.gather(*asked)])

    statuses = ask.runner.run(many())
    assert statuses.count(200) >= 2
    assert statuses.count(503) == len(statuses) - statuses.count(200) > 0
    assert ask.predict().status_code == 200, "and then there is room again"


def test_a_defect_is_an_answer_with_an_id_and_its_words_stay_inside(ask, lines, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("JANE DOE")

    monkeypatch.setattr("riskml.serving.routes.answer_one", broken)
    answer = ask.predict()
    is_problem(answer, 500, "internal")
    (line,) = lines()
    assert "JANE" not in answer.text + json.dumps(line)
    assert (line["level"], line["error"], line["id"]) == ("error", "ZeroDivisionError", answer.headers["x-request-id"])
    assert "test_guard.py" in line["where"]


def test_what_fails_after_the_answer_began_is_logged_and_ends_it(served_folder, lines):
    async def breaks(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError("JANE")

    sent = []

    async def send(message):
        sent.append(message["type"])

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "client": None}
    guard = Guard(breaks, Settings(), Metrics(Models(served_folder)))
    asyncio.run(guard(scope, None, send))
    assert sent == ["http.response.start"]
    assert lines()[0]["error"] == "ValueError"


def test_what_is_no_request_passes_by():
    seen = []

    async def inner(scope, receive, send):
        seen.append(scope["type"])

    asyncio.run(Guard(inner, Settings(), None)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
