"""What leaves a hospital: a fixed list of sums, whatever rows are called and in what order; small cells stay there."""

from __future__ import annotations

import json
from functools import lru_cache

import numpy as np
import pytest

from riskml.errors import DataError, NotEstimableError, UsageError
from riskml.runtime.small_cells import SMALLEST_CELL
from riskml.training.federated.centre import FARTHEST, LEAST_PATIENTS, answer, small_features
from riskml.training.federated.messages import ANSWER_KEYS, ask_of, first_ask, with_digest
from riskml.training.federated.rows import rows_of
from riskml.training.federated.statistics import NEWTON, counts, layout
from tests.training.federated.hospitals import SECRET, embedded, run, split_by, study, with_rows


@lru_cache(maxsize=1)
def masked_study():
    return run(study(), embedded()[1])


@lru_cache(maxsize=1)
def two_hospitals():
    """The embedded cohort as two hospitals that are large enough for sums that can be read."""
    cohort, _ = embedded()
    return split_by(cohort, np.array(["A", "B"])[cohort.patient % 2])


def open_study(**settings):
    return study("efs", "ridge_cox", ("A", "B"), masked=False, **settings)


def test_an_answer_holds_a_fixed_list_of_keys_and_numbers_only():
    _, asks, answers = masked_study()
    planned = masked_study()[0].study
    for content in answers.values():
        assert content.keys() == ANSWER_KEYS
        sizes = {name: len(values) for name, values in content["sums"].items()}
        assert sizes == layout(planned, asks[content["round"]])
        assert (content["group"] is None) is (content["step"] != "finish")
    patients = set(embedded()[0].frame["patient_id"])
    text = json.dumps(list(answers.values()))
    assert not [name for name in patients if name in text]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_neither_the_order_of_rows_nor_a_name_changes_a_sum(seed):
    part, planned, rng = two_hospitals()["A"], open_study(), np.random.default_rng(seed)
    other = part.some(rng.permutation(part.n_courses))
    renamed = {name: f"X{rng.random()}" for name in sorted(set(other.frame["patient_id"]))}
    other = with_rows(other, patient_id=other.frame["patient_id"].map(renamed))
    asks = [first_ask(planned), newton_ask(planned)]
    for ask in asks:
        one, two = (answer(ask, cohort, "A") for cohort in (part, other))
        for name, values in one["sums"].items():
            assert two["sums"][name] == pytest.approx(values, rel=1e-9, abs=1e-9)
        apart = {key for key in one if one[key] != two[key]} - {"sums", "digest"}
        assert not apart


def newton_ask(planned, features=("mrd_log10", "age_years"), points=((0.2, -0.05),), numbers=0):
    names = {"mrd_log10": "mrd", "age_years": "age", "cd3_log10": "cd3", "ph_positive": "bcr_abl1"}
    means = {"mrd_log10": -3.0, "age_years": 7.0, "cd3_log10": -0.1, "ph_positive": 0.1}
    fill = {f"{name}/{names[name]}": means[name] for name in features}
    content = {"features": list(features), "fill": fill, "points": [list(point) for point in points]}
    return ask_of(planned, 1, NEWTON, numbers, **content, spread=True, months=[3, 12])


def test_readable_sums_hold_no_small_cell():
    found = answer(first_ask(open_study()), two_hospitals()["A"], "A")
    rows = rows_of(open_study(), two_hospitals()["A"])
    assert "ph_positive" in found["withheld"], "one to four Ph+ patients with the event"
    assert ((rows.frame["bcr_abl1"] == 1) & rows.event).sum() < SMALLEST_CELL
    counted = dict(zip([f"{f.name}" for f in open_study().recipe.features for _ in f.inputs], found["sums"]["known"]))  # noqa: B905
    assert counted["ph_positive"] == 0.0
    assert counted["mrd_log10"] > 0
    assert not [x for x in found["sums"]["at_risk"] if 0 < x < SMALLEST_CELL]
    assert found["secret"] == ""


