"""The front door: what it promises resolves, and opening it costs nothing."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import riskml

HEAVY = {"numpy", "pandas", "scipy", "sklearn", "sksurv", "xgboost", "shap", "matplotlib", "joblib", "rich", "jinja2"}


def fresh(code: str) -> str:
    """What a new interpreter prints, with only the working directory's riskml."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def type_checking_names() -> dict[str, str]:
    """What the module shows to type checkers: name -> module."""
    tree = ast.parse(Path(riskml.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {a.name: str(n.module) for n in imports for a in n.names if str(n.module).startswith("riskml")}


@pytest.mark.parametrize("name", riskml.__all__)
def test_every_promised_name_resolves_to_where_it_lives(name):
    home = importlib.import_module(type_checking_names()[name])
    assert getattr(riskml, name) is getattr(home, name)
    assert getattr(riskml, name).__doc__


def test_promises_lookup_and_type_hints_name_the_same():
    assert sorted(riskml.__all__) == riskml.__all__
    assert set(riskml.__all__) == set(riskml._WHERE) == set(type_checking_names())
    assert type_checking_names() == riskml._WHERE
    assert set(dir(riskml)) == {*riskml.__all__, "__version__"}
    assert len(riskml.__all__) <= 16, "one screen teaches the package"


def test_star_import_gives_the_same():
    found = fresh("from riskml import *; import riskml; print(all(n in globals() for n in riskml.__all__))")
    assert found == "True"


def test_the_version_is_the_installed_one():
    assert riskml.__version__ == importlib.metadata.version("riskml")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'riskml' has no attribute 'predict_proba'"):
        riskml.predict_proba  # noqa: B018
    assert not hasattr(riskml, "np")


def test_importing_riskml_loads_nothing_else():
    code = "import sys; before = set(sys.modules); import riskml; print(*sorted(set(sys.modules) - before))"
    assert fresh(code).split() == ["__future__", "riskml"]


@pytest.mark.parametrize(
    "use",
    [
        "riskml.RiskmlError",
        "riskml.load_dictionary()",
        "riskml.open_bundle(riskml.shipped('non_response')).predict({'mrd': '0.52 %', 'age': '6 a'})",
        "riskml.open_bundle(riskml.shipped('efs')).predict({}, at=[3, 6]).as_dict()",
    ],
)
def test_the_runtime_names_load_no_heavy_package(use):
    loaded = fresh(f"import sys, riskml; {use}; print(*{{name.split('.')[0] for name in sys.modules}})")
    assert not HEAVY & set(loaded.split())
