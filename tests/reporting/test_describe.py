"""The page of a description: whole, offline, each table with its notes, each figure with its caption, gaps said."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from riskml.reporting.describe import in_words, not_described, render_description
from riskml.runtime.dictionary import load_dictionary
from riskml.training.describe.table import LaneSet, Part, Row, Table
from tests.reporting.figures.drawings import LANES, TWO_CURVES, curve_set, stepped
from tests.reporting.pages import checked, small_counts, words_of
from tests.reporting.results import COHORT, HOSTILE

RESPONSE = Table(
    "response",
    "Response by group",
    ("n", "Response, n (%)", "95 % CI", "P"),
    (
        Row("Sex"),
        Row("female", ("41", "30 (73 %)", "58 to 84 %", ""), 1),
        Row("male", ("64", "<5", "not shown", ""), 1),
        Row("Change", ("105", "", "-11 (-29 to 7)", "0.3")),
    ),
    ("Per patient.", "P by Fisher's exact test."),
)
ALONE = curve_set(
    stepped("all", (0, 1), (5, 0.8), (24, 0.6)), title="Overall survival", notes=("Kaplan-Meier", "HSCT is ignored.")
)
BY_CLASS = replace(curve_set(*TWO_CURVES, title="By class", notes=("Log-rank",)), name="efs_by_class")
PARTS = (
    Part("response", "Response", (RESPONSE,), missing=("age: the cohort has no column age",)),
    Part("survival", "Survival", curve_sets=(ALONE, BY_CLASS)),
)


def page_of(*parts, **settings):
    return render_description(parts or PARTS, cohort=COHORT, **{"command": "riskml describe c.csv", **settings})


def test_the_page_is_whole():
    page = checked(page_of())
    assert small_counts(page) == []
    assert [a["href"] for a in page.all("a")][1:] == [
        "#summary", "#part-response", "#part-survival", "#absent", "#cohort", "#record",
    ]  # fmt: skip
    assert len([svg for svg in page.all("svg") if "aria-labelledby" in svg]) == 2


def test_a_table_stands_with_its_notes_beneath_and_its_headings_across():
    html = page_of()
    table = html[html.index("<caption>Response by group") : html.index("P by Fisher&#39;s exact test.")]
    assert table.count("</table>") == 1, "nothing between a table and its notes"
    assert '<th scope="row" role="rowheader" colspan="5">Sex</th>' in table
    assert "\N{EM SPACE}female" in table
    assert "\N{MINUS SIGN}11 (\N{MINUS SIGN}29" in table
    assert table.count("Per patient.") == 1
    assert html.index("Per patient.") > html.index("</table>", html.index("<caption>Response by group"))


def test_every_figure_has_its_notes_as_a_caption():
    html = page_of()
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html)
    assert captions == ["Overall survival. Kaplan-Meier. HSCT is ignored.", "By class. Log-rank."]


def test_what_is_missing_stands_in_one_list_at_the_end():
    text = words_of(checked(page_of()))
    assert text.count("What could not be described") == 2, "in the contents, and above the list"
    assert "age the cohort has no column age" in " ".join(text.split())
    whole = words_of(checked(page_of(PARTS[1])))
    assert "could not be described" not in whole


def test_reasons_are_gathered_and_columns_have_the_names_that_people_read():
    hazards = Part("hazards", "Factors", missing=(
        "factor prior_hsct: the cohort does not have it",
        "factor bm_blasts: the cohort does not have it",
        "Hazard ratios: needs efs_time, mrd",
    ))  # fmt: skip
    flow = Part("flow", "Flow", missing=("factor bm_blasts: the cohort does not have it",))
    found = not_described((hazards, flow))
    ((_, heads, rows),) = found["tables"]
    assert heads == ["Part", "What", "Why"]
    variables = load_dictionary().variables
    labels = ", ".join(variables[name].label for name in ("prior_hsct", "bm_blasts"))
    assert rows[0] == ["Factors", f"factor {labels}", "the cohort does not have it"]
    assert rows[1][2] == f"needs {variables['efs_time'].label}, {variables['mrd'].label}"
    assert [row[0] for row in rows] == ["Factors", "Factors", "Flow"]
    assert not_described((PARTS[1],)) is None


def test_a_part_without_a_table_or_figure_has_no_section():
    html = page_of(*PARTS, Part("toxicity", "Toxicity", missing=("CRS: the cohort does not have its grades",)))
    assert 'id="part-toxicity"' not in html
    assert "does not have its grades" in html


def test_a_simulated_cohort_is_called_that_and_no_model():
    html = page_of()
    assert COHORT.synthetic
    assert "a simulated cohort" in html
    assert "trained" not in html


def test_the_summary_reads_the_lines_for_all_patients():
    columns = ("Patients", "6 months", "12 months", "Log-rank P")
    first = Row("All", ("105", "not shown", "88 % \N{PLUS-MINUS SIGN} 3 %", ""))
    survival = Table("efs", "Event-free survival", columns, (first, Row("male", ("64", "", "", ""))))
    said = ["Event-free survival: Patients 105; 12 months 88 % \N{PLUS-MINUS SIGN} 3 %."]
    parts = [Part("survival", "Survival", (survival, RESPONSE))]
    assert [text.replace("\N{NO-BREAK SPACE}", " ") for text in in_words(parts)] == said, (
        "what is hidden is left out, and a table without such a line"
    )
    assert said[0] in words_of(checked(page_of(*parts)))
    nothing = Table("efs", "T", ("6 months",), (Row("All", ("not shown",)),))
    assert in_words([Part("survival", "Survival", (nothing,))]) == []


def test_an_internal_page_says_so_on_top_in_its_title_and_on_each_sheet():
    lanes = LaneSet("courses", "Courses and events", LANES)
    html = page_of(*PARTS, Part("flow", "Flow", lane_sets=(lanes,)), internal=True)
    page = checked(html)
    assert html.count("must not leave the site") >= 3, "banner, footer, print"
    assert "<title>INTERNAL: " in html
    assert "small ones included" in words_of(page)
    shared = page_of()
    assert "INTERNAL" not in shared
    assert "must not leave" not in shared
    assert "fewer than five patients are written “&lt;5”" in shared
    assert "Counts of one to four patients are not shown" in shared


def test_more_curves_than_a_figure_holds_are_divided():
    many = curve_set(*(stepped(f"group {k}", (0, 1), (9, 0.5)) for k in range(6)), title="By centre")
    html = page_of(Part("survival", "Survival", curve_sets=(many,)))
    checked(html)
    assert re.findall(r"<figcaption>(.*?)</figcaption>", html) == ["By centre (1 of 2).", "By centre (2 of 2)."]


def test_text_of_a_file_cannot_become_markup():
    table = Table("t", HOSTILE, (HOSTILE,), (Row(HOSTILE, (HOSTILE,)), Row(HOSTILE)), (HOSTILE,))
    curves = curve_set(stepped(HOSTILE, (0, 1), (9, 0.5)), title=HOSTILE, notes=(HOSTILE,))
    html = page_of(Part("p", HOSTILE, (table,), (curves,), (HOSTILE,)), command=HOSTILE)
    checked(html)
    assert HOSTILE not in html


def test_the_same_parts_give_the_same_bytes():
    assert page_of() == page_of()


def test_a_page_needs_a_part():
    with pytest.raises(ValueError, match="at least one part"):
        render_description((), cohort=COHORT, command="")
