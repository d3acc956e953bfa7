"""One outcome over time as a paper shows it: a table of estimates at chosen months and the curves, in all and by group.

A percentage of a known number of patients tells how many had the event, and a curve dates each of them. So unless they
stay with the team, no estimate is shown from which one to four events follow, alone or beside other months or groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import ndtri

from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.describe.disclosure import BLURRED, exact, protected
from riskml.training.describe.group_tests import p_text
from riskml.training.describe.grouping import ALL, NOT_KNOWN, Grouping
from riskml.training.describe.observed import LEVEL, Estimate, Observed
from riskml.training.describe.table import NOT_SHOWN, Curve, CurveSet, Row, Table
from riskml.training.metrics.gray import Gray, gray_test
from riskml.training.metrics.log_rank import LogRank, log_rank

MOST_TICKS = 8
NO_TEST = "no test"
HIDDEN = "Counts and estimates from which one to four patients or events would follow are not shown."
COARSE = (
    "Curves stand at whole months from which no count of one to four events follows, and change evenly between. They "
    "end where fewer than five patients are at risk, or the rest would tell such a count."
)
ROUGH = "a group expects fewer than five events: the P value of the log-rank test is a rough guide"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A group of patients as a line of the table; ``variable`` is empty for all patients."""

    variable: str
    level: str
    observed: Observed


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What is to be shown of one outcome.

    Attributes
    ----------
    name, title, axis : str
        Without an axis no curve is drawn.
    observed : Observed
        All patients of the analysis.
    groups : mapping of variable to Grouping
        Of the same patients, row for row.
    months : tuple of float
        Of the estimates, the most important first: where showing two would tell a small count, the first is shown.
    notes : tuple of str
    label : str
        Of the curve of all patients.
    beside : mapping of label to Observed
        Other curves of the same patients, drawn beside it.
    """

    name: str
    title: str
    axis: str
    observed: Observed
    groups: Mapping[str, Grouping]
    months: tuple[float, ...]
    notes: tuple[str, ...] = ()
    label: str = ALL
    beside: Mapping[str, Observed] = field(default_factory=dict)

    @property
    def test(self) -> str:
        """The test that compares groups, as it is named above its column."""
        if self.observed.kind == "survival":
            return "Log-rank"
        return "Gray's test" if self.observed.entry is None else NO_TEST

    def lines(self) -> list[Line]:
        """All patients, then each level that has any."""
        found = [Line("", ALL, self.observed)]
        for variable, group in self.groups.items():
            for code, level in enumerate(group.levels):
                if (group.code == code).any():
                    found.append(Line(variable, level, self.observed.some(group.code == code)))
        return found


def outcome_table(outcome: Outcome, *, internal: bool) -> Table:
    """Patients, events, estimates with standard errors, follow-up and tests of the groups, each patient once.

    Returns
    -------
    Table
        ``values`` holds a dict for each estimate shown (``group``, ``level``, ``month``, ``value``, ``se``, ``low``,
        ``high``), one for each test (``group``, ``test``, ``statistic``, ``freedom``, ``p_value``), and one for each
        difference between groups at the first of the months (``group``, ``difference_of``, ``from``,
        ``at``, ``difference``, ``low``, ``high``).
    """
    lines, tested = outcome.lines(), bool(outcome.groups) and outcome.test != NO_TEST
    shown = estimates(lines, outcome.months, internal=internal)
    counted = counts(lines, shown, internal=internal)
    months = [month for month in sorted(outcome.months) if any(month in found for found in shown)]
    tests = {name: test for name in outcome.groups if (test := compare(outcome, name)) is not None}
    rows, values, heading = [], [], ""
    for line, found, (patients, events) in zip(lines, shown, counted, strict=True):
        if line.variable != heading:
            heading = line.variable
            p = p_text(tests[heading].p_value) if heading in tests else ""
            rows.append(Row(outcome.groups[heading].label, _cells("", "", [""] * len(months), "", p, tested=tested)))
        texts = [found[month].text if month in found else NOT_SHOWN for month in months]
        follow_up = line.observed.follow_up(internal=internal)
        cells = _cells(patients, events, texts, follow_up, "", tested=tested)
        rows.append(Row(line.level, cells, indent=int(bool(heading))))
        values += _values(outcome, line, found)
    values += [_test(outcome, name, test) for name, test in tests.items()]
    effects = list(_differences(outcome, lines, shown))
    values += [numbers for numbers, _ in effects]
    columns = ("Patients", "Events", *(f"{month:g} months" for month in months), "Follow-up, months")
    notes = [*outcome.notes, _meaning(outcome), *(note for _, note in effects)]
    notes += [ROUGH[0].upper() + ROUGH[1:] + "."] if any(map(_poor, tests.values())) else []
    notes += [] if internal else [HIDDEN]
    if hidden := [f"{month:g}" for month in sorted(outcome.months) if month not in months]:
        notes.append(f"Of no group an estimate can be shown at {', '.join(hidden)} months.")
    columns += (f"{outcome.test} P",) if tested else ()
    return Table(outcome.name, outcome.title, columns, tuple(rows), tuple(notes), tuple(values))


def curve_sets(outcome: Outcome, *, internal: bool) -> list[CurveSet]:
    """The curve of all patients, then for each variable those of its groups with the test that compares them."""
    if not outcome.axis:
        return []
    lines, ticks = outcome.lines(), _ticks(float(outcome.observed.time.max(initial=0.0)))
    curves, at_risk = _curves(lines, outcome.months, internal=internal), _at_risk(lines, ticks, internal=internal)
    alone = [("", label, own) for label, own in outcome.beside.items()]
    beside = [_curves([Line(*one)], outcome.months, internal=internal)[0] for one in alone]
    found = []
    for variable in ("", *outcome.groups):
        own = [k for k, line in enumerate(lines) if line.variable == variable]
        drawn = [replace(curve, at_risk=at_risk[k]) for k in own if (curve := curves[k]) is not None]
        notes = [] if internal else [COARSE]
        if len(drawn) < len(own):
            notes.append(f"Not drawn: {', '.join(lines[k].level for k in own if curves[k] is None)}.")
        test = compare(outcome, variable) if variable else None
        if test is not None:
            rough = f"; {ROUGH}." if _poor(test) else "."
            notes.insert(0, f"{outcome.test} P {p_text(test.p_value)} ({test.freedom} df){rough}")
        name, title = outcome.name, outcome.title
        if variable:
            name, title = f"{name}_by_{variable}", f"{title}: {outcome.groups[variable].label}"
        else:
            drawn = [replace(curve, label=outcome.label) for curve in drawn]
            drawn += [replace(curve, at_risk=at_risk[0]) for curve in beside if curve is not None]
        if len(drawn) > bool(variable):  # a group alone compares nothing
            found.append(CurveSet(name, title, outcome.axis, ticks, tuple(drawn), tuple(notes)))
    return found


def _curves(lines: Sequence[Line], months: Sequence[float], *, internal: bool) -> list[Curve | None]:
    """The curve of each line; None of few patients, or where a curve would tell that there were few events."""
    if internal:
        return [line.observed.drawn(line.level) for line in lines]
    last = int(max(line.observed.time.max(initial=0.0) for line in lines))
    found: list[Curve | None] = []
    # The months of the table come first, so that the curve goes through what the table says.
    shown = estimates(lines, tuple(dict.fromkeys((*months, *map(float, range(1, last + 1))))), internal=False)
    for line, own in zip(lines, shown, strict=True):
        watched = [month for month in sorted(own) if line.observed.at_risk(month) >= SMALLEST_CELL]
        drawn = bool(watched) and not 0 < line.observed.events_by(np.inf) < SMALLEST_CELL
        found.append(line.observed.drawn(line.level, [0.0, *watched]) if drawn else None)
    return found


def _at_risk(lines: Sequence[Line], ticks: Sequence[float], *, internal: bool) -> list[tuple[str, ...]]:
    """Numbers at risk of each line at the ticks, from which no small one follows."""
    relations = _relations(lines)
    columns = [protected([line.observed.at_risk(t) for line in lines], relations, internal=internal) for t in ticks]
    return [tuple(column[k] for column in columns) for k in range(len(lines))]


def compare(outcome: Outcome, variable: str) -> LogRank | Gray | None:
    """Test of the known groups of a variable: log-rank's of survival, Gray's of an incidence.

    None where fewer than two have patients, and of an incidence with entry times, for which Gray's test has no theory.
    """
    if outcome.test == NO_TEST:
        return None
    group, all_ = outcome.groups[variable], outcome.observed
    known = np.isin(group.code, group.known)
    if np.unique(group.code[known]).size < 2:
        return None
    own = all_.some(known)
    if own.kind == "incidence":
        return gray_test(own.time, own.cause, group.code[known])
    return log_rank(own.time, own.event, group.code[known], own.entry)


def _poor(test: LogRank | Gray) -> bool:
    return isinstance(test, LogRank) and test.poor


def _differences(
    outcome: Outcome, lines: Sequence[Line], shown: Sequence[Mapping[float, Estimate]]
) -> Iterator[tuple[dict[str, Any], str]]:
    """Effect beside the tests: each group's estimate less that of the variable's first, at the first month.

    The groups are independent, so the variances add up.
    """
    month, first = outcome.months[0], dict[str, tuple[str, Estimate]]()
    for line, found in zip(lines, shown, strict=True):
        if not line.variable or month not in found or line.level == NOT_KNOWN or np.isnan(found[month].error):
            continue
        level, base = first.setdefault(line.variable, (line.level, found[month]))
        if level == line.level:
            continue
        value, error = found[month].value - base.value, float(np.hypot(found[month].error, base.error))
        low, high = value - ndtri((1 + LEVEL) / 2) * error, value + ndtri((1 + LEVEL) / 2) * error
        label = outcome.groups[line.variable].label
        named = {"group": label, "difference_of": line.level, "from": level, "at": month}
        text = f"{100 * value:z.1f} ({100 * low:z.1f} to {100 * high:z.1f})"
        yield (
            named | {"difference": float(value), "low": float(low), "high": float(high)},
            f"{label}, at {month:g} months: {line.level} less {level}, {text} percentage points.",
        )


def estimates(lines: Sequence[Line], months: Sequence[float], *, internal: bool) -> list[dict[float, Estimate]]:
    """For each line the estimates by month; those are left out from which one to four events would follow.

    Parameters
    ----------
    lines : sequence of Line
        All patients first.
    months : sequence of float
        The most important first.
    internal : bool
        Leave out none.
    """
    found: list[dict[float, Estimate]] = [{} for _ in lines]
    for month in months:
        texts = protected([line.observed.events_by(month) for line in lines], _relations(lines), internal=internal)
        for own, line, text in zip(found, lines, texts, strict=True):
            told = [0, *(line.observed.events_by(other) for other in own)]
            apart = [abs(line.observed.events_by(month) - events) for events in told]
            small = line.observed.size < SMALLEST_CELL or any(0 < events < SMALLEST_CELL for events in apart)
            if internal or (exact(text) and not small):
                own[month] = line.observed.at(month)
    return found


def counts(lines: Sequence[Line], shown: Sequence[dict[float, Estimate]], *, internal: bool) -> list[tuple[str, str]]:
    """Patients and events of each line as text, from which with the estimates shown no small count follows."""
    relations, total = _relations(lines), [line.observed.events_by(np.inf) for line in lines]
    patients = protected([line.observed.size for line in lines], relations, {0}, internal=internal)
    events = protected(total, relations, internal=internal)
    for k, line in enumerate(lines):
        later = [total[k] - line.observed.events_by(month) for month in shown[k]]
        if not internal and exact(events[k]) and any(0 < number < SMALLEST_CELL for number in later):
            events[k] = BLURRED
    return list(zip(patients, events, strict=True))


def _relations(lines: Sequence[Line]) -> list[tuple[list[int], int]]:
    """The levels of each variable add up to all patients."""
    variables = dict.fromkeys(line.variable for line in lines if line.variable)
    return [([k for k, line in enumerate(lines) if line.variable == name], 0) for name in variables]


def _cells(patients: str, events: str, texts: list[str], follow_up: str, p: str, *, tested: bool) -> tuple[str, ...]:
    return (patients, events, *texts, follow_up, *((p,) if tested else ()))


def _values(outcome: Outcome, line: Line, found: Mapping[float, Estimate]) -> list[dict[str, Any]]:
    group = outcome.groups[line.variable].label if line.variable else ""
    names = ("value", "se", "low", "high")
    return [
        {"group": group, "level": line.level, "month": month}
        | dict(zip(names, map(_number, found[month]), strict=True))
        for month in sorted(found)
    ]


def _test(outcome: Outcome, name: str, test: LogRank | Gray) -> dict[str, Any]:
    p = {"statistic": _number(test.statistic), "freedom": test.freedom, "p_value": _number(test.p_value)}
    return {"group": outcome.groups[name].label, "test": "Gray" if isinstance(test, Gray) else "log-rank"} | p


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _meaning(outcome: Outcome) -> str:
    follow_up = "follow-up is the median (quartiles) of potential follow-up, by reverse Kaplan-Meier"
    if outcome.observed.kind == "incidence":
        how = "Aalen-Johansen cumulative incidence ± standard error from pseudo-values"
    else:
        how = "Kaplan-Meier estimate ± Greenwood's standard error (log-log interval)"
    return f"One row a patient. {how}, {LEVEL:.0%} interval; {follow_up}."


def _ticks(last: float) -> tuple[float, ...]:
    """Round months from 0, under which numbers at risk find room."""
    step = next((s for s in (1, 3, 6, 12, 24, 60, 120) if last / s < MOST_TICKS), 240)
    return tuple(float(month) for month in range(0, int(last) + 1, step))
