"""The same question is not answered twice differently: what a coordinator would otherwise read of one child."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from riskml.errors import UsageError
from riskml.training.federated.answered import memory_of, remember
from riskml.training.federated.centre import answer
from riskml.training.federated.masks import FRACTION_BITS, WORD_BITS, new_secret, secret_bytes
from riskml.training.federated.messages import first_ask, with_digest
from tests.training.federated.hospitals import embedded, study


def without_a_child(part):
    """The hospital's file less its last patient, who has one course."""
    patients = part.frame["patient_id"]
    last = patients.map(patients.value_counts()).eq(1)[::-1].idxmax()
    kept = part.some(np.flatnonzero(part.frame.index != last))
    return replace(kept, sha256=f"{part.sha256}-less-one"), part.frame.loc[last]


def answered(part, content, centre="North", planned=None):
    return answer(first_ask(planned or study()), part, centre, secret_bytes(content))


def read(one, other, name):
    """What anybody can subtract who has two answers and no secret."""
    words = (int(a, 16) - int(b, 16) for a, b in zip(one["sums"][name], other["sums"][name], strict=True))
    half = 1 << (WORD_BITS - 1)
    return [((word + half) % (2 * half) - half) / 2.0**FRACTION_BITS for word in words]


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.json"
    path.write_text(json.dumps(new_secret()), encoding="utf-8")
    return path


def content_of(secret):
    return json.loads(secret.read_text(encoding="utf-8"))


def test_two_answers_that_differ_by_a_child_would_tell_the_child_and_are_refused(secret):
    part = embedded()[1]["North"]
    less, child = without_a_child(part)
    one, two = (answered(rows, content_of(secret)) for rows in (part, less))
    assert read(one, two, "rows") == read(one, two, "patients") == [1.0]
    ages = [value for value in read(one, two, "total") if value == pytest.approx(child["age"], rel=1e-9)]
    assert ages, "the attack works: this is why the second is refused"
    remember(secret, one)
    remember(secret, one)  # the same again is the same
    before = memory_of(secret).read_bytes()
    for _ in range(2):
        with pytest.raises(UsageError, match="start a new study with a new secret"):
            remember(secret, two)
    assert content_of(secret)["secret"] not in before.decode()
    assert "North" not in before.decode()
    assert memory_of(secret).stat().st_mode & 0o077 == 0


def test_the_same_file_read_otherwise_is_refused_too(secret):
    part = embedded()[1]["North"]
    remember(secret, answered(part, content_of(secret)))
    other = replace(part, frame=part.frame.assign(age=part.frame["age"] + 1))
    assert other.sha256 == part.sha256
    with pytest.raises(UsageError, match="column map"):
        remember(secret, answered(other, content_of(secret)))


def test_who_is_refused_first_is_not_let_through_by_another_question(secret):
    one = answered(embedded()[1]["North"], content_of(secret))
    remember(secret, one)
    later = with_digest({**one, "ask": "sha256:a later round", "data": "sha256:another file"})
    with pytest.raises(UsageError):
        remember(secret, later)
    remember(secret, with_digest({**later, "data": one["data"]}))


def test_another_hospital_plan_or_secret_begins_afresh(secret):
    part, less = embedded()[1]["North"], without_a_child(embedded()[1]["North"])[0]
    first = content_of(secret)
    remember(secret, answered(part, first))
    remember(secret, answered(embedded()[1]["South"], first, "South"))
    remember(secret, answered(less, first, planned=study(tau=0.2)))
    secret.write_text(json.dumps(new_secret()), encoding="utf-8")
    remember(secret, answered(less, content_of(secret)))
    secret.write_text(json.dumps(first), encoding="utf-8")
    with pytest.raises(UsageError):
        remember(secret, answered(less, first))


def test_a_link_to_the_secret_has_the_same_memory(secret, tmp_path):
    part = embedded()[1]["North"]
    link = tmp_path / "elsewhere" / "link.json"
    link.parent.mkdir()
    link.symlink_to(secret)
    remember(secret, answered(part, content_of(secret)))
    with pytest.raises(UsageError):
        remember(link, answered(without_a_child(part)[0], content_of(link)))


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_where_nothing_can_be_remembered_nothing_is_answered(secret, content):
    if content is None:
        memory_of(secret).mkdir()
    else:
        memory_of(secret).write_bytes(content)
    with pytest.raises(UsageError, match="cannot keep what was answered"):
        remember(secret, answered(embedded()[1]["North"], content_of(secret)))


def test_a_line_that_was_cut_off_refuses_rather_than_forgets(secret):
    part = embedded()[1]["North"]
    remember(secret, answered(part, content_of(secret)))
    memory = memory_of(secret)
    memory.write_bytes(memory.read_bytes()[:-20])
    with pytest.raises(UsageError):
        remember(secret, answered(without_a_child(part)[0], content_of(secret)))
