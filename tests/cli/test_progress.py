"""Progress: a bar where somebody watches, lines where nobody does."""

from __future__ import annotations

import io

import pytest

from riskml.cli.progress import Bar, progress_on, say
from riskml.training.tasks import steps


def test_progress_goes_to_standard_error(capsys):
    say("fitting")
    assert capsys.readouterr() == ("", "fitting\n")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_gets_lines_and_no_bar():
    said, stream = [], io.StringIO()
    with progress_on(stream, said.append) as progress:
        progress("fitting")
        steps(progress, "folds")(3, 10)
    assert said == ["fitting", "folds: 3 of 10 were finished before"]
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar_that_goes_when_all_is_done(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with progress_on(stream, lambda _: pytest.fail("not by lines")) as progress:
        assert isinstance(progress, Bar)
        progress("mine [bold]: fitting")
        tell = steps(progress, "folds")
        for done in range(4):
            tell(done, 3)
        assert progress._bar is None
        tell = steps(progress, "refits")
        tell(0, 2)
        assert progress._bar is not None
    assert progress._bar is None, "closed whatever happened"
    shown = stream.getvalue()
    assert "mine [bold]: fitting" in shown, "names are not markup"
    assert "folds" in shown
    assert "3/3" in shown
    assert "\x1b[?25h" in shown, "the cursor is back"


def test_an_interruption_closes_the_bar():
    stream = Terminal()

    def interrupted():
        with progress_on(stream, print) as progress:
            progress.advance("folds", 1, 5)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    before = len(stream.getvalue())
    assert len(stream.getvalue()) == before
