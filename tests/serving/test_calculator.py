"""The script of the offline calculator against Python: the same patients, the same object, to 1e-9."""

from __future__ import annotations

import json
import math
import random
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from riskml.errors import BundleError, DataError, NotEstimableError
from riskml.runtime.could_change import could_change
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.explain import MAX_INPUTS, TooManyInputsError, explain_link, explain_value
from riskml.runtime.members import Linear, Member, Tree, Trees
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.parsing import CellError
from riskml.runtime.questions import ask, at_months, interval
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated, inner_of
from riskml.runtime.shares import frequency, percent
from riskml.runtime.time_responses import Accelerated
from riskml.serving import calculator
from tests.runtime.models import (
    HAZARD,
    LEVELS,
    SHIPPED,
    bundle_of,
    known_inputs,
    portable_models,
    shipped_bundle,
    times_for,
)
from tests.serving.browser import engine, needs_browser, same

PATIENTS, MODELS = 120, 150
# Ties, powers of ten and numbers on the borders of "%g" and of percent().
SCALAR = [0.0, 0.5, 1.5, 2.5, 0.125, 0.375, 2.675, 99.5, 100.0, 123456.5, 1234567.0, 1e16, 1e-5, 1e-7, 0.0005, 0.01]
BOUNDS = [-3.0, -0.5, 0.0, 0.3, 1.0, 1.9999, 2.0, 2.5, 5.0, 9.0, 26.0, 30.0]
_SIGMOIDS = [
    LOGISTIC,
    Calibrated(LOGISTIC, 0.2, 0.7),
    HAZARD,
    Calibrated(HAZARD, -0.3, 1.2),
    *(Accelerated(distribution, 0.8, 12.0) for distribution in ("weibull", "loglogistic", "lognormal")),
]
DRIVER = """
const today = "2026-11-21";
const answer = (bundle, [given, instead]) => {
  try {
    return instead ? predict(bundle, instead, { asGiven: given, today }) : predict(bundle, given, { today });
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { faults: error.faults.map(({ inputs, ...fault }) => fault) };
  }
};
const out = {
  bundles: asked.bundles.map(({ data, patients }) => {
    const bundle = openBundle(data);
    return { wrong: failedGolden(bundle), answers: patients.map((pair) => answer(bundle, pair)) };
  }),
  models: asked.models.map(({ model: raw, known, times, variables }) => {
    const model = prepareModel(raw), effects = explainValue(model, known, times), link = explainLink(model, known);
    return {
      ...estimateOf(model, known, times), base: effects && effects.base, effects: effects && effects.effects,
      link: link && { base: link.base, effects: link.effects, value: link.value },
      could_change: couldChange(model, variables, known, times),
    };
  }),
  numbers: asked.numbers.map((x) =>
    [general(x), general(x, 3), general(x, 2), fixed(x, 0), fixed(x, 1), percent(x), frequency(x)]),
  erfc: asked.bounds.map(erfc),
};
"""


def _raw(rng, variable):
    """A cell as somebody might write it, now and then one that is refused."""
    if variable.kind == "tristate":
        names = [*variable.aliases[:3], *variable.subtypes[:1], *variable.not_same_as[:1], variable.name]
        named = [f"{name}{tail}" for name in names for tail in ("", " negative", "-", " pos", "(q34;q11.2)")]
        return rng.choice(["present", "absent", "unknown", "Positive", "+", "-", "1", "0.0", 1, 0, True, *named])
    if variable.kind == "category":
        aliases = [alias for level in variable.levels.values() for alias in level]
        return rng.choice([*variable.levels, *aliases, "unknown", " ND ", "something else"])
    low, high = (x if math.isfinite(x) else 50.0 * k for k, x in enumerate(variable.soft))
    unit = rng.choice(variable.quantity.spellings)
    number = math.exp(rng.uniform(math.log(max(low, 1e-5)), math.log(max(high, 1e-3))))
    text = f"{number / variable.quantity.factor(unit):.{rng.randint(1, 6)}g}"
    text = str(round(number)) if variable.kind == "integer" else text
    clean = [f"{text} {unit}", f"{text}{unit}", {"value": text, "unit": unit}]
    spaced = [f" {text}\N{NO-BREAK SPACE} {unit.upper()}", f"<{text} {unit}", f"\N{LESS-THAN OR EQUAL TO}{text} {unit}"]
    odd = [text, "0", "0.00", "neg", ">5", "1,5", "abc", "-3", "1e400", "\u0663\u0664", "5 bananas", f"{text} x 10⁹/L"]
    odd += [{"value": f"{text} {unit}", "unit": rng.choice(variable.quantity.spellings)}, 0.25, 3, "x" * 500]
    return rng.choice(clean * 6 + spaced + odd)


def _accepted(dictionary, variable, raw):
    try:
        dictionary.read(variable, raw)
    except CellError:
        return False
    return True


