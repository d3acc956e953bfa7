"""One server on loopback: patience has an end, what is no HTTP is refused in our shape, addresses are told in words."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import pytest
import uvicorn

from riskml.errors import UsageError
from riskml.serving.server import PatientProtocol, is_loopback, listen, url
from riskml.serving.settings import Settings
from tests.serving.asking import SMALL, Asking

HEAD = f"POST /v1/models/{SMALL}/predict HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


class Impatient(PatientProtocol):
    head_seconds = 0.3
    read_seconds = 0.3


@pytest.fixture(scope="module")
def talk(served_folder):
    """Send pieces to a server of this process, with pauses; what came back until it closed, and how long it took."""
    ask = Asking(served_folder, Settings(rate=0.0, body_seconds=0.3))

    async def exchange(pieces, pause):
        listening = listen("127.0.0.1", 0)
        config = uvicorn.Config(ask.app, http=Impatient, ws="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        begin = asyncio.get_running_loop().time()

        async def send():
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause)

        async def take():
            found = b""
            with contextlib.suppress(ConnectionError):
                while part := await reader.read(65_536):
                    found += part
            return found

        sending = asyncio.create_task(send())
        found = await asyncio.wait_for(take(), 8)
        taken = asyncio.get_running_loop().time() - begin
        await sending
        writer.transport.abort()
        server.should_exit = True
        await asyncio.wait_for(serving, 8)
        return found, taken

    yield lambda *pieces, pause=0.0: ask.runner.run(exchange(pieces, pause))
    ask.close()


def body(found):
    return json.loads(found.partition(b"\r\n\r\n")[2])


def test_who_says_nothing_or_drips_a_head_is_cut_off(talk):
    for pieces in ([], [b"GET /health HTTP/1.1\r\n"], [b"G", b"E", b"T"]):
        found, taken = talk(*pieces, pause=0.05)
        assert found == b""
        assert 0.2 < taken < 3


def test_a_second_head_has_no_more_time_than_the_first(talk):
    first = b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n"
    found, taken = talk(first, b"GET /ready HTT", b"P/1.1\r\n", pause=0.1)
    assert found.count(b"200 OK") == 1
    assert taken < 3


def test_a_body_that_drips_is_refused_in_time(talk):
    pieces = [HEAD.encode() + b"Content-Length: 20\r\n\r\n", *[b" "] * 8]
    found, taken = talk(*pieces, pause=0.06)
    assert b"408 " in found
    assert body(found)["type"] == "/v1/problems/too-slow"
    assert taken < 3


def test_a_body_without_end_is_refused_while_it_comes(talk):
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    found, _ = talk(HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 17, pause=0.001)
    assert found == b"" or b"413 " in found, "the answer may be lost where the client goes on sending"


def test_a_length_that_promises_too_much_is_refused_before_anything_comes(talk):
    found, taken = talk(HEAD.encode() + b"Content-Length: 1000001\r\n\r\n")
    assert b"413 " in found
    assert b"connection: close" in found.lower()
    assert taken < 3


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: " + b"x" * 200_000 + b"\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["TLS", "words", "two lengths", "long head", "nul"],
)
def test_what_is_no_http_is_a_problem_too(talk, junk):
    found, _ = talk(junk)
    assert found == b"" or b"400 Bad Request" in found
    if found:
        assert body(found)["type"] == "/v1/problems/malformed"


@pytest.mark.parametrize(
    "path", ["/v1/models/../../etc/passwd", "/v1/models/%2e%2e%2f%2e%2e%2fetc", "/v1/models/..\\..", "//v1/models/efs"]
)
def test_a_path_is_never_followed(talk, path):
    found, _ = talk(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert b"404 " in found
    assert b"root:" not in found


def test_who_never_reads_is_cut_off():
    """An answer of megabytes to a client that takes none of it: the connection ends, and with it the request."""

    async def large(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(200):
            await send({"type": "http.response.body", "body": b" " * 100_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def exchange():
        listening = listen("127.0.0.1", 0)
        config = uvicorn.Config(large, http=Impatient, ws="none", lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        with socket.create_connection(listening.getsockname()) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await asyncio.sleep(0.1)
            seen = len(server.server_state.connections)
            for _ in range(100):
                await asyncio.sleep(0.05)
                if not server.server_state.connections:
                    break
            left = len(server.server_state.connections)
        server.should_exit = True
        await serving
        return seen, left

    assert asyncio.run(exchange()) == (1, 0)


def test_addresses_that_cannot_be_listened_on_are_told_in_words():
    with listen("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
        assert url(held) == f"http://127.0.0.1:{port}"
        with pytest.raises(
            UsageError, match=f"cannot listen on 127.0.0.1, port {port}: .*in use: choose another with --port"
        ):
            listen("127.0.0.1", port)
    for host, port in (("127.0.0.1", 70_000), ("host.invalid", 0), ("x" * 300, 0)):
        with pytest.raises(UsageError, match="cannot listen on"):
            listen(host, port)


@pytest.mark.parametrize(
    ("host", "stays"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_is_told_from_the_network(host, stays):
    assert is_loopback(host) is stays
    assert is_loopback("risk.example.org") is False
