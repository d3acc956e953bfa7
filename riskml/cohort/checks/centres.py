"""Centres that measure, miss or fare differently: a model may learn the centre instead of the disease."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import chdtrc

from riskml.cohort.checks.finding import Finding
from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.target import Target
from riskml.runtime.dictionary import Dictionary, Variable

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.intp]

MIN_ROWS = 10
_ALPHA = 0.05
_MIN_EXPECTED = 5.0
# Powers of ten, and the twelve months of a year: what a unit does to a centre's median.
_STEPS = {"1000": 3.0, "100": 2.0, "12": math.log10(12)}
_STEP_WIDTH = {"1000": 0.5, "100": 0.3, "12": 0.1}
_SAME_LIMIT = 1.05
_MIN_SHARE_APART = 0.2
_MOST_ROWS = 50_000


def check_centres(cohort: Cohort, dictionary: Dictionary, targets: Sequence[Target] = ()) -> Iterator[Finding]:
    """Differences between centres that chance does not explain; centres are named by their first row.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    dictionary : Dictionary
        Says what each column measures.
    targets : sequence of Target
        Outcomes whose rate is compared.

    Yields
    ------
    Finding
        ``centre_scale``, ``centre_limit``, ``centre_missingness``, ``centre_outcome``.

    Notes
    -----
    Shares are compared by Pearson's chi-square over all centres with an expected count of five or more in every cell
    (Cochran WG. Biometrics 1954;10:417-451), with Bonferroni's correction for the columns compared.
    """
    if "centre" not in cohort.frame:
        return
    centre = np.asarray(pd.factorize(cohort.frame["centre"])[0], dtype=np.intp)
    sizes = np.bincount(centre[centre >= 0])
    if (sizes >= MIN_ROWS).sum() < 2:
        return
    measured = [
        dictionary[name]
        for name in cohort.frame.columns
        if name in dictionary.variables and dictionary[name].kind == "number" and name != "centre"
    ]
    sample = _sample(centre)
    for variable in measured:
        if variable.quantity.name not in ("duration", "days", "pure"):
            yield from _scale(variable, centre, sample, cohort)
        yield from _limit(variable, centre, cohort)
    yield from _missingness(centre, cohort, dictionary)
    for target in targets:
        event = np.asarray(target.event, dtype=np.bool_)
        p = chi_square(event, centre[target.rows])
        if p is not None and p < _ALPHA / len(targets):
            rates = _rates(event, centre[target.rows])
            text = f"the rate of {target.name} runs from {min(rates):.0%} to {max(rates):.0%} (p = {p:.1g})"
            remedy = "ask whether patients, treatment or records differ; validate centre by centre"
            yield Finding("centre_outcome", "note", ("centre", target.name), text, remedy)


def chi_square(flag: BoolArray, group: IntArray) -> float | None:
    """P-value of equal shares of ``flag`` in all groups of ten rows or more; None where an expected count is below 5.

    Parameters
    ----------
    flag : bool array of shape (n_rows,)
    group : int array of shape (n_rows,)
        Code of each row's group; negative codes are left out.
    """
    kept = group >= 0
    sizes = np.bincount(group[kept])
    yes = np.bincount(group[kept], weights=flag[kept].astype(np.float64))
    sizes, yes = sizes[sizes >= MIN_ROWS], yes[sizes >= MIN_ROWS]
    if len(sizes) < 2:
        return None
    share = yes.sum() / sizes.sum()
    expected = np.stack([sizes * share, sizes * (1 - share)])
    if expected.min() < _MIN_EXPECTED:
        return None
    statistic = (((np.stack([yes, sizes - yes]) - expected) ** 2) / expected).sum()
    return float(chdtrc(len(sizes) - 1, statistic))


def _rates(flag: BoolArray, group: IntArray) -> list[float]:
    sizes = np.bincount(group[group >= 0])
    yes = np.bincount(group[group >= 0], weights=flag[group >= 0].astype(np.float64))
    return [float(share) for share in yes[sizes >= MIN_ROWS] / sizes[sizes >= MIN_ROWS]]


def _place(code: int, centre: IntArray, cohort: Cohort) -> str:
    """A centre without its name: its first row."""
    return f"the centre of row {cohort.row_numbers[int(np.argmax(centre == code))]}"


def _sample(centre: IntArray) -> IntArray:
    """Rows enough for medians: every row of small centres, each so-manieth of the others."""
    chosen = np.zeros(len(centre), dtype=np.bool_)
    chosen[:: max(1, len(centre) // _MOST_ROWS)] = True
    small = np.flatnonzero(np.bincount(centre[centre >= 0]) <= _MOST_ROWS // 10)
    return np.flatnonzero(chosen | np.isin(centre, small))


def _scale(variable: Variable, centres: IntArray, sample: IntArray, cohort: Cohort) -> Iterator[Finding]:
    """A centre whose median stands a unit's factor away from all others'."""
    value, centre = np.asarray(cohort.frame[variable.name], dtype=np.float64)[sample], centres[sample]
    if variable.name in cohort.below:
        value = np.where(cohort.below[variable.name].to_numpy()[sample], np.nan, value)
    with np.errstate(divide="ignore", invalid="ignore"):
        log = np.where(value > 0, np.log10(value), np.nan)
    known = np.isfinite(log) & (centre >= 0)
    steps = {"12": _STEPS["12"]} if variable.quantity.name == "age" else {k: _STEPS[k] for k in ("1000", "100")}
    for code in np.unique(centre[known]):
        here, elsewhere = log[known & (centre == code)], log[known & (centre != code)]
        if min(len(here), len(elsewhere)) < MIN_ROWS:
            continue
        apart = float(np.median(here) - np.median(elsewhere))
        for factor, step in steps.items():
            # Only a shift that leaves hardly any overlap is a unit; a skewed case mix is not.
            overlap = np.mean(np.abs(here - np.median(elsewhere)) < abs(apart) / 2)
            if abs(abs(apart) - step) <= _STEP_WIDTH[factor] and overlap < 0.1:
                show, higher = variable.quantity.show, "higher" if apart > 0 else "lower"
                text = (
                    f"{_place(int(code), centres, cohort)} has values about {factor} times {higher} (median "
                    f"{show(float(10 ** np.median(here)))}, elsewhere {show(float(10 ** np.median(elsewhere)))})"
                )
                level = "note" if factor == "100" else "warning"
                remedy = "ask the centre for its unit and write it into its cells"
                yield Finding("centre_scale", level, (variable.name, "centre"), text, remedy)  # type: ignore[arg-type]


def _limit(variable: Variable, centre: IntArray, cohort: Cohort) -> Iterator[Finding]:
    """Centres whose usual limit of detection differs, or whose share of values below it does."""
    if variable.name not in cohort.below:
        return
    below = cohort.below[variable.name].to_numpy() & (centre >= 0)
    limits = np.asarray(cohort.frame[variable.name], dtype=np.float64) * math.sqrt(2)
    usual = {
        int(code): float(np.median(limits[below & (centre == code)]))
        for code in np.unique(centre[below])
        if (below & (centre == code)).sum() >= 3
    }
    if len(usual) >= 2 and max(usual.values()) > _SAME_LIMIT * min(usual.values()):
        show = variable.quantity.show
        low, high = min(usual, key=lambda code: usual[code]), max(usual, key=lambda code: usual[code])
        text = (
            f"values below detection stand at {show(usual[low])} in {_place(low, centre, cohort)} and at "
            f"{show(usual[high])} in {_place(high, centre, cohort)}"
        )
        remedy = "record method and limit; use one floor for all (the transforms do)"
        yield Finding("centre_limit", "note", (variable.name, "centre"), text, remedy)


def _missingness(centre: IntArray, cohort: Cohort, dictionary: Dictionary) -> Iterator[Finding]:
    columns = [n for n in cohort.frame.columns if n in dictionary.variables and dictionary[n].kind != "identifier"]
    for name in columns:
        missing = cohort.frame[name].isna().to_numpy()
        if missing.all() or not missing.any():
            continue
        p, rates = chi_square(missing, centre), _rates(missing, centre)
        if p is not None and p < _ALPHA / len(columns) and max(rates) - min(rates) >= _MIN_SHARE_APART:
            text = f"missing in {min(rates):.0%} to {max(rates):.0%} of rows by centre (p = {p:.1g})"
            remedy = "ask why: where whether it was measured depends on the centre, its absence speaks for the centre"
            yield Finding("centre_missingness", "note", (name, "centre"), text, remedy)
