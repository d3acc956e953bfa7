"""Percent or fraction: what the cells as written, the detection limit and the patient's remission say of the unit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from riskml.cohort.checks.finding import Finding, in_rows
from riskml.cohort.cohort import Cohort
from riskml.cohort.written import BARE, PERCENT, Written
from riskml.runtime.dictionary import Dictionary, Variable

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

MIN_VALUES = 5
_MOSTLY = 0.5
_CODE = "percent_or_fraction"
# Marrow in remission has fewer than 5 % blasts, so more MRD is a contradiction; twice that leaves room for methods.
_IMPOSSIBLE_IN_REMISSION = 0.10
_REMISSION = ("CR-MRDpos", "CR-MRDneg")
_MARROW_MRD = ("mrd", "mrd_rq_pcr", "mrd_ngs")
# Percent are written to two decimals at most; a fraction that small needs more to say anything.
_DECIMALS_OF_PERCENT = 2
# In overt disease MRD and blasts count the same cells: within a factor of two of each other, or of a hundredth.
_OVERT, _SAME_LOG10 = 0.10, 0.3
# Below this share of 1 nothing is counted under a microscope or gated in a cytometer: one cell in a thousand.
_FINEST_COUNT = 1e-3


def check_fractions(cohort: Cohort, dictionary: Dictionary) -> Iterator[Finding]:
    """Fractions declared as percent, percent taken for fractions, and both in one column.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    dictionary : Dictionary
        Says which columns are fractions, and their detection limits.

    Yields
    ------
    Finding
        ``percent_or_fraction``, a warning with rows: the person who has the source decides, nothing is rescaled.
    """
    remission = _in_remission(cohort)
    for name in cohort.frame.columns:
        variable, written = dictionary.variables.get(name), cohort.written.get(name)
        if variable is None or variable.kind != "number" or variable.quantity.name != "fraction" or name == "mrd_lod":
            continue
        value = np.asarray(cohort.frame[name], dtype=np.float64)
        if name in _MARROW_MRD:
            if remission is not None:
                yield from _too_much_for_remission(variable, value, remission, cohort)
            yield from _hundredth_of_blasts(variable, value, cohort)
        if written is not None:
            exact = np.isfinite(value) & (written.decimals >= 0)
            percent, bare = exact & (written.unit == PERCENT), exact & (written.unit == BARE)
            if bare.any() and percent.any():
                yield _without_unit(variable, value, bare, cohort)
            elif bare.any():
                yield from _percent_as_fractions(variable, value, bare, written, cohort)
            yield from _fractions_as_percent(variable, value, percent, written, cohort)


def _in_remission(cohort: Cohort) -> BoolArray | None:
    if "disease_status_at_start" not in cohort.frame:
        return None
    return np.asarray(cohort.frame["disease_status_at_start"].isin(_REMISSION), dtype=np.bool_)


def _warn(variable: Variable, mask: BoolArray, text: str, remedy: str, cohort: Cohort) -> Finding:
    return in_rows(_CODE, "warning", [variable.name], text, remedy, mask=mask, row_numbers=cohort.row_numbers)


def _span(variable: Variable, value: FloatArray) -> str:
    low, high = (variable.quantity.show(float(edge)) for edge in (value.min(), value.max()))
    return low if low == high else f"{low} to {high}"


def _too_much_for_remission(
    variable: Variable, value: FloatArray, remission: BoolArray, cohort: Cohort
) -> Iterator[Finding]:
    """Shares that no marrow in remission has; a hundredth of them would be usual."""
    wrong = remission & (value >= _IMPOSSIBLE_IN_REMISSION)
    if wrong.any():
        span = _span(variable, value[wrong])
        text = f"{{count}} in remission at first dose with {span}; a hundredth of it would fit"
        remedy = "were these percent read as fractions? Write the unit into the cells, or correct the status"
        yield _warn(variable, wrong, text, remedy, cohort)


def _hundredth_of_blasts(variable: Variable, value: FloatArray, cohort: Cohort) -> Iterator[Finding]:
    """MRD of 0.45 % in a marrow of 45 % blasts: a fraction that was read as percent."""
    if "bm_blasts" not in cohort.frame:
        return
    blasts = np.asarray(cohort.frame["bm_blasts"], dtype=np.float64)
    overt = (blasts >= _OVERT) & (value > 0)
    ratio = np.log10(np.divide(value, blasts, where=overt, out=np.ones_like(value)))
    wrong = overt & (np.abs(ratio + 2) <= _SAME_LOG10)
    if wrong.any():
        text = "{count} with a hundredth of the marrow blasts: a fraction among percent?"
        yield _warn(variable, wrong, text, "write the unit into these cells, or correct one of the two", cohort)


def _without_unit(variable: Variable, value: FloatArray, bare: BoolArray, cohort: Cohort) -> Finding:
    """Bare numbers beside numbers with a unit: 0.52 among "0.52 %"."""
    text = (
        f"{{count}} without a unit, read as fractions ({_span(variable, value[bare])}), where others are written in %"
    )
    return _warn(variable, bare, text, "write the unit into these cells", cohort)


def _fractions_as_percent(
    variable: Variable, value: FloatArray, percent: BoolArray, written: Written, cohort: Cohort
) -> Iterator[Finding]:
    """A column declared in percent whose numbers look like fractions: all, or a few finer than the others."""
    n = int(percent.sum())
    if n < MIN_VALUES:
        return
    if variable.limit_of_detection is None:
        too_fine = percent & ((value < _FINEST_COUNT) | (written.decimals > _DECIMALS_OF_PERCENT))
    else:
        too_fine = percent & cohort.below[variable.name].to_numpy()  # by the limit of the row's own method
    # As percent nothing exceeds 1 %, and most numbers are finer than the method: as fractions they would be neither.
    if float(value[percent].max()) <= 0.01 and too_fine.sum() > _MOSTLY * n:
        text = (
            f"no number exceeds 1 and {{count}} are finer than the method can tell in % (median "
            f"{variable.quantity.show(float(np.median(value[percent])))}): fractions declared as percent?"
        )
        remedy = "compare with the source; if they are fractions declare the unit '1' in the header or a --columns file"
        yield _warn(variable, too_fine, text, remedy, cohort)


def _percent_as_fractions(
    variable: Variable, value: FloatArray, bare: BoolArray, written: Written, cohort: Cohort
) -> Iterator[Finding]:
    """A column without a unit, none above 1, whose numbers end where percent end: as fractions too coarse by far."""
    limit = variable.limit_of_detection
    if limit is None or bare.sum() < MIN_VALUES:
        return
    if written.decimals[bare].max() <= _DECIMALS_OF_PERCENT and value[bare].min() >= 100 * limit:
        show = variable.quantity.show
        text = (
            f"{{count}} without a unit end at two decimals and were read as fractions (median "
            f"{show(float(np.median(value[bare])))}, none below {show(float(value[bare].min()))}, the method sees "
            f"{show(limit)}): percent?"
        )
        remedy = f"state the unit in the header ('{variable.name} (%)') or in a --columns file"
        yield _warn(variable, bare, text, remedy, cohort)
