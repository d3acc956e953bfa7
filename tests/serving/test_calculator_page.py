"""The offline calculator as a page: it checks itself, says what the other doors say, and asks nobody anything."""

from __future__ import annotations

import copy
import re

import pytest

from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.runtime.dictionary import Dictionary
from riskml.runtime.shares import digits, frequency, percent
from riskml.serving.calculator import source_hash
from riskml.serving.calculator_page import render_calculator
from tests.runtime.models import SHIPPED, shipped_bundle
from tests.serving.browser import Elements, needs_browser, written

HOSTILE = "</label></script><script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">'&"
WATCH = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (event) => window.broken.push(event.violatedDirective));
window.addEventListener("error", (event) => window.broken.push(event.message));
"""
# Fills in the form as a person would, and writes down what the page then shows.
DRIVER = """
const at = (id) => document.getElementById(id), text = (node) => node.textContent.replaceAll("\\u00a0", " ");
const fill = (side, values) => Object.entries(values).forEach(([name, value]) => {
  const control = at(`${side}-${name}`);
  if (control.tagName === "FIELDSET") control.querySelector(`input[value="${value}"]`).checked = true;
  else control.value = value;
});
const shown = () => ({
  title: document.title, app: !at("app").hidden, check: text(at("check")), answer: !at("answer").hidden,
  status: text(at("status")), answers: text(at("answers")), images: document.querySelectorAll("img").length,
  rows: [...at("answers").querySelectorAll("tr")].map((row) => [...row.children].map((cell) => text(cell.lastChild))),
  curves: at("answers").querySelectorAll("path.curve").length, focus: document.activeElement.id,
  invalid: [...document.querySelectorAll("[aria-invalid]")].map(({ id }) => id),
  error: text(at("given-mrd-error")), label: text(document.querySelector("label[for=given-mrd]")),
  width: [document.documentElement.scrollWidth, window.innerWidth], stale: !at("stale").hidden,
});
const states = { start: shown() };
if (!at("app").hidden) {
  fill("given", { mrd: "0.52", bcr_abl1: "absent", age: "6", "age-unit": "years" });
  at("given").requestSubmit();
  states.answered = shown();
  at("given-mrd").value = "0.5";
  at("given-mrd").dispatchEvent(new Event("input", { bubbles: true }));
  states.typing = shown();
  at("given-mrd").value = "0,5";
  at("given").requestSubmit();
  states.refused = shown();
  at("given-mrd").value = "<0.01";
  at("compare").click();
  fill("instead", { mrd: "35", bcr_abl1: "present" });
  at("instead").requestSubmit();
  states.compared = shown();
  at("clear").click();
  states.cleared = shown();
}
const place = document.createElement("pre");
place.id = "out";
const stored = [localStorage.length, sessionStorage.length, document.cookie];
place.textContent = JSON.stringify({ states, stored, broken: window.broken });
document.body.append(place);
"""


def _driven(page):
    """The page under its own policy, which a test's two scripts are let into."""
    (own,) = re.findall(r"script-src (&#39;sha256-[^;]+;)", page)
    page = page.replace(own, f"{source_hash(WATCH)} {source_hash(DRIVER)} {own}", 1)
    page = page.replace("<title>", f"<script>{WATCH}</script><title>", 1)
    return page.replace("</body>", f"<script>{DRIVER}</script></body>", 1)


@pytest.fixture(scope="module")
def pages():
    return {name: render_calculator(shipped_bundle(name)) for name in SHIPPED}


@pytest.fixture(scope="module")
def found(pages, tmp_path_factory):
    return written(_driven(pages["efs"]), tmp_path_factory.mktemp("page"), "--window-size=500,900")


@pytest.fixture(scope="module")
def states(found):
    return found["states"]


@needs_browser
def test_the_page_keeps_to_its_policy_and_keeps_nothing(found):
    assert found["broken"] == []
    assert found["stored"] == [0, 0, ""]


