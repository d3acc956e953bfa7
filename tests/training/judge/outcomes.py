"""Samples of every kind of outcome for the tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit, logit

from riskml.training.measures import Sample

KINDS = ("binary", "survival", "competing", "late entry")


def of_binary(event, risk, patient=None):
    """A binary sample of the rows given; the comparator says the prevalence."""
    event, risk = np.asarray(event, dtype=bool), np.asarray(risk, dtype=float)
    patient = np.arange(event.size) if patient is None else np.asarray(patient)
    return Sample(event, None, risk, logit(risk), np.full(event.size, event.mean()), patient, 12.0)


def drawn(kind="binary", n=120, seed=0, spread=1.2):
    """Patients whose predicted risk is the true one; times are exponential and censored."""
    rng = np.random.default_rng(seed)
    link = -1.2 + spread * rng.normal(size=n)
    risk = expit(link)
    if kind == "binary":
        return of_binary(rng.random(n) < risk, risk)
    hazard = -np.log1p(-risk) / 12.0
    of_event, censored = rng.exponential(1 / hazard), rng.uniform(2, 40, size=n)
    time, event = np.minimum(of_event, censored), of_event <= censored
    months = (3.0, 6.0, 12.0)
    curve = np.exp(-hazard[:, None] * np.array(months))
    reference = np.full(n, risk.mean())
    sample = Sample(event, time, risk, np.log(hazard), reference, np.arange(n), 12.0, months=months, curve=curve)
    if kind == "survival":
        return sample
    if kind == "late entry":
        return replace(sample, entry=np.where(rng.random(n) < 0.3, time * rng.uniform(0, 0.9, size=n), 0.0))
    other = event & (rng.random(n) < 0.3)  # whenever the event comes: the incidence is 70 % of what it was
    own = replace(sample, risk=0.7 * risk, reference=0.7 * reference, curve=0.7 * (1 - curve))
    return replace(own, event=event & ~other, cause=np.where(other, 2, event.astype(int)))


def permuted(sample, seed=3):
    """The same rows in another order, and that order."""
    order = np.random.default_rng(seed).permutation(len(sample.event))
    return sample.take(order), order
