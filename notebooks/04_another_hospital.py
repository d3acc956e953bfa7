# %% [markdown]
# # 4. Take a model to another hospital: validate, then update
#
# A model that did well where it was made may be wrong elsewhere: other patients, other laboratories, another course
# of the disease. Three questions, in this order: are these the same kind of patients, do the predictions hold, and if
# not, how much may be changed with the events there are?

# %%
import matplotlib.pyplot as plt
import numpy as np

import riskml
from riskml.cohort.simulate import simulate

bundle = riskml.open_bundle(riskml.shipped("non_response"))

# %% [markdown]
# ## The other hospital
#
# Simulated children again, but of a referral centre: most of those who respond are treated elsewhere, so that
# non-response is far more common here. The model knows nothing of that.

# %%
table = simulate(patients=600, seed=11).table
responds = table["response"].isin(["response", "CR", "MRD CR", "R"])
elsewhere = responds & (np.random.default_rng(0).random(len(table)) < 0.75)
table[~elsewhere].to_csv("referral_centre.csv", index=False)
cohort = riskml.read_cohort("referral_centre.csv")
print(cohort.n_patients, "patients")

# %% [markdown]
# ## Validate
#
# The model stays as it is. The conclusion comes first, then every reason for it (+), against it (-), and what is
# unclear (?).

# %%
validation = riskml.validate(bundle, cohort)
print(validation.transport["words"])
for reason in validation.transport["reasons"]:
    print({"good": "+", "bad": "-", "unclear": "?"}.get(reason["finding"], " "), reason["words"])

# %% [markdown]
# The patients are ranked well, as before, but more of them have the event than the model expects.

# %%
shown = validation.metrics
print("AUC {0.value:.2f} ({0.low:.2f} to {0.high:.2f})".format(shown["auc"]))
print("observed / expected {0.value:.2f} ({0.low:.2f} to {0.high:.2f})".format(shown["observed_expected"]))
assert shown["observed_expected"].low > 1, "the referral centre has more events than expected"

# %% [markdown]
# ## Update, as far as the events carry
#
# The ladder: change nothing, move the level, also how far apart the predictions lie, also single effects, or train
# anew. Each step asks for more events, and the smallest step that is not clearly worse than the largest is taken.

# %%
child = riskml.update(bundle, cohort)
step = child.manifest["lineage"][-1]
for gate in step["gates"]:
    print(f"{gate['rung']}: {'open' if gate['open'] else 'shut'}")
print("taken:", step["rung"], "-", step["why"])

# %% [markdown]
# The child says of itself where it comes from, and what the update was worth. That is cross-validated: each patient
# was judged by an update that had not seen them.

# %%
print(child.manifest["verdict"])
print("parent", step["parent"][:15], "-> child", child.digest[:15], "version", child.manifest["version"])

# %% [markdown]
# ## Before and after
#
# Left: each dot is a group of patients with similar predictions of the model as it came; above the line means that
# more of them had the event than predicted. Right: every patient before and after the update.

# %%
figure, (calibration, moved) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
groups = validation.calibration
calibration.plot([0, 1], [0, 1], color="0.7", linewidth=1)
calibration.vlines(groups.predicted, groups.low, groups.high, color="C0", linewidth=1)
calibration.plot(groups.predicted, groups.observed, "o", color="C0")
calibration.set(title="as it came", xlabel="predicted", ylabel="observed", xlim=(0, 1), ylim=(0, 1))
moved.plot([0, 1], [0, 1], color="0.7", linewidth=1)
moved.scatter(bundle.score(cohort)["risk"], child.score(cohort)["risk"], s=12, alpha=0.6)
moved.set(title="each patient", xlabel="risk by the parent", ylabel="risk by the child", xlim=(0, 1), ylim=(0, 1))
plt.show()

# %% [markdown]
# The invented patients that travel with every bundle, by both:

# %%
for patient in step["golden"]:
    parent, new = patient["parent"]["value"][0], patient["child"]["value"][0]
    print(
        f"{parent:4.0%} -> {new:4.0%}  ",
        ", ".join(f"{name} {value}" for name, value in patient["patient"].items()) or "nothing known",
    )
child.save("referral_centre")

# %% [markdown]
# `riskml validate BUNDLE COHORT --out DIR` and `riskml update BUNDLE COHORT --out DIR --report update.html` do the
# same and write pages for people to read. The published cohort itself: [notebook 5](05_published_tables.py).
