"""Optimism and .632+: the published formulas, every refit accounted for, nearer to the truth than the apparent."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from riskml.cohort.cohort import cohort_from_table, read_cohort
from riskml.cohort.read import RawTable
from riskml.cohort.simulate import simulate
from riskml.errors import NotEstimableError
from riskml.resources import folder
from riskml.training import measures
from riskml.training.evaluate import bench_of
from riskml.training.fit import training_set
from riskml.training.judge import attempts, bootstrap
from riskml.training.judge.bootstrap import bootstrap_validation, judged_refit, point_632_plus
from riskml.training.judge.stability import stability
from riskml.training.measures import measures_of, with_intervals
from riskml.training.metrics.binary import auc
from riskml.training.out_of_sample import Bench, score_split
from riskml.training.recipe import load_recipe
from riskml.training.resample import bootstrap_rows
from riskml.training.tasks import Store

SAMPLES = 8


def ridge(name):
    kind = "ridge_logistic" if name != "efs" else "ridge_cox"
    learner = {key: value for key, value in load_recipe(name).learner.items() if key == "grid_months"}
    return dataclasses.replace(load_recipe(name), learner={**learner, "kind": kind, "prior_scale": 0.5})


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.fixture(scope="module")
def benches(cohort):
    return {name: bench_of(ridge(name), cohort) for name in ("non_response", "icans", "efs")}


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "N_BOOT", 60)
        yield


@pytest.fixture(scope="module")
def blocks(benches, few_draws):
    return {name: bootstrap_validation(bench, SAMPLES) for name, bench in benches.items()}


# ------------------------------------------------------------------------------------------------------- the formulas


@pytest.mark.parametrize(
    ("apparent", "outside", "chance", "expected"),
    [
        (0.9, 0.9, 0.5, 0.9),  # no overfitting
        (0.0, 0.3, 0.6, 0.3 * 0.632 / 0.816),  # R = 1/2 and w = .632 / (1 - .184), for an error
        (0.0, 0.5, 0.5, 0.5),  # one nearest neighbour and labels that mean nothing: R = 1, w = 1
        (1.0, 0.4, 0.5, 0.5),  # worse than chance outside: chance
        (0.7, 0.8, 0.5, 0.368 * 0.7 + 0.632 * 0.8),  # better outside than inside: the plain .632
        (0.5, 0.5, 0.5, 0.5),
    ],
)
def test_632_plus_by_hand(apparent, outside, chance, expected):
    assert point_632_plus(apparent, outside, chance) == pytest.approx(expected)
    assert 1 - point_632_plus(1 - apparent, 1 - outside, 1 - chance) == pytest.approx(expected), "errors as gains"


def test_optimism_of_the_auc_is_the_mean_over_refits(benches, blocks):
    """Harrell's definition, once more from the parts: value in the refit's own sample less its value in everybody."""
    bench, block = benches["non_response"], blocks["non_response"]
    rows, every = bench.rows, np.arange(len(bench.rows.event))
    gaps, outside = [], []
    for index in range(SAMPLES):
        drawn = bootstrap_rows(rows.patient, rows.event, index=index, seed=bench.seed)
        risk = np.array(score_split(bench.recipe, rows, drawn, every)["risk"])
        gaps.append(auc(rows.event[drawn], risk[drawn]) - auc(rows.event, risk))
        rest = np.setdiff1d(every, drawn)
        outside.append(auc(rows.event[rest], risk[rest]))
    apparent = auc(rows.event, np.array(score_split(bench.recipe, rows, every, every)["risk"]))
    assert block["apparent"]["auc"] == pytest.approx(apparent)
    assert block["optimism"]["auc"] == pytest.approx(np.mean(gaps))
    assert block["corrected"]["auc"]["value"] == pytest.approx(apparent - np.mean(gaps))
    assert block["point_632_plus"]["auc"] == pytest.approx(point_632_plus(apparent, np.nanmean(outside), 0.5))


def test_permutations_give_the_closed_form_of_the_no_information_error(benches):
    """Efron and Tibshirani's double sum over outcomes and predictions, for the squared error."""
    bench = benches["non_response"]
    every = np.arange(len(bench.rows.event))
    risk = np.array(score_split(bench.recipe, bench.rows, every, every)["risk"])
    sample = bench.sample(bench.score({"all": bootstrap.Split(every, every)}, "all")[0])
    found = bootstrap._without_information(sample, 0)
    assert found["brier"] == pytest.approx(np.mean((bench.rows.event[:, None] - risk) ** 2), rel=0.02)
    assert found["auc"] == 0.5
    assert set(found) == {"auc", "brier", "log_loss"}


@pytest.mark.parametrize("name", ["non_response", "icans", "efs"])
def test_every_measure_is_there_and_the_sums_agree(benches, blocks, name):
    block, bench = blocks[name], benches[name]
    every = np.arange(len(bench.rows.event))
    judged = judged_refit(bench.recipe, bench.rows, every, every)["everybody"]
    assert list(block["apparent"]) == list(block["optimism"]) == list(block["corrected"]) == list(judged)
    for measure, apparent in block["apparent"].items():
        assert apparent == pytest.approx(judged[measure])
        corrected = block["corrected"][measure]
        if block["optimism"][measure] is None:
            assert corrected["value"] is None
            continue
        assert corrected["value"] == pytest.approx(apparent - block["optimism"][measure])
        if corrected["low"] is not None:
            assert corrected["low"] < corrected["high"]
            assert "not estimable" not in corrected["method"]
    assert block["samples"] == SAMPLES == block["plan"]["samples"]
    assert block["not_estimable"] == 0
    assert f"{SAMPLES} of {SAMPLES} refits" in block["words"]
    assert json.dumps(block, allow_nan=False)


