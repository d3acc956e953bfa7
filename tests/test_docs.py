"""What docs/predicting.md prints is what riskml prints, command by command; its Python runs as it stands."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys

import pytest

from riskml.resources import folder
from tests.repository import ROOT

TEXT = (ROOT / "docs" / "predicting.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```sh\n(riskml .*?)\n```\n\n```text\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as the page imagines it: the models and its patients."""
    home = tmp_path_factory.mktemp("docs")
    shutil.copytree(folder("models"), home / "models")
    for name, content in re.findall(r"^```json (\S+)\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE):
        (home / name).write_text(content, encoding="utf-8")
    return home


def test_the_page_shows_four_patients_and_two_questions():
    assert len(SHOWN) == 6


@pytest.mark.parametrize(("command", "text"), SHOWN, ids=[command for command, _ in SHOWN])
def test_what_the_page_prints_is_what_riskml_prints(place, command, text):
    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == text


def test_its_python_runs_as_it_stands(place):
    (code,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
