"""Every number of R's table, accounted for: which function gives it, and to within what.

R 4.2.2: survival 3.5.3, cmprsk 2.2.11, pROC 1.18.0, rms 6.5.0, riskRegression 2022.11.28. A row of the table that no
check takes is a failure, and so is a number of a row that its check leaves out. Where no function here gives R's
standard error the bootstrap does, within 15 %.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import ndtri

from riskml.training.learners.cox_likelihood import efron, efron_baseline
from riskml.training.metrics import binary, competing, survival, time_dependent
from riskml.training.metrics.intervals import bootstrap_interval
from riskml.training.metrics.log_rank import log_rank
from riskml.training.metrics.proportional_hazards import proportional_hazards
from riskml.training.metrics.risk_sets import cox_design
from riskml.training.metrics.smooth_calibration import smooth_calibration
from riskml.training.metrics.subdistribution import fine_gray
from riskml.training.sample_size import largest_r2
from tests.training.metrics.cases import GBSG, ROTTERDAM, read_columns

BMT, CHILDREN = "kmsurv_bmt DFS(t2,d3)", "bmt_children_uci OS"
AALL0232, CAUSES, ASAH = "target dev_ball_aall0232 (MRD known)", "casebase_bmtcrr", "pROC aSAH"
EXACT, SOLVED = {"abs": 1e-12}, {"abs": 1e-7}  # sums; where both sides stopped an iteration
BOOTSTRAP = {"rel": 0.15}
Z = float(ndtri(0.975))


class Tables:
    """The data sets of R's table: time, event or cause, and the named columns of its models."""

    def __init__(self, data_file):
        self.path = data_file
        self.cohort, self.cox = cache(self._cohort), cache(self._cox)

    def _cohort(self, dataset):
        load = {
            BMT: self._bmt,
            CHILDREN: self._children,
            AALL0232: self._aall0232,
            CAUSES: self._causes,
            ROTTERDAM: self._rotterdam,
            GBSG: self._gbsg,
        }
        time, event, columns = load[dataset]()
        return time, event, tuple(columns), np.column_stack(list(columns.values())).astype(float)

    def _bmt(self):
        table = read_columns(self.path("leukaemia_hsct/kmsurv_bmt.csv"))
        columns = {"g2": table["group"] == "2", "g3": table["group"] == "3"}
        columns |= {name: table[name].astype(float) for name in ("z1", "z2", "z8")}
        return table["t2"].astype(float), table["d3"] == "1", columns

    def _children(self):
        table = read_columns(self.path("bmt_children/bmt_children.csv"))
        names = ("Recipientage", "CD34kgx10d6", "Riskgroup", "Stemcellsource")
        event = table["survival_status"].astype(float) == 1
        return table["survival_time"].astype(float), event, {name: table[name].astype(float) for name in names}

    def _aall0232(self):
        table = read_columns(self.path("target_aall0232/aall0232.csv"))
        table = {name: values[table["mrd_d29_pct"] != ""] for name, values in table.items()}
        mrd, wbc, age = (table[name].astype(float) for name in ("mrd_d29_pct", "wbc_e9_l", "age_years"))
        columns = {"lm": np.log10(np.maximum(mrd, 0.005)), "lw": np.log10(np.maximum(wbc, 0.1)), "a10": age >= 10}
        return table["efs_days"].astype(float), table["efs_event"].astype(float) == 1, columns

    def _causes(self):
        table = read_columns(self.path("leukaemia_hsct/casebase_bmtcrr.csv"))
        columns = {"Age": table["Age"].astype(float), "SexM": table["Sex"] == "M", "DAML": table["D"] == "AML"}
        columns |= {f"Phase{phase}": table["Phase"] == phase for phase in ("CR2", "CR3", "Relapse")}
        return (
            table["ftime"].astype(float),
            table["Status"].astype(int),
            columns | {"SourcePB": table["Source"] == "PB"},
        )

    def _rotterdam(self):
        table = read_columns(self.path("reference_stats/rotterdam_nodepos.csv"))
        time, event = table["rt"].astype(float), table["rs"] == "1"
        return np.minimum(time, 1826), event & (time <= 1826), self._breast(table)

    def _gbsg(self):
        table = read_columns(self.path("reference_stats/gbsg.csv"))
        return table["rfstime"].astype(float), table["status"] == "1", self._breast(table)

    @staticmethod
    def _breast(table):
        nodes, age, pgr = (table[name].astype(float) for name in ("nodes", "age", "pgr"))
        return {"ln": np.log1p(nodes), "age": age, "lpg": np.log1p(pgr)}

    def _cox(self, dataset, breslow=False):
        """Coefficients, their standard errors and the log-likelihood of the cause-specific Cox model."""
        time, event, _, X = self.cohort(dataset)
        design = cox_design(X / X.std(axis=0), time, event == 1)
        design = replace(design, fraction=0 * design.fraction) if breslow else design
        beta = binary.maximise(lambda at: efron(at, design), np.zeros(X.shape[1]))
        value, _, information = efron(beta, design)
        return beta / X.std(axis=0), np.sqrt(np.diag(np.linalg.inv(information))) / X.std(axis=0), value

    def predictor(self, dataset):
        """The linear predictor of the data set's own Cox model; for GBSG that of Rotterdam."""
        return self.cohort(dataset)[3] @ self.cox(ROTTERDAM if dataset == GBSG else dataset)[0]

    def asah(self):
        table = read_columns(self.path("reference_stats/aSAH.csv"))
        return table["outcome"] == "Poor", {k: table[k].astype(float) for k in ("wfns", "s100b", "ndka", "age")}

    def miscalibrated(self):
        table = read_columns(self.path("reference_stats/aSAH_miscalibrated_predictions.csv"))
        return table["y"] == "1", table["p"].astype(float)


