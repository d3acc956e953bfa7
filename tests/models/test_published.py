"""The two models of published counts: near the printed rates, honest about what they are, and without a patient."""

from __future__ import annotations

import dataclasses

import pytest
from scipy.stats import binomtest

from riskml.cohort.published import read_published
from riskml.resources import folder
from riskml.runtime.card import card
from riskml.training.fit import training_set
from riskml.training.recipe import load_recipe
from riskml.training.train import train

NAMES = ("non_response", "efs")


@pytest.fixture(scope="module")
def bundles():
    made = {}
    for name in NAMES:
        cohort = read_published(folder("features") / "published" / f"{name}.toml")
        recipe = dataclasses.replace(load_recipe(f"{name}_published"), bootstrap=60)
        made[name] = train(recipe, cohort, evaluation=False)
    return made


@pytest.mark.parametrize(("level", "events", "patients"), [("ph_pos", 4, 5), ("other_poor", 3, 10), ("good", 2, 36)])
def test_non_response_lies_between_the_printed_rate_and_the_mean(bundles, level, events, patients):
    prediction = bundles["non_response"].predict({"cytogenetic_group": level})
    printed, mean = events / patients, 9 / 51
    assert min(printed, mean) < prediction.value[0] < max(printed, mean)
    assert prediction.low[0] < printed < prediction.high[0]
    # 51 patients: no interval is narrower than a share of 36 with two events has (Wilson .015 to .18, exact width .17).
    assert prediction.high[0] - prediction.low[0] > 0.1


@pytest.mark.parametrize(
    ("klass", "mrd", "free", "patients"),
    [
        ("R/R", "mrd_negative", 21, 24),
        ("R/R", "mrd_positive", 1, 6),
        ("CR-MRDpos", "mrd_negative", 26, 26),
        ("CR-MRDpos", "mrd_positive", 0, 4),
        ("CR-MRDneg", "mrd_negative", 44, 45),
    ],
)
def test_efs_agrees_with_each_printed_group(bundles, klass, mrd, free, patients):
    """Model and exact interval of the count meet (Clopper CJ, Pearson ES. Biometrika 1934;26:404-413)."""
    printed = binomtest(free, patients).proportion_ci(0.95, method="exact")
    prediction = bundles["efs"].predict({"disease_class_initial": klass, "mrd_response": mrd}, at=[12])
    assert prediction.low[0] < printed.high
    assert printed.low < prediction.high[0]
    assert printed.low < prediction.value[0] < printed.high


@pytest.mark.parametrize("name", NAMES)
def test_every_door_says_what_is_behind_it(bundles, name):
    bundle = bundles[name]
    assert bundle.manifest["synthetic"] is False
    said = bundle.manifest["published"]
    warning = next(w for w in bundle.predict({}).warnings if w.code == "published_counts")
    for words in (said, warning.message, card(bundle.manifest)):
        assert "one paper" in words
        assert "10.3389/fimmu.2025.1607138" in words
        assert "not for decisions" in words
        assert "intervals are wide" in words
    assert "fixed before the data were seen" not in card(bundle.manifest)
    assert any("confirming the paper" in line for line in bundle.manifest["not_for"])


def test_the_limits_are_those_of_the_model(bundles):
    assert "different endpoints" in bundles["non_response"].manifest["published"]
    assert "at the landmark itself" in bundles["efs"].manifest["published"]


@pytest.mark.parametrize("name", NAMES)
def test_no_group_of_a_bundle_is_smaller_than_five(bundles, name):
    assert bundles[name].manifest["background"]["smallest_group"] >= 5
    patients = {"non_response": 51, "efs": 105}[name]
    assert min(bundles[name].model.weights) * patients > 4.99


def test_ordinary_cohorts_carry_no_such_remark():
    cohort = read_published(folder("features") / "published" / "non_response.toml")
    recipe = dataclasses.replace(load_recipe("non_response_published"), bootstrap=0)
    bundle = train(recipe, dataclasses.replace(cohort, published=""), evaluation=False)
    assert "published" not in bundle.manifest
    assert all(w.code != "published_counts" for w in bundle.predict({}).warnings)


def test_the_landmark_counts_the_nine_failures_as_events():
    recipe = load_recipe("efs_published")
    rows = training_set(recipe, read_published(folder("features") / "published" / "efs.toml"))
    half_a_day = rows.time < 0.02
    assert (rows.n_patients, rows.n_events, int(half_a_day.sum())) == (105, 14, 9)
    assert (rows.frame["mrd_response"][half_a_day] == "mrd_positive").all()
