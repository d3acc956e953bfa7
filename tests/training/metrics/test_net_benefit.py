"""Decision curves against R's dcurves, by hand, and against known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from riskml.training.metrics.net_benefit import decision_curve, decision_curve_at
from tests.training.metrics.cases import cohorts, read_columns, truncated

quick = settings(deadline=None, max_examples=60, derandomize=True)
# dcurves takes a hair more than 0 for the threshold 0, so that a risk of exactly 0 is not treated there.
HUNDREDTHS = np.maximum(np.arange(100) / 100, 1e-12)


@pytest.fixture
def tables(data_file):
    """(data, R's rows of one strategy as floats, nan where R has none)."""

    def load(name, strategy):
        rows = read_columns(data_file(f"reference_stats/dcurves_r_{name}.csv"))
        chosen = rows["variable"] == strategy
        text = {key: values[chosen] for key, values in rows.items() if key not in {"variable", "label"}}
        return {key: np.where(values == "NA", "nan", values).astype(float) for key, values in text.items()}

    return load


def risk_of(x, event):
    """What dcurves makes of a marker: an unpenalised logistic regression's probability."""
    fit = LogisticRegression(C=np.inf, tol=1e-10, max_iter=5000).fit(x[:, None], event)
    return fit.predict_proba(x[:, None])[:, 1]


# Each table of dcurves: the data behind it, the strategies in it that are a model, and the horizon in years.
TABLES = {
    "dca_famhistory": ("binary", "famhistory", None),
    "case1_results": ("binary", "famhistory", None),
    "simple_binary_dca_result_df": ("binary", "age", None),
    "case3_results": ("binary", "marker", None),
    "simple_surv_dca_result_df": ("surv", "famhistory", 1.5),
    "case2_results": ("surv", "cancerpredmarker", 1.0),
}
COLUMNS = {
    "threshold": lambda curve: curve.thresholds,
    "pos_rate": lambda curve: np.full(curve.thresholds.size, curve.prevalence),
    "test_pos_rate": lambda curve: curve.treated,
    "tp_rate": lambda curve: curve.true_positive,
    "fp_rate": lambda curve: curve.false_positive,
    "harm": lambda curve: np.full(curve.thresholds.size, curve.harm),
    "net_benefit": lambda curve: curve.net_benefit,
    "net_intervention_avoided": lambda curve: curve.interventions_avoided,
}


@pytest.mark.data
def test_every_table_of_dcurves_is_here(data_file):
    folder = data_file("reference_stats/dcurves_r_case1_results.csv").parent
    assert {path.stem.removeprefix("dcurves_r_") for path in folder.glob("dcurves_r_*.csv")} == set(TABLES)


@pytest.mark.data
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("strategy", ["model", "all", "none"])
def test_every_number_of_dcurves(data_file, tables, table, strategy):
    """All columns at all thresholds to 1e-9; where R has none, nobody treated is followed to the horizon."""
    kind, marker, years = TABLES[table]
    data = read_columns(data_file(f"reference_stats/dcurves_df_{kind}.csv"))
    event, risk = data["cancer"] == "TRUE", data[marker].astype(float)
    if strategy != "model":
        risk = np.full(event.size, float(strategy == "all"))
    elif marker in {"age", "marker"}:
        risk = risk_of(risk, event)
    rows = tables(table, marker if strategy == "model" else strategy)
    n, thresholds = rows.pop("n"), HUNDREDTHS[: rows["threshold"].size]
    if years is None:
        curve = decision_curve(event, risk, thresholds, harm=rows["harm"][0])
    else:
        curve = decision_curve_at(data["ttcancer"].astype(float), event, risk, years, thresholds)
    assert (n == event.size).all()
    for name, values in rows.items():
        known = ~np.isnan(values)
        if name == "net_intervention_avoided":
            known &= curve.thresholds > 1e-3  # R has 0 / 0 there, or what a hair more than 0 makes of it
        assert known.sum() >= min(35, values.size - 1)
        np.testing.assert_allclose(COLUMNS[name](curve)[known], values[known], atol=1e-9, err_msg=name)


@pytest.mark.data
def test_a_case_control_sample_takes_its_prevalence_from_outside(data_file):
    data = read_columns(data_file("reference_stats/dcurves_df_case_control.csv"))
    event, risk = data["casecontrol"] == "1", data["cancerpredmarker"].astype(float)
    curve = decision_curve(event, risk, [0.1, 0.2], prevalence=0.2)
    for k, threshold in enumerate((0.1, 0.2)):
        sensitivity, alarms = (risk[event] >= threshold).mean(), (risk[~event] >= threshold).mean()
        by_bayes = 0.2 * sensitivity - 0.8 * alarms * threshold / (1 - threshold)
        assert curve.net_benefit[k] == pytest.approx(by_bayes)


def test_by_hand():
    event, risk = np.array([True, True, False, False, False]), np.array([0.9, 0.2, 0.5, 0.2, 0.1])
    curve = decision_curve(event, risk, [0.2, 0.5, 0.95], harm=0.01)
    assert curve.treated.tolist() == pytest.approx([0.8, 0.4, 0.0])
    assert curve.net_benefit.tolist() == pytest.approx([0.4 - 0.4 / 4 - 0.01, 0.2 - 0.2 - 0.01, -0.01])
    assert curve.treat_all.tolist() == pytest.approx([0.4 - 0.6 / 4, 0.4 - 0.6, 0.4 - 0.6 * 19])
    assert curve.standardised[0] == pytest.approx(0.29 / 0.4)
    assert curve.interventions_avoided[0] == pytest.approx((0.29 - 0.25) * 4)


def test_competing_events_by_hand():
    # Treated: times 1 (event), 2 (competing), 4 (free); incidence by 3 is 1/3 of three of four patients.
    time, cause = np.array([1.0, 2, 4, 5]), np.array([1, 2, 0, 0])
    curve = decision_curve_at(time, cause, np.array([0.9, 0.8, 0.7, 0.1]), 3.0, [0.5])
    assert curve.net_benefit[0] == pytest.approx(1 / 4 - 2 / 4)
    assert curve.prevalence == pytest.approx(1 / 4)


@quick
@given(cohorts(), st.integers(1, 9), st.floats(0.05, 0.95))
def test_bounds_and_the_uncensored_case(cohort, horizon, threshold):
    time, cause, risk, entry = cohort
    curve = decision_curve_at(time, np.maximum(cause, 1), risk, horizon, [threshold])
    plain = decision_curve((cause < 2) & (time <= horizon), risk, [threshold])
    assert curve.net_benefit == pytest.approx(plain.net_benefit)
    assert curve.net_benefit[0] <= curve.prevalence + 1e-12
    for entries in (None, entry):
        censored = decision_curve_at(time, cause, risk, horizon, [threshold, 0.0], entries)
        assert np.isnan(censored.prevalence) or censored.net_benefit[1] == pytest.approx(censored.prevalence)
        finite = np.isfinite(censored.net_benefit)
        assert (censored.net_benefit[finite] <= censored.prevalence + 1e-9).all() or entries is None


def test_late_entry_is_undone():
    truth = truncated()
    known = decision_curve((truth.cause == 1) & (truth.time <= 1), truth.risk, [0.3, 0.5])
    found = decision_curve_at(truth.seen_time, truth.seen_cause, truth.seen_risk, 1.0, [0.3, 0.5], truth.entry)
    np.testing.assert_allclose(found.net_benefit, known.net_benefit, atol=0.012)
    ignored = decision_curve_at(truth.seen_time, truth.seen_cause, truth.seen_risk, 1.0, [0.3, 0.5])
    assert (np.abs(ignored.net_benefit - known.net_benefit) > 0.05).all()


def test_what_cannot_be_said_is_nan():
    time, event, risk = np.array([1.0, 2, 3]), np.array([False, True, False]), np.array([0.9, 0.2, 0.1])
    curve = decision_curve_at(time, event, risk, 2.5, [0.5, 0.05])
    assert math.isnan(curve.net_benefit[0]), "the only one treated was lost before the horizon"
    assert curve.net_benefit[1] == pytest.approx(0.5 - 0.5 * 0.05 / 0.95)
    for entry in (None, np.zeros(3)):
        assert np.isnan(decision_curve_at(time, event, risk, 9.0, [0.05], entry).net_benefit).all()
    none = np.array([])
    assert np.isnan(decision_curve(none.astype(bool), none, [0.5]).net_benefit).all()
    harmless = decision_curve(np.zeros(3, dtype=bool), risk, [0.5, 0.95])
    assert harmless.net_benefit.tolist() == pytest.approx([-1 / 3, 0])
    assert np.isnan(harmless.standardised).all()
    assert math.isnan(decision_curve(event, risk, [0.0]).interventions_avoided[0])


@pytest.mark.parametrize("thresholds", [[1.0], [-0.1], [math.nan], 0.5])
def test_thresholds_are_risks(thresholds):
    with pytest.raises(ValueError, match="thresholds must be a list of risks from 0 to under 1"):
        decision_curve(np.array([True]), np.array([0.5]), thresholds)


def test_slips_are_refused():
    with pytest.raises(ValueError, match="risk must hold 2 numbers in"):
        decision_curve(np.array([True, False]), np.array([0.5, 1.5]), [0.5])
    with pytest.raises(ValueError, match="risk must hold 1 numbers in"):
        decision_curve_at(np.array([1.0]), np.array([1]), np.array([math.nan]), 1.0, [0.5])
    with pytest.raises(ValueError, match="prevalence must lie in"):
        decision_curve(np.array([True]), np.array([0.5]), [0.5], prevalence=1.2)
