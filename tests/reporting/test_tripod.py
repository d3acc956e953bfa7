"""The TRIPOD+AI sheets: a row an item, nothing said that the run does not know, and who is to add what."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest

from riskml.reporting.tables import as_csv, as_fragment
from riskml.reporting.tripod import tripod_ai, tripod_ai_validation
from riskml.training.tripod_items import AUTHOR, FILLED, NOT_HERE, PARTLY, completion, items
from tests.reporting import results
from tests.reporting.pages import small_counts, words_of
from tests.runtime.models import SHIPPED, shipped_bundle

ALL = [item["id"] for item in items()]
HUMAN = {item["id"] for item in items() if item["by"] == "author"}


def rows_of(sheet):
    return {row.label: dict(zip(sheet.columns, row.cells, strict=True)) for row in sheet.rows}


def rows(bundle):
    return rows_of(tripod_ai(bundle))


def changed(bundle, **changes):
    return bundle.with_(manifest={**copy.deepcopy(dict(bundle.manifest)), **changes})


def validated(name="non_response", **changes):
    result = results.validation(subgroups=[], decision_curve=None, **changes)
    return tripod_ai_validation(result, shipped_bundle(name))


@pytest.mark.parametrize("name", SHIPPED)
def test_no_item_that_takes_a_person_is_ever_done(name):
    sheet = rows(shipped_bundle(name))
    assert list(sheet) == ALL
    for label in HUMAN:
        assert sheet[label]["Status"] == AUTHOR
        assert sheet[label]["Text"].startswith("To be added: ")
    for label in ("1", "3b", "5a", "9b", "26"):
        assert sheet[label]["Status"] == PARTLY
        assert "To be added: " in sheet[label]["Text"]
    assert {row["Status"] for row in sheet.values()} == {FILLED, PARTLY, AUTHOR, NOT_HERE}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_text_is_a_sentence_that_holds_no_gap(name):
    for sheet in (tripod_ai(shipped_bundle(name)), validated(name)):
        for label, row in rows_of(sheet).items():
            assert row["Text"].endswith("."), label
            assert not set("{}") & set(row["Text"]), label
            assert "None" not in row["Text"], label
            assert ".." not in row["Text"], label


@pytest.mark.parametrize("name", SHIPPED)
def test_the_card_counts_what_the_sheet_says(name):
    bundle = shipped_bundle(name)
    for manifest in (dict(bundle.manifest), {**bundle.manifest, "evaluation": None}):
        counted = [row["Status"] for row in rows(bundle.with_(manifest=manifest)).values()]
        shown = {"filled": FILLED, "partly": PARTLY, "author": AUTHOR, "not_here": NOT_HERE}
        assert completion(manifest) == {key: counted.count(status) for key, status in shown.items()}


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
        assert sheet[label]["Text"].startswith("The run does not know: ")
    assert sheet["10"]["Status"] == FILLED
    assert sheet["4"]["Text"].startswith("Development; performance was not evaluated.")


def test_a_cohort_of_one_hospital_has_no_clusters():
    bundle = shipped_bundle("induction_efs")
    sheet = rows(bundle)
    assert bundle.manifest["evaluation"].get("centres") is None
    assert sheet["23b"]["Status"] == AUTHOR
    assert "centres" in sheet["23b"]["Text"]


def test_an_update_fills_what_is_asked_of_one():
    sheet = rows(changed(shipped_bundle("efs"), lineage=[results.step(kind="survival")]))
    assert sheet["12f"]["Status"] == sheet["24"]["Status"] == FILLED
    assert sheet["12f"]["Text"].startswith("On 60 patients with 40 events: intercept, the smallest change")
    assert "difference −0.60 (−0.70 to −0.50)" in sheet["24"]["Text"]
    untouched = rows(shipped_bundle("efs"))
    assert untouched["24"]["Status"] == NOT_HERE
    assert untouched["24"]["Text"] == "The model was not updated."


def test_the_tally_under_the_sheet_is_that_of_its_rows():
    for sheet in (tripod_ai(shipped_bundle("efs")), validated()):
        counted = [row.cells[3] for row in sheet.rows]
        for status in (FILLED, PARTLY, AUTHOR, NOT_HERE):
            assert f"{counted.count(status)} {status}" in sheet.notes[-1]


def test_a_validation_speaks_of_its_own_patients():
    sheet = validated()
    found = rows_of(sheet)
    assert sheet.title.startswith("TRIPOD+AI, evaluation: ")
    assert "Judged on 60 patients, 9 with the event (15 %)." in found["21"]["Text"]
    assert "2" * 64 in found["5a"]["Text"]
    assert shipped_bundle("non_response").digest in found["12g"]["Text"]
    assert found["9a"]["Status"] == NOT_HERE
    assert found["9a"]["Text"] == "Not part of a validation: see the sheet of the model."
    assert found["23b"]["Status"] == AUTHOR
    assert all(found[label]["Status"] == AUTHOR for label in HUMAN)
    real = validated(synthetic=False)
    assert not any("SYNTHETIC" in note for note in real.notes)
    assert "SYNTHETIC" not in rows_of(real)["5a"]["Text"]


def test_sheets_show_no_small_count_and_run_no_formula():
    for sheet in (*map(tripod_ai, map(shipped_bundle, SHIPPED)), validated()):
        page = SimpleNamespace(text=[cell for row in sheet.rows for cell in row.cells])
        assert small_counts(page) == []
        assert len(as_csv(sheet).splitlines()) == as_fragment(sheet).count("<tr>") == 53
        assert words_of(page).count("To be added: ") >= len(HUMAN)
        assert not any(cell.startswith(("=", "+", "@")) for cell in page.text)
