"""Shared fixtures: where the real cohorts are, and how the command line is run as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
# Predictions say when a model is past its review: no test may begin to fail on that day.
os.environ["RISKML_TODAY"] = "2026-11-21"
Riskml = Callable[..., "subprocess.CompletedProcess[str]"]

# The same examples everywhere, so that a red run can be repeated; `make test PYTEST_ARGS=--hypothesis-profile=explore`
# looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile("same")


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


@pytest.fixture(scope="session")
def process_environment() -> dict[str, str]:
    """A plain user's environment: nothing of ours that would change what Python imports or how it prints."""
    ours = ("PYTHON", "LC_", "LANG", "COLUMNS", "NO_COLOR")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def run_riskml(process_environment) -> Riskml:
    """Run ``riskml`` with some words in folder ``cwd``; ``env`` adds to the environment, ``stdin`` is piped in."""

    def run(*words, cwd, stdin="", env=None, timeout=120):
        return subprocess.run(
            [sys.executable, "-m", "riskml", *map(str, words)],
            cwd=cwd,
            env=process_environment | (env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def riskml(run_riskml, tmp_path) -> Riskml:
    """``run_riskml`` in the test's own folder."""
    return lambda *words, **settings: run_riskml(*words, **{"cwd": tmp_path, **settings})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say on the last lines what this machine could not show."""
    skipped = [one for one in terminalreporter.stats.get("skipped", ()) if "needs Chromium" in str(one.longrepr)]
    if skipped:
        terminalreporter.write_line(
            f"browser tests skipped: {len(skipped)}, for there is no Chromium here (Debian: chromium)"
        )
