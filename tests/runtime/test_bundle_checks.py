"""What is sealed and yet not believed: digests agree, the content does not."""

from __future__ import annotations

import copy
import json
import math
import shutil
from pathlib import Path

import pytest

from riskml.errors import BundleError
from riskml.runtime.bundle import open_bundle, shipped
from riskml.runtime.bundle_checks import MANIFEST
from riskml.runtime.dictionary import load_dictionary
from tests.runtime.models import bundle_of, logistic, plain_model, read_bundle, reseal, shipped_bundle


@pytest.fixture
def home(tmp_path):
    """A copy of a shipped bundle that a test may damage."""
    return Path(shutil.copytree(shipped("non_response"), tmp_path / "bundle"))


def refused(path, match=None):
    with pytest.raises(BundleError, match=match) as caught:
        open_bundle(path)
    assert caught.value.exit_code == 4
    assert str(caught.value)


@pytest.fixture(scope="module")
def sealed():
    return read_bundle(shipped("efs"))


def resealed(sealed, tmp_path, change):
    contents = copy.deepcopy(sealed)
    returned = change(contents)
    reseal(tmp_path / "resealed", contents if returned is None else returned)
    return tmp_path / "resealed"


def put(file, *path):
    """A change of one place of a file: ``put("model.json", "members", 0, "weight", 2.0)``; no value removes it."""
    *keys, last, new = path

    def change(contents):
        at = contents[file]
        for key in keys:
            at = at[key]
        if new is ...:
            del at[last]
        else:
            at[last] = new

    return change


def test_the_resealing_of_these_tests_is_itself_accepted(sealed, tmp_path):
    opened = open_bundle(resealed(sealed, tmp_path, lambda _: None))
    assert opened.model == shipped_bundle("efs").model


OPTIONAL = {"date": "2026-11-21", "review_by": "2028-11-30", "owner": "the ward", "contact": "room 12", "tripod_ai": {}}
NOTHING_IS_RIGHT = [("evaluation", None), ("stability", None), ("horizon_months", None), ("horizon_months", 7.5)]
WRONG = [
    (key, new)
    for key, right in read_bundle(shipped("efs"))[MANIFEST].items()
    for new in (..., None, 7.5, [[]], "text", {"a": [1]})
    if key not in {"digest", "files", *OPTIONAL} and type(new) is not type(right) and (key, new) not in NOTHING_IS_RIGHT
]


@pytest.mark.parametrize(("key", "new"), WRONG)
def test_a_manifest_without_a_key_or_with_another_type_in_it_is_refused_when_opened(sealed, tmp_path, key, new):
    refused(resealed(sealed, tmp_path, put(MANIFEST, key, new)))


def without(key):
    def change(contents):
        contents[MANIFEST].pop(key, None)

    return change


@pytest.mark.parametrize("key", OPTIONAL)
def test_what_older_bundles_lack_may_be_missing_but_not_of_another_type(sealed, tmp_path, key):
    sound = {"made": put(MANIFEST, key, OPTIONAL[key]), "none": put(MANIFEST, key, None), "older": without(key)}
    for name, change in sound.items():
        assert open_bundle(resealed(sealed, tmp_path / name, change))
    for wrong in (7.5, [[]], True, {"a": 1} if isinstance(OPTIONAL[key], str) else "text"):
        refused(resealed(sealed, tmp_path, put(MANIFEST, key, wrong)), key)


@pytest.mark.parametrize("key", ["date", "review_by"])
@pytest.mark.parametrize("day", ["", "soon", "2028-02-30", "30.11.2028", "2028-11-30T00:00"])
def test_a_day_that_is_none_is_refused(sealed, tmp_path, key, day):
    refused(resealed(sealed, tmp_path, put(MANIFEST, key, day)), f"misuses {key}")


@pytest.mark.parametrize("number", [2, 99, 10**30])
def test_a_newer_format_says_upgrade(sealed, tmp_path, number):
    refused(resealed(sealed, tmp_path, put(MANIFEST, "format", number)), f"{number}, .* up to 1: upgrade riskml")


