"""A learner's sentence says what that learner is, with the settings of the run, and cites its own source alone."""

from __future__ import annotations

import inspect
import re

import pytest

from riskml.reporting.methods_model import DEFAULTS, learned_by, refitted
from riskml.reporting.references import sources
from riskml.training.learners.table import LEARNERS

# What a reviewer would look for, by learner.
OWN = {
    "ridge_logistic": {"mackay1992", "gelman2006", "tierney1986"},
    "literature_logistic": {"schmidli2014", "higgins2009", "mackay1992", "gelman2006", "tierney1986"},
    "elastic_net_logistic": {"zou2005", "friedman2010"},
    "firth_logistic": {"firth1993", "puhr2017"},
    "forest": {"breiman2001"},
    "boosting": {"chen2016"},
    "ridge_cox": {"cox1972", "efron1977", "mackay1992", "gelman2006", "tierney1986", "gamerman1991", "holford1980"},
    "elastic_net_cox": {"cox1972", "zou2005", "simon2011", "verweij1993", "gamerman1991", "holford1980"},
    "survival_forest": {"ishwaran2008", "poelsterl2020"},
    "survival_boosting": {"friedman2001", "cox1972", "ridgeway1999", "poelsterl2020"},
    "boosting_cox": {"cox1972", "chen2016"},
    "boosting_aft": {"chen2016", "barnwal2022"},
    "parametric": {"kalbfleisch2002", "mackay1992", "gelman2006", "tierney1986"},
    "cause_specific_cox": {
        "cox1972",
        "prentice1978",
        "mackay1992",
        "gelman2006",
        "tierney1986",
        "gamerman1991",
        "holford1980",
    },
}
OWN["literature_cox"] = OWN["literature_logistic"] | {"cox1972", "efron1977", "gamerman1991", "holford1980"}


def member(kind, weight=1.0, **more):
    return {"kind": kind, "weight": weight, "line": None, **more}


def training(table, *members, **more):
    return {"learner": table, "members": list(members), "bootstrap": 200, **more}


def cited(text):
    return {name[1:] for mark in re.findall(r"\[(@[^\]]+)\]", text) for name in mark.split("; ")}


@pytest.mark.parametrize("kind", sorted(LEARNERS))
def test_every_learner_of_the_table_has_its_sentence_and_its_sources(kind):
    said = list(learned_by(training({"kind": kind}, member(kind))))
    assert len(said) == 1
    assert said[0].startswith("The learner is ")
    assert "{" not in said[0]
    assert cited(said[0]) == OWN[kind]
    assert cited(said[0]) <= set(sources())


@pytest.mark.parametrize("kind", sorted(DEFAULTS))
def test_what_a_silent_recipe_gets_is_the_estimator_s_own_default(kind):
    learner = LEARNERS[kind]
    parameters = inspect.signature(learner.load()).parameters
    for key, value in DEFAULTS[kind].items():
        assert parameters[learner.settings[key]].default == value, key
    assert set(learner.settings) <= set(DEFAULTS[kind]), "every setting that a sentence could name"


def test_the_settings_of_the_run_are_said_not_the_defaults():
    ridge = next(learned_by(training({"kind": "ridge_logistic", "prior_scale": 0.25}, member("ridge_logistic"))))
    assert "of scale 0.25 " in ridge
    forest = {"kind": "forest", "trees": 37, "leaf": 9}
    assert "37 trees with at least 9 patients a leaf" in next(learned_by(training(forest, member("forest"))))
    aft = {"kind": "parametric", "distribution": "loglogistic"}
    assert "a log-logistic model" in next(learned_by(training(aft, member("parametric"))))


def test_a_stack_says_how_its_weights_were_found_and_an_average_does_not():
    tables = [{"kind": "ridge_logistic", "prior_scale": 0.5}, {"kind": "forest"}]
    members = [member("ridge_logistic", 0.7), member("forest", 0.3)]
    stack = " ".join(learned_by(training({"kind": "stack", "member": tables}, *members)))
    average = " ".join(learned_by(training({"kind": "average", "member": tables}, *members)))
    assert "ridge logistic 70 % and forest 30 %" in stack
    assert "yao2018" in cited(stack)
    assert "yao2018" not in cited(average)
    assert stack.count("One learner is ") == 2


def test_a_learner_that_was_left_out_is_no_part_of_the_method():
    table = {"kind": "stack", "member": [{"kind": "ridge_logistic"}, {"kind": "forest"}]}
    left = ["forest was left out: 9 events, it takes part from 25"]
    said = list(learned_by(training(table, member("ridge_logistic"), members_left_out=left)))
    assert said[-1] == "Forest was left out: 9 events, it takes part from 25."
    assert cited(" ".join(said)) == OWN["ridge_logistic"]


def test_recalibration_and_the_literature_s_weight_are_said_where_there_is_any():
    item = member("literature_logistic", literature_weight=0.314) | {"line": [0.1, 0.9]}
    said = " ".join(learned_by(training({"kind": "literature_logistic"}, item, without_studies=["A 2020", "B 2021"])))
    assert "kept a weight of 0.31." in said
    assert "cox1958" in cited(said)
    assert "A 2020 and B 2021" in said


def test_others_learners_are_named_and_nothing_is_claimed_of_them():
    assert list(learned_by(training({"kind": "abacus"}, member("abacus")))) == [
        "The learner is abacus, which an installed package offers."
    ]
    outside = " ".join(learned_by({"learner": {"kind": "outside", "estimator": "a.b:C"}, "bootstrap": 0}))
    assert "a.b:C" in outside
    assert cited(outside) == {"pedregosa2011"}


def test_the_interval_says_its_refits_and_draws_only_where_a_posterior_is():
    ridge = next(refitted(training({}, member("ridge_cox")), 0.9))
    assert "the middle 90 % of the estimates by 200 refits" in ridge
    assert "one draw from its posterior." in ridge
    assert "posterior" not in next(refitted(training({}, member("forest")), 0.9))
    both = next(refitted(training({}, member("ridge_cox"), member("boosting_cox")), 0.95))
    assert "posterior where the learner has one" in both
    assert list(refitted({"bootstrap": 0, "members": []}, 0.9)) == []
