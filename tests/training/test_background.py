"""Prototypes stand in for patients: no number in them may be traced to fewer than five, and predictions must agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.runtime.members import Linear, Member
from riskml.runtime.model import Feature
from riskml.runtime.responses import LOGISTIC
from riskml.runtime.score import feature_column, score_table
from riskml.training.background import (
    MAX_PROTOTYPES,
    SMALLEST_GROUP,
    _points,
    microaggregate,
    numeric_limits,
    prototypes,
    usual_ranges,
)
from riskml.training.fit import background_of, fit_pipeline, portable, training_set
from riskml.training.recipe import load_recipe

NAMES = ("non_response", "icans", "efs")


@pytest.fixture(scope="module")
def fitted():
    """name -> (training rows, members, portable model without bootstrap), from the embedded cohort."""
    cohort = read_cohort(folder("features") / "synthetic" / "cohort.csv")
    found = {}
    for name in NAMES:
        recipe = load_recipe(name)
        rows = training_set(recipe, cohort)
        members = fit_pipeline(recipe, rows)[-1].members()
        found[name] = rows, members, portable(recipe, rows, members)
    return found


def patients_of(rows, column):
    """How many different patients the rows of ``column`` belong to."""
    return len(np.unique(rows.patient[column.index]))


clouds = st.integers(0, 90).flatmap(
    lambda n: st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 4)).map(
        lambda s: np.random.default_rng(s[0]).normal(size=(n, s[1])).round(1)
    )
)


@given(clouds, st.integers(1, 12))
@settings(max_examples=120, deadline=None)
def test_microaggregates_are_a_partition_into_large_enough_groups(points, size):
    groups = microaggregate(points, size)
    np.testing.assert_array_equal(np.sort(np.concatenate(groups)) if groups else [], np.arange(len(points)))
    if len(points) < 2 * size:
        assert len(groups) == min(1, len(points))
    else:
        assert min(map(len, groups)) >= size
        assert max(map(len, groups)) < 2 * size
    for first, second in zip(groups, microaggregate(points, size), strict=True):
        np.testing.assert_array_equal(first, second)


@given(clouds, st.integers(1, 6), st.integers(1, 12))
@settings(max_examples=120, deadline=None)
def test_a_group_of_five_is_five_patients_and_not_five_courses(points, size, people):
    patient = np.random.default_rng(people).integers(0, people, len(points))
    groups = microaggregate(points, size, patient)
    np.testing.assert_array_equal(np.sort(np.concatenate(groups)) if groups else [], np.arange(len(points)))
    everybody = len(np.unique(patient))
    assert all(len(np.unique(patient[g])) >= min(size, everybody) for g in groups)
    if everybody < 2 * size:
        assert len(groups) == min(1, len(points))


def test_one_row_a_patient_is_the_rule_without_patients():
    points = np.random.default_rng(3).normal(size=(57, 3))
    for first, second in zip(microaggregate(points, 5), microaggregate(points, 5, np.arange(57)[::-1]), strict=True):
        np.testing.assert_array_equal(first, second)


def test_far_apart_clusters_stay_apart():
    rng = np.random.default_rng(0)
    centres = np.repeat([[0, 0], [100, 0], [0, 100], [100, 100]], 5, axis=0)
    groups = microaggregate(centres + rng.normal(size=(20, 2)), 5)
    assert sorted(sorted(g) for g in groups) == [list(range(k, k + 5)) for k in range(0, 20, 5)]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_a_prototype_is_the_mean_of_five_patients_or_of_all(fitted, name):
    """Recomputed from the groups: geometric mean through log10, arithmetic mean otherwise, majority of a level."""
    rows, members, model = fitted[name]
    size = max(SMALLEST_GROUP, -(-rows.n_patients // MAX_PROTOTYPES))
    groups = microaggregate(_points(rows.frame, model.inputs, model.features, members), size, rows.patient)
    assert len(groups) == len(model.background) <= MAX_PROTOTYPES
    np.testing.assert_allclose(model.weights, [len(g) / len(rows.frame) for g in groups], atol=1e-15)
    for i, column in enumerate(model.inputs):
        floors = [f.parameter for f in model.features if f.op == "log10" and column in f.inputs]
        for g, row in zip(groups, model.background, strict=True):
            own = rows.frame[column].iloc[g].dropna()
            source = own if patients_of(rows, own) >= SMALLEST_GROUP else rows.frame[column].dropna()
            assert patients_of(rows, source) >= SMALLEST_GROUP
            if isinstance(row[i], str):
                assert (source == row[i]).sum() == source.value_counts().max()
            elif floors:
                assert row[i] == pytest.approx(np.exp(np.log(source.clip(lower=floors[0])).mean()), rel=6e-4)
            else:
                assert row[i] == pytest.approx(source.mean(), rel=6e-4, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_weights_sum_to_one_and_no_prototype_is_a_patient(fitted, name):
    rows, members, model = fitted[name]
    assert sum(model.weights) == pytest.approx(1, abs=1e-15)
    assert background_of(load_recipe(name), rows, members).smallest_group >= SMALLEST_GROUP
    patients = {tuple(row) for row in rows.frame[list(model.inputs)].itertuples(index=False)}
    assert not patients & set(model.background)


@pytest.mark.parametrize(("name", "tolerance"), [("non_response", 0.03), ("icans", 0.01), ("efs", 0.02)])
def test_the_base_over_prototypes_is_close_to_the_mean_prediction(fitted, name, tolerance):
    rows, _, model = fitted[name]
    columns = {x: rows.frame[x].to_numpy() for x in model.inputs}
    times = rows.grid[-1:]
    mean = score_table(model, columns, len(rows.frame), times).mean()
    base = score_table(model, {}, 1, times)[0, 0]
    assert base == pytest.approx(mean, abs=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_limits_are_nobody_s_value(fitted, name):
    """They lie beyond the mean of the five outermost patients, and tell no more than means do."""
    rows, _, model = fitted[name]
    logs = {n for feature in model.features if feature.op == "log10" for n in feature.inputs}
    for column, (low, high) in model.limits.items():
        values = rows.frame[column].dropna().sort_values(kind="stable")
        scaled = (np.log10(values) if column in logs else values).astype(float)
        blurred = scaled.copy()
        for limit, ordered, sign in ((low, scaled, 1), (high, scaled[::-1], -1)):
            outer = next(ordered[:k] for k in range(5, len(ordered)) if patients_of(rows, ordered[:k]) >= 5)
            end = 10 ** outer.mean() if column in logs else outer.mean()
            assert sign * limit <= sign * end + 1e-12, "beyond the mean of the five outermost patients"
            blurred[outer.index] = outer.mean()
        frame = rows.frame.assign(**{column: 10**blurred if column in logs else blurred})
        again = numeric_limits(frame, (column,), model.features, rows.patient)[column]
        assert again == pytest.approx((low, high), rel=0.02)


def test_limits_by_hand():
    frame = pd.DataFrame({"age": [1.0, 2, 3, 4, 5.6, 10, 11, 12, 13, 14.4], "ph": [0.0, 1.0] * 5})
    frame["mrd"], frame["bm_blasts"] = 10 ** -np.arange(1.0, 11), np.linspace(0.1, 0.97, 10)
    features = (
        Feature("age", "value", ("age",)),
        Feature("ph", "value", ("ph",)),
        Feature("b", "value", ("bm_blasts",)),
    )
    features += (Feature("mrd", "log10", ("mrd",), 1e-12),)
    # Means of five: 3.12 and 12.08, 8.96 apart. Half a step on: -1.36, which no age is, and 16.56 -> 17.
    # Logarithms -8 and -3, 5 apart: 10^-10.5 = 3.16e-11 -> 3.1e-11, and 10^-0.5 = 0.316 -> 0.32.
    # Blasts: 0.293 and 0.777 -> 0.052 and 1.018, which no share is.
    limits = {"age": (0.0, 17.0), "mrd": (3.1e-11, 0.32), "bm_blasts": (0.051, 1.0)}
    assert numeric_limits(frame, ("age", "ph", "mrd", "bm_blasts"), features) == limits
    assert numeric_limits(frame.head(9), ("age", "ph"), features) == {}, "fewer than ten values: five would be half"


def test_limits_reach_about_as_far_as_the_patients():
    """Half a step takes the mean of five to the extreme they would have by their spacing."""
    for seed in range(5):
        ages = np.sort(np.random.default_rng(seed).uniform(2, 16, 120))
        ((low, high),) = numeric_limits(pd.DataFrame({"age": ages}), ("age",), FEATURES_OF_AGE).values()
        assert low == pytest.approx(ages[0], abs=0.6)
        assert high == pytest.approx(ages[-1], abs=1.5), "rounded outward to whole years"


FEATURES_OF_AGE = (Feature("age", "value", ("age",)),)


def made(n, seed, missing=0.3):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "mrd": 10 ** rng.normal(-2, 1, n),
            "age": rng.uniform(0.5, 18, n),
            "ph": (rng.random(n) < 0.2).astype(float),
            "sex": rng.choice(np.array(["female", "male"], dtype=object), n),
        }
    )
    return frame.mask(rng.random(frame.shape) < missing)


FEATURES = (
    Feature("mrd", "log10", ("mrd",), 1e-4),
    Feature("age", "value", ("age",)),
    Feature("ph", "value", ("ph",)),
    Feature("sex", "level", ("sex",), ("female",)),
)


@given(st.integers(0, 10_000), st.integers(5, 400), st.sampled_from([0.0, 0.3, 0.95]))
@settings(max_examples=40, deadline=None)
def test_prototypes_are_finite_whole_and_agree_with_the_patients_on_average(seed, n, missing):
    frame = made(n, seed, missing)
    members = (Member(1.0, Linear(-1.0, (0.5, 0.05, 1.0, -0.3)), LOGISTIC),)
    background = prototypes(frame, tuple(frame), FEATURES, members)
    assert len(background.rows) == len(background.weights) <= MAX_PROTOTYPES
    assert background.smallest_group >= min(n, SMALLEST_GROUP)
    assert sum(background.weights) == pytest.approx(1, abs=1e-12)
    assert background == prototypes(frame, tuple(frame), FEATURES, members)
    for row in background.rows:
        assert np.isfinite(np.array(row[:3], dtype=float)).all()
        assert isinstance(row[3], str)
    if missing == 0.0:  # nothing to borrow: the weighted prototypes have the patients' mean on the model's scale
        for i, feature in enumerate(FEATURES[:3]):
            mean = feature_column(feature, frame[feature.inputs[0]]).mean()
            parts = [w * feature.component(row[i]) for w, row in zip(background.weights, background.rows, strict=True)]
            assert sum(parts) == pytest.approx(mean, abs=2e-3 * (1 + abs(mean)))


def test_groups_form_along_what_the_model_uses():
    """With all the weight on MRD, groups are slices of MRD, whatever age does."""
    frame = made(100, 3, missing=0.0)
    members = (Member(1.0, Linear(0.0, (1.0, 0.0, 0.0, 0.0)), LOGISTIC),)
    groups = microaggregate(_points(frame, tuple(frame), FEATURES, members), 5)
    log_mrd = np.log10(frame["mrd"].clip(lower=1e-4))
    within = np.mean([log_mrd.iloc[g].var() for g in groups])
    assert within < 0.1 * log_mrd.var()


def test_usual_values_by_hand():
    """Of 101 patients the 5th and 95th percentile are numbers 5 and 95 (from 0): five about each average to it."""
    ages = pd.DataFrame({"age": np.arange(101.0)})
    assert usual_ranges(ages, ("age",), FEATURES_OF_AGE) == {"age": (5.0, 95.0)}
    assert usual_ranges(ages.iloc[:9], ("age",), FEATURES_OF_AGE) == {}, "fewer than ten values"
    few = ages.iloc[:10]
    assert usual_ranges(few, ("age",), FEATURES_OF_AGE) == {"age": (2.0, 7.0)}, "the lowest five and the highest five"


def test_usual_values_on_the_scale_of_the_model():
    mrd = pd.DataFrame({"mrd": 10.0 ** np.linspace(-4, 0, 101)})
    features = (Feature("mrd_log10", "log10", ("mrd",), 1e-5),)
    low, high = usual_ranges(mrd, ("mrd",), features)["mrd"]
    assert (low, high) == pytest.approx((10.0**-3.8, 10.0**-0.2), rel=0.005)


def test_five_courses_of_one_child_are_not_five_patients():
    ages = pd.DataFrame({"age": [1.0] * 5 + list(np.arange(2.0, 32.0))})
    patient = np.array([0] * 5 + list(range(1, 31)))
    low, _ = usual_ranges(ages, ("age",), FEATURES_OF_AGE, patient)["age"]
    assert low == pytest.approx(np.mean([1.0] * 5 + [2.0, 3.0, 4.0, 5.0]), rel=0.01)


@given(st.integers(0, 2**31))
def test_usual_values_hold_about_nine_tenths_of_a_large_cohort(seed):
    ages = np.random.default_rng(seed).normal(10, 3, 2000)
    low, high = usual_ranges(pd.DataFrame({"age": ages}), ("age",), FEATURES_OF_AGE)["age"]
    assert np.mean((ages >= low) & (ages <= high)) == pytest.approx(0.9, abs=0.01)
