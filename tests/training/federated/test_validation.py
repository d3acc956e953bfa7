"""A model judged in several hospitals: their own estimates, pooled, and tables from which nobody follows."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from riskml.cohort.cohort import cohort_from_table
from riskml.cohort.read_table import read_table
from riskml.cohort.simulate import write_simulated
from riskml.errors import DataError, NotEstimableError, UsageError
from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training import measures
from riskml.training.external import checked_target, predictions
from riskml.training.federated.bundle import bundle_of
from riskml.training.federated.messages import with_digest
from riskml.training.federated.validation import (
    CUTS,
    RESULT,
    auc_bounds,
    table_of,
    validation_answer,
    validation_plan,
    validation_result,
)
from riskml.training.judge.centres import measured
from riskml.training.metrics.binary import auc
from riskml.training.metrics.pooling import pool
from tests.training.federated.hospitals import by_post, embedded, run, split_by, study

CENTRES = ("A", "B", "C")


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Enough for a standard error whose digits no test looks at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "N_BOOT", 100)
        yield


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A shipped model in three simulated hospitals: cohort, parts, plan and answers."""
    path = tmp_path_factory.mktemp("v") / "cohort.csv"
    write_simulated(path, 600, seed=11)
    cohort = cohort_from_table(read_table(str(path)))
    bundle = open_bundle(shipped("non_response"))
    parts = split_by(cohort, np.array(CENTRES)[cohort.patient % 3])
    plan = by_post(validation_plan(bundle, CENTRES))
    answers = {f"{k}.json": by_post(validation_answer(plan, bundle, part, k)) for k, part in parts.items()}
    return bundle, cohort, parts, plan, answers


@lru_cache(maxsize=1)
def small():
    return embedded()[1]["West"]


def test_the_pooled_table_and_bounds_hold_what_all_rows_together_say(judged):
    bundle, cohort, _, plan, answers = judged
    result = validation_result(plan, answers)
    target = checked_target(bundle, cohort)
    sample = predictions(bundle, cohort, target)
    assert result["schema"] == RESULT
    assert (result["n_patients"], result["n_events"]) == (target.n_patients, target.n_events)
    whole = result["observed_expected"]
    assert whole["observed"] == target.n_events
    assert whole["expected"] == pytest.approx(sample.risk.sum(), rel=1e-5)
    low, high = result["auc_bounds"]
    assert low <= auc(sample.event, sample.risk) <= high
    assert sum(row["with_event"] for row in result["table"]) == target.n_events
    for row in result["table"]:
        own = (sample.risk >= row["low"]) & (sample.risk < row["high"])
        assert row["with_event"] == (own & sample.event).sum()
        assert row["without_event"] == (own & ~sample.event).sum()
        assert row["expected"] == pytest.approx(sample.risk[own].sum(), rel=1e-4)


def test_each_hospital_s_estimates_are_its_own_and_pooled_by_random_effects(judged):
    bundle, _, parts, plan, answers = judged
    result = validation_result(plan, answers)
    values = []
    for row in result["centres"]:
        part = parts[row["centre"]]
        sample = predictions(bundle, part, checked_target(bundle, part))
        values.append(measured(sample, 0)["auc"])
        assert row["estimates"]["auc"]["value"] == pytest.approx(auc(sample.event, sample.risk), rel=1e-5)
    by_hand = pool([item.value for item in values], [item.error for item in values])
    assert result["summary"]["auc"]["value"] == pytest.approx(1 / (1 + np.exp(-by_hand.value)), abs=2e-3)
    assert result["summary"]["auc"]["tau"] == pytest.approx(by_hand.tau, abs=2e-3)
    assert set(result["summary"]) == {"auc", "observed_expected", "calibration_slope"}
    assert result["synthetic"] is True


def test_no_group_holds_one_to_four(judged):
    *_, answers = judged
    rows = [row for answer in answers.values() for row in answer["table"]]
    assert all(row[side] >= SMALLEST_CELL for row in rows for side in ("with_event", "without_event"))


@pytest.mark.parametrize("seed", range(6))
def test_tables_cover_everybody_in_groups_of_five_or_more(judged, seed):
    bundle, cohort, *_ = judged
    rng = np.random.default_rng(seed)
    sample = predictions(bundle, cohort, checked_target(bundle, cohort))
    sample = sample.take(rng.choice(len(sample.event), int(rng.integers(30, 140)), replace=False))
    table = table_of(sample, CUTS)
    if min(sample.event.sum(), (~sample.event).sum()) < SMALLEST_CELL:
        assert table == []
        return
    assert [row["low"] for row in table] == [0.0, *(row["high"] for row in table[:-1])]
    assert table[-1]["high"] == 1.0
    assert sum(row["with_event"] + row["without_event"] for row in table) == len(sample.event)
    assert all(min(row["with_event"], row["without_event"]) >= SMALLEST_CELL for row in table)
    low, high = auc_bounds(table)
    assert low <= auc(sample.event, sample.risk) <= high


