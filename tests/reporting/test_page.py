"""What stands on every page: the warnings first, numbered sections, a record, and text that stays text."""

from __future__ import annotations

import pytest

from riskml.reporting.page import Box, Section, record, render_sections
from riskml.reporting.parts import part
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from tests.reporting.pages import checked, words_of

FINDINGS = [("good", "rank", "fine"), ("bad", "slope", "steep"), ("unclear", "size", "few"), ("note", "mix", "other")]


def page(*sections, synthetic=True):
    shown = {"title": "t", "heading": "h", "lead": "l", "command": "riskml <x>", "references": ["A ref."]}
    return render_sections(**shown, synthetic=synthetic, sections=[*sections, record([("Cohort", "abc")], ["How."])])


def test_a_page_of_sections_is_whole_with_the_warnings_first():
    box = Box("A <model>", "Fine.", ["Said."], synthetic=True)
    html = page(Section("summary", "Summary", [part("Why", findings=FINDINGS, bullets=["one"])], [box]))
    checked(html)
    body = html[html.index("<body>") :]
    assert body.index(SYNTHETIC) < body.index(RESEARCH) < body.index("<h1>") < body.index("1. Summary")
    assert "A &lt;model&gt;" in html
    assert html.rindex("2. Methods and record") < html.rindex("A ref.") < html.rindex("riskml &lt;x&gt;")


def test_each_finding_has_a_word_and_a_shape_of_its_own():
    html = page(Section("summary", "Summary", [part("Why", findings=FINDINGS)]))
    shapes = [shape.split("</svg>")[0] for shape in html.split('aria-hidden="true" focusable="false">')[1:]]
    assert len(set(shapes)) == len(FINDINGS)
    text = words_of(checked(html))
    assert "In favour rank fine" in text
    assert "Against slope steep" in text
    assert "Unclear size few" in text
    assert "To be read with it mix other" in text


@pytest.mark.parametrize("good", [True, False])
def test_a_box_that_is_no_good_news_has_another_bar(good):
    html = page(Section("summary", "Summary", boxes=[Box("A", "B.", good=good)]))
    assert ('class="summary none"' in html) is not good


def test_real_data_are_not_called_synthetic():
    assert SYNTHETIC not in page(Section("summary", "Summary"), synthetic=False)


def test_numbers_that_belong_together_stay_on_one_line():
    text = "0.64 (0.52 to 0.75), 12 % (\N{MINUS SIGN}4 to 28 %), patients 1 to 60, up to two"
    html = page(Section("summary", "Summary", [part("", sentences=[text])]))
    kept = "\N{NO-BREAK SPACE}"
    shown = f"0.64 (0.52{kept}to{kept}0.75), 12{kept}% (\N{MINUS SIGN}4{kept}to{kept}28{kept}%)"
    assert f"{shown}, patients 1{kept}to{kept}60, up to two" in html


def test_notes_stand_below_their_table_and_a_lone_label_spans_it():
    table = ("Response", ["", "n", "P"], [["Sex"], ["female", "41", ""]])
    html = page(Section("summary", "Summary", [part("", tables=[table], notes=["Per <patient>."])]))
    assert html.index("</table>") < html.index("Per &lt;patient&gt;.")
    assert '<th scope="row" role="rowheader" colspan="3">Sex</th>' in html
    assert html.count('<td role="cell" class="void">') == 1, "a phone leaves empty cells out"


def test_what_must_not_leave_says_so_in_the_title_on_top_below_and_in_print():
    internal = render_sections(
        title="t", heading="h", lead="l", synthetic=False, sections=[record([])], command="c", internal=True
    )
    assert internal.count("must not leave the site") >= 3
    assert "<title>INTERNAL: t" in internal
    assert "must not leave" not in page(Section("summary", "Summary"))
