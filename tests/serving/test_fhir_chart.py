"""Which resources of a Bundle count: status, subject, modifiers, codes, panels, diagnoses, doses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.errors import DataError
from riskml.runtime.dictionary import load_dictionary
from riskml.serving.fhir_chart import Chart
from riskml.serving.fhir_codes import load_codes
from riskml.serving.fhir_shape import MAX_ENTRIES
from tests.serving.fhir import LOINC, OWN, VALUE, coded, collection, observation, quantity, read, why

DICTIONARY, CODES = load_dictionary(), load_codes()
MRD = {"valueQuantity": quantity(0.5, "%")}
DRUG = coded("http://www.nlm.nih.gov/research/umls/rxnorm", "1597258")


def chart(*resources, **elements):
    return Chart(collection(*resources, **elements), DICTIONARY, CODES)


def places(bundle):
    with pytest.raises(DataError) as refused:
        Chart(bundle, DICTIONARY, CODES)
    return [fault.column for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("status", "counts"),
    [("final", 1), ("amended", 1), ("corrected", 1), ("entered-in-error", 0), ("cancelled", 0), ("preliminary", 0),
     ("registered", 0), ("unknown", 0), ("FINAL", 0), (None, 0)],
)  # fmt: skip
def test_only_results_that_stand_count(status, counts):
    found = read(observation("mrd", status=status, **MRD))
    assert len(found.patient) == counts
    assert why(found) == ({} if counts else {"mrd": "status"})


def test_a_status_that_is_no_status_is_not_repeated():
    assert "Anna" not in read(observation("mrd", status="Anna", **MRD)).lines()[0]


@pytest.mark.parametrize("modifier", [{"modifierExtension": [{"url": "x"}]}, {"implicitRules": "x"}])
def test_what_may_mean_the_opposite_is_quarantined(modifier):
    condition = {"resourceType": "Condition", "code": coded(OWN, "kmt2a_r"), **modifier}
    found = read(observation("mrd", **MRD, **modifier), condition)
    assert (found.patient, why(found)) == ({}, {"mrd": "modifier", "kmt2a_r": "modifier"})


def test_a_result_with_two_meanings_is_quarantined_and_without_one_passed_over():
    two = observation("mrd", **MRD)
    two["code"]["coding"].append({"system": LOINC, "code": "8122-4"})
    found = read(two, observation("718-7", LOINC), {"resourceType": "Encounter"})
    assert why(found) == {"mrd": "two_codes"}
    assert found.not_read == {"Observation": 1, "Encounter": 1}
    same = observation("731-0", LOINC, valueQuantity=quantity(1, "10*9/L"))
    same["code"]["coding"].append({"system": LOINC, "code": "26474-7"})
    assert read(same).patient == {"lymphocytes": {"value": 1, "unit": "10*9/L"}}


def test_a_panel_gives_the_values_of_its_components():
    parts = [
        {"code": coded(LOINC, "8122-4"), "valueQuantity": quantity(900, "/uL")},
        {"code": coded(LOINC, "8123-2"), "dataAbsentReason": coded("x", "error")},
        {"code": coded("urn:x", "other"), "valueString": "x"},
    ]
    found = read({**observation("panel", "urn:x"), "component": parts})
    assert found.patient == {"cd3": {"value": 900, "unit": "/uL"}}
    assert found.used[0].place == "Bundle.entry[0].resource.component[0]"
    assert why(found) == {"cd4_pct": "no_value"}


@pytest.mark.parametrize(
    ("name", "verified", "clinical", "value", "code"),
    [
        ("kmt2a_r", "confirmed", "active", "present", None),
        ("kmt2a_r", "confirmed", "remission", "present", None),
        ("kmt2a_r", "refuted", None, "absent", None),
        ("kmt2a_r", None, None, "present", None),
        ("kmt2a_r", "provisional", "active", None, "status"),
        ("kmt2a_r", "entered-in-error", None, None, "status"),
        ("cns_disease", "confirmed", "active", "present", None),
        ("cns_disease", "confirmed", "resolved", None, "over"),
        ("prior_hsct", "confirmed", "resolved", "present", None),
        ("mrd", "confirmed", "active", None, "value_type"),
        ("relapse", "confirmed", "active", None, "value_type"),
    ],
)
def test_a_diagnosis_is_present_absent_or_nothing(name, verified, clinical, value, code):
    condition = {"resourceType": "Condition", "code": coded(OWN, name), "recordedDate": "2025-06"}
    for element, word in (("verificationStatus", verified), ("clinicalStatus", clinical)):
        if word:
            condition[element] = coded("http://terminology.hl7.org", word)
    found = read(condition)
    assert found.patient == ({name: value} if value else {})
    assert why(found) == ({name: code} if code else {})


def test_values_of_the_time_after_are_never_read():
    found = read(observation("relapse", valueBoolean=True), observation("response_date", valueString="2026-04-01"))
    assert (found.patient, why(found), found.not_read) == ({}, {"relapse": "never"}, {"Observation": 1})


def test_two_patients_are_never_mixed():
    a, b = {"reference": "Patient/a"}, {"reference": "Patient/b"}
    assert places(collection(observation("mrd", subject=a, **MRD), observation("cd19", subject=b)))
    assert places(collection({"resourceType": "Patient", "id": "a"}, observation("mrd", subject=b, **MRD)))
    assert places(collection({"resourceType": "Patient", "id": "a"}, {"resourceType": "Patient", "id": "b"}))
    assert places(collection({"resourceType": "Patient"}, {"resourceType": "Patient"}))
    other = [{"reference": f"https://{host}.example/fhir/Patient/1"} for host in ("x", "y")]
    assert places(collection(*(observation("mrd", subject=subject, **MRD) for subject in other)))


@pytest.mark.parametrize(
    "reference",
    ["Patient/a", "Patient/a/_history/3", "https://x.example/fhir/Patient/a", "urn:uuid:0b1c", "#p"],
)
def test_the_ways_to_name_one_patient_are_one(reference):
    bundle = collection(
        {"resourceType": "Patient", "id": "a"},
        observation("mrd", subject={"reference": reference}, **MRD),
        observation("bcr_abl1", subject={"identifier": {"value": "x"}}, valueBoolean=False),
        observation("cd19", subject={"reference": "Group/1"}),
    )
    bundle["entry"][0]["fullUrl"] = "urn:uuid:0b1c"
    found = Chart(bundle, DICTIONARY, CODES)
    assert {one.name for one in found.found} == {"mrd", "bcr_abl1"}
    assert [aside.code for aside in found.asides] == ["subject"]


def test_the_subject_is_how_the_bundle_names_the_patient():
    reference = {"reference": "Patient/a"}
    assert chart(observation("mrd", subject=reference, **MRD)).subject == "Patient/a"
    assert chart({"resourceType": "Patient", "id": "a"}).subject == "Patient/a"
    assert chart({"resourceType": "Patient"}).subject is None
    assert chart(observation("mrd", **MRD)).subject is None


def test_doses_count_from_their_start_and_only_if_given():
    def dose(**elements):
        return {"resourceType": "MedicationAdministration", "status": "completed", **elements}

    drug = {"medicationCodeableConcept": DRUG}
    found = chart(
        dose(**drug, effectiveDateTime="2026-03-05"),
        dose(**drug, effectivePeriod={"start": "2026-03-02T09:00:00Z"}),
        dose(**drug, effectiveDateTime="2026-01-01") | {"status": "not-done"},
        dose(effectiveDateTime="2026-01-01", medicationCodeableConcept=coded("urn:x", "other")),
    )
    assert [str(when.first) for when in found.doses] == ["2026-03-05", "2026-03-02"]
    assert found.not_read == {"MedicationAdministration": 1}


def test_everything_that_is_wrong_is_said_at_once_with_its_place():
    bundle = collection(
        3,
        {"resourceType": 5},
        {"resourceType": "Observation", "code": []},
        observation("mrd", effectiveDateTime="yesterday", valueQuantity={"value": "0.5", "code": 5, "system": []}),
        observation("cd19", status=1, subject="Patient/a"),
        {"resourceType": "Patient", "birthDate": 2019},
        type="history",
    )
    assert places(bundle) == [
        "Bundle.type",
        "Bundle.entry[0].resource",
        "Bundle.entry[1].resource.resourceType",
        "Bundle.entry[2].resource.code",
        "Bundle.entry[3].resource.effectiveDateTime",
        "Bundle.entry[3].resource.valueQuantity.value",
        "Bundle.entry[3].resource.valueQuantity.system",
        "Bundle.entry[3].resource.valueQuantity.code",
        "Bundle.entry[4].resource.status",
        "Bundle.entry[5].resource.birthDate",
    ]


@pytest.mark.parametrize("bundle", [None, [], 3, "Bundle", {}, {"resourceType": "Patient"}])
def test_what_is_no_bundle_is_refused(bundle):
    assert places(bundle) == ["Bundle.resourceType"]


def test_depth_cycles_and_size_cost_nothing():
    deep: dict = {}
    for _ in range(100_000):
        deep = {"extension": [deep]}
    loop = observation("mrd", **MRD)
    loop["hasMember"] = loop["contained"] = [loop]
    loop["extension"] = [deep]
    assert [one.name for one in chart(loop).found] == ["mrd"]
    while deep:  # taken apart from the outside: Python would do it by recursion
        deep = deep.pop("extension")[0]
    assert places(collection(*[{}] * (MAX_ENTRIES + 1))) == ["Bundle.entry"]


def test_a_page_of_several_says_so():
    assert chart(link=[{"relation": "self"}, {"relation": "next", "url": "x"}]).assumed != []
    assert chart(link=[{"relation": "self"}]).assumed == []


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**30)
    | st.floats()
    | st.sampled_from(["", "final", "mrd", OWN, VALUE]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["resourceType", "status", "code", "coding", "system", "valueQuantity", "valueCodeableConcept", "value",
             "component", "subject", "reference", "effectiveDateTime", "effectivePeriod", "unit", "text", "id"]
        ),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=60)
@given(st.sampled_from(["Observation", "Condition", "Patient", "MedicationAdministration"]), st.data())
def test_any_json_is_read_or_refused(kind, data):
    resource = observation("mrd", **MRD) | {"resourceType": kind, "medicationCodeableConcept": DRUG}
    for name in data.draw(
        st.sets(st.sampled_from([*resource, "component", "subject", "birthDate", "effectivePeriod"]))
    ):
        resource[name] = data.draw(JSON)
    other, faults = data.draw(JSON), ()
    try:
        read(resource, other)
    except DataError as error:
        faults = error.faults
    assert all(fault.column.startswith("Bundle") for fault in faults)
