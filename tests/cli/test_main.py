"""The command itself: help, version, exit codes, pipes, locales, and what a start imports."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

from riskml.cli.main import COMMANDS, build_parser, main
from riskml.errors import BundleError, DataError, NotEstimableError, RiskmlError, UsageError
from tests.cli.processes import BUNDLES, PATIENT_ID, broken_cohort, golden, refused
from tests.repository import ROOT

# The order of the contract, commands that are still to come included.
CONTRACT = (
    *(
        "demo",
        "check",
        "describe",
        "plan",
        "evaluate",
        "train",
        "predict",
        "score",
        "explain",
        "validate",
        "update",
        "federate",
        "card",
        "export",
    ),
    *("serve", "sign", "simulate", "features"),
)
HEAVY = {"numpy", "pandas", "scipy", "sklearn", "sksurv", "xgboost", "shap", "joblib", "matplotlib", "rich", "jinja2"}
SLOW_TO_START = {"dataclasses", "typing", "pathlib", "inspect"}


def test_help_lists_the_commands_in_the_order_of_the_contract(riskml):
    done = riskml("--help")
    assert (done.returncode, done.stderr) == (0, "")
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ") and line[4] != " "]
    assert listed == list(COMMANDS) == [name for name in CONTRACT if name in COMMANDS]
    assert "not a medical device" in done.stdout
    assert "0 done, 2 usage, 3 data refused, 4 bundle refused, 5 not estimable" in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself_with_examples_at_any_width(riskml, name):
    shown = {columns: riskml(name, "--help", env={"COLUMNS": columns}) for columns in ("40", "200")}
    assert shown["40"].stdout == shown["200"].stdout
    done = shown["40"]
    assert (done.returncode, done.stderr) == (0, "")
    usage, _, examples = done.stdout.partition("example")
    assert usage.startswith(f"usage: riskml {name}")
    assert f"\n  riskml {name}" in examples or f"| riskml {name}" in examples
    assert max(map(len, usage.splitlines())) <= 80
    assert done.stdout.isascii()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_parses_alone_as_it_does_among_all(name, capsys):
    helps = []
    for only in (name, None):
        with pytest.raises(SystemExit):
            build_parser(only).parse_args([name, "--help"])
        helps.append(capsys.readouterr().out)
    assert helps[0] == helps[1]


def test_the_version_is_the_package_s(riskml):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    done = riskml("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"riskml {version}\n", "")


@pytest.mark.parametrize("words", [[], ["bogus"], ["predict"], ["predict", "--bogus"], ["--bogus"], [""]])
def test_a_wrong_call_ends_with_2_and_leaves_standard_output_alone(riskml, words):
    done = riskml(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("why"), 2),
        (DataError("why"), 3),
        (BundleError("why"), 4),
        (NotEstimableError("why"), 5),
        (RiskmlError("why"), 1),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "x.csv"), 2),
    ],
)
def test_every_error_has_its_exit_code_and_one_line(monkeypatch, capsys, error, code):
    def fail(*_):
        raise error

    monkeypatch.setattr("riskml.cli.card.open_bundle", fail)
    monkeypatch.setattr("riskml.cli.main._drop", lambda _: None)
    assert main(["card", "x"]) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("riskml: ")
    assert shown.err.count("\n") == 1


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["features"], ["card", BUNDLES["efs"]], ["predict", BUNDLES["efs"], "-"]]
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_early_ends_the_command_quietly(process_environment, words, unbuffered):
    command = [sys.executable, "-m", "riskml", *map(str, words)]
    environment = process_environment | {"PYTHONUNBUFFERED": unbuffered}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        process.stdout.close()  # before it has begun to print
        process.stdin.write("{}")
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode in {0, 141}


def test_head_gets_its_line(process_environment):
    command = f"{sys.executable} -m riskml predict {BUNDLES['efs']} - <<< '{{}}' | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=process_environment, check=False
    )  # fmt: skip
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_a_refusal_that_nobody_reads_keeps_its_exit_code(process_environment, tmp_path):
    command = [sys.executable, "-m", "riskml", "check", broken_cohort(tmp_path / "c.csv", age="400 a")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=process_environment) as process:
        process.stderr.close()
    assert process.returncode == 3


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [("<&-", 2, "standard input is closed"), ("</dev/null >&-", 3, "must be JSON"), ("</dev/null 2>&-", 3, "")],
)
def test_closed_streams_are_no_accident(process_environment, redirection, code, message):
    command = f"exec {sys.executable} -m riskml predict {BUNDLES['efs']} - {redirection}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=process_environment, check=False
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "locale",
    [
        {"LANG": "C"},
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda locale: " ".join(f"{name}={value}" for name, value in locale.items()),
)
def test_no_locale_changes_what_is_said(riskml, tmp_path, locale):
    (tmp_path / "p.json").write_text('{"mrd": "0.52 %", "cd19": "30 /µL"}', encoding="utf-8")
    for words in (["predict", BUNDLES["non_response"], "p.json"], ["features", "mrd", "--json"], ["--help"]):
        done = riskml(*words, env=locale)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == riskml(*words).stdout
    for words in (["features"], ["features", "cd19"], ["card", BUNDLES["efs"]]):
        assert riskml(*words, env=locale).returncode == 0
    refused(riskml("predict", BUNDLES["efs"], "-", stdin='{"mrd": "5 µg"}', env=locale), 3, "the unit of mrd")
    refused(riskml("check", broken_cohort(tmp_path / "ü.csv", age="400 µ"), env=locale), 3, "row 5, column age")
    assert PATIENT_ID in (tmp_path / "ü.csv").read_text(encoding="utf-8")


# --- what a start costs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("which", [0, -2], ids=["complete", "incomplete"])
def test_predicting_loads_the_runtime_wing_alone(process_environment, tmp_path, name, which):
    patient = tmp_path / "patient.json"
    patient.write_text(json.dumps(golden(name)[which]["patient"]), encoding="utf-8")
    code = (
        "import sys; from riskml.cli.main import main\n"
        f"print(main(['predict', {str(BUNDLES[name])!r}, {str(patient)!r}]), *sys.modules, file=sys.stderr)"
    )
    # -S: without site-packages, whose start-up hooks could hide an import of ours, and with the standard library alone.
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        env=process_environment,
        cwd=ROOT,
        check=True,
    )
    code, *loaded = done.stderr.split()
    assert code == "0"
    assert {module.split(".")[0] for module in loaded} & (HEAVY | SLOW_TO_START) == set()
    wings = {module.split(".")[1] for module in loaded if module.startswith("riskml.")}
    assert wings <= {"cli", "errors", "record", "resources", "runtime"}


@pytest.mark.parametrize("words", [["card", str(BUNDLES["efs"])], ["features"], ["--version"], ["--help"]])
def test_commands_that_compute_nothing_load_nothing_heavy(process_environment, words):
    code = (
        f"import sys; sys.argv[1:] = {words!r}; from riskml.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=process_environment, cwd=ROOT, check=True
    )
    assert {module.split(".")[0] for module in done.stderr.split()} & HEAVY == set()
