"""ISCN karyotype strings -> structured facts: chromosome numbers, translocations, gains and losses, clone by clone.

Laboratories type karyotypes by hand. The reader is tolerant (upper case, stray blanks, a bracket that is missing or one
too many), never raises, and hands back every piece it did not understand instead of guessing at it.

References
----------
McGowan-Jordan J, Hastings RJ, Moore S (eds). ISCN 2020: an international system for human cytogenomic nomenclature.
Karger 2020.
"""

from __future__ import annotations

import re

from riskml.record import Record

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = "der dic|psu dic|idic|dic|der|del|dup|inv|ins|t|i|r|add|amp|trp|hsr|rob|rea|rec|tas|qdp|fra|dmin|trc|dn|ace"
_NUMBER = r"(?P<low>\d{2,3})(?:\s*[~-]\s*(?P<high>\d{2,3}))?\s*(?:<\s*(?P<ploidy>\d)\s*n\s*[+-]?\s*>)?"
# A number alone is no karyotype ("46 of 200 cells"): sex chromosomes or the nested clone of a doubling must follow.
_START = re.compile(
    rf"(?<![\w.~<>-]){_NUMBER}\s*(?:\(\s*(?=\d{{2,3}}\s*(?:[~-]\s*\d{{2,3}})?\s*,)|,?\s*(?=[XYU?]{{1,6}}c?\s*(?:$|[,\[/;.\s)]))|,\s*(?=(?:{_KINDS})\())",
    re.IGNORECASE,
)
_CLONE = re.compile(
    rf"^(?:mos\s+|chi\s+)?{_NUMBER}(?P<nested>\s*\(\s*(?=\d))?\s*(?P<rest>.*)$", re.IGNORECASE | re.DOTALL
)
_SEX = re.compile(r"^[XYU?]{1,6}c?(?=$|[\s\[;.)])", re.IGNORECASE)
_SAME = re.compile(r"^(?P<same>idem|sl|sdl\d?)\s*(?:[x\u00d7]\s*(?P<times>\d))?(?=$|[\s\[;.)])", re.IGNORECASE)
_WHOLE = re.compile(
    r"^(?P<sign>[+-])\s*(?P<doubt>\?*)(?P<chromosome>\d{1,2}|[XY])(?P<after>\?*)(?P<inborn>c)?(?=$|[\s\[;.)x])",
    re.IGNORECASE,
)
_MARKER = re.compile(r"^[+-]?\s*\?*\d*(?:[~-]\d+)?\s*(?:mar\d*|r\d*|dmin|inc)(?=$|[\s\[;.)x])", re.IGNORECASE)
_STRUCTURE = re.compile(rf"^(?P<sign>[+-]?)\s*(?P<doubt>\?*)\s*(?P<body>(?:{_KINDS})\s*\([^\s,/\[\]]*)", re.IGNORECASE)
_PART = re.compile(r"([a-z]+)\(+([^()]*)\)?(?:\(([^()]*)\)?)?")
_BAND = re.compile(r"\??[pq]\??[\d.?~-]*")
_TAIL = re.compile(
    r"^\s*(?:[x\u00d7]\s*\d)?\s*\)?(?:[x\u00d7]\d)?\s*(?:\[+\s*\??\s*(?P<composite>cp)?\s*(?P<cells>\d*)[^\[\]]{0,12}\]*|\]\d*\])?",
    re.IGNORECASE,
)
_GARBLED = re.compile(rf"^[+-]\s*\?*\s*\w|\([^\s()]*[pq\d]|^(?:{_KINDS})$", re.IGNORECASE)
_BRACKETED = re.compile(r"\(([\dXYpqcenrt;?.~\s-]{0,60})\)", re.IGNORECASE)
_APART = re.compile(r"\)\s+\((?=[pq?])|(?<=[a-z])\s+(?=\(\s*[\dXY?]{1,2}\s*[;)])", re.IGNORECASE)
_DASHES = str.maketrans(
    {
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2010": "-",
        "\u2011": "-",
        "\u223c": "~",
        "\uff0c": ",",
        "\uff1b": ";",
        "\uff08": "(",
        "\uff09": ")",
        "\uff0b": "+",
        "\uff0f": "/",
        "\u00a0": " ",
    }
)
_NONCLONAL = re.compile(r"^\s*non-?\s?clonal[^\[,;/]{0,20}(?:\[\d*\])?", re.IGNORECASE)


