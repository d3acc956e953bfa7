"""One patient through the one door: the JSON of the contract, what is refused, what is warned of, what is left open."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cli.present import present
from riskml.errors import DataError, NotEstimableError
from riskml.runtime.predict import MAX_NAMES
from riskml.runtime.score import value
from tests.runtime.models import (
    SHIPPED,
    bundle_of,
    complete_values,
    cox,
    plain_model,
    portable_models,
    shipped_bundle,
    times_for,
)

BINARY, SURVIVAL = shipped_bundle("non_response"), shipped_bundle("efs")
PATIENT = {"bcr_abl1": "absent", "mrd": "0.52 %", "cd19": "30 /uL"}


def refusal(patient, bundle=BINARY):
    with pytest.raises(DataError) as caught:
        bundle.predict(patient)
    return caught.value


# --- the object of the contract ---------------------------------------------------------------------------------------


def check_effects(effects, used):
    assert {e["input"] for e in effects} == set(used)
    for effect in effects:
        assert set(effect) == {"input", "label", "value", "effect"}
        assert isinstance(effect["label"], str)
        assert isinstance(effect["value"], str)
        assert isinstance(effect["effect"], float)
    sizes = [abs(e["effect"]) for e in effects]
    assert sizes == sorted(sizes, reverse=True)


def check_common(answer, bundle):
    assert list(answer) == ["schema", "model", "estimate", "explanation", "inputs", "domain", "warnings", "not_for"]
    assert answer["schema"] == "riskml.prediction/1"
    assert answer["model"] == {
        "name": bundle.manifest["name"],
        "outcome": bundle.manifest["label"],
        "version": "1",
        "digest": bundle.manifest["digest"],
        "synthetic": bundle.manifest["synthetic"],
    }
    inputs = answer["inputs"]
    assert set(inputs) == {"used", "missing", "could_change"}
    assert set(inputs["used"]) | set(inputs["missing"]) == set(bundle.model.inputs)
    assert not set(inputs["used"]) & set(inputs["missing"])
    assert {item["input"] for item in inputs["could_change"]} == set(inputs["missing"])
    assert answer["domain"] == {"inside": not answer["domain"]["reasons"], "reasons": answer["domain"]["reasons"]}
    for warning in answer["warnings"]:
        assert {"code", "message"} <= set(warning) <= {"code", "input", "message"}
    assert answer["not_for"] == bundle.manifest["not_for"]
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer, "plain JSON types only"


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("which", ["nothing", "some", "everything"])
def test_the_json_object_is_that_of_the_contract(name, which):
    bundle = shipped_bundle(name)
    complete = complete_values(bundle)
    known = {n: complete[n] for n in list(complete)[: {"nothing": 0, "some": 3, "everything": None}[which]]}
    answer = bundle.predict(known).as_dict()
    check_common(answer, bundle)
    assert answer["inputs"]["used"] == known
    estimate, explanation, times = answer["estimate"], answer["explanation"], bundle.manifest["horizons_months"]
    single = bundle.model.kind == "binary"
    if single:
        assert list(estimate) == ["kind", "value", "low", "high", "level"]
        assert (estimate["kind"], explanation["scale"]) == ("probability", "probability")
        estimates = [(estimate["low"], estimate["value"], estimate["high"])]
        bases, effects = [explanation["base"]], [explanation["effects"]]
    else:
        assert list(estimate) == ["kind", "unit", "times", "value", "low", "high", "level"]
        assert (estimate["kind"], estimate["unit"], estimate["times"]) == ("survival", "mo", times)
        assert (explanation["scale"], explanation["times"]) == ("survival", times)
        estimates = list(zip(estimate["low"], estimate["value"], estimate["high"], strict=True))
        bases, effects = explanation["base"], explanation["effects"]
    assert len(estimates) == len(bases) == len(effects) == (len(times) or 1)
    assert estimate["level"] == 0.9
    assert explanation["sum_error"] < 1e-8
    for (low, middle, high), base, listed in zip(estimates, bases, effects, strict=True):
        assert 0 <= low <= middle <= high <= 1
        check_effects(listed, known)
        assert base + sum(e["effect"] for e in listed) == pytest.approx(middle, abs=1e-8)
    link = explanation["link"]
    assert set(link) == {"scale", "base", "value", "effects", "sum_error"}
    assert link["scale"] == ("log_odds" if single else "log_hazard")
    check_effects(link["effects"], known)
    assert link["base"] + sum(e["effect"] for e in link["effects"]) == pytest.approx(link["value"], abs=1e-8)


def test_a_complete_patient_s_log_odds_are_those_of_the_probability():
    answer = BINARY.predict(complete_values(BINARY)).as_dict()
    assert 1 / (1 + math.exp(-answer["explanation"]["link"]["value"])) == pytest.approx(answer["estimate"]["value"])


def test_without_explanation_nothing_else_changes():
    full, short = (SURVIVAL.predict(PATIENT, explain=explain).as_dict() for explain in (True, False))
    assert short.pop("explanation") is None
    assert full.pop("explanation") is not None
    assert short == full


@settings(max_examples=30, deadline=None)
@given(portable_models(max_inputs=3).flatmap(lambda m: st.tuples(st.just(m), st.integers(0, 2**31))))
def test_random_models_answer_as_the_runtime_scores(case):
    model, seed = case
    names = ["age", "mrd", "cd19"][: len(model.inputs)]
    if any(name.startswith("level") for name in model.inputs):
        return
    renamed = dict(zip(model.inputs, names, strict=True))
    features = tuple(f.with_(inputs=tuple(renamed[n] for n in f.inputs)) for f in model.features)
    bundle = bundle_of(model.with_(inputs=tuple(names), features=features, limits={}))
    draw = np.random.default_rng(seed)
    known = {name: float(draw.uniform(0.01, 0.9)) for name in names if draw.random() < 0.7}
    times = times_for(model)
    prediction = bundle.predict(known, at=times)
    assert list(prediction.value) == value(bundle.model, known, times)
    assert present(prediction)


# --- what is read, and what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        {"mrd": 0.0052},
        {"mrd": "0.52 %"},
        {"mrd": "0.52%"},
        {"mrd (%)": 0.52},
        {"mrd %": "0.52"},
        {"MRD": "52 x10^-4"},
        {"mrd": {"value": 0.52, "unit": "%"}},
        {"mrd": "0.52 %", "cd19": None},
        {"mrd": "0.52 %", "cd19": "unknown", "bcr_abl1": "ND", "kmt2a_r": ""},
    ],
    ids=str,
)
def test_all_spellings_of_a_patient_give_one_answer(same):
    assert BINARY.predict(same).value == BINARY.predict({"mrd": "0.52 %"}).value


def test_unknown_is_not_absent():
    absent, unknown, nothing = (BINARY.predict(p) for p in ({"bcr_abl1": "absent"}, {"bcr_abl1": "unknown"}, {}))
    assert unknown.value == nothing.value != absent.value
    assert unknown.missing == nothing.missing == BINARY.model.inputs
    assert absent.on_value.effects[0]["bcr_abl1"] < 0


@pytest.mark.parametrize(
    ("name", "near"), [("mrdd", "mrd"), ("bcr_abl2", "bcr_abl1"), ("cd_19", "cd19"), ("agee", "age"), ("cd91", "cd19")]
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(name, near):
    text = str(refusal({name: 1}))
    assert f"column {name}: is not a name of the dictionary" in text
    assert f"the nearest known name is '{near}'" in text


def test_all_faults_are_told_at_once():
    patient = {"mrdd": 1, "age": "old", "mrd": True, "cd19": "-3 /uL", "bcr_abl1": "maybe", "cd3": [1], "sex": "purple"}
    error = refusal(patient)
    assert error.exit_code == 3
    assert {fault.column for fault in error.faults} == set(patient)


@pytest.mark.parametrize(
    ("patient", "says"),
    [
        ({"mrd": True}, "mrd must be a number"),
        ({"age": False}, "age must be a number"),
        ({"mrd": "0.52 %", "MRD": "0.52 %"}, "must be given once"),
        ({"bcr_abl1": "absent", "BCR::ABL1": "absent"}, "'BCR::ABL1' is another name for it"),
        ({"mrd": 52}, "is it in %?"),
        ({"mrd": "101 %"}, "must lie in"),
        ({"mrd": -0.1}, "must lie in"),
        ({"age": "200 a"}, "must lie in"),
        ({"age": math.nan}, "finite"),
        ({"age": math.inf}, "finite"),
        ({"age": 10**400}, "finite"),
        ({"age": "1e999"}, "finite"),
        ({"cd19": "30 kg"}, "unit of cd19"),
        ({"age": {"value": 6, "units": "a"}}, "keys value and unit"),
        ({"age": {"value": {"value": 6}}}, "a number or a text"),
        ({"age": [6]}, "a number or a text"),
        ({"age": "6" * 100_000}, "a short value"),
        ({"a" * 100_000: 1}, "is not a name"),
        ({7: 1}, "is not a name"),
        ({None: 1}, "is not a name"),
        ({"": 1}, "is not a name"),
        ({"\ud800": 1}, "is not a name"),
        ({"age": "\udfff"}, "age must be a number"),
    ],
    ids=lambda item: str(item)[:30].encode("ascii", "replace").decode(),
)
def test_values_that_mean_nothing_are_refused(patient, says):
    text = str(refusal(patient))
    assert says in text
    assert len(text) < 1000
    text.encode()


def test_a_patient_of_very_many_names_is_refused_at_once():
    start = time.perf_counter()
    assert f"at most {MAX_NAMES} values" in str(refusal({f"strange {k}": k for k in range(100_000)}))
    assert time.perf_counter() - start < 1
    assert len(refusal({f"strange {k}": k for k in range(50)}).faults) == 50


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["age", "mrd", "bcr_abl1", "cd19", "sex", "patient_id", "mrd %"]) | st.text(max_size=8),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=12)
        | st.lists(st.none(), max_size=1),
        max_size=4,
    )
)
def test_any_patient_is_answered_or_refused(patient):
    try:
        answer = BINARY.predict(patient).as_dict()
    except DataError as error:
        str(error).encode()
    else:
        assert 0 <= answer["estimate"]["value"] <= 1
        json.dumps(answer, allow_nan=False)


# --- warnings and domain ----------------------------------------------------------------------------------------------


def codes(bundle, patient):
    return [(w.code, w.input) for w in bundle.predict(patient).warnings]


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ({}, [("synthetic", None), ("no_inputs", None)]),
        ({"mrd": "0.52 %"}, [("synthetic", None)]),
        ({"mrd": 0.0052}, [("synthetic", None), ("unit_assumed", "mrd")]),
        ({"mrd": "<0.01 %"}, [("synthetic", None), ("below_detection", "mrd")]),
        ({"mrd": "1 %", "sex": "M"}, [("synthetic", None), ("not_used", "sex")]),
        ({"age": "6 a"}, [("synthetic", None), ("no_inputs", None), ("not_used", "age")]),
        ({"mrd": "1 %", "age": "40 a"}, [("synthetic", None), ("outside_domain", None), ("not_used", "age")]),
    ],
    ids=str,
)
def test_warnings_have_stable_codes(patient, expected):
    assert codes(BINARY, patient) == expected


def test_a_real_model_is_not_called_synthetic_and_an_unusable_one_is_called_that():
    assert codes(shipped_bundle("induction_efs"), {"wbc": "60 10*9/L"}) == []
    dull = bundle_of(BINARY.model, synthetic=False, usable_signal=False, verdict="worse than chance")
    (warning,) = dull.predict({"mrd": "1 %"}).warnings
    assert warning.code == "no_usable_signal"
    assert "worse than chance" in warning.message


def test_a_patient_outside_the_domain_is_answered_with_its_reasons():
    outside = {"age": "40 a", "disease_status_at_start": "CR-MRDneg", "cycle_index": 2, "mrd": "90 %"}
    answer = BINARY.predict(outside).as_dict()
    assert answer["domain"]["inside"] is False
    words = " ".join(answer["domain"]["reasons"])
    assert len(answer["domain"]["reasons"]) == 4
    for part in ("40 years", "CR-MRDneg", "R/R or CR-MRDpos", "90 %"):
        assert part in words
    assert BINARY.predict({"mrd": "1 %"}).as_dict()["domain"] == {"inside": True, "reasons": []}


def test_could_change_names_the_most_telling_missing_test_first():
    answer = BINARY.predict({"cd19": "30 /uL"}).as_dict()
    spreads = [item["high"] - item["low"] for item in answer["inputs"]["could_change"]]
    assert spreads == sorted(spreads, reverse=True)
    assert spreads[0] > 0
    for item in answer["inputs"]["could_change"]:
        assert set(item) == {"input", "low", "high"}
        if item["input"] in ("bcr_abl1", "kmt2a_r", "tcf3_hlf"):
            assert item["low"] - 1e-12 <= answer["estimate"]["value"] <= item["high"] + 1e-12
    lists = SURVIVAL.predict({"cd3": "0.7 10*9/L"}).as_dict()
    for item in lists["inputs"]["could_change"]:
        assert len(item["low"]) == len(item["high"]) == len(lists["estimate"]["times"])


# --- months -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at", [[0], (0.0,), np.array([0.0]), [0, 3, 24.0], [24], np.array([6, 12]), range(1, 4)], ids=str
)
def test_survival_at_the_months_asked_for(at):
    answer = SURVIVAL.predict(PATIENT, at=at).as_dict()
    assert answer["estimate"]["times"] == [float(t) for t in at]
    assert all(type(t) is float for t in answer["estimate"]["times"])
    for time_, number, high in zip(*(answer["estimate"][k] for k in ("times", "value", "high")), strict=True):
        assert time_ > 0 or number == high == pytest.approx(1.0, abs=1e-12)
    check_common(answer, SURVIVAL)


@pytest.mark.parametrize("at", [None, [], ()], ids=str)
def test_without_months_the_bundle_s_own_are_given(at):
    assert list(SURVIVAL.predict(PATIENT, at=at).times) == SURVIVAL.manifest["horizons_months"]


@pytest.mark.parametrize("at", [[24.001], [6, 1200], [-1], [math.nan], [math.inf], [-math.inf], [1e308]], ids=str)
def test_months_the_cohort_cannot_speak_for_are_not_estimable(at):
    with pytest.raises(
        NotEstimableError, match="cannot be estimated from this model: its cohort supports 0 to 24"
    ) as e:
        SURVIVAL.predict(PATIENT, at=at)
    assert e.value.exit_code == 5


def test_a_probability_has_no_months():
    assert BINARY.predict(PATIENT, at=[6]).as_dict() == BINARY.predict(PATIENT).as_dict()


def test_cox_by_hand_through_the_whole_door():
    # Hazard 0.1 a month at x = 0, hazard ratio 2 a year of age: at 1 year S(6) = exp(-0.6 * 2) = 0.3011942.
    model = plain_model(
        [cox(0.1, math.log(2))], {(0.0,): 1.0}, bootstrap=[cox(0.05, math.log(2)), cox(0.2, math.log(2))]
    )
    prediction = bundle_of(model).predict({"age": "1 a"}, at=[6])
    assert prediction.value[0] == pytest.approx(0.301194211912, abs=1e-12)
    # Two refits, exp(-0.6) and exp(-2.4): the 5 % quantile lies a twentieth of the way from one to the other.
    low, high = 0.090717953289, 0.548811636094
    assert prediction.low[0] == pytest.approx(low + 0.05 * (high - low), abs=1e-12)
    assert prediction.high[0] == pytest.approx(high - 0.05 * (high - low), abs=1e-12)
    assert prediction.on_value.effects[0]["age"] == pytest.approx(0.301194211912 - math.exp(-0.6), abs=1e-12)


# --- no patient in the text -------------------------------------------------------------------------------------------

SECRET = "MRN-4711-Doe"


@pytest.mark.parametrize("bundle", [BINARY, SURVIVAL], ids=["binary", "survival"])
def test_no_identifier_reaches_an_answer(bundle):
    prediction = bundle.predict({**PATIENT, "patient_id": SECRET, "centre": SECRET})
    assert prediction.value == bundle.predict(PATIENT).value
    for text in (json.dumps(prediction.as_dict()), present(prediction), repr(prediction)):
        assert SECRET not in text


@pytest.mark.parametrize(
    "value_", [SECRET * 50, [SECRET], {"value": SECRET, "unit": "x", "z": 1}, {"value": [SECRET]}, {SECRET: 1}], ids=str
)
def test_no_identifier_reaches_an_error(value_):
    text = str(refusal({"patient_id": value_, "age": "old"}))
    assert SECRET not in text
    assert "age must be a number" in text
