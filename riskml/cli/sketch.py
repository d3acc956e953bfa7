"""Drawings in plain ASCII, for a terminal of 80 columns: a curve over months, and an interval on a scale of 100."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

# Columns and rows of the drawing itself; with its scale at the left it fits 80 columns.
_WIDTH, _HEIGHT = 61, 10


def strip(value: float, low: float, high: float, average: float | None) -> str:
    """One line from 0 to 100: the interval, the estimate in it and the average.

    Examples
    --------
    >>> strip(0.2, 0.1, 0.4, 0.3)
    '0 |.....=====*====A=====..............................| 100'
    """
    places = ["." for _ in range(51)]
    for k in range(round(50 * low), round(50 * high) + 1):
        places[k] = "="
    if average is not None:
        places[round(50 * average)] = "A"
    places[round(50 * value)] = "*"
    return f"0 |{''.join(places)}| 100"


def curve(points: Sequence[tuple[float, float]], marks: Sequence[tuple[float, float, float]]) -> Iterator[str]:
    """A curve of shares over months, with intervals at some of them.

    Parameters
    ----------
    points : sequence of (month, share)
        In order; straight lines between them.
    marks : sequence of (month, low, high)
        Intervals, drawn as upright lines.
    """
    start, end = points[0][0], points[-1][0]
    cells = [[" "] * _WIDTH for _ in range(_HEIGHT + 1)]
    for month, low, high in marks:
        column = _column(month, start, end)
        for row in range(_row(high), _row(low) + 1):
            cells[row][column] = "|"
    for column in range(_WIDTH):
        month = start + (end - start) * column / (_WIDTH - 1)
        cells[_row(_at(points, month))][column] = "*"
    for row, line in enumerate(cells):
        label = f"{100 - 10 * row:>3}" if row % 5 == 0 else "   "
        yield f"  {label} |{''.join(line).rstrip()}"
    yield f"      +{'-' * _WIDTH}"
    yield "       " + _axis(start, end).rstrip()


def _row(share: float) -> int:
    return round(_HEIGHT * (1 - min(max(share, 0.0), 1.0)))


def _column(month: float, start: float, end: float) -> int:
    return round((_WIDTH - 1) * (month - start) / (end - start))


def _at(points: Sequence[tuple[float, float]], month: float) -> float:
    after = min(max(1, bisect_left(points, (month,))), len(points) - 1)
    (left, low), (right, high) = points[after - 1], points[after]
    return low + (high - low) * (month - left) / (right - left)


def _axis(start: float, end: float) -> str:
    """Months under the curve, at round ones."""
    step = next((size for size in (1, 2, 3, 6, 12, 24) if (end - start) / size <= 8), 60)
    line = [" "] * (_WIDTH + 10)
    months = [month for month in range(0, int(end) + 1, step) if month >= start]
    for month in months:
        text = f"{month} months" if month == months[-1] else f"{month}"
        place = max(0, _column(month, start, end) - len(f"{month}") // 2)
        line[place : place + len(text)] = text
    return "".join(line)
