"""Recipes as people write them: the shipped ones load, anything else is refused in words and never with a traceback."""

from __future__ import annotations

import math

import pytest

from riskml.errors import DataError, UsageError
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.explain import MAX_INPUTS
from riskml.training.learners.table import LEARNERS
from riskml.training.recipe import load_recipe, recipe_names

SHIPPED = recipe_names()


def test_every_folder_with_a_recipe_ships_one():
    assert {"efs", "efs_published", "icans", "induction_efs", "non_response", "non_response_published"} <= set(SHIPPED)
    assert tuple(sorted(path.parent.name for path in folder("models").glob("*/recipe.toml"))) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_keeps_its_own_rules(name):
    recipe, dictionary = load_recipe(name), load_dictionary()
    assert recipe.name == name
    parts = recipe.learner.get("member", [recipe.learner])
    assert {LEARNERS[part["kind"]].outcome for part in parts} == {recipe.kind}
    spoken_of = dictionary.outcomes.get(recipe.outcome, recipe.outcome_table)["kind"]
    assert spoken_of == {"incidence": "survival"}.get(recipe.kind, recipe.kind)
    assert 0 < len(recipe.inputs) <= MAX_INPUTS
    assert all(dictionary.usable_at(dictionary[x], recipe.landmark) for x in recipe.inputs)
    assert {f.name for f in recipe.features} == set(recipe.why)
    assert all(path.is_file() for path in recipe.column_maps)
    if recipe.kind == "survival":
        assert recipe.horizon_months in recipe.horizons_months
        assert set(recipe.horizons_months) <= set(recipe.learner["grid_months"])
    assert recipe.golden[-1] == {}, "the patient of whom nothing is known is always among the golden ones"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_never_uses_a_column_of_any_outcome(name):
    dictionary = load_dictionary()
    outcomes = {table.get(key) for table in dictionary.outcomes.values() for key in ("column", "time")}
    assert not outcomes & set(load_recipe(name).inputs)


def test_a_recipe_is_the_same_by_name_by_file_and_by_folder():
    home = folder("models") / "efs"
    assert load_recipe("efs") == load_recipe(home) == load_recipe(str(home / "recipe.toml"))


MINIMAL = """
name = "mine"
version = "1"
label = "Mine"
outcome = "non_response"
landmark = "first_dose"
intended_use = "Research."
not_for = ["decisions"]

[[feature]]
name = "mrd_log10"
op = "log10"
inputs = ["mrd"]
parameter = 1e-4
why = "published"

[learner]
kind = "ridge_logistic"
"""


def test_what_is_left_out_has_the_documented_defaults(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    recipe = load_recipe(path)
    assert (recipe.folds, recipe.repeats, recipe.bootstrap, recipe.level) == (5, 10, 200, 0.9)
    assert recipe.horizons_months == ()
    assert recipe.golden == ({},)
    assert recipe.applies_to == {}
    assert math.isclose(recipe.features[0].component(1e-6), -4)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UsageError, match=f"no recipe 'EFS'.*{', '.join(SHIPPED)}"):
        load_recipe("EFS")


@pytest.mark.parametrize("content", [b"name = ", b"name = 'a'\nname = 'b'", b"\xff\xfe\x00", b"= 3", b"[learner\n"])
def test_what_is_not_toml_is_a_usage_error(tmp_path, content):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"recipe\.toml is not TOML"):
        load_recipe(path)


def test_a_refused_recipe_is_named_by_folder_and_exits_with_3(tmp_path):
    home = tmp_path / "mine"
    home.mkdir()
    (home / "recipe.toml").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"mine/recipe\.toml was refused") as caught:
        load_recipe(home)
    assert caught.value.exit_code == 3
    assert str(tmp_path) not in str(caught.value)


def test_a_refused_file_is_named_as_it_was_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.toml").write_text('name = "x"\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"^the recipe bad\.toml was refused"):
        load_recipe("bad.toml")
