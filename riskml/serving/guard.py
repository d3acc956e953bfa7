"""What every request passes around the routes: host, key, rate, room; id, headers, one line of log, counts."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from riskml.runtime.bundle import Bundle
from riskml.serving.logs import described, log
from riskml.serving.metrics import Metrics
from riskml.serving.problems import Problem
from riskml.serving.rate import TokenBuckets
from riskml.serving.settings import Settings

# Probes of an orchestrator carry no key and must not be held up by anybody.
OPEN_PATHS = frozenset({"/health", "/ready"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DISCONNECTED = 499  # what proxies log where the client has gone
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_NOTES = "riskml"


def note(scope: Scope, bundle: Bundle) -> None:
    """Name the model in the request's line of log."""
    scope[_NOTES] = {"model": bundle.manifest["name"], "digest": bundle.digest}


def request_id(scope: Scope) -> str:
    """The request's id: the caller's own where it is well-formed, otherwise a new one."""
    return str(scope["state"]["request_id"])


class Guard:
    """ASGI middleware around all routes."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._buckets = TokenBuckets(settings.rate, settings.burst)
        self._in_work = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing that goes wrong in it gets past here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        scope.setdefault("state", {})["request_id"] = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        answer = _Answer(send, request_id(scope))
        start = time.perf_counter()
        self._in_work += 1
        self._metrics.in_work.inc()
        failure: dict[str, Any] = {}
        try:
            await self._pass(scope, receive, answer)
        except Problem as problem:
            await problem.response(request_id(scope))(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - the last line: the caller gets an id, the log gets the place
            failure = described(error)
            if not answer.status:
                failed = Problem("internal", "the service met a defect; report it with the request id")
                await failed.response(request_id(scope))(scope, receive, answer)
        finally:
            self._in_work -= 1
            self._metrics.in_work.dec()
            self._finish(scope, answer.status or _DISCONNECTED, time.perf_counter() - start, failure)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["path"] not in OPEN_PATHS:
            self._check_host(headers)
            self._check_key(headers)
            self._check_room(scope)
        await self._app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        """A page of another site that points its own name at this machine may not use the visitor's browser to ask."""
        host = headers.get("host", "")
        name = host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]
        if self._settings.hosts and name.casefold().rstrip(".") not in self._settings.hosts:
            raise Problem("wrong-host", "the service does not answer under this host name")

    def _check_key(self, headers: Headers) -> None:
        if not self._settings.key_digests:
            return
        scheme, _, key = headers.get("authorization", "").partition(" ")
        key = key.strip() if scheme.casefold() == "bearer" else headers.get("x-api-key", "")
        digest = hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).digest()
        # Every key is compared, and digests of equal length: the time taken tells nothing.
        if not sum(hmac.compare_digest(digest, known) for known in self._settings.key_digests):
            raise Problem("key-required", "no key of this service was sent", headers={"WWW-Authenticate": "Bearer"})

    def _check_room(self, scope: Scope) -> None:
        client = scope.get("client")
        wait = self._buckets.wait(client[0] if client else "")
        if wait:
            headers = {"Retry-After": str(math.ceil(wait))}
            raise Problem("too-many", "this client asks more often than the service allows", headers=headers)
        if self._in_work > self._settings.concurrent:
            raise Problem("busy", "too many requests are in work", headers={"Retry-After": "1"})

    def _finish(self, scope: Scope, status: int, seconds: float, failure: Mapping[str, Any]) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.count_request(scope["method"], route, status, seconds)
        log(
            "request",
            logging.ERROR if failure else logging.INFO,
            id=request_id(scope),
            method=scope["method"] if scope["method"].isalpha() and len(scope["method"]) < 10 else "other",
            route=route,
            status=status,
            ms=round(1000 * seconds, 2),
            **scope.get(_NOTES, {}),
            **failure,
        )


class _Answer:
    """The way back: adds the headers, and remembers the status."""

    def __init__(self, send: Send, identity: str) -> None:
        self._send = send
        self._identity = identity
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._identity
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
