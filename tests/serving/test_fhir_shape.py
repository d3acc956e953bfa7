"""Wrong types are written down with their place, all of them, and never followed."""

from __future__ import annotations

import pytest

from riskml.errors import DataError
from riskml.serving.fhir_shape import MAX_FAULTS, MAX_ITEMS, Shape


def test_every_wrong_type_is_named_with_its_place():
    shape = Shape()
    holder = {
        "a": 1,
        "b": [],
        "c": "x",
        "d": {},
        "e": True,
        "f": [1, {}, None],
        "g": {"coding": {}},
        "h": "2026-13-01",
        "i": 10**5000,
    }
    assert shape.text(holder, "a", "X") is None
    assert shape.child(holder, "b", "X") is None
    assert shape.number(holder, "c", "X") is None
    assert shape.number(holder, "e", "X") is None
    assert shape.number(holder, "i", "X") is None
    assert list(shape.items(holder, "d", "X")) == []
    assert [place for _, place in shape.items(holder, "f", "X")] == ["X.f[1]"]
    assert shape.codings(holder, "g", "X") == ([], "")
    assert shape.moment(holder, "h", "X") is None
    assert shape.reference(holder, "c", "X") is None
    assert [fault.column for fault in shape.faults] == [
        *("X.a", "X.b", "X.c", "X.e", "X.i", "X.d", "X.f[0]", "X.f[2]", "X.g.coding", "X.h", "X.c"),
    ]
    with pytest.raises(DataError) as refused:
        shape.check()
    assert len(refused.value.faults) == 11


def test_what_is_absent_is_no_fault():
    shape = Shape()
    for reader in (shape.text, shape.child, shape.number, shape.moment, shape.reference):
        assert reader({"a": None}, "a", "X") is None
        assert reader({}, "a", "X") is None
    assert list(shape.items({}, "a", "X")) == []
    shape.check()


def test_nothing_that_a_resource_says_is_repeated():
    shape = Shape()
    shape.text({"a": ["Anna Example"]}, "a", "X")
    shape.moment({"a": "born 2019"}, "a", "X")
    assert all(fault.value is None and "Anna" not in str(fault) and "born" not in str(fault) for fault in shape.faults)


def test_lists_and_faults_have_an_end():
    shape = Shape()
    assert list(shape.items({"a": [{}] * (MAX_ITEMS + 1)}, "a", "X")) == []
    assert len(shape.faults) == 1
    for _ in range(3):
        list(shape.items({"a": [0] * MAX_ITEMS}, "a", "X"))
    assert len(shape.faults) == MAX_FAULTS
