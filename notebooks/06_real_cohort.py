# %% [markdown]
# # 6. A real paediatric ALL cohort, end to end
#
# 667 children and young adults with high-risk B-ALL of the trial AALL0232 (NCI TARGET, open access; **none received
# blinatumomab**). From the end of induction on, how long do they stay free of events, and what do age, white cells
# and the MRD of day 29 say about it? The cohort is enriched for relapses: rankings are real, absolute risks are not
# the population's.
#
# The table is not part of riskml. `docs/cohorts.md` says how its columns are mapped; set `RISKML_DATA` to the folder
# that holds `target_aall0232/aall0232.csv`.

# %%
import os
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sksurv.nonparametric import kaplan_meier_estimator

import riskml
from riskml.cohort.checks.run import run_checks

table = Path(os.environ.get("RISKML_DATA", ".")) / "target_aall0232" / "aall0232.csv"
if not table.is_file():
    print("This notebook needs target_aall0232/aall0232.csv under $RISKML_DATA, and it is not there: nothing was done.")
    raise SystemExit

# %% [markdown]
# ## Read and check
#
# The column map that ships with the recipe renames columns, says their units, and leaves out what is learned later
# than day 29.

# %%
recipe = riskml.load_recipe("induction_efs")
cohort = riskml.read_cohort(table, columns=recipe.column_maps[0])
print(cohort.n_patients, "patients;", cohort.map_source)
for finding in run_checks(cohort, landmark=recipe.landmark, outcome=recipe.outcome):
    print(f"{finding.level}: {finding.message}")

# %% [markdown]
# ## Look first
#
# Event-free survival by the MRD of day 29, counted from day 29 on, of those who were event-free then. Nothing is
# modelled yet.

# %%
frame = cohort.frame
since = frame["efs_time"] - 28 / 30.4375
edges = [-1, 1e-4, 1e-3, 1e-2, 1]
group = pd.cut(
    frame["mrd_end_of_induction"], edges, right=False, labels=["<0.01 %", "to 0.1 %", "to 1 %", "1 % or more"]
)
figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
for label in group.cat.categories:
    own = (group == label) & (since > 0)
    months, free = kaplan_meier_estimator((frame["efs_event"] != "none")[own].to_numpy(), since[own].to_numpy())
    axes.step(np.append(0, months), np.append(1, free), where="post", label=f"{label} ({own.sum()})")
axes.set(xlabel="months from day 29", ylabel="event-free", xlim=(0, 72), ylim=(0, 1.02))
axes.legend(frameon=False, title="MRD on day 29 (children)")
plt.show()

# %% [markdown]
# ## Judge and train
#
# As the recipe says, with fewer repeats and refits to be done in a minute. Leave the line with `replace` out for real
# work.

# %%
quick = replace(recipe, repeats=1, bootstrap=10)
evaluation = riskml.evaluate(quick, cohort)
bundle = riskml.train(quick, cohort, evaluation=evaluation)
print(evaluation.verdict)
assert evaluation.metrics["c_index"].low > 0.6, "MRD, age and white cells rank real patients"

# %%
figure, (risk, importance) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
groups = evaluation.calibration
risk.plot([0, 1], [0, 1], color="0.7", linewidth=1)
risk.vlines(groups.predicted, groups.low, groups.high, color="C0", linewidth=1)
risk.plot(groups.predicted, groups.observed, "o", color="C0")
risk.set(title=f"event by {evaluation.horizon_months:g} months", xlabel="predicted", ylabel="observed")
risk.set(xlim=(0, 1), ylim=(0, 1))
explanation = riskml.explain(bundle, cohort)
strength = 100 * np.abs(explanation.effects[:, :, -1]).mean(axis=0)
order = np.argsort(strength)
importance.barh([explanation.labels[i] for i in order], strength[order])
importance.set(title="what moves the estimates", xlabel="mean effect, percentage points")
plt.show()

# %% [markdown]
# ## One invented patient
#
# Thirteen years old, high white cells, a little MRD left.

# %%
prediction = bundle.predict({"age": "13 a", "wbc": "80 10^9/L", "mrd_end_of_induction": "0.05 %", "bcr_abl1": "absent"})
for month, value, low, high in zip(prediction.times, prediction.value, prediction.low, prediction.high, strict=True):
    print(f"event-free {month:g} months after day 29: {value:.0%} ({low:.0%} to {high:.0%})")
for warning in prediction.warnings:
    print("-", warning.message)

# %% [markdown]
# `riskml train TABLE --model induction_efs --out out` does the same in full, `riskml describe TABLE --out described`
# gives tables and figures of the cohort. How a service asks such a model: [notebook 7](07_service.py).
