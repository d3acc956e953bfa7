"""RawTable + dictionary -> Cohort: typed, checked, in canonical units. Past this module nobody checks a cell again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from riskml.cohort.column_map import ColumnMap
from riskml.cohort.columns import constant_column, find_sources, parse_column
from riskml.cohort.genetics import lesions_from_text
from riskml.cohort.method_limits import limits_by_method
from riskml.cohort.raw_table import RawTable
from riskml.cohort.read_table import read_table
from riskml.cohort.written import Written
from riskml.errors import DataError, Fault, printable
from riskml.runtime.dictionary import Dictionary, load_dictionary
from riskml.runtime.parsing import Note


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients and courses as the dictionary describes them.

    Attributes
    ----------
    frame : DataFrame of shape (n_courses, n_variables)
        One row a course, numbered from 0; columns are names of the dictionary in the order of the file, then the
        constants of the column map. Numbers are float64 in the canonical unit, tri-states 1.0 / 0.0 / NaN, dates
        datetime64[s], categories and identifiers text or None (dtype object). Text about genetics is not kept: the
        lesions read from it are columns behind the others, where the file has none of their own.
    below : bool DataFrame of shape (n_courses, n_left_censored)
        True where the true value lies under a limit; ``frame`` then holds limit / sqrt(2), or the value measured under
        the detection limit (see ``riskml.runtime.parsing.Reading``).
    row_numbers : int array of shape (n_courses,)
        Row of the file each course stood in (the header is row 1), for messages.
    synthetic : bool
        Whether any row says it is synthetic; then everything made from the cohort is.
    name, sha256 : str
        File name and digest of the file.
    notes : tuple of Note
        What a reader of results should know about the file, one note for each column and reason.
    map_source : str
        What the column map says it is for; empty where none was used.
    written : mapping of str to Written
        Of each column of fractions, how its numbers stood in the file.
    published : str
        What must be said of everything made from it, where the rows are counts of a paper; empty for patients' records.
    """

    frame: pd.DataFrame
    below: pd.DataFrame
    row_numbers: npt.NDArray[np.int64]
    synthetic: bool
    name: str
    sha256: str
    notes: tuple[Note, ...] = ()
    map_source: str = ""
    written: Mapping[str, Written] = field(default_factory=dict)
    published: str = ""
    _patient: list[npt.NDArray[np.intp]] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def n_courses(self) -> int:
        """Rows of the file."""
        return len(self.frame)

    @property
    def n_patients(self) -> int:
        """Different patients; the rows, where the file has no patient identifier."""
        return int(self.patient.max(initial=-1)) + 1

    @property
    def patient(self) -> npt.NDArray[np.intp]:
        """Code of each row's patient, shape (n_courses,): 0, 1, ... in the order in which patients appear."""
        if not self._patient:  # asked for by nearly everybody, and a second for a million rows
            if "patient_id" in self.frame:
                codes = np.asarray(pd.factorize(self.frame["patient_id"])[0], dtype=np.intp)
            else:
                codes = np.arange(self.n_courses, dtype=np.intp)
            codes.flags.writeable = False
            self._patient.append(codes)
        return self._patient[0]

    @property
    def first_courses(self) -> npt.NDArray[np.bool_]:
        """Mark each patient's course with the smallest cycle_index, the first of the file among equals.

        Returns
        -------
        bool array of shape (n_courses,)
        """
        patient = self.patient
        cycle = self.frame["cycle_index"].to_numpy() if "cycle_index" in self.frame else np.zeros(self.n_courses)
        order = np.lexsort((np.arange(self.n_courses), cycle, patient))  # an unknown cycle (NaN) sorts last
        first = np.zeros(self.n_courses, dtype=np.bool_)
        first[order[np.unique(patient[order], return_index=True)[1]]] = True
        return first

    def patients(self) -> Cohort:
        """The patient table: each patient's first course, rows numbered anew from 0."""
        return self.some(np.flatnonzero(self.first_courses))

    def some(self, rows: npt.NDArray[np.intp]) -> Cohort:
        """The cohort with the rows at these positions only, numbered anew from 0."""
        return replace(
            self,
            frame=self.frame.iloc[rows].reset_index(drop=True),
            below=self.below.iloc[rows].reset_index(drop=True),
            row_numbers=self.row_numbers[rows],
            written={name: written.take(rows) for name, written in self.written.items()},
        )

    def describe(self) -> tuple[str, ...]:
        """Lines for a person: size, centres, origin, what is missing in each column, and the notes."""
        centres = f", {self.frame['centre'].nunique()} centres" if "centre" in self.frame else ""
        size = f"{self.n_courses:,} courses, {self.n_patients:,} patients{centres}"
        lines = [f"{self.name} (sha256 {self.sha256[:12]}): {size}"]
        if self.synthetic:
            lines.append("SYNTHETIC: some or all rows are simulated; nothing here is evidence about patients")
        if self.published:
            lines.append(f"PUBLISHED COUNTS: {self.published}")
        width = max(map(len, self.frame.columns))
        for column in self.frame.columns:
            line = f"  {column:<{width}}  missing {self.frame[column].isna().mean():6.1%}"
            if column in self.below and self.below[column].any():
                line += f"  below a detection limit {self.below[column].mean():.1%}"
            lines.append(line)
        return (*lines, *(f"note: {note.message}" for note in self.notes))


