"""Where work runs changes no number: two worker processes of a Dask cluster against this one, deaths included."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import socket
import threading
import time

import numpy as np
import pandas as pd
import pytest

from riskml.cli.main import main
from riskml.cohort.cohort import read_cohort
from riskml.errors import NotEstimableError, UsageError
from riskml.resources import folder
from riskml.training import workers as module
from riskml.training.learners.boosting import Boosting
from riskml.training.recipe import load_recipe
from riskml.training.train import train
from riskml.training.workers import check_same, connect, results, row_client, versions, workers
from tests.cli.processes import BUNDLES, contents, rows, small_recipe
from tests.repository import ROOT

distributed = pytest.importorskip("distributed")
COHORT = folder("features") / "synthetic" / "cohort.csv"
needs_kill = pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")


@pytest.fixture(scope="module")
def cluster():
    """Two processes of one thread each; one that dies is started again."""
    settings = {"n_workers": 2, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": ":0"}
    # A task that ended two workers is given up, not four: it saves seconds.
    with distributed.LocalCluster(**settings, silence_logs=50, scheduler_kwargs={"allowed_failures": 1}) as running:
        yield running


def kill(cluster, number):
    for worker in list(cluster.workers.values())[:number]:
        os.kill(worker.pid, signal.SIGKILL)


def double(x, more):
    return [2 * x, more, os.getpid()]


def wait(x):
    time.sleep(0.2)
    return x


def too_few(x):
    if x == 1:
        raise NotEstimableError("too few events")
    return x


def end_the_worker(x):
    if x == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


# ------------------------------------------------------------------------------------------------------- on a cluster


def test_every_task_comes_back_from_another_process_with_its_own_arguments(cluster):
    shared = {"held": 1}
    with workers(cluster.scheduler_address):
        found = dict(results(double, {str(x): (x, shared) for x in range(6)}))
    assert {key: value[:2] for key, value in found.items()} == {str(x): [2 * x, shared] for x in range(6)}
    assert os.getpid() not in {process for *_, process in found.values()}


def test_a_bundle_is_the_same_to_the_last_bit_though_a_worker_is_killed_on_the_way(cluster):
    """A forest, a ridge, cross-validation, refits with draws: every random number of a training is in it."""
    recipe, cohort = dataclasses.replace(load_recipe("non_response"), repeats=1, bootstrap=4), read_cohort(COHORT)
    here = train(recipe, cohort, seed=3)
    killed = []

    class Watch:
        def __call__(self, message):
            pass

        def advance(self, label, done, total):
            if 0 < done < total and not killed and os.name != "nt":
                kill(cluster, 1)
                killed.append(label)

    with workers(cluster.scheduler_address):
        there = train(recipe, cohort, seed=3, progress=Watch())
    assert killed == ["non_response: cross-validation"]
    assert (there.digest, there) == (here.digest, here)
    assert cluster.scheduler_address not in json.dumps(there.manifest)


@needs_kill
def test_all_workers_may_die_at_once(cluster):
    with workers(cluster.scheduler_address):
        found = []
        for key, value in results(wait, {str(x): (x,) for x in range(6)}):
            if not found:
                kill(cluster, 2)
            found.append((key, value))
    assert sorted(found) == [(str(x), x) for x in range(6)]


def test_a_refusal_comes_back_as_itself(cluster):
    with workers(cluster.scheduler_address), pytest.raises(NotEstimableError, match="too few events"):
        list(results(too_few, {str(x): (x,) for x in range(3)}))


@needs_kill
def test_a_task_that_ends_every_worker_is_given_up(cluster):
    with workers(cluster.scheduler_address), pytest.raises(UsageError, match=r"ended every worker .* memory"):
        list(results(end_the_worker, {str(x): (x,) for x in range(3)}))


def test_rows_in_parts_on_two_workers_give_the_predictions_of_one_process(cluster):
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.integers(0, 2, 400), rng.normal(size=(400, 2)).round(1), rng.normal(size=400)])
    y = rng.random(400) < 1 / (1 + np.exp(-X.sum(axis=1)))
    here = Boosting(n_estimators=20).fit(X, y).predict_proba(X)
    with workers(cluster.scheduler_address, partitioned=True):
        assert row_client(400, 100) is not None
        assert row_client(100, 100) is row_client(400, None) is None, "no more rows than the recipe says"
        assert {process for *_, process in dict(results(double, {"a": (1, 2), "b": (1, 2)})).values()} == {os.getpid()}
        there = Boosting(n_estimators=20, partition_rows=100).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(there, here, atol=1e-6)
    with workers(cluster.scheduler_address):
        assert row_client(400, 100) is None, "tasks are what is spread"


def test_the_commands_give_the_same_files(cluster, capsys, monkeypatch, tmp_path):
    """`train` and `score --scheduler`, from a folder of Parquet parts; no file says where the work was done."""
    monkeypatch.chdir(tmp_path)
    recipe = small_recipe(tmp_path, bootstrap=2)
    (tmp_path / "parts").mkdir()
    table = pd.DataFrame(rows())
    for number in range(2):
        table.iloc[number::2].to_parquet(tmp_path / "parts" / f"part-{number}.parquet")
    for out, more in (("here", ()), ("there", ("--scheduler", cluster.scheduler_address))):
        assert main(["train", str(COHORT), "--model", str(recipe), "--no-evaluate", "--out", out, *more]) == 0
        assert main(["score", str(BUNDLES["icans"]), "parts", "--out", f"{out}.scores", *more]) == 0
        assert capsys.readouterr().out.endswith(f"\n{out}.scores\n")
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert set(contents(tmp_path / "there.scores")) == {"part-0.parquet", "part-1.parquet"}
    assert contents(tmp_path / "here.scores") == contents(tmp_path / "there.scores")


# --------------------------------------------------------------------------------------------- what is no such cluster


@pytest.mark.parametrize(
    "address", ["", "nonsense", "ftp://host:1", "inproc://a/1", "http://host:8787/status", "host:"]
)
def test_what_is_no_address_is_refused_at_once(address):
    with pytest.raises(UsageError, match="no address of a Dask scheduler: it is written tcp://HOST:PORT"):
        connect(address)


def babble(server):
    with server.accept()[0] as connection:
        connection.sendall(b"\x05" * 4096)


@pytest.mark.parametrize("kind", ["nobody", "silent", "babbling"])
def test_whoever_is_no_scheduler_is_named_in_seconds(monkeypatch, kind):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if kind == "nobody":
            server.close()
        elif kind == "babbling":
            threading.Thread(target=babble, args=[server], daemon=True).start()
        began = time.monotonic()
        with pytest.raises(UsageError, match=re.escape(f"no Dask scheduler answers at 'tcp://127.0.0.1:{port}'")):
            connect(f"tcp://127.0.0.1:{port}")
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("train", COHORT, "--model", "icans", "--no-evaluate", "--out", "o"), "no address of a Dask scheduler"),
        (("evaluate", COHORT, "--model", "icans", "--out", "o"), "no address of a Dask scheduler"),
        (("score", BUNDLES["icans"], COHORT, "--out", "s.csv"), "the parts of a folder"),
    ],
    ids=["train", "evaluate", "score"],
)
def test_the_command_line_refuses_it_with_exit_code_2(capsys, monkeypatch, tmp_path, words, why):
    monkeypatch.chdir(tmp_path)
    assert main([*map(str, words), "--scheduler", "nonsense"]) == 2
    assert why in capsys.readouterr().err
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_scheduler_without_workers_is_refused(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.5)
    settings = {"n_workers": 0, "host": "127.0.0.1", "dashboard_address": ":0", "silence_logs": 50}
    with distributed.LocalCluster(**settings) as empty, pytest.raises(UsageError, match="has no worker: start some"):
        connect(empty.scheduler_address)


def test_other_versions_are_named_with_the_worker(cluster, monkeypatch):
    monkeypatch.setattr(module.platform, "python_version", lambda: "3.99.0")
    with pytest.raises(UsageError, match=r"tcp://127\.0\.0\.1:\d+ has Python 3\.1\d\.\d+, here it is 3\.99\.0"):
        connect(cluster.scheduler_address)


def test_what_differs_is_told_by_worker_and_package():
    ours = versions()
    assert {"Python", "riskml", "numpy", "distributed", "riskml's code"} <= set(ours)
    check_same(ours, {"tcp://a:1": dict(ours), "tcp://b:1": dict(ours)})
    theirs = {**ours, "numpy": "1.0"}
    del theirs["scipy"]
    gone = ModuleNotFoundError("No module named 'riskml'")
    with pytest.raises(UsageError) as refusal:
        check_same(ours, {"tcp://a:1": ours, "tcp://b:1": theirs, "tcp://c:1": gone})
    text = str(refusal.value)
    assert f"tcp://b:1 has numpy 1.0, here it is {ours['numpy']}" in text
    assert f"tcp://b:1 has scipy not at all, here it is {ours['scipy']}" in text
    assert "tcp://c:1 cannot load riskml (ModuleNotFoundError: No module named 'riskml')" in text
    assert "tcp://a:1" not in text


# ------------------------------------------------------------------------------------------------------------- safety


def test_nothing_that_predicts_or_serves_knows_of_a_cluster():
    """Dask unpickles what it is sent: only what trains, and whoever scores whole folders, may come near it."""
    near = {
        path.relative_to(ROOT / "riskml").as_posix()
        for path in (ROOT / "riskml").rglob("*.py")
        if re.search(r"\b(dask|distributed|training\.workers)\b", path.read_text(encoding="utf-8"))
    }
    wings = {name.split("/")[0] for name in near}
    assert wings <= {"training", "cli"}
    assert {name for name in near if name.startswith("cli/")} <= {
        "cli/evaluate.py", "cli/main.py", "cli/options.py", "cli/score.py", "cli/train.py", "cli/work.py"
    }  # fmt: skip
