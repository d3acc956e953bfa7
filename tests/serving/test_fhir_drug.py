"""Which orders and doses are of blinatumomab, and when an order starts."""

from __future__ import annotations

import pytest

from riskml.serving.fhir_codes import load_codes
from riskml.serving.fhir_drug import is_drug, start_of_order
from riskml.serving.fhir_shape import Shape
from tests.serving.fhir import coded

CODES = load_codes()
DRUG = coded("http://www.nlm.nih.gov/research/umls/rxnorm", "1597258")


def test_a_drug_may_be_contained_or_beside_but_is_followed_one_step_only():
    medication = {"resourceType": "Medication", "id": "m", "code": DRUG}
    inside = {"medicationReference": {"reference": "#m"}, "contained": [medication]}
    beside = {"medicationReference": {"reference": "Medication/m"}}
    assert is_drug(Shape(), inside, "X", CODES, [])
    assert is_drug(Shape(), beside, "X", CODES, [medication])
    assert not is_drug(Shape(), beside, "X", CODES, [])
    loop = {"resourceType": "Medication", "id": "m", "medicationReference": {"reference": "Medication/m"}}
    assert not is_drug(Shape(), beside, "X", CODES, [loop])


@pytest.mark.parametrize(
    ("timings", "start"),
    [
        ([{"event": ["2026-03-02T08:00:00Z", "2026-03-09"]}], "2026-03-02"),
        ([{"repeat": {"boundsPeriod": {"start": "2026-03-02"}}}], "2026-03-02"),
        ([{}, {"repeat": {"boundsPeriod": {"start": "2026-03-02"}}}], "2026-03-02"),
        ([{"repeat": {"boundsPeriod": {"start": "2026-03"}}}], None),
        ([{"event": [5]}], None),
        ([{"event": "2026-03-02"}], None),
        ([], None),
    ],
)
def test_an_order_starts_on_the_day_it_says(timings, start):
    order = {"dosageInstruction": [{"timing": timing} for timing in timings]}
    assert start_of_order(Shape(), order, "X") == start
