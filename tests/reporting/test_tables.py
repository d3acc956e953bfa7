"""Tables as csv, as lines of a page and as a fragment for Word: nothing lost and nothing that runs."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.reporting.tables import as_csv, as_fragment, heads, lines, typeset
from riskml.training.describe.table import Row, Table
from tests.reporting.pages import Page

PATIENTS = Table(
    "characteristics",
    "Table 1. CD3, 10^9/L & others",
    ("all (n = 105)", "P"),
    (
        Row("Sex", ("", "0.32")),
        Row("male", ("64 (61 %)", ""), 1),
        Row("Disease"),
        Row("R/R", ("30 (29 %)", ""), 1),
        Row("first", ("<5", ""), 2),
        Row("CR", ("75 (71 %)", ""), 1),
        Row("Change, %", ("-11 (-29 to 7)", "<0.001")),
    ),
    ("P by Fisher's exact test.",),
)


def cells_of(table):
    return list(csv.reader(io.StringIO(as_csv(table))))


def test_csv_has_a_line_for_each_row_of_cells_and_says_what_it_stands_under():
    assert cells_of(PATIENTS) == [
        ["label", "all (n = 105)", "P"],
        ["Sex", "", "0.32"],
        ["Sex: male", "64 (61 %)", ""],
        ["Disease: R/R", "30 (29 %)", ""],
        ["Disease: R/R: first", "<5", ""],
        ["Disease: CR", "75 (71 %)", ""],
        [
            "Change, %",
            "\N{MINUS SIGN}11 (\N{MINUS SIGN}29 to 7)",
            "<0.001",
        ],  # a hyphen in front would look like a formula
    ]
    assert cells_of(Table("t", "T", ("a",), (Row("b", ("-0.5",)),)))[1] == ["b", "-0.5"], "a number stays one"


# A cell that begins with one of these is run by spreadsheets (OWASP, CSV Injection).
@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", "\t=1"])
def test_no_cell_of_a_csv_can_run(text):
    table = Table("t", "T", (text,), (Row(text, (text,)),))
    assert not any(cell.startswith(tuple("=+-@\t\r")) for line in cells_of(table) for cell in line)
    assert text in as_fragment(table).replace("&#x27;", "'").replace("\N{MINUS SIGN}", "-"), "html runs nothing"


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), min_size=1, max_size=4))
def test_any_text_comes_back_from_csv(texts):
    table = Table("t", "T", tuple(f"c{k}" for k in range(len(texts))), (Row("r", tuple(texts)),))
    read = [cell.removeprefix("'").replace("\N{MINUS SIGN}", "-") for cell in cells_of(table)[1][1:]]
    assert read == [text.removeprefix("'").replace("\N{MINUS SIGN}", "-") for text in texts]


def test_a_table_without_rows_is_its_heads():
    empty = Table("t", "T", ("a", "b"), ())
    assert cells_of(empty) == [["label", "a", "b"]]
    assert as_fragment(empty).count("<tr>") == 1


def test_lines_are_set_in_and_set_as_printers_do():
    shown = lines(PATIENTS)
    assert [line[0].count("\N{EM SPACE}") for line in shown] == [0, 1, 0, 1, 2, 1, 0]
    assert shown[2] == ["Disease"], "a line that only heads others has no cells"
    assert shown[-1][1] == "\N{MINUS SIGN}11 (\N{MINUS SIGN}29\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}7)"
    assert heads(PATIENTS) == ["", "all (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}105)", "P"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("CR-MRDpos", "CR-MRDpos"),
        ("2019-2021", "2019-2021"),
        ("1-2 courses", "1-2 courses"),
        ("-0.5", "\N{MINUS SIGN}0.5"),
        ("30 /uL", "30 /µL"),
        ("5 or more", "5\N{NO-BREAK SPACE}or\N{NO-BREAK SPACE}more"),
        ("15 or more", "15 or more"),
    ],
)
def test_only_what_is_a_minus_becomes_one(text, shown):
    assert typeset(text) == shown


def test_a_fragment_keeps_its_look_without_a_style_sheet():
    html = as_fragment(PATIENTS, ["SYNTHETIC: invented"])
    page = Page(html.replace('<meta charset="utf-8">', ""))
    assert page.open == []
    assert {tag for tag, _ in page.tags} == {"p", "b", "table", "tr", "th", "td"}
    assert {name for _, attributes in page.tags for name in attributes} == {"style", "colspan"}
    assert html.index("SYNTHETIC") < html.index("Table 1") < html.index("<table") < html.index("Fisher")
    assert not re.search(r"https?:|url\(|class=|<style|<script", html)
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    assert len(rows) == 1 + len(PATIENTS.rows)
    spans = [sum(int(n or 1) for n in re.findall(r"<t[hd](?: colspan=\"(\d)\")?", row)) for row in rows]
    assert set(spans) == {3}, "every line fills the table, a heading by spanning it"
    assert "border-top" in rows[0]
    assert "border-bottom" in rows[0]
    assert "border-bottom" in rows[-1]
    assert not any("border" in row for row in rows[1:-1])


def test_text_cannot_become_markup():
    hostile = "<b onclick='x'>&"
    html = as_fragment(Table("t", hostile, (hostile,), (Row(hostile, (hostile,)), Row(hostile)), (hostile,)), [hostile])
    assert hostile not in html
    assert html.count("&lt;b onclick") == 6 + 1, "warning, title, head, label twice, cell, note"
