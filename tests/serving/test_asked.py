"""What is asked, field by field, and the answer in the very bytes of ``riskml predict --json``."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cli.main import main
from riskml.runtime.bundle import open_bundle
from riskml.serving.asked import answer_one, answer_row, join_rows, read_many, read_one
from riskml.serving.problems import Problem
from riskml.serving.settings import Settings
from tests.cli.processes import BUNDLES
from tests.serving.asking import SMALL, TIMED, patient

LIMITS = Settings()
BUNDLE = {name: open_bundle(BUNDLES[name]) for name in (SMALL, TIMED)}


def answer(name, **question):
    return answer_one(BUNDLE[name], read_one(BUNDLE[name], json.dumps(question).encode(), LIMITS))


def refusal(question, name=SMALL, read=read_one):
    with pytest.raises(Problem) as caught:
        read(BUNDLE[name], question if isinstance(question, bytes) else json.dumps(question).encode(), LIMITS)
    return caught.value


@pytest.mark.parametrize(
    ("name", "question", "words"),
    [
        (SMALL, {}, []),
        (SMALL, {"explain": False}, ["--no-explain"]),
        (SMALL, {"set": {"mrd": "0.01 %"}}, ["--set", "mrd=0.01 %"]),
        (TIMED, {"at": [6, 12.5]}, ["--at", "6", "12.5"]),
        (TIMED, {"event_free_at": 6, "expected_months": 24}, ["--event-free-at", "6", "--expected-months", "24"]),
        (TIMED, {"at": None, "event_free_at": None, "set": None}, []),
    ],
    ids=str,
)
def test_the_answer_is_byte_for_byte_what_the_command_prints(tmp_path, capsys, name, question, words):
    path = tmp_path / "patient.json"
    path.write_text(json.dumps(patient(name)), encoding="utf-8")
    assert main(["predict", str(BUNDLES[name]), str(path), "--json", *words]) == 0
    assert answer(name, patient=patient(name), **question) == capsys.readouterr().out


def test_a_what_if_replaces_whatever_the_variable_was_called():
    found = json.loads(answer(SMALL, patient={"MRD": "5 %", "bcr_abl1": "absent"}, set={"mrd": 1e-4}))
    assert [one["input"] for one in found["what_if"]["changed"]] == ["mrd"]
    assert found["inputs"]["used"]["mrd"] == 1e-4


@pytest.mark.parametrize(
    ("question", "column", "part"),
    [
        ({}, "patient", "must be an object"),
        ({"patient": None}, "patient", "must be an object"),
        ({"patient": []}, "patient", "must be an object"),
        ({"patient": "age"}, "patient", "must be an object"),
        ({"patient": {}, "patients": []}, "patients", "the nearest is 'patient'"),
        ({"patient": {}, "explian": True}, "explian", "the nearest is 'explain'"),
        ({"patient": {}, "explain": 1}, "explain", "must be true or false"),
        ({"patient": {}, "explain": "true"}, "explain", "must be true or false"),
        ({"patient": {}, "explain": None}, "explain", "must be true or false"),
        ({"patient": {}, "set": {}}, "set", "1 to 50"),
        ({"patient": {}, "set": "mrd=1"}, "set", "1 to 50"),
        ({"patient": {}, "set": {f"x{k}": 1 for k in range(51)}}, "set", "1 to 50"),
        ({"patient": {}, "at": []}, "at", "1 to 60"),
        ({"patient": {}, "at": 6}, "at", "1 to 60"),
        ({"patient": {}, "at": [True]}, "at", "1 to 60"),
        ({"patient": {}, "at": ["6"]}, "at", "1 to 60"),
        ({"patient": {}, "at": [-1]}, "at", "1 to 60"),
        ({"patient": {}, "at": [10**400]}, "at", "1 to 60"),
        ({"patient": {}, "at": [1] * 61}, "at", "1 to 60"),
        ({"patient": {}, "event_free_at": True}, "event_free_at", "must be a number"),
        ({"patient": {}, "expected_months": "24"}, "expected_months", "must be a number"),
        ({"patient": {}, "expected_months": 10**400}, "expected_months", "must be a number"),
    ],
    ids=str,
)
def test_each_field_is_checked_and_nothing_is_coerced(question, column, part):
    found = refusal(question, TIMED)
    assert found.kind == "data-refused"
    (fault,) = found.faults
    assert fault.column == column
    assert part in f"{fault.rule}; {fault.remedy}"


def test_all_faults_come_at_once():
    found = refusal({"patient": 1, "at": 0, "explain": 2, "set": 3, "event_free_at": "4", "odd": 5}, TIMED)
    assert {fault.column for fault in found.faults} == {"patient", "at", "explain", "set", "event_free_at", "odd"}


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"patient"'])
def test_a_body_that_is_no_object_is_refused(body):
    assert refusal(body).faults[0].rule == "must be one JSON object"


@pytest.mark.parametrize(
    ("name", "question", "kind"),
    [
        (SMALL, {"at": [6]}, "question-refused"),
        (SMALL, {"event_free_at": 6}, "question-refused"),
        (TIMED, {"at": [10_000]}, "not-estimable"),
        (TIMED, {"event_free_at": 12, "at": [6]}, "not-estimable"),
        (TIMED, {"event_free_at": 12, "expected_months": 6}, "not-estimable"),
    ],
)
def test_months_that_do_not_fit_the_model_are_told_apart_from_bad_data(name, question, kind):
    with pytest.raises(Problem) as caught:
        answer(name, patient={}, **question)
    assert (caught.value.kind, caught.value.status) == (kind, 422)
    with pytest.raises(Problem) as caught:
        read_many(BUNDLE[name], json.dumps({"patients": [{}, {}], **question}).encode(), LIMITS)
    assert caught.value.kind == kind, "and once for all patients"


def test_faults_of_a_patient_come_with_the_nearest_name_and_the_remedy():
    with pytest.raises(Problem) as caught:
        answer(SMALL, patient={"agee": 3, "mrd": "900 %", "bcr_abl1": 7})
    by_column = {fault.column: fault for fault in caught.value.faults}
    assert by_column["agee"].remedy == "the nearest known name is 'age'"
    assert by_column["mrd"].value == "900 %"
    assert "bcr_abl1" in by_column


def rows(name, patients, **question):
    bundle = BUNDLE[name]
    asked = read_many(bundle, json.dumps({"patients": patients, **question}).encode(), LIMITS)
    entries = [answer_row(bundle, asked, row) for row in range(1, len(patients) + 1)]
    return json.loads(join_rows(bundle, entries))


def test_of_many_each_gets_the_answer_of_one_or_its_own_problem():
    patients = [patient(SMALL), {"agee": 3}, {}, {"mrd": "900 %", "age": "x"}]
    found = rows(SMALL, patients, explain=False)
    assert found["model"] == {"name": SMALL, "digest": BUNDLE[SMALL].digest}
    assert [one["row"] for one in found["results"]] == [1, 2, 3, 4]
    for row in (1, 3):
        one = json.loads(answer(SMALL, patient=patients[row - 1], explain=False))
        assert found["results"][row - 1]["prediction"] == one
    assert [len(found["results"][row - 1]["problem"]["faults"]) for row in (2, 4)] == [1, 2]


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"patients": []},
        {"patients": {}},
        {"patients": [{}, 1]},
        {"patients": [None]},
        {"patients": [{}], "set": {}},
    ],
    ids=str,
)
def test_a_list_that_is_none_is_refused_as_a_whole(question):
    assert refusal(question, read=read_many).kind == "data-refused"


def test_more_patients_than_allowed_are_refused():
    (fault,) = refusal({"patients": [{}] * 1001}, read=read_many).faults
    assert (fault.rule, fault.value) == ("must be at most 1,000 patients", "1,001")


def test_a_patient_of_a_hundred_thousand_names_costs_no_time():
    question = {"patient": {f"x{k}": k for k in range(50_000)}, "set": {f"y{k}": k for k in range(50)}}
    with pytest.raises(Problem) as caught:
        answer(SMALL, **question)
    assert "at most 300 values" in caught.value.faults[0].rule


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELD = st.sampled_from(["patient", "set", "at", "event_free_at", "expected_months", "explain", "odd"])


@settings(max_examples=60)
@given(st.dictionaries(FIELD, JSON, max_size=5) | st.dictionaries(st.just("patient"), st.dictionaries(st.text(), JSON)))
def test_whatever_is_asked_is_answered_or_a_problem(question):
    try:
        found = json.loads(answer(TIMED, **question))
    except Problem as problem:
        found = problem.as_dict()
    if "estimate" in found:
        assert all(0 <= value <= 1 for value in found["estimate"]["value"])
    else:
        assert 400 <= found["status"] < 500
        assert json.dumps(found, allow_nan=False)
