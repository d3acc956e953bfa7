"""The design matrix in scikit-learn's hands: clone, pipelines, feature names, and nothing learned from other rows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from riskml.runtime.model import Feature
from riskml.training.transform import DesignMatrix

FEATURES = (
    Feature("log", "log10", ("mrd",), 1e-4),
    Feature("poor", "value", ("kmt2a_r", "tcf3_hlf")),
    Feature("hinge", "hinge", ("age",), 10.0),
    Feature("teen", "at_least", ("age",), 10.0),
    Feature("girl", "level", ("sex",), ("female",)),
)
COMPLETE = pd.DataFrame(
    {
        "mrd": [1e-2, 1e-6, 0.5],
        "kmt2a_r": [0.0, 1.0, 0.0],
        "tcf3_hlf": [1.0, 0.0, 0.0],
        "age": [9.99, 10.0, 16.0],
        "sex": ["female", "male", "female"],
    }
)


def test_a_table_worked_by_hand():
    matrix = DesignMatrix(FEATURES).fit_transform(COMPLETE)
    expected = [[-2, 1, 0, 0, 1], [-4, 1, 0, 1, 0], [math.log10(0.5), 0, 6, 1, 1]]
    np.testing.assert_allclose(matrix, expected, atol=1e-15)


def test_missing_components_get_the_mean_of_the_fitted_rows_that_have_them():
    train = pd.DataFrame(
        {
            "mrd": [1e-2, np.nan, 1e-4],
            "kmt2a_r": [1.0, 0.0, np.nan],
            "tcf3_hlf": [np.nan, np.nan, 1.0],
            "age": [12.0, 8.0, np.nan],
            "sex": ["female", None, "male"],
        }
    )
    design = DesignMatrix(FEATURES).fit(train)
    assert design.fill_ == {
        ("log", "mrd"): -3.0,
        ("poor", "kmt2a_r"): 0.5,
        ("poor", "tcf3_hlf"): 1.0,
        ("hinge", "age"): 1.0,
        ("teen", "age"): 0.5,
        ("girl", "sex"): 0.5,
    }
    nothing = pd.DataFrame({name: [None] if name == "sex" else [np.nan] for name in train})
    np.testing.assert_allclose(design.transform(nothing), [[-3.0, 1.5, 1.0, 0.5, 0.5]])
    half = nothing.assign(kmt2a_r=[1.0])
    assert design.transform(half)[0, 1] == 2.0, "the known lesion as it is, the unknown one at its mean"


def test_other_rows_never_change_what_was_learned():
    design = DesignMatrix(FEATURES).fit(COMPLETE.iloc[:2])
    before = dict(design.fill_)
    one = COMPLETE.iloc[[2]].assign(mrd=np.nan)
    alone = design.transform(one)
    together = design.transform(pd.concat([COMPLETE, one]))[-1:]
    np.testing.assert_array_equal(alone, together)
    assert alone[0, 0] == -3.0
    assert design.fill_ == before


def test_an_input_nobody_has_is_a_constant_column():
    empty = COMPLETE.assign(mrd=np.nan, sex=None)
    matrix = DesignMatrix(FEATURES).fit_transform(empty)
    assert (matrix[:, [0, 4]] == 0).all()
    assert np.isfinite(matrix).all()


def test_pandas_output_carries_the_names_of_the_features():
    framed = DesignMatrix(FEATURES).set_output(transform="pandas").fit_transform(COMPLETE)
    assert list(framed.columns) == ["log", "poor", "hinge", "teen", "girl"]
    np.testing.assert_array_equal(framed, DesignMatrix(FEATURES).fit_transform(COMPLETE))


def test_clone_gives_an_unfitted_equal_and_independent_copy():
    design = DesignMatrix(FEATURES).fit(COMPLETE)
    copy = clone(design)
    assert copy.features == design.features
    with pytest.raises(NotFittedError):
        copy.transform(COMPLETE)


def test_inside_a_pipeline_a_clone_learns_the_same():
    pipeline = make_pipeline(DesignMatrix(FEATURES[:1]), LinearRegression())
    y = [1.0, 2.0, 4.0]
    first, second = pipeline.fit(COMPLETE, y), clone(pipeline).fit(COMPLETE, y)
    np.testing.assert_array_equal(first.predict(COMPLETE), second.predict(COMPLETE))
    assert list(pipeline[:-1].get_feature_names_out()) == ["log"]


numbers = st.floats(0, 1e3, allow_subnormal=False)
patients = st.fixed_dictionaries(
    {
        "mrd": st.floats(0, 1),
        "kmt2a_r": st.sampled_from([0.0, 1.0]),
        "tcf3_hlf": st.sampled_from([0.0, 1.0]),
        "age": numbers,
        "sex": st.sampled_from(["female", "male", "another level"]),
    }
)


@given(st.lists(patients, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_row_by_row_the_matrix_is_what_the_portable_model_computes(rows):
    matrix = DesignMatrix(FEATURES).fit_transform(pd.DataFrame(rows))
    for got, row in zip(matrix, rows, strict=True):
        want = [sum(f.component(row[name]) for name in f.inputs) for f in FEATURES]
        np.testing.assert_allclose(got, want, rtol=1e-14, atol=1e-14)


@given(st.lists(patients, min_size=2, max_size=8), st.data())
@settings(max_examples=60, deadline=None)
def test_filling_in_keeps_the_mean_of_every_column_of_one_input(rows, data):
    frame = pd.DataFrame(rows)
    gone = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)).filter(lambda g: not all(g)))
    holes = frame.assign(mrd=frame["mrd"].mask(gone))
    filled = DesignMatrix(FEATURES).fit_transform(holes)
    whole = DesignMatrix(FEATURES).fit_transform(frame)
    assert filled[:, 0].mean() == pytest.approx(whole[~np.array(gone), 0].mean(), abs=1e-12)
