"""The generating truth of synthetic cohorts: ``features/synthetic/truth.toml`` and the exact risks it implies."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from riskml.errors import UsageError
from riskml.resources import folder

FloatArray: TypeAlias = NDArray[np.float64]
# A pandas DataFrame, or a plain dict of arrays: both give a column by its name.
Frame: TypeAlias = Any

DAYS_PER_MONTH = 365.25 / 12
MRD_NEGATIVE = "CR-MRDneg"


def column(frame: Frame, name: str) -> FloatArray:
    """One numeric column as floats."""
    return np.asarray(frame[name], dtype=float)


# What a coefficient of truth.toml multiplies, from the columns of a cohort in canonical units.
TERMS: Mapping[str, Callable[[Frame], FloatArray]] = {
    "bcr_abl1": lambda frame: column(frame, "bcr_abl1"),
    "other_poor": lambda frame: column(frame, "kmt2a_r") + column(frame, "tcf3_hlf"),
    "log10_mrd": lambda frame: np.log10(column(frame, "mrd")),
    "log10_cd19": lambda frame: np.log10(column(frame, "cd19")),
    "log10_cd3": lambda frame: np.log10(column(frame, "cd3")),
    "log10_cd4": lambda frame: np.log10(column(frame, "cd4")),
    "age_years": lambda frame: column(frame, "age"),
    "mrd_negative_at_start": lambda frame: _equals(frame, "disease_status_at_start", MRD_NEGATIVE),
    "rr_at_entry": lambda frame: _equals(frame, "disease_class_initial", "R/R"),
    "later_cycle": lambda frame: (column(frame, "cycle_index") > 1).astype(float),
}


def _equals(frame: Frame, name: str, level: str) -> FloatArray:
    return np.where(np.asarray(frame[name], dtype=object) == level, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A true linear predictor: intercept + sum of effect * (term - reference), plus an offset for the centre.

    Attributes
    ----------
    intercept : float
        Log-odds, or log cumulative hazard over 12 months, of the reference patient.
    effects, reference : mapping of term (a key of ``TERMS``) to float
        Slopes, and the values at which a term adds nothing (0 where not given).
    offsets : mapping of centre to float
        Added for a centre; nothing is added for a centre not named or a frame without centres.
    """

    intercept: float
    effects: Mapping[str, float]
    reference: Mapping[str, float]
    offsets: Mapping[str, float]

    def predict(self, frame: Frame) -> FloatArray:
        """Linear predictor of every row, shape (n_rows,); NaN where a column it needs is NaN."""
        total = np.full(len(frame["age"]), self.intercept)
        for term, effect in self.effects.items():
            total += effect * (TERMS[term](frame) - self.reference.get(term, 0.0))
        if self.offsets and "centre" in frame:
            centres = np.asarray(frame["centre"], dtype=object)
            for name, offset in self.offsets.items():
                total += offset * (centres == name)
        return total


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything a synthetic cohort is drawn from, and its exact risks.

    Attributes
    ----------
    settings : mapping
        ``truth.toml`` as it was read: strata, marginals, measurement, missingness.
    non_response, icans : LinearModel
        Log-odds of no response after cycle 1, and of ICANS of any grade in a course.
    relapse, death : LinearModel
        Log cumulative hazard over 12 months of relapse, and of death in remission, unless cycle 1 failed.
    """

    settings: Mapping[str, Any]
    non_response: LinearModel
    icans: LinearModel
    relapse: LinearModel
    death: LinearModel

    def non_response_probability(self, frame: Frame) -> FloatArray:
        """True probability of no response after cycle 1, shape (n_rows,).

        Parameters
        ----------
        frame : DataFrame or mapping of arrays
            First courses with the columns of a cohort in canonical units, uncensored and complete.

        Returns
        -------
        float array of shape (n_rows,)
            In [0, 1]; exactly 0 for patients MRD-negative at the first dose, who cannot fail.
        """
        can_fail = 1 - TERMS["mrd_negative_at_start"](frame)
        return can_fail * _expit(self.non_response.predict(frame))

    def icans_probability(self, frame: Frame) -> FloatArray:
        """True probability of ICANS of any grade in each course of ``frame``, shape (n_rows,)."""
        return _expit(self.icans.predict(frame))

    def hazards(self, frame: Frame) -> tuple[FloatArray, FloatArray]:
        """True cumulative hazards, 12 months after day 7, of relapse and of death in remission, each (n_rows,)."""
        return np.exp(self.relapse.predict(frame)), np.exp(self.death.predict(frame))

    def hazard_time(self, times_months: ArrayLike) -> FloatArray:
        """How much of the cumulative hazard at 12 months has passed at each time: ((t - t0)+ / 12) ** shape."""
        efs = self.settings["efs"]
        exposed = np.asarray(times_months, dtype=float) - efs["at_risk_from_day"] / DAYS_PER_MONTH
        return np.asarray((np.maximum(exposed, 0) / 12) ** efs["shape"])

    def efs_survival(self, frame: Frame, times_months: ArrayLike) -> FloatArray:
        r"""True event-free survival from the first dose.

        :math:`S(t) = (1 - p) \exp(-(H_r + H_d) ((t - t_0)_+ / 12)^k) + p \Pr(A > t)`: a patient who does not respond
        (probability p) has the event at the assessment A, uniform over the assessment days; the others meet relapse
        and death in remission with proportional Weibull hazards of shape k from day :math:`t_0` on.

        Parameters
        ----------
        frame : DataFrame or mapping of arrays
            First courses, complete, canonical units; shape (n_rows, ...).
        times_months : array-like of shape (n_times,)
            Months of 30.4375 days since the first dose, 0 or more.

        Returns
        -------
        float array of shape (n_rows, n_times)
            Probability of no event up to and including each time.
        """
        times = np.asarray(times_months, dtype=float)
        first, last = (day / DAYS_PER_MONTH for day in self.settings["efs"]["assessment_days"])
        not_yet_assessed = np.clip((last - times) / (last - first), 0, 1)
        failed = self.non_response_probability(frame)[:, None]
        hazard = np.sum(self.hazards(frame), axis=0)[:, None]
        later = np.exp(-hazard * self.hazard_time(times))
        return np.asarray((1 - failed) * later + failed * not_yet_assessed)


def load_truth(path: str | Path | None = None) -> Truth:
    """Read a generating truth.

    Parameters
    ----------
    path : str or Path, optional
        A file laid out like ``features/synthetic/truth.toml``, which is the default.

    Raises
    ------
    UsageError
        If the file cannot be read, is no TOML, lacks a table, or names a term riskml does not know.
    """
    file = folder("features") / "synthetic" / "truth.toml" if path is None else Path(path)
    try:
        settings = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"cannot read the generating truth {file}: {error}") from error
    if settings.get("schema") != 1:
        raise UsageError(
            f"{file} must say schema = 1, got {settings.get('schema')!r}: copy features/synthetic/truth.toml"
        )
    try:
        return truth_from_settings(settings)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{file} is no generating truth: {error!r}; start from features/synthetic/truth.toml"
        ) from error


def truth_from_settings(settings: Mapping[str, Any]) -> Truth:
    """Build a Truth from the tables of ``truth.toml``; KeyError, TypeError or ValueError where they do not fit."""
    missing = _TABLES - settings.keys()
    if missing:
        raise ValueError(f"missing {', '.join(sorted(missing))}")
    return Truth(settings, *(_linear(settings, name) for name in ("non_response", "icans", "relapse", "death")))


_TABLES = {
    *("stratum", "male", "lesions", "age", "mrd", "blasts", "cd3", "cd4_cd8_ratio", "nk", "cd19", "lymphocytes"),
    *("correlation", "non_response", "icans", "efs", "relapse", "death", "death_after_event", "follow_up"),
    *("courses", "toxicity", "centre", "measurement", "missing"),
}


def _linear(settings: Mapping[str, Any], name: str) -> LinearModel:
    raw = settings[name]
    unknown = (raw["effects"].keys() | raw["reference"].keys()) - TERMS.keys()
    if unknown:
        raise ValueError(f"[{name}] names unknown terms {', '.join(sorted(unknown))}; known are {', '.join(TERMS)}")
    offsets = {centre["name"]: float(centre.get(f"offset_{name}", 0.0)) for centre in settings["centre"]}
    return LinearModel(float(raw["intercept"]), raw["effects"], raw["reference"], offsets)


def _expit(log_odds: FloatArray) -> FloatArray:
    """The logistic function, without overflow for large negative log-odds."""
    return np.asarray(0.5 * (1 + np.tanh(log_odds / 2)))
