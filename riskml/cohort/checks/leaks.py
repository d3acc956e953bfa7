"""Columns that give the outcome away: learned after the landmark, or too good to be true."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import bdtrc

from riskml.cohort.checks.finding import Finding
from riskml.cohort.checks.leak_names import name_speaks
from riskml.cohort.cohort import Cohort
from riskml.cohort.outcomes.target import Target
from riskml.cohort.raw_table import RawTable
from riskml.cohort.value_guess import are_dates
from riskml.errors import UsageError, printable
from riskml.runtime.dictionary import Dictionary, load_dictionary

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]

MIN_EVENTS = 5
_AUC = 0.95
_MIN_LEVEL = 10
_MOST_LEVELS = 50
_ALPHA = 1e-3
# A level in which nearly everybody has the event, or nobody where at least ten would be expected to.
_SURE, _NEVER, _MIN_EXPECTED = 0.95, 0.0, 10.0
# One value far above all others, shared by many rows, stands for "never".
_STAND_IN_FACTOR, _STAND_IN_SHARE = 100.0, 0.01
_MOST_ROWS = 50_000
_SELECTION = ("protocol", "cohort", "study", "trial", "arm", "source", "batch", "centre", "center", "site", "registry")


def cohort_leaks(
    cohort: Cohort, dictionary: Dictionary, landmark: str, target: Target | None = None
) -> Iterator[Finding]:
    """Columns of a cohort that no model at the landmark may use, and baseline columns that separate the outcome.

    Parameters
    ----------
    cohort : Cohort
        The checked cohort.
    dictionary : Dictionary
        Says from when each variable is known.
    landmark : str
        Time of prediction, one of the dictionary's landmarks.
    target : Target, optional
        The outcome that predictors may give away.

    Yields
    ------
    Finding
        ``known_later`` (a note: recipes refuse these by rule), or one of :func:`separation`.
    """
    usable: list[str] = []
    later: dict[str, list[str]] = {}
    for name in cohort.frame.columns:
        variable = dictionary.variables.get(name)
        if variable is None or variable.kind == "identifier":
            continue
        if dictionary.usable_at(variable, landmark):
            if variable.kind != "date":  # no recipe takes one, and its levels would be quoted
                usable.append(name)
        else:
            later.setdefault(variable.known, []).append(name)
    for known, names in later.items():
        text = f"known only from {known}, after {landmark}: outcomes, not predictors"
        yield Finding("known_later", "note", tuple(names), text, "leave them out of recipes at this landmark")
    if target is None:
        return
    for name in usable:
        yield from separation(name, cohort.frame[name].iloc[target.rows], target.event, len(usable))


def leak_findings(
    table: RawTable | pd.DataFrame,
    outcome: npt.ArrayLike,
    landmark: str = "first_dose",
    dictionary: Dictionary | None = None,
) -> tuple[Finding, ...]:
    """Leaks in a table of foreign columns, judged by their names and by what they know of the outcome.

    Parameters
    ----------
    table : RawTable or DataFrame of shape (n_rows, n_columns)
        Texts or values; without the outcome's own column.
    outcome : bool array of shape (n_rows,)
        Whether the event came; NaN where unknown.
    landmark : str
        Time of prediction, one of the dictionary's landmarks.
    dictionary : Dictionary, optional
        This riskml's own by default.

    Returns
    -------
    tuple of Finding
        ``name_after_landmark``, ``known_later``, ``never_value``, ``separates_outcome``, ``level_gives_outcome``,
        ``missingness_gives_outcome``.

    Raises
    ------
    UsageError
        If there is no such landmark, or ``outcome`` has another length than the table.
    """
    dictionary = dictionary or load_dictionary()
    cells = table if isinstance(table, pd.DataFrame) else table.cells
    event = np.asarray(outcome, dtype=np.float64)
    if landmark not in dictionary.landmarks:
        raise UsageError(f"there is no landmark '{landmark}': known are {', '.join(dictionary.landmarks)}")
    if event.shape != (len(cells),):
        raise UsageError(f"outcome must hold one value for each of {len(cells):,} rows, got shape {event.shape}")
    known = np.flatnonzero(np.isfinite(event))
    findings: list[Finding] = []
    for name in map(str, cells.columns):
        findings += _by_name(name, landmark, dictionary)
        column = _values(cells[name])
        findings += _stand_in(name, column)
        findings += separation(name, column.iloc[known], event[known] == 1, len(cells.columns))
    return tuple(findings)


def _by_name(name: str, landmark: str, dictionary: Dictionary) -> Iterator[Finding]:
    remedy = "find out when it was recorded; leave it out unless that was before the landmark"
    hit = dictionary.find(name)
    if hit is not None and hit[0].kind != "identifier" and not dictionary.usable_at(hit[0], landmark):
        text = f"the dictionary knows it as {hit[0].name}, known only from {hit[0].known}, after {landmark}"
        yield Finding("known_later", "warning", (name,), text, "leave it out: it is no predictor at this landmark")
        return
    spoken = None if hit is not None else name_speaks(name, landmark, dictionary.landmarks)
    if spoken is not None:
        reason, sure = spoken
        yield Finding("name_after_landmark", "warning" if sure else "note", (name,), reason, remedy)


def _values(column: pd.Series) -> pd.Series:
    """Numbers where every filled cell is one, else text; blanks are missing."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    text = column.astype(object).map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
    text = text.where(text.notna() & (text != ""), None)
    number = pd.to_numeric(text, errors="coerce")
    return number.astype(np.float64) if bool((number.notna() | text.isna()).all()) else text


