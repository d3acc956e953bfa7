"""Differences between centres."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.checks.centres import check_centres, chi_square
from riskml.cohort.outcomes.build import build_target
from tests.cohort.checks.cohorts import DICTIONARY, cohort

CENTRE = np.repeat(["a", "b", "c"], 30)
DRAW = np.random.default_rng(9)


def found(targets=(), **columns):
    below = columns.pop("below", None)
    return list(check_centres(cohort(below, centre=CENTRE, **columns), DICTIONARY, targets))


def test_chi_square_of_a_textbook_table():
    # 30 of 60 against 15 of 60: 2 * 7.5^2 / 22.5 + 2 * 7.5^2 / 37.5 = 8 with one degree of freedom; P = erfc(2).
    flag = np.concatenate([np.arange(60) < 30, np.arange(60) < 15])
    assert chi_square(flag, np.repeat([0, 1], 60)) == pytest.approx(0.004678, abs=1e-6)
    assert chi_square(np.arange(60) < 4, np.repeat([0, 1], 30)) is None, "2 of 30 are expected: too few"


@pytest.mark.parametrize(("factor", "level"), [(1000, "warning"), (0.001, "warning")])
def test_a_centre_with_another_unit(factor, level):
    igg = np.exp(DRAW.normal(1.5, 0.3, 90))
    igg[30:60] *= factor
    (finding,) = found(igg=igg)
    assert (finding.code, finding.level, finding.columns) == ("centre_scale", level, ("igg", "centre"))
    assert finding.message.startswith("the centre of row 32 has"), "a centre is named by its first row"


def test_ages_in_months_at_one_centre():
    age = DRAW.uniform(4, 8, 90)
    age[:30] *= 12
    assert [(f.code, f.level) for f in found(age=age)] == [("centre_scale", "warning")]


def test_equal_centres_are_silent():
    columns = {"igg": np.exp(DRAW.normal(1.5, 1, 90)), "tki": np.where(DRAW.random(90) < 0.3, np.nan, 0)}
    assert found(age=DRAW.uniform(1, 17, 90), **columns) == []


def test_limits_and_missingness():
    below = np.arange(90) % 3 == 0
    mrd = np.where(below, 1e-4 / np.sqrt(2), 0.01)
    mrd[60:] = np.where(below[60:], 1e-6 / np.sqrt(2), 0.01)
    tki = np.where((CENTRE == "b") & (np.arange(90) % 5 > 0), np.nan, 1.0)
    codes = [f.code for f in found(below={"mrd": below}, mrd=mrd, tki=tki)]
    assert codes == ["centre_limit", "centre_missingness"]


def test_outcome_rates():
    died = np.where(CENTRE == "a", np.arange(90) % 5 > 0, np.arange(90) % 5 == 0)
    table = cohort(centre=CENTRE, icans_grade=died.astype(float), cycle_index=np.ones(90))
    target = build_target(table, "icans", DICTIONARY)
    codes = [f.code for f in check_centres(table, DICTIONARY, [target])]
    assert codes == ["centre_outcome"]


def test_no_centres_nothing_said():
    assert list(check_centres(cohort(igg=[1.0] * 40), DICTIONARY)) == []
