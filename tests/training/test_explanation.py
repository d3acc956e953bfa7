"""Explanations of a cohort: row by row those of one patient, and what shap's own explainers and plots make of them."""

from __future__ import annotations

import dataclasses
import warnings

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from riskml.cohort.cohort import read_cohort
from riskml.errors import NotEstimableError, UsageError
from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.explain import explain_link, explain_value
from riskml.runtime.members import Member, Trees
from riskml.runtime.responses import PROBABILITY
from riskml.runtime.score import score_table
from riskml.training.explanation import explain, in_display_units, label_of
from riskml.training.learners.tree_export import sklearn_tree
from tests.runtime.models import bundle_of, plain_model, shipped_bundle


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


@pytest.fixture(scope="module")
def shap():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what shap's own imports warn of is not ours to mend
        return pytest.importorskip("shap")


def known_of(bundle, frame, row):
    return {n: frame[n].iloc[row] for n in bundle.model.inputs if n in frame and pd.notna(frame[n].iloc[row])}


@pytest.mark.parametrize("name", ["non_response", "icans", "efs"])
def test_each_row_is_that_of_one_patient(cohort, name):
    bundle = shipped_bundle(name)
    found = explain(bundle, cohort)
    assert found.inputs == bundle.model.inputs
    assert found.times == tuple(bundle.manifest["horizons_months"])
    assert found.row_numbers.tolist() == cohort.row_numbers.tolist()
    assert np.abs(found.base + found.effects.sum(axis=1) - found.value).max() < 1e-10
    for row in (0, 17, 60):
        alone = explain_value(bundle.model, known_of(bundle, cohort.frame, row), found.times)
        assert found.base == pytest.approx(alone.base, abs=1e-12)
        for k, effects in enumerate(alone.effects):
            want = [effects.get(input_name, 0.0) for input_name in found.inputs]
            assert found.effects[row, :, k] == pytest.approx(want, abs=1e-10)


def test_values_are_shown_in_the_unit_of_the_label(cohort):
    found = explain(shipped_bundle("efs"), cohort)
    assert "Marrow MRD before first dose (%)" in found.labels
    mrd, where = cohort.frame["mrd"].to_numpy(), found.inputs.index("mrd")
    assert found.data[:, where] == pytest.approx(100 * mrd, nan_ok=True)
    ph = found.inputs.index("bcr_abl1")
    assert set(found.shown[:, ph]) == {"absent", "present"}
    entry = found.inputs.index("disease_class_initial")
    levels = list(load_dictionary()["disease_class_initial"].levels)
    assert [levels[int(k)] for k in found.data[:, entry]] == cohort.frame["disease_class_initial"].tolist()
    assert (found.effects[np.isnan(found.data)] == 0).all(), "what is missing has no effect"


def test_an_input_without_a_column_has_no_effect_and_other_months_can_be_asked(cohort):
    without = dataclasses.replace(cohort, frame=cohort.frame.drop(columns="mrd"))
    found = explain(shipped_bundle("efs"), without, at=[3, 9])
    where = found.inputs.index("mrd")
    assert found.times == (3.0, 9.0)
    assert (found.effects[:, where] == 0).all()
    assert np.isnan(found.data[:, where]).all()
    with pytest.raises(NotEstimableError, match="999 months cannot be estimated"):
        explain(shipped_bundle("efs"), cohort, at=[999])


def test_the_table_names_rows_and_no_patient(cohort):
    table = explain(shipped_bundle("efs"), cohort, at=[6, 12]).table()
    assert list(table)[:3] == ["row", "survival_6_months", "base_6_months"]
    effects = table[[c for c in table if c.startswith("effect_") and c.endswith("_12_months")]]
    assert (table["base_12_months"] + effects.sum(axis=1)).tolist() == pytest.approx(
        table["survival_12_months"].tolist(), abs=1e-12
    )
    assert not set(cohort.frame["patient_id"]) & set(table.astype(str).to_numpy().ravel())
    binary = explain(shipped_bundle("icans"), cohort).table()
    assert list(binary) == [
        "row",
        "probability",
        "base",
        *(f"effect_{n}" for n in shipped_bundle("icans").model.inputs),
    ]


def test_an_empty_cohort_has_empty_effects(cohort):
    none = dataclasses.replace(cohort, frame=cohort.frame.iloc[:0], row_numbers=cohort.row_numbers[:0])
    found = explain(shipped_bundle("efs"), none)
    assert found.effects.shape == (0, 7, 3)
    assert len(found.table()) == 0


def test_labels_and_units_of_every_kind():
    dictionary = load_dictionary()
    assert label_of(dictionary["bcr_abl1"]) == "BCR::ABL1 (Ph+)"
    assert label_of(dictionary["cycle_index"]) == "Cycle number"
    assert in_display_units(dictionary["age"], [6.0, None]).tolist() == pytest.approx([6.0, np.nan], nan_ok=True)
    assert np.isnan(in_display_units(dictionary["disease_class_initial"], ["no level of it", None])).all()


