"""``riskml export``: the file is written whole, and what cannot be exported is refused with the right code."""

from __future__ import annotations

import pytest

from riskml.cli.export import FORMS
from riskml.cli.main import main
from riskml.runtime.bundle import shipped
from riskml.serving.calculator_page import render_calculator
from tests.runtime.models import shipped_bundle


def test_the_calculator_is_written_and_its_place_printed(tmp_path, capsys):
    out = tmp_path / "new" / "icans.html"
    assert main(["export", str(shipped("icans")), "--to", "html", "--out", str(out)]) == 0
    assert capsys.readouterr().out.strip() == str(out)
    assert out.read_text(encoding="utf-8") == render_calculator(shipped_bundle("icans"))


def test_a_form_that_there_is_not_is_refused_with_those_there_are(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", str(shipped("icans")), "--to", "pdf", "--out", str(tmp_path / "x")])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(form in said for form in FORMS)


def test_a_place_that_cannot_be_written_is_refused(tmp_path, capsys):
    assert main(["export", str(shipped("icans")), "--to", "html", "--out", str(tmp_path)]) == 2
    assert "it is a folder" in capsys.readouterr().err


def test_no_bundle_no_file(tmp_path):
    out = tmp_path / "x.html"
    assert main(["export", str(tmp_path / "absent"), "--to", "html", "--out", str(out)]) == 2
    assert not out.exists()
