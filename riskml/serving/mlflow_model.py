"""A bundle as an MLflow model: it holds the bundle itself, which is opened and verified when the model is loaded."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from riskml import __version__
from riskml.runtime.bundle import Bundle, open_bundle

# MLflow runs this to load the model; a pickled object would do the same in a form that nobody can read.
_CODE = """import mlflow

from riskml.serving.mlflow_model import BundleModel

mlflow.models.set_model(BundleModel())
"""


class BundleModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc] # no types without the extra
    """Asks the bundle about each row of a table."""

    def load_context(self, context: Any) -> None:
        """Open the bundle, which verifies it."""
        self.bundle = open_bundle(context.artifacts["bundle"])

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """One row each: the estimate as ``Bundle.score`` names it, and the ``riskml.prediction/1`` object as text.

        Raises
        ------
        DataError
            For a refused value; the first row with one.
        """
        rows = [self.bundle.predict(_known(row)) for row in model_input.to_dict("records")]
        names = _outputs(self.bundle)
        table = pd.DataFrame([row.value for row in rows], columns=names)
        return table.assign(prediction=[json.dumps(row.as_dict(), ensure_ascii=False) for row in rows])


def save(bundle: Bundle, path: Path) -> Path:
    """Write the folder of an MLflow model."""
    with tempfile.TemporaryDirectory() as home:
        held, code = bundle.save(Path(home) / "bundle"), Path(home) / "model.py"
        code.write_text(_CODE, encoding="utf-8")
        mlflow.pyfunc.save_model(
            path=str(path),
            python_model=str(code),
            artifacts={"bundle": str(held)},
            signature=_signature(bundle),
            pip_requirements=[f"riskml=={__version__}"],
            metadata={"riskml_digest": bundle.digest, "synthetic": bundle.manifest["synthetic"]},
        )
    return path


def _known(row: dict[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items() if value is not None and value == value}  # noqa: PLR0124


def _outputs(bundle: Bundle) -> list[str]:
    scored = bundle.model.kind if bundle.model.kind != "binary" else ""
    return [f"{scored}_{months:g}_months" for months in bundle.manifest["horizons_months"]] if scored else ["risk"]


def _signature(bundle: Bundle) -> ModelSignature:
    """Numbers in the canonical unit; lesions and categories as words. All may be left out."""
    numbers = ("number", "integer")
    inputs = [
        ColSpec(DataType.double if bundle.dictionary[name].kind in numbers else DataType.string, name, required=False)
        for name in bundle.model.inputs
    ]
    outputs = [*(ColSpec(DataType.double, name) for name in _outputs(bundle)), ColSpec(DataType.string, "prediction")]
    return ModelSignature(Schema(inputs), Schema(outputs))
