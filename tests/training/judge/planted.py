"""A bench whose predictions are planted, so that what is computed from them is known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from riskml.training.fit import TrainingSet
from riskml.training.out_of_sample import Bench
from riskml.training.recipe import load_recipe


@dataclass(frozen=True, slots=True, eq=False)
class Planted(Bench):
    """Gives row i the risk ``risk[i]``, and a reason where test rows hold one of ``broken``; remembers the splits."""

    risk: Any = None
    broken: tuple[int, ...] = ()
    asked: list[Any] = field(default_factory=list)

    def run(self, function, splits, label):
        self.asked.append((label, dict(splits)))
        return [self._answer(split.test) for split in splits.values()]

    def _answer(self, test):
        risk = self.risk[test]
        curve = None if self.rows.time is None else (1 - risk[:, None]).tolist()
        reason = "the learner cannot be fitted: 3 rows of 40 are left" if np.isin(self.broken, test).any() else ""
        link = np.log(risk / (1 - risk)).tolist()
        return {"risk": risk.tolist(), "link": link, "reference": 0.3, "curve": curve, "reason": reason}


def planted(event, risk, *, time=None, cause=None, entry=None, patient=None, **settings):
    """A bench for these rows: binary without ``time``, judged at 12 months with it."""
    n = len(event)
    patient = np.arange(n) if patient is None else np.asarray(patient)
    time = None if time is None else np.asarray(time, dtype=float)
    shown = {"cause": cause, "entry": entry, "rows": np.arange(n)}
    grid = () if time is None else (12.0,)
    rows = TrainingSet(pd.DataFrame(index=range(n)), np.asarray(event, dtype=bool), time, patient, (), grid, **shown)
    recipe = replace(load_recipe("non_response" if time is None else "efs"), horizon_months=12.0)
    return Planted(recipe, rows, risk=np.asarray(risk, dtype=float), **settings)
