"""The same study over Flower: its own messages and apps, on a grid in this process; skipped where it is not there."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from riskml.cli import federate_flower
from riskml.cli.federate import answer_of, read_json
from riskml.cli.main import main
from riskml.cli.reading import read_known
from riskml.errors import NotEstimableError
from tests.cli.processes import PATIENT_ID, broken_cohort, rows, write_rows

CENTRES = ("East", "North", "South", "West")


@pytest.fixture
def place(tmp_path):
    """A planned study, four hospitals' files and their secret."""
    for centre in CENTRES:
        write_rows(tmp_path / f"{centre}.csv", [row for row in rows() if row["centre"] == centre])
    model = ("--model", "non_response", "--only", "ridge_logistic", "--centres", *CENTRES)
    assert main(["federate", "plan", *model, "--out", str(tmp_path / "study")]) == 0
    assert main(["federate", "secret", "--out", str(tmp_path / "secret.json")]) == 0
    return tmp_path


def settings_of(place, centre):
    return {"cohort": str(place / f"{centre}.csv"), "centre": centre, "secret": str(place / "secret.json")}


def by_hand(place):
    """An exchange without any network."""
    cohorts = {centre: read_known(str(place / f"{centre}.csv"), None) for centre in CENTRES}

    def exchange(ask):
        options = {
            centre: SimpleNamespace(**settings_of(place, centre), bundle=None, force_horizon=False)
            for centre in CENTRES
        }
        return [answer_of(ask, cohorts[centre], options[centre]) for centre in CENTRES]

    return exchange


def test_a_study_runs_to_its_end_and_goes_on_where_it_stopped(place):
    exchange, asked = by_hand(place), []

    def breaks(ask):
        asked.append(ask["round"])
        if ask["round"] == 2 and asked.count(2) == 1:
            raise ConnectionError
        return exchange(ask)

    with pytest.raises(ConnectionError):
        federate_flower.run_study(place / "study", breaks)
    federate_flower.run_study(place / "study", breaks)
    assert asked == sorted(asked), "no round that was answered is asked again"
    assert asked.count(1) == 1
    result = read_json(str(place / "study" / "result.json"))
    assert result["n_events"] == 9
    federate_flower.run_study(place / "study", lambda _: pytest.fail("everything was answered"))


def test_a_hospital_on_the_network_does_not_answer_from_other_rows_either(place):
    ask = (place / "study" / "round-0.json").read_text(encoding="utf-8")
    first = federate_flower._answered(ask, settings_of(place, "North"))
    assert first == federate_flower._answered(ask, settings_of(place, "North"))
    assert first[0] == "answer"
    write_rows(place / "North.csv", [row for row in rows() if row["centre"] == "North"][:-1])
    kind, said = federate_flower._answered(ask, settings_of(place, "North"))
    assert kind == "error"
    assert "their difference can be one patient" in said
    assert str(place) not in said, "where the secret is stays in the hospital"


@pytest.fixture
def flower(monkeypatch):
    app = pytest.importorskip("flwr.app", reason="needs flwr: pip install 'riskml[federate]'")
    from flwr.supercore.task_identity import TaskIdentity

    # What Flower sets in the process in which it runs a server app.
    for name in ("_task_id", "_run_id", "_node_id"):
        monkeypatch.setattr(TaskIdentity, name, 1)
    return app


def grid_of(flower, nodes):
    """A grid that hands each message to the client app of its node, as a SuperLink and SuperNodes would."""
    from flwr.serverapp import Grid

    client = federate_flower.make_client_app()

    class HereGrid(Grid):
        sent = ()

        def set_run(self, run):
            raise NotImplementedError

        @property
        def run(self):
            raise NotImplementedError

        def create_message(self, *_args, **_settings):
            raise NotImplementedError

        def get_node_ids(self):
            return list(nodes)

        def push_messages(self, messages):
            raise NotImplementedError

        def pull_messages(self, message_ids):
            raise NotImplementedError

        def send_and_receive(self, messages, *, timeout=None):
            self.sent = (*self.sent, *messages)
            for message in messages:
                node = message.metadata.dst_node_id
                context = flower.Context(1, node, nodes[node], flower.RecordDict(), {})
                yield client(message, context)

    return HereGrid()


def test_flower_s_own_messages_carry_the_study(flower, place):
    grid = grid_of(flower, {10 + k: settings_of(place, centre) for k, centre in enumerate(CENTRES)})
    context = flower.Context(1, 0, {}, flower.RecordDict(), {"study": str(place / "study")})
    federate_flower.make_server_app()(grid, context)
    result = read_json(str(place / "study" / "result.json"))
    other = place / "other"
    (other / "answers").mkdir(parents=True)
    (other / "round-0.json").write_bytes((place / "study" / "round-0.json").read_bytes())
    federate_flower.run_study(other, by_hand(place))
    assert read_json(str(other / "result.json")) == result, "the network changes no digit"
    assert all(set(message.content) == {"ask"} and set(message.content["ask"]) == {"json"} for message in grid.sent)


def test_a_hospital_that_cannot_answer_says_why_and_no_patient(flower, place):
    broken_cohort(place / "West.csv", mrd="a lot")
    grid = grid_of(flower, {10 + k: settings_of(place, centre) for k, centre in enumerate(CENTRES)})
    ask = json.loads((place / "study" / "round-0.json").read_text(encoding="utf-8"))
    with pytest.raises(NotEstimableError, match="West: ") as caught:
        federate_flower._exchange(grid, ask)
    assert PATIENT_ID not in str(caught.value)
    assert "a lot" not in str(caught.value), "what stood in a cell stays in the hospital"
    nameless = grid_of(flower, {node: {} for node in range(4)})
    with pytest.raises(NotEstimableError, match="node-config"):
        federate_flower._exchange(nameless, ask)


def test_the_coordinator_waits_for_every_hospital(flower, place, monkeypatch):
    monkeypatch.setattr(federate_flower, "ROUND_SECONDS", 0.05)
    monkeypatch.setattr(federate_flower, "LOOK_EVERY", 0.01)
    grid = grid_of(flower, {10: settings_of(place, "West")})
    with pytest.raises(NotEstimableError, match="1 of 4 hospitals are connected"):
        federate_flower._exchange(grid, read_json(str(place / "study" / "round-0.json")))
