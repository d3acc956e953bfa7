"""Ridge Cox regression against R, scikit-survival, exact integration and the limits it must obey."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from riskml.runtime.members import member_from_dict
from riskml.training.learners.cox_likelihood import CoxDesign, efron
from riskml.training.learners.ridge_cox import RidgeCox, survival_arrays


def outcome(event, time, entry=None):
    fields = [("event", bool), ("time", float)] + ([] if entry is None else [("entry", float)])
    columns = [event, time] + ([] if entry is None else [entry])
    return np.array(list(zip(*columns, strict=True)), dtype=fields)


def cohort(seed, n=80, p=3, effect=1.0, ties=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.1, 30, p) + 3
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    time = rng.exponential(np.exp(-effect * z @ np.resize([0.8, -0.4, 0.0], p))) + 1e-3
    event = rng.random(n) < 0.7
    event[0] = True
    return X, outcome(event, np.ceil(time * 4) if ties else time)


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def loglik(model, X, y):
    time, event, entry = survival_arrays(y)
    return efron(model.coef_, CoxDesign.build(X, time, event, entry))[0]


def test_target_aall0232_equals_r(data_file):
    """R 4.2.2, survival 3.5.3: coxph on the 659 patients with known day-29 MRD."""
    rows = [r for r in table(data_file("target_aall0232/aall0232.csv")) if r["mrd_d29_pct"]]
    mrd, wbc, age, days = (
        np.array([float(r[name]) for r in rows]) for name in ("mrd_d29_pct", "wbc_e9_l", "age_years", "efs_days")
    )
    X = np.column_stack([np.log10(np.maximum(mrd, 0.005)), np.log10(np.maximum(wbc, 0.1)), age >= 10])
    y = Surv.from_arrays([r["efs_event"] == "1.0" for r in rows], days)
    model = RidgeCox(tau=math.inf).fit(X, y)
    np.testing.assert_allclose(model.coef_, [0.624289426570776, 0.3067950173916, 0.569165080731604], atol=1e-8)
    errors = [0.0582632066984545, 0.120046149218511, 0.178906340660545]
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), errors, rtol=1e-6)
    assert loglik(model, X, y) == pytest.approx(-1127.80650145627, abs=1e-8)
    assert model.score(X, y) == pytest.approx(0.708741251867579, abs=1e-12)
    shrunk = RidgeCox().fit(X, y).coef_ / model.coef_
    assert ((shrunk > 0.9) & (shrunk < 1)).all()  # nearly 200 events and 3 inputs: little to shrink


def test_rotterdam_equals_r(data_file):
    """R 4.2.2: coxph on log(nodes + 1), age and log(pgr + 1), follow-up cut at five years."""
    rows = table(data_file("reference_stats/rotterdam_nodepos.csv"))
    nodes, age, pgr, rt = (np.array([float(r[name]) for r in rows]) for name in ("nodes", "age", "pgr", "rt"))
    event = np.array([r["rs"] == "1" for r in rows])
    X = np.column_stack([np.log(nodes + 1), age, np.log(pgr + 1)])
    cut = 365.25 * 5
    model = RidgeCox(tau=math.inf).fit(X, y := outcome(event & (rt <= cut), np.minimum(rt, cut)))
    np.testing.assert_allclose(model.coef_, [0.660876183634111, 0.0027864333157708, -0.0844226469851296], atol=1e-6)
    assert loglik(model, X, y) == pytest.approx(-5878.81517170516, abs=1e-6)


def test_bmt_equals_r(data_file):
    """R 4.2.2: coxph(Surv(t2, d3) ~ g2 + g3 + z1 + z2 + z8, ties = "efron") on KMsurv's bmt."""
    rows = table(data_file("leukaemia_hsct/kmsurv_bmt.csv"))
    X = np.array([[r["group"] == "2", r["group"] == "3", float(r["z1"]), float(r["z2"]), r["z8"] == "1"] for r in rows])
    y = outcome([r["d3"] == "1" for r in rows], [float(r["t2"]) for r in rows])
    model = RidgeCox(tau=math.inf).fit(X.astype(float), y)
    expected = [-1.03759144730246, -0.216140372558947, 0.0172135094151825, -0.0017021025914469, 0.829269024291419]
    np.testing.assert_allclose(model.coef_, expected, atol=1e-6)


