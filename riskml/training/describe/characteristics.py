"""Who the patients were: each characteristic by group, with what is missing, a test and an effect with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.cohort.cohort import Cohort
from riskml.cohort.derive import with_inputs
from riskml.runtime.dictionary import Variable, load_dictionary
from riskml.runtime.small_cells import count
from riskml.training.describe.agreeing import agreeing, difference_text, p_bound, span_text
from riskml.training.describe.disclosure import exact, protected, with_share
from riskml.training.describe.group_tests import (
    Comparison,
    explained,
    firth_odds_ratio,
    fisher,
    interval_text,
    kruskal_wallis,
    mann_whitney,
    marked,
    risk_difference,
    superiority,
)
from riskml.training.describe.grouping import ALL, TRISTATE, Grouping, grouping
from riskml.training.describe.merging import is_ordered, joined, name_of
from riskml.training.describe.table import NOT_SHOWN, Part, Row, Table, spread
from riskml.training.metrics.intervals import Interval

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
# Published: relapsed, refractory or MRD-positive at the first dose (measurable) against MRD-negative.
BY = "status_group"
LATEST = "first_dose"
KINDS = ("number", "integer", "category", "tristate")
# What the file is, not what the patients are.
NOT_ABOUT_PATIENTS = ("data_origin", "cycle_index", "mrd_below_lod")
LATE = "The groups were known only after the first dose: differences describe, and are no causes or predictors yet."
NOTHING = "–"


def characteristics(
    cohort: Cohort, *, by: str | None = BY, names: Sequence[str] | None = None, internal: bool = False
) -> Part:
    """Characteristics known by the first dose, one row a patient (the first course), by group.

    Numbers stand as median and quartiles, with Mann-Whitney's test of two groups and Kruskal and Wallis's of more;
    levels as n (%) of those known, with Fisher's exact test or, above two by two, Freeman and Halton's. Beside P
    stands, for two groups, the effect of the first over the second: the difference of the shares with Newcombe's
    interval, or for numbers the probability of superiority with DeLong's. For more groups no one number says how they
    differ, and none is given.

    Parameters
    ----------
    cohort : Cohort
    by : str or None
        A category, tri-state or lesion, derived ones included; None for one column of all.
    names : sequence of str, optional
        The variables, derived ones included; by default every column known by the first dose, in the file's order.
    internal : bool
        Show counts of 1 to 4 and ranges, and the tests of tables that hold such counts: a test and an interval tell
        the counts they were made of.

    Returns
    -------
    Part
        ``values`` of its one table: a dict for each line, with ``variable``, ``level`` (None for a number and for a
        line that stands for all levels), ``groups``, then ``n`` and ``of`` or ``known``, ``median``, ``q1`` and ``q3``,
        and ``test``, ``p_value``, ``effect`` and ``odds_ratio`` where there are such. Lines with a hidden cell are not
        in it.
    """
    dictionary = load_dictionary()
    patients = with_inputs(cohort.patients(), names or ())
    groups, missing = grouping(patients, by)
    chosen = list(names) if names is not None else [name for name in patients.frame if _described(name)]
    made_of = dictionary.definitions[by].inputs if by is not None and by in dictionary.definitions else ()
    late = len(groups.levels) > 1 and by is not None and not dictionary.usable_at(dictionary[by], LATEST)
    written = _Writer(groups, internal=internal)
    reasons = list(missing)
    for name in chosen:
        if name == by:
            continue
        if name not in patients.frame or name not in dictionary.variables:
            reasons.append(f"{name}: the cohort does not have it")
        elif patients.frame[name].isna().all():
            reasons.append(f"{name}: not known of any patient")
        else:
            written.add(dictionary[name], patients.frame[name].to_numpy(), tested=name not in made_of)
    title = "Characteristics before the first dose" + (f", by {groups.label.lower()}" if len(groups.levels) > 1 else "")
    notes = (*written.notes(), *([LATE] if late else []))
    table = Table("characteristics", title, written.columns, tuple(written.rows), notes, tuple(written.values))
    tables = (table,) if written.rows else ()
    reasons += [] if chosen else ["characteristics: the file has no column known by the first dose"]
    reasons += [] if written.rows or not written.rare else [f"{'; '.join(written.rare)}: of one to four patients"]
    return Part("characteristics", "Characteristics", tables, missing=tuple(reasons))


def _described(name: str) -> bool:
    variables = load_dictionary().variables
    usable = name in variables and variables[name].kind in KINDS and name not in NOT_ABOUT_PATIENTS
    return usable and load_dictionary().usable_at(variables[name], LATEST)


@dataclass(slots=True)
class _Writer:
    """The rows of the table as they are written, and the tests that were used."""

    groups: Grouping
    internal: bool
    rows: list[Row] = field(default_factory=list)
    values: list[dict[str, Any]] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    rare: list[str] = field(default_factory=list)
    heads: list[str] = field(init=False)

    def __post_init__(self) -> None:
        """Size of each group, then of all where there are several groups."""
        sizes = [int(np.sum(self.groups.code == code)) for code in range(len(self.groups.levels))]
        groups = tuple(range(len(sizes)))
        several = len(sizes) > 1
        whole = [(groups, len(sizes))] if several else []
        sizes += [sum(sizes)] if several else []
        self.heads = protected(sizes, whole, {len(sizes) - 1}, internal=self.internal)

    @property
    def compared(self) -> tuple[int, ...]:
        """Codes of the groups a test compares; none where there is one group alone."""
        return self.groups.known if len(self.groups.known) > 1 else ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Heads of the columns."""
        names = [*self.groups.levels, *([ALL] if len(self.groups.levels) > 1 else [])]
        shown = tuple(f"{name} (n = {size})" for name, size in zip(names, self.heads, strict=True))
        return (*shown, "Effect (95 % CI)", "P") if self.compared else shown

    def add(self, variable: Variable, column: NDArray[Any], *, tested: bool) -> None:
        """Write one variable."""
        if variable.kind in {"number", "integer"}:
            self._number(variable, np.asarray(column, dtype=np.float64), tested=tested)
        else:
            self._levels(variable, column, tested=tested)

    def _number(self, variable: Variable, column: FloatArray, *, tested: bool) -> None:
        factor = variable.quantity.factor(variable.quantity.display) if variable.quantity.display else 1.0
        shown = column / (factor or 1.0)
        samples = [shown[self.groups.code == code] for code in range(len(self.groups.levels))]
        samples += [shown] if len(samples) > 1 else []
        _, known, unknown = self._counts(np.zeros((0, len(column)), dtype=bool), np.isnan(column))
        digits = _digits(shown)
        cells = [spread(sample, digits, internal=self.internal) for sample in samples]
        compared = [samples[code] for code in self.compared] if tested else []
        test = (mann_whitney(*compared) if len(compared) == 2 else kruskal_wallis(compared)) if compared else None
        effect = superiority(*compared) if len(compared) == 2 else None
        unit = variable.quantity.display.replace("10*9", "10^9")
        last = self._last(test, interval_text(effect) if effect else NOTHING, hidden=NOT_SHOWN in cells)
        self.rows.append(Row(f"{variable.label}{f', {unit}' if unit else ''}", (*cells, *last)))
        self._unknown(unknown)
        if NOT_SHOWN not in cells and all(map(exact, known)):
            quartiles = [_quartiles(sample) for sample in samples]
            numbers = dict(zip(("q1", "median", "q3"), map(list, zip(*quartiles, strict=True)), strict=True))
            counts = {"known": [int(np.sum(~np.isnan(sample))) for sample in samples], "unit": unit}
            self._value(variable.name, None, counts | numbers, test, effect)

    def _levels(self, variable: Variable, column: NDArray[Any], *, tested: bool) -> None:
        levels, inside, unknown_rows = _members(variable, column)
        single = variable.kind == "tristate"
        if not (self.internal or single):
            levels, inside = self._joined(variable.name, levels, inside)
        texts, known, unknown = self._counts(inside, unknown_rows)
        if single and not self.internal and texts[0][-1] == count(1):
            self.rare.append(variable.label)
            return
        whole = all(exact(text) for row in [*texts, known] for text in row)
        # Where the compared columns are shown as they are, a test of them tells nothing more.
        hidden = not all(exact(row[code]) for row in [*texts, known] for code in self.compared)
        table = np.array([[np.sum(row[self.groups.code == code]) for code in self.compared] for row in inside])
        test = fisher(table) if self.compared and tested else None
        if not single:
            self.rows.append(Row(variable.label, (*[""] * len(known), *self._last(test, None, hidden=hidden))))
            if whole:
                self._value(variable.name, None, {}, test, None)
        told = (
            agreeing(texts, known[:2]) if hidden and test and len(self.compared) == len(self.heads) - 1 == 2 else None
        )
        for place, level in enumerate(levels[:1] if single else levels):
            shares = [with_share(text, of) for text, of in zip(texts[place], known, strict=True)]
            effect = self._difference(table, place) if tested else None
            text = interval_text(effect, 0, 100) if effect else NOTHING
            last = self._last(test if single else None, text, hidden=hidden)
            if told is not None:
                shares[:2] = [span_text(told, place, k, text) for k, text in enumerate(shares[:2])]
                last = (difference_text(told, place), p_bound(told, range(len(levels))) if single else "")
            self.rows.append(Row(variable.label if single else level, (*shares, *last), 0 if single else 1))
            if whole:
                counts = {"n": [_number(text) for text in texts[place]], "of": [_number(text) for text in known]}
                ratio = self._odds_ratio(table, place) if effect else None
                self._value(variable.name, level, counts, test if single else None, effect, ratio)
        self._unknown(unknown)

    def _joined(self, name: str, levels: list[str], inside: NDArray[np.bool_]) -> tuple[list[str], NDArray[np.bool_]]:
        """Levels together of which a group has one to four."""
        table = np.array([[np.sum(row[self.groups.code == code]) for code in self.groups.known] for row in inside])
        if len(levels) < 2:
            return levels, inside
        sets = joined(table, ordered=is_ordered(name))
        names = [name_of([levels[place] for place in group]) for group in sets]
        return names, np.array([inside[list(group)].any(axis=0) for group in sets])

    def _counts(
        self, inside: NDArray[np.bool_], unknown: NDArray[np.bool_]
    ) -> tuple[list[list[str]], list[str], list[str]]:
        """Each level, the known and the unknown, by group and in all; columns of hidden size are not shown."""
        lines = [*inside, ~unknown, unknown, np.ones(len(unknown), dtype=bool)]
        codes = range(len(self.groups.levels))
        matrix = np.array([[np.sum(line[self.groups.code == code]) for code in codes] for line in lines])
        width, n_levels = len(codes), len(inside)
        relations: list[tuple[tuple[int, ...], int]] = []
        if width > 1:
            matrix = np.column_stack([matrix, matrix.sum(axis=1)])
            relations += [
                (tuple(row * (width + 1) + k for k in codes), row * (width + 1) + width) for row in range(len(matrix))
            ]
        step = matrix.shape[1]
        for k in range(step):
            places = [row * step + k for row in range(len(matrix))]
            if n_levels:
                relations.append((tuple(places[:n_levels]), places[n_levels]))
            relations.append((tuple(places[n_levels : n_levels + 2]), places[-1]))
        public = {(len(matrix) - 1) * step + k for k in range(step) if exact(self.heads[k])}
        texts = protected([int(n) for n in matrix.ravel()], relations, public, internal=self.internal)
        shown = [
            [texts[row * step + k] if exact(self.heads[k]) else NOT_SHOWN for k in range(step)]
            for row in range(len(matrix))
        ]
        return shown[:n_levels], shown[n_levels], shown[n_levels + 1]

    def _unknown(self, texts: list[str]) -> None:
        if any(text != "0" for text in texts):
            self.rows.append(Row("not known", (*texts, *(("", "") if self.compared else ())), 1))

    def _difference(self, table: IntArray, place: int) -> Interval | None:
        if len(self.compared) != 2 or len(table) < 2:
            return None
        first, second = (_with_without(table[:, k], place) for k in (0, 1))
        return risk_difference(first, second)

    def _odds_ratio(self, table: IntArray, place: int) -> Interval:
        return firth_odds_ratio([_with_without(table[:, k], place) for k in (0, 1)])

    def _last(self, test: Comparison | None, effect: str | None, *, hidden: bool) -> tuple[str, ...]:
        """The effect and P, the test marked by a letter that the notes explain; empty where a line has none."""
        if not self.compared:
            return ()
        shown = NOT_SHOWN if hidden and effect not in {None, NOTHING} else effect or ""
        if test is None or hidden:
            return shown, NOT_SHOWN if test is not None else ""
        return shown, marked(test, self.tests)

    def _value(
        self,
        name: str,
        level: str | None,
        numbers: dict[str, Any],
        test: Comparison | None,
        effect: Interval | None,
        ratio: Interval | None = None,
    ) -> None:
        columns = [*self.groups.levels, *([ALL] if len(self.groups.levels) > 1 else [])]
        value = {"variable": name, "level": level, "groups": columns} | numbers
        if test is not None:
            p_value = None if math.isnan(test.p_value) else test.p_value
            value |= {"test": test.test, "p_value": p_value}
        value |= {"effect": effect.as_dict()} if effect is not None else {}
        self.values.append(value | ({"odds_ratio": ratio.as_dict()} if ratio is not None else {}))

    def notes(self) -> Iterator[str]:
        """What stands under the table."""
        whole = "; range" if self.internal else ""
        yield f"Per patient, at the first course. Numbers: median (quartiles{whole}). Levels: n (% of those known)."
        if self.rare:
            yield f"Of one to four patients each: {'; '.join(self.rare)}."
        yield "A value below a detection limit counts as the limit divided by the square root of 2, unless measured."
        if not self.compared:
            return
        yield from explained(self.tests)
        if len(self.compared) == 2:
            first, second = (self.groups.levels[code] for code in self.compared)
            yield (
                f'Effect: of levels, the share in "{first}" minus that in "{second}", in percentage points (Newcombe); '
                f'of numbers, the probability that a patient of "{first}" has the higher value, 0.50 where neither '
                "tends to (DeLong)."
            )
        else:
            yield "No effect is given for more than two groups: no one number says how they differ."
        yield "What groups are defined by, such as MRD the status, differs between them by definition."
        yield "P values are not adjusted for their number: they describe, and select nothing."
        if not self.internal:
            yield (
                "Counts of 1 to 4, what they could be worked out from, and the tests made of them are not shown, and "
                "levels of so few are joined. An effect then holds the intervals of all counts that the line leaves "
                "possible, and P says on which side of 0.05 it lies for all of them."
            )


