"""What is read of a patient, and what is refused: all faults at once, the nearest name, no patient in the text."""

from __future__ import annotations

import json
import math
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cli.present import present
from riskml.errors import DataError
from riskml.runtime.inputs import MAX_HINTS, MAX_NAMES
from tests.runtime.models import shipped_bundle

BINARY, SURVIVAL = shipped_bundle("non_response"), shipped_bundle("efs")
PATIENT = {"bcr_abl1": "absent", "mrd": "0.52 %", "cd19": "30 /uL"}


def refusal(patient, bundle=BINARY):
    with pytest.raises(DataError) as caught:
        bundle.predict(patient)
    return caught.value


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


def test_a_patient_of_strange_names_alone_is_refused_quickly_with_hints_for_the_first():
    strange = {f"strange name {number} {'x' * 40}": number for number in range(MAX_NAMES)}
    start = time.process_time()
    found = refusal(strange)
    assert time.process_time() - start < 3, "looking for the nearest of each would take many seconds"
    hinted = ["nearest" in fault.remedy for fault in found.faults]
    assert hinted == [True] * MAX_HINTS + [False] * (MAX_NAMES - MAX_HINTS)
