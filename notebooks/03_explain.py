# %% [markdown]
# # 3. Explain patients and cohorts
#
# Why does a model say 40 % of this child and 5 % of that one? riskml splits the difference from the average patient
# among the inputs, exactly: the parts add up, and an input that is not known has no part. The method is that of
# Shapley values (Lundberg SM, Lee SI. NeurIPS 2017;30:4765-4774). It explains **the model**, not the disease.
#
# The models here ship with riskml and were trained on simulated children.

# %%
import matplotlib.pyplot as plt
import numpy as np

import riskml
from riskml.resources import folder

bundle = riskml.open_bundle(riskml.shipped("non_response"))
cohort = riskml.read_cohort(folder("features") / "synthetic" / "cohort.csv")

# %% [markdown]
# ## One patient
#
# A child with Ph+ disease and 2 % MRD, whose lymphocyte subsets are not back from the laboratory yet.

# %%
child = {"bcr_abl1": "present", "mrd": "2 %", "kmt2a_r": "absent", "tcf3_hlf": "absent"}
prediction = bundle.predict(child)
(risk,), (low,), (high,) = prediction.value, prediction.low, prediction.high
print(f"{risk:.0%} ({low:.0%} to {high:.0%}); not known: {', '.join(prediction.missing)}")
for warning in prediction.warnings:
    print("-", warning.message)

# %% [markdown]
# From the average patient to this one, one bar an input. Below, how far each test that is still out could move the
# estimate, over the values it takes in children: a reason to wait for it, or not to.

# %%
explained = prediction.as_dict()["explanation"]
effects = [effect for effect in explained["effects"] if effect["effect"]]
assert abs(explained["base"] + sum(effect["effect"] for effect in effects) - risk) < 1e-9, "the parts add up"

figure, (parts, open_tests) = plt.subplots(
    2, 1, figsize=(8, 4.2), sharex=True, height_ratios=[3, 2], layout="constrained"
)
at = explained["base"]
for place, effect in enumerate(effects):
    parts.barh(place, effect["effect"], left=at, color="C3" if effect["effect"] > 0 else "C0")
    at += effect["effect"]
parts.set_yticks(range(len(effects)), [f"{effect['label']}: {effect['value']}" for effect in effects])
parts.invert_yaxis()
parts.axvline(explained["base"], color="0.6", linewidth=1)
parts.set_title("what moved the estimate from the average patient's (grey line)")
for place, test in enumerate(prediction.could_change):
    open_tests.plot([test["low"], test["high"]], [place, place], linewidth=6, color="0.7")
open_tests.axvline(risk, color="k", linewidth=1)
open_tests.set_yticks(
    range(len(prediction.could_change)), [prediction.labels[test["input"]] for test in prediction.could_change]
)
open_tests.set(title="where a missing test could move it (black line: now)", xlabel="risk of non-response")
open_tests.set(xlim=(0, 1), ylim=(len(prediction.could_change) - 0.5, -0.5))
plt.show()

# %% [markdown]
# The same model asked "what if": another patient, not what a treatment would do to this one.

# %%
other = bundle.predict({**child, "bcr_abl1": "absent"}, as_given=child)
print(f"without Ph: {other.value[0]:.0%} instead of {risk:.0%}")
print(next(warning.message for warning in other.warnings if warning.code == "what_if"))

# %% [markdown]
# ## A cohort
#
# `explain` does this for every course. Each dot is a course: to the right its input raised the risk. Colour is the
# value, from low (pale) to high (dark); a grey dot has no value, and no effect.

# %%
explanation = riskml.explain(bundle, cohort)
effects = 100 * explanation.effects[:, :, 0]
order = np.argsort(-np.abs(effects).mean(axis=0))
jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(effects))
figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
for place, column in enumerate(order):
    value = explanation.data[:, column]
    ranks = np.where(np.isnan(value), np.nan, (value[:, None] > value).mean(axis=1))
    axes.scatter(effects[:, column], place + jitter, c="0.8", s=10)
    axes.scatter(effects[:, column], place + jitter, c=ranks, s=10, cmap="viridis_r")
axes.set_yticks(range(len(order)), [explanation.labels[column] for column in order])
axes.invert_yaxis()
axes.set_xlabel("effect on the risk of non-response, percentage points")
plt.show()

# %% [markdown]
# How one input acts: the effect of MRD against MRD. It is a line on the log scale for the model, and bends here
# because a probability cannot pass 0 or 1.

# %%
column = explanation.inputs.index("mrd")
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
axes.axhline(0, color="0.7", linewidth=1)
axes.scatter(explanation.data[:, column], effects[:, column], s=14)
axes.set(xscale="log", xlabel=explanation.labels[column], ylabel="effect, percentage points")
plt.show()

# %% [markdown]
# `explanation.shap()` gives the same numbers as an object of the package shap, for its own pictures
# (`shap.plots.beeswarm(explanation.shap())`). `riskml explain BUNDLE COHORT --out DIR` writes them all as a page. On
# to another hospital: [notebook 4](04_another_hospital.py).
