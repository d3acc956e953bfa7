"""The fields of a form follow the dictionary, and whatever is filled into a template is escaped."""

from __future__ import annotations

import pytest

from riskml.serving.calculator import asked_names
from riskml.serving.fields import environment, field_groups
from tests.runtime.models import SHIPPED, shipped_bundle

MRD = {"name": "mrd", "label": "MRD", "kind": "number", "levels": [], "units": [("%", "%"), ("1", "share")]}
MRD |= {"words": [], "limit": True, "hint": ""}


@pytest.mark.parametrize("name", SHIPPED)
def test_each_variable_has_one_field(name):
    bundle = shipped_bundle(name)
    names = [field["name"] for group in field_groups(bundle) for field in group["fields"]]
    assert sorted(names) == sorted(asked_names(bundle))
    assert {*bundle.model.inputs} <= {*names}


def test_fields_are_grouped_and_have_one_spelling_of_each_unit():
    bundle = shipped_bundle("non_response")
    groups = {group["heading"]: group for group in field_groups(bundle)}
    names = {heading: [field["name"] for field in group["fields"]] for heading, group in groups.items()}
    assert names["Genetics of the leukaemia"] == ["bcr_abl1", "kmt2a_r", "tcf3_hlf"]
    assert names["Measurements"] == ["mrd", "cd19", "cd3"]
    assert "age" in names["Beside the estimate"]
    assert groups["Beside the estimate"]["hint"]
    mrd, cd19, _ = groups["Measurements"]["fields"]
    assert mrd["units"][:3] == [("%", "%"), ("fraction", "fraction"), ("10*-4", "10⁻⁴")]
    assert cd19["units"] == [("10*9/L", "10⁹/L"), ("/uL", "/µL")]
    assert "if it lies below a limit" in mrd["hint"]
    assert mrd["limit"]
    for group in groups.values():
        for field in group["fields"]:
            quantity = bundle.dictionary[field["name"]].quantity
            assert len({quantity.factor(unit) for unit, _ in field["units"]}) == len(field["units"])


def drawn(*arguments):
    source = '{% from "fields.html.j2" import field %}{{ field(*arguments) }}'
    return environment().from_string(source).render(arguments=arguments)


def test_a_field_is_filled_in_again_with_its_fault_beside_it():
    hostile = '"><script>alert(1)</script>'
    text = drawn(MRD, "given", {"given-mrd": hostile, "given-mrd-unit": "1"}, {"given-mrd": [hostile]})
    assert "<script" not in text
    assert 'value="&#34;&gt;&lt;script&gt;' in text
    assert '<option value="1" selected>' in text
    assert text.count('aria-invalid="true"') == 1
    assert 'aria-describedby="given-mrd-hint given-mrd-error"' in text
    assert '<p class="error" id="given-mrd-error">&#34;' in text


def test_what_is_left_as_given_is_not_the_same_as_unknown():
    lesion = {**MRD, "kind": "tristate", "words": [("", "unknown"), ("absent", "absent"), ("present", "present")]}
    plain, beside = drawn(lesion, "given"), drawn(lesion, "instead", {"instead-mrd": "unknown"}, {}, "as given")
    assert '<input type="radio" name="given-mrd" value="" checked>unknown' in plain
    assert '<input type="radio" name="instead-mrd" value="">as given' in beside
    assert '<input type="radio" name="instead-mrd" value="unknown" checked>unknown' in beside
