"""A measure that was reported is named with its source, one that was not is not; intervals say how they were made."""

from __future__ import annotations

import re

import pytest

from riskml.reporting.methods_judged import cross_validated, listed, looked_at, measured, merged, steadiness
from riskml.reporting.references import sources
from riskml.runtime import card_words
from tests.reporting import blocks, results

BOOT = "percentile bootstrap of patients, 998 of 1000 resamples, widened 1.32 times"


def metric(method=BOOT):
    return {"value": 0.7, "low": 0.5, "high": 0.8, "level": 0.95, "method": method}


def judged(kind="binary", names=("auc", "brier", "scaled_brier"), comparator="prevalence", **changes):
    metrics = {name: metric("logit DeLong, t(8), variance x 1.25" if name == "auc" else BOOT) for name in names}
    found = results.judged(kind, metrics=metrics, **changes)
    return found | {"comparator": {"name": comparator}}


def cited(texts):
    return {name[1:] for mark in re.findall(r"\[(@[^\]]+)\]", " ".join(texts)) for name in mark.split("; ")}


def test_the_folds_are_those_of_the_run():
    said = " ".join(cross_validated(judged(folds_not_estimable=3)))
    assert "10 repeats of 5-fold" in said
    assert "3 test folds held one kind of outcome only" in said
    assert "pooled" not in " ".join(cross_validated(judged()))


@pytest.mark.parametrize(
    ("comparator", "source"),
    [("prevalence", set()), ("Kaplan-Meier", {"kaplan1958"}), ("Aalen-Johansen", {"aalen1978"})],
)
def test_the_comparator_is_the_one_of_the_run(comparator, source):
    assert cited(cross_validated(judged(comparator=comparator))) == source | {"collins2024part1"}


BINARY = {
    "auc": "hanley1982", "average_precision": "boyd2013", "brier": "brier1950", "scaled_brier": "kattan2018",
    "log_loss": "good1952", "calibration_intercept": "cox1958", "calibration_slope": "cox1958",
    "observed_expected": "steyerberg2019", "ici": "austin2019", "e50": "austin2019", "e90": "austin2019",
}  # fmt: skip
SURVIVAL = {
    "c_index": "harrell1996", "uno_c": "uno2011", "auc_at": "uno2007", "brier": "graf1999",
    "integrated_brier": "graf1999", "ipa": "kattan2018", "calibration_slope": "houwelingen2000",
    "observed_expected": "mclernon2023", "ici": "austin2020", "e50": "austin2020", "e90": "austin2020",
}  # fmt: skip
COMPETING = {
    "c_index": "wolbers2014", "auc_at": "blanche2013", "brier": "schoop2011", "calibration_slope": "geloven2022",
}  # fmt: skip
INTERVALS = {"delong1988", "qin2008", "efron1993"}


@pytest.mark.parametrize(
    ("kind", "comparator", "table"),
    [
        ("binary", "prevalence", BINARY),
        ("survival", "Kaplan-Meier", SURVIVAL),
        ("survival", "Aalen-Johansen", COMPETING),
    ],
)
def test_each_measure_cites_its_own_source_and_no_other(kind, comparator, table):
    for name, source in table.items():
        weighted = (
            {"graf1999"} if name in {"uno_c", "auc_at", "brier", "integrated_brier"} and kind == "survival" else set()
        )
        found = cited(measured(judged(kind, [name], comparator)))
        assert found - INTERVALS == {source} | weighted, name
    whole = list(measured(judged(kind, list(table), comparator)))
    assert cited(whole) - INTERVALS == set(table.values()) | ({"graf1999"} if kind == "survival" else set())
    assert cited(whole) <= set(sources())


