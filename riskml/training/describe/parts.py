"""Cohort -> every part of a cohort paper, in the order of the paper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from riskml.cohort.cohort import Cohort
from riskml.errors import UsageError
from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.characteristics import characteristics
from riskml.training.describe.flow import flow
from riskml.training.describe.grouping import usual_groups
from riskml.training.describe.hazards import hazards
from riskml.training.describe.immune import immune
from riskml.training.describe.regimen import regimen
from riskml.training.describe.response import response
from riskml.training.describe.survival import survival
from riskml.training.describe.table import Part
from riskml.training.describe.toxicity import toxicity

GROUPABLE = ("category", "tristate")


def describe(
    cohort: Cohort, *, by: str | None = None, internal: bool = False, months: Sequence[float] | None = None
) -> tuple[Part, ...]:
    """Flow, characteristics, response, survival, toxicity, immune dynamics and regimen of a cohort.

    Parameters
    ----------
    cohort : Cohort
        What it has no columns for is not described; the part says so.
    by : str, optional
        A category or tri-state of the dictionary by whose values groups are compared; without it each part takes the
        groups its papers compare, or those that this cohort has (`riskml.training.describe.grouping.usual_groups`).
    internal : bool
        Show counts of 1 to 4 patients, and single patients: the result must then not leave the site.
    months : sequence of float, optional
        Months after the start at which curves are read, the most important first: where small counts would follow from
        two estimates, the first is shown.

    Returns
    -------
    tuple of Part

    Raises
    ------
    UsageError
        If ``by`` is no name of the dictionary, or its values make no groups.
    """
    name = None if by is None else groupable(by)
    group = name or next(iter(usual_groups(cohort)), None)
    return (
        flow(cohort, internal=internal, group=group),
        characteristics(cohort, internal=internal, by=group),
        response(cohort, internal=internal, **_given(by=name)),
        survival(cohort, internal=internal, **_given(by=name, months=months)),
        hazards(cohort, internal=internal),
        toxicity(cohort, internal=internal, group=group),
        immune(cohort, internal=internal, group=group),
        regimen(cohort, internal=internal),
    )


def _given(**options: Any) -> dict[str, Any]:
    """Options that were given; the others are left to each part's own default."""
    return {name: value for name, value in options.items() if value is not None}


def groupable(by: str) -> str:
    """The name itself where the dictionary has it and its values make groups; UsageError otherwise."""
    dictionary = load_dictionary()
    if by not in dictionary.variables:
        raise UsageError(
            f"--by {by}: not a name of the dictionary; the nearest known name is '{dictionary.nearest(by)}'"
        )
    if dictionary[by].kind not in GROUPABLE:
        raise UsageError(f"--by {by}: its values make no groups; name a category, such as sex")
    return by
