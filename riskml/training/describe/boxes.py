"""The same patients before and later as a figure: a box at each time, and for their own site a line a patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from riskml.training.describe.displayed import enough
from riskml.training.describe.paired import ONSET, Pair
from riskml.training.describe.table import Box, BoxSet, FloatArray

SHARED = "Box: median and quartiles. Whiskers would end at single patients' values and are left out."
INSIDE = "Box: median and quartiles, whiskers to the range. Each line is a patient; for the site alone."
PAIRED = "Patients with a value before and at one later time at least, each once, with the first course that counts."


def box_sets(found: Sequence[Pair], *, internal: bool) -> tuple[BoxSet, ...]:
    """A figure for each variable that was measured again, with all its later times.

    Parameters
    ----------
    found : sequence of Pair
        As the tables of changes have them.
    internal : bool
        Draw single patients and ranges, and boxes of fewer than five.

    Returns
    -------
    tuple of BoxSet
        Those of which two times at least may be shown. What was measured at the onset of a reaction stands by itself,
        for other patients have it.

    References
    ----------
    Tukey JW. Exploratory Data Analysis. Addison-Wesley 1977, chapter 2.
    """
    by_base: dict[tuple[str, bool], list[Pair]] = {}
    for pair in found:
        by_base.setdefault((pair.base, pair.later.endswith(ONSET)), []).append(pair)
    sets = (_set(pairs, internal=internal) for pairs in by_base.values())
    return tuple(one for one in sets if len(one.boxes) > 1)


def _set(pairs: Sequence[Pair], *, internal: bool) -> BoxSet:
    first = pairs[0]
    seen = np.any([~np.isnan(pair.change) for pair in pairs], axis=0)
    columns = np.column_stack([first.before, *(pair.after for pair in pairs)])[seen]
    labels = ["before", *(pair.when for pair in pairs)]
    shown = [place for place in range(len(labels)) if enough(columns[:, place], internal=internal)]
    shown = [place for place in shown if not np.isnan(columns[:, place]).all()]
    lines = columns[:, shown] if internal else np.zeros((0, len(shown)))
    return BoxSet(
        f"changes_of_{first.later if first.later.endswith(ONSET) else first.base}",
        f"{first.label}, before and later",
        first.label,
        tuple(_box(labels[place], columns[:, place], internal=internal) for place in shown),
        tuple(tuple(line) for line in lines.tolist()),
        (PAIRED, INSIDE if internal else SHARED),
    )


def _box(label: str, values: FloatArray, *, internal: bool) -> Box:
    known = values[~np.isnan(values)]
    low, middle, high = (float(number) for number in np.quantile(known, [0.25, 0.5, 0.75]))
    return Box(label, low, middle, high, (float(known.min()), float(known.max())) if internal else None)
