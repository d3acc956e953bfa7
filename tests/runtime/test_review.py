"""When a model is due for review: days are checked against the calendar, and the day after is late."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.errors import UsageError
from riskml.runtime.predict import predict
from riskml.runtime.review import TODAY, is_day, is_overdue, today
from tests.runtime.models import shipped_bundle


def is_iso_day(text):
    """The oracle: Python's own calendar."""
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


@given(st.dates(min_value=dt.date(1900, 1, 1)))
def test_every_day_of_the_calendar_is_one(day):
    assert is_day(day.isoformat())


@given(st.from_regex(r"\A(19|20)[0-9]{2}-[0-3][0-9]-[0-3][0-9]\Z"))
def test_what_only_looks_like_a_day_is_none(text):
    assert is_day(text) == is_iso_day(text)


@pytest.mark.parametrize(
    "text",
    ["", "2028-11-3", "2028-1-30", "30.11.2028", "2028/11/30", "2028-11-30T00", "२०२८-11-30", 20281130, None, True],
)
def test_other_forms_are_refused(text):
    assert not is_day(text)


@pytest.mark.parametrize(
    ("by", "day", "late"),
    [
        ("2028-11-30", "2028-11-30", False),
        ("2028-11-30", "2028-12-01", True),
        ("2028-11-30", "2029-01-01", True),
        ("2028-11-30", "2027-12-31", False),
        (None, "2099-12-31", False),
    ],
)
def test_a_model_is_late_from_the_day_after(monkeypatch, by, day, late):
    monkeypatch.setenv(TODAY, day)
    assert is_overdue({"review_by": by}) is late
    bundle = shipped_bundle("non_response")
    bundle = bundle.with_(manifest={**bundle.manifest, "review_by": by})
    said = [w.message for w in predict(bundle, {}).warnings if w.code == "review_due"]
    assert said == (["this model was due for review on 2028-11-30"] if late else [])


def test_a_model_without_a_day_asks_no_clock(monkeypatch):
    monkeypatch.setenv(TODAY, "nonsense")
    assert not is_overdue({})


def test_the_day_is_that_of_the_clock_unless_given(monkeypatch):
    monkeypatch.delenv(TODAY)
    before = time.strftime("%Y-%m-%d", time.gmtime())
    assert before <= today() <= time.strftime("%Y-%m-%d", time.gmtime())
    monkeypatch.setattr(time, "gmtime", lambda: time.struct_time((2030, 2, 3, 0, 0, 0, 0, 34, 0)))
    assert today() == "2030-02-03"
    monkeypatch.setenv(TODAY, "2031-01-01")
    assert today() == "2031-01-01"
    monkeypatch.setenv(TODAY, "tomorrow")
    with pytest.raises(UsageError, match="RISKML_TODAY must be a day such as 2028-11-30, got 'tomorrow'"):
        today()
