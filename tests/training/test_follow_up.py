"""How late predictions can be judged: reverse Kaplan-Meier by hand, and the refusal that names a way out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from riskml.errors import NotEstimableError
from riskml.training.follow_up import check_horizon, potential_follow_up

NOBODY = np.zeros(10, dtype=bool)


def test_percentiles_of_follow_up_without_events_are_those_of_the_times():
    time = np.arange(1.0, 11.0)
    assert potential_follow_up(0.1, time, NOBODY) == 1
    assert potential_follow_up(0.5, time, NOBODY) == 5
    assert potential_follow_up(1.0, time, NOBODY) == 10


def test_an_event_says_that_follow_up_would_have_gone_on():
    """Two of four have the event at 1 and 2; of the two left one is lost at 3: S of being followed falls to 1/2."""
    time, ended = np.array([1.0, 2.0, 3.0, 8.0]), np.array([True, True, False, False])
    assert potential_follow_up(0.5, time, ended) == 3
    assert potential_follow_up(0.51, time, ended) == 8
    assert math.isinf(potential_follow_up(0.1, time, ~NOBODY[:4]))


def test_who_came_late_is_not_counted_before():
    """The patient of month 9 was not watched at month 1: one of one is lost there."""
    time, entry = np.array([1.0, 9.0]), np.array([0.0, 5.0])
    assert potential_follow_up(0.9, time, NOBODY[:2], entry) == 1
    assert potential_follow_up(0.5, time, NOBODY[:2], entry) == 1
    assert potential_follow_up(0.9, time, NOBODY[:2]) == 9


def test_a_horizon_past_the_tenth_percentile_is_refused_with_the_way_out():
    time = np.r_[7.5, 20.0 + np.arange(9)]
    check_horizon("efs", 7.5, time, NOBODY)
    with pytest.raises(
        NotEstimableError, match=r"efs is judged at 8 months, but 10% .* 7.5 months .* up to 7,"
    ) as found:
        check_horizon("efs", 8.0, time, NOBODY)
    assert found.value.exit_code == 5
    assert "--force-horizon" in str(found.value)
    check_horizon("efs", 8.0, time, NOBODY, forced=True)


def test_events_do_not_shorten_follow_up():
    """Half of the patients relapse in the first months; nobody is lost before 24."""
    time = np.r_[np.linspace(0.5, 6, 20), np.full(20, 24.0)]
    check_horizon("efs", 24.0, time, time < 24)
