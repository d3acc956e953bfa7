"""A proposed column map as TOML for a person: what is sure is filled in, what is not stands as a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from riskml.cohort.propose import Option, Proposal
from riskml.errors import printable

_INTRODUCTION = """\
# A proposal: read every line before you use it with --columns.
# Lines that start with "# ASK" need you: uncomment the one line below that is right.
# A column that is neither mapped nor under [ignore] is refused by name, so nothing is lost silently.
"""
_WIDTH = 200


def as_toml(proposals: Sequence[Proposal], name: str) -> str:
    """The file's text; it is a valid column map as it stands.

    Parameters
    ----------
    proposals : sequence of Proposal
        From :func:`riskml.cohort.propose.propose`.
    name : str
        The cohort file's name.
    """
    return "\n".join(_lines(proposals, name)) + "\n"


def _lines(proposals: Sequence[Proposal], name: str) -> Iterator[str]:
    yield _INTRODUCTION
    yield f"source = {_quoted(f'{name}: proposed, to be reviewed')}"
    yield "\n[columns]"
    for proposal in proposals:
        if not proposal.options:
            continue
        yield f"# {printable(proposal.evidence, _WIDTH)}"
        if proposal.question:
            yield f"# ASK {printable(proposal.question, _WIDTH)}"
            yield from (f"# {_line(proposal.column, option)}" for option in proposal.options)
        else:
            yield _line(proposal.column, proposal.options[0])
    yield "\n[constants]"
    if not any(option.variable == "data_origin" for proposal in proposals for option in proposal.options):
        yield '# ASK are the rows of real patients?\n# data_origin = "real"\n# data_origin = "synthetic"'
    yield "\n[ignore]\ncolumns = [\n    # uncomment what may be left out"
    for proposal in proposals:
        if not proposal.options or proposal.question:
            why = proposal.question or proposal.evidence
            yield f"    # {_quoted(proposal.column)},  # {printable(why, _WIDTH)}"
    yield "]"


def _line(column: str, option: Option) -> str:
    """One entry of [columns]; the short form where only the name is needed."""
    if option.unit is None and option.date_order is None and not option.codes:
        return f"{_quoted(column)} = {_quoted(option.variable)}"
    parts = [f"name = {_quoted(option.variable)}"]
    if option.unit is not None:
        parts.append(f"unit = {_quoted(option.unit)}")
    if option.date_order is not None:
        parts.append(f"date_order = {_quoted(option.date_order)}")
    if option.codes:
        codes = ", ".join(f"{_quoted(code)} = {_quoted(meant)}" for code, meant in option.codes.items())
        parts.append(f"codes = {{ {codes} }}")
    return f"{_quoted(column)} = {{ {', '.join(parts)} }}"


def _quoted(text: str) -> str:
    """A TOML basic string on one line."""
    plain = (char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}" for char in text)
    return f'"{"".join(plain)}"'
