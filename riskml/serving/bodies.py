"""A request's body, read under limits before anything looks at it, then parsed as strictly as a patient's file."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from riskml.errors import DataError
from riskml.runtime.patient import strict_json
from riskml.serving.problems import Problem

JSON_TYPES = ("application/json",)
# The client may still be sending; reading on to be polite is what an attacker wants.
_CLOSE = {"Connection": "close"}


async def read_body(request: Request, max_bytes: int, seconds: float, media_types: Sequence[str] = JSON_TYPES) -> bytes:
    """The whole body, if it is of an accepted type, small and quick enough.

    Parameters
    ----------
    request : Request
    max_bytes : int
        Counted while it arrives; a ``Content-Length`` above it is refused before.
    seconds : float
        Time for all of it, so that a drop a second does not hold a place for ever.
    media_types : sequence of str

    Raises
    ------
    Problem
        ``malformed`` for a query string, ``wrong-type``, ``too-large`` or ``too-slow``.
    """
    if request.url.query:
        raise Problem("malformed", "this address takes no query string: everything goes into the body")
    _check_type(request, media_types)
    declared = request.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit():
        raise Problem("malformed", "Content-Length must be a number", headers=_CLOSE)
    if len(declared) > 18 or int(declared) > max_bytes:
        raise _too_large(max_bytes)
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            async for part in request.stream():
                size += len(part)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                parts.append(part)
    except TimeoutError:
        raise Problem("too-slow", f"the body must arrive within {seconds:g} seconds", headers=_CLOSE) from None
    return b"".join(parts)


def _check_type(request: Request, media_types: Sequence[str]) -> None:
    values = request.headers.getlist("content-type")
    kind, *parameters = [part.strip().casefold() for part in ",".join(values).split(";")]
    charsets = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")]
    if kind not in media_types or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise Problem("wrong-type", f"the body must be {' or '.join(media_types)} in UTF-8", headers=_CLOSE)
    if request.headers.get("content-encoding", "identity").strip().casefold() != "identity":
        raise Problem("wrong-type", "the body must not be compressed", headers=_CLOSE)


def _too_large(max_bytes: int) -> Problem:
    return Problem("too-large", f"the body must be at most {max_bytes:,} bytes", headers=_CLOSE)


def parsed(body: bytes, max_bytes: int) -> Any:
    """The JSON value of a body; to be called in a worker thread, as megabytes take their time.

    Raises
    ------
    Problem
        ``malformed``, with every fault: NaN, numbers beyond a double, keys given twice, depth, text that is not UTF-8.
    """
    try:
        return strict_json(body, max_bytes)
    except DataError as error:
        raise Problem("malformed", "the body was refused", error.faults) from None
