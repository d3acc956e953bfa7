"""Two units in one column: found whatever the factor's direction, and never where biology alone is wide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.checks.units import check_units, column_factor, find_split, has_scale, measured_values
from tests.cohort.checks.cohorts import DICTIONARY, cohort, told

SOFT = (0.01, 10.0)


def lognormal(n, seed=1, spread=0.8):
    return np.exp(np.random.default_rng(seed).normal(0, spread, n))


@pytest.mark.parametrize("n_wrong", [3, 10, 40])
@pytest.mark.parametrize("scale", [1000.0, 1 / 1000])
def test_a_minority_in_another_unit_is_marked(n_wrong, scale):
    value = lognormal(100)
    value[:n_wrong] *= scale
    split = find_split(value, 1000, SOFT)
    assert split.minority.nonzero()[0].tolist() == list(range(n_wrong))
    assert split.factor == pytest.approx(1 / scale)


def test_two_halves_are_told_apart():
    value = lognormal(100)
    value[:50] /= 1000
    split = find_split(value, 1000, SOFT)
    assert set(split.minority.nonzero()[0]) in ({*range(50)}, {*range(50, 100)})


def test_two_odd_values_are_no_group():
    value = lognormal(100)
    value[:2] /= 1000
    assert find_split(value, 1000, SOFT) is None


@given(st.integers(0, 10_000), st.floats(0.1, 1.6), st.sampled_from([20, 100, 1000]))
def test_one_wide_lognormal_is_one_unit(seed, spread, n):
    # Spread 1.6 on the natural scale: 95 % of the values span a factor of 500.
    assert find_split(lognormal(n, seed, spread), 1000, (0.0, 100.0)) is None


def test_a_mixture_needs_both_groups_plausible():
    value = lognormal(100)
    value[:20] *= 1000
    assert find_split(value, 1000, (50.0, 500.0)) is None


def test_rows_and_factor_are_proposed():
    value = lognormal(60)
    value[[4, 8, 9]] /= 1000
    (finding,) = check_units(cohort(wbc=value * 10), DICTIONARY)
    assert told([finding]) == [("unit_mixture", "warning", (6, 10, 11))]
    assert "multiply by 1000" in finding.remedy


def test_percent_among_fractions_where_small_values_are_not_natural():
    share = np.full(40, 0.6)
    share[:3] = 0.006
    assert told(check_units(cohort(cd3_pct=share), DICTIONARY)) == [("unit_mixture", "warning", (2, 3, 4))]
    # Marrow blasts run from traces to nearly all: the same two groups are only worth knowing.
    assert told(check_units(cohort(bm_blasts=share), DICTIONARY)) == [("unit_mixture", "note", (2, 3, 4))]


def test_values_below_a_limit_say_nothing_about_units():
    value = lognormal(60)
    value[:5] /= 1000
    below = {"cd19": np.arange(60) < 5}
    assert list(check_units(cohort(below, cd19=value * 0.1), DICTIONARY)) == []


def test_a_whole_column_in_another_unit():
    (finding,) = check_units(cohort(igg=lognormal(20, spread=0.2) * 7 / 1000), DICTIONARY)
    assert (finding.code, finding.count) == ("column_scale", 20)
    assert "multiplied by 1000" in finding.message


def test_months_among_years():
    age = np.array([*np.linspace(2, 17, 30), 60.0, 96.0])
    assert told(check_units(cohort(age=age), DICTIONARY)) == [("age_in_months", "warning", (32, 33))]


@pytest.mark.parametrize("old", [[26.0, 29.0, 30.0], [], [27.0] * 40])
def test_young_adults_are_no_months(old):
    age = np.array([*np.linspace(2, 17, 30), *old])
    assert list(check_units(cohort(age=age), DICTIONARY)) == []


@pytest.mark.parametrize("scale", [1000.0, 1 / 1000])
def test_a_column_is_judged_against_any_range(scale):
    value, cd3 = lognormal(60, spread=0.5), DICTIONARY["cd3"]
    assert column_factor(cd3, value, (0.2, 5.0)) is None
    assert column_factor(cd3, value * scale, (0.2, 5.0)) == pytest.approx(1 / scale)
    assert column_factor(cd3, value[:2] * scale, (0.2, 5.0)) is None, "two values are no column"


def test_what_lies_under_a_limit_was_not_measured():
    table = cohort(below={"mrd": [True, False, False]}, mrd=[7e-5, 0.0, 0.2])
    assert np.isnan(measured_values(table, "mrd")).tolist() == [True, True, False]
    assert has_scale(DICTIONARY["mrd"])
    assert not has_scale(DICTIONARY["age"])
