"""One cell of free text about genetics -> the state of every lesion: present, absent or unknown.

Unknown is never absent: a lesion is absent only where the text says so in words that are all understood, or where a
counted leukaemic clone excludes it. What cannot be read is handed back, and contradictions are reported, not resolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from riskml.record import Record
from riskml.runtime.karyotype import find_karyotypes, tidy
from riskml.runtime.karyotype_lesions import karyotype_lesions
from riskml.runtime.lesion_words import Lexicon, Token
from riskml.runtime.parsing import MAX_LESION_TEXT, Note, Reading

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from riskml.runtime.dictionary import Dictionary

_PIECE = 120
_VERDICTS = {"absent_before": "absent", "absent_after": "absent", "present_after": "present"}
_STATES = {"absent": 0.0, "present": 1.0, "unknown": None}


class LesionReading(Record):
    """What a text says about genetics.

    Attributes
    ----------
    states : mapping of lesion to 1.0, 0.0 or None
        Every lesion of the dictionary: present, absent, unknown.
    evidence : mapping of lesion to str
        The piece of the text behind each known state, and behind each lesion said to be untested.
    not_understood : tuple of str
        Pieces from which nothing was concluded.
    contradictions : tuple of (lesion, piece saying present, piece saying absent)
        Such lesions are unknown.
    """

    states: Mapping[str, float | None]
    evidence: Mapping[str, str]
    not_understood: tuple[str, ...] = ()
    contradictions: tuple[tuple[str, str, str], ...] = ()


class LesionReader:
    """Reads texts with the lesions and words of one dictionary; make one and use it for many cells.

    Parameters
    ----------
    dictionary : Dictionary
        Its ``lesion`` and ``lesion_words`` tables decide everything. A dictionary without words (an old bundle) still
        reads karyotypes.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self.lexicon = Lexicon(dictionary.raw["lesion"], dictionary.raw.get("lesion_words", {}))

    def read(self, text: str) -> LesionReading:
        """Read one text; never raises.

        Examples
        --------
        >>> from riskml.runtime.dictionary import load_dictionary
        >>> found = LesionReader(load_dictionary()).read("Ph neg; ETV6::RUNX1 positive; KMT2A not tested")
        >>> [found.states[name] for name in ("bcr_abl1", "etv6_runx1", "kmt2a_r")]
        [0.0, 1.0, None]
        """
        if len(text) > MAX_LESION_TEXT:
            return self._collect([], [f"a text of {len(text):,} characters"])
        text, end = tidy(text), 0
        said: list[tuple[str, float | None, str]] = []
        strange: list[str] = []
        rest: list[str] = []
        for start, stop, karyotype in find_karyotypes(text):
            said += karyotype_lesions(karyotype, self.lexicon.rules)
            strange += karyotype.not_understood
            rest.append(text[end:start])
            end = stop
        rest.append(text[end:])
        clause: list[Token] = []
        # A karyotype ends the sentence before it: no word on one side of it may decide a lesion on the other.
        remaining = "\n".join(rest)
        for token in (*self.lexicon.tokens(remaining), Token("hard", "", len(remaining), len(remaining))):
            if token.kind != "hard":
                clause.append(token)
                continue
            states, odd = self._clause(clause, remaining)
            said += states
            strange += odd
            clause = []
        return self._collect(said, strange)

    def _clause(self, tokens: Sequence[Token], text: str) -> tuple[list[tuple[str, float | None, str]], list[str]]:
        """Statements of one sentence or line, and the items of it that stay unread."""
        items = [_Item(part, text) for part in _split(tokens)]
        groups = [group for item in items for group in item.groups]
        _settle(groups)
        said: list[tuple[str, float | None, str]] = []
        for item in items:
            for group in item.groups:
                said += self._states(group, item.piece)
        return said, [item.piece for item in items if item.unread]

    def _states(self, group: _Group, piece: str) -> Iterator[tuple[str, float | None, str]]:
        for mention in group.mentions:
            word = mention.sign or group.verdict
            if word == "gene_absent":
                word = "absent" if set(mention.lesions) <= self.lexicon.gene_lesions else ""
            if word not in _STATES:
                group.item.unread = True
            elif word != "absent" or not mention.part:
                yield from ((name, _STATES[word], piece) for name in mention.lesions)

    def _collect(self, said: Sequence[tuple[str, float | None, str]], strange: Sequence[str]) -> LesionReading:
        states: dict[str, float | None] = {rule.name: None for rule in self.lexicon.rules}
        evidence: dict[str, str] = {}
        clashes: list[tuple[str, str, str]] = []
        for name in states:
            found = {state: piece for lesion, state, piece in reversed(said) if lesion == name}
            known = [state for state in (1.0, 0.0) if state in found]
            if len(known) == 2:
                clashes.append((name, found[1.0], found[0.0]))
            elif known:
                states[name], evidence[name] = known[0], found[known[0]]
            elif found:
                evidence[name] = found[None]
        pieces = dict.fromkeys(_cut(piece) for piece in strange)
        return LesionReading(states, evidence, tuple(piece for piece in pieces if piece), tuple(clashes))


