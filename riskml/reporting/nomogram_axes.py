"""The lines of a nomogram: each input's values with what they add to the linear predictor.

A linear predictor of the portable model is additive over inputs (see ``riskml.runtime.model.OPS``), so each input has
a line of its own, whatever mixture of transforms it goes through.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from riskml.reporting import words
from riskml.reporting.nomogram_runs import ALWAYS, Run, Tick, number_runs
from riskml.runtime.dictionary import Variable
from riskml.runtime.members import Linear
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.score import contributions

_LONGEST_LEVELS = 30
_SPOKEN = {"mrd": "MRD", "ph": "Ph", "pos": "positive", "neg": "negative"}


@dataclass(frozen=True, slots=True)
class Axis:
    """One line: what it is called, its unit and reach in training (empty for names), the inputs behind it.

    ``lowest`` is what a worth of 0 adds to the linear predictor, once worth is in points.
    """

    label: str
    reach: str
    inputs: tuple[str, ...]
    runs: tuple[Run, ...]
    lowest: float = 0.0

    @property
    def ends(self) -> tuple[float, float]:
        """Smallest and largest worth."""
        worths = [tick.worth for run in self.runs for tick in run.ticks]
        return min(worths), max(worths)


def axes_of(model: PortableModel, variables: Mapping[str, Variable], levels: Mapping[str, Sequence[str]]) -> list[Axis]:
    """A line for each input of a model of one linear member, in the model's order.

    Parameters
    ----------
    model : PortableModel
        Its ``limits`` are where the lines of numbers end.
    variables : mapping of str to Variable
        For labels, units and kinds.
    levels : mapping of str to sequence of str
        Which levels of a category to show.

    Returns
    -------
    list of Axis
        ``worth`` is in units of the linear predictor. Lesions that only their number tells apart share a line.
    """
    linear, found = model.members[0].linear, []
    for names in _together(model, variables):
        variable, (name, *others) = variables[names[0]], names
        label = " or ".join(variables[each].label for each in names)
        if name in levels:
            found.append(Axis(label, "", names, (_levels(model.features, linear, name, levels[name]),)))
        elif others or variable.kind == "tristate":
            found.append(Axis(label, "", names, (_present(model.features, linear, names),)))
        else:
            low, high = model.limits[name]
            if variable.kind == "integer" and math.ceil(low) <= math.floor(high):
                low, high = float(math.ceil(low)), float(math.floor(high))
            runs = number_runs(model.features, linear, variable, low, high)
            found.append(Axis(label, words.reach(variable.show(low), variable.show(high)), names, tuple(runs)))
    return found


def _together(model: PortableModel, variables: Mapping[str, Variable]) -> list[tuple[str, ...]]:
    """Inputs, those in one tuple that enter the same features: of lesions the model then only knows how many."""
    groups: dict[object, list[str]] = {}
    for name in model.inputs:
        features = tuple(place for place, feature in enumerate(model.features) if name in feature.inputs)
        groups.setdefault(features if variables[name].kind == "tristate" else name, []).append(name)
    return [tuple(names) for names in groups.values()]


def _levels(features: Sequence[Feature], linear: Linear, name: str, levels: Sequence[str]) -> Run:
    """Levels of one worth share a tick."""
    groups: dict[float, list[str]] = {}
    for level, worth in zip(levels, contributions(features, linear, name, levels), strict=True):
        groups.setdefault(worth, []).append(level)
    largest, ticks = max(groups.values(), key=len), []
    for worth, names in sorted(groups.items()):
        joined = " or ".join(map(spoken_level, names))
        long = len(joined) > _LONGEST_LEVELS and names is largest and len(groups) > 1
        ticks.append(Tick("any other" if long else joined, worth, ALWAYS, tuple(names)))
    return Run(tuple(ticks), "single")


def spoken_level(level: str) -> str:
    """A level as it is said.

    Examples
    --------
    >>> spoken_level("mrd_positive"), spoken_level("ph_pos"), spoken_level("R/R")
    ('MRD positive', 'Ph positive', 'R/R')
    """
    return " ".join(_SPOKEN.get(word, word) for word in words.spoken(level).split())


def _present(features: Sequence[Feature], linear: Linear, names: Sequence[str]) -> Run:
    """How many of some lesions are present."""
    absent, present = contributions(features, linear, names[0], (0.0, 1.0))
    if len(names) == 1:
        labels = ["absent", "present"]
    else:
        labels = ["none", "one", "both"] if len(names) == 2 else ["none", *map(str, range(1, len(names) + 1))]
    worths = [(len(names) - number) * absent + number * present for number in range(len(labels))]
    ticks = [Tick(label, w, ALWAYS, (float(n),)) for n, (label, w) in enumerate(zip(labels, worths, strict=True))]
    return Run(tuple(ticks), "single")