@pytest.mark.parametrize("ties", [False, True])
def test_fixed_tau_equals_scikit_survival(ties):
    X, y = cohort(1, ties=ties)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    oracle = CoxPHSurvivalAnalysis(alpha=1 / 0.6**2, ties="efron", tol=1e-14).fit(z, y)
    model = RidgeCox(tau=0.6).fit(X, y)
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), oracle.coef_, rtol=1e-6)
    assert model.predict(X) == pytest.approx(X @ model.coef_)
    if not ties:  # scikit-survival has Breslow's baseline; without ties Efron's is the same
        np.testing.assert_array_equal(model.unique_times_, oracle.unique_times_)
        expected = oracle.predict_survival_function(z, return_array=True)
        np.testing.assert_allclose(model.predict_survival_function(X, return_array=True), expected, rtol=1e-6)


@pytest.mark.parametrize(("seed", "effect"), [(0, 0.0), (1, 0.5), (2, 1.5)])
def test_weights_of_tau_equal_exact_integration(seed, effect):
    """One input: integrate the exact partial likelihood over the coefficient and tau by quadrature."""
    X, y = cohort(seed, p=1, effect=effect)
    time, event, _ = survival_arrays(y)
    design = CoxDesign.build((X - X.mean()) / X.std(), time, event)
    top = efron(np.zeros(1), design)[0]
    beta = np.linspace(-4, 4, 4001)
    likelihood = np.exp([efron(np.array([b]), design)[0] - top for b in beta])

    def joint(tau, power):
        marginal = np.trapezoid(likelihood * np.exp(-0.5 * (beta / tau) ** 2), beta) / tau
        return marginal * math.exp(-0.5 * (tau / 0.5) ** 2) * tau**power

    # The step in beta resolves priors from 0.004; what lies below is a hundredth of the mass at most.
    total, mean, square = (quad(joint, 4e-3, 4, args=(power,), limit=200)[0] for power in (0, 1, 2))
    model = RidgeCox().fit(X, y)
    assert model.tau_weights_ @ model.tau_grid_ == pytest.approx(mean / total, rel=0.02)
    assert model.tau_weights_ @ model.tau_grid_**2 == pytest.approx(square / total, rel=0.02)


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
@settings(max_examples=20, deadline=None)
def test_units_do_not_matter(seed, factor, shift):
    X, y = cohort(seed, ties=True)
    moved = X.copy()
    moved[:, 1] = factor * (X[:, 1] + shift)
    plain, other = RidgeCox().fit(X, y), RidgeCox().fit(moved, y)
    assert other.coef_[1] * factor == pytest.approx(plain.coef_[1], rel=1e-6, abs=1e-9)
    times = plain.event_times_[::3]
    expected = plain.predict_cumulative_hazard(X, times)
    np.testing.assert_allclose(other.predict_cumulative_hazard(moved, times), expected, rtol=1e-6)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_entry_at_zero_is_no_entry(seed):
    X, y = cohort(seed, ties=True)
    entered = outcome(y["event"], y["time"], np.zeros(len(y)))
    np.testing.assert_allclose(RidgeCox().fit(X, entered).coef_, RidgeCox().fit(X, y).coef_, rtol=1e-9)


