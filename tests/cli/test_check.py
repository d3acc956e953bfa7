"""``riskml check``: what a sound file looks like, and faults as JSON."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.cli.processes import COHORT, PATIENT_ID, broken_cohort, rows, write_rows
from tests.repository import ROOT

BROKEN = ROOT / "tests" / "data" / "broken_cohort.csv"


def test_a_sound_cohort_is_described(riskml):
    done = riskml("check", COHORT)
    assert (done.returncode, done.stderr) == (0, "")
    # 126 lines, the header among them.
    patients = len({row["patient_id"] for row in rows()})
    assert f"125 courses, {patients} patients" in done.stdout.splitlines()[0]
    assert "SYNTHETIC" in done.stdout
    assert done.stdout.endswith("no faults\n")
    assert rows()[0]["patient_id"] not in done.stdout


def test_json_of_a_sound_cohort(riskml):
    done = riskml("check", COHORT, "--json")
    shown = json.loads(done.stdout)
    assert set(shown) == {"ok", "courses", "patients", "synthetic", "sha256", "missing", "notes", "findings"}
    assert (shown["ok"], shown["courses"], shown["synthetic"]) == (True, 125, True)
    assert shown["sha256"] == hashlib.sha256(COHORT.read_bytes()).hexdigest()
    assert set(shown["missing"]) == set(rows()[0])
    assert shown["missing"]["patient_id"] == 0
    assert all(0 <= share <= 1 for share in shown["missing"].values())
    assert all(set(note) == {"code", "message"} for note in shown["notes"])
    keys = {"code", "level", "columns", "message", "remedy", "rows", "count"}
    assert all(set(finding) == keys and finding["level"] == "note" for finding in shown["findings"])


def test_json_of_a_faulty_cohort_lists_every_fault(riskml, tmp_path):
    path = broken_cohort(tmp_path / "cohort.csv", age="400 a", mrd="520 %")
    done = riskml("check", path, "--json")
    assert done.returncode == 3
    shown = json.loads(done.stdout)
    assert (shown["ok"], shown["message"]) == (False, "cohort.csv was refused")
    assert [(f["row"], f["column"], f["value"]) for f in shown["faults"]] == [(5, "age", "400 a"), (5, "mrd", "520 %")]
    keys = {"row", "column", "rule", "value", "remedy", "count", "rows"}
    assert all(set(fault) == keys and fault["remedy"] for fault in shown["faults"])
    assert PATIENT_ID not in done.stdout + done.stderr


def test_json_counts_equal_faults(riskml, tmp_path):
    path = write_rows(tmp_path / "c.csv", [{"patient_id": str(k), "age": "400 a"} for k in range(7)])
    (fault,) = json.loads(riskml("check", path, "--json").stdout)["faults"]
    assert (fault["row"], fault["count"], fault["rows"]) == (None, 7, [2, 3, 4, 5, 6])


def test_a_foreign_file_through_a_column_map(riskml, tmp_path):
    write_rows(tmp_path / "c.csv", [{"Code": "a", "Alter": "72"}, {"Code": "b", "Alter": "12"}])
    (tmp_path / "map.toml").write_text(
        '[columns]\nCode = "patient_id"\nAlter = { name = "age", unit = "mo" }\n', encoding="utf-8"
    )
    assert riskml("check", "c.csv").returncode == 3
    done = riskml("check", "c.csv", "--columns", "map.toml")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 courses, 2 patients" in done.stdout


@pytest.mark.data
def test_the_published_cohort_passes_with_its_shipped_map(riskml, data_file):
    path = data_file("target_aall0232/aall0232.csv")
    done = riskml("check", path, "--columns", ROOT / "models/induction_efs/columns/aall0232.toml")
    assert done.returncode == 0, done.stderr


def test_findings_are_grouped_by_level_and_errors_refuse(riskml):
    done = riskml("check", BROKEN, "--landmark", "first_dose", "--outcome", "efs")
    assert (done.returncode, done.stderr) == (3, "")
    titles = [line.partition(" (")[0] for line in done.stdout.splitlines() if line.endswith("):")]
    assert titles == ["Cannot be true", "Probably a mistake", "Worth knowing"]
    assert done.stdout.endswith("refused: correct what is named above\n")
    shown = json.loads(riskml("check", BROKEN, "--json").stdout)
    assert (shown["ok"], shown["courses"]) == (False, 102)
    assert {"error", "warning", "note"} == {finding["level"] for finding in shown["findings"]}


def test_warnings_refuse_only_under_strict(riskml, tmp_path):
    table = [{"patient_id": str(k), "age": str(2 + k % 15)} for k in range(30)]
    write_rows(tmp_path / "c.csv", [*table, {"patient_id": "x", "age": "84"}])
    done = riskml("check", "c.csv")
    assert done.returncode == 0
    assert "[age_in_months]" in done.stdout
    assert riskml("check", "c.csv", "--strict").returncode == 3
    assert json.loads(riskml("check", "c.csv", "--strict", "--json").stdout)["ok"] is False
    assert riskml("check", COHORT, "--strict").returncode == 0


def test_a_foreign_file_is_searched_for_leaks(riskml, tmp_path):
    events = [k % 3 == 0 for k in range(60)]
    table = [
        {"code": f"k{k}", "graft_day": str(5 + 90 * e), "dead": "yes" if e else "no"} for k, e in enumerate(events)
    ]
    write_rows(tmp_path / "c.csv", table)
    done = riskml("check", "c.csv", "--foreign", "--outcome-column", "dead")
    assert (done.returncode, done.stderr) == (0, "")
    assert "graft_day [separates_outcome]" in done.stdout
    shown = json.loads(riskml("check", "c.csv", "--foreign", "--outcome-column", "dead", "--json").stdout)
    assert set(shown) == {"ok", "findings"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--foreign"], "--foreign needs --outcome-column"),
        (["--foreign", "--outcome-column", "nothing"], "there is no column 'nothing'"),
        (["--foreign", "--outcome-column", "efs_event"], "--event must say which"),
        (["--foreign", "--outcome-column", "sex", "--outcome", "efs"], "--foreign goes without"),
        (["--event", "1"], "go with --foreign"),
        (["--landmark", "dawn"], "there is no landmark 'dawn'"),
    ],
)
def test_options_that_do_not_fit(riskml, words, message):
    done = riskml("check", COHORT, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_a_file_that_a_shipped_map_describes_is_read_with_it(riskml, data_file):
    done = riskml("check", data_file("target_aall0232/aall0232.csv"), "--json")
    assert done.returncode == 0, done.stderr
    assert "shipped column map" in done.stderr
    assert {finding["level"] for finding in json.loads(done.stdout)["findings"]} <= {"note"}


def test_a_foreign_file_is_told_what_to_do_before_its_columns_are(riskml, tmp_path):
    path = write_rows(tmp_path / "c.csv", [{"age": "3", **{f"Spalte{k}": "1" for k in range(6)}}])
    done = riskml("check", path)
    assert done.returncode == 3
    first = done.stderr.splitlines()[1]
    assert "6 of 7 columns" in first
    assert "--propose MAP.toml" in first
    assert "--foreign" in first
    assert "Spalte5" in done.stderr
