"""What a column's name says about when it became known: words of events, of aftermath, and days after the landmark."""

from __future__ import annotations

import re
from collections.abc import Iterator

# Words long enough to be recognised inside glued names such as "ANCrecovery" or "extcGvHD".
_EVENTS = {
    "relaps": "an event",
    "recurren": "an event",
    "progress": "an event",
    "death": "an event",
    "deceased": "an event",
    "surviv": "follow-up",
    "recover": "recovery after treatment",
    "engraft": "recovery after treatment",
    "gvhd": "a complication of treatment",
    "toxicit": "a complication of treatment",
    "icans": "a complication of treatment",
    "adverse": "a complication of treatment",
    "respon": "the result of treatment",
    "outcome": "the result of treatment",
    "followup": "follow-up",
    "follow_up": "follow-up",
    "last_contact": "follow-up",
    "last_seen": "follow-up",
    "censor": "follow-up",
    "time_to": "the time of an event",
    "timeto": "the time of an event",
}
# Words that count only as a whole word of the name.
_WORDS = {
    "event": "an event",
    "events": "an event",
    "died": "an event",
    "dead": "an event",
    "efs": "follow-up",
    "os": "follow-up",
    "pfs": "follow-up",
    "dfs": "follow-up",
    "rfs": "follow-up",
    "crs": "a complication of treatment",
    "post": "something after treatment",
    "after": "something after treatment",
    "discharge": "something after treatment",
}
# An event that made somebody eligible is history: "prior relapse", "transplant after relapse", "age at relapse".
_HISTORY = re.compile(
    r"prior|previous|history|before|(?:^|_)(?:pre|n|number|at|since|tx|early|late)(?=_|relaps)|post_?relaps|"
    r"after_?relaps"
)
# "II-IV", "III_IV", "IIIV": a range of grades is how complications are written; a stage of disease says so.
_GRADES = re.compile(r"(?<![A-Za-z])I{2,3}[-_ ]?(?:to[-_ ])?I?V(?![A-Za-z])")
_STAGE = re.compile(r"stage|risk|class|type|phase", re.IGNORECASE)
_DAY = re.compile(r"(?:day|(?:^|_)d)_?(\d{1,3})(?=_|$)")
_WEEK = re.compile(r"(?:^|_)(?:week|wk|w)_?(\d{1,2})(?=_|$)")
_END = re.compile(r"(?:^|_)(?:eo([ict])|end_of_(induction|consolidation|cycle|treatment|therapy))(?=_|$)")

# Days on which landmarks stand, counted from the start of their own treatment (day 1 is its first day).
_LANDMARK_DAY = {"diagnosis": 1, "end_of_induction": 29, "first_dose": 1, "day_15": 15, "end_of_cycle_1": 42}
_END_KNOWN = {
    "i": "end_of_induction",
    "induction": "end_of_induction",
    "c": "end_of_cycle_1",
    "consolidation": "end_of_cycle_1",
    "cycle": "end_of_cycle_1",
    "t": "follow_up",
    "treatment": "follow_up",
    "therapy": "follow_up",
}


def fold(name: str) -> str:
    """Lower case with single underscores, and words of a glued name such as ``"mrdDay29"`` apart."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", apart.casefold()).strip("_")


def name_speaks(name: str, landmark: str, landmarks: tuple[str, ...]) -> tuple[str, bool] | None:
    """Why a name sounds learned after the landmark, and whether it surely does; None where it does not.

    Parameters
    ----------
    name : str
        The column as the file calls it.
    landmark : str
        One of ``landmarks``.
    landmarks : tuple of str
        In order of time.

    Returns
    -------
    (str, bool) or None
        The reason in words; False where the event named may as well lie in the patient's history.

    Examples
    --------
    >>> times = ("diagnosis", "end_of_induction", "first_dose", "day_15", "end_of_cycle_1", "follow_up")
    >>> name_speaks("PLTrecovery", "first_dose", times)
    ("its name speaks of recovery after treatment ('recover')", True)
    >>> name_speaks("mrd_d29", "end_of_induction", times) is None
    True
    >>> name_speaks("prior_relapses", "first_dose", times)
    ("its name speaks of an event ('relaps'), perhaps in the history", False)
    """
    if landmark == landmarks[-1]:
        return None
    folded = fold(name)
    reason = next((f"its name {words}" for words in _later(folded, landmark, landmarks)), None)
    if reason is not None:
        return reason, True
    if _GRADES.search(name) and not _STAGE.search(name):
        return "its name gives a range of grades, as complications of treatment have", True
    word = next((word for word in _EVENTS if word in folded), None)
    meaning = _EVENTS[word] if word else None
    if word is None:
        word = next((part for part in folded.split("_") if part in _WORDS), None)
        meaning = _WORDS[word] if word else None
    if word is None:
        return None
    past = bool(_HISTORY.search(folded))
    return f"its name speaks of {meaning} ('{word}'){', perhaps in the history' if past else ''}", not past


def _later(folded: str, landmark: str, landmarks: tuple[str, ...]) -> Iterator[str]:
    """Days, weeks and ends of treatment that lie after the landmark."""
    day = _LANDMARK_DAY.get(landmark, 1)
    for pattern, days in ((_DAY, 1), (_WEEK, 7)):
        found = pattern.search(folded)
        if found and int(found[1]) * days > day:
            unit = "day" if days == 1 else "week"
            yield f"says {unit} {found[1]}, after the landmark (day {day})"
    end = _END.search(folded)
    if end:
        known = _END_KNOWN[end[1] or end[2]]
        if landmarks.index(known) > landmarks.index(landmark):
            yield f"says '{end[0].strip('_')}', after the landmark"
