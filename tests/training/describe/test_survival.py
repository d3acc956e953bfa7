"""Survival of a cohort: published values, R's numbers in the tables, landmark against immortal time, what is hidden."""

from __future__ import annotations

import math

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.published import read_published
from riskml.errors import UsageError
from riskml.resources import folder
from riskml.training.describe.group_tests import p_text
from riskml.training.describe.survival import response_groups, survival
from riskml.training.metrics.log_rank import log_rank
from tests.cohort.skeleton import write_skeleton
from tests.repository import ROOT
from tests.training.describe.follow_up_cases import cell, cohort_of, curves_of, patients, table_of, value
from tests.training.metrics.cases import read_columns

DAYS_PER_MONTH = 30.4375
CLASS, STATUS = "Class at study entry", "Status at first dose"
MRD = "MRD response after the course"


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory):
    return read_cohort(write_skeleton(tmp_path_factory.mktemp("skeleton") / "cohort.csv"))


@pytest.fixture(scope="module")
def published(skeleton):
    return survival(skeleton, internal=True)


# zhang2025 as printed: survival and standard error at 12 months, and the counts they mean.
PRINTED = [
    ("efs", CLASS, "R/R", 22, 30, 0.733, 0.081),
    ("efs", CLASS, "CR-MRDpos", 26, 30, 0.867, 0.062),
    ("efs", CLASS, "CR-MRDneg", 44, 45, 0.978, 0.022),
    ("os", CLASS, "R/R", 28, 30, 0.933, 0.046),
    ("os", CLASS, "CR-MRDneg", 44, 45, 0.978, 0.022),
]


@pytest.mark.parametrize(("outcome", "heading", "level", "free", "n", "printed", "error"), PRINTED)
def test_the_tables_print_the_published_values(published, outcome, heading, level, free, n, printed, error):
    table = table_of(published, outcome)
    found = value(table, group=heading, level=level, month=12.0)
    assert found["value"] == pytest.approx(free / n)
    assert found["se"] == pytest.approx(math.sqrt(free * (n - free) / n**3))
    assert (found["value"], found["se"]) == pytest.approx((printed, error), abs=1.01e-3)
    text = cell(table, level, "12 months", heading)
    assert text.startswith(f"{100 * free / n:.1f} % ± {100 * found['se']:.1f} % (")
    assert cell(table, level, "Patients", heading) == str(n)


def test_the_published_file_of_counts_gives_the_same_efs():
    part = survival(read_published(folder("features") / "published" / "efs.toml"), internal=True)
    table = table_of(part, "efs")
    for level, free, n in (("R/R", 22, 30), ("CR-MRDpos", 26, 30), ("CR-MRDneg", 44, 45)):
        assert value(table, level=level, month=12.0)["value"] == pytest.approx(free / n)
    assert any("Overall survival" in why and "os_time, os_event" in why for why in part.missing)


def test_overall_survival_with_persisting_mrd_is_the_printed_one(published):
    # Printed 78.8 % with 13.4 %; the path is 9/10 x 7/8. All ten lived on day 28: the landmark moves the clock alone.
    table = table_of(published, "os_landmark")
    found = value(table, group=MRD, level="MRD positive", month=12.0)
    assert (found["value"], found["se"]) == pytest.approx((0.7875, 0.1340), abs=5e-5)
    assert cell(table, "MRD positive", "12 months", MRD).startswith("78.8 % ± 13.4 %")
    assert cell(table, "MRD positive", "Patients", MRD) == "10"
    assert "Landmark analysis" in table.notes[0]


def test_log_rank_tests_of_the_skeleton(published, skeleton):
    # Reconstructed from the printed rates: P 0.0084 for R/R against the others, 0.0069 for three groups, 0.024 for
    # MRD-negative against -positive; printed were 0.0004, 0.001 and none. The skeleton dates the early events otherwise
    # (nothing printed says which came first), so the third digit differs.
    classes = skeleton.frame["disease_class_initial"].to_numpy()
    table = table_of(published, "efs")
    assert value(table, group=CLASS, test="log-rank")["p_value"] == pytest.approx(0.0069, abs=2e-3)
    from riskml.cohort.outcomes import build_target
    from tests.cohort.test_skeleton import EFS

    target = build_target(skeleton, EFS)
    two = log_rank(target.time, target.event, classes == "R/R")
    assert two.p_value == pytest.approx(0.0084, abs=2e-3)
    remission = classes != "R/R"
    pair = log_rank(target.time[remission], target.event[remission], classes[remission])
    assert pair.p_value == pytest.approx(0.024, abs=4e-3)


