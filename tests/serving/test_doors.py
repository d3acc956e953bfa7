"""What every door shares: one clock, one way to a model, one way to write."""

from __future__ import annotations

import datetime as dt
import json
from types import SimpleNamespace

import pytest

from riskml.serving.doors import asked_model, json_text, now
from riskml.serving.models import Models
from riskml.serving.problems import Problem
from tests.serving.asking import TIMED


def test_the_clock_has_its_zone_and_goes():
    first, second = now(), now()
    assert first.utcoffset() == dt.timedelta(0)
    assert dt.timedelta(0) <= second - first < dt.timedelta(minutes=1)


def test_the_model_that_is_asked_is_named_for_the_log(served_folder):
    models, request = Models(served_folder), SimpleNamespace(scope={})
    assert asked_model(request, models, TIMED) is models.get(TIMED)
    assert request.scope == {"riskml": {"model": TIMED, "digest": models.get(TIMED).digest}}
    untouched = SimpleNamespace(scope={})
    with pytest.raises(Problem):
        asked_model(untouched, models, "nobody")
    assert untouched.scope == {}


def test_what_is_written_is_strict_json_with_an_end():
    assert json.loads(json_text({"a": [1.5, "\u00b5"]})) == {"a": [1.5, "\u00b5"]}
    assert json_text([]).endswith("\n")
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text(float("nan"))