@needs_browser
def test_it_opens_once_its_golden_patients_came_back(states):
    start = states["start"]
    assert start["app"]
    assert not start["answer"]
    assert "4 invented patients" in start["check"]


@needs_browser
def test_it_shows_what_python_says(states):
    answer = shipped_bundle("efs").predict({"mrd": "0.52 %", "bcr_abl1": "absent", "age": "6 years"}).as_dict()
    estimate, got = answer["estimate"], states["answered"]
    value, low, high = (estimate[key][-1] for key in ("value", "low", "high"))
    head = f"Estimated to be event-free at 24 months: {percent(value)} ({frequency(value)}); "
    assert got["status"] == f"{head}90 % interval {digits(low)} to {digits(high)} %."
    for k, months in enumerate(estimate["times"]):
        ends = f"{digits(estimate['low'][k])} to {digits(estimate['high'][k])} %"
        middle, average = estimate["value"][k], answer["explanation"]["base"][k]
        assert [f"{months:g} months", percent(middle), frequency(middle), ends, percent(average)] in got["rows"]
    for item in answer["inputs"]["could_change"]:
        label = shipped_bundle("efs").dictionary[item["input"]].label
        assert [label, f"{percent(item['low'][-1])} to {percent(item['high'][-1])}"] in got["rows"]
    assert next(row[:2] for row in got["rows"] if row[0] == "Marrow MRD before first dose")[1] == "0.52 %"
    assert got["curves"] == 1
    assert got["focus"] == "answer-heading"
    assert shipped_bundle("efs").digest in got["answers"]
    assert "synthetic" in got["answers"]
    for item in answer["not_for"]:
        assert item in got["answers"]


@needs_browser
def test_changed_values_are_said_to_be_newer_than_the_answer(states):
    assert states["typing"]["stale"]
    assert not states["answered"]["stale"]


@needs_browser
def test_a_refused_value_leaves_no_answer_and_says_why_at_its_field(states):
    refused = states["refused"]
    assert refused["answers"] == ""
    assert refused["status"].startswith("No estimate")
    assert refused["invalid"] == ["given-mrd"]
    assert refused["focus"] == "given-mrd"
    label = shipped_bundle("efs").dictionary["mrd"].label
    assert refused["error"] == f"{label} must be written with a decimal point: replace the comma."


@needs_browser
def test_two_sets_of_values_stand_beside_each_other(states):
    given = {"mrd": "<0.01 %", "bcr_abl1": "absent", "age": "6 years"}
    instead = {**given, "mrd": "35 %", "bcr_abl1": "present"}
    what_if = shipped_bundle("efs").predict(instead, as_given=given).what_if
    got = states["compared"]
    change = 100 * what_if.difference.value[-1]
    assert change < -10
    assert any(row[-1].startswith(f"\N{MINUS SIGN}{-change:.0f} (") for row in got["rows"])
    assert "Marrow MRD before first dose: < 0.01 % as given, 35 % instead" in got["answers"]
    assert got["curves"] == 2
    assert got["invalid"] == []


@needs_browser
def test_clearing_leaves_nothing_of_a_patient(states):
    cleared = states["cleared"]
    assert not cleared["answer"]
    assert cleared["answers"] == ""
    assert cleared["status"] == ""


@needs_browser
def test_it_fits_a_narrow_window(states):
    assert all(state["width"][0] <= state["width"][1] for state in states.values())


@needs_browser
def test_a_page_whose_model_was_changed_shows_nothing(pages, tmp_path):
    changed, count = re.subn(r'("predictor":\{"kind":"linear","intercept":)', r"\g<1>1e-6+", pages["efs"], count=1)
    assert count == 1
    changed = re.sub(r'"intercept":1e-6\+[-\d.e]+', '"intercept":0.001', changed, count=1)
    start = written(_driven(changed), tmp_path)["states"]["start"]
    assert not start["app"]
    assert "shows nothing: golden prediction 1 does not come back" in start["check"]


