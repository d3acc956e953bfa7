"""The card says what a reader must know: verdict, synthetic or not, what it is not for, how it did."""

from __future__ import annotations

import copy

import pytest

from riskml.runtime.card import RESEARCH, SYNTHETIC, card, interval_text, learner_text, metric_label, number, rank_text
from tests.runtime.models import SHIPPED, shipped_bundle


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cards_are_those_of_their_manifests(name):
    bundle = shipped_bundle(name)
    assert bundle.card == card(bundle.manifest)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_holds_everything_that_must_be_read_beside_a_number(name):
    manifest, text = shipped_bundle(name).manifest, shipped_bundle(name).card
    assert text.startswith(f"# {manifest['label']} (`{name}`, version {manifest['version']})\n")
    assert (SYNTHETIC in text) == manifest["synthetic"]
    for part in (RESEARCH, manifest["intended_use"], *manifest["not_for"], manifest["outcome"]["definition"]):
        assert part in text
    verdict = next(line for line in text.splitlines() if line.startswith("Verdict: "))
    assert manifest["verdict"] in verdict
    assert ("no usable signal" in verdict) == (not manifest["usable_signal"])
    for key, metric in manifest["evaluation"]["metrics"].items():
        assert f"| {metric_label(key)} | {interval_text(metric)} |" in text
    for predictor in manifest["predictors"]:
        assert predictor["why"] in text
    training = manifest["training"]
    assert f"{training['n_patients']} patients" in text
    assert f"{training['n_events']} events" in text
    assert text.endswith("\n")
    assert "None" not in text
    assert "nan" not in text.split()


def test_only_the_real_model_is_not_synthetic():
    assert [name for name in SHIPPED if not shipped_bundle(name).manifest["synthetic"]] == ["induction_efs"]


def changed(**changes):
    return card({**copy.deepcopy(dict(shipped_bundle("icans").manifest)), **changes})


def test_a_real_model_carries_no_banner_and_an_unusable_one_says_so():
    assert "SYNTHETIC" not in changed(synthetic=False)
    assert "Verdict: no usable signal. worse than chance." in changed(usable_signal=False, verdict="worse than chance")
    assert "Verdict: better than chance." in changed(usable_signal=True, verdict="better than chance")


def test_a_model_that_was_not_evaluated_says_so_instead_of_metrics():
    text = changed(evaluation=None, verdict="performance was not evaluated")
    assert "Not evaluated: performance was not evaluated." in text
    assert "| AUC" not in text


@pytest.mark.parametrize(
    ("metric", "text"),
    [
        ({"value": 0.7, "low": 0.6, "high": 0.8}, "0.700 (0.600 to 0.800)"),
        ({"value": 0.7, "low": None, "high": None}, "0.700 (interval not estimable)"),
        ({"value": None, "low": None, "high": None}, "not estimable"),
    ],
)
def test_intervals_read_as_text(metric, text):
    assert interval_text(metric) == text


def test_numbers_are_rounded_and_gaps_are_words():
    assert (number(0.12345), number(0.12345, 1), number(None)) == ("0.123", "0.1", "not estimable")


@pytest.mark.parametrize(
    ("training", "text"),
    [
        ({}, ""),
        ({"members": [{"kind": "ridge_cox", "weight": 1.0, "line": None}]}, "Ridge cox."),
        ({"members": [{"kind": "forest", "weight": 1.0, "line": [0.1, 0.8]}]}, "Forest recalibrated."),
        (
            {"members": [{"kind": "literature_cox", "weight": 1.0, "line": None, "literature_weight": 0.843}]},
            "Literature cox (weight of the literature 0.84).",
        ),
        ({"members": [{"kind": "a_b:C_d", "weight": 1.0, "line": None}]}, "Estimator a_b:C_d."),
        (
            {
                "members": [
                    {"kind": k, "weight": w, "line": None} for k, w in (("a", 0.5), ("b_c", 0.25), ("d", 0.25))
                ],
                "members_left_out": ["e was left out: 9 events, it takes part from 25"],
            },
            "Average of a (50 %), b c (25 %) and d (25 %). E was left out: 9 events, it takes part from 25.",
        ),
    ],
)
def test_the_learner_in_words(training, text):
    assert learner_text(training) == text


def test_a_card_names_its_learner_once_the_manifest_does():
    training = dict(shipped_bundle("icans").manifest["training"])
    training |= {"members": [{"kind": "ridge_logistic", "weight": 1.0, "line": None}], "members_left_out": []}
    assert "\n- learner: Ridge logistic.\n" in changed(training=training)


ITEMS = [
    {"input": "mrd", "mean_absolute_effect": 0.063, "low": 0.013, "high": 0.142, "rank_low": 1, "rank_high": 5},
    {"input": "cd3", "mean_absolute_effect": 0.017, "low": 0.001, "high": 0.056, "rank_low": 2, "rank_high": 7},
]


def test_importance_is_in_points_with_interval_and_rank():
    text = changed(importance=ITEMS)
    assert "| input | mean effect in points of risk | rank |" in text
    assert "| mrd | 6.3 (1.3 to 14.2) | 1 (1 to 5) |" in text
    assert "| cd3 | 1.7 (0.1 to 5.6) | 2 (2 to 7) |" in text
    assert "not what causes the outcome. mrd comes first in nearly every refit." in text
    assert "points of survival at 12 months" in changed(importance=ITEMS, kind="survival", horizon_months=12.0)


def test_importance_without_refits_or_of_an_older_bundle():
    bare = [dict.fromkeys(ITEMS[0]) | {"input": "mrd", "mean_absolute_effect": 0.063}]
    assert "| mrd | 6.3 (interval not estimable) | 1 |" in changed(importance=bare)
    older = [{"input": "mrd", "mean_absolute_effect": 0.5}]  # on the log-odds scale
    assert "| mrd |" not in changed(importance=older)
    assert "mean effect" not in changed(importance=[])


def test_how_stable_the_order_is_in_words():
    shaky = [item | {"rank_low": 1} for item in ITEMS]
    assert rank_text(shaky, ["A", "B"]) == "The order is not stable: A or B may come first."
    assert rank_text(ITEMS, ["A", "B"]) == "A comes first in nearly every refit."
    assert rank_text(ITEMS[:1], ["A"]) == "It is the only input."
    assert rank_text([], []) == "How stable their order is was not estimated."


def test_warnings_follow_from_the_training_data():
    text = shipped_bundle("non_response").card
    assert "- Nothing learned after first dose is used;" in text
    assert "- mrd_method in training: flow 100 %." in text
    assert "- Often missing in training, so known from few: cd19 43 %, cd3 43 %." in text
    assert "- BCR::ABL1 (Ph+): what was learned depends on the tyrosine kinase inhibitor" in text
    assert f"- file: SHA-256 {shipped_bundle('non_response').manifest['training']['cohort_sha256']}" in text
    assert "BCR::ABL1 (Ph+): what" not in shipped_bundle("icans").card
    training = dict(shipped_bundle("icans").manifest["training"])
    plain = changed(training=training | {"case_mix": None, "missing_share": {"age": 0.1}})
    assert "Often missing" not in plain
    assert "by another method" not in plain
