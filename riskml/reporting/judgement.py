"""What else an evaluation says: use, rivals, subgroups, centres, time, optimism, size, stability, in plain words.

Every block of the manifest may be absent, in older bundles or quicker runs, and then nothing is printed of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from riskml.reporting import figures, measures, words
from riskml.reporting.groups import centres, subgroups
from riskml.reporting.months import over_time
from riskml.reporting.parts import Figure, Part, Table, part, safe, sentence, size
from riskml.runtime.shares import percent

Block = Mapping[str, Any]


def judgement(evaluation: Block | None, key: str, *, stability: Block | None = None) -> list[Part]:
    """Headings, each with its sentences, figures and tables, in the order of the report.

    Parameters
    ----------
    evaluation : mapping, or None
        An evaluation, or an external validation, which has the first few of these blocks.
    key : str
        Prefixes the ids of the figures.
    stability : mapping, optional
        Of a bundle's own refits; that of a bootstrap validation stands in.

    Returns
    -------
    list of dict
        As :func:`riskml.reporting.parts.part` makes them.
    """
    evaluation = evaluation or {}
    bootstrap = evaluation.get("bootstrap") or {}
    parts = [
        _use(evaluation.get("decision_curve"), key),
        _rivals(evaluation.get("differences")),
        over_time(evaluation, key),
        subgroups(evaluation.get("subgroups"), key),
        centres(evaluation.get("centres"), key),
        _later(evaluation.get("temporal")),
        _optimism(bootstrap),
        _size(evaluation.get("learning_curve"), key),
        _stability(stability or bootstrap.get("stability"), key),
    ]
    return [found for found in parts if found]


def _use(block: Block | None, key: str) -> Part | None:
    """Net benefit, or why there is no curve."""
    if not block:
        return None
    heading = "Would acting on it help?"
    if "withheld" in block:
        return part(heading, sentences=[f"No decision curve is shown. {sentence(block['withheld'])}"])
    title = "Net benefit of treating by this model, of treating everybody and of treating nobody"
    arrays = {k: block[k] for k in ("thresholds", "net_benefit", "low", "high", "treat_all")}
    drawing = figures.decision_curve(f"{key}-decision", **arrays, comparator=block.get("comparator"), title=title)
    caption = (
        "Decision curve. Across: the risk from which one would treat; it says how many treated for nothing one would "
        "accept for one treated rightly (at 10 %, nine). Up: patients treated rightly, less those treated for nothing "
        "at that exchange, in 100. Treating by the model helps where its line is above both others; where they are "
        "within the band, that is not sure."
    )
    return part(heading, block, figures=[(drawing, caption)], tables=_at_thresholds(block.get("at")))


def _at_thresholds(rows: Sequence[Block] | None) -> list[Table]:
    """Net benefit in numbers at a few thresholds."""
    if not rows:
        return []
    body = []
    for row in rows:
        cells = [safe(row.get("withheld", "")), "–", "–"]
        if "withheld" not in row:
            hundred = [(row.get("net_benefit"), 100), (row.get("less_treat_all"), 100)]
            hundred.append((row.get("interventions_avoided_per_100"), 1))
            cells = [words.with_interval(m, 1, scale=k) if m else words.NOT_ESTIMABLE for m, k in hundred]
        body.append([percent(row["threshold"]), *cells])
    columns = ["Treat from", "Net benefit", "More than treating everybody", "Treatments spared, events kept"]
    return [("In 100 patients (95 % intervals)", columns, body)]


def _rivals(rows: Sequence[Block] | None) -> Part | None:
    """Paired differences from the comparators."""
    if not rows:
        return None
    table = [
        [
            f"{measures.label(row['measure'])}, less that of {words.spoken(row['against'])}",
            measures.shown(row["measure"], row),
            measures.comparison(row["measure"], row),
        ]
        for row in rows
    ]
    text = (
        "The same patients were predicted in two ways, so what both share cancels in the difference. “No difference "
        "shown” means that the interval holds zero; it does not mean that both are as good."
    )
    columns = ["Measure", "Difference (95 % interval)", "The model is"]
    return part("Is it better than something simpler?", sentences=[text], tables=[("Differences", columns, table)])


def _later(block: Block | None) -> Part | None:
    """A split by date."""
    if not block:
        return None
    sizes = [
        [what, *(size(block[side][k]) for k in ("n_patients", "n_events"))]
        for what, side in (("Earlier, learned from", "learned"), ("Later, predicted", "judged"))
    ]
    tables: list[Table] = [("Split by date", ["Patients", "Number", "With the event"], sizes)]
    rows = [[measures.label(name), measures.shown(name, metric)] for name, metric in block["metrics"].items()]
    if rows:
        tables.append(("Performance in the later patients (95 % intervals)", ["Measure", "Model"], rows))
    return part("Would it have served later patients?", block, tables=tables)


def _optimism(block: Block) -> Part | None:
    """How flattering the training patients are."""
    kinds = {
        "apparent": "On its own patients",
        "optimism": "Of which optimism",
        "corrected": "Less the optimism",
        "optimism_corrected": "Less the optimism",
        "point_632_plus": ".632+ estimate",
    }
    held = {kind: title for kind, title in kinds.items() if block.get(kind)}
    names = dict.fromkeys(name for kind in held for name in block[kind])
    if not names:
        return None
    rows = [
        [measures.label(name), *(measures.shown(name, block[k][name]) if name in block[k] else "–" for k in held)]
        for name in names
    ]
    text = (
        "A model always looks best on the patients it learned from. Here the whole procedure was repeated on "
        "resampled patients to see by how much. The estimates of cross-validation above remain the ones to quote."
    )
    table = ("Bootstrap validation", ["Measure", *held.values()], rows)
    return part("How much of it is optimism?", block, sentences=[text], tables=[table])


def _size(block: Block | None, key: str) -> Part | None:
    """The learning curves, or why there are none."""
    heading = "Would more patients help?"
    if block and "withheld" in block:
        return part(heading, sentences=[f"No learning curve is drawn. {sentence(block['withheld'])}"])
    if not block or not block.get("sizes"):
        return None
    once = ", from one repeat of the folds" if (block.get("plan") or {}).get("repeats") == 1 else ""
    drawings, ranking = [_learning(block, f"{key}-learning", block["sizes"], once)], block.get("discrimination")
    if ranking:
        drawings.append(_learning(ranking, f"{key}-learning-ranking", block["sizes"], once))
    return part(heading, block, figures=drawings)


def _learning(block: Block, name: str, sizes: Sequence[float], once: str) -> Figure:
    label, fitted = measures.label(block["measure"]), block.get("fitted")
    better = "lower" if measures.ideal(block["measure"]) == "0" else "higher"
    drawing = figures.learning_curve(
        name,
        sizes,
        *(block[k] for k in ("mean", "low", "high")),
        fitted=(fitted["sizes"], fitted["values"]) if fitted else None,
        title=f"{label} by the number of patients in training",
        measure=f"{label} ({better} is better)",
    )
    caption = (
        f"Learning curve, {label}. Points: what models learned from so many of the patients achieved in the others, "
        f"with 95 % intervals{once}. "
    )
    if not fitted:
        return drawing, f"{caption}Points that still get better to the right would say that more patients help."
    caption += (
        "A line that still bends says that more patients would help; its dashed part is a guess from the form of "
    )
    return drawing, f"{caption}the curve, not a measurement."


def _stability(block: Block | None, key: str) -> Part | None:
    """How much single predictions depend on who was sampled."""
    if not block:
        return None
    drawings: list[Figure] = []
    if block.get("risk"):
        title = "Risks predicted by models from other samples, against those of this model"
        drawing = figures.stability(f"{key}-stability", *(block[k] for k in ("risk", "low", "high")), title=title)
        moved = block.get("mean_absolute_difference")
        text = "" if moved is None else f" On average a risk moved by {100 * moved:.1f} points of a hundred."
        caption = (
            "Stability. Models were made anew from resampled patients. Where this model says a risk on the horizontal "
            "axis, 95 % of them say something within the band: the wider, the less a single number can be relied "
            f"on.{text}"
        )
        drawings.append((drawing, caption))
    sides = [[percent(row["threshold"]), percent(row["changed"])] for row in block.get("classification") or ()]
    columns = ["Treat from", "Patients on the other side of it"]
    tables: list[Table] = [("How often another sample would have decided otherwise", columns, sides)] if sides else []
    tables += _spread(block.get("calibration"))
    heading = "How much does a prediction depend on who was sampled?"
    return part(heading, block, figures=drawings, tables=tables)


def _spread(block: Block | None) -> list[Table]:
    """Level and spread that refits to resampled patients had in all of them."""
    rows = [
        [measures.label(name), measures.shown(name, ends["median"]), measures.span(name, ends["low"], ends["high"])]
        for name, ends in (block or {}).items()
        if ends["median"] is not None
    ]
    columns = ["Measure", "Median", "95 % of them"]
    return [("Models from other samples, judged in all patients", columns, rows)] if rows else []
