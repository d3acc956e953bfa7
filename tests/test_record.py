"""Records behave like frozen dataclasses, and importing them costs nothing."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.record import Record


class Point(Record):
    x: float
    y: float = 0.0


class Pixel(Record):
    x: float
    y: float = 0.0


@dataclass(frozen=True)
class Reference:
    """What a Record stands in for."""

    x: float
    y: float = 0.0


calls = st.tuples(
    st.lists(st.integers(0, 3), max_size=3), st.dictionaries(st.sampled_from(["x", "y", "z"]), st.integers(0, 3))
)


@given(calls)
def test_construction_accepts_and_refuses_what_a_dataclass_does(call):
    args, kwargs = call
    try:
        expected = Reference(*args, **kwargs)
    except TypeError:
        with pytest.raises(TypeError, match="Point"):
            Point(*args, **kwargs)
    else:
        point = Point(*args, **kwargs)
        assert (point.x, point.y) == (expected.x, expected.y)
        assert repr(point) == repr(expected).replace("Reference", "Point")


@given(*[st.tuples(st.integers(0, 1), st.integers(0, 1))] * 2)
def test_equality_and_hash_are_those_of_the_values(one, other):
    assert (Point(*one) == Point(*other)) == (one == other)
    assert len({Point(*one), Point(*other)}) == len({one, other})


def test_records_of_different_types_differ_even_with_equal_fields():
    assert Point(1, 2) != Pixel(1, 2)
    assert Point(1, 2) != (1, 2)
    assert len({Point(1, 2), Pixel(1, 2)}) == 2


def test_records_are_frozen():
    point = Point(1.0)
    for change in (lambda: setattr(point, "x", 2.0), lambda: setattr(point, "new", 2.0), lambda: delattr(point, "x")):
        with pytest.raises(AttributeError, match="Point is frozen"):
            change()
    assert point == Point(1.0)


def test_with_changes_a_copy_and_knows_its_fields():
    point = Point(1.0, 2.0)
    assert point.with_(y=3.0) == Point(1.0, 3.0)
    assert point == Point(1.0, 2.0)
    assert list(point.to_fields()) == ["x", "y"]
    with pytest.raises(TypeError, match="Point"):
        point.with_(z=1.0)


def test_a_record_of_unhashable_values_is_unhashable():
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point([1.0]))


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies_and_pickles_are_equal(clone):
    assert clone(Point(1.0, 2.0)) == Point(1.0, 2.0)


class Remembering(Record):
    x: float

    @cached_property
    def maker(self):
        return lambda: self.x


def test_what_was_remembered_on_the_way_is_no_part_of_a_record():
    used, fresh = Remembering(1.0), Remembering(1.0)
    assert used.maker() == 1.0
    assert used == fresh
    assert pickle.loads(pickle.dumps(used)) == fresh
    assert pickle.loads(pickle.dumps(used)).maker() == 1.0


def test_the_module_imports_nothing():
    code = "import sys; before = set(sys.modules); import riskml.record; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["__future__", "riskml", "riskml.record"]