def _stand_in(name: str, column: pd.Series) -> Iterator[Finding]:
    """A time with a huge value for "never" tells whether the event ever came."""
    if column.dtype.kind != "f":
        return
    value = column.to_numpy()
    value = value[np.isfinite(value)]
    top = value.max(initial=0.0)
    others = value[value < top]
    if len(others) < _MIN_LEVEL or top <= 0:
        return
    share = float(np.mean(value == top))
    if share >= _STAND_IN_SHARE and (value == top).sum() >= 2 and top >= _STAND_IN_FACTOR * others.max(initial=0.0) > 0:
        text = f"the value {top:g} in {share:.0%} of rows stands for 'never': the others say when it happened"
        remedy = "leave it out unless it happened before the landmark; never treat the stand-in as a number"
        yield Finding("never_value", "warning", (name,), text, remedy)


def separation(name: str, column: pd.Series, event: BoolArray, n_columns: int = 1) -> Iterator[Finding]:
    """What one column knows of the outcome beyond what any honest predictor could.

    Parameters
    ----------
    name : str
        The column.
    column : Series of shape (n_rows,)
        Numbers, or text; missing where unknown.
    event : bool array of shape (n_rows,)
        Whether the event came.
    n_columns : int
        Columns looked at, for Bonferroni's correction.

    Yields
    ------
    Finding
        ``separates_outcome``: AUC of .95 or more with five events and five without; ``level_gives_outcome``: a level of
        ten rows or more in which at least 95 % (or none, where ten were expected) had the event;
        ``missingness_gives_outcome``: the same for being missing.
    """
    step = max(1, len(event) // _MOST_ROWS)  # near-certainty shows in any fifty thousand rows
    column, event = column.iloc[::step], event[::step]
    remedy = "find out when and for whom it was recorded; leave it out unless that was before the landmark"
    missing = column.isna().to_numpy()
    alpha = _ALPHA / max(n_columns, 1)
    for flag in (missing, ~missing):
        rate = _near_certain(flag, event, alpha)
        if rate is not None and not missing.all() and missing.any():
            state = "missing" if flag is missing else "known"
            text = f"{rate} of the {flag.sum():,} rows where it is {state} ({event[~flag].mean():.0%} of the others)"
            yield Finding("missingness_gives_outcome", "warning", (name,), f"the event came in {text}", remedy)
            break
    if column.dtype.kind in "biuf":
        value = np.asarray(column, dtype=np.float64)
        area = _auc(value[~missing], event[~missing])
        if area is not None and max(area, 1 - area) >= _AUC:
            text = f"it alone tells who had the event (AUC {max(area, 1 - area):.3f})"
            yield Finding("separates_outcome", "warning", (name,), text, remedy)
            return
    yield from _levels(name, column, event, alpha, remedy)


def _levels(name: str, column: pd.Series, event: BoolArray, alpha: float, remedy: str) -> Iterator[Finding]:
    """Levels of a column of few values in which the outcome is as good as decided."""
    codes, levels = pd.factorize(column)
    if not 2 <= len(levels) <= _MOST_LEVELS:
        return
    decided = []
    for code, level in enumerate(levels):
        rate = _near_certain(codes == code, event, alpha)
        if rate is not None:
            shown = "a date" if are_dates([str(level)]) else printable(str(level), 40)  # dates identify
            decided.append(f"'{shown}' ({rate} of {(codes == code).sum():,} rows)")
    if decided:
        chosen = any(word in name.casefold() for word in _SELECTION)
        why = ": its patients may have been selected by their outcome" if chosen else ""
        remedy = "never pool these rows with the others" if chosen else remedy
        text = f"the event is as good as decided by {', '.join(decided)}, {event.mean():.0%} overall{why}"
        yield Finding("level_gives_outcome", "warning", (name,), text, remedy)


def _near_certain(flag: BoolArray, event: BoolArray, alpha: float) -> str | None:
    """The share of events among the flagged rows in words, where it is next to all or none and no accident."""
    n, came = int(flag.sum()), int(event[flag].sum())
    others = len(event) - n
    if n < _MIN_LEVEL or others < _MIN_LEVEL or event.sum() < MIN_EVENTS:
        return None
    # The rate of the others, drawn towards one half by a row each way so that none and all leave room for chance.
    base = (float(event[~flag].sum()) + 1) / (others + 2)
    if came >= _SURE * n and bdtrc(came - 1, n, base) < alpha:
        return "all" if came == n else f"{came / n:.0%}"
    if came <= _NEVER * n and n * base >= _MIN_EXPECTED and (1 - base) ** n < alpha:
        return "none"
    return None


def _auc(value: FloatArray, event: BoolArray) -> float | None:
    """Area under the ROC curve by ranks (Hanley JA, McNeil BJ. Radiology 1982;143:29-36); None with too few events."""
    n_events = int(event.sum())
    if min(n_events, len(event) - n_events) < MIN_EVENTS:
        return None
    ranks = pd.Series(value).rank().to_numpy()
    return float((ranks[event].sum() - n_events * (n_events + 1) / 2) / (n_events * (len(event) - n_events)))
