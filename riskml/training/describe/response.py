"""Who responded: response by group with Wilson's intervals, and factors of no response as Firth's odds ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.small_cells import SMALLEST_CELL, count
from riskml.training.describe.agreeing import agreeing, counts_text, p_bound
from riskml.training.describe.disclosure import exact, protected, with_share
from riskml.training.describe.factors import Factor, factor
from riskml.training.describe.group_tests import LEVEL, explained, fisher, interval_text, marked, p_text, wilson
from riskml.training.describe.grouping import TRISTATE, Grouping, grouping
from riskml.training.describe.merging import is_ordered, merged
from riskml.training.describe.survival import notes_of, target_of
from riskml.training.describe.table import NOT_SHOWN, Part, Row, Table
from riskml.training.learners.firth import firth_coefficients
from riskml.training.metrics.intervals import Interval

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
# The first that the cohort's columns allow.
OUTCOMES = ("non_response", "non_response_measured")
LATEST = "first_dose"
GROUPS = (
    *("disease_status_at_start", "disease_class_initial", "bridging_chemo", "age_group", "sex", "any_poor_lesion"),
    *("cytogenetic_group", "bm_blast_group"),
)
# What papers of this drug ask; any cohort lacks some of them.
FACTORS = (
    *("disease_status_at_start", "bridging_chemo", "age", "sex", "bcr_abl1", "kmt2a_r", "etv6_runx1"),
    *("any_poor_lesion", "cytogenetic_group", "bm_blasts", "mrd", "lymphocytes", "cd3", "cd4", "cd8", "cd19"),
)
# Two, fixed before any data: the published signals that are known of nearly every patient. Not BCR::ABL1 beside poor
# cytogenetics, which contain it.
MODEL = ("any_poor_lesion", "mrd")
SELECTS_NOTHING = (
    "This describes one cohort. It selects no predictor: a factor that stands out here was not tested on other "
    "patients, and P values are not adjusted for their number."
)
HULL = (
    "Where a count of 1 to 4 would follow, levels are joined; where one would still follow, a range stands for the "
    "count and its share, the interval covers that of every count in it, and of P only the side of 0.05 is said."
)
NOTHING = "–"


def response(
    cohort: Cohort,
    *,
    by: str | None = None,
    groups: Sequence[str] = GROUPS,
    factors: Sequence[str] = FACTORS,
    model: Sequence[str] = MODEL,
    outcomes: Sequence[str] = OUTCOMES,
    internal: bool = False,
) -> Part:
    """Response by group, and what goes with its absence, among the patients in whom the outcome can be judged.

    Numbers that may lie below a detection limit enter as logarithms: a fraction per tenfold, a count per doubling.
    Others enter per unit shown, categories against their most frequent level. An unknown value leaves a patient out of
    that row, and out of the model.

    Parameters
    ----------
    cohort : Cohort
    by : str, optional
        A variable to compare before those of ``groups``.
    groups : sequence of str
        Variables whose levels are compared, derived ones included.
    factors : sequence of str
        Variables of the univariable odds ratios.
    model : sequence of str
        Those of the multivariable model, chosen before the data were seen.
    outcomes : sequence of str
        Binary outcomes of the dictionary whose event is the absence of response; the first is taken that the cohort
        holds.
    internal : bool
        Show what was made of counts of 1 to 4.

    Returns
    -------
    Part
        Two tables, ``response`` and ``response_factors``. Of ``values`` the first has ``variable``, ``level``, ``n``,
        ``responders`` and ``share``, or ``test`` and ``p_value``; the second ``variable``, ``level``, and as far as
        they may be shown ``n`` and ``events`` with ``univariable``, and ``multivariable``, each of ``value``,
        ``low``, ``high`` and ``p_value`` (all None where the data do not determine it).

    References
    ----------
    Heinze G, Schemper M. A solution to the problem of separation in logistic regression. Stat Med 2002;21:2409-2419.
    Sun GW, Shook TL, Kay GL. Inappropriate use of bivariable analysis to screen risk factors for use in multivariable
    analysis. J Clin Epidemiol 1996;49:907-916 (why the univariable column selects nothing).
    """
    asked = tuple(dict.fromkeys(((by,) if by is not None else ()) + tuple(groups)))
    target, why = target_of(cohort, tuple(outcomes))
    if target is None or target.time is not None:
        reason = why if target is None else f"{target.name} is a survival outcome"
        return Part("response", "Response", missing=(f"response: {reason}",))
    judged = with_inputs(cohort.some(target.rows), (*asked, *factors, *model))
    patients = target.n_patients == len(target.rows)
    unit = (
        "Per patient, at the first course." if patients else "Per course: courses of one patient are not independent."
    )
    common = (unit, *notes_of(target))
    shares, missing = _by_group(judged, target.event, asked, common, internal=internal)
    effects, more = _by_factor(judged, target.event, factors, model, common, internal=internal)
    more += () if effects.rows else ("factors of response: counts of 1 to 4 would follow from every one",)
    tables = (shares, *((effects,) if effects.rows else ()))
    return Part("response", "Response", tables, missing=(*missing, *more))


def _by_group(
    cohort: Cohort, failed: BoolArray, by: Sequence[str], common: tuple[str, ...], *, internal: bool
) -> tuple[Table, tuple[str, ...]]:
    """The share with a response, in all and in each level."""
    n, responders = len(failed), int(np.sum(~failed))
    whole = protected([n, responders, n - responders], [((1, 2), 0)], {0}, internal=internal)
    rows = [_share_row("All", (whole[1], whole[0]), (responders, n), 0)]
    values: list[dict[str, Any]] = [_share_value(None, None, responders, n)] if all(map(exact, whole)) else []
    missing, tests, variables = list[str](), list[str](), load_dictionary().variables
    for name in by:
        if name in variables and not load_dictionary().usable_at(variables[name], LATEST):
            missing.append(
                f"response by {name}: learned after the first dose, so it may be the answer and not a factor"
            )
            continue
        groups, reasons = grouping(cohort, name)
        missing += reasons
        if reasons or len(groups.levels) < 2:
            missing += () if reasons else (f"response by {name}: all are {groups.levels[0]}",)
            continue
        if not internal:
            groups = merged(groups, _table_of(groups, failed)[list(groups.known)], ordered=is_ordered(name))
        table = _table_of(groups, failed)
        texts = _protected_table(table, public=whole, internal=internal)
        test = fisher(table[list(groups.known)])
        shown = all(exact(text) for code in groups.known for text in texts[code])
        told = None if shown else agreeing(texts, whole[1:])
        p_value = marked(test, tests) if shown else NOT_SHOWN if told is None else p_bound(told, groups.known)
        rows.append(Row(groups.label, ("", "", "", p_value)))
        if shown:
            p_number = None if math.isnan(test.p_value) else test.p_value
            values.append({"variable": name, "level": None, "test": test.test, "p_value": p_number})
        for place, (level, text, (yes, no)) in enumerate(zip(groups.levels, texts, table.tolist(), strict=True)):
            row = _share_row(level, (text[0], text[2]), (yes, yes + no), 1)
            few = text[2] == count(1)  # of so few nothing can be said
            if told is not None and not (few or (exact(text[0]) and exact(text[2]))):
                row = Row(level, (*counts_text(told, place), ""), 1)
            rows.append(Row(level, (*row.cells[:2], "", ""), 1) if few else row)
            values += [_share_value(name, level, yes, yes + no)] if all(map(exact, text)) else []
    notes = (
        *common,
        "95 % CI: Wilson. P compares the levels that are known.",
        *explained(tests),
        "P values are not adjusted for their number.",
        *(() if internal else (HULL,)),
    )
    columns = ("n", "Response, n (%)", "95 % CI, %", "P")
    return Table("response", "Response by group", columns, tuple(rows), notes, tuple(values)), tuple(missing)


def _table_of(groups: Grouping, failed: BoolArray) -> NDArray[np.int_]:
    """Responders and others of each level, shape (n_levels, 2)."""
    inside = [groups.code == code for code in range(len(groups.levels))]
    return np.array([[np.sum(row & ~failed), np.sum(row & failed)] for row in inside])


def _share_row(label: str, texts: tuple[str, str], counts: tuple[int, int], indent: int) -> Row:
    """Number, share and its interval; the interval only where both counts are shown, for it tells them."""
    share = wilson(*counts)
    interval = f"{100 * share.low:.0f} to {100 * share.high:.0f}" if all(map(exact, texts)) else NOT_SHOWN
    return Row(label, (texts[1], with_share(*texts), interval, ""), indent)


def _share_value(name: str | None, level: str | None, responders: int, n: int) -> dict[str, Any]:
    share = wilson(responders, n).as_dict()
    return {"variable": name, "level": level, "n": n, "responders": responders, "share": share}


def _protected_table(table: NDArray[Any], public: Sequence[str], *, internal: bool) -> list[list[str]]:
    """Each level's responders, others and both, as they may be shown beside those of all."""
    full = np.column_stack([table, table.sum(axis=1)])
    full = np.vstack([full, full.sum(axis=0)])
    height, width = full.shape
    relations: list[tuple[tuple[int, ...], int]] = [
        ((row * width, row * width + 1), row * width + 2) for row in range(height)
    ]
    relations += [(tuple(row * width + k for row in range(height - 1)), (height - 1) * width + k) for k in range(width)]
    # `public` lists all, responders, others as the first line of the table shows them.
    told = {(height - 1) * width + k for k, text in zip((2, 0, 1), public, strict=True) if exact(text)}
    texts = protected([int(n) for n in full.ravel()], relations, told, internal=internal)
    return [texts[row * width : (row + 1) * width] for row in range(height - 1)]


