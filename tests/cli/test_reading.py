"""Every command reads a cohort in one way: by the map it is given, or by the shipped one that describes the file."""

from __future__ import annotations

import argparse
import tomllib

import pytest

from riskml.cli.reading import cohort_for, cohort_of, read_jobs, read_known
from riskml.errors import UsageError
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle
from tests.cli.processes import BUNDLES, COHORT, write_rows


@pytest.fixture
def known_file(tmp_path):
    """The header of a shipped map, with six invented patients."""
    known = {
        "patient_id": list("abcdef"),
        "age_years": list("492761"),
        "efs_days": ["100", "200", "300", "400", "500", "600"],
        "efs_event": ["0.0", "1.0"] * 3,
    }
    text = (folder("models") / "induction_efs" / "columns" / "aall0232.toml").read_text(encoding="utf-8")
    mapped, ignored = tomllib.loads(text)["columns"], tomllib.loads(text)["ignore"]["columns"]
    table = [{name: known.get(name, [""] * 6)[row] for name in (*mapped, *ignored)} for row in range(6)]
    return str(write_rows(tmp_path / "aall.csv", table))


def test_a_known_file_is_read_by_its_shipped_map_and_this_is_said(known_file, capsys):
    cohort = read_known(known_file, None)
    assert cohort.frame["age"].tolist() == [4.0, 9.0, 2.0, 7.0, 6.0, 1.0]
    assert cohort.frame["efs_event"].tolist() == ["none", "any"] * 3
    assert "shipped column map" in capsys.readouterr().err
    assert read_known(str(COHORT), None).map_source == ""
    assert capsys.readouterr().err == "", "the dictionary's own names need no map"


def options(cohort, columns=None):
    return argparse.Namespace(cohort=str(cohort), columns=columns, sheet=None, encoding=None)


def test_commands_that_ask_a_model_know_the_file_as_those_that_train_it_do(known_file, capsys):
    assert cohort_of(options(known_file)).frame["age"].tolist() == [4.0, 9.0, 2.0, 7.0, 6.0, 1.0]
    assert cohort_for(open_bundle(BUNDLES["induction_efs"]), options(known_file)).frame["age"].tolist() == [
        4.0,
        9.0,
        2.0,
        7.0,
        6.0,
        1.0,
    ]
    assert capsys.readouterr().err.count("shipped column map") == 2


@pytest.mark.parametrize("words", [["score", "--out", "s.csv"], ["explain", "--out", "e"]])
def test_score_and_explain_take_the_known_file_as_it_is(known_file, words, riskml):
    done = riskml(words[0], BUNDLES["induction_efs"], known_file, *words[1:])
    assert "shipped column map" in done.stderr
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_what_a_model_asks_for_and_the_cohort_lacks_is_said(tmp_path, capsys):
    bundle = open_bundle(BUNDLES["icans"])
    cohort = cohort_for(bundle, options(write_rows(tmp_path / "c.csv", [{"age": "4"}, {"age": "9"}])))
    lacking = [name for name in bundle.model.inputs if name not in cohort.frame]
    assert lacking
    assert capsys.readouterr().err == f"not columns of the cohort, so averaged over: {', '.join(lacking)}\n"
    cohort_for(bundle, options(COHORT))
    assert capsys.readouterr().err == ""


def test_a_shipped_column_map_is_used_where_it_fits_and_said(data_file, capsys):
    path = data_file("target_aall0232/aall0232.csv")
    (job,) = read_jobs(str(path), ["induction_efs"], None)
    assert not job.cohort.synthetic
    assert "AALL0232" in job.cohort.map_source
    assert "shipped column map" in capsys.readouterr().err


def test_published_counts_are_read_by_their_own_reader():
    path = str(folder("features") / "published" / "non_response.toml")
    (job,) = read_jobs(path, ["non_response_published"], None)
    assert (job.cohort.n_patients, job.cohort.synthetic) == (51, False)
    with pytest.raises(UsageError, match="leave --columns out"):
        read_jobs(path, ["non_response_published"], "map.toml")