@needs_browser
def test_hostile_words_in_a_bundle_stay_words(tmp_path):
    bundle = shipped_bundle("efs")
    raw = copy.deepcopy(bundle.dictionary.raw)
    raw["variable"]["mrd"]["label"] = HOSTILE
    manifest = {**bundle.manifest, "label": HOSTILE, "not_for": [HOSTILE], "dictionary": raw}
    hostile = bundle.with_(manifest=manifest, dictionary=Dictionary.from_dict(raw), card=HOSTILE)
    got = written(_driven(render_calculator(hostile)), tmp_path)
    assert got["broken"] == []
    for state in got["states"].values():
        assert state["title"].startswith("SYNTHETIC: ")
        assert state["images"] == 0
        assert state["label"] == HOSTILE
    assert HOSTILE in got["states"]["answered"]["answers"]


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_in_the_page_can_reach_beyond_it(name, pages):
    page = pages[name]
    elements = Elements(page).found
    assert len(page.encode()) < 1_500_000
    assert [tag for tag, _ in elements].count("script") == 2
    assert not {"img", "link", "iframe", "object", "embed", "base", "audio", "video"} & {tag for tag, _ in elements}
    for _, attributes in elements:
        assert not {"src", "srcset", "action", "style", "formaction", "ping"} & {*attributes}
        assert not [key for key in attributes if key.startswith("on")]
        assert attributes.get("href", "#").startswith("#")
    code = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "import(", "localStorage", "sessionStorage"):
        assert word not in code
    for word in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "Function(", "indexedDB"):
        assert word not in code
    assert set(re.findall(r"https?://[^\"' ]+", code)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_pins_the_script_and_the_style_of_the_page(pages):
    page = pages["efs"]
    (policy,) = [a["content"] for _, a in Elements(page).found if a.get("http-equiv") == "Content-Security-Policy"]
    code = re.search(r"<script>(.*?)</script>", page, re.DOTALL)[1]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert f"script-src {source_hash(code)};" in policy
    assert f"style-src {source_hash(style)};" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none';")


def test_what_it_may_not_be_used_for_stands_at_both_ends_and_on_each_sheet(pages):
    for name, page in pages.items():
        assert page.count(RESEARCH) >= 3
        assert "<noscript>" in page
        is_synthetic = shipped_bundle(name).manifest["synthetic"]
        assert (page.count(SYNTHETIC) >= 3) == is_synthetic == ("<title>SYNTHETIC: " in page)
    published = render_calculator(shipped_bundle("efs_published"))
    assert published.count("Fitted to the counts that one paper prints") == 2
    assert SYNTHETIC not in published.partition("<script")[0]


def test_a_model_that_was_not_shown_to_work_says_so_on_top():
    bundle = shipped_bundle("icans")
    manifest = {**bundle.manifest, "usable_signal": False, "verdict": "AUC 0.51 (0.40 to 0.62)"}
    page = render_calculator(bundle.with_(manifest=manifest))
    assert "this model was not shown to beat the comparator: AUC 0.51 (0.40 to 0.62)." in page


def test_half_a_character_in_a_label_is_no_reason_to_fail():
    bundle = shipped_bundle("icans")
    page = render_calculator(bundle.with_(manifest={**bundle.manifest, "label": "ICANS \ud800"}))
    assert "<h1>ICANS ?</h1>" in page


def test_the_same_bundle_gives_the_same_bytes(pages):
    assert render_calculator(shipped_bundle("efs")) == pages["efs"]


def test_a_bundle_without_aggregates_has_no_section_of_them(pages):
    page = render_calculator(shipped_bundle("efs").with_(explanation_text=""))
    assert 'id="aggregates"' in pages["efs"]
    assert 'id="aggregates"' not in page


def test_every_control_has_a_name_for_a_screen_reader(pages):
    elements = Elements(pages["icans"]).found
    labelled = {attributes["for"] for tag, attributes in elements if tag == "label" and "for" in attributes}
    named = [a for tag, a in elements if tag in ("select", "input") and a.get("type") != "radio"]
    assert len(named) > 10
    assert all(a["id"] in labelled or a.get("aria-label") for a in named)
