"""The printed table alone gives the model's estimates: every number below is parsed from the page as it is printed."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.stats import norm

from riskml.reporting.cohort import CohortSummary
from riskml.reporting.formula import formula, no_formula
from riskml.reporting.report import render_report
from riskml.runtime.dictionary import load_dictionary
from riskml.runtime.inputs import known_values, patient_readings
from riskml.runtime.members import Linear, Member
from riskml.runtime.model import Feature
from riskml.runtime.responses import LOGISTIC, Calibrated
from riskml.runtime.time_responses import Accelerated, Baseline
from tests.runtime.models import SHIPPED, answer_of, shipped_bundle

PUBLISHED = ("non_response_published", "efs_published")
FACTORS = {"%": 0.01, "years": 1.0, "× 10⁹/L": 1.0}


class Printed(HTMLParser):
    """Tables by caption as rows of cells, and the sentences, of one page."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.sentences, self._cell, self._rows = {}, [], None, []
        self.feed(html.replace("\N{NO-BREAK SPACE}", " "))

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self._rows.append([])
        if tag in ("th", "td", "caption", "p"):
            self._cell = ""
        self._hidden = "aria-hidden" in dict(attrs)

    def handle_endtag(self, tag):
        self._hidden = False
        if tag == "caption":
            self._rows = self.tables.setdefault(self._cell, [])
        elif tag in ("th", "td"):
            self._rows[-1].append(self._cell)
        elif tag == "p":
            self.sentences.append(self._cell)

    def handle_data(self, data):
        if self._cell is not None and not self._hidden:
            self._cell += data


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def amount(text):
    """``"0.00707107 %"`` in the unit of the model."""
    value, _, unit = text.partition(" ")
    return number(value) * FACTORS[unit] if unit else number(value)


def as_number(how, values):
    """What a reader makes of the inputs by the words of the column "Its number"; ``values`` in the model's unit."""
    if how in ("1 if present, 0 if absent", "how many of them are present"):
        return sum(values)
    if how.startswith(("the value in ", "the value as ", "the value itself")):
        return sum(values)
    if found := re.fullmatch(r"log10 of the value .*; less than (.+) counts as that", how):
        return sum(math.log10(max(value, amount(found[1]))) for value in values)
    if found := re.fullmatch(r"1 if (.+) or more, else 0", how):
        return sum(float(value >= amount(found[1]) * (1 - 1e-9)) for value in values)
    if found := re.fullmatch(r"what exceeds (.+), else 0, in .+", how):
        return sum(max(0.0, value - amount(found[1])) for value in values)
    found = re.fullmatch(r"1 if (.+), else 0", how)
    return float(values[0] in found[1].split(" or "))


def total_of(rows, bundle, known):
    """The sum by the printed rows; which inputs a row speaks of is told by their labels."""
    by_label = {bundle.dictionary[name].label: value for name, value in known.items()}
    sums = 0.0
    for label, how, coefficient in rows:
        if label == "Intercept":
            sums += number(coefficient)
            continue
        values = [by_label[label]] if label in by_label else [by_label[each] for each in label.split(" or ")]
        sums += number(coefficient) * as_number(how, values)
    return sums


def page_of(bundle):
    printed = Printed(render_report(cohort=CohortSummary("cohort.csv", True, ("x",)), bundles=[bundle]))
    rows = printed.tables["Coefficients, to six significant digits"]
    assert rows.pop(0) == ["Predictor", "Its number", "Coefficient"]
    return printed, rows


@pytest.mark.parametrize("name", [*SHIPPED, *PUBLISHED])
def test_the_page_gives_the_golden_patients_their_estimates(name):
    """To 0.1 percentage points, at every month that is reported, with nothing but what is printed."""
    bundle, tried = shipped_bundle(name), 0
    printed, rows = page_of(bundle)
    for entry in bundle.golden:
        known = known_values(bundle, patient_readings(bundle, entry["patient"]))
        if len(known) < len(bundle.model.inputs):
            continue
        tried += 1
        total, expected = total_of(rows, bundle, known), bundle.predict(entry["patient"])
        if bundle.model.kind == "binary":
            assert "Risk = 1 / (1 + exp(−sum))." in printed.sentences
            assert 1 / (1 + math.exp(-total)) == pytest.approx(expected.value[0], abs=1e-4)
            continue
        baseline = printed.tables["Baseline: a sum of 0"][1:]
        months, hazard = ([0.0, *(number(row[k]) for row in baseline)] for k in (0, 1))
        for month, exact in zip(expected.times, expected.value, strict=True):
            assert math.exp(-np.interp(month, months, hazard) * math.exp(total)) == pytest.approx(exact, abs=1e-4)
    assert tried


