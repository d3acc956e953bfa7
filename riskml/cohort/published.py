"""Counts that a paper prints (``features/published/*.toml``) -> Cohort, so that every later step is the ordinary one.

A file names its source, how the counts follow from it, and their limits; each ``[[cell]]`` has a ``count`` and values
as a cohort file would hold them. A cell becomes ``count`` equal rows, which the ordinary reader checks.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskml.cohort.cohort import Cohort, cohort_from_table
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.raw_table import RawTable, Source
from riskml.errors import DataError, Fault
from riskml.runtime.dictionary import Dictionary

# Beyond this a file of counts is a mistake, or an attempt to fill the memory.
MOST_PATIENTS = 1_000_000
_TEXTS = ("source", "derivation", "limits")


def read_published(path: str | Path, dictionary: Dictionary | None = None) -> Cohort:
    """Read a file of published counts.

    Parameters
    ----------
    path : str or Path
        A TOML file; the head of this module says what is in it.
    dictionary : Dictionary, optional
        The dictionary to read with; this riskml's own by default.

    Returns
    -------
    Cohort
        Real, one row a patient, ``published`` says what that is and what it is not. ``row_numbers`` count cells.

    Raises
    ------
    UsageError
        If there is no such file.
    DataError
        With every fault of the file at once, by cell.
    """
    file = Source.open(path)
    try:
        raw = tomllib.loads(file.content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise file.refuse(f"it is not TOML ({error})") from None
    faults = list(_faults(raw))
    if faults:
        raise file.refuse("the counts cannot be used", *faults)
    columns = ColumnMap({}, constants={"data_origin": "real"})
    try:
        cohort = cohort_from_table(_expanded(raw["cell"], file), columns, dictionary)
    except DataError as error:
        # A cell stands for many rows: what is wrong with it is said once.
        raise DataError(error.message, dict.fromkeys(error.faults)) from None
    return replace(cohort, published=caution(raw))


def caution(raw: Mapping[str, Any]) -> str:
    """What must stand beside everything made from such counts: manifest, card, prediction."""
    return (
        f"fitted to the counts that one paper prints ({raw['source']}), not to records of patients: it repeats the "
        f"paper's groups, its intervals are wide, and it is not for decisions. Limits: {raw['limits']}"
    )


def _expanded(cells: list[Mapping[str, Any]], file: Source) -> RawTable:
    """Each cell as often as it was counted."""
    times = np.array([cell["count"] for cell in cells])
    names = tuple(dict.fromkeys(name for cell in cells for name in cell if name != "count"))
    rows = [[str(cell.get(name, "")) for name in names] for cell in cells]
    table = pd.DataFrame(rows, columns=list(names), dtype="str").iloc[np.repeat(np.arange(len(cells)), times)]
    number = np.repeat(np.arange(1, len(cells) + 1), times)
    return RawTable(names, table.reset_index(drop=True), number, sha256(file.content).hexdigest(), file.name)


def _faults(raw: Mapping[str, Any]) -> Iterator[Fault]:
    known = ("schema", *_TEXTS, "cell")
    for key in sorted(raw.keys() - set(known)):
        yield Fault(None, key, f"must be one of {', '.join(known)}", None, "correct the name")
    for key in _TEXTS:
        if not (isinstance(raw.get(key), str) and raw[key].strip()):
            yield Fault(None, key, "must be a text", None, "counts without a source and their limits are not used")
    cells = raw.get("cell")
    if not isinstance(cells, list) or not cells or not all(isinstance(cell, dict) for cell in cells):
        yield Fault(None, "cell", "must be [[cell]] tables, one or more", None, "write one for each printed count")
        return
    for number, cell in enumerate(cells, start=1):
        yield from _cell_faults(number, cell)
    total = sum(cell["count"] for cell in cells if type(cell.get("count")) is int)
    if total > MOST_PATIENTS:
        yield Fault(
            None, "count", f"may add up to {MOST_PATIENTS:,}", f"{total:,}", "give a table with a row a patient"
        )


def _cell_faults(number: int, cell: Mapping[str, Any]) -> Iterator[Fault]:
    count = cell.get("count")
    if type(count) is not int or count < 1:
        yield Fault(number, "count", "must be a whole number of patients, 1 or more", str(count), "correct it")
    for name, value in cell.items():
        if not isinstance(value, (str, int, float)) or isinstance(value, bool):
            yield Fault(number, name, "must be a text or a number", str(value), "write it as in a cohort file")
    if not cell.keys() - {"count"}:
        yield Fault(number, None, "must say what was counted", None, "give values beside the count")