def bootstrap_error(statistic, n):
    found = bootstrap_interval(statistic, np.arange(n), n_boot=300, seed=1)
    return (found.high - found.low) / 2 / Z


def kaplan_meier(tables, dataset, days):
    time, event, *_ = tables.cohort(dataset)
    curve, days = survival.kaplan_meier(time, event), float(days)
    found, error = curve.interval(days), curve.se[curve.times <= days][-1]
    return {name: (x, EXACT) for name, x in zip(COLUMNS, (found.value, error, found.low, found.high), strict=True)}


def cox_coefficient(tables, dataset, ties, name):
    coefficients, errors, _ = tables.cox(dataset, ties == "breslow")
    k = tables.cohort(dataset)[2].index(name)
    return {"value": (coefficients[k], SOLVED), "se": (errors[k], SOLVED)}


def cause_specific(tables, dataset, name):
    return cox_coefficient(tables, dataset, "efron", name)


def fine_and_gray(tables, dataset, name):
    """One relapse and one censoring share a time: cmprsk has that relapse at risk of censoring, we do not."""
    time, cause, names, X = tables.cohort(dataset)
    found, k = fine_gray(X, time, cause, breslow=True), names.index(name)
    return {"value": (found.coefficients[k], {"abs": 2e-5}), "se": (found.covariance[k, k] ** 0.5, {"rel": 1e-5})}


def log_likelihood(tables, dataset):
    return {"value": (tables.cox(dataset)[2], SOLVED)}


def concordance(tables, dataset):
    time, event, *_ = tables.cohort(dataset)
    linear = tables.predictor(dataset)

    def c(rows):
        return survival.harrell_c(time[rows], event[rows], linear[rows])

    return {"value": (c(slice(None)), EXACT), "se": (bootstrap_error(c, time.size), BOOTSTRAP)}


def zph(tables, dataset, name):
    time, event, names, X = tables.cohort(dataset)
    terms = {term: [k for k, column in enumerate(names) if column.startswith(term)] for term in ("g", "z1", "z2", "z8")}
    found = proportional_hazards(X, time, event, terms=terms)
    return {"value": ((found.overall if name == "GLOBAL" else found.terms[name]).statistic, SOLVED)}


def log_rank_test(tables, dataset):
    time, event, _, X = tables.cohort(dataset)
    return {"value": (log_rank(time, event, X[:, 0] + 2 * X[:, 1]).statistic, {"abs": 1e-9})}


