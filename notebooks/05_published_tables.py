# %% [markdown]
# # 5. Reproduce the published tables
#
# The paper behind riskml's first models (Zhang N, Hu W, Dai Y, et al. Front Immunol 2025;16, doi
# 10.3389/fimmu.2025.1607138: 105 children with B-ALL given blinatumomab) prints counts, P values and 12-month
# survival. Counts can be computed again, by anybody. Here is what comes back, what does not, and what a model made of
# nothing but those counts says. `docs/describe_published.md` has every one of them.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sksurv.nonparametric import kaplan_meier_estimator

import riskml
from riskml.cohort.published import read_published
from riskml.resources import folder
from riskml.training.describe.group_tests import firth_odds_ratio, fisher, p_text

# %% [markdown]
# ## The P values
#
# Patients with and without each property, as printed, and the printed P value. Table 1 sets children with measurable
# disease against the others, Table 2 non-response against response.

# %%
printed = {
    "Table 1: female or male": ([[34, 17], [30, 24]], 0.317),
    "Table 1: BCR::ABL1": ([[5, 46], [7, 47]], 0.762),
    "Table 1: KMT2A": ([[7, 44], [4, 50]], 0.350),
    "Table 1: TCF3::HLF": ([[1, 50], [0, 54]], 0.486),
    "Table 1: ETV6::RUNX1": ([[5, 46], [16, 38]], 0.014),
    "Table 2: poor cytogenetics": ([[7, 8], [2, 34]], 0.001),
    "Table 2: BCR::ABL1": ([[4, 5], [1, 41]], 0.002),
    "Abstract: poor cytogenetics": ([[7, 8], [2, 34]], 0.0001),
}
computed = {name: fisher(counts).p_value for name, (counts, _) in printed.items()}
for name, (_, value) in printed.items():
    agrees = abs(computed[name] - value) <= 0.0005
    print(f"{name:32}printed {value:<7} Fisher's exact test {computed[name]:.5f}  {'' if agrees else '<- differs'}")

# %% [markdown]
# The abstract's P value is not that of the table of the same paper: 0.001 is. On the diagonal: the same.

# %%
figure, axes = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
axes.plot([1e-4, 1], [1e-4, 1], color="0.7", linewidth=1)
for name, (_, value) in printed.items():
    apart = name.startswith("Abstract")
    axes.plot(value, computed[name], "s" if apart else "o", color="C3" if apart else "C0")
axes.annotate("abstract", (1e-4, computed["Abstract: poor cytogenetics"]), (8, 6), textcoords="offset points")
axes.set(xscale="log", yscale="log", xlabel="P value printed", ylabel="P value computed")
plt.show()

# %% [markdown]
# A small P value is not a large certainty. With five Ph+ children the odds ratio of non-response (Firth's, which
# shrinks a little) has an interval over nearly two powers of ten:

# %%
for name in ("Table 2: poor cytogenetics", "Table 2: BCR::ABL1"):
    ratio = firth_odds_ratio(printed[name][0])
    p_value = p_text(computed[name])
    print(f"{name[9:]}: odds ratio {ratio.value:.0f} ({ratio.low:.1f} to {ratio.high:.0f}), P {p_value}")

# %% [markdown]
# ## Event-free survival by class at entry
#
# The printed survival and its standard errors fix how many of each class were event-free at 12 months.
# `features/published` holds the children so rebuilt (a few dates are ours, and the file says which). The curves end
# at the printed numbers.

# %%
children = read_published(folder("features") / "published" / "efs.toml")
frame = children.frame
figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
for label, value in {"CR-MRDneg": 0.978, "CR-MRDpos": 0.867, "R/R": 0.733}.items():
    own = frame[frame["disease_class_initial"] == label]
    months, free = kaplan_meier_estimator((own["efs_event"] != "none").to_numpy(), own["efs_time"].to_numpy())
    at_12 = free[months <= 12][-1]
    print(f"{label:10} {len(own)} children, event-free at 12 months: printed {value}, computed {at_12:.4f}")
    assert abs(at_12 - value) < 0.001, "the printed digits come back"
    (line,) = axes.step(np.append(0, months), np.append(1, free), where="post", label=label)
    axes.plot(12, value, "o", color=line.get_color())
axes.set(xlabel="months", ylabel="event-free", ylim=(0, 1.02), xlim=(0, 14))
axes.legend(frameon=False, loc="lower left", title="dots: as printed")
plt.show()

# %% [markdown]
# ## A model of the counts
#
# `non_response_published` is trained on Table 2 alone. It stands between each group's printed rate and the average of
# all, because small groups are believed less: five Ph+ children with four failures do not make it 80 %.

# %%
bundle = riskml.open_bundle(riskml.shipped("non_response_published"))
groups = {"ph_pos": (4, 5), "other_poor": (3, 10), "good": (2, 36)}
figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
for place, (level, (events, of)) in enumerate(groups.items()):
    prediction = bundle.predict({"cytogenetic_group": level})
    axes.plot([prediction.low[0], prediction.high[0]], [place, place], color="C0")
    axes.plot(prediction.value[0], place, "o", color="C0", label="model, 90 % interval" if place == 0 else None)
    axes.plot(events / of, place, "x", color="C3", label="printed rate" if place == 0 else None)
    print(f"{level}: printed {events} of {of}, model {prediction.value[0]:.0%}")
axes.axvline(9 / 51, color="0.6", linestyle="--", linewidth=1, label="all 51 children")
axes.set_yticks(range(len(groups)), ["Ph+ (5)", "other poor lesion (10)", "neither (36)"])
axes.set(xlabel="risk of non-response", xlim=(0, 1), ylim=(2.6, -0.6))
axes.legend(frameon=False)
plt.show()
print(bundle.manifest["published"])

# %% [markdown]
# Counts are not patients. A cohort of real ones, not of blinatumomab: [notebook 6](06_real_cohort.py).
