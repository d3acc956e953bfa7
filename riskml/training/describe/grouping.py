"""Groups of courses or patients by a variable, as the columns of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL

IntArray = NDArray[np.intp]
TRISTATE = {1.0: "present", 0.0: "absent"}
# What a cohort's groups are compared by where nobody says, the first that has two groups of any size.
USUAL = (
    *("status_group", "disease_class_initial", "disease_status_at_start", "any_poor_lesion", "cytogenetic_group"),
    *("age_group", "sex"),
)
NOT_KNOWN, ALL = "not known", "All"


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Who belongs to which group.

    Attributes
    ----------
    label : str
        What the groups are groups of; empty where there is one alone.
    levels : tuple of str
        Names of the groups that have rows, in the dictionary's order; ``"not known"`` last, where there are such.
    code : int array of shape (n_rows,)
        Position in ``levels``.
    """

    label: str
    levels: tuple[str, ...]
    code: IntArray

    @property
    def known(self) -> tuple[int, ...]:
        """Codes of the groups that a test compares: all but ``"not known"``."""
        return tuple(code for code, level in enumerate(self.levels) if level != NOT_KNOWN)

    def some(self, rows: IntArray) -> Grouping:
        """The groups of these rows, all levels kept."""
        return replace(self, code=self.code[rows])


def grouping(cohort: Cohort, name: str | None) -> tuple[Grouping, tuple[str, ...]]:
    """The groups of a cohort's rows; one group of all where the variable cannot be had.

    Parameters
    ----------
    cohort : Cohort
    name : str or None
        A category, tri-state or lesion of the dictionary, derived ones included; None asks for no groups.

    Returns
    -------
    Grouping
    tuple of str
        Why there are no groups; empty where there are, or none were asked for.
    """
    everybody = Grouping("", (ALL,), np.zeros(cohort.n_courses, dtype=np.intp))
    if name is None:
        return everybody, ()
    variables = load_dictionary().variables
    if name not in variables:
        return everybody, (f"groups: there is no variable {name}",)
    variable = variables[name]
    if variable.kind not in {"category", "tristate"}:
        return everybody, (f"groups by {name}: it is no category",)
    frame = with_inputs(cohort, [name]).frame
    if name not in frame or frame[name].isna().all():
        return everybody, (f"groups by {name}: the cohort does not have it",)
    values = frame[name].map(TRISTATE) if frame[name].dtype.kind == "f" else frame[name]
    order = tuple(variable.levels) or tuple(TRISTATE.values())
    present = [level for level in (*order, *sorted(set(values.dropna()) - set(order))) if (values == level).any()]
    levels = (*present, *((NOT_KNOWN,) if values.isna().any() else ()))
    places = {level: place for place, level in enumerate(levels)}
    code = values.where(values.notna(), NOT_KNOWN).map(places).to_numpy(dtype=np.intp)
    return Grouping(variable.label, levels, code), ()


def usual_groups(cohort: Cohort, names: Sequence[str] = USUAL) -> tuple[str, ...]:
    """Those of ``names`` by which the cohort's patients make two groups or more that need not be hidden."""
    patients, found = cohort.patients(), []
    for name in names:
        groups, reasons = grouping(patients, name)
        sizes = [int(np.count_nonzero(groups.code == code)) for code in groups.known]
        if not reasons and sum(size >= SMALLEST_CELL for size in sizes) > 1:
            found.append(name)
    return tuple(found)
