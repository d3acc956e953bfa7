"""The JSON object of the contract, that every door gives."""

from __future__ import annotations

import json
import math

import pytest

from riskml.runtime.prediction import months_in_words, months_moved
from tests.runtime.models import SHIPPED, complete_values, shipped_bundle

BINARY, SURVIVAL = shipped_bundle("non_response"), shipped_bundle("efs")
PATIENT = {"bcr_abl1": "absent", "mrd": "0.52 %", "cd19": "30 /uL"}


def check_effects(effects, used):
    assert {e["input"] for e in effects} == set(used)
    for effect in effects:
        assert set(effect) == {"input", "label", "value", "effect"}
        assert isinstance(effect["label"], str)
        assert isinstance(effect["value"], str)
        assert isinstance(effect["effect"], float)
    sizes = [abs(e["effect"]) for e in effects]
    assert sizes == sorted(sizes, reverse=True)


def check_common(answer, bundle):
    always = ["schema", "model", "estimate", "explanation", "inputs", "domain", "warnings", "not_for"]
    assert list(answer) == always + (["curve"] if bundle.model.kind != "binary" else [])
    assert answer["schema"] == "riskml.prediction/1"
    assert answer["model"] == {
        "name": bundle.manifest["name"],
        "outcome": bundle.manifest["label"],
        "version": "1",
        "digest": bundle.manifest["digest"],
        "synthetic": bundle.manifest["synthetic"],
    }
    inputs = answer["inputs"]
    assert set(inputs) == {"used", "missing", "could_change"}
    assert set(inputs["used"]) | set(inputs["missing"]) == set(bundle.model.inputs)
    assert not set(inputs["used"]) & set(inputs["missing"])
    assert {item["input"] for item in inputs["could_change"]} == set(inputs["missing"])
    assert answer["domain"] == {"inside": not answer["domain"]["reasons"], "reasons": answer["domain"]["reasons"]}
    for warning in answer["warnings"]:
        assert {"code", "message"} <= set(warning) <= {"code", "input", "message"}
    assert answer["not_for"] == bundle.manifest["not_for"]
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer, "plain JSON types only"


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("which", ["nothing", "some", "everything"])
def test_the_json_object_is_that_of_the_contract(name, which):
    bundle = shipped_bundle(name)
    complete = complete_values(bundle)
    known = {n: complete[n] for n in list(complete)[: {"nothing": 0, "some": 3, "everything": None}[which]]}
    answer = bundle.predict(known).as_dict()
    check_common(answer, bundle)
    assert answer["inputs"]["used"] == known
    estimate, explanation, times = answer["estimate"], answer["explanation"], bundle.manifest["horizons_months"]
    single = bundle.model.kind == "binary"
    if single:
        assert list(estimate) == ["kind", "value", "low", "high", "level"]
        assert (estimate["kind"], explanation["scale"]) == ("probability", "probability")
        estimates = [(estimate["low"], estimate["value"], estimate["high"])]
        bases, effects = [explanation["base"]], [explanation["effects"]]
    else:
        assert list(estimate) == ["kind", "unit", "times", "value", "low", "high", "level"]
        assert (estimate["kind"], estimate["unit"], estimate["times"]) == ("survival", "mo", times)
        assert (explanation["scale"], explanation["times"]) == ("survival", times)
        estimates = list(zip(estimate["low"], estimate["value"], estimate["high"], strict=True))
        bases, effects = explanation["base"], explanation["effects"]
    assert len(estimates) == len(bases) == len(effects) == (len(times) or 1)
    assert estimate["level"] == 0.9
    assert explanation["sum_error"] < 1e-8
    for (low, middle, high), base, listed in zip(estimates, bases, effects, strict=True):
        assert 0 <= low <= middle <= high <= 1
        check_effects(listed, known)
        assert base + sum(e["effect"] for e in listed) == pytest.approx(middle, abs=1e-8)
    link = explanation["link"]
    assert set(link) == {"scale", "base", "value", "effects", "sum_error"}
    assert link["scale"] == ("log_odds" if single else "log_hazard")
    check_effects(link["effects"], known)
    assert link["base"] + sum(e["effect"] for e in link["effects"]) == pytest.approx(link["value"], abs=1e-8)


def test_a_complete_patient_s_log_odds_are_those_of_the_probability():
    answer = BINARY.predict(complete_values(BINARY)).as_dict()
    assert 1 / (1 + math.exp(-answer["explanation"]["link"]["value"])) == pytest.approx(answer["estimate"]["value"])


def test_without_explanation_nothing_else_changes():
    full, short = (SURVIVAL.predict(PATIENT, explain=explain).as_dict() for explain in (True, False))
    assert short.pop("explanation") is None
    assert full.pop("explanation") is not None
    assert short == full


def test_what_was_asked_beside_is_added_and_nothing_else_changes():
    plain = SURVIVAL.predict(PATIENT).as_dict()
    full = SURVIVAL.predict(
        PATIENT, expected_months=12.0, as_given={**PATIENT, "mrd": "5 %"}, event_free_at=None
    ).as_dict()
    expected, what_if = full.pop("expected_months"), full.pop("what_if")
    full["warnings"] = [w for w in full["warnings"] if w["code"] != "what_if"]
    assert full == plain
    assert set(expected) == {"kind", "unit", "from", "until", "value", "low", "high", "level", "explanation"}
    assert (expected["kind"], expected["unit"], expected["from"], expected["until"]) == (
        "event_free_months",
        "mo",
        0.0,
        12.0,
    )
    assert set(expected["explanation"]) == {"scale", "base", "effects", "sum_error"}
    check_effects(expected["explanation"]["effects"], {"bcr_abl1", "mrd"})
    assert what_if["changed"] == [
        {"input": "mrd", "label": SURVIVAL.dictionary["mrd"].label, "from": "5 %", "to": "0.52 %"}
    ]
    for part in ("as_given", "difference"):
        assert {len(what_if[part][name]) for name in ("value", "low", "high")} == {3}


def test_an_answer_for_whoever_is_event_free_says_so():
    estimate = SURVIVAL.predict(PATIENT, event_free_at=3.0).as_dict()["estimate"]
    assert list(estimate) == ["kind", "unit", "event_free_at", "times", "value", "low", "high", "level"]
    assert estimate["event_free_at"] == 3.0


def test_an_explanation_left_out_is_null_everywhere():
    answer = SURVIVAL.predict(PATIENT, explain=False, expected_months=12.0).as_dict()
    assert answer["explanation"] is None
    assert answer["expected_months"]["explanation"] is None


def test_months_in_words_are_those_of_the_object():
    known = {"mrd": "12 %", "age": "7 a"}
    prediction = SURVIVAL.predict(known, expected_months=24, event_free_at=6)
    answer = prediction.as_dict()["expected_months"]
    value, low, high, base = answer["value"], answer["low"], answer["high"], answer["explanation"]["base"]
    said = f"Of months 6 to 24, expected event-free: {value:.1f} ({low:.1f} to {high:.1f}); average patient {base:.1f}"
    assert months_in_words(prediction, prediction.expected) == said
    effects = [(item["input"], item["effect"]) for item in answer["explanation"]["effects"]]
    assert months_moved(prediction.expected) == [item for item in effects if abs(item[1]) >= 0.05]
    bare = SURVIVAL.predict(known, expected_months=24, explain=False)
    assert months_in_words(bare, bare.expected).startswith("Of the first 24 months, expected event-free: ")
    assert "average" not in months_in_words(bare, bare.expected)
    assert months_moved(bare.expected) == []
