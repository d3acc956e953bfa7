"""`riskml plan` as a process: from numbers, from a cohort, and what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.cli.processes import COHORT, refused


def test_the_worked_example_from_numbers(riskml):
    words = ("--patients", "51", "--events", "9", "--parameters", "8", "--c-statistic", "0.8")
    done = riskml("plan", "--model", "non_response", *words, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [item["patients"] for item in found["development"]["criteria"]] == [386, 237, 224]
    assert found["development"]["patients_needed"] == 386


def test_a_cohort_is_planned_in_words(riskml):
    done = riskml("plan", str(COHORT), "--model", "non_response")
    assert done.returncode == 0, done.stderr
    assert "51 patients, 9 with the event" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "the criteria are not met" in " ".join(done.stdout.split())


def test_what_cannot_be_trained_is_said_and_planned_all_the_same(riskml):
    done = riskml("plan", str(COHORT), "--model", "overall_survival")
    assert done.returncode == 0, done.stderr
    assert "Training would be refused" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (("--patients", "50"), 2, "--events is needed"),
        (("--patients", "50", "--events", "60"), 2, "cannot be more"),
        (("--patients", "50", "--events", "10", "--c-statistic", "0.4"), 2, "between 0.5 and 1"),
        (("--patients", "50", "--events", "10", "--follow-up", "12"), 2, "survival"),
        (("--patients", "50", "--events", "50"), 5, "nobody is left"),
    ],
)
def test_impossible_numbers_are_refused(riskml, words, code, part):
    refused(riskml("plan", "--model", "non_response", *words), code, part)


@pytest.mark.parametrize("model", ["non_response", "efs", "relapse"])
@pytest.mark.parametrize(
    "words",
    [
        ("--patients", "100", "--events", "100"),
        ("--patients", "1", "--events", "1"),
        ("--patients", "2", "--events", "1", "--c-statistic", "0.9999"),
        ("--patients", "1000000000", "--events", "1"),
        ("--patients", "100", "--events", "99", "--c-statistic", "0.5000001"),
        ("--patients", "100", "--events", "10", "--parameters", "1000000"),
        ("--patients", "100", "--events", "10", "--threshold", "2"),
        ("--patients", "100", "--events", "10", "--c-statistic", "nan"),
    ],
)
def test_extreme_numbers_end_in_an_answer_or_in_words(riskml, model, words):
    done = riskml("plan", "--model", model, *words)
    assert done.returncode in {0, 2, 5}, done.stderr
    assert "Traceback" not in done.stderr
    assert "nan" not in done.stdout
    assert "inf" not in done.stdout.replace("information", "")
