"""The items of TRIPOD+AI, and how far what a run knows fills them; the texts are made in :mod:`riskml.reporting`.

Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement. BMJ 2024;385:e078378. The items stand in
``features/tripod_ai.toml``; what needs a person's judgement is never marked as done.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from string import Formatter
from typing import Any

from riskml.resources import folder

FILLED, PARTLY, AUTHOR, NOT_HERE = "filled", "partly", "for the author", "not part of this study"
# The two kinds of study, by the key of their texts.
DEVELOPMENT, VALIDATION = "text", "validation"
_BY = {"software": FILLED, "partly": PARTLY, "author": AUTHOR}
# Facts that only an evaluation has, and those of its parts.
_JUDGED = frozenset({"performance", "resampling", "folds", "measures", "utility"})
_CENTRES = frozenset({"centres", "n_centres"})
_SUBGROUPS = frozenset({"subgroups", "subgroup_results"})
_UPDATE = frozenset({"update", "update_results"})


@lru_cache(maxsize=1)
def items() -> tuple[Mapping[str, str], ...]:
    """The 52 sub-items, each with ``id``, ``applies``, ``section``, ``asks``, ``by`` and its texts."""
    with (folder("features") / "tripod_ai.toml").open("rb") as file:
        return tuple(tomllib.load(file)["item"])


def unknown_facts(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Names of the facts that a training does not know, by its manifest."""
    training, evaluation = manifest["training"], manifest["evaluation"] or {}
    mix, step = training.get("case_mix"), (manifest.get("lineage") or [{}])[-1]
    lacking = {
        _JUDGED: not evaluation,
        _CENTRES: not evaluation.get("centres"),
        _SUBGROUPS: not evaluation.get("subgroups"),
        _UPDATE: "why" not in step,
        frozenset({"case_mix"}): not mix,
        # A binary outcome is judged at its assessment and has no follow-up.
        frozenset({"follow_up"}): manifest["kind"] != "binary" and not (mix or {}).get("follow_up_months"),
    }
    return frozenset().union(*(names for names, lacks in lacking.items() if lacks))


def status_of(item: Mapping[str, str], unknown: AbstractSet[str], study: str = DEVELOPMENT) -> str:
    """How far one item is filled in a study of which ``unknown`` facts are not known.

    It is ``filled`` only where software can say all that is asked and knows it, ``partly`` where the author has to add
    something, else ``for the author``; what is asked of another kind of study, or of an update that there was not, is
    ``not part of this study``.
    """
    if item["by"] == "author":
        return AUTHOR
    if study not in item:
        return NOT_HERE if item["applies"] in ("D", "E") else AUTHOR
    if facts_in(item[study]) & unknown:
        return NOT_HERE if item["applies"] == "E" else AUTHOR
    return PARTLY if f"{study}_ask" in item else _BY[item["by"]]


def facts_in(template: str) -> frozenset[str]:
    """Names of the facts that a text asks for."""
    return frozenset(name for _, name, _, _ in Formatter().parse(template) if name)


def completion(manifest: Mapping[str, Any]) -> dict[str, int]:
    """How many sub-items are ``filled``, ``partly`` filled, left to the ``author``, or ``not_here``, for the card."""
    unknown = unknown_facts(manifest)
    counted = Counter(status_of(item, unknown) for item in items())
    keys = {"filled": FILLED, "partly": PARTLY, "author": AUTHOR, "not_here": NOT_HERE}
    return {key: counted[status] for key, status in keys.items()}
