"""A folder of Parquet parts -> a folder of scores: each part alone, by any process that sees both folders."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from riskml.cohort.cohort import Cohort, cohort_from_table, repeated_course
from riskml.cohort.column_map import ColumnMap
from riskml.cohort.derive import with_inputs
from riskml.cohort.read_table import read_table
from riskml.cohort.score_file import PARQUET, score_writer
from riskml.cohort.stream import Courses, NeedsWholeFileError, stream_cohort, table_blocks
from riskml.errors import ROWS_SHOWN, DataError, Fault, UsageError, printable
from riskml.runtime.dictionary import load_dictionary

if TYPE_CHECKING:
    from riskml.runtime.bundle import Bundle


class ScoredPart(NamedTuple):
    """What is to be said of one part.

    Attributes
    ----------
    faults : tuple of Fault
        Why it was refused; empty where its scores are written.
    courses : Courses
        Who is in it, as 24 bytes a course, so that the same course in two parts is found.
    notes : tuple of str
        How inputs were derived.
    columns : frozenset of str
        Inputs of the model that it has.
    """

    faults: tuple[Fault, ...]
    courses: Courses
    notes: tuple[str, ...] = ()
    columns: frozenset[str] = frozenset()


def find_parts(folder: str | Path) -> dict[str, Path]:
    """The Parquet files of a folder that have rows, by name; hidden files and those of other kinds are passed over.

    Raises
    ------
    UsageError
        If there are none.
    DataError
        If they have not all the same columns.
    """
    files = (path for path in Path(folder).iterdir() if path.suffix.lower() in PARQUET and path.name[0] not in "._")
    paths = sorted(path for path in files if not _is_empty(path))
    if not paths:
        raise UsageError(f"{str(folder)!r} holds no Parquet file with rows: a folder is scored by its parts, *.parquet")
    headers = {path: frozenset(header_of(path)) for path in paths if header_of(path)}
    first = next(iter(headers), paths[0])
    if other := [path for path, header in headers.items() if header != headers[first]]:
        names = ", ".join(printable(path.name, 80) for path in other[:ROWS_SHOWN])
        raise DataError(f"{len(other)} of {len(paths)} parts have other columns than {first.name}: {names}")
    return {path.name: path for path in paths}


def header_of(path: Path) -> tuple[str, ...]:
    """The columns of a part; none where it cannot be read, which is said in full when its turn comes."""
    try:
        return tuple(pyarrow.parquet.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return ()


def _is_empty(path: Path) -> bool:
    """Whether a part has columns and no row, as cluster engines write them."""
    try:
        return bool(pyarrow.parquet.read_metadata(path).num_rows == 0)
    except (pa.ArrowException, OSError):
        return False


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A hidden folder beside ``path`` that takes its name when all went well; else nothing is left of it.

    Raises
    ------
    UsageError
        If ``path`` is there and no empty folder, or cannot be written.
    """
    target = Path(path).resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise UsageError(f"{str(path)!r} is there already: scores of a folder go into a new one")
        partial.mkdir(parents=True)
        yield partial
        partial.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def score_part(
    bundle: Bundle, columns: ColumnMap | None, at: Sequence[float] | None, source: Path, target: Path
) -> ScoredPart:
    """Score one part into a file of its own, in place only when all of it was accepted; a refusal is returned."""
    courses = Courses()
    notes: dict[str, str] = {}
    present: set[str] = set()

    def cohorts() -> Iterator[Cohort]:
        for read in stream_cohort(table_blocks(source), columns, load_dictionary(), courses):
            cohort = with_inputs(read, bundle.model.inputs, bundle.dictionary)
            notes.update((note.code, note.message) for note in cohort.notes[len(read.notes) :])
            present.update(name for name in bundle.model.inputs if name in cohort.frame)
            yield cohort

    try:
        with score_writer(target) as write:
            for cohort in cohorts():
                write(bundle.score(cohort, at=at))
    except DataError as refused:
        return ScoredPart(refused.faults, courses)
    except NeedsWholeFileError:
        return ScoredPart(tuple(_why_not(source, columns)), courses)
    return ScoredPart((), courses, tuple(notes.values()), frozenset(present))


def _why_not(source: Path, columns: ColumnMap | None) -> Iterable[Fault]:
    """What is wrong with a part that cannot be read in blocks."""
    try:
        cohort_from_table(read_table(source), columns)
    except DataError as refused:
        return refused.faults or (Fault(None, None, refused.message, None, "write the part again"),)
    what = (
        "numbers of a part must not hold commas: what a comma means is settled by a whole column, not by a part of it"
    )
    return [Fault(None, None, what, None, "store numbers as numbers, or with points")]


def check_parts(folder: str | Path, parts: Mapping[str, ScoredPart]) -> None:
    """Refuse all where anything is wrong with any part.

    Raises
    ------
    DataError
        With every fault of the first five parts that were refused, or with the courses that stand in two parts.
    """
    refused = {name: part.faults for name, part in parts.items() if part.faults}
    if refused:
        shown = [
            fault.with_(rule=f"(part {printable(name, 80)}) {fault.rule}")
            for name in list(refused)[:ROWS_SHOWN]
            for fault in refused[name]
        ]
        raise DataError(f"{len(refused)} of {len(parts)} parts of {Path(folder).name} were refused", shown)
    if twice := list(_repeated(parts)):
        raise DataError(f"{Path(folder).name} was refused", twice)


def _repeated(parts: Mapping[str, ScoredPart]) -> Iterator[Fault]:
    """Courses that stand in two parts, by both places."""
    held = [(name, *part.courses.table()) for name, part in parts.items()]
    keys, rows = (np.concatenate(arrays) for arrays in zip(*((keys, rows) for _, keys, rows in held), strict=True))
    place = np.repeat(np.arange(len(held)), [len(rows) for _, _, rows in held])
    order = np.lexsort((np.arange(len(keys)), keys[:, 1], keys[:, 0]))
    again = np.flatnonzero((keys[order][1:] == keys[order][:-1]).all(axis=1))
    for first, second in zip(order[again], order[again + 1], strict=True):
        fault = repeated_course(int(rows[second]), int(rows[first]))
        parts_named = f"part {printable(held[place[second]][0], 80)}, and part {printable(held[place[first]][0], 80)}"
        yield fault.with_(rule=f"({parts_named}) {fault.rule}")
