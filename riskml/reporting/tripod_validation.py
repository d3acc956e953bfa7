"""What an external validation can say in a TRIPOD+AI sheet, in words and numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from riskml.reporting import performance, words
from riskml.reporting.mix import labelled
from riskml.reporting.parts import sentence
from riskml.reporting.tripod_facts import Facts, about_model, follow_up, in_groups, left_out, performance_facts
from riskml.runtime.bundle import Bundle

_SYNTHETIC = "SYNTHETIC: the model or these patients are simulated; this says nothing about any patient."


def facts_of_validation(result: Mapping[str, Any], bundle: Bundle) -> Facts:
    """What the templates of a validation may name; None where it is not known, "" where there is nothing to say.

    Parameters
    ----------
    result : mapping
        ``validation.json``.
    bundle : Bundle
        That was validated.
    """
    unit, mix = performance.unit_of_rows(result), result["case_mix"]
    dictionary, inputs = bundle.dictionary, bundle.model.inputs
    unrecorded = [item["label"] for item in mix["inputs"] if not item["recorded"]]
    needed = next((reason["words"] for reason in result["transport"]["reasons"] if reason["topic"] == "size"), None)
    conclusion = result["transport"]["words"]
    found = [reason for reason in result["transport"]["reasons"] if reason["words"] not in conclusion]
    against = [reason["words"] for reason in found if reason["finding"] in ("bad", "unclear")]
    centres = [group for group in result["subgroups"] if group["name"] == "centre"]
    return {
        **about_model(bundle),
        **performance_facts(result, unit),
        "judged_on": f"Judged on {performance.size_in_words(result, unit)}.",
        "source": _SYNTHETIC if result["synthetic"] else "",
        "cohort": result["cohort_sha256"],
        "left_out": left_out(result["left_out"], bundle),
        "follow_up": follow_up(mix["follow_up_months"]["here"], result["kind"]),
        "notes": " ".join(sentence(labelled(note, inputs, dictionary)) for note in result["notes"]),
        "not_recorded": f"Not recorded here: {', '.join(unrecorded)}." if unrecorded else "",
        "size_needed": None if needed is None else sentence(needed),
        "missing": ", ".join(_gaps(mix)) or "nothing",
        "case_mix": "; ".join(_here(mix, bundle)),
        "comparison": " ".join(_compared(mix)),
        "membership": sentence(labelled(result["membership"]["words"], inputs, dictionary)),
        "conclusion": sentence(labelled(conclusion, inputs, dictionary)),
        "reasons": " ".join(sentence(labelled(said, inputs, dictionary)) for said in against),
        "n_centres": f"{len(centres)} centres." if centres else None,
        "centres": sentence("; ".join(in_groups(centres))) if centres else None,
    }


def _gaps(mix: Mapping[str, Any]) -> Iterator[str]:
    for item in mix["inputs"]:
        if item["missing_here"]:
            here, there = (words.share_of(item[f"missing_{side}"]) for side in ("here", "there"))
            yield f"{item['label']} {here} (at development {there})"


def _here(mix: Mapping[str, Any], bundle: Bundle) -> Iterator[str]:
    """Each input in these patients: the mean of a number, the shares of levels."""
    for item in mix["inputs"]:
        if "levels" in item:
            known = [level for level in item["levels"] if level["here"] is not None]
            text = ", ".join(f"{words.spoken(level['level'])} {words.share_of(level['here'])}" for level in known)
        elif item["mean_here"] is not None:
            power = item["scale"] == "log10"
            middle = float(f"{10 ** item['mean_here'] if power else item['mean_here']:.3g}")
            shown = words.printed(bundle.dictionary[item["input"]].show(middle))
            text = f"{'geometric mean' if power else 'mean'} {shown}"
        else:
            text = ""
        yield f"{item['label']}: {text or 'not known'}"


def _compared(mix: Mapping[str, Any]) -> Iterator[str]:
    """Which inputs differ from development beyond chance, and how often the event came."""
    yield f"{mix['n_here']:,} rows here, {mix['n_there']:,} at development."
    moved = []
    for item in mix["inputs"]:
        difference, limit = item["standardised_difference"], item["chance_limit"]
        if difference is not None and limit is not None and abs(difference) > limit:
            moved.append(f"{item['label']} {words.signed(difference, 2)}")
    beyond = f"beyond chance {', '.join(moved)}" if moved else "none beyond chance"
    yield f"Standardised differences of the inputs: {beyond} (all: validation.html)."
    rate = mix["event_rate"]
    sides = ["not known" if rate[side] is None else words.share_of(rate[side]) for side in ("here", "there")]
    by = f" by {rate['horizon_months']:g} months" if rate["horizon_months"] else ""
    yield f"With the event{by}: {sides[0]} here, {sides[1]} at development."
