"""Columns of one row that contradict each other: parts and wholes, stored ratios, percentages, lesion and treatment."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from riskml.cohort.checks.finding import Finding, Level, in_rows
from riskml.cohort.cohort import Cohort
from riskml.runtime.contradictions import (
    MRD_POSITIVE,
    RATIO_TOLERANCE,
    REMISSION_BLASTS,
    SHARES,
    WHOLES,
    exceeds,
    ratio_differs,
    share_differs,
)

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

# Columns that hold the ratio CD4/CD8 and the BCR::ABL1 transcript ratio.
_RATIOS = ("cd4_cd8_ratio", "cd4_cd8")
_TRANSCRIPTS = ("bcr_abl1_ratio", "bcr_abl1_transcript")


def check_consistency(cohort: Cohort) -> Iterator[Finding]:
    """Contradictions inside single rows; a column that is absent or unknown contradicts nothing.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.

    Yields
    ------
    Finding
        ``parts_exceed_whole``, ``ratio_differs``, ``percent_differs``, ``transcript_without_lesion``,
        ``ph_without_tki``, ``status_against_marrow``.
    """
    yield from _parts(cohort)
    yield from _ratio(cohort)
    yield from _percent(cohort)
    yield from _lesions(cohort)
    yield from _marrow(cohort)


def _number(cohort: Cohort, name: str) -> FloatArray:
    return np.asarray(cohort.frame[name], dtype=np.float64)


def _measured(cohort: Cohort, name: str) -> FloatArray:
    """Values that were measured: NaN where only a limit is known."""
    value = _number(cohort, name)
    return np.where(cohort.below[name].to_numpy(), np.nan, value) if name in cohort.below else value


def _report(
    cohort: Cohort, code: str, level: Level, columns: tuple[str, ...], mask: BoolArray, message: str, remedy: str
) -> Iterator[Finding]:
    if mask.any():
        yield in_rows(code, level, columns, message, remedy, mask=mask, row_numbers=cohort.row_numbers)


def _parts(cohort: Cohort) -> Iterator[Finding]:
    for whole, parts in WHOLES.items():
        if {whole, *parts} <= set(cohort.frame.columns):
            over = exceeds(np.sum([_number(cohort, part) for part in parts], axis=0), _number(cohort, whole))
            text = f"in {{count}} {' + '.join(parts)} exceed {whole} by more than 15 %"
            remedy = "check units and gates of these counts"
            yield from _report(cohort, "parts_exceed_whole", "warning", (whole, *parts), over, text, remedy)


def _ratio(cohort: Cohort) -> Iterator[Finding]:
    stored = next((name for name in _RATIOS if name in cohort.frame), None)
    if stored is None or not {"cd4", "cd8"} <= set(cohort.frame.columns):
        return
    apart = ratio_differs(_number(cohort, stored), _measured(cohort, "cd4"), _measured(cohort, "cd8"))
    text = f"in {{count}} the stored ratio differs from cd4 / cd8 by more than {RATIO_TOLERANCE:.0%}"
    remedy = "correct the count or the ratio, or leave the ratio out: it is derived from the counts"
    yield from _report(cohort, "ratio_differs", "warning", (stored, "cd4", "cd8"), apart, text, remedy)


def _percent(cohort: Cohort) -> Iterator[Finding]:
    if "lymphocytes" not in cohort.frame:
        return
    lymphocytes = _measured(cohort, "lymphocytes")
    for name in SHARES:
        share = f"{name}_pct"
        if not {name, share} <= set(cohort.frame.columns):
            continue
        wrong = share_differs(_measured(cohort, share), _measured(cohort, name), lymphocytes)
        text = f"in {{count}} the percentage differs from {name} / lymphocytes by more than a quarter"
        remedy = "check the unit of the count, and that the percentage is of lymphocytes"
        yield from _report(cohort, "percent_differs", "warning", (share, name, "lymphocytes"), wrong, text, remedy)


def _lesions(cohort: Cohort) -> Iterator[Finding]:
    if "bcr_abl1" not in cohort.frame:
        return
    lesion = _number(cohort, "bcr_abl1")
    transcript = next((name for name in _TRANSCRIPTS if name in cohort.frame), None)
    if transcript is not None:
        wrong = (lesion == 0) & (_measured(cohort, transcript) > 0)
        text = "in {count} a BCR::ABL1 transcript was measured where the lesion is absent"
        remedy = "correct the lesion or the transcript ratio"
        yield from _report(
            cohort, "transcript_without_lesion", "warning", (transcript, "bcr_abl1"), wrong, text, remedy
        )
    if "tki" in cohort.frame:
        untreated = (lesion == 1) & (_number(cohort, "tki") == 0)
        text = "{count} with BCR::ABL1 and no tyrosine kinase inhibitor"
        remedy = "confirm: the lesion's effect cannot be read without the treatment"
        yield from _report(cohort, "ph_without_tki", "note", ("bcr_abl1", "tki"), untreated, text, remedy)


def _marrow(cohort: Cohort) -> Iterator[Finding]:
    """Disease status at first dose against the marrow it is defined by."""
    if "disease_status_at_start" not in cohort.frame:
        return
    status = cohort.frame["disease_status_at_start"]
    remission = np.asarray(status.isin(["CR-MRDpos", "CR-MRDneg"]), dtype=np.bool_)
    if "bm_blasts" in cohort.frame:
        wrong = remission & (_number(cohort, "bm_blasts") >= REMISSION_BLASTS)
        text = "{count} in remission at first dose with 5 % marrow blasts or more"
        remedy = "correct the status or the blasts (remission means fewer than 5 %)"
        columns = ("disease_status_at_start", "bm_blasts")
        yield from _report(cohort, "status_against_marrow", "warning", columns, wrong, text, remedy)
    if "mrd" in cohort.frame:
        columns = ("disease_status_at_start", "mrd")
        wrong = np.asarray(status == "CR-MRDneg", dtype=np.bool_) & (_measured(cohort, "mrd") >= MRD_POSITIVE)
        text = "{count} MRD-negative at first dose with MRD of 0.01 % or more"
        yield from _report(
            cohort, "status_against_marrow", "warning", columns, wrong, text, "correct the status or the MRD"
        )
        below = cohort.below["mrd"].to_numpy() if "mrd" in cohort.below else np.zeros(len(status), dtype=np.bool_)
        unseen = np.asarray(status == "CR-MRDpos", dtype=np.bool_) & below
        text = "{count} MRD-positive at first dose with MRD below its limit"
        remedy = "confirm the status: another method may have seen it"
        yield from _report(cohort, "status_against_marrow", "note", columns, unseen, text, remedy)
