"""Tiny .xlsx files, written part by part: what Excel would store, and what it never would."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


class Error(str):
    """An Excel error value such as #N/A."""

    __slots__ = ()


def letters(position):
    name = ""
    while position >= 0:
        position, rest = position // 26 - 1, position % 26
        name = chr(65 + rest) + name
    return name


def cell(place, value):
    if value is None:
        return ""
    if isinstance(value, Error):
        return f'<c r="{place}" t="e"><v>{value}</v></c>'
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, dt.date):
        return f'<c r="{place}" s="1"><v>{(value - dt.date(1899, 12, 30)).days}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value!r}</v></c>'


def sheet_xml(rows, merged=()):
    body = "".join(
        f'<row r="{r}">{"".join(cell(f"{letters(c)}{r}", value) for c, value in enumerate(row))}</row>'
        for r, row in enumerate(rows, start=1)
    )
    ranges = "".join(f'<mergeCell ref="{area}"/>' for area in merged)
    merges = f'<mergeCells count="{len(merged)}">{ranges}</mergeCells>' if merged else ""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{body}</sheetData>{merges}</worksheet>'


def workbook(sheets, extra=()):
    """Bytes of a workbook; ``sheets`` is name -> XML of the sheet, ``extra`` more (name, content) parts."""
    listed = "".join(f'<sheet name={quoteattr(n)} sheetId="{k}" r:id="rId{k}"/>' for k, n in enumerate(sheets, 1))
    related = "".join(
        f'<Relationship Id="rId{k}" Type="{_RELATION}/worksheet" Target="worksheets/sheet{k}.xml"/>'
        for k in range(1, len(sheets) + 1)
    )
    related += f'<Relationship Id="rIdS" Type="{_RELATION}/styles" Target="styles.xml"/>'
    package = "http://schemas.openxmlformats.org/package/2006/"
    kinds = '<Default Extension="xml" ContentType="application/xml"/>'
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}content-types">{kinds}</Types>',
        "_rels/.rels": (
            f'<Relationships xmlns="{package}relationships"><Relationship Id="rId1" Type="{_RELATION}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>'
        ),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}relationships">{related}</Relationships>',
        "xl/styles.xml": _STYLES,
        **{f"xl/worksheets/sheet{k}.xml": xml for k, xml in enumerate(sheets.values(), 1)},
        **dict(extra),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def of_rows(*rows, merged=()):
    return workbook({"Sheet1": sheet_xml(rows, merged)})
