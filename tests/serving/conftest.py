"""The application over two shipped models, shared by the tests that change nothing in it."""

from __future__ import annotations

import pytest

from riskml.serving.settings import Settings
from tests.serving.asking import SMALL, TIMED, Asking, folder_of


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("served"), SMALL, TIMED)


@pytest.fixture(scope="module")
def ask(served_folder):
    asking = Asking(served_folder, Settings(rate=0.0))
    yield asking
    asking.close()
