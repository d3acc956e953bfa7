"""Shared fixtures: where the real cohorts are, and how the command line is run as a process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data_file() -> Callable[[str], Path]:
    """Path of a table under ``$RISKML_DATA`` or ``../shared/data``; skips where it is absent."""
    folder = Path(os.environ.get("RISKML_DATA", ROOT.parent / "shared" / "data"))

    def find(relative: str) -> Path:
        path = folder / relative
        if not path.is_file():
            pytest.skip(f"needs {relative} under $RISKML_DATA or ../shared/data, which is not part of this repository")
        return path

    return find
