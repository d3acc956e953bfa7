"""Another outcome or other units are refused, and the difference is named."""

from __future__ import annotations

import pytest

from riskml.errors import DataError, UsageError
from riskml.resources import folder
from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.dictionary import load_dictionary
from riskml.training.transfer.agreement import check_content, check_outcome, content_warnings, differing, outcome_of
from tests.training.transfer.patients import simulated, with_columns

OUTCOMES = load_dictionary().outcomes


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return simulated(tmp_path_factory.mktemp("a"), 120, 2)


def bundle_of(outcome):
    bundle = open_bundle(shipped("non_response"))
    return bundle.with_(manifest={**bundle.manifest, "outcome": {"name": outcome, **OUTCOMES[outcome]}})


@pytest.mark.parametrize("name", list(OUTCOMES))
def test_an_outcome_is_itself(name):
    assert list(differing(OUTCOMES[name], OUTCOMES[name])) == []
    check_outcome(bundle_of(name), outcome_of(name))


def test_words_order_and_written_defaults_decide_nothing():
    own = OUTCOMES["efs"]
    same = {
        **own,
        "event_levels": tuple(reversed(own["event_levels"])),
        "label": "another label",
        "definition": "other words",
        "assessed": "end_of_cycle_1",
        "hsct": "ignore",
        "no_response_date": "assessment",
    }
    assert list(differing(own, same)) == []


@pytest.mark.parametrize(
    ("setting", "other"),
    [
        ("hsct", "censor"),
        ("event_levels", ["relapse", "death"]),
        ("origin", "diagnosis"),
        ("no_response_date", "first_dose"),
        ("min_exposure_days", 7),
        ("rows", "course"),
        ("horizon_months", 12),
    ],
)
def test_each_setting_that_decides_is_named_with_both_values(setting, other):
    bundle = bundle_of("efs")
    with pytest.raises(DataError) as refused:
        check_outcome(bundle, {**OUTCOMES["efs"], setting: other})
    assert [fault.rule.split()[0] for fault in refused.value.faults] == [setting]
    assert "as non_response was trained" in str(refused.value)
    assert "riskml train" in str(refused.value)


def test_an_outcome_comes_from_the_dictionary_or_a_recipe():
    recipe = folder("models") / "non_response" / "recipe.toml"
    assert list(differing(outcome_of(str(recipe)), outcome_of("non_response"))) == []
    with pytest.raises(UsageError, match="did you mean non_response"):
        outcome_of("non_respons")


def test_methods_that_the_outcome_does_not_take_are_refused(cohort):
    bundle = bundle_of("non_response_measured")
    check_content(bundle, with_columns(cohort, mrd_after_method="flow"))
    with pytest.raises(DataError, match=r"accepts MRD by flow.*rq_pcr"):
        check_content(bundle, with_columns(cohort, mrd_after_method="rq_pcr"))
    check_content(open_bundle(shipped("non_response")), with_columns(cohort, mrd_after_method="rq_pcr"))


def test_grades_on_another_scale_are_refused_or_told(cohort):
    icans = open_bundle(shipped("icans"))
    other = with_columns(cohort, icans_scale="ctcae_v5")
    assert any("scales do not agree" in text for text in content_warnings(icans, other))
    assert not any("scale" in text for text in content_warnings(icans, with_columns(cohort, icans_scale="astct")))
    strict = icans.with_(manifest={**icans.manifest, "outcome": {**icans.manifest["outcome"], "scale": "astct"}})
    with pytest.raises(DataError, match="on the scale astct"):
        check_content(strict, other)


def test_levels_the_bundle_does_not_know_are_refused(cohort):
    with pytest.raises(DataError, match=r"knows the levels.*maybe"):
        check_content(open_bundle(shipped("non_response")), with_columns(cohort, response="maybe"))


@pytest.mark.parametrize("factor", [1000, 1 / 1000])
def test_a_column_in_another_unit_is_refused(cohort, factor):
    bundle = open_bundle(shipped("non_response"))
    check_content(bundle, cohort)
    with pytest.raises(DataError, match=r"column cd3: nearly all values lie outside the range of training"):
        check_content(bundle, with_columns(cohort, cd3=cohort.frame["cd3"] * factor))


def test_absent_inputs_are_named_with_what_they_carry(cohort):
    bundle = open_bundle(shipped("non_response"))
    assert list(content_warnings(bundle, cohort)) == []
    (told,) = content_warnings(bundle, with_columns(cohort, mrd=float("nan")))
    effects = {item["input"]: item["mean_absolute_effect"] for item in bundle.manifest["importance"]}
    assert f"mrd ({100 * effects['mrd'] / sum(effects.values()):.0f} % of the model's effects)" in told
