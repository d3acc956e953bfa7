"""``riskml describe``: page, tables and figures of the embedded cohort, nothing small, nobody named; its refusals."""

from __future__ import annotations

import csv
import io
import os
import re
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from sksurv.nonparametric import kaplan_meier_estimator

from tests.cli.processes import COHORT, broken_cohort, contents, refused, rows, write_rows
from tests.reporting.pages import checked, small_counts, words_of

ASKED = ("--by", "sex", "--months", "9", "18")
NAMES = {row["patient_id"].encode() for row in rows()}


@pytest.fixture(scope="module")
def shared(run_riskml, tmp_path_factory):
    """What it wrote and said about the embedded cohort, and how long a processor worked at it."""
    folder = tmp_path_factory.mktemp("describe")
    before = os.times()
    done = run_riskml("describe", COHORT, "--out", "out", cwd=folder)
    after = os.times()  # of children, so that other work of the machine does not count
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    return done, contents(folder / "out"), worked


@pytest.fixture(scope="module")
def internal(run_riskml, tmp_path_factory):
    folder = tmp_path_factory.mktemp("internal")
    done = run_riskml("describe", COHORT, "--out", "out", "--internal", *ASKED, cwd=folder)
    return done, contents(folder / "out")


def tables_of(files):
    """Cells of every csv by its name."""
    return {
        name: list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
        for name, content in files.items()
        if name.endswith(".csv")
    }


def test_it_writes_a_page_and_each_table_and_figure_in_two_forms(shared):
    done, files, seconds = shared
    assert (done.returncode, done.stderr) == (0, "")
    assert seconds < 20
    tables = {name.rsplit(".", 1)[0] for name in files if name.startswith("tables/")}
    figures = {name.rsplit(".", 1)[0] for name in files if name.startswith("figures/")}
    assert {f"{name}.{kind}" for name in tables for kind in ("csv", "html")} | {
        f"{name}.{kind}" for name in figures for kind in ("svg", "png")
    } | {"describe.html"} == set(files)
    assert {f"tables/{name}" for name in ("characteristics", "response", "efs", "toxicity_by_patient")} <= tables
    assert "figures/efs" in figures
    assert all(files[f"{name}.png"].startswith(b"\x89PNG") for name in figures)


def test_it_says_what_it_found_in_words_and_where_it_wrote(shared):
    text = shared[0].stdout
    assert text.startswith("125 courses of 105 patients, 4 centres\n")
    assert text.endswith("out/describe.html\n")
    assert "Event-free survival: Patients 105;" in text
    assert text.isascii()


def test_the_page_is_offline_and_whole(shared):
    page = checked(shared[1]["describe.html"].decode())
    text = words_of(page)
    assert len(shared[1]["describe.html"]) < 2_000_000
    assert "SYNTHETIC" in text
    for heading in ("Patients and courses", "Characteristics", "Response", "Survival and relapse", "Toxicity"):
        assert heading in text
    assert "riskml describe cohort.csv" in text


def test_no_patient_and_no_small_count_is_in_what_may_be_shared(shared):
    _, files, _ = shared
    assert not [name for name, content in files.items() if any(patient in content for patient in NAMES)]
    # "with 1 course" is how many courses a patient had, not how many patients.
    assert set(small_counts(checked(files["describe.html"].decode()))) <= {"1 course"}
    for name, lines in tables_of(files).items():
        cells = [cell for line in lines[1:] for cell in line[1:]]
        # A count alone or with its share; a ratio or an estimate has decimals, an interval two ends.
        assert [cell for cell in cells if re.fullmatch(r"[1-4](?: \(\d+ %\))?", cell)] == [], name


def test_internal_shows_small_counts_and_says_so_everywhere(internal):
    done, files = internal
    assert done.returncode == 0
    assert "must not leave the site" in done.stderr
    assert all(".internal." in name for name in files), "no file of it can be taken for one that may be shared"
    assert "figures/swimmer-1.internal.svg" in files or "figures/swimmer.internal.svg" in files
    cells = {cell for lines in tables_of(files).values() for line in lines[1:] for cell in line[1:]}
    assert any(re.fullmatch(r"[1-4] \(\d+ %\)", cell) for cell in cells)
    assert not [cell for cell in cells if cell == "<5"]
    assert not [name for name, content in files.items() if any(patient in content for patient in NAMES)]
    page = files["describe.internal.html"].decode()
    checked(page)
    for name, content in files.items():
        if name.endswith((".svg", ".html")):
            assert b"INTERNAL" in content, name


