"""Sentences: no false certainty, no small cell, no hype."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.reporting import words
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Feature

DICTIONARY = load_dictionary()


def interval(value, low, high):
    return {"value": value, "low": low, "high": high}


def test_a_share_of_nothing_or_of_all_is_said_so():
    assert [words.share_of(share) for share in (0, 0.25, 0.9999, 1)] == ["none", "25 %", "more than 99.9 %", "all"]


def test_spans_signs_and_ratios():
    assert words.span(0.08, 0.33) == "8 to 33 %"
    assert words.span(0.051, 0.052) == "5 %"
    assert words.signed(-7.46) == "\N{MINUS SIGN}7.5"
    assert words.signed(-0.01) == "0.0"
    assert words.decimal(-0.0, 0) == "0"
    assert words.decimal(-0.2, 1) == "\N{MINUS SIGN}0.2"
    assert [words.ratio(x) for x in (0.003, 0.16, 1.033, 2.14, 11.3, 119.4, 5000)] == [
        "below 0.01", "0.16", "1.03", "2.1", "11", "120", "over 1000",
    ]  # fmt: skip


@given(st.floats(1e-9, 1e9) | st.floats(-1e9, -1e-9))
@settings(max_examples=50)
def test_six_significant_digits_are_within_half_of_the_last(value):
    text = words.significant(value).replace("\N{MINUS SIGN}", "-")
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=5.1e-6)


def test_significant_digits_are_written_out_without_empty_zeros():
    numbers = (0.0, 12.50, -0.00012345678, 700.0, 1234567.8)
    assert [words.significant(number) for number in numbers] == [
        "0", "12.5", "\N{MINUS SIGN}0.000123457", "700", "1234568",
    ]  # fmt: skip


def test_with_more_digits_a_transform_can_be_computed():
    def said(feature):
        return words.transform(feature, DICTIONARY, digits=6)

    assert "less than 0.0123457 % counts as that" in said(Feature("m", "log10", ("mrd",), 1.2345678e-4))
    assert said(Feature("a", "hinge", ("age",), 7.1234567)) == "what exceeds 7.12346 years, else 0, in years"
    assert said(Feature("a", "at_least", ("age",), 10.0)) == "1 if 10 years or more, else 0"


def test_what_could_not_be_estimated_says_so():
    assert words.with_interval(interval(None, None, None)) == "not estimable"
    assert words.with_interval(interval(0.7, None, None)) == "0.70 (interval not estimable)"
    assert words.with_interval(interval(0.19, -0.08, 0.35), 0, scale=100, unit=" %") == (
        "19 % (\N{MINUS SIGN}8 to 35 %)"
    )
    for sentence in (
        words.ranking(interval(None, None, None), survival=False),
        words.gain(interval(None, None, None), "x"),
        words.calibration(dict.fromkeys(("observed_expected", "calibration_slope"), interval(None, None, None))),
    ):
        assert "could not be estimated" in sentence


def test_missing_shares_blur_one_to_four_patients():
    assert words.missing_share(3 / 50, 50) == "below 10 %"
    assert words.missing_share(48 / 50, 50) == "above 90 %"
    assert words.missing_share(0.28, 50) == "28 %"
    assert [words.missing_share(s, 50) for s in (0.0, 1.0)] == ["0 %", "100 %"]
    assert words.missing_share(0.06, None) == "6 %"


def test_units_and_names_are_printed_for_people():
    assert words.printed("0.7 10^9/L") == words.printed("0.7 10*9/L") == "0.7 × 10⁹/L"
    assert words.reach("0 years", "18 years") == "0 to 18 years"
    assert words.reach("1", "1") == "1"
    assert words.reason("disease_status_at_start not known", DICTIONARY) == "Status at first dose not known"
    assert words.reason("outcome not known", DICTIONARY) == "outcome not known"


def test_remarks_on_a_file_lose_the_example_and_small_counts():
    note = words.cohort_note("unusual_value", "column wbc, 3 cells, for example: wbc 950 10^9/L is unusual", DICTIONARY)
    assert note == "White cells at diagnosis: values outside the usual range (<5 cells)"
    other = words.cohort_note("parts_exceed_whole", "in 2 rows cd4 + cd8 exceed cd3 by more than 15 %", DICTIONARY)
    assert other == "in <5 rows cd4 + cd8 exceed cd3 by more than 15 %"
    unknown = words.cohort_note("new_code", "column my_mrd, 12 cells, for example: my_mrd 0.3", DICTIONARY)
    assert unknown == "my_mrd: values with the remark “new code” (12 cells)"


@pytest.mark.parametrize(
    ("value", "word"),
    [(0.49, "worse than chance"), (0.5, "hardly"), (0.6, "weak"), (0.7, "modest"), (0.8, "fair"), (0.95, "clear")],
)
def test_ranking_is_named_soberly(value, word):
    assert words.ranking_word(value).startswith(word)


def test_ranking_in_pairs():
    text = words.ranking(interval(0.64, 0.52, 0.75), survival=False)
    assert "about 64 were ranked correctly, where chance would give 50" in text
    assert text.endswith("The ranking looks weak; the interval runs from hardly better than chance to fair.")
    assert "C 0.64" in words.ranking(interval(0.64, 0.52, 0.75), survival=True)
    assert "weak over the whole interval" in words.ranking(interval(0.6, 0.56, 0.64), survival=False)


def test_gain_admits_doubt():
    assert words.gain(interval(0.19, -0.08, 0.35), "c").endswith("so no gain at all is not ruled out.")
    assert words.gain(interval(0.2, 0.1, 0.3), "c").endswith("(interval of the gain 10 to 30 %).")
    assert "5 % above that of c" in words.gain(interval(-0.05, -0.2, 0.02), "c")


@pytest.mark.parametrize(
    ("level", "slope", "found"),
    [
        ((1.0, 0.9, 1.1), (1.0, 0.8, 1.2), ("about as often as predicted (", "neither clearly too extreme")),
        ((1.0, 0.5, 1.5), (1.0, 0.2, 2.0), ("anything from 0.5 to 1.5 times as often", "cannot be told")),
        ((1.6, 1.2, 2.1), (0.5, 0.2, 0.8), ("more often than predicted", "were too extreme")),
        ((0.6, 0.4, 0.8), (1.6, 1.2, 2.5), ("less often than predicted", "too cautious")),
    ],
)
def test_calibration_in_words(level, slope, found):
    text = words.calibration({"observed_expected": interval(*level), "calibration_slope": interval(*slope)})
    assert all(part in text for part in found)


def test_events_per_predictor_says_how_few():
    assert "very few" in words.events_per_predictor(8, 5)
    assert ": few." in words.events_per_predictor(30, 5)
    assert "enough" in words.events_per_predictor(185, 9)


@pytest.mark.parametrize(
    ("feature", "how", "compared", "step"),
    [
        (Feature("a", "value", ("bcr_abl1",)), "1 if present, 0 if absent", "present v absent", 1),
        (Feature("a", "value", ("kmt2a_r", "tcf3_hlf")), "how many", "each one present v absent", 1),
        (Feature("a", "value", ("age",)), "the value in years", "1 year more", 1),
        (Feature("a", "value", ("bm_blasts",)), "as a fraction (1 % is 0.01)", "10 % more", 0.1),
        (Feature("a", "value", ("cycle_index",)), "the value itself", "1 more", 1),
        (Feature("a", "log10", ("cd19",), 0.005), "less than 0.005 × 10⁹/L counts as that", "10-fold higher value", 1),
        (Feature("a", "at_least", ("age",), 10.0), "1 if 10 years or more, else 0", "10 years or more v less", 1),
        (Feature("a", "hinge", ("age",), 10.0), "what exceeds 10 years, else 0", "1 year more, above 10 years", 1),
        (Feature("a", "level", ("disease_class_initial",), ("R/R",)), "1 if R/R, else 0", "R/R v any other", 1),
    ],
)
def test_every_transform_and_its_natural_contrast(feature, how, compared, step):
    assert how in words.transform(feature, DICTIONARY)
    assert words.contrast(feature, DICTIONARY) == (compared, pytest.approx(step))