def _members(variable: Variable, column: NDArray[Any]) -> tuple[list[str], NDArray[np.bool_], NDArray[np.bool_]]:
    """Levels that someone has, who has each (n_levels, n_rows), and of whom it is not known."""
    if variable.kind == "tristate":
        numbers = np.asarray(column, dtype=np.float64)
        return list(TRISTATE.values()), np.array([numbers == value for value in TRISTATE]), np.isnan(numbers)
    texts = np.array([value if isinstance(value, str) else "" for value in column], dtype=object)
    levels = [level for level in variable.levels if (texts == level).any()]
    return levels, np.array([texts == level for level in levels]), texts == ""


def _with_without(counts: IntArray, place: int) -> tuple[int, int]:
    return int(counts[place]), int(counts.sum() - counts[place])


def _digits(values: FloatArray) -> int:
    """Decimals that leave the lower quartile of what is not 0 two figures."""
    size = np.abs(values[~np.isnan(values) & (values != 0)])
    return int(np.clip(1 - math.floor(math.log10(np.quantile(size, 0.25))), 0, 3)) if size.size else 0


def _quartiles(values: FloatArray) -> tuple[float | None, float | None, float | None]:
    known = values[~np.isnan(values)]
    if not known.size:
        return None, None, None
    low, middle, high = (float(number) for number in np.quantile(known, [0.25, 0.5, 0.75]))
    return low, middle, high


def _number(text: str) -> int:
    return int(text.replace(",", ""))
