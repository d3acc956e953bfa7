"""Which of several values counts: by date, by agreement, by what it belongs to."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving.fhir import FIRST_DOSE, OWN, VALUE, cd19, coded, observation, quantity, read, why

START = dt.date.fromisoformat(FIRST_DOSE)


def on(day):
    return (START + dt.timedelta(days=day)).isoformat()


@given(st.lists(st.integers(-40, 20), min_size=1, max_size=6, unique=True))
def test_the_last_value_in_the_window_counts(days):
    found = read(*(cd19(100 + day, on(day)) for day in days))
    inside = [day for day in days if -14 <= day <= 0]
    assert found.patient == ({"cd19": {"value": 100 + max(inside), "unit": "/uL"}} if inside else {})
    assert [used.day for used in found.used] == ([max(inside)] if inside else [])
    assert len(found.asides) == len(days) - len(found.used)
    assert not found.quarantined


@pytest.mark.parametrize(
    ("when", "first_dose", "code"),
    [
        ("2026-03-02", FIRST_DOSE, None),
        ("2026-03-02T23:00:00Z", FIRST_DOSE, None),
        ("2026-03-02T09:00:00Z", "2026-03-02T10:00:00+01:00", None),
        ("2026-03-02T09:00:01Z", "2026-03-02T10:00:00+01:00", "too_late"),
        ("2026-03-03", FIRST_DOSE, "too_late"),
        ("2026-02-16", FIRST_DOSE, None),
        ("2026-02-15", FIRST_DOSE, "too_early"),
        ("2026-02", FIRST_DOSE, "too_coarse"),
        ("2026", FIRST_DOSE, "too_coarse"),
        ("2025-12", FIRST_DOSE, "too_early"),
        (None, FIRST_DOSE, "undated"),
    ],
)
def test_the_edges_of_the_window(when, first_dose, code):
    found = read(cd19(30, when), first_dose=first_dose)
    assert why(found) == ({"cd19": code} if code else {})
    assert len(found.patient) == (code is None)


def test_a_value_of_the_day_itself_is_said_to_be_assumed_from_before():
    assert read(cd19(30, FIRST_DOSE)).assumed == ("values of the day of the first dose are from before it",)
    assert read(cd19(30, "2026-03-02T08:00:00Z"), first_dose="2026-03-02T09:00:00Z").assumed == ()


def test_lesions_count_whenever_they_were_found_before():
    lesion = {"valueCodeableConcept": coded(VALUE, "present")}
    for when, counts in ((None, True), ("2019", True), ("2026-03-02", True), ("2026-03-03", False), ("2026", False)):
        assert ("kmt2a_r" in read(observation("kmt2a_r", effectiveDateTime=when, **lesion)).patient) is counts


@pytest.mark.parametrize(
    ("a", "b", "code"),
    [
        (("2026-03-01", 30), ("2026-03-01", 40), "conflict"),
        (("2026-03-01", 30), ("2026-03-01T08:00:00Z", 40), "conflict"),
        (("2026-03-01T08:00:00Z", 30), ("2026-03-01T09:00:00+01:00", 40), "conflict"),
        (("2026-03-01T08:00:00Z", 30), ("2026-03-01T09:00:00Z", 40), "older"),
        (("2026-03-01", 30), ("2026-03-01", 30), "repeated"),
        (("2026-03-01", 30), ("2026-02-28", 40), "older"),
    ],
)
def test_two_values_of_one_time_must_agree(a, b, code):
    found = read(cd19(a[1], a[0]), cd19(b[1], b[0]))
    assert why(found) == {"cd19": code}
    assert ("cd19" in found.patient) is (code != "conflict")
    assert len(found.quarantined) == (2 if code == "conflict" else 0)


def test_one_amount_in_two_units_is_no_conflict_but_a_limit_and_a_number_are():
    same = observation("cd19", valueQuantity=quantity(0.03, "10*9/L"))
    below = observation("cd19", valueQuantity=quantity(0.03 * 2**0.5, "10*9/L", comparator="<"))
    assert why(read(cd19(30, "2026-03-01"), same)) == {"cd19": "repeated"}
    assert why(read(same, below)) == {"cd19": "conflict"}


def test_a_conflict_is_not_settled_by_an_older_value():
    found = read(cd19(30, "2026-03-01"), cd19(40, "2026-03-01"), cd19(50, "2026-02-20"))
    assert found.patient == {}


def test_a_method_goes_with_its_result():
    def mrd(when, value, method):
        part = {"code": coded(OWN, "mrd_method"), "valueCodeableConcept": coded(VALUE, method)}
        return observation("mrd", effectiveDateTime=when, valueQuantity=quantity(value, "%"), component=[part])

    told = observation("mrd", valueQuantity=quantity(1, "%"), method=coded(VALUE, "ngs_ig"))
    assert read(told).patient["mrd_method"] == "ngs_ig"
    told["component"] = mrd("2026-03-01", 1, "flow")["component"]
    assert why(read(told)) == {"mrd_method": "conflict"}
    plain = observation("mrd", effectiveDateTime="2026-03-01", valueQuantity=quantity(2, "%"))
    assert read(mrd("2026-02-27", 1, "flow"), mrd("2026-02-20", 3, "ngs_ig")).patient["mrd_method"] == "flow"
    found = read(plain, mrd("2026-02-27", 1, "flow"))
    assert "mrd_method" not in found.patient
    assert why(found)["mrd_method"] == "companion"
