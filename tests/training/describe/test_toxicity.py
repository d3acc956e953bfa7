"""Toxicity: grades of courses and worst grades of patients by hand, published P values, nothing small told."""

from __future__ import annotations

import pytest
from scipy import stats

from riskml.training.describe.toxicity import toxicity
from tests.training.describe.made import check_shareable, embedded, lines, made, table_of

# One child with grades 0 and 3, one with an unknown course beside a 2, one with an unknown beside a 0.
PATIENTS = ["a", "a", "b", "b", "c", "c", "d"]
CRS = [0, 3, "", 2, 0, "", 0]


def small(**more):
    return made(patient_id=PATIENTS, cycle_index=[1, 2, 1, 2, 1, 2, 1], crs_grade=CRS, **more)


def test_a_child_with_grades_0_and_3_is_two_courses_and_one_patient():
    part = toxicity(small(), internal=True, group=None)
    courses, patients = (lines(table_of(part, f"toxicity_by_{unit}"), "CRS") for unit in ("course", "patient"))
    labels = ("Grade not known", "Grade known", "None (grade 0)", "Any grade", "Grade 3 or more", "Grade 2", "Grade 3")
    assert courses["Courses"][0] == "7"
    assert [courses[label][0].split()[0] for label in labels] == ["2", "5", "3", "2", "1", "1", "1"]
    assert patients["Patients"][0] == "4"
    assert [patients[label][0].split()[0] for label in labels] == ["1", "3", "1", "2", "1", "1", "1"]


def test_shares_are_of_known_grades():
    courses = lines(table_of(toxicity(small(), internal=True, group=None), "toxicity_by_course"), "CRS")
    assert courses["None (grade 0)"][0] == "3 (60 %)"


def test_embedded_courses_are_those_of_the_published_table():
    """Table 3 of zhang2025, in evidence.toml: CRS 27 of 51 v 29 of 74, ICANS 1 v 5, severe 2 v 0 and 0 v 4."""
    table = table_of(toxicity(embedded(), internal=True), "toxicity_by_course")
    crs, icans = lines(table, "CRS"), lines(table, "ICANS")
    assert table.columns == ("measurable", "none", "All", "P")
    assert crs["Courses"] == ("51", "74", "125", "")
    assert crs["Any grade"] == ("27 (53 %)", "29 (39 %)", "56 (45 %)", "0.146")
    assert crs["Grade 3 or more"] == ("2 (4 %)", "0 (0 %)", "2 (2 %)", "0.165")
    assert icans["Any grade"] == ("1 (2 %)", "5 (7 %)", "6 (5 %)", "0.399")
    assert icans["Grade 3 or more"] == ("0 (0 %)", "4 (5 %)", "4 (3 %)", "0.145")
    tests = {(value["toxicity"], value["contrast"]): value["p_value"] for value in table.values if "contrast" in value}
    published = {("crs_grade", "Any grade"): 0.146075, ("crs_grade", "Grade 3 or more"): 0.164516}
    published |= {("icans_grade", "Any grade"): 0.399439, ("icans_grade", "Grade 3 or more"): 0.144513}
    assert tests == pytest.approx(published, abs=5e-7)


def test_icans_and_age_by_scipy():
    table = table_of(toxicity(embedded(), internal=True), "icans_by_factor_by_course")
    frame = embedded().frame
    had, free = (frame["age"][frame["icans_grade"] >= 1], frame["age"][frame["icans_grade"] == 0])
    (age,) = [value for value in table.values if value["variable"] == "age"]
    assert age["median_with"] == pytest.approx(had.median())
    assert age["median_without"] == pytest.approx(free.median())
    test = stats.mannwhitneyu(had, free, method="asymptotic")
    assert age["p_value"] == pytest.approx(test.pvalue)
    assert age["superiority"]["value"] == pytest.approx(test.statistic / (len(had) * len(free)))


def test_patients_with_icans_are_compared_by_what_was_known_before_the_first_course():
    old = [str(12 + k) for k in range(5)]
    young = [str(2 + k) for k in range(6)]
    ids = [name for name in "abcdefghijk" for _ in range(2)]
    age = [value for first in (*old, *young) for value in (first, "17")]  # older at the second course
    icans = [value for k in range(11) for value in (0, 2 if k < 5 else 0)]
    part = toxicity(
        made(patient_id=ids, cycle_index=[1, 2] * 11, age=age, icans_grade=icans), internal=True, group=None
    )
    (value,) = table_of(part, "icans_by_factor_by_patient").values
    assert (value["median_with"], value["median_without"]) == (14, 4.5)
    assert value["p_value"] == pytest.approx(2 / 462)  # one order of 11 choose 5, and its mirror
    assert value["superiority"]["value"] == 1


