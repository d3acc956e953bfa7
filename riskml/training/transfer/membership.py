"""Membership: how well inputs, gaps and outcome tell a new patient from one the model was made from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ncfdtr, ndtr
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from riskml.runtime.bundle import Bundle
from riskml.training.measures import Sample, comparator
from riskml.training.metrics.intervals import Interval, auc_interval
from riskml.training.transfer.case_mix import (
    AGGREGATES,
    development,
    missing_difference,
    standardised_difference,
    summarise,
)

FloatArray = NDArray[np.float64]
# A c of 0.6 is 0.36 standard deviations between two normal groups: a small difference (Cohen 1988) and a convention.
SIMILAR = 0.6
LEVEL = 0.95
FOLDS = 5
# Beyond it the square root of Hotelling's statistic T^2 is normal with variance 1 + T^2 / 2n to any digit shown.
_LARGE = 5000.0
_Z = 1.959963984540054


def membership(bundle: Bundle, frame: Any, sample: Sample) -> dict[str, Any]:
    r"""The c statistic of membership from the aggregates in a bundle, without any development row.

    Development and new patients are taken as two normal groups with one covariance: the difference d of their means in
    standard deviations comes from the aggregates, the correlation R (shrunken to independence) from the new patients.
    The best linear combination then tells them apart with :math:`c = \Phi(\sqrt{D^2 / 2})`, where D^2 = d' R^-1 d less
    its bias; the interval inverts Hotelling's noncentral F.

    Parameters
    ----------
    bundle : Bundle
    frame : DataFrame of shape (n_rows, ...)
        The new patients, row for row those of ``sample``. Inputs that nobody has do not enter: they say how data were
        collected, not who the patients are.
    sample : Sample

    Returns
    -------
    dict
        ``method``, ``c`` (an interval's fields), ``verdict`` ("reproducibility", "transportability" or "undecided"),
        ``words``, ``strongest`` (the names that differ most, at most three).

    References
    ----------
    Debray TPA et al. A new framework to enhance the interpretation of external validation studies of clinical
    prediction models. J Clin Epidemiol 2015;68:279-289 (the membership model).
    Su JQ, Liu JS. Linear combinations of multiple diagnostic markers. J Am Stat Assoc 1993;88:1350-1355 (c of two
    normal groups).
    Reiser B. Confidence intervals for the Mahalanobis distance. Commun Stat Simul Comput 2001;30:37-45.
    """
    there = development(bundle)
    names = recorded(bundle, frame)
    here = summarise(frame, names, bundle.dictionary, sample.link, features=bundle.model.features)
    pooled = there["source"] == AGGREGATES
    differences: dict[str, float] = {}
    freedom: dict[str, int] = {}
    for name in names:
        mine, theirs = here["inputs"][name], there["inputs"][name]
        differences[name], freedom[name] = standardised_difference(mine, theirs, pooled=pooled)
        if max(mine["missing"], theirs["missing"]) > 0:
            differences[f"{name} missing"] = missing_difference(mine, theirs)
    differences["outcome"] = _outcome_difference(bundle, sample)
    known = {name: d for name, d in differences.items() if math.isfinite(d)}
    d, correlation = _aligned(known, membership_columns(bundle, frame, sample))
    width = sum(freedom.get(name, 1) for name in known)
    found = normal_c(d, correlation, here["n"], there["n"], width)
    strongest = sorted((name for name in known if known[name] != 0), key=lambda name: -abs(known[name]))[:3]
    return _result(found, f"two normal groups, development from {there['source']}", strongest)


def membership_of_rows(
    bundle: Bundle, ours: tuple[Any, Sample], theirs: tuple[Any, Sample], *, seed: int = 0
) -> dict[str, Any]:
    """The same from rows of both cohorts: a ridge logistic membership model, judged by five-fold cross-validation.

    Parameters
    ----------
    bundle : Bundle
    ours, theirs : (DataFrame, Sample)
        The new and the development patients.
    seed : int
        Deals patients into folds.

    Returns
    -------
    dict
        As :func:`membership`.

    References
    ----------
    Debray TPA et al. J Clin Epidemiol 2015;68:279-289.
    """
    names = [name for name in recorded(bundle, ours[0]) if name in recorded(bundle, theirs[0])]
    frame = pd.concat([part[0].reindex(columns=names) for part in (theirs, ours)], ignore_index=True)
    new = np.repeat([False, True], [len(theirs[0]), len(ours[0])])
    outcome = np.concatenate([outcome_column(part[1]) for part in (theirs, ours)])
    columns = _columns(bundle, frame, names).assign(outcome=outcome)
    patient = np.concatenate([theirs[1].patient, ours[1].patient + theirs[1].patient.max() + 1])
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    learner = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000))
    risk = cross_val_predict(learner, columns.to_numpy(), new, groups=patient, cv=folds, method="predict_proba")[:, 1]
    found = auc_interval(new, risk, LEVEL, inflation=FOLDS / (FOLDS - 1))
    weights = learner.fit(columns.to_numpy(), new)[-1].coef_[0]
    strongest = [str(columns.columns[i]) for i in np.argsort(-np.abs(weights))[:3] if weights[i] != 0]
    return _result(found, f"ridge logistic model of development rows, {FOLDS}-fold cross-validation", strongest)


def normal_c(d: FloatArray, correlation: FloatArray, n_here: int, n_there: int, width: int | None = None) -> Interval:
    """C statistic of two normal groups from the standardised difference of their means; see :func:`membership`.

    Parameters
    ----------
    d : float array of shape (n_columns,)
    correlation : float array of shape (n_columns, n_columns)
        Within groups, positive definite.
    n_here, n_there : int
    width : int, optional
        Degrees of freedom of the differences, where one stands for several levels; ``n_columns`` by default.

    Returns
    -------
    Interval
        Not estimable where there are no more patients than columns.
    """
    width, n = width or len(d), n_here + n_there
    if not width or n - width - 3 <= 0:
        return Interval(math.nan, math.nan, math.nan, LEVEL, "not estimable: no more patients than columns")
    effective = n_here * n_there / n
    raw = float(d @ np.linalg.solve(correlation, d))
    squared = max(0.0, raw * (n - width - 3) / (n - 2) - width / effective)
    statistic = effective * raw
    scaled = statistic * (n - width - 1) / ((n - 2) * width)
    ends = [_noncentrality(scaled, statistic, width, n - width - 1, tail) for tail in (1 - LEVEL, 1 + LEVEL)]
    high, low = (_c_of(end / effective) for end in ends)
    value = float(np.clip(_c_of(squared), low, high))
    return Interval(value, low, high, LEVEL, f"Hotelling's noncentral F({width}, {n - width - 1})")


def recorded(bundle: Bundle, frame: Any) -> list[str]:
    """Inputs that at least one of the patients has."""
    return [name for name in bundle.model.inputs if name in frame and frame[name].notna().any()]


def membership_columns(bundle: Bundle, frame: Any, sample: Sample) -> pd.DataFrame:
    """What a membership model sees of each row: inputs with their mean put in, gaps, outcome; no missing values."""
    return _columns(bundle, frame, recorded(bundle, frame)).assign(outcome=outcome_column(sample))


def outcome_column(sample: Sample) -> FloatArray:
    """Whether the event was seen (by the horizon), as 0 and 1."""
    seen = sample.event if sample.time is None else sample.event & (sample.time <= sample.horizon)
    return np.asarray(seen, dtype=np.float64)


def _columns(bundle: Bundle, frame: Any, names: list[str]) -> pd.DataFrame:
    columns: dict[str, FloatArray] = {}
    for name in names:
        known = frame[name].notna().to_numpy()
        if bundle.dictionary[name].kind == "category":
            levels = sorted(frame[name].dropna().unique())
            for level in levels[1:] if len(levels) > 1 else levels:
                columns[f"{name} {level}"] = np.where(known, frame[name] == level, np.mean(frame[name][known] == level))
        else:
            values = frame[name].to_numpy(dtype=np.float64)
            log = next((f.parameter for f in bundle.model.features if f.op == "log10" and name in f.inputs), None)
            values = values if log is None else np.log10(np.maximum(values, log))
            columns[name] = np.where(known, values, values[known].mean())
        columns[f"{name} missing"] = (~known).astype(np.float64)
    return pd.DataFrame(columns, dtype=np.float64)


def _aligned(differences: Mapping[str, float], columns: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """The differences with the correlation of their columns; an input of several levels counts as independent."""
    names = list(differences)
    table = columns.reindex(columns=names).to_numpy()
    table = np.where(np.isnan(table), 0.0, table)
    spread = table.std(axis=0)
    varies = spread > 0
    centred = (table - table.mean(axis=0)) / np.where(varies, spread, 1.0)
    correlation = centred.T @ centred / len(table)
    # Constant columns correlate with nothing; the rest is shrunken so that few patients give no singular matrix.
    weight = len(names) / (len(names) + len(table))
    correlation = (1 - weight) * correlation
    np.fill_diagonal(correlation, 1.0)
    return np.array([differences[name] for name in names]), correlation


def _outcome_difference(bundle: Bundle, sample: Sample) -> float:
    evaluation, training = bundle.manifest.get("evaluation"), bundle.manifest["training"]
    if sample.time is None:
        there = training["n_events"] / training["n_rows"]
    elif evaluation:
        there = evaluation["comparator"]["risk"]
    else:
        return math.nan
    here = comparator(sample)["risk"]
    sd = math.sqrt((here * (1 - here) + there * (1 - there)) / 2)
    return (here - there) / sd if sd > 0 else math.nan


def _c_of(squared: float) -> float:
    return float(ndtr(math.sqrt(squared / 2)))


def _noncentrality(scaled: float, statistic: float, width: int, rest: int, tails: float) -> float:
    """The noncentrality under which the statistic stands at the quantile ``tails / 2``; 0 where there is none."""
    quantile = tails / 2
    if statistic > _LARGE:
        shift = math.copysign(_Z * math.sqrt(1 + statistic / (2 * rest)), 0.5 - quantile)
        return max(0.0, math.sqrt(statistic) + shift) ** 2

    def off(noncentrality: float) -> float:
        return float(ncfdtr(width, rest, noncentrality, scaled)) - quantile

    if off(0.0) <= 0:
        return 0.0
    top = statistic + 10 * math.sqrt(statistic + width) + 50
    while off(top) > 0:
        top *= 2
    return float(brentq(off, 0.0, top))


def _result(found: Interval, method: str, strongest: list[str]) -> dict[str, Any]:
    shown = f"c {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    if not math.isfinite(found.low):
        kind, words = "undecided", "how alike the patients are is not estimable"
    elif found.high < SIMILAR:
        kind, words = "reproducibility", f"patients like those of development ({shown}): this tests reproducibility"
    elif found.low > SIMILAR:
        kind, words = "transportability", f"other patients than those of development ({shown}): this tests transport"
    else:
        kind, words = "undecided", f"whether the patients are like those of development cannot be told ({shown})"
    return {
        "method": method,
        "c": found.as_dict(),
        "verdict": kind,
        "words": words,
        "strongest": strongest,
    }