def test_an_interval_says_what_made_it():
    both = " ".join(measured(judged()))
    assert "The interval of the AUC is DeLong's" in both
    assert "multiplied by 1.25" in both
    assert "Other intervals are percentile intervals of 1,000 resamples" in both
    alone = " ".join(measured(judged(names=["brier"])))
    assert "DeLong" not in alone
    assert "Intervals are percentile intervals" in alone
    assert "widened" in alone
    clusters = measured(judged(names=["brier"], n_rows=80, n_patients=60))
    assert "davison1997" in cited(clusters)
    assert "davison1997" not in cited(measured(judged(names=["brier"])))
    plain = results.judged(metrics={"auc": metric("logit DeLong, t(8), variance x 1")})
    assert "multiplied" not in " ".join(measured(plain))


def test_a_measure_that_nobody_knows_is_not_described():
    assert not any("resilience" in text for text in measured(judged(names=["brier", "resilience"])))


def test_only_what_was_looked_at_is_told():
    bare = judged(calibration=None)
    assert list(looked_at(bare)) == []
    withheld = bare | {
        key: {"withheld": "too few"} for key in ("smooth_calibration", "decision_curve", "learning_curve")
    }
    assert list(looked_at(withheld)) == []


@pytest.mark.parametrize(
    ("block", "value", "source", "says"),
    [
        ("decision_curve", blocks.DECISION, {"vickers2006"}, "risks of 5 to 20 %"),
        ("d_calibration", {"p_value": 0.4}, {"haider2020"}, "whole length"),
        ("temporal", {"by": "first_dose_date"}, {"altman2009"}, "later patients"),
        ("bootstrap", {"samples": 40}, {"harrell1996", "efron1997"}, "40 bootstrap samples"),
        ("subgroups", blocks.SUBGROUPS, {"wang2007"}, "Ph+, Infants"),
        ("smooth_calibration", {"risk": []}, {"austin2014"}, "no groups"),
        ("learning_curve", {"sizes": [15, 41], "plan": {"repeats": 1}}, {"figueroa2012"}, "41 of the patients, from"),
        ("learning_curve", {"sizes": [15, 41], "plan": {"repeats": 5}}, {"figueroa2012"}, "41 of the patients ["),
        (
            "differences",
            [{"measure": "auc", "against": "cytogenetics_alone"}, {"measure": "auc", "against": "prevalence"}],
            {"delong1988"},
            "from cytogenetics alone and prevalence",
        ),
    ],
)  # fmt: skip
def test_a_block_is_told_with_its_source(block, value, source, says):
    said = list(looked_at(judged(calibration=None, **{block: value})))
    assert cited(said) == source
    assert len(said) == 1
    assert says in said[0]


def test_centres_are_pooled_only_where_two_allow_an_estimate():
    rows = [{"label": "centre 1"}, {"label": "centre 2"}]
    one = {"by": "centre", "rows": rows, "summary": {"auc": {"k": 1}}}
    two = {"by": "trial_arm", "rows": rows, "summary": {"auc": {"k": 1}, "brier": {"k": 2}}}
    assert cited(looked_at(judged(calibration=None, centres=one))) == {"steyerberg2016"}
    said = list(looked_at(judged(calibration=None, centres=two)))
    assert cited(said) == {"steyerberg2016", "hartung2001", "debray2017", "higgins2009"}
    assert said[0].startswith("Each trial arm was left out")


def test_steadiness_is_that_of_the_refits():
    said = list(steadiness({"refits": 200, "mean_absolute_difference": 0.0551}))
    assert "200 bootstrap refits" in said[0]
    assert "6 points of a hundred" in said[0]
    assert list(steadiness(None)) == []


def test_what_models_share_is_said_once():
    assert merged(["A"], [["One.", "Two."]]) == ["One. Two."]
    said = [["All.", "First two.", "Own a."], ["All.", "First two."], ["Own c.", "All."]]
    assert merged(["A", "B", "C"], said) == ["All.", "A; B: First two.", "A: Own a.", "C: Own c."]


def test_a_list_reads_as_one():
    assert [listed(items) for items in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_every_measure_that_a_card_names_has_its_source():
    assert set(card_words._METRICS) == set(BINARY) | set(SURVIVAL)
