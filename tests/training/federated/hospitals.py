"""Hospitals of the tests: the embedded cohort by its four centres, simulated ones, and a study run to its end."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache

import numpy as np

from riskml.cohort.cohort import read_cohort
from riskml.training.federated.centre import answer
from riskml.training.federated.coordinator import Finished, advance
from riskml.training.federated.masks import new_secret, secret_bytes
from riskml.training.federated.messages import first_ask
from riskml.training.federated.plan import plan_of, study_of
from riskml.training.recipe import read_raw
from tests.repository import ROOT

EMBEDDED = ROOT / "features" / "synthetic" / "cohort.csv"
SECRET = secret_bytes(new_secret())


def split_by(cohort, label):
    """Parts of a cohort by a label of each row, each as a file of its own."""
    label = np.asarray(label).astype(str)
    parts = {name: cohort.some(np.flatnonzero(label == name)) for name in sorted(set(label.tolist()))}
    return {name: replace(part, sha256=f"{cohort.sha256}-{name}") for name, part in parts.items()}


@lru_cache(maxsize=1)
def embedded():
    cohort = read_cohort(EMBEDDED)
    return cohort, split_by(cohort, cohort.frame["centre"])


def by_post(content):
    """What arrives of an object that was written as JSON."""
    return json.loads(json.dumps(content, allow_nan=False))


def study(model="efs", only="ridge_cox", centres=("East", "North", "South", "West"), **settings):
    raw = model if isinstance(model, dict) else read_raw(model)[0]
    return study_of(plan_of(raw, centres, only=only, **settings))


def answers_to(ask, parts, secret=SECRET):
    return {f"{ask['round']}-{name}.json": by_post(answer(ask, part, name, secret)) for name, part in parts.items()}


def run(planned, parts):
    """All rounds of a study: what it came to, its asks and its answers."""
    asks, answers = [by_post(first_ask(planned))], {}
    while len(asks) < 40:
        answers |= answers_to(asks[-1], parts)
        step = advance(asks, answers)
        if isinstance(step, Finished):
            return step, asks, answers
        asks.append(by_post(step))
    raise AssertionError("a study of 40 rounds")


def with_rows(part, **columns):
    """The same hospital with other cells in some columns."""
    return replace(part, frame=part.frame.assign(**columns))
