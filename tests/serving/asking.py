"""What the tests of the service share: small folders of models, an application without a network, invented patients."""

from __future__ import annotations

import asyncio
import json
import shutil

import httpx

from riskml.serving.app import build_app
from riskml.serving.models import Models
from tests.cli.processes import BUNDLES, golden

SMALL = "non_response"
TIMED = "efs"


def folder_of(home, *names):
    """A folder with some of the shipped bundles, as ``out/<name>/bundle``."""
    for name in names:
        shutil.copytree(BUNDLES[name], home / name / "bundle")
    return home


def patient(name=SMALL, number=0):
    return golden(name)[number]["patient"]


def spoil(bundle):
    """Change one byte of a model's file."""
    path = bundle / "model.json"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


class Asking:
    """An application asked in this process, one request after the other; ``ask.app`` is the application."""

    def __init__(self, home, settings=None, **more):
        self.models = home if isinstance(home, Models) else Models(home)
        self.app = build_app(self.models, settings, **more)
        self.runner = asyncio.Runner()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("192.0.2.1", 50_000))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://service.example")

    def __call__(self, method, path, **content):
        return self.runner.run(self.client.request(method, path, **content))

    def predict(self, name=SMALL, **question):
        return self("POST", f"/v1/models/{name}/predict", json={"patient": patient(name), **question})

    def post(self, text, path=f"/v1/models/{SMALL}/predict"):
        return self("POST", path, content=text, headers={"Content-Type": "application/json"})

    def close(self):
        self.runner.run(self.client.aclose())
        self.app.state.workers.close()
        self.runner.close()


def is_problem(answer, status, kind, *parts):
    """A refusal of this kind, in the one shape, whose text holds every part."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["type"] == f"/v1/problems/{kind}"
    assert found["status"] == status
    assert found["request_id"] == answer.headers["x-request-id"]
    assert all(set(fault) == {"row", "column", "rule", "value", "remedy"} for fault in found["faults"])
    missing = [part for part in parts if part not in json.dumps(found, ensure_ascii=False)]
    assert not missing, f"{missing} not in {answer.text}"
    return found