def _by_factor(
    cohort: Cohort,
    failed: BoolArray,
    factors: Sequence[str],
    model: Sequence[str],
    common: tuple[str, ...],
    *,
    internal: bool,
) -> tuple[Table, tuple[str, ...]]:
    """Odds ratios of no response: each factor alone, and those of the model together."""
    joining = None if internal else failed
    found = {name: factor(cohort, name, joining) for name in dict.fromkeys((*factors, *model))}
    missing = tuple(f"factor {name}: {why}" for name, why in found.items() if isinstance(why, str))
    usable = {name: item for name, item in found.items() if not isinstance(item, str)}
    adjusted, notes, reasons = _model([usable[name] for name in model if name in usable], failed, internal=internal)
    rows: list[Row] = []
    values: list[dict[str, Any]] = []
    hidden: list[str] = []
    for name, item in usable.items():
        alone = _alone(item, failed, internal=internal)
        if name not in adjusted and all(ratio.text == NOT_SHOWN for ratio in alone.ratios):
            hidden.append(item.label)
            continue
        lines = _lines(item)
        if len(lines) > 1 or lines[0][0] is not None:
            rows.append(Row(item.label))
        for place, (level, label) in enumerate(lines):
            together = adjusted[name][place] if name in adjusted else None
            cells = (alone.size, *_cells(alone.ratios[place]), *(("", "") if together is None else _cells(together)))
            rows.append(Row(label, cells, 0 if level is None else 1))
            shown = {"univariable": alone.ratios[place].numbers} if alone.counts and alone.ratios[place].numbers else {}
            shown |= {"multivariable": together.numbers} if together is not None else {}
            if shown:
                values.append({"variable": name, "level": level} | alone.counts | shown)
    columns = ("n", "Odds ratio (95 % CI)", "P", "Adjusted odds ratio (95 % CI)", "P, adjusted")
    below = (
        *common,
        "Odds of no response. Firth's penalised likelihood, profile intervals, penalised likelihood ratio tests.",
        *notes,
        *((f"Not shown, for counts of 1 to 4 would follow: {'; '.join(hidden)}.",) if hidden else ()),
        SELECTS_NOTHING,
    )
    table = Table("response_factors", "Factors of no response", columns, tuple(rows), below, tuple(values))
    return table, (*missing, *reasons)