def test_relapse_by_hand(published):
    # 30 children R/R: five leave by death or censoring before; relapses at 0.95 (2) and 9 months.
    table = table_of(published, "relapse")
    found = value(table, group=CLASS, level="R/R", month=6.0)
    assert found["value"] == pytest.approx(2 / 30)
    assert any("compared by Gray's test" in note for note in table.notes)
    (tested, _) = [entry for entry in table.values if entry.get("test") == "Gray"]  # by class, and by status
    assert tested["group"] == CLASS
    assert tested["freedom"] == 2
    assert cell(table, CLASS, "Gray's test P") == p_text(tested["p_value"])
    other = table_of(published, "not_relapse")
    assert value(other, level="All", month=12.0)["value"] > 0
    assert curves_of(published, "relapse").curves[0].value[0] == 0


def test_shared_tables_hide_what_the_team_sees(skeleton):
    part = survival(skeleton)
    table = table_of(part, "efs")
    # 4 of 30 and 1 of 45: shown together, 5 of 75 as the paper's own comparison has them.
    assert cell(table, "CR-MRDpos or CR-MRDneg", "Patients", CLASS) == "75"
    assert cell(table, "CR-MRDpos or CR-MRDneg", "12 months", CLASS).startswith("93.3 % ± 2.9 %")
    assert cell(table, "R/R", "12 months", CLASS).startswith("73.3 % ± 8.1 %")
    everything = str(part)
    assert "P0" not in everything
    inside = table_of(survival(skeleton, internal=True), "efs")
    assert value(inside, group=CLASS, level="CR-MRDneg", month=12.0)["value"] == pytest.approx(44 / 45)
    assert not [row for row in table.rows if row.label in {"CR-MRDpos", "CR-MRDneg"} and row.cells[0] in {"30", "45"}]


# ------------------------------------------------------------------ R's numbers


@pytest.fixture(scope="module")
def expected(data_file):
    table = read_columns(data_file("reference_stats/expected_values_R.csv"))

    def find(dataset, quantity, column="value"):
        rows = np.flatnonzero((table["dataset"] == dataset) & (table["quantity"] == quantity))
        assert rows.size == 1
        return float(table[column][rows[0]])

    return find


@pytest.mark.data
def test_kaplan_meier_and_log_rank_of_the_textbook_cohort_as_r_prints_them(data_file, expected):
    raw, dataset = read_columns(data_file("leukaemia_hsct/kmsurv_bmt.csv")), "kmsurv_bmt DFS(t2,d3)"
    cohort = cohort_of(
        disease_class_initial=np.array(["R/R", "CR-MRDpos", "CR-MRDneg"])[raw["group"].astype(int) - 1],
        efs_time=raw["t2"].astype(float) / DAYS_PER_MONTH,
        efs_event=np.where(raw["d3"] == "1", "any", "none"),
    )
    months = {365: 365 / DAYS_PER_MONTH, 730: 730 / DAYS_PER_MONTH}
    table = table_of(survival(cohort, internal=True, months=list(months.values())), "efs")
    for days, month in months.items():
        found = value(table, level="All", month=month)
        for name, column in (("value", "value"), ("se", "se"), ("low", "lower95"), ("high", "upper95")):
            quantity = f"km_S({days}d) log-log CI"
            assert found[name] == pytest.approx(expected(dataset, quantity, column), abs=1e-12)
    test = value(table, test="log-rank")
    assert test["statistic"] == pytest.approx(expected(dataset, "logrank_chisq(group,2df)"), abs=1e-9)
    assert test["freedom"] == 2


