"""What a terminal says of an answer and of a study: numbers that are told apart, and warnings where they are due."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from riskml.cli.federate_text import judged, leaves, other_centre, trained


def interval(value, low=None, high=None):
    return {"value": value, "low": low, "high": high}


def result(k=3, months=12.0, **fields):
    pooled = {**interval(0.7, 0.6, 0.8), "tau": 0.1234, "i2": 0.256, "k": k}
    centres = [{"centre": "A", "estimates": {"c_index": interval(0.71, 0.5, 0.9)}}, {"centre": "B", "estimates": {}}]
    return {
        "synthetic": False,
        "model": {"name": "efs", "horizon_months": months},
        "n_patients": 350,
        "n_events": 49,
        "summary": {"c_index": pooled},
        "centres": centres,
        "observed_expected": {"observed": 46.02, "expected": 44.0},
        "auc_bounds": None,
        **fields,
    }


def test_events_of_the_follow_up_and_events_by_the_horizon_are_told_apart():
    lines = list(judged(result()))
    assert lines[0] == "efs in 350 patients, 49 events in the whole follow-up"
    assert lines[-1] == "  events by 12 months, all hospitals: 46.02 observed (Kaplan-Meier), 44 expected"
    lines = list(judged(result(months=None, auc_bounds=[0.5, 0.9], synthetic=True)))
    assert lines[0] == "SYNTHETIC: efs in 350 patients, 49 events"
    assert lines[-2:] == [
        "  events, all hospitals: 46.02 observed, 44 expected",
        "  AUC of all patients together: between 0.50 and 0.90",
    ]


def test_how_much_hospitals_differ_is_said_and_that_two_say_little():
    first, own, *rest = list(judged(result()))[1:]
    assert first == "  c_index, pooled: 0.700 (0.600 to 0.800); between hospitals tau 0.12, I2 26 %"
    assert own.split() == ["A", "0.710", "(0.500", "to", "0.900)"]
    assert not [line for line in rest if "two hospitals" in line]
    assert "nearly without information" in "\n".join(judged(result(k=2)))
    alone = {**interval(0.7), "tau": None, "i2": None, "k": 1}
    assert list(judged(result(summary={"c_index": alone})))[1] == "  c_index, pooled: 0.700 (interval not estimable)"


def test_what_of_a_validation_leaves_is_counted():
    answer = {"estimates": {"auc": 1, "calibration_slope": 2}, "table": [{}]}
    assert list(leaves(answer)) == ["leaves the hospital: measures (2), groups of risk (1)"]


def test_what_is_withheld_or_unknown_is_named():
    answer = {"round": 0, "sums": {"rows": [1], "known": [1, 2]}, "secret": "", "group": None}
    lines = list(leaves({**answer, "withheld": ["ph_positive"], "blanked": ["cd3"]}))
    assert lines == [
        "leaves the hospital in round 0: 3 sums, readable by the coordinator",
        "  withheld (one to four patients in a cell): ph_positive",
        "  counted as unknown here: cd3",
    ]
    hidden = list(leaves({**answer, "secret": "ab", "withheld": [], "blanked": []}))
    assert hidden == ["leaves the hospital in round 0: 3 sums, masked: only the total of all hospitals can be read"]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (["South", None, "South"], True),
        (["South", "North"], False),
        (["north "], False),
        ([None], False),
        (None, False),
    ],
)
def test_a_file_of_one_other_hospital_is_noticed(column, said):
    frame = pd.DataFrame({"age": [1.0]} if column is None else {"centre": pd.Series(column, dtype=object)})
    lines = list(other_centre(SimpleNamespace(frame=frame), "North"))
    assert lines == (["note: the file's centre column says South, and --centre North"] if said else [])


def test_a_training_says_what_it_came_to_and_of_what_kind_its_rows_are():
    plain = {"n_patients": 51, "n_events": 9, "centres": ["A", "B", "C"], "model": "efs", "rounds": 7}
    plain |= {"coefficients": [{"feature": "age_years", "value": 0.5, "error": 0.25}], "dropped": {"ph": "too few"}}
    lines = list(trained({**plain, "synthetic": True}))
    assert lines[0] == "SYNTHETIC: efs: 51 patients with 9 events in 3 hospitals, 7 rounds"
    assert lines[2].split() == ["age_years", "0.5000", "0.2500"]
    assert lines[3] == "  left out: ph: too few"
    assert next(trained({**plain, "synthetic": False})).startswith("efs: 51")
