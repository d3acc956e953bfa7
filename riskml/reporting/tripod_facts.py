"""What a training can say in a TRIPOD+AI sheet, in words and numbers, by the names that ``tripod_ai.toml`` uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from riskml.reporting import measures, performance, words
from riskml.reporting.formula import no_formula
from riskml.reporting.parts import sentence
from riskml.reporting.sections import facts, flow, learned_from, limitations, predictor_table, unit_of
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import RESEARCH, SYNTHETIC, learner_text, level_of, planning_text
from riskml.runtime.members import Trees
from riskml.runtime.small_cells import counts_of_a_whole
from riskml.training.learners.table import find_learner

Facts = dict[str, str | None]
_FORMS = {False: "coefficients", True: "trees"}
_OUTPUTS = {
    "binary": "A probability",
    "survival": "Survival S(t) at {} months",
    "incidence": "Cumulative incidence, with other first events competing, at {} months",
}


def facts_of(bundle: Bundle) -> Facts:
    """What the templates of a training may name; None where this run does not know it, "" for nothing to say."""
    manifest, training = bundle.manifest, bundle.manifest["training"]
    evaluation, unit = manifest["evaluation"] or {}, unit_of(manifest)
    step = (manifest.get("lineage") or [{}])[-1]
    versions = manifest["versions"]
    return {
        **about_model(bundle),
        **performance_facts(evaluation, unit),
        **_updated(step),
        "internal": " and internal validation by resampling" if evaluation else "; performance was not evaluated",
        "external": f", and an update on {step.get('n_patients', 'other')} patients" if step else "",
        "external_mix": " The patients of the update were others." if step else "",
        "learned_from": f"Learned from {learned_from(manifest)}.",
        "signal": "" if manifest["usable_signal"] or not evaluation else " No usable signal was shown.",
        "source": _source(manifest),
        "cohort": training["cohort_sha256"],
        "file_rows": f"{training['n_file_rows']:,}",
        "rows": f"{training['n_rows']:,} {unit}s",
        "follow_up": follow_up((training.get("case_mix") or {}).get("follow_up_months"), manifest["kind"]),
        "left_out": left_out(training["left_out"], bundle),
        "notes": " ".join(f"{note}." for note in training.get("notes", ())),
        "flow": _flow(bundle),
        "missing": _missing(bundle),
        "case_mix": _case_mix(bundle) if training.get("case_mix") else None,
        "planning": planning_text(manifest["planning"]),
        "bootstrap": f"{training['bootstrap']} refits to resampled patients give the interval of a prediction.",
        "limitations": " ".join(limitations(bundle)).replace("(see above)", "(item 20a)"),
        "resampling": performance.resampling(evaluation) if evaluation else None,
        "folds": _folds(evaluation, unit) if evaluation else None,
        "n_centres": f"{len(evaluation['centres']['rows'])} centres." if evaluation.get("centres") else None,
        "centres": sentence(evaluation["centres"]["words"]) if evaluation.get("centres") else None,
        "riskml": versions["riskml"],
        "python": versions["python"],
        "libraries": ", ".join(f"{n} {v}" for n, v in versions.items() if n not in {"riskml", "python"}),
    }


def about_model(bundle: Bundle) -> Facts:
    """What is said of the model itself, whoever the patients are."""
    manifest, training, said = bundle.manifest, bundle.manifest["training"], dict(facts(bundle))
    background = manifest["background"]
    months = ", ".join(f"{month:g}" for month in manifest["horizons_months"])
    fixed = "All predictors were fixed in the recipe before the data were read; none was selected on them."
    if "published" in manifest:
        fixed = "The predictors were chosen from the paper whose counts are learned from."
    return {
        "outcome": manifest["label"],
        "outcome_definition": said["What is predicted"],
        "outcome_settings": words.spoken(manifest["outcome"]["settings"]),
        "horizon": f"Time of prediction: {said['When'][0].lower()}{said['When'][1:]}",
        "landmark": words.spoken(manifest["landmark"]),
        "intended_use": manifest["intended_use"],
        "not_for": "; ".join(manifest["not_for"]),
        "population": said["For whom"],
        "fixed": fixed,
        "predictors": " ".join(f"{name}: {how}." for name, how, *_ in predictor_table(bundle)),
        "predictor_reasons": " ".join(f"{name}: {why}." for name, _, _, why in predictor_table(bundle)),
        "inputs": ", ".join(bundle.dictionary[name].label for name in bundle.model.inputs),
        "n_inputs": str(len(bundle.model.inputs)),
        "prototypes": f"{background['prototypes']} weighted prototypes of {background['smallest_group']} or more rows",
        "learner": learner_text(training),
        "planned": _planned(training["learner"]),
        "imputation": _imputation(training),
        "recalibration": _recalibration(training),
        "output": f"{_OUTPUTS[manifest['kind']].format(months)}, with an interval and what moved it.",
        "thresholds": words.span(*manifest["thresholds"]),
        "form": " and ".join(sorted({_FORMS[isinstance(m.predictor, Trees)] for m in bundle.model.members})),
        "refits": f"{len(bundle.model.bootstrap)} refits",
        "by_hand": no_formula(bundle.model) or "The report prints the formula with all its numbers (report.html).",
        "license": RESEARCH,
        "model_name": manifest["name"],
        "version": manifest["version"],
        "digest": bundle.digest,
    }


def performance_facts(judged: Mapping[str, Any], unit: str) -> Facts:
    """What resampling, or other patients, told; all None where nothing was judged."""
    groups = judged.get("subgroups")
    labels = dict.fromkeys(group["label"] for group in groups or ())
    return {
        "performance": " ".join(performance.in_words(judged, unit)) if judged else None,
        "measures": ", ".join(measures.label(name) for name in judged["metrics"]) if judged else None,
        "utility": _utility(judged.get("decision_curve")) if judged else None,
        "subgroups": ", ".join(labels) if groups else None,
        "subgroup_results": "; ".join(in_groups(groups)) if groups else None,
    }


def left_out(excluded: Sequence[Mapping[str, str]], bundle: Bundle) -> str:
    """Reasons with their counts; those for which nobody was left out are not listed."""
    shown = [f"{words.reason(item['reason'], bundle.dictionary)}: {item['count']}" for item in excluded]
    return "; ".join(text for text in shown if not text.endswith(": 0")) or "nobody"


def _source(manifest: Mapping[str, Any]) -> str:
    if manifest["synthetic"]:
        return SYNTHETIC
    return f"{sentence(manifest['published'])}" if "published" in manifest else ""


def follow_up(months: float | None, kind: str) -> str | None:
    """How long patients were followed; None where that is not known."""
    if kind == "binary":
        return "The outcome is judged at its assessment; there is no follow-up beyond it."
    return f"Median potential follow-up {months:.1f} months." if months else None


def _flow(bundle: Bundle) -> str:
    """Steps from the file to the rows learned from, and those with and without the event."""
    training, noun = bundle.manifest["training"], f"{unit_of(bundle.manifest)}s"
    steps = [f"{label}: {number}" for label, number in flow(bundle)["rows"][:-1]]
    events = training["n_events"]
    with_event, without = counts_of_a_whole([events, training["n_rows"] - events])
    return f"{'; '.join(steps)}; {noun} with the event: {with_event}; without it: {without}."


def _folds(evaluation: Mapping[str, Any], unit: str) -> str:
    """About how many rows each model of the evaluation learns from and is judged on."""
    plan, rows = evaluation["plan"], evaluation["n_rows"]
    judged = round(rows / plan["folds"])
    return (
        f"In each of {plan['repeats'] * plan['folds']} splits about {rows - judged:,} {unit}s are learned from and "
        f"about {judged:,} judged; all {rows:,} are judged in each of {plan['repeats']} repeats."
    )


def _utility(curve: Mapping[str, Any] | None) -> str:
    if curve is None:
        return "no decision curve"
    if "withheld" in curve:
        return f"no decision curve ({curve['withheld']})"
    return f"net benefit over risks of {words.span(curve['thresholds'][0], curve['thresholds'][-1])}"


def _planned(learner: Mapping[str, Any]) -> str:
    """The learners of the recipe with what it sets of each; other settings are the defaults of docs/recipes.md."""
    said = []
    for table in learner.get("member", [learner]):
        own = {key: value for key, value in table.items() if key not in {"kind", "grid_months"}}
        listed = ", ".join(f"{words.spoken(key)} {value}" for key, value in own.items())
        said.append(f"{words.spoken(table['kind'])} ({listed or 'default settings'})")
    return f"{learner['kind']} of {' and '.join(said)}" if "member" in learner else said[0]


def _imputation(training: Mapping[str, Any]) -> str:
    """What stands for a missing value while the learners of this model are fitted."""
    found = [find_learner(member["kind"]) for member in training.get("members", ())]
    splits = {learner.splits for learner in found if learner is not None}
    ways = {
        False: "While a linear learner is fitted, a missing input counts as the mean of those who have it.",
        True: "While a learner that splits is fitted, a missing input is drawn from patients of the same outcome.",
    }
    return " ".join(ways[split] for split in (False, True) if split in splits)


def _recalibration(training: Mapping[str, Any]) -> str:
    """Whether an intercept and a slope were put on a learner's answer."""
    lines = [words.spoken(member["kind"]) for member in training.get("members", ()) if member["line"]]
    return f"Recalibrated (intercept and slope): {', '.join(lines)}." if lines else "Nothing was recalibrated."


