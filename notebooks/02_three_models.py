# %% [markdown]
# # 2. Train and judge three models
#
# Non-response, ICANS (neurotoxicity) and event-free survival, from what is known **before the first dose**. The
# cohort is the one that ships with riskml: 105 simulated children, drawn so that they meet the counts of a published
# cohort. What is shown here is how to read a model's performance, not how well the disease can be foreseen.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt

import riskml
from riskml.resources import folder

cohort = riskml.read_cohort(folder("features") / "synthetic" / "cohort.csv")
print(cohort.n_patients, "children,", cohort.n_courses, "courses, synthetic:", cohort.synthetic)

# %% [markdown]
# ## The plan comes first
#
# A recipe is a text file (`models/NAME/recipe.toml`) that a clinician can review: which inputs, why each, how they
# enter. All of it is fixed before the data are looked at. With 9 or 14 events nothing else would be honest.

# %%
names = ("non_response", "icans", "efs")
# Fewer repeats and refits than a recipe asks for, to be done in seconds: leave this line out for real work.
recipes = {name: replace(riskml.load_recipe(name), repeats=1, bootstrap=10) for name in names}
for name, recipe in recipes.items():
    print(f"{name}: {recipe.label}")
    for feature, reason in recipe.why.items():
        print(f"   {feature}: {reason}")

# %% [markdown]
# ## Judge
#
# `evaluate` repeats the whole pipeline on four fifths of the children and asks it about the fifth it has not seen,
# with gaps in their records as they are. The last line of each is the conclusion.

# %%
evaluations = {name: riskml.evaluate(recipe, cohort) for name, recipe in recipes.items()}
for name, evaluation in evaluations.items():
    print(f"{name}: {evaluation.n_patients} patients, {evaluation.n_events} with the event")
    print(f"   {evaluation.verdict}")

# %% [markdown]
# ## Do predictions separate? Are they right on average?
#
# AUC (or C, for survival) says how often the patient with the event had the higher risk: 0.5 is a coin. The squared
# error saved is what the model adds to saying the same average to everybody: 0 is nothing. Read the intervals, not
# the dots: these cohorts are small. The dashed line is the value of a useless model, and of a perfect one for
# observed / expected.

# %%
measures = {"AUC or C": ("auc", "c_index"), "squared error saved": ("scaled_brier", "ipa"), "observed / expected": ()}
figure, panels = plt.subplots(1, 3, figsize=(11, 2.8), sharey=True, layout="constrained")
for axes, (title, keys), nothing in zip(panels, measures.items(), (0.5, 0, 1), strict=True):
    for place, evaluation in enumerate(evaluations.values()):
        key = next((key for key in keys if key in evaluation.metrics), "observed_expected")
        shown = evaluation.metrics[key]
        axes.plot([shown.low, shown.high], [place, place], color="C0")
        axes.plot(shown.value, place, "o", color="C0")
    axes.axvline(nothing, color="0.5", linestyle="--", linewidth=1)
    axes.set_title(title)
panels[0].set_yticks(range(len(evaluations)), list(evaluations))
panels[0].set_ylim(len(evaluations) - 0.5, -0.5)
plt.show()

# %% [markdown]
# ## Is a risk of 20 % a risk of 20 %?
#
# Each dot is a group of children with similar predictions: what was predicted across, what happened upwards, with its
# interval. Dots on the diagonal are right. A model may separate well and still be wrong here.

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
for axes, (name, evaluation) in zip(panels, evaluations.items(), strict=True):
    groups = evaluation.calibration
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
    axes.vlines(groups.predicted, groups.low, groups.high, color="C0", linewidth=1)
    axes.plot(groups.predicted, groups.observed, "o", color="C0")
    axes.set(title=name, xlabel="predicted", ylabel="observed", xlim=(0, 1), ylim=(0, 1))
plt.show()

# %% [markdown]
# ## Train, and keep
#
# The bundle is a folder of plain text: the model, its card, who it is for and not for, and this evaluation. It holds
# no patient, and opening it runs no code.

# %%
for name, recipe in recipes.items():
    bundle = riskml.train(recipe, cohort, evaluation=evaluations[name])
    bundle.save(f"out/{name}")
opened = riskml.open_bundle("out/non_response")
print(opened.card.split("\n## ")[0])
assert opened.manifest["synthetic"], "what is learned from simulated children must say so"

# %% [markdown]
# `riskml train cohort.csv --model non_response icans efs --out out` does all of this, and writes `report.html` beside
# it. What the models say of single children is in [notebook 3](03_explain.py).
