"""What is finished is not done again, whatever ends the process, and the answer is the same to the last digit."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections import Counter

import numpy as np
import pytest

from riskml.cohort.cohort import read_cohort
from riskml.resources import folder
from riskml.training import tasks
from riskml.training.fit import training_set
from riskml.training.recipe import load_recipe
from riskml.training.resample import cross_validation
from riskml.training.tasks import Store, in_words, run_tasks, steps, store_for
from riskml.training.train import bootstrap_members, train


@pytest.fixture(scope="module")
def cohort():
    return read_cohort(folder("features") / "synthetic" / "cohort.csv")


def light(name, **changes):
    return dataclasses.replace(load_recipe(name), **{"repeats": 1, "bootstrap": 4} | changes)


def square(x):
    return [x * x, math.pi / (1 + x), math.nan]


def tell_process(x):
    return [x, os.getpid()]


def fail(x):
    if x == 2:
        raise KeyboardInterrupt
    return [x]


def never(*_):
    pytest.fail("was done again")


# --------------------------------------------------------------------------------------------------------- the store


def test_a_result_comes_back_with_every_digit(tmp_path):
    store, result = Store(tmp_path / "s"), [math.pi, 1e-300, -0.0, math.inf, {"a": [1, "ü", True]}]
    assert store.get("a") is None
    store.put("a", result)
    assert store.get("a") == result
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[1]", b"null", b'{"task": "b", "result": 1}', b"\xff\xfe", b'{"task": "a"}']
)
def test_what_is_not_what_was_written_is_not_finished(tmp_path, damage):
    store = Store(tmp_path / "s")
    store.put("a", [1])
    (tmp_path / "s" / "a.json").write_bytes(damage)
    assert store.get("a") is None
    assert run_tasks(square, {"a": [3]}, store=store)[0][0] == 9
    assert store.get("a")[0] == 9


def test_the_folder_goes_when_the_last_run_is_finished(tmp_path):
    first, second = Store(tmp_path / ".unfinished" / "1"), Store(tmp_path / ".unfinished" / "2")
    first.put("a", [1])
    second.put("a", [1])
    first.remove()
    assert second.get("a") == [1]
    second.remove()
    second.remove()
    assert list(tmp_path.iterdir()) == []


# --------------------------------------------------------------------------------------------------------- the tasks


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_tasks(jobs, tmp_path):
    found = run_tasks(square, {str(x): [x] for x in range(7)}, jobs=jobs, store=Store(tmp_path))
    assert [result[0] for result in found] == [x * x for x in range(7)]
    assert run_tasks(square, {}, jobs=jobs) == []


def test_several_workers_are_other_processes():
    processes = {process for _, process in run_tasks(tell_process, {str(x): [x] for x in range(6)}, jobs=2)}
    assert os.getpid() not in processes


def test_what_was_finished_before_an_interruption_is_not_done_again(tmp_path):
    store, work = Store(tmp_path), {str(x): [x] for x in range(4)}
    with pytest.raises(KeyboardInterrupt):
        run_tasks(fail, work, store=store)
    assert [store.get(key) for key in work] == [[0], [1], None, None]
    told = []
    found = run_tasks(square, work, store=store, progress=lambda done, total: told.append((done, total)))
    assert found[:2] == [[0], [1]]
    assert [result[0] for result in found[2:]] == [4, 9]
    assert told == [(2, 4), (3, 4), (4, 4)]
    assert run_tasks(never, work, store=store)[2:] == [pytest.approx(result, nan_ok=True) for result in found[2:]]


# -------------------------------------------------------------------------------------------- which training it is of


def test_a_store_belongs_to_recipe_rows_seed_and_code(cohort, tmp_path, monkeypatch):
    recipe = light("icans")
    rows = training_set(recipe, cohort)
    names = [store_for(tmp_path, recipe, rows, 0).folder]
    assert store_for(tmp_path, load_recipe("icans"), rows, 0).folder not in names, "other repeats"
    again = training_set(light("icans"), read_cohort(folder("features") / "synthetic" / "cohort.csv"))
    assert store_for(tmp_path, light("icans"), again, 0).folder == names[0]
    names.append(store_for(tmp_path, recipe, rows, 1).folder)
    names.append(store_for(tmp_path, dataclasses.replace(recipe, learner={"kind": "forest"}), rows, 0).folder)
    names.append(store_for(tmp_path, recipe, dataclasses.replace(rows, event=~rows.event), 0).folder)
    moved = rows.frame.copy()
    moved.iloc[3, 0] = 0.123 if moved.iloc[3, 0] != 0.123 else 0.2
    names.append(store_for(tmp_path, recipe, dataclasses.replace(rows, frame=moved), 0).folder)
    monkeypatch.setattr(tasks, "_versions", lambda: ["riskml 99"])
    names.append(store_for(tmp_path, recipe, rows, 0).folder)
    edited = tmp_path / "learner.py"
    edited.write_text("changed", encoding="utf-8")
    monkeypatch.setattr(tasks, "_sources", lambda _: [edited])
    names.append(store_for(tmp_path, recipe, rows, 0).folder)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", ["non_response", "efs"])
def test_folds_and_refits_are_taken_from_the_store(cohort, tmp_path, monkeypatch, name):
    """Half of the results are taken away, as if the run had been killed: the bundle is the same, byte for byte."""
    from riskml.training import measures, out_of_sample

    monkeypatch.setattr(measures, "N_BOOT", 20)
    recipe = light(name)
    store = Store(tmp_path / "store")
    whole = train(recipe, cohort, store=store)
    kept = sorted((tmp_path / "store").iterdir())
    plans = Counter(path.name.rpartition("-")[0] for path in kept)
    assert (plans["cross-validation"], plans["cytogenetics"], plans["refit"]) == (5, 5, 4)
    for path in kept[::2]:
        path.unlink()
    resumed = train(recipe, cohort, store=store)
    assert resumed == whole == train(recipe, cohort)
    monkeypatch.setattr(out_of_sample, "score_split", never)
    monkeypatch.setattr("riskml.training.train._refit", never)
    assert train(recipe, cohort, store=store) == whole


def test_no_input_and_no_identifier_of_a_patient_is_in_the_store(cohort, tmp_path):
    recipe = light("non_response")
    rows = training_set(recipe, cohort)
    bootstrap_members(recipe, rows, seed=0, store=Store(tmp_path))
    plan = cross_validation(rows.patient, rows.event, folds=5, repeats=1, seed=0)
    from riskml.training.out_of_sample import Bench, out_of_fold

    out_of_fold(Bench(recipe, rows, store=Store(tmp_path)), plan)
    text = " ".join(path.read_text(encoding="utf-8") for path in tmp_path.iterdir())
    assert not any(name in text for name in cohort.frame["patient_id"])
    first = json.loads((tmp_path / "cross-validation-0.json").read_text(encoding="utf-8"))["result"]
    assert len(first["risk"]) == len(first["link"]) == len(plan.test_rows[0][0])


# ------------------------------------------------------------------------------------------------------ what is said


class Clock:
    def __init__(self, monkeypatch):
        self.now = 100.0
        monkeypatch.setattr(tasks.time, "monotonic", lambda: self.now)


def test_lines_are_few_and_say_what_is_left(monkeypatch):
    clock, said = Clock(monkeypatch), []
    tell = steps(said.append, "efs: bootstrap")
    for done in range(201):
        tell(done, 200)
        clock.now += 1.0
    assert 8 <= len(said) <= 10
    assert said[0] == "efs: bootstrap: 20 of 200, about 3 min left"
    assert said[-1].startswith("efs: bootstrap: 180 of 200, about 20 s")


def test_quick_work_says_nothing_and_resumed_work_says_so(monkeypatch):
    clock, said = Clock(monkeypatch), []
    tell = steps(said.append, "a")
    for done in range(201):
        tell(done, 200)
        clock.now += 0.01
    assert said == []
    tell = steps(said.append, "b")
    for done in range(100, 201):
        tell(done, 200)
        clock.now += 2.0
    assert said[:2] == ["b: 100 of 200 were finished before", "b: 120 of 200, about 3 min left"]
    steps(None, "nobody listens")(1, 2)


def test_a_bar_is_told_every_step():
    told = []

    class Bar:
        def __call__(self, message):
            raise AssertionError(message)

        def advance(self, label, done, total):
            told.append((label, done, total))

    tell = steps(Bar(), "x")
    tell(0, 2)
    tell(1, 2)
    assert told == [("x", 0, 2), ("x", 1, 2)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 s"), (41.2, "41 s"), (89, "89 s"), (100, "2 min"), (5000, "83 min"), (7800, "2 h 10 min")],
)
def test_spans_are_said_as_people_do(seconds, words):
    assert in_words(seconds) == words


def test_numbers_of_numpy_never_get_into_a_store(cohort):
    """What is kept is JSON of plain numbers, or it would be refused only after the work is done."""
    recipe = light("efs", bootstrap=1)
    from riskml.training.train import _refit

    assert json.dumps(_refit(recipe, training_set(recipe, cohort), 0, 0))
    with pytest.raises(TypeError):
        json.dumps([np.float32(1)])