def test_a_table_of_four_events_is_none(judged):
    bundle, cohort, *_ = judged
    sample = predictions(bundle, cohort, checked_target(bundle, cohort))
    had, free = np.flatnonzero(sample.event), np.flatnonzero(~sample.event)
    assert table_of(sample.take(np.concatenate([had[:4], free])), CUTS) == []
    assert table_of(sample.take(np.concatenate([had, free[:4]])), CUTS) == []
    assert len(table_of(sample.take(np.concatenate([had[:5], free[:5]])), CUTS)) == 1


def test_a_survival_model_is_judged_at_its_horizon(judged):
    _, cohort, parts, *_ = judged
    bundle = open_bundle(shipped("efs"))
    plan = validation_plan(bundle, CENTRES)
    answers = {k: by_post(validation_answer(plan, bundle, p, k, force_horizon=True)) for k, p in parts.items()}
    result = validation_result(plan, answers)
    assert result["auc_bounds"] is None
    assert result["model"]["horizon_months"] == 12
    assert set(result["summary"]) == {"c_index", "observed_expected", "calibration_slope"}
    assert 0.2 < result["observed_expected"]["ratio"] < 5
    assert cohort.synthetic


def test_small_hospitals_and_other_models_are_refused(judged):
    bundle, _, parts, plan, _ = judged
    with pytest.raises(NotEstimableError):
        validation_answer(validation_plan(bundle, ("A", "West")), bundle, replace(small(), sha256="0"), "West")
    with pytest.raises(DataError, match="must be the plan's model"):
        validation_answer(plan, open_bundle(shipped("efs")), parts["A"], "A")
    with pytest.raises(UsageError, match="no hospital 'D'"):
        validation_answer(plan, bundle, parts["A"], "D")
    for centres in (("A",), ("A", "A"), ("A", ""), ("A", "B", "b")):
        with pytest.raises(UsageError, match="two different hospitals"):
            validation_plan(bundle, centres)


def test_a_hospital_does_not_judge_a_shared_model_by_the_rows_it_gave():
    finished, _, _ = run(study("non_response", "ridge_logistic"), embedded()[1])
    bundle = bundle_of(finished)
    with pytest.raises(DataError, match="must not be a file the model was trained on"):
        validation_answer(validation_plan(bundle, ("A", "West")), bundle, small(), "West")


def test_every_fault_of_the_answers_is_told_at_once(judged):
    *_, plan, answers = judged
    own = answers["A.json"]
    wrong = {
        "A.json": {**own, "observed": 5.0},
        "B.json": with_digest({**answers["B.json"], "centre": "D"}),
        "note.json": {},
    }
    with pytest.raises(DataError) as caught:
        validation_result(plan, wrong)
    for part in (
        "A.json: must match",
        "B.json: must come from A, B, C",
        "note.json: must be an answer",
        "no answer of C",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"n_events": 3},
        {"n_patients": "100"},
        {"expected": 0},
        {"observed": 10**400},
        {"estimates": {"auc": {"value": 1}}},
        {"estimates": None},
        {"table": None},
        {"table": [{"low": 0.0, "high": 0.4, "with_event": 9, "without_event": 9, "expected": 3.0}]},
        {"table": [{"low": 0.0, "high": 1.0, "with_event": -1, "without_event": 9, "expected": 3.0}]},
        {"synthetic": None},
        {"data": ["a", "list"]},
    ],
)
def test_numbers_of_another_kind_are_refused(judged, fields):
    *_, plan, answers = judged
    changed = {**answers, "A.json": with_digest({**answers["A.json"], **fields})}
    with pytest.raises(DataError, match="finite numbers of the kind"):
        validation_result(plan, changed)


def test_one_file_for_two_hospitals_is_seen(judged):
    bundle, _, parts, plan, answers = judged
    twice = {**answers, "B.json": by_post(validation_answer(plan, bundle, parts["A"], "B"))}
    with pytest.raises(DataError, match="A and B must not answer from one and the same file") as caught:
        validation_result(plan, twice)
    assert "secret" not in str(caught.value)


def test_a_hospital_answers_once_and_a_changed_plan_is_refused(judged):
    bundle, _, parts, plan, answers = judged
    second = by_post(validation_answer(plan, bundle, parts["B"], "A"))
    with pytest.raises(DataError, match="A must answer once"):
        validation_result(plan, {**answers, "again.json": second})
    assert validation_result(plan, {**answers, "copy.json": answers["A.json"]}) == validation_result(plan, answers)
    for bad in (
        {**plan, "seed": 5},
        {},
        None,
        *(
            with_digest({**plan, **fields})
            for fields in (
                {"riskml": "9"},
                {"centres": 5},
                {"cuts": ["a"]},
                {"model": None},
                {"model": {**plan["model"], "horizon_months": "12"}},
                {"model": {**plan["model"], "hint": 1}},
                {"seed": "0"},
                {"x": 1},
            )
        ),
    ):
        with pytest.raises(DataError):
            validation_result(bad, answers)
