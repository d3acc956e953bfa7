"""``riskml evaluate`` as a process: honest figures, nothing that predicts, refusals that say what would do."""

from __future__ import annotations

import json

import pytest

from tests.cli.processes import COHORT, PATIENT_ID, broken_cohort, refused, rows, small_recipe, write_rows
from tests.reporting.pages import checked, small_counts, words_of


@pytest.fixture(scope="module")
def judged(run_riskml, tmp_path_factory):
    """Two recipes, one of them with every resampling."""
    folder = tmp_path_factory.mktemp("evaluate")
    recipes = [small_recipe(folder, name) for name in ("non_response", "efs")]
    done = run_riskml("evaluate", COHORT, "--model", *recipes, "--out", "out", "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done


def test_writes_one_evaluation_a_recipe_and_no_bundle(judged):
    out, done = judged
    for name in ("non_response", "efs"):
        found = json.loads((out / name / "evaluation.json").read_text(encoding="utf-8"))
        assert found["model"] == name
        assert {"bootstrap", "learning_curve", "centres", "subgroups", "decision_curve"} <= set(found)
    assert not list(out.rglob("bundle"))
    comparison = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    assert "not compared" in comparison["words"]
    assert not any(row["patient_id"] in done.stdout for row in rows())


def test_writes_a_page_of_both_recipes(judged):
    out, done = judged
    html = (out / "evaluation.html").read_text(encoding="utf-8")
    page = checked(html)
    assert done.stdout.rstrip().endswith("evaluation.html")
    assert small_counts(page) == []
    assert not any(row["patient_id"] in html for row in rows())
    text = words_of(page)
    found = json.loads((out / "efs" / "evaluation.json").read_text(encoding="utf-8"))
    shown = "{value:.2f} ({low:.2f} to {high:.2f})".format(**found["metrics"]["c_index"])
    assert f"Harrell C {shown} 0.50 1" in text
    assert "efs and non_response are not compared" in text or "non_response and efs are not compared" in text
    assert "riskml evaluate cohort.csv --model non_response efs --seed 0" in text
    assert str(out) not in html


def test_prints_measures_with_intervals_and_what_else_was_found(judged):
    _, done = judged
    text = done.stdout
    assert "non_response: 51 patients, 9 events" in text
    for part in (
        "auc ",
        "calibration_slope",
        "less prevalence",
        "less cytogenetics alone",
        "bootstrap: ",
        "learning curve: ",
        "decision curve: ",
        "verdict: ",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--by", "sexx"), 2, "sex"),
        (("--by", "age"), 2, "age_group"),
        (("--seed", "-1"), 2, "--seed must be 0 or more"),
        (("--model", "nope"), 2, "no recipe 'nope'"),
    ],
)
def test_mistyped_words_are_refused(run_riskml, tmp_path, words, code, said):
    recipe = small_recipe(tmp_path)
    done = run_riskml("evaluate", COHORT, "--model", recipe, *words, "--quick", "--out", "o", cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not list(tmp_path.rglob("evaluation.json"))


def test_data_that_cannot_be_read_or_judged(run_riskml, tmp_path):
    cohort = broken_cohort(tmp_path / "c.csv", mrd="12 grams")
    refused(run_riskml("evaluate", cohort, "--model", "efs", "--out", "o", cwd=tmp_path), 3, "row 5", "mrd", "12 grams")
    nobody = write_rows(tmp_path / "n.csv", [row | {"icans_grade": "0"} for row in rows()])
    refused(run_riskml("evaluate", nobody, "--model", "icans", "--out", "o", cwd=tmp_path), 5, "has 0 of 125")
    assert PATIENT_ID not in (tmp_path / "c.csv").read_text(encoding="utf-8").splitlines()[0]


def test_a_horizon_past_follow_up_is_refused_unless_forced(run_riskml, tmp_path):
    recipe = small_recipe(tmp_path, "efs")
    text = recipe.read_text(encoding="utf-8").replace("horizon_months = 12", "horizon_months = 18")
    recipe.write_text(text, encoding="utf-8")
    words = ("evaluate", COHORT, "--model", recipe, "--out", "o", "--quick")
    refused(
        run_riskml(*words, cwd=tmp_path), 5, "18 months", "10% of patients", "13.1 months or less", "--force-horizon"
    )
    done = run_riskml(*words, "--force-horizon", "--by", "sex", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    quick = json.loads((tmp_path / "o" / "efs" / "evaluation.json").read_text(encoding="utf-8"))
    assert quick["horizon_months"] == 18
    assert "bootstrap" not in quick
    assert quick["centres"]["by"] == "sex"
