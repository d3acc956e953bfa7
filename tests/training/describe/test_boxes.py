"""Boxes before and later: quartiles by hand, who is in them, and what single patients may not be seen in."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.boxes import box_sets
from riskml.training.describe.paired import pair_of, pairs
from tests.training.describe.made import made

N = 12


@pytest.fixture
def found():
    before = [str(k) for k in range(1, N + 1)]
    cohort = made(
        patient_id=[f"child{k}" for k in range(N)],
        cd3=before,
        cd3_d15=[*(str(2 * k) for k in range(1, N)), ""],
        igg=before,
        igg_after=[str(k) for k in range(1, 4)] + [""] * (N - 3),
        il6=before,
        il6_onset=["40"] * 6 + [""] * 6,
    )
    pairs_ = [pair_of(cohort, *names) for names in pairs(load_dictionary())]
    return [pair for pair in pairs_ if pair is not None]


def test_quartiles_are_those_of_patients_with_both_values(found):
    (cd3, il6) = box_sets(found, internal=False)
    assert (cd3.name, il6.name) == ("changes_of_cd3", "changes_of_il6_onset")
    assert [box.label for box in cd3.boxes] == ["before", "on day 14 or 15"]
    known = np.arange(1, N)  # the last child has no later value
    assert [cd3.boxes[0].low, cd3.boxes[0].middle, cd3.boxes[0].high] == np.quantile(known, [0.25, 0.5, 0.75]).tolist()
    assert cd3.boxes[1].middle == 2 * cd3.boxes[0].middle
    assert il6.boxes[0].middle == pytest.approx(3.5)


def test_shared_boxes_show_no_patient_and_no_time_of_few(found):
    shared = box_sets(found, internal=False)
    assert all(box.ends is None for one in shared for box in one.boxes)
    assert all(one.lines == () for one in shared)
    assert "changes_of_igg" not in {one.name for one in shared}, "three children have a later value"


def test_the_team_sees_each_patient(found):
    igg = next(one for one in box_sets(found, internal=True) if one.name == "changes_of_igg")
    assert igg.lines == ((1.0, 1.0), (2.0, 2.0), (3.0, 3.0))
    assert igg.boxes[0].ends == (1.0, 3.0)
    assert "for the site alone" in " ".join(igg.notes)


def test_without_pairs_there_is_no_figure():
    assert box_sets([], internal=True) == ()
