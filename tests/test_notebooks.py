"""The notebooks run from top to bottom as they stand, say what they promise, and no figure of theirs is empty."""

from __future__ import annotations

import re
import runpy
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest

from riskml.training import measures
from riskml.training.judge import utility
from tests.repository import ROOT

FOLDER = ROOT / "notebooks"
# Figures each shows, and what the text must hold for its story to be true.
SHOWN = {
    "01_messy_spreadsheet": (1, ["# ASK is it", "row 22, column age (mons)", "row 14, column MRD KM", "centre_scale"]),
    "02_three_models": (2, ["51 patients, 9 with the event", "ph_positive: published", "SYNTHETIC"]),
    "03_explain": (3, ["not known: cd19, cd3", "not what changing this one would do"]),
    "04_another_hospital": (1, ["risks are too low", "intercept: open", "refit: shut", "version 1.1"]),
    "05_published_tables": (
        3,
        ["Fisher's exact test 0.00231", "<- differs", "fitted to the counts that one paper prints"],
    ),
    "06_real_cohort": (2, ["667 patients", "event-free 60 months after day 29"]),
    "07_service": (2, ["not for: decisions", "the nearest known name is 'mrd'", "warning: synthetic"]),
}
pytestmark = pytest.mark.slow


def looked_at():
    """Every open figure, drawn: each of its axes holds data and is not of one colour; then all are closed."""
    for number in plt.get_fignums():
        figure = plt.figure(number)
        figure.canvas.draw()
        picture = np.asarray(figure.canvas.buffer_rgba())[..., :3]
        for axes in figure.axes:
            left, bottom, right, top = (int(edge) for edge in axes.get_window_extent().extents)
            inside = picture[len(picture) - top + 2 : len(picture) - bottom - 2, left + 2 : right - 2].reshape(-1, 3)
            assert axes.has_data()
            assert (inside != inside[0]).any(axis=1).mean() > 1e-3, "an empty figure"
            assert axes.get_xlabel() or axes.get_title() or figure.axes[-1].get_xlabel(), "a figure without words"
    found = len(plt.get_fignums())
    plt.close("all")
    return found


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run a notebook in a folder of its own; gives the number of figures shown and all that was printed."""
    figures = []
    plt.switch_backend("Agg")
    monkeypatch.setattr(plt, "show", lambda: figures.append(looked_at()))
    monkeypatch.chdir(tmp_path)
    # Intervals of 100 bootstrap samples instead of 1000: most of the time goes into them.
    monkeypatch.setattr(measures, "N_BOOT", 100)
    monkeypatch.setattr(utility, "N_BOOT", 50)

    def run(name):
        runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        assert not plt.get_fignums(), "a figure that was made and not shown"
        return sum(figures), capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", SHOWN)
def test_it_runs_as_it_stands(run, name, request, monkeypatch):
    if name == "06_real_cohort":
        table = request.getfixturevalue("data_file")("target_aall0232/aall0232.csv")
        monkeypatch.setenv("RISKML_DATA", str(table.parents[1]))
    if name == "07_service":
        pytest.importorskip("uvicorn", reason="needs the extra serve")
    figures, text = run(name)
    count, parts = SHOWN[name]
    assert figures == count
    assert [part for part in parts if part not in text] == []


def test_without_the_real_data_it_says_so_and_ends(run, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("RISKML_DATA", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        run("06_real_cohort")
    assert ended.value.code is None
    assert "needs target_aall0232/aall0232.csv under $RISKML_DATA" in capsys.readouterr().out


def test_they_are_numbered_short_and_lead_to_the_next():
    files = sorted(FOLDER.glob("*.py"))
    assert [file.stem for file in files] == list(SHOWN)
    for number, file in enumerate(files, start=1):
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# %% [markdown]\n# # {number}. ")
        assert 60 <= len(text.splitlines()) <= 160
        assert set(re.findall(r"\((\w+)\.py\)", text)) <= SHOWN.keys()
        assert set(re.findall(r"`(docs/\w+\.md)`", text)) <= {
            f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")
        }
    for file, after in pairwise(files):
        assert f"({after.name})" in file.read_text(encoding="utf-8")
