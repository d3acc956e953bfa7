"""Scores: the definition of v(known), cases solved on paper, and numpy and plain Python to the last digits."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.score import quantile, score_table, value
from tests.runtime.models import (
    SHIPPED,
    complete_values,
    cox,
    known_inputs,
    linears_of,
    logistic,
    plain_model,
    portable_models,
    shipped_bundle,
    substituted,
    times_for,
    v,
)

EXACT = 1e-9
CASES = settings(max_examples=150, deadline=None)
models_with_patients = portable_models().flatmap(
    lambda model: st.tuples(st.just(model), st.lists(known_inputs(model), min_size=1, max_size=5))
)
models_with_patient = portable_models().flatmap(lambda model: st.tuples(st.just(model), known_inputs(model)))


def columns_of(model: PortableModel, patients: list) -> dict[str, list]:
    """A table with nan or None where a patient misses an input; inputs nobody has get no column."""
    present = [name for name in model.inputs if any(name in patient for patient in patients)]
    blank = {name: None if name.startswith("level") else math.nan for name in present}
    return {name: [patient.get(name, blank[name]) for patient in patients] for name in present}


@CASES
@given(models_with_patients)
def test_numpy_and_plain_python_and_the_definition_give_the_same(case):
    model, patients = case
    times = times_for(model)
    table = score_table(model, columns_of(model, patients), len(patients), times)
    assert table.shape == (len(patients), len(times) or 1)
    for row, patient in zip(table, patients, strict=True):
        single = value(model, patient, times)
        assert single == pytest.approx(list(row), abs=EXACT)
        assert single == pytest.approx(substituted(model, patient, times), abs=EXACT)
        assert all(0 <= number <= 1 for number in single)


@CASES
@given(models_with_patient, st.sampled_from([1e300, -1e300, -1e9, 1e9, 1e5, 5e-324]), st.data())
def test_extreme_values_saturate_alike_and_never_overflow(case, extreme, data):
    model, patient = case
    names = [name for name in model.inputs if name.startswith("number")]
    assume(names)
    name = data.draw(st.sampled_from(names))
    for linear in linears_of(model):  # where 1e300 - 1e300 occurs, the order of summation decides, no answer is right
        terms = [
            c * f.component(extreme)
            for f, c in zip(model.features, linear.coefficients, strict=True)
            if name in f.inputs
        ]
        assume(len({term > 0 for term in terms if abs(term) > 1}) < 2)
    patient = {**patient, name: extreme}
    times = times_for(model)
    table = score_table(model, columns_of(model, [patient]), 1, times)
    assert value(model, patient, times) == pytest.approx(list(table[0]), abs=EXACT)
    assert np.isfinite(table).all()


@pytest.mark.parametrize("lp", [-1e6, -800.0, -701.0, -700.0, -40.0, 0.0, 40.0, 700.0, 701.0, 800.0, 1e6])
def test_linear_predictors_beyond_a_double_are_certainty(lp):
    certain = float(lp > 0) if abs(lp) >= 700 else 1 / (1 + math.exp(-lp))
    binary = plain_model([logistic(lp, 0.0)], {(0.0,): 1.0})
    assert v(binary, {"age": 1.0}) == pytest.approx(certain, abs=1e-300)
    assert score_table(binary, {"age": [1.0]}, 1)[0, 0] == pytest.approx(certain, abs=1e-300)
    survival = plain_model([cox(1e5, 1.0)], {(0.0,): 1.0})
    expected = [1.0, 0.0 if lp > 0 else math.exp(-1.2e6 * math.exp(lp))]
    assert value(survival, {"age": lp}, [0, 12]) == pytest.approx(expected, abs=1e-15)
    assert score_table(survival, {"age": [lp]}, 1, [0, 12])[0] == pytest.approx(expected, abs=1e-15)


def test_one_input_logistic_by_hand():
    # log odds = -1 + 2 x; prototypes x = 0 (weight 1/4) and x = 1 (weight 3/4). Unknown x:
    # 1/4 / (1 + e) + 3/4 / (1 + 1/e) = 0.25 * 0.2689414 + 0.75 * 0.7310586 = 0.6155293; x = 2: 1 / (1 + e^-3).
    model = plain_model([logistic(-1.0, 2.0)], {(0.0,): 0.25, (1.0,): 0.75})
    assert v(model, {}) == pytest.approx(0.615529289315, abs=1e-12)
    assert v(model, {"age": 2.0}) == pytest.approx(0.952574126822, abs=1e-12)


def test_cox_by_hand():
    # Baseline hazard 0.1 a month, hazard ratio 2 per unit, x = 1: S(6) = exp(-0.6 * 2), S(3) = exp(-0.3 * 2).
    model = plain_model([cox(0.1, math.log(2))], {(0.0,): 0.5, (2.0,): 0.5})
    survival = value(model, {"age": 1.0}, [0, 3, 6, 12])
    assert survival == pytest.approx([1.0, 0.548811636094, 0.301194211912, 0.090717953289], abs=1e-12)
    # Unknown x: half with hazard ratio 1, half with 4: (exp(-0.6) + exp(-2.4)) / 2.
    assert v(model, {}, [6]) == pytest.approx((0.548811636094 + 0.090717953289) / 2, abs=1e-12)


def test_members_are_averaged_as_probabilities_not_as_log_odds():
    # 1/4 of probability 1/2 and 3/4 of probability 9/10; the mean log odds would give 0.839.
    model = plain_model([logistic(0.0, 0.0, weight=0.25), logistic(math.log(9), 0.0, weight=0.75)], {(0.0,): 1.0})
    assert v(model, {"age": 1.0}) == pytest.approx(0.8, abs=1e-12)


def test_a_feature_of_two_lesions_takes_the_known_one_and_averages_the_other():
    # "Either lesion" with log odds ratio log(4): one present, the other unknown in prototypes (0: 3/4, 1: 1/4).
    model = plain_model([logistic(0.0, math.log(4))], {(0.0, 0.0): 0.75, (1.0, 1.0): 0.25}, inputs=("a", "b"))
    model = model.with_(features=(Feature("either", "value", ("a", "b")),))
    assert v(model, {"a": 1.0}) == pytest.approx(0.75 * 4 / 5 + 0.25 * 16 / 17, abs=1e-12)
    assert score_table(model, {"a": [1.0]}, 1)[0, 0] == pytest.approx(0.75 * 4 / 5 + 0.25 * 16 / 17, abs=1e-12)


@CASES
@given(portable_models("survival").flatmap(lambda model: st.tuples(st.just(model), known_inputs(model))))
def test_survival_starts_at_one_and_never_rises(case):
    model, known = case
    times = [model.horizon * k / 16 for k in range(17)]
    survival = value(model, known, times)
    assert survival[0] == pytest.approx(1.0, abs=1e-12)
    assert all(later <= earlier + 1e-15 for earlier, later in pairwise(survival))


@given(arrays(float, st.integers(1, 30), elements=st.floats(-5, 5)), st.floats(0, 1))
def test_quantiles_are_numpy_s_type_7(sample, probability):
    expected = np.quantile(sample, probability, method="linear")
    assert quantile(sorted(sample.tolist()), probability) == pytest.approx(expected, abs=1e-12)
    assert quantile(sorted(sample.tolist()), probability, [0.3] * len(sample)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_on_a_table_with_every_pattern_of_missing_values(name):
    bundle = shipped_bundle(name)
    model, patient = bundle.model, complete_values(bundle)
    patients = [
        {key: patient[key] for i, key in enumerate(model.inputs) if pattern >> i & 1}
        for pattern in range(1 << len(model.inputs))
    ]
    dtypes = {key: object if isinstance(patient[key], str) else float for key in model.inputs}
    columns = {key: pd.Series([p.get(key) for p in patients], dtype=dtypes[key]).to_numpy() for key in model.inputs}
    times = bundle.manifest["horizons_months"]
    table = score_table(model, columns, len(patients), times)
    for row, known in zip(table, patients, strict=True):
        assert value(model, known, times) == pytest.approx(list(row), abs=EXACT)


def test_missing_columns_rows_and_times_are_no_special_case():
    bundle = shipped_bundle("efs")
    assert score_table(bundle.model, {}, 3, [6, 12]) == pytest.approx(np.array([value(bundle.model, {}, [6, 12])] * 3))
    assert score_table(bundle.model, {}, 0, [6, 12]).shape == (0, 2)
    assert score_table(bundle.model, {}, 2, []).shape == (2, 0)
    assert value(bundle.model, {}, []) == []


def test_the_order_of_prototypes_and_a_split_weight_change_nothing():
    whole = plain_model([logistic(-1.0, 2.0)], {(0.0,): 0.25, (1.0,): 0.75})
    split = whole.with_(weights=(0.5, 0.25, 0.25), background=((1.0,), (0.0,), (1.0,)))
    assert v(split, {}) == pytest.approx(v(whole, {}), abs=1e-15)
