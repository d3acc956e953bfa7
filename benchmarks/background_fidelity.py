"""How well few prototypes stand in for many patients, for three ways of making them.

For every shipped recipe the real training rows (missing components at their mean) are the reference. Printed: the base
of explanations, the root mean square difference of predictions for the training rows as they are (missing inputs and
all), and of Shapley values for twelve of them.

    python -m benchmarks.background_fidelity
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from riskml.cli.reading import Job
from riskml.cli.work import plan_jobs
from riskml.resources import folder
from riskml.runtime.explain import explain_value
from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table
from riskml.training import background
from riskml.training.fit import TrainingSet, fit_pipeline, portable, training_set

SYNTHETIC = folder("features") / "synthetic" / "cohort.csv"
REAL = Path(os.environ.get("RISKML_DATA", "../shared/data")) / "target_aall0232" / "aall0232.csv"
EXPLAINED = 12


def filled(rows: TrainingSet, model: PortableModel) -> Any:
    """Training rows with each missing input at the mean of its scale (or its commonest level)."""
    frame = rows.frame.copy()
    for name in model.inputs:
        feature = next(f for f in model.features if name in f.inputs)
        if feature.op == "level":
            frame[name] = frame[name].where(frame[name].notna(), frame[name].mode()[0])
        elif feature.op == "log10":
            scaled = np.log10(np.maximum(frame[name].to_numpy(float), feature.parameter))
            frame[name] = 10 ** np.where(np.isnan(scaled), np.nanmean(scaled), scaled)
        else:
            frame[name] = frame[name].fillna(frame[name].mean())
    return frame[list(model.inputs)]


def from_rows(model: PortableModel, frame: Any) -> PortableModel:
    """The model with the rows of ``frame`` as its background, equally weighted."""
    rows = tuple(frame.itertuples(index=False, name=None))
    return model.with_(background=rows, weights=tuple(np.full(len(rows), 1 / len(rows)).tolist()))


def majority(model: PortableModel, tristate: set[str]) -> PortableModel:
    """The same prototypes with lesions at the majority level instead of the group's share."""
    rows = tuple(
        tuple(float(round(float(v))) if n in tristate else v for n, v in zip(model.inputs, row, strict=True))
        for row in model.background
    )
    return model.with_(background=rows)


def drawn(model: PortableModel, frame: Any) -> PortableModel:
    """A generative background: each input drawn by itself from its training distribution, 50 draws."""
    rng = np.random.default_rng(0)
    columns = {
        name: rng.permutation(np.resize(frame[name].to_numpy(), max(50, len(frame))))[:50] for name in model.inputs
    }
    return from_rows(model, frame.iloc[np.resize(np.arange(len(frame)), 50)].assign(**columns))


def line(
    label: str, model: PortableModel, reference: PortableModel, rows: TrainingSet, times: tuple[float, ...]
) -> str:
    """One row of the table."""
    columns = {name: rows.frame[name].to_numpy() for name in model.inputs}
    n = len(rows.event)
    base = [float(score_table(m, {}, 1, times)[0, 0]) for m in (model, reference)]
    scores = [score_table(m, columns, n, times)[:, 0] for m in (model, reference)]
    gaps = []
    for i in np.random.default_rng(0).choice(n, EXPLAINED, replace=False):
        known = {k: v for k, v in rows.frame.iloc[int(i)].items() if isinstance(v, str) or not math.isnan(v)}
        ours, real = (explain_value(m, known, times).effects[0] for m in (model, reference))
        gaps += [ours[k] - real[k] for k in ours]
    rms = [float(np.sqrt(np.mean(np.square(x)))) for x in (scores[0] - scores[1], np.array(gaps))]
    return f"  {label:<34} {len(model.weights):>4}  {base[0]:.4f} ({base[1]:.4f})  {rms[0]:.5f}  {rms[1]:.5f}"


def compare(job: Job) -> None:
    """Print the table of one recipe."""
    rows = training_set(job.recipe, job.cohort)
    members = fit_pipeline(job.recipe, rows)[-1].members()
    times = (job.recipe.horizon_months,) if rows.grid else ()
    print(f"{job.recipe.name}: background, prototypes, base (of real rows), rms prediction gap, rms Shapley gap")
    for most in (100, 50, 30):
        background.MAX_PROTOTYPES = most
        model = portable(job.recipe, rows, members)
        frame = filled(rows, model)
        reference = from_rows(model, frame)
        print(line(f"microaggregates, at most {most}", model, reference, rows, times))
        if most == 50:
            tristate = {n for n in model.inputs if rows.frame[n].nunique() <= 2 and n != "cycle_index"}
            tristate -= {n for f in model.features if f.op == "level" for n in f.inputs}
            print(line("  the same, lesions by majority", majority(model, tristate), reference, rows, times))
            print(line("independent draws of each input", drawn(model, frame), reference, rows, times))


def main() -> None:
    """Every shipped recipe whose data are here."""
    jobs = plan_jobs(str(SYNTHETIC), ("non_response", "icans", "efs"), None)
    jobs += plan_jobs(str(REAL), ("induction_efs",), None) if REAL.is_file() else []
    for job in jobs:
        compare(job)


if __name__ == "__main__":
    main()
