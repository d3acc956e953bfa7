"""What describing a cohort gives: tables and curves as plain values, ready to be drawn, with small cells hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.runtime.small_cells import SMALLEST_CELL, counts_of_a_whole

FloatArray = NDArray[np.float64]
NOT_SHOWN = "not shown"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes
    ----------
    label : str
    cells : tuple of str
        One for each column; empty for a line that only heads those below it.
    indent : int
        How deep the label stands under the one above.
    """

    label: str
    cells: tuple[str, ...] = ()
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a journal prints it.

    Attributes
    ----------
    name : str
        Stem of its file.
    title : str
    columns : tuple of str
        Heads of the columns beside the labels.
    rows : tuple of Row
    notes : tuple of str
        What stands below: definitions, the tests by name, warnings.
    values : tuple of dict
        The numbers behind the cells, unrounded, for whoever computes on; empty where cells were hidden.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    values: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One step curve over months with its band, and how many were under observation.

    Attributes
    ----------
    label : str
    months, value, low, high : float arrays of shape (n_steps,)
        Steps, rising from month 0.
    at_risk : tuple of str
        One for each of the set's ``ticks``; small counts hidden.
    """

    label: str
    months: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    at_risk: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class CurveSet:
    """Curves of one figure.

    Attributes
    ----------
    name, title : str
    axis : str
        What the curves are a share of, for example ``"event-free"``.
    ticks : tuple of float
        Months under which numbers at risk stand.
    curves : tuple of Curve
    notes : tuple of str
        The test that compares them, follow-up, definitions.
    """

    name: str
    title: str
    axis: str
    ticks: tuple[float, ...]
    curves: tuple[Curve, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """One patient of a swimmer plot, without a name; months count from that patient's own start.

    Attributes
    ----------
    label : str
        Who it is in general terms, such as the disease class; never an identifier.
    months : float
        Followed until then.
    courses : tuple of (from, to)
        Months in which courses ran.
    events : tuple of (month, what)
        What happened when; the same words for the same thing in every lane.
    going_on : bool
        Whether follow-up ended without the last event.
    """

    label: str
    months: float
    courses: tuple[tuple[float, float], ...] = ()
    events: tuple[tuple[float, str], ...] = ()
    going_on: bool = False


@dataclass(frozen=True, slots=True)
class LaneSet:
    """Patients under each other, one line each: for the site that holds the cohort alone, so only where ``internal``.

    Attributes
    ----------
    name, title : str
    lanes : tuple of Lane
        In the order in which they are drawn, from the top.
    notes : tuple of str
    kinds : tuple of str
        Kinds of events, where the set is a part of one that has others too; those of the lanes by default.
    """

    name: str
    title: str
    lanes: tuple[Lane, ...]
    notes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """One time of a figure of boxes.

    Attributes
    ----------
    label : str
        When.
    low, middle, high : float
        Quartiles.
    ends : (float, float) or None
        The range, two patients' values: only where ``internal``.
    """

    label: str
    low: float
    middle: float
    high: float
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class BoxSet:
    """A variable before and later in the same patients.

    Attributes
    ----------
    name, title : str
    axis : str
        What is measured, with its unit.
    boxes : tuple of Box
        By time.
    lines : tuple of tuple of float
        A patient each, a value at each time, nan where not known; empty unless ``internal``.
    notes : tuple of str
    """

    name: str
    title: str
    axis: str
    boxes: tuple[Box, ...]
    lines: tuple[tuple[float, ...], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowBox:
    """One box of a flow diagram.

    Attributes
    ----------
    label : str
        Who is in it.
    lines : tuple of str
        How many, and what became of them.
    out : tuple of str
        Who was left out on the way to it, and why.
    """

    label: str
    lines: tuple[str, ...]
    out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowChart:
    """From the file to those whom each outcome counts.

    Attributes
    ----------
    name, title : str
    start : FlowBox
        The file.
    boxes : tuple of FlowBox
        Each reached from the start.
    notes : tuple of str
    """

    name: str
    title: str
    start: FlowBox
    boxes: tuple[FlowBox, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """What one question gives: tables, curves, and why something is not there.

    Attributes
    ----------
    name, title : str
    tables : tuple of Table
    curve_sets : tuple of CurveSet
    missing : tuple of str
        What could not be described, with the reason.
    lane_sets : tuple of LaneSet
        Empty unless ``internal``.
    box_sets : tuple of BoxSet
    charts : tuple of FlowChart
    """

    name: str
    title: str
    tables: tuple[Table, ...] = ()
    curve_sets: tuple[CurveSet, ...] = ()
    missing: tuple[str, ...] = field(default=())
    lane_sets: tuple[LaneSet, ...] = ()
    box_sets: tuple[BoxSet, ...] = ()
    charts: tuple[FlowChart, ...] = ()


def shares(counts: Sequence[int], *, internal: bool) -> list[str]:
    """``n (%)`` of each count of a whole; unless ``internal``, none from which a count of 1 to 4 follows.

    Examples
    --------
    >>> shares([12, 30], internal=False), shares([2, 40], internal=False), shares([2, 40], internal=True)
    (['12 (29 %)', '30 (71 %)'], ['<5', '5 or more'], ['2 (5 %)', '40 (95 %)'])
    """
    total = sum(counts)
    plain = [f"{n:,} ({100 * n / total:.0f} %)" if total else "0" for n in counts]
    if internal:
        return plain
    shown = counts_of_a_whole(counts)
    return [text if f"{n:,}" == mark else mark for n, text, mark in zip(counts, plain, shown, strict=True)]


def spread(values: FloatArray, digits: int, *, internal: bool, whole: bool = True) -> str:
    """Median with quartiles and, where ``whole``, the range of the known values; ``NOT_SHOWN`` for fewer than five.

    The range is left out unless ``internal``: its ends are two patients' values.
    """
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return "–"
    if len(known) < SMALLEST_CELL and not internal:
        return NOT_SHOWN
    low, middle, high = np.quantile(known, [0.25, 0.5, 0.75])
    text = f"{middle:z.{digits}f} ({low:z.{digits}f} to {high:z.{digits}f})"
    return f"{text}; {known.min():z.{digits}f} to {known.max():z.{digits}f}" if whole and internal else text
