"""Case mix: the patients a model was made from against those it now meets, by aggregates alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from riskml.runtime.bundle import Bundle
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.model import Feature
from riskml.runtime.score import score_table
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.follow_up import potential_follow_up
from riskml.training.links import link_of
from riskml.training.measures import Sample, comparator

FloatArray = NDArray[np.float64]
DIGITS = 6
# What stands for a count of 1 to 4 that must not be shown.
_UNSEEN = SMALLEST_CELL / 2
_TRISTATE = ("absent", "present")
ALPHA = 0.05
AGGREGATES, PROTOTYPES = "training rows", "prototypes"


def summarise(
    frame: Any,
    inputs: Sequence[str],
    dictionary: Dictionary,
    link: FloatArray,
    *,
    features: Sequence[Feature] = (),
    follow_up_months: float | None = None,
) -> dict[str, Any]:
    """Aggregates of some patients, enough to compare others with them and no patient among them.

    Parameters
    ----------
    frame : DataFrame of shape (n_rows, ...)
        Columns as in a cohort; an input without a column counts as missing throughout.
    inputs : sequence of str
    dictionary : Dictionary
        Says which inputs are numbers.
    link : float array of shape (n_rows,)
        Linear predictor of each row (:func:`riskml.training.links.link_of`).
    features : sequence of Feature
        The model's own: a number that it takes as a logarithm is summarised as one.
    follow_up_months : float, optional
        Median potential follow-up of a survival cohort.

    Returns
    -------
    dict
        ``n``, ``follow_up_months``, ``link`` (``mean``, ``sd``), ``methods`` (shares of the categories by which inputs
        were measured, as far as ``frame`` has them) and ``inputs``: for each ``missing`` (share), then
        ``scale`` ("log10" with its ``floor``, or "value"), ``mean`` and ``sd`` of a number, ``levels`` (shares of
        those known) of others, or neither where fewer than five patients have it. A count of 1 to 4 is taken as 2.5
        and the difference put onto the most frequent level, so that no small count follows from a share.
    """
    found = {}
    for name in inputs:
        column = frame.get(name)
        gone = len(frame) if column is None else int(column.isna().sum())
        item: dict[str, Any] = {"missing": _share(gone, len(frame))}
        if column is not None and len(frame) - gone >= SMALLEST_CELL:
            known = column.dropna()
            if dictionary[name].kind in {"category", "tristate"}:
                values = known if dictionary[name].kind == "category" else known.map(lambda v: _TRISTATE[int(v)])
                item["levels"] = _level_shares(values)
            else:
                item |= _number(name, known.to_numpy(dtype=np.float64), features)
        found[name] = item
    methods = {
        companion: _level_shares(frame[companion].dropna())
        for companion in dict.fromkeys(c for name in inputs for c in dictionary[name].companions)
        if dictionary[companion].kind == "category"
        and companion in frame
        and frame[companion].notna().sum() >= SMALLEST_CELL
    }
    moments = _moments(np.asarray(link), np.full(len(link), 1 / len(link)))
    shown = {"n": len(frame), "follow_up_months": follow_up_months, "link": moments}
    return shown | {"inputs": found, "methods": methods}


def compare(bundle: Bundle, frame: Any, sample: Sample) -> dict[str, Any]:
    """Development against validation, input by input and by linear predictor, event rate and follow-up.

    Parameters
    ----------
    bundle : Bundle
        With ``training.case_mix`` in its manifest (:func:`summarise` of the training rows); without it the prototypes
        stand in: their spread is too small, so that only that of the new patients is used, and there are no limits
        of chance.
    frame : DataFrame of shape (n_rows, ...)
        The new patients, row for row those of ``sample``.
    sample : Sample

    Returns
    -------
    dict
        ``source``, ``n_here``, ``n_there``, ``inputs``, ``linear_predictor``, ``event_rate``, ``follow_up_months``,
        ``methods``.

    References
    ----------
    Debray TPA et al. A new framework to enhance the interpretation of external validation studies of clinical
    prediction models. J Clin Epidemiol 2015;68:279-289.
    Austin PC. Balance diagnostics for comparing the distribution of baseline covariates. Stat Med 2009;28:3083-3107.
    """
    model, there = bundle.model, development(bundle)
    here = summarise(
        frame, model.inputs, bundle.dictionary, sample.link, features=model.features, follow_up_months=followed(sample)
    )
    pooled, family = there["source"] == AGGREGATES, len(model.inputs)
    evaluation, training = bundle.manifest.get("evaluation"), bundle.manifest["training"]
    rate = evaluation["comparator"]["risk"] if evaluation else None
    if rate is None and sample.time is None:
        rate = training["n_events"] / training["n_rows"]
    return {
        "source": there["source"],
        "n_here": here["n"],
        "n_there": there["n"],
        "inputs": [_compared(bundle.dictionary, name, here, there, pooled, family) for name in model.inputs],
        "linear_predictor": _compared_links(here["link"], there["link"]),
        "event_rate": {
            "here": comparator(sample)["risk"],
            "there": rate,
            "horizon_months": None if sample.time is None else sample.horizon,
        },
        "follow_up_months": {"here": here["follow_up_months"], "there": there["follow_up_months"]},
        "methods": {"here": here["methods"], "there": there["methods"]},
    }


def development(bundle: Bundle) -> dict[str, Any]:
    """The aggregates of the training rows, or what the prototypes say of them; ``source`` tells which."""
    model, training = bundle.model, bundle.manifest["training"]
    if "case_mix" in training:
        return {"source": AGGREGATES, **training["case_mix"]}
    weights = np.array(model.weights)
    columns = {name: [row[i] for row in model.background] for i, name in enumerate(model.inputs)}
    inputs = {}
    for name, column in columns.items():
        item: dict[str, Any] = {"missing": training["missing_share"][name]}
        kind = bundle.dictionary[name].kind
        if kind == "category":
            pairs = list(zip(column, weights, strict=True))
            item["levels"] = {str(v): float(sum(w for c, w in pairs if c == v)) for v in dict.fromkeys(column)}
        elif kind == "tristate":
            share = float(weights @ np.array(column, dtype=np.float64))
            item["levels"] = {"absent": 1 - share, "present": share}
        else:
            item |= _number(name, np.array(column, dtype=np.float64), model.features, weights)
        inputs[name] = item
    at = float(bundle.manifest["horizon_months"] or 0.0)
    scores = score_table(model, columns, len(weights), (at,) if model.kind != "binary" else ())[:, 0]
    link = _moments(link_of(model, scores, at), weights)
    return {
        "source": PROTOTYPES,
        "n": training["n_rows"],
        "follow_up_months": None,
        "link": link,
        "inputs": inputs,
        "methods": {},
    }


def standardised_difference(
    here: Mapping[str, Any], there: Mapping[str, Any], *, pooled: bool = True
) -> tuple[float, int]:
    """Difference of two summaries of one input in standard deviations, and its degrees of freedom.

    Two levels have the sign of the second ("present"); more have the Mahalanobis distance of their shares (Yang D,
    Dalton JE. SAS Global Forum 2012; paper 335), which has none.

    Parameters
    ----------
    here, there : mapping
        As in the ``inputs`` of :func:`summarise`.
    pooled : bool
        Whether the standard deviation of a number is that of both or of ``here`` alone.

    Returns
    -------
    float
        nan where either side does not know the input, or nothing varies and yet they differ.
    int
        1, or the number of levels less one.
    """
    if "levels" in here and "levels" in there:
        return _level_difference(here["levels"], there["levels"])
    if "mean" not in here or "mean" not in there:
        return math.nan, 1
    difference = here["mean"] - there["mean"]
    sd = math.sqrt((here["sd"] ** 2 + there["sd"] ** 2) / 2) if pooled else here["sd"]
    return _ratio(difference, sd), 1


def missing_difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> float:
    """Difference of the missing shares in standard deviations; nan where one side has all and the other none."""
    first, second = here["missing"], there["missing"]
    return _ratio(first - second, math.sqrt((first * (1 - first) + second * (1 - second)) / 2))


def chance_limit(here: float, there: float, freedom: int, family: int) -> float:
    """How far standardised differences of one of ``family`` comparisons reach by chance in 95 of 100 (Bonferroni).

    Under equality ``n1 n2 / (n1 + n2) d^2`` is chi-squared; ``here`` and ``there`` are the known rows.
    """
    if min(here, there) <= 0:
        return math.nan
    return math.sqrt(float(chdtri(freedom, ALPHA / family)) * (1 / here + 1 / there))


def known_rows(summary: Mapping[str, Any], name: str) -> float:
    """About how many rows of a summary have an input."""
    return float(summary["n"] * (1 - summary["inputs"][name]["missing"]))


def followed(sample: Sample) -> float | None:
    """Median potential follow-up in months; None for a binary outcome, or where half are not lost by the end."""
    if sample.time is None:
        return None
    ended = sample.event if sample.cause is None else sample.cause > 0
    median = potential_follow_up(0.5, sample.time, ended, sample.entry)
    return median if math.isfinite(median) else None


def finite(number: float) -> float | None:
    """A number as JSON takes it: None for nan and infinities, six digits else."""
    return _round(number) if math.isfinite(number) else None


def _compared(
    dictionary: Dictionary, name: str, here: Mapping[str, Any], there: Mapping[str, Any], pooled: bool, family: int
) -> dict[str, Any]:
    mine, theirs = here["inputs"][name], there["inputs"][name]
    difference, freedom = standardised_difference(mine, theirs, pooled=pooled)
    # Where a value was unknown a prototype holds a stand-in: against prototypes chance has no limit.
    limit = chance_limit(known_rows(here, name), known_rows(there, name), freedom, family) if pooled else math.nan
    item: dict[str, Any] = {
        "input": name,
        "label": dictionary[name].label,
        "recorded": mine["missing"] < 1,
        "missing_here": mine["missing"],
        "missing_there": theirs["missing"],
        "missing_difference": finite(missing_difference(mine, theirs)),
        "standardised_difference": finite(difference),
        "chance_limit": finite(limit),
    }
    if "levels" in mine or "levels" in theirs:
        first, second = mine.get("levels", {}), theirs.get("levels", {})
        shares = [(level, first.get(level, 0.0), second.get(level, 0.0)) for level in {**second, **first}]
        # A side that does not know the input has no shares, which is not the same as shares of 0.
        return item | {
            "levels": [
                {"level": level, "here": a if first else None, "there": b if second else None} for level, a, b in shares
            ]
        }
    moments = {f"{key}_{side}": part.get(key) for side, part in (("here", mine), ("there", theirs)) for key in _KEPT}
    return item | {"scale": theirs.get("scale", mine.get("scale", "value"))} | moments


_KEPT = ("mean", "sd")


def _compared_links(here: Mapping[str, float], there: Mapping[str, float]) -> dict[str, float | None]:
    """Debray's two numbers: a higher mean is another risk level, a smaller spread makes ranking harder."""
    return {
        "mean_here": here["mean"],
        "mean_there": there["mean"],
        "sd_here": here["sd"],
        "sd_there": there["sd"],
        "mean_difference": finite(_ratio(here["mean"] - there["mean"], there["sd"])),
        "sd_ratio": finite(_ratio(here["sd"], there["sd"])),
    }


