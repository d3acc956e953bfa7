"""What the routes of every door share: the clock, the model that is asked, and plain data as text."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from starlette.requests import Request

from riskml.runtime.bundle import Bundle
from riskml.serving.guard import note
from riskml.serving.models import Models

GET = ["GET", "HEAD"]


def now() -> dt.datetime:
    """The time in UTC."""
    return dt.datetime.now(dt.UTC)


def asked_model(request: Request, models: Models, name: str) -> Bundle:
    """The bundle of a model, which is then named in the request's line of log.

    Raises
    ------
    Problem
        ``model-unknown``, with the nearest name.
    """
    bundle = models.get(name)
    note(request.scope, bundle)
    return bundle


def json_text(content: Any) -> str:
    """Plain data as every door writes it."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
