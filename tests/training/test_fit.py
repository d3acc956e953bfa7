"""From a cohort to a portable model: who counts, what is refused, and that the file says what the estimator says."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.cohort.outcomes import build_target
from riskml.errors import DataError, NotEstimableError
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.score import score_table, value
from riskml.training.background import SMALLEST_GROUP
from riskml.training.evaluate import evaluate
from riskml.training.fit import (
    LEAST_EVENTS,
    comparator_risk,
    fit_pipeline,
    outcome_array,
    portable,
    training_set,
)
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.metrics.survival import kaplan_meier
from riskml.training.recipe import load_recipe
from riskml.training.train import train

NAMES = ("non_response", "icans", "efs")


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.fixture(scope="module")
def aall0232(data_file):
    recipe = load_recipe("induction_efs")
    return read_cohort(data_file("target_aall0232/aall0232.csv"), recipe.column_maps[0])


def changed(cohort, **columns):
    """The cohort with columns replaced (or removed, where None)."""
    gone = [name for name, column in columns.items() if column is None]
    new = {name: column for name, column in columns.items() if column is not None}
    return dataclasses.replace(cohort, frame=cohort.frame.assign(**new).drop(columns=gone))


# ------------------------------------------------------------------------------------------------ who is learned from


def test_the_embedded_cohort_gives_its_published_numbers(cohort):
    """features/synthetic: 51 evaluable with 9 non-responders, 125 courses with 6 ICANS, 105 patients with 14 events."""
    for name, rows, patients, events in (("non_response", 51, 51, 9), ("icans", 125, 105, 6), ("efs", 105, 105, 14)):
        learned = training_set(load_recipe(name), cohort)
        assert (len(learned.event), learned.n_patients, learned.n_events) == (rows, patients, events)
        assert sum(count for _, count in learned.flow) + rows == cohort.n_courses
        assert tuple(learned.frame.columns) == load_recipe(name).inputs


def test_the_grid_ends_where_a_tenth_of_the_cohort_is_left(cohort):
    learned = training_set(load_recipe("efs"), cohort)
    for month in load_recipe("efs").learner["grid_months"]:
        assert (month in learned.grid) == ((learned.time >= month).sum() >= max(10, 0.1 * len(learned.time)))


def test_take_restricts_and_repeats_rows(cohort):
    learned = training_set(load_recipe("efs"), cohort)
    some = learned.take(np.array([3, 3, 0]))
    assert (some.patient == learned.patient[[3, 3, 0]]).all()
    assert (some.time == learned.time[[3, 3, 0]]).all()
    assert some.n_patients == 2
    assert some.frame.iloc[0].equals(some.frame.iloc[1])


def test_outcome_arrays_are_what_the_libraries_take(cohort):
    binary, survival = (outcome_array(training_set(load_recipe(name), cohort)) for name in ("icans", "efs"))
    assert set(binary.tolist()) == {0, 1}
    assert survival.dtype.names == ("event", "time")
    assert survival["event"].sum() == 14


def test_an_input_of_fewer_than_five_patients_counts_as_missing(cohort):
    """Its mean in the background would otherwise be the value of those few."""
    recipe = load_recipe("non_response")
    evaluable = training_set(recipe, cohort).frame["cd3"].notna().to_numpy()
    rows = np.flatnonzero(cohort.frame["response"].isin(["response", "no_response"]) & cohort.frame["cd3"].notna())
    assert evaluable.any()
    for kept in (SMALLEST_GROUP - 1, SMALLEST_GROUP):
        few = cohort.frame["cd3"].where(np.isin(np.arange(cohort.n_courses), rows[:kept]))
        learned = training_set(recipe, changed(cohort, cd3=few))
        assert learned.frame["cd3"].notna().sum() == (kept if kept >= SMALLEST_GROUP else 0)
        model = portable(recipe, learned, fit_pipeline(recipe, learned)[-1].members())
        coefficient = model.members[0].linear.coefficients[[f.name for f in model.features].index("cd3_log10")]
        assert (coefficient == 0) == (kept < SMALLEST_GROUP)


# --------------------------------------------------------------------------------------------------- what is refused


def test_absent_input_columns_are_named_together(cohort):
    with pytest.raises(DataError, match=r"cannot train non_response[\s\S]*column mrd: must be[\s\S]*column cd19") as e:
        training_set(load_recipe("non_response"), changed(cohort, mrd=None, cd19=None))
    assert e.value.exit_code == 3
    assert len(e.value.faults) == 2


@pytest.mark.parametrize("events", range(1, LEAST_EVENTS))
def test_too_few_events_say_how_many_there_are_and_would_do(cohort, events):
    """With k events in 51 patients, 5 events need about 5 * 51 / k of them."""
    response = cohort.frame["response"].copy()
    failed = np.flatnonzero(response == "no_response")
    response.iloc[failed[events:]] = "response"
    with pytest.raises(NotEstimableError) as caught:
        training_set(load_recipe("non_response"), changed(cohort, response=response))
    assert caught.value.exit_code == 5
    message = str(caught.value)
    assert f"at least 5 patients with the outcome, the cohort has {events} of 51 evaluable" in message
    assert f"about {math.ceil(5 * 51 / events)} patients would do" in message


@pytest.mark.parametrize("level", ["response", "no_response"])
def test_one_class_alone_is_not_estimable(cohort, level):
    response = cohort.frame["response"].replace({"response": level, "no_response": level})
    with pytest.raises(NotEstimableError):
        training_set(load_recipe("non_response"), changed(cohort, response=response))


def test_courses_do_not_stand_in_for_patients_without_the_outcome(cohort):
    """If every patient has ICANS in some course, folds cannot be stratified, however many courses are without it."""
    first = cohort.frame["cycle_index"] == 1
    with pytest.raises(NotEstimableError, match="patients without the outcome, the cohort has 0 of 105"):
        training_set(load_recipe("icans"), changed(cohort, icans_grade=first.astype(float)))


def test_no_survival_event_is_not_estimable(cohort):
    none = cohort.frame["efs_event"].map(lambda _: "none")
    with pytest.raises(NotEstimableError):
        training_set(load_recipe("efs"), changed(cohort, efs_event=none))


def test_events_that_come_after_the_horizon_do_not_count_for_it(cohort):
    late = cohort.frame["efs_time"].where(cohort.frame["efs_event"] == "none", 13.0)
    with pytest.raises(NotEstimableError, match="with the outcome by 12 months, the cohort has 0 of 105"):
        training_set(load_recipe("efs"), changed(cohort, efs_time=late))


def test_a_horizon_beyond_follow_up_is_refused_with_how_far_it_reaches(cohort):
    recipe = dataclasses.replace(load_recipe("efs"), horizon_months=36.0)
    with pytest.raises(NotEstimableError, match=r"judged at 36 months, but fewer than 10 patients .* beyond 24"):
        training_set(recipe, cohort)
    short = cohort.frame["efs_time"].clip(upper=0.9)
    with pytest.raises(NotEstimableError, match="followed beyond 0"):
        training_set(load_recipe("efs"), changed(cohort, efs_time=short))


# ------------------------------------------------------------- the estimator, the file and pure Python are one model


def agreement(recipe, cohort, tmp_path):
    """Largest gaps between the fitted pipeline and the saved bundle: (complete pure, complete numpy, incomplete)."""
    bundle = train(dataclasses.replace(recipe, bootstrap=2), cohort, evaluation=False)
    model = open_bundle(bundle.save(tmp_path / recipe.name)).model
    rows = training_set(recipe, cohort)
    pipeline = fit_pipeline(recipe, rows)
    (fitted,) = pipeline[-1].estimators_
    times = () if rows.time is None else (*rows.grid, 0.37 * rows.grid[-1])

    def estimator(frame):
        if rows.time is None:
            return fitted.predict_proba(pipeline[:-1].transform(frame))[:, 1:]
        return np.exp(-fitted.predict_cumulative_hazard(pipeline[:-1].transform(frame), times))

    numpy_scores = score_table(model, {n: rows.frame[n].to_numpy() for n in model.inputs}, len(rows.frame), times)
    whole = rows.frame.notna().all(axis=1).to_numpy()
    assert whole.sum() > 20
    assert (~whole).sum() > 20
    complete = rows.frame[whole]
    pure = np.array([value(model, dict(row), times) for row in complete.to_dict("records")])
    direct = estimator(complete)
    averaged = np.zeros((int((~whole).sum()), direct.shape[1]))
    for weight, prototype in zip(model.weights, model.background, strict=True):
        averaged += weight * estimator(rows.frame[~whole].fillna(dict(zip(model.inputs, prototype, strict=True))))
    gap_pure = np.abs(pure - direct).max()
    return gap_pure, np.abs(numpy_scores[whole] - direct).max(), np.abs(numpy_scores[~whole] - averaged).max()


@pytest.mark.parametrize("name", NAMES)
def test_the_saved_bundle_predicts_what_the_fitted_pipeline_predicts(cohort, tmp_path, name):
    """Complete rows as they are; incomplete ones as the pipeline's mean over the prototypes put in for what is missing.

    Coefficients are stored with 12 significant digits, which is what the tolerance is about.
    """
    assert max(agreement(load_recipe(name), cohort, tmp_path)) < 1e-9


@pytest.mark.data
def test_the_saved_bundle_of_the_real_cohort_predicts_what_the_pipeline_predicts(aall0232, tmp_path):
    assert max(agreement(load_recipe("induction_efs"), aall0232, tmp_path)) < 1e-9


@pytest.mark.data
def test_the_shipped_bundle_of_the_real_cohort_is_the_model_that_its_recipe_gives_here(aall0232):
    recipe = load_recipe("induction_efs")
    rows = training_set(recipe, aall0232)
    (member,) = fit_pipeline(recipe, rows)[-1].members()
    shipped = open_bundle(folder("models") / recipe.name / "bundle").model.members[0]
    np.testing.assert_allclose(shipped.linear.coefficients, member.linear.coefficients, rtol=1e-8)
    np.testing.assert_allclose(shipped.baseline.cumulative_hazard, member.baseline.cumulative_hazard, rtol=1e-8)


@pytest.mark.data
def test_the_cohort_as_we_read_it_gives_the_coefficients_of_r(aall0232):
    """R 4.2.2 coxph, Efron: log10(max(MRD %, 0.005)), log10(max(WBC, 0.1)), age >= 10, the 659 rows with known MRD.

    Units, censored values, events and times all have to be read right for this. "Not detected" is 0 in R's table.
    """
    known = aall0232.frame["mrd_end_of_induction"].notna()
    frame, below = aall0232.frame[known], aall0232.below.loc[known, "mrd_end_of_induction"]
    assert len(frame) == 659
    undetected = below & np.isclose(frame["mrd_end_of_induction"], 1e-4 / math.sqrt(2), rtol=1e-12)
    percent = (100 * frame["mrd_end_of_induction"]).mask(undetected, 0.0)
    covariates = np.column_stack(
        [np.log10(percent.clip(lower=0.005)), np.log10(frame["wbc"].clip(lower=0.1)), frame["age"] >= 10]
    )
    outcome = np.array(
        list(zip(frame["efs_event"] != "none", frame["efs_time"], strict=True)),
        dtype=[("event", bool), ("time", float)],
    )
    fitted = RidgeCox(tau=math.inf).fit(covariates, outcome)
    np.testing.assert_allclose(fitted.coef_, [0.6243, 0.3068, 0.5692], atol=1e-4)


# ------------------------------------------------------------------------------------------------- without a model


def test_the_comparator_is_the_prevalence_or_kaplan_meier(cohort):
    assert comparator_risk(training_set(load_recipe("non_response"), cohort), 0.0) == pytest.approx(9 / 51)
    rows = training_set(load_recipe("efs"), cohort)
    by_hand = 1.0
    for t in np.unique(rows.time[rows.event & (rows.time <= 12)]):
        by_hand *= 1 - (rows.event & (rows.time == t)).sum() / (rows.time >= t).sum()
    assert comparator_risk(rows, 12.0) == pytest.approx(by_hand, abs=1e-14)


def test_nothing_of_the_cohort_is_changed_by_learning_from_it(cohort):
    before = cohort.frame.copy(deep=True)
    recipe = load_recipe("efs")
    fit_pipeline(recipe, training_set(recipe, cohort))
    assert cohort.frame.equals(before)


# ------------------------------------------------------------------------------------------------ outcomes with a twist


def with_outcome(monkeypatch, **settings):
    """Let the recipe's outcome have other settings."""
    table = {"name": "efs", **load_dictionary().outcomes["efs"], **settings}
    monkeypatch.setattr("riskml.training.fit.build_target", lambda cohort, _: build_target(cohort, table))


