"""What several of these tests need: tables, a truncated and censored sample of known truth."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

ROTTERDAM, GBSG = "rotterdam node+ RFS trunc 5y", "gbsg external"


def read_columns(path):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@dataclass
class Truth:
    """A population with all its times (horizon 1), and the sample of it that late entry and censoring let us see.

    ``seen_*`` are the sample's; ``cause`` 1 is the event, 2 the competing one; ``risk`` is the true incidence of 1.
    """

    time: np.ndarray
    cause: np.ndarray
    risk: np.ndarray
    seen_time: np.ndarray
    seen_cause: np.ndarray
    seen_risk: np.ndarray
    entry: np.ndarray


def truncated(n=24000, *, competing=0.0, late=True, seed=5):
    """Exponential times; who enters late is seen only if still free of events then."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    rate, other = 0.7 * np.exp(0.8 * x), np.full(n, competing)
    time = rng.exponential(1 / (rate + other))
    cause = np.where(rng.random(n) < rate / (rate + other), 1, 2)
    risk = rate / (rate + other) * -np.expm1(-(rate + other))
    entry = np.where(rng.random(n) < 0.4, 0.0, rng.uniform(0, 1.5, n)) if late else np.zeros(n)
    censored = entry + rng.exponential(2, n)
    seen = entry < time
    observed, kind = np.minimum(time, censored), np.where(time <= censored, cause, 0)
    return Truth(time, cause, risk, observed[seen], kind[seen], risk[seen], entry[seen])


@st.composite
def cohorts(draw, min_size=3):
    """Ten possible times, so ties abound: time, cause 0/1/2, risk in [0, 1], and entry before time."""
    n = draw(st.integers(min_size, 25))
    time = np.array(draw(st.lists(st.integers(1, 10), min_size=n, max_size=n)), dtype=float)
    cause = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    risk = np.array(draw(st.lists(st.integers(0, 10), min_size=n, max_size=n))) / 10
    share = np.array(draw(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.9]), min_size=n, max_size=n)))
    return time, cause, risk, np.floor(time * share)
