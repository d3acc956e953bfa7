"""A recipe comes back out of its bundle whole, or is refused with words."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.simulate import write_simulated
from riskml.errors import NotEstimableError
from riskml.training.fit import training_set
from riskml.training.recipe import load_recipe
from riskml.training.train import train
from riskml.training.transfer.refit import recipe_of, refit_of


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_cohort(write_simulated(tmp_path_factory.mktemp("refit") / "c.csv", 300, seed=5))


@pytest.fixture(scope="module")
def recipe():
    return replace(load_recipe("efs"), learner={"kind": "ridge_cox", "grid_months": [1, 3, 6, 12]}, bootstrap=2)


@pytest.fixture(scope="module")
def bundle(recipe, cohort):
    return train(recipe, cohort, evaluation=False)


def test_the_recipe_of_a_bundle_trains_the_same_model(recipe, cohort, bundle):
    back = recipe_of(bundle)
    lost = {"column_maps", "optional", "horizons_months", "horizon_months", "repeats", "thresholds"}
    for name in {field.name for field in fields(recipe)} - lost:
        assert getattr(back, name) == getattr(recipe, name), name
    again = train(replace(back, horizon_months=recipe.horizon_months), cohort, evaluation=False)
    assert again.model.members == bundle.model.members
    assert again.model.bootstrap == bundle.model.bootstrap


def test_some_of_the_rows_give_a_model_of_their_own(recipe, cohort):
    refit = refit_of(recipe, cohort)
    assert len(refit.rows.event) == len(training_set(recipe, cohort).event)
    part = refit.learned(np.arange(0, len(refit.rows.event), 2))
    assert part.bootstrap == ()
    assert part.members != refit.learned(np.arange(len(refit.rows.event))).members


def test_a_cohort_without_an_input_is_refused(recipe, cohort):
    with pytest.raises(NotEstimableError, match="cd3"):
        refit_of(recipe, replace(cohort, frame=cohort.frame.drop(columns="cd3")))
    blank = cohort.frame.assign(cd3=np.nan)
    with pytest.raises(NotEstimableError, match="fewer than five patients of the cohort have cd3"):
        refit_of(recipe, replace(cohort, frame=blank))


def test_what_the_recipe_left_out_of_the_evidence_stays_out(bundle):
    training = {**bundle.manifest["training"], "without_studies": ["a study"], "optional": ["cd3"]}
    recipe = recipe_of(bundle.with_(manifest={**bundle.manifest, "training": training}))
    assert recipe.without_studies == ("a study",)
    assert recipe.optional == {"cd3"}


def test_another_definition_of_an_input_is_refused(bundle):
    variables = {**bundle.dictionary.variables, "age": bundle.dictionary.variables["mrd"]}
    other = type("Other", (), {"variables": variables})()
    with pytest.raises(NotEstimableError, match="defines age otherwise"):
        recipe_of(bundle.with_(dictionary=other))
