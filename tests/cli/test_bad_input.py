"""Whatever is handed in: the right exit code, a message that says what to do, no traceback, no patient named."""

from __future__ import annotations

import json
import pickle
import random
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli.processes import (
    BUNDLES,
    COHORT,
    PATIENT_ID,
    broken_cohort,
    contents,
    golden,
    refused,
    rows,
    small_recipe,
    write_rows,
)

RESPONSE, EFS = BUNDLES["non_response"], BUNDLES["efs"]


@pytest.fixture
def patient(tmp_path):
    path = tmp_path / "patient.json"
    path.write_text('{"mrd": "0.52 %"}', encoding="utf-8")
    return path


# --- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["check", "none.csv"], 2, ["there is no file none.csv", "check the path"]),
        (["check", "."], 2, [". is a folder", "give the CSV file"]),
        (["check", COHORT, "--columns", "none.toml"], 2, ["none.toml"]),
        (["score", RESPONSE, "none.csv", "--out", "s.csv"], 2, ["there is no file none.csv"]),
        (["train", "none.csv", "--model", "efs", "--out", "o"], 2, ["there is no file none.csv"]),
        (["predict", "nowhere", "patient.json"], 2, ["there is no bundle at nowhere"]),
        (["card", "nowhere"], 2, ["there is no bundle at nowhere"]),
        (["predict", RESPONSE, "none.json"], 2, ["cannot read the patient file 'none.json'", "No such file"]),
        (["predict", RESPONSE, "."], 2, ["cannot read the patient file '.'", "directory"]),
        (["predict", ".", "patient.json"], 4, ["is not a bundle: it lacks manifest.json"]),
        (["predict", "patient.json", "patient.json"], 4, ["neither a bundle folder nor a .zip of one"]),
        (["score", RESPONSE, COHORT, "--out", "."], 2, ["cannot write '.'", "it is a folder"]),
        (["score", RESPONSE, COHORT, "--out", "patient.json/s.csv"], 2, ["cannot write", "patient.json"]),
    ],
)
def test_paths_that_lead_nowhere(riskml, patient, words, code, parts):
    refused(riskml(*words), code, *parts)
    assert patient.read_text(encoding="utf-8") == '{"mrd": "0.52 %"}'


# --- cohorts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda _: "", ["it is empty", "check that the export finished"]),
        (lambda text: text.splitlines()[0], ["there must be rows below the header", "give a file with patients"]),
        (lambda text: text.replace(",", ";"), ["separated by semicolons", "row 1", "comma"]),
        (lambda text: text.replace(",", "\t"), ["separated by tabs", "row 1", "comma"]),
        (lambda text: text.replace(",cd19,", ",cd91,", 1), ["column cd91", "nearest known name is cd19", "[ignore]"]),
        (lambda text: text.replace(",cd19,", ",cd3,", 1), ["column cd3", "must differ", "2 columns", "rename"]),
        (lambda text: "a,b\n1,2\n", ["a cohort needs a column of the dictionary", "riskml features"]),
        (lambda text: f"{PATIENT_ID},7 a\nx,8 a\n", ["a cohort needs a column of the dictionary", "first row"]),
        (lambda text: text.replace("\n", ",\n", 5), ["must have", "cells like the header", "quotation marks"]),
        (lambda text: text.replace('"', "").replace("East", '"East'), ["quotation mark"]),
    ],
    ids=[
        *("empty", "header only", "semicolons", "tabs", "unknown column", "repeated column", "foreign table"),
        *("no header", "ragged", "open quotation"),
    ],
)
def test_a_file_that_is_not_a_cohort(riskml, tmp_path, change, parts):
    path = tmp_path / "cohort.csv"
    path.write_text(change(COHORT.read_text(encoding="utf-8")), encoding="utf-8")
    refused(riskml("check", path), 3, "cohort.csv was refused", *parts)


@pytest.mark.parametrize(
    ("column", "value", "parts"),
    [
        ("age", "400 a", ["must lie in 0 years to 110 years", "got '400 a'", "check the value and its unit"]),
        ("mrd", "520 %", ["must lie in 0 % to 100 %", "got '520 %'", "check the value and its unit"]),
        ("cd19", "-3 /uL", ["must lie in 0", "got '-3 /uL'"]),
        ("cd3", "3 furlongs", ["the unit of cd3 must be one of", "10*9/L", "got '3 furlongs'", "write for example"]),
        ("response", "GREAT", ["must be one of response, no_response", "got 'GREAT'", "use a listed level"]),
        ("bcr_abl1", "perhaps", ["must be present, absent or unknown", "got 'perhaps'"]),
        ("efs_time", "-1 mo", ["efs_time must", "got '-1 mo'"]),
        ("cycle_index", "1.5", ["must be a whole number", "got '1.5'"]),
        ("age", "nan", []),
        ("age", "inf", ["age must", "got 'inf'"]),
    ],
)
def test_a_cell_is_refused_by_row_column_rule_value_and_remedy(riskml, tmp_path, column, value, parts):
    done = riskml("check", broken_cohort(tmp_path / "cohort.csv", **{column: value}))
    if not parts:  # a word for missing is no fault
        assert done.returncode == 0
        return
    refused(done, 3, f"row 5, column {column}", *parts)


