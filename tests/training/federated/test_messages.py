"""Answers that are not what they say are refused, every fault of every file at once."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import pytest

from riskml.errors import DataError
from riskml.training.federated.messages import (
    check_answers,
    first_ask,
    intact,
    read_ask,
    same_ask,
    with_digest,
)
from tests.training.federated.hospitals import SECRET, answers_to, by_post, embedded, run, split_by, study


@lru_cache(maxsize=1)
def two_rounds():
    """A study, its first two asks, and the eight answers to them."""
    finished, asks, answers = run(study(), embedded()[1])
    return finished.study, asks[:2], {name: one for name, one in answers.items() if name[0] in "01"}


def refusal(answers, asks=None):
    with pytest.raises(DataError) as caught:
        check_answers(asks or two_rounds()[1], answers)
    return str(caught.value)


def changed(name="1-North.json", **fields):
    answers = dict(two_rounds()[2])
    return {**answers, name: with_digest({**answers[name], **fields})}


def test_complete_answers_are_taken_in_any_order_and_as_often_as_they_come():
    _, asks, answers = two_rounds()
    found = check_answers(asks, dict(reversed(answers.items())))
    assert sorted(found) == [0, 1]
    assert all(sorted(of_round) == ["East", "North", "South", "West"] for of_round in found.values())
    assert check_answers(asks, {**answers, "copy.json": answers["1-North.json"]}) == found
    assert sorted(check_answers(asks, {name: one for name, one in answers.items() if name[0] == "0"})) == [0]


def test_every_fault_is_told_at_once():
    _, _, answers = two_rounds()
    wrong = {
        **answers,
        "1-North.json": {**answers["1-North.json"], "round": 0},
        "1-South.json": with_digest({**answers["1-South.json"], "plan": "sha256:other"}),
        "note.json": {"hello": 1},
    }
    del wrong["1-West.json"]
    text = refusal(wrong)
    for part in (
        "1-North.json: must match its own digest",
        "1-South.json: must answer this study's plan",
        "note.json: must be an answer",
        "no answer of North, South, West to round 1; wait for it",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"centre": "Elsewhere"}, "must come from East, North, South, West"),
        ({"round": 7}, "must answer a round that was asked"),
        ({"round": True}, "must answer a round that was asked"),
        ({"ask": "sha256:0"}, "must answer a round that was asked"),
        ({"step": "counts"}, "must answer the step newton"),
        ({"data": "another file"}, "the data of North must stay the same"),
        ({"data": 5}, "must say of what data it is"),
        ({"secret": "0"}, "all hospitals must use the same secret"),
        ({"synthetic": "yes"}, "must say of what data it is"),
        ({"withheld": ["JANE DOE"]}, "must name features"),
        ({"blanked": "mrd"}, "must name features"),
        ({"sums": {}}, "must hold the sums that were asked for"),
        ({"sums": None}, "must hold the sums that were asked for"),
        ({"group": {"rows": 9}}, "must hold groups of five or more patients in the last round only"),
        ({"rows": [[1, 2]]}, "must hold the keys of an answer and no others"),
    ],
)
def test_a_field_that_is_not_what_was_asked_for_is_refused(fields, words):
    assert words in refusal(changed(**fields))


def test_sums_of_another_length_or_kind_are_refused():
    sums = two_rounds()[2]["1-North.json"]["sums"]
    word = sums["gradient"][0]
    assert "must hold the sums" in refusal(changed(sums={**sums, "gradient": sums["gradient"][:-1]}))
    assert "must hold the sums" in refusal(changed(sums={**sums, "rows_of_patients": [word]}))
    for value in (1.5, "12", word.upper() if word.upper() != word else "G" * 48, None):
        text = refusal(changed(sums={**sums, "gradient": [value, *sums["gradient"][1:]]}))
        assert "must hold masked numbers only" in text


def test_open_sums_are_finite_numbers():
    cohort, _ = embedded()
    parts = split_by(cohort, np.array(["A", "B"])[cohort.patient % 2])
    planned = study(centres=("A", "B"), masked=False)
    asks = [first_ask(planned)]
    answers = answers_to(asks[0], parts)
    assert check_answers(asks, answers)
    own = answers["0-A.json"]
    for value in (True, "1", None, 10**400, 1e300):
        sums = {**own["sums"], "total": [value, *own["sums"]["total"][1:]]}
        assert "must hold finite numbers below 2^56 only" in refusal(
            {**answers, "0-A.json": with_digest({**own, "sums": sums})}, asks
        )
    nan = {**own, "sums": {**own["sums"], "total": [float("nan")] * 7}}
    assert "must match its own digest" in refusal({**answers, "0-A.json": nan}, asks)


def test_one_hospital_answers_a_round_once():
    _, asks, answers = two_rounds()
    planned = two_rounds()[0]
    other = by_post(answers_to(asks[1], {"North": embedded()[1]["South"]}, SECRET)["1-North.json"])
    text = refusal({**answers, "again.json": other})
    assert "North must answer round 1 once" in text
    assert planned.masked


def test_one_file_for_two_hospitals_is_seen_whatever_it_is_called():
    _, asks, answers = two_rounds()
    parts = {**embedded()[1], "North": embedded()[1]["South"]}
    text = refusal(answers_to(asks[0], parts), asks[:1])
    assert "North and South must not answer from one and the same file" in text
    assert "start a new study, with a new secret" in text
    assert "East" not in text
    later = {name: one for name, one in answers.items() if name[0] == "0"} | answers_to(asks[1], parts)
    text = refusal(later)
    assert "North and South must not answer from one and the same file" in text
    assert "the data of North must stay the same in every round" in text


@pytest.mark.parametrize(
    ("others", "words", "unsaid"),
    [
        (["West"], "must use the same secret: not so West in round 0; answer again with the shared secret", "East"),
        (
            ["South", "West"],
            "it differs between (East in round 0, North in round 0) and (South in round 0, West in round 0); agree",
            "not so",
        ),
    ],
)
def test_who_has_another_secret_is_named_and_can_answer_again(others, words, unsaid):
    _, asks, answers = two_rounds()
    right = {name: one for name, one in answers.items() if name[0] == "0"}
    wrong = answers_to(asks[0], {name: embedded()[1][name] for name in others}, bytes(32))
    text = refusal({**right, **wrong}, asks[:1])
    assert words in text
    assert unsaid not in text
    assert check_answers(asks[:1], right), "the answer with the shared secret is taken in place of the other"


def test_who_changes_the_secret_in_a_later_round_is_named_with_the_round():
    _, asks, answers = two_rounds()
    wrong = answers_to(asks[1], {"East": embedded()[1]["East"]}, bytes(32))
    assert "not so East in round 1" in refusal({**answers, **wrong})


def test_answers_that_were_given_before_are_asked_for_and_not_waited_for():
    _, asks, answers = two_rounds()
    text = refusal({name: one for name, one in answers.items() if name[0] == "1"})
    assert text.count("no answer of") == 1
    assert "no answer of East, North, South, West to round 0; give it, too: combine needs the answers of every" in text
    assert "wait for it" not in text
    one = {name: one for name, one in answers.items() if name == "0-North.json"}
    assert "give it, too" in refusal(one), "a later round was asked, so that all have answered this one"
    assert "wait for it" in refusal(one, asks[:1])


def test_an_ask_is_read_only_whole():
    _, asks, _ = two_rounds()
    assert read_ask(asks[1]).digest == two_rounds()[0].digest
    assert intact(asks[0])
    bad = [
        None,
        {},
        {**asks[1], "round": 2},
        with_digest({**asks[1], "round": -1}),
        with_digest({**asks[1], "numbers_before": True}),
        with_digest({**asks[1], "step": "rows"}),
        with_digest({**asks[1], "step": ["rows"]}),
        with_digest({**asks[1], "extra": 1}),
        with_digest({**asks[1], "features": ["patient_id"]}),
        with_digest({**asks[1], "features": []}),
        with_digest({**asks[1], "features": ["age_years"] * len(asks[1]["features"])}),
        with_digest({**asks[1], "points": [[0.0]]}),
        with_digest({**asks[1], "points": []}),
        with_digest({**asks[1], "points": [["0"] * len(asks[1]["features"])]}),
        with_digest({**asks[1], "fill": {"age_years/age": "7"}}),
        with_digest({**asks[1], "months": [3, 1]}),
        with_digest({**asks[1], "months": []}),
    ]
    for content in bad:
        with pytest.raises(DataError):
            read_ask(content)


def test_asks_that_differ_in_the_last_digits_are_one():
    _, asks, _ = two_rounds()
    ask = json.loads(json.dumps(asks[1]))
    ask["fill"] = {name: value * (1 + 1e-13) for name, value in ask["fill"].items()}
    assert same_ask(ask, asks[1])
    ask["fill"] = {name: value * (1 + 1e-6) for name, value in ask["fill"].items()}
    assert not same_ask(ask, asks[1])
    assert not same_ask({**asks[1], "round": 3}, asks[1])
    assert not same_ask(asks[0], asks[1])
