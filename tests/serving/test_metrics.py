"""Counters: what happened is counted once, under labels from closed lists alone."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from riskml.serving.metrics import Metrics
from riskml.serving.models import Models
from tests.serving.asking import SMALL, folder_of, spoil


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = folder_of(tmp_path_factory.mktemp("models"), SMALL, "icans")
    spoil(home / "icans" / "bundle")
    return home


def samples(metrics):
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_requests_predictions_and_reloads_are_counted(home):
    metrics = Metrics(Models(home))
    metrics.count_request("POST", "/v1/models/{name}/predict", 200, 0.004)
    metrics.count_request("POST", "/v1/models/{name}/predict", 422, 0.3)
    metrics.count_request("BREW\n", "other", 404, 0.001)
    metrics.count_predictions(SMALL, given=3, refused=1)
    metrics.count_reload(done=False)
    found = samples(metrics)
    assert found["riskml_http_requests_total", "/v1/models/{name}/predict", "200", "POST"] == 1
    assert found["riskml_http_requests_total", "404", "other", "other"] == 1, "a made-up method gets no label"
    assert found["riskml_http_request_seconds_bucket", "/v1/models/{name}/predict", "0.005"] == 1
    assert found["riskml_http_request_seconds_count", "/v1/models/{name}/predict"] == 2
    assert found["riskml_predictions_total", "given", SMALL] == 3
    assert found["riskml_predictions_total", SMALL, "refused"] == 1
    assert found["riskml_reloads_total", "refused"] == 1


def test_the_models_of_the_moment_are_told_with_their_digests(home):
    models = Models(home)
    found = samples(Metrics(models))
    bundle = models.get(SMALL)
    (info,) = [key for key in found if key[0] == "riskml_model_info"]
    assert set(info[1:]) == {SMALL, bundle.digest, bundle.manifest["version"], "false"}
    assert found["riskml_bundles_refused",] == 1
    assert found["riskml_model_set",] == 1
    assert found["process_resident_memory_bytes",] > 1e6
