"""Which way to predict with unknown inputs predicts best, and whether what is said about measuring them is true.

    python -m benchmarks.missing_inputs                                            # embedded cohort
    python -m benchmarks.missing_inputs ../shared/data/target_aall0232/aall0232.csv --model induction_efs
    python -m benchmarks.missing_inputs --open gbsg2 diabetes bmt_children

Repeated cross-validation by patient. In each fold the recipe is fitted and exported once; patients left out are then
predicted as they are, with 1, 2 and 3 of their known inputs made unknown at random, and lacking also what a random
other patient of the cohort lacks, by every way of ``benchmarks.missing_methods``. Printed: the loss of what ships
(log-loss, or the integrated Brier score to the horizon) and the differences of the others from it, with standard errors
over patients (losses averaged over repeats, variance times folds / (folds - 1) for models that share training rows);
what else is judged; and for the inputs removed, how often the estimate with one put back lies between the bounds that
had been told.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.missing_cohorts import OPEN, SYNTHETIC, Case, from_file
from benchmarks.missing_methods import SHIPS, WAYS, Fold, remove
from benchmarks.missing_ranges import ROWS, Told, told
from benchmarks.missing_ranges import SHIPS as TOLD
from riskml.runtime.score import score_table
from riskml.training.fit import TrainingSet, fit_pipeline, portable
from riskml.training.measures import Sample, measures_of
from riskml.training.metrics.survival import weigh
from riskml.training.out_of_sample import months_judged, sample_of
from riskml.training.resample import Folds, cross_validation

FloatArray = NDArray[np.float64]
AS_THEY_ARE, BORROWED = "as they are", "another's gaps"
REMOVED = (1, 2, 3)
ALSO = {"binary": ("brier", "auc", "calibration_intercept"), "survival": ("brier", "c_index", "observed_expected")}
ORDERS: Mapping[str, Callable[[Told], float]] = {
    "width of the bounds, as it ships": lambda item: item.spread(),
    "the same, percentiles of training rows": lambda item: item.spread(ROWS),
    "standard deviation over the background": lambda item: item.expected,
    "the same, of a number its bounds / 3.29": lambda item: item.bounds_deviation(TOLD),
}


@dataclass(eq=False)
class Study:
    """Predictions ``answers[way][state]`` of shape (repeats, n_rows, n_times), and seconds by way."""

    case: Case
    folds: Folds
    times: tuple[float, ...]
    answers: dict[str, dict[str, FloatArray]]
    learning: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    predicted: int = 0
    told: list[Told] = field(default_factory=list)


def states(frame: pd.DataFrame, seed: int, repeat: int) -> dict[str, pd.DataFrame]:
    """The table as it is, and with inputs made unknown; the same for every way, anew in each repeat."""
    found = {AS_THEY_ARE: frame}
    for count in REMOVED:  # one state of the generator: what is removed first stays removed
        found[f"{count} removed"] = remove(frame, count, np.random.default_rng([seed, repeat]))
    if frame.isna().any(axis=None):
        rng, n = np.random.default_rng([seed, repeat, 1]), len(frame)
        others = (np.arange(n) + rng.integers(1, n, n)) % n
        found[BORROWED] = frame.mask(frame.isna().to_numpy()[others])
    return found


def run(case: Case, repeats: int, seed: int, *, ranges: bool) -> Study:
    """Fit every fold once and predict its patients by every way."""
    rows, recipe = case.rows, case.recipe
    folds = cross_validation(rows.patient, rows.event, folds=recipe.folds, repeats=repeats, seed=seed)
    times = months_judged(recipe, rows)
    shape = (folds.repeats, len(rows.event), max(1, len(times)))
    names = states(rows.frame, seed, 0)
    study = Study(case, folds, times, {way: {state: np.full(shape, np.nan) for state in names} for way in WAYS})
    for number, split in enumerate(folds.splits.values()):
        repeat = number // folds.folds
        learned = rows.take(split.train)
        model = portable(recipe, learned, fit_pipeline(recipe, learned, seed=seed)[-1].members())
        fold = Fold(recipe, learned, model, times, seed + number)
        tables = {state: table.iloc[split.test] for state, table in states(rows.frame, seed, repeat).items()}
        predict(study, fold, tables, (repeat, split.test))
        if ranges and number < 2 * folds.folds:  # one prediction after another, in plain Python as shipped: two repeats
            both = (tables[AS_THEY_ARE], tables[f"{REMOVED[-1]} removed"])
            study.told += told(model, case.variables, learned.frame, both, times[-1:])
    return study


def predict(study: Study, fold: Fold, tables: Mapping[str, pd.DataFrame], place: tuple[int, Any]) -> None:
    """All states of a fold's patients by every way."""
    everyone = pd.concat(tables.values())
    study.predicted += len(everyone)
    for way, learn in WAYS.items():
        start = time.process_time()
        complete = learn(fold)
        ready = time.process_time()
        answers = complete(everyone).predict(fold.model, fold.times)
        done = time.process_time()
        if way == SHIPS:  # this is what a bundle says
            columns = {name: everyone[name].to_numpy() for name in fold.model.inputs}
            assert np.allclose(answers, score_table(fold.model, columns, len(everyone), fold.times), atol=1e-9)
        study.learning[way] = study.learning.get(way, 0.0) + ready - start
        study.seconds[way] = study.seconds.get(way, 0.0) + done - ready
        for state, part in zip(tables, np.split(answers, len(tables)), strict=True):
            study.answers[way][state][place] = part


