"""What tests of pages share: their elements, and headless Chromium (one page in, its document out)."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from riskml.serving import calculator

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian package chromium)")
# Nothing resolves: a page that asked the network for anything would not get it, and its policy forbids the attempt.
_FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND")


class Elements(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def document(page: str, folder: Path, *flags: str) -> str:
    """The page's document after its scripts have run."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    profile = folder / "profile"
    command = [str(CHROMIUM), *_FLAGS, *flags, f"--user-data-dir={profile}", "--dump-dom", file.as_uri()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True)
    return done.stdout


def written(page: str, folder: Path, *flags: str) -> Any:
    """What a script of the page wrote as JSON into the element ``out``."""
    found = re.search(r'<pre id="out">(.*?)</pre>', document(page, folder, *flags), re.DOTALL)
    assert found, "the script wrote nothing"
    return json.loads(html.unescape(found[1]))


def engine(driver: str, asked: Any, folder: Path) -> Any:
    """What a driver script makes of ``asked`` with the calculator's own functions: its constant ``out``."""
    lines = (
        'const asked = JSON.parse(document.getElementById("asked").textContent);',
        driver,
        'const place = document.createElement("pre");',
        'place.id = "out";',
        "place.textContent = JSON.stringify(out);",
        "document.body.append(place);",
    )
    code = calculator.script(*calculator.ENGINE).removesuffix("})();\n") + "\n".join(lines) + "})();\n"
    page = (
        f'<!DOCTYPE html><meta charset="utf-8"><script type="application/json" id="asked">{calculator.embedded(asked)}'
        f"</script><body><script>{code}</script>"
    )
    return written(page, folder)


def same(got: Any, want: Any, place: str = "") -> None:
    """Equal in every key, word and place; numbers to 1e-9, and the error of a sum as small."""
    if isinstance(want, dict):
        assert list(got) == list(want), place
        for key in want:
            same(got[key], want[key], f"{place}/{key}")
    elif isinstance(want, (list, tuple)):
        assert len(got) == len(want), place
        for k, (one, other) in enumerate(zip(got, want, strict=True)):
            same(one, other, f"{place}/{k}")
    elif isinstance(want, (int, float)) and not isinstance(want, bool):
        tolerance = 1e-8 if place.endswith("sum_error") else 1e-9
        assert abs(got - want) <= max(tolerance, 1e-9 * abs(want)), f"{place}: {got!r} is not {want!r}"
    else:
        assert got == want, place