def read_cohort(
    path: str | Path,
    columns: str | Path | ColumnMap | None = None,
    dictionary: Dictionary | None = None,
    *,
    sheet: str | None = None,
    encoding: str | None = None,
) -> Cohort:
    """Read and check a cohort file.

    Parameters
    ----------
    path : str or Path
        A csv, tsv, xlsx or Parquet file with a header, one row a course.
    columns : str, Path or ColumnMap, optional
        How the file's columns are called, measured and coded; without it they go by the dictionary's own names.
    dictionary : Dictionary, optional
        The dictionary to read with; this riskml's own by default.
    sheet, encoding : str, optional
        As in :func:`riskml.cohort.read_table.read_table`.

    Returns
    -------
    Cohort

    Raises
    ------
    UsageError
        If a file is not there, or the column map is not TOML.
    DataError
        With every fault of the file at once, by row and column and never by patient.
    """
    dictionary = dictionary or load_dictionary()
    if isinstance(columns, (str, Path)):
        columns = ColumnMap.load(columns, dictionary)
    return cohort_from_table(read_table(path, sheet=sheet, encoding=encoding), columns, dictionary)


def cohort_from_table(
    table: RawTable, columns: ColumnMap | None = None, dictionary: Dictionary | None = None
) -> Cohort:
    """Check a table that was read already; parameters and errors as in :func:`read_cohort`."""
    dictionary = dictionary or load_dictionary()
    columns = columns or ColumnMap({})
    sources, faults = find_sources(table.columns, columns, dictionary)
    parsed = [parse_column(table, source, dictionary) for source in sources]
    faults += [fault for column in parsed for fault in column.faults]
    for name, value in columns.constants.items():
        parsed.append(constant_column(dictionary, name, value, len(table.cells)))
    frame = pd.DataFrame({column.variable.name: column.series for column in parsed}, index=range(len(table.cells)))
    below = {column.variable.name: column.below for column in parsed if column.variable.left_censored}
    headers = {source.variable.name: source.header for source in sources}
    faults += _identity_faults(frame, table.row_numbers, headers)
    if faults:
        raise DataError(f"{table.name} was refused", faults)
    notes = [note for column in parsed for note in column.notes]
    if table.unread:
        others = ", ".join(printable(name, 40) for name in table.unread[:20])
        notes.append(Note("other_sheets", f"the first sheet was read; the workbook also has {others}: --sheet chooses"))
    for limited in limits_by_method(table, sources, frame, dictionary):
        frame[limited.name], below[limited.name] = limited.value, limited.below
        notes += limited.notes
    for name in [column.variable.name for column in parsed if column.variable.kind == "lesion_text"]:
        frame, read = lesions_from_text(frame, name, table.row_numbers, dictionary)
        notes += read
    return Cohort(
        frame=frame,
        below=pd.DataFrame(below, index=frame.index, dtype=bool),
        row_numbers=table.row_numbers,
        synthetic="data_origin" in frame and bool((frame["data_origin"] == "synthetic").any()),
        name=table.name,
        sha256=table.sha256,
        notes=(*notes, *_cohort_notes(frame)),
        map_source=columns.source,
        written={column.variable.name: column.written for column in parsed if column.written is not None},
    )


def _identity_faults(
    frame: pd.DataFrame, row_numbers: npt.NDArray[np.int64], headers: Mapping[str, str]
) -> Iterator[Fault]:
    """Rows without a patient, and courses that stand twice in the file."""
    if "patient_id" not in headers:
        return
    header = headers["patient_id"]
    for position in np.flatnonzero(frame["patient_id"].isna()):
        remedy = "fill it in; without the whole column each row counts as one patient"
        yield Fault(int(row_numbers[position]), header, "every row needs a patient", None, remedy)
    if "cycle_index" not in frame:
        return
    known = frame.loc[frame["patient_id"].notna() & frame["cycle_index"].notna(), ["patient_id", "cycle_index"]]
    again = known.duplicated()
    first = known.assign(row=row_numbers[known.index]).groupby(["patient_id", "cycle_index"])["row"].transform("first")
    for position in known.index[again]:
        yield repeated_course(int(row_numbers[position]), int(first[position]))


def repeated_course(row: int, first: int) -> Fault:
    """A course that stands in a second row of the file."""
    rule, remedy = "a patient has each cycle once", "correct cycle_index or delete one of the rows"
    return Fault(row, None, rule, f"the course of row {first}", remedy)


def _cohort_notes(frame: pd.DataFrame) -> Iterator[Note]:
    """What the rows and their origin are taken to be; contradictions between columns are for ``checks``."""
    if "patient_id" not in frame:
        yield Note("rows_are_patients", "there is no patient_id: each row counts as a patient of its own")
    elif "cycle_index" not in frame and frame["patient_id"].duplicated().any():
        text = "patients have several rows and there is no cycle_index: the first row counts as the first course"
        yield Note("first_row_is_first_course", text)
    origin = frame.get("data_origin")
    if origin is not None:
        simulated, unsaid = int((origin == "synthetic").sum()), int(origin.isna().sum())
        if max(simulated, unsaid, len(origin) - simulated - unsaid) < len(origin):
            text = f"data_origin differs between rows ({simulated:,} synthetic, {unsaid:,} not said)"
            yield Note("mixed_origin", f"{text}: one synthetic row makes the whole cohort synthetic")
