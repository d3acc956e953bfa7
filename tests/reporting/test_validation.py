"""The page of an external validation: the conclusion first, by word and shape, and no small count."""

from __future__ import annotations

import json

import pytest

from riskml.reporting.validation import render_validation
from tests.reporting import results
from tests.reporting.blocks import BLOCKS, D_CALIBRATION
from tests.reporting.pages import checked, small_counts, sources_of, words_of


@pytest.fixture
def page_of(bundle_of):
    def render(*, kind="binary", manifest=None, **changes):
        manifest = bundle_of(kind).manifest | (manifest or {})
        result = results.validation(**changes)
        return render_validation(
            result, manifest=manifest, cohort=results.COHORT, command="riskml validate m other.csv"
        )

    return render


@pytest.mark.parametrize(
    ("conclusion", "said"),
    [
        ("usable", "Usable as it is."),
        ("recalibrate", "Needs recalibration."),
        ("not_shown", "Not shown to work here."),
        ("cannot_tell", "Cannot tell."),
    ],
)
def test_the_conclusion_comes_first_in_plain_words(page_of, conclusion, said):
    html = page_of(transport=results.TRANSPORT | {"conclusion": conclusion, "rung": None})
    body = html[html.index("<main>") :]
    assert body.index(said) < body.index("<h3>Why</h3>") < body.index("<table")
    assert ('class="summary none"' in html) is (conclusion != "usable")


def test_reasons_against_come_first_and_each_says_what_it_is(page_of):
    text = words_of(checked(page_of()))
    order = [
        "Against calibration in the large Risks are too low.",
        "Unclear number of events 9 events; needed are about 80.",
        "In favour discrimination AUC 0.64 here.",
        "To be read with it Marrow MRD before first dose Marrow MRD before first dose beyond the range",
    ]
    places = [text.index(line) for line in order]
    assert places == sorted(places)
    assert "The command riskml update can mend the level of the risks." in text


def test_measures_stand_beside_those_of_development(page_of):
    html = page_of(manifest={"evaluation": results.judged(metrics={"auc": results.interval(0.71, 0.6, 0.8)})})
    text = words_of(checked(html))
    assert "AUC 0.64 (0.52 to 0.75) 0.71 (0.60 to 0.80) 0.50 1" in text
    child = words_of(checked(page_of(manifest={"evaluation": None})))
    assert "AUC 0.64 (0.52 to 0.75) – 0.50 1" in child
    assert "is not in the bundle" in child
    assert "AUC here less at development: \N{MINUS SIGN}0.06 (\N{MINUS SIGN}0.20 to 0.10)." in child


def test_every_block_that_is_there_is_shown_and_no_other(page_of):
    blocks = {name: BLOCKS[name] for name in ("smooth_calibration", "decision_curve", "differences", "calibration_at")}
    full = page_of(**blocks, d_calibration=D_CALIBRATION, monitoring=results.monitoring())
    checked(full)
    bare = page_of()
    headings = (
        "Would acting on it help?",
        "Is it right at every month?",
        "smoothed curve",
        "4. Over time",
        "What drifted",
    )
    assert [heading for heading in headings if heading not in full] == []
    assert [heading for heading in headings if heading in bare] == []
    no_change = results.TRANSPORT["discrimination"] | {"change": None}
    assert "less at development" not in page_of(transport=results.TRANSPORT | {"discrimination": no_change})


def test_an_alarm_is_among_the_reasons(page_of):
    alarmed = words_of(checked(page_of(monitoring=results.monitoring())))
    assert "Against over time Since 2021 risks are too low" in alarmed
    calm = results.monitoring(ordered=False) | {"batches": [results.batch("a", 1.0, "within")], "words": "no change"}
    assert "To be read with it by centre No change." in words_of(checked(page_of(monitoring=calm)))


def test_no_small_count_and_no_name_of_a_centre_as_markup(page_of):
    html = page_of(monitoring=results.monitoring(), distribution=results.judged()["distribution"] | {"n_with": None})
    assert small_counts(checked(html)) == []
    assert results.HOSTILE not in html
    assert "&lt;b&gt;A&amp;B&lt;/b&gt;" in html
    assert "Marrow MRD before first dose in &lt;5 rows." in html


def test_the_record_pins_model_and_cohort(page_of):
    html = page_of()
    record = html[html.index('id="record"') :]
    for part in ("model 1", "sha256:" + "1" * 64, "sha256:" + "2" * 64, "riskml validate m other.csv"):
        assert part in record
    assert "Steiner" not in record
    assert "Steiner" in page_of(monitoring=results.monitoring())


def test_the_same_dict_gives_the_same_bytes(page_of):
    first = page_of(monitoring=results.monitoring(), **BLOCKS)
    assert first == page_of(**json.loads(json.dumps({"monitoring": results.monitoring(), **BLOCKS})))


def test_the_methods_cite_what_is_listed(page_of):
    sources = sources_of(page_of(monitoring=None))
    assert any("part 2" in text for text in sources)
    assert not any(text.startswith("Steiner") for text in sources), "nothing was watched over time"
