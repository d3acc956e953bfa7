"""A few of the thousands of broken bundles of ``benchmarks.bundle_mutants``: refused, or a bundle like any other."""

from __future__ import annotations

import os
import random
import warnings
import zipfile
from collections import Counter

import pytest

from riskml.errors import BundleError
from riskml.runtime.bundle import open_bundle
from tests.runtime.models import SHIPPED

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs a timer of the processor's time")
mutants = pytest.importorskip("benchmarks.bundle_mutants")
NUMBER = 60


@pytest.fixture(scope="module")
def wholes():
    return mutants.originals()


def test_every_mutant_is_refused_with_a_reason_or_answers(wholes, tmp_path):
    found = Counter(
        mutants.judged(content, tmp_path, digest)
        for _, content, digest in mutants.mutants(NUMBER, random.Random(3), wholes)
    )
    assert set(found) <= {"refused", "refused in use", "a bundle"}
    assert found["refused"] > NUMBER / 2
    assert found["a bundle"] > NUMBER / 20, "some changes do no harm: otherwise nothing but the digests was asked"


def test_the_bundles_are_of_every_kind_and_whole(wholes, tmp_path):
    assert {*SHIPPED} < {*wholes}
    assert any(b'"left"' in files["model.json"] for files in wholes.values())
    for name, files in wholes.items():
        assert mutants.resealed(files, files) == files, name
        assert mutants.judged(mutants.archive(files), tmp_path, "") == "a bundle"


def test_a_mutant_that_changes_a_number_is_refused_by_its_invented_patients(wholes, tmp_path):
    whole = wholes["icans"]
    first = whole["model.json"].index(b'"intercept":') + len(b'"intercept":')
    changed = {**whole, "model.json": whole["model.json"][:first] + b"0.5e0+"[:5] + whole["model.json"][first + 5 :]}
    assert mutants.judged(mutants.resealed(changed, whole), tmp_path, "") == "refused"


def test_of_two_files_of_one_name_the_last_is_read_and_checked(wholes, tmp_path):
    path = tmp_path / "twice.zip"
    for order in (("icans", "efs"), ("efs", "icans")):
        with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings(action="ignore"):
            for name in order:
                archive.writestr("model.json", wholes[name]["model.json"])
            for name in {*wholes["icans"]} - {"model.json"}:
                archive.writestr(name, wholes["icans"][name])
        if order[-1] == "icans":
            assert open_bundle(path).manifest["name"] == "icans"
        else:
            with pytest.raises(BundleError, match="not the file"):
                open_bundle(path)
