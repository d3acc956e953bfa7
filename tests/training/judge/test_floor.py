"""What is too few, and that no count of 1 to 4 can be read or worked out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.training.judge.floor import not_judged, not_learned, shown_counts
from riskml.training.resample import Split
from tests.training.judge.planted import planted


def sample_of(event, **changes):
    bench = planted(event, np.linspace(0.1, 0.9, len(event)), **changes)
    every = np.arange(len(event))
    return bench.sample(bench.score({"all": Split(every, every)}, "all")[0])


@pytest.mark.parametrize(
    ("events", "others", "reason"),
    [
        (0, 9, "not estimable: no patients with the event"),
        (4, 9, "not estimable: <5 patients with the event"),
        (9, 4, "not estimable: <5 patients without the event"),
        (9, 0, "not estimable: no patients without the event"),
        (5, 5, None),
    ],
)
def test_five_on_either_side_are_judged(events, others, reason):
    assert not_judged(sample_of([True] * events + [False] * others)) == reason


def test_survival_needs_events_and_nobody_without():
    time = np.arange(1.0, 10.0)
    assert not_judged(sample_of([True] * 9, time=time)) is None
    assert not_judged(sample_of([True] * 4 + [False] * 5, time=time)) == "not estimable: <5 patients with the event"


def test_five_courses_of_one_patient_are_one_patient():
    event = [True] * 6 + [False] * 6
    assert not_judged(sample_of(event, patient=[0] * 6 + list(range(1, 7)))) is not None


def test_learning_needs_five_patients_of_each_kind():
    def said(event, patient=None):
        return not_learned(planted(event, [0.5] * len(event), patient=patient).rows)

    assert said([True] * 5 + [False] * 5) is None
    assert said([True] * 4 + [False] * 9) == "not estimable: <5 patients with the event are left to learn from"
    assert said([True] * 9 + [False] * 4) == "not estimable: <5 patients without the event are left to learn from"
    assert said([False] * 9) == "not estimable: no patients with the event are left to learn from"
    assert said([]) == "not estimable: no patients with the event are left to learn from"
    assert said([True] * 5 + [False] * 5, [0] * 5 + list(range(1, 6))) is not None


parts = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=8)


def possible(text):
    """The counts that a shown text allows."""
    if text == "<5":
        return set(range(1, 5))
    return set(range(5, 300)) if text == "5 or more" else {int(text)}


@given(parts)
def test_what_is_shown_is_true_and_gives_no_small_count_away(drawn):
    """With the total of events known, as it is from the evaluation, each small count stays one of several."""
    patients = [events + others for events, others in drawn]
    events = [events for events, _ in drawn]
    shown_patients, shown_events = shown_counts(patients, events)
    allowed = [possible(text) for text in shown_events]
    assert all(number in one for number, one in zip(events, allowed, strict=True))
    assert all(number in possible(text) for number, text in zip(patients, shown_patients, strict=True))
    for place, (number, n) in enumerate(zip(events, patients, strict=True)):
        if 0 < n - number < 5:
            assert len({a - b for a in possible(shown_patients[place]) for b in allowed[place] if a >= b}) > 1
        if 0 < number < 5 or 0 < n - number < 5 <= number:
            assert len(allowed[place]) > 1
            others = [one for other, one in enumerate(allowed) if other != place]
            if any(e >= 5 for other, e in enumerate(events) if other != place):
                sums = {0}
                for one in others:
                    sums = {a + b for a in sums for b in one if a + b <= sum(events)}
                assert len({value for value in allowed[place] if sum(events) - value in sums}) > 1


def test_nothing_is_hidden_without_need():
    assert shown_counts([31, 40, 12], [11, 20, 5]) == (["31", "40", "12"], ["11", "20", "5"])
    assert shown_counts([0, 40], [0, 20]) == (["0", "40"], ["0", "20"])