@pytest.mark.parametrize("number", [0, -1, True, 1.0, "1", None, [1], ...], ids=str)
def test_a_format_that_is_no_number_is_refused(sealed, tmp_path, number):
    refused(resealed(sealed, tmp_path, put(MANIFEST, "format", number)), "no format number")


@pytest.mark.parametrize("content", [[], [1], "text", 1, None, True])
@pytest.mark.parametrize("name", [MANIFEST, "model.json"])
def test_json_that_is_no_object_is_refused(sealed, tmp_path, name, content):
    refused(resealed(sealed, tmp_path, lambda c: c.update({name: json.dumps(content)})), "not a JSON object")


@pytest.mark.parametrize("name", [MANIFEST, "model.json", "golden.json"])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe{", b'{"a": 1}}', b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b"\x00" * 9],
    ids=["empty", "cut", "not UTF-8", "too long", "deep list", "deep object", "long number", "zeros"],
)
def test_files_that_are_no_json_are_refused(sealed, tmp_path, name, content):
    refused(resealed(sealed, tmp_path, lambda c: c.update({name: content})))


@pytest.mark.parametrize(
    "change",
    [
        put("model.json", "members", 0, "predictor", "intercept", math.nan),
        put("model.json", "members", 0, "predictor", "coefficients", 0, math.inf),
        put("model.json", "members", 0, "predictor", "coefficients", [1.0]),
        put("model.json", "members", 0, "weight", 0.5),
        put("model.json", "members", 0, "predictor", "kind", "trees"),
        put("model.json", "members", 0, "predictor", "kind", "__import__"),
        put("model.json", "members", 0, "response", "cumulative_hazard", 1, -0.1),
        put("model.json", "members", 0, "response", "times", 3, 0.0),
        put("model.json", "members", []),
        put("model.json", "features", 0, "op", "eval"),
        put("model.json", "features", 0, "inputs", ["nothing"]),
        put("model.json", "features", 3, "parameter", 0),
        put("model.json", "background", "rows", 0, [1.0]),
        put("model.json", "background", "rows", 0, 1, "present"),
        put("model.json", "background", "weights", 0, 0.0),
        put("model.json", "background", "weights", []),
        put("model.json", "background", {"weights": [], "rows": []}),
        put("model.json", "background", ...),
        put("model.json", "uncertainty", "level", 90),
        put("model.json", "uncertainty", "draws", 0, 0, "response", "cumulative_hazard", 1, 1e308),
        put("model.json", "uncertainty", "draws", 0, 0, "predictor", "coefficients", []),
        put("model.json", "limits", {"nothing": [0, 1]}),
        put("model.json", "usual", {"nothing": [0, 1]}),
        put("model.json", "kind", "binary"),
        put("model.json", "members", 0, "response", "kind", "probit"),
        put("model.json", "format", 2),
        put("model.json", "inputs", 4, "wbc"),
        put(MANIFEST, "kind", "binary"),
        put(MANIFEST, "horizons_months", []),
        put(MANIFEST, "horizons_months", [1200]),
        put(MANIFEST, "horizons_months", ["six"]),
        put(MANIFEST, "horizons_months", [math.nan]),
        put(MANIFEST, "applies_to", {"nothing": [0, 1]}),
        put(MANIFEST, "applies_to", {"age": []}),
        put(MANIFEST, "applies_to", {"age": [18]}),
        put(MANIFEST, "applies_to", {"age": [18, 0]}),
        put(MANIFEST, "applies_to", {"age": ["a", "b"]}),
        put(MANIFEST, "applies_to", {"sex": [0, 1]}),
        put(MANIFEST, "not_for", [1]),
        put(MANIFEST, "dictionary", "variable", "age", ...),
        put(MANIFEST, "dictionary", "variable", "age", "kind", "identifier"),
        put(MANIFEST, "dictionary", "variable", "disease_class_initial", "kind", "number"),
        put(MANIFEST, "dictionary", "quantity", ...),
        put(MANIFEST, "dictionary", "quantity", "fraction", "factors", [1]),
        put(MANIFEST, "dictionary", "quantity", "fraction", "factors", "%", 0.0),
        put(MANIFEST, "dictionary", "missing_words", [1]),
        put("golden.json", 0, "value", 0, 0.5),
        put("golden.json", 0, "low", 0, 0.5),
        put("golden.json", 0, "high", ...),
        put("golden.json", 0, "value", []),
        put("golden.json", 0, "value", 0, math.nan),
        put("golden.json", 0, "value", 0, "0.9"),
        put("golden.json", 0, "times", [1200.0]),
        put("golden.json", 0, "times", ["six"]),
        put("golden.json", 0, "patient", {"agee": 3}),
        put("golden.json", 0, "patient", {"age": "old"}),
        put("golden.json", 0, "patient", []),
        lambda c: c.update({"golden.json": "[]"}),
        lambda c: c["golden.json"].extend(c["golden.json"] * 50),
        lambda c: c.update({"golden.json": "{}"}),
        lambda c: c.update({"golden.json": "7"}),
        lambda c: c.update({"CARD.md": b"\xff"}),
        lambda c: c.update({"model.json": json.dumps(c["model.json"]).replace('"level": 0.9', '"level": 1e999')}),
    ],
)
def test_sealed_nonsense_is_refused(sealed, tmp_path, change):
    refused(resealed(sealed, tmp_path, change))