class Event(Record):
    """One abnormality of a clone.

    Attributes
    ----------
    kind : str
        ``gain`` or ``loss`` of a whole chromosome, ``marker``, or the ISCN word in lower case (``t``, ``der``).
    chromosomes, bands : tuples of str
        Those of the first bracket and of the bands behind it: ``("9", "22")`` and ``("q34", "q11.2")``.
    parts : tuple of (word, chromosomes, bands)
        Every piece of a compound such as ``der(22)t(9;22)(q34;q11.2)``, itself included.
    text : str
        As written, blanks removed, lower case.
    sign : int
        +1 for an extra copy, -1 for the loss of something named before, else 0.
    inborn, doubtful : bool
        Constitutional (``+21c``); marked with a question mark.
    """

    kind: str
    chromosomes: tuple[str, ...]
    bands: tuple[str, ...]
    parts: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    text: str
    sign: int = 0
    inborn: bool = False
    doubtful: bool = False


class Clone(Record):
    """One clone, with what it inherits through ``idem``, ``sl`` and ``sdl`` written out.

    ``low`` and ``high`` are its chromosome numbers (equal unless a range); ``ploidy`` is the level its gains and losses
    are counted from (``<3n>``), 2 where none is given; ``doubled`` says it is another clone twice (``idemx2``);
    ``complete`` that every token of it was understood.
    """

    low: int
    high: int
    ploidy: int
    sex: str
    events: tuple[Event, ...]
    cells: int | None
    composite: bool
    doubled: bool
    donor: bool
    complete: bool

    @property
    def abnormal(self) -> bool:
        """Whether anything acquired was seen."""
        acquired = [event for event in self.events if not event.inborn]
        inborn = sum(event.sign for event in self.events if event.inborn and event.kind in {"gain", "loss"})
        inborn += max(len(self.sex) - 3, 0) if self.sex.endswith("c") else 0
        return bool(acquired) or not self.low <= 46 + inborn <= self.high

    def copies(self, chromosome: str) -> int:
        """Gains minus losses of one whole chromosome, counted from the clone's ploidy level."""
        named = (e for e in self.events if e.kind in {"gain", "loss"} and e.chromosomes == (chromosome,))
        return sum(event.sign for event in named)


class Karyotype(Record):
    """What a karyotype string says: the clones in order, and the pieces that were not understood.

    ``cut`` says that reading stopped inside a clone or before one, so that more may have been written than was read.
    """

    clones: tuple[Clone, ...]
    not_understood: tuple[str, ...] = ()
    cut: bool = False

    @property
    def leukaemic(self) -> tuple[Clone, ...]:
        """The abnormal clones that are the patient's own."""
        return tuple(clone for clone in self.clones if clone.abnormal and not clone.donor)

    @property
    def normal(self) -> bool:
        """Whether every clone of the patient was understood and shows nothing acquired."""
        own = [clone for clone in self.clones if not clone.donor]
        return bool(own) and not self.cut and not any(clone.abnormal or not clone.complete for clone in own)


def tidy(text: str) -> str:
    """``text`` with plain dashes and signs, and without the blanks people leave inside ISCN brackets."""
    text = text.translate(_DASHES)
    text = _BRACKETED.sub(lambda match: "(" + "".join(match[1].split()) + ")", text)
    return _APART.sub(lambda match: match[0].replace(" ", ""), text)


def parse_karyotype(text: str) -> Karyotype:
    """Read one karyotype string; never raises.

    Examples
    --------
    >>> found = parse_karyotype("46,XY,t(9;22)(q34;q11.2)[15]/46,XY[5]")
    >>> found.clones[0].events[0].chromosomes, found.clones[0].events[0].bands, found.clones[1].abnormal
    (('9', '22'), ('q34', 'q11.2'), False)
    """
    text, end, cut = tidy(text), 0, False
    clones: list[Clone] = []
    strange: list[str] = []
    for start, stop, found in find_karyotypes(text):
        strange.append(text[end:start])
        clones.extend(found.clones)
        cut |= found.cut
        strange.extend(found.not_understood)
        end = stop
    strange.append(text[end:])
    pieces = (piece.strip(" \t\r\n.,;/[]()") for piece in strange)
    return Karyotype(tuple(clones), tuple(piece for piece in pieces if piece), cut)