def sample(study: Study, way: str, state: str, repeat: int) -> Sample:
    """One repeat's predictions set against what happened."""
    rows, answers = study.case.rows, study.answers[way][state][repeat]
    risk = answers[:, -1] if rows.time is None else 1 - answers[:, -1]
    clipped = np.clip(risk, 1e-12, 1 - 1e-12)
    link = np.log(clipped / (1 - clipped))
    return sample_of(rows, study.case.recipe, risk, link, np.zeros(len(risk)), answers if study.times else None)


def losses(study: Study, way: str, state: str) -> FloatArray:
    """Loss of each row, a mean over repeats: log-loss, or its share of the integrated IPCW Brier score."""
    rows, answers = study.case.rows, study.answers[way][state]
    if rows.time is None:
        risk = np.clip(answers[:, :, 0], 1e-15, 1 - 1e-15)
        return np.asarray(-np.where(rows.event, np.log(risk), np.log1p(-risk)).mean(axis=0))
    weighting, errors = weigh(rows.time, rows.event, rows.entry), []
    for k, month in enumerate(study.times):
        weights = weighting.at(month)
        assert weights is not None
        happened = rows.event & (rows.time <= month)
        errors.append(weights * ((happened - (1 - answers[:, :, k])) ** 2).mean(axis=0))
    span = study.times[-1] - study.times[0]
    return np.asarray(np.trapezoid(np.array(errors), study.times, axis=0) / span)


def standard_error(gap: FloatArray, rows: TrainingSet, folds: int) -> float:
    """Of a mean of paired differences; rows of one patient count together."""
    _, which = np.unique(rows.patient, return_inverse=True)
    sums = np.bincount(which, weights=gap - gap.mean())
    return float(np.sqrt((sums**2).sum() * folds / (folds - 1)) / len(gap))


def loss_lines(study: Study) -> Iterator[str]:
    """Loss of what ships; differences of the others in thousandths."""
    names = list(study.answers[SHIPS])
    yield f"| | {' | '.join(names)} | learn, s | predict, ms |"
    yield f"|---|{'---|' * (len(names) + 2)}"
    base = {state: losses(study, SHIPS, state) for state in names}
    for way in WAYS:
        cells = []
        for state in names:
            gap = losses(study, way, state) - base[state]
            error = standard_error(gap, study.case.rows, study.folds.folds)
            cells.append(
                f"{base[state].mean():.4f}" if way == SHIPS else f"{1e3 * gap.mean():+.2f} ({1e3 * error:.2f})"
            )
        learn = study.learning[way] / len(study.folds.splits)
        yield f"| {way} | {' | '.join(cells)} | {learn:.2f} | {1e3 * study.seconds[way] / study.predicted:.2f} |"


