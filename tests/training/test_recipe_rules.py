"""Everything wrong with a recipe is said at once, and no wrong type ends in a traceback."""

from __future__ import annotations

import datetime as dt
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.training.recipe_rules import faults_of

DICTIONARY = load_dictionary()


def shipped(name="non_response") -> dict[str, Any]:
    return tomllib.loads((folder("models") / name / "recipe.toml").read_text(encoding="utf-8"))


def feature(**changes):
    return {"name": "x", "op": "value", "inputs": ["age"], "why": "because"} | changes


def refusals(raw) -> str:
    return "\n".join(str(fault) for fault in faults_of(raw, DICTIONARY))


@pytest.mark.parametrize("name", ["efs", "icans", "induction_efs", "non_response"])
def test_a_sound_recipe_has_no_fault(name):
    assert refusals(shipped(name)) == ""


def test_every_kind_of_fault_is_reported_at_once():
    many = ["age", "wbc", "lymphocytes", "cd3", "cd4", "cd8", "nk", "cd19", "bm_blasts", "tki", "bridging_chemo", "mrd"]
    raw = shipped() | {
        "colour": "blue",
        "outcome": "efs",
        "learner": {"kind": "average", "member": [{"kind": "ridge_logistic"}, {"kind": "boosting"}]},
        "feature": [
            feature(name="a", inputs=["mrdd"]),
            feature(name="b", op="level", inputs=["response"], parameter=["response"]),
            feature(name="c", inputs=["delivered_infusion_days"]),
            feature(name="d", inputs=["patient_id"]),
            feature(name="e", op="log10", inputs=["sex"], parameter=1e-4),
            feature(name="f", op="cube"),
            {"name": "g", "op": "value", "inputs": ["wbc"]},
            feature(name="h", inputs=[*many, "cycle_index"]),
            feature(name="i", op="level", inputs=["age"], parameter=["old"]),
            feature(name="j", op="level", inputs=["sex"], parameter=["femle"]),
            feature(name="k", inputs=["cd3", "cd3"]),
            feature(name="k", op="log10", inputs=["cd3"], parameter=0.0),
        ],
        "evaluation": {"fold": 5},
        "applies_to": {"agee": [0, 18]},
        "golden": [{"mrd": "five"}],
    }
    said = refusals(raw)
    for words in (
        "column colour: is not a key of a recipe",
        "ridge_logistic is for binary outcomes; got 'survival'",
        "horizons_months: must be given for a survival outcome",
        "feature a: mrdd is not in the dictionary; the nearest name is 'mrd'",
        "feature b: response is known only from end_of_cycle_1, after the landmark first_dose",
        "feature c: delivered_infusion_days is known only from end_of_cycle_1",
        "feature d: patient_id identifies rows and cannot be a predictor",
        "feature e: sex is a category and cannot go through log10",
        "feature f: op must be one of value, log10, hinge, at_least, level; got 'cube'",
        "feature g: must have name, op, inputs and why; got 'no why'",
        "feature: may use at most 12 inputs with a boosting",
        "feature i: age is a number and cannot go through level",
        "feature j: the levels of sex are female, male; got 'femle'",
        "feature k: inputs must differ",
        "feature k: names of features must differ",
        "feature k: the parameter of log10 must be a positive number, the floor; got '0.0'",
        "evaluation.fold: is not a setting",
        "applies_to.agee: is not in the dictionary; the nearest name is 'age'",
        "golden patient 1: mrd",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("learner", "refused"),
    [
        ({"kind": "ridge_logistic"}, False),
        ({"kind": "forest"}, False),
        ({"kind": "forest", "calibrate": True}, True),
        ({"kind": "boosting"}, True),
        ({"kind": "stack", "member": [{"kind": "ridge_logistic"}, {"kind": "forest"}]}, False),
        ({"kind": "average", "member": [{"kind": "ridge_logistic"}, {"kind": "boosting"}]}, True),
    ],
)
def test_only_what_is_explained_coalition_by_coalition_takes_a_dozen_inputs(learner, refused):
    names = [
        "age",
        "wbc",
        "lymphocytes",
        "cd3",
        "cd4",
        "cd8",
        "nk",
        "cd19",
        "bm_blasts",
        "mrd",
        "tki",
        "kmt2a_r",
        "sex",
    ]
    many = [feature(name=name, inputs=[name]) for name in names if name != "sex"]
    many.append(feature(name="sex", op="level", inputs=["sex"], parameter=["male"]))
    said = refusals(shipped() | {"learner": learner, "feature": many})
    assert ("may use at most 12 inputs" in said) is refused, said


