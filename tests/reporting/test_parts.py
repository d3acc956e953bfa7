"""Parts of the report: what the training says comes first, as sentences, and tells no small count."""

from __future__ import annotations

import pytest

from riskml.reporting.parts import part, safe, sentence, size


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("3 events; 10 are needed", "<5 events; 10 are needed"),
        ("1 patient and 4 courses", "<5 patient and <5 courses"),
        ("13 events of 24 patients", "13 events of 24 patients"),
        ("0.3 events expected, 1,204 patients", "0.3 events expected, 1,204 patients"),
        ("in 4 of 5 centres", "in 4 of 5 centres"),
    ],
)
def test_small_counts_of_people_are_blurred_and_other_numbers_stay(text, shown):
    assert safe(text) == shown


def test_a_phrase_becomes_a_sentence():
    assert sentence("it varies. In a new one expect more.") == "It varies. In a new one expect more."
    assert sentence("2 events") == "<5 events."


@pytest.mark.parametrize(
    ("number", "shown"), [(3, "<5"), (31, "31"), ("5 or more", "5 or more"), (None, "–"), (0, "0")]
)
def test_sizes_may_be_text_already(number, shown):
    assert size(number) == shown


def test_words_of_the_training_come_first():
    found = part("Heading", {"words": "it varies"}, sentences=["More."], figures=[("<svg></svg>", "c")])
    assert found["sentences"] == ["It varies.", "More."]
    assert found["figures"][0][0].__html__() == "<svg></svg>", "a drawing of ours is markup"
    assert part("Heading", {"words": None})["sentences"] == []


def test_bullets_and_findings_stand_in_their_own_lists():
    found = part("Heading", bullets=["a"], findings=[("bad", "slope", "too steep")])
    assert found["bullets"] == ["a"]
    assert found["findings"] == [("bad", "slope", "too steep")]
    assert part("Heading")["bullets"] == part("Heading")["findings"] == []


def test_notes_are_kept_for_below_the_tables():
    assert part("Heading", notes=["Per patient."])["notes"] == ["Per patient."]
    assert part("Heading")["notes"] == []
