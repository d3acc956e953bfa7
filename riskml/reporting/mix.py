"""The patients a model was made from beside those it now meets: inputs, gaps, risks and how they were measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from riskml.reporting import figures, words
from riskml.reporting.parts import Part, Table, part, safe, sentence
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.shares import percent
from riskml.runtime.small_cells import count

Mix = Mapping[str, Any]
_SIDES = ("here", "there")


def case_mix(mix: Mix, membership: Mix, key: str, dictionary: Dictionary) -> Iterator[Part]:
    """Membership, the inputs side by side, gaps, risks, and the methods of measurement.

    Parameters
    ----------
    mix : mapping
        ``case_mix`` of a validation.
    membership : mapping
        ``membership`` of it.
    key : str
        Prefixes the id of the figure.
    dictionary : Dictionary
        The bundle's own, for labels and units.
    """
    yield _membership(membership, dictionary)
    yield _inputs(mix, key, dictionary)
    yield _gaps(mix)
    yield _risks(mix)
    methods = _methods(mix["methods"], dictionary)
    if methods:
        yield part("How inputs were measured", tables=methods)


def _membership(member: Mix, dictionary: Dictionary) -> Part:
    said = [sentence(member["words"])]
    if member["strongest"]:
        listed = ", ".join(_column(name, dictionary) for name in member["strongest"])
        said.append(f"What tells them apart most: {listed}.")
    said.append(
        f"The c statistic says how well inputs, gaps and outcome tell a patient of here from one of development: at "
        f"0.5 not at all, at 1 always ({member['method']})."
    )
    return part("Are they the same kind of patients?", sentences=said)


def _column(name: str, dictionary: Dictionary) -> str:
    """``"mrd missing"`` -> the label; levels of a category keep their own name behind it."""
    first, _, rest = name.partition(" ")
    label = dictionary[first].label if first in dictionary.variables else words.spoken(first)
    return f"{label} {rest}".strip()


def _inputs(mix: Mix, key: str, dictionary: Dictionary) -> Part:
    rows = [(item["label"], item["standardised_difference"]) for item in mix["inputs"]]
    drawing = figures.contrast(f"{key}-mix", rows, title="Differences in the inputs between here and development")
    caption = (
        "Standardised differences, here less development. Dotted guides at 0.1 (small), dashed at 0.25 (large). Of an "
        "input with more than two levels the size has no direction."
    )
    columns = ["Input", "Here", "Development", "Standardised difference", "Chance alone reaches"]
    body = [line for item in mix["inputs"] for line in _lines(item, dictionary)]
    sizes = f"{count(mix['n_here'])} rows here, {count(mix['n_there'])} at development (from its {mix['source']})."
    text = (
        f"{sizes} Means are of those known; MRD and counts that the model takes as logarithms have geometric means, "
        "with the factor that one standard deviation is."
    )
    return part(
        "Inputs here and at development",
        sentences=[text],
        figures=[(drawing, caption)],
        tables=[("Inputs side by side", columns, body)],
    )


def _lines(item: Mix, dictionary: Dictionary) -> Iterator[list[str]]:
    difference, limit = item["standardised_difference"], item["chance_limit"]
    shown = words.NOT_ESTIMABLE if difference is None else words.signed(difference, 2)
    beyond = difference is not None and limit is not None and abs(difference) > limit
    tail = [f"{shown}{', beyond chance' if beyond else ''}", "–" if limit is None else words.decimal(limit)]
    if "levels" not in item:
        yield [item["label"], *(_number(item, side, dictionary) for side in _SIDES), *tail]
        return
    levels = [level for level in item["levels"] if level["level"] != "absent" or len(item["levels"]) > 2]
    for number, level in enumerate(levels):
        shares = ["not known" if level[side] is None else words.share_of(level[side]) for side in _SIDES]
        yield [f"{item['label']}: {words.spoken(level['level'])}", *shares, *(["", ""] if number else tail)]


def _number(item: Mix, side: str, dictionary: Dictionary) -> str:
    """Mean and spread of a number in the unit in which it is shown."""
    mean, sd = item[f"mean_{side}"], item[f"sd_{side}"]
    if mean is None:
        return "not known"
    variable = dictionary[item["input"]]
    if item["scale"] == "log10":
        return words.printed(f"{variable.show(float(f'{10**mean:.2g}'))} (×\N{NO-BREAK SPACE}{10**sd:.2g})")
    factor = variable.quantity.factor(variable.quantity.display) or 1.0 if variable.quantity.display else 1.0
    return words.printed(f"{variable.show(float(f'{mean:.3g}'))} (SD {sd / factor:.2g})")


def _gaps(mix: Mix) -> Part:
    absent = [item["label"] for item in mix["inputs"] if not item["recorded"]]
    said = []
    if absent:
        said.append(f"Not recorded here at all: {', '.join(absent)}. Each counts as unknown in every patient.")
    gaps = [item for item in mix["inputs"] if item["missing_here"] or item["missing_there"]]
    rows = [[item["label"], *(words.share_of(item[f"missing_{side}"]) for side in _SIDES)] for item in gaps]
    whole = [item["label"] for item in mix["inputs"] if item not in gaps]
    if whole:
        said.append(f"Complete on both sides: {', '.join(whole)}.")
    tables: list[Table] = (
        [("Share of patients without the input", ["Input", "Missing here", "Missing at development"], rows)]
        if rows
        else []
    )
    return part("Missing inputs", sentences=said, tables=tables)


def _risks(mix: Mix) -> Part:
    link, rate, followed = mix["linear_predictor"], mix["event_rate"], mix["follow_up_months"]
    by = f" by {rate['horizon_months']:g} months" if rate["horizon_months"] else ""
    rows = [[f"With the event{by}", *("not known" if rate[side] is None else percent(rate[side]) for side in _SIDES)]]
    rows += [
        [f"Linear predictor, {name}", *(words.decimal(link[f"{kind}_{side}"]) for side in _SIDES)]
        for name, kind in (("mean", "mean"), ("standard deviation", "sd"))
    ]
    if any(followed[side] is not None for side in _SIDES):
        shown = ("not known" if followed[side] is None else f"{followed[side]:.0f} months" for side in _SIDES)
        rows.append(["Median potential follow-up", *shown])
    text = (
        "A higher mean of the linear predictor is another level of risk; a smaller spread makes patients harder to "
        "rank, whatever the model."
    )
    columns = ["What", "Here", "Development"]
    return part("Risks here and at development", sentences=[text], tables=[("Risks side by side", columns, rows)])


def _methods(methods: Mix, dictionary: Dictionary) -> list[Table]:
    names = dict.fromkeys([*methods["there"], *methods["here"]])
    rows = [[_column(name, dictionary), *(_used(methods[side].get(name)) for side in _SIDES)] for name in names]
    return [("Methods (share of those known)", ["What", "Here", "Development"], rows)] if rows else []


def _used(shares: Mapping[str, float] | None) -> str:
    if not shares:
        return "not known"
    used = {words.spoken(level): share for level, share in shares.items() if share}
    return ", ".join(f"{level} in all" if share == 1 else f"{level} {percent(share)}" for level, share in used.items())


def labelled(text: str, names: Sequence[str], dictionary: Dictionary) -> str:
    """A phrase of the training with labels in place of names of variables, without small counts.

    ``names`` are those of the model's inputs; names with an underscore are replaced wherever they stand.
    """
    known = {name for name in dictionary.variables if "_" in name or name in names}
    found = [_replaced(word, known, dictionary) for word in text.split(" ")]
    return safe(" ".join(found))


def _replaced(word: str, known: set[str], dictionary: Dictionary) -> str:
    bare = word.rstrip(",;:.)")
    return dictionary[bare].label + word[len(bare) :] if bare in known else word