@pytest.mark.parametrize(("key", "value"), [("learner", {"kind": "magic"}), ("outcome", "cure"), ("landmark", "birth")])
def test_unknown_choices_are_answered_with_the_known_ones(key, value):
    assert "must be one of" in refusals(shipped() | {key: value})


def test_the_learner_takes_its_own_settings_only():
    assert "learner.grid_months: is not a setting of ridge_logistic" in refusals(
        shipped() | {"learner": {"kind": "ridge_logistic", "grid_months": [1, 2]}}
    )
    assert "learner.prior_scale: must be a positive number" in refusals(
        shipped() | {"learner": {"kind": "ridge_logistic", "prior_scale": -1}}
    )


def test_the_baseline_must_reach_what_is_reported_and_judged():
    short = {"kind": "ridge_cox", "grid_months": [1, 2, 12]}
    assert "learner.grid_months: must reach 24 months" in refusals(shipped("efs") | {"learner": short})
    late = {"horizon_months": 60}
    assert "learner.grid_months: must reach 60 months" in refusals(shipped("efs") | {"evaluation": late})


AVERAGE = {"kind": "average", "member": [{"kind": "ridge_logistic"}, {"kind": "forest", "trees": 5, "least_events": 9}]}


def test_averages_stacks_and_estimators_from_outside_are_taken():
    stack = {**AVERAGE, "kind": "stack"}
    weighed = {"kind": "average", "member": [{"kind": "ridge_logistic", "weight": 2, "calibrate": True}]}
    outside = {"kind": "sklearn", "estimator": "a_b.c:D", "settings": {"x": 1}}
    for learner in (AVERAGE, stack, weighed, outside):
        assert list(faults_of(shipped() | {"learner": learner}, load_dictionary())) == []
    survival = {"kind": "average", "grid_months": [6, 12, 24], "member": [{"kind": "ridge_cox"}]}
    assert list(faults_of(shipped("efs") | {"learner": survival}, load_dictionary())) == []


