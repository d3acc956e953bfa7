"""``riskml card`` prints the card that the bundle carries, at 80 columns or as JSON, once every check is passed."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cli.card import wrapped
from riskml.reporting.presentation import nomogram_file
from riskml.runtime.bundle import open_bundle
from riskml.runtime.model_facts import model_facts
from riskml.runtime.schema import patient_schema, prediction_schema
from tests.cli.processes import BUNDLES, COHORT, refused
from tests.runtime.models import bundle_of, shipped_bundle

WORDS = st.lists(st.sampled_from(["a", "word", "1.", "-", "%", "15", "#", "+", "(0.5", "x" * 90, "ever-so-long"]))


def unwrapped(text):
    return " ".join(text.split())


@pytest.mark.parametrize("name", BUNDLES)
def test_the_card_is_the_bundle_s_file_at_80_columns(riskml, name):
    done = riskml("card", BUNDLES[name])
    assert (done.returncode, done.stderr) == (0, "")
    card = (BUNDLES[name] / "CARD.md").read_text(encoding="utf-8")
    assert unwrapped(done.stdout) == unwrapped(card)
    long = [line for line in done.stdout.splitlines() if len(line) > 80]
    assert all(line.startswith(("#", "|")) for line in long)
    assert "Not a medical device" in unwrapped(done.stdout)


@given(WORDS)
def test_wrapping_adds_no_list_no_heading_and_loses_nothing(words):
    line = unwrapped(f"- begin {' '.join(words)}")
    lines = list(wrapped(line))
    assert unwrapped(" ".join(lines)) == line
    assert not any(re.match(r" *([-+*#>|]|\d+[.)]|%)( |$)", part) for part in lines[1:])


def test_nested_lists_keep_their_depth():
    first, second, *rest = wrapped(f"  - {'some words ' * 20}")
    assert first.startswith("  - some")
    assert second.startswith(("    some", "    words"))
    assert all(len(line) <= 80 for line in rest)
    assert list(wrapped(f"# {'long heading ' * 10}\n\n| {'a | ' * 40}")) == [
        f"# {'long heading ' * 10}", "", f"| {'a | ' * 40}"
    ]  # fmt: skip


def test_the_facts_as_json(riskml):
    done = riskml("card", BUNDLES["efs"], "--json", env={"RISKML_TODAY": "2027-01-01"})
    assert done.returncode == 0
    manifest = json.loads((BUNDLES["efs"] / "manifest.json").read_text(encoding="utf-8"))
    found = json.loads(done.stdout)
    schemas = found.pop("json_schema")
    assert found == model_facts(manifest)
    assert schemas == {"patient": patient_schema(open_bundle(BUNDLES["efs"])), "prediction": prediction_schema()}


def test_a_card_of_a_model_past_its_review_says_so_first(run_riskml, tmp_path, late):
    done = run_riskml("card", late, cwd=tmp_path, env={"RISKML_TODAY": "2028-12-01"})
    assert done.stdout.startswith("**This model was due for review on 2028-11-30.**\n\n# ")
    assert json.loads(run_riskml("card", late, "--json", cwd=tmp_path, env={"RISKML_TODAY": "2028-12-01"}).stdout)[
        "review"
    ] == {"by": "2028-11-30", "overdue": True}
    said = run_riskml("predict", late, "-", cwd=tmp_path, stdin="{}", env={"RISKML_TODAY": "2028-12-01"}).stdout
    assert "this model was due for review on 2028-11-30" in unwrapped(said)
    on_the_day = run_riskml("predict", late, "-", cwd=tmp_path, stdin="{}", env={"RISKML_TODAY": "2028-11-30"}).stdout
    assert "due for review" not in on_the_day


def test_scores_of_a_model_past_its_review_come_with_a_word(run_riskml, tmp_path, late):
    words = ("score", late, COHORT, "--out", "scores.csv")
    done = run_riskml(*words, cwd=tmp_path, env={"RISKML_TODAY": "2028-12-01"})
    assert done.returncode == 0
    assert "this model was due for review on 2028-11-30" in done.stderr
    scores = (tmp_path / "scores.csv").read_bytes()
    assert "review" not in run_riskml(*words, cwd=tmp_path, env={"RISKML_TODAY": "2028-11-30"}).stderr
    assert (tmp_path / "scores.csv").read_bytes() == scores, "the estimates do not depend on the day"


@pytest.fixture
def late(tmp_path):
    """A shipped bundle with a day for its review."""
    from tests.runtime.models import bundle_of, shipped_bundle

    return bundle_of(shipped_bundle("non_response").model, review_by="2028-11-30").save(tmp_path / "late")


def test_a_day_that_is_none_is_refused(riskml, late):
    done = riskml("card", late, env={"RISKML_TODAY": "tomorrow"})
    refused(done, 2, "RISKML_TODAY must be a day such as 2028-11-30")


def test_a_model_s_folder_is_as_good_as_the_bundle_in_it(riskml):
    assert riskml("card", BUNDLES["efs"].parent).stdout == riskml("card", BUNDLES["efs"]).stdout


def test_the_nomogram_as_a_file(riskml, tmp_path):
    done = riskml("card", BUNDLES["efs"], "--nomogram", "efs.svg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "efs.svg\n", "")
    assert (tmp_path / "efs.svg").read_text(encoding="utf-8") == nomogram_file(shipped_bundle("efs"))


def test_a_model_without_a_nomogram_is_refused_with_the_reason(riskml, tmp_path):
    model = shipped_bundle("non_response").model
    halves = tuple(member.with_(weight=0.5) for member in (*model.members, *model.members))
    bundle_of(model.with_(members=halves)).save(tmp_path / "bundle")
    done = riskml("card", "bundle", "--nomogram", "x.svg")
    refused(done, 2, "an average of estimates is not a sum of points")
    assert not (tmp_path / "x.svg").exists()
