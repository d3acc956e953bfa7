"""Writes the answers that docs/fhir.md and docs/cds_hooks.md show, out of the requests beside them.

``python -m tests.serving.examples`` after the shipped bundles changed; tests/serving/test_examples.py compares.
"""

from __future__ import annotations

import datetime as dt
import json

from riskml.serving.cds_hooks import answer
from riskml.serving.cds_services import discovery
from riskml.serving.fhir_operation import asked, assess
from tests.serving.fhir import EXAMPLES, example, model

TODAY = dt.date(2026, 3, 1)
CARDS = ("non_response", "icans", "efs")


def answers():
    """Content by file name."""
    models = [model(name) for name in CARDS]
    return {
        "fhir_risk_assessment": assess(model("efs"), asked(example("fhir_bundle")), now="2026-03-01T08:00:00+01:00"),
        "cds_services": discovery(models),
        "cds_cards": answer("riskml-order-select", example("cds_order_select"), models, today=TODAY),
    }


def as_text(content):
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, content in answers().items():
        (EXAMPLES / f"{name}.json").write_text(as_text(content), encoding="utf-8")
