"""The page of an evaluation: whole, offline, every block of the dict and nothing of what is not there."""

from __future__ import annotations

import json

import pytest

from riskml.reporting.evaluation import render_evaluation
from tests.reporting.blocks import BLOCKS, D_CALIBRATION, STABILITY, interval
from tests.reporting.pages import checked, small_counts, sources_of, words_of
from tests.reporting.results import COHORT, HOSTILE, judged

FULL = BLOCKS | {"d_calibration": D_CALIBRATION, "bootstrap": BLOCKS["bootstrap"] | {"stability": STABILITY}}
COMPARISON = {
    "pairs": [{"models": ["one", "two"], "differences": [{"measure": "brier", **interval(-0.02, -0.03, -0.01)}]}],
    "chosen": [{"measure": "auc", "best": "one", "naive": 0.7, "honest": interval(0.66, 0.5, 0.8),
                "picked": {"one": 0.8, "two": 0.2}, "draws": 500, "not_estimable": 0, "words": "one has the best auc"}],
    "words": "one less two, brier: -0.020\none has the best auc\none and three are not compared",
}  # fmt: skip


def model(name, label=None, **changes):
    return {
        "label": label or f"Outcome {name}",
        "definition": "What counts.",
        "evaluation": judged(model=name, **changes),
    }


def page_of(*models, **settings):
    return render_evaluation(models, cohort=COHORT, **{"command": "riskml evaluate other.csv", **settings})


def test_the_page_is_whole_with_every_block_and_without_any():
    whole = page_of(model("one", **FULL), model("two"), comparison=COMPARISON)
    page = checked(whole)
    assert small_counts(page) == []
    for heading in ("Would acting on it help?", "Is it right at every month?", "How much of it is optimism?"):
        assert whole.count(f"<h3>{heading}</h3>") == 1
    assert len(whole.encode()) < 2_000_000


def test_numbers_stand_as_they_are_in_the_evaluation():
    text = words_of(checked(page_of(model("one"))))
    assert "AUC 0.64 (0.52 to 0.75)" in text
    assert "Signal seen." in text
    assert "60 patients, 9 with the event (15 %)" in text
    assert "5-fold cross-validation, grouped by patient, repeated 10 times." in text


def test_no_usable_signal_is_said_first_and_by_the_bar():
    html = page_of(model("one", usable_signal=False, verdict="ranking by chance is not ruled out"))
    assert 'class="summary none"' in html
    assert "No usable signal: ranking by chance is not ruled out." in html


def test_models_are_set_beside_each_other():
    text = words_of(checked(page_of(model("one"), model("two"), comparison=COMPARISON)))
    assert "Outcome one (one) less Outcome two (two)" in text
    assert "better" in text
    assert "one has the best auc." in text
    assert "one and three are not compared." in text
    assert "-0.020" not in text, "the table says it, with a minus as printers write it"
    assert "one would have been chosen in 80 % of samples" in text


def test_recipes_that_cannot_be_compared_say_so_without_a_table():
    apart = {"pairs": [], "chosen": [], "words": "one and two are not compared"}
    html = page_of(model("one"), model("two"), comparison=apart)
    assert "one and two are not compared." in html
    assert "No difference shown" not in html
    assert "beside each other" not in page_of(model("one"), comparison={})


def test_what_nobody_could_choose_is_not_estimable():
    nothing = COMPARISON["chosen"][0] | {"best": None, "naive": None, "honest": interval(None, None, None)}
    html = page_of(model("one"), model("two"), comparison=COMPARISON | {"chosen": [nothing]})
    assert words_of(checked(html)).count("not estimable") == 3


def test_text_of_a_recipe_or_a_file_cannot_become_markup():
    rows = [row | {"label": HOSTILE} for row in BLOCKS["centres"]["rows"]]
    blocks = {"centres": BLOCKS["centres"] | {"rows": rows}}
    html = page_of(model("one", HOSTILE, **blocks), command=f"riskml {HOSTILE}")
    checked(html)
    assert HOSTILE not in html
    assert html.count("&lt;b&gt;A&amp;B&lt;/b&gt;") > 5


def test_the_same_dicts_give_the_same_bytes():
    models = [model("one", **FULL), model("two")]
    models[1]["evaluation"] = judged("survival", model="two")
    again = json.loads(json.dumps(models))
    assert page_of(*models, comparison=COMPARISON) == page_of(*again, comparison=json.loads(json.dumps(COMPARISON)))


def test_a_page_needs_an_evaluation():
    with pytest.raises(ValueError, match="at least one evaluation"):
        page_of()


def test_the_methods_are_those_of_the_evaluations_on_the_page():
    first = {"label": "A", "definition": "d", "evaluation": judged(model="a")}
    more = {"label": "B", "definition": "d", "evaluation": judged(model="b", bootstrap={"samples": 40})}
    alone, both = (sources_of(page_of(*models)) for models in ([first], [first, more]))
    assert not any("632" in text for text in alone)
    assert any("632" in text for text in both)