def test_delayed_entry_reaches_the_learner_and_the_comparator(cohort, monkeypatch):
    recipe = load_recipe("efs")
    late = changed(cohort, entry_time=np.linspace(0.1, 2, cohort.n_courses))
    with_outcome(monkeypatch, origin="diagnosis")
    learned = training_set(recipe, late)
    y = outcome_array(learned)
    assert y.dtype.names == ("event", "time", "entry")
    assert (y["entry"] < y["time"]).all()
    again = learned.take(np.array([3, 3, 0]))
    assert again.entry.tolist() == learned.entry[[3, 3, 0]].tolist()
    # A different partial likelihood, and a comparator that knows the late entries.
    ignored = dataclasses.replace(learned, entry=None)
    ours, theirs = (fit_pipeline(recipe, rows)[-1].estimators_[0].coef_ for rows in (learned, ignored))
    assert np.abs(ours - theirs).max() > 1e-3
    curve = kaplan_meier(learned.time, learned.event, learned.entry)
    assert comparator_risk(learned, recipe.horizon_months) == curve.at(recipe.horizon_months)
    judged = evaluate(dataclasses.replace(recipe, repeats=1), late)
    assert all(math.isfinite(metric.value) for metric in judged.metrics.values())
    assert judged.comparator["name"] == "Kaplan-Meier"


