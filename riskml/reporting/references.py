"""Sources by a short name, and texts whose ``[@name]`` marks become numbers in the order of first use.

A source stands in a page's list only if a sentence of that page cites it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache

from riskml.resources import folder

_MARK = re.compile(r"\[(@\w+(?:; @\w+)*)\]")


@lru_cache(maxsize=1)
def sources() -> Mapping[str, str]:
    """Every source of ``features/references.toml`` by its name, first author and year."""
    with (folder("features") / "references.toml").open("rb") as file:
        return {str(name): str(text) for name, text in tomllib.load(file).items()}


def numbered(texts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Texts with numbers in place of their marks, and the sources in the order of those numbers.

    Parameters
    ----------
    texts : sequence of str
        With marks such as ``[@efron1977]`` or ``[@delong1988; @qin2008]``. A mark of a source that is not known stays
        as it is: it came with a bundle's own words.

    Returns
    -------
    texts, references : list of str

    Examples
    --------
    >>> numbered(["One [@brier1950].", "Both [@good1952; @brier1950]."])[0]
    ['One [1].', 'Both [1, 2].']
    """
    numbers: dict[str, int] = {}
    known = sources()

    def number(mark: re.Match[str]) -> str:
        names = [name[1:] for name in mark[1].split("; ")]
        if any(name not in known for name in names):
            return mark[0]
        found = sorted({numbers.setdefault(name, len(numbers) + 1) for name in names})
        return f"[{', '.join(map(str, found))}]"

    return [_MARK.sub(number, text) for text in texts], [known[name] for name in numbers]
