"""What a hospital has answered under a secret, kept beside it: the same question is not answered twice differently.

Masks follow from the secret and the question alone, so that they cancel in the total. Of two answers of one hospital to
the same question the difference is therefore free of any mask: from files that differ by one row it is that patient.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from riskml.errors import UsageError
from riskml.training.federated.plan import sealed


def memory_of(secret: Path) -> Path:
    """The file beside a secret, itself and not a link to it, that remembers what was answered under it."""
    place = secret.resolve()
    return place.with_name(f"{place.name}.answered")


def remember(secret: Path, answer: Mapping[str, Any]) -> None:
    """Keep what a masked answer says and of what data, before it is written anywhere; digests only.

    Parameters
    ----------
    secret : Path
        The secret's file.
    answer : mapping
        ``riskml.federated-answer/1``, masked under that secret.

    Raises
    ------
    UsageError
        If the hospital has answered this plan under this secret from other data, or this question otherwise (another
        column map), wherever that answer was written to; or if nothing can be remembered beside the secret.
    """
    place, who = memory_of(secret), (answer["secret"], answer["centre"])
    # The check of the secret is bound to the plan: another secret under the same name begins afresh.
    said = {sealed(who): answer["data"], sealed((*who, answer["ask"])): answer["digest"]}
    try:
        # Lines are only ever added, and the first of a key counts: of two that are written at once one is refused.
        with open(place, "a+", encoding="ascii", opener=lambda path, how: os.open(path, how, 0o600)) as file:
            told = _read(file)
            if all(told.get(key, value) == value for key, value in said.items()):
                file.write("".join(f"{key} {value}\n" for key, value in said.items() if key not in told))
                file.flush()
                os.fsync(file.fileno())
                told = _read(file)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it holds something else"
        raise UsageError(
            f"cannot keep what was answered in {str(place)!r}: {why}. A hospital's secret stands in a folder that it "
            "can write"
        ) from None
    if any(told.get(key) != value for key, value in said.items()):
        raise UsageError(
            f"{answer['centre']} has answered this study with this secret before, from another file or column map "
            f"({place.name} remembers it): both answers would have the same masks, and their difference can be one "
            "patient. Send the first answer as it is, or start a new study with a new secret"
        )


def _read(file: Any) -> dict[str, str]:
    file.seek(0)
    told: dict[str, str] = {}
    for line in file:
        key, _, value = line.rstrip("\n").partition(" ")
        told.setdefault(key, value)
    return told
