"""A hospital's rows are those a pooled training would take, and its design that of the pooled transform."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from riskml.errors import DataError
from riskml.training.federated.rows import component_column, components, design, rows_of
from riskml.training.fit import training_set
from riskml.training.transform import DesignMatrix
from tests.training.federated.hospitals import embedded, study


@pytest.mark.parametrize(("model", "only"), [("efs", "ridge_cox"), ("non_response", "ridge_logistic")])
def test_the_hospitals_together_have_the_rows_of_a_pooled_training(model, only):
    cohort, parts = embedded()
    planned = study(model, only)
    whole = training_set(planned.recipe, cohort)
    own = [rows_of(planned, part) for part in parts.values()]
    assert sum(len(rows.event) for rows in own) == len(whole.event)
    assert sum(rows.n_events for rows in own) == whole.n_events
    assert min(rows.n_events for rows in own) <= 1, "a hospital with hardly any event, or none, takes part"


def test_the_design_is_the_pooled_transform_less_its_mean():
    cohort, _ = embedded()
    planned = study()
    rows = rows_of(planned, cohort)
    pooled = DesignMatrix(planned.recipe.features).fit(rows.frame)
    fill = {f"{feature}/{name}": value for (feature, name), value in pooled.fill_.items()}
    names = [feature.name for feature in planned.recipe.features]
    X = pooled.transform(rows.frame)
    np.testing.assert_allclose(design(planned, names, fill, rows.frame), X - X.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(design(planned, names[2:4], fill, rows.frame), (X - X.mean(axis=0))[:, 2:4], atol=1e-12)
    blind = design(planned, names, {**fill, "cd3_log10/cd3": None}, rows.frame)
    assert not blind[:, names.index("cd3_log10")].any(), "an input nobody may use moves nobody"


def test_components_know_which_sums_are_counts_of_patients():
    planned = study()
    found = {component.name: component.two_valued for component in components(planned.recipe.features)}
    assert found == {
        "relapsed_refractory_at_entry/disease_class_initial": True,
        "ph_positive/bcr_abl1": True,
        "other_poor_cytogenetics/kmt2a_r": True,
        "other_poor_cytogenetics/tcf3_hlf": True,
        "mrd_log10/mrd": False,
        "age_years/age": False,
        "cd3_log10/cd3": False,
    }
    rows = rows_of(planned, embedded()[0])
    for component in components(planned.recipe.features):
        part = component_column(planned, component, rows.frame)
        assert (np.isnan(part) == rows.frame[component.input].isna()).all()
        assert not component.two_valued or set(part[~np.isnan(part)]) <= {0.0, 1.0}


def test_a_missing_column_is_refused_and_named():
    cohort, _ = embedded()
    with pytest.raises(DataError, match="cd3"):
        rows_of(study(), replace(cohort, frame=cohort.frame.drop(columns="cd3")))
