"""What training keeps of how far apart patients lie is nobody's distance; few fresh patients are far, odd ones are."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.domain import distance
from riskml.runtime.members import Linear, Member
from riskml.runtime.model import Feature
from riskml.runtime.responses import LOGISTIC
from riskml.training.applicability import FOLDS, SHARE, _blurred_quantile, applicability
from riskml.training.background import prototypes
from riskml.training.fit import fit_pipeline, portable, training_set
from riskml.training.recipe import load_recipe
from riskml.training.train import train
from riskml.training.transfer.case_mix import summarise
from tests.runtime.models import plain_model

DICTIONARY = load_dictionary()
INPUTS = ("age", "mrd", "bcr_abl1", "kmt2a_r", "ikzf1")
FEATURES = tuple(
    Feature(name, "log10" if name == "mrd" else "value", (name,), 1e-4 if name == "mrd" else None) for name in INPUTS
)


def drawn(n, seed, missing=0.0):
    """Patients of one population: age and log10 MRD go together, lesions are independent."""
    rng = np.random.default_rng(seed)
    both = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], n)
    frame = pd.DataFrame({"age": 9 + 3 * both[:, 0], "mrd": 10 ** (-2 + 0.5 * both[:, 1])})
    for name, share in (("bcr_abl1", 0.3), ("kmt2a_r", 0.3), ("ikzf1", 0.02)):
        frame[name] = (rng.random(n) < share).astype(float)
    return frame.mask(rng.random(frame.shape) < missing)


def learned(frame, patient=None):
    patient = np.arange(len(frame)) if patient is None else patient
    member = Member(1.0, Linear(0.0, (0.1, 1.0, 1.0, 1.0, 1.0)), LOGISTIC)
    made = prototypes(frame, INPUTS, FEATURES, (member,), patient)
    model = plain_model([member], dict(zip(made.rows, made.weights, strict=True)), inputs=INPUTS)
    model = model.with_(features=FEATURES, weights=made.weights, background=made.rows)
    mix = summarise(frame, INPUTS, DICTIONARY, np.zeros(len(frame)), features=FEATURES)
    return model, mix["inputs"], applicability(frame, patient, model, mix, DICTIONARY)


def far(frame, model, mix, thresholds):
    """Share of rows beyond the threshold of as many inputs as they have."""
    found = []
    for _, row in frame.iterrows():
        apart, parts = distance(model, mix, {name: float(value) for name, value in row.dropna().items()})
        found.append(bool(parts) and apart > thresholds[len(parts) - 1])
    return np.mean(found)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_fresh_patients_are_called_far_at_about_the_nominal_rate_and_strange_ones_are_found(missing):
    rates, strange = [], 0
    for seed in range(4):
        model, mix, kept = learned(drawn(150, seed, missing))
        rates.append(far(drawn(500, 100 + seed, missing), model, mix, kept["distance"]["thresholds"]))
        # Each value lies within two standard deviations; together they lie four from the line.
        odd = pd.DataFrame({"age": [15.0, 3.0], "mrd": [10**-3.0, 10**-1.0], "bcr_abl1": [0.0, 0.0]})
        strange += far(odd, model, mix, kept["distance"]["thresholds"])
    assert kept["distance"]["share"] == SHARE
    # 2.5 % and the chance of four thresholds from 150 patients each
    assert 0.005 < np.mean(rates) < 0.05
    assert strange >= 3


def test_lesions_and_pairs_are_kept_from_five_patients_on():
    frame = pd.DataFrame({"age": np.arange(40.0) / 3, "mrd": 0.01, "bcr_abl1": 0.0, "kmt2a_r": 0.0, "ikzf1": 0.0})
    frame.loc[:9, "bcr_abl1"] = 1.0
    frame.loc[5:9, "kmt2a_r"] = 1.0
    frame.loc[36:, "ikzf1"] = 1.0
    kept = learned(frame)[2]
    assert (kept["lesions"], kept["lesion_pairs"]) == (["bcr_abl1", "kmt2a_r"], [["bcr_abl1", "kmt2a_r"]])
    frame.loc[5, "bcr_abl1"] = np.nan  # four have both
    assert learned(frame)[2]["lesion_pairs"] == []
    # Five courses of four patients are four patients.
    patient = np.arange(40)
    patient[9] = 8
    assert learned(frame, patient)[2]["lesions"] == ["bcr_abl1"]


def test_a_number_of_inputs_that_hardly_anybody_has_takes_the_threshold_of_one_fewer():
    frame = drawn(60, 3)
    frame.loc[4:, "ikzf1"] = np.nan
    thresholds = learned(frame)[2]["distance"]["thresholds"]
    assert thresholds[4] == thresholds[3] != thresholds[2]
    nothing = learned(frame.mask(frame.notna()))[2]["distance"]["thresholds"]
    assert nothing == [None] * 5


@settings(max_examples=60, deadline=None)
@given(st.integers(10, 300), st.integers(0, 2**32 - 1), st.sampled_from([0.9, 0.975]))
def test_a_threshold_is_nobody_s_distance(n, seed, share):
    rng = np.random.default_rng(seed)
    values, who = rng.lognormal(size=n), rng.integers(0, n, n)
    if len(np.unique(who)) < 10:
        return
    found = _blurred_quantile(values, who, share)
    assert found not in values
    assert found == float(f"{found:.2g}"), "two digits"
    beyond = np.unique(who[values > found])
    assert len(beyond) <= max(5, np.ceil((1 - share) * n) + 5)


def test_a_threshold_by_hand():
    values = np.arange(200.0)  # 2.5 % of 200 are 5: the five about the fifth highest are 197, 196, 195, 194, 193
    assert _blurred_quantile(values, np.arange(200), 0.975) == 200.0  # their mean 195, rounded up to two digits
    assert _blurred_quantile(values / 100, np.arange(200), 0.975) == 2.0
    few = np.array([9.0, 1, 1, 1, 1, 1, 1, 1, 1, 1])  # the five farthest of ten: 2.6
    assert _blurred_quantile(few, np.arange(10), 0.975) == 2.6
    assert _blurred_quantile(few, np.array([0, 0, 1, 2, 3, 4, 5, 6, 7, 8]), 0.975) == pytest.approx(2.4), "14 / 6"


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.mark.parametrize("name", ["non_response", "efs", "icans"])
def test_a_bundle_keeps_little_and_nobody(cohort, name):
    recipe = load_recipe(name)
    rows = training_set(recipe, cohort)
    model = portable(recipe, rows, fit_pipeline(recipe, rows)[-1].members())
    mix = summarise(rows.frame, recipe.inputs, DICTIONARY, np.zeros(len(rows.event)), features=recipe.features)
    kept = applicability(rows.frame, rows.patient, model, mix, DICTIONARY)
    assert kept == applicability(rows.frame, rows.patient, model, mix, DICTIONARY), "the same run, the same bytes"
    assert len(json.dumps(kept, indent=1)) < 1500
    assert len(kept["distance"]["thresholds"]) == len(recipe.inputs)
    people = len(np.unique(rows.patient))
    assert kept["distance"]["share"] == round(min(SHARE, 1 - 2.5 / people), 3)
    assert people > FOLDS
    present = {n: rows.frame[n] == 1 for n in recipe.inputs if DICTIONARY[n].lesion}
    assert kept["lesions"] == [n for n, has in present.items() if len(np.unique(rows.patient[has])) >= 5]


def test_it_travels_in_the_manifest(cohort):
    recipe = dataclasses.replace(load_recipe("efs"), bootstrap=2)
    bundle = train(recipe, cohort, evaluation=False)
    assert "bcr_abl1" in bundle.manifest["training"]["applicability"]["lesions"]
    patient = {"tcf3_hlf": "present", "age": "6 a", "mrd": "0.5 %"}
    assert [w.input for w in bundle.predict(patient).warnings if w.code == "rare_lesions"] == ["tcf3_hlf"]
