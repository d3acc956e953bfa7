"""``riskml check``: what a sound file looks like, and faults as JSON."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.cli.processes import COHORT, PATIENT_ID, broken_cohort, rows, write_rows
from tests.repository import ROOT


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
    assert set(shown) == {"ok", "courses", "patients", "synthetic", "sha256", "missing", "notes"}
    assert (shown["ok"], shown["courses"], shown["synthetic"]) == (True, 125, True)
    assert shown["sha256"] == hashlib.sha256(COHORT.read_bytes()).hexdigest()
    assert set(shown["missing"]) == set(rows()[0])
    assert shown["missing"]["patient_id"] == 0
    assert all(0 <= share <= 1 for share in shown["missing"].values())
    assert all(set(note) == {"code", "message"} for note in shown["notes"])


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
