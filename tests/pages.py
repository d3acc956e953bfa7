"""Code blocks of the README and the docs, and how they are run: in this process, one folder for each page.

What stands behind the language of a block says more than its colour:
  ```json patient.json            the file of that name, written before what follows
  ```toml append=recipe.toml      added to the end of that file
  ```sh no-test: reason           shown and not run
A line of a ``sh`` block may end in ``# exit code 3``; a ``text`` block right behind one is what the commands print.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

from riskml.cli.main import main
from tests.repository import ROOT

_FENCE = re.compile(r"^```(\w*)(?:[ \t]+([^\n]*))?\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    page: str
    line: int
    language: str
    info: str
    code: str
    behind: bool  # nothing stands between it and the block before

    @property
    def untested(self):
        """Why it is not run; empty where it is."""
        return self.info.removeprefix("no-test:").strip() if self.info.startswith("no-test") else ""

    def __str__(self):
        return f"{self.page}, line {self.line}"


def blocks_of(page):
    text = (ROOT / ("README.md" if page == "README.md" else f"docs/{page}")).read_text(encoding="utf-8")
    blocks, end = [], 0
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        behind = bool(blocks) and not text[end : found.start()].strip()
        blocks.append(Block(page, line, found[1], found[2] or "", found[3], behind))
        end = found.end()
    return blocks


class Page:
    """Runs the blocks of a page in order, in the current folder; ``ask`` answers what curl would ask a service."""

    def __init__(self, ask):
        self.ask = ask
        self.names = {"__name__": "__main__"}
        self.printed = None

    def run(self, block):
        printed, self.printed = self.printed, None
        if block.untested:
            return
        if block.language == "text" and block.behind and printed is not None:
            assert block.code == printed, block
        elif block.info.startswith("append="):
            path = Path(block.info.removeprefix("append="))
            path.write_text(path.read_text(encoding="utf-8") + "\n" + block.code, encoding="utf-8")
        elif block.info:
            Path(block.info).write_text(block.code, encoding="utf-8")
        elif block.language == "sh":
            self.printed = self._commands(block)
        elif block.language == "python":
            with redirect_stdout(io.StringIO()):
                exec(compile(block.code, str(block), "exec"), self.names)

    def _commands(self, block):
        out, err = io.StringIO(), io.StringIO()
        for line in block.code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if not words:
                continue
            wanted = re.search(r"# .*\bexit code (\d)", line)
            with redirect_stdout(out), redirect_stderr(err):
                code = self._command(words)
            assert code == (int(wanted[1]) if wanted else 0), f"{block}: {line}\n{err.getvalue()}"
        return out.getvalue()

    def _command(self, words):
        if words[0] == "riskml":
            try:
                return main(words[1:])
            except SystemExit as ended:  # argparse
                return ended.code
        if words[0] == "curl":
            return self.ask(words[1:])
        return subprocess.run(words, check=False, env=os.environ | {"PATH": os.environ.get("PATH", "")}).returncode
