"""The operation: a Bundle or Parameters in, a RiskAssessment out, every fault of a refusal with its FHIRPath."""

from __future__ import annotations

import pytest

from riskml.errors import DataError, Fault, UsageError
from riskml.serving.fhir_operation import asked, assess, operation_outcome
from tests.serving.fhir import example, model

NOW = "2026-03-01T08:00:00+00:00"


def parameters(*parts):
    return {"resourceType": "Parameters", "parameter": list(parts)}


def test_a_bundle_alone_and_in_parameters_is_the_same_question():
    bundle = example("fhir_bundle")
    alone = assess(model("efs"), asked(bundle), now=NOW)
    given = parameters({"name": "bundle", "resource": bundle}, {"name": "occurrence", "valueDateTime": NOW})
    assert assess(model("efs"), asked(given), now="2030-01-01") == alone


def test_parameters_say_the_first_dose_and_the_scale():
    question = asked(
        parameters(
            {"name": "bundle", "resource": example("fhir_bundle")},
            {"name": "first-dose", "valueDate": "2026-02-20"},
            {"name": "scale", "valueCode": "fraction"},
        )
    )
    found = assess(model("efs"), question, now=NOW)
    assert found["prediction"][0]["whenPeriod"]["start"] == "2026-02-20"
    assert 0 < found["prediction"][0]["probabilityDecimal"] < 1
    with pytest.raises(UsageError):
        assess(model("efs"), question.with_(occurrence="soon"), now=NOW)
    with pytest.raises(UsageError):
        assess(model("efs"), question.with_(first_dose="soon"), now=NOW)


def test_the_day_of_the_question_stands_for_an_unknown_first_dose():
    bundle = example("fhir_bundle")
    del bundle["entry"][1]
    found = assess(model("efs"), asked(bundle), now="2026-03-10T08:00:00Z")
    assert any("the day of the question stands for it" in note["text"] for note in found["note"])
    assert "Observation/mrd" in [item["reference"] for item in found["basis"]]
    later = assess(model("efs"), asked(bundle), now="2026-06-10")
    assert "Observation/mrd" not in [item["reference"] for item in later["basis"]]


def test_all_faults_of_parameters_at_once():
    with pytest.raises(DataError) as refused:
        asked(
            parameters(
                {"name": "speed", "valueString": "x"},
                {"name": "scale", "valueString": "fraction"},
                {"name": "first-dose", "valueDate": 5},
                7,
            )
        )
    assert [fault.column for fault in refused.value.faults] == [
        "Parameters.parameter[0].name",
        "Parameters.parameter[1]",
        "Parameters.parameter[2].valueDate",
        "Parameters.parameter[2]",
        "Parameters.parameter[3]",
        "Parameters.parameter",
    ]


def test_a_refusal_is_an_operation_outcome():
    faults = [Fault(None, "Bundle.type", "must be text", "secret", "send FHIR"), Fault(None, None, "a", None, "b")]
    found = operation_outcome("invalid", "refused", faults)
    assert [issue.get("expression") for issue in found["issue"]] == [["Bundle.type"], None]
    assert "secret" not in str(found)
    assert operation_outcome("not-found", "no\nmodel")["issue"][0]["diagnostics"] == "no\\nmodel"
    shapes = pytest.importorskip("fhir.resources.R4B.operationoutcome")
    shapes.OperationOutcome.model_validate(found)
