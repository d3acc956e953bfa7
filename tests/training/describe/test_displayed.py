"""Values as shown: in the unit of a person, with three figures, and no number known of a small group."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training.describe.displayed import digits_for, displayed, enough, known_of_groups, plain
from riskml.training.metrics.intervals import Interval
from tests.training.describe.made import made

NAN = np.nan


def test_fractions_are_shown_in_percent_and_counts_with_their_unit():
    cohort = made(patient_id="ab", mrd_pct=["1", "0.5"], cd3_per_ul=["960", "1130"], cd4_cd8_ratio=["0.8", ""])
    assert displayed(cohort, "mrd").values == pytest.approx([1, 0.5])
    assert displayed(cohort, "mrd").label == "Marrow MRD before first dose, %"
    assert displayed(cohort, "cd3").values == pytest.approx([0.96, 1.13])
    assert displayed(cohort, "cd3").label == "CD3+ T cells, 10^9/L"
    assert displayed(cohort, "cd4_cd8_ratio").label == "CD4/CD8 ratio"


@pytest.mark.parametrize(("size", "digits"), [(0.0004, 4), (0.04, 4), (0.4, 3), (6.4, 2), (35, 1), (160, 0), (9e5, 0)])
def test_three_figures(size, digits):
    assert digits_for(np.array([size, -size, 0.0, NAN])) == digits


def test_nothing_known_has_digits_too():
    assert digits_for(np.array([NAN, 0.0])) == 2


def test_numbers_known_do_not_tell_who_is_missing():
    full, few = np.arange(40.0), np.arange(6.0)
    one_missing = np.where(few == 0, NAN, few)
    assert known_of_groups([full, few], internal=False) == ["40", "6"]
    assert known_of_groups([full, one_missing], internal=False) == ["40", "5 or more"]
    # Six are missing in all, which stands elsewhere: with 35 of 40 shown, the sixth would be found in the other group.
    five_missing = np.where(full < 5, NAN, full)
    assert not {"35", "5"} & set(known_of_groups([five_missing, one_missing], internal=False))
    assert known_of_groups([full, one_missing], internal=True) == ["40", "5"]


def test_spreads_hide_small_groups_and_the_range():
    shown = displayed(made(patient_id="abcdefg", cd3=list("1234567")), "cd3")
    large, small = shown.spreads([shown.values[:5], shown.values[5:]], internal=False)
    assert large.startswith("3.00 (2.00 to 4.00) [n ")
    assert small == "not shown [n <5]"
    assert shown.spreads([shown.values[:5]], internal=True) == ["3.00 (2.00 to 4.00); 1.00 to 5.00 [n 5]"]


def test_five_known_values_are_enough():
    five, four = np.arange(5.0), np.array([1, 2, 3, 4, NAN])
    assert enough(five, five, internal=False)
    assert not enough(five, four, internal=False)
    assert enough(five, four, internal=True)


def test_a_plain_interval_does_not_name_the_degrees_of_freedom():
    assert plain(Interval(0.5, 0.4, 0.6, 0.95, "t(4)")) == {"value": 0.5, "low": 0.4, "high": 0.6, "level": 0.95}


def test_of_all_together_one_missing_is_not_told_either():
    values = np.append(np.arange(40.0), NAN)
    assert known_of_groups([values], internal=False) == ["5 or more"]
    assert known_of_groups([values[:40]], internal=False) == ["40"]
    assert known_of_groups([np.array([NAN, NAN])], internal=False) == ["0"]
