"""A finished study as a bundle: it opens, predicts what its coefficients say, and shows no small count."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from riskml.runtime.bundle import open_bundle
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.federated.bundle import RESULT, bundle_of, result_of, synthetic
from riskml.training.federated.rows import design, rows_of
from riskml.training.learners.smooth_baseline import smooth_rates
from tests.training.federated.hospitals import embedded, run, study


@lru_cache(maxsize=2)
def finished(model="efs", only="ridge_cox"):
    return run(study(model, only), embedded()[1])[0]


@lru_cache(maxsize=2)
def bundle(model="efs", only="ridge_cox"):
    return bundle_of(finished(model, only), seed=3)


@pytest.mark.parametrize(("model", "only"), [("efs", "ridge_cox"), ("non_response", "ridge_logistic")])
def test_the_bundle_opens_like_any_other(model, only, tmp_path):
    bundle(model, only).save(tmp_path / "bundle")
    opened = open_bundle(tmp_path / "bundle")
    manifest = opened.manifest
    assert manifest["synthetic"] is True
    assert "SYNTHETIC" in opened.card
    said = " ".join(opened.card.split())
    assert "Fitted to sums of 4 hospitals that share no rows." in said
    assert "Ph_positive was left out: one to four patients of all hospitals in a cell." in said
    assert manifest["federated"]["centres"] == ["East", "North", "South", "West"]
    assert manifest["federated"]["dropped"].keys() == {"ph_positive", "other_poor_cytogenetics"}
    assert "not evaluated" in manifest["verdict"]
    assert manifest["usable_signal"] is False
    assert len(opened.model.bootstrap) == finished(model, only).study.recipe.bootstrap
    prediction = opened.predict({"age": "6 a", "mrd": "0.5 %", "cd3": "710 /uL"}).as_dict()
    assert np.all(np.array(prediction["estimate"]["low"]) < prediction["estimate"]["value"])
    assert np.all(np.array(prediction["estimate"]["value"]) < prediction["estimate"]["high"])
    assert prediction["model"]["synthetic"] is True


def test_a_probability_is_that_of_the_coefficients():
    result, own = result_of(finished("non_response", "ridge_logistic")), bundle("non_response", "ridge_logistic")
    values = {"mrd_log10": math.log10(0.005), "cd19_log10": math.log10(0.03), "cd3_log10": math.log10(0.71)}
    score = result["intercept"] + sum(row["value"] * values[row["feature"]] for row in result["coefficients"])
    found = own.predict({"mrd": "0.5 %", "cd19": "30 /uL", "cd3": "710 /uL"}).as_dict()["estimate"]["value"]
    assert found == pytest.approx(1 / (1 + math.exp(-score)), rel=1e-9)


def test_the_baseline_is_that_of_the_events_and_months_of_all_rows():
    whole = finished()
    rows = rows_of(whole.study, embedded()[0])
    X = design(whole.study, whole.counted.features, whole.counted.fill, rows.frame)
    risk, edges = np.exp(X @ whole.fit.coefficients), np.array([0.0, *whole.edges])
    spent = np.clip(np.minimum(rows.time[:, None], edges[1:]) - edges[:-1], 0, None)
    np.testing.assert_allclose(whole.hazards["exposure"], risk @ spent)
    events = np.histogram(rows.time[rows.event], np.array([0, *np.array(whole.edges) + 1e-9]))[0]
    np.testing.assert_array_equal(whole.hazards["events"], events)
    expected = smooth_rates(events.astype(float), risk @ spent, edges, edges[1:])
    baseline = bundle().model.members[0].baseline
    assert baseline is not None
    np.testing.assert_allclose([baseline.at(t) for t in whole.edges], expected.cumulative_hazard[1:], rtol=1e-9)


def test_a_seed_gives_the_same_bytes():
    assert bundle_of(finished(), seed=3).digest == bundle().digest
    assert bundle_of(finished(), seed=4).digest != bundle().digest


def test_nothing_shows_a_count_of_one_to_four():
    manifest, result = bundle().manifest, result_of(finished())
    assert result["schema"] == RESULT
    for name in ("n_rows", "n_patients", "n_events"):
        assert result[name] == manifest["training"][name]
        assert result[name] == 0 or result[name] >= SMALLEST_CELL
    assert [row["rows"] for row in manifest["training"]["centres"]] == ["29", "42", "21", "13"]
    rows = result["n_rows"]
    assert not [s for s in manifest["training"]["missing_share"].values() if 0 < s < SMALLEST_CELL / 2 / rows - 1e-3]
    assert all(n == 0 or n >= SMALLEST_CELL for n in finished().hazards["events"])
    assert manifest["background"]["smallest_group"] >= SMALLEST_CELL


def test_the_result_is_plain_json_with_errors_from_the_covariance():
    result = json.loads(json.dumps(result_of(finished()), allow_nan=False))
    errors = np.sqrt(np.diag(result["covariance"]))
    assert [row["error"] for row in result["coefficients"]] == pytest.approx(errors)
    assert result["intercept"] is None
    assert result["rounds"] == len(finished().answers)
    assert result["tau_mean"] == result["tau"] == pytest.approx(0.34)


def test_one_simulated_hospital_makes_the_whole_synthetic():
    whole = finished()
    real = {n: {c: {**a, "synthetic": False} for c, a in of.items()} for n, of in whole.answers.items()}
    assert synthetic(replace(whole, answers=real)) is False
    real[0]["West"]["synthetic"] = True
    assert synthetic(replace(whole, answers=real)) is True
