"""Published effects reach the columns they speak of, in the columns' unit, and no others."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest

from riskml.errors import DataError, UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Feature
from riskml.training.evidence import (
    BETWEEN,
    Effect,
    directions,
    effects_for,
    literature_prior,
    load_evidence,
    prior_of,
)
from riskml.training.recipe import load_recipe

PH = Feature("ph", "value", ("bcr_abl1",))
POOR = Feature("poor", "value", ("kmt2a_r", "tcf3_hlf"))
MRD = Feature("mrd_log10", "log10", ("mrd",), 1e-4)


def recipe_of(*features, outcome="non_response", without=()):
    return SimpleNamespace(features=features, outcome=outcome, without_studies=without)


def test_the_shipped_file_is_sound():
    evidence = load_evidence()
    assert len(evidence.effects) > 30
    assert len(evidence.directions) > 40
    # Of each study something is used, or said in words.
    named = {effect.study for effect in evidence.effects} | {s for d in evidence.directions for s in d.studies}
    assert named == set(evidence.studies)
    assert all(effect.source for effect in evidence.effects)


def test_a_lesion_gets_the_published_odds_ratio():
    # Published: Firth's odds ratio 22.64 of non-response in Ph+ (see test_effect_sizes).
    prior = literature_prior([PH, MRD], "non_response")
    assert math.exp(prior.mean[0]) == pytest.approx(22.64, abs=0.01)
    # One study: its own error, its distance from the mean of studies, and that of the next study.
    own = next(e.standard_error for e in load_evidence().effects if e.id == "zhang2025_nr_bcr_abl1")
    assert prior.sd[0] == pytest.approx(math.sqrt(own**2 + 2 * BETWEEN["paediatric"] ** 2))
    # "High" MRD without a cut says nothing about a logarithm.
    assert np.isnan([prior.mean[1], prior.sd[1]]).all()
    assert prior.effects == {"ph": ("zhang2025_nr_bcr_abl1",)}


def test_a_study_can_be_left_out_and_a_misspelt_one_is_refused():
    assert np.isnan(literature_prior([PH, POOR], "non_response", without=["zhang2025"]).mean).all()
    with pytest.raises(UsageError, match="no study zhang25"):
        literature_prior([PH], "non_response", without=["zhang25"])
    with pytest.raises(UsageError, match="no study zhang25"):
        directions(recipe_of(PH, without=("zhang25",)))
    assert directions(recipe_of(PH, MRD)).tolist() == [1, 1]
    # MRD has a second study behind it, Ph+ has not.
    assert directions(recipe_of(PH, MRD, without=("zhang2025",))).tolist() == [0, 1]


def test_lesions_that_share_a_column_take_the_contrast_of_exactly_these():
    found = effects_for([POOR], "non_response")
    assert [effect.id for effect in found["poor"]] == ["zhang2025_nr_other_poor"]
    more = Feature("poor", "value", ("kmt2a_r", "tcf3_hlf", "bcr_abl1"))
    assert effects_for([more], "non_response") == {}


@pytest.mark.parametrize(
    ("levels", "other", "ids"),
    [
        (("ph_pos",), ("other_poor",), ["zhang2025_nr_ph_pos_v_good"]),
        (("ph_pos",), None, []),  # alone, its reference would be all others, and that is another contrast
        (("ph_pos", "other_poor"), None, []),
    ],
)
def test_a_level_is_compared_with_what_no_other_column_codes(levels, other, ids):
    features = [Feature("a", "level", ("cytogenetic_group",), levels)]
    features += [Feature("b", "level", ("cytogenetic_group",), other)] if other else []
    found = effects_for(features, "non_response_published")  # asks the same question as non_response
    assert [effect.id for effect in found.get("a", ())] == ids


def test_a_number_per_unit_is_carried_to_the_canonical_unit():
    # Odds ratio 1.05 for one percentage point; the canonical unit is a fraction, a hundred points.
    (effect,) = effects_for([Feature("blasts", "value", ("bm_blasts",))], "icans")["blasts"]
    assert effect.mean == pytest.approx(100 * math.log(1.05), rel=2e-3)
    assert effects_for([Feature("blasts", "log10", ("bm_blasts",), 1e-4)], "icans") == {}
    assert effects_for([Feature("blasts", "at_least", ("bm_blasts",), 0.5)], "non_response") == {}


def invented(**changed):
    """The shipped evidence with two invented studies of one lesion."""
    evidence = load_evidence()
    base = next(e for e in evidence.effects if e.id == "zhang2025_nr_bcr_abl1")
    effects = [
        dataclasses.replace(base, id=f"e{k}", study=study, log_effect=size, standard_error=error, **changed)
        for k, (study, size, error) in enumerate([("liu2026", 1.0, 0.2), ("duell2017", 3.0, 0.4)])
    ]
    return dataclasses.replace(evidence, effects=tuple(effects))


def test_two_studies_are_pooled_by_hand():
    prior = literature_prior([PH], "non_response", evidence=invented())
    weights = [1 / (0.04 + 0.25), 1 / (0.16 + 1.0)]  # children 0.5, adults 1.0 between studies
    assert prior.mean[0] == pytest.approx((weights[0] * 1 + weights[1] * 3) / sum(weights))
    assert prior.sd[0] == pytest.approx(math.sqrt(1 / sum(weights) + 0.25))


def test_a_cut_is_used_at_the_same_cut_only():
    evidence = invented(contrast={"kind": "at_least", "cut": 10.0}, variables=("age",))
    at = {cut: Feature("age", "at_least", ("age",), cut) for cut in (10, 12)}
    assert effects_for([at[10]], "non_response", evidence=evidence)
    assert effects_for([at[12]], "non_response", evidence=evidence) == {}


def test_directions_of_columns():
    cd19 = Feature("cd19", "log10", ("cd19",), 1e-4)
    several = Feature("both", "value", ("bcr_abl1", "kmt2a_r"))
    ph = Feature("ph", "level", ("cytogenetic_group",), ("ph_pos",))
    poor = Feature("poor", "level", ("cytogenetic_group",), ("ph_pos", "other_poor"))
    found = directions(recipe_of(PH, POOR, MRD, cd19, several, ph, poor, Feature("sex", "level", ("sex",), ("male",))))
    assert found.tolist() == [1, 0, 1, -1, 0, 1, 0, 0]
    assert found.dtype == np.int8


def test_shipped_recipes():
    mean, sd = prior_of(load_recipe("efs"))
    # 12-month EFS .733 (SE .081) against .933 (SE .029): hazard ratio 4.48.
    assert math.exp(mean[0]) == pytest.approx(math.log(0.733) / math.log(0.933), rel=1e-3)
    assert (np.isnan(mean[1:]) & np.isnan(sd[1:])).all()
    assert directions(load_recipe("induction_efs")).tolist() == [1, 1, 0, 0, 1, -1, 1, 0, -1]


def test_effects_hold_on_the_outcomes_own_scale_alone():
    """A hazard ratio of an outcome that we ask about as a probability is a sign, never a number."""
    kinds = {name: table["kind"] for name, table in load_dictionary().outcomes.items()}
    for effect in load_evidence().effects:
        if effect.log_effect is not None and kinds[effect.outcome] == "binary":
            assert "hazard" not in effect.source
        if effect.derivation["how"] == "survival":
            assert kinds[effect.outcome] == "survival"


def test_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        """
[study.mine]
citation = "x"
doi = ""
population = "adult"
treatment = "blinatumomab"
[[effect]]
id = "a"
study = "mine"
outcome = "icans"
variables = ["prior_hsct"]
contrast = { kind = "present" }
derivation = { how = "interval", ratio = 1, lower = 0.5, upper = 2 }
log_effect = 0.0
standard_error = 0.3537
source = "x"
""",
        encoding="utf-8",
    )
    evidence = load_evidence(path)
    assert isinstance(evidence.effects[0], Effect)
    prior = literature_prior([Feature("h", "value", ("prior_hsct",))], "icans", evidence=evidence)
    assert prior.mean[0] == 0
    path.write_text("[study", encoding="utf-8")
    with pytest.raises(UsageError, match="not TOML"):
        load_evidence(path)
    path.write_text("study = {}\n[[effect]]\nid = 'a'\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"mine\.toml was refused"):
        load_evidence(path)