def _patients(bundle, rng):
    """Patients of the page's variables, every fourth of any; every fifth as it comes, the others readable."""
    dictionary = bundle.dictionary
    own = calculator.asked_names(bundle)
    for place in range(PATIENTS):
        names = list(dict.fromkeys((*own, *(rng.sample(_all_names(), 20) if place % 4 == 0 else ()))))
        share = rng.choice([0.3, 0.7, 1.0])
        given = {name: _raw(rng, dictionary[name]) for name in names if rng.random() < share}
        if place % 5:
            given = {name: raw for name, raw in given.items() if _accepted(dictionary, dictionary[name], raw)}
        changed = rng.choice(bundle.model.inputs)
        yield given, {**given, changed: _raw(rng, dictionary[changed])} if place % 4 == 1 else None


def _all_names():
    dictionary = load_dictionary()
    kinds = ("number", "integer", "tristate", "category")
    stored = [name for name in dictionary.variables if name not in dictionary.raw["derived"]]
    return [name for name in stored if dictionary[name].kind in kinds]


def _python(bundle, pair):
    given, instead = pair
    try:
        if instead is None:
            return bundle.predict(given).as_dict()
        return bundle.predict(instead, as_given=given).as_dict()
    except DataError as error:
        keys = ("column", "rule", "value", "remedy")
        return {"faults": [{key: getattr(fault, key) for key in keys} for fault in error.faults]}


