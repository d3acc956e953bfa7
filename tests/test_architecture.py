"""The layout is a test, not a promise: import order, sizes, a test for every module, a clean lock, no leaks."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository import ROOT, repository_files

WINGS = ["record", "errors", "resources", "runtime", "cohort", "training", "reporting", "serving", "cli"]
EMBEDDED = WINGS[: WINGS.index("runtime") + 1]
MODULES = sorted((ROOT / "riskml").rglob("*.py"))
each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())

LONGEST_MODULE = 500
LONGEST_BODY = 60


def wing_of(path: Path) -> str:
    """The wing a module belongs to; ``__init__`` and ``__main__`` for the two doors of the whole package."""
    return path.relative_to(ROOT / "riskml").parts[0].removesuffix(".py")


def imported(node: ast.AST, package: list[str]) -> list[str]:
    """Absolute dotted names one import statement asks for; ``package`` is where it stands."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = package[: len(package) - node.level + 1] if node.level else []
    return [".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names]


def package_of(path: Path) -> list[str]:
    return list(path.relative_to(ROOT).parent.parts)


def run_on_import(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement that runs when the module is loaded: no function bodies, nothing meant for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            continue
        yield child
        yield from run_on_import(child)


def upward_imports(source: str, wing: str, package: list[str]) -> list[str]:
    """Names of riskml that lie above ``wing``; the front door counts as the highest, for it opens onto everything."""
    ours = [
        name.split(".")[1] if "." in name else ""
        for node in ast.walk(ast.parse(source))
        for name in imported(node, package)
        if name.split(".")[0] == "riskml"
    ]
    order = {name: height for height, name in enumerate(WINGS)}
    # riskml.__version__ and its like cost nothing: loading a wing has run the front door's own few lines already.
    return [name for name in ours if not name.startswith("__") and order.get(name, len(WINGS) - 1) > order[wing]]


@each_module
def test_wings_import_downwards_only(path):
    wing = wing_of(path)
    if wing in {"__init__", "__main__"}:
        pytest.skip("the doors of the package open onto every wing")
    assert wing in WINGS, f"{wing} is no wing of docs/architecture.md"
    assert upward_imports(path.read_text(encoding="utf-8"), wing, package_of(path)) == []


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("import riskml.training.train", ["training"]),
        ("from riskml.cli import main", ["cli"]),
        ("from riskml import reporting, errors", ["reporting"]),
        ("from riskml import train", ["train"]),
        ("from riskml import __version__", []),
        ("import riskml", [""]),
        ("from ..training import recipe", ["training"]),
        ("from .. import cohort, cli", ["cli"]),
        ("from . import read", []),
        ("def f():\n    from riskml.serving import http", ["serving"]),
        ("from riskml.runtime.model import Model\nimport training", []),
    ],
)
def test_the_import_rule_sees_every_way_to_write_an_import(statement, found):
    assert upward_imports(statement, "cohort", ["riskml", "cohort"]) == found


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if wing_of(path) in EMBEDDED],
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_what_others_embed_loads_the_standard_library_alone(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loaded = {name.split(".")[0] for node in run_on_import(tree) for name in imported(node, package_of(path))}
    asked = {name.split(".")[0] for node in ast.walk(tree) for name in imported(node, package_of(path))}
    own = sys.stdlib_module_names | {"_sha256", "_sha2"}  # the interpreter's, before and from 3.12 on
    assert loaded - own - {"riskml"} == set()
    assert asked - own - {"riskml", "numpy"} == set(), "only numpy may be imported inside a function"


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("import numpy", True),
        ("class A:\n    import numpy", True),
        ("try:\n    import numpy\nexcept ImportError:\n    pass", True),
        ("def f():\n    import numpy", False),
        ("if TYPE_CHECKING:\n    import numpy", False),
    ],
)
def test_what_runs_on_import_is_told_apart(source, runs):
    assert any(isinstance(node, ast.Import) for node in run_on_import(ast.parse(source))) is runs


@each_module
def test_every_module_has_its_test_file(path):
    if path.name in {"__init__.py", "__main__.py"}:
        pytest.skip("holds no code of its own name")
    expected = ROOT / "tests" / path.relative_to(ROOT / "riskml").with_name(f"test_{path.name}")
    assert expected.is_file(), f"{expected.relative_to(ROOT).as_posix()} is missing"


@each_module
def test_modules_and_functions_stay_short(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= LONGEST_BODY, f"{node.name}, line {node.lineno}: {lines} lines"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-oldest.lock"])
def test_the_lock_pins_every_package_by_hash_and_names_no_host(name):
    lock = (ROOT / name).read_text(encoding="utf-8")
    entries = re.findall(r"^(\S+)==\S+(.*(?:\n[ \t]+.*)*)", lock, flags=re.MULTILINE)
    packages = [name for name, _ in entries]
    starts = [line for line in lock.splitlines() if line and not line.startswith((" ", "\t", "#"))]
    assert len(starts) == len(entries) > 20, "every line begins a pinned package or continues one"
    assert [name for name, rest in entries if "--hash=sha256:" not in rest] == []
    assert "://" not in lock
    assert "nvidia" not in lock
    assert "xgboost-cpu" in packages
    assert "xgboost" not in packages


def test_no_file_names_a_package_registry_or_a_build_machine():
    # Bracketed letters keep this file from finding itself.
    registries = r"py[p]i\.org|python[h]osted|ana[c]onda\.org|np[m]js|deb[i]an\.org|arti[f]actory|jf[r]og"
    machines = r"(?<![\w.}-])/(?:work|farm|root|tmp|home|Users|opt/py[p]i|opt/wheels)/"
    leak = re.compile(f"{registries}|{machines}")
    found = []
    for path in repository_files():
        content = path.read_bytes()
        if b"\0" not in content:
            text = content.decode("utf-8", errors="replace")
            found += [f"{path.relative_to(ROOT).as_posix()}: {match.group()}" for match in leak.finditer(text)]
    assert found == []
