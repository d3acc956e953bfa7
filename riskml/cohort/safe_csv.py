"""Text cells that a spreadsheet would run as formulas, disarmed before riskml writes a csv."""

from __future__ import annotations

import pandas as pd

_FORMULA = r"^[=+\-@\t\r]"
# Numbers, lists of them ("+4,+10") and a lone sign call nothing.
_HARMLESS = r"^[+-][0-9.,+\- ]*(?:[eE][+-]?[0-9]+)?$"


def disarm(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy in which no text begins as a formula does, unless it holds numbers and signs alone.

    Such a text gets an apostrophe in front, which spreadsheets show as text and do not run
    (OWASP, "CSV Injection"). Header cells are treated alike; numbers keep their sign.

    Examples
    --------
    >>> disarm(pd.DataFrame({"id": ["=1+1", "-3", "A"]}))["id"].tolist()
    ["'=1+1", '-3', 'A']
    """
    safe = frame.copy()
    for column in safe.select_dtypes(["object", "string", "category"]):
        texts = safe[column].astype("str").where(safe[column].notna())
        armed = texts.str.match(_FORMULA, na=False) & ~texts.str.match(_HARMLESS, na=False)
        if armed.any():
            safe[column] = safe[column].astype(object).where(~armed, "'" + texts)
    names = {name: f"'{name}" for name in safe.columns if str(name).startswith(tuple("=+-@\t\r"))}
    return safe.rename(columns=names)