def aalen_johansen(tables, dataset, number, months):
    time, cause, *_ = tables.cohort(dataset)
    as_first = np.where(cause == int(number), 1, np.where(cause > 0, 2, 0))
    found = competing.incidence_interval(time, as_first, float(months))
    # cmprsk has Aalen's variance, ours is the jackknife's: without censoring that of a share, over n - 1.
    return {"value": (found.value, EXACT), "se": ((found.high - found.low) / 2 / Z, {"rel": 5e-3})}


def delong(tables, _, name):
    event, columns = tables.asah()
    area, error = binary.auc(event, columns[name]), math.sqrt(binary.delong_variance(event, columns[name]))
    wald = (area, error, area - Z * error, area + Z * error)  # pROC's interval; ours is on the logit scale
    return {column: (x, EXACT) for column, x in zip(COLUMNS, wald, strict=True)}


def paired_delong(tables, _, what):
    event, columns = tables.asah()
    first, second = columns["wfns"], columns["s100b"]
    difference = binary.auc(event, first) - binary.auc(event, second)
    z = difference / math.sqrt(binary.delong_difference_variance(event, first, second))
    return {"value": (math.erfc(abs(z) / math.sqrt(2)) if what == "p" else z, EXACT)}


def logistic_coefficient(tables, _, name):
    event, columns = tables.asah()
    names = ("(Intercept)", "s100b", "ndka", "age")
    design = np.column_stack([np.ones(event.size), *(columns[column] for column in names[1:])])
    objective, k = binary.logistic(design, event, np.zeros(event.size)), names.index(name)
    beta = binary.maximise(objective, np.zeros(4))
    error = np.linalg.inv(objective(beta)[2])[k, k] ** 0.5
    return {"value": (beta[k], SOLVED), "se": (error, {"rel": 5e-5})}  # R's is that of its last step but one


def val_prob(tables, _, name):
    event, risk = tables.miscalibrated()
    area = binary.auc(event, np.floor(risk * 1000))  # rms counts ranks of risks cut to a thousandth
    line, curve = binary.calibration_line(event, risk), smooth_calibration(event, risk)
    gain = binary.log_loss(event, np.full(event.size, event.mean())) - binary.log_loss(event, risk)
    found = {
        "Dxy": (2 * area - 1, EXACT),
        "C (ROC)": (area, EXACT),
        "R2": (-math.expm1(-2 * gain) / largest_r2("binary", event.mean()), {"abs": 1e-10}),  # Nagelkerke's
        "Brier": (binary.brier(event, risk), EXACT),
        "Intercept": (line.intercept, SOLVED),
        "Slope": (line.slope, SOLVED),
        "Emax": (curve.emax, EXACT),
        "E90": (curve.e90, EXACT),
        "Eavg": (curve.ici, EXACT),
    }
    return {"value": found[name]}


def calibration_in_the_large(tables, _):
    return {"value": (binary.calibration_in_the_large(*tables.miscalibrated()), {"abs": 1e-9})}


def external_slope(tables, dataset):
    time, event, *_ = tables.cohort(dataset)
    linear = tables.predictor(dataset)
    slope = survival.calibration_slope(time, event, linear)
    information = efron(np.array([slope]), cox_design(linear[:, None], time, event))[2]
    return {"value": (slope, SOLVED), "se": (information[0, 0] ** -0.5, SOLVED)}


def external_auc(tables, dataset, days):
    time, event, *_ = tables.cohort(dataset)
    linear = tables.predictor(dataset)

    def auc(rows):
        return time_dependent.auc_at(time[rows], event[rows], linear[rows], float(days))

    return {"value": (auc(slice(None)), EXACT), "se": (bootstrap_error(auc, time.size), BOOTSTRAP)}


def survival_at(tables, days):
    """S at a time in GBSG by Rotterdam's Cox model, its baseline hazard with Efron's ties as in survival::basehaz."""
    time, event, _, X = tables.cohort(ROTTERDAM)
    coefficients, *_ = tables.cox(ROTTERDAM)
    design = cox_design(X, time, event)
    baseline = efron_baseline(coefficients, design)[np.searchsorted(design.event_times, days, side="right") - 1]
    return np.exp(-baseline * np.exp((tables.cohort(GBSG)[3] - design.centre) @ coefficients))


