"""Numbers as plain sentences: what a clinician can read aloud, with no more digits than the data carry and no hype."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from riskml.runtime.dictionary import Dictionary, Variable
from riskml.runtime.model import Feature
from riskml.runtime.shares import percent
from riskml.runtime.small_cells import SMALLEST_CELL, count

MINUS = "\N{MINUS SIGN}"
NOT_ESTIMABLE = "not estimable"
# How well a model ranks, by the upper end of each band of AUC or C.
_RANKING = (
    (0.5, "worse than chance"),
    (0.55, "hardly better than chance"),
    (0.65, "weak"),
    (0.75, "modest"),
    (0.85, "fair"),
    (math.inf, "clear"),
)
_COLUMN_NOTE = re.compile(r"^column (.+), ([\d,]+) cells?(?:, for example)?: ")
_SMALL_NUMBER = re.compile(r"\b[1-4](?= (?:rows?|synthetic|not said)\b)")
_REMARKS = {
    "below_detection": "values below a detection limit",
    "unusual_value": "values outside the usual range",
    "unit_assumed": "values whose unit had to be assumed",
}


def span(low: float, high: float) -> str:
    """``"8 to 33 %"``: two shares as one interval."""
    first, second = percent(low), percent(high)
    return second if first == second else f"{first.removesuffix(' %')} to {second}"


def share_of(share: float) -> str:
    """A share as percent, but ``"none"`` and ``"all"`` where it is exactly that."""
    return "none" if share == 0 else "all" if share == 1 else percent(share)


def signed(number: float, digits: int = 1) -> str:
    """A number with its sign, the minus as printers write it; what rounds to zero has none."""
    text = f"{number:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def decimal(number: float | None, digits: int = 2) -> str:
    """A number with ``digits`` decimals; None is what could not be estimated."""
    if number is None:
        return NOT_ESTIMABLE
    text = f"{number:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def significant(number: float, digits: int = 6) -> str:
    """A number with so many significant digits, without an exponent and without zeros that say nothing.

    Examples
    --------
    >>> significant(0.000123456789), significant(1234567.0), significant(2.5)
    ('0.000123457', '1234567', '2.5')
    """
    if not number:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(number))))
    text = decimal(number, places)
    return text.rstrip("0").rstrip(".") if "." in text else text


def ratio(number: float) -> str:
    """An odds or hazard ratio with about two significant digits."""
    if number >= 1000:
        return "over 1000"
    if number < 0.01:
        return "below 0.01"
    if number >= 100:
        return f"{round(number, -1):.0f}"
    return decimal(number, 0 if number >= 9.95 else 1 if number >= 1.995 else 2)


def with_interval(metric: Mapping[str, Any], digits: int = 2, *, scale: float = 1.0, unit: str = "") -> str:
    """``"0.72 (0.60 to 0.81)"`` from the plain fields of an interval, times ``scale``."""
    value, low, high = (None if metric[key] is None else scale * metric[key] for key in ("value", "low", "high"))
    if value is None:
        return NOT_ESTIMABLE
    if low is None or high is None:
        return f"{decimal(value, digits)}{unit} (interval not estimable)"
    return f"{decimal(value, digits)}{unit} ({decimal(low, digits)} to {decimal(high, digits)}{unit})"


def missing_share(share: float, n_rows: int | None) -> str:
    """A share of missing values as percent, blurred where it stands for one to four of ``n_rows``."""
    if share == 0:
        return "0 %"
    if not n_rows:
        return percent(share)
    missing = round(share * n_rows)
    if 0 < missing < SMALLEST_CELL:
        return f"below {100 * SMALLEST_CELL / n_rows:.2g} %"
    if 0 < n_rows - missing < SMALLEST_CELL:
        return f"above {100 - 100 * SMALLEST_CELL / n_rows:.3g} %"
    return "100 %" if missing == n_rows else percent(share)


def printed(text: str) -> str:
    """Units as they are printed: ``"0.7 10^9/L"`` becomes ``"0.7 × 10⁹/L"``, ``"30 /uL"`` becomes ``"30 /µL"``."""
    text = re.sub(r"10[*^]9/L", "10⁹/L", text).replace("/uL", "/µL")
    return re.sub(r"(?<=\d) (?=10⁹/L)", " × ", text)


def reach(low: str, high: str) -> str:
    """``"0 to 18 years"`` from two values as the dictionary shows them."""
    number, _, unit = low.partition(" ")
    first = number if unit and high.endswith(f" {unit}") else low
    return printed(low if low == high else f"{first} to {high}")


def spoken(name: str) -> str:
    """A landmark or other name of the dictionary as words: ``"first_dose"`` becomes ``"first dose"``."""
    return name.replace("_", " ")


def reason(text: str, dictionary: Dictionary) -> str:
    """Why rows were left out, with the label in place of a leading variable name."""
    name, _, rest = text.partition(" ")
    return f"{dictionary[name].label} {rest}" if name in dictionary.variables else text


def cohort_note(code: str, message: str, dictionary: Dictionary) -> str:
    """A remark of the cohort's reader without the example it gives, which is some patient's value."""
    column = _COLUMN_NOTE.match(message)
    if not column:
        return _SMALL_NUMBER.sub(f"<{SMALLEST_CELL}", message)
    found = dictionary.find(column[1])
    label = found[0].label if found else column[1]
    what = _REMARKS.get(code, f"values with the remark “{spoken(code)}”")
    return f"{label}: {what} ({count(int(column[2].replace(',', '')))} cells)"


def ranking_word(value: float) -> str:
    """How strong an AUC or C is, in one sober word or two."""
    return next(word for upper, word in _RANKING if value < upper)


def ranking(metric: Mapping[str, Any], *, survival: bool, unit: str = "patient") -> str:
    """What an AUC or C means, as pairs out of 100."""
    if metric["value"] is None:
        return "How well the model ranks could not be estimated."
    value, low, high = metric["value"], metric["low"], metric["high"]
    known = "of whom one is known to have had the event first"
    pairs = f"{unit}s {known}" if survival else f"one {unit} with and one without the event"
    name = "C" if survival else "AUC"
    text = f"{name} {with_interval(metric)}: of 100 pairs of {pairs}, about {100 * value:.0f} were ranked correctly"
    text += ", where chance would give 50. "
    if low is None or high is None:
        return f"{text}The uncertainty of this could not be estimated."
    words = [ranking_word(low), ranking_word(high)]
    if words[0] == words[1]:
        return f"{text}The ranking is {words[0]} over the whole interval."
    return f"{text}The ranking looks {ranking_word(value)}; the interval runs from {words[0]} to {words[1]}."


def gain(metric: Mapping[str, Any], comparator: str) -> str:
    """The squared error of the predictions against the comparator's."""
    if metric["value"] is None:
        return "Whether predictions come closer to what happened than the comparator's could not be estimated."
    side = "below" if metric["value"] > 0 else "above"
    text = f"The squared error was {abs(100 * metric['value']):.0f} % {side} that of {comparator}"
    if metric["low"] is None or metric["high"] is None:
        return f"{text}; the uncertainty of this could not be estimated."
    doubt = ", so no gain at all is not ruled out" if metric["low"] <= 0 < metric["value"] else ""
    ends = f"{decimal(100 * metric['low'], 0)} to {decimal(100 * metric['high'], 0)} %"
    return f"{text} (interval of the gain {ends}){doubt}."