def _updated(step: Mapping[str, Any]) -> Facts:
    """How the last update was made, and what it did to the measures."""
    if "why" not in step:
        return {"update": None, "update_results": None}
    size = f"{step['n_patients']:,} patients with {step['n_events']:,} events"
    how = f"On {size}: {words.spoken(step['rung'])}, {step['why']}."
    if "before" not in step:
        return {"update": how, "update_results": how}
    after, moved = step["after"]["metrics"], step["after"]["differences"]
    results = []
    for name, metric in step["before"]["metrics"].items():
        if name in moved:
            sides = f"{words.with_interval(metric)} before, {words.with_interval(after[name])} after"
            results.append(f"{measures.label(name)} {sides}, difference {words.with_interval(moved[name])}")
    return {"update": how, "update_results": f"{'; '.join(results) or 'The model stays as it is'}."}


def in_groups(groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Ranking in each group that allowed an estimate, and how many did not."""
    silent = 0
    for group in groups:
        rank = next((name for name in ("auc", "c_index") if group.get("metrics", {}).get(name)), None)
        if rank is None:
            silent += 1
            continue
        yield f"{level_of(group)} {words.with_interval(group['metrics'][rank])}"
    if silent:
        yield f"not estimable in {silent} of {len(groups)} groups"


def _missing(bundle: Bundle) -> str:
    training = bundle.manifest["training"]
    gaps = [
        f"{bundle.dictionary[name].label} {words.missing_share(share, training['n_rows'])}"
        for name, share in training["missing_share"].items()
        if share > 0
    ]
    return ", ".join(gaps) or "nothing"


def _case_mix(bundle: Bundle) -> str:
    """Mean and spread of numbers, share of each level, over the rows learned from, with what is missing."""
    found = []
    training = bundle.manifest["training"]
    for name, item in training["case_mix"]["inputs"].items():
        variable, gap = bundle.dictionary[name], training["missing_share"].get(name, 0.0)
        if "levels" in item:
            text = ", ".join(f"{words.spoken(level)} {words.share_of(s)}" for level, s in item["levels"].items())
        elif "mean" in item:
            power = item["scale"] == "log10"
            middle = variable.show(float(f"{10 ** item['mean']:.3g}") if power else float(f"{item['mean']:.3g}"))
            text = f"{'geometric mean' if power else 'mean'} {words.printed(middle)}"
        else:
            continue
        absent = f", missing {words.missing_share(gap, training['n_rows'])}" if gap else ""
        found.append(f"{variable.label}: {text}{absent}")
    return "; ".join(found)
