"""A REDCap data dictionary (the csv of "Download Data Dictionary"): what the columns of an export are called and coded.

REDCap exports raw codes under short field names; label and choices stand in the data dictionary. Nothing here changes
data: a proposed column map quotes what was found (``riskml check FILE --propose MAP.toml --redcap-dictionary FILE``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from riskml.cohort.raw_table import NO_ROWS
from riskml.cohort.read import read_csv
from riskml.errors import DataError, Fault
from riskml.record import Record

_NEEDED = ("Variable / Field Name", "Field Type", "Field Label")
_CHOICES = "Choices, Calculations, OR Slider Labels"
_TAG = re.compile(r"<[^<>]*>")
_FIXED = {"yesno": {"1": "yes", "0": "no"}, "truefalse": {"1": "true", "0": "false"}}
CYCLE_COLUMNS = ("redcap_repeat_instance", "redcap_event_name")


class Field(Record):
    """One column of a REDCap export.

    Attributes
    ----------
    label : str
        What the field, or the choice of a checkbox, is called on the form, without markup.
    codes : mapping of str to str
        Exported code -> label of the choice; empty where the field has none.
    checkbox : bool
        Whether it is one box of several (``name___code``): 1 ticked, 0 not ticked, which need not mean absent.
    record : bool
        Whether it is the first field, which identifies the record.
    """

    label: str
    codes: Mapping[str, str]
    checkbox: bool = False
    record: bool = False


def read_redcap(path: str | Path) -> dict[str, Field]:
    """Columns an export may have -> what the data dictionary says of them.

    Raises
    ------
    UsageError
        If there is no readable file.
    DataError
        If it is not a REDCap data dictionary.
    """
    table = read_csv(path)
    absent = [name for name in _NEEDED if name not in table.columns]
    if absent:
        remedy = "download it from REDCap: Project Setup, Data Dictionary"
        faults = [Fault(1, name, "a REDCap data dictionary has this column", None, remedy) for name in absent]
        raise DataError(f"{table.name} was refused: it is not a REDCap data dictionary", faults)
    if not len(table.cells):
        raise DataError(f"{table.name} was refused", [NO_ROWS])
    choices = table.cells[_CHOICES] if _CHOICES in table.cells else [""] * len(table.cells)
    rows = zip(*(table.cells[name] for name in _NEEDED), choices, strict=True)
    return dict(_fields(rows))


def _fields(rows: Iterable[tuple[str, str, str, str]]) -> Iterable[tuple[str, Field]]:
    for position, (cell, type_cell, label_cell, written) in enumerate(rows):
        name, kind, label = cell.strip(), type_cell.strip().casefold(), _plain(label_cell)
        codes = _FIXED.get(kind) or (_choices(written) if kind in {"radio", "dropdown", "checkbox"} else {})
        if kind == "checkbox":
            for code, choice in codes.items():
                # REDCap writes the minus of a code as one more underscore.
                yield f"{name}___{code.casefold().replace('-', '_')}", Field(choice, {}, checkbox=True)
        else:
            yield name, Field(label, codes, record=position == 0)


def _choices(written: str) -> dict[str, str]:
    """``"1, Male | 2, Female"`` -> ``{"1": "Male", "2": "Female"}``."""
    pairs = (choice.partition(",") for choice in written.split("|"))
    return {code.strip(): _plain(label) for code, mark, label in pairs if mark and code.strip()}


def _plain(label: str) -> str:
    """A label without markup."""
    return " ".join(_TAG.sub(" ", label).split())