def calibration(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Whether the level and the spread of the predictions fit what happened."""
    level, slope = metrics["observed_expected"], metrics["calibration_slope"]
    return f"{_level(level)} {_spread(slope)}"


def _level(metric: Mapping[str, Any]) -> str:
    value, low, high = metric["value"], metric["low"], metric["high"]
    if value is None or low is None or high is None:
        return "Whether predictions are too high or too low on average could not be estimated."
    shown = f"observed / expected {value:.1f}, {low:.1f} to {high:.1f}"
    if low > 1:
        return f"Events came more often than predicted ({shown})."
    if high < 1:
        return f"Events came less often than predicted ({shown})."
    if high - low <= 0.5:
        return f"Events came about as often as predicted ({shown})."
    often = "about as often" if 0.85 < value < 1.15 else f"about {value:.1f} times as often"
    return f"Events came {often} as predicted; anything from {low:.1f} to {high:.1f} times as often would fit the data."


def _spread(metric: Mapping[str, Any]) -> str:
    value, low, high = metric["value"], metric["low"], metric["high"]
    if value is None or low is None or high is None:
        return "Whether predictions are too extreme could not be estimated."
    shown = f"calibration slope {decimal(value, 1)}, {decimal(low, 1)} to {decimal(high, 1)}"
    if high < 1:
        return f"Predictions were too extreme ({shown})."
    if low > 1:
        return f"Predictions were too cautious ({shown})."
    if high - low > 1:
        return f"Whether predictions are too extreme cannot be told ({shown})."
    return f"Predictions were neither clearly too extreme nor clearly too cautious ({shown})."


def events_per_predictor(n_events: int, n_predictors: int) -> str:
    """How much information each coefficient could draw on."""
    per = n_events / n_predictors
    text = f"{count(n_events)} events for {n_predictors} coefficients, {per:.1f} each"
    if per < 5:
        return f"{text}: very few. The prior does most of the work, and single coefficients mean little."
    if per < 10:
        return f"{text}: few. Coefficients are pulled strongly towards zero and are uncertain."
    return f"{text}: enough for stable averages, not for fine distinctions between patients."


def transform(feature: Feature, dictionary: Dictionary, *, digits: int = 3) -> str:
    """What is done to the inputs before they meet their coefficient; with more ``digits`` enough to compute it."""
    variable = dictionary[feature.inputs[0]]
    if feature.op == "log10":
        return f"log10 of the value {_unit(variable)}; less than {_cut(variable, feature, digits)} counts as that"
    if feature.op == "at_least":
        return f"1 if {_cut(variable, feature, digits)} or more, else 0"
    if feature.op == "hinge":
        computed = f", {_unit(variable)}" if digits > 3 else ""
        return f"what exceeds {_cut(variable, feature, digits)}, else 0{computed}"
    if feature.op == "level":
        return f"1 if {' or '.join(feature.parameter)}, else 0"
    if variable.kind == "tristate":
        return "1 if present, 0 if absent" if len(feature.inputs) == 1 else "how many of them are present"
    return f"the value {_unit(variable)}"


def _cut(variable: Variable, feature: Feature, digits: int) -> str:
    """A transform's parameter in the unit that people read."""
    quantity, x = variable.quantity, float(feature.parameter)
    if digits <= 3:
        return printed(quantity.show(x))
    factor = (quantity.factor(quantity.display) if quantity.display else 1.0) or 1.0
    return printed(f"{significant(x / factor, digits)} {quantity.display}".strip())


def _unit(variable: Variable) -> str:
    """The unit in which the model computes, in words."""
    quantity = variable.quantity
    if quantity.canonical == "1":
        return "as a fraction (1 % is 0.01)" if quantity.display == "%" else "itself"
    same = quantity.factor(quantity.display) == 1.0
    return f"in {printed(quantity.display if same else quantity.canonical)}"


def contrast(feature: Feature, dictionary: Dictionary) -> tuple[str, float]:
    """Between whom a ratio compares, and by how much the feature differs between them."""
    variable = dictionary[feature.inputs[0]]
    if feature.op == "log10":
        return "10-fold higher value", 1.0
    if feature.op == "at_least":
        return f"{printed(variable.show(float(feature.parameter)))} or more v less", 1.0
    if feature.op == "level":
        return f"{' or '.join(feature.parameter)} v any other", 1.0
    if variable.kind == "tristate":
        return ("present v absent" if len(feature.inputs) == 1 else "each one present v absent"), 1.0
    unit = variable.quantity.display
    steps = 10 if unit == "%" else 1
    size = f"{steps} {printed(unit).removesuffix('s')}".strip()
    above = f", above {printed(variable.quantity.show(feature.parameter))}" if feature.op == "hinge" else ""
    return f"{size} more{above}", steps * (variable.quantity.factor(unit) or 1.0 if unit else 1.0)