def test_every_fault_is_named_at_once(riskml, tmp_path):
    cells = {"age": "400 a", "mrd": "520 %", "cd19": "-3 /uL", "response": "GREAT"}
    done = riskml("train", broken_cohort(tmp_path / "c.csv", **cells), "--model", "efs", "--out", "o")
    refused(done, 3, *(f"row 5, column {column}" for column in cells))
    assert len(done.stderr.splitlines()) == 1 + len(cells)


def test_ten_thousand_equal_faults_are_one_line(riskml, tmp_path):
    table = [{"patient_id": f"{PATIENT_ID}-{k}", "age": f"{400 + k} a"} for k in range(10_000)]
    done = riskml("check", write_rows(tmp_path / "cohort.csv", table))
    refused(done, 3, "column age: age must lie in 0 years to 110 years", "10,000 times (rows 2, 3, 4, 5, 6, ...)")
    assert len(done.stderr.splitlines()) == 2


def test_identifiers_are_never_quoted(riskml, tmp_path):
    path = broken_cohort(tmp_path / "cohort.csv", patient_id=PATIENT_ID * 50, centre=PATIENT_ID * 50)
    refused(riskml("check", path), 3, "row 5, column patient_id", "must be a short value")
    for value in (PATIENT_ID * 50, {"value": 1, PATIENT_ID: 2}, [PATIENT_ID]):
        done = riskml("predict", RESPONSE, "-", stdin=json.dumps({"patient_id": value, "age": "400 a"}))
        refused(done, 3, "column patient_id", "column age")


# --- not estimable ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("responses", "parts"),
    [
        (["response"] * 126, ["rows with the event", "has 0 of 51"]),
        (["no_response"] * 126, ["rows without the event", "has 0 of 51"]),
        # Three of the 51 evaluable patients: five would take 5 / (3 / 51) = 85.
        (
            ["response"] * 3 + ["no_response"] * 5 + ["response"] * 118,
            ["at least 5 patients with the outcome", "has 3 of 51", "about 85 patients would do"],
        ),
    ],
    ids=["no event", "one class", "too few"],
)
def test_too_little_to_learn_from_says_what_would_do(riskml, tmp_path, responses, parts):
    table = [row | {"response": response} for row, response in zip(rows(), responses, strict=False)]
    cohort = write_rows(tmp_path / "cohort.csv", table)
    done = riskml("train", cohort, "--model", small_recipe(tmp_path), "--out", "out")
    refused(done, 5, "non_response needs", *parts)
    assert not (tmp_path / "out").exists(), "a refusal comes before anything is written"


def test_months_beyond_follow_up_and_months_without_time(riskml, patient):
    for month in ("120", "nan", "-1"):
        refused(riskml("predict", EFS, patient, "--at", month), 5, f"at {month} months", "supports 0 to 24 months")
    refused(riskml("predict", RESPONSE, patient, "--at", 12), 2, "--at is for survival models")
    refused(riskml("score", RESPONSE, COHORT, "--at", 12, "--out", "s.csv"), 2, "--at is for survival models")
    refused(riskml("score", EFS, COHORT, "--at", 120, "--out", "s.csv"), 5, "supports 0 to 24 months")


# --- bundles ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bundle(tmp_path):
    return Path(shutil.copytree(RESPONSE, tmp_path / "bundle"))


@pytest.mark.parametrize("name", ["manifest.json", "model.json", "golden.json", "CARD.md", "explanation.json"])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
def test_one_changed_byte_is_one_too_many(riskml, bundle, patient, name, place):
    content = bytearray((bundle / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (bundle / name).write_bytes(content)
    refused(riskml("predict", bundle, patient), 4, name)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda text: text.replace('"format": 1', '"format": 2'), ["format is 2", "up to 1", "upgrade riskml"]),
        (lambda text: text.replace('"format": 1', '"format": true'), ["no format number"]),
        (lambda text: "[]", ["not a JSON object"]),
        (lambda text: "[" * 100_000, ["is not JSON"]),
        (lambda text: text[:1000], ["is not JSON", "fetch the bundle again"]),
        (lambda text: "", ["is not JSON"]),
    ],
    ids=["newer", "boolean", "list", "deep", "truncated", "empty"],
)
def test_a_manifest_that_cannot_be_believed(riskml, bundle, patient, change, parts):
    path = bundle / "manifest.json"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    refused(riskml("predict", bundle, patient), 4, *parts)


