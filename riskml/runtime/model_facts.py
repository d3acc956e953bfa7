"""What a manifest says of its model, as plain data and as the sentences that the card shares with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from riskml.runtime.card_words import RESEARCH, learner_text
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.review import is_overdue
from riskml.runtime.shares import percent
from riskml.runtime.small_cells import SMALLEST_CELL, count

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

    Manifest = Mapping[str, Any]

SCHEMA = "riskml.card/1"
# An input that so many lacked in training is known from few.
_OFTEN_MISSING = 0.2
_OUTPUTS = {
    "binary": "the probability of the event",
    "survival": "the probability to be event-free",
    "incidence": "the probability to have had the event, with other first events competing,",
}


def model_facts(manifest: Manifest) -> dict[str, Any]:
    """The model facts as the object of schema ``riskml.card/1`` that ``riskml card --json`` prints.

    Parameters
    ----------
    manifest : mapping
        Of a bundle, which is sealed.
    """
    training, planning, evaluation = manifest["training"], manifest["planning"], manifest["evaluation"] or {}
    named = ("name", "version", "label", "date", "owner", "contact", "digest", "synthetic", "published")
    return {
        "schema": SCHEMA,
        "model": {key: manifest.get(key) for key in named},
        "review": {"by": manifest.get("review_by"), "overdue": is_overdue(manifest)},
        "summary": summary(manifest),
        "mechanism": {
            "outcome": manifest["outcome"]["definition"],
            "output": output(manifest),
            "population": population(manifest),
            "time_of_prediction": manifest["landmark"],
            "inputs": list(training["missing_share"]),
            "source": source(manifest),
            "model": learner_text(training),
        },
        "performance": {
            **{key: training[key] for key in ("n_rows", "n_patients", "n_events")},
            "plan": evaluation.get("plan"),
            "horizon_months": evaluation.get("horizon_months"),
            "metrics": evaluation.get("metrics", {}),
            "usable_signal": manifest["usable_signal"],
            "verdict": manifest["verdict"],
        },
        "uses": {"intended": manifest["intended_use"], "not_for": list(manifest["not_for"])},
        "warnings": list(warnings(manifest)),
        "other": {
            "regulatory_status": RESEARCH,
            **{key: planning[key] for key in ("events_per_parameter", "expected_shrinkage")},
            "tripod_ai": manifest.get("tripod_ai"),
            "cohort_sha256": training["cohort_sha256"],
            "parents": [step["parent"] for step in manifest.get("lineage", ())],
            "versions": dict(manifest["versions"]),
        },
    }


def summary(manifest: Manifest) -> str:
    """What it gives, from how many it learned, and whether it is of any use."""
    when, said = manifest["landmark"].replace("_", " "), manifest["verdict"]
    useless = "" if manifest["usable_signal"] or not manifest["evaluation"] else "no usable signal. "
    learned = f"Learned from {size(manifest['training'])}."
    return f"Gives {output(manifest)}, from what is known at {when}. {learned} Verdict: {useless}{said}."


def output(manifest: Manifest) -> str:
    """``"the probability to be event-free at 6, 12, 24 months with an interval"``."""
    months = ", ".join(f"{month:g}" for month in manifest["horizons_months"])
    return f"{_OUTPUTS[manifest['kind']]}{f' at {months} months' if months else ''} with an interval"


def size(training: Mapping[str, Any]) -> str:
    """``"125 courses of 105 patients with 6 events (5 %)"``."""
    rows, events = training["n_rows"], training["n_events"]
    courses = "" if rows == training["n_patients"] else f"{count(rows)} courses of "
    share = "" if events < SMALLEST_CELL else f" ({percent(events / rows)})"
    return f"{courses}{count(training['n_patients'])} patients with {count(events)} events{share}"


def population(manifest: Manifest) -> str:
    """The declared population: ``"Age 0 to 18 years; Cycle number 1"``."""
    dictionary, found = Dictionary.from_dict(manifest["dictionary"]), []
    for name, allowed in manifest["applies_to"].items():
        variable = dictionary[name]
        if variable.levels:
            found.append(f"{variable.label} {' or '.join(map(str, allowed))}")
            continue
        low, high = (variable.show(float(end)) for end in allowed)
        first, _, unit = low.partition(" ")
        low = first if unit and high.endswith(f" {unit}") else low
        found.append(f"{variable.label} {high if allowed[0] == allowed[1] else f'{low} to {high}'}")
    return "; ".join(found) or "as the outcome's definition says"


def source(manifest: Manifest) -> str:
    """The file by its fingerprint, and who of it was left out."""
    training, kind = manifest["training"], "rows"
    if manifest["synthetic"]:
        kind = "simulated rows"
    elif "published" in manifest:
        kind = "rows rebuilt from published counts"
    gone = "; ".join(
        f"{_spoken(item['reason'], manifest)} {item['count']}" for item in training["left_out"] if item["count"] != "0"
    )
    left_out = f"left out: {gone}" if gone else "none left out"
    return f"{count(training['n_file_rows'])} {kind}, SHA-256 {training['cohort_sha256']}; {left_out}"


def warnings(manifest: Manifest) -> Iterator[str]:
    """For whom the model does not speak, as far as its training data tell."""
    training, planning = manifest["training"], manifest["planning"]
    inputs = {name for predictor in manifest["predictors"] for name in predictor["inputs"]}
    if not planning["met"]:
        need = f"{count(planning['events_needed'])} events in {count(planning['patients_needed'])} patients"
        yield f"The criteria of sample size (Riley et al. 2019) ask for {need}; there were {size(training)}."
    yield "A patient unlike the training data gets an estimate all the same; the prediction says so, with the reasons."
    for companion, shares in ((training.get("case_mix") or {}).get("methods") or {}).items():
        listed = ", ".join(f"{method} {_share(share)}" for method, share in shares.items())
        said = f"{label_of(companion, manifest)} in training: {listed}."
        yield f"{said} The same number by another method does not mean the same."
    missing = {name: share for name, share in training["missing_share"].items() if share > 0}
    if missing:
        listed = ", ".join(f"{label_of(name, manifest)} {_share(share)}" for name, share in missing.items())
        often = f" What {100 * _OFTEN_MISSING:.0f} % or more lack is known from few."
        yield f"Missing in training: {listed}.{often if max(missing.values()) >= _OFTEN_MISSING else ''}"
    if "bcr_abl1" in inputs and "tki" not in inputs:
        yield "BCR::ABL1 (Ph+): what was learned depends on the tyrosine kinase inhibitor given, which is no input."


def label_of(name: str, manifest: Manifest) -> str:
    """What a variable is called; a name that the dictionary lacks stays as it is."""
    dictionary = Dictionary.from_dict(manifest["dictionary"])
    return dictionary[name].label if name in dictionary.variables else name


def _spoken(reason: str, manifest: Manifest) -> str:
    """Why rows were left out, with the label in place of a leading variable name."""
    name, _, rest = reason.partition(" ")
    return f"{label_of(name, manifest)} {rest}".strip()


def _share(share: float) -> str:
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
