"""Does a model transport: one of four conclusions, with every reason for and against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from riskml.runtime.bundle import Bundle
from riskml.runtime.shares import percent
from riskml.runtime.small_cells import count
from riskml.training.measures import Sample
from riskml.training.metrics.intervals import Interval
from riskml.training.transfer.case_mix import finite
from riskml.training.transfer.ladder import EVENTS_FOR
from riskml.training.validation_size import validation_sizes

FloatArray = NDArray[np.float64]
# Conventions of this package: a C interval that ends below 0.6, or 0.1 below what a right model would have, is a
# failure; an interval of O/E over more than a factor of 1.5 either way, or of the slope wider than 1, tells nothing.
LEAST_C = 0.6
LOST_C = 0.1
WIDE_RATIO = 1.5**2
WIDE_SLOPE = 1.0
# A share of patients outside what the model is for, or by a method it has not seen, that is worth a word.
NOTABLE = 0.1
_MOST_POINTS = 2000
_NORMAL_POINTS = 400
_SHOWN = {
    "usable": "usable as it is",
    "recalibrate": "needs recalibration",
    "not_shown": "not shown to transport",
    "cannot_tell": "cannot tell from so few events",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """What speaks for ("good") or against ("bad") using the model here, leaves that "unclear", or is a "note"."""

    topic: str
    finding: str
    words: str

    def as_dict(self) -> dict[str, str]:
        """The three fields."""
        return {"topic": self.topic, "finding": self.finding, "words": self.words}


def transport(
    bundle: Bundle,
    frame: Any,
    sample: Sample,
    metrics: Mapping[str, Interval],
    mix: Mapping[str, Any],
    member: Mapping[str, Any],
) -> dict[str, Any]:
    """The verdict on a model in new patients.

    Parameters
    ----------
    bundle : Bundle
    frame : DataFrame of shape (n_rows, ...)
        The new patients with all their columns, row for row those of ``sample``.
    sample : Sample
    metrics : mapping of name to Interval
        The first is the measure of discrimination.
    mix, member : mapping
        Of :func:`~riskml.training.transfer.case_mix.compare` and
        :func:`~riskml.training.transfer.membership.membership`.

    Returns
    -------
    dict
        ``conclusion`` ("usable", "recalibrate", "not_shown" or "cannot_tell"), ``rung`` of the updating ladder or
        None, ``words``, ``reasons`` (each ``topic``, ``finding``, ``words``), ``discrimination``, ``size``.

    Notes
    -----
    Lost discrimination comes first, then discrimination that is not established, then a fault of calibration shown by
    the events that the rung to mend it needs; where nothing is shown and an interval is wide, one cannot tell.

    References
    ----------
    van Klaveren D et al. A new concordance measure for risk prediction models in external validation settings. Stat
    Med 2016;35:4136-4152.
    Riley RD et al. Evaluation of clinical prediction models (part 2). BMJ 2024;384:e074820.
    """
    ranks = discrimination(bundle, sample, metrics, mix)
    size = sizes(sample, mix, ranks)
    judged = [_ranking(metrics, ranks), _level(metrics, size["events"]), _slope(metrics, size["events"])]
    conclusion, rung = conclude(*(reason.finding for reason in judged))
    reasons = [*judged, *_others(bundle, frame, metrics, mix, member), _size_reason(size)]
    return {
        "conclusion": conclusion,
        "rung": rung,
        "words": _words(conclusion, rung, member, size["events"], reasons),
        "reasons": [reason.as_dict() for reason in reasons],
        "discrimination": ranks,
        "size": size,
    }


def conclude(ranking: str, level: str, slope: str) -> tuple[str, str | None]:
    """The conclusion and the rung from the three findings ("good", "bad" or "unclear")."""
    if ranking == "bad":
        return "not_shown", None
    if ranking == "unclear":
        return "cannot_tell", None
    if slope == "bad":
        return "recalibrate", "intercept_and_slope"
    if level == "bad":
        return "recalibrate", "intercept"
    if "unclear" in (level, slope):
        return "cannot_tell", None
    return "usable", None


def discrimination(
    bundle: Bundle, sample: Sample, metrics: Mapping[str, Interval], mix: Mapping[str, Any]
) -> dict[str, Any]:
    """Discrimination here, at development, and what it would be in this case mix if the model were right."""
    name = next(iter(metrics))
    here, before = metrics[name], (bundle.manifest.get("evaluation") or {}).get("metrics", {}).get(name)
    moments = mix["linear_predictor"]
    normal = moments["mean_there"] + moments["sd_there"] * ndtri((np.arange(_NORMAL_POINTS) + 0.5) / _NORMAL_POINTS)
    hazard = expected = None
    if sample.time is not None:
        hazard = -np.log1p(-np.clip(sample.risk, 1e-12, 1 - 1e-12))
        expected = np.exp(normal + np.median(np.log(hazard) - sample.link))
    return {
        "measure": name,
        "here": here.as_dict(),
        "development": before,
        "change": None if before is None else difference(here, before),
        "expected_here": finite(model_based_c(sample.link, hazard)),
        "expected_there": finite(model_based_c(normal, expected)),
    }


def model_based_c(link: FloatArray, hazard: FloatArray | None = None) -> float:
    r"""C statistic that a model would have in these patients if it were right; no outcome enters.

    Binary: :math:`\sum_{p_i > p_j} p_i (1 - p_j)`, ties half, over :math:`\sum_{i \ne j} p_i (1 - p_j)`. Survival under
    proportional hazards: the mean over pairs of :math:`1 / (1 + \exp(-|l_i - l_j|))`, weighted with the probability
    :math:`1 - S_i S_j` that one of them has the event by the horizon. Censoring before it is not counted.

    Parameters
    ----------
    link : float array of shape (n_rows,)
        Log-odds or log-hazards.
    hazard : float array of shape (n_rows,), optional
        Cumulative hazard by the horizon; without it the outcome is binary.

    Returns
    -------
    float
        nan with fewer than two rows, or where nobody can have the event.

    References
    ----------
    van Klaveren D et al. Stat Med 2016;35:4136-4152.
    Gönen M, Heller G. Concordance probability and discriminatory power in proportional hazards regression. Biometrika
    2005;92:965-970 (without a horizon).
    """
    if len(link) < 2:
        return math.nan
    order = np.argsort(link, kind="stable")
    ordered = link[order]
    if hazard is None:
        return _binary_c(ordered)
    # Pairs grow with the square of the rows: beyond some thousand, groups of neighbours stand for their members.
    parts = np.array_split(np.arange(len(ordered)), min(len(ordered), _MOST_POINTS))
    point, expected = (np.array([values[part].mean() for part in parts]) for values in (ordered, hazard[order]))
    size = np.array([len(part) for part in parts], dtype=float)
    comparable = -np.expm1(-(expected[:, None] + expected)) * (np.outer(size, size) - np.diag(size))
    total = float(comparable.sum())
    return float((comparable * expit(np.abs(point[:, None] - point))).sum()) / total if total > 0 else math.nan


def _binary_c(ordered: FloatArray) -> float:
    risk = expit(ordered)
    _, start, size = np.unique(ordered, return_index=True, return_counts=True)
    clear = np.concatenate([[0.0], np.cumsum(1 - risk)])
    group = np.repeat(np.arange(len(size)), size)
    below, tied = clear[start][group], np.add.reduceat(1 - risk, start)[group] - (1 - risk)
    pairs = float(risk.sum() * (1 - risk).sum() - (risk * (1 - risk)).sum())
    return float((risk * (below + tied / 2)).sum()) / pairs if pairs > 0 else math.nan


def difference(here: Interval, before: Mapping[str, Any]) -> dict[str, float | str | None]:
    """Difference of two independent estimates with its interval from theirs.

    References
    ----------
    Zou GY, Donner A. Construction of confidence limits about effect measures: a general approach. Stat Med
    2008;27:1693-1702.
    """
    value = here.value - before["value"]
    if before["low"] is None or not math.isfinite(here.low):
        return Interval(value, math.nan, math.nan, here.level, "not estimable: one has no interval").as_dict()
    low = value - math.hypot(here.value - here.low, before["high"] - before["value"])
    high = value + math.hypot(here.high - here.value, before["value"] - before["low"])
    return Interval(value, low, high, here.level, "from the two intervals (Zou and Donner)").as_dict()


def sizes(sample: Sample, mix: Mapping[str, Any], ranks: Mapping[str, Any]) -> dict[str, Any]:
    """How many events there are and about how many a conclusive validation needs, by what is to be estimated.

    For survival the risk by the horizon stands for the prevalence; censoring before it is not counted, so that more
    may be needed.
    """
    share = float(mix["event_rate"]["here"])
    expected = ranks["expected_here"]
    c = min(max(expected if expected is not None else 0.7, LEAST_C), 0.95)
    needed = validation_sizes(c, share) if 0 < share < 1 else {}
    return {
        "patients": len(np.unique(sample.patient)),
        "events": int(sample.event.sum()),
        "events_needed": {name: math.ceil(patients * share) for name, patients in needed.items()},
        "patients_needed": dict(needed),
        "c_statistic_assumed": c,
    }


def _ranking(metrics: Mapping[str, Interval], ranks: Mapping[str, Any]) -> Reason:
    found, expected = metrics[ranks["measure"]], ranks["expected_here"]
    if not math.isfinite(found.low):
        return Reason("discrimination", "unclear", "discrimination is not estimable here")
    shown = f"{_label(ranks['measure'])} {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    before = ranks["development"]
    words = [f"{shown} here"]
    if before is not None and before["value"] is not None:
        words.append(f"{before['value']:.2f} at development")
    if expected is not None:
        words.append(f"{expected:.2f} expected in this case mix if the model were right")
    text = ", ".join(words)
    if found.high < LEAST_C or (expected is not None and found.high < expected - LOST_C):
        return Reason("discrimination", "bad", f"{text}: it ranks these patients too poorly")
    if found.low <= 0.5:
        return Reason("discrimination", "unclear", f"{text}: chance is not ruled out")
    return Reason("discrimination", "good", text)


def _level(metrics: Mapping[str, Interval], events: int) -> Reason:
    topic, found = "calibration in the large", metrics["observed_expected"]
    if not math.isfinite(found.low):
        return Reason(topic, "unclear", "calibration in the large is not estimable")
    shown = f"observed / expected {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    if found.low > 1 or found.high < 1:
        return _fault(topic, f"{shown}: risks are too {'low' if found.value > 1 else 'high'}", "intercept", events)
    if found.low <= 0 or found.high / found.low > WIDE_RATIO:
        return Reason(topic, "unclear", f"{shown}: too wide to tell")
    return Reason(topic, "good", f"no sign of wrong overall level ({shown})")


def _slope(metrics: Mapping[str, Interval], events: int) -> Reason:
    topic, found = "calibration slope", metrics["calibration_slope"]
    if not math.isfinite(found.low):
        return Reason(topic, "unclear", "the calibration slope is not estimable")
    shown = f"slope {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    if found.high < 1 or found.low > 1:
        words = f"{shown}: predictions are too {'extreme' if found.value < 1 else 'timid'}"
        return _fault(topic, words, "intercept_and_slope", events)
    if found.high - found.low > WIDE_SLOPE:
        return Reason(topic, "unclear", f"{shown}: too wide to tell")
    return Reason(topic, "good", f"no sign of wrong spread ({shown})")


def _fault(topic: str, words: str, rung: str, events: int) -> Reason:
    """A fault of calibration counts where the rung that mends it can be carried."""
    least = EVENTS_FOR[rung][0]
    if events < least:
        return Reason(topic, "unclear", f"{words}, but {events} events cannot say by how much ({least} are needed)")
    return Reason(topic, "bad", words)


def _others(
    bundle: Bundle, frame: Any, metrics: Mapping[str, Interval], mix: Mapping[str, Any], member: Mapping[str, Any]
) -> Iterator[Reason]:
    """What does not decide by itself but must be read with the conclusion."""
    smooth = metrics.get("ici")
    if smooth is not None and math.isfinite(smooth.value):
        yield Reason("calibration curve", "note", f"risks are off by {100 * smooth.value:.1f} points on average (ICI)")
    yield Reason("membership", "note", member["words"])
    moments = mix["linear_predictor"]
    if moments["sd_ratio"] is not None:
        yield Reason(
            "case mix", "note", f"spread of the linear predictor {moments['sd_ratio']:.2f} times development's"
        )
    absent = [item["input"] for item in mix["inputs"] if not item["recorded"]]
    if absent:
        listed = ", ".join(absent)
        yield Reason("inputs", "bad", f"not recorded here: {listed}; each counts as unknown in every patient")
    yield from _outside(bundle, frame)
    yield from _philadelphia(bundle, frame)
    yield from _methods(mix)


def _outside(bundle: Bundle, frame: Any) -> Iterator[Reason]:
    """Patients the model does not speak about, or whose values training never saw."""
    for name, allowed in bundle.manifest.get("applies_to", {}).items():
        if name not in frame or not frame[name].notna().any():
            yield Reason(name, "note", f"whether {name} is what the model applies to is not recorded")
            continue
        known = frame[name].dropna()
        inside = known.isin(allowed) if isinstance(allowed[0], str) else known.between(allowed[0], allowed[-1])
        if not inside.all():
            words = f"{name} outside what the model applies to in {_of(int((~inside).sum()), len(known))}"
            yield Reason(name, "bad" if (~inside).mean() >= NOTABLE else "note", words)
    for name, (low, high) in bundle.model.limits.items():
        known = frame[name].dropna() if name in frame else frame.index[:0].to_series()
        beyond = int((~known.between(low, high)).sum())
        if len(known) and beyond / len(known) >= NOTABLE:
            yield Reason(name, "note", f"{name} beyond the range of training in {_of(beyond, len(known))}")


def _philadelphia(bundle: Bundle, frame: Any) -> Iterator[Reason]:
    if "bcr_abl1" not in bundle.model.inputs or "bcr_abl1" not in frame:
        return
    positive = frame["bcr_abl1"] == 1
    unsaid = positive if "tki" not in frame else positive & frame["tki"].isna()
    if unsaid.any():
        words = f"{count(int(unsaid.sum()))} Ph+ patients without word of a tyrosine kinase inhibitor"
        yield Reason("tki", "bad", f"{words}: the effect of BCR::ABL1 does not carry over without it")


def _methods(mix: Mapping[str, Any]) -> Iterator[Reason]:
    for name, here in mix["methods"]["here"].items():
        there = mix["methods"]["there"].get(name)
        used = [level for level, share in here.items() if share >= NOTABLE]
        if there is None:
            yield Reason(
                name, "note", f"{name} here: {', '.join(used)}; the bundle does not say which it was made from"
            )
            continue
        new = [level for level in used if there.get(level, 0.0) == 0]
        if new:
            yield Reason(name, "bad", f"{name} {', '.join(new)} here, which no patient of development had")


def _size_reason(size: Mapping[str, Any]) -> Reason:
    needed, events = size["events_needed"], size["events"]
    wanted = {
        "c_statistic": "a C interval 0.1 wide",
        "observed_expected": "O/E within 0.82 to 1.22",
        "calibration_slope": "a slope within 0.8 to 1.2",
    }
    asked = [(needed[name], words) for name, words in wanted.items() if name in needed]
    listed = ", ".join(f"{number:,} for {words}" for number, words in asked)
    enough = bool(asked) and all(events >= number for number, _ in asked)
    return Reason("size", "good" if enough else "unclear", f"{events:,} events; needed are about {listed}")


def _words(conclusion: str, rung: str | None, member: Mapping[str, Any], events: int, reasons: list[Reason]) -> str:
    text = _SHOWN[conclusion]
    if conclusion == "cannot_tell":
        text += f" ({events:,})"
    if rung is not None:
        what = "level and spread" if rung == "intercept_and_slope" else "level"
        text += f" of the {what} (riskml update, rung {rung.replace('_', ' ')})"
    if conclusion == "usable" and member["verdict"] == "reproducibility":
        text += ", in patients like those of development"
    against = {"usable": ("bad",), "recalibrate": ("bad",), "not_shown": ("bad",), "cannot_tell": ("unclear", "bad")}
    why = [reason.words for reason in reasons if reason.finding in against[conclusion] and reason.topic != "size"]
    return f"{text}: {'; '.join(why)}" if why else text


def _label(name: str) -> str:
    return "AUC" if name == "auc" else "C"


def _of(part: int, whole: int) -> str:
    """A share in words that shows no count of 1 to 4."""
    return f"{count(part)} rows" if part < 5 else f"{percent(part / whole)} of rows"
