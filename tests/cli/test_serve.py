"""``riskml serve`` as a process: starts in words, answers, reloads on SIGHUP, finishes on SIGTERM, survives kill -9."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from riskml.cli.main import build_parser, main
from riskml.cli.serve import _hosts, read_keys
from riskml.errors import UsageError
from riskml.serving.server import listen
from tests.cli.killed import needs_kill
from tests.cli.killed import started as killable
from tests.cli.processes import BUNDLES, contents
from tests.serving.asking import SMALL, folder_of, patient, spoil

KEY = "a-key-of-this-test-alone"


@contextlib.contextmanager
def started(environment, home, *words):
    """A server of ``home`` on a free port, and that port; killed if it does not end by itself."""
    command = [sys.executable, "-m", "riskml", "serve", str(home), "--port", "0", *words]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            first = json.loads(process.stderr.readline())
            assert first["event"] == "serving", first
            yield process, int(first["url"].rpartition(":")[2])
        finally:
            process.kill()


def ask(port, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        sent = None if body is None else json.dumps(body)
        headers |= {} if body is None else {"Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, sent, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def until(check):
    for _ in range(300):
        if check():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_a_life_answers_as_the_command_reloads_and_ends_with_nothing_dropped(process_environment, run_riskml, tmp_path):
    home = folder_of(tmp_path / "home", SMALL)
    (tmp_path / "patient.json").write_text(json.dumps(patient()), encoding="utf-8")
    printed = run_riskml("predict", home / SMALL, "patient.json", "--json", cwd=tmp_path).stdout
    with started(process_environment, home, "--rate", "0") as (process, port):
        assert ask(port, f"/v1/models/{SMALL}/predict", {"patient": patient()}) == (200, printed)
        assert ask(port, "/v1/models", Host="evil.example")[0] == 421

        folder_of(home, "icans")
        process.send_signal(signal.SIGHUP)
        until(lambda: ask(port, "/v1/models/icans")[0] == 200)
        spoil(home / SMALL / "bundle")
        process.send_signal(signal.SIGHUP)
        until(lambda: json.loads(ask(port, "/health")[1])["status"] == "degraded")
        assert ask(port, f"/v1/models/{SMALL}/predict", {"patient": patient()}) == (200, printed)

        answers = []
        many = {"patients": [{}] * 300}
        asking = threading.Thread(target=lambda: answers.append(ask(port, "/v1/models/icans/predict-many", many)))
        asking.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        asking.join(60)
        assert process.wait(60) == 0
        assert answers[0][0] == 200
        assert len(json.loads(answers[0][1])["results"]) == 300
        log = [json.loads(line) for line in process.stderr.read().splitlines()]
    assert {"request", "reloaded", "bundle_refused", "stopped"} <= {line["event"] for line in log}
    assert not any("error" in line for line in log)


@needs_kill
def test_killed_in_any_moment_of_a_reload_it_leaves_nothing_and_starts_again(tmp_path):
    home, moments, answers = folder_of(tmp_path / "home", SMALL, "icans"), random.Random(9), []
    before = contents(home)
    with listen("127.0.0.1", 0) as held:
        port = held.getsockname()[1]
    for _ in range(10):
        # It does nothing but reload, again and again: any moment is in the middle of one.
        with killable("serve", home, "--port", port, "--reload-every", "0.001", place=home):
            until(lambda: is_there(port))
            answers.append(ask(port, f"/v1/models/{SMALL}/predict", {"patient": patient()}))
            time.sleep(moments.uniform(0, 0.1))
        assert contents(home) == before
    log = [json.loads(line)["event"] for line in home.with_name("home.log").read_text(encoding="utf-8").splitlines()]
    assert log.count("serving") == 10
    assert log.count("reloaded") > 10
    assert log.count("stopped") == 0
    assert {status for status, _ in answers} == {200}
    assert len({text for _, text in answers}) == 1


def is_there(port):
    try:
        return ask(port, "/ready")[0] == 200
    except ConnectionRefusedError:
        return False


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["{home}/absent"], 2, "cannot read"),
        (["{home}/empty"], 2, "there is no bundle in"),
        (["{home}/broken"], 4, "every bundle in"),
        (["{home}/good", "--port", "{port}"], 2, "cannot listen on 127.0.0.1"),
        (["{home}/good", "--port", "99999"], 2, "cannot listen on 127.0.0.1"),
        (["{home}/good", "--host", "host.invalid"], 2, "cannot listen on host.invalid"),
        (["{home}/good", "--api-key-file", "{home}/absent"], 2, "cannot read the API keys"),
        (["{home}/good", "--rate", "-1"], 2, "must be a number, 0 or more"),
        (["{home}/good", "--rate", "nan"], 2, "must be a number, 0 or more"),
        (["{home}/good", "--port", "http"], 2, "invalid int value"),
        ([], 2, "required: DIR"),
    ],
)
def test_what_cannot_be_served_is_told_with_its_exit_code(tmp_path, capsys, words, code, says):
    (tmp_path / "empty").mkdir()
    shutil.copytree(BUNDLES[SMALL], tmp_path / "good")
    shutil.copytree(BUNDLES[SMALL], tmp_path / "broken")
    spoil(tmp_path / "broken")
    with listen("127.0.0.1", 0) as held:
        filled = [word.format(home=tmp_path, port=held.getsockname()[1]) for word in words]
        try:
            ended = main(["serve", *filled])
        except SystemExit as error:  # argparse's own
            ended = error.code
    assert ended == code
    assert says in capsys.readouterr().err


def test_keys_are_kept_as_digests_and_bad_ones_are_told_by_line_alone(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text(f"\n{KEY}\n  {KEY}2  \n", encoding="ascii")
    assert read_keys(str(path)) == tuple(hashlib.sha256(key.encode()).digest() for key in (KEY, f"{KEY}2"))
    for content, says in (("", "holds no API key"), (f"{KEY}\nshort", "line 2: an API key"), ("é" * 20, "ASCII")):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match=says) as caught:
            read_keys(str(path))
        assert "short" not in str(caught.value)


def test_on_this_machine_only_its_own_names_are_answered():
    def hosts(*words, local):
        return _hosts(build_parser("serve").parse_args(["serve", "models", *words]), local=local)

    assert set(hosts(local=True)) == {"localhost", "127.0.0.1", "[::1]"}
    assert "risk.example.org" in hosts("--allow-host", "Risk.example.org.", local=True)
    assert hosts("--host", "0.0.0.0", local=False) == ()
    assert hosts("--host", "0.0.0.0", "--allow-host", "a.example", local=False) == ("a.example",)
