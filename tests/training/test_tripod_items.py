"""How far a run fills TRIPOD+AI: all sub-items counted once, none complete that takes a person."""

from __future__ import annotations

import copy

import pytest

from riskml.training.tripod_items import (
    AUTHOR,
    DEVELOPMENT,
    FILLED,
    NOT_HERE,
    PARTLY,
    VALIDATION,
    completion,
    facts_in,
    items,
    status_of,
    unknown_facts,
)
from tests.runtime.models import SHIPPED, shipped_bundle

# The statement's sub-items, and those that only a person can fill (the statement's own list, not that of the file).
ALL = """
1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17
18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c
"""
HUMAN = {"3a", "3c", "8b", "8c", "9c", "17", "18a", "18b", "18c", "18d", "18e", "19", "25", "27c"}
# Those that the statement asks of a development alone, or of an evaluation alone.
DEVELOPMENT_ONLY = {"9a", "12a", "12b", "12c", "15", "22", "27a", "27b"}
EVALUATION_ONLY = {"12f", "12g", "20c", "24"}


def changed(name, **changes):
    return {**copy.deepcopy(dict(shipped_bundle(name).manifest)), **changes}


def item(number):
    return next(item for item in items() if item["id"] == number)


def test_every_sub_item_is_there_once_in_the_statement_s_order():
    assert [item["id"] for item in items()] == ALL.split()
    assert len(ALL.split()) == 52
    assert {item["id"] for item in items() if item["by"] == "author"} == HUMAN
    assert {item["id"] for item in items() if item["applies"] == "D"} == DEVELOPMENT_ONLY
    assert {item["id"] for item in items() if item["applies"] == "E"} == EVALUATION_ONLY


@pytest.mark.parametrize("item", items(), ids=lambda item: item["id"])
def test_items_are_well_formed(item):
    assert item["applies"] in {"D", "E", "D;E"}
    assert item["by"] in {"software", "partly", "author"}
    assert ("ask" in item) == (item["by"] != "software"), "what the author is to add is said, and only there"
    assert bool({DEVELOPMENT, VALIDATION} & set(item)) == (item["by"] != "author")
    assert VALIDATION not in item or item["applies"] != "D"
    assert "absent" not in item or item["applies"] == "E"


@pytest.mark.parametrize("study", [DEVELOPMENT, VALIDATION])
@pytest.mark.parametrize("unknown", [frozenset(), frozenset().union(*(facts_in(i.get("text", "")) for i in items()))])
def test_no_item_that_takes_a_person_is_ever_done(study, unknown):
    found = {item["id"]: status_of(item, unknown, study) for item in items()}
    assert all(found[number] == AUTHOR for number in HUMAN)
    partly = {item["id"] for item in items() if item["by"] == "partly"}
    assert not any(found[number] == FILLED for number in partly)


def test_a_fact_that_is_not_known_leaves_the_item_open():
    assert status_of(item("23a"), frozenset()) == FILLED
    assert status_of(item("23a"), frozenset({"performance"})) == AUTHOR
    assert status_of(item("24"), frozenset()) == FILLED
    assert status_of(item("24"), frozenset({"update_results"})) == NOT_HERE
    assert status_of(item("5b"), frozenset()) == PARTLY


def test_a_validation_is_asked_for_what_the_statement_asks_of_an_evaluation():
    found = {item["id"]: status_of(item, frozenset(), VALIDATION) for item in items()}
    assert all(found[number] == NOT_HERE for number in DEVELOPMENT_ONLY | {"12f", "24"})
    assert all(found[number] == FILLED for number in ("12g", "20c", "21", "23a"))
    assert found["10"] == found["16"] == PARTLY, "software does not know why this cohort was taken"
    assert found["6a"] == AUTHOR


@pytest.mark.parametrize("name", SHIPPED)
def test_the_counts_are_those_of_the_items(name):
    done = completion(shipped_bundle(name).manifest)
    assert sum(done.values()) == 52
    assert min(done.values()) > 0
    assert done["author"] >= len(HUMAN)
    assert done["filled"] <= 52 - len(HUMAN) - sum(item["by"] == "partly" for item in items())


def test_what_was_not_done_is_not_counted():
    whole, bare = completion(changed("efs")), completion(changed("efs", evaluation=None))
    assert bare["filled"] < whole["filled"]
    assert bare["author"] > whole["author"]
    step = {"rung": "intercept", "why": "events came more often"}
    updated = completion(changed("efs", lineage=[step]))
    assert updated["filled"] == whole["filled"] + 2, "how the model was updated, and with what result"
    assert updated["not_here"] == whole["not_here"] - 2


@pytest.mark.parametrize(
    ("changes", "name", "lacks"),
    [
        ({}, "efs", False),
        ({"evaluation": None}, "performance", True),
        ({"evaluation": {"centres": None}}, "centres", True),
        ({"evaluation": {"subgroups": []}}, "subgroup_results", True),
        ({"lineage": [{"rung": "intercept"}]}, "update", True),
        ({"lineage": [{"rung": "intercept", "why": "x"}]}, "update", False),
    ],
)
def test_what_a_manifest_does_not_say_is_not_known(changes, name, lacks):
    assert (name in unknown_facts(changed("efs", **changes))) is lacks


def test_a_binary_outcome_needs_no_follow_up():
    own = changed("efs")
    own["training"]["case_mix"]["follow_up_months"] = None
    assert "follow_up" in unknown_facts(own)
    assert "follow_up" not in unknown_facts({**own, "kind": "binary"})
    own["training"]["case_mix"] = None
    assert {"follow_up", "case_mix"} <= unknown_facts(own)


def test_facts_are_read_from_a_text():
    assert facts_in("On {n} patients: {what}; {n} of them {{so}}.") == {"n", "what"}
    assert facts_in("nothing") == frozenset()
