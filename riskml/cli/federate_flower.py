"""A federated study over a network with Flower: the files of ``riskml federate`` as messages, and nothing else.

Flower runs `make_client_app` in each hospital and `make_server_app` at the coordinator (docs/federated.md). A message
holds one text, the JSON of an ask or of an answer; no pickle, and no number that is not in a file of the other way.
Every answer is kept as a file, so that a study that was interrupted goes on, over the network or by files.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from riskml.errors import DataError, NotEstimableError, RiskmlError, UsageError

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
ASK, ANSWER, ERROR, JSON = "ask", "answer", "error", "json"
# Seconds between two looks whether all hospitals are there, and how long one round may take.
LOOK_EVERY, ROUND_SECONDS = 1.0, 3600.0
Exchange = Callable[[dict[str, Any]], list[dict[str, Any]]]


def make_client_app() -> Any:
    """A ``flwr.clientapp.ClientApp`` that answers asks from the hospital's own file.

    The file, the hospital's name and where the secret is are told to its SuperNode (``--node-config``) and stay there:
    ``cohort``, ``centre``, and optionally ``secret``, ``columns``, ``bundle``, ``sheet``, ``encoding``.
    """
    app = import_module("flwr.clientapp").ClientApp()

    @app.query()  # type: ignore[untyped-decorator]
    def answer(message: Any, context: Any) -> Any:
        flower = import_module("flwr.app")
        name, text = _answered(message.content[ASK][JSON], context.node_config)
        content = flower.RecordDict({name: flower.ConfigRecord({JSON: text})})
        return flower.Message(content, reply_to=message)

    return app


def _answered(ask: str, settings: Mapping[str, Any]) -> tuple[str, str]:
    """The kind of reply, and its JSON: an answer, or why there is none."""
    from riskml.cli.federate import MAX_BYTES, answer_of
    from riskml.cli.reading import read_known
    from riskml.runtime.patient import strict_json

    wanted = {
        key: settings.get(key) for key in ("cohort", "centre", "secret", "columns", "bundle", "sheet", "encoding")
    }
    try:
        if not wanted["cohort"] or not wanted["centre"]:
            raise UsageError('start the SuperNode with --node-config \'cohort="FILE" centre="NAME"\'')
        reading = {key: wanted[key] for key in ("sheet", "encoding")}
        cohort = read_known(str(wanted["cohort"]), wanted["columns"], **reading)
        options = argparse.Namespace(**wanted, force_horizon=bool(settings.get("force_horizon", False)))
        return ANSWER, json.dumps(answer_of(strict_json(ask, MAX_BYTES), cohort, options), allow_nan=False)
    except RiskmlError as error:
        # A message of riskml names rows and columns, never a patient; a fault of the file itself stays in the hospital.
        said = error.message if isinstance(error, DataError) else str(error)
        return ERROR, json.dumps(f"{wanted['centre']}: {said}")


def make_server_app() -> Any:
    """A ``flwr.serverapp.ServerApp`` that runs a study whose folder is the ``study`` of its run's configuration."""
    app = import_module("flwr.serverapp").ServerApp()

    @app.main()  # type: ignore[untyped-decorator]
    def main(grid: Any, context: Any) -> None:
        study = Path(str(context.run_config["study"]))
        run_study(study, lambda ask: _exchange(grid, ask), seed=int(context.run_config.get("seed", 0)))

    return app


def _exchange(grid: Any, ask: dict[str, Any]) -> list[dict[str, Any]]:
    """Send an ask to all hospitals and wait for their answers."""
    from riskml.cli.federate import MAX_BYTES
    from riskml.runtime.patient import strict_json

    flower = import_module("flwr.app")
    centres = ask.get("plan", ask)["centres"]
    deadline = time.monotonic() + ROUND_SECONDS
    while len(nodes := list(grid.get_node_ids())) < len(centres):
        if time.monotonic() > deadline:
            raise NotEstimableError(f"{len(nodes)} of {len(centres)} hospitals are connected: start their SuperNodes")
        time.sleep(LOOK_EVERY)
    text = json.dumps(ask, ensure_ascii=False, allow_nan=False)
    messages = [
        flower.Message(
            flower.RecordDict({ASK: flower.ConfigRecord({JSON: text})}),
            dst_node_id=node,
            message_type=flower.MessageType.QUERY,
        )
        for node in nodes
    ]
    answers, refusals = [], []
    for reply in grid.send_and_receive(messages, timeout=ROUND_SECONDS):
        if reply.has_error():
            refusals.append(f"a hospital failed: {reply.error.reason}")
        elif ERROR in reply.content:
            refusals.append(str(strict_json(reply.content[ERROR][JSON], MAX_BYTES)))
        else:
            answers.append(strict_json(reply.content[ANSWER][JSON], MAX_BYTES))
    if refusals:
        raise NotEstimableError("\n".join(["a round could not be answered", *sorted(refusals)]))
    return answers


def run_study(study: Path, exchange: Exchange, *, seed: int = 0) -> None:
    """Run a study to its end, from wherever the files of its folder say it is.

    Parameters
    ----------
    study : Path
        Folder with ``round-0.json``; asks, ``answers/`` and the result are written into it as by hand.
    exchange : callable
        An ask -> the answers of all hospitals.
    seed : int
        Of the draws for the interval.
    """
    from riskml.cli.federate import asks_of, combined, read_json, write

    folder = study / "answers"
    while True:
        asks = asks_of(study)
        complete = len(list(folder.glob(f"{len(asks) - 1}-*.json"))) >= len(asks[0].get("plan", asks[0])["centres"])
        for answer in () if complete else exchange(asks[-1]):
            write(folder / f"{len(asks) - 1}-{_file_name(answer)}.json", answer)
        answers = {path.name: read_json(str(path)) for path in sorted(folder.glob("*.json"))}
        if combined(study, asks, answers, seed):
            return


def _file_name(answer: Any) -> str:
    """A hospital's name as part of a file's name, whatever it holds."""
    name = str(answer.get("centre")) if isinstance(answer, dict) else "unknown"
    return "".join(char if char.isalnum() or char in "-_ " else "_" for char in name)[:80]
