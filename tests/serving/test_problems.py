"""Problems: the shape of RFC 9457, every error of riskml in it, and nothing of a patient where it could be logged."""

from __future__ import annotations

import json

import pytest

from riskml.errors import BundleError, DataError, Fault, NotEstimableError, RiskmlError, UsageError
from riskml.serving.problems import KINDS, MEDIA_TYPE, Problem, problem_of

FAULT = Fault(3, "mrd\x1b[31m", "must lie in [0, 1]", "JANE \ud800 " + "x" * 10_000, "check it")


def test_the_object_has_the_members_of_the_standard_and_every_fault():
    problem = Problem("data-refused", "the patient was refused", [FAULT, FAULT.with_(row=4)], {"Retry-After": "1"})
    response = problem.response("abc")
    assert response.status_code == 422
    assert response.media_type == MEDIA_TYPE
    assert response.headers["retry-after"] == "1"
    found = json.loads(response.body)
    assert {name: found[name] for name in ("type", "status", "detail", "request_id")} == {
        "type": "/v1/problems/data-refused",
        "status": 422,
        "detail": "the patient was refused",
        "request_id": "abc",
    }
    assert [fault["row"] for fault in found["faults"]] == [3, 4]
    assert found["faults"][0]["column"] == "mrd\\x1b[31m", "what a terminal would obey is escaped"
    assert len(found["faults"][0]["value"]) == 40
    assert response.body.isascii(), "a lone surrogate would be no UTF-8"


def test_as_a_text_a_problem_says_its_kind_alone():
    problem = Problem("data-refused", "JANE", [FAULT])
    assert "JANE" not in str(problem)
    assert "JANE" not in repr(problem)


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (DataError("refused", [FAULT]), "data-refused", 422),
        (NotEstimableError("beyond"), "not-estimable", 422),
        (UsageError("no time"), "question-refused", 422),
        (BundleError("JANE"), "internal", 500),
        (RiskmlError("JANE"), "internal", 500),
    ],
)
def test_every_error_of_riskml_is_a_problem_and_defects_keep_their_words_inside(error, kind, status):
    problem = problem_of(error)
    assert (problem.kind, problem.status) == (kind, status)
    assert "JANE" not in problem.detail
    assert problem.faults == (getattr(error, "faults", ()))


def test_each_kind_says_what_the_caller_can_do():
    assert all(400 <= kind.status < 600 and kind.title and kind.meaning.endswith(".") for kind in KINDS.values())
