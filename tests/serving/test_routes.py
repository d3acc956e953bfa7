"""The routes: lists, cards, schemas and predictions as the runtime gives them; every wrong turn a problem."""

from __future__ import annotations

import json
import time

import pytest

from riskml.runtime.schema import patient_schema, prediction_schema
from riskml.serving.settings import Settings
from tests.cli.processes import golden
from tests.serving.asking import SMALL, TIMED, Asking, folder_of, is_problem, patient, spoil


def test_models_are_listed_and_described(ask):
    listed = ask("GET", "/v1/models").json()["models"]
    assert [one["name"] for one in listed] == [TIMED, SMALL]
    assert listed[0]["digest"] == ask.models.get(TIMED).digest
    one = ask("GET", f"/v1/models/{TIMED}").json()
    assert one["kind"] == "survival"
    assert one["horizons_months"] == ask.models.get(TIMED).manifest["horizons_months"]
    assert one["not_for"]
    assert ask("GET", f"/v1/models/{SMALL}").json()["longest_months"] is None


def test_cards_and_schemas_are_the_runtimes(ask):
    card = ask("GET", f"/v1/models/{SMALL}/card")
    assert card.text == ask.models.get(SMALL).card
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    for _ in range(2):
        assert ask("GET", f"/v1/models/{SMALL}/schema").json() == patient_schema(ask.models.get(SMALL))
    assert ask("GET", "/v1/schemas/prediction").json() == prediction_schema()


def test_a_golden_patient_gets_the_golden_prediction(ask):
    for name in (SMALL, TIMED):
        (want, *_) = golden(name)
        answer = ask.predict(name)
        assert answer.headers["content-type"] == "application/json"
        value = answer.json()["estimate"]["value"]
        assert value == pytest.approx(want["value"] if name == TIMED else want["value"][0], abs=1e-9)
    many = ask("POST", f"/v1/models/{SMALL}/predict-many", json={"patients": [patient(), {"agee": 1}]}).json()
    assert many["results"][0]["prediction"] == ask.predict().json()
    assert many["results"][1]["problem"]["faults"][0]["column"] == "agee"


def test_every_wrong_turn_is_a_problem(ask):
    is_problem(ask("GET", "/nothing"), 404, "not-found")
    is_problem(ask("GET", "/v1/models/efx"), 404, "model-unknown", "the nearest is 'efs'")
    is_problem(ask("POST", "/v1/models/efx/predict", json={"patient": {}}), 404, "model-unknown")
    is_problem(ask("GET", "/v1/problems/nothing"), 404, "not-found")
    assert ask("GET", "/v1/problems/busy").json()["status"] == 503
    refused = ask("DELETE", "/v1/models")
    is_problem(refused, 405, "method-not-allowed")
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert ask("HEAD", "/v1/models").status_code == 200


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "efs%00", "%ff%fe", "efs%0d%0aX: y", "\uff45fs"]
)
def test_a_model_that_would_be_a_path_is_unknown(ask, name):
    for path in (f"/v1/models/{name}", f"/v1/models/{name}/card"):
        assert ask("GET", path).status_code == 404
    assert ask("POST", f"/v1/models/{name}/predict", json={"patient": {}}).status_code == 404


HOSTILE = {
    "depth": "[" * 100_000,
    "objects": '{"patient":' * 5_000 + "1" + "}" * 5_000,
    "infinite": '{"patient": {"mrd": 1e309}}',
    "twice": '{"patient": {"mrd": 1, "mrd": 2}}',
    "fields twice": '{"patient": {}, "patient": {}}',
    "nan": '{"patient": {"mrd": NaN}}',
    "digits": '{"patient": {"mrd": ' + "1" * 5_000 + "}}",
    "cut": '{"patient": {',
    "nothing": "",
    "nul": "\x00",
    "surrogate bytes": b'{"patient": {"mrd": "\xed\xa0\x80"}}',
    "utf-16": '{"patient": {}}'.encode("utf-16"),
}
REFUSED = {
    "surrogate": '{"patient": {"mrd": "\\ud800"}}',
    "surrogate name": '{"patient": {"\\ud800": 1}}',
    "boolean": '{"patient": {"mrd": true}}',
    "long text": '{"patient": {"mrd": "' + "9" * 900_000 + '"}}',
    "long name": '{"patient": {"' + "m" * 900_000 + '": 1}}',
    "deep value": '{"patient": {"mrd": ' + "[" * 50 + "]" * 50 + "}}",
    "unit of units": '{"patient": {"mrd": {"value": {"value": 1}}}}',
    "many names": json.dumps({"patient": {f"x{k}": 1 for k in range(299)}}),
    "huge": '{"patient": {"age": ' + "9" * 4_000 + "}}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_malformed(ask, text):
    is_problem(ask.post(text), 400, "malformed")


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_hostile_values_are_refused_one_by_one(ask, text):
    found = is_problem(ask.post(text), 422, "data-refused")
    assert found["faults"]
    assert len(json.dumps(found)) < 200_000


def test_limits_of_size_type_and_number(ask):
    is_problem(ask.post('{"patient": {}}' + " " * 1_000_000), 413, "too-large")
    is_problem(ask("POST", f"/v1/models/{SMALL}/predict", content="{}"), 415, "wrong-type")
    many = {"patients": [{}] * 1_001}
    is_problem(ask("POST", f"/v1/models/{SMALL}/predict-many", json=many), 422, "data-refused")


def test_what_takes_too_long_is_answered_and_the_next_one_is_served(served_folder, monkeypatch):
    ask = Asking(served_folder, Settings(rate=0.0, predict_seconds=0.1, many_seconds=0.02))
    with monkeypatch.context() as patched:
        patched.setattr("riskml.serving.routes.answer_one", lambda *_: time.sleep(0.4))
        is_problem(ask.predict(), 504, "timeout")
    refused = ask("POST", f"/v1/models/{TIMED}/predict-many", json={"patients": [{}] * 200})
    is_problem(refused, 504, "timeout")
    assert ask.predict().status_code == 200
    ask.close()


def test_health_tells_what_was_refused_and_ready_whether_to_send_requests(tmp_path, ask):
    assert ask("GET", "/health").json()["status"] == "ok"
    assert ask("GET", "/ready").json() == {"status": "ready"}
    folder_of(tmp_path, SMALL, "icans")
    spoil(tmp_path / "icans" / "bundle")
    half = Asking(tmp_path)
    found = half("GET", "/health").json()
    assert found["status"] == "degraded"
    assert [one["place"] for one in found["refused"]] == ["icans"]
    half.app.state.workers._overdue = 2
    is_problem(half("GET", "/ready"), 503, "busy")
    half.close()


def test_predictions_are_counted_by_model(ask):
    def counted(result):
        text = ask("GET", "/metrics").text
        line = f'riskml_predictions_total{{model="{SMALL}",result="{result}"}} '
        return next((float(one.removeprefix(line)) for one in text.splitlines() if one.startswith(line)), 0.0)

    given, refused = counted("given"), counted("refused")
    ask.predict()
    ask("POST", f"/v1/models/{SMALL}/predict-many", json={"patients": [{}, {}, {"agee": 1}]})
    assert (counted("given") - given, counted("refused") - refused) == (3, 1)