# --- shap -------------------------------------------------------------------------------------------------------------


def test_shap_s_explanation_holds_the_same(cohort, shap):
    found = explain(shipped_bundle("efs"), cohort)
    shown = found.shap(12.0)
    assert isinstance(shown, shap.Explanation)
    assert (shown.values == found.effects[:, :, 1]).all()  # noqa: PD011
    assert shown.base_values.tolist() == [found.base[1]] * len(found.value)
    assert shown.feature_names == list(found.labels)
    assert (found.shap().values == found.effects[:, :, -1]).all()  # noqa: PD011
    with pytest.raises(UsageError, match="no effects at 7 months; there are 6, 12, 24"):
        found.shap(7.0)
    with pytest.raises(UsageError, match="the outcome has no time"):
        explain(shipped_bundle("icans"), cohort).shap(12.0)


@pytest.mark.parametrize("plot", ["beeswarm", "bar", "waterfall", "scatter"])
def test_shap_s_plots_take_it(cohort, shap, plot):
    shown = explain(shipped_bundle("non_response"), cohort).shap()
    mpl.use("agg")
    from matplotlib import pyplot as plt

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shap's own
        part = {"waterfall": shown[3], "scatter": shown[:, 3]}.get(plot, shown)
        getattr(shap.plots, plot)(part, show=False)
    texts = " ".join(text.get_text() for axes in plt.gcf().axes for text in axes.get_yticklabels())
    assert plot == "scatter" or "Marrow MRD before first dose (%)" in texts
    plt.close("all")


@pytest.mark.slow
def test_shap_explains_a_forest_alike(shap):
    """A forest of scikit-learn over four inputs of the dictionary, explained by TreeExplainer and by us."""
    inputs, rng = ("mrd", "cd3", "cd19", "age"), np.random.default_rng(3)
    X = rng.uniform(size=(150, 4)).astype(np.float32).astype(float)
    forest = RandomForestClassifier(10, min_samples_leaf=5, random_state=0).fit(X, X[:, 0] * X[:, 1] + X[:, 2] > 0.7)
    trees = tuple(sklearn_tree(t.tree_, t.tree_.value[:, 0, 1:]) for t in forest.estimators_)
    member = Member(1.0, Trees((0.0,), 1 / 10, trees), PROBABILITY)
    model = plain_model([member], dict.fromkeys(map(tuple, X[:40].tolist()), 1 / 40), inputs=inputs).with_(
        kind="binary"
    )
    table = pd.DataFrame(X[40:60], columns=list(inputs))
    cohort = dataclasses.replace(
        read_cohort(folder("features") / "synthetic" / "cohort.csv"), frame=table, row_numbers=np.arange(2, 22)
    )
    found = explain(bundle_of(model), cohort)
    explainer = shap.TreeExplainer(forest, shap.maskers.Independent(X[:40], max_samples=40))
    assert found.effects[:, :, 0] == pytest.approx(explainer.shap_values(X[40:60])[:, :, 1], abs=1e-6)
    assert found.base[0] == pytest.approx(explainer.expected_value[1], abs=1e-6)


@pytest.mark.slow
def test_shap_s_exact_and_linear_explainers_agree_on_complete_rows(cohort, shap):
    bundle = shipped_bundle("non_response")
    model = bundle.model
    frame = cohort.frame[list(model.inputs)].dropna().iloc[:3]
    small = dataclasses.replace(cohort, frame=cohort.frame.loc[frame.index], row_numbers=np.arange(2, 5))
    # shap knows no weights, but copies: weights are whole numbers of patients.
    counts = np.round(np.array(model.weights) * bundle.manifest["training"]["n_rows"]).astype(int)

    def masker(rows):
        return shap.maskers.Independent(np.repeat(np.array(rows, dtype=float), counts, axis=0), max_samples=1000)

    def answers(table):
        return score_table(model, dict(zip(model.inputs, table.T, strict=True)), len(table))[:, 0]

    theirs = shap.explainers.Exact(answers, masker(model.background))(frame.to_numpy(dtype=float))
    assert explain(bundle, small).effects[:, :, 0] == pytest.approx(theirs.values, abs=1e-9)

    def design(rows):
        named = [dict(zip(model.inputs, row, strict=True)) for row in rows]
        return np.array([[sum(f.component(row[n]) for n in f.inputs) for f in model.features] for row in named])

    linear, rows = model.members[0].linear, frame.to_numpy(dtype=float).tolist()
    explainer = shap.LinearExplainer(
        (np.array(linear.coefficients), linear.intercept), masker(design(model.background))
    )
    for row, values in zip(frame.to_dict("records"), explainer.shap_values(design(rows)), strict=True):
        assert sum(explain_link(model, row).effects[0].values()) == pytest.approx(values.sum(), abs=1e-9)
