"""The coordinator: the same answers give the same next step, and what is too small or too much ends the study."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.errors import DataError, NotEstimableError
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.federated.coordinator import advance, coarsened, counted_of, kept_inputs
from riskml.training.federated.messages import first_ask, with_digest
from riskml.training.federated.rows import rows_of
from riskml.training.federated.statistics import counts
from riskml.training.fit import training_set
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.transform import DesignMatrix
from tests.repository import ROOT
from tests.training.federated.hospitals import answers_to, by_post, embedded, run, split_by, study

BMT = ROOT / "tests" / "data"


@lru_cache(maxsize=1)
def first_round():
    planned = study()
    ask = by_post(first_ask(planned))
    return planned, ask, answers_to(ask, embedded()[1])


@pytest.mark.data
@pytest.mark.parametrize("masked", [False, True])
def test_children_after_a_transplant_in_three_hospitals_are_as_if_in_one(data_file, masked):
    cohort = read_cohort(data_file("bmt_children/bmt_children.csv"), BMT / "bmt_children.toml")
    label = np.array(["A", "B", "C"])[np.random.default_rng(3).permutation(cohort.n_courses) % 3]
    planned = study(str(BMT / "bmt_children_recipe.toml"), None, ("A", "B", "C"), masked=masked)
    finished, asks, answers = run(planned, split_by(cohort, label))
    rows = training_set(planned.recipe, cohort)
    X = DesignMatrix(planned.recipe.features).fit_transform(rows.frame)
    y = np.array(list(zip(rows.event, rows.time, strict=True)), dtype=[("event", bool), ("time", float)])
    learner = RidgeCox(tau=0.34).fit(X, y, strata=label[rows.rows])
    np.testing.assert_allclose(finished.fit.learner.coef_, learner.coef_, atol=1e-9)
    np.testing.assert_allclose(finished.fit.learner.covariance_, learner.covariance_, rtol=1e-8)
    assert (finished.counted.sums["rows"], finished.counted.sums["events"]) == ([187.0], [85.0])
    assert not finished.counted.dropped
    assert kept_inputs(finished) == ("age", "sex")
    assert len(asks) <= 7
    assert len(answers) == 3 * len(asks)


def test_the_same_answers_give_the_same_step():
    _, ask, answers = first_round()
    steps = [advance([ask], dict(order)) for order in (answers.items(), reversed(answers.items()))]
    assert steps[0] == steps[1]
    assert (steps[0]["round"], steps[0]["step"], steps[0]["spread"]) == (1, "newton", True)


def test_rounds_that_were_asked_from_other_answers_are_refused():
    _, asks, answers = run(study(), embedded()[1])
    other = {**answers, **answers_to(asks[0], {"North": embedded()[1]["South"]})}
    other["0-North.json"] = with_digest({**other["0-North.json"], "data": answers["0-North.json"]["data"]})
    with pytest.raises(DataError, match="round 1 must follow from the answers that are given"):
        advance(asks, other)
    swapped = {**answers, **answers_to(asks[2], {"North": embedded()[1]["South"]})}
    swapped["2-North.json"] = with_digest({**swapped["2-North.json"], "data": answers["0-North.json"]["data"]})
    with pytest.raises(DataError, match="round 6 must follow from the answers that are given"):
        advance(asks, swapped)


def test_no_step_is_taken_without_every_hospital():
    _, ask, answers = first_round()
    with pytest.raises(DataError, match="no answer of West to round 0"):
        advance([ask], {name: one for name, one in answers.items() if "West" not in name})


def test_counts_of_all_hospitals_decide_as_a_pooled_training_does():
    planned, ask, answers = first_round()
    cohort = embedded()[0]
    pooled = training_set(planned.recipe, cohort)
    step = advance([ask], answers)
    fills = DesignMatrix(planned.recipe.features).fit(pooled.frame).fill_
    for (feature, name), value in fills.items():
        if feature in step["features"]:
            assert step["fill"][f"{feature}/{name}"] == pytest.approx(value, rel=1e-12)
    assert tuple(step["months"]) == pooled.grid
    assert {"ph_positive", "other_poor_cytogenetics"}.isdisjoint(step["features"])


def counted(planned=None, **changes):
    planned = planned or study()
    sums = counts(planned, rows_of(planned, embedded()[0]))
    return counted_of(planned, {**sums, **changes}, {})


def test_features_with_small_cells_in_the_total_are_left_out_by_name():
    found = counted()
    assert set(found.dropped) == {"ph_positive", "other_poor_cytogenetics"}
    assert set(found.dropped.values()) == {"one to four patients of all hospitals in a cell"}
    assert found.features == ("relapsed_refractory_at_entry", "mrd_log10", "age_years", "cd3_log10")
    assert found.mean.shape == (4,)


def test_an_input_of_fewer_than_five_patients_is_nobody_s():
    planned = study()
    known = counts(planned, rows_of(planned, embedded()[0]))["patients_known"]
    place = planned.recipe.inputs.index("cd3")
    few = counted(patients_known=[*known[:place], 4.0, *known[place + 1 :]])
    assert few.dropped["cd3_log10"] == "fewer than five patients of all hospitals have its inputs"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patients_with_event_by_horizon": [4.0]}, "at least 5 patients with the outcome by 12 months"),
        ({"patients_without_event": [4.0]}, "at least 5 patients without the outcome"),
        ({"events": [105.0]}, "needs rows without the event"),
        ({"at_risk": [100.0] * 5 + [9.0] * 5}, "fewer than 10 patients of all hospitals are followed"),
    ],
)
def test_too_few_in_all_hospitals_together_are_refused(changes, words):
    with pytest.raises(NotEstimableError, match=words):
        counted(**changes)


def test_no_feature_left_is_refused_with_the_reasons():
    planned = study("icans", "ridge_logistic")
    sums = counts(planned, rows_of(planned, embedded()[0]))
    none = dict.fromkeys(("patients_known", "known"), [0.0] * 4)
    with pytest.raises(NotEstimableError, match=r"no feature of icans may leave the hospitals: .*cd4_log10"):
        counted_of(planned, {**sums, **none}, {})


def test_a_withheld_feature_is_left_out_for_all():
    planned = study(masked=False, centres=("A", "B"))
    sums = counts(planned, rows_of(planned, embedded()[0]))
    found = counted_of(planned, sums, {"B": {"withheld": ["age_years"]}, "A": {"withheld": []}})
    assert found.dropped["age_years"] == "withheld by B: one to four patients in a cell"


def test_a_study_ends_before_more_numbers_than_planned_are_released():
    with pytest.raises(NotEstimableError, match=r"more than the 0\.1 a value that the plan allows"):
        run(study(most_numbers=0.1), embedded()[1])


def test_intervals_have_five_events_or_none():
    grid, events = (1.0, 2.0, 3.0, 6.0, 12.0, 24.0), [3.0, 2.0, 0.0, 1.0, 5.0, 4.0]
    merged, edges = coarsened({"events": events, "exposure": [1.0] * 6}, grid)
    assert edges == (2.0, 24.0)
    assert merged == {"events": [5.0, 10.0], "exposure": [2.0, 4.0]}
    with pytest.raises(NotEstimableError, match="one to four events"):
        coarsened({"events": [1.0, 2.0], "exposure": [1.0, 1.0]}, (1.0, 2.0))


@pytest.mark.parametrize("seed", range(5))
def test_coarsening_loses_no_event(seed):
    rng = np.random.default_rng(seed)
    grid = tuple(np.cumsum(rng.integers(1, 5, 9)).astype(float))
    given = {"events": rng.poisson(2.0, 9).astype(float).tolist(), "exposure": rng.random(9).tolist()}
    merged, edges = coarsened(given, grid)
    assert set(edges) <= set(grid)
    assert edges[-1] == grid[-1]
    assert all(a < b for a, b in pairwise((0.0, *edges)))
    assert not [n for n in merged["events"] if 0 < n < SMALLEST_CELL]
    for name, values in given.items():
        assert sum(merged[name]) == pytest.approx(sum(values))
