"""Small cohorts written as columns, for the tests of the checks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from riskml.cohort.cohort import Cohort
from riskml.runtime.dictionary import load_dictionary

DICTIONARY = load_dictionary()


def cohort(below=None, written=None, **columns):
    """A cohort of these columns in canonical units; rows stand in spreadsheet rows 2, 3, ..."""
    frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
    texts = [name for name in frame if DICTIONARY[name].kind in ("category", "identifier")]
    dates = [name for name in frame if DICTIONARY[name].kind == "date"]
    kinds = dict.fromkeys(texts, object) | dict.fromkeys(dates, "datetime64[s]")
    frame = frame.astype({name: kinds.get(name, np.float64) for name in frame})
    flags = pd.DataFrame(
        {name: False for name in frame if DICTIONARY[name].left_censored}, index=frame.index, dtype=bool
    )
    for name, mask in (below or {}).items():
        flags[name] = mask
    rows = np.arange(2, len(frame) + 2)
    return Cohort(frame, flags, rows, synthetic=False, name="c.csv", sha256="0" * 64, written=written or {})


def told(findings):
    """What findings say, without their words: code, level, rows."""
    return [(finding.code, finding.level, finding.rows) for finding in findings]
