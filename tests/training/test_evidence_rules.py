"""Every rule of the evidence file catches its mistake; the shipped file keeps them all."""

from __future__ import annotations

import copy
import tomllib

import pytest

from riskml.resources import folder
from riskml.runtime.dictionary import load_dictionary
from riskml.training.evidence_rules import evidence_faults


@pytest.fixture(scope="module")
def dictionary():
    return load_dictionary()


@pytest.fixture(scope="module")
def shipped():
    return tomllib.loads((folder("features") / "evidence.toml").read_text(encoding="utf-8"))


def effect(raw, name):
    return next(table for table in raw["effect"] if table["id"] == name)


def direction(raw, variable, outcome="non_response"):
    return next(table for table in raw["direction"] if (table["variable"], table["outcome"]) == (variable, outcome))


PH, BLASTS, SEX, TREG = (
    "zhang2025_nr_bcr_abl1",
    "pooled_mrd_blasts_half_v_few",
    "zhang2025_nr_female",
    "duell2017_nr_treg",
)
EFS = "zhang2025_efs_refractory_at_entry"
MISTAKES = [
    (lambda raw: raw.update(extra=1), "extra"),
    (lambda raw: raw["same_question"].update(mortality="icans"), "outcome must be one of"),
    (lambda raw: raw["same_question"].update(icans="mortality"), "outcome must be one of"),
    (lambda raw: raw["study"]["zhang2025"].pop("doi"), "doi must be given"),
    (lambda raw: raw["study"]["zhang2025"].update(n=0), "n must be a whole number"),
    (lambda raw: raw["study"]["zhang2025"].update(population="children"), "population must be one of"),
    (lambda raw: effect(raw, PH).pop("source"), "source must be given"),
    (lambda raw: effect(raw, PH).update(sauce="x"), "sauce is not a key"),
    (lambda raw: effect(raw, PH).update(variables="bcr_abl1"), "variables must be a list"),
    (lambda raw: effect(raw, PH).update(variables=[]), "variables must name at least one"),
    (lambda raw: effect(raw, PH).update(variables=["bcr_abl"]), "names of the dictionary"),
    (lambda raw: effect(raw, PH).update(variables=["age"]), "cannot be of a number"),
    (lambda raw: effect(raw, PH).update(study="zhang"), "study must be one of"),
    (lambda raw: effect(raw, PH).update(outcome="os"), "outcome must be one of"),
    (lambda raw: effect(raw, PH)["contrast"].update(kind="there"), "contrast.kind must be one of"),
    (lambda raw: effect(raw, PH)["contrast"].update(cut=3), "a contrast of kind present must say no more"),
    (lambda raw: effect(raw, SEX)["contrast"].pop("levels"), "must say levels"),
    (lambda raw: effect(raw, SEX)["contrast"].update(levels=["woman"]), "the levels of sex are"),
    (lambda raw: effect(raw, BLASTS).update(variables=["bm_blasts", "pb_blasts"]), "only carriers of any"),
    (lambda raw: effect(raw, PH)["derivation"].update(how="guess"), "derivation.how must be one of"),
    (lambda raw: effect(raw, PH)["derivation"].update(of="x"), "cannot be computed"),
    (lambda raw: effect(raw, PH)["derivation"].update({"with": [-3, 1]}), "cannot be computed"),
    (lambda raw: effect(raw, EFS)["derivation"].pop("standard_errors"), "cannot be computed"),
    (lambda raw: effect(raw, PH).update(log_effect=3.1), "log_effect must be 3.1196, as derived by counts"),
    (lambda raw: effect(raw, PH).pop("standard_error"), "standard_error must be 1.0463"),
    (lambda raw: effect(raw, TREG).update(log_effect=1.0), "a sign has no size"),
    (lambda raw: effect(raw, TREG)["derivation"].update(sign=0), "must say sign = 1 or -1"),
    (lambda raw: effect(raw, TREG)["derivation"].update(ratio=2), "must say sign = 1 or -1"),
    (lambda raw: effect(raw, SEX).update(id=PH), "each contrast once"),
    (lambda raw: raw["effect"].append(effect(raw, PH) | {"id": "again"}), "each contrast once"),
    (lambda raw: direction(raw, "mrd").pop("why"), "why must be given"),
    (lambda raw: direction(raw, "mrd").update(direction="up"), "direction must be one of"),
    (lambda raw: direction(raw, "mrd").update(outcome="os"), "outcome must be one of"),
    (lambda raw: direction(raw, "mrd").update(studies=[]), "must name the studies"),
    (lambda raw: direction(raw, "mrd").update(studies=["nobody"]), "study must be one of"),
    (lambda raw: direction(raw, "mrd").update(level="high"), "has no level"),
    (lambda raw: direction(raw, "mrd").update(variable="mrds"), "names of the dictionary"),
    (lambda raw: direction(raw, "cytogenetic_group").pop("level"), "level must be one of"),
    (lambda raw: direction(raw, "bcr_abl1").update(direction="lowers"), f"contradicts the effect {PH}"),
    (lambda raw: direction(raw, "treg_pct").update(direction="lowers"), f"contradicts the effect {TREG}"),
    (lambda raw: raw["direction"].append(direction(raw, "mrd")), "must be declared once"),
]


def test_the_shipped_file_has_no_fault(shipped, dictionary):
    assert list(evidence_faults(shipped, dictionary)) == []


@pytest.mark.parametrize(("spoil", "words"), MISTAKES, ids=[f"{k}-{words}" for k, (_, words) in enumerate(MISTAKES)])
def test_each_mistake_is_named(shipped, dictionary, spoil, words):
    raw = copy.deepcopy(shipped)
    spoil(raw)
    faults = [str(fault) for fault in evidence_faults(raw, dictionary)]
    assert any(words in fault for fault in faults), faults
    assert len(faults) <= 3, "one mistake is not reported over and over"


def test_all_mistakes_come_at_once(shipped, dictionary):
    raw = copy.deepcopy(shipped)
    for spoil, _ in (MISTAKES[3], MISTAKES[8], MISTAKES[30]):
        spoil(raw)
    faults = "\n".join(str(fault) for fault in evidence_faults(raw, dictionary))
    for words in ("doi must be given", "variables must be a list", "why must be given"):
        assert words in faults


def test_no_effect_is_beyond_belief(shipped):
    """A slip of the pen in a derivation would still be consistent with itself."""
    for table in shipped["effect"]:
        if "log_effect" in table and table["contrast"]["kind"] != "per_unit":
            assert abs(table["log_effect"]) < 4
            assert 0.1 < table["standard_error"] < 1.6
