"""A table of a cohort paper -> csv, lines of a page, and a fragment that keeps its look when it is pasted into Word."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

import pandas as pd

from riskml.cohort.safe_csv import disarm
from riskml.reporting.page import together
from riskml.reporting.words import MINUS, printed
from riskml.training.describe.table import Row, Table

# What must not be parted at the end of a line: "not shown", "5 or more", a P value and the letter of its test.
_TOGETHER = re.compile(r"(?<=\bnot) (?=shown\b)|(?<=\b5 or) (?=more\b)|(?<=\b5) (?=or more\b)|(?<=\d) (?=[a-z]$)")
# Between two numbers or after a letter it is a dash.
_MINUS = re.compile(r"(?<![\w)–-])-(?=[\d.])")
_STEP = "\N{EM SPACE}"
_FACE = "font-family:'Times New Roman',serif"
_FONT = f"{_FACE};font-size:10pt"
_CELL = "padding:2pt 8pt 2pt 0;vertical-align:top;text-align:left"
_LINE = "1pt solid #000000"


def lines(table: Table) -> list[list[str]]:
    """The rows of a table as printers set them, labels set in; a line that only heads others holds its label alone."""
    return [[f"{_STEP * row.indent}{typeset(row.label)}", *map(typeset, row.cells)] for row in table.rows]


def typeset(text: str) -> str:
    """Units and minus signs as they are printed, and what belongs together on one line.

    Examples
    --------
    >>> typeset("CD3, 10^9/L: -11")
    'CD3, 10⁹/L: −11'
    """
    return together(_TOGETHER.sub("\N{NO-BREAK SPACE}", _MINUS.sub(MINUS, printed(text))))


def as_csv(table: Table) -> str:
    """The table for a spreadsheet: a label names all it stands under, and no cell can run as a formula.

    Examples
    --------
    >>> print(as_csv(Table("t", "T", ("all",), (Row("Sex"), Row("male", ("61 (58 %)",), 1)))), end="")
    label,all
    Sex: male,61 (58 %)
    """
    rows = [[label, *map(_unlike_a_formula, row.cells)] for label, row in _named(table.rows) if row.cells]
    frame = pd.DataFrame(rows, columns=["label", *table.columns], dtype=str)
    return str(disarm(frame).to_csv(index=False, lineterminator="\n"))


def _unlike_a_formula(cell: str) -> str:
    """A cell such as ``-11 (-29 to 7)`` with minus signs for hyphens; a lone number stays one to the spreadsheet."""
    return cell if re.fullmatch(r"-[\d.]+", cell) else _MINUS.sub(MINUS, cell)


def heads(table: Table) -> list[str]:
    """What stands above the columns, above the labels nothing."""
    return ["", *map(typeset, table.columns)]


def _named(rows: Sequence[Row]) -> Iterator[tuple[str, Row]]:
    """Each row with the label of those it stands under in front of its own."""
    above: list[str] = []
    for row in rows:
        above = [*above[: row.indent], row.label]
        yield ": ".join(above), row


def as_fragment(table: Table, warnings: Sequence[str] = ()) -> str:
    """Plain table tags with borders of their own: no class, no style sheet, nothing that a word processor drops.

    Parameters
    ----------
    table : Table
    warnings : sequence of str
        What must travel with the table wherever it is pasted; stands above it in bold.
    """
    above = [*warnings, typeset(table.title)]
    said = [f'<p style="{_FONT}"><b>{escape(text)}</b></p>' for text in above]
    head = "".join(_cell("th", text, f"border-top:{_LINE};border-bottom:{_LINE}") for text in heads(table))
    width, end = len(table.columns) + 1, len(table.rows)
    body = [_line(row, width, last=place == end) for place, row in enumerate(lines(table), start=1)]
    notes = [f'<p style="{_FACE};font-size:9pt">{escape(typeset(note))}</p>' for note in table.notes]
    grid = [f'<table style="border-collapse:collapse;{_FONT}">', f"<tr>{head}</tr>", *body, "</table>"]
    # A browser that opens the fragment by itself would otherwise guess how it is encoded.
    return "\n".join(['<meta charset="utf-8">', *said, *grid, *notes]) + "\n"


def _line(row: Sequence[str], width: int, *, last: bool) -> str:
    border = f"border-bottom:{_LINE}" if last else ""
    span = width if len(row) == 1 else 1
    return f"<tr>{''.join(_cell('td', text, border, span) for text in row)}</tr>"


def _cell(tag: str, text: str, border: str, span: int = 1) -> str:
    width = f' colspan="{span}"' if span > 1 else ""
    return f'<{tag}{width} style="{_CELL}{";" + border if border else ""}">{escape(text)}</{tag}>'
