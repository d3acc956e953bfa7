"""Courses and events of single patients, a lane each: for the site that holds the cohort, never for sharing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.figure import Figure

from riskml.reporting.figures.canvas import ACCENT, GREY, INK, PALE, blank, canvas, divided, legend, png, stamped, svg
from riskml.reporting.figures.curves import month_ticks
from riskml.training.describe.table import Lane, LaneSet

# A shape each, for what happened first named first; more kinds than shapes are marked by their number.
_SHAPES = ("D", "o", "X", "^", "s", "v", "P", "*")
MOST_LANES = 55
_LANE = 0.155  # inches
_LABEL = 18


def lanes_by_sheet(lanes: LaneSet) -> list[LaneSet]:
    """The set as figures that fit a printed page; one that fits comes back as it is."""
    return divided(lanes, "lanes", MOST_LANES, kinds=_kinds(lanes))


def swimmer(name: str, lanes: LaneSet, stamp: str = "") -> str:
    """One lane a patient: how long followed, when in a course, what happened when.

    Parameters
    ----------
    name : str
        Id, unique in the page.
    lanes : LaneSet
        Its title is the text alternative.
    stamp : str
        What a drawing must say of itself wherever it is taken, in small print below it.

    References
    ----------
    Chia PL, Gedye C, Boutros PC, Wheatley-Price P, John T. Current and evolving methods to visualize biological data in
    cancer research. J Natl Cancer Inst 2016;108:djw031.
    """
    with _sheet(lanes, stamp) as figure:
        return svg(figure, name, lanes.title)


def swimmer_picture(lanes: LaneSet, stamp: str = "") -> bytes:
    """The same drawing as PNG."""
    with _sheet(lanes, stamp) as figure:
        return png(figure)


@contextmanager
def _sheet(lanes: LaneSet, stamp: str) -> Iterator[Figure]:
    if not lanes.lanes:
        with blank("no patient with a known course") as figure:
            yield figure
        return
    kinds = _kinds(lanes)
    last = max([lane.months for lane in lanes.lanes] + [month for lane in lanes.lanes for month, _ in lane.events])
    with canvas(0.9 + 0.17 * (len(kinds) + 3) + _LANE * len(lanes.lanes)) as (figure, axes):
        axes.barh(range(len(lanes.lanes)), [lane.months for lane in lanes.lanes], height=0.62, color=PALE)
        courses = [(row, *course) for row, lane in enumerate(lanes.lanes) for course in lane.courses]
        if courses:
            rows, starts, ends = zip(*courses, strict=True)
            lengths = [end - start for start, end in zip(starts, ends, strict=True)]
            axes.barh(rows, lengths, left=starts, height=0.62, color=ACCENT, label="in a course")
        _mark(axes, lanes.lanes, kinds)
        going = [(lane.months, row) for row, lane in enumerate(lanes.lanes) if lane.going_on]
        if going:
            shown = {"marker": ">", "linestyle": "none", "color": INK, "markersize": 4.5, "clip_on": False}
            axes.plot(*zip(*going, strict=True), label="follow-up goes on", **shown)
        axes.set(xlim=(0, last or 1.0), ylim=(len(lanes.lanes) - 0.4, -0.6), xlabel="months")
        axes.set_xticks(month_ticks(last or 1.0))
        labels = [textwrap.shorten(lane.label, _LABEL, placeholder=" …") for lane in lanes.lanes]
        axes.set_yticks(range(len(labels)), labels, fontsize=7)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if courses or kinds or going:
            legend(figure)
        stamped(figure, stamp)
        yield figure


def _kinds(lanes: LaneSet) -> tuple[str, ...]:
    """Every kind of event, in one order for all the figures that a set is divided into: a shape means one thing."""
    return lanes.kinds or tuple(dict.fromkeys(what for lane in lanes.lanes for _, what in sorted(lane.events)))


def _mark(axes: Any, lanes: Sequence[Lane], kinds: Sequence[str]) -> None:
    """Events by shape, so that they are told apart without colour."""
    for number, kind in enumerate(kinds):
        at = [(month, row) for row, lane in enumerate(lanes) for month, what in lane.events if what == kind]
        if not at:
            continue
        shape = _SHAPES[number] if number < len(_SHAPES) else f"${number + 1}$"
        style = {"marker": shape, "markersize": 4.2, "markerfacecolor": "white" if number % 2 else INK}
        edge = {"markeredgecolor": INK, "markeredgewidth": 0.8, "linestyle": "none", "clip_on": False, "zorder": 3}
        axes.plot(*zip(*at, strict=True), label=kind, color=GREY, **style, **edge)
