"""A foreign file -> a proposed column map, with the evidence for each guess; nothing is applied unread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from riskml.cohort.name_guess import ALIAS, LIKE, PARTS, NameGuess, guess_name
from riskml.cohort.raw_table import RawTable
from riskml.cohort.redcap import CYCLE_COLUMNS, Field
from riskml.cohort.value_guess import UnitGuess, are_dates, are_identifiers, guess_unit, readable
from riskml.record import Record
from riskml.runtime.dictionary import Dictionary, Variable, fold_name, load_dictionary
from riskml.runtime.parsing import CellError

_READABLE = 0.95
_ID_WORDS = frozenset({"id", "ids", "code", "case", "number", "nr", "no", "pseudonym"})
_PATIENT_WORDS = frozenset({"patient", "subject", "record", "mrn", "upn"})
_MOST_DISTINCT = 2_000


class Option(Record):
    """One thing a column may mean: a line of the map."""

    variable: str
    unit: str | None = None
    codes: Mapping[str, str] = {}
    date_order: str | None = None


class Proposal(Record):
    """What is proposed for one column.

    Attributes
    ----------
    column : str
        Name in the file.
    options : tuple of Option
        What it may mean, the likeliest first; empty where nothing in the dictionary is like it.
    evidence : str
        Why, in words; quotes no cell of an identifier.
    question : str
        What a person must decide first; empty where the first option is filled in.
    """

    column: str
    options: tuple[Option, ...] = ()
    evidence: str = ""
    question: str = ""


def propose(
    table: RawTable, dictionary: Dictionary | None = None, redcap: Mapping[str, Field] | None = None
) -> tuple[Proposal, ...]:
    """Propose a meaning for every column.

    Parameters
    ----------
    table : RawTable
        The file.
    dictionary : Dictionary, optional
        This riskml's own by default.
    redcap : mapping of str to Field, optional
        What a REDCap data dictionary says of the columns.

    Returns
    -------
    tuple of Proposal
        In the order of the file. A variable is filled in for one column at most.
    """
    dictionary = dictionary or load_dictionary()
    ranked = [_column(table, name, dictionary, (redcap or {}).get(name)) for name in table.columns]
    best: dict[str, tuple[int, int]] = {}
    for position, (strength, found) in enumerate(ranked):
        if found.options and not found.question:
            name = found.options[0].variable
            best[name] = max(best.get(name, (-1, 0)), (strength, -position))
    settled = []
    for position, (strength, found) in enumerate(ranked):
        variable = found.options[0].variable if found.options and not found.question else None
        if variable is None or best[variable] == (strength, -position):
            settled.append(found)
        else:
            other = table.columns[-best[variable][1]]
            settled.append(found.with_(question=f"'{other}' means {variable}, too: keep one, ignore the other"))
    return tuple(settled)


def _column(table: RawTable, header: str, dictionary: Dictionary, field: Field | None) -> tuple[int, Proposal]:
    """Strength of the first option, and the proposal."""
    cells = table.cells[header].str.strip()
    filled = cells[~cells.str.casefold().isin(dictionary.words.missing)]
    texts = filled.unique().tolist()[:_MOST_DISTINCT]
    special = _special(header, texts, len(filled), dictionary, field)
    guesses = guess_name(header, dictionary)
    if field is not None and not (guesses and guesses[0].strength >= ALIAS):
        labelled = (g.with_(evidence=f"REDCap label: {g.evidence}") for g in guess_name(field.label, dictionary))
        guesses = sorted([*labelled, *guesses], key=lambda guess: -guess.strength)
    if special is not None and not (guesses and guesses[0].strength >= ALIAS):
        return PARTS, special
    if not guesses:
        return 0, _by_values(header, texts, dictionary)
    return guesses[0].strength, _named(header, texts, guesses, dictionary, field)


def _named(
    header: str, texts: Sequence[str], guesses: Sequence[NameGuess], dictionary: Dictionary, field: Field | None
) -> Proposal:
    """The proposal for a column whose name says something."""
    guess = guesses[0]
    if field is not None and field.checkbox:
        variable = guess.variable.name
        question = f"one box of a list ({guess.evidence}): does 'not ticked' mean absent, or not known?"
        ticked = {"1": "present"}
        boxes = tuple(Option(variable, None, {**ticked, "0": unticked}) for unticked in ("unknown", "absent"))
        return Proposal(header, boxes, guess.evidence, question)
    if guess.variable.kind == "date":
        return _dated(header, texts, guess, dictionary)
    codes = _codes(guess.variable, field, dictionary, texts)
    values = [codes.get(text, text) for text in texts]
    unit = UnitGuess((guess.unit,)) if guess.unit else guess_unit(values, guess.variable)
    units: tuple[str | None, ...] = unit.choices or (None,)
    share = readable(values, guess.variable, dictionary, units[0]) if texts else 0.0
    evidence = f"{guess.evidence}; {share:.0%} of {len(texts):,} different values can be read"
    evidence += f"; {unit.evidence}" if unit.evidence else ""
    question = unit.question
    if guess.strength == LIKE:
        question = f"is it {guess.variable.label}?" + (f" {question}" if question else "")
    elif texts and share < _READABLE:
        question = f"{1 - share:.0%} of the values cannot be read: add codes, or ignore the column"
    options = [Option(guess.variable.name, choice, codes) for choice in units]
    if guess.strength == LIKE:
        options += [Option(other.variable.name, other.unit) for other in guesses[1:]]
    return Proposal(header, tuple(options), evidence, question)


def _dated(header: str, texts: Sequence[str], guess: NameGuess, dictionary: Dictionary) -> Proposal:
    """The proposal for a column of dates: the order of their figures is found where only one reads them all."""
    name = guess.variable.name
    reads = [how for how in (None, "dmy", "mdy") if readable(texts, guess.variable, dictionary, how) >= _READABLE]
    orders = (None,) if not texts or None in reads else tuple(reads)
    question, evidence = "", guess.evidence
    if not orders:
        question = "these are no dates that can be read: write them as YYYY-MM-DD, or ignore the column"
    elif len(orders) > 1:
        question = "ambiguous: is the day first, or the month?"
    elif orders[0] is not None:
        evidence += f"; only as {orders[0]} can its dates be read"
    if guess.strength == LIKE:
        question = f"is it {guess.variable.label}? {question}".strip()
    return Proposal(header, tuple(Option(name, None, {}, order) for order in orders or (None,)), evidence, question)


def _codes(variable: Variable, field: Field | None, dictionary: Dictionary, texts: Sequence[str]) -> dict[str, str]:
    """REDCap's codes whose labels the variable can read, where the export holds codes."""
    if field is None or not field.codes or not set(texts) <= set(field.codes):
        return {}
    codes = {}
    for code, label in field.codes.items():
        try:
            dictionary.read(variable, label)
        except CellError:
            continue
        codes[code] = label
    return codes


