"""The cohorts of ``benchmarks.missing_inputs``: shipped recipes, and open cohorts whose inputs hang together."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sksurv.datasets import load_gbsg2

from riskml.cli.work import plan_jobs
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.model import Feature
from riskml.training.ensemble import gate
from riskml.training.fit import TrainingSet, training_set
from riskml.training.recipe import Recipe, load_recipe

SYNTHETIC = folder("features") / "synthetic" / "cohort.csv"
DATA = Path(os.environ.get("RISKML_DATA", "../shared/data"))
DAYS_PER_MONTH = 30.4375
GRID_MONTHS = (3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 48.0, 60.0)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A recipe, its rows, and the variables of its inputs (kind and levels), by name."""

    name: str
    recipe: Recipe
    rows: TrainingSet
    variables: Any


def from_file(path: str, models: Sequence[str], columns: str | None) -> list[Case]:
    """Shipped recipes on a cohort file."""
    jobs = plan_jobs(path, models, columns)
    sets = [(job.recipe, training_set(job.recipe, job.cohort)) for job in jobs]
    return [Case(recipe.name, recipe, rows, load_dictionary()) for recipe, rows in sets]


def _open(
    name: str,
    frame: pd.DataFrame,
    event: NDArray[np.bool_],
    months: NDArray[np.float64] | None,
    horizon: float,
    floors: Mapping[str, float],
) -> Case:
    """An open cohort with every column an input; logarithms where there is a floor."""
    features = tuple(
        Feature(n, "log10", (n,), floors[n]) if n in floors else Feature(n, "value", (n,), None) for n in frame
    )
    like = load_recipe("non_response" if months is None else "induction_efs")
    recipe = replace(like, name=name, features=features, horizon_months=horizon)
    grid = () if months is None else tuple(month for month in GRID_MONTHS if month <= horizon)
    parts, out = gate(recipe.learner, int(event.sum()), late_entry=False)
    patient = np.arange(len(event), dtype=np.intp)
    rows = TrainingSet(frame.astype(float), event, months, patient, (), grid, parts=parts, parts_left_out=out)
    kinds = {n: "tristate" if frame[n].nunique() <= 2 else "number" for n in frame}
    return Case(name, recipe, rows, {n: SimpleNamespace(name=n, kind=kind, levels=()) for n, kind in kinds.items()})


def gbsg2() -> Case:
    """German Breast Cancer Study Group 2 (Schumacher et al., J Clin Oncol 1994;12:2086): recurrence-free survival."""
    frame, outcome = load_gbsg2()
    codes = {"horTh": {"no": 0, "yes": 1}, "menostat": {"Pre": 0, "Post": 1}, "tgrade": {"I": 1, "II": 2, "III": 3}}
    for column, values in codes.items():
        frame[column] = frame[column].astype(str).map(values)
    floors = dict.fromkeys(("estrec", "progrec", "pnodes", "tsize"), 1.0)
    return _open("gbsg2", frame, outcome["cens"], outcome["time"] / DAYS_PER_MONTH, 60.0, floors)


def diabetes() -> Case:
    """Diabetes progression above its third quartile (Efron et al., Ann Stat 2004;32:407): six inputs from one serum."""
    frame, target = load_diabetes(return_X_y=True, as_frame=True)
    frame["sex"] = (frame["sex"] > 0).astype(float)
    return _open("diabetes", frame, np.asarray(target > np.quantile(target, 0.75)), None, 0.0, {})


def bmt_children() -> Case:
    """Survival of children after a transplant (Sikora, Wrobel; UCI 565), by what was known on its day."""
    table = pd.read_csv(DATA / "bmt_children" / "bmt_children.csv")
    names = ["Donorage", "Recipientage", "Rbodymass", "CD34kgx10d6", "CD3dkgx10d8", "Stemcellsource", "Riskgroup"]
    names += ["Diseasegroup", "HLAmismatch", "DonorCMV", "RecipientCMV", "ABOmatch"]
    months = np.maximum(table["survival_time"].to_numpy(float), 0.5) / DAYS_PER_MONTH
    floors = {"CD34kgx10d6": 0.5, "CD3dkgx10d8": 0.05, "Rbodymass": 1.0}
    return _open("bmt_children", table[names], table["survival_status"].to_numpy() == 1, months, 24.0, floors)


OPEN: Mapping[str, Callable[[], Case]] = {"gbsg2": gbsg2, "diabetes": diabetes, "bmt_children": bmt_children}
