"""A page as a PDF by WeasyPrint, an optional extra: the same file, printed, with nothing fetched from anywhere."""

from __future__ import annotations

import importlib
import logging
from pathlib import Path
from typing import Any

from riskml.errors import UsageError
from riskml.runtime.files import write_whole

REMEDY = "pip install '.[pdf]' in riskml's checkout brings it, or print the .html from a browser"


def check_printer() -> None:
    """Refuse before the work where WeasyPrint is not here or cannot run.

    Raises
    ------
    UsageError
        With what to do instead.
    """
    _weasyprint()


def write_pdf(page: str | Path, target: str | Path) -> Path:
    """Print a page of this package.

    Parameters
    ----------
    page : str or Path
        An HTML file that needs no other.
    target : str or Path
        The PDF file. Fonts are embedded, headings are its bookmarks, and each sheet has its number.

    Returns
    -------
    Path
        Where the PDF is.

    Raises
    ------
    UsageError
        If WeasyPrint is not installed or cannot find the libraries it draws with, if the page asks for something
        outside itself, or if a file cannot be read or written.
    """
    weasyprint = _weasyprint()
    try:
        html = Path(page).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot read {str(page)!r}: {error.strerror}") from None
    # What stands in the page itself may be read, and nothing else: no network, no file.
    alone = weasyprint.urls.URLFetcher(allowed_protocols=("data",), fail_on_errors=True)
    try:
        content = weasyprint.HTML(string=html, url_fetcher=alone).write_pdf()
    except weasyprint.urls.FatalURLFetchingError as error:
        raise UsageError(f"only a page that needs no other file can be printed. {error}") from None
    assert isinstance(content, bytes)
    return write_whole(target, content)


def _weasyprint() -> Any:
    try:
        found = importlib.import_module("weasyprint")
    except ImportError:
        raise UsageError(f"a PDF needs WeasyPrint, which is not installed: {REMEDY}") from None
    except OSError as error:  # Pango and its like are libraries of the system
        raise UsageError(f"WeasyPrint cannot draw text here ({error}): install Pango, or print the .html") from None
    # It remarks on each rule meant for screens or for drawings.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    return found