@pytest.mark.data
def test_aalen_johansen_as_r_prints_it(data_file, expected):
    raw, dataset = read_columns(data_file("leukaemia_hsct/casebase_bmtcrr.csv")), "casebase_bmtcrr"
    cohort = cohort_of(
        efs_time=raw["ftime"].astype(float),
        efs_event=np.array(["none", "relapse", "death"])[raw["Status"].astype(int)],
    )
    part = survival(cohort, internal=True)
    for name, cause in (("relapse", 1), ("not_relapse", 2)):
        for month in (6, 12, 24):
            found, quantity = value(table_of(part, name), month=month), f"aalen_johansen_CIF cause {cause} at {month}mo"
            assert found["value"] == pytest.approx(expected(dataset, quantity), abs=1e-12)
            # cmprsk has Aalen's variance, ours is the jackknife's
            assert found["se"] == pytest.approx(expected(dataset, quantity, "se"), rel=5e-3)


@pytest.mark.data
def test_the_real_cohort_through_its_column_map(data_file, expected):
    path = data_file("target_aall0232/aall0232.csv")
    cohort = read_cohort(path, next(folder("models").glob("*/columns/aall0232.toml")))
    known = cohort.some(np.flatnonzero(cohort.frame["mrd_end_of_induction"].notna()))
    # one event came on day 365 itself, and days turned into months differ in the last bits
    days = {day: day / DAYS_PER_MONTH + 1e-9 for day in (365, 1095, 1826)}
    shared = table_of(survival(known, months=list(days.values())), "efs")
    for day, month in days.items():
        found, quantity = value(shared, level="All", month=month), f"km_S({day}d) log-log CI"
        for name, column in (("value", "value"), ("se", "se"), ("low", "lower95"), ("high", "upper95")):
            assert found[name] == pytest.approx(
                expected("target dev_ball_aall0232 (MRD known)", quantity, column), abs=1e-9
            )


# ------------------------------------------------------------------ delayed entry


def test_delayed_entry_by_hand():
    cohort = cohort_of(
        entry_time=[0.0, 2, 4, 5, 7, 9], efs_time=[6.0, 12, 6, 15, 1, 11],
        efs_event=["death", "none", "death", "none", "none", "none"],
    )  # fmt: skip
    declared = {
        "name": "efs", "kind": "survival", "rows": "patient", "time": "efs_time", "column": "efs_event",
        "event_levels": ["death"], "origin": "diagnosis",
    }  # fmt: skip
    part = survival(cohort, internal=True, months=(8.0, 12.0), outcomes={"efs": declared})
    table = table_of(part, "efs")
    # exits: 6*, 14, 10*, 20, 8, 20; at 6 at risk: 1, 2, 3, 4; at 10: 2, 3, 4, 6
    assert value(table, month=8.0)["value"] == pytest.approx(3 / 4)
    assert value(table, month=12.0)["value"] == pytest.approx(3 / 4 * 3 / 4)
    assert value(table, month=8.0)["se"] == pytest.approx(0.75 * math.sqrt(1 / (4 * 3)))
    curve = curves_of(part, "efs")
    assert dict(zip(curve.ticks, curve.curves[0].at_risk, strict=True))[6.0] == "4"
    assert any("delayed entry" in note for note in table.notes)


# ------------------------------------------------------------------ immortal time


def planted(days=28, seed=3, n=400):
    """Everybody has the same hazard; who died before the assessment was never seen to respond."""
    rng = np.random.default_rng(seed)
    death = rng.exponential(4.0, n)
    time = np.maximum(np.minimum(death, 30.0), 0.05)
    lived = time > days / DAYS_PER_MONTH
    negative = lived & (rng.random(n) < 0.7)
    dead = time < 30
    return {
        "os_time": time,
        "os_event": dead.astype(float),
        "efs_time": time,
        "efs_event": np.where(dead, "death", "none"),
        "mrd_response": np.where(negative, "mrd_negative", "mrd_positive"),
        "response_day": np.full(n, float(days)),
    }


