"""The models: found where they may lie, verified, exchanged whole or not at all, never looked for by a given name."""

from __future__ import annotations

import json
import shutil
import threading
import zipfile

import pytest

from riskml.errors import BundleError, UsageError
from riskml.runtime.bundle import open_bundle
from riskml.serving.models import Models
from riskml.serving.problems import Problem
from tests.cli.processes import BUNDLES
from tests.serving.asking import SMALL, folder_of, spoil


def zipped(path, name):
    with zipfile.ZipFile(path, "w") as archive:
        for file in BUNDLES[name].iterdir():
            archive.write(file, file.name)
    return path


def test_bundles_are_found_alone_one_or_two_levels_down_and_zipped(tmp_path):
    folder_of(tmp_path / "out", "icans")  # out/icans/bundle
    shutil.copytree(BUNDLES["efs"], tmp_path / "deep" / "efs")
    zipped(tmp_path / "small.zip", SMALL)
    (tmp_path / "notes.txt").write_text("not a model")
    models = Models(tmp_path)
    assert models.names == ("efs", "icans", SMALL)
    places = {one["name"]: one["place"] for one in models.statuses()["models"]}
    assert places == {"efs": "deep/efs", "icans": "out/icans", SMALL: "small.zip"}
    assert Models(BUNDLES["efs"]).names == ("efs",)
    assert Models(BUNDLES["efs"].parent).names == ("efs",)
    assert Models(tmp_path / "small.zip").names == (SMALL,)


def test_what_a_writer_has_not_finished_and_what_lies_deeper_is_left_alone(tmp_path):
    folder_of(tmp_path, SMALL)
    shutil.copytree(BUNDLES["efs"], tmp_path / ".efs.new-7")
    shutil.copytree(BUNDLES["icans"], tmp_path / "a" / "b" / "c" / "icans")
    models = Models(tmp_path)
    assert models.names == (SMALL,)
    assert models.statuses()["refused"] == []


def test_a_broken_bundle_is_refused_with_its_reason_and_the_others_are_served(tmp_path):
    folder_of(tmp_path, SMALL, "efs")
    spoil(tmp_path / "efs" / "bundle")
    models = Models(tmp_path)
    assert models.names == (SMALL,)
    (refused,) = models.statuses()["refused"]
    assert refused["place"] == "efs"
    assert "model.json is not the file its manifest describes" in refused["reason"]
    assert str(tmp_path) not in json.dumps(models.statuses()), "the machine's paths are nobody's business"


def test_nothing_to_serve_is_told_by_what_is_wrong(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        Models(tmp_path / "absent")
    with pytest.raises(UsageError, match="there is no bundle in"):
        Models(tmp_path)
    folder_of(tmp_path, SMALL)
    spoil(tmp_path / SMALL / "bundle")
    with pytest.raises(BundleError, match=r"every bundle in .* was refused:\n  - non_response: model\.json"):
        Models(tmp_path)


def test_two_bundles_of_one_name_are_refused_by_their_places(tmp_path):
    folder_of(tmp_path, SMALL)
    zipped(tmp_path / "again.zip", SMALL)
    with pytest.raises(UsageError, match=r"again\.zip and non_response are both called 'non_response'"):
        Models(tmp_path)


def test_a_name_that_cannot_be_an_address_is_refused(tmp_path):
    bundle = open_bundle(BUNDLES[SMALL])
    odd = bundle.with_(manifest={**bundle.manifest, "name": "../etc/passwd"})
    folder_of(tmp_path, SMALL)
    with pytest.raises(BundleError, match="cannot be part of an address"):
        Models(tmp_path, lambda _: odd)


def test_a_further_demand_on_bundles_is_a_seam(tmp_path):
    folder_of(tmp_path, SMALL, "efs")

    def signed(path):
        if path.name == "efs":
            raise BundleError("it is not signed")
        return open_bundle(path)

    models = Models(tmp_path, signed)
    assert models.names == (SMALL,)
    assert models.statuses()["refused"] == [{"place": "efs", "reason": "it is not signed"}]


@pytest.mark.parametrize(
    "name", ["", "..", "../efs", "/etc/passwd", "efs\0", "%2e%2e", "\uff45fs", "\ud800", "x" * 100_000]
)
def test_a_strange_name_is_looked_up_and_never_followed(tmp_path_factory, name, models_of_two):
    with pytest.raises(Problem) as caught:
        models_of_two.get(name)
    assert caught.value.status == 404
    assert "the nearest is 'efs'" in caught.value.detail or "non_response" in caught.value.detail


@pytest.fixture(scope="module")
def models_of_two(served_folder):
    return Models(served_folder)


def test_a_reload_takes_what_is_new_and_drops_what_is_gone(tmp_path):
    models = Models(folder_of(tmp_path, SMALL))
    held = models.get(SMALL)
    folder_of(tmp_path, "icans")
    shutil.rmtree(tmp_path / SMALL)
    now = models.reload()
    assert (models.names, now.number) == (("icans",), 2)
    assert held.predict({}).value, "a request that runs keeps its bundle"


def test_a_reload_that_fails_leaves_what_was_served(tmp_path):
    models = Models(folder_of(tmp_path, SMALL, "icans"))
    digest = models.get(SMALL).digest
    spoil(tmp_path / SMALL / "bundle")
    models.reload()
    assert models.get(SMALL).digest == digest
    (stale,) = [one for one in models.statuses()["models"] if "stale" in one]
    assert stale["name"] == SMALL
    assert [one["place"] for one in models.statuses()["refused"]] == [SMALL]
    models.reload()
    assert models.names == ("icans", SMALL), "still so at the next one"
    shutil.rmtree(tmp_path / SMALL)
    folder_of(tmp_path, SMALL)
    models.reload()
    assert not any("stale" in one for one in models.statuses()["models"]), "mended"


@pytest.mark.parametrize("fault", ["gone", "empty", "twice"])
def test_a_folder_that_makes_no_set_leaves_the_whole_set(tmp_path, fault):
    home = tmp_path / "home"
    models = Models(folder_of(home, SMALL, "icans"))
    before = models.current
    if fault == "gone":
        home.rename(tmp_path / "elsewhere")
    elif fault == "empty":
        shutil.rmtree(home)
        home.mkdir()
    else:
        zipped(home / "again.zip", SMALL)
    with pytest.raises(UsageError):
        models.reload()
    assert models.current is before


def test_readers_see_one_set_or_the_other_while_it_is_exchanged(tmp_path):
    models = Models(folder_of(tmp_path, SMALL))
    one, two = tmp_path / SMALL, tmp_path / ".aside"
    folder_of(two, "icans")
    seen, ended = set(), threading.Event()

    def watch():
        while not ended.is_set():
            seen.add(models.names)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(5):
        one.rename(tmp_path / ".gone")
        (two / "icans").rename(tmp_path / "icans")
        models.reload()
        (tmp_path / "icans").rename(two / "icans")
        (tmp_path / ".gone").rename(one)
        models.reload()
    ended.set()
    watcher.join()
    assert seen <= {(SMALL,), ("icans",)}
