"""Synthetic cohorts of any size with a known truth: events, courses, toxicity; the three frames and the csv.

Numbers of patients, lesions and events are quotas (``riskml.cohort.draws``): 105 patients meet the published counts,
larger cohorts their proportions. Which rows have the events is drawn from the true model given those numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskml.cohort.draws import Part, PartialStreams, Streams, events, lognormal, quota
from riskml.cohort.mess import write_as_hospitals_do
from riskml.cohort.people import LESIONS, Columns, blasts, draw_patients, subsets
from riskml.cohort.safe_csv import disarm
from riskml.cohort.truth import DAYS_PER_MONTH, MRD_NEGATIVE, FloatArray, Truth, load_truth

# The order of the csv; every name is one of the dictionary.
CSV_COLUMNS = (
    *("patient_id", "centre", "data_origin", "cycle_index", "age", "sex"),
    *("disease_class_initial", "disease_status_at_start", "bridging_chemo", *LESIONS, "tki"),
    *("bm_blasts", "mrd", "mrd_method", "lymphocytes", "cd3", "cd4", "cd8", "nk", "cd19"),
    *("delivered_infusion_days", "response", "icans_grade", "crs_grade"),
    *("efs_time", "efs_event", "os_time", "os_event"),
)
# Patients whose text is held at a time.
CHUNK = 20_000
LATENT_COLUMNS = ("stratum", "unlisted_poor", "follow_up", "non_response_probability", "icans_probability")


@dataclass(frozen=True, slots=True)
class SimulatedCohort:
    """One synthetic cohort, three frames with the same rows (one a course) in the same order.

    Attributes
    ----------
    clean : DataFrame
        True values in canonical units under the names of the dictionary: complete, uncensored, unrounded.
    latent : DataFrame
        What no file would show: stratum, the unlisted poor lesion, end of follow-up (months), and the true probability
        of non-response (of the patient) and of ICANS (of the course).
    table : DataFrame of str
        The rows as a hospital writes them: rounded, censored, with gaps and many spellings; exactly the csv.
    """

    clean: pd.DataFrame
    latent: pd.DataFrame
    table: pd.DataFrame


def simulate(patients: int, seed: int = 0, truth: Truth | None = None, *, fixed_totals: bool = True) -> SimulatedCohort:
    """Draw a synthetic cohort.

    Parameters
    ----------
    patients : int
        Number of patients, 1 or more; there are about 1.19 courses a patient.
    seed : int
        0 or more; the same seed gives the same bytes.
    truth : Truth, optional
        What to draw from; the embedded truth by default.
    fixed_totals : bool
        True fixes the numbers of events at their rounded expectation. False draws every event independently: use it
        where the sampling variance of the totals matters, as for the coverage of an interval.

    Raises
    ------
    ValueError
        If ``patients`` or ``seed`` is out of range.
    """
    if patients < 1:
        raise ValueError(f"patients must be 1 or more, got {patients}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    truth = truth or load_truth()
    courses = draw_cohort(patients, Streams(seed), truth, fixed_totals=fixed_totals)
    clean = pd.DataFrame({name: courses[name] for name in CSV_COLUMNS})
    latent = pd.DataFrame({name: courses[name] for name in LATENT_COLUMNS})
    return SimulatedCohort(clean, latent, write_as_hospitals_do(clean, Streams(seed), truth))


def draw_cohort(patients: int, streams: Streams, truth: Truth, *, fixed_totals: bool = True) -> Columns:
    """True and latent values of every course; arrays of shape (n_courses,)."""
    people = draw_patients(patients, streams, truth)
    people |= draw_response(people, streams, truth, fixed_totals=fixed_totals)
    people |= draw_follow_up(people, streams, truth, fixed_totals=fixed_totals)
    courses = draw_courses(people, streams, truth)
    del people  # a million patients take 400 MB
    return courses | draw_toxicity(courses, streams, truth, fixed_totals=fixed_totals)


def simulated_tables(
    patients: int, seed: int = 0, truth: Truth | None = None, *, chunk: int = CHUNK
) -> Iterator[pd.DataFrame]:
    """Parts of ``simulate(patients, seed, truth).table``, one after the other.

    The true values of all courses are held as numbers, since the totals of events are shared out over the whole cohort;
    the text, which takes ten times the room, is made for ``chunk`` patients at a time.

    Parameters
    ----------
    patients, seed, truth
        As for :func:`simulate`.
    chunk : int
        Patients a part. The cells do not depend on it.
    """
    truth, streams = truth or load_truth(), Streams(seed)
    courses = draw_cohort(patients, streams, truth)
    first = np.append(np.flatnonzero(courses["cycle_index"] == 1), len(courses["cycle_index"]))
    drawn: dict[tuple[str, int], Any] = {}
    for start in range(0, patients, chunk):
        stop = min(start + chunk, patients)
        rows = Part(int(first[start]), int(first[stop]), int(first[-1]))
        clean = pd.DataFrame({name: courses[name][rows.start : rows.stop] for name in CSV_COLUMNS})
        parts = PartialStreams(streams, rows, Part(start, stop, patients), drawn)
        yield write_as_hospitals_do(clean, parts, truth)


def write_simulated(
    path: str | Path, patients: int, seed: int = 0, truth: Truth | None = None, *, chunk: int = CHUNK
) -> Path:
    """Simulate and write the cohort, complete or not there at all; parameters as for :func:`simulated_tables`.

    A path that ends in ``.parquet`` becomes a parquet file of texts, any other a csv: UTF-8, line feeds.

    Raises
    ------
    ImportError
        If a parquet file is wanted and pyarrow is not installed.
    OSError
        If the folder of ``path`` cannot be written.
    """
    target = Path(path)
    write = _write_parquet if target.suffix == ".parquet" else _write_csv
    # In the same folder, so that the last step is a rename; the number keeps two writers apart.
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        write(partial, simulated_tables(patients, seed, truth, chunk=chunk))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _write_csv(path: Path, tables: Iterator[pd.DataFrame]) -> None:
    for number, table in enumerate(tables):
        mode = "a" if number else "w"
        disarm(table).to_csv(path, mode=mode, header=not number, index=False, lineterminator="\n", encoding="utf-8")


def _write_parquet(path: Path, tables: Iterator[pd.DataFrame]) -> None:
    import pyarrow as pa  # noqa: PLC0415  (a csv is written without it)
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([(name, pa.string()) for name in CSV_COLUMNS])
    with pq.ParquetWriter(path, schema) as writer:
        for table in tables:
            writer.write_table(pa.Table.from_pandas(table, schema, preserve_index=False))


def draw_response(people: Columns, streams: Streams, truth: Truth, *, fixed_totals: bool = True) -> Columns:
    """Response after cycle 1, its true probability, and the month of its assessment."""
    probability = truth.non_response_probability(people)
    # 0 Ph+, 1 other poor lesion, 2 none of these: the published three-level table.
    level = 2 - 2 * people["bcr_abl1"] - people["kmt2a_r"] - people["tcf3_hlf"]
    failed = events(probability, streams("response"), level.astype(np.int64) if fixed_totals else None)
    first, last = truth.settings["efs"]["assessment_days"]
    negative = people["disease_status_at_start"] == MRD_NEGATIVE
    return {
        "non_response_probability": probability,
        "response": np.where(negative, "not_evaluable", np.where(failed, "no_response", "response")).astype(object),
        "assessed": streams("assessment").uniform(first, last, len(probability)) / DAYS_PER_MONTH,
    }


def draw_follow_up(people: Columns, streams: Streams, truth: Truth, *, fixed_totals: bool = True) -> Columns:
    """First event, death and last contact, in months since the first dose."""
    settings, size = truth.settings, len(people["age"])
    window = settings["follow_up"]
    end = window["minimum"] + (window["maximum"] - window["minimum"]) * streams("follow up").beta(
        window["a"], window["b"], size
    )
    entry = np.unique(people["disease_class_initial"], return_inverse=True)[1] if fixed_totals else None
    failed = people["response"] == "no_response"
    relapse, death = truth.hazards(people)
    hazard, efs = relapse + death, settings["efs"]
    by_end = np.where(failed, 0, -np.expm1(-hazard * truth.hazard_time(end)))
    later = events(by_end, streams("later event"), entry)
    # Inverse of the distribution function of the event's time, given that it comes before the end of follow-up.
    uniform = streams("event time").random(size)
    exposed = 12 * (-np.log1p(-uniform * by_end) / hazard) ** (1 / efs["shape"])
    time = efs["at_risk_from_day"] / DAYS_PER_MONTH + exposed
    fatal = events(np.where(later, death / hazard, 0), streams("cause"), entry)
    kind = np.select([failed, fatal, later], ["no_response", "death", "relapse"], "none")
    efs_time = np.select([failed, later], [people["assessed"], time], end)
    dies, os_time = _deaths(people, kind, efs_time, end, streams, settings["death_after_event"], entry)
    return {
        "follow_up": end,
        "efs_time": efs_time,
        "efs_event": kind.astype(object),
        "os_time": os_time,
        "os_event": dies,
    }


def _deaths(
    people: Columns,
    kind: Any,
    efs_time: FloatArray,
    end: FloatArray,
    streams: Streams,
    rates: dict[str, float],
    groups: Any,
) -> tuple[FloatArray, FloatArray]:
    """Death from any cause: in remission, or at a constant hazard after non-response or relapse."""
    rate = np.array([rates[level] for level in people["disease_class_initial"]])
    at_risk = np.isin(kind, ["no_response", "relapse"])
    by_end = np.where(at_risk, -np.expm1(-rate * (end - efs_time)), 0)
    after = events(by_end, streams("death after event"), groups)
    uniform = streams("death time").random(len(end))
    survived = -np.log1p(-uniform * by_end) / np.where(rate > 0, rate, 1)
    fatal = kind == "death"
    os_time = np.select([fatal, after], [efs_time, efs_time + survived], end)
    return (fatal | after).astype(float), os_time


def draw_courses(people: Columns, streams: Streams, truth: Truth) -> Columns:
    """One row a course, patients in order: the first as it is, later ones MRD-negative with fresh measurements."""
    settings = truth.settings["courses"]
    size = len(people["age"])
    number = np.ones(size, dtype=np.int64)
    free = streams("who goes on").permutation(np.flatnonzero(people["efs_time"] > settings["event_free_months"]))
    wanted = np.sort(quota(settings["patients"], size, streams("courses")))[::-1][: len(free)]
    number[free[: len(wanted)]] = np.array([int(key) for key in settings["patients"]])[wanted]
    patient = np.repeat(np.arange(size), number)
    courses = {name: values[patient] for name, values in people.items()}
    courses["cycle_index"] = 1 + np.arange(len(patient)) - np.repeat(np.cumsum(number) - number, number)
    later = courses["cycle_index"] > 1
    fresh = _later_measurements(courses, streams, truth)
    return courses | {name: np.where(later, values, courses[name]) for name, values in fresh.items()}


def _later_measurements(courses: Columns, streams: Streams, truth: Truth) -> Columns:
    """What a later course starts from: older, MRD-negative, B cells gone, T cells drawn anew around the first."""
    settings, size = truth.settings["courses"], len(courses["age"])
    drawn = {name: streams(f"later {name}").standard_normal(size) for name in ("mrd", "cd19", "t cells")}
    changed = settings["t_cell_factor"] * 10 ** (settings["t_cell_sd_log10"] * drawn["t cells"])
    negative = truth.settings["mrd"][MRD_NEGATIVE]
    values: Columns = {
        "age": courses["age"] + (courses["cycle_index"] - 1) * settings["days_apart"] / 365.25,
        "mrd": lognormal(drawn["mrd"], **negative),
        "cd3": np.minimum(courses["cd3"] * changed, truth.settings["cd3"]["high"] * 2),
        "cd4_cd8_ratio": courses["cd4_cd8_ratio"],
        "nk": courses["nk"],
        "cd19": settings["cd19_median"] * 10 ** (settings["cd19_sd_log10"] * drawn["cd19"]),
        "disease_status_at_start": np.full(size, MRD_NEGATIVE, dtype=object),
        "response": np.full(size, "not_evaluable", dtype=object),
    }
    status = values["disease_status_at_start"]
    values["bm_blasts"] = blasts(values["mrd"], status, streams("later blasts"), truth.settings["blasts"])
    return values | subsets(values, truth)


def draw_toxicity(courses: Columns, streams: Streams, truth: Truth, *, fixed_totals: bool = True) -> Columns:
    """ICANS and CRS grades of every course, the true probability of ICANS, and the length of the infusion."""
    settings, size = truth.settings["toxicity"], len(courses["age"])
    negative = courses["disease_status_at_start"] == MRD_NEGATIVE
    groups = negative.astype(np.int64) if fixed_totals else None

    def by_status(shares: dict[str, Any]) -> FloatArray:
        positive, other = (_first_share(shares[group]) for group in ("positive", "negative"))
        return np.where(negative, other, positive)

    probability = truth.icans_probability(courses)
    icans = events(probability, streams("icans"), groups)
    severe = events(icans * by_status(truth.settings["icans"]["severe"]), streams("icans severe"), groups)
    crs = events(by_status(settings["crs"]), streams("crs"), groups)
    crs_severe = events(crs * by_status(settings["crs_severe_if_any"]), streams("crs severe"), groups)
    higher = {name: streams(f"{name} grade").integers(0, 2, size) for name in ("icans", "crs")}
    lengths = np.array([int(key) for key in settings["infusion_days"]])
    days = lengths[quota(settings["infusion_days"], size, streams("infusion"))]
    # Nobody is infused after death or last contact; a day less, since times are written to a tenth of a month.
    lived = courses["os_time"] * DAYS_PER_MONTH - (courses["cycle_index"] - 1) * truth.settings["courses"]["days_apart"]
    return {
        "icans_probability": probability,
        "icans_grade": icans * (1 + 2 * severe + higher["icans"]),
        "crs_grade": crs * (1 + 2 * crs_severe + higher["crs"]),
        "delivered_infusion_days": np.minimum(days, np.maximum(np.floor(lived - 1), 1).astype(days.dtype)),
        "mrd_method": np.full(size, "flow", dtype=object),
    }


def _first_share(weights: float | list[float]) -> float:
    """A probability as it stands, or the first of two weights as a share."""
    return weights[0] / sum(weights) if isinstance(weights, list) else weights
