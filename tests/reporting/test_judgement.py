"""What else an evaluation says: nothing where it says nothing, every block in words, no small count."""

from __future__ import annotations

import copy
import json
import math
import re

import numpy as np
import pytest

from riskml.reporting.cohort import CohortSummary
from riskml.reporting.judgement import judgement
from riskml.reporting.report import render_report
from riskml.reporting.sections import model_section
from riskml.training.judge.stability import stability
from riskml.training.judge.subgroups import subgroups
from riskml.training.judge.utility import decision
from riskml.training.measures import Sample
from tests.reporting.blocks import BLOCKS, STABILITY, interval, text_of

HEADINGS = {
    "decision_curve": "Would acting on it help?",
    "differences": "Is it better than something simpler?",
    "calibration_at": "Is it right at every month?",
    "subgroups": "Does it work for everybody?",
    "centres": "Does it travel? Leaving out one centre at a time",
    "bootstrap": "How much of it is optimism?",
    "learning_curve": "Would more patients help?",
    "temporal": "Would it have served later patients?",
}


def parts_of(stability=None, **blocks):
    return {part["heading"]: part for part in judgement(blocks, "m", stability=stability)}


def only(**blocks):
    (part,) = parts_of(**blocks).values()
    return part


def test_absent_blocks_print_nothing():
    assert judgement(None, "m") == []
    assert judgement({"metrics": {}}, "m") == []
    empty = dict.fromkeys(BLOCKS) | {"subgroups": [], "differences": [], "centres": {"rows": []}}
    assert judgement(empty, "m") == []


@pytest.mark.parametrize("block", HEADINGS)
def test_each_block_makes_one_part_of_its_own(block):
    assert list(parts_of(**{block: BLOCKS[block]})) == [HEADINGS[block]]


def test_a_withheld_decision_curve_gives_its_reason_without_a_small_count():
    part = only(decision_curve={"withheld": "3 events are too few"})
    assert part["sentences"] == ["No decision curve is shown. <5 events are too few."]
    assert part["figures"] == []


def test_differences_are_named_with_what_they_are_from_and_what_they_mean():
    ((_, _, rows),) = only(differences=BLOCKS["differences"])["tables"]
    assert [row[0] for row in rows] == ["Brier score, less that of prevalence", "AUC, less that of cytogenetics alone"]
    assert [row[2] for row in rows] == ["better", "no difference shown"]


def test_bootstrap_prints_the_estimates_there_are():
    ((_, columns, rows),) = only(bootstrap=BLOCKS["bootstrap"])["tables"]
    assert columns == ["Measure", "On its own patients", "Less the optimism", ".632+ estimate"]
    assert rows == [
        ["AUC", "0.81", "0.68 (0.50 to 0.80)", "0.64"],
        ["Brier score", "0.090", "not estimable", "–"],  # .632+ is not given for it
    ]
    ((_, columns, _),) = only(bootstrap={"apparent": {"auc": interval(0.8, 0.7, 0.9)}})["tables"]
    assert columns == ["Measure", "On its own patients"]


def test_bootstrap_says_how_much_was_optimism():
    block = {"apparent": {"auc": 0.81, "brier": 0.09}, "optimism": {"auc": 0.13, "brier": -0.02}}
    ((_, columns, rows),) = only(bootstrap=block)["tables"]
    assert columns == ["Measure", "On its own patients", "Of which optimism"]
    assert rows == [["AUC", "0.81", "0.13"], ["Brier score", "0.090", "\N{MINUS SIGN}0.020"]]


def test_level_and_spread_of_models_from_other_samples():
    ends = {"low": 0.7, "median": 1.0, "high": 1.4}
    nobody = dict.fromkeys(ends)
    found = STABILITY | {"calibration": {"observed_expected": ends, "calibration_slope": nobody}}
    assert only(stability=found)["tables"][-1][2] == [["Observed / expected", "1.00", "0.70 to 1.40"]]


def test_the_learning_curve_says_what_is_a_guess():
    drawing, caption = only(learning_curve=BLOCKS["learning_curve"])["figures"][0]
    assert {"expected beyond 80", "Log-loss (lower is better)"} <= set(text_of(drawing))
    assert "guess" in caption
    assert "AUC (higher is better)" in text_of(only(learning_curve=BLOCKS["learning_curve"])["figures"][1][0])
    measured = {k: v for k, v in BLOCKS["learning_curve"].items() if k not in {"fitted", "words"}}
    assert "guess" not in only(learning_curve=measured | {"measure": "auc"})["figures"][0][1]
    assert "one repeat" not in caption
    once = BLOCKS["learning_curve"] | {"plan": {"repeats": 1}}
    assert "from one repeat of the folds" in only(learning_curve=once)["figures"][0][1]


