"""What a user would write to predict one patient: fits a pipeline, and writes it and the script into a folder.

``python -m benchmarks.naive_predict FOLDER``; ``benchmarks.predict_startup`` runs it beside ``riskml predict``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

import riskml
from riskml.resources import folder

INPUTS = ("mrd", "cd19", "cd3", "age")
SCRIPT = """
import sys
import joblib
import pandas as pd
import shap

pipeline = joblib.load(sys.argv[1])
patient = pd.DataFrame([{"mrd": 0.0052, "cd19": 0.03, "cd3": 0.7, "age": 6.4}])
print(pipeline.predict_proba(patient)[0, 1])
explained = shap.TreeExplainer(pipeline[-1])(pipeline[:-1].transform(patient))
print(explained.base_values[0], *zip(patient.columns, explained.values[0]))
"""


def main() -> None:
    """Fit to the embedded cohort, dump, and write the script."""
    home = Path(sys.argv[1])
    cohort = riskml.read_cohort(folder("features") / "synthetic" / "cohort.csv")
    X = cohort.frame[list(INPUTS)].astype(float)
    y = (cohort.frame["response"] == "no_response").to_numpy().astype(int)
    model = XGBClassifier(n_estimators=200, max_depth=3, random_state=0, n_jobs=1)
    joblib.dump(make_pipeline(SimpleImputer(), StandardScaler(), model).fit(X, y), home / "pipeline.joblib")
    (home / "naive.py").write_text(SCRIPT, encoding="utf-8")


if __name__ == "__main__":
    main()
