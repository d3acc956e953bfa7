"""Derived variables in a plain scikit-learn pipeline."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from riskml.errors import DataError
from riskml.training.derived import DerivedFeatures


@pytest.fixture
def table():
    rng = np.random.default_rng(7)
    cd4, cd8 = rng.lognormal(-1, 1, (2, 60))
    cd4[::9] = np.nan
    return pd.DataFrame({"age": rng.uniform(0.2, 18, 60), "cd4": cd4, "cd8": cd8}, index=np.arange(100, 160))


def test_columns_stand_behind_those_that_came_in(table):
    made = DerivedFeatures(["cd4_cd8_ratio", "age_group"])
    out = made.fit_transform(table)
    assert list(out.columns) == ["age", "cd4", "cd8", "cd4_cd8_ratio", "age_group"]
    assert list(made.get_feature_names_out()) == list(out.columns)
    assert out.index.equals(table.index)
    pd.testing.assert_frame_equal(out[["age", "cd4", "cd8"]], table)
    np.testing.assert_allclose(out["cd4_cd8_ratio"], table["cd4"] / table["cd8"])
    assert list(made.feature_names_in_) == ["age", "cd4", "cd8"]
    assert made.n_features_in_ == 3


def test_by_default_all_that_the_columns_allow(table):
    assert DerivedFeatures().fit(table).names_ == ("cd4_cd8_ratio", "age_group")
    assert list(DerivedFeatures(passthrough=False).fit_transform(table).columns) == ["cd4_cd8_ratio", "age_group"]


def test_clone_keeps_parameters_and_nothing_learned(table):
    made = DerivedFeatures(["age_group"], "first_dose", passthrough=False).fit(table)
    copy = clone(made)
    assert copy.get_params() == {"names": ["age_group"], "landmark": "first_dose", "passthrough": False}
    assert not hasattr(copy, "names_")


def test_a_stored_column_keeps_its_values(table):
    stored = table.assign(cd4_cd8_ratio=np.where(np.arange(60) < 30, 2.0, np.nan))
    out = DerivedFeatures(["cd4_cd8_ratio"]).fit_transform(stored)
    assert list(out.columns) == list(stored.columns)
    assert (out["cd4_cd8_ratio"].iloc[:30] == 2.0).all()
    np.testing.assert_allclose(out["cd4_cd8_ratio"].iloc[30:], (table["cd4"] / table["cd8"]).iloc[30:])


def test_in_a_plain_pipeline_with_pandas_output(table):
    numbers = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        verbose_feature_names_out=False,
    )
    pipeline = make_pipeline(DerivedFeatures(["cd4_cd8_ratio", "age_group"]), numbers).set_output(transform="pandas")
    out = pipeline.fit_transform(table)
    assert list(out.columns) == ["age", "cd4", "cd8", "cd4_cd8_ratio"]
    assert list(pipeline.get_feature_names_out()) == list(out.columns)
    model = make_pipeline(DerivedFeatures(["cd4_cd8_ratio"]), SimpleImputer(), LogisticRegression(max_iter=1000))
    scores = cross_val_score(model, table, table["age"] > 9, cv=3)
    assert (scores > 0.5).all()


def test_refusals(table):
    with pytest.raises(TypeError, match="DataFrame"):
        DerivedFeatures().fit(table.to_numpy())
    with pytest.raises(DataError, match="needs the columns lymphocytes, mrd"):
        DerivedFeatures(["mrd_alc_ratio"]).fit(table)
    with pytest.raises(DataError, match="after the landmark first_dose"):
        DerivedFeatures(["cd8_fold_d15"], "first_dose").fit(table.assign(cd8_d15=1.0))
    with pytest.raises(ValueError, match="feature names"):
        DerivedFeatures().fit(table).transform(table[["cd8", "cd4", "age"]])
    with pytest.raises(ValueError, match="input_features"):
        DerivedFeatures().fit(table).get_feature_names_out(["a"])
