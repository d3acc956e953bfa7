"""The TRIPOD+AI sheet: all sub-items, none completed that takes a person, nothing said that the run does not know."""

from __future__ import annotations

import copy
from string import Formatter

import pytest

from riskml.reporting.tripod import AUTHOR, FILLED, NOT_HERE, PARTLY, facts_of, items, tripod_ai
from tests.runtime.models import SHIPPED, shipped_bundle

# The statement's sub-items, and those that only a person can fill (the statement's own list, not that of the file).
ALL = """
1 2 3a 3b 3c 4 5a 5b 6a 6b 6c 7 8a 8b 8c 9a 9b 9c 10 11 12a 12b 12c 12d 12e 12f 12g 13 14 15 16 17
18a 18b 18c 18d 18e 18f 19 20a 20b 20c 21 22 23a 23b 24 25 26 27a 27b 27c
"""
HUMAN = {"3a", "3c", "8b", "8c", "9c", "17", "18a", "18b", "18c", "18d", "18e", "19", "25", "27c"}


def rows(bundle):
    return {row.label: dict(zip(tripod_ai(bundle).columns, row.cells, strict=True)) for row in tripod_ai(bundle).rows}


def changed(bundle, **changes):
    return bundle.with_(manifest={**copy.deepcopy(dict(bundle.manifest)), **changes})


def test_every_sub_item_is_there_once_in_the_statement_s_order():
    assert [item["id"] for item in items()] == ALL.split()
    assert len(ALL.split()) == 52
    assert {item["id"] for item in items() if item["by"] == "author"} == HUMAN


@pytest.mark.parametrize("item", items(), ids=lambda item: item["id"])
def test_items_are_well_formed(item):
    assert item["applies"] in {"D", "E", "D;E"}
    assert item["by"] in {"software", "partly", "author"}
    assert ("ask" in item) == (item["by"] != "software"), "what the author is to add is said, and only there"
    assert ("text" in item) == (item["by"] != "author")
    known = facts_of(shipped_bundle("efs"))
    assert {name for _, name, _, _ in Formatter().parse(item.get("text", "")) if name} <= set(known)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_item_that_takes_a_person_is_ever_done(name):
    sheet = rows(shipped_bundle(name))
    assert list(sheet) == ALL.split()
    for label in HUMAN:
        assert sheet[label]["Status"] == AUTHOR
        assert sheet[label]["Text"].startswith("To be added: ")
    for label in ("1", "3b", "5a", "9b", "26"):
        assert sheet[label]["Status"] == PARTLY
        assert "To be added: " in sheet[label]["Text"]
    assert {row["Status"] for row in sheet.values()} == {FILLED, PARTLY, AUTHOR, NOT_HERE}


def test_the_text_is_that_of_the_run():
    bundle = shipped_bundle("induction_efs")
    sheet, manifest = rows(bundle), bundle.manifest
    assert "665 patients, 195 with the event" in sheet["21"]["Text"]
    assert manifest["digest"] in sheet["22"]["Text"]
    assert manifest["training"]["cohort_sha256"] in sheet["5a"]["Text"]
    assert "SYNTHETIC" not in sheet["5a"]["Text"]
    assert "665 patients with 195 events" in sheet["10"]["Text"]
    assert "5-fold cross-validation" in sheet["12a"]["Text"]
    c = manifest["evaluation"]["metrics"]["c_index"]
    assert f"{c['value']:.2f} ({c['low']:.2f} to {c['high']:.2f})" in sheet["23a"]["Text"]
    assert all(bundle.dictionary[name].label in sheet["27b"]["Text"] for name in bundle.model.inputs)
    assert "SYNTHETIC" in rows(shipped_bundle("efs"))["5a"]["Text"]
    assert any("SYNTHETIC" in note for note in tripod_ai(shipped_bundle("efs")).notes)


def test_without_an_evaluation_its_items_are_the_author_s():
    sheet = rows(changed(shipped_bundle("efs"), evaluation=None))
    for label in ("23a", "12d", "12e", "21"):
        assert sheet[label]["Status"] == AUTHOR
        assert sheet[label]["Text"].startswith("the run does not know: ")
    assert sheet["10"]["Status"] == FILLED


def test_a_cohort_of_one_hospital_has_no_clusters():
    bundle = shipped_bundle("induction_efs")
    sheet = rows(bundle)
    assert bundle.manifest["evaluation"].get("centres") is None
    assert sheet["23b"]["Status"] == AUTHOR
    assert "centres" in sheet["23b"]["Text"]


def test_an_update_fills_what_is_asked_of_one():
    step = {"rung": "intercept", "why": "events came more often than predicted", "n_patients": 80}
    sheet = rows(changed(shipped_bundle("efs"), lineage=[step]))
    assert sheet["12f"]["Status"] == sheet["24"]["Status"] == FILLED
    assert sheet["24"]["Text"] == "Intercept: events came more often than predicted."
    assert rows(shipped_bundle("efs"))["24"]["Status"] == NOT_HERE


def test_the_tally_under_the_sheet_is_that_of_its_rows():
    sheet = tripod_ai(shipped_bundle("efs"))
    counted = [row.cells[3] for row in sheet.rows]
    for status in (FILLED, PARTLY, AUTHOR, NOT_HERE):
        assert f"{counted.count(status)} {status}" in sheet.notes[-1]
