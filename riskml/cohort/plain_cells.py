"""What many cells of a column can be read as together: exactly what the one parser would say, a thousand times faster.

Only texts about which the parser has nothing to say are taken: plain decimal numbers inside the usual range and above
any limit, and identifiers of plain characters. Everything else goes through ``Dictionary.read``, text by text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.parsing import MAX_CELL

# RE2's \d is ASCII only, and 18 characters hold no number that overflows or that a float cannot come close to.
_NUMBER = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"
_IDENTIFIER = rf"^[!-~]{{1,{MAX_CELL}}}$"
WORTHWHILE = 200

Mask = npt.NDArray[np.bool_]


def plain_numbers(
    texts: Sequence[str], variable: Variable, dictionary: Dictionary, unit: str | None
) -> tuple[Mask, npt.NDArray[np.float64]]:
    """Texts that are plain numbers of the variable, and their values in the canonical unit.

    Returns
    -------
    mask : bool array of shape (n_texts,)
        Where the text was read. The parser would add at most a note that no unit was given, the same for all of them.
    values : float array of shape (n_texts,)
        The values there, NaN elsewhere.
    """
    values = np.full(len(texts), np.nan)
    factor = 1.0 if unit is None else variable.quantity.factor(unit)
    if factor is None or variable.kind not in {"number", "integer"} or len(texts) < WORTHWHILE:
        return np.zeros(len(texts), dtype=bool), values
    written = pa.array(texts, pa.string())
    words = {word.casefold() for word in (*dictionary.words.missing, *variable.below_words)}
    mask = np.asarray(pc.match_substring_regex(written, _NUMBER)) & ~_among(written, words)
    numbers = np.asarray(pc.cast(written.filter(pa.array(mask)), pa.float64()))
    whole = round(1 / factor)
    by_division = factor < 1 and math.isclose(1 / factor, whole)
    numbers = numbers / whole if by_division else numbers * factor  # as riskml.runtime.parsing does
    low = max(variable.hard[0], variable.soft[0])
    high = min(variable.hard[1], variable.soft[1])
    quiet = (low <= numbers) & (numbers <= high) & (numbers > 0)
    if variable.left_censored and variable.limit_of_detection is not None:
        quiet &= numbers >= variable.limit_of_detection
    if variable.kind == "integer":
        quiet &= numbers == np.trunc(numbers)
    mask[mask] = quiet
    values[mask] = numbers[quiet]
    return mask, values


def plain_identifiers(texts: Sequence[str], variable: Variable, dictionary: Dictionary) -> Mask:
    """Texts, shape (n_texts,), that are identifiers as they stand."""
    if variable.kind != "identifier" or len(texts) < WORTHWHILE:
        return np.zeros(len(texts), dtype=bool)
    written = pa.array(texts, pa.string())
    return np.asarray(pc.match_substring_regex(written, _IDENTIFIER)) & ~_among(written, dictionary.words.missing)


def _among(written: pa.Array, words: set[str] | frozenset[str]) -> Mask:
    return np.asarray(pc.is_in(pc.utf8_lower(written), value_set=pa.array(sorted(words), pa.string())))
