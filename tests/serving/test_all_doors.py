"""The same 200 invented patients through every door: none changes an estimate, an interval or a warning.

The shipped models are asked in turn. Python's ``Bundle.predict`` is what the other doors are held to. The command line,
both routes of HTTP and the offline calculator give the whole object of the contract, and the whole of it is compared. A
FHIR RiskAssessment holds the estimate, the interval and the warnings in words. ``riskml predict`` takes one patient a
process, which costs as long as two hundred predictions: it is asked for every 33rd patient, as JSON and as a FHIR
Bundle, and ``riskml score``, which takes tables and gives estimates alone, in this process for all of them.
"""

from __future__ import annotations

import csv
import itertools
import json
import random
from typing import Any, NamedTuple

import pytest

from riskml.cli.main import main
from riskml.runtime.prediction import Prediction
from riskml.serving import calculator
from riskml.serving.fhir_in import read_fhir
from riskml.serving.fhir_out import shifted
from riskml.serving.fhir_routes import FHIR_TYPE
from riskml.serving.settings import Settings
from tests.cli.processes import BUNDLES, write_rows
from tests.runtime.models import SHIPPED
from tests.serving.asking import Asking, folder_of
from tests.serving.browser import engine, needs_browser, same
from tests.serving.fhir import FIRST_DOSE, as_fhir, model
from tests.serving.random_patients import answered_patients, as_row

PATIENTS, A_PROCESS_EVERY = 200, 33  # no multiple of the number of models: each gets its turn
VARIABLES = list(dict.fromkeys(name for shipped in SHIPPED for name in calculator.asked_names(model(shipped))))


class Case(NamedTuple):
    """A patient, the same as a FHIR Bundle, the model asked, and what Python says."""

    patient: dict[str, Any]
    chart: dict[str, Any]
    name: str
    want: Prediction

    @property
    def json(self):
        return json.loads(json.dumps(self.want.as_dict()))


@pytest.fixture(scope="module")
def cases():
    answered = answered_patients([*map(model, SHIPPED)], VARIABLES, PATIENTS, random.Random(20261122))
    dictionary, choose = model(SHIPPED[0]).dictionary, random.Random(7).choice
    return [
        Case(patient, as_fhir(patient, dictionary, choose), name, want)
        for (patient, want), name in zip(answered, itertools.cycle(SHIPPED), strict=False)
    ]


def by_model(cases):
    return [(name, [case for case in cases if case.name == name]) for name in SHIPPED]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    asking = Asking(folder_of(tmp_path_factory.mktemp("doors"), *SHIPPED), Settings(rate=0.0))
    yield asking
    asking.close()


def test_the_patients_are_of_every_kind(cases):
    codes = {remark.code for case in cases for remark in case.want.warnings}
    assert codes >= {
        "below_detection", "unit_assumed", "outside_range", "outside_domain", "far_from_training", "rare_lesions",
        "adult", "infant", "later_course", "ph_without_tki", "other_mrd_method", "parts_exceed_whole", "not_used",
        "post_baseline", "status_against_marrow",
    }  # fmt: skip
    raws = [raw for case in cases for raw in case.patient.values()]
    assert {type(raw) for raw in raws} == {str, int, float, dict, type(None)}
    assert {raw["unit"] for raw in raws if isinstance(raw, dict)} >= {"%", "1", "10*-4", "10*9/L", "/uL", "a", "mo"}
    assert sum(bool(case.want.missing) for case in cases) > PATIENTS / 2
    assert len({case.want.value for case in cases}) > PATIENTS * 0.9


def test_http_one_by_one(cases, service):
    for case in cases:
        assert service("POST", f"/v1/models/{case.name}/predict", json={"patient": case.patient}).json() == case.json


def test_http_all_at_once(cases, service):
    for name, some in by_model(cases):
        question = {"patients": [case.patient for case in some], "explain": False}
        got = service("POST", f"/v1/models/{name}/predict-many", json=question).json()["results"]
        assert [row["prediction"] for row in got] == [{**case.json, "explanation": None} for case in some]