@pytest.fixture(scope="module")
def models():
    """Random portable models with a patient each: the same ones every time."""
    found = []

    @settings(
        max_examples=MODELS, phases=[Phase.generate], derandomize=True, database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def collect(data):
        model = data.draw(portable_models())
        found.append((model, data.draw(known_inputs(model))))

    collect()
    return [*found, *_wide_models()]


def _wide_models():
    """More inputs than can be enumerated: each sigmoid there is, one response that is none, and trees."""
    rng, names = random.Random(4), tuple(f"number_{i}" for i in range(14))
    trees = Trees((0.0,), 1.0, (Tree((0, 3), (0.1, -0.2), (1, -1), (-3, -2), (0.2, 0.7, 0.4)),))
    features = tuple(Feature(f"feature_{name}", "value", (name,)) for name in names)
    for response in (*_SIGMOIDS, Calibrated(Accelerated("lognormal", 0.8, 12.0), 0.1, 0.8), PROBABILITY):
        intercept = 2.0 if inner_of(response).kind == "aft" else -1.0
        linear = Linear(intercept, tuple(rng.uniform(-0.3, 0.3) for _ in names))
        member = Member(1.0, trees if response is PROBABILITY else linear, response)
        model = PortableModel(
            kind=response.outcome,
            inputs=names,
            features=features,
            members=(member,),
            weights=(0.125,) * 8,
            background=tuple(tuple(rng.gauss(0, 1) for _ in names) for _ in range(8)),
            bootstrap=((member,),),
            level=0.9,
            limits={},
        )
        yield model, {name: rng.gauss(0, 1) for name in names}


@pytest.fixture(scope="module")
def asked():
    rng = random.Random(8)
    return {name: list(_patients(shipped_bundle(name), rng)) for name in SHIPPED}


@pytest.fixture(scope="module")
def browser(asked, models, tmp_path_factory):
    """What the script says of all of them: one browser for the whole file."""
    cases = {
        "bundles": [
            {"data": calculator.page_data(shipped_bundle(name), _all_names()), "patients": patients}
            for name, patients in asked.items()
        ],
        "models": [
            {"model": m.to_dict(), "known": known, "times": times_for(m), "variables": _stubs(m, dict, _PAIRS)}
            for m, known in models
        ],
        "numbers": SCALAR,
        "bounds": BOUNDS,
    }
    found = engine(DRIVER, cases, tmp_path_factory.mktemp("engine"))
    return {**found, "bundles": dict(zip(asked, found["bundles"], strict=True))}


_PAIRS = [[level, []] for level in LEVELS]


def _stubs(model, make, levels):
    """Variables as far as a model's missing inputs ask for them."""
    kinds = {name: "category" if name.startswith("level") else "number" for name in model.inputs}
    return {name: make(name=name, kind=kind, levels=levels) for name, kind in kinds.items()}


@needs_browser
@pytest.mark.parametrize("name", SHIPPED)
def test_the_browser_gives_the_object_that_python_gives(name, browser, asked):
    bundle, found = shipped_bundle(name), browser["bundles"][name]
    assert found["wrong"] is None
    for pair, got in zip(asked[name], found["answers"], strict=True):
        same(got, _python(bundle, pair), f"{pair}: ")


@needs_browser
def test_the_patients_are_of_every_kind(browser):
    answers = [answer for found in browser["bundles"].values() for answer in found["answers"]]
    refused = [answer for answer in answers if "faults" in answer]
    codes = {remark["code"] for answer in answers for remark in answer.get("warnings", [])}
    assert 50 < len(refused) < len(answers) / 2
    assert sum("what_if" in answer for answer in answers) > 50
    assert sum(bool(answer["inputs"]["missing"]) for answer in answers if "inputs" in answer) > 200
    assert codes >= {
        "outside_domain", "adult", "infant", "later_course", "outside_range", "rare_lesions", "far_from_training",
        "ph_without_tki", "other_mrd_method", "post_baseline", "not_used", "below_detection", "unit_assumed",
        "unusual_value", "status_against_marrow", "parts_exceed_whole", "what_if",
    }  # fmt: skip


def _explained(model, known, times):
    try:
        effects = explain_value(model, known, times)
    except TooManyInputsError:
        return {"base": None, "effects": None}
    return {"base": effects.base, "effects": effects.effects}


@needs_browser
def test_every_predictor_and_response_is_the_one_of_python(browser, models):
    for number, ((model, known), got) in enumerate(zip(models, browser["models"], strict=True)):
        times = times_for(model)
        question = at_months(model, times)
        centre = ask(question, known)
        low, high = interval(question, known, centre)
        effects, link = _explained(model, known, times), explain_link(model, known) if model.has_link else None
        want = {"value": centre, "low": low, "high": high, **effects}
        want["link"] = None if link is None else {"base": link.base, "effects": link.effects, "value": link.value}
        want["could_change"] = could_change(question, _stubs(model, SimpleNamespace, dict(_PAIRS)), known)
        for found in (got, want):  # equal spreads may stand in either order
            found["could_change"] = sorted(found["could_change"], key=lambda item: item["input"])
        same(got, want, f"model {number}: ")


def test_the_random_models_are_of_every_kind(models):
    kinds = {
        (member.predictor.to_dict()["kind"], member.response.kind) for model, _ in models for member in model.members
    }
    assert {kind for kind, _ in kinds} == {"linear", "trees", "causes"}
    assert {kind for _, kind in kinds} == {"logistic", "probability", "cox", "curve", "aft", "incidence", "calibrated"}
    assert max(len(model.members) for model, _ in models) == 3
    refused = [_explained(model, known, times_for(model))["base"] is None for model, known in models]
    wide = [len(known) > MAX_INPUTS for _, known in models]
    assert sum(refused) == 1
    assert sum(wide) == len(_SIGMOIDS) + 2


@needs_browser
def test_numbers_are_written_as_python_writes_them(browser):
    for x, got in zip(SCALAR, browser["numbers"], strict=True):
        assert got == [f"{x:g}", f"{x:.3g}", f"{x:.2g}", f"{x:.0f}", f"{x:.1f}", percent(x), frequency(x)]


@needs_browser
def test_the_error_function_is_that_of_the_c_library(browser):
    assert browser["erfc"] == pytest.approx([math.erfc(x) for x in BOUNDS], rel=1e-12, abs=1e-300)


def test_what_stands_in_a_script_element_cannot_leave_it():
    hostile = {"label": "</script><script>alert(1)</script><!-- & \u2028 \ud800 \"'"}
    text = calculator.embedded(hostile)
    assert text.isascii()
    assert not set("<>&") & set(text)
    assert json.loads(text) == hostile
    with pytest.raises(BundleError, match="not finite"):
        calculator.embedded({"x": math.nan})


def test_the_policy_allows_one_script_one_style_and_no_request():
    policy = calculator.policy_of("let a;", "p {}")
    # printf 'let a;' | openssl dgst -sha256 -binary | base64, and the same of 'p {}'
    hashes = "81WALLbUROF1pWdYjuQYKuIcGgY/+TqVJr8UsV6Tkvo=", "SNJDlN1Iy2mnt7DOjQIyDb2LQE6O5PQiSZomcdzawQ4="
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; connect-src 'none'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_asked_are_the_inputs_and_what_says_whether_the_model_applies():
    names = calculator.asked_names(shipped_bundle("non_response"))
    inputs = shipped_bundle("non_response").model.inputs
    assert names[: len(inputs)] == inputs
    assert {"age", "disease_status_at_start", "cycle_index", "mrd_method", "mrd_lod", "tki"} <= {*names}


def test_a_model_of_derived_variables_is_refused_in_words():
    model = shipped_bundle("icans").model
    derived = [tuple("mrd_alc_ratio" if name == "cd4" else name for name in f.inputs) for f in model.features]
    features = tuple(f.with_(inputs=names) for f, names in zip(model.features, derived, strict=True))
    inputs = tuple("mrd_alc_ratio" if name == "cd4" else name for name in model.inputs)
    bundle = bundle_of(model.with_(inputs=inputs, features=features, limits={}, usual={}))
    with pytest.raises(NotEstimableError, match="derived variables, and this model takes mrd_alc_ratio") as refused:
        calculator.page_data(bundle)
    assert refused.value.exit_code == 5


def test_a_model_that_takes_a_text_is_refused_in_words():
    bundle = shipped_bundle("non_response")
    golden = [{**bundle.golden[0], "patient": {"genetics": "46,XX"}}]
    with pytest.raises(NotEstimableError, match="no field for genetics"):
        calculator.page_data(bundle.with_(golden=tuple(golden)))


def test_golden_patients_stand_under_the_names_of_the_form():
    bundle = shipped_bundle("non_response")
    renamed = bundle.with_(golden=({**bundle.golden[0], "patient": {"mrd %": 0.52, "BCR-ABL1": "absent"}},))
    patient = calculator.page_data(renamed)["golden"][0]["patient"]
    assert patient == {"mrd": {"value": 0.52, "unit": "%"}, "bcr_abl1": "absent"}
