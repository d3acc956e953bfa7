"""Free text about genetics -> tokens: lesions named, words of presence, absence and ignorance, and the rest.

The words are data (``[lesion_words]`` in ``features/lesions.toml``). A word that stands in no list is kept as such, so
that the reader (``riskml.runtime.lesions``) can refuse to draw a conclusion from a sentence it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from riskml.record import Record
from riskml.runtime.karyotype import read_event
from riskml.runtime.karyotype_lesions import Rule, number_lesions, read_rules

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

# What each list of [lesion_words] makes of its words; phrases compete by length, so "not tested" beats "not".
_LISTS = (
    "unknown",
    "absent_before",
    "absent_after",
    "present_after",
    "gene_absent_after",
    "filler",
    "tests",
    "nothing",
    "joins",
)
_EVENT = r"(?<![\w(])[+-]?\??(?:der dic|idic|dic|der|del|dup|inv|ins|t|i|amp|add|trp|hsr|r)\s?\([\dXY?][^\s,/\[\]]*"
_COUNT = r"(?<![\w.])(?P<low>\d{2,3})(?:\s*(?:-|~|to)\s*(?P<high>\d{2,3}))?\s*(?:chromosomes?|chr)\b"
_MODAL = r"(?:modal|chromosome) number:?\s*(?:is|of|=)?\s*(?P<mlow>\d{2,3})(?:\s*[-~]\s*(?P<mhigh>\d{2,3}))?"
_OTHER = (
    r"(?P<for>(?<!\w)(?:for|:)(?!\w))|(?P<for2>:)|(?P<hard>[;|\n]|\.(?=\s|$)|(?<!\w)(?:but|however|whereas)(?!\w))|(?P<comma>,)"
    r"|(?P<number>(?<![\w.])\d+(?:\.\d+)? ?%?(?!\w))|(?P<gain>[+-]\d{1,2}(?!\w))|(?P<plus>\+)|(?P<minus>-)"
    r"|(?P<word>[<>]|[^\W_]+(?:[.'][^\W_]+)*)|(?P<mark>.)"
)
# A sign that touches the name or stands in brackets behind it; "+/-" and "±" are nobody's yes.
_ATTACHED = re.compile(
    r"\s?(?P<doubt>\(?\s*(?:\+\s*/\s*-|\u00b1)\s*\)?)|\s?\(\s*(?P<inside>[+-])\s*(?:ve)?\s*\)|(?P<minus>-)(?:ve(?!\w))?(?=$|[\s,;./|)\]+])|(?P<plus>\+)(?:ve(?!\w))?"
)
_SEPARATORS = re.compile(r"[\s\-_/:]+")
_SPELLED = re.compile(r"[\w\s\-_/:]+")


class Token(Record):
    """One token: its ``kind``, where it stands, and for a mention its lesions and its sign.

    ``kind`` is ``mention``, the name of a word list, or ``for``, ``hard``, ``comma``, ``word``. ``part`` says that the
    mention names only one form of the lesion.
    """

    kind: str
    text: str
    start: int
    end: int
    lesions: tuple[str, ...] = ()
    part: bool = False
    sign: str = ""


class Lexicon:
    """The names and words of one dictionary, ready to tokenise."""

    def __init__(self, lesions: Mapping[str, Mapping[str, Any]], words: Mapping[str, list[str]]) -> None:
        self.rules: tuple[Rule, ...] = read_rules(lesions)
        self.subtypes = {name: frozenset(raw.get("subtypes", ())) for name, raw in lesions.items()}
        self.genes = {gene.casefold(): name for name, raw in lesions.items() for gene in raw.get("genes", ())}
        self.gene_lesions = frozenset(self.genes.values())
        self.names: dict[str, tuple[tuple[str, ...], bool]] = {}
        spellings = list(self._spellings(lesions))
        self.kinds = {_fold_words(word): kind for kind in _LISTS for word in words.get(kind, ())}
        partners = [re.escape(g) for g, n in self.genes.items() if n.endswith("_r")]
        fused = rf"[^\W_]+::(?:{'|'.join(partners)})|(?:{'|'.join(partners)})::(?!ptd)[^\W_]+" if partners else r"(?!)"
        phrases = sorted(self.kinds, key=len, reverse=True)
        self._pattern = re.compile(
            rf"(?P<event>{_EVENT})|(?P<fused>(?<!\w)(?:{fused})(?!\w))|(?P<name>{_any(spellings)})|(?P<count>{_COUNT})"
            rf"|(?P<modal>{_MODAL})|(?P<phrase>{_any([_phrase(p) for p in phrases])})|{_OTHER}",
            re.IGNORECASE,
        )

    def _spellings(self, lesions: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        """Patterns of every name, longest first; an alias of one lesion is stronger than a look-alike of another."""
        found: dict[str, str] = {}
        for key in ("not_same_as", "subtypes", "aliases"):
            for lesion, raw in lesions.items():
                for name in raw.get(key, ()) if key != "aliases" else (*raw.get(key, ()), raw.get("iscn", "")):
                    if not name or name.endswith("+") or read_event(name) is not None:
                        continue  # a trailing plus is read as a sign, an ISCN event by its chromosomes
                    self.names[_fold_name(name)] = ((lesion,) if key != "not_same_as" else (), key == "subtypes")
                    found[_fold_name(name)] = _spelling(name)
        yield from (found[name] for name in sorted(found, key=len, reverse=True))

    def tokens(self, text: str) -> Iterator[Token]:
        """Tokens of a tidy text, in order; nothing is left out but blanks."""
        position = 0
        while position < len(text):
            match = self._pattern.match(text, position)
            if match is None or match.end() == position:
                position += 1
                continue
            token = self._token(match)
            position = token.end
            if token.text.strip() or token.kind == "hard":
                yield token

    def _token(self, match: re.Match[str]) -> Token:
        kind = match.lastgroup or "mark"
        named = next(g for g in ("event", "name", "fused", "count", "modal", "phrase", kind) if match[g] is not None)
        if named == "event":
            return self._event(match)
        if named == "name":
            lesions, part = self.names[_fold_name(match[0])]
            return _signed(match, lesions, part=part)
        if named == "fused":
            partner = next(gene for gene in match[0].casefold().split("::") if gene in self.genes)
            return _signed(match, (self.genes[partner],), part=True)
        if named in {"count", "modal"}:
            low, high = (match["low"], match["high"]) if named == "count" else (match["mlow"], match["mhigh"])
            lesions = tuple(number_lesions(int(low), int(high or low), self.rules))
            return Token("mention", match[0], match.start(), match.end(), lesions, part=True)
        if named == "phrase":
            return Token(self.kinds[_fold_words(match[0])], match[0], match.start(), match.end())
        return _plain(named, match)

    def _event(self, match: re.Match[str]) -> Token:
        text = match[0].rstrip(".;:+-")
        while text.count(")") > text.count("(") and text.endswith(")"):
            text = text[:-1]
        event = read_event(text)
        lesions = () if event is None else tuple(rule.name for rule in self.rules if rule.shown_by(event))
        short = "" if event is None else f"t({';'.join(event.chromosomes)})"
        # One absent derivative or one absent partner of KMT2A does not exclude the lesion.
        part = any(short in self.subtypes[name] for name in lesions) or (event is not None and event.kind != "t")
        return _signed(match, lesions, part=part, end=match.start() + len(text))


def _signed(match: re.Match[str], lesions: tuple[str, ...], *, part: bool, end: int | None = None) -> Token:
    """A mention together with the sign that touches it."""
    end = match.end() if end is None else end
    sign, attached = "", _ATTACHED.match(match.string, end)
    if attached is not None:
        mark = attached["inside"] or attached["minus"] or attached["plus"]
        sign = "unknown" if attached["doubt"] else {"+": "present", "-": "absent"}[mark]
        end = attached.end()
    return Token("mention", match.string[match.start() : end], match.start(), end, lesions, part, sign)


def _plain(named: str, match: re.Match[str]) -> Token:
    """Punctuation, numbers and words of no list."""
    text, end = match[0], match.end()
    after = match.string[end:].lstrip(" ")[:1]
    kinds = {"for2": "for", "gain": "mention", "number": "filler", "mark": "filler", "plus": "joins", "minus": "filler"}
    kind = kinds.get(named, named)
    if named == "number" and float(text.rstrip("% ")) == 0:
        kind = "word"  # "0 %" of the cells is an answer, and nothing here reads it
    if named in {"plus", "minus"} and after in {"", ",", ";", "."}:
        kind = "present_after" if named == "plus" else "absent_after"
    return Token(kind, text, match.start(), end)


def _any(patterns: list[str]) -> str:
    return rf"(?:{'|'.join(patterns)})" if patterns else "(?!)"


def _phrase(words: str) -> str:
    """A pattern for a phrase of folded words, blanks free, not inside a longer word."""
    inner = r"\s+".join(map(re.escape, words.split(" ")))
    return (r"(?<!\w)" if words[0].isalnum() else "") + inner + (r"(?!\w)" if words[-1].isalnum() else "")


def _spelling(name: str) -> str:
    """A pattern for a name: its parts may be joined by "-", "/", ":", "_", blanks or nothing."""
    if _SPELLED.fullmatch(name) and name[-1].isalnum():
        inner = r"[\s\-_/:]{0,3}".join(re.escape(part) for part in _SEPARATORS.split(name))
        return rf"(?<![^\W_]){inner}(?![^\W_])"
    return (r"(?<!\w)" if name[0].isalnum() else "") + r"\s?".join(map(re.escape, name.split(" ")))


def _fold_name(name: str) -> str:
    return _SEPARATORS.sub("", name.casefold().removesuffix("-")) + ("-" if name.endswith("-") else "")


def _fold_words(words: str) -> str:
    return " ".join(words.casefold().split())