@pytest.mark.parametrize("outcome", ["efs", "os"])
def test_responders_who_merely_lived_long_enough_do_no_better_from_the_landmark(outcome):
    columns = planted()
    naive = log_rank(columns["os_time"], columns["os_event"] == 1, columns["mrd_response"])
    assert naive.p_value < 1e-4
    part = survival(cohort_of(**columns), internal=True)
    table = table_of(part, f"{outcome}_landmark")
    assert value(table, test="log-rank")["p_value"] > 0.1
    alive = int((columns["os_time"] > 28 / DAYS_PER_MONTH).sum())
    assert cell(table, "All", "Patients") == str(alive)
    both = [value(table, group=MRD, level=level, month=6.0)["value"] for level in ("MRD negative", "MRD positive")]
    # exponential with mean 4 months: 22 % from any month on
    assert both == pytest.approx([math.exp(-6 / 4)] * 2, abs=0.09)


def test_a_response_assessed_after_the_landmark_is_not_known_at_it():
    columns = planted(days=84)
    part = survival(cohort_of(**columns), internal=True)
    assert any("Overall survival by response: of nobody" in why for why in part.missing)
    table = table_of(survival(cohort_of(**columns), internal=True, landmark_days=84), "os_landmark")
    assert value(table, test="log-rank")["p_value"] > 0.1


def test_variables_learned_later_make_no_groups_and_say_why():
    cohort = cohort_of(**planted())
    part = survival(cohort, by="mrd_response", groups=(), internal=True)
    assert any(why.startswith("groups by mrd_response: learned after the first dose") for why in part.missing)
    assert [row.label for row in table_of(part, "efs").rows] == ["All"]


def test_a_variable_asked_for_stands_before_the_usual_groups(skeleton):
    table = table_of(survival(skeleton, by="disease_status_at_start", internal=True), "efs")
    headings = [row.label for row in table.rows if row.indent == 0]
    assert headings == ["All", STATUS, CLASS]
    assert value(table, group=STATUS, level="R/R", month=12.0)["value"] == pytest.approx(7 / 11)


def test_mrd_negative_before_the_first_dose_cannot_respond_and_is_left_out(skeleton):
    group, said = response_groups(skeleton, 28.0)
    assert [int((group.code == code).sum()) for code in range(3)] == [41, 10, 54]
    assert "MRD-negative before" in said


def test_who_failed_at_the_assessment_is_no_failure_after_it():
    # The event column holds the first event alone: a child that did not respond has had it.
    columns = patients({"R/R": [(1.5, "no_response")] * 6 + [(20, "none")] * 10 + [(8, "relapse")] * 6})
    columns["mrd_response"] = ["mrd_positive"] * 6 + ["mrd_negative"] * 16
    table = table_of(survival(cohort_of(**columns), internal=True), "efs_landmark")
    assert (cell(table, "All", "Patients"), cell(table, "All", "Events")) == ("16", "6")


# ------------------------------------------------------------------ what cannot be had


def test_nothing_but_ages_is_explained_and_not_an_error():
    part = survival(cohort_of(age=[1.0, 2, 3, 4, 5, 6]), internal=True)
    assert (part.tables, part.curve_sets) == ((), ())
    said = " ".join(part.missing)
    for name in ("Event-free survival: needs the columns efs_event, efs_time", "Overall survival: needs the columns",
                 "Cumulative incidence of relapse: needs", "by response: needs the column mrd_response"):  # fmt: skip
        assert name in said


def test_no_death_is_said_and_the_rest_is_there():
    columns = patients({"R/R": [(5, "relapse")] * 6 + [(20, "none")] * 6, "CR-MRDneg": [(20, "none")] * 12})
    part = survival(cohort_of(**columns, os_time=columns["efs_time"], os_event=np.zeros(24)))
    assert any(
        why.startswith("Overall survival: overall_survival needs rows with the event; has 0") for why in part.missing
    )
    assert cell(table_of(part, "efs"), "R/R", "12 months", CLASS).startswith("50.0 % ± 14.4 %")
    # relapse is all there is: no table of other first events
    assert [table.name for table in part.tables] == ["efs", "relapse"]


