"""The true risks: by hand for one patient, and their limits for all."""

from __future__ import annotations

import math
import tomllib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.simulate import simulate
from riskml.cohort.truth import DAYS_PER_MONTH, MRD_NEGATIVE, TERMS, load_truth, truth_from_settings
from riskml.errors import UsageError
from riskml.resources import folder

TRUTH = load_truth()
RAW = tomllib.loads((folder("features") / "synthetic" / "truth.toml").read_text(encoding="utf-8"))


def patient(**changes):
    usual = {
        "age": 6.0,
        "bcr_abl1": 0.0,
        "kmt2a_r": 0.0,
        "tcf3_hlf": 0.0,
        "mrd": 10**-2.3,
        "cd19": 10**-1.5,
        "cd3": 10**-0.2,
        "cd4": 10**-0.4,
        "disease_status_at_start": "CR-MRDpos",
        "disease_class_initial": "CR-MRDpos",
        "cycle_index": 1,
        "centre": "North",
    }
    return pd.DataFrame([usual | changes])


def odds(probability):
    return probability / (1 - probability)


def test_the_reference_patient_has_the_intercept():
    expected = 1 / (1 + math.exp(-RAW["non_response"]["intercept"]))
    assert TRUTH.non_response_probability(patient()) == pytest.approx([expected], rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "term", "units"),
    [
        ({"bcr_abl1": 1.0}, "bcr_abl1", 1),
        ({"kmt2a_r": 1.0}, "other_poor", 1),
        ({"tcf3_hlf": 1.0}, "other_poor", 1),
        ({"mrd": 10**-1.3}, "log10_mrd", 1),
        ({"cd19": 10**-3.5}, "log10_cd19", -2),
        ({"cd3": 10**-1.2}, "log10_cd3", -1),
    ],
)
def test_each_slope_is_a_log_odds_ratio(changes, term, units):
    ratio = odds(TRUTH.non_response_probability(patient(**changes))) / odds(TRUTH.non_response_probability(patient()))
    assert np.log(ratio) == pytest.approx([units * RAW["non_response"]["effects"][term]])


def test_the_centre_shifts_the_log_odds_and_an_unknown_centre_does_not():
    north, east = (odds(TRUTH.non_response_probability(patient(centre=name))) for name in ("North", "East"))
    assert np.log(east / north) == pytest.approx([0.15])
    assert np.array_equal(TRUTH.icans_probability(patient(centre="Elsewhere")), TRUTH.icans_probability(patient()))
    without = patient().drop(columns="centre")
    assert np.array_equal(TRUTH.non_response_probability(without), TRUTH.non_response_probability(patient()))


def test_an_mrd_negative_patient_cannot_fail_but_can_have_icans():
    frame = patient(disease_status_at_start=MRD_NEGATIVE, mrd=1e-5)
    assert TRUTH.non_response_probability(frame)[0] == 0
    assert TRUTH.icans_probability(frame)[0] > TRUTH.icans_probability(patient())[0]


def test_the_signs_are_those_of_the_published_signals():
    older, more_cd4 = patient(age=14.0), patient(cd4=1.0)
    assert TRUTH.icans_probability(older) > TRUTH.icans_probability(patient()) > TRUTH.icans_probability(more_cd4)
    relapsed = patient(disease_class_initial="R/R")
    assert TRUTH.efs_survival(relapsed, [12]) < TRUTH.efs_survival(patient(), [12])


def test_event_free_survival_by_hand():
    frame = patient(bcr_abl1=1.0, disease_class_initial="R/R")
    failed = TRUTH.non_response_probability(frame)[0]
    hazard = sum(part[0] for part in TRUTH.hazards(frame))
    exposed = (12 - 7 / DAYS_PER_MONTH) / 12
    at_day_30 = (30 / DAYS_PER_MONTH - 7 / DAYS_PER_MONTH) / 12
    shape = RAW["efs"]["shape"]
    days = np.array([0, 7, 30]) / DAYS_PER_MONTH
    expected = [
        1,
        1,
        (1 - failed) * math.exp(-hazard * at_day_30**shape) + failed * 5 / 7,  # day 30 of an assessment on days 28-35
        (1 - failed) * math.exp(-hazard * exposed**shape),
    ]
    assert TRUTH.efs_survival(frame, [*days, 12])[0] == pytest.approx(expected, rel=1e-12)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 240), min_size=2, max_size=6), st.integers(0, 20))
def test_survival_curves_only_fall(times, seed):
    frame = simulate(20, seed).clean.query("cycle_index == 1")
    curve = TRUTH.efs_survival(frame, sorted(times))
    assert curve.shape == (len(frame), len(times))
    assert np.all((curve >= 0) & (curve <= 1))
    assert np.all(np.diff(curve, axis=1) <= 1e-12)


def test_a_plain_dict_of_arrays_serves_as_a_frame():
    frame = simulate(15, 1).clean
    columns = {name: frame[name].to_numpy() for name in frame}
    assert np.array_equal(TRUTH.icans_probability(columns), TRUTH.icans_probability(frame))


def test_every_table_names_its_source():
    for name, table in RAW.items():
        for part in table if isinstance(table, list) else [table]:
            assert name == "schema" or part["source"].startswith(("zhang2025", "fitted to zhang2025", "chosen")), name


def test_every_term_of_a_true_model_can_be_computed():
    for name, term in TERMS.items():
        assert np.isfinite(term(patient())).all(), name


def test_a_truth_is_frozen():
    with pytest.raises(AttributeError):
        TRUTH.icans = TRUTH.death


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("schema = 2\n", "schema = 1"),
        ("schema = \n", "cannot read the generating truth"),
        ("schema = 1\n", "missing .*age.*stratum"),
    ],
)
def test_a_bad_file_is_refused_with_what_is_wrong(text, message, tmp_path):
    path = tmp_path / "truth.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        load_truth(path)


def test_an_absent_file_and_an_unknown_term_are_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        load_truth(tmp_path / "none.toml")
    changed = RAW | {"icans": RAW["icans"] | {"effects": {"shoe_size": 1.0}}}
    with pytest.raises(ValueError, match="unknown terms shoe_size"):
        truth_from_settings(changed)
