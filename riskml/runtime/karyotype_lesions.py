"""What a karyotype proves about the lesions of the dictionary, and what it cannot.

A karyotype can show a translocation; it can never exclude one, because a cryptic fusion, a masked breakpoint or
metaphases of healthy cells look the same. Only the lesions that are defined by counting chromosomes can be absent, and
only where the leukaemic clone itself was seen and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from riskml.record import Record
from riskml.runtime.karyotype import Clone, Event, Karyotype, read_event

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# So many chromosomes are neither near-haploidy, low hypodiploidy, high hyperdiploidy nor a doubling of the first two.
_NEAR_DIPLOID = (41, 49)
_HYPODIPLOID = 39  # with such a clone present, a clone of 51-67 chromosomes is its doubling until shown otherwise


class Rule(Record):
    """How one lesion looks in a karyotype; see the head of ``features/lesions.toml``."""

    name: str
    breakpoints: tuple[tuple[str, ...], ...]
    fusion_on: str
    short: frozenset[tuple[str, ...]]
    chromosomes: tuple[int, int] | None
    trisomies: tuple[str, ...]
    pieces: tuple[str, ...]

    @classmethod
    def from_dict(cls, name: str, raw: Mapping[str, Any]) -> Rule:
        """Build from one table of ``lesions.toml`` (or its copy in a bundle)."""
        unbanded = (read_event(word) for word in (*raw.get("aliases", ()), *raw.get("subtypes", ())))
        counted = raw.get("chromosomes")
        return cls(
            name=name,
            breakpoints=tuple(tuple(bands) for bands in raw.get("breakpoints", ())),
            fusion_on=raw.get("fusion_on", ""),
            short=frozenset(event.chromosomes for event in unbanded if event is not None and event.kind == "t"),
            chromosomes=(counted[0], counted[1]) if counted else None,
            trisomies=tuple(raw.get("trisomies", ())),
            pieces=tuple(raw.get("iscn_pieces", ())),
        )

    def shown_by(self, event: Event) -> bool:
        """Whether one event proves the lesion."""
        if event.inborn or event.doubtful or event.sign < 0:
            return False
        if any(piece in event.text for piece in self.pieces):
            return True
        # der(9)t(9;22) alone lacks the fusion, which sits on the other derivative.
        derivative = event.kind != "t"
        if derivative and (event.kind != "der" or self.fusion_on not in event.chromosomes):
            return False
        return any(self._joined(word, chromosomes, bands) for word, chromosomes, bands in event.parts)

    def _joined(self, word: str, chromosomes: tuple[str, ...], bands: tuple[str, ...]) -> bool:
        if word != "t" or not self.breakpoints:
            return False
        if not bands:
            return chromosomes in self.short
        if len(bands) != len(chromosomes):
            return False
        broken = [chromosome + band for chromosome, band in zip(chromosomes, bands, strict=True)]
        return any(all(any(_is_band(b, want) for b in broken) for want in wanted) for wanted in self.breakpoints)


def read_rules(lesions: Mapping[str, Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules of every lesion table of a dictionary."""
    return tuple(Rule.from_dict(name, raw) for name, raw in lesions.items())


def karyotype_lesions(karyotype: Karyotype, rules: tuple[Rule, ...]) -> Iterator[tuple[str, float, str]]:
    """What the karyotype decides, as (lesion, 1.0 or 0.0, the piece that decided); silent where it decides nothing.

    Examples
    --------
    >>> from riskml.runtime.dictionary import load_dictionary
    >>> from riskml.runtime.karyotype import parse_karyotype
    >>> rules = read_rules(load_dictionary().raw["lesion"])
    >>> [found[:2] for found in karyotype_lesions(parse_karyotype("46,XY,t(9;22)(q34;q11.2)[20]"), rules)][:2]
    [('bcr_abl1', 1.0), ('trisomy_4_10', 0.0)]
    """
    for name, state, piece in _decided(karyotype.leukaemic, rules):
        if state == 1.0 or not karyotype.cut:  # what was not read may hold the clone that matters
            yield name, state, piece


def _decided(clones: tuple[Clone, ...], rules: tuple[Rule, ...]) -> Iterator[tuple[str, float, str]]:
    for rule in rules:
        events = (event for clone in clones for event in clone.events)
        shown = next((event.text for event in events if rule.shown_by(event)), None)
        if shown is not None:
            yield rule.name, 1.0, shown
        elif rule.chromosomes is not None:
            yield from _counted(rule, clones)
        elif rule.trisomies:
            yield from _gained(rule, clones)


def number_lesions(low: int, high: int, rules: tuple[Rule, ...]) -> list[str]:
    """The lesions that a count of ``low`` to ``high`` chromosomes proves."""
    ranges = ((rule.name, rule.chromosomes) for rule in rules)
    return [name for name, limits in ranges if limits is not None and limits[0] <= low <= high <= limits[1]]


def _counted(rule: Rule, clones: tuple[Clone, ...]) -> Iterator[tuple[str, float, str]]:
    assert rule.chromosomes is not None
    lowest, highest = rule.chromosomes
    masked = lowest > _HYPODIPLOID and any(clone.doubled or clone.high <= _HYPODIPLOID for clone in clones)
    for clone in clones:
        if lowest <= clone.low <= clone.high <= highest and not clone.doubled and not masked:
            yield rule.name, 1.0, _count_text(clone)
            return
    if clones and all(_NEAR_DIPLOID[0] <= clone.low <= clone.high <= _NEAR_DIPLOID[1] for clone in clones):
        yield rule.name, 0.0, ", ".join(dict.fromkeys(map(_count_text, clones)))


def _gained(rule: Rule, clones: tuple[Clone, ...]) -> Iterator[tuple[str, float, str]]:
    """Gains are counted from two copies; a doubled clone or one written from three copies decides nothing."""
    diploid = [c for c in clones if c.ploidy == 2 and not c.doubled and _NEAR_DIPLOID[0] <= c.low <= c.high <= 67]
    text = ",".join(f"+{name}" for name in rule.trisomies)
    for clone in diploid:
        sure = {e.chromosomes[0] for e in clone.events if e.kind == "gain" and not e.doubtful and not e.inborn}
        if all(name in sure and clone.copies(name) >= 1 for name in rule.trisomies):
            yield rule.name, 1.0, text
            return
    if clones and len(diploid) == len(clones) and all(map(_all_known, clones)):
        yield rule.name, 0.0, f"no clone with {text}"


def _all_known(clone: Clone) -> bool:
    """Whether nothing in the clone could hide a gained chromosome."""
    return clone.complete and not any(event.kind == "marker" or event.doubtful for event in clone.events)


def _count_text(clone: Clone) -> str:
    number = str(clone.low) if clone.low == clone.high else f"{clone.low}~{clone.high}"
    return f"{number} chromosomes"


def _is_band(written: str, wanted: str) -> bool:
    """``9q34.1`` lies in ``9q34``; ``9q3`` and ``9q3?4`` do not say so."""
    return written.startswith(wanted) and not written[len(wanted) :].startswith(tuple("0123456789"))
