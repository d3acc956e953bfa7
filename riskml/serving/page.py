"""The web pages of the service as text: the list of models, a model's form with its answer, and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from riskml import __version__
from riskml.errors import NotEstimableError, printable
from riskml.record import Record
from riskml.reporting.words import printed
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import RESEARCH
from riskml.runtime.inputs import patient_readings
from riskml.runtime.patient import with_value
from riskml.runtime.review import is_overdue
from riskml.serving.asked import Asked, predicted
from riskml.serving.calculator import source_hash, style_sheet
from riskml.serving.fields import environment, field_groups
from riskml.serving.page_answer import Table, answer_of, comparison_of, glued
from riskml.serving.page_form import Question, form_fields
from riskml.serving.problems import KINDS, Problem
from riskml.serving.sentences import on_paper, on_top

_SHEETS = ("page", "served")


class Page(Record):
    """A page and the content security policy that goes with it."""

    text: str
    policy: str


def policy_of(style: str) -> str:
    """A policy that allows this style, the form of the service itself, and no request of any other kind."""
    allowed = {"default-src": "'none'", "style-src": source_hash(style), "img-src": "data:", "form-action": "'self'"}
    allowed |= {"base-uri": "'none'", "frame-ancestors": "'none'"}
    return "; ".join(f"{what} {source}" for what, source in allowed.items())


def fields_of(bundle: Bundle) -> list[str]:
    """Every field of the model's form; none where it has no form."""
    return form_fields(_groups(bundle)[0], has_time=_has_time(bundle))


def render_models(bundles: Mapping[str, Bundle]) -> Page:
    """The list of models.

    Parameters
    ----------
    bundles : mapping of name to Bundle
    """
    models = [{"review_by": None, **b.manifest, "overdue": is_overdue(b.manifest)} for b in bundles.values()]
    return _rendered("page_models.html.j2", [RESEARCH], [RESEARCH], models=models)


def render_problem(problem: Problem) -> Page:
    """A refusal that is not about a field."""
    kind = KINDS[problem.kind]
    said = {
        "title": kind.title,
        "detail": f"{printable(problem.detail[:1].upper() + problem.detail[1:])}.",
        "meaning": kind.meaning,
    }
    return _rendered("page_problem.html.j2", [RESEARCH], [RESEARCH], **said)


def render_form(bundle: Bundle, typed: Mapping[str, str], faults: Mapping[str, list[str]]) -> Page:
    """A model's form, filled in again with what was typed and each fault beside its field.

    Parameters
    ----------
    bundle : Bundle
    typed : mapping of field id to str
    faults : mapping of field id to list of str
        The key "" for what is no single field's.
    """
    return _model_page(bundle, typed, faults=faults)


def render_answer(bundle: Bundle, typed: Mapping[str, str], question: Question, now: str) -> Page:
    """The estimate with all that is to be read beside it, above the form as it was filled in.

    Parameters
    ----------
    bundle : Bundle
    typed : mapping of field id to str
    question : Question
        Checked by :func:`riskml.serving.page_form.read_question`.
    now : str
        The time of the estimate, as printed on the record.

    Raises
    ------
    Problem
        If the prediction is refused after all.
    """
    asked, patient = question.asked, question.given
    given = predicted(bundle, asked, patient)
    course = [] if given.is_single else predicted(bundle, _quiet(asked, {}), {}).curve
    changed, compared = None, None
    if question.changes:
        changed = patient
        for name, value in question.changes.items():
            changed = with_value(changed, name, value, bundle.dictionary)
        compared = comparison_of(predicted(bundle, _quiet(asked, question.changes), patient), given)
    return _model_page(
        bundle,
        typed,
        answer=answer_of(given, course),
        what_if=compared,
        record=_record(bundle, patient, changed),
        now=now,
    )


def _record(bundle: Bundle, patient: Mapping[str, Any], changed: Mapping[str, Any] | None) -> Table | None:
    """The values as they were read, of the patient and of the one with other values: for paper."""
    sides = [patient_readings(bundle, side) for side in (patient, changed) if side is not None]
    names = list(dict.fromkeys(name for side in sides for name in side))
    rows = [
        [
            bundle.dictionary[name].label,
            *(
                glued(printed(bundle.dictionary[name].show(side[name].value, side[name].below)))
                if name in side and side[name].value is not None
                else "not known"
                for side in sides
            ),
        ]
        for name in names
    ]
    columns = ["Value", "As given", "Instead"] if changed is not None else ["Value", "Read as"]
    return ("The values as they were read", columns, rows) if rows else None


def _quiet(asked: Asked, changes: Mapping[str, Any]) -> Asked:
    """The same months without an explanation, with these values put in."""
    return asked.with_(changes=changes, months={**asked.months, "explain": False})


def _model_page(bundle: Bundle, typed: Mapping[str, str], **parts: Any) -> Page:
    manifest = bundle.manifest
    groups, no_form = _groups(bundle)
    absent: dict[str, Any] = {"answer": None, "what_if": None, "record": None, "faults": {}, "now": ""}
    return _rendered(
        "page_model.html.j2",
        on_top(manifest),
        on_paper(manifest),
        manifest={"review_by": None, "digest": bundle.digest, **manifest},
        overdue=is_overdue(manifest),
        groups=groups,
        no_form=no_form,
        typed=typed,
        has_changes=any(field.startswith("instead-") and not field.endswith("-unit") for field in typed),
        has_time=_has_time(bundle),
        scale=bundle.model.scale,
        months_hint=_months_hint(bundle),
        card=bundle.card,
        **{**absent, **parts},
    )


def _groups(bundle: Bundle) -> tuple[list[dict[str, Any]], str]:
    """The form's groups, or why there is no form."""
    try:
        return field_groups(bundle), ""
    except NotEstimableError:
        return [], "This model takes values that have no field here. Ask over HTTP, or use riskml predict."


def _has_time(bundle: Bundle) -> bool:
    return bundle.model.kind != "binary"


def _months_hint(bundle: Bundle) -> str:
    if not _has_time(bundle):
        return ""
    own = " ".join(f"{month:g}" for month in bundle.manifest["horizons_months"])
    reach = f"{bundle.model.horizon:g}"
    return f"With blanks between, such as 3 6; left out: {own}. The model speaks of up to {reach} months."


def _rendered(template: str, statements: list[str], on_sheets: list[str], **content: Any) -> Page:
    style, policy = _style(*on_sheets)
    text = (
        environment().get_template(template).render(statements=statements, style=style, version=__version__, **content)
    )
    return Page(text.encode("utf-8", "replace").decode(), policy)  # half a character in a label is no reason to fail


@cache
def _style(*statements: str) -> tuple[str, str]:
    style = style_sheet(statements, _SHEETS)
    return style, policy_of(style)
