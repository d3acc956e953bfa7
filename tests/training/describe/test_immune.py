"""Immune dynamics: planted changes come back, groups are compared, cells of few patients stay hidden."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from riskml.training.describe.immune import immune
from riskml.training.describe.paired import median_interval, wilcoxon
from tests.training.describe.made import check_shareable, embedded, lines, made, table_of

N = 40


@pytest.fixture(scope="module")
def planted():
    """Forty children, the first half R/R: T cells rise by 0.3 in them and fall by 0.1 in others; IgG falls by 2."""
    rng = np.random.default_rng(11)
    cd3 = rng.uniform(0.5, 2, N).round(3)
    igg = rng.uniform(6, 12, N).round(2)
    risen = cd3 + np.where(np.arange(N) < N // 2, 0.3, -0.1) + rng.normal(0, 0.01, N).round(4)
    return made(
        patient_id=[f"child{k}" for k in range(N)],
        disease_status_at_start=["R/R"] * 20 + ["CR-MRDneg"] * 20,
        delivered_infusion_days=[14, 28] * 20,
        cd3=cd3,
        cd3_d15=risen.round(4),
        igg=igg,
        igg_after=(igg - 2 + rng.normal(0, 0.1, N)).round(3),
        il6=rng.uniform(3, 9, N).round(2),
        il10=rng.uniform(3, 9, N).round(2),
        il6_onset=[40 + k if k % 2 else "" for k in range(N)],
        crs_grade=[k % 2 for k in range(N)],
    )


def test_planted_changes_come_back_with_scipys_p(planted):
    table = table_of(immune(planted), "immune_changes")
    found = {value["later"]: value for value in table.values}
    change = (planted.frame["igg_after"] - planted.frame["igg"]).to_numpy()
    assert found["igg_after"]["median_change"]["value"] == pytest.approx(-2, abs=0.05)
    assert found["igg_after"]["p_value"] == pytest.approx(stats.wilcoxon(change).pvalue)
    ends = median_interval(change)[0]
    assert found["igg_after"]["median_change"]["low"] == ends.low
    assert set(found) == {"cd3_d15", "igg_after", "il6_onset"}
    heads = [row.label for row in table.rows if not row.cells]
    assert heads == ["On day 14 or 15", "At the end of the course", "At the onset of a reaction"]
    assert lines(table)["Interleukin 6, pg/mL"][0] == "20"


def test_changes_of_groups_are_compared_by_mann_whitney(planted):
    table = table_of(immune(planted), "immune_changes_by_group")
    assert table.columns[:3] == ("measurable", "none", "P")
    (cd3,) = [value for value in table.values if value["later"] == "cd3_d15"]
    change = (planted.frame["cd3_d15"] - planted.frame["cd3"]).to_numpy()
    assert cd3["superiority"]["value"] == 1
    assert cd3["p_value"] == pytest.approx(stats.mannwhitneyu(change[:20], change[20:], method="exact").pvalue)
    (igg,) = [value for value in table.values if value["later"] == "igg_after"]
    assert igg["p_value"] > 0.05


def test_three_groups_are_compared_by_kruskal_wallis(planted):
    groups = made(
        patient_id=[str(k) for k in range(30)],
        sex=["f", "m"] * 15,
        disease_class_initial=["R/R", "CR-MRDpos", "CR-MRDneg"] * 10,
        cd3=[1] * 30,
        cd3_d15=[1 + (k % 3) + k / 100 for k in range(30)],
    )
    (value,) = table_of(immune(groups, group="disease_class_initial"), "immune_changes_by_group").values
    change = groups.frame["cd3_d15"].to_numpy() - 1
    assert value["p_value"] == pytest.approx(stats.kruskal(*(change[k::3] for k in range(3))).pvalue)
    assert "superiority" not in value


def test_short_and_long_courses_are_described_apart_and_not_compared(planted):
    table = table_of(immune(planted), "immune_changes_by_length")
    short = [value for value in table.values if (value["later"], value["course"]) == ("igg_after", "short")]
    change = (planted.frame["igg_after"] - planted.frame["igg"]).to_numpy()[::2]
    assert short[0]["p_value"] == pytest.approx(wilcoxon(change).p_value)
    assert any("explains no difference" in note for note in table.notes)
    assert not any("Mann-Whitney" in note for note in table.notes)


def test_cytokines_before_and_at_onset_stand_side_by_side_with_and_without_crs(planted):
    table = table_of(immune(planted), "cytokines_and_immunoglobulins")
    assert table.columns == ("All", "CRS", "No CRS", "P")
    rows = lines(table)
    onset = rows["Interleukin 6 at the onset of a reaction, pg/mL"]
    assert onset[0].endswith("[n 20]")
    assert onset[2] == "– [n 0]"
    il10 = next(value for value in table.values if value["variable"] == "il10")
    values = planted.frame["il10"].to_numpy()
    assert il10["p_value"] == pytest.approx(stats.mannwhitneyu(values[1::2], values[::2], method="exact").pvalue)


def test_nothing_shared_shows_a_small_group_or_a_patient(planted):
    part = immune(planted)
    check_shareable(part, planted)
    assert not any(";" in cell for table in part.tables for row in table.rows for cell in row.cells)  # no ranges


@pytest.mark.parametrize("n", [4, 6])
def test_few_pairs_are_hidden_and_a_range_is_no_interval(n):
    cohort = made(
        patient_id=[str(k) for k in range(30)], cd3=[1] * 30, cd3_d15=[2 + k if k < n else "" for k in range(30)]
    )
    row = table_of(immune(cohort, group=None), "immune_changes").rows[1]
    inside = table_of(immune(cohort, group=None, internal=True), "immune_changes").rows[1]
    assert inside.cells[0] == str(n)
    if n == 4:
        assert row.cells == ("<5", *["not shown"] * 4)
        assert table_of(immune(cohort, group=None), "immune_changes").values == ()
    else:
        assert row.cells[3] == "3.50"  # six pairs: the interval would be the range
        assert inside.cells[3] == "3.50 (1.00 to 6.00)"
        numbers = table_of(immune(cohort, group=None), "immune_changes").values[0]["median_change"]
        assert numbers["low"] is None


def test_a_small_group_of_the_changes_is_not_found_by_subtraction():
    cohort = made(
        patient_id=[str(k) for k in range(30)],
        sex=["f"] * 27 + ["m"] * 3,
        cd3=[1] * 30,
        cd3_d15=[2 + k / 10 for k in range(30)],
    )
    table = table_of(immune(cohort, group="sex"), "immune_changes_by_group")
    cells = table.rows[0].cells
    assert cells[1].startswith("not shown")
    assert cells[2:] == ("not shown", "not shown")
    assert table.values == ()


def test_an_empty_group_breaks_nothing():
    cohort = made(patient_id=list("abcdef"), sex=["f"] * 5 + ["m"], cd3=[1] * 6, cd3_d15=[2, 3, 4, 5, 6, ""])
    cells = table_of(immune(cohort, group="sex", internal=True), "immune_changes_by_group").rows[0].cells
    assert cells[1:] == ("– [n 0]", "–", "–")


def test_absent_columns_are_said():
    part = immune(embedded())
    assert part.tables == ()
    assert any("cd3_d15" in text for text in part.missing)
    assert any("cytokines" in text for text in part.missing)


def test_every_table_is_of_patients(planted):
    for table in immune(planted).tables:
        assert "patients" in table.title
        assert table.notes[0].startswith("Each patient counts once")
