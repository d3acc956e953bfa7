"""Feedback is checked and counted; nothing else of it is kept."""

from __future__ import annotations

import pytest

from riskml.errors import DataError
from riskml.serving.cds_feedback import feedback
from tests.serving.fhir import example


def test_feedback_is_counted_and_nothing_else_of_it_is_kept():
    request = example("cds_feedback")
    assert feedback(request) == {"accepted": 0, "overridden": 1}
    (item,) = request["feedback"]
    accepted = item | {"outcome": "accepted", "acceptedSuggestions": [{"id": item["card"]}]}
    assert feedback({"feedback": [item, accepted, accepted]}) == {"accepted": 2, "overridden": 1}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"card": "x"}, "body.feedback[0].card"),
        ({"outcome": "ignored"}, "body.feedback[0].outcome"),
        ({"outcomeTimestamp": "2026-03-02"}, "body.feedback[0].outcomeTimestamp"),
        ({"outcomeTimestamp": None}, "body.feedback[0].outcomeTimestamp"),
        ({"acceptedSuggestions": [{"id": "x"}]}, "body.feedback[0].acceptedSuggestions[0].id"),
        ({"overrideReason": "no"}, "body.feedback[0].overrideReason"),
    ],
)
def test_feedback_that_is_wrong_is_refused(change, place):
    (item,) = example("cds_feedback")["feedback"]
    with pytest.raises(DataError) as refused:
        feedback({"feedback": [item | change]})
    assert [fault.column for fault in refused.value.faults] == [place]


@pytest.mark.parametrize("body", [None, [], "x", {}, {"feedback": []}, {"feedback": {}}])
def test_feedback_must_have_some(body):
    with pytest.raises(DataError):
        feedback(body)
