"""A column of genetics in words -> lesion columns the file lacks, and a comparison with those it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.errors import ROWS_SHOWN, printable
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.lesions import LesionReader, LesionReading
from riskml.runtime.parsing import Note

# Pieces not understood that are shown; the rest is counted. A piece is short and stands for no patient.
PIECES_SHOWN = 10
_PIECE_WIDTH = 60


def lesions_from_text(
    frame: pd.DataFrame, name: str, row_numbers: npt.NDArray[np.int64], dictionary: Dictionary
) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Read the text column ``name`` of a cohort's frame.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, n_columns)
        Typed columns; ``name`` holds text or None.
    name : str
        A variable of kind ``lesion_text``.
    row_numbers : int array of shape (n_rows,)
        Row of the file, for messages.
    dictionary : Dictionary

    Returns
    -------
    frame : DataFrame
        Without the text; with a column (1.0 / 0.0 / NaN) for each lesion that the text decides in some row and the
        file has no column for. A lesion column of the file stays as it is, gaps included.
    notes : tuple of Note
        What was read, where text and columns disagree, contradictions, and pieces not understood.
    """
    index, texts = pd.factorize(frame[name])
    reader = LesionReader(dictionary)
    readings = [reader.read(text) for text in texts]
    known = {}
    for lesion in (variable for variable in dictionary.variables if dictionary[variable].lesion):
        states = np.array([*(reading.states[lesion] for reading in readings), None], dtype=np.float64)[index]
        if not np.isnan(states).all():
            known[lesion] = states
    kept = frame.drop(columns=name)
    added = [lesion for lesion in known if lesion not in kept]
    notes = [_read_note(name, added, known, int((index >= 0).sum()))]
    for lesion in (lesion for lesion in known if lesion in kept):
        notes += _compared(lesion, kept[lesion].to_numpy(dtype=np.float64), known[lesion], name, row_numbers)
    notes += _contradictions(index, readings, row_numbers, name)
    notes += _not_understood(index, readings, name)
    columns = pd.DataFrame({lesion: known[lesion] for lesion in added}, index=frame.index)
    return pd.concat([kept, columns], axis=1), tuple(notes)


def _read_note(name: str, added: Sequence[str], known: Mapping[str, npt.NDArray[np.float64]], n_texts: int) -> Note:
    counts = (f"{n} {int((known[n] == 1).sum()):,} present, {int((known[n] == 0).sum()):,} absent" for n in added)
    found = "; ".join(counts) or "no lesion column was added"
    return Note("lesions_from_text", f"{name}: {n_texts:,} texts were read: {found}")


def _compared(
    lesion: str,
    stored: npt.NDArray[np.float64],
    read: npt.NDArray[np.float64],
    name: str,
    row_numbers: npt.NDArray[np.int64],
) -> Iterator[Note]:
    """Where a lesion's own column and the text differ; the column is kept either way."""
    differ = ~np.isnan(stored) & ~np.isnan(read) & (stored != read)
    if differ.any():
        text = f"{lesion} and the text of {name} disagree in {_rows(row_numbers[differ])}: the column was kept"
        yield Note("text_disagrees", text)
    gaps = np.isnan(stored) & ~np.isnan(read)
    if gaps.any():
        text = f"{lesion} is unknown in {_rows(row_numbers[gaps])} where the text of {name} says it: left unknown"
        yield Note("text_knows_more", text)


def _contradictions(
    index: npt.NDArray[np.intp], readings: Sequence[LesionReading], row_numbers: npt.NDArray[np.int64], name: str
) -> Iterator[Note]:
    lesions = dict.fromkeys(lesion for reading in readings for lesion, _, _ in reading.contradictions)
    for lesion in lesions:
        codes = [
            c for c, reading in enumerate(readings) if any(lesion == found for found, _, _ in reading.contradictions)
        ]
        text = f"{name} says present and absent of {lesion} in {_rows(row_numbers[np.isin(index, codes)])}"
        yield Note("text_contradicts", f"{text}: left unknown")


def _not_understood(index: npt.NDArray[np.intp], readings: Sequence[LesionReading], name: str) -> Iterator[Note]:
    """One note, the commonest pieces first."""
    cells = np.bincount(index[index >= 0], minlength=len(readings))
    counts: Counter[str] = Counter()
    for reading, count in zip(readings, cells, strict=True):
        counts.update(dict.fromkeys(reading.not_understood, int(count)))
    if counts:
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        shown = ", ".join(f"'{printable(piece, _PIECE_WIDTH)}' {n:,}" for piece, n in ordered[:PIECES_SHOWN])
        rest = f" and {len(ordered) - PIECES_SHOWN:,} more" if len(ordered) > PIECES_SHOWN else ""
        text = (
            f"{name}: nothing was concluded from {len(ordered):,} different pieces (with their counts): {shown}{rest}"
        )
        yield Note("text_not_understood", text)


def _rows(numbers: npt.NDArray[np.int64]) -> str:
    shown = ", ".join(map(str, numbers[:ROWS_SHOWN].tolist()))
    more = ", ..." if len(numbers) > ROWS_SHOWN else ""
    return f"{len(numbers):,} row{'s' if len(numbers) > 1 else ''} ({shown}{more})"