def test_a_truncated_or_incomplete_bundle(riskml, bundle, patient):
    model = bundle / "model.json"
    model.write_bytes(model.read_bytes()[:500])
    refused(riskml("predict", bundle, patient), 4, "model.json is not the file its manifest describes")
    model.unlink()
    refused(riskml("card", bundle), 4, "it lacks model.json")


def test_a_zip_opens_and_a_broken_one_does_not(riskml, tmp_path, bundle, patient):
    archive = tmp_path / "bundle.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in bundle.iterdir():
            file.write(path, f"some/place/{path.name}")
    assert riskml("card", archive).stdout == riskml("card", RESPONSE).stdout != ""
    archive.write_bytes(archive.read_bytes()[:-30])
    refused(riskml("predict", archive, patient), 4, "neither a bundle folder nor a .zip of one")


class Planted:
    """A pickle that leaves a file behind wherever it is loaded."""

    def __reduce__(self):
        return Path.touch, (Path("planted"),)


@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "model.zip"])
def test_a_pickle_is_refused_unopened(riskml, tmp_path, patient, name):
    (tmp_path / name).write_bytes(pickle.dumps(Planted()))
    refused(riskml("predict", name, patient), 4, "neither a bundle folder nor a .zip of one")
    refused(riskml("score", name, COHORT, "--out", "s.csv"), 4, "neither a bundle folder nor a .zip of one")
    assert not (tmp_path / "planted").exists()


def test_a_pickle_beside_or_instead_of_the_model_is_never_loaded(riskml, tmp_path, bundle, patient):
    (bundle / "estimator.joblib").write_bytes(pickle.dumps(Planted()))
    assert riskml("predict", bundle, patient).returncode == 0
    (bundle / "model.json").write_bytes(pickle.dumps(Planted()))
    refused(riskml("predict", bundle, patient), 4, "model.json")
    assert not (tmp_path / "planted").exists()


# --- patients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('{"mdr": 1}', ["column mdr", "is not a name of the dictionary", "nearest known name is 'mrd'"]),
        ('{"mrd": NaN}', ["must hold finite numbers", "'NaN'", "use null"]),
        ('{"mrd": -Infinity}', ["must hold finite numbers", "use null"]),
        ('{"mrd": 1e400}', ["finite", "use null"]),
        ('{"mrd": true}', ["column mrd", "must be a number", "got 'true'"]),
        ('{"mrd": {"value": false}}', ["column mrd", "must be a number", "got 'false'"]),
        ('{"mrd": [1]}', ["column mrd", "must be a number or a text", "got 'list'"]),
        ('{"mrd": "3 kg"}', ["column mrd", "the unit of mrd must be one of", "got '3 kg'", "write for example"]),
        ('{"mrd": {"value": 3, "unit": "kg"}}', ["the unit of mrd must be one of", "got 'kg'"]),
        ('{"age": "400 a"}', ["column age", "must lie in 0 years to 110 years", "got '400 a'"]),
        ('{"mrd": 1, "mrd": 2}', ["column mrd", "must be given once"]),
        ('{"mrd": {"value": 1, "value": 2}}', ["column value", "must be given once"]),
        ('{"age": 6, "age_years": 6}', ["column age", "must be given once"]),
        ('{"disease_status_at_start": "bogus"}', ["must be one of R/R, CR-MRDpos", "got 'bogus'"]),
        ('{"mrd": 1', ["must be JSON", "mend line 1, column 10"]),
        ("", ["must be JSON"]),
        ("[1]", ["must be one JSON object", "got '[1]'"]),
        ("null", ["must be one JSON object", "got 'null'"]),
        ("[" * 200_000, ["nested so deeply"]),
        (f'{{"mrd": {"9" * 9000}}}', ["number", "length"]),
    ],
)
def test_a_patient_is_refused_with_the_name_the_rule_and_the_remedy(riskml, tmp_path, text, parts):
    (tmp_path / "p.json").write_text(text, encoding="utf-8")
    refused(riskml("predict", RESPONSE, "p.json", "--json"), 3, "the patient was refused", *parts)


def test_what_is_not_known_is_no_fault(riskml):
    values = [None, "unknown", "", "n/a"]
    shown = {riskml("predict", RESPONSE, "-", "--json", stdin=json.dumps({"mrd": value})).stdout for value in values}
    shown.add(riskml("predict", RESPONSE, "-", "--json", stdin="{}").stdout)
    assert len(shown) == 1
    (none,) = golden("non_response")[-1]["value"]
    assert json.loads(shown.pop())["estimate"]["value"] == pytest.approx(none, abs=1e-12)