def null_brier(tables, dataset, days):
    time, event, *_ = tables.cohort(dataset)
    null = survival.kaplan_meier(time, event).at(float(days))
    return {"value": (survival.ipcw_brier(time, event, null, float(days)), EXACT)}


def model_brier(tables, dataset, days):
    time, event, *_ = tables.cohort(dataset)
    predicted = survival_at(tables, float(days))

    def score(rows):
        return survival.ipcw_brier(time[rows], event[rows], predicted[rows], float(days))

    return {"value": (score(slice(None)), {"abs": 1e-9}), "se": (bootstrap_error(score, time.size), BOOTSTRAP)}


def prediction_accuracy(tables, dataset, days):
    time, event, *_ = tables.cohort(dataset)
    return {"value": (survival.ipa(time, event, survival_at(tables, float(days)), float(days)), {"abs": 1e-9})}


COLUMNS = ("value", "se", "lower95", "upper95")
CHECKS = {
    r"km_S\((\d+)d\) log-log CI": kaplan_meier,
    r"cox_(efron|breslow)_coef:(\w+)": cox_coefficient,
    r"causespecific_cox_relapse_coef:(\w+)": cause_specific,
    r"fine_gray_relapse_coef:(\w+)": fine_and_gray,
    r"cox_loglik": log_likelihood,
    r"harrell_c": concordance,
    r"rotterdam_model_harrell_c": concordance,
    r"coxzph_chisq\(KM transform\):(\w+)": zph,
    r"logrank_chisq\(group,2df\)": log_rank_test,
    r"aalen_johansen_CIF cause ([12]) at (\d+)mo": aalen_johansen,
    r"auc_delong:(\w+)": delong,
    r"delong_paired_test_(Z|p)(?:\(wfns-s100b\))?": paired_delong,
    r"glm_logit_coef:(.+)": logistic_coefficient,
    r"rms::val\.prob\(p=plogis\(0\.3\+0\.6\*logit\(fitted\)\) \):(.+)": val_prob,
    r"calibration_in_the_large\(offset model\) same p": calibration_in_the_large,
    r"cox_calibration_slope": external_slope,
    r"IPCW_AUC\((\d+)\)": external_auc,
    r"IPCW_Brier\((\d+)\) null": null_brier,
    r"IPCW_Brier\((\d+)\) model": model_brier,
    r"IPA\((\d+)\)": prediction_accuracy,
}


@pytest.fixture(scope="module")
def tables(data_file):
    return Tables(data_file)


@pytest.fixture(scope="module")
def rows(data_file):
    """R's table as (data set, quantity, its numbers by column)."""
    table = read_columns(data_file("reference_stats/expected_values_R.csv"))
    numbers = [{c: float(table[c][k]) for c in COLUMNS if table[c][k]} for k in range(table["value"].size)]
    return list(zip(table["dataset"], table["quantity"], numbers, strict=True))


@pytest.mark.data
def test_every_row_has_one_check_and_every_check_a_row(rows):
    taken = [[pattern for pattern in CHECKS if re.fullmatch(pattern, quantity)] for _, quantity, _ in rows]
    assert [row[:2] for row, patterns in zip(rows, taken, strict=True) if len(patterns) != 1] == []
    assert {pattern for patterns in taken for pattern in patterns} == set(CHECKS)
    assert len(rows) == 86


@pytest.mark.data
@pytest.mark.parametrize("pattern", CHECKS)
def test_the_numbers_of_r(rows, tables, pattern):
    for dataset, quantity, numbers in rows:
        match = re.fullmatch(pattern, quantity)
        if match:
            found = CHECKS[pattern](tables, dataset, *match.groups())
            assert found.keys() == numbers.keys(), f"{dataset}, {quantity}"
            for column, (value, tolerance) in found.items():
                assert value == pytest.approx(numbers[column], **tolerance), f"{column} of {dataset}, {quantity}"
