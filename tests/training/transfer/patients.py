"""Shipped bundles with the aggregates of their training rows, and new cohorts of which the truth is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from riskml.cohort.cohort import read_cohort
from riskml.cohort.derive import with_inputs
from riskml.cohort.outcomes import build_target
from riskml.cohort.simulate import write_simulated
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle, shipped
from riskml.training.external import checked_target, predictions
from riskml.training.transfer.case_mix import followed, summarise


@cache
def training_cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def judged(bundle, cohort, target=None):
    """Frame and sample of a cohort, row for row."""
    cohort = with_inputs(cohort, bundle.model.inputs, bundle.dictionary)
    target = target or checked_target(bundle, cohort)
    sample = predictions(bundle, cohort, target, force_horizon=True)
    return cohort.frame.iloc[target.rows].reset_index(drop=True), sample


@cache
def own_rows(name):
    """The rows a shipped bundle was trained on."""
    bundle = open_bundle(shipped(name))
    return judged(bundle, training_cohort(), build_target(training_cohort(), bundle.manifest["outcome"]))


@cache
def bundle_with_aggregates(name):
    """A shipped bundle whose manifest holds the aggregates that training stores."""
    bundle = open_bundle(shipped(name))
    frame, sample = own_rows(name)
    model = bundle.model
    mix = summarise(
        frame,
        model.inputs,
        bundle.dictionary,
        sample.link,
        features=model.features,
        follow_up_months=followed(sample),
    )
    training = {**bundle.manifest["training"], "case_mix": mix}
    return bundle.with_(manifest={**bundle.manifest, "training": training})


def bundle_without_aggregates(name):
    bundle = open_bundle(shipped(name))
    training = {key: value for key, value in bundle.manifest["training"].items() if key != "case_mix"}
    return bundle.with_(manifest={**bundle.manifest, "training": training})


def simulated(folder, patients, seed):
    return read_cohort(write_simulated(folder / f"cohort_{patients}_{seed}.csv", patients, seed=seed))


def with_columns(cohort, **columns):
    return replace(cohort, frame=cohort.frame.assign(**columns))


def redrawn(bundle, cohort, odds, seed=0):
    """The cohort with responses drawn anew from the bundle's own risks, the odds of each row times ``odds``."""
    target = build_target(cohort, bundle.manifest["outcome"], bundle.dictionary)
    sample = predictions(bundle, cohort, target)
    risk = odds * sample.risk / (1 - sample.risk + odds * sample.risk)
    failed = np.random.default_rng(seed).random(len(risk)) < risk
    response = cohort.frame["response"].to_numpy(dtype=object).copy()
    response[target.rows] = np.where(failed, "no_response", "response")
    return with_columns(cohort, response=response)
