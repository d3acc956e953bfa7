"""What a manifest says, and what it must not say."""

from __future__ import annotations

import math

import pytest

from riskml.reporting.sections import absent, learned_from, limitations, model_section


def test_small_cells_of_the_flow_cannot_be_worked_out(bundle_of):
    flow = model_section(bundle_of("binary"), "m")["flow"]
    assert dict(flow["rows"]) == {
        "Rows of the file (one row a course)": "86",
        "left out: not the patient's first course": "5 or more",
        "left out: Status at first dose not known": "<5",
        "Patients the model learned from": "60",
        "Patients with the event": "9",
    }
    assert flow["nobody"] == ["outcome not known"]


def test_courses_are_called_courses(bundle_of):
    manifest = bundle_of("binary").manifest
    training = manifest["training"] | {"n_rows": 70}
    courses = manifest["outcome"] | {"rows": "course"}
    assert learned_from(manifest) == "60 patients, 9 with the event (15 %)"
    assert learned_from(manifest | {"outcome": courses, "training": training}) == (
        "70 courses of 60 patients, 9 with the event (13 %)"
    )


def test_ratios_are_those_of_the_coefficients_per_natural_unit(bundle_of):
    section = model_section(bundle_of("binary"), "m")
    assert section["ratio"] == "Odds ratio"
    ph, poor, mrd = section["ratios"]
    assert ph == ["BCR::ABL1 (Ph+)", "present v absent", f"{math.exp(1):.1f}", "1.95 to 4.8", "1.0000"]
    assert poor[:3] == ["KMT2A rearrangement or TCF3::HLF", "each one present v absent", f"{math.exp(0.5):.2f}"]
    assert mrd[1] == "10-fold higher value"
    assert model_section(bundle_of("survival"), "m")["ratio"] == "Hazard ratio"


def test_the_interval_of_a_ratio_is_the_quantile_of_the_refits(bundle_of):
    # Refitted coefficients 0.6, 1.3 and 1.6: their type 7 quantiles at 5 and 95 % are 0.67 and 1.57.
    assert (round(math.exp(0.67), 2), round(math.exp(1.57), 1)) == (1.95, 4.8)
    assert model_section(bundle_of("binary"), "m")["ratios"][0][3] == "1.95 to 4.8"


def test_performance_stands_beside_the_comparator(bundle_of):
    rows = {row[0]: row[1:] for row in model_section(bundle_of("binary"), "m")["performance"]}
    assert rows["AUC"] == ["0.64 (0.52 to 0.75)", "0.50", "1"]
    assert rows["Brier score"] == ["0.120 (0.080 to 0.160)", "0.130", "0"]
    assert rows["Scaled Brier"] == ["7 % (\N{MINUS SIGN}5 to 15 %)", "0 %", "100 %"]


def test_calibration_groups_with_one_to_four_events_give_no_number(bundle_of):
    groups = model_section(bundle_of("binary"), "m")["groups"]
    # 0, 2 and 7 events of 20: the two would follow from the nine events in all, so the seven are blurred too.
    assert [row[3] for row in groups] == ["none (up to 15 %)", "<5 events", "5 or more events"]


def test_survival_boxes_carry_no_counts(bundle_of):
    figures = model_section(bundle_of("survival"), "m")["figures"]
    assert "with the event by 12 months" in figures[1][0]
    assert "(9)" not in figures[1][0]
    assert "(9)" in model_section(bundle_of("binary"), "m")["figures"][1][0]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, "9 events for 3 coefficients, 3.0 each: very few"),
        ({}, "simulated"),
        ({}, "not external validation"),
        (
            {},
            "prototypes of 5 or more patients. Their mean prediction is 15.0 %, that of the patients themselves 16.0 %",
        ),
        ({"usable_signal": False, "verdict": "AUC 0.5: chance"}, "No usable signal: AUC 0.5: chance."),
    ],
)
def test_limitations_are_written_from_the_run(bundle_of, changes, found):
    assert any(found in text for text in model_section(bundle_of("binary", **changes), "m")["limitations"])


def test_a_bundle_without_evaluation_has_a_section_all_the_same(bundle_of):
    section = model_section(bundle_of("binary", evaluation=None, usable_signal=False, verdict="not evaluated"), "m")
    assert section["performance"] == section["groups"] == section["figures"] == []
    assert len(section["effects"]["figures"]) > 1


