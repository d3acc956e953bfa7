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


def assert_same(curve, model, everybody):
    """Equal to 1e-9, wherever R gives a number; where it does not, nobody treated is followed to the horizon."""
    for ours, name in ((curve.net_benefit, "net_benefit"), (curve.true_positive, "tp_rate")):
        known = ~np.isnan(model[name])
        assert known.sum() > 30
        np.testing.assert_allclose(ours[known], model[name][known], atol=1e-9)
    known = ~np.isnan(model["fp_rate"])
    np.testing.assert_allclose(curve.false_positive[known], model["fp_rate"][known], atol=1e-9)
    np.testing.assert_allclose(curve.treat_all, everybody["net_benefit"], atol=1e-9)
    assert curve.prevalence == pytest.approx(model["pos_rate"][0], abs=1e-12)
    if "test_pos_rate" in model:
        np.testing.assert_allclose(curve.treated, model["test_pos_rate"], atol=1e-12)
    if "net_intervention_avoided" in model:
        avoided = model["net_intervention_avoided"]
        known = ~np.isnan(avoided) & (curve.thresholds > 1e-3)
        np.testing.assert_allclose(curve.interventions_avoided[known], avoided[known], atol=1e-9)


@pytest.mark.data
@pytest.mark.parametrize(
    ("table", "marker"),
    [
        ("dca_famhistory", "famhistory"),
        ("case1_results", "famhistory"),
        ("simple_binary_dca_result_df", "age"),
        ("case3_results", "marker"),
    ],
)
def test_binary_curves_of_dcurves(data_file, tables, table, marker):
    data = read_columns(data_file("reference_stats/dcurves_df_binary.csv"))
    event, risk = data["cancer"] == "TRUE", data[marker].astype(float)
    model = tables(table, marker)
    if marker != "famhistory":
        risk = risk_of(risk, event)
    curve = decision_curve(event, risk, HUNDREDTHS[: model["threshold"].size], harm=model["harm"][0])
    assert_same(curve, model, tables(table, "all"))


@pytest.mark.data
@pytest.mark.parametrize(
    ("table", "marker", "years"),
    [("simple_surv_dca_result_df", "famhistory", 1.5), ("case2_results", "cancerpredmarker", 1.0)],
)
def test_survival_curves_of_dcurves(data_file, tables, table, marker, years):
    data = read_columns(data_file("reference_stats/dcurves_df_surv.csv"))
    time, event = data["ttcancer"].astype(float), data["cancer"] == "TRUE"
    curve = decision_curve_at(time, event, data[marker].astype(float), years, HUNDREDTHS)
    assert_same(curve, tables(table, marker), tables(table, "all"))


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
