"""Where an axis of estimates ends: it holds what is typical, so that one wild interval does not flatten the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Any, Literal

from riskml.reporting.figures.canvas import finite
from riskml.reporting.words import MINUS

Scale = Literal["linear", "log"]
# Arms of a typical interval that an axis shows beyond the typical estimate, and beyond the last one kept.
_KEPT, _BEYOND = 4.0, 3.0
_LOG_TICKS = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
_FINE_TICKS = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)]


@dataclass(frozen=True, slots=True)
class Reach:
    """Where an axis ends, and what is beyond it; ``low`` and ``high`` on its own scale (logarithms if ``log``)."""

    low: float
    high: float
    log: bool

    @classmethod
    def of(cls, estimates: Sequence[Sequence[float]], also: Sequence[float], scale: Scale) -> Reach:
        """Limits that hold the typical estimates with their intervals, and ``also``, not what is far from them.

        Parameters
        ----------
        estimates : sequence of (value, low, high)
            With nan for what is not known.
        also : sequence of float
            References and whatever else is to be inside.
        scale : {"linear", "log"}
        """
        log = scale == "log"
        triples = [[_scaled(v, log) for v in estimate] for estimate in estimates]
        inside = finite(_scaled(v, log) for v in also)
        values = finite(t[0] for t in triples) or inside or [0.0]
        widths = [abs(end - t[0]) for t in triples for end in t[1:] if 0 < abs(end - t[0]) < math.inf]
        # The lower medians are among the numbers themselves, so that something is always kept.
        centre, width = median_low(values), median_low(widths) if widths else 0.0
        reach = _KEPT * width or max(abs(v - centre) for v in values)
        kept = [*(v for v in values if abs(v - centre) <= reach), *inside]
        ends = [*kept, *finite(e for t in triples for e in t)]
        low = max(min(ends), min(kept) - _BEYOND * width) if width else min(kept)
        high = min(max(ends), max(kept) + _BEYOND * width) if width else max(kept)
        # Ends that differ by rounding only are one place, and get an axis around it.
        room = 0.05 * (high - low) if high - low > 1e-6 * max(abs(low), abs(high)) else 0.5
        return cls(low - room, high + room, log)

    def place(self, value: float) -> float:
        """Where a number stands, on the axis' own scale and no further than its ends."""
        return min(max(_scaled(value, self.log), self.low), self.high)

    def side(self, value: float) -> int:
        """-1 below the axis, 0 on it, 1 above it."""
        scaled = _scaled(value, self.log)
        return (scaled > self.high) - (scaled < self.low)

    def apply(self, axes: Any) -> None:
        """Limits, and ticks that read as numbers on either scale."""
        axes.set_xlim(self.low, self.high)
        if self.log:
            shown = self._ticks(_LOG_TICKS)
            if len(shown) < 3:
                shown = self._ticks(_FINE_TICKS)
            elif len(shown) > 7:
                shown = [tick for tick in shown if f"{tick:e}"[0] == "1"]
            axes.set_xticks([math.log(t) for t in shown], [f"{t:g}" for t in shown])
        else:
            axes.locator_params(axis="x", nbins=5)
            axes.xaxis.set_major_formatter(lambda x, _: f"{x:.3g}".replace("-", MINUS))

    def _ticks(self, candidates: Sequence[float]) -> list[float]:
        return [tick for tick in candidates if self.low <= math.log(tick) <= self.high]


@dataclass(frozen=True, slots=True)
class Part:
    """An axis drawn on part of a sheet, from ``left`` to ``right``."""

    reach: Reach
    left: float
    right: float

    def place(self, value: float) -> float:
        """As :meth:`Reach.place`, on the sheet."""
        share = (self.reach.place(value) - self.reach.low) / (self.reach.high - self.reach.low)
        return self.left + share * (self.right - self.left)

    def side(self, value: float) -> int:
        """As :meth:`Reach.side`."""
        return self.reach.side(value)


def _scaled(value: float, log: bool) -> float:
    if not log:
        return value
    return math.log(value) if value > 0 else (-math.inf if value <= 0 else math.nan)
