"""What axe-core says of the page and of the calculator, as wide as a phone and as a desktop: nothing.

axe-core (Deque Systems) looks for what keeps people with a screen reader, a keyboard or weak sight out: names of
fields, contrast, headings, landmarks, order. It finds a part of such faults; the others take a person.
"""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from riskml.serving.calculator import embedded, source_hash
from riskml.serving.calculator_page import render_calculator
from tests.runtime.models import shipped_bundle
from tests.serving.asking import TIMED
from tests.serving.browser import needs_browser, written
from tests.serving.test_page_routes import post

pytestmark = needs_browser
AXE = files(pytest.importorskip("axe_core_python", reason="needs axe-core-python")) / "axe.min.js"
PHONE, DESKTOP = 390, 1280
ALSO_ON_A_DESKTOP = ("answer",)
GIVEN = {"given-mrd": "0.52", "given-mrd-unit": "%", "given-age": "6", "given-bcr_abl1": "absent"}
DRIVER = """
const asked = JSON.parse(document.getElementById("asked").textContent), found = [];
const run = async (frame, name) => {
  const brief = { resultTypes: ["violations"], selectors: false };
  const { violations, passes } = await frame.contentWindow.axe.run(frame.contentDocument, brief);
  found.push({ name, passes: passes.length, violations: violations.map(({ id, nodes }) => [id, nodes[0].html]) });
};
const shown = (page, width) => new Promise((resolve) => {
  const frame = document.createElement("iframe");
  Object.assign(frame, { srcdoc: page, width, height: 900 });
  frame.addEventListener("load", () => resolve(frame), { once: true });
  document.body.append(frame);
});
const calculate = async (frame, name) => {
  const at = (id) => frame.contentDocument.getElementById(id);
  at("given-mrd").value = "0.52";
  at("compare").click();
  at("instead-mrd").value = "35";
  at("instead").requestSubmit();
  await run(frame, `${name}, compared`);
  at("given-mrd").value = "0,52";
  at("given").requestSubmit();
  await run(frame, `${name}, refused`);
};
(async () => {
  for (const [name, page, width] of asked) {
    const frame = await shown(page, width);
    await (name === "calculator" ? calculate : run)(frame, `${name} ${width}`);
    frame.remove();
  }
  const place = document.createElement("pre");
  place.id = "out";
  place.textContent = JSON.stringify(found);
  document.body.append(place);
})();
"""


@pytest.fixture(scope="module")
def pages(ask):
    """The pages a person can come to, by what they are; an answer has the form below it."""
    changed = {**GIVEN, "instead-mrd": "35", "instead-mrd-unit": "%", "expected_months": "20"}
    return {
        "list": ask("GET", "/").text,
        "answer": post(ask, changed).text,
        "form refused": post(ask, {"given-mrd": "0,52", "at": "x"}).text,
        "no such model": ask("GET", "/models/nobody").text,
        "calculator": render_calculator(shipped_bundle(TIMED)),
        "faulty": "<!DOCTYPE html><html><body><img src='x'><input></body></html>",
    }


@pytest.fixture(scope="module")
def found(pages, tmp_path_factory):
    """axe-core's findings by page, width and state: one browser for all of them."""
    axe = AXE.read_text(encoding="utf-8")
    views = [(name, PHONE) for name in pages] + [(name, DESKTOP) for name in ALSO_ON_A_DESKTOP]
    asked = embedded([[name, _with_script(pages[name], axe), width] for name, width in views])
    page = (
        '<!DOCTYPE html><meta charset="utf-8"><title>pages</title><body>'
        f'<script type="application/json" id="asked">{asked}</script><script>{DRIVER}</script>'
    )
    return written(page, tmp_path_factory.mktemp("axe"), "--virtual-time-budget=60000")


def _with_script(page, code):
    """The page with one script more, which its own policy, where it carries one, lets in."""
    page = re.sub(r"(script-src )(&#39;sha256-)", lambda hit: f"{hit[1]}{source_hash(code)} {hit[2]}", page, count=1)
    return page.replace("</body>", f"<script>{code}</script></body>", 1)


def test_axe_finds_no_fault_but_where_there_are_some(found):
    faults = {one["name"]: one["violations"] for one in found if one["violations"]}
    planted = {rule for rule, _ in faults.pop(f"faulty {PHONE}")}
    assert faults == {}
    assert {"image-alt", "label", "html-has-lang"} <= planted


def test_every_page_was_looked_at(found, pages):
    names = [one["name"] for one in found]
    assert len({*names}) == len(names) == len(pages) + len(ALSO_ON_A_DESKTOP) + 1
    assert min(one["passes"] for one in found if not one["name"].startswith("faulty")) > 10
