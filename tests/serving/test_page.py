"""The pages say what must be said, can be read by a machine that reads aloud, and reach nowhere."""

from __future__ import annotations

import copy
import re

import pytest

from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.runtime.dictionary import Dictionary
from riskml.serving.calculator import asked_names, source_hash
from riskml.serving.page import fields_of, render_answer, render_form, render_models, render_problem
from riskml.serving.page_form import read_question
from riskml.serving.problems import Problem
from riskml.serving.settings import Settings
from tests.runtime.models import SHIPPED, shipped_bundle
from tests.serving.browser import Elements

HOSTILE = '</label></title><script>alert(1)</script><img src=x onerror="alert(1)">\'&'
TYPED = {"given-mrd": "0.52", "given-mrd-unit": "%", "instead-mrd": "5", "instead-mrd-unit": "%"}


def answer(bundle, typed=TYPED):
    return render_answer(bundle, typed, read_question(bundle, typed, Settings()), "2026-03-01 08:00 UTC")


@pytest.fixture(scope="module")
def pages():
    bundles = {name: shipped_bundle(name) for name in (*SHIPPED, "efs_published")}
    found = {name: render_form(bundle, {}, {}) for name, bundle in bundles.items()}
    found["models"] = render_models(bundles)
    found["faults"] = render_form(bundles["efs"], {"given-mrd": "x"}, {"given-mrd": ["no"], "": ["all"], "at": ["no"]})
    found["problem"] = render_problem(Problem("model-unknown", "no model of that name is served"))
    return found | {f"{name} answered": answer(bundles[name]) for name in ("efs", "non_response")}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_input_has_a_labelled_field_on_both_sides(name, pages):
    elements = Elements(pages[name].text).found
    ids = {a["id"] for _, a in elements if "id" in a}
    labels = {a["for"] for tag, a in elements if tag == "label" and "for" in a}
    names = {a["name"] for tag, a in elements if tag in ("input", "select")}
    assert names == {*fields_of(shipped_bundle(name))}
    for side in ("given", "instead"):
        assert {f"{side}-{one}" for one in asked_names(shipped_bundle(name))} <= ids & names
    for tag, attributes in elements:
        if tag in ("input", "select") and attributes.get("type") != "radio":
            assert attributes["id"] in labels or attributes["aria-label"]
        assert set(attributes.get("aria-describedby", "").split()) <= ids | {f"{attributes.get('id')}-hint"}


def test_no_page_reaches_beyond_the_service(pages):
    for page in pages.values():
        elements = Elements(page.text).found
        assert not {"script", "img", "iframe", "object", "embed", "base", "audio"} & {tag for tag, _ in elements}
        for tag, attributes in elements:
            assert not {"src", "srcset", "style", "formaction", "ping"} & {*attributes}
            assert not [key for key in attributes if key.startswith("on")]
            assert attributes.get("href", "#")[:1] in "#/" or (tag, attributes["href"]) == ("link", "data:,")
            assert not attributes.get("href", "").startswith("//")
            if tag == "form":
                assert attributes["method"] == "post"
                assert re.fullmatch(r"/models/[\w-]+", attributes["action"])
        style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)[1]
        assert not re.search(r"url\(|@import|https?:", style)
        assert f"style-src {source_hash(style)};" in page.policy
        assert page.policy.startswith("default-src 'none';")
        assert "unsafe" not in page.policy


def test_every_page_has_a_language_one_heading_and_a_way_past_the_banner(pages):
    for page in pages.values():
        elements = Elements(page.text).found
        tags = [tag for tag, _ in elements]
        ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
        assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
        assert len(ids) == len(set(ids))
        assert ("html", {"lang": "en"}) in elements
        assert next(a["href"] for tag, a in elements if tag == "a") == "#main"
        assert page.text.count(RESEARCH) >= 3  # on top, at the end, and on each sheet


def test_synthetic_is_said_everywhere_and_only_where_it_is_so(pages):
    for name in (*SHIPPED, "efs_published"):
        page, is_synthetic = pages[name].text, shipped_bundle(name).manifest["synthetic"]
        assert (page.count(SYNTHETIC) >= 3) == is_synthetic == ("<title>SYNTHETIC: " in page)
    assert pages["efs answered"].text.count('<span class="tag">synthetic</span>') == 4
    assert "Fitted to the counts that one paper prints" in pages["efs_published"].text


def test_the_list_tells_what_each_model_is(pages):
    text = pages["models"].text
    for name in (*SHIPPED, "efs_published"):
        manifest = shipped_bundle(name).manifest
        assert f'<a href="/models/{name}">{manifest["label"]}</a>' in text
        assert manifest["intended_use"] in text
    assert text.count("to be reviewed by 2") == len(SHIPPED) + 1
    assert text.count("from published counts</span>") == 1
    late = shipped_bundle("efs")
    late = late.with_(manifest={**late.manifest, "review_by": "2020-01-01"})
    assert "was due for review on 2020-01-01" in render_models({"efs": late}).text
    assert "was due for review on 2020-01-01" in render_form(late, {}, {}).text


def test_faults_are_summed_up_and_linked(pages):
    text = pages["faults"].text
    assert "<title>Error: SYNTHETIC: " in text
    assert 'role="alert"' in text
    assert '<a href="#given-mrd">no</a>' in text
    assert "<li>all</li>" in text
    assert 'id="answer"' not in text
    assert ' value="x"' in text


def test_an_answer_has_its_record_and_the_form_as_it_was(pages):
    text = pages["efs answered"].text
    assert "2026-03-01 08:00 UTC" in text
    assert shipped_bundle("efs").digest in text
    assert ' value="0.52"' in text
    assert "<details open>" in text
    assert text.index('id="answer"') < text.index('id="patient"')
    same = answer(shipped_bundle("efs"), {"given-mrd": "5", "given-mrd-unit": "%", "instead-mrd": "5 %"}).text
    assert "there is nothing to compare" in same


def test_hostile_words_in_a_bundle_stay_words():
    bundle = shipped_bundle("efs")
    raw = copy.deepcopy(bundle.dictionary.raw)
    raw["variable"]["mrd"]["label"] = HOSTILE
    manifest = {**bundle.manifest, "label": HOSTILE, "not_for": [HOSTILE], "dictionary": raw}
    hostile = bundle.with_(manifest=manifest, dictionary=Dictionary.from_dict(raw), card=HOSTILE)
    for page in (answer(hostile), render_form(hostile, {}, {"at": [HOSTILE]}), render_models({"efs": hostile})):
        assert not {"script", "img"} & {tag for tag, _ in Elements(page.text).found}
