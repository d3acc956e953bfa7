"""The discovery document of CDS Hooks: what the services are, and which data they ask for beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from riskml.record import Record
from riskml.runtime.bundle import Bundle
from riskml.runtime.derived import components
from riskml.runtime.inputs import derived_names
from riskml.serving.fhir_codes import FhirCodes, load_codes

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from typing import Any

LANDMARK = "first_dose"
_AT_MOST = 500  # results in one prefetch; a longer list has a next page, which is then said


class Service(Record):
    """A service of the discovery document: its hook and what it says of itself."""

    hook: str
    title: str
    description: str


SERVICES: Mapping[str, Service] = {
    "riskml-patient-view": Service(
        "patient-view",
        "riskml: before blinatumomab",
        "Research estimates before the first dose of blinatumomab in B-ALL, one card a model. Answers only where the "
        "chart holds MRD, a leukaemic lesion or a status of the disease.",
    ),
    "riskml-order-select": Service(
        "order-select",
        "riskml: blinatumomab is ordered",
        "Research estimates before the first dose of blinatumomab in B-ALL, one card a model, when an order of "
        "blinatumomab is selected.",
    ),
}


def discovery(bundles: Iterable[Bundle], codes: FhirCodes | None = None) -> dict[str, Any]:
    """The answer of ``GET /cds-services``.

    Parameters
    ----------
    bundles : iterable of Bundle
        All models that are served; those for another time than the first dose are left out.
    codes : FhirCodes, optional

    Returns
    -------
    dict
        ``{"services": [...]}``, with prefetch templates that ask for what the models take and no more.
    """
    codes, asked = codes or load_codes(), fitting(bundles)
    if not asked:
        return {"services": []}
    prefetch = _prefetch(asked, codes)
    usage = "Send every prefetch; this service calls no FHIR server. For research: not for decisions about any person."
    return {
        "services": [
            {"id": name, **service.to_fields(), "prefetch": prefetch, "usageRequirements": usage}
            for name, service in SERVICES.items()
        ]
    }


def fitting(bundles: Iterable[Bundle]) -> list[Bundle]:
    """The models for the time of the first dose: at no other does a card help."""
    return [bundle for bundle in bundles if bundle.manifest["landmark"] == LANDMARK]


def _prefetch(bundles: Sequence[Bundle], codes: FhirCodes) -> dict[str, str]:
    """Searches for what the models take, by every code that means it."""
    wanted: dict[tuple[str, str], None] = {}
    yes_no: dict[tuple[str, str], None] = {}
    for bundle in bundles:
        for name in sorted(_wanted(bundle, codes)):
            variable = bundle.dictionary[name]
            codings = dict.fromkeys(codes.codings_of(variable))
            wanted |= codings
            if variable.kind == "tristate":
                yes_no |= codings
    of = "patient={{context.patientId}}"
    statuses = ",".join(sorted(codes.statuses["observation"]))
    return {
        "patient": "Patient/{{context.patientId}}",
        "observations": f"Observation?{of}&status={statuses}&code={_tokens(wanted)}&_sort=-date&_count={_AT_MOST}",
        "conditions": f"Condition?{of}&code={_tokens(yes_no)}&_count={_AT_MOST}",
        "administrations": f"MedicationAdministration?{of}&code={_tokens(codes.drug_codes)}&_count={_AT_MOST}",
    }


def _tokens(codings: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{system}|{code}" for system, code in codings)


def _wanted(bundle: Bundle, codes: FhirCodes) -> set[str]:
    """Variables that the model takes, directly or through what is derived, or that say whom it is for."""
    dictionary = bundle.dictionary
    made = derived_names(bundle)
    parts = components(dictionary.definitions, made) if made else frozenset()
    names = {*bundle.model.inputs, *parts, *bundle.manifest["applies_to"], *codes.evidence}
    companions = {other for name in names if name in dictionary.variables for other in dictionary[name].companions}
    return {name for name in names | companions if name in dictionary.variables}
