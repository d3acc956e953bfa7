"""Commands to be killed without warning, started in milliseconds: forks of a process that has imported everything."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from pathlib import Path

import pytest

from riskml.cli.main import main

needs_kill = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL and fork")
_LOADED = ["pytest", "pandas", "pyarrow.csv", "riskml.cli.score", "riskml.cohort.score_file", "riskml.serving.server"]


def _run(words, log, place):
    with log.open("a", encoding="utf-8") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    os.chdir(place)
    raise SystemExit(main(words))


def _run_to_the_move(words, log, place):
    """As ``_run``, and killed when all is written and nothing yet moved to its name."""
    Path.replace = lambda *_: os.kill(os.getpid(), 9)
    _run(words, log, place)


@contextlib.contextmanager
def started(*words, place, to_the_move=False):
    """A process of ``riskml`` in a folder, with its output in a file beside that folder; killed in the end."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_LOADED)
    log = place.with_name(f"{place.name}.log")
    process = context.Process(target=_run_to_the_move if to_the_move else _run, args=([*map(str, words)], log, place))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(30)
        process.close()
