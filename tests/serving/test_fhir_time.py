"""FHIR dates: what the specification calls valid, and how far each may reach."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.serving.fhir_time import UNDATED, days_from, moment, months_after


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", "2026-01-01", "2026-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("2026-03-01", "2026-03-01", "2026-03-01"),
        ("2026-03-01T23:59:60Z", "2026-03-01", "2026-03-01"),
        ("2026-03-01T00:10:00.123+14:00", "2026-03-01", "2026-03-01"),
    ],
)
def test_a_date_means_a_span_of_days(text, first, last):
    found = moment(text)
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)
    assert (found.instant is not None) == ("T" in text)


@pytest.mark.parametrize(
    "text",
    ["", "26", "2026-13", "2026-02-30", "2026-3-1", "2026-03-01T08:00", "2026-03-01T08:00:00", "1899-01-01", "2100",
     "2026-03-01T24:00:00Z", "2026-03-01T08:00:00+99:00", "\uff12026-03-01", "2026-03-01\n", "today"],
)  # fmt: skip
def test_what_is_no_fhir_date_is_none(text):
    assert moment(text) is None


@given(st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31)), st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31)))
def test_days_are_counted_as_the_calendar_does(a, b):
    assert days_from(a, moment(b.isoformat())) == ((b - a).days,) * 2


def test_two_times_are_the_same_where_nothing_tells_them_apart():
    early, late = moment("2026-03-01T08:00:00+01:00"), moment("2026-03-01T08:00:00Z")
    day, month = moment("2026-03-01"), moment("2026-03")
    assert not early.meets(late)
    assert early.meets(moment("2026-03-01T07:00:00Z"))
    assert all(day.meets(other) and month.meets(other) and UNDATED.meets(other) for other in (early, late, day))
    assert late.is_after(early)
    assert not early.is_after(day)
    assert moment("2026-03-02").is_after(day)


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text):
    found = moment(text)
    assert found is None or found.first <= found.last


def test_months_have_the_length_they_have_everywhere():
    assert months_after(dt.date(2026, 3, 2), 12).isoformat() == "2027-03-02"  # 365.25 days
    assert months_after(dt.date(2026, 3, 2), 1e9) is None