def find_karyotypes(text: str) -> Iterator[tuple[int, int, Karyotype]]:
    """Where karyotypes stand in a tidy text (see :func:`tidy`), and what they say."""
    end = 0
    while (match := _START.search(text, end)) is not None:
        end, karyotype = _read(text, match.start())
        yield match.start(), end, karyotype


class _Draft:
    """A clone while its tokens are being read."""

    def __init__(self, low: int, high: int, ploidy: int, *, doubled: bool, donor: bool) -> None:
        self.low, self.high, self.ploidy, self.doubled, self.donor = low, high, ploidy, doubled, donor
        self.sex = ""
        self.events: list[Event] = []
        self.cells: int | None = None
        self.composite, self.complete = False, True

    def clone(self) -> Clone:
        events = tuple(self.events)
        facts = (self.low, self.high, self.ploidy, self.sex, events, self.cells, self.composite, self.doubled)
        return Clone(*facts, self.donor, self.complete)


def _read(text: str, start: int) -> tuple[int, Karyotype]:
    """Read tokens from ``start`` until one is not ISCN; the position behind the last, and the facts."""
    drafts: list[_Draft] = []
    strange: list[str] = []
    position, donor, cut = start, False, False
    while position < len(text):
        stop = _token_end(text, position)
        token = text[position:stop]
        used = _clone_start(token, drafts, donor=donor) if _begins_clone(token, drafts, text, position) else 0
        rest = token[used:].lstrip(" ,") if used else token.strip()
        length = _event(rest, drafts, strange) if drafts and (rest or not used) else 0
        if length < 0:  # words, not ISCN
            # "[20], FISH ..." begins another sentence; words inside a clone or where one is due hide the rest of it.
            cut = drafts[-1].cells is None or text[:position].rstrip().endswith("/")
            if used:
                position += used
            break
        position += len(token) - len(token[used:].lstrip(" ,") if used else token.lstrip()) + length
        following = text[position:stop].strip()
        if following.strip("])("):
            cut = drafts[-1].cells is None and not following.startswith(".")
            break
        donor |= text.startswith("//", stop)
        if stop >= len(text) or text[stop] == ";":
            position = stop
            break
        position = stop + (2 if text.startswith("//", stop) else 1)
    return max(position, start + 1), Karyotype(tuple(draft.clone() for draft in drafts), tuple(strange), cut)


_SEPARATOR = re.compile(r"[,/\n]|;(?!\??(?:[pq]\??\d|\d{1,2}[;)]|[XY][;)]))", re.IGNORECASE)


def _token_end(text: str, start: int) -> int:
    match = _SEPARATOR.search(text, start)
    return len(text) if match is None else match.start()


def _begins_clone(token: str, drafts: list[_Draft], text: str, position: int) -> bool:
    if not drafts:
        return True
    before = text[:position].rstrip()[-1:]
    return before == "/" and _CLONE.match(token.strip()) is not None


def _clone_start(token: str, drafts: list[_Draft], *, donor: bool) -> int:
    """Begin a clone; how many characters of the token said so."""
    match = _CLONE.match(token.lstrip())
    if match is None:
        return 0
    low = int(match["low"])
    high = int(match["high"] or low)
    ploidy = int(match["ploidy"] or 2)
    drafts.append(_Draft(min(low, high), max(low, high), ploidy, doubled=bool(match["nested"]), donor=donor))
    return len(token) - len(token.lstrip()) + match.start("rest")


