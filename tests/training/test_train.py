"""A bundle is a function of recipe, cohort and seed; says what it is; and holds no patient."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import re
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest

from riskml.cohort.cohort import cohort_from_table, read_cohort
from riskml.cohort.read import RawTable
from riskml.cohort.simulate import simulate
from riskml.cohort.truth import load_truth
from riskml.errors import NotEstimableError
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle
from riskml.runtime.explain import TooManyInputsError, explain_value
from riskml.runtime.inputs import read_inputs
from riskml.runtime.members import Linear, Member
from riskml.runtime.questions import at_months, interval
from riskml.runtime.responses import LOGISTIC
from riskml.runtime.score import score_table, value
from riskml.runtime.time_responses import Baseline
from riskml.training import aggregates, background, measures
from riskml.training.aggregates import importance_of
from riskml.training.evaluate import evaluate
from riskml.training.fit import fit_pipeline, portable, training_set
from riskml.training.judge.stability import stability
from riskml.training.learners.table import LEARNERS
from riskml.training.precision import rounded
from riskml.training.recipe import load_recipe
from riskml.training.resample import bootstrap_rows
from riskml.training.train import bootstrap_members, bootstrap_refits, train

NAMES = ("non_response", "icans", "efs")
EMBEDDED = folder("features") / "synthetic" / "cohort.csv"


def light(name, **changes):
    return dataclasses.replace(load_recipe(name), **{"repeats": 1, "bootstrap": 4} | changes)


def as_cohort(drawn):
    table = drawn.table
    return cohort_from_table(RawTable(tuple(table.columns), table, np.arange(2, len(table) + 2), "0" * 64, "drawn"))


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(EMBEDDED)


@pytest.fixture(scope="module")
def bundles(cohort):
    """name -> bundle of a light recipe, evaluated with few resamples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "N_BOOT", 40)
        return {name: train(light(name), cohort, seed=0) for name in NAMES}


def saved(bundle, path):
    return {file.name: file.read_bytes() for file in sorted(bundle.save(path).iterdir())}


# -------------------------------------------------------------------------------------------------- the same again


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_the_same_seed_gives_the_same_bytes_however_many_workers(cohort, bundles, tmp_path, monkeypatch, name):
    monkeypatch.setattr(measures, "N_BOOT", 40)
    again = train(light(name), cohort, seed=0, jobs=2)
    assert saved(again, tmp_path / "again") == saved(bundles[name], tmp_path / "first")


def test_another_seed_moves_the_interval_and_leaves_the_estimate(cohort, bundles):
    other = train(light("efs"), cohort, seed=1, evaluation=False)
    assert other.model.members == bundles["efs"].model.members
    assert other.model.background == bundles["efs"].model.background
    assert other.model.bootstrap != bundles["efs"].model.bootstrap


def test_more_bootstrap_members_begin_with_the_same_ones(cohort):
    recipe = light("icans")
    rows = training_set(recipe, cohort)
    few = bootstrap_members(recipe, rows, seed=2)
    assert len(few) == 4
    assert bootstrap_members(dataclasses.replace(recipe, bootstrap=6), rows, seed=2)[:4] == few


@pytest.mark.parametrize("name", NAMES)
def test_refits_say_how_unstable_the_risks_are(cohort, bundles, name):
    """From the mean of each refit, once more by hand; draws from posteriors would move further than samples do."""
    recipe, model = light(name), bundles[name].model
    rows = training_set(recipe, cohort)
    columns = {name: rows.frame[name].to_numpy() for name in recipe.inputs}

    def risk(members):
        scores = score_table(model.with_(members=members), columns, len(rows.event), (recipe.horizon_months,))[:, 0]
        return 1 - scores if recipe.kind == "survival" else scores

    samples = [rows.take(bootstrap_rows(rows.patient, rows.event, index=k, seed=0)) for k in range(recipe.bootstrap)]
    refits = [fit_pipeline(recipe, one, seed=k, light=True)[-1].members() for k, one in enumerate(samples)]
    members, risks = bootstrap_refits(recipe, rows, model, seed=0)
    assert members == model.bootstrap == bootstrap_members(recipe, rows, seed=0)
    np.testing.assert_allclose(risks, [risk(one) for one in refits], atol=1e-9)
    found = stability(risk(model.members), risks, thresholds=recipe.thresholds)
    assert bundles[name].manifest["stability"] == found
    assert found["refits"] == recipe.bootstrap


def test_one_refit_or_none_says_nothing_of_stability(cohort):
    for number in (0, 1):
        bundle = train(light("non_response", bootstrap=number), cohort, evaluation=False)
        assert bundle.manifest["stability"] is None


