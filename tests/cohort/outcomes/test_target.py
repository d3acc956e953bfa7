"""What a target says about itself."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.cohort.outcomes.target import Selection, Target
from riskml.errors import NotEstimableError


def target(causes, kind="survival", patients=None):
    cause = np.array(causes, dtype=np.intp)
    rows = np.arange(len(cause))
    patient = rows if patients is None else np.array(patients)
    return Target("x", kind, rows, cause == 1, None, patient, (("gone", 2), ("nobody", 0)), cause)


def test_counts():
    found = target([0, 1, 2, 1], patients=[0, 0, 1, 2])
    assert (found.n_events, found.n_competing, found.n_patients) == (2, 1, 3)
    assert found.groups is found.patient


@pytest.mark.parametrize(
    ("causes", "kind", "says"),
    [
        ([], "binary", r"x: none of 9 rows can be used \(left out: 2 gone\)$"),
        (
            [0, 2],
            "survival",
            r"needs rows with the event; has 0 of 2 \(left out: 2 gone\); if there should be some, look at how",
        ),
        ([1, 1], "binary", "needs rows without the event; has 0 of 2"),
    ],
)
def test_what_cannot_be_estimated_is_refused(causes, kind, says):
    with pytest.raises(NotEstimableError, match=says):
        target(causes, kind).check_estimable(9)


def test_survival_may_consist_of_events():
    target([1, 1]).check_estimable(2)


def test_a_row_is_counted_once_by_the_first_reason():
    selection = Selection(np.ones(4, dtype=bool))
    selection.drop("first", [True, True, False, False])
    selection.drop("second", [False, True, True, False])
    assert selection.flow == [("first", 2), ("second", 1)]
    assert selection.kept.tolist() == [False, False, False, True]
