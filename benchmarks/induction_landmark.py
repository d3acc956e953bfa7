"""What counting induction failures at the landmark does to the C of ``induction_efs`` (needs the real cohort).

Run it with ``python -m benchmarks.induction_landmark``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from benchmarks.background_fidelity import REAL
from riskml.cli.work import plan_jobs
from riskml.runtime.card_words import interval_text
from riskml.runtime.dictionary import load_dictionary
from riskml.training.evaluate import evaluate


def main() -> None:
    """Evaluate the recipe with and without the events that the landmark's own marrow finds."""
    job = plan_jobs(str(REAL), ("induction_efs",), None)[0]
    outcome = load_dictionary().outcomes[job.recipe.outcome]
    for rule in ("count", "exclude"):
        recipe = replace(job.recipe, outcome=cast("Any", {**outcome, "events_at_landmark": rule}))
        result = evaluate(recipe, job.cohort).as_dict()
        metrics = ", ".join(f"{name} {interval_text(metric)}" for name, metric in result["metrics"].items())
        print(f"{rule}: {result['n_patients']} patients, {result['n_events']} events: {metrics}")


if __name__ == "__main__":
    main()
