"""``riskml predict``: golden patients come back through every door, as JSON and for a person."""

from __future__ import annotations

import csv
import json
import re

import pytest

import riskml as front_door
from tests.cli.processes import BUNDLES, golden, refused

each_bundle = pytest.mark.parametrize("name", BUNDLES)


def predict(riskml, name, patient, *words, **settings):
    done = riskml("predict", BUNDLES[name], "-", *words, stdin=json.dumps(patient), **settings)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@each_bundle
def test_golden_patients_come_back_as_the_contract_s_object(riskml, name):
    for entry in golden(name):
        shown = json.loads(predict(riskml, name, entry["patient"], "--json"))
        assert set(shown) == {"schema", "model", "estimate", "explanation", "inputs", "domain", "warnings", "not_for"}
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
    moved = re.findall(r"(\S+): (raises|lowers) it by (\d+) points", " ".join(text.split()))
    assert moved
    assert [int(points) for *_, points in moved] == sorted((int(points) for *_, points in moved), reverse=True)


def test_a_curve_falls(riskml):
    text = predict(riskml, "efs", golden("efs")[1]["patient"], "--at", "0", "3", "6", "12", "24")
    bars = [line.count("#") for line in text.splitlines() if line.startswith("  at ")]
    assert bars[0] == 20
    assert bars == sorted(bars, reverse=True)
    assert len(bars) == 5


def test_an_adult_is_outside_and_told_so(riskml):
    patient = golden("efs")[0]["patient"] | {"age": "45 a"}
    shown = json.loads(predict(riskml, "efs", patient, "--json"))
    assert shown["domain"]["inside"] is False
    assert "outside_domain" in {warning["code"] for warning in shown["warnings"]}
    assert "Outside what the model knows:" in predict(riskml, "efs", patient)
