"""Synthetic patients at their first dose: who they are, their lesions, marrow and blood."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from riskml.cohort.draws import Streams, lognormal, quota
from riskml.cohort.truth import MRD_NEGATIVE, FloatArray, Truth

# One array a column, all of one length: far quicker than a DataFrame where a million small cohorts are drawn.
Columns: TypeAlias = dict[str, Any]

LESIONS = ("bcr_abl1", "kmt2a_r", "tcf3_hlf", "etv6_runx1", "tcf3_pbx1", "trisomy_4_10", "znf384_r", "pax5_r")
# Tied by the correlation matrix, in its order.
CORRELATED = ("mrd", "cd3", "cd4_cd8_ratio", "nk", "cd19")


def draw_patients(patients: int, streams: Streams, truth: Truth) -> Columns:
    """Patients at their first dose: stratum, sex, lesions, age, marrow, blood; arrays of shape (patients,)."""
    settings = truth.settings
    strata, centres = settings["stratum"], settings["centre"]
    row = quota([stratum["patients"] for stratum in strata], patients, streams("stratum"))
    site = quota([centre["patients"] for centre in centres], patients, streams("centre"))
    people: Columns = {
        "patient_id": np.array([f"SYN-{number:06d}" for number in range(1, patients + 1)], dtype=object),
        "centre": _pick([centre["name"] for centre in centres], site),
        "data_origin": np.full(patients, "synthetic", dtype=object),
        "cycle_index": np.ones(patients, dtype=np.int64),
        "stratum": _pick([stratum["name"] for stratum in strata], row),
        "disease_class_initial": _pick([stratum["entry"] for stratum in strata], row),
        "disease_status_at_start": _pick([stratum["status"] for stratum in strata], row),
        "bridging_chemo": np.array([float(stratum["bridging"]) for stratum in strata])[row],
        "sex": np.full(patients, "male", dtype=object),
        **{name: np.zeros(patients) for name in (*LESIONS, "unlisted_poor")},
    }
    negative = people["disease_status_at_start"] == MRD_NEGATIVE
    for group, members in (("positive", np.flatnonzero(~negative)), ("negative", np.flatnonzero(negative))):
        girls = quota(settings["male"][group], len(members), streams(f"sex {group}")) == 1
        people["sex"][members[girls]] = "female"
        shares = settings["lesions"][group]
        drawn = quota(shares, len(members), streams(f"lesion {group}"))
        for position, lesion in enumerate(shares):
            if lesion != "none":
                people[lesion][members[drawn == position]] = 1.0
    takes = streams("tki").random(patients) < settings["lesions"]["tki_if_bcr_abl1"]
    people["tki"] = people["bcr_abl1"] * takes
    return people | _measurements(people, streams, truth)


def _measurements(people: Columns, streams: Streams, truth: Truth) -> Columns:
    """Age, MRD, blasts and cells; the joint distribution of ``[correlation]``."""
    settings, status = truth.settings, people["disease_status_at_start"]
    bridged, negative = people["bridging_chemo"] == 1, status == MRD_NEGATIVE
    root = np.linalg.cholesky(np.array(settings["correlation"]["matrix"]))
    independent = [streams(f"z {name}").standard_normal(len(status)) for name in CORRELATED]
    z = dict(zip(CORRELATED, root @ np.stack(independent), strict=True))
    z["age"] = streams("age").standard_normal(len(status))
    age, cd3, cd19 = (settings[name] for name in ("age", "cd3", "cd19"))
    medians = {
        "age": np.where(people["kmt2a_r"] == 1, age["kmt2a_r_median"], age["median"]),
        "cd3": np.where(negative, cd3["negative_median"], cd3["positive_median"])
        * np.where(bridged, cd3["bridged_factor"], 1),
        "cd19": np.where(
            bridged, cd19["bridged_median"], np.where(negative, cd19["negative_median"], cd19["positive_median"])
        ),
        "nk": settings["nk"]["median"],
        "cd4_cd8_ratio": settings["cd4_cd8_ratio"]["median"],
    }
    values: Columns = {
        name: lognormal(z[name], median, *(settings[name][key] for key in ("sd_log10", "low", "high")))
        for name, median in medians.items()
    }
    marrow = [settings["mrd"][level] for level in status]
    cut = (np.array([level[key] for level in marrow]) for key in ("median", "sd_log10", "low", "high"))
    values["mrd"] = lognormal(z["mrd"], *cut)
    values["bm_blasts"] = blasts(values["mrd"], status, streams("blasts"), settings["blasts"])
    return values | subsets(values, truth)


def blasts(mrd: FloatArray, status: Any, rng: np.random.Generator, marginal: dict[str, float]) -> FloatArray:
    """Marrow blasts as a fraction: near the MRD in refractory disease, a count of a few hundred cells in remission."""
    cells = int(marginal["cells_counted"])
    counted = rng.binomial(cells, np.minimum(marginal["background"] + marginal["share_of_mrd"] * mrd, 1)) / cells
    refractory = mrd * 10 ** (marginal["refractory_sd_log10"] * rng.standard_normal(len(mrd)))
    refractory = np.clip(refractory, marginal["refractory_low"], marginal["refractory_high"])
    return np.where(status == "R/R", refractory, np.minimum(counted, marginal["remission_high"]))


def subsets(values: Columns, truth: Truth) -> Columns:
    """CD4+, CD8+ and all lymphocytes from their parts and the CD4/CD8 ratio: no part exceeds its whole."""
    helper_or_killer = values["cd3"] * (1 - truth.settings["cd4_cd8_ratio"]["neither_share"])
    cd4 = helper_or_killer * values["cd4_cd8_ratio"] / (1 + values["cd4_cd8_ratio"])
    parts = values["cd3"] + values["nk"] + values["cd19"]
    lymphocytes = parts * (1 + truth.settings["lymphocytes"]["other_cells_share"])
    return {"cd4": cd4, "cd8": helper_or_killer - cd4, "lymphocytes": lymphocytes}


def _pick(names: list[str], index: Any) -> Any:
    return np.array(names, dtype=object)[index]