def test_delayed_entry_undoes_left_truncation():
    """Patients with an event before entry were never seen: who ignores entry overstates survival."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(6000, 1))
    time, entry = rng.exponential(np.exp(-0.7 * X[:, 0])), rng.uniform(0, 1.5, 6000)
    seen = time > entry
    X, time, entry = X[seen], time[seen], entry[seen]
    heeded = RidgeCox(tau=math.inf).fit(X, outcome(np.ones(len(time), bool), time, entry))
    ignored = RidgeCox(tau=math.inf).fit(X, outcome(np.ones(len(time), bool), time))
    assert heeded.coef_[0] == pytest.approx(0.7, abs=0.06)
    assert heeded.predict_cumulative_hazard([[0.0]], [1.0])[0, 0] == pytest.approx(1.0, abs=0.1)
    assert ignored.predict_cumulative_hazard([[0.0]], [1.0])[0, 0] < 0.7


def test_left_truncated_likelihood_has_its_maximum_there():
    """The likelihood by its definition, with entry, ties and weights, is stationary at the fit and falls off."""
    X, y = cohort(5, n=40, ties=True)
    entry = y["time"] * np.random.default_rng(5).uniform(0, 0.9, 40)
    weight = np.arange(40) % 3 + 1.0
    model = RidgeCox(tau=math.inf).fit(X, outcome(y["event"], y["time"], entry), weight)

    def textbook(beta):
        risk, total = weight * np.exp((X - X.mean(axis=0)) @ beta), 0.0
        for t in np.unique(y["time"][y["event"]]):
            tied, at_risk = y["event"] & (y["time"] == t), (entry < t) & (t <= y["time"])
            for number in range(tied.sum()):
                left = risk[at_risk].sum() - number / tied.sum() * risk[tied].sum()
                total -= weight[tied].mean() * math.log(left)
            total += weight[tied] @ ((X - X.mean(axis=0)) @ beta)[tied]
        return total

    best = textbook(model.coef_)
    for e in np.diag(1e-3 / X.std(axis=0)):
        assert max(textbook(model.coef_ + e), textbook(model.coef_ - e)) < best
        slope = textbook(model.coef_ + e) - textbook(model.coef_ - e)
        assert slope == pytest.approx(0, abs=1e-6)


def test_wide_prior_tends_to_maximum_likelihood():
    X, y = cohort(3, n=200)
    wide, free = RidgeCox(tau=1e5).fit(X, y), RidgeCox(tau=math.inf).fit(X, y)
    np.testing.assert_allclose(wide.coef_, free.coef_, rtol=1e-7, atol=1e-10)


def test_noise_is_shrunk():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(600, 6)), outcome(rng.random(600) < 0.5, rng.exponential(size=600))
    ours, free = RidgeCox().fit(X, y), RidgeCox(tau=math.inf).fit(X, y)
    assert np.linalg.norm(ours.coef_) < 0.5 * np.linalg.norm(free.coef_)


def test_constant_and_duplicate_columns():
    X, y = cohort(7)
    wide = np.column_stack([X, np.full(len(y), 0.1), X[:, 0] * 7 + 1])
    model = RidgeCox().fit(wide, y)
    assert model.coef_[3] == 0
    assert model.coef_[0] == pytest.approx(7 * model.coef_[4])
    assert model.covariance_[3, 3] == 0
    free = RidgeCox(tau=math.inf)
    once, twice = free.fit(X, y).coef_, free.fit(wide, y).coef_
    assert twice[0] + 7 * twice[4] == pytest.approx(once[0])


def test_without_any_varying_input_the_curve_is_that_of_everyone():
    y = outcome([True, False, True], [1.0, 2.0, 3.0])
    model = RidgeCox().fit(np.ones((3, 2)), y)  # Nelson-Aalen by hand: 1/3, then 1
    np.testing.assert_allclose(
        model.predict_cumulative_hazard([[1.0, 5.0]], [0.5, 1, 2, 3]), [[0, 1 / 3, 1 / 3, 4 / 3]]
    )


def test_more_inputs_than_patients():
    rng = np.random.default_rng(8)
    X, y = rng.normal(size=(25, 120)), outcome(np.arange(25) % 2 == 0, rng.exponential(size=25))
    model = RidgeCox(tau=0.2).fit(X, y)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    oracle = CoxPHSurvivalAnalysis(alpha=25.0, ties="efron", tol=1e-14).fit(z, y)
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), oracle.coef_, atol=1e-6)
    assert np.linalg.eigvalsh(model.covariance_).min() > 0
    with pytest.raises(ValueError, match="no finite estimate"):
        RidgeCox(tau=math.inf).fit(X, y)


def test_one_event():
    X = np.array([[0.0], [1.0], [2.0], [5.0]])
    y = outcome([False, True, False, False], [1.0, 2.0, 3.0, 4.0])
    model = RidgeCox().fit(X, y)
    assert -1 < model.coef_[0] < 0  # the lowest of the three at risk had the event
    assert model.baseline_times_.tolist() == [2.0]
    for last in (y, outcome([False, False, False, True], [1.0, 2.0, 3.0, 4.0])):  # no maximum; no information
        with pytest.raises(ValueError, match="no finite estimate"):
            RidgeCox(tau=math.inf).fit(X, last)


def test_all_events_at_one_time():
    model = RidgeCox().fit([[0.0], [1.0], [3.0]], outcome(np.ones(3, bool), np.full(3, 2.0)))
    assert model.coef_[0] == pytest.approx(0, abs=1e-9)  # everyone had the event at once: nothing ranks them
    # Efron: 1/3 + 1/2 + 1, for each patient alike
    np.testing.assert_allclose(model.predict_cumulative_hazard([[9.0]], [1.9, 2.0]), [[0, 11 / 6]])


def test_time_grid_is_linear_between_its_times_and_hides_event_times():
    X, y = cohort(9)
    exact = RidgeCox().fit(X, y)
    grid = [0.5, 1.0, 1.5]
    model = RidgeCox(time_grid=grid).fit(X, y)
    np.testing.assert_allclose(model.coef_, exact.coef_)
    assert model.baseline_times_.tolist() == [0.0, *grid]
    at = model.predict_cumulative_hazard(X, grid)
    np.testing.assert_allclose(np.exp(-at), exact.predict_survival(X, grid), atol=0.1)  # smoothed, not the steps
    half = model.predict_cumulative_hazard(X, [0.0, 0.25, 0.75])
    np.testing.assert_allclose(half, np.column_stack([0 * at[:, 0], at[:, 0] / 2, (at[:, 0] + at[:, 1]) / 2]))
    with pytest.raises(ValueError, match=r"times must lie in \[0, 1.5\].*earlier times.*time_grid"):
        model.predict_cumulative_hazard(X, [1.6])


@pytest.mark.parametrize("grid", [None, [0.5, 1.0]])
def test_functions_arrays_and_hazards_agree(grid):
    X, y = cohort(10)
    model = RidgeCox(time_grid=grid).fit(X, y)
    survival = model.predict_survival_function(X, return_array=True)
    hazard = model.predict_cumulative_hazard_function(X, return_array=True)
    assert survival.shape == (len(X), len(model.unique_times_))
    np.testing.assert_allclose(survival, np.exp(-hazard))
    assert (np.diff(survival, axis=1) <= 0).all()
    assert ((survival >= 0) & (survival <= 1)).all()
    for curves, values in (
        (model.predict_survival_function(X), survival),
        (model.predict_cumulative_hazard_function(X), hazard),
    ):
        np.testing.assert_allclose([curve(model.unique_times_) for curve in curves], values)
    assert model.predict_survival_function(X)[0](0.0) == 1.0
    # Order of risk is order of survival, at any time.
    order = np.argsort(model.predict(X))
    assert (np.diff(survival[order, -1]) <= 0).all()


def test_curves_are_calibrated_on_average():
    """The baseline makes expected events equal observed ones (martingale residuals sum to zero) without ties."""
    X, y = cohort(11)
    model = RidgeCox().fit(X, y)
    met = model.predict_cumulative_hazard(X, y["time"])[np.arange(len(y)), np.arange(len(y))]
    assert met.sum() == pytest.approx(y["event"].sum())


def stratified(seed, n=150, delayed=False):
    """Three centres whose hazards differ a hundredfold, and whose patients differ in the inputs."""
    X, y = cohort(seed, n=n)
    centre = np.random.default_rng(seed).integers(0, 3, n)
    X[:, 0] += 0.1 * centre
    time = y["time"] * 10.0**-centre * 100
    entry = time * np.random.default_rng(seed + 1).uniform(0, 0.8, n) if delayed else None
    return X, outcome(y["event"], time, entry), centre


def test_strata_are_compared_within_themselves():
    """The partial likelihood by its definition, stratum by stratum, is stationary at the fit."""
    X, y, centre = stratified(0, delayed=True)
    model = RidgeCox(tau=math.inf).fit(X, y, strata=centre)
    assert model.strata_.tolist() == [0, 1, 2]

    def total(beta):
        designs = (CoxDesign.build(*(f[centre == k] for f in (X, y["time"], y["event"], y["entry"]))) for k in range(3))
        return sum(efron(beta, design)[0] for design in designs)

    best = total(model.coef_)
    for e in np.diag(1e-3 / X.std(axis=0)):
        up, down = total(model.coef_ + e), total(model.coef_ - e)
        assert max(up, down) < best
        assert up - down == pytest.approx(0, abs=1e-6)
    # Time may run at another speed in each centre: only the order within it counts.
    faster = outcome(y["event"], y["time"] * 7.0**centre, y["entry"] * 7.0**centre)
    np.testing.assert_allclose(RidgeCox(tau=math.inf).fit(X, faster, strata=centre).coef_, model.coef_, rtol=1e-9)
    assert np.abs(RidgeCox(tau=math.inf).fit(X, y).coef_ / model.coef_ - 1).max() > 0.05


@pytest.mark.parametrize("grid", [None, np.geomspace(0.05, 100, 60)])
def test_each_stratum_has_its_own_baseline(grid):
    X, y, centre = stratified(1)
    model = RidgeCox(time_grid=grid).fit(X, y, strata=np.array(["A", "B", "C"])[centre])
    assert model.strata_.tolist() == ["A", "B", "C"]
    assert model.stratum_cumulative_hazard_.shape == (3, len(model.baseline_times_))
    relative = np.exp(model.predict(X) - model.mean_log_risk_)
    for k, hazard in enumerate(model.stratum_cumulative_hazard_):
        own, last = centre == k, model.baseline_times_[-1]
        times = np.minimum(y["time"][own], last)
        if grid is None:
            at = np.append(0.0, hazard)[np.searchsorted(model.baseline_times_, times, side="right")]
        else:
            at = np.interp(times, model.baseline_times_, hazard)
        # As many events expected as observed, in each centre (its first events may lie within the first interval).
        observed = (y["event"][own] & (y["time"][own] <= last)).sum()
        assert relative[own] @ at == pytest.approx(observed, rel=1e-9 if grid is None else 0.02)


def test_the_overall_baseline_is_the_mean_of_the_strata():
    X, y, centre = stratified(2)
    model = RidgeCox().fit(X, y, strata=centre)
    mean = np.bincount(centre) / len(centre) @ model.stratum_cumulative_hazard_
    np.testing.assert_allclose(model.baseline_cumulative_hazard_, mean)
    grid = [1.0, 3.0, 10.0]
    smooth = RidgeCox(time_grid=grid).fit(X, y, strata=centre)
    mean = np.bincount(centre) / len(centre) @ smooth.stratum_cumulative_hazard_
    ratio = smooth.baseline_cumulative_hazard_[1:] / mean[1:]  # rescaled to the number of events
    np.testing.assert_allclose(ratio, ratio[0])
    assert smooth.to_portable().baseline.cumulative_hazard == tuple(smooth.baseline_cumulative_hazard_)


@pytest.mark.parametrize("grid", [None, [1.0, 3.0, 10.0]])
def test_one_stratum_is_none_and_one_without_events_says_nothing_of_effects(grid):
    X, y, centre = stratified(3)
    plain, single = RidgeCox(time_grid=grid).fit(X, y), RidgeCox(time_grid=grid).fit(X, y, strata=np.full(150, "A"))
    np.testing.assert_array_equal(plain.coef_, single.coef_)
    np.testing.assert_array_equal(plain.baseline_cumulative_hazard_, single.baseline_cumulative_hazard_)
    quiet = y.copy()
    quiet["event"] &= centre != 1
    model = RidgeCox(time_grid=grid).fit(X, quiet, strata=centre)
    assert (model.stratum_cumulative_hazard_[1] == 0).all()
    assert (model.baseline_cumulative_hazard_[1:] > 0).all()
    assert np.isfinite(model.coef_).all()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("delayed", [False, True])
def test_the_portable_member_says_the_same(seed, delayed):
    X, y = cohort(seed)
    if delayed:
        y = outcome(y["event"], y["time"], y["time"] / 2)
    model = RidgeCox(time_grid=[0.2, 0.5, 1.0, 1.5]).fit(X, y)
    member = member_from_dict(json.loads(json.dumps(model.to_portable().to_dict())), 3, "survival")
    rows, times = np.vstack([X, [[0, 0, 0], [1e3, -1e3, 50], [-1e3, 1e3, 0]]]), [0.0, 0.1, 0.5, 1.3, 1.5]
    expected = model.predict_survival(rows, times)
    prepared = member.response.prepare(times)
    np.testing.assert_allclose(member.response.table(member.predictor.table(rows), prepared), expected, atol=1e-9)
    for row, curve in zip(rows.tolist(), expected, strict=True):
        assert member.response.mean([member.predictor.at(row)], [1.0], prepared) == pytest.approx(curve, abs=1e-9)


def test_draws_have_the_posteriors_mean_and_spread_and_keep_the_mean_patient():
    X, y = cohort(13, n=200)
    model = RidgeCox(time_grid=[0.5, 1.0, 1.5]).fit(X, y)
    mean = X.mean(axis=0)
    drawn = [model.draw(mean, row) for row in np.random.default_rng(0).standard_normal((2000, 7))]
    coef = np.array([member.linear.coefficients for member in drawn])
    spread = np.sqrt(np.diag(model.covariance_))
    size = np.outer(spread, spread)
    np.testing.assert_allclose(np.cov(coef.T) / size, model.covariance_ / size, atol=0.1)
    assert max(abs(member.linear.at(mean.tolist())) for member in drawn) < 1e-9
    hazard = np.log([member.baseline.cumulative_hazard[1] for member in drawn])
    assert hazard.mean() == pytest.approx(math.log(model.baseline_cumulative_hazard_[1]), abs=0.02)
    assert hazard.std() == pytest.approx(math.sqrt(model.smooth_baseline_.covariance[0, 0]), rel=0.1)
    still = model.draw(mean, np.zeros(6))
    assert still.linear.coefficients == tuple(model.coef_)
    assert still.baseline == model.to_portable().baseline


def test_without_a_time_grid_nothing_is_portable():
    model = RidgeCox().fit(*cohort(0))
    with pytest.raises(ValueError, match="time_grid"):
        model.to_portable()
    with pytest.raises(ValueError, match="time_grid"):
        model.draw(np.zeros(3), np.zeros(9))
    with pytest.raises(ValueError, match="needs 4 normal numbers, got 3"):
        RidgeCox(time_grid=[1.0]).fit(*cohort(0)).draw(np.zeros(3), np.zeros(3))
    with pytest.raises(NotFittedError):
        RidgeCox(time_grid=[1.0]).to_portable()


def test_score_is_harrells_c_by_hand():
    X, y = np.array([[1.0], [2.0], [3.0]]), outcome([True, True, False], [2.0, 1.0, 3.0])
    # Comparable pairs: (1, 0), (1, 2), (0, 2). Whichever the sign of the coefficient, patient 0 lies in the middle.
    model = RidgeCox().fit(X, y)
    risk = model.predict(X)
    assert model.score(X, y) == pytest.approx(np.mean([risk[1] > risk[0], risk[1] > risk[2], risk[0] > risk[2]]))


def test_weights_are_rs_case_weights():
    X, y = cohort(12)
    doubled, plain = RidgeCox(tau=math.inf).fit(X, y, np.full(len(y), 2.0)), RidgeCox(tau=math.inf).fit(X, y)
    np.testing.assert_allclose(doubled.coef_, plain.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(2 * doubled.covariance_, plain.covariance_, rtol=1e-8, atol=1e-12)
    kept = np.arange(len(y)) % 4 != 1
    zero = RidgeCox().fit(X, y, kept.astype(float))
    np.testing.assert_allclose(zero.coef_, RidgeCox().fit(X[kept], y[kept]).coef_, rtol=1e-12)


BAD_OUTCOMES = {
    "not structured": (np.zeros(3), "structured array"),
    "no event field": (np.array([(1.0, 2.0)] * 3, dtype=[("event", float), ("time", float)]), "bool field"),
    "a stray field": (np.array([(True, 2.0, 1)] * 3, dtype=[("e", bool), ("t", float), ("n", int)]), "structured"),
    "negative time": (outcome([True] * 3, [1.0, 2.0, -1.0]), "not negative, got -1"),
    "missing time": (outcome([True] * 3, [1.0, 2.0, math.nan]), "finite"),
    "late entry": (outcome([True] * 3, [1.0, 2.0, 3.0], [0.0, 2.0, 5.0]), "got 2 rows"),
    "missing entry": (outcome([True] * 3, [1.0, 2.0, 3.0], [0.0, 1.0, math.nan]), "got 1 rows"),
    "no event": (outcome([False] * 3, [1.0, 2.0, 3.0]), "at least one event"),
    "another length": (outcome([True] * 2, [1.0, 2.0]), "inconsistent"),
}


@pytest.mark.parametrize(("y", "message"), BAD_OUTCOMES.values(), ids=BAD_OUTCOMES)
def test_bad_outcomes_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        RidgeCox().fit(np.arange(3.0)[:, None], y)


@pytest.mark.parametrize("grid", [[], [0.0, 1.0], [2.0, 1.0], [1.0, math.inf], [[1.0]], 3.0])
def test_bad_time_grids_are_refused(grid):
    X, y = cohort(0)
    with pytest.raises(ValueError, match="time_grid must hold"):
        RidgeCox(time_grid=grid).fit(X, y)


def test_estimator_conventions():
    X, y = cohort(0)
    model = RidgeCox(prior_scale=0.3, time_grid=(0.5, 1.0))
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict(X)
    with pytest.raises(ValueError, match="features"):
        model.fit(X, y).predict(X[:, :2])
    for times in ([-0.1], [math.nan]):
        with pytest.raises(ValueError, match="times must lie"):
            model.predict_cumulative_hazard(X, times)
