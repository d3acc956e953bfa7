"""Who counts as having had the event, and what is too little to show."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from riskml.training.judge.shown import had_event, known_free, patients, plain, plain_interval, too_few
from riskml.training.metrics.intervals import Interval
from tests.training.judge.outcomes import KINDS, drawn, of_binary


def survival(**changes):
    # An event before, at and after month 12; censored before and at it; followed beyond it.
    time = np.array([3.0, 12.0, 20.0, 5.0, 12.0, 30.0])
    event = np.array([True, True, True, False, False, False])
    whole = of_binary(event, np.full(6, 0.3))
    return dataclasses.replace(whole, time=time, **changes)


def test_who_had_the_event_by_the_horizon_and_who_is_known_not_to():
    assert had_event(survival()).tolist() == [True, True, False, False, False, False]
    assert known_free(survival()).tolist() == [False, False, True, False, True, True]


def test_a_competing_event_is_one_way_to_be_without_it():
    sample = survival(cause=np.array([2, 1, 2, 0, 0, 0]), event=np.array([False, True, False, False, False, False]))
    assert had_event(sample).tolist() == [False, True, False, False, False, False]
    assert known_free(sample).tolist() == [True, False, True, False, True, True]


def test_who_came_after_the_horizon_is_not_known_at_it():
    sample = survival(entry=np.array([0.0, 0.0, 13.0, 0.0, 0.0, 1.0]))
    assert known_free(sample).tolist() == [False, False, False, False, True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_both(kind):
    sample = drawn(kind)
    assert not (had_event(sample) & known_free(sample)).any()
    assert had_event(sample).any()
    assert known_free(sample).any()


def test_courses_of_one_patient_count_once():
    sample = of_binary([True] * 6 + [False] * 6, np.full(12, 0.5), patient=[0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert patients(sample, sample.event) == 4
    assert too_few(sample) == "<5 events; the band would say nothing"


def test_too_few_of_either_kind():
    event = np.arange(20) < 5
    assert too_few(of_binary(event, np.full(20, 0.3))) is None
    assert too_few(of_binary(~event[5 - 2 :], np.full(17, 0.3))).startswith("<5 patients known to be without the event")
    assert too_few(of_binary(np.zeros(20, dtype=bool), np.full(20, 0.3))).startswith("0 events")


def test_plain_numbers_are_json_and_rounded():
    assert plain([0.12345, np.nan, -0.0001, np.inf]) == [0.123, None, 0.0, None]
    shown = plain_interval(Interval(0.12345, float("nan"), 2.0, 0.95, "why"))
    assert shown == {"value": 0.123, "low": None, "high": 2.0, "level": 0.95, "method": "why"}
    assert json.dumps(plain([-0.0001])) == "[0.0]"