def test_where_no_learning_curve_was_drawn_it_says_why():
    found = only(learning_curve={"withheld": "forest takes long to learn again; riskml evaluate draws it"})
    assert found["figures"] == []
    assert found["sentences"] == [
        "No learning curve is drawn. Forest takes long to learn again; riskml evaluate draws it."
    ]


def test_stability_is_said_in_points():
    part = only(stability=STABILITY)
    assert part["sentences"] == ["It moved."]
    assert "moved by 4.3 points" in part["figures"][0][1]
    assert part["tables"][0][2] == [["10 %", "12 %"]]


def test_stability_of_a_bootstrap_stands_in_for_that_of_the_bundle():
    headings = list(parts_of(bootstrap=BLOCKS["bootstrap"] | {"stability": STABILITY}))
    assert headings == [HEADINGS["bootstrap"], "How much does a prediction depend on who was sampled?"]


def test_too_few_rows_for_a_drawing_of_stability_leave_the_words():
    part = only(stability={"risk": [], "low": [], "high": [], "words": "it moved"})
    assert part["sentences"] == ["It moved."]
    assert part["figures"] == part["tables"] == []


def test_a_threshold_with_too_few_on_one_side_says_so():
    ((_, _, rows),) = only(decision_curve=BLOCKS["decision_curve"])["tables"]
    assert rows == [
        ["5 %", "10.0 (5.0 to 15.0)", "0.2 (0.1 to 0.4)", "3.8 (1.2 to 6.9)"],
        ["20 %", "fewer than 5 patients on one side of the threshold", "–", "–"],
    ]


def test_later_patients_have_their_number_and_their_measures():
    sizes, measured = only(temporal=BLOCKS["temporal"])["tables"]
    assert sizes[2] == [["Earlier, learned from", "70", "14"], ["Later, predicted", "35", "7"]]
    assert measured[2][0] == ["AUC", "0.60 (0.40 to 0.80)"]
    withheld = BLOCKS["temporal"] | {"metrics": {}, "why_not": "not estimable: no events"}
    assert len(only(temporal=withheld)["tables"]) == 1


def test_the_smoothed_curve_joins_the_grouped_one(bundle_of):
    evaluation = bundle_of("binary").manifest["evaluation"]
    with_curve = evaluation | {"smooth_calibration": BLOCKS["smooth_calibration"]}
    plain, smooth = (
        model_section(bundle_of("binary", evaluation=e), "m")["figures"][0] for e in (evaluation, with_curve)
    )
    withheld = evaluation | {"smooth_calibration": {"withheld": "the predicted risks are all alike"}}
    assert model_section(bundle_of("binary", evaluation=withheld), "m")["figures"][0] == plain
    assert "smoothed curve" not in plain[0]
    assert "smoothed curve" in smooth[0]
    assert "the same without groups" in smooth[1]


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_a_page_with_every_block_is_whole(bundle_of, kind):
    evaluation = copy.deepcopy(bundle_of(kind).manifest["evaluation"]) | BLOCKS
    n_models = 2 if kind == "binary" else 1
    bundles = [bundle_of(kind, evaluation=evaluation, stability=STABILITY)] * n_models
    page = render_report(cohort=CohortSummary("cohort.csv", False, ("some facts",)), bundles=bundles)
    assert all(page.count(f"<h4>{heading}</h4>") == n_models for heading in HEADINGS.values())
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "3 events" not in page


def test_an_older_bundle_has_no_empty_headings(bundle_of):
    page = render_report(cohort=CohortSummary("cohort.csv", False, ("f",)), bundles=[bundle_of("binary")])
    assert not any(heading in page for heading in HEADINGS.values())


def test_what_the_training_writes_is_what_the_report_reads():
    rng = np.random.default_rng(1)
    link = rng.normal(-1.0, 1.2, 160)
    risk = 1 / (1 + np.exp(-link))
    event = rng.random(160) < risk
    sample = Sample(event, None, risk, link, np.full(160, event.mean()), np.arange(160), math.nan)
    groups = {"sex": np.where(np.arange(160) % 2, "female", "male").astype(object)}
    evaluation = {
        "decision_curve": decision(sample, (0.05, 0.4), seed=0),
        "subgroups": subgroups(sample, groups, seed=0, thresholds=(0.05, 0.4)),
    }
    refits = np.clip(risk + rng.normal(0, 0.05, (20, 160)), 0, 1)
    evaluation["bootstrap"] = {"stability": stability(risk, refits, thresholds=[0.1])}
    parts = parts_of(**json.loads(json.dumps(evaluation, allow_nan=False)))
    assert [len(part["figures"]) for part in parts.values()] == [1, 2, 1]
    assert [row[0] for row in parts[HEADINGS["subgroups"]]["tables"][0][2]] == ["Sex: female", "Sex: male"]
    assert "KMT2A rearrangement" in parts[HEADINGS["subgroups"]]["sentences"][1]
