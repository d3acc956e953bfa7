"""A table of kinds by groups with its margins, from which no small count can be worked out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskml.training.describe.disclosure import Relation, exact, protected, settled, with_share
from riskml.training.describe.grouping import ALL
from riskml.training.describe.table import Row

BoolArray = NDArray[np.bool_]


def cross(
    label: str,
    kinds: Mapping[str, BoolArray],
    groups: Mapping[str, BoolArray],
    totals: Mapping[str, Sequence[str]] | None = None,
    *,
    internal: bool,
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Rows of a table of kinds by groups, both without overlap and complete, with a last column of all.

    Parameters
    ----------
    label : str
        Heads the lines; its cells are the sizes of the groups.
    kinds, groups : mapping of str to bool array of shape (n_rows,)
    totals : mapping of str to sequence of str, optional
        Further lines, each the sum of some kinds.
    internal : bool
        Show counts of 1 to 4.

    Returns
    -------
    list of Row
        The head, one line for each kind that occurs, and the totals.
    list of dict
        The numbers of those lines in which nothing is hidden.
    """
    inside = [*groups.values(), np.ones(len(next(iter(groups.values()))), dtype=np.bool_)]
    kinds = {name: mask for name, mask in kinds.items() if mask.any()}
    parts = {name: [part for part in of if part in kinds] for name, of in (totals or {}).items()}
    added = {name: np.any([kinds[part] for part in of] or [~inside[-1]], axis=0) for name, of in parts.items()}
    masks = {label: inside[-1], **kinds, **added}
    counts = [[int((mask & member).sum()) for member in inside] for mask in masks.values()]
    width = len(inside)
    at = {name: range(line * width, (line + 1) * width) for line, name in enumerate(masks)}
    sums: list[Relation] = [([at[name][k] for name in kinds], at[label][k]) for k in range(width) if kinds]
    sums += [([at[part][k] for part in of], at[name][k]) for name, of in parts.items() for k in range(width)]
    sums += [(line[:-1], line[-1]) for line in at.values()]
    # Sizes of groups and the column of all stand in other tables too.
    public = {at[label][-1]} | settled(at[label][:-1], counts[0][:-1])
    public |= settled([at[name][-1] for name in kinds], [line[-1] for line in counts[1 : 1 + len(kinds)]])
    flat = protected([n for line in counts for n in line], sums, public, internal=internal)
    whole = [flat[place] for place in at[label]]
    rows = [Row(label, tuple(whole))]
    values: list[dict[str, Any]] = []
    for name, numbers in list(zip(masks, counts, strict=True))[1:]:
        line = [flat[place] for place in at[name]]
        rows.append(Row(name, tuple(with_share(text, n) for text, n in zip(line, whole, strict=True)), 1))
        if all(map(exact, line)):
            values.append({"of": label, "kind": name, "counts": dict(zip((*groups, ALL), numbers, strict=True))})
    return rows, values
