"""Structured logs: one JSON object a line, and nothing of a patient in any of them.

Bodies, query strings, paths as they were asked for and the messages of exceptions never get here: each may hold what
somebody typed about a person.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any, TextIO

from riskml.errors import printable

LOGGER = logging.getLogger("riskml.serve")
WIDTH = 2_000


class JsonLines(logging.Formatter):
    """A record as one line of JSON: our own by their fields, anybody else's by the fixed part of their message."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without what was filled into a foreign message and without an exception's text."""
        fields = record.__dict__.get("fields")
        what = {"event": record.getMessage(), **fields} if fields is not None else {"event": str(record.msg)}
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": when, "level": record.levelname.lower(), **what}
        if record.exc_info and record.exc_info[1] is not None:
            line |= described(record.exc_info[1])
        return json.dumps({name: _short(value) for name, value in line.items()})


def _short(value: Any) -> Any:
    return (
        printable(value, WIDTH)
        if isinstance(value, str) and not (value.isprintable() and len(value) < WIDTH)
        else value
    )


def described(error: BaseException) -> dict[str, str]:
    """What kind of error it is and where it arose; its message may hold a patient's value and stays out."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno} in {frames[-1].name}" if frames else ""
    return {"error": type(error).__name__, "where": where}


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """Write one line."""
    LOGGER.log(level, event, extra={"fields": fields})


def send_logs_to(stream: TextIO = sys.stderr) -> None:
    """Send our lines, and what libraries have to say, to one stream; to be called once by a process that serves."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(logging.INFO)