def test_drawings_are_files_of_their_own_that_say_they_are_synthetic(shared):
    for name, content in shared[1].items():
        if name.endswith(".svg"):
            root = ET.fromstring(content)
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert "SYNTHETIC" in " ".join(root.itertext()), name
        if name.startswith("tables/") and name.endswith(".html"):
            assert b"SYNTHETIC" in content, name


def test_groups_and_months_are_those_asked_for(internal):
    tables = tables_of(internal[1])
    assert {"9 months", "18 months"} <= set(tables["tables/efs.internal.csv"][0])
    assert any("female" in head for head in tables["tables/characteristics.internal.csv"][0])
    command = "riskml describe cohort.csv --by sex --months 9 18 --internal"
    assert command in internal[1]["describe.internal.html"].decode()


def test_a_cohort_of_a_few_columns_is_described_as_far_as_it_goes(riskml, tmp_path):
    few = write_rows(tmp_path / "few.csv", [{"patient_id": row["patient_id"], "age": row["age"]} for row in rows()])
    done = riskml("describe", few, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert " could not be made; describe.html says which and why" in done.stdout
    assert "What could not be described" in (tmp_path / "out" / "describe.html").read_text(encoding="utf-8")


TRANSPLANTED = """
source = "Klein and Moeschberger, bone marrow transplants"
[columns]
t1 = { name = "os_time", unit = "d" }
d1 = { name = "os_event", codes = { "0" = "no", "1" = "yes" } }
t2 = { name = "efs_time", unit = "d" }
d3 = { name = "efs_event", codes = { "0" = "none", "1" = "any" } }
z1 = { name = "age", unit = "years" }
z3 = { name = "sex", codes = { "1" = "male", "0" = "female" } }
[ignore]
columns = ["group", "d2", "ta", "da", "tc", "dc", "tp", "dp", "z2", "z4", "z5", "z6", "z7", "z8", "z9", "z10"]
"""


@pytest.mark.data
def test_a_foreign_file_is_described_by_its_map_and_its_survival_is_that_of_another_program(
    riskml, tmp_path, data_file
):
    file = data_file("leukaemia_hsct/kmsurv_bmt.csv")
    (tmp_path / "map.toml").write_text(TRANSPLANTED, encoding="utf-8")
    done = riskml("describe", file, "--columns", "map.toml", "--by", "sex", "--out", "out")
    assert done.returncode == 0, done.stderr
    files = contents(tmp_path / "out")
    page = checked(files["describe.html"].decode())
    assert set(small_counts(page)) <= {"1 course"}
    assert "SYNTHETIC" not in words_of(page)
    table = pd.read_csv(file)
    days, survival = kaplan_meier_estimator(table["d3"].astype(bool), table["t2"])
    expected = survival[days <= 365.25][-1]
    head, everybody = tables_of(files)["tables/efs.csv"][:2]
    assert everybody[head.index("12 months")].startswith(f"{100 * expected:.1f} %")


@pytest.mark.data
def test_a_known_file_is_described_by_its_shipped_map(riskml, tmp_path, data_file):
    file = data_file("target_aall0232/aall0232.csv")
    done = riskml("describe", file, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "shipped column map" in done.stderr
    files = contents(tmp_path / "out")
    assert set(small_counts(checked(files["describe.html"].decode()))) <= {"1 course"}
    patients = {name.encode() for name in pd.read_csv(file)["patient_id"].astype(str)}
    text = [content for name, content in files.items() if not name.endswith(".png")]
    assert not any(patient in content for patient in patients for content in text)
    assert len(files["describe.html"]) < 2_000_000


def test_a_broken_cohort_is_refused_before_anything_is_written(riskml, tmp_path):
    cohort = broken_cohort(tmp_path / "c.csv", mrd="520 %")
    refused(riskml("describe", cohort, "--out", "out"), 3, "row 5, column mrd")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--by", "sexe"], "nearest known name is 'sex'"),
        (["--months", "nan"], "--months must be above 0"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(riskml, tmp_path, words, says):
    refused(riskml("describe", COHORT, "--out", "out", *words), 2, says)
    assert not (tmp_path / "out").exists()


def test_other_refusals(riskml, tmp_path):
    refused(riskml("describe", "nowhere.csv", "--out", "out"), 2, "nowhere.csv")
    (tmp_path / "file").write_text("precious", encoding="utf-8")
    refused(riskml("describe", COHORT, "--out", "file"), 2, "cannot write into 'file'")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "precious"
