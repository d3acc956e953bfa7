"""The calculator's page: what stands beside the fields, and the template filled in."""

from __future__ import annotations

from typing import Any

from riskml import __version__
from riskml.reporting import effects, words
from riskml.runtime.bundle import Bundle
from riskml.serving.calculator import ENGINE, embedded, page_data, policy_of, script, style_sheet
from riskml.serving.fields import environment, field_groups
from riskml.serving.sentences import on_paper, on_top

PAGE = (*ENGINE, "draw", "answer", "page")


def render_calculator(bundle: Bundle) -> str:
    """The whole page as text; the same bundle and riskml give the same bytes.

    Parameters
    ----------
    bundle : Bundle
        Its model, golden patients, card and aggregates are inside.

    Returns
    -------
    str
        HTML whose content security policy allows the one script and the one style it holds, and no request.

    Raises
    ------
    NotEstimableError
        If the page has no field for what the model takes; see :func:`riskml.serving.calculator.asked_names`.
    BundleError
        If a number in the bundle is not finite.
    """
    manifest = bundle.manifest
    code, style = script(*PAGE), style_sheet(on_paper(manifest))
    template = environment().get_template("calculator.html.j2")
    page = template.render(
        manifest={"review_by": None, **manifest},
        synthetic=manifest["synthetic"],
        statements=on_top(manifest),
        policy=policy_of(code, style),
        style=style,
        script=code,
        data=embedded(page_data(bundle)),
        groups=field_groups(bundle),
        aggregates=_aggregates(bundle),
        card=bundle.card,
        version=__version__,
    )
    return page.encode("utf-8", "replace").decode()  # half a character in a label is no reason to fail


def _aggregates(bundle: Bundle) -> dict[str, Any] | None:
    """What the inputs do over the cohort of training; None for a bundle that does not say."""
    explanation = bundle.explanation
    if explanation is None:
        return None
    at = explanation["times"].index(explanation["horizon_months"]) if explanation["times"] else 0
    rows: list[list[str]] = []
    for item, curve in ((item, item["dependence"]) for item in explanation["inputs"] if item["dependence"]):
        rows.append([effects.label_of(item)])
        for value, moved in zip(curve["values"], curve["effects"], strict=True):
            shown = value if isinstance(value, str) else words.significant(value, 3)
            rows.append([shown, words.signed(100 * moved[at])])
    caption = f"Mean effect of each value, {effects.scale_of(explanation)}"
    return {
        "sentences": [effects.MEANING, *effects.in_words(explanation, "course")],
        "importance": effects.importance_table(explanation),
        "by_value": (caption, ["Value", "Mean effect"], rows),
    }
