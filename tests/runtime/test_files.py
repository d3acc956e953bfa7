"""A file is there whole or as it was before."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from riskml.errors import UsageError
from riskml.runtime import files
from riskml.runtime.files import whole_file, write_whole


@pytest.mark.parametrize(("content", "expected"), [("µ\n", b"\xc2\xb5\n"), (b"\x00\xff", b"\x00\xff"), ("", b"")])
def test_text_is_utf_8_and_bytes_are_bytes_in_new_folders(tmp_path, content, expected):
    path = tmp_path / "new" / "folder" / "result.txt"
    assert write_whole(path, content) == path
    assert path.read_bytes() == expected
    assert [p.name for p in path.parent.iterdir()] == ["result.txt"]


def test_an_older_file_is_replaced(tmp_path):
    write_whole(tmp_path / "result", "long and old")
    write_whole(str(tmp_path / "result"), "new")
    assert (tmp_path / "result").read_text() == "new"


@pytest.mark.parametrize("method", ["write_bytes", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "ctrl-c"])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, method, error):
    write_whole(tmp_path / "result", "old")

    def failing(self, *_):
        if method == "write_bytes":
            with self.open("wb") as half:
                half.write(b"ha")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, failing)
        with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else UsageError):
            write_whole(tmp_path / "result", "new")
    assert (tmp_path / "result").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["result"]


def test_a_reader_sees_the_old_or_the_new_file_never_a_part(tmp_path, monkeypatch):
    path = tmp_path / "result"
    write_whole(path, "old")
    seen = []
    real = os.replace

    def spied(source, target, **kwargs):
        seen.append((path.read_text(), Path(source).read_text(), Path(source).parent == path.parent))
        return real(source, target, **kwargs)

    monkeypatch.setattr(os, "replace", spied)
    write_whole(path, "new")
    assert seen == [("old", "new", True)], "complete beside the old one, then moved into its place in one step"
    assert path.read_text() == "new"


def test_places_that_cannot_be_written_are_usage_errors(tmp_path):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "file" / "below", tmp_path / "folder"):
        with pytest.raises(UsageError, match="cannot write"):
            write_whole(place, "new")
    assert (tmp_path / "file").read_text() == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_what_is_written_in_parts_is_there_when_all_went_well(tmp_path):
    (tmp_path / "result").write_text("old", encoding="utf-8")
    with whole_file(tmp_path / "result") as partial:
        partial.write_text("first ", encoding="utf-8")
        assert (tmp_path / "result").read_text(encoding="utf-8") == "old"
        with partial.open("a", encoding="utf-8") as file:
            file.write("second")
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [
        ("result", "first second")
    ]


def test_an_error_while_it_is_written_leaves_the_old_file_and_is_handed_on(tmp_path):
    (tmp_path / "result").write_text("old", encoding="utf-8")

    def fail():
        with whole_file(tmp_path / "result") as partial:
            partial.write_text("half", encoding="utf-8")
            raise KeyError("mistake")

    with pytest.raises(KeyError):
        fail()
    assert [(path.name, path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()] == [("result", "old")]


def two_folders(home):
    for name in ("new", "target"):
        (home / name).mkdir()
        (home / name / "file").write_text(name, encoding="utf-8")
    return home / "new", home / "target"


@pytest.mark.parametrize("exchange", [True, False], ids=["exchanged", "renamed"])
def test_a_folder_takes_the_place_of_another_which_then_has_its_name(tmp_path, monkeypatch, exchange):
    if not exchange:
        monkeypatch.setattr(files, "_exchanged", lambda *_: False)
    new, target = two_folders(tmp_path)
    files.replace_folder(new, target)
    assert {path.name: (path / "file").read_text() for path in tmp_path.iterdir()} == {"new": "target", "target": "new"}
    files.replace_folder(new, tmp_path / "elsewhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "target"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need two renames")
def test_nobody_ever_finds_no_folder_while_it_is_replaced(tmp_path):
    new, target = two_folders(tmp_path)
    missed, ended = [], threading.Event()

    def look():
        while not ended.is_set():
            try:
                target.stat()
            except FileNotFoundError:
                missed.append(time.monotonic())

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for _ in range(2000):
            files.replace_folder(new, target)
        ended.set()
        looking.result()
    assert missed == []


def test_a_folder_that_cannot_be_moved_leaves_the_other_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchanged", lambda *_: False)
    _, target = two_folders(tmp_path)
    with pytest.raises(OSError, match="nowhere"):
        files.replace_folder(tmp_path / "nowhere", target)
    assert (target / "file").read_text() == "target"
