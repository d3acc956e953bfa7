"""Reading a nomogram the way a person does: find the marks on both sides of a value."""

from __future__ import annotations

from itertools import pairwise

import pytest

from riskml.reporting.nomogram_axes import axes_of
from riskml.runtime.dictionary import Variable, load_dictionary
from riskml.runtime.members import Linear, Member
from riskml.runtime.model import PortableModel
from riskml.runtime.responses import LOGISTIC
from riskml.runtime.units import Quantity
from tests.runtime.models import transformed

PURE = Quantity("pure", "1", "", {"1": 1.0}, ("1",))
PERCENT = Quantity("fraction", "1", "%", {"1": 1.0, "%": 0.01}, ("1", "%"))


def variables_for(model, lesions=False):
    """Variables for a random model's inputs: numbers in percent, the last one a lesion if asked for."""
    names = [name for name in model.inputs if not name.startswith("level")]
    kinds = dict.fromkeys(names, "number") | (dict.fromkeys(names[-2:], "tristate") if lesions else {})
    kinds |= {name: "category" for name in model.inputs if name.startswith("level")}
    return {
        name: Variable(name, name.replace("_", " "), kinds[name], PERCENT if kinds[name] == "number" else PURE, "", "")
        for name in model.inputs
    }


def worth_of(model, name, x):
    """What one input adds to the linear predictor, by the textbook transforms of the tests."""
    pairs = zip(model.features, model.members[0].linear.coefficients, strict=True)
    return sum(c * transformed(feature, x) for feature, c in pairs if name in feature.inputs)


def span_of(axis, patient):
    """Between which worths a patient's value lies on a line."""
    values = [patient[name] for name in axis.inputs]
    ticks = [tick for run in axis.runs for tick in run.ticks]
    if isinstance(values[0], str):
        (worth,) = {tick.worth for tick in ticks if values[0] in tick.values}
        return worth, worth
    if len(ticks[0].values) == 1:  # so many of them are present
        (worth,) = {tick.worth for tick in ticks if tick.values == (sum(values),)}
        return worth, worth
    (x,) = values
    for run in axis.runs:
        for tick in run.ticks:
            if tick.values[0] <= x <= tick.values[1]:
                return tick.worth, tick.worth
        for left, right in pairwise(run.ticks):
            if left.values[1] <= x <= right.values[0]:
                return tuple(sorted((left.worth, right.worth)))
    raise AssertionError(f"{x} is not on the line")


def axes(*features, limits=None, levels=None, coefficients=None):
    """The lines of a model of these features over the dictionary's variables; coefficients are 1, 2, 3 ..."""
    inputs = tuple(dict.fromkeys(name for feature in features for name in feature.inputs))
    slopes = coefficients or tuple(float(k) for k, _ in enumerate(features, start=1))
    member = Member(1.0, Linear(0.0, tuple(slopes)), LOGISTIC)
    model = PortableModel("binary", inputs, features, (member,), (1.0,), ((0.0,) * len(inputs),), (), 0.9, limits or {})
    return axes_of(model, load_dictionary().variables, levels or {})


def written(axis):
    """The words on each run of a line, with their worth."""
    return [[(t.label, pytest.approx(t.worth, abs=1e-6)) for t in run.ticks if t.label] for run in axis.runs]
