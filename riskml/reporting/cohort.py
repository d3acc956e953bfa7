"""What a page says of the data: size, origin and gaps, and no patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from riskml.cohort.cohort import Cohort
from riskml.reporting import words
from riskml.reporting.parts import Part, Table, part
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.small_cells import count


@dataclass(frozen=True, slots=True)
class CohortSummary:
    """What the report says about the data; holds no patient.

    Attributes
    ----------
    name : str
        Name of the file.
    synthetic : bool
    lines : tuple of str
        Facts to print as they are.
    missing : mapping of label to share
        Share of courses without a value, in [0, 1].
    notes : tuple of str
        What a reader of results should know about the file.
    n_courses : int or None
        If known, shares that stand for one to four courses are blurred.
    """

    name: str
    synthetic: bool
    lines: tuple[str, ...]
    missing: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    n_courses: int | None = None

    @classmethod
    def of(cls, cohort: Cohort) -> CohortSummary:
        """Summarise a cohort by its size, its origin and its gaps."""
        dictionary = load_dictionary()
        stored = [n for n in cohort.frame.columns if n in dictionary.variables]  # others are derived
        columns = [n for n in stored if dictionary[n].kind != "identifier" and n != "data_origin"]
        n_centres = cohort.frame["centre"].nunique() if "centre" in cohort.frame else 0
        centres = f", {n_centres} centre{'s' if n_centres > 1 else ''}" if n_centres else ""
        lines = [
            f"{count(cohort.n_courses)} courses of {count(cohort.n_patients)} patients{centres}",
            *([f"Source: {cohort.map_source}"] if cohort.map_source else []),
            f"File {cohort.name}, SHA-256 {cohort.sha256}",
        ]
        return cls(
            name=cohort.name,
            synthetic=cohort.synthetic,
            lines=tuple(lines),
            missing={dictionary[n].label: float(cohort.frame[n].isna().mean()) for n in columns},
            notes=tuple(words.cohort_note(note.code, note.message, dictionary) for note in cohort.notes),
            n_courses=cohort.n_courses,
        )

    @property
    def gaps(self) -> list[list[str]]:
        """Variables with missing values and in how many rows, the emptiest first."""
        ordered = sorted(self.missing.items(), key=lambda item: -item[1])
        return [[label, words.missing_share(share, self.n_courses)] for label, share in ordered if share]

    @property
    def complete(self) -> list[str]:
        """Variables without missing values."""
        return [label for label, share in self.missing.items() if share == 0]


def about_cohort(cohort: CohortSummary) -> Iterator[Part]:
    """Size and origin, gaps, and what was remarked when the file was read."""
    yield part("", bullets=cohort.lines)
    if cohort.missing:
        tables: list[Table] = (
            [("Values that are missing", ["Variable", "Missing in"], cohort.gaps)] if cohort.gaps else []
        )
        whole = f"{'Complete' if cohort.gaps else 'No value is missing'}: {', '.join(cohort.complete)}."
        yield part("", tables=tables)
        yield part("", sentences=[whole] if cohort.complete else [])
    if cohort.notes:
        yield part("", sentences=["Remarks made when the file was read:"], bullets=cohort.notes)


def who_was_left_out(
    left_out: Sequence[Mapping[str, str]], stayed: Sequence[tuple[str, str]], dictionary: Dictionary
) -> Part:
    """From the file to the patients judged; counts come as text that tells no small cell."""
    shown = [(words.reason(item["reason"], dictionary), item["count"]) for item in left_out]
    rows = [[f"left out: {text}", number] for text, number in shown if number != "0"]
    nobody = [text for text, number in shown if number == "0"]
    said = [f"Nobody was left out for: {'; '.join(nobody)}."] if nobody else []
    return part(
        "Who was left out",
        sentences=said,
        tables=[("From the file to the patients judged", ["Step", "Number"], [*rows, *map(list, stayed)])],
    )
