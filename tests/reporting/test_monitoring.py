"""Batches: what is beyond its limits is said by word, and nothing is drawn of what cannot be estimated."""

from __future__ import annotations

from riskml.reporting.monitoring import monitoring, watched_by
from riskml.runtime.dictionary import load_dictionary
from tests.reporting import results
from tests.reporting.blocks import text_of

DICTIONARY = load_dictionary()


def parts_of(watched):
    return {part["heading"]: part for part in monitoring(watched, "m", DICTIONARY)}


def test_a_batch_beyond_its_limits_is_marked_in_the_chart_and_alarms_the_sum():
    part = parts_of(results.monitoring())["Does the level hold?"]
    chart, cusum = (text_of(svg) for svg, _ in part["figures"])
    assert {"2020", "&lt;b&gt;A&amp;B&lt;/b&gt;", "2022", "outside", "outside 3 sigma"} <= set(chart)
    assert "alarm" in cusum
    assert part["sentences"][0].startswith("Since 2021 risks are too low; other patients than at development by Marrow")
    assert "an alarm in 5 % of such series" in part["figures"][1][1]


def test_limits_are_those_of_the_difference_in_units_of_what_was_expected():
    # Ten events expected, sd 3: 2.1 is 11 above, beyond 9 (3 sd); 1.6 would be a warning, beyond 6 (2 sd).
    watched = results.monitoring() | {
        "batches": [results.batch("a", 1.89, "warning"), results.batch("b", 1.61, "warning")]
    }
    words = text_of(parts_of(watched)["Does the level hold?"]["figures"][0][0])
    assert words.count("warning") == 2
    assert "outside" not in words


def test_batches_without_order_have_no_sum():
    watched = results.monitoring(ordered=False)
    part = parts_of(watched)["Does the level hold?"]
    assert len(part["figures"]) == 1
    assert "no order in time" in part["sentences"][1]
    assert watched_by(watched) == "By centre"
    assert watched_by(results.monitoring()) == "Over time"


def test_a_batch_too_small_to_judge_is_not_drawn():
    small = results.batch("2021", 0.5, "not_estimable") | {"expected": 0.0, "events": 3, "patients": 12}
    watched = results.monitoring() | {"batches": [small]}
    parts = parts_of(watched)
    assert text_of(parts["Does the level hold?"]["figures"][0][0]) == ["not estimable"]
    assert parts["The batches"]["tables"][0][2][0][:3] == ["2021", "12", "<5"]


def test_batches_have_their_numbers_and_what_was_done_to_them():
    part = parts_of(results.monitoring())["The batches"]
    assert part["sentences"] == ["Batches by year. <5 rows belong to none. Too small alone, so put together: 2022."]
    level, own = part["tables"]
    assert level[2][0] == ["2020", "60", "8", "10.0", "0.80 (0.40 to 1.60)", "Within limits."]
    assert own[1] == ["Batch", "AUC"]
    sizes = parts_of(results.monitoring() | {"by": "60", "without_batch": "0", "merged": []})["The batches"]
    assert sizes["sentences"] == ["Batches of 60 patients in the order of the file."]


def test_without_events_enough_there_is_no_second_table():
    watched = results.monitoring() | {"batches": [results.batch("a", 1.0, "within", measured=False)]}
    part = parts_of(watched)["The batches"]
    assert len(part["tables"]) == 1
    assert "No batch has the events" in part["sentences"][0]


def test_drift_is_told_by_batch_and_input():
    ((_, _, rows),) = parts_of(results.monitoring())["What drifted"]["tables"]
    assert rows == [["2022", "Marrow MRD before first dose", "+0.20", "10 %", "+0.70 (0.50)"]]
    calm = results.monitoring() | {"batches": [results.batch("a", 1.0, "within")]}
    part = parts_of(calm)["What drifted"]
    assert part["tables"] == []
    assert part["sentences"][0].startswith("No input differs")


def test_without_batches_there_is_nothing():
    assert parts_of(None) == {}
