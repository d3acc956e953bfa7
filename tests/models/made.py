"""What a shipped bundle is compared with: its files, where it was made with the libraries that are here."""

from __future__ import annotations

import importlib.metadata
import json
import platform

import pytest

from riskml.resources import folder


def files_of(home):
    """The files of the bundle in a model's folder."""
    return {file.name: file.read_bytes() for file in sorted((home / "bundle").iterdir())}


def skip_unless_made_here(name):
    """Other library versions may differ in the last digits, and then the digests differ too."""
    made_with = json.loads((folder("models") / name / "bundle" / "manifest.json").read_text(encoding="utf-8"))[
        "versions"
    ]
    here = {library: importlib.metadata.version(library) for library in made_with if library != "python"}
    here["python"] = ".".join(platform.python_version_tuple()[:2])
    if here != made_with:
        pytest.skip(f"{name} was made with {made_with}, here is {here}")