def test_rounding_keeps_significant_digits_and_the_order_of_hazards():
    member = Member(
        0.5, Linear(-1 / 3, (2e-9 / 3, 1e7 / 3)), Baseline((0.0, 1.0, 2.0), (0.0, 1 / 3e5, 1 / 3e5 + 1e-15))
    )
    cut = rounded(member, 4)
    assert cut.weight == 0.5
    assert (cut.linear.intercept, cut.linear.coefficients) == (-0.3333, (6.667e-10, 3333000.0))
    assert cut.baseline == Baseline((0.0, 1.0, 2.0), (0.0, 3.333e-06, 3.333e-06))
    assert rounded(Member(1.0, Linear(1.0, (1.0,)), LOGISTIC), 4).baseline is None


# ---------------------------------------------------------------------------------------------- what it says of itself


@pytest.mark.parametrize("name", NAMES)
def test_the_manifest_is_the_fingerprint_of_the_training(cohort, bundles, name):
    manifest, rows = bundles[name].manifest, training_set(light(name), cohort)
    training = manifest["training"]
    assert training["cohort_sha256"] == sha256(EMBEDDED.read_bytes()).hexdigest()
    assert (training["n_rows"], training["n_patients"], training["n_events"]) == (
        len(rows.event),
        rows.n_patients,
        rows.n_events,
    )
    assert training["n_file_rows"] == cohort.n_courses
    assert [item["reason"] for item in training["left_out"]] == [reason for reason, _ in rows.flow]
    for item, (_, count) in zip(training["left_out"], rows.flow, strict=True):
        assert item["count"] in {str(count), "5 or more"} if count >= 5 else item["count"] == ("<5" if count else "0")
    for column, share in training["missing_share"].items():
        gone = rows.frame[column].isna().sum()
        assert share == pytest.approx((2.5 if 0 < gone < 5 else gone) / len(rows.event), abs=5e-4)
    assert list(training["missing_share"]) == list(load_recipe(name).inputs)
    assert (training["seed"], training["bootstrap"]) == (0, 4)
    assert [p["name"] for p in manifest["predictors"]] == [f.name for f in load_recipe(name).features]
    assert all(p["why"] for p in manifest["predictors"])
    assert manifest["not_for"]
    assert manifest["landmark"] == load_recipe(name).landmark


def test_the_manifest_names_the_libraries_that_made_it(bundles):
    versions = bundles["efs"].manifest["versions"]
    for library in ("riskml", "numpy", "scipy", "pandas", "scikit-learn"):
        assert versions[library] == importlib.metadata.version(library)
    assert re.fullmatch(r"3\.1[1-3]", versions["python"])


