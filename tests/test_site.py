"""The documentation site builds with warnings as errors, asks nobody's servers, and holds what is generated for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import riskml
from riskml.cli.main import COMMANDS
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.schemes import load_schemes
from tests.repository import ROOT

pytest.importorskip("material", reason="needs mkdocs-material")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(home)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def page(site, name):
    return (site / f"{name}.html").read_text(encoding="utf-8")


def test_every_page_and_notebook_is_there(site):
    pages = [path.stem for path in (ROOT / "docs").glob("*.md")]
    pages += [f"notebooks/{path.stem}" for path in (ROOT / "notebooks").glob("*.py")]
    assert [name for name in pages if not (site / f"{name}.html").is_file()] == []
    assert "Two commands" in page(site, "index")


def test_nothing_is_asked_of_other_servers(site):
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|iframe|source)[^>]+src=\"?(?:https?:)?//[^\"> ]+", text), file.name
        assert not re.findall(r"<link(?![^>]+rel=\"?canonical)[^>]+href=\"?(?:https?:)?//[^\"> ]+", text), file.name
    for file in site.rglob("*.css"):
        assert not re.findall(r"url\(\W?(?:https?:)?//|@import", file.read_text(encoding="utf-8")), file.name


def test_what_is_generated_is_whole(site):
    commands, python, definitions = (page(site, name) for name in ("commands", "python", "definitions"))
    assert [name for name in COMMANDS if f"usage: riskml {name}" not in commands] == []
    assert [name for name in riskml.__all__ if f'.{name}"' not in python] == []
    dictionary = load_dictionary()
    names = [*dictionary.outcomes, *dictionary.variables, *load_schemes()]
    assert [name for name in names if f"<code>{name}</code>" not in definitions] == []


def test_no_mark_of_the_sources_is_left(site):
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r'filename">(no-test|append=)', text), file.name
        assert "&lt;!-- site" not in text, file.name
        assert "<!-- site:" not in text, file.name
        assert "<p>```" not in text, file.name
        assert ":func:" not in text, file.name
