"""One group's curve: estimates as worked out by hand, and nothing of a single patient in what is shared."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings

from riskml.training.describe.observed import Estimate, Observed
from tests.training.metrics.cases import cohorts


def observed(time, cause, entry=None, kind="survival"):
    entry = None if entry is None else np.array(entry, dtype=float)
    return Observed(np.array(time, dtype=float), np.array(cause), entry, kind)


def test_the_published_path_of_ten_patients():
    # zhang2025, OS of ten children with persisting MRD: 9/10 x 7/8 = 0.7875, printed 78.8 % with 13.4 %
    group = observed([4, 5, 8, *[20] * 7], [1, 0, 1, *[0] * 7])
    found = group.at(12.0)
    assert found.value == pytest.approx(0.9 * 7 / 8)
    assert found.error == pytest.approx(0.7875 * math.sqrt(1 / (10 * 9) + 1 / (8 * 7)))
    assert found.text.startswith("78.8 % ± 13.4 % (")
    assert [group.at_risk(m) for m in (0, 4, 4.5, 8, 12, 21)] == [10, 10, 9, 8, 7, 0]


def test_delayed_entry_by_hand():
    # At 2 only the first two are watched, at 6 the last three: S = 1/2 x 2/3
    group = observed([2, 7, 6, 9], [1, 0, 1, 0], [0, 0, 3, 3])
    assert group.at(6.0).value == pytest.approx(1 / 2 * 2 / 3)
    assert group.at(6.0).error == pytest.approx(1 / 3 * math.sqrt(1 / (2 * 1) + 1 / (3 * 2)))
    assert [group.at_risk(m) for m in (0, 2, 3, 4, 7, 8)] == [2, 2, 1, 3, 2, 1]


def test_competing_events_by_hand():
    # relapse at 1 and 3, death at 2: incidence 1/4 + 1/2 x 1/2; uncensored, its error is that of a share, over n - 1
    group = observed([1, 2, 3, 4], [1, 2, 1, 0], kind="incidence")
    assert group.at(3.5).value == pytest.approx(0.5)
    assert group.at(3.5).error == pytest.approx(math.sqrt(0.25 / 3))
    assert group.at(0.5).text == "0.0 % (no event)"
    assert group.some(np.array([True, False, False, False])).at(1.0).text == "100.0 %"


def test_follow_up_takes_events_for_losses():
    # Lost or seen to the end at 10, 20, 30, 40; the event at 5 says nothing of how long that patient was followed.
    group = observed([5, 10, 20, 30, 40], [1, 0, 0, 0, 0])
    assert group.follow_up(internal=True) == "20.0 (10.0 to 30.0)"
    assert observed([5, 6], [1, 1]).follow_up(internal=True) == "not reached (not reached to not reached)"
    assert observed([5, 6, 7, 8], [0] * 4).follow_up(internal=False) == "not shown"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(math.nan, math.nan, math.nan, math.nan), "follow-up too short"),
        (Estimate(1.0, 0.0, math.nan, math.nan), "100.0 % (no event)"),
        (Estimate(0.0, math.nan, math.nan, math.nan), "0.0 %"),
        (Estimate(0.5, 0.1, 0.304, 0.7), "50.0 % ± 10.0 % (30.4 to 70.0)"),
    ],
)
def test_texts(estimate, text):
    assert estimate.text == text


def test_the_teams_curve_steps_at_each_event_and_ends_at_the_last_contact():
    curve = observed([4, 5, 8, *[20] * 7], [1, 0, 1, *[0] * 7]).drawn("all")
    assert curve.months.tolist() == [0, 4, 8, 20]
    assert curve.value == pytest.approx([1, 0.9, 0.7875, 0.7875])
    assert (curve.low[0], curve.high[0]) == (1, 1)
    assert (curve.low[1:] < curve.value[1:]).all()


def test_a_long_curve_is_thinned():
    curve = observed(np.arange(1, 3001) / 100, np.ones(3000, dtype=int)).drawn("all")
    assert 300 < curve.months.size <= 402
    assert curve.value[-1] == 0


def test_between_given_months_the_curve_changes_evenly():
    group = observed([1] * 5 + [3] * 5 + [10] * 10, [1] * 10 + [0] * 10)
    curve = group.drawn("all", [0.0, 1.0, 5.0])
    assert curve.months.tolist() == [0, 1, 2, 3, 4, 5]
    assert curve.value == pytest.approx([1, 0.75, 0.6875, 0.625, 0.5625, 0.5])
    at_five = group.at(5.0)
    assert (curve.low[-1], curve.high[-1]) == pytest.approx((at_five.low, at_five.high))
    flat = observed([10.0] * 30, [0] * 30).drawn("all", [0.0, 4.5])
    assert (flat.months.tolist(), flat.value.tolist()) == ([0, 1, 2, 3, 4, 4.5], [1] * 6)


@settings(max_examples=60)
@given(cohorts(min_size=5))
def test_bands_hold_their_curve(sample):
    time, cause, _, entry = sample
    for kind in ("survival", "incidence"):
        group = Observed(time, cause, entry, kind)
        for curve in (group.drawn("all"), group.drawn("all", [0.0, 1.0, float(time.max())])):
            assert (np.diff(curve.months) > 0).all()
            assert (curve.low <= curve.value + 1e-12).all()
            assert (curve.value <= curve.high + 1e-12).all()
            assert (np.diff(curve.value) * (1 if kind == "incidence" else -1) >= -1e-12).all()


@settings(max_examples=40)
@given(cohorts())
def test_the_two_incidences_and_the_free_add_up_to_one(sample):
    time, cause, _, entry = sample
    swapped = np.array([0, 2, 1])[cause]
    for month in (2.0, 5.0, 9.0):
        first, other = (Observed(time, kinds, entry, "incidence").at(month).value for kinds in (cause, swapped))
        free = Observed(time, (cause > 0).astype(int), entry).at(month).value
        if not math.isnan(free):
            assert first + other + free == pytest.approx(1)