def _event(token: str, drafts: list[_Draft], strange: list[str]) -> int:
    """Read one token into the last clone; how many characters it took, or -1 where it is not ISCN at all."""
    draft = drafts[-1]
    if not token:
        return 0
    length = _known_event(token, draft, drafts[:-1])
    if length is None:
        note = _NONCLONAL.match(token)
        if note:
            return note.end()
        if draft.doubled and (inner := _CLONE.match(token)) is not None and not draft.events:
            return inner.start("rest")  # the clone inside "62(35,X,...)x2": its number is half of the doubled one's
        if token[0] == "[" or token[0] == "]":
            length = 0
        elif _GARBLED.search(token.partition(" ")[0]):
            length = len(token.partition("[")[0])
            strange.append(token[:length].strip())
            draft.complete = False
        else:
            return -1
    tail = _TAIL.match(token, length) if length == 0 else _TAIL.match(token[length:])
    if tail is not None:
        draft.composite |= tail["composite"] is not None
        draft.cells = int(tail["cells"]) if tail["cells"] else draft.cells
        length += tail.end()
    return length


def _known_event(token: str, draft: _Draft, earlier: list[_Draft]) -> int | None:
    """The length of an event that was understood, after putting it into the clone."""
    if (sex := _SEX.match(token)) is not None:
        draft.sex = sex[0].upper().replace("C", "c")
        return sex.end()
    if (same := _SAME.match(token)) is not None:
        _inherit(draft, earlier, same["same"].casefold(), doubled=bool(same["times"]))
        return same.end()
    if (whole := _WHOLE.match(token)) is not None and _is_chromosome(whole["chromosome"]):
        sign = 1 if whole["sign"] == "+" else -1
        doubtful, inborn = bool(whole["doubt"] or whole["after"]), whole["inborn"] is not None
        name = whole["chromosome"].upper()
        for _ in range(_times(token[whole.end() :])):
            kind = "gain" if sign > 0 else "loss"
            draft.events.append(Event(kind, (name,), (), (), f"{whole['sign']}{name}", sign, inborn, doubtful))
        return whole.end()
    if (marker := _MARKER.match(token)) is not None:
        draft.events.append(Event("marker", (), (), (), marker[0].casefold()))
        return marker.end()
    if (structure := _STRUCTURE.match(token)) is not None:
        event = read_event(structure[0])
        if event is not None:
            _add(draft, event)
            return structure.end()
    return None


def read_event(text: str) -> Event | None:
    """One structural event such as ``der(22)t(9;22)(q34;q11.2)``; None where no bracket holds chromosomes."""
    match = _STRUCTURE.match(text)
    if match is None:
        return None
    body = "".join(match["body"].casefold().split())
    parts = []
    for word, inside, behind in _PART.findall(body):
        chromosomes = tuple(name.strip("?*").upper() for name in re.split("[;:]", inside))
        parts.append((word, chromosomes, tuple(_BAND.findall(behind))))
    if not parts or not all(_is_chromosome(name) for name in parts[0][1]):
        return None
    kind, chromosomes, bands = parts[0]
    sign = {"+": 1, "-": -1}.get(match["sign"], 0)
    inborn = re.search(r"\)c(?:x\d)?$", body) is not None
    doubtful = bool(match["doubt"]) or any("?" in inside for _, inside, _ in _PART.findall(body))
    return Event(kind, chromosomes, bands, tuple(parts), body, sign, inborn, doubtful)


def _add(draft: _Draft, event: Event) -> None:
    """Put a structural event in; a lost one takes away what it names (``-der(9)t(9;22)`` may leave out the bands)."""
    if event.sign >= 0:
        draft.events.append(event)
        return
    for position, known in enumerate(draft.events):
        if known.text.startswith(event.text):
            del draft.events[position]
            return
    draft.events.append(event)


def _inherit(draft: _Draft, earlier: list[_Draft], word: str, *, doubled: bool) -> None:
    if not earlier:
        draft.complete = False
        return
    which = int(word[3:]) if word[3:].isdigit() else 1
    source = earlier[min(which, len(earlier) - 1)] if word.startswith("sdl") else earlier[0]
    draft.events[:0] = source.events
    draft.sex = draft.sex or source.sex
    draft.doubled |= doubled or source.doubled
    draft.complete &= source.complete


def _times(behind: str) -> int:
    match = re.match(r"\s*[x\u00d7]\s*([2-4])", behind, re.IGNORECASE)
    return int(match[1]) if match else 1


def _is_chromosome(name: str) -> bool:
    return name.upper() in {"X", "Y"} or (name.isdecimal() and name.isascii() and 1 <= int(name) <= 22)