def test_fhir(cases, service):
    for _, chart, name, want in cases:
        parts = [{"name": "bundle", "resource": chart}, {"name": "first-dose", "valueDate": FIRST_DOSE}]
        body = json.dumps({"resourceType": "Parameters", "parameter": parts})
        path, headers = f"/fhir/{name}/$risk-assessment", {"Content-Type": FHIR_TYPE}
        got = service("POST", path, content=body, headers=headers).json()
        ends = [part["probabilityRange"] for part in got["prediction"][1::2]]
        assert [part["probabilityDecimal"] for part in got["prediction"][::2]] == [*map(shifted, want.value)]
        assert [end["low"]["value"] for end in ends] == [*map(shifted, want.low)]
        assert [end["high"]["value"] for end in ends] == [*map(shifted, want.high)]
        notes = "\n".join(note["text"] for note in got["note"]).casefold()
        # A result has its unit in FHIR, where a patient's plain number has none; what is idle is no part of the answer.
        told = [remark for remark in want.remarks if remark.code not in {"not_used", "unit_assumed"}]
        assert not [remark.code for remark in told if want.in_words(remark).casefold() not in notes]


def test_a_chart_is_read_as_the_patient(cases):
    """Beside what a RiskAssessment has a place for: every warning, and what is missing."""
    for patient, chart, name, want in cases:
        found = read_fhir(chart, model(name).dictionary, first_dose=FIRST_DOSE)
        assert found.asides == ()
        got = model(name).predict(found.patient, explain=False)
        assert (got.value, got.low, got.high, got.missing) == (want.value, want.low, want.high, want.missing)
        told = [
            remark
            for remark in want.warnings
            # FHIR always has a unit, and never an empty result.
            if remark.code != "unit_assumed" and (remark.code != "not_used" or patient[remark.input] is not None)
        ]
        assert sorted(got.warnings, key=repr) == sorted(told, key=repr)


def test_the_command_line_one_by_one(cases, run_riskml, tmp_path):
    for case in cases[::A_PROCESS_EVERY]:
        (tmp_path / "chart.json").write_text(json.dumps(case.chart), encoding="utf-8")
        words = ["predict", BUNDLES[case.name], "--json"]
        got = run_riskml(*words, "-", stdin=json.dumps(case.patient), cwd=tmp_path)
        assert json.loads(got.stdout) == case.json
        from_chart = run_riskml(*words, "chart.json", "--first-dose", FIRST_DOSE, cwd=tmp_path)
        assert json.loads(from_chart.stdout)["estimate"] == case.json["estimate"]


def test_the_command_line_all_at_once(cases, tmp_path):
    for name, some in by_model(cases):
        rows = [as_row(case.patient, VARIABLES) for case in some]
        table, scores = write_rows(tmp_path / "patients.csv", rows), tmp_path / f"{name}.csv"
        assert main(["score", str(BUNDLES[name]), str(table), "--out", str(scores)]) == 0
        with scores.open(encoding="utf-8") as file:
            got = [[*map(float, row[1:])] for row in itertools.islice(csv.reader(file), 1, None)]
        assert got == [pytest.approx(case.want.value, abs=1e-12) for case in some]


@needs_browser
def test_the_offline_calculator(cases, tmp_path):
    driver = """
const bundles = asked.data.map(openBundle);
const out = asked.cases.map(([name, patient]) => predict(bundles[name], patient, { today: "2026-11-21" }));
"""
    data = [calculator.page_data(model(name), VARIABLES) for name in SHIPPED]
    asked = [[SHIPPED.index(case.name), case.patient] for case in cases]
    for got, case in zip(engine(driver, {"data": data, "cases": asked}, tmp_path), cases, strict=True):
        same(got, case.json)
