"""The page over HTTP, and in a browser: the same numbers, nothing of the patient anywhere but in the answer."""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
import tempfile
from urllib.parse import urlencode

import pytest
import uvicorn

from riskml.runtime.shares import digits, frequency, percent
from riskml.serving.calculator import asked_names, source_hash
from riskml.serving.logs import send_logs_to
from riskml.serving.page_form import MAX_BYTES
from riskml.serving.server import listen, url
from tests.cli.processes import golden
from tests.runtime.models import shipped_bundle
from tests.serving.asking import SMALL, TIMED
from tests.serving.browser import CHROMIUM, needs_browser

FORM = "application/x-www-form-urlencoded"
SECRET = "77.31415"
# What a person does, as far as a script can: the page itself has none.
DRIVER = """
const at = (id) => document.getElementById(id);
at("given-mrd").value = "0.52";
at("given-age").value = "6";
document.querySelector('[name="given-bcr_abl1"][value="absent"]').checked = true;
at("instead-mrd").value = "35";
at("forms").requestSubmit();
"""


def post(ask, content, name=TIMED, **headers):
    body = content if isinstance(content, bytes) else urlencode(content)
    return ask("POST", f"/models/{name}", content=body, headers={"Content-Type": FORM, **headers})


def typed(patient, bundle):
    """A patient as a person would type it into the form: texts with their own units."""
    found = {bundle.dictionary.find(name)[0].name: value for name, value in patient.items() if value is not None}
    return {f"given-{name}": str(value) for name, value in found.items() if name in asked_names(bundle)}


def plain(answer):
    text = html.unescape(re.sub(r"<[^>]+>", " ", answer if isinstance(answer, str) else answer.text))
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_list_and_the_forms_are_there_for_people_only(ask):
    found = ask("GET", "/")
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert f'href="/models/{TIMED}"' in found.text
    for name in (SMALL, TIMED):
        assert ask("GET", f"/models/{name}").status_code == ask("HEAD", f"/models/{name}").status_code == 200
    assert not {"/", "/models/{name}", f"/models/{TIMED}"} & {*ask("GET", "/openapi.json").json()["paths"]}


def test_headers_let_the_style_through_and_nothing_else(ask):
    for found in (ask("GET", "/"), ask("GET", f"/models/{TIMED}"), post(ask, {}), ask("GET", "/models/nobody")):
        style = re.search(r"<style>(.*?)</style>", found.text, re.DOTALL)[1]
        policy = found.headers["content-security-policy"]
        assert f"style-src {source_hash(style)};" in policy
        assert "script-src" not in policy
        assert {"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"} <= {*policy.split("; ")}
        assert found.headers["cache-control"] == "no-store"
        assert found.headers["referrer-policy"] == "no-referrer"
        assert "set-cookie" not in found.headers


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("name", [SMALL, TIMED])
def test_golden_patients_get_the_numbers_of_predict(ask, name, number):
    bundle, patient = shipped_bundle(name), golden(name)[number]["patient"]
    expected = bundle.predict(patient)
    found = post(ask, typed(patient, bundle), name)
    assert found.status_code == 200, plain(found)
    for value, low, high in zip(expected.value, expected.low, expected.high, strict=True):
        ends = f"{digits(low)} to {digits(high)} %"
        assert re.search(rf"{re.escape(percent(value))} .{{0,20}}{frequency(value)}.{{0,25}} {ends}", plain(found))
    assert expected.model["digest"] in found.text


def test_the_page_and_json_say_the_same_of_months_and_changes(ask):
    form = {"given-mrd": "0.52", "given-mrd-unit": "%", "instead-mrd": "35", "instead-mrd-unit": "%"}
    form |= {"at": "6 18", "event_free_at": "3", "expected_months": "20"}
    found = plain(post(ask, form))
    question = {"patient": {"mrd": "0.52 %"}, "at": [6, 18], "event_free_at": 3, "expected_months": 20}
    given = ask("POST", f"/v1/models/{TIMED}/predict", json=question).json()
    changed = ask("POST", f"/v1/models/{TIMED}/predict", json={**question, "set": {"mrd": "35 %"}}).json()
    assert f"Of months 3 to 20, expected event-free: {given['expected_months']['value']:.1f} (" in found
    for k, month in enumerate(question["at"]):
        assert f"At {month} months" in found or f"{month} months" in found
        difference = f"{100 * changed['what_if']['difference']['value'][k]:.0f}".replace("-", "\N{MINUS SIGN}")
        assert f"{difference} (" in found
        assert percent(given["estimate"]["value"][k]) in found