def test_folds_that_could_not_be_ranked_are_named(bundle_of):
    judged = bundle_of("binary").manifest["evaluation"] | {"folds_not_estimable": 2}
    section = model_section(bundle_of("binary", evaluation=judged), "m")
    assert "2 of 50 test folds could not be ranked" in section["plan"]
    assert any("2 of 50 test folds" in text for text in section["limitations"])


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ([{}, {}], "serves any of the subgroups"),
        ([{}, {"auc": {"value": 0.7, "low": 0.6, "high": 0.8}}], "serves 1 of the 2 subgroups"),
        ([{"auc": {"value": 0.7, "low": 0.6, "high": 0.8}}] * 2, ""),
    ],
)
def test_subgroups_that_could_not_be_judged_are_a_limitation(bundle_of, metrics, says):
    rows = [
        {"label": f"Group {n}", "level": "present", "n_patients": "12", "n_events": "<5", "metrics": found}
        for n, found in enumerate(metrics)
    ]
    rows += [{"label": "Unknown", "level": None, "n_patients": None, "n_events": None, "metrics": {}}]
    judged = bundle_of("binary").manifest["evaluation"] | {"subgroups": rows}
    said = " ".join(limitations(bundle_of("binary", evaluation=judged)))
    assert ("subgroups named beforehand" in said) == bool(says)
    assert says in said


def test_the_domain_of_use_is_a_limitation(bundle_of):
    said = " ".join(limitations(bundle_of("binary")))
    assert "It speaks of these patients only: Age: 0 to 18 years; " in said
    assert "speaks of" not in " ".join(limitations(bundle_of("binary", applies_to={})))


def test_what_a_bundle_does_not_hold_is_said_in_one_sentence(bundle_of):
    bare = bundle_of("binary").manifest
    assert absent(bare) == (
        "Not in this bundle, so not shown: net benefit, comparison with something simpler, subgroups, learning curve, "
        "instability of predictions."
    )
    whole = {key: {"withheld": "too few"} for key in ("decision_curve", "differences", "subgroups", "learning_curve")}
    told = {**bare, "evaluation": {**bare["evaluation"], **whole}}
    assert absent(told) == "Not in this bundle, so not shown: instability of predictions."
    assert absent({**told, "stability": {"refits": 200}}) == ""
    assert absent({**bare, "evaluation": None}) == "", "that it was not evaluated is said instead"


def test_notes_on_the_outcome_are_shown_where_the_flow_is(bundle_of):
    assert model_section(bundle_of("binary"), "m")["flow"]["notes"] == [], "bundles of the first months have none"
    training = {**bundle_of("binary").manifest["training"], "notes": ["age is rounded", "only <b>some</b>"]}
    noted = bundle_of("binary", training=training)
    assert model_section(noted, "m")["flow"]["notes"] == [
        f"{noted.dictionary['age'].label} is rounded",
        training["notes"][1],
    ]


# ----------------------------------------------------------------------------------------------------------- averages


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_an_average_has_a_section_without_ratios(average_of, kind):
    section = model_section(average_of(kind), "m")
    assert section["ratios"] == []
    assert section["by_hand"] is None
    assert len(section["examples"]) == 2


def test_draws_of_several_members_have_no_ratios_either(bundle_of):
    def doubled(model):
        return model.with_(bootstrap=tuple((d.with_(weight=0.5), d.with_(weight=0.5)) for (d,) in model.bootstrap))

    assert model_section(bundle_of("binary", change=doubled), "m")["ratios"] == []


@pytest.mark.parametrize(
    ("kind", "scale"),
    [
        ("binary", "mean absolute effect, points of risk"),
        ("survival", "absolute effect, points of survival at 12"),
    ],
)
def test_what_the_inputs_do_is_told_with_its_scale(bundle_of, kind, scale):
    shown = model_section(bundle_of(kind), "m")["effects"]
    drawing, caption = shown["figures"][0]
    assert scale in drawing
    assert "rarely known is rarely important" in caption
    assert len(shown["tables"]) == 1
    assert any("Intervals (90 %) come from 3 refits" in sentence for sentence in shown["sentences"])
    assert any("additive on its linear scale" in sentence for sentence in shown["sentences"])


def test_a_model_with_trees_lists_its_interactions(average_of):
    shown = model_section(average_of("binary"), "m")["effects"]
    caption, columns, rows = shown["tables"][1]
    assert "Effects that depend on another input" in caption
    assert len(rows) == 5
    assert len(rows[0]) == len(columns)


def test_an_older_bundle_does_not_say_what_its_inputs_do(bundle_of):
    assert model_section(bundle_of("binary", explain=False), "m")["effects"] is None


def test_the_facts_name_the_members_and_who_was_left_out(average_of, bundle_of):
    members = [
        {"kind": "ridge_logistic", "weight": 0.75, "line": None},
        {"kind": "forest", "weight": 0.25, "line": [0.1, 0.9]},
    ]
    bundle = average_of("binary")
    training = bundle.manifest["training"] | {
        "members": members,
        "members_left_out": ["boosting was left out: 9 events"],
    }
    facts = dict(model_section(bundle.with_(manifest=bundle.manifest | {"training": training}), "m")["facts"])
    assert facts["Learner"] == (
        "Average of ridge logistic (75 %) and forest (25 %) recalibrated. Boosting was left out: 9 events."
    )
    assert "Learner" not in dict(model_section(bundle_of("binary"), "m")["facts"]), "older bundles do not say"