@pytest.mark.parametrize("shift", [2e-9, -2e-9, 1e-3])
def test_a_golden_prediction_moved_by_more_than_rounding_is_refused(sealed, tmp_path, shift):
    for key in ("value", "low", "high"):
        moved = sealed["golden.json"][0][key][0] + shift
        changed = resealed(sealed, tmp_path, put("golden.json", 0, key, 0, moved))
        refused(changed, "golden prediction 1 does not come back")


@pytest.mark.parametrize("digest", ["", "sha256:", "\ud800", "x" * 64, None, 0, [], {}], ids=repr)
def test_a_digest_that_is_none_is_refused(home, digest):
    manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
    (home / MANIFEST).write_text(json.dumps({**manifest, "digest": digest}), encoding="utf-8")
    refused(home, "does not match its own digest")


# --- derived inputs: the definitions are the bundle's own, and no better believed than the rest of it -----------------


@pytest.fixture(scope="module")
def derived(tmp_path_factory):
    model = plain_model([logistic(-1.0, 0.3)], {(0.02,): 0.5, (0.5,): 0.5}, inputs=("mrd_alc_ratio",))
    patients = [{"mrd": "1 %", "lymphocytes": 0.5}, {}]
    saved = bundle_of(model, patients, dictionary=load_dictionary().raw, landmark="first_dose")
    return read_bundle(saved.save(tmp_path_factory.mktemp("derived") / "bundle"))


def test_a_bundle_computes_its_derived_inputs_from_its_own_definitions(derived, tmp_path):
    patient = {"mrd": "1 %", "lymphocytes": 0.5}
    opened = open_bundle(resealed(derived, tmp_path, lambda _: None))
    assert opened.predict(patient).readings["mrd_alc_ratio"].value == pytest.approx(0.02)

    def swap(contents):
        contents[MANIFEST]["dictionary"]["derived"]["mrd_alc_ratio"]["inputs"] = ["mrd", "cd3"]

    refused(resealed(derived, tmp_path, swap), "golden prediction 1 does not come back")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (put(MANIFEST, "dictionary", "derived", "mrd_alc_ratio", "op", "eval"), "definition .* malformed"),
        (put(MANIFEST, "dictionary", "derived", "mrd_alc_ratio", "inputs", ["mrd", "mrd_alc_ratio"]), "malformed"),
        (put(MANIFEST, "dictionary", "derived", "mrd_alc_ratio", "inputs", ["mrd", "nothing"]), "malformed"),
        (put(MANIFEST, "dictionary", "derived", "mrd_alc_ratio", 7), "malformed"),
        (put(MANIFEST, "dictionary", "derived", "mrd_alc_ratio", ...), "input 'mrd_alc_ratio' is not a number"),
        (put(MANIFEST, "dictionary", "derived", [1]), "malformed"),
        (put(MANIFEST, "dictionary", "derived", ...), "input 'mrd_alc_ratio' is not a number"),
        (put(MANIFEST, "landmark", "diagnosis"), "only from first_dose, after the landmark diagnosis"),
        (put(MANIFEST, "landmark", "someday"), "malformed"),
    ],
)
def test_unsound_definitions_are_refused_when_opened(derived, tmp_path, change, match):
    refused(resealed(derived, tmp_path, change), match)


