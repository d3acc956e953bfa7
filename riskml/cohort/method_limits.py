"""What "negative" means by the method that said it: sequencing sees a hundred times less than flow cytometry."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.columns import Source
from riskml.cohort.raw_table import RawTable
from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.parsing import Note

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

# Column of values -> column of methods, column of limits.
_COMPANIONS = {"mrd": ("mrd_method", "mrd_lod"), "mrd_after": ("mrd_after_method", None)}
# A method with its own variable has the limit of that variable; the others have the column's own.
_METHODS = {"ngs_ig": "mrd_ngs", "rq_pcr": "mrd_rq_pcr"}


@dataclass(frozen=True, slots=True)
class Limited:
    """A column read again with the limits of its rows; arrays of shape (n_rows,)."""

    name: str
    value: FloatArray
    below: BoolArray
    notes: tuple[Note, ...]


def limits_by_method(
    table: RawTable, sources: Sequence[Source], frame: pd.DataFrame, dictionary: Dictionary
) -> Iterator[Limited]:
    """Columns whose rows state a method or a limit that is not the column's own.

    Parameters
    ----------
    table : RawTable
        The file: only its text tells "negative" from "<0.01 %".
    sources : sequence of Source
        Which column of the file each variable comes from.
    frame : DataFrame of shape (n_rows, n_variables)
        The columns as they were read one by one.
    dictionary : Dictionary
        The limits of methods.

    Yields
    ------
    Limited
        A bare "negative" or 0 lies below the row's limit L and is carried as L / sqrt(2); a number is below a limit
        only if it is smaller than L; a written "<limit" stays as it is.

    References
    ----------
    Hornung RW, Reed LD. Appl Occup Environ Hyg 1990;5:46-51.
    """
    for source in sources:
        name = source.variable.name
        method, stated = _COMPANIONS.get(name, (None, None))
        if source.variable.limit_of_detection is None or not {method, stated} & set(frame.columns):
            continue
        own = source.variable.limit_of_detection
        limit = _limits(frame, method, stated, own, dictionary)
        value = np.asarray(frame[name], dtype=np.float64)
        written = _written_limit(table, source)
        bare = ~written & (value == own / math.sqrt(2))
        moved = np.where(bare, limit / math.sqrt(2), value)
        touched = np.isfinite(value) & ~written & (limit != own)
        if touched.any():
            below = np.where(written | bare, np.isfinite(value), value < limit)
            count = int((bare & touched).sum())
            yield Limited(
                name, moved, below & np.isfinite(value), tuple(_notes(source.variable, count, limit[bare & touched]))
            )


def _limits(
    frame: pd.DataFrame, method: str | None, stated: str | None, own: float, dictionary: Dictionary
) -> FloatArray:
    """The limit of each row: the one stated there, else the method's, else the column's own."""
    limit = np.full(len(frame), own)
    if method in frame:
        for level, variable in _METHODS.items():
            known = dictionary.variables.get(variable)
            if known is not None and known.limit_of_detection is not None:
                limit[np.asarray(frame[method] == level)] = known.limit_of_detection
    if stated in frame:
        given = np.asarray(frame[stated], dtype=np.float64)
        limit = np.where(given > 0, given, limit)
    return limit


def _written_limit(table: RawTable, source: Source) -> BoolArray:
    """Cells that state a limit themselves: "<0.01 %"."""
    codes, texts = pd.factorize(table.cells[source.header])
    meant = [str(source.codes.get(text.strip().casefold(), text)) for text in texts.tolist()]
    words = source.variable.below_words  # "<LOD" names no limit
    stated = [text.lstrip().startswith(("<", "≤")) and text.strip().casefold() not in words for text in meant]
    return np.asarray(np.array(stated, dtype=np.bool_)[codes])


def _notes(variable: Variable, count: int, limits: FloatArray) -> Iterator[Note]:
    assert variable.limit_of_detection is not None
    if count:
        show = variable.quantity.show
        lowest, highest = show(float(limits.min())), show(float(limits.max()))
        span = lowest if lowest == highest else f"{lowest} to {highest}"
        text = f"'negative' means below the limit of the row's method or mrd_lod ({span})"
        yield Note("method_limit", f"column {variable.name}, {count:,} cells: {text}")
