"""One prediction as a picture: everything said in words, whatever the patient; written whole or not at all."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from riskml.errors import UsageError
from riskml.reporting.patient import save_picture
from tests.runtime.models import shipped_bundle

BINARY, SURVIVAL = shipped_bundle("non_response"), shipped_bundle("efs")


def drawn(bundle, patient, path, **settings):
    prediction = bundle.predict(patient, **settings)
    save_picture(bundle, patient, prediction, str(path))
    return prediction


def text_of(path):
    """The words of a drawing: glyphs are drawn as text."""
    return " ".join("".join(node.itertext()) for node in ET.parse(path).getroot().iter() if node.tag.endswith("text"))


@pytest.mark.parametrize("bundle", [BINARY, SURVIVAL], ids=["binary", "survival"])
@pytest.mark.parametrize("patient", [{}, {"mrd": "5 %"}, {"mrd": "5 %", "bcr_abl1": "present", "age": "40 a"}], ids=str)
def test_every_fact_stands_in_the_picture(bundle, patient, tmp_path):
    prediction = drawn(bundle, patient, tmp_path / "a.svg")
    text = text_of(tmp_path / "a.svg")
    assert prediction.model["outcome"] in text
    assert "SYNTHETIC" in text
    assert "Not a medical device" in text
    assert "90 % interval" in text
    for name in prediction.readings:
        assert prediction.labels[name] in text
    if prediction.missing:
        assert "not known, averaged over" in text
    assert ("OUTSIDE what the model knows" in text) is bool(prediction.reasons)


def test_the_waterfall_ends_at_the_estimate(tmp_path):
    prediction = drawn(BINARY, {"mrd": "5 %", "bcr_abl1": "present"}, tmp_path / "a.svg")
    text = text_of(tmp_path / "a.svg")
    assert f"{100 * prediction.value[0]:.1f} %" in text
    assert f"{100 * prediction.on_value.base[0]:.1f} %" in text


def test_without_explanation_there_is_no_waterfall(tmp_path):
    drawn(SURVIVAL, {"mrd": "5 %"}, tmp_path / "a.svg", explain=False)
    assert "this patient, with interval" in text_of(tmp_path / "a.svg")
    assert "event-free at 24 months" not in re.sub(r"event-free at \d+ months: ", "", text_of(tmp_path / "a.svg"))


def test_a_course_from_where_the_patient_is(tmp_path):
    drawn(SURVIVAL, {"mrd": "5 %"}, tmp_path / "a.svg", event_free_at=6.0)
    assert "given event-free at 6 months" in text_of(tmp_path / "a.svg")


def test_the_same_picture_has_the_same_bytes(tmp_path):
    for name in ("a.svg", "b.svg", "a.png", "b.png"):
        drawn(BINARY, {"mrd": "5 %"}, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_what_cannot_be_written_is_a_usage_error(tmp_path):
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(UsageError, match="cannot write"):
        drawn(BINARY, {}, tmp_path / "a.svg")