def lesions_of_patient(
    dictionary: Dictionary, name: str, text: str, given: Mapping[str, Reading]
) -> dict[str, Reading]:
    """What a patient's text adds to the values given.

    Parameters
    ----------
    dictionary : Dictionary
    name : str
        The variable the text stands in.
    text : str
    given : mapping of name to Reading
        What was read already. A lesion named there is compared and never overwritten.

    Returns
    -------
    dict of name to Reading
        Lesions known from the text, each with a note that quotes its piece, and the text's own reading with notes
        about disagreements, contradictions and pieces not understood.
    """
    found = LesionReader(dictionary).read(text)
    notes = [
        Note("text_disagrees", f"{lesion} is given as {_word(given[lesion].value)}, the text '{piece}' says {_word(s)}")
        for lesion, piece in found.evidence.items()
        if lesion in given and (s := found.states[lesion]) is not None and given[lesion].value != s
    ]
    notes += [
        Note("text_contradicts", f"{lesion} is unknown: '{yes}' and '{no}' contradict each other")
        for lesion, yes, no in found.contradictions
    ]
    notes += [Note("text_not_understood", f"nothing was concluded from '{piece}'") for piece in found.not_understood]
    added = {
        lesion: Reading(state, None, (Note("read_from_text", f"{lesion} {_word(state)}, read from '{piece}'"),))
        for lesion, piece in found.evidence.items()
        if lesion not in given and (state := found.states[lesion]) is not None
    }
    return {**added, name: Reading(text, None, tuple(notes))}


def _word(state: float | str | None) -> str:
    return "unknown" if state is None else "present" if state == 1 else "absent"


class _Group:
    """Lesions named together ("BCR::ABL1 and KMT2A") with the word that speaks of them."""

    def __init__(self, item: _Item, before: str, *, listed: bool) -> None:
        self.item, self.before, self.after, self.listed = item, before, "", listed
        self.mentions: list[Token] = []
        self.alternative = False  # joined by "or" or "nor" to what stands before
        self.verdict = ""

    @property
    def bare(self) -> bool:
        return not self.before and not self.after and not all(mention.sign for mention in self.mentions)


