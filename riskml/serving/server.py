"""One process that serves: the socket, patience with slow clients, and an end that drops no request."""

from __future__ import annotations

import asyncio
import errno
import gc
import ipaddress
import signal
import socket
import sys
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from riskml.errors import UsageError
from riskml.serving.logs import log
from riskml.serving.problems import MEDIA_TYPE, Problem

# A request's head must come within the first, an answer be taken within the second; then the connection is cut.
HEAD_SECONDS = 10.0
READ_SECONDS = 30.0
MAX_HEAD_BYTES = 16_384
MAX_CONNECTIONS = 512
KEEP_ALIVE_SECONDS = 15
GRACE_SECONDS = 30
MAX_PORT = 65_535


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 with an end to patience: it waits for ever for a head, and for a client to read."""

    head_seconds = HEAD_SECONDS
    read_seconds = READ_SECONDS
    _head: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first head."""
        super().connection_made(transport)
        # Head and body of an answer leave as two packets; without this the second waits 40 ms for a receipt of the
        # first (asyncio sets it only for sockets made with an explicit protocol number).
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wait_for_head()

    def data_received(self, data: bytes) -> None:
        """Take data; what is no whole head yet does not buy more time."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_head()
        elif self._head is None:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clocks."""
        self._stop_head()
        self._stop_unread()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read."""
        self._stop_unread()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP in the shape of every other refusal."""
        body = Problem("malformed", msg).response().body
        head = (
            f"HTTP/1.1 400 Bad Request\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
            "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + bytes(body))
        self.transport.close()

    def _wait_for_head(self) -> None:
        self._head = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _stop_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, so that a port in use is told before anything else is done.

    Raises
    ------
    UsageError
        If the address cannot be listened on.
    """
    if not 0 <= port <= MAX_PORT:
        raise UsageError(f"cannot listen on {host}, port {port}: ports go from 0 to {MAX_PORT}")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
    except (OSError, UnicodeError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (while ")[0]
        other = ": choose another with --port" if getattr(error, "errno", None) == errno.EADDRINUSE else ""
        raise UsageError(f"cannot listen on {host}, port {port}: {reason}{other}") from None


def url(listening: socket.socket) -> str:
    """Where a socket is reached."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; requests in work are finished first, for at most ``GRACE_SECONDS``."""
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # uvicorn raises the signal again when all is done, which would end the process as if it had been killed.
    # A SIGHUP that comes before the application listens to it, or after, must not end it either.
    for number in (signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
        signal.signal(number, _heard)
    # The models stay: looking through them for garbage again and again is what slow requests wait for.
    gc.collect()
    gc.freeze()
    # A thread that predicts lets the loop have its turn after so many seconds; the default is as long as a prediction.
    sys.setswitchinterval(0.001)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
    log("stopped")


def _heard(_number: int, _frame: Any) -> None:
    """Whoever had to hear the signal has heard it."""
