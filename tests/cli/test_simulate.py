"""``riskml simulate``: what it writes where, and what it refuses."""

from __future__ import annotations

import csv
import io

import pytest

from riskml.cli.options import Parser
from riskml.cli.simulate import add_parser
from riskml.errors import UsageError


def run(*words):
    parser = Parser(prog="riskml")
    add_parser(parser.add_subparsers(parser_class=Parser), "write a synthetic cohort")
    args = parser.parse_args(["simulate", *map(str, words)])
    return args.run(args)


def test_writes_the_cohort_and_says_where(tmp_path, capsys):
    out = tmp_path / "cohort.csv"
    assert run("--patients", 20, "--seed", 3, "--out", out) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{out}\n"
    assert "synthetic" in shown.err
    rows = list(csv.DictReader(io.StringIO(out.read_text(encoding="utf-8"))))
    assert len({row["patient_id"] for row in rows}) == 20
    assert {row["data_origin"] for row in rows} == {"synthetic"}
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.csv"], "no temporary file stays behind"


def test_the_seed_decides_every_byte(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run("--patients", 30, "--seed", seed, "--out", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--patients", "0", "--out", "{}/x.csv"], "--patients must be 1 or more, got 0"),
        (["--patients", "5", "--seed", "-1", "--out", "{}/x.csv"], "--seed must be 0 or more, got -1"),
        (["--patients", "5", "--out", "{}"], "is a folder"),
        (["--patients", "5", "--out", "{}/nowhere/x.csv"], "there is no folder"),
        (["--patients", "5", "--truth", "{}/none.toml", "--out", "{}/x.csv"], "cannot read the generating truth"),
    ],
)
def test_refuses_what_cannot_work_and_writes_nothing(words, message, tmp_path):
    with pytest.raises(UsageError, match=message) as caught:
        run(*(word.format(tmp_path) for word in words))
    assert caught.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_written_is_a_usage_error(tmp_path, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("riskml.cohort.simulate.write_simulated", full)
    with pytest.raises(UsageError, match="No space left"):
        run("--patients", 5, "--out", tmp_path / "x.csv")


@pytest.mark.parametrize("words", [[], ["--patients", "many", "--out", "x"], ["--patients", "5"]])
def test_missing_or_unreadable_arguments_end_with_2(words, capsys):
    with pytest.raises(SystemExit) as caught:
        run(*words)
    assert caught.value.code == 2
    assert "Try 'riskml simulate --help'" in capsys.readouterr().err
