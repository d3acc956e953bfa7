"""What stands in for missing inputs: by definition, by hand, and the same however often and from where it is asked."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.runtime.backdrop import backdrop_of
from riskml.runtime.members import Linear
from riskml.runtime.model import Feature
from tests.runtime.models import known_inputs, portable_models, shipped_bundle

FEATURES = (
    Feature("a", "value", ("a",)),
    Feature("a above 2", "hinge", ("a",), 2.0),
    Feature("both", "value", ("a", "b")),
)
PROTOTYPES = ((1.0, 5.0), (3.0, 5.0), (3.0, 7.0))
WEIGHTS = (0.5, 0.2, 0.3)


def test_prototypes_that_put_in_the_same_are_one():
    found = backdrop_of(FEATURES, ("a", "b"), PROTOTYPES, WEIGHTS, ("a",))
    assert found.moving == [0, 1, 2]
    assert dict(zip(found.rows, found.weights, strict=True)) == {(1.0, 0.0, 1.0): 0.5, (3.0, 1.0, 3.0): 0.5}


def test_only_features_that_miss_an_input_move():
    found = backdrop_of(FEATURES, ("a", "b"), PROTOTYPES, WEIGHTS, ("b",))
    assert found.moving == [2]
    assert dict(zip(found.rows, found.weights, strict=True)) == pytest.approx({(5.0,): 0.7, (7.0,): 0.3})


def test_a_complete_patient_needs_one_empty_row():
    found = backdrop_of(FEATURES, ("a", "b"), PROTOTYPES, WEIGHTS, ())
    assert (found.moving, found.rows, found.weights) == ([], [()], [1.0])
    assert found.sums(Linear(1.0, (2.0, 3.0, 4.0))) == [0.0]


def test_sums_are_those_of_each_predictor_and_made_once():
    found = backdrop_of(FEATURES, ("a", "b"), PROTOTYPES, WEIGHTS, ("a",))
    one, other = Linear(9.0, (1.0, 10.0, 100.0)), Linear(9.0, (0.0, 0.0, 1.0))
    assert found.sums(one) == [101.0, 313.0]
    assert found.sums(other) == [1.0, 3.0]
    assert found.sums(one) is found.sums(one)


@settings(max_examples=50, deadline=None)
@given(portable_models().flatmap(lambda model: st.tuples(st.just(model), known_inputs(model))))
def test_a_model_remembers_what_it_would_make_anew(case):
    model, known = case
    missing = tuple(name for name in model.inputs if name not in known)
    again = model.with_()
    model.backdrop(missing)
    assert model.backdrop(missing) == again.backdrop(missing)
    assert model == again


def test_memory_is_bounded_and_threads_and_copies_get_the_same():
    bundle = shipped_bundle("induction_efs")
    names = bundle.model.inputs
    patients = [{}, *(dict.fromkeys(names[:k]) for k in range(len(names)))]
    alone = [bundle.predict(patient, explain=False).as_dict() for patient in patients]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda p: bundle.predict(p, explain=False).as_dict(), patients)) == alone
    copy = pickle.loads(pickle.dumps(bundle))
    assert [copy.predict(patient, explain=False).as_dict() for patient in patients] == alone
    model = bundle.model.with_()
    for number in range(2 ** len(names)):
        model.backdrop(tuple(name for bit, name in enumerate(names) if number >> bit & 1))
    assert model.backdrop.cache_info().currsize <= 32  # type: ignore[attr-defined]
