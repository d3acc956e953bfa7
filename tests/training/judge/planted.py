"""A bench whose predictions are planted, so that what is computed from them is known."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from riskml.errors import NotEstimableError
from riskml.training.fit import TrainingSet
from riskml.training.out_of_sample import Bench, Guess
from riskml.training.recipe import load_recipe


@dataclass(frozen=True, slots=True, eq=False)
class Planted(Bench):
    """Gives row i the risk ``risk[i]``; refuses splits whose test rows hold one of ``broken``; remembers the splits."""

    risk: Any = None
    broken: tuple[int, ...] = ()
    asked: list[Any] = field(default_factory=list)

    def score(self, splits, label):
        self.asked.append((label, dict(splits)))
        if any(np.isin(self.broken, split.test).any() for split in splits.values()):
            raise NotEstimableError("the learner cannot be fitted: 3 rows of 40 are left")
        return [self._guess(split.test) for split in splits.values()]

    def _guess(self, test):
        risk = self.risk[test]
        return Guess(test, risk, np.log(risk / (1 - risk)), 0.3, None if self.rows.time is None else 1 - risk[:, None])


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