def _lines(item: Factor) -> list[tuple[str | None, str]]:
    """Level and label of each column of a factor; a number and the presence of something have no level."""
    if not item.levels or set(item.levels) <= set(TRISTATE.values()):
        return [(None, item.label)]
    return [(level, f"{level} (against {item.levels[0]})") for level in item.levels[1:]]


@dataclass(frozen=True, slots=True)
class _Ratio:
    """An odds ratio with interval and P; ``numbers`` is empty, and ``text`` stands for both, where it is not shown."""

    numbers: dict[str, float | None]
    text: str = NOTHING


@dataclass(frozen=True, slots=True)
class _Alone:
    """The univariable fit of a factor: patients as shown, the counts where they may be, a ratio for each column."""

    size: str
    counts: dict[str, int]
    ratios: list[_Ratio]


def _alone(item: Factor, failed: BoolArray, *, internal: bool) -> _Alone:
    """One factor by itself; its levels are in one fit."""
    n, events = int(item.known.sum()), int(failed[item.known].sum())
    size, lacking = _part(n, len(failed), internal=internal), _part(events, int(failed.sum()), internal=internal)
    if not internal and _tells([item], failed):
        return _Alone(size, {}, [_Ratio({}, NOT_SHOWN)] * item.size)
    ratios = _fit(item.columns(item.known), failed[item.known]) or [_Ratio({})] * item.size
    return _Alone(size, {"n": n, "events": events} if exact(size) and exact(lacking) else {}, ratios)


