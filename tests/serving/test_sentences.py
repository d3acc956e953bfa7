"""A prediction in words agrees with its numbers."""

from __future__ import annotations

import re

from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.serving.sentences import (
    estimate_at,
    missing_inputs,
    on_paper,
    on_top,
    outcome_at,
    standing,
    strongest_effects,
)
from tests.serving.fhir import model

HIGH = {"bcr_abl1": "absent", "kmt2a_r": "present", "mrd": "18 %", "cd3": "0.3 10*9/L", "disease_class_initial": "R/R"}


def test_numbers_are_those_of_the_prediction():
    found = model("efs").predict(HIGH)
    for k, month in enumerate(found.times):
        assert outcome_at(found, k).endswith(f": free of the event at {month:g} months")
        text = estimate_at(found, k)
        assert re.fullmatch(r".+ % \(.+ in 100+\), 90 % interval .+ to .+ %", text)
        first = re.match(r"([\d.]+) %", text)
        assert first is None or abs(float(first[1]) - 100 * found.value[k]) <= 0.5
        last = re.search(r"to ([\d.]+) %$", text)
        assert last is None or abs(float(last[1]) - 100 * found.high[k]) <= 0.5
    single = model("non_response").predict(HIGH)
    assert outcome_at(single, 0) == single.model["outcome"]
    later = model("efs").predict(HIGH, event_free_at=6)
    assert outcome_at(later, 0).endswith("months, given none by 6 months")


def test_effects_are_the_strongest_three_and_none_where_nothing_was_explained():
    found = model("efs").predict(HIGH)
    effects = sorted(found.on_value.effects[-1].items(), key=lambda item: -abs(item[1]))[:3]
    assert [text.partition(",")[0] for text in strongest_effects(found)] == [found.labels[name] for name, _ in effects]
    assert strongest_effects(model("efs").predict(HIGH, explain=False)) == []


def test_missing_inputs_are_named_with_what_they_could_change():
    found = model("efs").predict(HIGH)
    texts = missing_inputs(found)
    assert len(texts) == len(found.missing) == 2
    assert all("could move the estimate to" in text for text in texts)
    assert any(text.startswith("Age ") for text in texts)


def test_what_must_stand_beside_an_estimate_stands_there():
    found = model("non_response").predict({"age": "34 a", "mrd": "<0.01 %"})
    texts = list(standing(found))
    assert texts[0] == RESEARCH
    assert SYNTHETIC in texts
    assert texts[-1].startswith("Not for: decisions about the treatment of any person; ")
    assert sum(text.startswith("Outside what the model knows: ") for text in texts) == len(found.reasons) > 0
    assert not any("not an input" in text for text in texts)


def test_what_stands_on_top_tells_where_a_model_comes_from():
    synthetic, published = model("efs").manifest, model("efs_published").manifest
    assert on_top(synthetic) == on_paper(synthetic) == [SYNTHETIC, RESEARCH]
    assert on_paper(published) == [RESEARCH]
    assert on_top(published)[1].startswith("Fitted to the counts that one paper prints")
    weak = {**synthetic, "usable_signal": False, "verdict": "AUC 0.51"}
    assert on_top(weak)[-1] == "In honest cross-validation this model was not shown to beat the comparator: AUC 0.51."
