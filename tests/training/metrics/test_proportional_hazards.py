"""Grambsch and Therneau's test: by its formula, by its size, and by what it finds. R's cox.zph is in test_golden."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import kstest

from riskml.training.metrics.proportional_hazards import proportional_hazards
from riskml.training.metrics.survival import calibration_slope, kaplan_meier


def sample(seed, n=200, *, fading=False, late=False):
    """One effect that lasts, or that ends at the median; late entries and censoring."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    early, after = rng.exponential(np.exp(-x)), rng.exponential(np.exp(0.0 if fading else -x), n)
    time = np.where(early < 0.6, early, 0.6 + after)
    entry = np.where(rng.random(n) < 0.5, 0.0, rng.uniform(0, 0.5, n)) if late else np.zeros(n)
    end, seen = entry + rng.uniform(0.5, 3, n), entry < time
    columns = (np.column_stack([x, rng.normal(size=n)]), np.minimum(time, end), time <= end, entry)
    X, observed, event, entry = (column[seen] for column in columns)
    return X, observed, event, entry if late else None


def test_the_statistic_is_its_formula():
    """One column, no ties: the squared weighted sum of Schoenfeld residuals over its variance."""
    X, time, event, entry = sample(1, 60, late=True)
    x, order = X[:, 0], np.argsort(time)
    beta = calibration_slope(time, event, x, entry)
    curve = kaplan_meier(time, event)
    residuals, variances, weights = [], [], []
    for k in order[event[order]]:
        at_risk = (entry < time[k]) & (time >= time[k])
        share = np.exp(beta * x[at_risk]) / np.exp(beta * x[at_risk]).sum()
        mean = share @ x[at_risk]
        residuals.append(x[k] - mean)
        variances.append(share @ (x[at_risk] - mean) ** 2)
        weights.append(1 - np.append(1.0, curve.survival)[np.searchsorted(curve.times, time[k])])
    g, r, v = map(np.array, (weights, residuals, variances))
    expected = (g @ r) ** 2 / (g**2 @ v - (g @ v) ** 2 / v.sum())
    assert proportional_hazards(x[:, None], time, event, entry).overall.statistic == pytest.approx(expected)


@pytest.mark.parametrize("late", [False, True])
def test_lasting_effects_pass_as_often_as_they_should(late):
    found = [proportional_hazards(*sample(seed, late=late)).overall.p_value for seed in range(300)]
    assert kstest(found, "uniform").pvalue > 0.01


def test_an_effect_that_fades_is_found_and_the_other_term_left_alone():
    found = proportional_hazards(*sample(5, 1500, fading=True), terms={"fading": [0], "lasting": [1]})
    assert found.terms["fading"].p_value < 1e-6
    assert found.terms["lasting"].p_value > 0.01
    assert found.overall.freedom == 2


def test_units_and_entries_at_zero_change_nothing_and_terms_are_joined():
    X, time, event, _ = sample(2)
    plain = proportional_hazards(X, time, event)
    moved = proportional_hazards(X * [10, -2] + 3, time, event, np.zeros(time.size), terms={"both": [0, 1]})
    assert moved.overall.statistic == pytest.approx(plain.overall.statistic)
    assert moved.terms["both"] == moved.overall
    assert list(plain.terms) == ["0", "1"]


@pytest.mark.parametrize(
    ("x", "event"),
    [([1.0, 2, 3, 1], [False] * 4), ([1.0] * 4, [True] * 4), ([1.0, 2, 3, 1], [True, False, False, False])],
    ids=["no event", "constant", "one event"],
)
def test_no_test_where_nothing_can_be_estimated(x, event):
    found = proportional_hazards(np.array(x)[:, None], np.arange(1.0, 5), np.array(event))
    assert math.isnan(found.overall.statistic)
    assert math.isnan(found.terms["0"].p_value)
    record = found.as_dict()
    assert record["overall"] == {"statistic": None, "freedom": 1, "p_value": None}
    json.dumps(record, allow_nan=False)


def test_slips_are_refused():
    X, time, event, _ = sample(2, 20)
    with pytest.raises(ValueError, match="terms must name columns 0 to 1"):
        proportional_hazards(X, time, event, terms={"third": [2]})
    with pytest.raises(ValueError, match="terms must name columns 0 to 1"):
        proportional_hazards(X, time, event, terms={"nothing": []})
    with pytest.raises(ValueError, match="X must hold finite numbers in 20 rows"):
        proportional_hazards(X[:5], time, event)
