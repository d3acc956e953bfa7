"""Exports say how far they can be trusted, and give the numbers of the bundle."""

from __future__ import annotations

from hashlib import sha256

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn

from riskml.errors import UsageError
from riskml.serving.exports import joblib_file, mlflow_model
from tests.runtime.models import shipped_bundle

TABLE = pd.DataFrame({"mrd": ["0.52 %", None], "bcr_abl1": ["absent", "present"]})


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_joblib_holds_the_fitted_estimator_its_versions_and_a_warning(tmp_path, name):
    bundle, path = shipped_bundle(name), tmp_path / "new" / "model.joblib"
    assert joblib_file(bundle, str(path)) == path
    model = joblib.load(path)
    want = [bundle.predict(row).value[-1] for row in ({"mrd": "0.52 %", "bcr_abl1": "absent"}, {"bcr_abl1": "present"})]
    got = model.predict_proba(TABLE)[:, 1] if name == "non_response" else 1 - model.predict(TABLE)
    np.testing.assert_allclose(got, want, atol=1e-12)
    assert model.exported_["scikit-learn"] == sklearn.__version__
    said = (tmp_path / "new" / "model.joblib.TRUST.txt").read_text(encoding="utf-8")
    assert "loading it runs whatever code its writer put there" in said
    assert sha256(path.read_bytes()).hexdigest() in said
    assert f"bundle {bundle.digest}" in said
    assert "SYNTHETIC" in said
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.joblib", "model.joblib.TRUST.txt"]


def test_the_command_says_the_warning_and_writes_no_other_form(riskml, tmp_path):
    bundle = shipped_bundle("icans").save(tmp_path / "bundle")
    done = riskml("export", bundle, "--to", "joblib", "--out", "icans.joblib")
    assert (done.returncode, done.stdout) == (0, "icans.joblib\n")
    assert done.stderr.startswith("TRUST: READ THIS BEFORE YOU LOAD icans.joblib")


def test_mlflow_needs_its_extra_or_a_new_folder(tmp_path):
    pytest.importorskip("mlflow")
    with pytest.raises(UsageError, match="is there already"):
        mlflow_model(shipped_bundle("icans"), str(tmp_path))