def other_lines(study: Study) -> Iterator[str]:
    """What else is judged, means over repeats, where inputs are missing most."""
    measures = measures_of(sample(study, SHIPS, AS_THEY_ARE, 0))
    names = ALSO[study.case.recipe.kind]
    shown = [state for state in (f"{REMOVED[-1]} removed", BORROWED) if state in study.answers[SHIPS]]
    yield f"| | {' | '.join(f'{name}, {state}' for state in shown for name in names)} |"
    yield f"|---|{'---|' * (len(names) * len(shown))}"
    for way in WAYS:
        cells = []
        for state in shown:
            samples = [sample(study, way, state, repeat) for repeat in range(study.folds.repeats)]
            cells += [f"{np.mean([measures[name].of(s) for s in samples]):.4f}" for name in names]
        yield f"| {way} | {' | '.join(cells)} |"


def told_lines(found: Sequence[Told]) -> Iterator[str]:
    """How true the bounds and the order of missing inputs are."""
    yield "| put back | bounds | inside | mean width | inputs |\n|---|---|---|---|---|"
    for kind in sorted({item.kind for item in found}):
        mine = [item for item in found if item.kind == kind]
        for source in mine[0].bounds:
            bounds = np.array([item.bounds.get(source, item.bounds[TOLD]) for item in mine])
            now = np.array([item.now for item in mine])
            inside = np.mean((bounds[:, 0] - 1e-9 <= now) & (now <= bounds[:, 1] + 1e-9))
            yield f"| {kind} | {source} | {inside:.3f} | {np.mean(bounds[:, 1] - bounds[:, 0]):.4f} | {len(mine)} |"
    yield ""
    patients: dict[int, list[Told]] = {}
    for item in found:
        patients.setdefault(item.patient, []).append(item)
    several = [items for items in patients.values() if len(items) > 1]
    yield "| listed by | the first moved most | chance | mean move of 1st | 2nd | 3rd | patients |"
    yield "|---|---|---|---|---|---|---|"
    for label, rank in ORDERS.items():
        hits, moves = [], []
        for items in several:
            moved = np.array([item.moved for item in sorted(items, key=rank, reverse=True)])
            best = moved >= moved.max() - 1e-12
            hits.append(best[0] / best.sum())
            moves.append(np.interp(np.arange(3), np.arange(len(moved)), moved, right=np.nan))
        chance = np.mean([1 / len(items) for items in several])
        means = " | ".join(f"{value:.4f}" for value in np.nanmean(moves, axis=0))
        yield f"| {label} | {np.mean(hits):.3f} | {chance:.3f} | {means} | {len(several)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort", nargs="?", default=None)
    parser.add_argument("--columns", default=None, help="column map of the cohort")
    parser.add_argument("--model", nargs="+", default=["non_response", "icans", "efs"])
    parser.add_argument("--open", nargs="+", choices=sorted(OPEN), help="open cohorts instead of a file")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    opened = [OPEN[name]() for name in options.open or ()]
    for case in opened or from_file(options.cohort or str(SYNTHETIC), options.model, options.columns):
        study = run(case, options.repeats, options.seed, ranges=True)
        rows, gaps = case.rows, case.rows.frame.isna().to_numpy().mean()
        measure = "log-loss" if rows.time is None else "integrated Brier score"
        print(f"\n## {case.name}: {rows.n_patients} patients, {rows.n_events} events, {len(case.recipe.inputs)} inputs")
        print(f"\n{100 * gaps:.0f} % of cells unknown; {options.repeats} repeats; {measure}, differences x 1000\n")
        for lines in (loss_lines(study), other_lines(study), told_lines(study.told)):
            print("\n".join(lines) + "\n", flush=True)


if __name__ == "__main__":
    main()
