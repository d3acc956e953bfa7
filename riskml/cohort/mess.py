"""How hospitals write a cohort down: units, rounding, detection limits, gaps and a dozen words for "absent".

Every cell written here is one the dictionary reads; nothing is wrong on purpose, it is only untidy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from riskml.cohort.draws import PartialGenerator, PartialStreams, Streams
from riskml.cohort.truth import DAYS_PER_MONTH, Truth

TextArray = NDArray[np.object_]

MISSING_WORDS = ("", "", "", "NA", "not done", "unknown")
UNTESTED_WORDS = ("", "not tested", "unknown", "ND")
ABSENT_WORDS = ("absent", "neg", "negative", "no", "0", "not detected")
PRESENT_WORDS = ("present", "pos", "positive", "yes", "+", "1")
YES_NO: dict[float, tuple[str, ...]] = {0.0: ("no", "No", "0"), 1.0: ("yes", "Yes", "1")}
BELOW_DETECTION = {
    "%": ("<0.01 %", "<0.01%", "neg", "negative", "undetectable"),
    "fraction": ("<1e-4 fraction", "neg", "not detected"),
    "x10^-4": ("<1 x10^-4", "negative", "ND"),
}
LESION_NAMES: Mapping[str, tuple[str, ...]] = {
    "bcr_abl1": ("BCR-ABL1", "Ph+", "t(9;22)", "BCR::ABL1 positive", "p190"),
    "kmt2a_r": ("KMT2A-r", "MLL-r", "t(4;11)(q21;q23)", "KMT2A::AFF1"),
    "tcf3_hlf": ("TCF3::HLF", "t(17;19)"),
    "etv6_runx1": ("ETV6-RUNX1", "t(12;21)", "TEL-AML1", "ETV6::RUNX1 pos"),
    "tcf3_pbx1": ("TCF3-PBX1", "t(1;19)", "E2A-PBX1"),
    "trisomy_4_10": ("+4,+10", "double trisomy"),
    "znf384_r": ("EP300-ZNF384", "ZNF384r"),
    "pax5_r": ("PAX5alt", "PAX5r"),
}
# The first word of each is the dictionary's own; it is drawn as often as any other.
LEVEL_WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sex": {"male": ("male", "M", "m", "boy"), "female": ("female", "F", "f", "girl")},
    "disease_class_initial": {
        "R/R": ("R/R", "relapsed/refractory", "RR"),
        "CR-MRDpos": ("CR-MRDpos", "MRD+", "CR MRD+"),
        "CR-MRDneg": ("CR-MRDneg", "chemotherapy delay", "MRD-"),
    },
    "disease_status_at_start": {
        "R/R": ("R/R", "relapsed/refractory"),
        "CR-MRDpos": ("CR-MRDpos", "MRD+", "MRD positive"),
        "CR-MRDneg": ("CR-MRDneg", "MRD-", "MRD negative"),
    },
    "mrd_method": {"flow": ("flow", "FCM", "MFC")},
    "response": {
        "response": ("response", "CR", "MRD CR", "R"),
        "no_response": ("no_response", "NR", "non-responder"),
        "not_evaluable": ("not_evaluable", "NE", "not evaluable"),
    },
    "efs_event": {
        "none": ("none", "censored", "no event"),
        "relapse": ("relapse", "rel"),
        "death": ("death", "died"),
        "no_response": ("no_response", "NR", "non-response"),
    },
}
RNA_PANEL = ("tcf3_hlf", "znf384_r", "pax5_r")
SUBSETS = ("cd3", "cd4", "cd8", "nk", "cd19")


def write_as_hospitals_do(clean: pd.DataFrame, streams: Streams | PartialStreams, truth: Truth) -> pd.DataFrame:
    """The cells of the csv.

    Parameters
    ----------
    clean : DataFrame
        True values in canonical units, one row a course (``SimulatedCohort.clean``).
    streams : Streams or PartialStreams
        Seeded generators; each column draws its words from its own.
    truth : Truth
        Habits of the centres, detection limit and missingness.

    Returns
    -------
    DataFrame of str
        Same rows and columns.
    """
    settings = truth.settings
    names = [centre["name"] for centre in settings["centre"]]
    site = np.array([names.index(name) for name in clean["centre"]])
    habits = {
        key: np.array([centre[key] for centre in settings["centre"]], dtype=object)[site]
        for key in settings["centre"][0]
    }
    table = {name: clean[name].astype(str).to_numpy(dtype=object) for name in clean}
    for name, spellings in LEVEL_WORDS.items():
        table[name] = _words(clean[name].to_numpy(), spellings, streams(f"words {name}"))
    for name in ("bridging_chemo", "tki", "os_event"):
        words = YES_NO | {1.0: (*YES_NO[1.0], "dasatinib")} if name == "tki" else YES_NO
        table[name] = _words(clean[name].to_numpy(), words, streams(f"words {name}"))
    for name, names_of_lesion in LESION_NAMES.items():
        words = {0.0: ABSENT_WORDS, 1.0: PRESENT_WORDS + names_of_lesion}
        table[name] = _words(clean[name].to_numpy(), words, streams(f"words {name}"))
    for name, units, show in _NUMBERS:
        table[name] = _each(show, clean[name], habits.get(units))
    for name in ("lymphocytes", *SUBSETS):
        table[name] = _each(_count, clean[name], habits["count_unit"], habits["step"].astype(float))
    table["mrd"] = _marrow_mrd(clean, habits["mrd_unit"], streams("words mrd"), settings["measurement"])
    table["delivered_infusion_days"] += _choose(("", " d", " days"), len(clean), streams("words infusion"))
    _leave_gaps(table, clean, habits["panel_missing"].astype(float), streams, settings["missing"])
    return pd.DataFrame(table, columns=clean.columns)


def _age(years: float, unit: str) -> str:
    return f"{years * 12:.0f} {unit}" if unit == "mo" else f"{years:.1f} {unit}".strip()


def _time(months: float, unit: str) -> str:
    return f"{months * DAYS_PER_MONTH:.0f} {unit}" if unit == "days" else f"{months:.1f} {unit}".strip()


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _count(cells: float, unit: str, step: float) -> str:
    """A cell count to the centre's last digit; few cells become 0, which says no more than "fewer than half a step"."""
    number = f"{1000 * cells:.0f}" if unit == "/uL" else f"{cells:.{2 if step == 0.01 else 3}f}"
    return f"{number} {unit}".strip()


