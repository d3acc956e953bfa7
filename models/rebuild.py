"""Retrain the bundles that ship in ``models/*/bundle``: the same command gives the same bytes.

Three blinatumomab models come from the embedded synthetic cohort, two from the counts of one paper. ``induction_efs``
needs the real cohort ``target_aall0232/aall0232.csv`` under ``$RISKML_DATA`` or ``../shared/data``; without it that
bundle is left as it is.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from riskml.cli.work import plan_jobs
from riskml.resources import folder
from riskml.training.train import train

SYNTHETIC = folder("features") / "synthetic" / "cohort.csv"
PUBLISHED = {f"{name}_published": folder("features") / "published" / f"{name}.toml" for name in ("non_response", "efs")}
REAL = Path(os.environ.get("RISKML_DATA", "../shared/data")) / "target_aall0232" / "aall0232.csv"


def rebuild(target: Path, names: tuple[str, ...], cohort: Path) -> None:
    """Train ``names`` on ``cohort`` into ``target/<name>/bundle``."""
    for job in plan_jobs(str(cohort), names, None):
        home = target / job.recipe.name
        home.mkdir(parents=True, exist_ok=True)
        print(train(job.recipe, job.cohort, seed=0).save(home / "bundle"))


def main() -> int:
    """Rebuild everything that can be rebuilt here."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else folder("models")
    rebuild(target, ("non_response", "icans", "efs"), SYNTHETIC)
    for name, counts in PUBLISHED.items():
        rebuild(target, (name,), counts)
    if REAL.is_file():
        rebuild(target, ("induction_efs",), REAL)
    else:
        print(f"induction_efs was left as it is: {REAL} is not here", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
