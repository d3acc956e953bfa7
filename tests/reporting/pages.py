"""What every page of ours must be, as a browser gets it: whole, offline, its headings, tables and drawings named."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise


class Page(HTMLParser):
    """Tags in order, ids, and the open elements that were never closed."""

    VOID = ("meta", "br", "path", "use")

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.text, self.labels = [], [], [], False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
            self.labels = "aria-hidden" in dict(attrs)  # the name of a column, repeated for phones

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        if self.open and self.open[-1] != "style" and not self.labels:
            self.text.append(data)

    def all(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


def checked(html):
    """The page, once it is whole and offline, its ids are unique, and every table and drawing says what it is."""
    page = Page(html)
    assert page.open == []
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    linked = [attrs["href"][1:] for attrs in page.all("a")]
    assert {*linked, *(a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a)} <= set(ids)
    assert not page.all("script", "link", "img", "iframe", "object", "base", "form")
    assert not re.search(r"https?:|url\((?!#)|@import|\son\w+=|src=", html)
    assert all(attrs["href"].startswith("#") for attrs in page.all("a", "use"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all("aria-hidden" in a or (a["role"] == "img" and a["aria-labelledby"]) for a in page.all("svg"))
    return page


def words_of(page):
    """The text a reader sees, spaces as plain ones."""
    return re.sub(r"\s+", " ", " ".join(page.text))


def small_counts(page):
    """Counts of 1 to 4 patients, rows, courses or events in the text; titles, limits and rules count nobody."""
    return re.findall(r"(?<![\d.,<])[1-4] (?:patients?|rows?|courses?|events?)\b", words_of(page))


def sources_of(html):
    """The references of a page, once each is cited, in the order of first use, and none is cited that is not listed."""
    before, after = html.split("<h3>References</h3>")
    listed = re.findall(r"<li>(.*?)</li>", after[: after.index("</ol>")], re.DOTALL)
    marks = re.findall(r"\[(\d+(?:, ?\d+)*)\]", before.replace("\N{NO-BREAK SPACE}", " "))
    cited = [int(number) for mark in marks for number in mark.split(",")]
    assert list(dict.fromkeys(cited)) == list(range(1, len(listed) + 1))
    return listed