def test_a_feature_is_withheld_for_each_of_its_four_small_cells():
    planned = open_study()
    base = counts(planned, rows_of(planned, two_hospitals()["A"]))
    place = 1  # ph_positive
    good = {"known": 60.0, "total": 20.0, "known_with_event": 12.0, "present_with_event": 6.0}

    def withheld(**cells):
        sums = {name: list(values) for name, values in base.items()}
        for name, value in {**good, **cells}.items():
            sums[name][place] = value
        return "ph_positive" in small_features(planned, sums)

    assert not withheld()
    assert withheld(present_with_event=4.0)  # present, with the event
    assert withheld(known_with_event=8.0)  # absent, with
    assert withheld(total=9.0)  # present, without
    assert withheld(known=29.0)  # absent, without
    assert not withheld(present_with_event=0.0)


def test_a_value_that_few_have_counts_as_unknown():
    part = two_hospitals()["A"]
    known = np.full(part.n_courses, np.nan)
    known[np.flatnonzero(part.first_courses)[:3]] = 1.0
    found = answer(first_ask(open_study()), with_rows(part, cd3=known), "A")
    assert found["blanked"] == ["cd3"]
    assert found["sums"]["known"][-1] == found["sums"]["patients_known"][-1] == 0


def test_a_small_hospital_cannot_send_readable_sums_and_can_send_masked_ones():
    cohort, parts = embedded()
    assert parts["West"].n_patients < LEAST_PATIENTS
    planned = study(masked=False, centres=("East", "West"))
    with pytest.raises(NotEstimableError, match="20 patients or more, this one has fewer: plan masked sums"):
        answer(first_ask(planned), parts["West"], "West")
    with pytest.raises(NotEstimableError, match="5 patients with the event or more"):
        answer(first_ask(planned), parts["East"], "East")
    assert answer(first_ask(study()), parts["West"], "West", SECRET)["sums"]
    nobody = cohort.some(np.empty(0, dtype=np.intp))
    assert answer(first_ask(study()), nobody, "West", SECRET)["sums"], "nobody at all is hidden as well"


def test_readable_sums_end_before_they_outnumber_the_values():
    part, planned = two_hospitals()["A"], open_study(most_numbers=0.5)
    rows = rows_of(planned, part)
    values, numbers = 0.5 * len(rows.event) * 2, sum(layout(planned, newton_ask(planned)).values())
    enough = int(values) - numbers
    assert answer(newton_ask(planned, numbers=enough), part, "A")
    with pytest.raises(NotEstimableError, match=r"more than the 0\.5 a value that the plan allows"):
        answer(newton_ask(planned, numbers=enough + 1), part, "A")


def test_a_question_for_what_is_withheld_is_refused():
    with pytest.raises(DataError, match="must not ask for ph_positive"):
        answer(newton_ask(open_study(), ("ph_positive", "age_years")), two_hospitals()["A"], "A")


@pytest.mark.parametrize("masked", [True, False])
def test_a_point_that_singles_out_a_patient_is_refused(masked):
    planned = study() if masked else open_study()
    part, name = (embedded()[1]["North"], "North") if masked else (two_hospitals()["A"], "A")
    secret = SECRET if masked else None
    X = np.abs(rows_of(planned, part).frame["age"] - 7.0).max()
    ask = newton_ask(planned, points=[[0.0, 1.01 * FARTHEST / X]])
    with pytest.raises(DataError, match="single out patients"):
        answer(ask, part, name, secret)
    assert answer(newton_ask(planned, points=[[0.0, 0.99 * FARTHEST / X]]), part, name, secret)


def test_who_answers_is_in_the_plan_and_has_the_secret():
    parts = embedded()[1]
    with pytest.raises(UsageError, match="no hospital 'Centre': it names East, North, South, West"):
        answer(first_ask(study()), parts["West"], "Centre", SECRET)
    with pytest.raises(UsageError, match="give --secret"):
        answer(first_ask(study()), parts["West"], "West")


def test_a_changed_ask_is_not_answered():
    ask = {**first_ask(study()), "numbers_before": 5}
    with pytest.raises(DataError, match="must match its own digest"):
        answer(ask, embedded()[1]["West"], "West", SECRET)
    with pytest.raises(DataError, match="riskml must be"):
        answer(with_digest({**ask, "plan": {**ask["plan"], "riskml": "9"}}), embedded()[1]["West"], "West", SECRET)


def test_data_are_named_by_a_digest_that_says_nothing_in_another_study():
    part = embedded()[1]["West"]
    one, two = (answer(first_ask(study(tau=tau)), part, "West", SECRET)["data"] for tau in (0.3, 0.4))
    assert one != two
    assert part.sha256 not in one + two
