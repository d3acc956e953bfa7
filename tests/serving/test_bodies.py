"""Bodies: read under limits whatever the client says of them, then parsed as strictly as a patient's file."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.requests import Request

from riskml.serving.bodies import parsed, read_body
from riskml.serving.problems import Problem

JSON = [("content-type", "application/json")]


def request(parts, headers=JSON, query=b"", pause=0.0):
    left = list(parts)

    async def receive():
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    named = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": named, "query_string": query}
    return Request(scope | {"server": ("service.example", 80), "scheme": "http"}, receive)


def read(*arguments, max_bytes=10, seconds=5.0, **settings):
    return asyncio.run(read_body(request(*arguments, **settings), max_bytes, seconds))


def refused(kind, *arguments, **settings):
    with pytest.raises(Problem) as caught:
        read(*arguments, **settings)
    assert caught.value.kind == kind
    return caught.value


def test_a_body_in_pieces_comes_back_whole():
    assert read([b"{}"]) == b"{}"
    assert read([b"{", b"", b"}"]) == b"{}"
    assert read([b"0123456789"]) == b"0123456789", "as many as allowed"


@pytest.mark.parametrize(
    "kind", ["application/json", "APPLICATION/JSON; charset=UTF-8", 'application/json;charset="utf-8"; x=y']
)
def test_json_is_taken_however_it_is_spelt(kind):
    assert read([b"{}"], [("content-type", kind)]) == b"{}"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("content-type", "")],
        [("content-type", "text/plain")],
        [("content-type", "application/jsonp")],
        [("content-type", "application/x-www-form-urlencoded")],
        [("content-type", "multipart/form-data; boundary=x")],
        [("content-type", "application/json; charset=utf-16")],
        [*JSON, ("content-type", "text/plain")],
        [*JSON, ("content-encoding", "gzip")],
    ],
    ids=str,
)
def test_any_other_type_is_refused_unread(headers):
    assert refused("wrong-type", [], headers).status == 415


def test_too_large_is_refused_by_what_is_said_and_by_what_comes():
    assert refused("too-large", [], [*JSON, ("content-length", "11")]).headers == {"Connection": "close"}
    refused("too-large", [b"0123456789", b"0", b"never asked for"])
    refused("too-large", [b"01234", b"567890"], [*JSON, ("content-length", "2")])
    refused("too-large", [], [*JSON, ("content-length", "9" * 5_000)])


@pytest.mark.parametrize("length", ["-1", "1e3", "", "٣", "0x10"])
def test_a_length_that_is_no_number_is_refused(length):
    headers = [*JSON, ("content-length", length.encode().decode("latin-1"))]
    refused("malformed", [b"{}"], headers)


def test_a_body_that_drips_is_given_up():
    assert refused("too-slow", [b"{"] * 100, seconds=0.05, pause=0.01, max_bytes=1000).status == 408


def test_a_query_string_is_refused_because_it_would_be_ignored():
    refused("malformed", [b"{}"], query=b"at=6")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "must be JSON"),
        (b"\xff\xfe{\x00}", "must be UTF-8"),
        (b'{"a": 1} {"b": 2}', "one object"),
        (b'{"a": NaN}', "finite"),
        (b'{"a": 1e309}', "finite"),
        (b'{"a": -Infinity}', "finite"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "sensible length"),
        (b'{"a": 1, "a": 2}', "given once"),
        (b'{"a": {"b": 1, "b": 2}}', "given once"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b'{"a": "\n"}', "must be JSON"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_is_no_strict_json_is_malformed(body, rule):
    with pytest.raises(Problem) as caught:
        parsed(body, 2_000_000)
    assert (caught.value.kind, caught.value.status) == ("malformed", 400)
    assert rule in caught.value.faults[0].rule


def test_strict_json_comes_back_as_written():
    value = {"a": [1, 2.5, None, True, "\ud800 ü"], "b": {"c": {}}}
    assert parsed(json.dumps(value).encode(), 1000) == value
    assert parsed("﻿{}".encode(), 1000) == {}
