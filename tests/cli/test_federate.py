"""``riskml federate`` as a coordinator and hospitals use it: files by hand, processes, and every way to go wrong."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from pathlib import Path

import pytest

from riskml.cli.federate import answer_of, asks_of, keep, read_json
from riskml.cli.main import main
from riskml.errors import DataError, UsageError
from riskml.runtime.bundle import shipped
from riskml.training import measures
from tests.cli.processes import COHORT, refused, rows, write_rows
from tests.repository import ROOT

CENTRES = ("East", "North", "South", "West")


@pytest.fixture(scope="module")
def hospitals(tmp_path_factory):
    """A folder with the embedded cohort as four files, one a hospital."""
    folder = tmp_path_factory.mktemp("hospitals")
    for centre in CENTRES:
        write_rows(folder / f"{centre}.csv", [row for row in rows() if row["centre"] == centre])
    return folder


def planned(folder, name="study", *words):
    model = ("--model", "non_response", "--only", "ridge_logistic", "--centres", *CENTRES)
    return main(["federate", "plan", *model, "--out", str(folder / name), *words])


def answered(folder, number, centre, study="study", place=None, *words):
    place = place or folder / "answers" / f"{number}-{centre}.json"
    secret = ("--secret", str(folder / "secret.json"))
    ask = str(folder / study / f"round-{number}.json")
    cohort = str(folder / f"{centre}.csv")
    return main(["federate", "answer", ask, cohort, "--centre", centre, *secret, "--out", str(place), *words])


def combined(folder, study="study", *words):
    answers = sorted(map(str, (folder / "answers").glob("*.json")))
    return main(["federate", "combine", str(folder / study), *answers, *words])


@pytest.fixture(scope="module")
def done(hospitals):
    """A whole study, as it would be typed."""
    assert planned(hospitals) == 0
    assert main(["federate", "secret", "--out", str(hospitals / "secret.json")]) == 0
    for number in range(20):
        for centre in CENTRES:
            assert answered(hospitals, number, centre) == 0
        assert combined(hospitals) == 0
        if (hospitals / "study" / "result.json").exists():
            return hospitals
    raise AssertionError("the study did not end")


def test_a_study_by_hand_ends_in_a_bundle_that_predicts(run_riskml, done):
    result = json.loads((done / "study" / "result.json").read_text(encoding="utf-8"))
    assert result["schema"] == "riskml.federated-result/1"
    assert (result["n_patients"], result["n_events"], result["synthetic"]) == (51, 9, True)
    asked = run_riskml("predict", "study/bundle", "-", "--json", cwd=done, stdin='{"mrd": "0.5 %"}')
    assert asked.returncode == 0, asked.stderr
    prediction = json.loads(asked.stdout)
    assert prediction["model"]["synthetic"] is True
    assert 0 < prediction["estimate"]["value"] < 1
    card = run_riskml("card", "study/bundle", cwd=done)
    assert "SYNTHETIC" in card.stdout


def test_every_step_can_be_repeated_and_gives_the_same_bytes(done, capsys):
    before = {path: path.read_bytes() for path in done.rglob("*.json")}
    assert planned(done) == 0
    assert answered(done, 1, "North") == 0
    capsys.readouterr()
    assert combined(done) == 0
    assert capsys.readouterr().out.startswith("SYNTHETIC: non_response: 51 patients with 9 events in 4 hospitals")
    first = sorted(str(path) for path in (done / "answers").glob("0-*.json"))
    assert main(["federate", "combine", str(done / "study"), *first]) == 0
    assert {path: path.read_bytes() for path in done.rglob("*.json")} == before


def test_a_hospital_that_answers_for_another_is_told_and_not_counted_twice(done, tmp_path, capsys):
    words = ["federate", "answer", str(done / "study" / "round-0.json"), str(done / "South.csv"), "--centre", "North"]
    assert main([*words, "--bundle", "x", "--out", str(tmp_path / "x.json")]) == 2
    assert "--bundle: for the validation of a bundle" in capsys.readouterr().err
    (tmp_path / "copy.json").write_bytes((done / "secret.json").read_bytes())
    wrong = str(tmp_path / "0-North.json")
    assert main([*words, "--secret", str(tmp_path / "copy.json"), "--out", wrong]) == 0
    assert "note: the file's centre column says South, and --centre North" in capsys.readouterr().out
    part = [str(path) for path in (done / "answers").glob("0-[ESW]*.json")]
    assert main(["federate", "combine", str(done / "study"), *part, wrong]) == 3
    assert "North and South must not answer from one and the same file" in capsys.readouterr().err


def test_averaging_over_the_width_warns_of_its_many_numbers(tmp_path, capsys):
    for words, warned in ((["--integrate"], True), (["--integrate", "--most-numbers", "20"], False), ([], False)):
        assert planned(tmp_path, f"study{len(words)}", *words) == 0
        assert ("--integrate asks for many numbers" in capsys.readouterr().out) is warned


def test_what_leaves_a_hospital_is_said(done, capsys, tmp_path):
    answered(done, 0, "West", place=tmp_path / "0.json")
    assert "masked: only the total of all hospitals can be read" in capsys.readouterr().out
    last = len(list((done / "study").glob("round-*.json"))) - 1
    answered(done, last, "North", place=tmp_path / "last.json")
    assert "the means of 4 groups of five or more patients" in capsys.readouterr().out
    text = (tmp_path / "last.json").read_text(encoding="utf-8")
    assert "SYN-" not in text


def test_a_process_answers_and_prints_where(run_riskml, done):
    words = ("federate", "answer", "study/round-0.json", "North.csv", "--centre", "North", "--secret", "secret.json")
    found = run_riskml(*words, "--out", "again.json", cwd=done)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.endswith("again.json\n")
    assert (done / "again.json").read_bytes() == (done / "answers" / "0-North.json").read_bytes()
    (done / "again.json").unlink()
    part = sorted(path.relative_to(done) for path in (done / "answers").glob("0-[NSW]*.json"))
    refused(run_riskml("federate", "combine", "study", *part, cwd=done), 3, "no answer of East to round 0")


def test_answers_that_do_not_belong_together_are_refused(done, capsys, tmp_path):
    part = [str(path) for path in (done / "answers").glob("0-[NSW]*.json")]

    def ended(code, message, *words):
        capsys.readouterr()
        assert main(["federate", *words]) == code
        shown = capsys.readouterr()
        assert message in shown.err
        assert shown.out == ""

    ended(2, "cannot read 'no.json'", "combine", str(done / "study"), "no.json")
    ended(2, "holds no study", "combine", str(tmp_path), *part)
    ended(2, "the same file name", "combine", str(done / "study"), *part, part[0])
    # A hospital with another secret than the rest.
    assert main(["federate", "secret", "--out", str(tmp_path / "other.json")]) == 0
    ask, place = str(done / "study" / "round-0.json"), str(tmp_path / "0-East.json")
    words = ["answer", ask, str(done / "East.csv"), "--centre", "East", "--out", place]
    assert main(["federate", *words, "--secret", str(tmp_path / "other.json")]) == 0
    ended(3, "must use the same secret: not so East in round 0", "combine", str(done / "study"), *part, place)
    ended(2, "give --secret", *words)
    ended(2, "no secret of a federated study", *words, "--secret", ask)


def test_an_answer_that_was_sent_is_not_given_anew(done, tmp_path, capsys):
    """Neither under the name it has nor under another, nor to the same plan made anew in another folder."""
    write_rows(tmp_path / "North.csv", [row for row in rows() if row["centre"] == "North"][:-1])
    assert planned(done, str(tmp_path / "anew")) == 0
    assert (tmp_path / "anew" / "round-0.json").read_bytes() == (done / "study" / "round-0.json").read_bytes()
    sent = done / "answers" / "0-North.json"
    before = sent.read_bytes()
    for study, place in ((done / "study", sent), (done / "study", tmp_path / "x.json"), (tmp_path / "anew", sent)):
        words = ["federate", "answer", str(study / "round-0.json"), str(tmp_path / "North.csv"), "--centre", "North"]
        assert main([*words, "--secret", str(done / "secret.json"), "--out", str(place)]) == 2
        assert "start a new study with a new secret" in capsys.readouterr().err
    assert sent.read_bytes() == before
    assert not (tmp_path / "x.json").exists()
    assert planned(done, str(tmp_path / "other"), "--tau", "0.3") == 0
    words = ["federate", "answer", str(tmp_path / "other" / "round-0.json"), str(tmp_path / "North.csv")]
    words += ["--centre", "North", "--secret", str(done / "secret.json"), "--out", str(tmp_path / "y.json")]
    assert main(words) == 0, "another plan has other masks"


def test_sums_that_can_be_read_are_not_given_anew_either(hospitals, tmp_path, capsys):
    """There are no masks, and so no memory beside a secret: what counts is the file that was sent."""
    assert planned(hospitals, str(tmp_path / "open"), "--open") == 0
    cohort = tmp_path / "cohort.csv"
    words = ["federate", "answer", str(tmp_path / "open" / "round-0.json"), str(cohort), "--centre", "North"]
    for left_out, code in ((0, 0), (0, 0), (1, 2)):
        write_rows(cohort, rows()[left_out:])
        assert main([*words, "--out", str(tmp_path / "0.json")]) == code
    assert "holds another answer" in capsys.readouterr().err


def test_a_round_that_was_sent_is_not_replaced(done, capsys):
    assert planned(done, "study", "--tau", "0.2") == 2
    assert "is another round" in capsys.readouterr().err
    assert main(["federate", "secret", "--out", str(done / "secret.json")]) == 2
    assert "would part the hospitals" in capsys.readouterr().err
    assert (done / "secret.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["plan"], 2, "required"),
        ([], 2, "required"),
        (["plan", "--model", "efs", "--bundle", "x", "--centres", "A", "B", "C", "--out", "x"], 2, "not allowed with"),
        (["plan", "--model", "efs", "--centres", "A", "B", "C", "--out", "x"], 3, "boosting_cox cannot be fitted"),
        (["plan", "--model", "nothing", "--centres", "A", "B", "C", "--out", "x"], 2, "there is no recipe"),
        (["plan", "--model", "efs", "--only", "ridge_cox", "--centres", "A", "B", "--out", "x"], 3, "need 3 hospitals"),
        (["plan", "--bundle", "nothing", "--centres", "A", "B", "--out", "x"], 2, "no bundle at"),
        (
            ["plan", "--bundle", "x", "--tau", "1", "--open", "--centres", "A", "B", "--out", "x"],
            2,
            "--tau, --open: for",
        ),
        (
            ["plan", "--bundle", "x", "--most-numbers", "3", "--centres", "A", "B", "--out", "x"],
            2,
            "--most-numbers: for a model to train",
        ),
        (
            ["plan", "--model", "efs", "--only", "ridge_cox", "--centres", "North", "north", "South", "--out", "x"],
            3,
            "capitals and spaces do not tell two apart",
        ),
        *(
            (["plan", "--model", "efs", "--tau", tau], 2, "--tau: must be a number above 0")
            for tau in ("0", "-1", "nan", "inf")
        ),
        (["plan", "--model", "efs", "--tau", "wide"], 2, "--tau: invalid number value"),
        (["plan", "--model", "efs", "--most-numbers", "0"], 2, "--most-numbers: must be a number above 0"),
    ],
)
def test_a_wrong_call_ends_with_its_code(tmp_path, monkeypatch, capsys, words, code, message):
    monkeypatch.chdir(tmp_path)
    try:
        found = main(["federate", *words])
    except SystemExit as end:
        found = end.code
    assert found == code
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": 1, "a": 2}', '{"a": 1e999}', "\xff"])
def test_files_that_are_no_strict_json_are_refused_by_name(tmp_path, text):
    path = tmp_path / "answer.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=r"answer\.json must be JSON"):
        read_json(str(path))


def test_a_folder_without_a_round_holds_no_study(tmp_path):
    with pytest.raises(UsageError, match="holds no study"):
        asks_of(tmp_path)
    (tmp_path / "round-0.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no study"):
        asks_of(tmp_path)
    ask = {"round": 0, "points": [[1.0]], "fill": {}, "digest": "x"}
    assert keep(tmp_path / "a.json", ask) == keep(tmp_path / "a.json", ask)


def test_a_model_is_validated_in_two_hospitals(run_riskml, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measures, "N_BOOT", 100)
    for name, seed in (("A", 1), ("B", 2)):
        assert main(["simulate", "--patients", "150", "--seed", str(seed), "--out", str(tmp_path / f"{name}.csv")]) == 0
    bundle = str(shipped("non_response"))
    words = ["federate", "plan", "--bundle", bundle, "--centres", "A", "B", "--out", str(tmp_path / "v")]
    assert main(words) == 0
    ask = str(tmp_path / "v" / "round-0.json")
    for name in "AB":
        answer = ["federate", "answer", ask, str(tmp_path / f"{name}.csv"), "--centre", name, "--bundle", bundle]
        assert main([*answer, "--out", str(tmp_path / f"{name}.json")]) == 0
    again = ["federate", "answer", ask, str(tmp_path / "A.csv"), "--centre", "B", "--out", str(tmp_path / "twice.json")]
    assert main([*again, "--secret", "s"]) == 2
    assert "--secret: for a model to train" in capsys.readouterr().err
    assert main([*again, "--bundle", bundle]) == 0
    assert main(["federate", "combine", str(tmp_path / "v"), str(tmp_path / "A.json"), again[-1]]) == 3
    assert "A and B must not answer from one and the same file" in capsys.readouterr().err
    found = run_riskml("federate", "combine", "v", "A.json", "B.json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("SYNTHETIC: non_response in ")
    for part in ("auc, pooled:", "observed_expected, pooled:", "AUC of all patients together: between", "over two"):
        assert part in found.stdout
    result = json.loads((tmp_path / "v" / "validation.json").read_text(encoding="utf-8"))
    assert result["schema"] == "riskml.federated-validation/1"
    options = argparse.Namespace(bundle=None, centre="A", secret=None, force_horizon=False)
    with pytest.raises(UsageError, match="name it with --bundle"):
        answer_of(read_json(ask), None, options)


def test_the_commands_of_the_page_run_as_they_stand(tmp_path, monkeypatch, capsys):
    """Round 0 by the page; the other rounds are the same words with other numbers."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "federated.md").read_text(encoding="utf-8")
    (tmp_path / "cohort.csv").write_bytes(COHORT.read_bytes())
    (tmp_path / "models").symlink_to(ROOT / "models")
    exec(re.findall(r"^```python\n(import pandas.*?)^```", page, re.DOTALL | re.MULTILINE)[0], {})
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    lines = re.sub(r"for centre in (.*?); do\n(.*?)done\n", _unrolled, "".join(blocks), flags=re.DOTALL).splitlines()
    assert len(lines) == 8
    for line in lines:
        words = [
            name
            for word in shlex.split(line)
            for name in (map(str, sorted(Path().glob(word))) if "*" in word else [word])
        ]
        assert words.pop(0) == "riskml"
        assert main(words) == 0, line
    assert (tmp_path / "study" / "round-1.json").is_file()
    assert "efs: 4 answers accepted" in capsys.readouterr().out


def _unrolled(loop):
    return "".join(loop[2].strip().replace("$centre", name) + "\n" for name in loop[1].split())