def _model(
    items: Sequence[Factor], failed: BoolArray, *, internal: bool
) -> tuple[dict[str, list[_Ratio]], tuple[str, ...], tuple[str, ...]]:
    """The multivariable model by factor, what to say of it, and why it is missing."""
    if len(items) < 2:
        return {}, (), ("multivariable model: fewer than two of its factors can be used",)
    known = np.logical_and.reduce([item.known for item in items])
    if not internal and _tells(items, failed):
        return {}, (), ("multivariable model: made of counts of 1 to 4, so not shown",)
    ratios = _fit(np.column_stack([item.columns(known) for item in items]), failed[known])
    if ratios is None:
        return {}, (), ("multivariable model: the patients with every value known all responded, or none did",)
    n, events = int(known.sum()), int(failed[known].sum())
    size, lacking = _part(n, len(failed), internal=internal), _part(events, int(failed.sum()), internal=internal)
    for_each = min(events, n - events) / len(ratios)
    said = f", {for_each:.1f} of the rarer outcome for each coefficient" if exact(size) and exact(lacking) else ""
    note = (
        f"Adjusted for each other in one model fixed beforehand ({', '.join(item.name for item in items)}): {size} "
        f"patients with every value known, {lacking} without response{said}."
    )
    warning = " Fewer than ten for each: other patients may well give other odds ratios." if for_each < 10 else ""
    ends = np.cumsum([item.size for item in items]).tolist()
    split = {item.name: ratios[end - item.size : end] for item, end in zip(items, ends, strict=True)}
    return split, (note + warning,), ()


def _part(number: int, whole: int, *, internal: bool) -> str:
    """A count beside that of the whole, which stands elsewhere."""
    return protected([whole, number, whole - number], [((1, 2), 0)], {0}, internal=internal)[1]


def _fit(X: FloatArray, failed: BoolArray) -> list[_Ratio] | None:
    """Odds ratio, interval and P of each column; None where there are not both outcomes."""
    if failed.all() or not failed.any():
        return None
    fitted = firth_coefficients(X, failed, level=LEVEL)
    found = []
    for low, value, high, p_value in zip(fitted.low, fitted.coef, fitted.high, fitted.p_value, strict=True):
        determined = math.isfinite(low) and math.isfinite(high)
        numbers = [float(number) if determined else None for number in (*np.exp([value, low, high]), p_value)]
        found.append(_Ratio(dict(zip(("value", "low", "high", "p_value"), numbers, strict=True))))
    return found[1:]


def _cells(ratio: _Ratio) -> tuple[str, str]:
    value, low, high, p_value = (ratio.numbers.get(key) for key in ("value", "low", "high", "p_value"))
    if value is None or low is None or high is None or p_value is None:
        return ratio.text, ratio.text
    return interval_text(Interval(value, low, high, LEVEL, "Firth")), p_text(p_value)


def _tells(items: Sequence[Factor], failed: BoolArray) -> bool:
    """Whether a fit can be turned back into counts of 1 to 4: of an outcome, or of a pattern of levels and an outcome.

    Those of whom a level is not known count as a pattern, for they follow by subtraction. Numbers that differ from
    patient to patient hide the counts; five or fewer different ones do not.
    """
    known = np.logical_and.reduce([item.known for item in items])
    if any(0 < int(np.sum(failed[known] == happened)) < SMALLEST_CELL for happened in (True, False)):
        return True
    values = np.column_stack([np.where(item.known, item.values, np.inf) for item in items])
    _, pattern = np.unique(values, axis=0, return_inverse=True)
    n_patterns = int(pattern.max()) + 1
    if n_patterns > SMALLEST_CELL * len(items) + 1:
        return False
    counts = np.array([np.bincount(pattern.ravel()[failed == k], minlength=n_patterns) for k in (False, True)])
    return bool(((counts > 0) & (counts < SMALLEST_CELL)).any())
