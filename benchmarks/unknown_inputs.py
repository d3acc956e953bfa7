"""What becomes of trees when unknown inputs count as their mean, and when they are drawn.

    python -m benchmarks.unknown_inputs ../shared/data/target_aall0232/aall0232.csv --model induction_efs

Evaluates one recipe with several learners, each as it is and with ``riskml.training.impute`` switched off.
"""

from __future__ import annotations

import argparse
import dataclasses

from riskml.cli.work import plan_jobs
from riskml.training import fit
from riskml.training.evaluate import evaluate

MEMBERS = {
    "survival": (("ridge_cox",), ("survival_forest",), ("boosting_cox",), ("ridge_cox", "survival_forest")),
    "binary": (("ridge_logistic",), ("forest",), ("boosting",), ("ridge_logistic", "forest")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort")
    parser.add_argument("--model", required=True)
    parser.add_argument("--repeats", type=int, default=4)
    options = parser.parse_args()
    (job,) = plan_jobs(options.cohort, (options.model,), None)
    grid = {name: job.recipe.learner[name] for name in ("grid_months",) if name in job.recipe.learner}
    drawing = fit._drawn  # noqa: SLF001 - switched off for comparison
    print("| learner | unknown inputs | measures |\n|---|---|---|")
    for kinds in MEMBERS[job.recipe.kind]:
        single = {"kind": kinds[0]} if len(kinds) == 1 else {"kind": "average", "member": [{"kind": k} for k in kinds]}
        recipe = dataclasses.replace(job.recipe, learner={**single, **grid}, repeats=options.repeats)
        for how in ("mean", "drawn"):
            fit._drawn = drawing if how == "drawn" else lambda *_: None  # noqa: SLF001
            metrics = evaluate(recipe, job.cohort, seed=0).metrics
            shown = ", ".join(f"{name} {metric.value:.4f}" for name, metric in metrics.items())
            print(f"| {' + '.join(kinds)} | {how} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
