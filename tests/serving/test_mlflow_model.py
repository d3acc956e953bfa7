"""An MLflow model gives what the bundle gives; runs where the extra is installed."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.runtime.models import shipped_bundle

pyfunc = pytest.importorskip("mlflow.pyfunc", reason="needs the extra mlflow")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_the_model_holds_the_bundle_a_signature_and_no_pickle(tmp_path, monkeypatch, name):
    from riskml.serving.exports import mlflow_model

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "runs").as_uri())
    bundle = shipped_bundle(name)
    path = mlflow_model(bundle, str(tmp_path / "model"))
    assert not [file for file in path.rglob("*") if file.suffix in {".pkl", ".pickle", ".joblib"}]
    model = pyfunc.load_model(str(path))
    table = model.predict(pd.DataFrame({"mrd": [0.0052, None]}))
    for row, patient in zip(table.itertuples(), ({"mrd": 0.0052}, {}), strict=True):
        want = bundle.predict(patient)
        assert json.loads(row.prediction) == want.as_dict()
        assert list(row[1:-1]) == list(want.value)
    assert model.metadata.get_input_schema().input_names() == list(bundle.model.inputs)
    with pytest.raises(Exception, match="mrd"):
        model.predict(pd.DataFrame({"mrd": ["much"]}))
