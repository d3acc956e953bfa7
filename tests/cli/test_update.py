"""``riskml update`` as a process."""

from __future__ import annotations

import json

from tests.cli.processes import BUNDLES, refused
from tests.reporting.pages import checked, small_counts, words_of


def test_writes_a_child_that_predicts_and_says_why(riskml, tmp_path):
    assert riskml("simulate", "--patients", "400", "--seed", "4", "--out", "new.csv").returncode == 0
    done = riskml("update", str(BUNDLES["icans"]), "new.csv", "--out", "child", "--report", "update.json")
    assert done.returncode == 0, done.stderr
    assert "icans 1.1" in done.stdout
    assert "why: " in done.stdout
    assert "refit: " in done.stdout
    assert "invented patients, risk by parent | child" in done.stdout
    report = json.loads((tmp_path / "update.json").read_text(encoding="utf-8"))
    manifest = json.loads((tmp_path / "child" / "manifest.json").read_text(encoding="utf-8"))
    assert report["schema"] == "riskml.update/1"
    assert report["digest"] == manifest["digest"]
    assert {key: report[key] for key in manifest["lineage"][-1]} == manifest["lineage"][-1]
    assert f"{report['after']['metrics']['auc']['value']:.3f}" in done.stdout
    predicted = riskml("predict", "child", "-", "--json", stdin='{"age": "6 a"}')
    assert predicted.returncode == 0, predicted.stderr
    assert '"version": "1.1"' in predicted.stdout
    card = riskml("card", "child").stdout
    assert "## Update" in card
    assert "Not evaluated" not in card


def test_a_report_that_ends_in_html_is_a_page(riskml, tmp_path):
    assert riskml("simulate", "--patients", "300", "--seed", "5", "--out", "new.csv").returncode == 0
    done = riskml("update", str(BUNDLES["non_response"]), "new.csv", "--out", "child", "--report", "page/update.html")
    assert done.returncode == 0, done.stderr
    html = (tmp_path / "page" / "update.html").read_text(encoding="utf-8")
    page = checked(html)
    manifest = json.loads((tmp_path / "child" / "manifest.json").read_text(encoding="utf-8"))
    text = words_of(page)
    assert small_counts(page) == []
    assert manifest["digest"] in text
    assert manifest["lineage"][-1]["parent"] in text
    assert "riskml update non_response/bundle new.csv --seed 0" in text
    assert str(tmp_path) not in html
    assert "SYN-" not in html


def test_too_few_events_end_with_5_and_leave_nothing(riskml, tmp_path):
    assert riskml("simulate", "--patients", "60", "--seed", "4", "--out", "new.csv").returncode == 0
    refused(riskml("update", str(BUNDLES["non_response"]), "new.csv", "--out", "child"), 5, "at least")
    assert not (tmp_path / "child").exists()


def test_a_place_that_is_no_bundle_is_refused_before_the_work(riskml, tmp_path):
    (tmp_path / "child").mkdir()
    (tmp_path / "child" / "notes.txt").write_text("mine", encoding="utf-8")
    refused(riskml("update", str(BUNDLES["icans"]), "absent.csv", "--out", "child"), 2, "choose another place")