class _Item:
    """What stands between two commas."""

    def __init__(self, tokens: Sequence[Token], text: str) -> None:
        self.piece = _cut(text[tokens[0].start : tokens[-1].end]) if tokens else ""
        self.groups: list[_Group] = []
        self.said = ""  # a verdict waiting for the lesions it speaks of
        self.listed = self.ends_in_or = self.tested = False
        kinds = {token.kind for token in tokens}
        self.ignorant = "unknown" in kinds
        # One word of no list may turn the meaning round ("no longer", "mother"), so the item is not read at all.
        named = any(token.lesions for token in tokens)
        self.unread = "word" in kinds or (named and "nothing" in kinds)
        join = ""
        for token, following in zip(tokens, (*tokens[1:], None), strict=True):
            leads = following is not None and following.kind == "for" and following.text != ":"
            join = self._lead(token) if leads and token.kind in _VERDICTS else self._take(token, join)
        if tokens and tokens[-1].text.casefold() == "no" and self.groups and self.groups[-1].bare:
            self.groups[-1].after, self.said = "absent", ""  # "KMT2A: no"
        # A verdict that found no lesion ("negative") may have meant any.
        self.unread |= bool(self.said) and not self.ignorant

    def _lead(self, token: Token) -> str:
        """Begin a list: "negative for A, B" speaks of what follows, whatever stood before."""
        self.said, self.listed = _VERDICTS[token.kind], True
        return ""

    def _take(self, token: Token, join: str) -> str:
        kind = token.kind
        last = self.groups[-1] if self.groups else None
        if kind == "mention":
            adjacent = last is not None and not last.after and not self.said
            if last is None or not adjacent:
                last = _Group(self, self.said, listed=self.listed)
                last.alternative = join in {"or", "nor"}
                self.groups.append(last)
                self.said, self.listed = "", False
            last.mentions.append(token)
            self.ends_in_or = join in {"or", "nor"}
            return ""
        if kind == "joins":
            return token.text.casefold()
        if kind == "absent_before":
            self.said = "absent"
        elif kind in {"absent_after", "present_after", "gene_absent_after"}:
            self._after(kind.removesuffix("_after"), last)
        elif kind == "for":
            self.listed |= bool(self.said)  # "Absent: A, B" speaks of the whole list
        elif kind == "tests" and last is None:
            self.tested = True
        return join if kind == "filler" else ""

    def _after(self, verdict: str, last: _Group | None) -> None:
        if self.said or last is None:
            # "no detected" stays a no; "not negative" is nothing.
            self.said = "unclear" if self.said == verdict == "absent" else (self.said or verdict)
        elif last.before and not last.after:
            # "no A detected" is a no; "not A negative" and "positive A negative" are nothing.
            settled = {("absent", "present"): "absent", ("present", "present"): "present"}
            last.after = settled.get((last.before, verdict), "unclear")
        elif not last.after:
            last.after = verdict
        else:
            self.said = verdict


def _split(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The items between commas."""
    item: list[Token] = []
    for token in tokens:
        if token.kind == "comma":
            if item:
                yield item
            item = []
        else:
            item.append(token)
    if item:
        yield item


def _settle(groups: Sequence[_Group]) -> None:
    """Give each group its verdict; a bare name beside somebody else's "no" stays unsettled."""
    carried, tested = "", False
    either = any(group.alternative or group.item.ends_in_or for group in groups)
    for group in groups:
        tested |= group.item.tested  # "FISH: A, B" lists what was looked for
        if group.item.ignorant:
            group.verdict = "unknown"
        elif group.item.unread:
            group.verdict = ""
        elif not group.bare:
            group.verdict = group.after or group.before
        elif carried in {"absent", "present"}:
            group.verdict = carried
        elif carried == "ambiguous" and either:
            group.verdict = "absent"
        else:
            group.verdict = "" if carried or tested else "present"
        if group.listed and group.verdict in _STATES:
            carried = group.verdict
        elif not group.bare:
            carried = "ambiguous" if group.before == "absent" else ""
    _doubt_before(groups)


def _doubt_before(groups: Sequence[_Group]) -> None:
    """In "A, B negative" the word may speak of A too."""
    doubt = ""
    for group in reversed(groups):
        if group.bare and doubt and group.verdict == "present":
            group.verdict = ""
        elif not group.bare:
            doubt = group.after if group.after in {"absent", "gene_absent", "unclear"} and not group.before else ""
        elif group.verdict == "unknown":
            doubt = "unknown"


def _cut(piece: str) -> str:
    text = " ".join(piece.split()).strip(" ,;.:/|")
    return text if len(text) <= _PIECE else text[: _PIECE - 3] + "..."