_NUMBERS: tuple[tuple[str, str, Callable[..., str]], ...] = (
    ("age", "age_unit", _age),
    ("efs_time", "time_unit", _time),
    ("os_time", "time_unit", _time),
    ("bm_blasts", "", _percent),
)


def _marrow_mrd(
    clean: pd.DataFrame, units: Any, rng: np.random.Generator | PartialGenerator, measurement: Mapping[str, Any]
) -> TextArray:
    """MRD to two digits in the centre's unit; of a marrow MRD-negative at the start only the limit is known."""
    digits, limit = measurement["mrd_significant_digits"], measurement["mrd_detection_limit"]
    below = ((clean["disease_status_at_start"] == "CR-MRDneg") & (clean["mrd"] < limit)).to_numpy()
    factor = {"%": 100.0, "fraction": 1.0, "x10^-4": 1e4}
    shown = [
        f"{_plain(value * factor[unit], digits, exponent=unit == 'fraction')} {unit}"
        for value, unit in zip(clean["mrd"], units, strict=True)
    ]
    text = np.array(shown, dtype=object)
    for unit, words in BELOW_DETECTION.items():
        chosen = _choose(words, len(clean), rng)
        here = below & (units == unit)
        text[here] = chosen[here]
    return text


def _plain(value: float, digits: int, *, exponent: bool) -> str:
    """``value`` to significant digits, with an exponent or without one."""
    rounded = f"{value:.{digits - 1}e}"
    return rounded if exponent else np.format_float_positional(float(rounded), trim="-")


def _leave_gaps(
    table: dict[str, TextArray],
    clean: pd.DataFrame,
    panel: Any,
    streams: Streams | PartialStreams,
    shares: Mapping[str, Any],
) -> None:
    """Blank what was not recorded: subsets as a block, genetics a patient at a time, the rest a cell at a time."""
    size, patient = len(clean), (clean["cycle_index"] == 1).cumsum().to_numpy() - 1
    people = int(patient[-1]) + 1
    gaps = {name: streams(f"missing {name}").random(size) < shares[name] for name in ("mrd", "bm_blasts")}
    gaps |= dict.fromkeys(SUBSETS, streams("missing panel").random(size) < panel)
    gaps |= dict.fromkeys(RNA_PANEL, (streams.of_patients("missing rna").random(people) < shares["rna_panel"])[patient])
    gaps["trisomy_4_10"] = (streams.of_patients("missing karyotype").random(people) < shares["karyotype"])[patient]
    for name, gap in gaps.items():
        words = UNTESTED_WORDS if name in LESION_NAMES else MISSING_WORDS
        # "not done" is a gap, "ND" in a marrow MRD would be a result: the dictionary's reason for two lists.
        table[name] = np.where(gap, _choose(words, size, streams(f"gap {name}")), table[name])


def _words(values: Any, words: Mapping[Any, tuple[str, ...]], rng: np.random.Generator | PartialGenerator) -> TextArray:
    """One of the words of each value, at random."""
    text = np.empty(len(values), dtype=object)
    for level, spellings in words.items():
        chosen = _choose(spellings, len(values), rng)
        text[values == level] = chosen[values == level]
    return text


def _choose(words: tuple[str, ...], size: int, rng: np.random.Generator | PartialGenerator) -> TextArray:
    return np.array(words, dtype=object)[rng.integers(0, len(words), size)]


def _each(show: Callable[..., str], *columns: Any) -> TextArray:
    """``show`` of every row; columns that are None are left out."""
    given = [column for column in columns if column is not None]
    return np.array([show(*cells) for cells in zip(*given, strict=True)], dtype=object)
