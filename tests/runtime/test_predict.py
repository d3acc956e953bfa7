"""One patient through the one door: the same as the runtime scores, what is warned of, months that can be asked."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cli.present import present
from riskml.errors import NotEstimableError
from riskml.runtime.score import value
from tests.runtime.models import (
    bundle_of,
    cox,
    plain_model,
    portable_models,
    shipped_bundle,
    times_for,
)

BINARY, SURVIVAL = shipped_bundle("non_response"), shipped_bundle("efs")
PATIENT = {"bcr_abl1": "absent", "mrd": "0.52 %", "cd19": "30 /uL"}


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


# --- warnings and domain ----------------------------------------------------------------------------------------------


def codes(bundle, patient):
    return [(w.code, w.input) for w in bundle.predict(patient).warnings]


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        ({}, [("synthetic", None), ("no_inputs", None)]),
        ({"mrd": "0.52 %"}, [("synthetic", None)]),
        ({"mrd": 0.0052}, [("synthetic", None), ("unit_assumed", "mrd")]),
        ({"mrd": "<0.1 %"}, [("synthetic", None), ("below_detection", "mrd")]),
        ({"mrd": "1 %", "sex": "M"}, [("synthetic", None), ("not_used", "sex")]),
        ({"age": "6 a"}, [("synthetic", None), ("no_inputs", None), ("not_used", "age")]),
        (
            {"mrd": "1 %", "age": "40 a"},
            [("synthetic", None), ("outside_domain", None), ("adult", "age"), ("not_used", "age")],
        ),
        # What has a reason not to be used is not said to be unused as well.
        ({"mrd": "1 %", "mrd_after": "2 %"}, [("synthetic", None), ("post_baseline", "mrd_after")]),
        ({"mrd_ngs": "2 %"}, [("synthetic", None), ("other_mrd_method", "mrd_ngs"), ("no_inputs", None)]),
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
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer, "plain JSON types only"


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
