"""Right at each month, and over the length of the curves."""

from __future__ import annotations

from riskml.reporting.months import over_time
from tests.reporting.blocks import D_CALIBRATION, MONTHS, text_of


def test_a_month_that_was_withheld_says_why_without_a_small_count():
    part = over_time({"calibration_at": MONTHS}, "m")
    assert part["tables"][0][2] == [["6", "not estimable: <5 patients with the event"], ["12", "1.20 (0.70 to 1.80)"]]
    shown = text_of(part["figures"][0][0])
    assert {"by 6 months", "not estimable, see the table", "by 12 months", "1.20 (0.70 to 1.80)"} <= set(shown)


def test_months_of_which_none_can_be_judged_have_no_drawing():
    part = over_time({"calibration_at": MONTHS[:1]}, "m")
    assert part["figures"] == []
    assert len(part["tables"]) == 1


def test_bins_are_those_of_the_predicted_survival():
    part = over_time({"d_calibration": D_CALIBRATION}, "m")
    assert part["sentences"] == ["No disagreement is shown (P 0.6)."]
    caption, _, rows = part["tables"][0]
    assert "ideal: 50 %" in caption
    assert rows == [["0 to 50 %", "40 %"], ["50 to 100 %", "60 %"]]


def test_a_withheld_test_gives_its_reason():
    part = over_time({"d_calibration": {"withheld": "3 patients are too few"}}, "m")
    assert part["sentences"] == ["Over the length of the curves: <5 patients are too few."]
    assert part["tables"] == []


def test_without_either_there_is_no_part():
    assert over_time({}, "m") is None
    assert over_time({"calibration_at": [], "d_calibration": None}, "m") is None
