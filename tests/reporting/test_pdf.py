"""A PDF only where something can make it, only of a page that stands alone, whole, with its pages numbered."""

from __future__ import annotations

import importlib
import re

import pytest

from riskml.errors import UsageError
from riskml.reporting import pdf
from riskml.reporting.cohort import CohortSummary
from riskml.reporting.report import write_report


@pytest.fixture
def printer():
    return pytest.importorskip("weasyprint", reason="the extra riskml[pdf] is not installed")


@pytest.mark.parametrize("error", [ImportError("no module"), OSError("cannot load library 'pango'")])
def test_without_a_printer_it_is_refused_with_a_remedy(monkeypatch, tmp_path, error):
    def absent(name):
        raise error

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(UsageError, match=r"\.html"):
        pdf.check_printer()
    page = tmp_path / "page.html"
    page.write_text("<p>x", encoding="utf-8")
    with pytest.raises(UsageError, match="WeasyPrint"):
        pdf.write_pdf(page, tmp_path / "page.pdf")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    "asks",
    [
        '<img src="http://example.org/a.png">',
        '<link rel="stylesheet" href="file:///etc/hostname">',
        '<style>@import "https://example.org/a.css";</style>',
        '<p style="background: url(ftp://example.org/a)">x',
        '<object data="http://example.org/a"></object>',
    ],
)
def test_a_page_that_asks_for_anything_outside_itself_is_refused(printer, tmp_path, asks):
    page = tmp_path / "page.html"
    page.write_text(f"<title>x</title>{asks}", encoding="utf-8")
    with pytest.raises(UsageError, match="needs no other file"):
        pdf.write_pdf(page, tmp_path / "page.pdf")
    assert not (tmp_path / "page.pdf").exists()


def test_what_a_page_brings_itself_is_printed(printer, tmp_path):
    page = tmp_path / "page.html"
    drawing = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/%3E"
    page.write_text(f'<title>x</title><img src="{drawing}">', encoding="utf-8")
    assert pdf.write_pdf(page, tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")


def test_a_page_that_is_not_there_is_refused(printer, tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        pdf.write_pdf(tmp_path / "none.html", tmp_path / "none.pdf")


def test_a_report_is_printed_on_several_sheets_with_its_fonts(printer, bundle_of, tmp_path):
    summary = CohortSummary("cohort.csv", True, ("86 courses",))
    page = write_report(tmp_path / "report.html", cohort=summary, bundles=[bundle_of("binary")])
    content = pdf.write_pdf(page, tmp_path / "report.pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    document = printer.HTML(filename=str(page)).render()
    assert len(document.pages) > 3
    plain = document.write_pdf(uncompressed_pdf=True)
    described, embedded = (len(re.findall(mark, plain)) for mark in (rb"/Type /FontDescriptor", rb"/FontFile[23] "))
    assert 0 < described <= embedded, "every font is in the file"