def _number(
    name: str, values: FloatArray, features: Sequence[Feature], weights: FloatArray | None = None
) -> dict[str, Any]:
    floor = next((f.parameter for f in features if f.op == "log10" and name in f.inputs), None)
    scaled = values if floor is None else np.log10(np.maximum(values, floor))
    weights = np.full(len(values), 1 / len(values)) if weights is None else weights
    scale = {"scale": "value"} if floor is None else {"scale": "log10", "floor": floor}
    return scale | _moments(scaled, weights)


def _moments(values: FloatArray, weights: FloatArray) -> dict[str, float]:
    mean = float(weights @ values)
    return {"mean": _round(mean), "sd": _round(math.sqrt(float(weights @ (values - mean) ** 2)))}


def _share(count: int, n: int) -> float:
    """A share that gives away no count of 1 to 4, and none of all but 1 to 4."""
    if 0 < count < SMALLEST_CELL:
        return _round(_UNSEEN / n)
    if 0 < n - count < SMALLEST_CELL:
        return _round(1 - _UNSEEN / n)
    return _round(count / n) if n else 1.0


def _level_shares(values: Any) -> dict[str, float]:
    counts = {str(level): int(count) for level, count in values.value_counts().sort_index().items()}
    whole, largest = sum(counts.values()), max(counts, key=lambda level: counts[level])
    shown = {level: _UNSEEN if count < SMALLEST_CELL else float(count) for level, count in counts.items()}
    shown[largest] = whole - sum(count for level, count in shown.items() if level != largest)
    return {level: _round(count / whole) for level, count in shown.items()}


def _level_difference(here: Mapping[str, float], there: Mapping[str, float]) -> tuple[float, int]:
    levels = list({**there, **here})
    first, second = (np.array([side.get(level, 0.0) for level in levels]) for side in (here, there))
    if len(levels) == 1:
        return 0.0, 1
    spread = (_covariance(first) + _covariance(second)) / 2
    difference = (first - second)[1:]
    squared = float(difference @ np.linalg.pinv(spread) @ difference)
    if not squared > 0 and np.abs(difference).max() > 0:
        return math.nan, len(levels) - 1
    distance = math.sqrt(max(0.0, squared))
    if len(levels) > 2:
        return distance, len(levels) - 1
    second_level = levels[1] if "present" not in levels else "present"
    sign = here.get(second_level, 0.0) - there.get(second_level, 0.0)
    return math.copysign(distance, sign), 1


def _covariance(shares: FloatArray) -> FloatArray:
    kept = shares[1:]
    return np.asarray(np.diag(kept) - np.outer(kept, kept))


def _ratio(difference: float, sd: float) -> float:
    if sd > 0:
        return difference / sd
    return 0.0 if difference == 0 else math.nan


def _round(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
