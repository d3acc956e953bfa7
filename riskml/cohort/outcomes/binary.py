"""Outcomes of a course: response by a rule or a column, and toxicity by grade.

A rule gives what happened in every row, and the masks of the rows in which it cannot be told, each with its reason.
Sources that define response differently: docs/outcomes.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.settings import Table
from riskml.cohort.outcomes.target import BoolArray, FloatArray
from riskml.runtime.dictionary import Dictionary

Unclear: TypeAlias = list[tuple[str, BoolArray]]

# Cytological remission: fewer than 5 % blasts in the marrow, in every source.
REMISSION = 0.05
MRD_THRESHOLD = 1e-4
# 0.01 % reaches us as a product of floats; a result this near the threshold is the threshold.
_SAME = 1e-9


def response(cohort: Cohort, table: Table, dictionary: Dictionary) -> tuple[BoolArray, Unclear]:
    """Which courses failed by ``rule``, and in which that cannot be told.

    Parameters
    ----------
    cohort : Cohort
        With the columns that ``settings.response_columns`` names.
    table : mapping
        The outcome; without ``rule`` the column ``response`` decides.
    dictionary : Dictionary
        For the detection limit of the MRD.

    Returns
    -------
    failed : bool array of shape (n_courses,)
        Meaningless where unclear.
    unclear : list of (str, bool array of shape (n_courses,))

    References
    ----------
    Zhang N et al. Front Immunol 2025;16, doi 10.3389/fimmu.2025.1607138: refractory patients are judged by marrow
    blasts, patients in remission by MRD (``rule = "cytological_or_mrd"``).
    """
    frame, rule = cohort.frame, table.get("rule", "column")
    if rule == "column":
        value = frame["response"]
        return _mask(value == "no_response"), [
            ("outcome not known", _mask(value.isna())),
            ("outcome not evaluable", _mask(value == "not_evaluable")),
        ]
    if rule == "mrd_negative":
        positive, unclear = mrd_positive(cohort, table, dictionary)
        return positive, unclear
    blasts = frame["bm_blasts_after"]
    unknown, many = _mask(blasts.isna()), _mask(blasts >= REMISSION)
    if rule == "cr_composite":
        return many, [("marrow blasts after the course not known", unknown)]
    status = frame["disease_status_at_start"]
    refractory, remission = _mask(status == "R/R"), _mask(status == "CR-MRDpos")
    positive, unclear = mrd_positive(cohort, table, dictionary)
    return np.where(refractory, many, positive), [
        ("disease_status_at_start not known", _mask(status.isna())),
        ("MRD-negative at the first dose: cannot fail", _mask(status == "CR-MRDneg")),
        ("marrow blasts after the course not known", refractory & unknown),
        *((reason, remission & mask) for reason, mask in unclear),
    ]


def mrd_positive(cohort: Cohort, table: Table, dictionary: Dictionary) -> tuple[BoolArray, Unclear]:
    """Whether MRD after the course is positive: at the threshold or above, or only above where it is inclusive."""
    threshold, value = float(table.get("mrd_threshold", MRD_THRESHOLD)), cohort.frame["mrd_after"]
    mrd: FloatArray = value.to_numpy(dtype=np.float64)
    at_threshold = np.isclose(mrd, threshold, rtol=_SAME, atol=0)
    positive = (mrd > threshold) & ~at_threshold
    if not table.get("mrd_inclusive", False):
        positive |= at_threshold
    below = cohort.below["mrd_after"].to_numpy() if "mrd_after" in cohort.below else np.zeros(len(mrd), dtype=np.bool_)
    # "< L" is kept as L / sqrt(2), a result under the method's own limit as it was measured.
    limit = dictionary["mrd_after"].limit_of_detection or 0.0
    at_most = np.where(mrd < limit, np.minimum(mrd * np.sqrt(2), limit), mrd * np.sqrt(2))
    unclear: Unclear = [("MRD after the course not known", _mask(value.isna()))]
    if "mrd_methods" in table:
        method, accepted = cohort.frame["mrd_after_method"], list(table["mrd_methods"])
        unclear += [
            ("MRD method not known", _mask(method.isna())),
            (f"MRD method not one of {', '.join(accepted)}", _mask(method.notna() & ~method.isin(accepted))),
        ]
    unclear.append(("MRD below a limit that is above the threshold", below & (at_most > threshold * (1 + _SAME))))
    return positive & ~below, unclear


def in_window(cohort: Cohort, table: Table, column: str) -> BoolArray:
    """Whether a day stands within ``window_days``, both ends included; False where it is not known."""
    first, last = table["window_days"]
    return _mask(cohort.frame[column].between(first, last))


def outside_window(cohort: Cohort, table: Table) -> Iterator[tuple[str, BoolArray]]:
    """Courses whose assessment is not dated, or dated outside the window."""
    if "window_days" in table:
        first, last = table["window_days"]
        unknown = _mask(cohort.frame["response_day"].isna())
        yield "day of assessment not known", unknown
        yield f"assessed outside days {first:g} to {last:g}", ~unknown & ~in_window(cohort, table, "response_day")


def toxicity(cohort: Cohort, table: Table) -> tuple[BoolArray, Unclear]:
    """Whether a course (or, with ``unit = "patient"``, any course of the patient) reached the grade in the window.

    A patient with an event in one course has it, whatever is missing in the others; without one, a course that cannot
    be judged leaves the patient unclear.
    """
    column, frame = str(table["column"]), cohort.frame
    stem, grade = column.removesuffix("_grade"), frame[column]
    reached = _mask(grade >= table["min_grade"])
    unclear: Unclear = [("outcome not known", _mask(grade.isna()))]
    if "scale" in table and f"{stem}_scale" in frame:
        scale = frame[f"{stem}_scale"]
        # Grade 0 is none on every scale.
        unclear.append((f"not graded on {table['scale']}", _mask((scale != table["scale"]) & (grade > 0))))
    if "window_days" in table:
        unclear.append(("day of onset not known", reached & _mask(frame[f"{stem}_day"].isna())))
        reached = reached & in_window(cohort, table, f"{stem}_day")
    if table.get("unit") != "patient":
        return reached, unclear
    judged = ~np.any([mask for _, mask in unclear], axis=0)
    ever = _of_patient(cohort, reached & judged)
    reason = "no event, and a course that cannot be judged"
    return ever, [(reason, ~ever & _of_patient(cohort, ~judged))]


def _of_patient(cohort: Cohort, mask: BoolArray) -> BoolArray:
    """Whether any course of the row's patient is marked."""
    return np.bincount(cohort.patient, weights=mask)[cohort.patient] > 0


def _mask(values: Any) -> BoolArray:
    return np.asarray(values, dtype=np.bool_)