def test_every_fault_of_an_average_is_named_at_once():
    members = [
        {"kind": "ridge_logistic", "grid_months": [6], "weight": 0},
        {"kind": "forest", "trees": 0, "colour": "red", "least_events": -1, "calibrate": "yes"},
        {"kind": "ridge_cox"},
        {"kind": "average", "member": []},
        {"kind": "sklearn", "estimator": "a:B"},
        {},
    ]
    said = refusals(shipped() | {"learner": {"kind": "average", "member": members, "weight": 1, "grid_months": [6]}})
    for part in (
        "learner.weight: is not a setting of an average",
        "learner.grid_months: is not a setting of an average",
        "learner.member 1.grid_months: is not a setting of ridge_logistic",
        "learner.member 1.weight: must be a positive number",
        "learner.member 2.colour: is not a setting of forest",
        "learner.member 2.trees: must be a whole number, 1 or more",
        "learner.member 2.least_events: must be a whole number, 0 or more",
        "learner.member 2.calibrate: must be true or false",
        "learner.member 3.kind: ridge_cox is for survival outcomes",
        "learner.member 4.kind: must be one of",
        "learner.member 5.kind: an estimator of another package has no portable form",
        "learner.member 6.kind: must be one of",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("learner", "said"),
    [
        ({"kind": "average"}, "learner.member: must be a list of tables"),
        ({"kind": "stack", "member": []}, "learner.member: must be a list of tables"),
        ({"kind": "stack", "member": {"kind": "forest"}}, "learner.member: must be a list of tables"),
        ({"kind": "stack", "member": [{"kind": "forest", "weight": 2}]}, "member 1.weight: is not a setting of forest"),
        ({"kind": "forest", "weight": 2}, "learner.weight: is not a setting of forest"),
        ({"kind": "sklearn"}, "learner.estimator: must be a class, written 'package.module:Class'"),
        ({"kind": "sklearn", "estimator": "os.system('x'):A"}, "learner.estimator: must be a class"),
        ({"kind": "sklearn", "estimator": "a.b"}, "learner.estimator: must be a class"),
        ({"kind": "sklearn", "estimator": "a:B.c"}, "learner.estimator: must be a class"),
        ({"kind": "sklearn", "estimator": "a:B", "settings": [1]}, "learner.settings: must be a table"),
        ({"kind": "sklearn", "estimator": "a:B", "calibrate": True}, "learner.calibrate: is not a setting of sklearn"),
        ({"kind": "sklearn", "estimator": "a:B", "grid_months": [6]}, "learner.grid_months: is not a setting"),
    ],
)
def test_a_malformed_learner_is_refused(learner, said):
    assert said in refusals(shipped() | {"learner": learner})


@pytest.mark.parametrize(("kind", "takes"), [("boosting_aft", True), ("parametric", False)])
def test_a_distribution_is_one_that_the_learner_has(kind, takes):
    learner = {"kind": kind, "grid_months": [6, 12, 24], "distribution": "lognormal"}
    faults = [str(fault) for fault in faults_of(shipped("efs") | {"learner": learner}, load_dictionary())]
    assert faults == [] if takes else "learner.distribution: must be one of loglogistic, weibull" in faults[0]


def test_learners_of_several_causes_keep_to_themselves():
    causes, cox = {"kind": "cause_specific_cox"}, {"kind": "ridge_cox"}
    grid = {"grid_months": [6, 12, 24, 36]}
    mixed = refusals(shipped("relapse") | {"learner": {"kind": "average", "member": [causes, cox], **grid}})
    assert "averaged with each other only, and not stacked" in mixed
    stacked = refusals(shipped("relapse") | {"learner": {"kind": "stack", "member": [causes, causes], **grid}})
    assert "averaged with each other only, and not stacked" in stacked
    moved = refusals(shipped("relapse") | {"learner": {**causes, "calibrate": True, **grid}})
    assert "learner.calibrate: is not a setting of cause_specific_cox" in moved


@pytest.mark.parametrize("name", ["../elsewhere", "a b", "", "/elsewhere", ".", 3, "a\n"])
def test_a_name_that_would_leave_the_output_folder_is_refused(name):
    assert "column name: must be one word" in refusals(shipped() | {"name": name})


def test_all_missing_keys_are_named_together():
    said = refusals({})
    for key in ("name", "version", "label", "outcome", "landmark", "intended_use", "not_for", "feature", "learner"):
        assert f"column {key}: must be given" in said


