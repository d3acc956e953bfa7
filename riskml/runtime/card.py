"""The model card as Markdown, in the order of a model facts label and no longer than a page.

Sendak MP, Gao M, Brajer N, Balu S. Presenting machine learning model information to clinical end users with model facts
labels. npj Digit Med 2020;3:41: name, summary, mechanism, validation and performance, uses and directions, warnings,
other information.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from riskml.runtime.card_words import (
    RESEARCH,
    SYNTHETIC,
    interval_text,
    learner_text,
    level_of,
    metric_label,
    number,
    rank_text,
)
from riskml.runtime.model_facts import label_of, population, size, source, summary, warnings
from riskml.runtime.small_cells import count

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    Manifest = Mapping[str, Any]

# Discrimination, what is gained over the comparator, calibration; the report shows all measures.
_SHOWN = (
    *("auc", "c_index", "auc_at"),
    *("scaled_brier", "ipa"),
    *("calibration_intercept", "calibration_slope", "observed_expected", "ici"),
)
_RANKS = ("auc", "c_index")


def card(manifest: Manifest) -> str:
    """The card of a bundle: the same manifest gives the same bytes on every day."""
    return "\n".join(_lines(manifest)) + "\n"


def _lines(manifest: Manifest) -> Iterator[str]:
    yield f"# {manifest['label']} (`{manifest['name']}`, version {manifest['version']})"
    yield ""
    banners = [SYNTHETIC] if manifest["synthetic"] else []
    banners += [f"Published counts: {manifest['published']}."] if "published" in manifest else []
    for banner in (*banners, RESEARCH):
        yield f"**{banner}**"
        yield ""
    yield _who(manifest)
    sections = {
        "Summary": [summary(manifest)],
        "Mechanism": _mechanism(manifest),
        "Validation and performance": _performance(manifest),
        "Update": _update(manifest),
        "Uses and directions": _uses(manifest),
        "Warnings": (f"- {warning}" for warning in warnings(manifest)),
        "Other information": _other(manifest),
    }
    for heading, content in sections.items():
        lines = list(content)
        if lines:
            yield from ("", f"## {heading}", "", *lines)


def _who(manifest: Manifest) -> str:
    """Date, owner and review: whether this is still the model, and who answers for it."""
    date, owner, contact, by = (manifest.get(key) for key in ("date", "owner", "contact", "review_by"))
    child = bool(manifest.get("lineage"))
    dated = f"dated {date}{' as its parent' if child else ''}" if date else "no date"
    said = [f"Version {manifest['version']}, {dated}"]
    said.append(f"Owner: {owner or 'not named'}{f' ({contact})' if contact else ''}")
    if by is None:
        said.append("No date for review was set")
    else:
        kept = ", as its parent: an update does not put this off" if child else ""
        said.append(f"Due for review on {by}{kept}")
    return f"{'. '.join(said)}."


def _mechanism(manifest: Manifest) -> Iterator[str]:
    seen = "chosen from the paper itself" if "published" in manifest else "fixed before the data were seen"
    yield f"- Outcome: {manifest['outcome']['definition']}"
    when = f"{manifest['landmark'].replace('_', ' ')}; what is learned later is named and left out"
    yield f"- For whom: {population(manifest)}. When: {when}"
    yield f"- Model: {learner_text(manifest['training']) or 'see the manifest.'}"
    yield f"- Training data: {source(manifest)}"
    yield f"- Predictors, each with its reason ({seen}):"
    for predictor in manifest["predictors"]:
        yield f"  - {' + '.join(label_of(name, manifest) for name in predictor['inputs'])}: {predictor['why']}"
    yield from _importance(manifest)


def _importance(manifest: Manifest) -> Iterator[str]:
    """What the inputs do over the cohort, and how sure the order is; older bundles say it on another scale."""
    items = manifest["importance"]
    if not items or "low" not in items[0]:
        return
    scale = {"binary": "risk", "survival": "survival"}.get(manifest["kind"], "incidence")
    at = manifest["horizon_months"]
    names = [label_of(item["input"], manifest) for item in items]
    effects = "; ".join(f"{name} {_points(item)}" for name, item in zip(names, items, strict=True))
    yield (
        f"- Mean effect of inputs in points of {scale}{f' at {at:g} months' if at else ''}, with an interval over "
        f"refits: {effects}. {rank_text(items, names)} It says how far the model moves, not what causes the outcome."
    )


def _points(item: Mapping[str, Any]) -> str:
    ends = {"value": item["mean_absolute_effect"], "low": item["low"], "high": item["high"]}
    return interval_text({key: None if end is None else 100 * end for key, end in ends.items()}, 1)


def _performance(manifest: Manifest) -> Iterator[str]:
    evaluation, planning = manifest["evaluation"], manifest["planning"]
    if evaluation is not None:
        others = "In other patients: below." if manifest.get("lineage") else "Not yet judged in other patients."
        yield from _judged(evaluation, size(manifest["training"]), others)
    elif not manifest.get("lineage"):
        yield from ("Not evaluated.", "")
    else:
        yield from ("Judged on the patients of the update, below.", "")
    per, shrinkage = planning["events_per_parameter"], planning["expected_shrinkage"]
    yield f"- Events per parameter: {per:.1f}; expected shrinkage: {shrinkage:.2f} (1 is none)"


def _judged(evaluation: Mapping[str, Any], patients: str, others: str) -> Iterator[str]:
    plan, at, metrics = evaluation["plan"], evaluation["horizon_months"], evaluation["metrics"]
    comparator = evaluation["comparator"]
    when = f", judged at {at:g} months" if at else ""
    how = f"{plan['repeats']} x {plan['folds']}-fold {plan['method'].removeprefix('repeated ')}{when}"
    usual = f"{comparator['name']}, Brier score {number(comparator['brier'])}"
    yield f"{how}, in {patients}; 95 % intervals. The comparator is {usual}. {others}"
    yield ""
    yield from (f"- {metric_label(name)}: {interval_text(metrics[name], 2)}" for name in _SHOWN if name in metrics)
    yield from _by_group(evaluation.get("subgroups") or ())
    if evaluation["folds_not_estimable"]:
        name = next(iter(metrics))
        yield f"- {evaluation['folds_not_estimable']} test folds held one class only and are outside the mean of {name}"


def _by_group(groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """How well it ranks in each group that allows an estimate, and how many do not."""
    shown = []
    for group in groups:
        rank = next((group["metrics"][name] for name in _RANKS if group.get("metrics", {}).get(name)), None)
        if rank is not None:
            shown.append(f"{level_of(group)} {interval_text(rank, 2)}")
    few = len(groups) - len(shown)
    if few:
        shown.append(f"too few for an estimate in {f'{few} of' if shown else 'all'} {len(groups)} groups")
    if shown:
        yield f"- Discrimination by group: {'; '.join(shown)}"


def _update(manifest: Manifest) -> Iterator[str]:
    """The last update: what was changed, why, and measures before and after; older children do not say."""
    step = (manifest.get("lineage") or [{}])[-1]
    if "why" not in step:
        return
    new = f"{count(step['n_patients'])} new patients with {count(step['n_events'])} events"
    done = "No update" if step["rung"] == "none" else step["rung"].replace("_", " ").capitalize()
    yield f"{done}, on {new}: {step['why']}. Measures after it are cross-validated. Parent: {step['parent']}."
    yield ""
    closed = ((gate["rung"].replace("_", " "), gate["reason"]) for gate in step["gates"] if not gate["open"])
    yield from (f"- not open: {rung}: {reason}" for rung, reason in closed)
    before, after = step["before"]["metrics"], step["after"]
    for name in (name for name in _SHOWN if name in before):
        parent, moved = interval_text(before[name], 2), after["differences"].get(name)
        difference = "" if moved is None else f", difference {interval_text(moved, 2)}"
        child = "as it is" if step["rung"] == "none" else f"before, {interval_text(after['metrics'][name], 2)} after"
        yield f"- {metric_label(name)}: {parent} {child}{difference}"


def _uses(manifest: Manifest) -> Iterator[str]:
    yield manifest["intended_use"]
    yield ""
    yield "Not for:"
    yield ""
    yield from (f"- {item}" for item in manifest["not_for"])
    yield ""
    background = manifest["background"]
    yield (
        "Directions: give what is known, each value with its unit. A missing input is averaged over "
        f"{background['prototypes']} prototypes, each the mean of at least {background['smallest_group']} training "
        "patients, and the answer says what measuring it could change. Explanations are exact Shapley values."
    )


def _other(manifest: Manifest) -> Iterator[str]:
    done, cited = manifest.get("tripod_ai"), f"{manifest['name']} version {manifest['version']}"
    dated = f", {manifest['date']}" if manifest.get("date") else ""
    yield f"- Cite as: {cited}{dated}; made with riskml {manifest['versions']['riskml']}. Regulatory status: none"
    if done:
        absent = f", {done['not_here']} not part of this study" if done["not_here"] else ""
        yield (
            f"- TRIPOD+AI: {done['filled']} of {sum(done.values())} items filled by software, {done['partly']} partly, "
            f"{done['author']} for the author{absent} (tripod_ai.html)"
        )
