"""``riskml update`` as a process."""

from __future__ import annotations

from tests.cli.processes import BUNDLES, refused


def test_writes_a_child_that_predicts(riskml):
    assert riskml("simulate", "--patients", "400", "--seed", "4", "--out", "new.csv").returncode == 0
    done = riskml("update", str(BUNDLES["icans"]), "new.csv", "--out", "child")
    assert done.returncode == 0, done.stderr
    assert "icans 1.1" in done.stdout
    predicted = riskml("predict", "child", "-", "--json", stdin='{"age": "6 a"}')
    assert predicted.returncode == 0, predicted.stderr
    assert '"version": "1.1"' in predicted.stdout
    assert "1.1" in riskml("card", "child").stdout


def test_too_few_events_end_with_5_and_leave_nothing(riskml, tmp_path):
    assert riskml("simulate", "--patients", "60", "--seed", "4", "--out", "new.csv").returncode == 0
    refused(riskml("update", str(BUNDLES["non_response"]), "new.csv", "--out", "child"), 5, "at least")
    assert not (tmp_path / "child").exists()
