"""The decision curve says what acting on the model does, and claims no more than its band allows."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from riskml.training.judge.benefit import curve_of
from riskml.training.judge.utility import N_THRESHOLDS, NAMED, decision, threshold_grid
from tests.training.judge.outcomes import KINDS, drawn, of_binary, permuted

RANGE, MIDDLING = (0.05, 0.2), (0.12, 0.4)


def separated(n_each=100, low=0.02, high=0.9):
    """As many with the event and all of them at ``high``, as without it and at ``low``."""
    event = np.repeat([True, False], n_each)
    return of_binary(event, np.where(event, high, low))


def at(block, name):
    return next(row for row in block["at"] if row["name"] == name)


def test_the_grid_has_its_geometric_mean_in_the_middle():
    grid = threshold_grid((0.05, 0.2))
    assert len(grid) == N_THRESHOLDS
    np.testing.assert_allclose(grid[[NAMED["lowest"], NAMED["middle"], NAMED["highest"]]], [0.05, 0.1, 0.2])


def test_a_perfect_model_by_hand():
    block = decision(separated(), RANGE, seed=0)
    # Half treated, all rightly: TP/n is 0.5 at every threshold. Treating all: 0.5 - 0.5 * 0.1 / 0.9.
    assert set(block["net_benefit"]) == {0.5}
    middle = at(block, "middle")
    assert middle["threshold"] == 0.1
    assert middle["less_treat_all"]["value"] == pytest.approx(0.5 / 9, abs=5e-4)
    assert middle["less_treat_none"]["value"] == 0.5
    assert middle["standardised"]["value"] == 1
    # Half are spared treatment and no event is missed.
    assert middle["interventions_avoided_per_100"]["value"] == 50
    assert block["treat_none"] == [0.0] * N_THRESHOLDS
    assert block["words"] == (
        "between 5 and 20 % acting on the model is better than acting on all or none (each threshold at 95 % by itself)"
    )


def test_no_event_missed_among_ten_is_no_proof():
    """Nobody of ten with the event leaves a risk of up to 1 - 0.025^(1/10) = 31 %, which no resample of them shows."""
    sample = separated(n_each=10)
    block = decision(sample, RANGE, seed=0)
    middle = at(block, "middle")["less_treat_all"]
    upper = 1 - 0.025 ** (1 / 10)
    assert middle["value"] == pytest.approx(0.5 / 9, abs=5e-4)
    assert middle["low"] == pytest.approx(0.5 * (0.1 - upper) / 0.9, abs=5e-4)
    assert "it is not shown that" in block["words"]


def test_a_harmful_model_by_hand():
    upside_down = separated(low=0.9, high=0.02)
    block = decision(upside_down, RANGE, seed=0)
    # Half treated, all in vain: -0.5 * 0.1 / 0.9.
    assert at(block, "middle")["net_benefit"]["value"] == pytest.approx(-0.5 / 9, abs=5e-4)
    claim = "acting on the model is better than acting on all or none"
    assert block["words"] == f"between 5 and 20 % it is not shown that {claim}"


def test_the_difference_from_another_model_by_hand():
    first, second = separated(), separated(low=0.9, high=0.02)
    block = decision(first, RANGE, seed=0, other=second)
    middle = at(block, "middle")
    assert middle["less_comparator"]["value"] == pytest.approx(0.5 + 0.5 / 9, abs=5e-4)
    assert block["comparator"][NAMED["middle"]] == pytest.approx(-0.5 / 9, abs=5e-4)
    same = at(decision(first, RANGE, seed=0, other=first), "middle")["less_comparator"]
    assert (same["value"], same["low"], same["high"]) == (0, 0, 0)
    assert decision(first, RANGE, seed=0)["comparator"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_outcome_goes_through_its_decision_curve(kind):
    sample = drawn(kind)
    block = decision(sample, MIDDLING, seed=0, other=drawn(kind))
    curve = curve_of(sample, threshold_grid(MIDDLING))
    for name, expected in (("net_benefit", curve.net_benefit), ("treat_all", curve.treat_all)):
        np.testing.assert_allclose(block[name], expected, atol=5e-4)
    np.testing.assert_allclose(block["standardised"], curve.standardised, atol=5e-4)
    low, middle, high = (np.array(block[name]) for name in ("low", "net_benefit", "high"))
    assert (low <= middle).all()
    assert (middle <= high).all()
    assert json.loads(json.dumps(block, allow_nan=False)) == block


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_the_order_of_rows_says_nothing(kind):
    sample = drawn(kind)
    assert decision(permuted(sample)[0], RANGE, seed=0) == decision(sample, RANGE, seed=0)


def test_the_seed_moves_the_band_and_not_the_curve():
    sample = drawn()
    one, other = (decision(sample, RANGE, seed=seed) for seed in (0, 1))
    assert one["net_benefit"] == other["net_benefit"]
    assert one["low"] != other["low"]


def test_a_useless_model_is_not_called_better():
    sample = drawn(spread=1e-3)
    shuffled = of_binary(sample.event, np.random.default_rng(0).permutation(np.linspace(0.02, 0.5, 120)))
    assert "it is not shown that" in decision(shuffled, RANGE, seed=0)["words"]


def test_too_few_events_are_withheld_without_a_small_count():
    event = np.arange(40) < 3
    block = decision(of_binary(event, np.linspace(0.01, 0.6, 40)), RANGE, seed=0)
    assert block == {"withheld": "<5 events; the band would say nothing"}


def test_thresholds_with_few_on_one_side_are_not_judged():
    # Twenty at 10 %, twenty at 30 %, two at 60 %: from 30 % on two would be treated, under 10 % everybody.
    risk = np.repeat([0.1, 0.3, 0.6], [20, 20, 2])
    block = decision(of_binary(np.arange(42) % 3 == 0, risk), (0.05, 0.5), seed=0)
    for threshold, value, low, everybody in zip(
        *(block[name] for name in ("thresholds", "net_benefit", "low", "treat_all")), strict=True
    ):
        judged = 0.1 < threshold <= 0.3
        assert (value is not None) == (low is not None) == judged
        assert everybody is not None
    assert at(block, "highest") == {
        "name": "highest", "threshold": 0.5, "withheld": "fewer than 5 patients on one side of the threshold",
    }  # fmt: skip
    assert block["words"].endswith("; beyond, fewer than 5 patients are on one side of the threshold")


def test_one_risk_for_all_leaves_no_choice():
    assert (
        "no choice to judge" in decision(of_binary(np.arange(40) % 2 == 0, np.full(40, 0.3)), RANGE, seed=0)["withheld"]
    )


def test_follow_up_that_ends_early_is_said():
    sample = drawn("survival")
    short = sample.time <= 10
    everybody = dataclasses.replace(sample.take(np.flatnonzero(short)), horizon=11.0)
    assert "known to be without the event" in decision(everybody, RANGE, seed=0)["withheld"]


@pytest.mark.parametrize("thresholds", [(0.0, 0.5), (0.2, 0.2), (0.4, 0.1), (0.1, 1.0)])
def test_thresholds_out_of_range_are_refused(thresholds):
    with pytest.raises(ValueError, match="two risks between 0 and 1, rising"):
        decision(drawn(), thresholds, seed=0)


def test_another_models_rows_must_be_the_same():
    with pytest.raises(ValueError, match="same rows"):
        decision(drawn(), RANGE, seed=0, other=permuted(drawn())[0])
