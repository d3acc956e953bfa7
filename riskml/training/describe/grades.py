"""Grades of toxicity: which columns hold them, on which scale, of courses and the worst of each patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.grouping import Grouping
from riskml.training.describe.table import FloatArray

IntArray = NDArray[np.intp]
# Names in tables, in their order; any other column *_grade of the dictionary comes behind.
NAMES = {
    "crs_grade": "CRS",
    "icans_grade": "ICANS",
    "infection_grade": "Infection",
    "neutropenia_grade": "Neutropenia",
    "thrombocytopenia_grade": "Thrombocytopenia",
}
SCALES = {"astct": "ASTCT 2019", "ctcae_v5": "CTCAE 5"}


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What the rows of a table are: courses, or patients with their worst grade.

    Attributes
    ----------
    name, many : str
        One of them and several.
    notes : tuple of str
        What counts once, and on which scales grades are.
    cohort : Cohort
        One row each; of a patient the first course.
    groups : Grouping
        Of these rows.
    grades : dict of str to float array of shape (n_rows,)
        By column, NaN where not known.
    """

    name: str
    many: str
    notes: tuple[str, ...]
    cohort: Cohort
    groups: Grouping
    grades: dict[str, FloatArray]


def graded_columns(cohort: Cohort) -> Iterator[str]:
    """Names of the columns of grades that hold any: CRS, ICANS, then what else the dictionary has."""
    every = [name for name in load_dictionary().variables if name.endswith("_grade") and name not in NAMES]
    for name in (*NAMES, *every):
        if name in cohort.frame and cohort.frame[name].notna().any():
            yield name


def units_of(cohort: Cohort, groups: Grouping, names: Sequence[str]) -> tuple[Unit, Unit]:
    """Courses with their grades, and patients with their worst.

    Parameters
    ----------
    cohort : Cohort
    groups : Grouping
        Of its rows.
    names : sequence of str
        Columns of grades.

    Returns
    -------
    tuple of Unit
        Courses and patients.
    """
    courses = {name: cohort.frame[name].to_numpy(dtype=np.float64) for name in names}
    first = np.flatnonzero(cohort.first_courses)
    worst = {name: worst_grade(grade, cohort.patient)[cohort.patient[first]] for name, grade in courses.items()}
    scales = tuple(_scales(cohort, names))
    dependent = "Each course counts; courses of one patient are not independent, so prefer P values of patients."
    once = "Each patient counts once, with the worst grade of all courses and what was known before the first."
    return (
        Unit("course", "courses", (dependent, *scales), cohort, groups, courses),
        Unit("patient", "patients", (once, *scales), cohort.some(first), groups.some(first), worst),
    )


def worst_grade(grade: FloatArray, patient: IntArray) -> FloatArray:
    """Each patient's worst known grade; NaN where no known course had any and a course is not known.

    Parameters
    ----------
    grade : float array of shape (n_courses,)
        NaN where not known.
    patient : int array of shape (n_courses,)
        Code of each course's patient, 0 to n_patients - 1.

    Returns
    -------
    float array of shape (n_patients,)

    Examples
    --------
    >>> worst_grade(np.array([0.0, 3.0, 0.0, np.nan]), np.array([0, 0, 1, 1]))
    array([ 3., nan])
    """
    size = int(patient.max(initial=-1)) + 1
    worst, unknown = np.zeros(size), np.zeros(size, dtype=np.bool_)
    np.maximum.at(worst, patient, np.nan_to_num(grade))
    np.logical_or.at(unknown, patient, np.isnan(grade))
    return np.where(unknown & (worst == 0), np.nan, worst)


def _scales(cohort: Cohort, names: Sequence[str]) -> Iterator[str]:
    """Which scale the grades are on, as far as the file says."""
    for name in names:
        scale, label = name.removesuffix("_grade") + "_scale", NAMES.get(name, name)
        if scale not in cohort.frame or cohort.frame[scale].isna().all():
            yield f"No column says on which scale {label} was graded."
            continue
        found = [SCALES.get(level, level) for level in sorted(cohort.frame[scale].dropna().unique())]
        mixed = "; scales are mixed, so the grades cannot be pooled" if len(found) > 1 else ""
        yield f"{label} was graded by {' and '.join(found)}{mixed}."