def test_wrong_settings(riskml, patient):
    refused(riskml("predict", RESPONSE, patient, "--set", "mrd"), 2, "--set takes NAME=VALUE, got 'mrd'")
    refused(riskml("predict", RESPONSE, patient, "--set", "=3"), 2, "--set takes NAME=VALUE")
    refused(riskml("predict", RESPONSE, patient, "--set", "mdr=3 %"), 3, "nearest known name is 'mrd'")
    refused(riskml("predict", RESPONSE, patient, "--set", "mrd=520 %"), 3, "must lie in 0 % to 100 %")


# --- rubbish ----------------------------------------------------------------------------------------------------------

MEGABYTES = 10_000_000


def seconds_of_children():
    """Processor time of the commands run so far: the wall clock would judge whatever else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _rubbish(kind):
    dice = random.Random(7)
    if kind == "bytes":
        return dice.randbytes(MEGABYTES)
    if kind == "one line":
        return bytes(dice.choices(b"abcdefgh0123456789", k=1000)) * (MEGABYTES // 1000)
    if kind == "lines":
        return b"".join(b"%x\n" % dice.getrandbits(240) for _ in range(MEGABYTES // 61))
    if kind == "marks":
        return bytes(dice.choices(b'abc,1"\n {[:', k=MEGABYTES))
    names = [b"name%d" % k for k in range(9_000)]
    return b"age," + b",".join(names) + b"\n" + b",".join([b"1"] * 9_001) + b"\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["bytes", "one line", "lines", "marks", "columns"])
def test_ten_megabytes_of_rubbish_are_refused_at_once(riskml, tmp_path, patient, kind):
    rubbish = _rubbish(kind)
    for name in ("r.csv", "r.json", "r.zip"):
        (tmp_path / name).write_bytes(rubbish)
    for code, *words in (
        (3, "check", "r.csv"),
        (3, "predict", RESPONSE, "r.json"),
        (3, "predict", RESPONSE, "r.csv"),
        (4, "predict", "r.zip", patient),
    ):
        start = seconds_of_children()
        done = riskml(*words)
        refused(done, code)
        assert seconds_of_children() - start < 4, "about 2 on a quiet machine"
        assert len(done.stderr) < 20_000, "a message is for reading"


def test_a_patient_of_sixty_thousand_names_is_refused_at_once(riskml):
    start = seconds_of_children()
    done = riskml("predict", RESPONSE, "-", stdin=json.dumps({f"k{k}": 1 for k in range(60_000)}))
    refused(done, 3, "at most 300 values", "60,000")
    assert seconds_of_children() - start < 3


# --- options and outputs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--model", "nope", "--out", "o"], ["no recipe 'nope'", "icans, induction_efs, non_response"]),
        (["--model", "efs", "efs", "--out", "o"], ["two recipes are called efs"]),
        (["--model", "efs", "--out", "o", "--jobs", "0"], ["--jobs", "0 workers"]),
        (["--model", "efs", "--out", "o", "--jobs", "many"], ["--jobs", "invalid number of workers", "'many'"]),
        (["--model", "efs", "--out", "o", "--seed", "-1"], ["--seed must be 0 or more, got -1"]),
        (["--model", "efs"], ["--out"]),
        (["--out", "o"], ["--model"]),
        (["--model", "patient.json", "--out", "o"], ["patient.json is not TOML"]),
        (["--model", "efs", "--out", "patient.json"], ["cannot write into 'patient.json'"]),
        (["--model", "efs", "--out", "/proc/nowhere"], ["cannot write into '/proc/nowhere'"]),
    ],
)
def test_training_refuses_before_it_starts(riskml, tmp_path, patient, words, parts):
    refused(riskml("train", COHORT, *words), 2, *parts)
    assert list(contents(tmp_path)) == ["patient.json"]


def test_training_overwrites_nothing_but_bundles(riskml, tmp_path):
    own = tmp_path / "out" / "non_response" / "bundle" / "thesis.txt"
    own.parent.mkdir(parents=True)
    own.write_text("years of work", encoding="utf-8")
    refused(riskml("train", COHORT, "--model", "non_response", "--out", "out"), 2, "is not a bundle", "another place")
    assert contents(tmp_path) == {"out/non_response/bundle/thesis.txt": b"years of work"}


def test_a_full_disk_is_said_and_not_traced(process_environment, patient):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs the device /dev/full")
    with full.open("w") as out:
        done = subprocess.run(
            [sys.executable, "-m", "riskml", "predict", RESPONSE, patient],
            stdout=out, stderr=subprocess.PIPE, text=True, env=process_environment, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "riskml: cannot read or write: No space left on device\n")