def test_courses_of_one_patient_are_one_patient():
    columns = patients({"R/R": [(5, "relapse")] * 6, "CR-MRDneg": [(20, "none")] * 12})
    twice = {name: np.repeat(np.array(values, dtype=object), 2).tolist() for name, values in columns.items()}
    twice |= {"patient_id": [f"x{k // 2}" for k in range(36)], "cycle_index": [1.0 + k % 2 for k in range(36)]}
    once, again = survival(cohort_of(**columns), internal=True), survival(cohort_of(**twice), internal=True)
    assert [table.rows for table in once.tables] == [table.rows for table in again.tables]
    assert "x1" not in str(again)


def test_too_few_patients_are_not_shown():
    columns = patients({"R/R": [(5, "relapse"), (6, "none"), (7, "none")]})
    assert survival(cohort_of(**columns)).missing == ("survival: fewer than 5 patients",)
    assert table_of(survival(cohort_of(**columns), internal=True), "efs").rows


@pytest.mark.parametrize("months", [(), (0.0,), (-3.0,), (math.nan,), (math.inf,)])
def test_months_must_be_positive(months):
    with pytest.raises(UsageError, match="months must be positive"):
        survival(cohort_of(age=[1.0] * 6), months=months)


def test_an_outcome_that_is_not_there_is_a_usage_error():
    with pytest.raises(UsageError, match="there is no outcome"):
        survival(cohort_of(age=[1.0] * 6), outcomes={"efs": "happiness"})


def test_the_embedded_cohort_is_quick_and_shares_no_small_number():
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    part = survival(cohort)
    assert {table.name for table in part.tables} == {"efs", "os", "os_landmark"}
    assert any("would follow from the events of event-free survival" in text for text in part.missing), "four relapses"
    inside = {table.name for table in survival(cohort, internal=True).tables}
    assert {"relapse", "not_relapse"} <= inside
    for table in part.tables:
        assert all(len(row.cells) in {0, len(table.columns)} for row in table.rows)
        for row in table.rows:
            assert not {*row.cells[:2]} & {"1", "2", "3", "4"}
    for one in part.curve_sets:
        assert all(not {*curve.at_risk} & {"1", "2", "3", "4"} for curve in one.curves)
    assert any("MRD response was not recorded" in why for why in part.missing)


# ------------------------------------------------------------------ other cohorts


@pytest.mark.data
def test_children_treated_at_diagnosis_are_compared_by_age_and_by_mrd_from_day_29(data_file):
    cohort = read_cohort(data_file("target_aall0232/aall0232.csv"), ROOT / "tests" / "data" / "aall0232.toml")
    part = survival(cohort)
    assert [one.name for one in part.curve_sets] == [
        f"{name}{by}"
        for name, bys in (("efs", ("age_group", "sex")), ("os", ("age_group", "sex")))
        for by in ("", *(f"_by_{by}" for by in bys))
    ] + ["efs_landmark", "efs_landmark_by_response", "os_landmark", "os_landmark_by_response"]
    table = table_of(part, "efs_landmark")
    assert any("event-free and in follow-up on day 28" in note for note in table.notes)
    low, high = (
        value(table, level=level, month=12.0)["value"] for level in ("MRD under 0.01 %", "MRD of 0.01 % or more")
    )
    assert high < low - 0.05
    # Who had an event by day 28, induction failures among them, is not compared by the MRD of that day.
    assert int(cell(table, "All", "Patients")) < cohort.n_patients


def test_mrd_of_the_end_of_induction_is_no_response_to_a_later_treatment():
    columns = {"mrd_end_of_induction": [1e-5, 1e-4, 1e-2, np.nan]}
    groups, said = response_groups(cohort_of(**columns), 28.0)
    assert [groups.levels[code] for code in groups.code] == [
        "MRD under 0.01 %", "MRD of 0.01 % or more", "MRD of 0.01 % or more", "not known",
    ]  # fmt: skip
    assert "start with induction" in said
    assert response_groups(cohort_of(**columns, disease_status_at_start=["R/R"] * 4), 28.0)[0] is None
