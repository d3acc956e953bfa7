"""Does the updating ladder choose sensibly? `python -m benchmarks.updating_ladder`.

A parent is trained on 200 patients (ridge logistic, six inputs, 25 % events, AUC about 0.78). Where it arrives nothing
has drifted, the prevalence has (log-odds - 1), predictions are too extreme (true slope 0.5), or coefficients have
changed (two effects gone, one reversed). From 60 to 1,000 patients there the ladder takes a rung, and every child is
judged by its log-loss in 20,000 others.

Prints, for each drift and size, how often each rung was taken; then the mean log-loss above that of the true risks
(times 1,000) of the rung taken, of no update, of a refit, and of the rung that was best in hindsight.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from riskml.cohort.outcomes import Target
from riskml.errors import NotEstimableError
from riskml.runtime.model import Feature, PortableModel
from riskml.training.learners.ridge_logistic import RidgeLogistic
from riskml.training.metrics.binary import log_loss
from riskml.training.planning import Study, plan
from riskml.training.transfer.after import Updating
from riskml.training.transfer.ladder import Choice, choose, gates_below_refit
from riskml.training.transfer.problem import Cases, pose
from riskml.training.transfer.rungs import RUNGS, fit_rung

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

LEARNED, TESTED = 200, 20_000
SIZES = (60, 150, 500, 1000)
EFFECTS, LEVEL = np.array([0.8, -0.6, 0.5, 0.4, 0.3, 0.0]), -1.4
NAMES = tuple(f"x{k}" for k in range(len(EFFECTS)))
# (level, effects) where the parent arrives
DRIFTS = {
    "none": (LEVEL, EFFECTS),
    "prevalence": (LEVEL - 1, EFFECTS),
    "slope 0.5": (LEVEL, 0.5 * EFFECTS),
    "coefficients": (LEVEL, np.array([0.8, 0.6, 0.0, 0.0, 0.3, 0.6])),
}


def drawn(n: int, drift: str, rng: np.random.Generator) -> tuple[FloatArray, NDArray[np.bool_], FloatArray]:
    """Inputs, events and true risks of ``n`` patients."""
    level, effects = DRIFTS[drift]
    X = rng.standard_normal((n, len(effects)))
    risk = expit(level + X @ effects)
    return X, rng.random(n) < risk, risk


def model_of(X: FloatArray, event: NDArray[np.bool_]) -> PortableModel:
    """The ridge as a portable model of one prototype."""
    features = tuple(Feature(name, "value", (name,)) for name in NAMES)
    member = RidgeLogistic().fit(X, event.astype(int)).to_portable()
    background = (tuple(X.mean(axis=0).tolist()),)
    return PortableModel("binary", NAMES, features, (member,), (1.0,), background, (), 0.9, {})


def cases_of(X: FloatArray, event: NDArray[np.bool_]) -> Cases:
    """Patients as the ladder takes them."""
    rows = np.arange(len(event))
    target = Target("event", "binary", rows, event, None, rows, (), event.astype(np.intp))
    return Cases(dict(zip(NAMES, X.T, strict=True)), target, 0.0, X)


@dataclass(frozen=True, slots=True, eq=False)
class Refitted:
    """A ridge of the new patients' own."""

    X: FloatArray
    event: NDArray[np.bool_]

    def learned(self, rows: IntArray) -> PortableModel:
        """Fitted to some of them."""
        return model_of(self.X[rows], self.event[rows])


def updating_of(parent: PortableModel, X: FloatArray, event: NDArray[np.bool_]) -> Updating:
    """The ladder with the gates that these patients open."""
    cases = cases_of(X, event)
    opened = {gate.rung for gate in gates_below_refit(parent, cases.target) if gate.open}
    if plan(Study("binary", len(event), int(event.sum()), X.shape[1]))["met"]:
        opened.add("refit")
    return Updating(parent, cases, pose(parent, cases), opened, Refitted(X, event))


def children(updating: Updating) -> Iterator[tuple[str, PortableModel]]:
    """A child of every rung, whatever the gates say."""
    rows = np.arange(len(updating.problem.event))
    for rung in RUNGS:
        try:
            update = None if rung == "refit" else fit_rung(updating.problem, rung)
        except NotEstimableError:
            continue
        yield rung, updating.child(Choice(rung, update, {}, rung), rows)


def study(drift: str, size: int, repeats: int, seed: int) -> tuple[Counter[str], dict[str, float]]:
    """How often each rung is taken, and mean log-losses above the truth's."""
    taken: Counter[str] = Counter()
    losses: dict[str, list[float]] = {name: [] for name in ("taken", "none", "refit", "best")}
    for repeat in range(repeats):
        rng = np.random.default_rng(np.random.SeedSequence([seed, size, repeat]))
        parent = model_of(*drawn(LEARNED, "none", rng)[:2])
        X, event, _ = drawn(size, drift, rng)
        test, happened, truth = drawn(TESTED, drift, rng)
        updating, judged = updating_of(parent, X, event), cases_of(test, happened)
        least = log_loss(happened, truth)
        found = {name: log_loss(happened, judged.scores(child, ())[:, 0]) - least for name, child in children(updating)}
        rung = choose(updating.problem, updating.open_rungs).rung if updating.open_rungs else "none"
        taken[rung] += 1
        for name, loss in {**found, "taken": found[rung], "best": min(found.values())}.items():
            losses.setdefault(name, []).append(loss)
    return taken, {name: 1000 * float(np.mean(values)) for name, values in losses.items()}


def main() -> None:
    """Print both tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("error")
    print("| drift | n |", " | ".join(RUNGS), "| taken | never update | always refit | best |")
    print("|---" * (len(RUNGS) + 6) + "|")
    for drift in DRIFTS:
        for size in SIZES:
            taken, loss = study(drift, size, options.repeats, options.seed)
            shares = " | ".join(f"{100 * taken[rung] / options.repeats:.0f} %" for rung in RUNGS)
            shown = " | ".join(f"{loss[name]:.1f}" for name in ("taken", "none", "refit", "best"))
            print(f"| {drift} | {size} | {shares} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