def test_definitions_that_lead_back_to_themselves_are_refused(derived, tmp_path):
    def circle(contents):
        raw = contents[MANIFEST]["dictionary"]["derived"]
        raw["mrd_alc_ratio"]["inputs"] = ["mrd", "cd4_cd8_ratio"]
        raw["cd4_cd8_ratio"]["inputs"] = ["mrd_alc_ratio", "cd8"]

    refused(resealed(derived, tmp_path, circle), "malformed")


def test_a_very_long_chain_of_definitions_ends_in_an_answer(derived, tmp_path):
    def chain(contents):
        raw = contents[MANIFEST]["dictionary"]["derived"]
        link = raw.pop("mrd_alc_ratio")
        for number in range(3000):
            raw[f"link_{number}"] = {**link, "inputs": [f"link_{number - 1}" if number else "mrd", "lymphocytes"]}
        raw["mrd_alc_ratio"] = {**link, "inputs": ["link_2999", "lymphocytes"]}

    refused(resealed(derived, tmp_path, chain), "at most 8 steps")


# --- what a patient is compared with ----------------------------------------------------------------------------------

LEARNED = {
    "distance": {"share": 0.95, "thresholds": [0.4, 1, None, 1.0, 1.0, 1.0, 1.2]},
    "lesions": ["bcr_abl1", "kmt2a_r"],
    "lesion_pairs": [["bcr_abl1", "kmt2a_r"]],
}


def compared(*path):
    def change(contents):
        training = contents[MANIFEST]["training"]
        training["applicability"] = copy.deepcopy(LEARNED)
        if path:
            put(MANIFEST, "training", *path)(contents)

    return change


def test_what_a_patient_is_compared_with_may_be_there_or_not(sealed, tmp_path):
    assert open_bundle(resealed(sealed, tmp_path, compared())).manifest["training"]["applicability"] == LEARNED
    open_bundle(
        resealed(sealed, tmp_path / "old", lambda c: c[MANIFEST]["training"].pop("applicability", None) and None)
    )


@pytest.mark.parametrize(
    "path",
    [
        ("applicability", []),
        ("applicability", "distance", ...),
        ("applicability", "distance", "share", 1.0),
        ("applicability", "distance", "share", "most"),
        ("applicability", "distance", "thresholds", [1.0]),
        ("applicability", "distance", "thresholds", 2, -1.0),
        ("applicability", "distance", "thresholds", 2, "far"),
        ("applicability", "lesions", ...),
        ("applicability", "lesions", [1]),
        ("applicability", "lesion_pairs", ["bcr_abl1"]),
        ("applicability", "lesion_pairs", [["bcr_abl1"]]),
        ("case_mix", ...),
        ("case_mix", "inputs", "mrd", "scale", "cubed"),
        ("case_mix", "inputs", "mrd", "floor", 0),
        ("case_mix", "inputs", "mrd", "floor", ...),
        ("case_mix", "inputs", "age", "sd", -1.0),
        ("case_mix", "inputs", "age", "sd", "wide"),
        ("case_mix", "methods", "mrd_method", ["flow"]),
        ("case_mix", "methods", "mrd_method", "flow", "most"),
    ],
    ids=str,
)
def test_what_cannot_be_compared_with_is_refused_when_opened(sealed, tmp_path, path):
    refused(resealed(sealed, tmp_path, compared(*path)))


def test_a_landmark_that_the_dictionary_does_not_know_is_refused(sealed, tmp_path):
    refused(resealed(sealed, tmp_path, put(MANIFEST, "landmark", "some_day")), "no landmark")
