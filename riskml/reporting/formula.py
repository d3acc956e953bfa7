"""The whole of a linear model in print: what it adds up and how the sum becomes an estimate, for a calculator."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from riskml.reporting import words
from riskml.reporting.examples import predictor_label
from riskml.runtime.bundle import Bundle
from riskml.runtime.members import Linear
from riskml.runtime.model import PortableModel
from riskml.runtime.responses import Calibrated, inner_of
from riskml.runtime.time_responses import Accelerated, Baseline

_SHAPES = {
    "weibull": "S(t) = exp(−exp(z))",
    "loglogistic": "S(t) = 1 / (1 + exp(z))",
    "lognormal": "S(t) = 1 − Φ(z), Φ the standard normal distribution function",
}


def formula(bundle: Bundle) -> dict[str, Any] | None:
    """The coefficients of a model of one linear member and what follows, to six significant digits; None for others.

    Returns
    -------
    dict
        ``rows`` of (predictor, how it enters, coefficient), the intercept first; ``steps`` and ``notes``, sentences;
        ``baseline``, rows of (month, cumulative hazard, survival), empty where there is none.
    """
    model = bundle.model
    if len(model.members) != 1 or not isinstance(model.members[0].predictor, Linear):
        return None
    member = model.members[0]
    rows = [["Intercept", "1 for everybody", words.significant(member.linear.intercept)]]
    for feature, coefficient in zip(model.features, member.linear.coefficients, strict=True):
        how = words.transform(feature, bundle.dictionary, digits=6)
        rows.append([predictor_label(bundle, feature), how, words.significant(coefficient)])
    baseline = []
    if member.baseline:
        pairs = zip(member.baseline.times, member.baseline.cumulative_hazard, strict=True)
        baseline = [[f"{t:g}", words.significant(h), f"{math.exp(-h):.4f}"] for t, h in pairs if t]
    return {"rows": rows, "steps": list(_steps(model)), "notes": list(_limits(bundle)), "baseline": baseline}


def no_formula(model: PortableModel) -> str:
    """What to do about a model that no table of coefficients can show; empty where one does."""
    if not model.members:
        return "This estimator of another package is a program, not a formula that a page could print."
    if len(model.members) > 1:
        return (
            f"The estimate is the average of {len(model.members)} models, weighted on the scale of the estimate. It is "
            "not printed here: the bundle's model.json holds every number of every member as plain text, and it is the "
            "model."
        )
    if not isinstance(model.members[0].predictor, Linear):
        return (
            "The model is not one sum of its inputs, so a table of coefficients could not show it: the bundle's "
            "model.json holds every number of it as plain text, and it is the model."
        )
    return ""


def _steps(model: PortableModel) -> Iterator[str]:
    """From the sum to the estimate."""
    yield "The sum is the intercept and, for each predictor, its number times its coefficient."
    response = model.members[0].response
    inner = inner_of(response)
    if isinstance(inner, Baseline):
        yield (
            "S(t) = exp(−H(t) × exp(sum)) is the share that is event-free at month t, with the cumulative hazard H(t) "
            "of the table below. Between two months H(t) runs along a straight line from the one to the other, before "
            "the first from 0 at month 0."
        )
    elif isinstance(inner, Accelerated):
        scale = words.significant(inner.scale)
        yield f"With z = (ln t − sum) / {scale}, {_SHAPES[inner.distribution]} is event-free at month t."
    else:
        yield "Risk = 1 / (1 + exp(−sum))."
    if isinstance(response, Calibrated):
        a, b = words.significant(response.intercept), words.significant(response.slope)
        if model.kind == "binary":
            yield f"This risk p is recalibrated: the risk is q with ln(q / (1 − q)) = {a} + {b} × ln(p / (1 − p))."
        else:
            yield f"This S is recalibrated: the share that is event-free is Q with ln(−ln Q) = {a} + {b} × ln(−ln S)."


def _limits(bundle: Bundle) -> Iterator[str]:
    """How values below a detection limit count."""
    variables = [bundle.dictionary[name] for name in bundle.model.inputs]
    if any(variable.left_censored for variable in variables):
        yield (
            "A value that is only known to lie below a detection limit counts as the limit divided by √2 = 1.41421 "
            "(Hornung RW, Reed LD. Appl Occup Environ Hyg 1990;5:46-51)."
        )
    for variable in variables:
        if variable.limit_of_detection is not None:
            limit = words.printed(variable.quantity.show(variable.limit_of_detection))
            yield f"{variable.label}: “negative”, 0 or “not detected” without a limit means below {limit}."
