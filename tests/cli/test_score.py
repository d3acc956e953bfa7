"""``riskml score``: a table says what ``predict`` says of each of its rows."""

from __future__ import annotations

import csv
import json
import os
import random
import time

import pandas as pd
import pytest

import riskml as front_door
from riskml.cli.main import main
from tests.cli.killed import needs_kill, started
from tests.cli.processes import BUNDLES, COHORT, contents, refused, rows, write_rows

SYNTHETIC = ["non_response", "icans", "efs"]


def scores(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("name", SYNTHETIC)
def test_scores_are_the_predictions_row_by_row(riskml, tmp_path, name):
    done = riskml("score", BUNDLES[name], COHORT, "--out", "s.csv")
    assert (done.returncode, done.stdout, done.stderr) == (0, "s.csv\n", "")
    bundle = front_door.open_bundle(BUNDLES[name])
    table = scores(tmp_path / "s.csv")
    assert [int(line["row"]) for line in table] == list(range(2, 127)), "rows as a spreadsheet numbers them"
    for line, row in zip(table, rows(), strict=True):
        # The cells as they stand in the file: the same parser reads a table and a patient.
        patient = {column: row[column] for column in bundle.model.inputs}
        want = bundle.predict(patient, explain=False).value
        got = [float(value) for column, value in line.items() if column != "row"]
        assert got == pytest.approx(want, abs=1e-12)


def test_parquet_in_and_out_says_what_csv_says(riskml, tmp_path):
    pd.DataFrame(rows()).to_parquet(tmp_path / "c.parquet")
    assert riskml("score", BUNDLES["icans"], "c.parquet", "--out", "s.parquet").stdout == "s.parquet\n"
    riskml("score", BUNDLES["icans"], COHORT, "--out", "s.csv")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "s.parquet"), pd.read_csv(tmp_path / "s.csv"))


def test_commas_are_settled_by_the_whole_column(riskml, tmp_path):
    (tmp_path / "c.csv").write_text('mrd,cd3\n1 %,"0,71"\n2 %,"1,5"\n', encoding="utf-8")
    (tmp_path / "p.csv").write_text("mrd,cd3\n1 %,0.71\n2 %,1.5\n", encoding="utf-8")
    for name in ("c", "p"):
        assert riskml("score", BUNDLES["non_response"], f"{name}.csv", "--out", f"{name}.out").returncode == 0
    assert scores(tmp_path / "c.out") == scores(tmp_path / "p.out")


@pytest.mark.skipif(os.name == "nt", reason="needs /dev/stdin")
def test_a_pipe_is_read_once(riskml, tmp_path):
    done = riskml("score", BUNDLES["non_response"], "/dev/stdin", "--out", "s.csv", stdin="mrd,cd3\n1 %,1\n")
    assert done.returncode == 0, done.stderr
    assert [line["row"] for line in scores(tmp_path / "s.csv")] == ["2"]


def test_one_row_through_files_alone(riskml, tmp_path):
    inputs = front_door.open_bundle(BUNDLES["efs"]).model.inputs
    row = {column: rows()[17][column] for column in inputs}
    (tmp_path / "p.json").write_text(json.dumps(row), encoding="utf-8")
    riskml("score", BUNDLES["efs"], write_rows(tmp_path / "c.csv", [row]), "--out", "s.csv", "--at", "3", "18")
    shown = json.loads(riskml("predict", BUNDLES["efs"], "p.json", "--json", "--at", "3", "18").stdout)
    (line,) = scores(tmp_path / "s.csv")
    assert list(line) == ["row", "survival_3_months", "survival_18_months"]
    assert [float(line[c]) for c in list(line)[1:]] == pytest.approx(shown["estimate"]["value"], abs=1e-12)


def test_the_output_names_no_patient(riskml, tmp_path):
    riskml("score", BUNDLES["efs"], COHORT, "--out", "s.csv")
    text = (tmp_path / "s.csv").read_text(encoding="utf-8")
    assert not any(row["patient_id"] in text for row in rows())
    assert set(text.splitlines()[0].split(",")) == {
        "row", "survival_6_months", "survival_12_months", "survival_24_months"
    }  # fmt: skip


def test_inputs_without_a_column_are_said(riskml, tmp_path):
    cohort = write_rows(tmp_path / "c.csv", [{"mrd": "1 %"}, {"mrd": ""}])
    done = riskml("score", BUNDLES["non_response"], cohort, "--out", "s.csv")
    assert done.returncode == 0
    assert done.stderr.startswith("not columns of the cohort, so averaged over: bcr_abl1, ")


