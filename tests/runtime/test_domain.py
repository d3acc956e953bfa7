"""Whom the model knows nothing about: each way to be unlike its patients has a code, and is said once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.domain import concerns, distance
from riskml.runtime.model import Feature
from tests.runtime.models import bundle_of, logistic, plain_model, shipped_bundle

DICTIONARY = load_dictionary()
APPLIES = {"age": [0, 18], "disease_status_at_start": ["R/R", "CR-MRDpos"], "cycle_index": [1, 1]}
MODEL = plain_model([logistic(0.0, 1.0)], {(0.01,): 1.0}, inputs=("mrd",)).with_(limits={"mrd": (1e-4, 0.3)})
FLOW = {"methods": {"mrd_method": {"flow": 0.9, "ngs_ig": 0.1}}, "inputs": {}}


def asked(patient, model=MODEL, applies=APPLIES, landmark="first_dose", **training):
    readings = {name: DICTIONARY.read(DICTIONARY[name], raw) for name, raw in patient.items()}
    manifest = {"applies_to": applies, "landmark": landmark, "training": training}
    return concerns(model, DICTIONARY, manifest, readings)


def reasons(patient, **settings_):
    return [concern.message for concern in asked(patient, **settings_) if concern.outside]


def codes(patient, **settings_):
    return [(concern.code, concern.input, concern.outside) for concern in asked(patient, **settings_)]


# --- population and ranges --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "patient",
    [
        {},
        {"age": None},
        {"age": "unknown"},
        {"age": "1 a"},
        {"age": "18 a"},
        {"disease_status_at_start": "R/R", "cycle_index": 1, "mrd": "1 %"},
        {"mrd": "30 %"},
        {"mrd": "0.01 %"},
        {"mrd": "<0.01 %"},  # below every number, but the training cohort had such patients, too
    ],
    ids=str,
)
def test_patients_like_those_of_the_cohort_give_no_concern(patient):
    assert asked(patient) == []


@pytest.mark.parametrize(
    ("patient", "code", "parts"),
    [
        ({"age": "19 a"}, "adult", ["is 19", "the model is for 0", "to 18", "adults have"]),
        ({"age": "18.1 a"}, "adult", ["is 18.1"]),
        ({"disease_status_at_start": "CR-MRDneg"}, "outside_population", ["is CR-MRDneg", "R/R or CR-MRDpos"]),
        ({"cycle_index": 2}, "later_course", ["is 2; the model is for 1", "low dose"]),
        ({"mrd": "45 %"}, "outside_range", ["is 45 %", "about 0.01 % to 30 %"]),
    ],
    ids=str,
)
def test_each_way_to_be_outside_has_its_code_and_its_words(patient, code, parts):
    (found,) = asked(patient)
    assert (found.code, found.input, found.outside) == (code, next(iter(patient)), True)
    assert all(part in found.message for part in parts), found
    assert DICTIONARY[next(iter(patient))].label in found.message


def test_all_reasons_are_given():
    found = codes({"age": "40 a", "disease_status_at_start": "CR-MRDneg", "cycle_index": 3, "mrd": "99 %"})
    assert [code for code, *_ in found] == ["adult", "outside_population", "later_course", "outside_range"]


AGED = plain_model([logistic(0.0, 0.1)], {(6.0,): 1.0}, inputs=("age",)).with_(limits={"age": (1.2, 17.0)})


@pytest.mark.parametrize(
    ("age", "applies", "limits", "found"),
    [
        # An infant is one everywhere, and outside only where the model says so.
        ("0.5 a", {"age": [0, 18]}, {}, [("infant", "age", False)]),
        ("0.5 a", {"age": [1, 31]}, {}, [("infant", "age", True)]),
        ("0.5 a", {"age": [0, 18]}, {"age": (1.2, 17.0)}, [("infant", "age", True)]),
        ("6 mo", {}, {}, [("infant", "age", False)]),
        ("1 a", {"age": [0, 18]}, {}, []),
        # An adult among adults is nothing to remark; where no age is given for the model, it is.
        ("25 a", {"age": [1, 31]}, {"age": (1.0, 28.0)}, []),
        ("29 a", {"age": [1, 31]}, {"age": (1.0, 28.0)}, [("adult", "age", True)]),
        ("40 a", {}, {}, [("adult", "age", False)]),
        ("17.5 a", {"age": [0, 18]}, {"age": (1.2, 17.0)}, [("outside_range", "age", True)]),
        # Declared and measured limits are one fact.
        ("40 a", {"age": [0, 18]}, {"age": (1.2, 17.0)}, [("adult", "age", True)]),
    ],
)
def test_ages(age, applies, limits, found):
    assert codes({"age": age}, model=AGED.with_(limits=limits), applies=applies) == found


@settings(max_examples=60, deadline=None)
@given(
    age=st.floats(0, 110),
    low=st.floats(0, 3),
    high=st.floats(10, 40),
    applies=st.sampled_from([{}, {"age": [0, 18]}, {"age": [1, 31]}]),
)
def test_an_age_is_told_once_and_outside_exactly_beyond_a_limit(age, low, high, applies):
    found = codes({"age": age}, model=AGED.with_(limits={"age": (low, high)}), applies=applies)
    declared = applies.get("age", [0, 110])
    assert len(found) <= 1
    assert [outside for *_, outside in found if outside] == [True] * (
        not (declared[0] <= age <= declared[1] and low <= age <= high)
    )


# --- treatment, method, time ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patient", "inputs", "told"),
    [
        ({"bcr_abl1": "present"}, ("mrd",), "bcr_abl1"),
        ({"bcr_abl1": "present", "tki": "unknown"}, ("mrd",), "bcr_abl1"),
        ({"bcr_abl1": "present", "tki": "no"}, ("mrd",), "tki"),
        ({"cytogenetic_group": "ph_pos"}, ("mrd",), "cytogenetic_group"),
        ({"bcr_abl1": "present", "tki": "yes"}, ("mrd",), None),
        ({"bcr_abl1": "absent", "tki": "no"}, ("mrd",), None),
        ({"bcr_abl1": "present", "tki": "no"}, ("tki",), None),  # the model has learned what it does
        ({"cytogenetic_group": "other_poor"}, ("mrd",), None),
        ({}, ("mrd",), None),
    ],
)
def test_ph_without_word_of_an_inhibitor(patient, inputs, told):
    model = plain_model([logistic(0.0, 1.0)], {(0.0,): 1.0}, inputs=inputs)
    assert codes(patient, model=model) == ([("ph_without_tki", told, False)] if told else [])


@pytest.mark.parametrize(
    ("patient", "told"),
    [
        ({"mrd": "1 %", "mrd_method": "ngs"}, "mrd_method"),
        ({"mrd": "1 %", "mrd_method": "flow"}, None),
        ({"mrd": "1 %", "mrd_method": "unknown"}, None),
        ({"mrd": "1 %"}, None),
        ({"mrd_method": "ngs"}, None),  # of no value
        ({"mrd_ngs": "1 %"}, "mrd_ngs"),
        ({"mrd_ngs": None}, None),
        ({"mrd": "1 %", "mrd_ngs": "1 %"}, None),  # the model has what it takes
    ],
)
def test_mrd_by_another_method_than_most_training_patients(patient, told):
    assert codes(patient, case_mix=FLOW) == ([("other_mrd_method", told, False)] if told else [])
    if told == "mrd_method":
        assert "by ngs_ig, in most training patients by flow" in asked(patient, case_mix=FLOW)[0].message
        assert codes(patient) == codes(patient, case_mix=None) == [], "a bundle that does not tell its methods"


@pytest.mark.parametrize(
    ("patient", "landmark", "told"),
    [
        ({"mrd_after": "1 %"}, "first_dose", ["mrd_after"]),
        ({"cd3_d15": "1 10*9/L", "response": "unknown"}, "first_dose", ["cd3_d15"]),
        ({"cd3_d15": "1 10*9/L"}, "day_15", []),
        ({"cd3": "1 10*9/L", "age": "5 a"}, "end_of_induction", ["cd3"]),
    ],
)
def test_what_is_known_only_later_is_not_used(patient, landmark, told):
    found = codes(patient, landmark=landmark)
    assert found == [("post_baseline", name, False) for name in told]


# --- lesions and distance ---------------------------------------------------------------------------------------------

LESIONS = ("bcr_abl1", "kmt2a_r", "ikzf1", "mrd")
GENETIC = plain_model([logistic(0.0, 1, 1, 1, 1)], {(0.0, 0.0, 0.0, 0.01): 1.0}, inputs=LESIONS)
SEEN = {
    "distance": {"share": 0.975, "thresholds": [9.0] * 4},
    "lesions": ["bcr_abl1", "ikzf1"],
    "lesion_pairs": [["bcr_abl1", "ikzf1"]],
}


@pytest.mark.parametrize(
    ("present", "told"),
    [
        ((), []),
        (("bcr_abl1",), []),
        (("bcr_abl1", "ikzf1"), []),
        (("kmt2a_r",), ["kmt2a_r"]),
        (("kmt2a_r", "ikzf1"), ["kmt2a_r"]),  # the pair of a rare lesion is no second fact
        (("tcf3_hlf",), []),  # no input of this model
    ],
)
def test_rare_lesions(present, told):
    patient = {**dict.fromkeys(present, "present"), "tki": "yes"}
    found = asked(patient, model=GENETIC, applicability=SEEN, case_mix={"inputs": {}})
    assert [(c.code, c.input, c.outside) for c in found] == [("rare_lesions", name, True) for name in told]
    assert all("fewer than 5 training patients" in c.message for c in found)


def test_a_pair_never_seen_of_lesions_that_were():
    apart = {**SEEN, "lesion_pairs": []}
    patient = {"bcr_abl1": "present", "ikzf1": "present", "tki": "yes"}
    (found,) = asked(patient, model=GENETIC, applicability=apart, case_mix={"inputs": {}})
    assert (found.code, found.input) == ("rare_lesions", "ikzf1")
    for name in ("bcr_abl1", "ikzf1"):
        assert DICTIONARY[name].label in found.message


MIX = {
    "age": {"missing": 0.0, "scale": "value", "mean": 6.0, "sd": 4.0},
    "mrd": {"missing": 0.0, "scale": "log10", "floor": 1e-4, "mean": -2.0, "sd": 0.5},
    "bcr_abl1": {"missing": 0.0, "levels": {"absent": 0.9, "present": 0.1}},
    "disease_class_initial": {"missing": 0.0, "levels": {"R/R": 0.5, "CR-MRDpos": 0.5}},
    "cd3": {"missing": 1.0},
}
MIXED = plain_model(
    [logistic(0.0, 0.1, 1.0, 1.0, 1.0, 1.0)],
    {(4.0, 0.01, 0.0, "R/R", 1.0): 0.5, (10.0, 0.1, 0.5, "CR-MRDpos", 1.0): 0.5},
    inputs=("age", "mrd", "bcr_abl1", "disease_class_initial", "cd3"),
)
MIXED = MIXED.with_(features=(*MIXED.features[:3], Feature("rr", "level", ("disease_class_initial",), ("R/R",))))


@pytest.mark.parametrize(
    ("known", "expected", "counted"),
    [
        ({}, 0.0, 0),
        ({"cd3": 5.0}, 0.0, 0),  # nothing is known of its spread
        ({"age": 5.0}, 0.25, 1),  # one year of sd 4 from the first prototype
        ({"age": 8.0}, 0.5, 1),  # two from the second
        ({"mrd": 1.0}, 2.0, 1),  # a decade of sd 0.5 from the second
        ({"mrd": 1e-9}, 4.0, 1),  # under the floor all is the floor: two decades from the first
        ({"bcr_abl1": 1.0}, 1.0, 1),  # half of the group: (1 - 0.5) / 0.5
        ({"disease_class_initial": "newly_diagnosed"}, 2.0, 1),
        # First prototype: sqrt((0.25^2 + 2^2) / 2); second: sqrt((1.25^2 + 1^2) / 2) = 1.13 is nearer.
        ({"age": 5.0, "bcr_abl1": 1.0}, math.sqrt((1.25**2 + 1) / 2), 2),
    ],
)
def test_distance_by_hand(known, expected, counted):
    apart, parts = distance(MIXED, MIX, known)
    assert apart == pytest.approx(expected, abs=1e-12)
    assert len(parts) == counted


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_distance_is_that_of_numpy_whatever_is_known(seed):
    rng = np.random.default_rng(seed)
    inputs, prototypes = ("age", "cd3", "wbc"), rng.uniform(0.1, 20, (6, 3)).round(3)
    model = plain_model([logistic(0.0, 1, 1, 1)], {tuple(row): 1 / 6 for row in prototypes}, inputs=inputs)
    mix = {name: {"scale": "value", "sd": float(sd)} for name, sd in zip(inputs, rng.uniform(0.5, 3, 3), strict=True)}
    patient = rng.uniform(0.1, 40, 3)
    known = [place for place in range(3) if rng.random() < 0.7]
    apart, parts = distance(model, mix, {inputs[place]: float(patient[place]) for place in known})
    if not known:
        assert (apart, parts) == (0.0, [])
        return
    sd = np.array([mix[name]["sd"] for name in inputs])
    every = np.sqrt((((prototypes - patient) / sd)[:, known] ** 2).mean(axis=1))
    assert apart == pytest.approx(every.min(), rel=1e-9)
    assert [name for _, name in parts] == [inputs[place] for place in known]


def far(patient, thresholds, **changes):
    kept = {"distance": {"share": 0.96, "thresholds": thresholds}, "lesions": ["bcr_abl1"], "lesion_pairs": []}
    return asked(patient, model=MIXED.with_(**changes), applies={}, applicability=kept, case_mix={"inputs": MIX})


def test_an_unusual_combination_is_far_from_training_by_the_threshold_of_as_many_inputs():
    patient = {
        "age": "5 a",
        "mrd": "100 %",
    }  # first: sqrt((1/16 + 16) / 2) = 2.83; second: sqrt((25/16 + 4) / 2) = 1.67
    (found,) = far(patient, [0.1, 1.5, 9, 9, 9])
    assert (found.code, found.input, found.outside) == ("far_from_training", None, True)
    for part in ("1.7 standard deviations", DICTIONARY["mrd"].label, "96 %", "1.5 or less"):
        assert part in found.message
    assert far(patient, [0.1, 1.7, 9, 9, 9]) == []
    assert far(patient, [0.1, None, 9, 9, 9]) == [], "too few training patients had two inputs to tell"


def test_an_input_that_was_objected_to_alone_is_not_objected_to_again():
    patient = {"age": "5 a", "mrd": "100 %"}
    (found,) = far(patient, [0.5, 1.5, 9, 9, 9], limits={"mrd": (1e-4, 0.3)})
    assert (found.code, found.input) == ("outside_range", "mrd")


def test_a_bundle_made_before_there_was_this_still_predicts():
    model = shipped_bundle("non_response").model
    training = {**shipped_bundle("non_response").manifest["training"]}
    training.pop("applicability", None)
    training.pop("case_mix", None)
    answer = bundle_of(model, training=training).predict({"mrd": "1 %", "tcf3_hlf": "present"})
    assert {w.code for w in answer.warnings}.isdisjoint({"rare_lesions", "far_from_training"})
