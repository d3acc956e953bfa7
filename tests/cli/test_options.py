"""What every command's options share."""

from __future__ import annotations

import argparse
import importlib
import sys

import pytest

from riskml.cli.main import build_parser, main
from riskml.cli.options import (
    Parser,
    add_bundle,
    add_cohort,
    add_command,
    add_jobs,
    add_pdf,
    check_pdf,
    check_times,
    named,
    positive,
    print_page,
)
from riskml.errors import UsageError


@pytest.fixture
def parser():
    commands = Parser(prog="riskml").add_subparsers(parser_class=Parser, prog="riskml")
    own = add_command(commands, "weigh", "weigh a cohort", "example:\n  riskml weigh cohort.csv")
    add_bundle(own)
    add_cohort(own, "; needs no outcome")
    add_jobs(own, default=2)
    return own


def test_an_error_is_two_lines_and_exit_code_2(parser, capsys):
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(["model", "cohort.csv", "--bogus"])
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "riskml: unrecognized arguments: --bogus\nTry 'riskml weigh --help'.\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["--colums", "map.toml"], "--colums map.toml (did you mean --columns?)"),
        (["--colu", "map.toml"], "--colu map.toml"),
        (["--job=2"], "--job=2 (did you mean --jobs?)"),
        (["%"], "% (a value with a blank goes into quotes, as in --set mrd='0.01 %')"),
    ],
)
def test_a_mistyped_option_is_never_guessed_but_the_nearest_is_named(parser, capsys, words, meant):
    with pytest.raises(SystemExit):
        parser.parse_args(["model", "cohort.csv", *words])
    assert meant in capsys.readouterr().err


def test_a_mistyped_command_is_told_the_nearest(capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["predct"])
    assert "(did you mean predict?)" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf"])
def test_a_number_above_nought_is_finite(text):
    assert positive("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="above 0"):
        positive(text)


def test_help_starts_with_a_sentence_and_ends_with_the_examples_as_written(parser, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = parser.format_help()
    assert "\nWeigh a cohort.\n" in shown
    assert shown.endswith("example:\n  riskml weigh cohort.csv\n")
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(("words", "jobs"), [([], 2), (["--jobs", "3"], 3), (["--jobs=-1"], -1)])
def test_jobs(parser, words, jobs):
    assert parser.parse_args(["model", "cohort.csv", *words]).jobs == jobs


@pytest.mark.parametrize(("text", "message"), [("0", "0 workers"), ("two", "'two'"), ("1.5", "'1.5'"), ("", "''")])
def test_jobs_that_make_no_sense(parser, text, message, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--jobs", text])
    assert f"argument --jobs: {'' if text == '0' else 'invalid number of workers value: '}{message}" in (
        capsys.readouterr().err
    )


def test_times_are_for_survival_alone():
    for at, kind in ((None, "binary"), ([], "binary"), ([12.0], "survival"), (None, "survival")):
        check_times(at, kind)
    with pytest.raises(UsageError, match="--at is for survival models"):
        check_times([12.0], "binary")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("cohort.csv", "cohort.csv"),
        ("/data/jane/cohort.csv", "cohort.csv"),
        ("C:\\Users\\jane\\cohort.csv", "cohort.csv"),
        ("out/efs/bundle/", "efs/bundle"),
        ("bundle", "bundle"),
        ("/bundle", "bundle"),
        ("out/efs", "efs"),
    ],
)
def test_a_page_names_files_without_their_folders(path, shown):
    assert named(path) == shown


def test_a_pdf_is_refused_before_the_work_where_nothing_can_print(parser, monkeypatch, tmp_path):
    add_pdf(parser, "page.html")

    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(UsageError, match="WeasyPrint"):
        check_pdf(parser.parse_args(["model", "cohort.csv", "--pdf"]))
    without = parser.parse_args(["model", "cohort.csv"])
    check_pdf(without)
    print_page(without, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_the_pdf_lies_beside_its_page(parser, monkeypatch, tmp_path):
    add_pdf(parser, "page.html")
    written = []
    monkeypatch.setattr("riskml.reporting.pdf.write_pdf", lambda *paths: written.append(paths))
    page = tmp_path / "describe.internal.html"
    print_page(parser.parse_args(["model", "cohort.csv", "--pdf"]), page)
    assert written == [(page, tmp_path / "describe.internal.pdf")]


@pytest.mark.parametrize("command", ["train", "evaluate", "validate", "explain", "describe"])
def test_every_command_with_a_page_refuses_a_pdf_in_no_time(command, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    words = {"train": ["c.csv", "--model", "efs"], "evaluate": ["c.csv", "--model", "efs"], "describe": ["c.csv"]}
    given = words.get(command, ["bundle", "c.csv"])
    assert main([command, *given, "--out", str(tmp_path / "out"), "--pdf"]) == 2
    assert "WeasyPrint" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
