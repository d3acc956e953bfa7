"""A real cohort cut in two: trained on one half, validated and updated on the other, whose death rate has drifted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.repository import ROOT

MAP = ROOT / "tests" / "data" / "bmt_children.toml"
RECIPE = ROOT / "tests" / "data" / "bmt_children_recipe.toml"


@pytest.fixture(scope="module")
def halves(data_file, run_riskml, tmp_path_factory):
    """The model of one half, and the other half: as it is, and with most of the survivors taken out."""
    folder = tmp_path_factory.mktemp("halves")
    table = pd.read_csv(data_file("bmt_children/bmt_children.csv"), dtype=str, keep_default_na=False)
    order = np.random.default_rng(5).permutation(len(table))
    first, second = table.iloc[order[: len(table) // 2]], table.iloc[order[len(table) // 2 :]]
    alive = second["survival_status"] == "0.0"
    drifted = second[~alive | (np.random.default_rng(0).random(len(second)) > 0.85)]
    for name, part in (("first", first), ("second", second), ("drifted", drifted)):
        part.to_csv(folder / f"{name}.csv", index=False)
    done = run_riskml(
        *("train", "first.csv", "--columns", MAP, "--model", RECIPE, "--out", "out"), cwd=folder, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return folder


def updated(run_riskml, folder, cohort):
    words = ("update", "out/survival_after_transplant", f"{cohort}.csv", "--columns", MAP)
    done = run_riskml(*words, "--out", f"child_{cohort}", "--report", f"{cohort}.json", cwd=folder, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / f"{cohort}.json").read_text(encoding="utf-8")), done.stdout


def test_a_drifted_death_rate_is_found_and_put_right(run_riskml, halves):
    words = ("validate", "out/survival_after_transplant", "drifted.csv", "--columns", MAP, "--out", "validation")
    done = run_riskml(*words, cwd=halves, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads((halves / "validation" / "validation.json").read_text(encoding="utf-8"))
    assert found["metrics"]["observed_expected"]["low"] > 1.1
    assert found["transport"]["conclusion"] in {"recalibrate", "cannot_tell"}
    assert "too low" in json.dumps(found["transport"]) + done.stdout
    step, text = updated(run_riskml, halves, "drifted")
    assert step["rung"] == "intercept"
    assert step["p_values"]["none"] < 0.05
    level = next(one for one in step["estimates"] if one["name"] != "slope")
    assert level["value"] > 0.2, "more die than the parent says"
    before, after = (step[when]["metrics"]["observed_expected"]["value"] for when in ("before", "after"))
    assert abs(np.log(after)) < abs(np.log(before))
    assert after == pytest.approx(1, abs=0.15)
    assert "p " in step["why"] or "p =" in step["why"] or "p <" in step["why"]
    assert step["why"].split(";")[0][:30] in " ".join(text.split())
    closed = {gate["rung"]: gate for gate in step["gates"] if not gate["open"]}
    assert closed["refit"]["events_needed"] > step["n_events"]


def test_the_other_half_as_it_is_needs_no_update(run_riskml, halves):
    step, text = updated(run_riskml, halves, "second")
    assert step["rung"] == "none"
    assert min(step["p_values"].values()) >= 0.05
    assert step["before"]["metrics"] == step["after"]["metrics"]
    assert "none" in text
