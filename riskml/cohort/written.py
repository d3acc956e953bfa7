"""How the numbers of a fraction stood in the file: with which unit and how many decimals. Reading forgets both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from riskml.runtime.dictionary import Variable

BARE, FRACTION, PERCENT, OTHER = range(4)
NOT_A_NUMBER = -1
# A number with its unit; limits ("<0.01 %"), words and exponents say nothing about decimals.
_NUMBER = r"^\s*\+?[0-9]*(?:\.(?P<decimals>[0-9]*))?\s*(?P<unit>[^0-9.eE<>=].*)?$"
# A zero is a limit, too.
_NOT_ZERO = r"^\s*\+?[0.]*[1-9]"
_MOST_DECIMALS = 30


@dataclass(frozen=True, slots=True)
class Written:
    """Cells of one column of fractions.

    Attributes
    ----------
    decimals : int8 array of shape (n_rows,)
        Digits behind the point; -1 where the cell holds no plain number but zero.
    unit : int8 array of shape (n_rows,)
        ``BARE`` (no unit in the cell, the header or the column map), ``FRACTION``, ``PERCENT`` or ``OTHER``;
        says nothing where ``decimals`` is -1.
    """

    decimals: npt.NDArray[np.int8]
    unit: npt.NDArray[np.int8]

    def take(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Written:
        """The same of these rows only."""
        return Written(self.decimals[rows], self.unit[rows])


def as_written(texts: Sequence[str], variable: Variable, unit: str | None) -> Written:
    """What the cells of a fraction say beside their value.

    Parameters
    ----------
    texts : sequence of str of length n_rows
        Cells with a decimal point, if any mark.
    variable : Variable
        Says what the units mean.
    unit : str or None
        Unit declared for the whole column.
    """
    found = pc.extract_regex(pa.array(texts, pa.string()), _NUMBER)
    is_number = np.asarray(pc.match_substring_regex(pa.array(texts, pa.string()), _NOT_ZERO)) & np.asarray(
        pc.is_valid(found)
    )
    lengths = pc.fill_null(pc.utf8_length(pc.struct_field(found, "decimals")), 0)
    decimals = np.where(is_number, np.minimum(np.asarray(lengths), _MOST_DECIMALS), NOT_A_NUMBER)
    told = pc.fill_null(pc.utf8_trim_whitespace(pc.struct_field(found, "unit")), "")
    codes = told.dictionary_encode()
    own = [_code(variable, text or unit) for text in codes.dictionary.to_pylist()]
    kinds = np.array(own, dtype=np.int8)[np.asarray(codes.indices)] if own else np.zeros(0, dtype=np.int8)
    return Written(decimals.astype(np.int8), kinds)


def _code(variable: Variable, unit: str | None) -> int:
    if unit is None:
        return BARE
    factor = variable.quantity.factor(unit)
    if factor is None:
        return OTHER
    return FRACTION if factor == 1 else PERCENT if math.isclose(factor, 0.01) else OTHER