@pytest.mark.parametrize("name", NAMES)
def test_importance_is_the_mean_absolute_effect_in_falling_order(cohort, bundles, name):
    """Recomputed with single patients, on the scale of the answer at the month that is judged."""
    rows, bundle = training_set(light(name), cohort), bundles[name]
    times = [t for t in [bundle.manifest["horizon_months"]] if t is not None]
    records = [{n: v for n, v in row.items() if pd.notna(v)} for row in rows.frame.to_dict("records")]
    effects = [explain_value(bundle.model, known, times).effects[0] for known in records]
    found = {item["input"]: item["mean_absolute_effect"] for item in bundle.manifest["importance"]}
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert set(found) == set(bundle.model.inputs)
    for input_name, mean in found.items():
        assert mean == pytest.approx(np.mean([abs(e.get(input_name, 0.0)) for e in effects]), rel=5.1e-3, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_bundle_carries_what_the_inputs_do(bundles, tmp_path, name):
    bundle = bundles[name]
    opened = open_bundle(bundle.save(tmp_path / name))
    explanation = opened.explanation
    assert explanation == bundle.explanation
    assert explanation["n_rows"] == bundle.manifest["training"]["n_rows"]
    assert importance_of(explanation) == bundle.manifest["importance"]
    for item in bundle.manifest["importance"]:
        assert item["low"] <= item["mean_absolute_effect"] <= item["high"]
        assert len(json.dumps([item], indent=1)) <= 160, "predict parses the manifest at every start"


@pytest.mark.parametrize("name", NAMES)
def test_background_fidelity_sets_base_against_mean_prediction(cohort, bundles, name):
    rows, model, said = training_set(light(name), cohort), bundles[name].model, bundles[name].manifest["background"]
    times = rows.grid[-1:]
    mean = score_table(model, {n: rows.frame[n].to_numpy() for n in model.inputs}, len(rows.event), times).mean()
    assert said["mean_prediction"] == pytest.approx(mean, rel=1e-5)
    assert said["base"] == pytest.approx(value(model, {}, times)[0], rel=1e-5)
    assert said["smallest_group"] >= 5
    assert said["prototypes"] == len(model.background)


def test_without_evaluation_a_bundle_says_so_everywhere(cohort):
    bundle = train(light("efs"), cohort, evaluation=False)
    assert bundle.manifest["evaluation"] is None
    assert bundle.manifest["usable_signal"] is False
    assert "not evaluated" in bundle.manifest["verdict"]
    assert "not evaluated" in bundle.card
    assert "no_usable_signal" in {w.code for w in bundle.predict({}).warnings}


def test_an_evaluation_made_before_is_taken_as_it_is(cohort, monkeypatch):
    monkeypatch.setattr(measures, "N_BOOT", 40)
    evaluation = evaluate(light("icans"), cohort, seed=4)
    bundle = train(light("icans"), cohort, evaluation=evaluation, seed=0)
    assert bundle.manifest["evaluation"] == json.loads(json.dumps(evaluation.as_dict()))
    assert bundle.manifest["usable_signal"] == evaluation.usable_signal


@pytest.mark.parametrize(
    ("origin", "synthetic"), [(["real"], False), (["synthetic"], True), (["real"] * 20 + ["synthetic"], True)]
)
def test_one_synthetic_row_marks_the_bundle_and_its_predictions(origin, synthetic):
    table = pd.read_csv(EMBEDDED, dtype=str, keep_default_na=False)
    table["data_origin"] = np.resize(np.array(origin, dtype=object), len(table))
    raw = RawTable(tuple(table.columns), table, np.arange(2, len(table) + 2), "0" * 64, "x.csv")
    bundle = train(light("icans"), cohort_from_table(raw), evaluation=False)
    assert bundle.manifest["synthetic"] is synthetic
    prediction = bundle.predict({"age": 5})
    assert prediction.as_dict()["model"]["synthetic"] is synthetic
    assert ("synthetic" in {w.code for w in prediction.warnings}) is synthetic


# ----------------------------------------------------------------------------------------------- no patient is in it


@pytest.mark.parametrize("name", NAMES)
def test_no_patient_leaves_in_a_bundle(cohort, bundles, tmp_path, name):
    text = b"\n".join(saved(bundles[name], tmp_path / name).values()).decode()
    identifiers = [*cohort.frame["patient_id"], *cohort.frame["centre"].dropna().unique()]
    assert not [x for x in identifiers if re.search(rf"\b{re.escape(x)}\b", text)]
    rows = training_set(light(name), cohort).frame
    patients = {tuple(row) for row in rows.itertuples(index=False)}
    assert not patients & {tuple(row) for row in bundles[name].model.background}


@pytest.mark.parametrize("name", NAMES)
def test_golden_patients_are_invented_by_the_recipe(cohort, bundles, name):
    recipe, bundle = light(name), bundles[name]
    assert [entry["patient"] for entry in bundle.golden] == [dict(patient) for patient in recipe.golden]
    rows = training_set(recipe, cohort).frame
    for entry in bundle.golden:
        readings = read_inputs(bundle.dictionary, entry["patient"])
        mine = {n: readings[n].value if n in readings else None for n in recipe.inputs}
        if any(v is not None for v in mine.values()):
            alike = [all(a == mine[n] for n, a in row.items()) for row in rows.to_dict("records")]
            assert not any(alike)
        for low, middle, high in zip(entry.get("low", ()), entry["value"], entry.get("high", ()), strict=False):
            assert 0 <= low <= middle <= high <= 1


def test_a_saved_bundle_opens_as_the_same_model(bundles, tmp_path):
    for name, bundle in bundles.items():
        opened = open_bundle(bundle.save(tmp_path / name))
        assert opened.model == bundle.model
        assert opened.manifest == bundle.manifest


# --------------------------------------------------------------------------------------------------- small and odd


def thirty(seed):
    """30 patients with 6 events of each kind, drawn by hand."""
    rng = np.random.default_rng(seed)
    text = lambda levels: rng.choice(np.array(levels, dtype=object), 30)  # noqa: E731
    ill = rng.permutation(np.repeat([True, False], [6, 24]))
    return pd.DataFrame(
        {
            "patient_id": [f"p{k}" for k in range(30)],
            "cycle_index": 1.0,
            "age": rng.uniform(1, 17, 30),
            "disease_class_initial": text(["R/R", "CR-MRDpos"]),
            "disease_status_at_start": text(["R/R", "CR-MRDpos"]),
            "bcr_abl1": (rng.random(30) < 0.1).astype(float),
            "kmt2a_r": (rng.random(30) < 0.1).astype(float),
            "tcf3_hlf": np.nan,
            "mrd": 10 ** rng.uniform(-4, -0.5, 30),
            "cd3": np.where(rng.random(30) < 0.4, np.nan, rng.lognormal(size=30)),
            "cd4": np.where(rng.random(30) < 0.4, np.nan, rng.lognormal(size=30)),
            "cd19": np.where(rng.random(30) < 0.9, np.nan, rng.lognormal(size=30)),
            "response": np.where(ill, "no_response", "response").astype(object),
            "icans_grade": ill.astype(float),
            "efs_time": np.where(ill, rng.uniform(1, 9, 30), rng.uniform(7, 30, 30)),
            "efs_event": np.where(ill, "relapse", "none").astype(object),
        }
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_thirty_patients_with_six_events_make_an_honest_bundle(cohort, tmp_path, monkeypatch, name, seed):
    monkeypatch.setattr(measures, "N_BOOT", 40)
    small = dataclasses.replace(cohort, frame=thirty(seed), row_numbers=np.arange(2, 32))
    bundle = train(light(name, force_horizon=True), small, seed=seed)
    opened = open_bundle(bundle.save(tmp_path / name))
    prediction = opened.predict({"age": "6 a", "mrd": "1 %", "cycle_index": 1})
    bounds = zip(prediction.low, prediction.value, prediction.high, strict=True)
    assert all(0 <= low <= middle <= high <= 1 for low, middle, high in bounds)


def test_a_follow_up_shorter_than_every_reported_month_reports_the_one_that_is_judged(cohort, tmp_path):
    frame = cohort.frame.copy()
    frame["efs_time"] = frame["efs_time"].clip(upper=5)
    recipe = light("efs", horizon_months=3.0)
    bundle = train(recipe, dataclasses.replace(cohort, frame=frame), evaluation=False)
    assert bundle.manifest["horizons_months"] == [3.0]
    assert len(open_bundle(bundle.save(tmp_path / "efs")).predict({}).value) == 1
    with pytest.raises(NotEstimableError):
        bundle.predict({}, at=[6])


# ------------------------------------------------------------------------------------------- every learner there is

AVERAGE = {
    "binary": [{"kind": "ridge_logistic"}, {"kind": "forest", "trees": 5, "least_events": 5}],
    "survival": [
        {"kind": "ridge_cox"},
        {"kind": "survival_forest", "trees": 5, "least_events": 5, "calibrate": True},
        {"kind": "boosting_aft", "rounds": 5, "least_events": 5},
        {"kind": "boosting_cox", "least_events": 5000},
    ],
}
SMALL = {"trees": 5, "rounds": 5}
RECIPES = {"binary": "non_response", "survival": "efs", "incidence": "relapse"}


def learnt(kind, learner):
    """A light recipe of that kind of outcome with another learner, judged where a few hundred patients reach."""
    grid = {} if kind == "binary" else {"grid_months": [1, 2, 3, 6, 9, 12, 18, 24]}
    return light(RECIPES[kind], learner={**learner, **grid}, bootstrap=2, folds=2)


LEARNT = {
    **{
        name: learnt(entry.outcome, {"kind": name, **{k: v for k, v in SMALL.items() if k in entry.settings}})
        for name, entry in LEARNERS.items()
    },
    "average": learnt("binary", {"kind": "average", "member": AVERAGE["binary"]}),
    "stack": learnt("survival", {"kind": "stack", "member": AVERAGE["survival"]}),
}


@pytest.fixture(scope="module")
def simulated():
    return as_cohort(simulate(250, 4))


def told(bundle, row):
    """A row of a cohort as one would type it in."""
    known = {name: row[name] for name in bundle.model.inputs if pd.notna(row[name])}
    two = {1.0: "present", 0.0: "absent"}
    return {n: two[v] if bundle.dictionary[n].kind == "lesion" else v for n, v in known.items()}


@pytest.mark.parametrize("name", sorted(LEARNT))
def test_every_learner_goes_all_the_way(simulated, tmp_path, monkeypatch, name):
    """Trained, judged, saved, opened; one patient and the table agree; explanations add up, with gaps and without."""
    monkeypatch.setattr(measures, "N_BOOT", 10)
    monkeypatch.setattr(background, "MAX_PROTOTYPES", 8)
    recipe = LEARNT[name]
    bundle = train(recipe, simulated)
    opened = open_bundle(bundle.save(tmp_path / name))
    assert opened.model == bundle.model
    assert opened.model.kind == recipe.kind
    for part in opened.manifest["training"]["members"]:
        assert ("literature_weight" in part) == part["kind"].startswith("literature")
        assert 0 <= part.get("literature_weight", 0) <= 1
    table = opened.score(simulated)
    frame = simulated.frame.reset_index(drop=True)
    gaps = frame[list(recipe.inputs)].isna().sum(axis=1)
    for place in (int(gaps.argmin()), int((gaps == 2).argmax()), int(gaps.argmax())):
        prediction = opened.predict(told(opened, frame.iloc[place]))
        assert prediction.value == pytest.approx(table.iloc[place, 1:].tolist(), abs=1e-9)
        assert prediction.on_value.sum_error < 1e-8
        assert (prediction.on_link is not None) == opened.model.has_link
    assert opened.predict({}).on_value.sum_error < 1e-8
    shares = [item["mean_absolute_effect"] for item in opened.manifest["importance"]]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0
    assert len(opened.model.bootstrap) == 2


def test_the_manifest_and_the_card_name_the_members_and_who_was_left_out(simulated):
    bundle = train(LEARNT["stack"], simulated, evaluation=False)
    training = bundle.manifest["training"]
    assert [item["kind"] for item in training["members"]] == ["ridge_cox", "survival_forest", "boosting_aft"]
    assert [item["weight"] for item in training["members"]] == [m.weight for m in bundle.model.members]
    assert [item["line"] is not None for item in training["members"]] == [False, True, False]
    assert sum(item["weight"] for item in training["members"]) == pytest.approx(1, abs=1e-12)
    said = f"boosting cox was left out: {training['n_events']} events, it takes part from 5000"
    assert training["members_left_out"] == [said]
    share = f"{100 * bundle.model.members[1].weight:.0f} %"
    assert f"survival forest ({share}) recalibrated and boosting aft (" in bundle.card
    assert "- Model: Average of ridge cox (" in bundle.card
    assert "Boosting cox was left out" in bundle.card


def test_too_many_inputs_for_exact_effects_are_no_reason_not_to_train(simulated, tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise TooManyInputsError(13)

    monkeypatch.setattr(aggregates, "explain_table", refuse)
    bundle = train(LEARNT["forest"], simulated, evaluation=False)
    assert (bundle.explanation, bundle.manifest["importance"]) == (None, [])
    assert open_bundle(bundle.save(tmp_path / "b")) == bundle


def test_an_average_with_trees_gives_the_same_bytes_with_two_workers(simulated, tmp_path):
    first, second = (train(LEARNT["stack"], simulated, evaluation=False, jobs=jobs) for jobs in (1, 2))
    assert saved(first, tmp_path / "1") == saved(second, tmp_path / "2")


# ---------------------------------------------------------------------------------------- does the interval hold?

BASE = {"bcr_abl1": 0.0, "kmt2a_r": 0.0, "tcf3_hlf": 0.0, "mrd": 0.0052, "cd19": 0.03, "cd3": 0.7}
FOUR = (
    BASE,
    BASE | {"mrd": 0.2, "cd19": 0.001},
    BASE | {"kmt2a_r": 1.0, "mrd": 0.05},
    BASE | {"bcr_abl1": 1.0, "mrd": 0.05},
)


@pytest.mark.slow
def test_the_interval_of_a_patient_covers_the_truth_more_often_than_not():
    """25 cohorts of 200 drawn from the truth, four patients: 60 % or more of nominal 90 % intervals hold the truth.

    benchmarks/interval_coverage.py measures it: 69 to 81 % over 200 cohorts each of 105 and of 300 patients. Shrinkage
    towards the mean is a bias that the percentile bootstrap does not see.
    """
    recipe = light("non_response", bootstrap=20)
    frame = pd.DataFrame(FOUR).assign(age=6.0, disease_status_at_start="CR-MRDpos")
    truth = load_truth().non_response_probability(frame)
    held = []
    for seed in range(25):
        rows = training_set(recipe, as_cohort(simulate(200, seed, fixed_totals=False)))
        members = bootstrap_members(recipe, rows, seed=seed)
        model = portable(recipe, rows, fit_pipeline(recipe, rows)[-1].members(), members)
        for patient, risk in zip(FOUR, truth, strict=True):
            low, high = interval(at_months(model), patient, value(model, patient))
            held.append(low[0] <= risk <= high[0])
    assert np.mean(held) >= 0.6
