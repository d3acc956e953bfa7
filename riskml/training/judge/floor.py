"""What a part of the patients is too small to say, and how its size may be shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from riskml.runtime.small_cells import SMALLEST_CELL, count, counts_of_a_whole
from riskml.training.fit import LEAST_EVENTS, TrainingSet
from riskml.training.measures import Sample


def not_judged(sample: Sample) -> str | None:
    """Why no measure is computed in these patients: fewer than five had the event, or were free of a binary one.

    Their predictions can still be pooled with those of others. Five is what a fold of a training cohort needs, and the
    least count that may be shown; it makes a number possible, not precise.
    """
    had = np.unique(sample.patient[sample.event])
    sides = [(len(had), "with")]
    if sample.time is None:
        sides.append((len(np.unique(sample.patient)) - len(had), "without"))
    return next((f"not estimable: {_few(n)} patients {side} the event" for n, side in sides if n < LEAST_EVENTS), None)


def not_learned(rows: TrainingSet) -> str | None:
    """Why nothing is learned from these rows: the rule of :func:`riskml.training.fit.training_set`."""
    patients = np.unique(rows.patient)
    with_event = len(np.unique(rows.patient[rows.event]))
    for n, what in ((with_event, "with"), (len(patients) - with_event, "without")):
        if n < LEAST_EVENTS:
            return f"not estimable: {_few(n)} patients {what} the event are left to learn from"
    return None


def shown_counts(patients: Sequence[int], events: Sequence[int]) -> tuple[list[str], list[str]]:
    """Patients and events of each part of a whole as they may be shown: no small count, nor one by subtraction.

    Those without an event are a count too, by subtraction of one list from the other; where they are 1 to 4 the events
    are blurred, and with them the events of another part if the total would give them back.

    Examples
    --------
    >>> shown_counts([31, 40, 12], [29, 20, 8])
    (['31', '40', '12'], ['5 or more', '20', '5 or more'])
    """
    shown = counts_of_a_whole(events)
    for place, (n, e) in enumerate(zip(patients, events, strict=True)):
        if 0 < n - e < SMALLEST_CELL <= e:
            shown[place] = _BLURRED
    hidden = [place for place, text in enumerate(shown) if text != count(events[place]) or text.startswith("<")]
    others = [(e, place) for place, e in enumerate(events) if e >= SMALLEST_CELL and place not in hidden]
    if len(hidden) == 1 and others:
        shown[min(others)[1]] = _BLURRED
    return counts_of_a_whole(patients), shown


_BLURRED = f"{SMALLEST_CELL} or more"


def _few(number: int) -> str:
    return "no" if number == 0 else count(number)
