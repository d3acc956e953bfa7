"""The log: JSON lines, one an event, without anything that somebody typed."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from riskml.serving.logs import LOGGER, WIDTH, JsonLines, described, log, send_logs_to


@pytest.fixture
def stream():
    root, kept = logging.getLogger(), (logging.getLogger().handlers[:], logging.getLogger().level, LOGGER.level)
    stream = io.StringIO()
    send_logs_to(stream)
    yield stream
    root.handlers[:] = kept[0]
    root.setLevel(kept[1])
    LOGGER.setLevel(kept[2])


def test_an_event_is_one_line_of_json_whatever_is_in_it(stream):
    log("request", status=200, route="/a", odd="line\nbreak \u2028\x1b[2J", long="x" * 10_000)
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert found | {"event": "request", "level": "info", "status": 200, "route": "/a"} == found
    assert found["time"].endswith("+00:00")
    assert found["odd"] == "line\\nbreak \\u2028\\x1b[2J"
    assert len(found["long"]) == WIDTH


def test_what_libraries_fill_into_their_messages_stays_out(stream):
    logging.getLogger("uvicorn.error").warning("cannot parse %s", "JANE DOE")
    assert json.loads(stream.getvalue())["event"] == "cannot parse %s"
    assert "JANE" not in stream.getvalue()


def test_an_exception_is_told_by_kind_and_place_never_by_its_words(stream):
    with pytest.raises(ValueError, match="JANE") as caught:
        raise ValueError("JANE DOE, 4 years")
    assert "test_logs.py" in described(caught.value)["where"]
    logging.getLogger("asyncio").error("task failed", exc_info=caught.value)
    assert "JANE" not in stream.getvalue()
    assert json.loads(stream.getvalue())["error"] == "ValueError"


def test_an_exception_that_was_never_raised_has_no_place():
    assert described(ValueError("x")) == {"error": "ValueError", "where": ""}
    record = logging.makeLogRecord({"msg": "plain", "args": (), "exc_info": (None, None, None)})
    assert json.loads(JsonLines().format(record))["event"] == "plain"
    assert sys.exc_info() == (None, None, None)
