"""The file of published comparisons, ready to be tested: counts from where they stand, tests by their names."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np

from riskml.resources import folder
from riskml.training.describe.group_tests import fisher, likelihood_ratio, pearson
from tests.repository import ROOT

GOLDEN = tomllib.loads((ROOT / "tests" / "golden" / "published_counts.toml").read_text(encoding="utf-8"))
COMPARISONS = GOLDEN["comparison"]
TESTS = {"fisher": fisher, "pearson": pearson, "likelihood_ratio": likelihood_ratio}
_EFFECTS = {
    effect["id"]: effect["derivation"]
    for effect in tomllib.loads((folder("features") / "evidence.toml").read_text(encoding="utf-8"))["effect"]
}


def counts_of(comparison: dict[str, Any]) -> np.ndarray:
    """The table of a comparison, grades joined where it says so."""
    if "effect" in comparison:
        made = _EFFECTS[comparison["effect"]]
        return np.array([made["with"], made["without"]])
    table = np.array(comparison["counts"])
    groups = comparison.get("collapse")
    return table if groups is None else np.column_stack([table[:, group].sum(axis=1) for group in groups])


def as_printed(p_value: float, printed: str) -> str:
    """A P value with as many decimals as the paper prints."""
    return f"{p_value:.{len(printed.partition('.')[2])}f}"
