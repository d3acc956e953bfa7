"""The card: the sections of a model facts label, each with what must be read beside a number, and nothing more."""

from __future__ import annotations

import copy

import pytest

from riskml.runtime.card import card
from riskml.runtime.card_words import RESEARCH, SYNTHETIC, interval_text, metric_label
from tests.runtime.models import SHIPPED, shipped_bundle

# Sendak MP et al. npj Digit Med 2020;3:41.
SECTIONS = [
    "Summary",
    "Mechanism",
    "Validation and performance",
    "Uses and directions",
    "Warnings",
    "Other information",
]
# A page of 10 point type has about 60 lines of 100 characters.
PAGE = 5500
STEP = {
    "parent": "sha256:abc", "rung": "intercept", "why": "smaller is worse", "n_patients": 80, "n_events": 30,
    "gates": [{"rung": "refit", "open": False, "reason": "30 events, 90 needed"}, {"rung": "intercept", "open": True}],
    "before": {
        "metrics": {"auc": {"value": 0.7, "low": 0.6, "high": 0.8}, "log_loss": {"value": 1, "low": 1, "high": 1}}
    },
    "after": {
        "metrics": {"auc": {"value": 0.75, "low": 0.65, "high": 0.85}},
        "differences": {"auc": {"value": 0.05, "low": 0.01, "high": 0.09}},
    },
}  # fmt: skip


def changed(name="icans", **changes):
    return card({**copy.deepcopy(dict(shipped_bundle(name).manifest)), **changes})


def section(text, heading):
    return text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cards_are_those_of_their_manifests(name):
    bundle = shipped_bundle(name)
    assert bundle.card == card(bundle.manifest)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_sections_are_those_of_a_model_facts_label_on_a_page(name):
    manifest = shipped_bundle(name).manifest
    text = card(manifest)
    assert text.startswith(f"# {manifest['label']} (`{name}`, version {manifest['version']})\n")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    assert len(text) < PAGE
    assert text.endswith("\n")
    assert "\n\n\n" not in text
    assert "None" not in text
    assert "nan" not in text.split()


@pytest.mark.parametrize("name", SHIPPED)
def test_each_section_holds_what_must_be_read_beside_a_number(name):
    manifest, training = shipped_bundle(name).manifest, shipped_bundle(name).manifest["training"]
    text = card(manifest)
    assert (SYNTHETIC in text) == manifest["synthetic"]
    assert RESEARCH in text
    summary, mechanism, performance, uses, warnings, other = (section(text, heading) for heading in SECTIONS)
    assert f"{manifest['verdict']}." in summary
    assert ("no usable signal" in summary) == (not manifest["usable_signal"])
    assert f"{training['n_patients']} patients with {training['n_events']} events" in summary
    assert manifest["outcome"]["definition"] in mechanism
    assert training["cohort_sha256"] in mechanism
    assert all(predictor["why"] in mechanism for predictor in manifest["predictors"])
    for key in ("auc", "c_index", "calibration_slope", "observed_expected"):
        metric = manifest["evaluation"]["metrics"].get(key)
        assert metric is None or f"- {metric_label(key)}: {interval_text(metric, 2)}\n" in performance
    planning = manifest["planning"]
    assert f"- Events per parameter: {planning['events_per_parameter']:.1f}; " in performance
    assert f"expected shrinkage: {planning['expected_shrinkage']:.2f}" in performance
    assert all(part in uses for part in (manifest["intended_use"], *manifest["not_for"]))
    assert (f"ask for {planning['events_needed']:,} events in" in warnings) == (not planning["met"])
    assert "Regulatory status: none" in other
    assert f"riskml {manifest['versions']['riskml']}" in other


def test_groups_that_allow_an_estimate_are_named_and_the_others_counted():
    groups = shipped_bundle("induction_efs").manifest["evaluation"]["subgroups"]
    silent = sum(not group["metrics"].get("c_index") for group in groups)
    text = section(changed("induction_efs"), "Validation and performance")
    shown = next(line for line in text.splitlines() if line.startswith("- Discrimination by group: "))
    assert "Sex female 0.72 (0.66 to 0.79)" in shown
    assert shown.endswith(f"too few for an estimate in {silent} of {len(groups)} groups")
    assert 0 < silent < len(groups)


def test_only_the_real_model_is_not_synthetic():
    assert [name for name in SHIPPED if not shipped_bundle(name).manifest["synthetic"]] == ["induction_efs"]


def test_a_real_model_carries_no_banner_and_an_unusable_one_says_so():
    assert "SYNTHETIC" not in changed(synthetic=False)
    assert "Verdict: no usable signal. worse than chance." in changed(usable_signal=False, verdict="worse than chance")
    assert "Verdict: better than chance." in changed(usable_signal=True, verdict="better than chance")