def test_faults_come_back_beside_what_was_typed(ask):
    hostile = '"><script>alert(1)</script>'
    found = post(ask, {"given-mrd": "0,52", "given-age": hostile, "at": "x"})
    assert found.status_code == 422
    assert "No estimate: 3 fields were refused" in plain(found)
    assert "<script" not in found.text
    assert f'value="{html.escape(hostile).replace("&quot;", "&#34;")}"' in found.text
    assert found.text.count('aria-invalid="true"') == 3


@pytest.mark.parametrize(
    ("content", "name", "headers", "status"),
    [
        (b"given-mrd=1&given-mrd=2", TIMED, {}, 400),
        (b"given-mrd=%ff", TIMED, {}, 400),
        (b"patient=1", TIMED, {}, 400),
        (b"at=6", SMALL, {}, 400),
        (b"", TIMED, {"Sec-Fetch-Site": "cross-site"}, 400),
        (b"given-mrd=" + b"1" * MAX_BYTES, TIMED, {}, 413),
        (b"{}", TIMED, {"Content-Type": "application/json"}, 415),
        (b"", "nobody", {}, 404),
        (b"", "..%2f..", {}, 404),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_every_refusal_is_a_page(ask, content, name, headers, status):
    found = post(ask, content, name, **headers)
    assert found.status_code == status
    if name != "..%2f..":
        assert found.headers["content-type"].startswith("text/html")
        assert 'role="alert"' in found.text
        assert 'href="/"' in found.text


def test_a_form_is_no_way_into_the_doors_of_programs(ask):
    found = ask("POST", f"/v1/models/{TIMED}/predict", content=b"a=1", headers={"Content-Type": FORM})
    assert found.status_code == 415
    assert ask("POST", f"/models/{TIMED}?given-mrd=1", content=b"", headers={"Content-Type": FORM}).status_code == 400


def test_nothing_of_the_patient_is_in_log_or_metrics(ask, capsys):
    send_logs_to()
    for form in ({"given-mrd": SECRET, "given-mrd-unit": "%"}, {"given-age": SECRET + "x"}, {SECRET: "1"}):
        post(ask, form)
    written = capsys.readouterr()
    assert SECRET not in written.out + written.err
    counts = ask("GET", "/metrics").text
    assert SECRET not in counts
    assert f'riskml_predictions_total{{model="{TIMED}",result="given"}}' in counts
    assert '"/models/{name}"' in counts


async def _browsed(app):
    """The document after the form was filled in and sent in a real browser, and what the browser complained of."""

    async def with_driver(scope, receive, send):
        """The application; only on the empty form, the test's own script is let in."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith("/models/"):
            await app(scope, receive, send)
            return
        sent = []

        async def keep(message):
            sent.append(message)

        await app(scope, receive, keep)
        headers = dict(sent[0]["headers"])
        headers[b"content-security-policy"] += f"; script-src {source_hash(DRIVER)}".encode()
        body = b"".join(message.get("body", b"") for message in sent[1:])
        body = body.replace(b"</body>", f"<script>{DRIVER}</script></body>".encode())
        headers[b"content-length"] = str(len(body)).encode()
        await send({**sent[0], "headers": list(headers.items())})
        await send({"type": "http.response.body", "body": body})

    with contextlib.closing(listen("127.0.0.1", 0)) as listening, tempfile.TemporaryDirectory() as profile:
        server = uvicorn.Server(uvicorn.Config(with_driver, ws="none", lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        browser = await asyncio.create_subprocess_exec(
            *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"),
            *(f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom"),
            f"{url(listening)}/models/{TIMED}",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        document, complaints = await asyncio.wait_for(browser.communicate(), 60)
        server.should_exit = True
        await serving
    return document.decode(), [line for line in complaints.decode().splitlines() if "CONSOLE" in line]


@needs_browser
def test_filled_in_and_sent_in_a_browser(ask):
    document, complaints = ask.runner.run(_browsed(ask.app))
    assert complaints == []
    given = {"mrd": "0.52 %", "age": "6 years", "bcr_abl1": "absent"}
    expected = shipped_bundle(TIMED).predict(given, as_given=None)
    found = plain(document)
    assert f"{percent(expected.value[-1])} ({frequency(expected.value[-1])}); 90 % interval" in found
    assert "0.52 % as given, 35 % instead" in found
    difference = shipped_bundle(TIMED).predict({**given, "mrd": "35 %"}, as_given=given).what_if.difference.value[-1]
    assert f"\N{MINUS SIGN}{-100 * difference:.0f} (" in found
    assert "<script" not in document