def test_intervals_are_those_of_the_apparent_predictions_moved(benches, blocks):
    bench, block = benches["non_response"], blocks["non_response"]
    every = np.arange(len(bench.rows.event))
    apparent = bench.sample(bench.score({"all": bootstrap.Split(every, every)}, "all")[0])
    own = with_intervals(apparent, seed=bench.seed, inflation=1.25)["brier"]
    moved = block["corrected"]["brier"]
    shift = -block["optimism"]["brier"]
    assert (moved["low"], moved["high"]) == pytest.approx((own.low + shift, own.high + shift))
    assert block["corrected"]["auc"]["method"].startswith("logit DeLong")


def test_stability_is_fed_by_the_same_refits(benches, blocks):
    bench = benches["efs"]
    rows, every = bench.rows, np.arange(len(bench.rows.event))
    drawn = [bootstrap_rows(rows.patient, rows.event, index=k, seed=bench.seed) for k in range(SAMPLES)]
    risk, *refits = (np.array(score_split(bench.recipe, rows, train, every)["risk"]) for train in (every, *drawn))
    found = dict(blocks["efs"]["stability"])
    spread = found.pop("calibration")
    assert found == stability(risk, np.array(refits), thresholds=bench.recipe.thresholds)
    assert spread["observed_expected"]["low"] < spread["observed_expected"]["median"]


# ----------------------------------------------------------------------------------------------------------- failures


def test_refits_that_fail_are_counted_and_kept(benches, monkeypatch, tmp_path):
    bench = benches["non_response"]
    turn = iter(range(SAMPLES))

    def now_and_then(recipe, rows, train, test):
        if next(turn) % 4 == 1:
            raise NotEstimableError("no events of two kinds")
        return score_split(recipe, rows, train, test)

    monkeypatch.setattr(attempts, "score_split", now_and_then)
    stored = dataclasses.replace(bench, store=Store(tmp_path))
    block = bootstrap_validation(stored, SAMPLES)
    assert block["not_estimable"] == 2
    assert block["stability"]["refits"] == SAMPLES - 2
    assert f"{SAMPLES - 2} of {SAMPLES} refits" in block["words"]
    assert bootstrap_validation(stored, SAMPLES) == block, "from the store, failures and all"


def test_where_nothing_can_be_fitted_or_judged_the_block_says_so(benches, monkeypatch):
    def fails(*_):
        raise ValueError

    monkeypatch.setattr(attempts, "score_split", fails)
    block = bootstrap_validation(benches["efs"], 3)
    assert block["not_estimable"] == 3
    assert block["stability"] is None
    assert block["apparent"]["c_index"] > 0.5
    assert set(block["optimism"].values()) == {None}
    assert block["point_632_plus"] == {}
    assert block["words"] == "C corrected for optimism is not estimable (0 of 3 refits could be fitted and judged)"
    assert json.dumps(block, allow_nan=False)


def test_a_measure_that_refuses_its_sample_makes_a_counted_refit(benches, monkeypatch):
    def refuses(_):
        raise ValueError("nobody is left at the horizon")

    bench = benches["efs"]
    every = np.arange(len(bench.rows.event))
    one = dataclasses.replace(
        next(iter(measures_of(bench.sample(bench.score({"a": bootstrap.Split(every, every)}, "a")[0])).values())),
        of=refuses,
    )
    monkeypatch.setattr(bootstrap, "measures_of", lambda _: {"c_index": one})
    assert judged_refit(bench.recipe, bench.rows, every, every) == {"reason": "nobody is left at the horizon"}


@pytest.mark.parametrize("samples", [1, 0, -3])
def test_fewer_than_two_samples_are_refused(benches, samples):
    with pytest.raises(ValueError, match="samples must be 2 or more"):
        bootstrap_validation(benches["efs"], samples)


# -------------------------------------------------------------------------------------------------------- what is true


@pytest.mark.slow
def test_both_estimates_are_nearer_to_the_truth_than_the_apparent_auc():
    """Six simulated cohorts of about 100: benchmarks/bootstrap_optimism.py measures it with more."""
    recipe = ridge("non_response")

    def rows_of(patients, seed):
        table = simulate(patients, seed, fixed_totals=False).table
        raw = RawTable(tuple(table.columns), table, np.arange(2, len(table) + 2), "0" * 64, "drawn")
        return training_set(recipe, cohort_from_table(raw))

    new = rows_of(1500, 77)
    off = {"apparent": [], "corrected": [], ".632+": []}
    for seed in range(6):
        rows = rows_of(205, seed)
        true = _true_auc(recipe, rows, new)
        block = bootstrap_validation(Bench(recipe, rows, seed), 20)
        off["apparent"].append(block["apparent"]["auc"] - true)
        off["corrected"].append(block["corrected"]["auc"]["value"] - true)
        off[".632+"].append(block["point_632_plus"]["auc"] - true)
    bias = {name: np.mean(values) for name, values in off.items()}
    assert bias["apparent"] > 0.02
    assert abs(bias["corrected"]) < bias["apparent"] - 0.01
    assert abs(bias[".632+"]) < bias["apparent"] - 0.01


def _true_auc(recipe, rows, new):
    from riskml.runtime.score import score_table
    from riskml.training.fit import fit_pipeline, portable

    model = portable(recipe, rows, fit_pipeline(recipe, rows)[-1].members())
    columns = {name: new.frame[name].to_numpy() for name in recipe.inputs}
    return auc(new.event, score_table(model, columns, len(new.event))[:, 0])