@pytest.mark.parametrize("group", ["status_group", "disease_class_initial", "sex", None])
def test_shared_tables_of_the_embedded_cohort_tell_nothing_small(group):
    part = toxicity(embedded(), group=group)
    check_shareable(part, embedded())
    icans = lines(table_of(part, "toxicity_by_course"), "ICANS")
    if group == "status_group":
        # One and five: with six in all (other tables show it) "5 or more" would tell the one.
        assert icans["Any grade"] == ("<5", "not shown", "6 (5 %)", "≥0.05")
        assert min(stats.fisher_exact([[k, 6 - k], [51 - k, 68 + k]]).pvalue for k in range(1, 5)) >= 0.05
        # Of grade 2 or more five courses, all of one group: with six in all they would tell the one.
        assert "Grade 2 or more" not in icans
        assert lines(table_of(part, "toxicity_by_course"), "CRS")["Any grade"][-1] == "0.146"
    for table in part.tables:
        for value in table.values:
            assert not [n for n in value.get("counts", {}).values() if 1 <= n <= 4]


def test_p_values_of_hidden_counts_are_hidden_with_their_numbers():
    table = table_of(toxicity(embedded()), "toxicity_by_course")
    shown = {(value["toxicity"], value["contrast"]) for value in table.values if "contrast" in value}
    assert shown == {("crs_grade", "Any grade")}


def test_fewer_than_five_with_icans_are_not_described():
    cohort = made(patient_id=list("abcdefghijkl"), age=[str(k) for k in range(1, 13)], icans_grade=[1] * 3 + [0] * 9)
    row = table_of(toxicity(cohort), "icans_by_factor_by_patient").rows[0]
    assert row.cells[0].startswith("not shown")
    assert row.cells[2:] == ("not shown", "not shown")


def test_three_groups_are_compared_by_the_larger_exact_test():
    table = table_of(toxicity(embedded(), internal=True, group="disease_class_initial"), "toxicity_by_course")
    tests = {value["test"] for value in table.values if "test" in value}
    assert tests == {"Fisher-Freeman-Halton exact test"}
    assert any("Freeman" in note for note in table.notes)


def test_groups_of_which_one_is_not_known_stand_beside_but_are_not_tested():
    cohort = made(patient_id=list("abcdef"), sex=["f", "f", "m", "m", "", ""], crs_grade=[0, 1, 0, 1, 4, 4])
    table = table_of(toxicity(cohort, internal=True, group="sex"), "toxicity_by_patient")
    assert table.columns == ("female", "male", "not known", "All", "P")
    assert lines(table, "CRS")["Any grade"] == ("1 (50 %)", "1 (50 %)", "2 (100 %)", "4 (67 %)", "1.000")


def test_a_group_without_any_known_grade_has_no_test():
    cohort = made(patient_id=list("abcd"), sex=["f", "f", "m", "m"], crs_grade=[0, 1, "", ""])
    assert (
        lines(table_of(toxicity(cohort, internal=True, group="sex"), "toxicity_by_patient"), "CRS")["Any grade"][-1]
        == "–"
    )


def test_absent_columns_are_said_and_break_nothing():
    part = toxicity(made(patient_id=["a", "b"], age=[1, 2]))
    assert part.tables == ()
    for name in ("CRS", "ICANS", "Infection", "Neutropenia", "Thrombocytopenia"):
        assert any(text.startswith(f"{name}: the cohort does not have") for text in part.missing)
    everything_missing = toxicity(made(patient_id=["a", "b"], icans_grade=["", ""], crs_grade=["", ""]), group=None)
    assert everything_missing.tables == ()


def test_nobody_with_icans_is_said():
    part = toxicity(made(patient_id=["a", "b"], age=[1, 2], icans_grade=[0, 0]), group=None)
    assert [table.name for table in part.tables] == ["toxicity_by_course", "toxicity_by_patient"]
    assert any("ICANS by age" in text for text in part.missing)


def test_a_table_says_whether_it_counts_courses_or_patients():
    for table in toxicity(embedded()).tables:
        unit = table.name.rpartition("_")[2]
        assert unit in table.title.lower()
        assert any(unit in note.lower() and "count" in note for note in table.notes)


def test_blood_counts_and_infections_by_grade_as_published():
    """Table 3 of zhang2025: thrombocytopenia of any grade in 1 of 72 and 8 of 49 courses, infections in 10 and 7."""
    courses = {"none": 72, "measurable": 49}
    status = [level for level, n in courses.items() for _ in range(n)]
    grade = [1] + [0] * 71 + [1] * 4 + [3] * 4 + [0] * 41
    infection = [1] * 10 + [0] * 62 + [1] * 7 + [0] * 42
    cohort = made(
        patient_id=[f"p{k}" for k in range(121)],
        disease_status_at_start=["CR-MRDneg" if level == "none" else "CR-MRDpos" for level in status],
        thrombocytopenia_grade=grade,
        infection_grade=infection,
    )
    table = table_of(toxicity(cohort, internal=True), "toxicity_by_course")
    found = lines(table, "Thrombocytopenia")
    assert found["Any grade"] == ("8 (16 %)", "1 (1 %)", "9 (7 %)", "0.003")
    assert lines(table, "Infection")["Any grade"][:3] == ("7 (14 %)", "10 (14 %)", "17 (14 %)")
