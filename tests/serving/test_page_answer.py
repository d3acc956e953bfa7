"""What the page says is what the prediction says, to the digit that is shown."""

from __future__ import annotations

import re

import pytest

from riskml.runtime.shares import digits, frequency, percent
from riskml.serving.page_answer import answer_of, comparison_of, headline
from tests.runtime.models import shipped_bundle

HIGH = {"bcr_abl1": "absent", "kmt2a_r": "present", "mrd": "18 %", "cd3": "0.3 10*9/L"}


def plain(cell):
    return str(cell).replace("\N{NO-BREAK SPACE}", " ")


def test_a_single_risk_in_words_and_steps_that_end_at_it():
    found = shipped_bundle("non_response").predict(HIGH)
    answer = answer_of(found, [])
    (value,), (low,), (high,) = found.value, found.low, found.high
    ends = f"{digits(low)} to {digits(high)} %"
    assert plain(answer.headline) == (
        f"Estimated risk: {percent(value)} ({frequency(value)}); {100 * found.level:.0f} % interval {ends}."
    )
    assert answer.table is None
    _, columns, rows = answer.effects["table"]
    assert columns == ["Input", "Value", "Effect", "Step"]
    first, last = (re.findall(r"[\d.]+", plain(row[2])) for row in (rows[0], rows[-1]))
    assert first[0] == digits(found.on_value.base[0])
    assert abs(float(last[1]) - 100 * value) <= 1  # smaller effects are named, not told apart
    assert [row[0] for row in answer.missing[2]] == [found.labels[item["input"]] for item in found.could_change]


def test_months_and_expected_months():
    found = shipped_bundle("efs").predict(HIGH, at=[3, 9], expected_months=12, event_free_at=1)
    answer = answer_of(found, [(1.0, 1.0), (24.0, 0.5)])
    _, _, rows = answer.table
    assert [plain(row[0]) for row in rows] == ["3 months", "9 months"]
    for k, row in enumerate(rows):
        expected = [percent(found.value[k]), frequency(found.value[k])]
        assert [plain(cell) for cell in row[1:3]] == expected
        assert plain(row[4]) == percent(found.on_value.base[k])
    assert headline(found).startswith("Event-free at 1 months. Estimated to be event-free at 9 months: ")
    (months,) = found.expected.months.value
    assert f"Of months 1 to 12, expected event-free: {months:.1f} (" in answer.sentences[0]


def test_unknown_patients_and_unlike_ones_are_told_as_such():
    bundle = shipped_bundle("non_response")
    nothing = answer_of(bundle.predict({}), [])
    assert nothing.effects["sentences"][0].startswith("Nothing is known of this patient")
    assert any("no input of this model is known" in text.casefold() for text in nothing.remarks)
    adult = bundle.predict({"age": "40 years"})
    assert answer_of(adult, []).reasons == [*adult.reasons] != []


@pytest.mark.parametrize("name", ["efs", "non_response"])
def test_the_difference_is_that_of_the_prediction_with_its_sign(name):
    bundle = shipped_bundle(name)
    given, changed = bundle.predict(HIGH), {**HIGH, "mrd": "0.02 %"}
    found = bundle.predict(changed, as_given=HIGH)
    compared = comparison_of(found, given)
    assert compared["changed"] == ["Marrow MRD before first dose: 18\xa0% as given, 0.02\xa0% instead"]
    difference = 100 * found.what_if.difference.value[-1]
    shown = compared["table"][2][-1][3].partition(" ")[0].replace("\N{MINUS SIGN}", "-")
    assert float(shown) == pytest.approx(difference, abs=0.5)
    assert (difference > 0) == (name == "efs")
    assert comparison_of(bundle.predict(HIGH, as_given=HIGH), given) is None