def test_a_blank_row_is_counted_but_not_scored(riskml, tmp_path):
    (tmp_path / "c.csv").write_text("mrd,cd3\n1 %,\n,\n\n2 %,\n", encoding="utf-8")
    riskml("score", BUNDLES["non_response"], "c.csv", "--out", "s.csv")
    assert [line["row"] for line in scores(tmp_path / "s.csv")] == ["2", "5"]


def test_a_refused_cohort_leaves_the_old_scores_whole(riskml, tmp_path):
    (tmp_path / "s.csv").write_text("old", encoding="utf-8")
    cohort = write_rows(tmp_path / "c.csv", [{"mrd": "520 %"}])
    refused(riskml("score", BUNDLES["non_response"], cohort, "--out", "s.csv"), 3, "row 2, column mrd")
    assert contents(tmp_path)["s.csv"] == b"old"
    assert len(contents(tmp_path)) == 2


@needs_kill
def test_killed_at_any_moment_it_leaves_the_old_scores_or_the_new_ones_whole(tmp_path):
    place, old, moments = tmp_path / "place", b"row,risk\n2,0.5\n", random.Random(9)
    place.mkdir()
    copies = [row | {"patient_id": f"{row['patient_id']}-{k}"} for k in range(20) for row in rows()]
    cohort = write_rows(tmp_path / "cohort.csv", copies)
    words = ("score", BUNDLES["efs"], cohort, "--out", "s.csv")

    def scored(*, seconds=None, **settings):
        (place / "s.csv").write_bytes(old)
        began = time.perf_counter()
        with started(*words, place=place, **settings) as process:
            process.join(seconds)
            ended = process.exitcode
        return ended, time.perf_counter() - began

    def left():
        """The scores; beside them there may be what was being written, under a name nobody reads."""
        found = contents(place)
        assert all(name == "s.csv" or (name.startswith(".s.csv.") and name.endswith(".partial")) for name in found)
        return found["s.csv"]

    scored()  # the first one waits until everything is imported
    (code, once), (_, again) = scored(), scored()
    assert code == 0
    new, whole = left(), min(once, again)
    assert new.count(b"\n") == len(copies) + 1
    ended = [scored(seconds=moments.uniform(0, whole))[0] for _ in range(10) if left() in {old, new}]
    assert ended.count(None) > 2, "these were killed on the way"
    assert len(ended) == 10
    assert scored(to_the_move=True)[0] == -9
    assert left() == old
    partial = [content for name, content in contents(place).items() if name != "s.csv"]
    assert new in partial, "all was written, and only its name was not there yet"
    assert scored()[0] == 0
    assert left() == new


@pytest.mark.slow
def test_rows_twenty_thousand_in_seconds(riskml, tmp_path):
    copies = [row | {"patient_id": f"{row['patient_id']}-{k}"} for k in range(160) for row in rows()]
    cohort = write_rows(tmp_path / "c.csv", copies)
    done = riskml("score", BUNDLES["efs"], cohort, "--out", "s.csv", timeout=20)
    assert done.returncode == 0, done.stderr
    table = scores(tmp_path / "s.csv")
    values = [[float(v) for k, v in line.items() if k != "row"] for line in table]
    assert len(values) == 20_000
    assert values[:125] == values[-125:]


# ------------------------------------------------------------------------------------------------------- whole folders


def test_a_folder_of_parts_is_scored_part_by_part(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    table = pd.DataFrame(rows()).drop(columns="cd19")
    table[:60].to_parquet("in/a.parquet")
    table[60:].to_parquet("in/b.parquet")
    words = ["score", str(BUNDLES["non_response"]), "in", "--out", "out"]
    assert main([*words, "--jobs", "2"]) == 0
    said = capsys.readouterr()
    assert said.out == "out\n"
    assert "not columns of the cohort, so averaged over: cd19" in said.err
    table.to_parquet("whole.parquet")
    assert main(["score", words[1], "whole.parquet", "--out", "whole.scores.parquet"]) == 0
    found = pd.concat([pd.read_parquet(f"out/{name}.parquet") for name in "ab"], ignore_index=True)
    want = pd.read_parquet("whole.scores.parquet")
    assert found["risk"].tolist() == pytest.approx(want["risk"].tolist(), rel=1e-14)
    assert main(words) == 2, "scores are never mixed with older ones"


def test_a_refused_part_leaves_no_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    table = pd.DataFrame(rows())
    table[:60].to_parquet("in/a.parquet")
    table[60:].assign(mrd="520 %").to_parquet("in/b.parquet")
    assert main(["score", str(BUNDLES["non_response"]), "in", "--out", "out"]) == 3
    said = capsys.readouterr().err
    assert "1 of 2 parts of in were refused" in said
    assert "(part b.parquet)" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]
    (tmp_path / "empty").mkdir()
    assert main(["score", str(BUNDLES["non_response"]), "empty", "--out", "out"]) == 2