def test_a_model_that_was_not_evaluated_says_so_instead_of_metrics():
    text = changed(evaluation=None, verdict="performance was not evaluated", usable_signal=False)
    assert "Verdict: performance was not evaluated." in text
    assert "\nNot evaluated.\n" in text
    assert "- AUC" not in text
    assert "no usable signal" not in text


def test_who_answers_for_it_and_until_when():
    said = {"date": "2026-11-21", "owner": "the ward", "contact": "room 12", "review_by": "2028-11-30"}
    text = changed(**said)
    assert "\nVersion 1, dated 2026-11-21. Owner: the ward (room 12). Due for review on 2028-11-30.\n" in text
    assert "- Cite as: icans version 1, 2026-11-21; made with riskml" in text
    bare = changed(**dict.fromkeys(said))
    assert "\nVersion 1, no date. Owner: not named. No date for review was set.\n" in bare
    assert "- Cite as: icans version 1; made with riskml" in bare


def test_the_card_does_not_change_with_the_day(monkeypatch):
    before = changed(review_by="2028-11-30")
    monkeypatch.setenv("RISKML_TODAY", "2031-01-01")
    assert changed(review_by="2028-11-30") == before


def test_a_child_keeps_its_parent_s_dates_and_says_what_was_changed():
    text = changed(date="2026-11-21", review_by="2028-11-30", lineage=[STEP], evaluation=None)
    assert "dated 2026-11-21 as its parent." in text
    assert "Due for review on 2028-11-30, as its parent: an update does not put this off.\n" in text
    update = section(text, "Update")
    assert "Intercept, on 80 new patients with 30 events: smaller is worse." in update
    assert "Measures after it are cross-validated. Parent: sha256:abc." in update
    assert "- not open: refit: 30 events, 90 needed" in update
    assert "0.70 (0.60 to 0.80) before, 0.75 (0.65 to 0.85) after, difference 0.05 (0.01 to 0.09)" in update
    assert "Log-loss" not in update
    assert "Judged on the patients of the update, below." in text
    kept = changed(lineage=[STEP | {"rung": "none", "after": {"metrics": {}, "differences": {}}}])
    assert "0.70 (0.60 to 0.80) as it is\n" in section(kept, "Update")
    assert "In other patients: below." in kept
    assert "Not yet judged in other patients." in changed()
    older = changed(lineage=[{"parent": "sha256:abc", "rung": "intercept"}])
    assert "## Update" not in older


def test_tripod_is_counted_and_nothing_is_said_of_an_older_bundle():
    done = {"filled": 18, "partly": 17, "author": 14, "not_here": 3}
    line = "- TRIPOD+AI: 18 of 52 items filled by software, 17 partly, 14 for the author, 3 not part of this study"
    assert line in changed(tripod_ai=done)
    whole = changed(tripod_ai=done | {"not_here": 0, "author": 17})
    assert "17 for the author (tripod_ai.html)" in whole
    assert "TRIPOD" not in changed(tripod_ai=None)


def test_a_card_names_its_learner_once_the_manifest_does():
    training = dict(shipped_bundle("icans").manifest["training"])
    members = [{"kind": "ridge_logistic", "weight": 1.0, "line": None}]
    assert "\n- Model: Ridge logistic.\n" in changed(training=training | {"members": members, "members_left_out": []})


ITEMS = [
    {"input": "mrd", "mean_absolute_effect": 0.063, "low": 0.013, "high": 0.142, "rank_low": 1, "rank_high": 5},
    {"input": "cd3", "mean_absolute_effect": 0.017, "low": 0.001, "high": 0.056, "rank_low": 2, "rank_high": 7},
]


def test_importance_is_in_points_with_its_interval():
    text = changed(importance=ITEMS)
    assert "Mean effect of inputs in points of risk, with an interval over refits: " in text
    assert "Marrow MRD before first dose 6.3 (1.3 to 14.2); CD3+ T cells 1.7 (0.1 to 5.6)." in text
    assert "Marrow MRD before first dose comes first in nearly every refit." in text
    assert "not what causes the outcome" in text
    assert "points of survival at 12 months" in changed(importance=ITEMS, kind="survival", horizon_months=12.0)


def test_importance_without_refits_or_of_an_older_bundle():
    bare = [dict.fromkeys(ITEMS[0]) | {"input": "mrd", "mean_absolute_effect": 0.063}]
    assert "Marrow MRD before first dose 6.3 (interval not estimable)" in changed(importance=bare)
    older = [{"input": "mrd", "mean_absolute_effect": 0.5}]  # on the log-odds scale
    assert "Mean effect" not in changed(importance=older)
    assert "Mean effect" not in changed(importance=[])


def test_published_counts_are_named_as_what_they_are():
    text = changed(published="counts of one paper", synthetic=False)
    assert "**Published counts: counts of one paper.**" in text
    assert "chosen from the paper itself" in text
    assert "fixed before the data were seen" not in text
