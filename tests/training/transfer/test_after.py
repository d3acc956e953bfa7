"""What an update is said to gain is what it gains for patients it was not made from."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training import measures
from riskml.training.links import link_of
from riskml.training.measures import Sample
from riskml.training.transfer.after import FOLDS, REPEATS, Updating, change, judge
from riskml.training.transfer.problem import pose
from tests.training.transfer.ladder_cases import binary, cox, logistic, model_of, survival

BELOW = frozenset({"intercept", "intercept_and_slope", "revision"})


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(measures, "N_BOOT", 60)


def asked(model, cases, opened=BELOW, refit=None):
    return Updating(model, cases, pose(model, cases), opened, refit)


def sample_of(model, cases):
    target = cases.target
    if target.time is None:
        risk = cases.scores(model, ())[:, 0]
        reference = np.full(len(risk), target.event.mean())
        return Sample(target.event, None, risk, link_of(model, risk, 0.0), reference, target.patient, 0.0)
    curve = cases.scores(model, (6.0, 12.0))
    link, reference = link_of(model, curve[:, -1], 12.0), np.full(len(curve), 0.2)
    arrays = (target.event, target.time, 1 - curve[:, -1], link, reference, target.patient)
    return Sample(*arrays, 12.0, None, target.entry, (6.0, 12.0), curve)


def test_a_needed_update_is_shown_to_gain():
    model, cases = model_of(logistic()), binary(300, 1, level=-2.5)
    found = judge(asked(model, cases), sample_of(model, cases), seed=0)
    assert found.metrics["observed_expected"].value == pytest.approx(1, abs=0.15)
    assert found.differences["log_loss"].high < 0
    assert "ici" not in found.differences
    assert sum(found.rungs.values()) == FOLDS * REPEATS
    # A level moves nobody past anybody within a test fold.
    only = judge(asked(model, cases, {"intercept"}), sample_of(model, cases), seed=0)
    assert only.differences["auc"].value == pytest.approx(0, abs=1e-12)
    assert set(only.rungs) <= {"none", "intercept"}


def test_noise_gains_nothing():
    """Forced to revise where nothing changed, the cross-validated loss is no better; its own rows would say better."""
    model, cases = model_of(logistic()), binary(120, 3)

    class Free:
        def choice(self, rows):
            from riskml.training.transfer.ladder import Choice
            from riskml.training.transfer.rungs import fit_rung

            return Choice("revision", fit_rung(plain.problem.take(rows), "revision"), {}, "revision")

        def __getattr__(self, name):
            return getattr(plain, name)

    plain = asked(model, cases)
    found = judge(Free(), sample_of(model, cases), seed=0)
    assert found.differences["log_loss"].value > 0
    own = plain.child(Free().choice(np.arange(120)), np.arange(120))
    apparent = measures.BINARY["log_loss"].of(sample_of(own, cases))
    assert apparent < measures.BINARY["log_loss"].of(sample_of(model, cases))


def test_survival_is_judged_at_all_its_months():
    model, cases = model_of(cox(), kind="survival"), survival(250, 2, level=0.9)
    found = judge(asked(model, cases), sample_of(model, cases), seed=0)
    assert found.metrics["observed_expected"].value == pytest.approx(1, abs=0.15)
    assert found.differences["integrated_brier"].value < 0
    assert set(found.as_dict()) == {"metrics", "differences", "rungs_in_folds", "plan"}
    assert found.as_dict()["plan"]["repeats"] == REPEATS


def test_a_refit_is_learned_from_the_training_folds_alone():
    model, cases = model_of(logistic(0.0, (0.0, 0.0, 0.01))), binary(1500, 4, effects=(9.0, 0, 0))
    seen = []

    class Own:
        def learned(self, rows):
            seen.append(len(rows))
            return model_of(logistic(-1.0, (9.0, 0.0, 0.0)))

    found = judge(asked(model, cases, {*BELOW, "refit"}, Own()), sample_of(model, cases), seed=0)
    assert found.rungs["refit"] == len(seen)
    assert set(seen) == {1200}
    assert found.differences["auc"].low > 0


def test_the_summary_of_changes_shows_no_small_cell():
    before = np.full(100, 0.1)
    assert change(before, before)["share_moved"] == 0.0
    few, some = (np.where(np.arange(100) < k, 0.3, 0.1) for k in (3, 20))
    assert change(before, few)["rows_moved"] == "<5"
    assert change(before, few)["share_moved"] is None
    assert change(before, 0.4 - few)["share_moved"] is None, "97 of 100 tell of the other 3"
    found = change(before, some)
    assert (found["rows_moved"], found["share_moved"], found["threshold"]) == ("20", 0.2, 0.05)
    assert found["quantiles"] == {"0.1": 0.0, "0.25": 0.0, "0.5": 0.0, "0.75": 0.0, "0.9": 0.2}
