"""``riskml predict``: golden patients come back through every door, as JSON and for a person."""

from __future__ import annotations

import csv
import json
import re

import pytest

import riskml as front_door
from tests.cli.processes import BUNDLES, golden, refused
from tests.repository import ROOT

each_bundle = pytest.mark.parametrize("name", BUNDLES)


def predict(riskml, name, patient, *words, **settings):
    done = riskml("predict", BUNDLES[name], "-", *words, stdin=json.dumps(patient), **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@each_bundle
def test_golden_patients_come_back_as_the_contract_s_object(riskml, name):
    for entry in golden(name):
        shown = json.loads(predict(riskml, name, entry["patient"], "--json"))
        always = {"schema", "model", "estimate", "explanation", "inputs", "domain", "warnings", "not_for"}
        assert set(shown) == always | ({"curve"} if "times" in shown["estimate"] else set())
        assert shown["schema"] == "riskml.prediction/1"
        assert set(shown["model"]) == {"name", "outcome", "version", "digest", "synthetic"}
        estimate = shown["estimate"]
        survival = estimate["kind"] == "survival"
        for part in ("value", "low", "high"):
            got = estimate[part] if survival else [estimate[part]]
            assert len(got) == max(1, len(entry["times"]))
            assert got == pytest.approx(entry.get(part, got), abs=1e-12)
        assert estimate.get("times", []) == entry["times"]
        assert estimate.get("unit") == ("mo" if survival else None)
        assert estimate["level"] == 0.9
        assert set(shown["inputs"]["used"]).isdisjoint(shown["inputs"]["missing"])
        assert {item["input"] for item in shown["inputs"]["could_change"]} <= set(shown["inputs"]["missing"])


@each_bundle
def test_the_explanation_adds_up_as_printed(riskml, name):
    for entry in golden(name)[:3]:
        shown = json.loads(predict(riskml, name, entry["patient"], "--json"))
        explanation, estimate = shown["explanation"], shown["estimate"]
        survival = estimate["kind"] == "survival"
        bases, lists, values = (
            (explanation["base"], explanation["effects"], estimate["value"])
            if survival
            else ([explanation["base"]], [explanation["effects"]], [estimate["value"]])
        )
        for base, effects, value in zip(bases, lists, values, strict=True):
            assert {e["input"] for e in effects} == set(shown["inputs"]["used"])
            assert base + sum(e["effect"] for e in effects) == pytest.approx(value, abs=1e-8)
            sizes = [abs(e["effect"]) for e in effects]
            assert sizes == sorted(sizes, reverse=True)
        link = explanation["link"]
        assert link["base"] + sum(e["effect"] for e in link["effects"]) == pytest.approx(link["value"], abs=1e-8)


@each_bundle
def test_command_and_python_give_the_same_object(riskml, name):
    patient = golden(name)[0]["patient"]
    bundle = front_door.open_bundle(BUNDLES[name])
    assert json.loads(predict(riskml, name, patient, "--json")) == bundle.predict(patient).as_dict()


@each_bundle
def test_the_same_call_prints_the_same_bytes(riskml, name):
    patient = golden(name)[2]["patient"]
    seeds = [{"PYTHONHASHSEED": seed} for seed in ("0", "1", "2")]
    assert len({predict(riskml, name, patient, "--json", env=seed) for seed in seeds}) == 1
    assert len({predict(riskml, name, patient, env=seed) for seed in seeds}) == 1


def test_a_csv_row_a_file_and_settings_say_the_same(riskml, tmp_path):
    patient = golden("non_response")[0]["patient"]
    (tmp_path / "p.json").write_text(json.dumps(patient), encoding="utf-8")
    with (tmp_path / "p.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(patient))
        writer.writeheader()
        writer.writerow(patient)
    settings = [word for name, value in patient.items() for word in ("--set", f"{name}={value}")]
    bundle = BUNDLES["non_response"]
    shown = {
        riskml("predict", bundle, "p.json", "--json").stdout,
        riskml("predict", bundle, "p.csv", "--json").stdout,
        riskml("predict", bundle, "-", *settings, "--json", stdin="{}").stdout,
        riskml("predict", bundle.parent, "p.json", "--set", "mrd=9 %", "--set", "mrd=0.52 %", "--json").stdout,
    }
    assert len(shown) == 1


def test_a_value_with_an_equals_sign_is_a_value(riskml):
    shown = json.loads(predict(riskml, "non_response", {}, "--set", "mrd=<=0.01 %", "--json"))
    assert shown["inputs"]["used"]["mrd"] == pytest.approx(1e-4 / 2**0.5)


def test_a_csv_of_two_rows_is_a_table(riskml, tmp_path):
    (tmp_path / "p.csv").write_text("mrd\n1 %\n2 %\n", encoding="utf-8")
    refused(riskml("predict", BUNDLES["efs"], "p.csv"), 3, "one header and one row", "riskml score")


def test_months_can_be_chosen(riskml):
    patient = golden("efs")[0]["patient"]
    estimate = json.loads(predict(riskml, "efs", patient, "--at", "0", "12", "6", "--json"))["estimate"]
    assert estimate["times"] == [0, 12, 6]
    six, twelve, _ = golden("efs")[0]["value"]
    assert estimate["value"] == pytest.approx([1.0, twelve, six], abs=1e-12)


def test_without_explanation(riskml):
    patient = golden("non_response")[0]["patient"]
    shown = json.loads(predict(riskml, "non_response", patient, "--json", "--no-explain"))
    assert shown["explanation"] is None
    assert "What moved the estimate" not in predict(riskml, "non_response", patient, "--no-explain")


@each_bundle
@pytest.mark.parametrize("which", [0, 2, 3], ids=["complete", "incomplete", "nothing known"])
def test_the_answer_for_a_person(riskml, name, which):
    entry = golden(name)[which]
    text = predict(riskml, name, entry["patient"])
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    bundle = front_door.open_bundle(BUNDLES[name])
    assert text.startswith(bundle.manifest["label"])
    assert ("SYNTHETIC" in text) is bundle.manifest["synthetic"]
    assert "For research. Not a medical device" in text
    assert "90 % interval" in text
    flat = " ".join(text.split())
    assert all(" ".join(item.split()) in flat for item in bundle.manifest["not_for"])
    missing = [bundle.dictionary[n].label for n in bundle.predict(entry["patient"]).missing]
    assert all(label in flat for label in missing)
    assert ("Not known, so averaged over" in text) is bool(missing)


def test_a_person_reads_percent_natural_frequency_interval_and_effects(riskml):
    entry = golden("non_response")[1]
    text = predict(riskml, "non_response", entry["patient"])
    percent, (low,), (high,) = round(100 * entry["value"][0]), entry["low"], entry["high"]
    assert f"Estimated risk: {percent} % (about {percent} in 100)" in text
    ends = re.search(r"90 % interval: [<>]?([\d.]+) to [<>]?([\d.]+) %", text).groups()
    assert [float(end) for end in ends] == pytest.approx([100 * low, 100 * high], abs=0.5)
    steps = re.findall(r"(raises|lowers) it from ([\d.]+) to ([\d.]+) in 100", " ".join(text.split()))
    assert steps
    ends = [float(steps[0][1]), *(float(end) for _, _, end in steps)]
    assert [float(start) for _, start, _ in steps] == ends[:-1], "each step starts where the last one ended"
    assert all((b > a) == (verb == "raises") for (verb, *_), a, b in zip(steps, ends, ends[1:], strict=False) if a != b)
    average = re.search(r"average patient of the cohort the model learned from: (\d+) %", " ".join(text.split()))[1]
    assert float(average) == ends[0]
    assert ends[-1] == pytest.approx(percent, abs=1.5)


def test_a_curve_falls(riskml):
    text = predict(riskml, "efs", golden("efs")[1]["patient"], "--at", "0", "3", "6", "12", "24")
    values = [float(v) for v in re.findall(r"at \d+ months: (?:more than |less than )?([\d.]+) %", text)]
    assert len(values) == 5
    assert values == sorted(values, reverse=True)
    rows = [line[7:] for line in text.splitlines() if re.match(r"  [ \d]{3} \|", line)]
    assert len(rows) == 11
    stars = [min(k for k, row in enumerate(rows) if row[column : column + 1] == "*") for column in range(61)]
    assert stars == sorted(stars), "never up again"
    assert stars[0] == 0
    assert "months" in text.split("+---")[1].splitlines()[1]


def test_words_alone_have_no_drawing(riskml):
    patient = golden("efs")[1]["patient"]
    drawn, words = (predict(riskml, "efs", patient, *flags) for flags in ((), ("--words",)))
    assert "* estimate" in drawn
    assert "*" not in words
    assert "|" not in words
    assert set(words.splitlines()) <= set(drawn.splitlines())


def test_whoever_is_event_free_by_now(riskml):
    patient = golden("efs")[0]["patient"]
    plain = json.loads(predict(riskml, "efs", patient, "--at", "6", "12", "--json"))["estimate"]["value"]
    shown = json.loads(predict(riskml, "efs", patient, "--event-free-at", "6", "--at", "12", "--json"))
    estimate, explanation = shown["estimate"], shown["explanation"]
    assert estimate["event_free_at"] == 6
    assert estimate["value"] == pytest.approx([plain[1] / plain[0]], abs=1e-12)
    assert estimate["low"][0] <= estimate["value"][0] <= estimate["high"][0]
    total = explanation["base"][0] + sum(e["effect"] for e in explanation["effects"][0])
    assert total == pytest.approx(estimate["value"][0], abs=1e-8)
    assert (shown["curve"]["times"][0], shown["curve"]["value"][0]) == (6, 1)
    assert "given_event_free" in {w["code"] for w in shown["warnings"]}
    default = json.loads(predict(riskml, "efs", patient, "--event-free-at", "6", "--json"))["estimate"]
    assert default["times"] == [12, 24]
    assert predict(riskml, "efs", patient, "--event-free-at", "6").count("Event-free at 6 months.") == 1


def test_expected_months(riskml):
    patient = golden("efs")[1]["patient"]
    shown = json.loads(predict(riskml, "efs", patient, "--expected-months", "24", "--json"))
    months, curve = shown["expected_months"], shown["curve"]
    area = sum(
        (b - a) * (x + y) / 2
        for a, b, x, y in zip(curve["times"], curve["times"][1:], curve["value"], curve["value"][1:], strict=False)
    )
    assert months["value"] == pytest.approx(area, abs=0.15), "the trapezoids of a convex curve are a little more"
    assert 0 <= months["low"] <= months["value"] <= months["high"] <= 24
    parts = months["explanation"]
    assert parts["base"] + sum(e["effect"] for e in parts["effects"]) == pytest.approx(months["value"], abs=1e-8)
    text = " ".join(predict(riskml, "efs", patient, "--expected-months", "24").split())
    assert f"Of the first 24 months, expected event-free: {months['value']:.1f}" in text


def test_what_if_stands_beside_the_patient_as_given(riskml):
    patient = golden("non_response")[1]["patient"]
    given, instead = (
        json.loads(predict(riskml, "non_response", {**patient, **change}, "--json"))["estimate"]
        for change in ({}, {"mrd": "0.01 %"})
    )
    shown = json.loads(predict(riskml, "non_response", patient, "--set", "MRD=0.01 %", "--json"))
    what_if = shown["what_if"]
    assert shown["estimate"] == instead
    assert what_if["as_given"] == {name: given[name] for name in ("value", "low", "high")}
    assert what_if["difference"]["value"] == pytest.approx(instead["value"] - given["value"], abs=1e-12)
    assert what_if["difference"]["low"] <= what_if["difference"]["value"] <= what_if["difference"]["high"]
    (changed,) = what_if["changed"]
    assert (changed["input"], changed["from"], changed["to"]) == ("mrd", "12 %", "0.01 %")
    text = " ".join(predict(riskml, "non_response", patient, "--set", "mrd=0.01 %").split())
    assert "12 % as given, 0.01 % instead" in text
    assert "not what changing this one would do" in text
    filled = json.loads(predict(riskml, "non_response", {"mrd": "12 %"}, "--set", "cd3=0.2", "--json"))["what_if"]
    assert filled["changed"][0]["from"] is None


def test_months_are_for_models_in_time(riskml):
    for option in ("--event-free-at", "--expected-months"):
        refused(riskml("predict", BUNDLES["non_response"], "-", option, "6", stdin="{}"), 2, "single probability")
        refused(riskml("predict", BUNDLES["efs"], "-", option, "600", stdin="{}"), 5, "months")
        refused(riskml("predict", BUNDLES["efs"], "-", option, "nan", stdin="{}"), 5, "months")
    refused(riskml("predict", BUNDLES["efs"], "-", "--expected-months", "0", stdin="{}"), 2, "between 0 and 0")
    words = ("--event-free-at", "12", "--at", "24", "--expected-months", "12")
    refused(riskml("predict", BUNDLES["efs"], "-", *words, stdin="{}"), 2, "between 12 and 12")
    words = ("--event-free-at", "12", "--at", "6")
    refused(riskml("predict", BUNDLES["efs"], "-", *words, stdin="{}"), 5, "12 to")


@pytest.mark.parametrize("name", ["efs", "non_response"])
def test_a_picture(riskml, name, tmp_path):
    patient = json.dumps(golden(name)[2]["patient"])
    for kind, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        path = tmp_path / f"patient.{kind}"
        done = riskml("predict", BUNDLES[name], "-", "--plot", path, stdin=patient)
        assert done.returncode == 0, done.stderr
        assert path.read_bytes().startswith(start)
        again = riskml("predict", BUNDLES[name], "-", "--plot", path, stdin=patient)
        assert again.stdout == done.stdout
    assert b"SYNTHETIC" in (tmp_path / "patient.svg").read_bytes()
    refused(riskml("predict", BUNDLES[name], "-", "--plot", "patient.gif", stdin=patient), 2, ".svg or .png")


@pytest.mark.parametrize("body", ["[]", json.dumps([{"mrd": "1 %"}] * 10_000), "\n".join(['{"mrd": "1 %"}'] * 10_000)])
def test_thousands_of_patients_on_standard_input_are_a_table(riskml, body):
    refused(riskml("predict", BUNDLES["efs"], "-", stdin=body), 3, "one", "riskml score")


def test_an_adult_is_outside_and_told_so(riskml):
    patient = golden("efs")[0]["patient"] | {"age": "45 a"}
    shown = json.loads(predict(riskml, "efs", patient, "--json"))
    assert shown["domain"]["inside"] is False
    assert "outside_domain" in {warning["code"] for warning in shown["warnings"]}
    assert "Outside what the model knows:" in predict(riskml, "efs", patient)


FHIR = ROOT / "docs" / "examples" / "fhir_bundle.json"


def test_a_fhir_bundle_is_a_patient_too(riskml):
    done = riskml("predict", BUNDLES["non_response"], FHIR, "--json")
    patient = {"mrd": "0.52 %", "bcr_abl1": "absent", "tcf3_hlf": "absent", "kmt2a_r": "present", "cd19": "<5 /uL"}
    same = front_door.open_bundle(BUNDLES["non_response"]).predict(patient | {"cd3": "0.9 10*9/L"})
    assert done.returncode == 0
    assert json.loads(done.stdout)["estimate"] == same.as_dict()["estimate"]
    assert "riskml: quarantined: cd4_pct (Bundle.entry[9].resource)" in done.stderr
    assert "2019" not in done.stderr  # no date of birth, nor any other


def test_the_first_dose_decides_which_values_of_a_bundle_count(riskml):
    done = riskml("predict", BUNDLES["non_response"], FHIR, "--first-dose", "2026-02-20", "--json")
    assert json.loads(done.stdout)["inputs"]["missing"] == ["mrd", "cd19", "cd3"]
    soon = riskml("predict", BUNDLES["non_response"], FHIR, "--first-dose", "soon")
    refused(soon, 2, "the first dose must be a date")
    plain = riskml("predict", BUNDLES["non_response"], "-", "--first-dose", "2026-02-20", stdin="{}")
    refused(plain, 2, "--first-dose is for a FHIR Bundle")


def test_another_fhir_resource_is_refused_with_its_place(riskml):
    done = riskml("predict", BUNDLES["non_response"], "-", stdin='{"resourceType": "Observation"}')
    refused(done, 3, "Bundle.resourceType: must be Bundle")
