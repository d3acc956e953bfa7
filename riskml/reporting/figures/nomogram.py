"""A nomogram: points above, a line an input, the total and what it means below; wide enough to be used on paper.

Every place is worked out before anything is drawn, from the widths that words have, so that none meets another.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, count, repeat
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from riskml.reporting.figures.canvas import ACCENT, GREY, INK, PALE, STYLE, canvas, svg
from riskml.reporting.nomogram_runs import ALWAYS, NEVER, SOON, Tick, round_numbers

if TYPE_CHECKING:
    from riskml.reporting.nomogram import Nomogram
    from riskml.reporting.nomogram_axes import Axis
    from riskml.reporting.nomogram_runs import Run

# All in points of 1/72 inch: a sheet as wide as the text of an A4 page.
_SHEET = 497.0
_NAMES, _LEFT, _RIGHT = 132.0, 152.0, 476.0
_EDGE = 17.0  # that far words of a tick may reach beyond the ends of the lines
_BIG, _MIDDLE, _SMALL = 8.5, 7.5, 7.0
_LINE, _TICK, _GAP = 9.5, 4.0, 3.5
# How close marks may stand: of round numbers, and of those between them.
_CLOSE, _CROWDED = 1.2, 2.4


@dataclass(slots=True)
class _Sheet:
    """Lines by colour and width (the pale ones lie lowest), words, and how far down the sheet is used."""

    top: float = 4.0
    lines: dict[tuple[str, float], list[tuple[float, float]]] = field(default_factory=dict)
    words: list[tuple[float, float, str, dict[str, Any]]] = field(default_factory=list)

    def line(self, xs: Sequence[float], ys: Sequence[float], color: str = INK, width: float = 0.8) -> None:
        # Lines of one look are one path with gaps: a tenth of the file that each by itself would take.
        self.lines.setdefault((color, width), []).extend([*zip(xs, ys, strict=True), (math.nan, math.nan)])

    def text(self, x: float, y: float, text: str, size: float, **style: Any) -> None:
        self.words.append((x, y, text, {"fontsize": size, "va": "center", "ha": "left", "color": INK} | style))


def nomogram(name: str, shown: Nomogram, *, title: str, heading: Sequence[str] = (), notes: Sequence[str] = ()) -> str:
    """Draw a nomogram.

    Parameters
    ----------
    name, title : str
        Id, unique in the page, and text alternative.
    shown : Nomogram
    heading : sequence of str
        For a file of its own: what stands above the drawing, the first as its title.
    notes : sequence of str
        Small print below it, likewise.
    """
    sheet = _Sheet()
    for size, text in zip(chain([_BIG + 1.5], repeat(_MIDDLE)), heading, strict=False):
        for line in wrapped(text, size, _SHEET - 8, bold=True):
            sheet.text(4, sheet.top + 0.7 * size, line, size, weight="bold")
            sheet.top += 1.4 * size
    sheet.top += 6 * bool(heading)
    hundred = [Tick("0", 0.0, ALWAYS, ()), *_scale(100.0), Tick("100", 100.0, ALWAYS, ())]
    start = _row(sheet, "Points", "", [(hundred, "linear", -1)], 100.0, bold=True)
    for axis in shown.axes:
        for number, lanes in enumerate(_lanes(axis)):
            _row(sheet, "" if number else axis.label, "" if number else axis.reach, lanes, 100.0)
    _rules(sheet, hundred, 100.0, start, sheet.top)
    sheet.top += 8
    total = [Tick("0", 0.0, ALWAYS, ()), *_scale(shown.most), Tick(f"{shown.most:.0f}", shown.most, ALWAYS, ())]
    start = _row(sheet, "Total points", "", [(total, "linear", -1)], shown.most, bold=True)
    for answer in shown.answers:
        _row(sheet, answer.label, "", [(answer.ticks, "linear", 1)], shown.most, bold=True, whole=True)
    _rules(sheet, total, shown.most, start, sheet.top)
    sheet.top += 8 * bool(notes)
    for note in notes:
        for line in wrapped(note, _SMALL, _SHEET - 8):
            sheet.text(4, sheet.top + 5, line, _SMALL, color=GREY)
            sheet.top += 9
    return _drawn(sheet, name, title)


def _drawn(sheet: _Sheet, name: str, title: str) -> str:
    height = sheet.top + 4
    # Every mark counts: none may be taken out for being near the next.
    with canvas(height / 72, _SHEET / 72) as (figure, axes), mpl.rc_context({"path.simplify": False}):
        figure.set_layout_engine("none")
        axes.set_position((0, 0, 1, 1))
        axes.set(xlim=(0, _SHEET), ylim=(height, 0))
        axes.set_axis_off()
        for (color, width), places in sorted(sheet.lines.items(), key=lambda item: item[0][0] != PALE):
            xs, ys = zip(*places, strict=True)
            axes.plot(xs, ys, color=color, linewidth=width, solid_capstyle="butt", clip_on=False)
        for x, y, text, style in sheet.words:
            axes.text(x, y, text, **style)
        return svg(figure, name, title)


def _scale(end: float) -> Iterator[Tick]:
    """Round points between 0 and ``end``."""
    for points, rank in round_numbers(0.0, end, most=14):
        yield Tick(f"{points:g}" if rank < NEVER else "", points, rank, ())


def _lanes(axis: Axis) -> Iterator[list[tuple[Sequence[Tick], str, int]]]:
    """The runs of a line: those that overlap take its two sides, and where that is too little a line more."""
    lanes: list[list[Run]] = []
    for run in axis.runs:
        free = (lane for lane in lanes if not any(_overlap(run, other) for other in lane))
        lane = next(free, None)
        if lane is None:
            lanes.append([run])
        else:
            lane.append(run)
    for first in range(0, len(lanes), 2):
        pair = zip(lanes[first : first + 2], (1, -1), strict=False)
        yield [(run.ticks, run.scale, side) for lane, side in pair for run in lane]


def _overlap(run: Run, other: Run) -> bool:
    (a, b), (c, d) = (sorted((r.ticks[0].worth, r.ticks[-1].worth)) for r in (run, other))
    return a <= d and c <= b


def _row(
    sheet: _Sheet,
    label: str,
    reach: str,
    lanes: Sequence[tuple[Sequence[Tick], str, int]],
    full: float,
    *,
    bold: bool = False,
    whole: bool = False,
) -> float:
    """One line with its marks and words; gives the place of the line. ``whole`` draws it over all of the scale."""
    names = [(text, _BIG) for text in wrapped(label, _BIG, _NAMES, bold=bold)]
    names += [(text, _MIDDLE) for text in wrapped(reach, _MIDDLE, _NAMES)]
    folded = len({side for _, _, side in lanes}) > 1
    taken: dict[int, list[tuple[float, float]]] = {}
    placed = [place for ticks, _, side in lanes for place in _words(ticks, side, full, taken, one_side=folded or bold)]
    above, below = (max((row * way for row, *_ in placed), default=0) for way in (-1, 1))
    over = max(_TICK + 2 + _LINE * max(above, 0), 5 * len(names))
    under = max(_TICK + 2 + _LINE * max(below, 0), 5 * len(names))
    y = sheet.top + 2 + over
    for place, (text, size) in enumerate(names):
        middle = y + _LINE * (place - (len(names) - 1) / 2)
        style = {"color": GREY} if size == _MIDDLE else {"weight": "bold"} if bold else {}
        sheet.text(4, middle, text, size, **style)
    color = INK if bold else ACCENT
    for ticks, scale, side in lanes:
        ends = (0.0, full) if whole else (ticks[0].worth, ticks[-1].worth)
        sheet.line([_at(end, full) for end in ends], (y, y), color, 1.1 if scale != "single" else 0.6)
        rows = {x: row for row, x, *_ in placed}
        for x, length, tick in _marks(ticks, full):
            way = (rows[x] > 0) - (rows[x] < 0) if tick.label and x in rows else side
            sheet.line((x, x), (y, y + way * length), color)
    for row, x, centre, text in placed:
        middle = y + (_TICK + 5) * (1 if row > 0 else -1) + _LINE * (row - (1 if row > 0 else -1))
        if abs(row) > 1:
            sheet.line((x, centre), (y, middle), PALE, 0.6)
        sheet.text(centre, middle, text, _MIDDLE, ha="center", bbox=_PAPER)
    sheet.top = y + under
    return y


_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}


def _words(
    ticks: Iterable[Tick], side: int, full: float, taken: dict[int, list[tuple[float, float]]], *, one_side: bool
) -> Iterator[tuple[int, float, float, str]]:
    """Row (1 below, -1 above the line, and further), mark, middle and text of each label that has room.

    Those that must stand find a row of their own; the others give way, the less round ones first.
    """
    for tick in sorted((tick for tick in ticks if tick.label), key=lambda tick: tick.rank):
        x, half = _at(tick.worth, full), width_of(tick.label, _MIDDLE) / 2
        centre = min(max(x, _LEFT - _EDGE + half), _RIGHT + _EDGE - half)
        span = (centre - half - _GAP, centre + half + _GAP)
        ways = (side,) if one_side else (side, -side)
        rows = (way * far for far in count(1) for way in ways) if tick.rank == ALWAYS else iter((side,))
        for row in rows:
            if all(span[1] <= low or high <= span[0] for low, high in taken.setdefault(row, [])):
                taken[row].append((span[0] + _GAP, span[1] - _GAP))
                yield row, x, centre, tick.label
                break


def _marks(ticks: Sequence[Tick], full: float) -> Iterator[tuple[float, float, Tick]]:
    """Place and length of each mark; where they would run into each other only the rounder ones stay."""
    kept: list[float] = []
    for tick in sorted(ticks, key=lambda tick: tick.rank):
        x, room = _at(tick.worth, full), _CROWDED if tick.rank == NEVER else _CLOSE
        if tick.rank == ALWAYS or all(abs(x - other) >= room for other in kept):
            kept.append(x)
            yield x, _TICK if tick.rank <= SOON else _TICK * (0.5 if tick.rank == NEVER else 0.75), tick


def _rules(sheet: _Sheet, ticks: Iterable[Tick], full: float, top: float, bottom: float) -> None:
    """Pale lines from a scale down through what is read against it."""
    for tick in ticks:
        if tick.rank < NEVER:
            sheet.line((_at(tick.worth, full),) * 2, (top, bottom), PALE, 0.5)


def _at(worth: float, full: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * worth / full


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of text is, in points of 1/72 inch."""
    font = FontProperties(family=str(STYLE["font.family"]), size=size, weight="bold" if bold else "normal")
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def wrapped(text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """Text in lines no wider than ``width``; a word that is wider is broken."""
    longest = len(text)
    while longest > 1:
        lines = textwrap.wrap(text, longest)
        widest = max((width_of(line, size, bold=bold) for line in lines), default=0.0)
        if widest <= width:
            return lines
        longest = min(longest - 1, int(longest * width / widest) + 1)
    return list(text)
