"""No cell that riskml writes is run by a spreadsheet."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.safe_csv import disarm


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-A1", "@SUM(1)", "\t=1", "\r=1", "=", "-2+A3", "+1e"])
def test_formulas_get_an_apostrophe(text):
    assert disarm(pd.DataFrame({"x": [text, "A"]}))["x"].tolist() == ["'" + text, "A"]


@pytest.mark.parametrize("text", ["-3", "+0.5", "-1.5e-3", "+", "-", "+4,+10", "A=1", ""])
def test_numbers_and_words_stay(text):
    assert disarm(pd.DataFrame({"x": [text]}))["x"].tolist() == [text]


def test_numbers_missing_cells_and_names():
    frame = pd.DataFrame({"=a": [-1.5], "b": [None], "c": pd.Series(["=x"], dtype="str")})
    safe = disarm(frame)
    assert list(safe.columns) == ["'=a", "b", "c"]
    assert safe["'=a"].tolist() == [-1.5]
    assert safe["b"].isna().all()
    assert safe["c"].tolist() == ["'=x"]
    assert list(frame.columns) == ["=a", "b", "c"]


@given(st.lists(st.text(max_size=8), min_size=1))
def test_no_text_begins_as_a_formula_that_names_anything(texts):
    for text in disarm(pd.DataFrame({"x": texts}))["x"]:
        assert not text.startswith(("=", "@", "\t", "\r"))
        assert not text.startswith(("+", "-")) or set(text) <= set("+-0123456789., eE")
