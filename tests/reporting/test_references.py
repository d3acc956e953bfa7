"""Numbers by first use, no source that nobody cites, none that is not there; and every entry is used by the package."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from riskml.reporting.references import numbered, sources
from tests.repository import ROOT

NAMES = sorted(sources())
marks = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map(
    lambda names: f"x [{'; '.join('@' + n for n in names)}]."
)


@given(st.lists(marks, max_size=8))
def test_numbers_run_from_one_in_the_order_of_first_use_and_point_at_their_source(texts):
    shown, references = numbered(texts)
    cited = [[int(number) for number in re.findall(r"\d+", text)] for text in shown]
    named = [re.findall(r"@(\w+)", text) for text in texts]
    for numbers, names in zip(cited, named, strict=True):
        assert {references[number - 1] for number in numbers} == {sources()[name] for name in names}
        assert numbers == sorted(numbers)
    assert list(dict.fromkeys(name for names in named for name in names)) == [
        name for text in references for name in NAMES if sources()[name] == text
    ]


def test_by_hand():
    texts = ["Later [@harrell1996].", "Both [@brier1950; @harrell1996], and [3] of somebody.", "None."]
    shown, references = numbered(texts)
    assert shown == ["Later [1].", "Both [1, 2], and [3] of somebody.", "None."]
    assert [text.split(" ")[0] for text in references] == ["Harrell", "Brier"]


def test_a_mark_that_came_with_somebody_s_words_stays_as_it_is():
    assert numbered(["Ask [@nobody2099] or [@brier1950; @nobody2099]."]) == (
        ["Ask [@nobody2099] or [@brier1950; @nobody2099]."],
        [],
    )


def test_entries_are_whole_different_and_named_by_their_year():
    assert len(set(sources().values())) == len(sources())
    for name, text in sources().items():
        year = re.search(r"\d{4}", name)[0]
        assert re.search(rf"\b{year}\b", text), name
        assert text.endswith("."), name
        assert text == " ".join(text.split()), name
        assert re.search(r"\d+[:;]\S*\d|chapter|section|Wiley \d{4}|LNCS|ACM|bmj|BMJ", text), name


def test_every_entry_is_cited_somewhere_and_every_mark_has_one():
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "riskml" / "reporting").glob("*.py"))
    cited = set(re.findall(r"@(\w+\d{4}\w*)", code)) | set(re.findall(r'"(\w+\d{4}\w*)"', code))
    assert cited == set(sources())
