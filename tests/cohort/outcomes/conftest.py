"""A cohort from a few lines of csv."""

from __future__ import annotations

import pytest

from riskml.cohort.cohort import read_cohort


@pytest.fixture
def cohort(tmp_path):
    def from_lines(*lines):
        path = tmp_path / "cohort.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_cohort(path)

    return from_lines
