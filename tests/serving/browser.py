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