@pytest.mark.parametrize(
    "changes",
    [
        {"feature": "x"},
        {"feature": ["x"]},
        {"feature": []},
        {"feature": {"name": "x"}},
        {"feature": [feature(inputs="mrd")]},
        {"feature": [feature(inputs=[["mrd"]])]},
        {"feature": [feature(inputs=[])]},
        {"feature": [feature(name=["x"])]},
        {"feature": [feature(why="  ")]},
        {"feature": [feature(op=["log10"])]},
        {"feature": [feature(op="log10", parameter=True)]},
        {"feature": [feature(op="log10", parameter=-1)]},
        {"feature": [feature(op="at_least", parameter="10")]},
        {"feature": [feature(op="hinge", parameter=float("nan"))]},
        {"feature": [feature(op="value", parameter=1)]},
        {"feature": [feature(op="level", inputs=["sex"], parameter=[1])]},
        {"feature": [feature(op="level", inputs=["sex"], parameter="male")]},
        {"feature": [feature(colour="blue")]},
        {"learner": 3},
        {"learner": {}},
        {"learner": {"kind": ["ridge_logistic"]}},
        {"learner": {"kind": "ridge_logistic", "prior_scale": "wide"}},
        {"applies_to": ["age"]},
        {"applies_to": {"age": 18}},
        {"applies_to": {"age": [18]}},
        {"applies_to": {"age": [18, 0]}},
        {"applies_to": {"age": ["0", "18"]}},
        {"applies_to": {"disease_status_at_start": [0, 18]}},
        {"applies_to": {"disease_status_at_start": "R/R"}},
        {"applies_to": {"disease_status_at_start": ["RR"]}},
        {"applies_to": {"response": ["response"]}},
        {"evaluation": 5},
        {"evaluation": {"folds": "five"}},
        {"evaluation": {"folds": 1}},
        {"evaluation": {"folds": 5.0}},
        {"evaluation": {"repeats": True}},
        {"uncertainty": {"bootstrap": -1}},
        {"uncertainty": {"level": 90}},
        {"uncertainty": []},
        {"golden": {}},
        {"golden": ["x"]},
        {"golden": [{"mrdd": 1}]},
        {"golden": [{"mrd": {"value": [1]}}]},
        {"not_for": "adults"},
        {"not_for": []},
        {"not_for": [1]},
        {"outcome": ["efs"]},
        {"landmark": 28},
        {"label": 1},
        {"version": 1},
        {"column_maps": "columns/a.toml"},
        {"horizons_months": 12},
        {"horizons_months": [12, 6]},
        {"horizons_months": ["12"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_a_wrong_type_is_a_fault_and_not_a_traceback(name, changes):
    assert refusals(shipped(name) | changes)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(shipped("efs"))), anything)
@settings(max_examples=150, deadline=None)
def test_no_value_of_any_key_ends_in_a_traceback(key, value):
    refusals(shipped("efs") | {key: value})


@given(st.sampled_from(["name", "op", "inputs", "why", "parameter", "other"]), anything)
@settings(max_examples=150, deadline=None)
def test_no_value_of_any_key_of_a_feature_ends_in_a_traceback(key, value):
    refusals(shipped() | {"feature": [feature(**{key: value})]})


@pytest.mark.parametrize("name", ["cd3_d15", "cd8_effector_pct_d15", "mrd_course_d15"])
def test_a_day_15_value_is_refused_in_a_model_of_the_first_dose(name):
    raw = shipped("non_response")
    assert raw["landmark"] == "first_dose"
    said = refusals(raw | {"feature": [feature(inputs=[name])]})
    assert f"{name} is known only from day_15, after the landmark first_dose" in said
    later = refusals(raw | {"landmark": "day_15", "feature": [feature(inputs=[name])]})
    assert "after the landmark" not in later


def test_a_count_and_its_percentage_are_not_both_used():
    both = [feature(name="a", inputs=["cd19"]), feature(name="b", inputs=["cd19_pct"])]
    assert "cd19 and cd19_pct say the same" in refusals(shipped() | {"feature": both})
    assert "say the same" not in refusals(shipped() | {"feature": both[:1]})


@pytest.mark.parametrize("name", ["efs", "icans", "induction_efs", "non_response"])
def test_each_variable_is_refused_exactly_when_it_is_learned_after_the_landmark(name):
    """An independent reading of the dictionary: the order of landmarks is the rule, variable by variable."""
    raw = shipped(name)
    order = ["diagnosis", "end_of_induction", "first_dose", "day_15", "end_of_cycle_1", "follow_up"]
    for variable in DICTIONARY.variables.values():
        late = order.index(variable.known) > order.index(raw["landmark"])
        said = refusals(raw | {"feature": [feature(inputs=[variable.name])]})
        assert ("after the landmark" in said) == late, variable.name


# ------------------------------------------------------------------------------------------------------------- derived


def with_features(*features, **changes):
    golden = [{"age": "6 a"}]
    return shipped() | {"feature": list(features), "golden": golden} | changes


def test_derived_variables_are_inputs_of_a_recipe_of_their_landmark():
    features = (
        feature(name="a", op="log10", inputs=["mrd_alc_ratio"], parameter=1e-5),
        feature(name="b", inputs=["lymphocytes_change_d15"]),
        feature(name="c", inputs=["any_poor_lesion"]),
        feature(name="d", op="level", inputs=["age_group"], parameter=["infant"]),
    )
    assert refusals(with_features(*features, landmark="day_15", applies_to={"age_group": ["infant"]})) == ""
    said = refusals(with_features(*features, landmark="first_dose"))
    assert said.count("\n") == 0, "only the change needs the fifteenth day"
    assert "lymphocytes_change_d15 is known only from day_15, after the landmark first_dose" in said
    assert "cannot go through value" in refusals(with_features(feature(inputs=["age_group"])))
    assert "the levels of age_group are" in refusals(
        with_features(feature(op="level", inputs=["age_group"], parameter=["old"]))
    )


@pytest.mark.parametrize(
    ("whole", "part"),
    [("any_poor_lesion", "kmt2a_r"), ("log10_mrd", "mrd"), ("disease_outside_marrow", "cns_disease")],
)
def test_what_contains_an_input_stands_alone(whole, part):
    said = refusals(with_features(feature(name="a", inputs=[whole]), feature(name="b", inputs=[part])))
    assert f"{whole} says {part} again" in said


def test_a_ratio_may_stand_beside_its_parts():
    features = feature(name="a", inputs=["mrd_alc_ratio"]), feature(name="b", inputs=["mrd"])
    assert refusals(with_features(*features)) == ""


def test_dates_are_in_no_recipe():
    raw = shipped() | {
        "feature": [feature(inputs=["birth_date"])],
        "applies_to": {"diagnosis_date": [2010, 2020]},
        "golden": [{"age": 5, "dob": "2012-05-01"}],
    }
    said = refusals(raw)
    assert "birth_date is a date: it identifies a patient and cannot be a predictor; use an interval" in said
    assert "applies_to.diagnosis_date: is a date" in said
    assert "golden patient 1: dob: a bundle holds no dates" in said
    assert "2012" not in said


def test_days_and_owners_are_optional_and_written_plainly():
    plain = {key: value for key, value in shipped().items() if key not in {"date", "review_by", "owner", "contact"}}
    assert refusals(plain) == ""
    assert refusals(plain | {"review_by": "2028-11-30"}) == ""
    for day in ("30.11.2028", "2028-02-30", "", 2028, True, dt.date(2028, 11, 30)):
        said = refusals(plain | {"review_by": day})
        assert 'review_by: must be a day in quotes, such as "2028-11-30"' in said
    assert "owner: must be text" in refusals(plain | {"owner": ""})
    early = refusals(plain | {"date": "2026-11-21", "review_by": "2026-11-21"})
    assert "review_by: must come after the recipe's date, 2026-11-21" in early


def test_studies_to_leave_out_must_exist():
    assert refusals(shipped() | {"evidence": {"without_studies": ["zhang2025"]}}) == ""
    said = refusals(shipped() | {"evidence": {"without_studies": ["zhang25"], "with": ["x"]}})
    assert "evidence.without_studies: must be one of zhang2025" in said
    assert "evidence.with: is not a setting" in said
    assert "must be a list of texts" in refusals(shipped() | {"evidence": {"without_studies": "zhang2025"}})
