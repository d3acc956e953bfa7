"""Values of one patient that contradict each other: what cannot be true is refused, what hardly can be is remarked.

The arithmetic is that of ``riskml.cohort.checks.consistency``, which asks the same of the rows of a cohort: numbers or
arrays alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from riskml.errors import Fault
from riskml.record import Record
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.parsing import MISSING, Reading

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# Parts of a cell count and their whole; counts of one sample may overshoot by rounding and gating, not by more.
WHOLES = {"cd3": ("cd4", "cd8"), "lymphocytes": ("cd3", "cd19", "nk")}
OVERSHOOT = 1.15
# 10*9/L with two decimals: half a step of the whole and of either part.
_ROUNDING = 0.015
# A stored ratio is rounded, and so are the two counts it was made from.
RATIO_TOLERANCE = 0.10
_PERCENT_TOLERANCE, _PERCENT_SLACK = 0.25, 0.03
# Subsets whose percentage is of lymphocytes.
SHARES = ("cd3", "cd4", "cd8", "nk", "cd19")
REMISSION_BLASTS = 0.05
MRD_POSITIVE = 1e-4
# Modal numbers that exclude each other; a doubled hypodiploid clone can pass for a hyperdiploid one (Carroll AJ et al.
# Cancer Genet 2019;238:62-68), so that two of them are a mistake, but one that happens.
_PLOIDIES = ("high_hyperdiploidy", "near_haploidy", "low_hypodiploidy")
# What each level of cytogenetic_group says of lesions (features/schemes.toml, three_level).
_GROUPS: Mapping[str, Mapping[str, float]] = {
    "ph_pos": {"bcr_abl1": 1.0},
    "other_poor": {"bcr_abl1": 0.0},
    "good": {"bcr_abl1": 0.0, "kmt2a_r": 0.0, "tcf3_hlf": 0.0},
}


def exceeds(parts: Any, whole: Any) -> Any:
    """Whether the sum of parts is larger than their whole by more than rounding and gating explain."""
    return parts > OVERSHOOT * whole + _ROUNDING


def ratio_differs(stored: Any, first: Any, second: Any) -> Any:
    """Whether a stored ratio is not first / second; a small one is known to its own last digit only."""
    made, grown = stored * second, 1 + RATIO_TOLERANCE
    return ((made > grown * first) | (grown * made < first)) & (abs(made - first) > 0.05 * second)


def share_differs(share: Any, part: Any, whole: Any) -> Any:
    """Whether a share is not part / whole."""
    apart = abs(share * whole - part)
    return (apart > _PERCENT_SLACK * whole) & (apart > _PERCENT_TOLERANCE * share * whole)


class Contradiction(Record):
    """Values that do not go together.

    Attributes
    ----------
    code : str
        Stable name of the rule (docs/applicability.md has them all).
    inputs : tuple of str
    shown : str
        The values, in that order.
    rule : str
        What is wrong with them, for a person.
    impossible : bool
        Whether they cannot be true together, so that the patient is refused.
    """

    code: str
    inputs: tuple[str, ...]
    shown: str
    rule: str
    impossible: bool = False

    @property
    def message(self) -> str:
        """The whole, as a remark beside a prediction."""
        return f"{', '.join(self.inputs)} ({self.shown}): {self.rule}; check them"

    @property
    def fault(self) -> Fault:
        """The whole, as a refusal."""
        remedy = "correct the one in error, or leave out what is in doubt"
        return Fault(None, " and ".join(self.inputs), f"cannot be true together: {self.rule}", self.shown, remedy)


def contradictions(dictionary: Dictionary, readings: Mapping[str, Reading]) -> list[Contradiction]:
    """Everything in a patient's readings that does not go together; what is unknown contradicts nothing.

    Parameters
    ----------
    dictionary : Dictionary
    readings : mapping of name to Reading
    """
    if len(readings) < 2:
        return []
    patient = _Patient(dictionary, readings)
    return [*_lesions(patient), *_detection(patient), *_counts(patient), *_marrow(patient)]


class _Patient:
    """Readings, asked for by name."""

    def __init__(self, dictionary: Dictionary, readings: Mapping[str, Reading]) -> None:
        self._dictionary, self._readings = dictionary, readings

    def value(self, name: str) -> float | str | None:
        """What is known, limits included."""
        return self._readings.get(name, MISSING).value

    def number(self, name: str) -> float | None:
        value = self.value(name)
        return value if isinstance(value, float) else None

    def measured(self, name: str) -> float | None:
        """A number that was measured: None where only a limit is known."""
        return None if self.limit(name) is not None else self.number(name)

    def limit(self, name: str) -> float | None:
        return self._readings.get(name, MISSING).below

    def default_limit(self, name: str) -> float | None:
        return self._dictionary[name].limit_of_detection

    def against(self, code: str, inputs: tuple[str, ...], rule: str, *, impossible: bool = False) -> Contradiction:
        """A contradiction between these values."""
        shown = (self._dictionary[name].show(self.value(name), self.limit(name)) for name in inputs)
        return Contradiction(code, inputs, ", ".join(shown), rule, impossible)


def _lesions(patient: _Patient) -> Iterator[Contradiction]:
    ratio = patient.measured("bcr_abl1_ratio")
    if patient.value("bcr_abl1") == 0 and ratio is not None and ratio > 0:
        rule = "a lesion that is absent has no transcripts"
        yield patient.against("transcript_without_lesion", ("bcr_abl1", "bcr_abl1_ratio"), rule, impossible=True)
    group = patient.value("cytogenetic_group")
    for lesion, state in _GROUPS.get(group, {}).items() if isinstance(group, str) else ():
        if patient.value(lesion) not in (None, state):
            rule = f"{group} means that {lesion} is {'present' if state else 'absent'}"
            yield patient.against("group_against_lesion", ("cytogenetic_group", lesion), rule, impossible=True)
    if patient.value("ph_like") == 1 and patient.value("bcr_abl1") == 1:
        rule = "Ph-like is defined by the absence of BCR::ABL1"
        yield patient.against("ph_like_with_ph", ("ph_like", "bcr_abl1"), rule)
    ploidies = tuple(name for name in _PLOIDIES if patient.value(name) == 1)
    if len(ploidies) > 1:
        yield patient.against("several_ploidies", ploidies, "one clone has one number of chromosomes")


def _detection(patient: _Patient) -> Iterator[Contradiction]:
    """MRD given twice: as a number, and as lying below its limit or not."""
    flag, names = patient.value("mrd_below_lod"), ("mrd_below_lod", "mrd")
    measured, stated = patient.measured("mrd"), patient.number("mrd_lod")
    limit = stated or patient.default_limit("mrd")
    if flag == 1 and measured is not None and limit is not None and measured > limit:
        rule = f"the number lies above the limit {'given' if stated else 'of the method'}"
        yield patient.against("mrd_against_limit", (*names, *(("mrd_lod",) if stated else ())), rule, impossible=True)
    if flag == 0 and stated is None and patient.limit("mrd") is not None:
        rule = "the value is given as lying below its limit"
        yield patient.against("mrd_against_limit", names, rule, impossible=True)


def _counts(patient: _Patient) -> Iterator[Contradiction]:
    for whole, parts in WHOLES.items():
        total = patient.number(whole)
        given = tuple(part for part in parts if patient.number(part) is not None)
        if total is not None and given and exceeds(sum(patient.number(part) or 0.0 for part in given), total):
            yield patient.against(
                "parts_exceed_whole", (*given, whole), f"parts add up to more than {whole}, their whole"
            )
    ratio, cd4, cd8 = patient.number("cd4_cd8_ratio"), patient.measured("cd4"), patient.measured("cd8")
    if ratio is not None and cd4 is not None and cd8 is not None and ratio_differs(ratio, cd4, cd8):
        yield patient.against("ratio_differs", ("cd4_cd8_ratio", "cd4", "cd8"), "the ratio is not that of the counts")
    lymphocytes = patient.measured("lymphocytes")
    for name in SHARES if lymphocytes is not None else ():
        share, part = patient.measured(f"{name}_pct"), patient.measured(name)
        if share is not None and part is not None and share_differs(share, part, lymphocytes):
            rule = f"the percentage is not {name} / lymphocytes"
            yield patient.against("percent_differs", (f"{name}_pct", name, "lymphocytes"), rule)


def _marrow(patient: _Patient) -> Iterator[Contradiction]:
    """Status at first dose against the marrow it is defined by: which of the two is older is not known."""
    status, blasts, mrd = patient.value("disease_status_at_start"), patient.number("bm_blasts"), patient.measured("mrd")
    if status in ("CR-MRDpos", "CR-MRDneg") and blasts is not None and blasts >= REMISSION_BLASTS:
        rule = "remission means fewer than 5 % blasts"
        yield patient.against("status_against_marrow", ("disease_status_at_start", "bm_blasts"), rule)
    if status == "CR-MRDneg" and mrd is not None and mrd >= MRD_POSITIVE:
        rule = "MRD-negative means less than 0.01 %"
        yield patient.against("status_against_marrow", ("disease_status_at_start", "mrd"), rule)
    if status == "CR-MRDpos" and patient.limit("mrd") is not None:
        rule = "MRD-positive with MRD below its limit: another method may have seen it"
        yield patient.against("status_against_marrow", ("disease_status_at_start", "mrd"), rule)