@pytest.mark.parametrize("name", SHIPPED)
def test_the_worked_example_is_the_same_sum(name):
    printed, rows = page_of(shipped_bundle(name))
    example = printed.tables["From the inputs to the sum"][1:]
    assert [row[3] for row in example] == [row[2] for row in rows[1:]]
    sums = number(rows[0][2]) + sum(number(row[4]) for row in example)
    (shown,) = (text for text in printed.sentences if "the products = " in text)
    assert number(re.search(r"the products = (\S+?)(?:1 /|S\()", shown)[1]) == pytest.approx(sums, abs=1e-4)


FEATURES = (
    Feature("age", "value", ("age",)),
    Feature("older", "hinge", ("age",), 7.123456),
    Feature("old", "at_least", ("age",), 10.5),
    Feature("mrd", "log10", ("mrd",), 1.23456e-4),
)


@pytest.mark.parametrize(
    ("kind", "response"),
    [
        ("binary", LOGISTIC),
        ("binary", Calibrated(LOGISTIC, 0.31234567, 0.61234567)),
        ("survival", Baseline((0.0, 6.0, 12.0), (0.0, 1.23456789e-5, 3.3456789e-5))),
        ("survival", Calibrated(Baseline((0.0, 6.0, 12.0), (0.0, 0.1, 0.3)), -0.2, 1.3)),
        ("survival", Accelerated("weibull", 0.71234567, 12.0)),
        ("survival", Accelerated("loglogistic", 0.7, 12.0)),
        ("survival", Accelerated("lognormal", 0.7, 12.0)),
    ],
)
def test_every_response_is_told_well_enough_to_be_computed(bundle_of, kind, response):
    """Random complete patients; the sentence beside the table, carried out."""
    slopes = (0.0123456789, -0.3, 1.5, 2.2) if not isinstance(response, Baseline) else (0.4, -0.3, 1.5, -2.2)
    bundle = bundle_of(
        kind,
        change=lambda model: model.with_(
            inputs=("age", "mrd"),
            features=FEATURES,
            members=(Member(1.0, Linear(0.123456789, slopes), response),),
            background=((5.0, 0.001),) * len(model.background),
            bootstrap=(),
        ),
        explain=False,
    )
    told, rng = formula(bundle), np.random.default_rng(3)
    for _ in range(20):
        known = {"age": float(rng.uniform(0.5, 18)), "mrd": float(10 ** rng.uniform(-5, -0.3))}
        total = total_of(told["rows"], bundle, known)
        linear = 0.123456789 + slopes[0] * known["age"] + slopes[1] * max(0, known["age"] - 7.123456)
        linear += slopes[2] * (known["age"] >= 10.5) + slopes[3] * math.log10(max(known["mrd"], 1.23456e-4))
        assert total == pytest.approx(linear, abs=1e-4)
        exact = answer_of(response, [linear], 6.0)
        assert carried_out(told, kind, total) == pytest.approx(exact, abs=1e-3)


def carried_out(told, kind, total):
    """The sentences of a formula at month 6, done with a calculator."""
    text = " ".join(told["steps"])
    if kind == "binary":
        answer = 1 / (1 + math.exp(-total))
    elif "With z" in text:
        z = (math.log(6) - total) / number(re.search(r"/ (\S+), S\(t\)", text)[1])
        forms = {"exp(−exp(z))": math.exp(-math.exp(z)), "1 / (1 + exp(z))": 1 / (1 + math.exp(z))}
        answer = next((value for form, value in forms.items() if f"S(t) = {form}" in text), norm.sf(z))
    else:
        hazard = {row[0]: number(row[1]) for row in told["baseline"]}["6"]
        answer = math.exp(-hazard * math.exp(total))
    if found := re.search(r"= (\S+) \+ (\S+) × ln", text):
        a, b = map(number, found.groups())
        if kind == "binary":
            return 1 / (1 + math.exp(-a - b * math.log(answer / (1 - answer))))
        return math.exp(-math.exp(a + b * math.log(-math.log(answer))))
    return answer


def test_what_counts_below_a_detection_limit_is_told(bundle_of):
    notes = formula(bundle_of("binary"))["notes"]
    assert any("divided by √2 = 1.41421" in note for note in notes)
    limit = load_dictionary()["mrd"].limit_of_detection
    assert any(note.endswith(f"means below {100 * limit:g} %.") for note in notes)


def test_what_is_not_one_sum_is_sent_to_the_file(average_of, bundle_of):
    assert formula(average_of("binary")) is None
    assert "average of 2 models" in no_formula(average_of("binary").model)
    assert "model.json" in no_formula(average_of("survival").model)
    assert no_formula(bundle_of("binary").model) == ""
    trees = average_of("binary").model
    alone = trees.with_(members=(trees.members[1].with_(weight=1.0),))
    assert "not one sum" in no_formula(alone)
    assert "another package" in no_formula(alone.with_(members=()))
