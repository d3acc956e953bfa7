"""Group by group: every row has its numbers or its reason, in the drawing and in the table."""

from __future__ import annotations

from riskml.reporting.groups import centres, subgroups
from tests.reporting.blocks import CENTRES, POOLED, SUBGROUPS, interval, text_of

MINUS = "\N{MINUS SIGN}"


def test_subgroups_have_a_forest_a_measure_and_a_reason_where_they_have_no_number():
    part = subgroups(SUBGROUPS, "m")
    rank, level = (text_of(svg) for svg, _ in part["figures"])
    assert {"Ph+", "0.60 (0.40 to 0.78)", "Infants", "not estimable: &lt;5 events; 10 are needed", "AUC"} <= set(rank)
    assert {"1.20 (0.60 to 2.10)", "Observed / expected"} <= set(level)
    (_, columns, rows), (_, heads, differences), (_, _, said), (_, _, why) = part["tables"]
    assert columns == ["Subgroup", "Patients", "Events", "AUC", "Observed / expected"]
    assert rows[1] == ["Infants", "12", "<5", "not estimable: <5 events; 10 are needed", "–"]
    assert heads == ["Subgroup", "Brier score", "Net benefit a patient (treating from 10 %)"]
    assert differences == [
        ["Ph+", f"0.020 ({MINUS}0.030 to 0.070)", f"{MINUS}0.010 ({MINUS}0.050 to 0.020)"],
    ]
    assert said == [["Ph+", "No difference from the rest is shown."]]
    assert why == [["Ph+", "published"]]


def test_subgroups_of_whom_none_can_be_judged_still_say_why():
    part = subgroups(SUBGROUPS[1:], "m")
    assert part["figures"] == []
    assert part["tables"][0][1:] == (
        ["Subgroup", "Patients", "Events", "Performance"],
        [["Infants", "12", "<5", "not estimable: <5 events; 10 are needed"]],
    )


def test_a_small_count_is_not_shown_even_if_it_comes_as_a_number():
    row = SUBGROUPS[0] | {"n_patients": 31, "n_events": 3}
    assert subgroups([row], "m")["tables"][0][2][0][:3] == ["Ph+", "31", "<5"]


def test_centres_show_their_average_and_where_a_new_one_is_expected():
    part = centres(CENTRES, "m")
    assert part["sentences"][0] == "Judged in 4 of 5 centres."
    drawing, caption = part["figures"][0]
    assert {"North", "South", "not estimable: no events", "on average", "0.65 (0.55 to 0.73)", "0.42 to 0.83"} <= set(
        text_of(drawing)
    )
    assert caption.endswith("Dashed bar: where a new centre is expected.")
    assert part["tables"][1][2] == [["AUC", "0.65 (0.55 to 0.73)", "0.42 to 0.83", "0.20 (logit scale)", "4"]]


def test_too_few_centres_have_no_prediction_interval():
    pooled = POOLED | {"prediction_low": None, "prediction_high": None, "tau": None, "k": 2}
    part = centres(CENTRES | {"summary": {"auc": pooled}}, "m")
    assert "expected in a new one" not in text_of(part["figures"][0][0])
    assert part["tables"][1][2] == [["AUC", "0.65 (0.55 to 0.73)", "not estimable", "not estimable", "2"]]
    assert len(centres({"rows": CENTRES["rows"]}, "m")["tables"]) == 1


def test_leaving_out_years_is_not_called_leaving_out_centres():
    assert "Leaving out one trial era at a time" in centres(CENTRES | {"by": "trial_era"}, "m")["heading"]


def test_without_groups_there_is_no_part():
    assert subgroups([], "m") is None
    assert subgroups(None, "m") is None
    assert centres(None, "m") is None
    assert centres({"rows": []}, "m") is None


def test_levels_are_named_and_what_was_not_recorded_is_one_sentence():
    levels = [SUBGROUPS[0] | {"label": "Sex", "level": level, "why": "fairness"} for level in ("female", "male")]
    absent = {"name": "down", "label": "Down syndrome", "n_patients": None, "n_events": None, "why_not": "no column"}
    part = subgroups([*levels, absent], "m")
    assert [row[0] for row in part["tables"][0][2]] == ["Sex: female", "Sex: male"]
    assert part["tables"][-1][2] == [["Sex", "fairness"]], "one reason for all levels"
    assert part["sentences"][1] == "Not recorded in this cohort: Down syndrome."
    assert not any("Down" in line for svg, _ in part["figures"] for line in text_of(svg))
    assert subgroups([absent], "m")["tables"] == []


def test_a_long_reason_is_in_the_table_and_named_in_the_drawing():
    why = "fewer than 10 patients known to have the event, or to be without it"
    part = subgroups([SUBGROUPS[0], SUBGROUPS[1] | {"why_not": why}], "m")
    assert "not estimable, see the table" in text_of(part["figures"][0][0])
    assert part["tables"][0][2][1][3] == f"not estimable: {why}"


def test_a_centre_without_measures_says_not_estimable_once():
    rows = centres(CENTRES, "m")["tables"][0][2]
    assert rows[1][3] == "not estimable: no events"


def test_the_scale_of_the_spread_between_centres_is_named():
    plain = POOLED | {"scale": "identity"}
    part = centres(CENTRES | {"summary": {"calibration_slope": plain}}, "m")
    assert part["tables"][1][2][0][3] == "0.20"


def test_a_difference_that_only_one_subgroup_has_leaves_a_gap():
    other = SUBGROUPS[0] | {"label": "Girls", "differences": {"brier": interval(0.01, 0.0, 0.02)}}
    rows = subgroups([SUBGROUPS[0], other], "m")["tables"][1][2]
    assert rows[1] == ["Girls", "0.010 (0.000 to 0.020)", "–"]


def test_the_same_words_are_said_once():
    other = SUBGROUPS[0] | {"label": "Girls"}
    assert subgroups([SUBGROUPS[0], other], "m")["tables"][2][2] == [
        ["Ph+; Girls", "No difference from the rest is shown."]
    ]


def test_a_forest_leaves_out_what_could_not_be_estimated_where_that_is_much():
    many = [SUBGROUPS[1] | {"label": f"Group {n}"} for n in range(7)]
    drawing, caption = subgroups([SUBGROUPS[0], *many], "m")["figures"][0]
    assert "Group 3" not in text_of(drawing)
    assert "in the table only" in caption
    assert "Group 3" in text_of(subgroups([SUBGROUPS[0], *many[:6]], "m")["figures"][0][0])


def test_ranking_within_centres_stands_below_the_average():
    block = CENTRES | {"stratified": interval(0.66, 0.5, 0.8)}
    assert centres(block, "m")["tables"][1][2][-1] == [
        "AUC, among patients of one centre", "0.66 (0.50 to 0.80)", "–", "–", "–"
    ]  # fmt: skip
    alone = centres(block | {"summary": {}, "rows": CENTRES["rows"][1:]}, "m")["tables"][1][2]
    assert [row[0] for row in alone] == ["Ranking (AUC or C), among patients of one centre"]
    unknown = {"value": None, "low": None, "high": None}
    assert len(centres(block | {"summary": {}, "stratified": unknown}, "m")["tables"]) == 1


def test_one_centre_is_no_average():
    part = centres(CENTRES | {"summary": {"auc": POOLED | {"k": 1}}}, "m")
    assert len(part["tables"]) == 1
    assert "on average" not in text_of(part["figures"][0][0])