def test_an_average_goes_without_what_cannot_take_late_entry(cohort, monkeypatch):
    members = [{"kind": "ridge_cox"}, {"kind": "boosting_cox", "least_events": 0}]
    recipe = load_recipe("efs")
    recipe = dataclasses.replace(recipe, learner={**recipe.learner, "member": members})
    assert len(training_set(recipe, cohort).parts) == 2
    with_outcome(monkeypatch, origin="diagnosis")
    learned = training_set(recipe, changed(cohort, entry_time=np.linspace(0.1, 2, cohort.n_courses)))
    assert [part.kind for part in learned.parts] == ["ridge_cox"]
    assert learned.parts_left_out == ("boosting cox was left out: it cannot take delayed entry",)


def test_a_learner_that_knows_no_late_entry_says_so_without_a_traceback(cohort, monkeypatch):
    recipe = dataclasses.replace(load_recipe("efs"), learner={"kind": "survival_forest", "grid_months": [6, 12, 24]})
    with_outcome(monkeypatch, origin="diagnosis")
    late = changed(cohort, entry_time=np.linspace(0.1, 2, cohort.n_courses))
    with pytest.raises(NotEstimableError, match=r"efs cannot be fitted: .*entry"):
        fit_pipeline(recipe, training_set(recipe, late))


def test_competing_events_are_refused_and_not_taken_for_censored(cohort, monkeypatch):
    with_outcome(monkeypatch, event_levels=["relapse", "no_response"], competing=["death"])
    with pytest.raises(
        NotEstimableError, match="efs: 1 of 105 rows end in a competing event, which no learner here can"
    ):
        training_set(load_recipe("efs"), cohort)


def test_the_settings_of_the_outcome_come_along(cohort):
    assert training_set(load_recipe("efs"), cohort).definition.startswith("Each patient's first course is a row. The")
