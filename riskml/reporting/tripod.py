"""The TRIPOD+AI sheet of a trained model: what the run can say item by item, and what is left for the author.

Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement. BMJ 2024;385:e078378. The items stand in
``features/tripod_ai.toml``; what needs a person's judgement is never marked as done.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from string import Formatter
from typing import Any

from riskml.reporting import measures, performance, words
from riskml.reporting.sections import facts, flow, limitations, predictor_table, unit_of
from riskml.resources import folder
from riskml.runtime.bundle import Bundle
from riskml.runtime.card import RESEARCH, SYNTHETIC, learner_text, planning_text
from riskml.training.describe.table import Row, Table

FILLED, PARTLY, AUTHOR, NOT_HERE = "filled", "partly", "for the author", "not part of this study"
_BY = {"software": FILLED, "partly": PARTLY, "author": AUTHOR}
_SECTION = "Section"
COLUMNS = (_SECTION, "Applies to", "What is asked", "Status", "Text")


@lru_cache(maxsize=1)
def items() -> tuple[Mapping[str, str], ...]:
    """The 52 sub-items, each with ``id``, ``applies``, ``section``, ``asks``, ``by``, ``text`` and ``ask``."""
    with (folder("features") / "tripod_ai.toml").open("rb") as file:
        return tuple(tomllib.load(file)["item"])


def tripod_ai(bundle: Bundle) -> Table:
    """One row per sub-item, with its status and the text that this run supports.

    A row is ``filled`` only where software can say all that is asked and this run knows it, ``partly`` where the author
    has to add something, else ``for the author``; what asks for an evaluation in other patients, or an update, that
    there was not is ``not part of this study``.
    """
    known = facts_of(bundle)
    rows = [Row(item["id"], _cells(item, known)) for item in items()]
    counted = [row.cells[3] for row in rows]
    tally = ", ".join(f"{counted.count(status)} {status}" for status in (FILLED, PARTLY, AUTHOR, NOT_HERE))
    return Table(
        name="tripod_ai",
        title=f"TRIPOD+AI: {bundle.manifest['label']}",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(
            SYNTHETIC if bundle.manifest["synthetic"] else RESEARCH,
            "Items are paraphrased; the wording that counts is that of the statement (BMJ 2024;385:e078378).",
            f"{len(rows)} sub-items: {tally}. Software never completes what takes an author's judgement.",
        ),
    )


def _cells(item: Mapping[str, str], known: Mapping[str, str | None]) -> tuple[str, ...]:
    status, template = _BY[item["by"]], item.get("text", "")
    needed = {name for _, name, _, _ in Formatter().parse(template) if name}
    lacking = sorted(name for name in needed if known[name] is None)
    if lacking:
        # Without an evaluation elsewhere or an update there is nothing that an author could add either.
        status = NOT_HERE if item["applies"] == "E" else AUTHOR
        text = f"the run does not know: {', '.join(name.replace('_', ' ') for name in lacking)}"
    else:
        text = re.sub(r"\s+", " ", template.format_map(known)).strip()
    ask = f"To be added: {item['ask']}." if "ask" in item and status != NOT_HERE else ""
    return item["section"], item["applies"], item["asks"], status, " ".join(part for part in (text, ask) if part)


def facts_of(bundle: Bundle) -> dict[str, str | None]:
    """What the templates may name, in words; None where this run does not know it, "" where there is nothing to say."""
    manifest, training = bundle.manifest, bundle.manifest["training"]
    evaluation, mix = manifest["evaluation"], training.get("case_mix")
    said, step = dict(facts(bundle)), (manifest.get("lineage") or [None])[-1]
    follow_up = mix.get("follow_up_months") if mix else None
    at = manifest["horizons_months"]
    return {
        "outcome": manifest["label"],
        "outcome_definition": said["What is predicted"],
        "outcome_settings": manifest["outcome"]["settings"],
        "horizon": f"{said['When']}",
        "landmark": words.spoken(manifest["landmark"]),
        "intended_use": manifest["intended_use"],
        "not_for": "; ".join(manifest["not_for"]),
        "population": said["For whom"],
        "learned_from": f"Learned from {said['Learned from']}",
        "synthetic": SYNTHETIC if manifest["synthetic"] else "",
        "cohort": training["cohort_sha256"],
        "file_rows": f"{training['n_file_rows']:,}",
        "follow_up": f"{follow_up:.1f} months" if follow_up else None,
        "follow_up_text": f"Median potential follow-up {follow_up:.1f} months." if follow_up else "",
        "left_out": "; ".join(f"{item['reason']}: {item['count']}" for item in training["left_out"]) or "nobody",
        "notes": " ".join(f"{note}." for note in training["notes"]),
        "flow": "; ".join(f"{label.lower()}: {number}" for label, number in flow(bundle)["rows"]) + ".",
        "predictors": " ".join(f"{name}: {how}." for name, how, *_ in predictor_table(bundle)),
        "predictor_reasons": " ".join(f"{name}: {why}." for name, _, _, why in predictor_table(bundle)),
        "inputs": ", ".join(bundle.dictionary[name].label for name in bundle.model.inputs),
        "missing": _missing(bundle),
        "case_mix": _case_mix(bundle) if mix else None,
        "planning": planning_text(manifest["planning"]),
        "learner": learner_text(training),
        "bootstrap": f"{training['bootstrap']} refits to resampled patients give the interval of a prediction.",
        "output": f"S(t) at {', '.join(f'{t:g}' for t in at)} months, with an interval and what moved it."
        if at
        else "A probability, with an interval and what moved it.",
        "thresholds": words.span(*manifest["thresholds"]),
        "limitations": " ".join(limitations(bundle)),
        "license": RESEARCH,
        "model_name": manifest["name"],
        "version": manifest["version"],
        "digest": bundle.digest,
        "riskml": manifest["versions"]["riskml"],
        "python": manifest["versions"]["python"],
        "libraries": ", ".join(f"{n} {v}" for n, v in manifest["versions"].items() if n not in {"riskml", "python"}),
        **(_judged(evaluation, unit_of(manifest)) if evaluation else dict.fromkeys(_JUDGED)),
        "external": "" if step is None else f", and an update on {step.get('n_patients', 'other')} patients",
        "update": None
        if step is None or "why" not in step
        else f"{words.spoken(step['rung']).capitalize()}: {step['why']}.",
        "comparison": None,
    }


_JUDGED = ("performance", "resampling", "measures", "centres", "n_centres", "subgroups", "subgroup_results")


def _judged(evaluation: Mapping[str, Any], unit: str) -> dict[str, str | None]:
    """What cross-validation told."""
    groups, centres = evaluation.get("subgroups"), evaluation.get("centres")
    shown = [measures.label(name) for name in evaluation["metrics"]]
    return {
        "performance": " ".join(performance.in_words(evaluation, unit)),
        "resampling": performance.resampling(evaluation),
        "measures": ", ".join(shown),
        "centres": centres["words"] if centres else None,
        "n_centres": f"{len(centres['rows'])} centres." if centres else None,
        "subgroups": ", ".join(dict.fromkeys(group["label"] for group in groups)) if groups else None,
        "subgroup_results": "; ".join(_subgroups(groups)) if groups else None,
    }


def _subgroups(groups: Any) -> Iterator[str]:
    """Ranking in each group that allowed an estimate, and how many did not."""
    silent = 0
    for group in groups:
        rank = next((name for name in ("auc", "c_index") if group["metrics"].get(name)), None)
        if rank is None:
            silent += 1
            continue
        yield f"{group['label']} {group['level']} {words.with_interval(group['metrics'][rank])}"
    if silent:
        yield f"not estimable in {silent} groups"


def _missing(bundle: Bundle) -> str:
    training = bundle.manifest["training"]
    gaps = [
        f"{bundle.dictionary[name].label} {words.missing_share(share, training['n_rows'])}"
        for name, share in training["missing_share"].items()
        if share > 0
    ]
    return ", ".join(gaps) or "nothing"


def _case_mix(bundle: Bundle) -> str:
    """Mean and spread of numbers, share of each level, over the rows learned from."""
    found = []
    for name, item in bundle.manifest["training"]["case_mix"]["inputs"].items():
        label = bundle.dictionary[name].label
        if "levels" in item:
            found.append(f"{label} " + ", ".join(f"{level} {words.share_of(s)}" for level, s in item["levels"].items()))
        elif "mean" in item:
            variable, power = bundle.dictionary[name], item["scale"] == "log10"
            middle = variable.show(float(f"{10 ** item['mean']:.3g}") if power else float(f"{item['mean']:.3g}"))
            found.append(f"{label} {'geometric mean' if power else 'mean'} {middle}")
    return "; ".join(found)
