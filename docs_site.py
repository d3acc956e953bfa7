"""What the site is made of beside ``docs/*.md``, generated when mkdocs builds it, so that it cannot go stale.

- the start page is README.md, the changelog CHANGELOG.md, a page each notebook;
- ``<!-- site: NAME -->`` in a page stands for a table of ``features/*.toml`` or the help of the commands;
- what stands behind the language of a code block (a file's name, why it is not run) becomes its title.
"""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from riskml.cli.main import COMMANDS, build_parser
from riskml.runtime.dictionary import Variable, load_dictionary

ROOT = Path(__file__).resolve().parent
_MARK = re.compile(r"^<!-- site: (\w+) -->$", re.MULTILINE)
_ROLE = re.compile(r":(?:func|class|meth|mod|math):(?=<code)")
_FENCE = re.compile(r"^```(\w+)[ \t]+([^\n]+)$", re.MULTILINE)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of other files."""
    made = {
        "index.md": as_page((ROOT / "README.md").read_text(encoding="utf-8")),
        "changelog.md": as_page((ROOT / "CHANGELOG.md").read_text(encoding="utf-8")),
        "LICENSE.txt": (ROOT / "LICENSE").read_text(encoding="utf-8"),
    }
    for notebook in sorted((ROOT / "notebooks").glob("*.py")):
        made[f"notebooks/{notebook.stem}.md"] = as_markdown(notebook.read_text(encoding="utf-8"))
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fill in what is made of the dictionary and the commands, and give code blocks their titles."""
    filled = _MARK.sub(lambda mark: TABLES[mark[1]](), markdown)
    # On the site the licence is a file of its own; in the repository it stands a folder higher.
    return _FENCE.sub(_titled, filled.replace("](../LICENSE)", "](LICENSE.txt)"))


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name other things as Sphinx does; here the name alone stands."""
    return _ROLE.sub("", html)


def as_page(text: str) -> str:
    """A file of the repository's root as a page: its links lead from docs/ on."""
    return (
        text.replace("](docs/", "](")
        .replace("](CHANGELOG.md)", "](changelog.md)")
        .replace("](LICENSE)", "](LICENSE.txt)")
    )


def as_markdown(notebook: str) -> str:
    """A py:percent notebook as a page: text as text, code as code blocks."""
    parts = []
    for cell in re.split(r"^# %%", notebook, flags=re.MULTILINE)[1:]:
        kind, _, body = cell.partition("\n")
        if "[markdown]" in kind:
            text = re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE)
            text = re.sub(r"\((\d\d_\w+)\.py\)", r"(\1.md)", text)
            parts.append(re.sub(r"`docs/(\w+)\.md`", r"[\1](../\1.md)", text))
        else:
            parts.append(f"```python\n{body.strip()}\n```")
    return "\n\n".join(parts) + "\n"


def _titled(fence: re.Match[str]) -> str:
    language, info = fence[1], fence[2].strip()
    if info.startswith("no-test:"):
        info = f"shown, not run by the tests:{info.removeprefix('no-test:')}"
    elif info.startswith("append="):
        info = f"add to {info.removeprefix('append=')}"
    return f'```{language} title="{info}"'


def commands() -> str:
    """The help of every command."""
    shown = []
    for name in COMMANDS:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            build_parser(name).parse_args([name, "--help"])
        shown.append(f"## riskml {name}\n\n```text\n{said.getvalue()}```")
    return "\n\n".join(shown)


def outcomes() -> str:
    """What each outcome counts."""
    rows = [
        (f"{table['label']}<br>`{name}`", table["definition"]) for name, table in _tables("outcomes", "outcome").items()
    ]
    return _table(("outcome", "definition"), rows)


def variables() -> str:
    """Names, units and from when each variable is known."""
    chosen = [v for v in load_dictionary().variables.values() if not v.lesion]
    rows = [(f"{v.label}<br>`{v.name}`", _unit(v), v.known.replace("_", " ")) for v in chosen]
    return _table(("variable", "unit or kind", "known from"), rows)


def lesions() -> str:
    """Names of lesions and how the karyotype writes them."""
    rows = [(f"{t['label']}<br>`{name}`", t.get("iscn", "")) for name, t in _tables("lesions", "lesion").items()]
    return _table(("lesion", "as a karyotype writes it"), rows)


def schemes() -> str:
    """Levels of each scheme and where it comes from."""
    rows = []
    for name, table in _tables("schemes", "scheme").items():
        levels = [f"{level}: {', '.join(lists['any'])}" for level, lists in table["level"].items()]
        rows.append((f"`{name}`", "; ".join([*levels, f"otherwise {table['otherwise']}"]), table["source"]))
    return _table(("name", "levels", "source"), rows)


TABLES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "lesions": lesions,
    "outcomes": outcomes,
    "schemes": schemes,
    "variables": variables,
}


def _unit(variable: Variable) -> str:
    if variable.kind in {"number", "integer"}:
        return variable.quantity.display.replace("10*9", "10^9") or "a number"
    return "yes, no or unknown" if variable.kind == "tristate" else variable.kind.replace("_", " ")


def _tables(file: str, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "features" / f"{file}.toml").read_text(encoding="utf-8"))[kind]
    return found


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def lines() -> Iterator[str]:
        yield f"| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        for row in rows:
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"

    return "\n".join(lines())