def _special(
    header: str, texts: Sequence[str], filled: int, dictionary: Dictionary, field: Field | None
) -> Proposal | None:
    """Columns known by their role: the record, REDCap's events, dates, identifiers."""
    if header in CYCLE_COLUMNS:
        question = "does each instance or event stand for one cycle? Then give every one its number"
        codes = {} if all(text.isdigit() for text in texts) else dict.fromkeys(texts[:20], "")
        return Proposal(header, (Option("cycle_index", None, codes),), "REDCap's own column", question)
    if field is not None and field.record:
        return Proposal(header, (Option("patient_id"),), "REDCap's record identifier")
    if are_dates(texts):
        return Proposal(header, (), "dates of no event the dictionary knows")
    words = (_ID_WORDS | _PATIENT_WORDS) & set(fold_name(header).split("_"))
    if words and are_identifiers(texts, filled) and "patient_id" in dictionary.variables:
        sure = bool(words & _PATIENT_WORDS)
        question = "" if sure else "does it identify the patient?"
        return Proposal(
            header, (Option("patient_id"),), "a different text in nearly every row, named like an id", question
        )
    return None


def _by_values(header: str, texts: Sequence[str], dictionary: Dictionary) -> Proposal:
    """Categories whose levels are exactly the words of the column; always asked."""
    fits: list[Option] = []
    if 2 <= len(texts) <= 12 and not any(text[:1].isdigit() for text in texts):
        categories = (v for v in dictionary.variables.values() if v.kind == "category")
        fits = [Option(v.name) for v in categories if readable(texts, v, dictionary, None) == 1]
    if not fits:
        return Proposal(header, (), "nothing in the dictionary is like it")
    names = ", ".join(option.variable for option in fits)
    return Proposal(header, tuple(fits[:3]), f"its values are levels of {names}", "is it?")
